// One phone of the desk: its log, its field and its buttons.
import { brief, byID, el } from './dom.js';
import { entryNode } from './entry.js';

export class Handset {
  // act does what a button says; choose shows an entry's request; pick makes this the phone that the panels are about.
  constructor(data, { act, choose, pick, close }) {
    this.id = data.id;
    this.from = data.from;
    this.last = 0;
    this.nodes = new Map(); // of the entries, by number
    this.entries = new Map();
    this.choose = choose;
    this.node = byID('phone').content.firstElementChild.cloneNode(true);
    this.log = this.node.querySelector('.log');
    this.input = this.node.querySelector('input');
    this.tab = el('button', { type: 'button' }, this.from);
    this.label();
    this.listen(act, pick, close);
    this.follow();
    this.update(data.entries);
    this.jar(data);
  }

  label() {
    const name = this.node.querySelector('.number');
    name.textContent = this.from;
    name.title = 'Show this conversation beside';
    this.node.setAttribute('aria-label', `Phone ${this.from}`);
    this.log.setAttribute('aria-label', `Messages of ${this.from}`);
    this.node.querySelector('.close').setAttribute('aria-label', `Close the phone ${this.from}`);
    this.input.id = `body-${this.id}`;
    this.node.querySelector('label').htmlFor = this.input.id;
  }

  listen(act, pick, close) {
    this.node.addEventListener('focusin', () => pick(this));
    this.node.addEventListener('click', () => pick(this));
    this.tab.addEventListener('click', () => pick(this));
    this.node.querySelector('.close').addEventListener('click', (event) => {
      event.stopPropagation();
      close(this);
    });
    this.node.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.input.value.trim() === '') return;
      act(this, 'text', this.take());
    });
    for (const button of this.node.querySelectorAll('.tools button')) {
      button.title = document.querySelector(`#lesson [data-kind=${button.dataset.kind}]`).textContent.replace(/\s+/g, ' ');
      button.addEventListener('click', () => act(this, button.dataset.kind, this.bodyFor(button.dataset.kind)));
    }
    this.log.addEventListener('keydown', (event) => this.walk(event));
  }

  // follow shows the newest messages whenever the phone comes into view, and keeps them there when its size changes. A
  // narrow screen displays one phone, and a log that is not displayed cannot be scrolled and forgets how far it was.
  follow() {
    const { log } = this;
    let size = '';
    let end = true;
    const measure = () => `${log.clientWidth} ${log.clientHeight}`;
    log.addEventListener('scroll', () => {
      if (measure() === size) end = this.atEnd(); // else the browser scrolls, because of the new size
    });
    new ResizeObserver(() => {
      if (end || size === '0 0') log.scrollTop = log.scrollHeight;
      size = measure();
    }).observe(log);
  }

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
  }

  // take empties the field. A button that sends a text of its own leaves it alone.
  take() {
    const body = this.input.value;
    this.input.value = '';
    return body;
  }

  bodyFor(kind) {
    return ['burst', 'forge', 'mms'].includes(kind) ? this.take() : '';
  }

  // update shows entries, new ones at the end and those that were on their way in their place. What has happened does
  // not change, so the rest stays as it is: a screen reader would read it out again.
  update(entries) {
    const atEnd = this.atEnd();
    for (const entry of entries) {
      const known = this.entries.get(entry.id);
      if (known && (known.outcome || !known.message)) continue;
      const node = entryNode(entry, (e) => this.choose(this, e));
      const old = this.nodes.get(entry.id);
      if (old) old.replaceWith(node);
      else this.log.append(node);
      this.nodes.set(entry.id, node);
      this.entries.set(entry.id, entry);
      this.last = Math.max(this.last, entry.id);
    }
    this.trim();
    this.rove();
    this.node.querySelector('[data-kind=again]').disabled = ![...this.entries.values()].some((e) => e.outcome && !e.message.forged);
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  // trim forgets what the server has forgotten.
  trim() {
    for (const id of [...this.nodes.keys()].sort((a, b) => a - b).slice(0, -200)) {
      this.nodes.get(id).remove();
      this.nodes.delete(id);
      this.entries.delete(id);
    }
  }

  // mark shows whether the panels are about this phone.
  mark(current) {
    this.node.classList.toggle('current', current);
    for (const button of [this.tab, this.node.querySelector('.number')]) button.setAttribute('aria-pressed', current);
  }

  markEntry(id) {
    for (const [key, node] of this.nodes) node.classList.toggle('shown', key === id);
  }

  jar({ cookies, now }) {
    const [cookie] = cookies ?? [];
    const jar = this.node.querySelector('.jar');
    if (!cookie) {
      jar.textContent = 'no cookie';
      return;
    }
    const minutes = Math.round((Date.parse(cookie.expires) - Date.parse(now)) / 60000);
    jar.textContent = `cookie ${brief(cookie.value)}, for ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  // rove leaves one stop for the Tab key in the log: the last message. The arrow keys go on from there.
  rove(to) {
    const all = [...this.log.querySelectorAll('button.status')];
    const stop = to ?? all.at(-1);
    for (const button of all) button.tabIndex = button === stop ? 0 : -1;
  }

  walk(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const all = [...this.log.querySelectorAll('button.status')];
    const next = all[all.indexOf(document.activeElement) + step];
    if (!step || !next || !all.includes(document.activeElement)) return;
    event.preventDefault();
    this.rove(next);
    next.focus();
  }
}
