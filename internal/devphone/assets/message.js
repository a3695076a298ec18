// The message panel: the calls of the app, and the HTTP requests and responses of one message.
import { callNodes } from './call.js';
import { copyText } from './copy.js';
import { curlCommand } from './curl.js';
import { byID, el, fill, latency } from './dom.js';
import { findingNode } from './entry.js';
import { heading, pairs, table } from './parts.js';

let guideClosed = false; // the first message closes the guide; later messages do not

// clear shows that a phone has no entries.
export function clear() {
  present(el('p', { className: 'quiet' }, 'Nothing has happened on this phone.'));
}

// showMessage shows the requests of a message, and explains its button. edit puts the message into the text field.
export function showMessage(message, edit) {
  const { outcome } = message;
  const exchanges = message.exchanges ?? [];
  byID('edit').onclick = edit;
  byID('curl').onclick = () => copyText(byID('curl'), curlCommand(exchanges[0]), () => {
    const node = el('pre', { className: 'body', tabIndex: 0, 'aria-label': 'The command' }, curlCommand(exchanges[0]));
    byID('exchanges').prepend(node);
    return node;
  });
  present(
    explanation(message.kind, message.calls),
    outcome ? null : el('p', { className: 'quiet' }, 'The message is being delivered.'),
    ...(message.calls && exchanges.length ? callNodes(message.calls) : []),
    message.calls && exchanges.length ? heading('Between the phone and this service') : null,
    ...(outcome?.findings ?? []).map((f) => findingNode(f, exchanges.length > 1)),
    ...exchanges.map((x, i) => exchangeNode(x, exchanges.length > 1 ? i + 1 : 0, i === 0 && !message.calls)),
    outcome && exchanges.length ? cookieNode(exchanges, outcome) : null,
    outcome && !exchanges.length ? el('p', { className: 'quiet' }, 'The requests were not kept when smsession dev ended.') : null);
  byID('tools').hidden = false;
  byID('curl').disabled = !exchanges[0]?.request_header;
  if (!guideClosed) byID('guide').open = false;
  guideClosed = true;
}

// showEvent explains an action that sends nothing.
export function showEvent(entry) {
  present(explanation(entry.kind), el('p', { className: 'quiet' }, 'Nothing was sent.'));
}

function present(...children) {
  fill(byID('exchanges'), ...children);
  byID('tools').hidden = true;
  byID('message').scrollTop = 0;
}

// A repeat usually makes no call, as the guide says. This text replaces the guide's if there was a call.
const calledAgain = 'Delivers the last message once more, with the same MessageSid. The service had saved no reply for '
  + 'it, for example because the first delivery failed. Your app was therefore called.';

// explanation returns the text of the guide about a button. The button Send has no such text.
function explanation(kind, calls) {
  const text = kind === 'again' && calls?.length ? calledAgain : document.querySelector(`#guide [data-kind=${kind}]`)?.textContent;
  return text ? el('p', { className: 'explanation' }, text.replace(/\s+/g, ' ').trim()) : null;
}

function exchangeNode(x, number, open) {
  const reason = reasonText(x);
  const title = [number ? `${number}. ` : '', reason, ': ', x.status || 'no answer', ' in ', latency(x.took_ns)];
  return el('details', { className: 'exchange', open },
    el('summary', {}, title.join('')),
    requestNode(x),
    responseNode(x));
}

// reasonText names the request. A status callback has the state of the reply, such as delivered.
function reasonText(x) {
  const state = new URLSearchParams(x.request_body).get('MessageStatus');
  const names = { primary: 'Webhook', fallback: 'Fallback URL', statusCallback: `Status callback (${state})`, action: 'Action' };
  return names[x.reason] ?? x.reason;
}

function requestNode(x) {
  const { signature } = x;
  const headers = pairs(x.request_header).filter(([name]) => name !== 'X-Twilio-Signature');
  return el('section', { 'aria-label': 'Request' },
    heading('Request', el('b', {}, x.method), ` ${x.url}`),
    x.address && x.address !== x.url ? el('p', { className: 'quiet' }, `sent to ${x.address}`) : null,
    signature ? el('p', { className: 'signature mono' }, el('span', {}, 'X-Twilio-Signature: '), signature) : null,
    table('request header', headers),
    table('parameter', [...new URLSearchParams(x.request_body)]));
}

function responseNode(x) {
  if (!x.status) {
    return el('section', { 'aria-label': 'Response' }, heading('Response'), el('p', { className: 'finding' }, x.error || 'There is no response.'));
  }
  const [type] = x.response_header?.['Content-Type'] ?? ['no content type'];
  return el('section', { 'aria-label': 'Response' },
    heading('Response', el('b', {}, String(x.status)), ` ${type}`),
    el('pre', { className: 'body', tabIndex: 0, 'aria-label': 'Body of the response' }, x.response_body || '(empty)'),
    table('response header', pairs(x.response_header)));
}

// cookieNode shows the cookie that was sent, and the one that was set.
function cookieNode(exchanges, outcome) {
  const sent = exchanges[0]?.request_header?.Cookie?.[0] ?? 'none';
  const set = exchanges.flatMap((x) => x.response_header?.['Set-Cookie'] ?? []);
  return el('section', { 'aria-label': 'Cookie' },
    heading('Cookie', el('b', {}, outcome.cookie)),
    el('dl', { className: 'pair mono' },
      el('dt', {}, 'sent'), el('dd', {}, sent),
      el('dt', {}, 'set'), el('dd', {}, set.at(-1) ?? 'none')));
}
