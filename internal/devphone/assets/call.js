// The calls of the team's own app for one message: what was sent, what came back, and what changed.
import { el, latency, plural } from './dom.js';
import { folded, heading, rows, table } from './parts.js';
import { stateTable } from './state.js';

// Of a form, these parameters are shown at once, in this order. The others are the same for most messages.
const important = [/^Body$/, /^MediaUrl\d+$/, /^OptOutType$/, /^From$/, /^To$/, /^MessageSid$/];

const maxLines = 12; // of a body, that are shown at once
const maxLength = 1200; // characters of these lines

// callNodes makes the elements of the calls for a message.
export function callNodes(calls) {
  if (!calls.length) {
    return [el('section', { className: 'call', 'aria-label': 'Your app' }, heading('Your app', el('b', {}, 'not called')),
      el('p', { className: 'quiet' }, 'The service answered this delivery without a call.'))];
  }
  return calls.map((call, i) => {
    const isLast = i === calls.length - 1;
    const name = calls.length > 1 ? `Your app, call ${i + 1} of ${calls.length}` : 'Your app';
    const title = heading(name, el('b', { className: call.fault ? 'bad' : '' }, resultText(call)), ` ${summaryText(call)}`);
    const parts = [
      call.fault ? faultNode(call) : null,
      call.fault ? el('p', { className: 'quiet' }, 'Nothing of this call is saved.') : null,
      stateTable(call),
      call.has_ended ? el('p', { className: 'quiet' }, 'The session ended with this message, so the state that came out was dropped.') : null,
      ...call.exchanges.map((x, at, { length }) => exchangeNode(x, length > 1 ? at + 1 : 0, at === length - 1, call.fault)),
    ].filter(Boolean);
    return el('section', { className: 'call', 'aria-label': name },
      ...(isLast ? [title, ...parts] : [el('details', {}, el('summary', {}, title), ...parts)]));
  });
}

// faultNode shows the fixed word and the sentence of a call that failed.
export function faultNode({ fault, problem }) {
  return el('p', { className: 'finding' }, el('b', {}, fault), ` ${problem}`);
}

function resultText(call) {
  if (call.fault) return 'failed';
  return String(call.exchanges.at(-1)?.status ?? 'answered');
}

function summaryText(call) {
  const documents = call.exchanges.length > 1 ? `${plural(call.exchanges.length, 'document')} ` : '';
  const attempt = call.attempt > 1 ? `, attempt ${call.attempt} for this delivery` : '';
  return `${documents}in ${latency(call.took_ns)}${attempt}`;
}

// exchangeNode makes the element of a request and its answer. The last request of a call that failed is the bad one.
function exchangeNode(x, number, isLast, fault) {
  const url = x.method === 'GET' ? x.url.replace(/\?.*/, '?…') : x.url; // its parameters are shown below
  const title = el('span', { className: 'mono url' }, number ? `${number}. ` : '', el('b', {}, x.method), ` ${url} `);
  const isBad = x.status < 200 || x.status >= 400 || (isLast && fault);
  const result = [x.status || 'no answer', ' in ', latency(x.took_ns), x.tries > 1 ? `, ${x.tries} tries` : ''];
  return el('details', { className: 'exchange', open: isLast },
    el('summary', {}, title, el('span', { className: isBad ? 'bad' : 'good' }, `→ ${result.join('')}`)),
    sentNode(x), answerNode(x));
}

function sentNode(x) {
  const type = value(x.header, 'Content-Type');
  const isJSON = type.includes('json');
  const query = x.url.includes('?') ? x.url.slice(x.url.indexOf('?')) : '';
  const all = isJSON ? [] : [...new URLSearchParams(x.method === 'GET' ? query : x.body.text)];
  return el('section', { 'aria-label': 'Sent' },
    heading('Sent', isJSON ? type : ''),
    isJSON || all.length ? null : el('p', { className: 'quiet' }, 'No parameters.'),
    isJSON ? bodyNode(x.body, 'sent') : rows(important.flatMap((name) => all.filter((pair) => name.test(pair[0])))),
    table('more parameter', all.filter((pair) => !important.some((name) => name.test(pair[0])))),
    isJSON ? null : note(x.body),
    table('request header', x.header));
}

function answerNode(x) {
  if (!x.status) {
    return el('section', { 'aria-label': 'Came back' }, heading('Came back', 'nothing'));
  }
  const type = value(x.answer_header, 'Content-Type');
  const location = value(x.answer_header, 'Location');
  return el('section', { 'aria-label': 'Came back' },
    heading('Came back', el('b', {}, String(x.status)), ` ${type || 'no content type'}`),
    location ? rows([['Location', location]]) : null,
    bodyNode(x.answer, 'that came back'),
    table('response header', x.answer_header));
}

// value returns the first value of a header, or ''.
function value(header, name) {
  return header.find(([other]) => other === name)?.[1] ?? '';
}

// bodyNode shows the first lines of a body, and all of it if the person wants to see it.
function bodyNode(body, name) {
  const { text } = body;
  const first = text.split('\n', maxLines).join('\n').slice(0, maxLength);
  const pre = (content, label) => el('pre', { className: 'body', tabIndex: 0, 'aria-label': label }, content || '(empty)');
  return el('div', {},
    pre(first === text ? text : `${first}…`, `Body ${name}`),
    first === text ? null : folded(`body ${name}`, `all ${plural(text.split('\n').length, 'line')}`, pre(text, `The whole body ${name}`)),
    note(body));
}

// note says which bytes of a body cannot be shown.
function note(body) {
  const count = (n) => n.toLocaleString('en-US');
  const notes = [
    body.is_cut ? `The page shows only the beginning of these ${count(body.bytes)} bytes.` : '',
    body.is_utf8 ? '' : 'The body is not UTF-8. The character \uFFFD stands for the bytes that cannot be shown.',
  ];
  return notes.some(Boolean) ? el('p', { className: 'quiet' }, notes.join(' ').trim()) : null;
}
