// The state that goes to the app and comes back: cookies, or data.
import { el } from './dom.js';

// stateTable shows the state before and after a call, and what has changed. After a fault, it shows only the state
// before the call.
export function stateTable(call) {
  const { title, before, after } = values(call);
  const names = [...new Set([...before.keys(), ...(call.fault ? [] : after.keys())])];
  if (!names.length && call.fault) return null; // the fault says enough
  if (!names.length) return el('p', { className: 'quiet' }, `No ${title} in, and none out.`);
  const columns = [title, 'in', ...(call.fault ? [] : ['out', 'change'])];
  return el('table', { className: 'changes' },
    el('thead', {}, el('tr', {}, ...columns.map((text) => el('th', { scope: 'col' }, text)))),
    el('tbody', {}, ...names.map((name) => {
      const row = el('tr', {}, el('th', { scope: 'row' }, name), cell(before.get(name)));
      if (call.fault) return row;
      row.className = changeOf(before.get(name), after.get(name));
      row.append(cell(after.get(name)), el('td', { className: 'change' }, row.className));
      return row;
    })));
}

function changeOf(before, after) {
  if (before === undefined) return 'new';
  if (after === undefined) return 'deleted';
  return before === after ? 'same' : 'changed';
}

function cell(text) {
  if (text === undefined) return el('td', { className: 'empty' }, 'none');
  const inside = content(text);
  return el('td', {}, text, inside ? el('span', { className: 'inside' }, inside) : null);
}

// content returns the JSON in a cookie that is signed but not encrypted, or ''. Such cookies begin with JSON in base64:
// https://itsdangerous.palletsprojects.com/en/stable/url_safe/ and https://github.com/expressjs/cookie-session.
function content(text) {
  try {
    const decoded = atob(text.split('.')[0].replaceAll('-', '+').replaceAll('_', '/'));
    const json = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(decoded, (c) => c.charCodeAt(0)));
    return typeof JSON.parse(json) === 'object' ? json : '';
  } catch {
    return '';
  }
}

// values returns the names and values of both states, and what an app of this protocol calls them.
function values({ before, after, exchanges }) {
  const isJSON = exchanges.some((x) => x.header.some(([name, value]) => name === 'Content-Type' && value.includes('json')));
  return { title: isJSON ? 'data' : 'cookies', before: new Map(before), after: new Map(after) };
}
