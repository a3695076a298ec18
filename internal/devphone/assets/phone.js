// A phone: its log and its buttons.
import { Composer } from './composer.js';
import { byID, shorten } from './dom.js';
import { entryNode } from './entry.js';

export class Phone {
  // act carries out the action of a button. selectEntry shows the requests of an entry. selectPhone shows this phone in
  // the panels. changed is called when the phone has other entries.
  constructor(data, { act, selectEntry, selectPhone, close, changed }) {
    this.id = data.id;
    this.from = data.from;
    this.to = data.to;
    this.isGuest = data.elsewhere; // it was opened for a message from elsewhere
    this.isCurrent = false;
    this.unread = 0; // how many messages the person has not seen
    this.last = 0; // the ID of the newest entry
    this.selected = 0; // the ID of the entry that the panel shows
    this.hasNews = false; // a message was sent or answered since the last call of explainsChange
    this.nodes = new Map(); // the elements of the entries, by ID
    this.entries = new Map();
    this.selectEntry = selectEntry;
    this.changed = changed;
    this.node = byID('phone').content.firstElementChild.cloneNode(true);
    this.log = this.node.querySelector('.log');
    this.composer = new Composer(this.node.querySelector('form'), {
      send: (body, media) => act(this, media ? 'mms' : 'text', body, media),
      last: () => [...this.entries.values()].findLast((e) => e.message)?.message,
    });
    this.input = this.composer.field;
    this.label();
    this.listen(act, selectPhone, close);
    this.keepAtEnd();
    this.update(data.entries);
    this.showView(data);
  }

  // label gives all elements their names.
  label() {
    const name = this.node.querySelector('.number');
    name.textContent = this.from;
    name.title = 'Show this conversation in the panels';
    this.node.querySelector('.to').textContent = `to ${this.to}`;
    this.node.setAttribute('aria-label', `Phone ${this.from}`);
    this.log.setAttribute('aria-label', `Messages of ${this.from}`);
    this.node.querySelector('.close').setAttribute('aria-label', `Close the phone ${this.from}`);
    this.input.id = `body-${this.id}`;
    this.node.querySelector('label').htmlFor = this.input.id;
    this.composer.counter.id = `count-${this.id}`;
    this.input.setAttribute('aria-describedby', this.composer.counter.id);
  }

  listen(act, selectPhone, close) {
    this.node.addEventListener('focusin', () => selectPhone(this));
    this.node.addEventListener('click', () => selectPhone(this));
    this.node.querySelector('.close').addEventListener('click', (event) => {
      event.stopPropagation();
      close(this);
    });
    for (const button of this.node.querySelectorAll('.actions button')) {
      button.title = document.querySelector(`#guide [data-kind=${button.dataset.kind}]`).textContent.replace(/\s+/g, ' ');
      button.addEventListener('click', () => {
        const { kind } = button.dataset;
        if (kind === 'mms') this.attach();
        else if (kind === 'stop' && this.isOptedOut) act(this, 'text', 'START');
        else act(this, kind, this.textFor(kind));
      });
    }
    this.log.addEventListener('keydown', (event) => this.moveFocus(event));
  }

  // keepAtEnd shows the newest messages when the phone is first displayed, and keeps them in view when its size
  // changes. On a narrow screen only one phone is displayed. A log that is not displayed cannot be scrolled, and loses
  // its scroll position.
  keepAtEnd() {
    const { log } = this;
    let size = '';
    let end = true;
    const measure = () => `${log.clientWidth} ${log.clientHeight}`;
    log.addEventListener('scroll', () => {
      if (measure() === size) end = this.isAtEnd(); // otherwise the browser scrolls because of the new size
    });
    new ResizeObserver(() => {
      if (end || size === '0 0') log.scrollTop = log.scrollHeight;
      size = measure();
    }).observe(log);
  }

  isAtEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
  }

  // textFor returns the text that a button sends. The other buttons leave the text field as it is.
  textFor(kind) {
    if (!['burst', 'forge'].includes(kind)) return '';
    const { text } = this.composer;
    this.composer.set('', '');
    return text;
  }

  // attach attaches a picture of this page. The person may write another URL.
  attach() {
    if (!this.composer.media) this.composer.attach(`${location.origin}/dev/picture.png`);
    this.composer.url.select();
    this.input.focus();
  }

  // update adds new entries at the end, and replaces entries that now have an outcome. It does not touch the other
  // entries: a screen reader would read them again. It returns whether it shows a delivery that it has not shown before.
  update(entries) {
    const atEnd = this.isAtEnd();
    let hasDelivery = false;
    for (const entry of entries) {
      const shown = this.entries.get(entry.id);
      if (shown && (shown.outcome || !shown.message)) continue;
      hasDelivery ||= Boolean(entry.outcome);
      const node = entryNode(entry, (e) => this.selectEntry(this, e));
      const old = this.nodes.get(entry.id);
      if (old) old.replaceWith(node);
      else this.log.append(node);
      this.nodes.set(entry.id, node);
      if (entry.message && !this.entries.get(entry.id)?.outcome) this.hasNews = true;
      this.entries.set(entry.id, entry);
      if (entry.id > this.last && !this.isCurrent) this.unread++;
      this.last = Math.max(this.last, entry.id);
      if (this.selected === entry.id) this.selectEntry(this, entry);
    }
    this.trim();
    this.setTabStop();
    this.node.querySelector('[data-kind=again]').disabled = ![...this.entries.values()].some((e) => e.outcome && !e.message.forged);
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
    this.changed(this);
    return hasDelivery;
  }

  // explainsChange reports whether a message can have changed the record since the last call. last is the ID of the
  // newest entry, which this page may not have.
  explainsChange(last) {
    const explains = this.hasNews || last > this.last || [...this.entries.values()].some((e) => e.message && !e.outcome);
    this.hasNews = false;
    return explains;
  }

  countMessages() {
    return [...this.entries.values()].filter((entry) => entry.message).length;
  }

  // contains reports whether a text, in lower case, is in a message of the log.
  contains(text) {
    return [...this.entries.values()].some(({ message, outcome }) => [message?.body, ...(outcome?.replies ?? []).map((r) => r.body)]
      .some((body) => body?.toLowerCase().includes(text)));
  }

  // trim removes the entries that the server has dropped.
  trim() {
    for (const id of [...this.nodes.keys()].sort((a, b) => a - b).slice(0, -200)) {
      this.nodes.get(id).remove();
      this.nodes.delete(id);
      this.entries.delete(id);
    }
  }

  // mark shows whether this phone is selected.
  mark(selected) {
    this.isCurrent = selected;
    if (selected) this.unread = 0;
    this.node.classList.toggle('current', selected);
    this.node.querySelector('.number').setAttribute('aria-pressed', selected);
  }

  markEntry(id) {
    this.selected = id;
    for (const [key, node] of this.nodes) node.classList.toggle('selected', key === id);
  }

  // showView shows what a response says about the phone besides its log.
  showView({ cookies, now, opted_out: isOptedOut }) {
    this.isOptedOut = isOptedOut;
    this.node.querySelector('.opted-out').hidden = !isOptedOut;
    this.node.querySelector('[data-kind=stop]').textContent = isOptedOut ? 'START' : 'STOP';
    const [cookie] = cookies ?? [];
    const node = this.node.querySelector('.cookie');
    if (!cookie) {
      node.textContent = this.isGuest ? 'from elsewhere' : 'no cookie';
      return;
    }
    const minutes = Math.round((Date.parse(cookie.expires) - Date.parse(now)) / 60000);
    const left = [`${Math.floor(minutes / 60)}\u00a0h`, `${minutes % 60}\u00a0min`].filter((part) => !part.startsWith('0'));
    node.textContent = `cookie ${shorten(cookie.value)}, ${left.join(' ') || 'expiring'}`;
  }

  // setTabStop makes one message of the log reachable with the Tab key: the given one, or the last one. The arrow keys
  // move the focus to the others.
  setTabStop(button) {
    const all = [...this.log.querySelectorAll('button.status')];
    const stop = button ?? all.at(-1);
    for (const other of all) other.tabIndex = other === stop ? 0 : -1;
  }

  // moveFocus moves the focus to the previous or the next message.
  moveFocus(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const all = [...this.log.querySelectorAll('button.status')];
    const next = all[all.indexOf(document.activeElement) + step];
    if (!step || !next || !all.includes(document.activeElement)) return;
    event.preventDefault();
    this.setTabStop(next);
    next.focus();
  }
}
