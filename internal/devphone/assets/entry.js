// An entry of a phone's log: a message with its outcome, or another action.
import { faultNode } from './call.js';
import { el, latency, plural, timeOfDay } from './dom.js';
import { mediaNode } from './picture.js';

// entryNode makes the element of an entry. It calls select when the person wants to see the entry's requests.
export function entryNode(entry, select) {
  if (!entry.message) return el('p', { className: 'event' }, eventText(entry));
  const node = el('div', { className: `entry ${entry.kind}` });
  node.dataset.id = entry.id;
  node.append(bubble('out', 'You: ', entry.message.body, (entry.message.media ?? []).map((m) => m.url)));
  const outcome = entry.outcome;
  if (!outcome) {
    node.append(el('p', { className: 'status' }, timeNode(entry.at), ' · sending…'));
    return node;
  }
  const className = outcome.ok || isRescued(outcome) ? 'status' : 'status bad';
  const status = el('button', { type: 'button', className, title: 'Show the request and the response' },
    timeNode(entry.at), ` · ${statusText(entry)}`);
  status.addEventListener('click', () => select(entry));
  node.append(status, ...(outcome.way ? [el('p', { className: 'way' }, outcome.way)] : []), ...(outcome.fault ? [faultNode(outcome)] : []), ...errorNodes(outcome.findings ?? []));
  const at = Date.parse(entry.at) + outcome.took_ns / 1e6;
  for (const reply of outcome.replies ?? []) node.append(...replyNodes(reply, at, outcome.replica));
  if (outcome.ok && !outcome.replies?.length) node.append(el('p', { className: 'meta' }, 'no reply', fromReplica(outcome.replica)));
  return node;
}

// replyNodes makes the elements of a reply. Twilio sends some replies itself, and refuses those to an opted-out sender.
function replyNodes(reply, at, replica) {
  const isRefused = reply.status === 'refused';
  const who = reply.from_twilio ? 'Twilio: ' : isRefused ? 'Refused reply: ' : 'Reply: ';
  const node = bubble('in', who, reply.body, reply.media ?? []);
  node.classList.toggle('refused', isRefused);
  node.classList.toggle('twilio', Boolean(reply.from_twilio));
  const parts = [
    reply.from_twilio ? 'from Twilio itself' : '',
    isRefused ? 'not delivered (21610): the sender is opted out' : '',
    segmentsText(reply.segments),
  ].filter(Boolean);
  return [node, el('p', { className: isRefused ? 'meta bad' : 'meta' }, timeNode(at), reply.from_twilio ? '' : fromReplica(replica),
    ...parts.map((text) => ` · ${text}`))];
}

// fromReplica names the replica that answered, if there are several.
function fromReplica(replica) {
  return replica ? ` · replica\u00a0${replica}` : '';
}

function timeNode(time) {
  const date = new Date(time);
  return el('time', { dateTime: date.toISOString(), title: date.toLocaleString() }, timeOfDay(date));
}

function bubble(side, who, text, media) {
  return el('div', { className: `bubble ${side}` }, el('span', { className: 'visually-hidden' }, who),
    text ? el('span', { className: 'text', dir: 'auto' }, text) : null, ...media.map(mediaNode));
}

// isRescued reports whether a message got its reply although its replica was killed.
function isRescued(outcome) {
  return !outcome.ok && Boolean(outcome.way) && outcome.replies?.length > 0;
}

const ordinals = ['1st', '2nd', '3rd', '4th', '5th']; // a burst has five messages

function statusText(entry) {
  const { outcome } = entry;
  const detail = { again: 'again', burst: ordinals[outcome.place - 1], elsewhere: 'from elsewhere' }[entry.kind];
  const word = !outcome.ok && !isRescued(outcome) ? 'failed' : ['delivered', detail].filter(Boolean).join(' ');
  return [word, cookieText(outcome.cookie), segmentsText(entry.segments), latency(outcome.took_ns)].filter(Boolean).join(' · ');
}

// cookieText is empty for a message from elsewhere: its sender keeps its cookies.
function cookieText(change) {
  return change === 'none' ? 'no cookie' : change && `cookie ${change}`;
}

// segmentsText is empty for a message that is charged as one of 160 characters.
function segmentsText(s) {
  const isGSM = s?.encoding === 'GSM-7';
  return !s || (isGSM && s.count === 1) ? '' : plural(s.count, 'segment') + (isGSM ? '' : '\u00a0UCS\u20112');
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
