// The list of phones, in which the person finds one of many.
import { byID, el, fill, plural, timeOfDay } from './dom.js';

const manyPhones = 6; // from this number on, the list has a search field

export class List {
  // selectPhone shows a phone. closeAll closes phones.
  constructor({ selectPhone, closeAll }) {
    this.rows = new Map(); // the elements by phone
    this.hidden = 0; // how many messages have no phone
    this.selectPhone = selectPhone;
    this.current = null; // the selected phone
    byID('find').addEventListener('input', () => {
      this.filter();
      this.reveal();
    });
    new ResizeObserver(() => this.reveal()).observe(byID('rows'));
    byID('rows').addEventListener('keydown', (event) => this.move(event));
    byID('others').querySelector('button').addEventListener('click', () => closeAll(this.guests()));
  }

  guests() { return [...this.rows.keys()].filter((phone) => phone.isGuest); }

  add(phone) {
    const button = el('button', { type: 'button' });
    button.addEventListener('click', () => this.selectPhone(phone));
    const row = el('li', {}, button);
    this.rows.set(phone, { row, button });
    byID('rows').append(row);
    this.update(phone);
    this.count();
  }

  remove(phone) {
    this.rows.get(phone).row.remove();
    this.rows.delete(phone);
    this.count();
  }

  // update shows the newest message of a phone.
  update(phone) {
    const { button } = this.rows.get(phone) ?? {};
    if (!button) return;
    const entry = [...phone.entries.values()].at(-1);
    fill(button,
      nameNode(phone.from),
      entry ? el('time', {}, timeOfDay(entry.at)) : null,
      el('span', { className: 'last', dir: 'auto' }, entry ? lastText(entry) : 'No messages'),
      phone.unread ? el('span', { className: 'unread', 'aria-label': `${plural(phone.unread, 'new message')}` }, String(phone.unread)) : null);
    if (byID('find').value) this.filter();
  }

  // mark shows which phone is selected. Only its row is reachable with the Tab key; the arrow keys move to the others.
  mark(current) {
    for (const [phone, { button }] of this.rows) {
      button.setAttribute('aria-pressed', phone === current);
      button.tabIndex = phone === current ? 0 : -1;
    }
    this.current = current;
    this.reveal();
  }

  // reveal scrolls the list, but not the page, to the selected phone.
  reveal() {
    const row = this.rows.get(this.current)?.row;
    if (!row || row.hidden) return;
    const [list, at] = [byID('rows'), row].map((node) => node.getBoundingClientRect());
    byID('rows').scrollTop += Math.min(0, at.top - list.top) + Math.max(0, at.bottom - list.bottom);
  }

  // count shows the parts of the list that its size needs.
  count() {
    const size = this.rows.size;
    document.querySelector('.phones').dataset.size = size < 2 ? 'one' : size < 3 ? 'two' : 'many';
    byID('find').hidden = size < manyPhones;
    if (byID('find').hidden) byID('find').value = '';
    this.filter();
    this.showOthers();
  }

  // showOthers shows how many messages from elsewhere have no phone.
  showOthers(hidden = this.hidden) {
    this.hidden = hidden;
    const others = byID('others');
    others.hidden = this.guests().length < manyPhones && !hidden;
    others.querySelector('p').textContent = hidden
      ? `${plural(hidden, 'message')} from other numbers ${hidden === 1 ? 'is' : 'are'} not shown: there are too many phones.` : '';
  }

  filter() {
    const wanted = byID('find').value.trim().toLowerCase();
    const digits = wanted.replace(/[\s().-]/g, '');
    let found = 0;
    for (const [phone, { row }] of this.rows) {
      row.hidden = Boolean(wanted) && !(digits && phone.from.toLowerCase().includes(digits)) && !phone.contains(wanted);
      if (!row.hidden) found++;
    }
    byID('none').textContent = found || !wanted ? '' : 'No phone has this number or text.';
  }

  move(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const shown = [...this.rows].filter(([, { row }]) => !row.hidden);
    const at = shown.findIndex(([, { button }]) => button === document.activeElement);
    const next = shown[at + step];
    if (at < 0 || !next) return;
    event.preventDefault();
    this.selectPhone(next[0]);
    next[1].button.focus();
  }
}

const endLength = 6; // characters of a number, by which a person distinguishes it from others

// nameNode makes the element of a number. If there is too little room, the number is cut before its end.
function nameNode(number) {
  const characters = [...number];
  const end = characters.splice(-endLength).join('');
  return el('span', { className: 'name', dir: 'auto', title: number }, el('span', {}, characters.join('')), el('span', {}, end));
}

// lastText returns the newest text of an entry.
function lastText({ message, outcome, kind, hours }) {
  if (!message) return kind === 'lose' ? 'The cookie is lost' : `${plural(hours, 'hour')} later`;
  return outcome?.replies?.at(-1)?.body || message.body || 'Picture';
}
