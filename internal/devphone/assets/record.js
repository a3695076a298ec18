// The live record in Redis, and its time to live.
import { copyText } from './copy.js';
import { byID, duration, el, fill } from './dom.js';
import { folded } from './fold.js';

export class RecordPanel {
  constructor() {
    this.phone = null; // the ID of the phone that is shown
    this.view = null; // the last response of /dev/session
    this.isUnexplained = false; // the record has changed, and a message that has changed it may be shown in a moment
    this.expires = 0; // when the record expires, by the browser's monotonic clock
    setInterval(() => this.showTTL(), 1000);
    byID('copy').addEventListener('click', () => copyText(byID('copy'), byID('command').textContent, () => byID('command')));
  }

  // show shows a response of /dev/session. ours is true if this page has done something since the last one.
  show(phone, view, ours) {
    const same = this.phone === phone;
    const changed = same && this.view.record?.raw !== view.record?.raw;
    if (changed) this.highlight();
    if (view.record && !view.last) byID('notice').textContent = 'This conversation is older than this page.';
    else if (!same || ours) byID('notice').textContent = '';
    else if (this.isUnexplained && view.record) byID('notice').textContent = 'Another program has changed the record.';
    this.isUnexplained = same && !ours && changed;
    this.phone = phone;
    this.view = view;
    this.expires = performance.now() + (view.record?.ttl_ms ?? 0);
    this.render();
  }

  // keep says that Redis cannot be read now.
  keep() {
    byID('notice').textContent = 'Redis does not answer now. This is the record as it was.';
  }

  // clear shows that there is no phone.
  clear() {
    this.show(null, { record: null, command: '' }, true);
  }

  render() {
    const { record, command } = this.view;
    byID('key').textContent = record ? record.key : '';
    byID('record').classList.toggle('empty', !record);
    this.showRecord(record ? record.pretty : 'There is no session. The first message begins one.');
    byID('command').textContent = command;
    const ended = record && isEnded(record.raw);
    byID('state').textContent = !record ? 'none' : ended ? 'ended' : 'live';
    byID('state').className = `state ${!record ? '' : ended ? 'ended' : 'live'}`;
    this.showTTL();
  }

  // showRecord shows the text of the record. If it is too long for its box, the box shows the state of the app.
  showRecord(text) {
    const node = byID('record');
    if (this.text === text) return; // the person may have scrolled it
    this.text = text;
    const at = text.indexOf('\n  "app":') + 1;
    const state = el('span', {}, ...folded(text.slice(at)));
    fill(node, ...folded(text.slice(0, at)), state);
    node.scrollTop = 0;
    if (at) node.scrollTop = Math.floor(state.getBoundingClientRect().top - node.getBoundingClientRect().top - node.clientTop);
  }

  // showTTL counts down between two responses.
  showTTL() {
    const record = this.view?.record;
    const left = record ? Math.max(0, this.expires - performance.now()) : 0;
    byID('ttl').textContent = !record ? '' : record.ttl_ms === 0 ? 'no time limit' : `${duration(left)} left`;
    byID('lifetime').value = left;
  }

  // highlight shows for a moment that the record has changed.
  highlight() {
    const node = byID('record');
    node.classList.remove('changed');
    requestAnimationFrame(() => node.classList.add('changed'));
  }
}

function isEnded(raw) {
  try {
    return Boolean(JSON.parse(raw).ended);
  } catch {
    return false;
  }
}
