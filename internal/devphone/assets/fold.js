// The fields of a record that have one item for each message. Only the last items are shown, unless the person wants to
// see the others.
import { el, plural } from './dom.js';

// Each pattern finds the text before the items, the older items, the last three, and older items that come after them.
// A list is one text with spaces between its items. The items after a bar are older than those before it. Of the
// replies, each has a line with four spaces and its name, and perhaps further lines.
const lists = [
  /^( {2}"(?:messages|replied)": ")((?:[^\s|]+ )*?)((?:[^\s|]+ ){0,2}[^\s|"]+)( \| [^"]+)?(?=")/m,
  /^( {2}"replies": \{\n)((?: {4}"(?:.|\n(?! {4}"| {2}\}))*\n)+)((?: {4}"(?:.|\n(?! {4}"| {2}\}))*\n){3})/m,
];

let isOpen = false; // the person wants to see all items

// folded returns the nodes of the text of a record.
export function folded(text) {
  const found = lists.map((list) => list.exec(text)).filter((f) => f?.[2] || f?.[4]).sort((a, b) => a.index - b.index)[0];
  if (!found) return [text];
  const [all, before, older, last, oldest = ''] = found;
  const isLines = before.endsWith('\n');
  const count = isLines ? older.match(/^ {4}"/gm).length : (older + oldest).match(/[^\s|]+/g).length;
  const hidden = [older, oldest].map((items) => el('span', { hidden: !isOpen }, items));
  const button = el('button', { type: 'button', className: 'fold', 'aria-expanded': isOpen }, `${plural(count, 'older one')}`);
  button.addEventListener('click', () => {
    isOpen = hidden[0].hidden;
    for (const items of hidden) items.hidden = !isOpen;
    button.setAttribute('aria-expanded', isOpen);
  });
  const rest = text.slice(found.index + all.length);
  return [text.slice(0, found.index) + before, isLines ? '    ' : '', button, isLines ? '\n' : ' ', hidden[0], last, hidden[1], ...folded(rest)];
}
