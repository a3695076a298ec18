// An entry of a phone's log: a message with its outcome, or another action.
import { faultNode } from './call.js';
import { el, latency, plural, timeOfDay } from './dom.js';

// entryNode makes the element of an entry. It calls select when the person wants to see the entry's requests.
export function entryNode(entry, select) {
  if (!entry.message) return el('p', { className: 'event' }, eventText(entry));
  const node = el('div', { className: `entry ${entry.kind}` });
  node.dataset.id = entry.id;
  node.append(bubble('out', entry.message.body, (entry.message.media ?? []).map((m) => m.url)));
  const outcome = entry.outcome;
  if (!outcome) {
    node.append(el('p', { className: 'status' }, 'sending…'));
    return node;
  }
  const className = outcome.ok ? 'status' : 'status bad';
  const status = el('button', { type: 'button', className, title: 'Show the request and the response' }, statusText(entry));
  status.addEventListener('click', () => select(entry));
  node.append(status, ...(outcome.fault ? [faultNode(outcome)] : []), ...errorNodes(outcome.findings ?? []));
  for (const reply of outcome.replies ?? []) {
    node.append(bubble('in', reply.body, reply.media ?? []));
    if (reply.segments.count > 1 || reply.segments.encoding !== 'GSM-7') node.append(el('p', { className: 'meta' }, segmentsText(reply.segments)));
  }
  if (outcome.ok && !outcome.replies?.length) node.append(el('p', { className: 'meta' }, 'no reply'));
  return node;
}

function bubble(side, text, media) {
  const who = side === 'out' ? 'You: ' : 'Reply: ';
  return el('div', { className: `bubble ${side}` }, el('span', { className: 'visually-hidden' }, who), text,
    ...media.map((url) => el('span', { className: 'media' }, url)));
}

const ordinals = ['1st', '2nd', '3rd', '4th', '5th']; // a burst has five messages

function statusText(entry) {
  const { outcome } = entry;
  const detail = { again: 'again', burst: ordinals[outcome.place - 1] }[entry.kind];
  const word = !outcome.ok ? 'failed' : ['delivered', detail].filter(Boolean).join(' ');
  return [word, cookieText(outcome.cookie), entry.segments && segmentsText(entry.segments), latency(outcome.took_ns)].filter(Boolean).join(' · ');
}

function cookieText(change) {
  if (!change) return 'from elsewhere';
  return change === 'none' ? 'no cookie' : `cookie ${change}`;
}

function segmentsText(s) {
  return plural(s.count, 'segment') + (s.encoding === 'GSM-7' ? '' : ` ${s.encoding}`);
}

// errorNodes shows the findings that Twilio would log as errors, but each one only once. The message panel shows all
// findings.
function errorNodes(findings) {
  const unique = new Map(findings.filter((f) => !f.warning).map((f) => [`${f.code} ${f.detail}`, f]));
  return [...unique.values()].map((f) => findingNode(f));
}

// findingNode makes the element of an error or a warning of Twilio's debugger.
export function findingNode(f, withURL) {
  const label = f.warning ? 'Warning' : 'Error';
  const name = [f.code || label, f.name].filter(Boolean).join(' ');
  return el('p', { className: f.warning ? 'finding warning' : 'finding' }, el('b', {}, name), ` ${f.detail}`,
    withURL && f.url ? el('span', { className: 'mono' }, ` ${f.url}`) : null);
}

function eventText(entry) {
  if (entry.kind === 'lose') return 'The cookie is lost';
  return `${plural(entry.hours, 'hour')} later: ${timeOfDay(entry.at)}`;
}
