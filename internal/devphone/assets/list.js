// The list of phones, in which the person finds one of many.
import { byID, el, fill, plural, timeOfDay } from './dom.js';

const manyPhones = 6; // from this number on, the list has a search field

export class List {
  // selectPhone shows a phone. closeAll closes phones.
  constructor({ selectPhone, closeAll }) {
    this.rows = new Map(); // the elements by phone
    this.hidden = 0; // how many messages have no phone
    this.selectPhone = selectPhone;
    byID('find').addEventListener('input', () => this.filter());
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
      el('span', { className: 'name', dir: 'auto' }, phone.from),
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
    this.rows.get(current)?.row.scrollIntoView?.({ block: 'nearest' });
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

// lastText returns the newest text of an entry.
function lastText({ message, outcome, kind, hours }) {
  if (!message) return kind === 'lose' ? 'The cookie is lost' : `${plural(hours, 'hour')} later`;
  return outcome?.replies?.at(-1)?.body || message.body || 'Picture';
}
