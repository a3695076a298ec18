// The live record, as it stands in Redis this moment, and the time that it has left.
import { byID, span } from './dom.js';

export class RecordPanel {
  constructor() {
    this.phone = null; // whose session it is
    this.view = null; // what the server last said of it
    this.until = 0; // when it is gone, by this browser's own steady clock
    setInterval(() => this.tick(), 1000);
    byID('copy').addEventListener('click', () => this.copy());
  }

  // show takes what the server said of a phone's session. ours says whether this page did something since it last asked.
  show(phone, view, ours) {
    const same = this.phone === phone;
    const changed = same && this.view.record?.raw !== view.record?.raw;
    if (changed) this.flash();
    if (!same || ours) byID('others').textContent = '';
    else if (changed && view.record) byID('others').textContent = 'Changed by a message from elsewhere.';
    this.phone = phone;
    this.view = view;
    this.until = performance.now() + (view.record?.ttl_ms ?? 0);
    this.render();
  }

  // clear is for when there is no phone.
  clear() {
    this.show(null, { record: null, line: '' }, true);
  }

  render() {
    const { record, line } = this.view;
    byID('key').textContent = record ? record.key : '';
    byID('record').textContent = record ? record.pretty : 'There is no session. The first message begins one.';
    byID('record').classList.toggle('empty', !record);
    byID('line').textContent = line;
    const ended = record && isEnded(record.raw);
    byID('state').textContent = !record ? 'none' : ended ? 'ended' : 'live';
    byID('state').className = `state ${!record ? '' : ended ? 'ended' : 'live'}`;
    this.tick();
  }

  // tick counts down between one answer and the next.
  tick() {
    const record = this.view?.record;
    const left = record ? Math.max(0, this.until - performance.now()) : 0;
    byID('left').textContent = !record ? '' : record.ttl_ms === 0 ? 'no time limit' : `${span(left)} left`;
    byID('life').value = left;
  }

  // flash shows that the record has changed, unless the reader wants nothing to move.
  flash() {
    const node = byID('record');
    node.classList.remove('changed');
    requestAnimationFrame(() => node.classList.add('changed'));
  }

  async copy() {
    const button = byID('copy');
    try {
      await navigator.clipboard.writeText(byID('line').textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(byID('line'));
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  }
}

function isEnded(raw) {
  try {
    return Boolean(JSON.parse(raw).ended);
  } catch {
    return false;
  }
}
