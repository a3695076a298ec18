// What went over the wire for one message.
import { byID, el, fill, latency, plural } from './dom.js';
import { finding } from './entry.js';

let taught = false; // the lesson gives way to the first message, once
const unfolded = new Set(); // the tables that somebody has opened

// clear is for a phone on which nothing has happened.
export function clear() {
  present(el('p', { className: 'quiet' }, 'Nothing yet on this phone.'));
}

// showMessage shows a message's exchanges, and says what its button is for.
export function showMessage(message) {
  const { exchanges, outcome } = message;
  present(
    about(message.kind),
    ...(outcome?.findings ?? []).map((f) => finding(f, exchanges.length > 1)),
    ...exchanges.map((x, i) => exchange(x, exchanges.length > 1 ? i + 1 : 0, i === 0)),
    outcome ? cookie(message) : null);
  if (!taught) byID('lesson').open = false;
  taught = true;
}

// showEvent says what was done when nothing was sent.
export function showEvent(entry) {
  present(about(entry.kind), el('p', { className: 'quiet' }, 'Nothing was sent.'));
}

function present(...children) {
  fill(byID('exchange'), ...children);
  byID('wire').scrollTop = 0;
}

// about says what a button is for. Send needs no words.
function about(kind) {
  const text = document.querySelector(`#lesson [data-kind=${kind}]`)?.textContent;
  return text ? el('p', { className: 'about' }, text.replace(/\s+/g, ' ').trim()) : null;
}

function exchange(x, number, open) {
  const title = [number ? `${number}. ` : '', x.reason === 'primary' ? 'Webhook' : x.reason, ': ', answered(x), ' in ', latency(x.took_ns)];
  return el('details', { className: 'exchange', open },
    el('summary', {}, title.join('')),
    request(x),
    response(x));
}

function answered(x) {
  return x.status ? String(x.status) : 'no answer';
}

function request(x) {
  const signature = x.signature;
  const headers = rows(x.request_header).filter(([name]) => name !== 'X-Twilio-Signature');
  return el('section', { 'aria-label': 'Request' },
    heading('Request', el('b', {}, x.method), ` ${x.url}`),
    x.address && x.address !== x.url ? el('p', { className: 'quiet' }, `sent to ${x.address}`) : null,
    signature ? el('p', { className: 'signature mono' }, el('span', {}, 'X-Twilio-Signature: '), signature) : null,
    table('request header', headers),
    table('parameter', x.params));
}

function response(x) {
  if (!x.status) {
    return el('section', { 'aria-label': 'Response' }, heading('Response'), el('p', { className: 'finding' }, x.error || 'None came.'));
  }
  const [type] = x.response_header?.['Content-Type'] ?? ['no content type'];
  return el('section', { 'aria-label': 'Response' },
    heading('Response', el('b', {}, String(x.status)), ` ${type}`),
    el('pre', { className: 'body', tabIndex: 0, 'aria-label': 'Body of the response' }, x.response_body || '(empty)'),
    table('response header', rows(x.response_header)));
}

// heading is a section's name, and after it what there is to know of it at once.
function heading(name, ...rest) {
  return el('h3', {}, name, el('span', { className: 'mono' }, ...rest));
}

// cookie is what was sent and what was set, as the wire tells it.
function cookie({ exchanges, outcome }) {
  const before = exchanges[0]?.request_header?.Cookie?.[0] ?? 'none';
  const set = exchanges.flatMap((x) => x.response_header?.['Set-Cookie'] ?? []);
  return el('section', { 'aria-label': 'Cookie' },
    heading('Cookie', el('b', {}, outcome.cookie)),
    el('dl', { className: 'pair mono' },
      el('dt', {}, 'sent'), el('dd', {}, before),
      el('dt', {}, 'set'), el('dd', {}, set.length ? set[set.length - 1] : 'none')));
}

function rows(header) {
  return Object.entries(header ?? {}).flatMap(([name, values]) => values.map((value) => [name, value]));
}

// table shows names and values, folded away until somebody asks; then they stay in sight for later messages too.
function table(title, pairs) {
  if (!pairs?.length) return null;
  const body = el('tbody', {}, ...pairs.map(([name, value]) =>
    el('tr', {}, el('th', { scope: 'row' }, name), value === '' ? el('td', { className: 'empty' }, 'empty') : el('td', {}, value))));
  const node = el('details', { className: 'table', open: unfolded.has(title) },
    el('summary', {}, plural(pairs.length, title)),
    el('table', {}, body));
  node.addEventListener('toggle', () => { if (node.open) unfolded.add(title); else unfolded.delete(title); });
  return node;
}
