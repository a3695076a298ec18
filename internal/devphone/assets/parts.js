// The parts of which the message panel shows requests and responses.
import { el, plural } from './dom.js';

const openTables = new Set(); // the titles of the details that the person has opened

// heading makes a heading from the name of a section and its most important content.
export function heading(name, ...rest) {
  return el('h3', {}, name, el('span', { className: 'mono' }, ...rest));
}

// pairs returns the names and values of a header.
export function pairs(header) {
  return Object.entries(header ?? {}).flatMap(([name, values]) => values.map((value) => [name, value]));
}

// rows makes a table of names and values.
export function rows(all) {
  return el('table', {}, el('tbody', {}, ...all.map(([name, value]) =>
    el('tr', {}, el('th', { scope: 'row' }, name), value === '' ? el('td', { className: 'empty' }, 'empty') : el('td', {}, value)))));
}

// table counts names and values, and shows them if the person opens it.
export function table(title, all) {
  return all?.length ? folded(title, plural(all.length, title), rows(all)) : null;
}

// folded makes details that are closed at first. If the person opens them, they are open for later messages, too.
export function folded(title, summary, ...children) {
  const node = el('details', { className: 'table', open: openTables.has(title) }, el('summary', {}, summary), ...children);
  node.addEventListener('toggle', () => { if (node.open) openTables.add(title); else openTables.delete(title); });
  return node;
}
