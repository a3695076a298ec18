// One entry of a phone's log: a message with what became of it, or something else that was done to the phone.
import { clock, el, latency, plural } from './dom.js';

// entryNode shows an entry. choose is called when somebody wants to see its request.
export function entryNode(entry, choose) {
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
  const status = el('button', { type: 'button', className, title: 'Show what went over the wire' }, statusText(entry));
  status.addEventListener('click', () => choose(entry));
  node.append(status, ...errors(outcome.findings ?? []));
  for (const reply of outcome.replies ?? []) {
    node.append(bubble('in', reply.body, reply.media ?? []));
    if (reply.segments.count > 1 || reply.segments.encoding !== 'GSM-7') node.append(el('p', { className: 'meta' }, segments(reply.segments)));
  }
  if (outcome.ok && !outcome.replies?.length) node.append(el('p', { className: 'meta' }, 'no reply'));
  return node;
}

function bubble(side, text, media) {
  const who = side === 'out' ? 'You: ' : 'Reply: ';
  return el('div', { className: `bubble ${side}` }, el('span', { className: 'unseen' }, who), text,
    ...media.map((url) => el('span', { className: 'media' }, url)));
}

function statusText(entry) {
  const { outcome } = entry;
  const word = !outcome.ok ? 'failed' : entry.kind === 'again' ? 'delivered again' : 'delivered';
  return [word, cookieText(outcome.cookie), entry.segments && segments(entry.segments), latency(outcome.took_ns)].filter(Boolean).join(' · ');
}

function cookieText(change) {
  return change === 'none' ? 'no cookie' : `cookie ${change}`;
}

function segments(s) {
  return plural(s.count, 'segment') + (s.encoding === 'GSM-7' ? '' : ` ${s.encoding}`);
}

// errors are the findings that Twilio would have logged, the same one once. The panel beside has them all.
function errors(findings) {
  const seen = new Map(findings.filter((f) => !f.warning).map((f) => [`${f.code} ${f.detail}`, f]));
  return [...seen.values()].map((f) => finding(f));
}

// finding shows an entry of Twilio's debugger, or a warning.
export function finding(f, where) {
  const label = f.warning ? 'Warning' : 'Error';
  const name = [f.code || label, f.name].filter(Boolean).join(' ');
  return el('p', { className: f.warning ? 'finding warning' : 'finding' }, el('b', {}, name), ` ${f.detail}`,
    where && f.url ? el('span', { className: 'mono' }, ` ${f.url}`) : null);
}

function eventText(entry) {
  if (entry.kind === 'lose') return 'The cookie is lost';
  return `${plural(entry.hours, 'hour')} later: ${clock(entry.at)}`;
}
