// The fields of a record that have one item for each message. Only the last items are shown, unless the person wants to
// see the others.
import { el, plural } from './dom.js';

// Each pattern finds the text before the items, the older items, and the last three. A list is one text with spaces
// between its items. Of the replies, each has a line with four spaces and its name, and perhaps further lines.
const lists = [
  /^( {2}"(?:messages|replied)": ")((?:\S+ )+)((?:\S+ ){2}\S+)$/m,
  /^( {2}"replies": \{\n)((?: {4}"(?:.|\n(?! {4}"| {2}\}))*\n)+)((?: {4}"(?:.|\n(?! {4}"| {2}\}))*\n){3})/m,
];

let isOpen = false; // the person wants to see all items

// folded returns the nodes of the text of a record.
export function folded(text) {
  const found = lists.map((list) => list.exec(text)).filter(Boolean).sort((a, b) => a.index - b.index)[0];
  if (!found) return [text];
  const [all, before, older, last] = found;
  const isLines = before.endsWith('\n');
  const count = isLines ? older.match(/^ {4}"/gm).length : older.trim().split(' ').length;
  const hidden = el('span', { hidden: !isOpen }, older);
  const button = el('button', { type: 'button', className: 'fold', 'aria-expanded': isOpen }, `${plural(count, 'older one')}`);
  button.addEventListener('click', () => {
    isOpen = hidden.hidden;
    hidden.hidden = !isOpen;
    button.setAttribute('aria-expanded', isOpen);
  });
  const rest = text.slice(found.index + all.length);
  return [text.slice(0, found.index) + before, isLines ? '    ' : '', button, isLines ? '\n' : ' ', hidden, last, ...folded(rest)];
}
