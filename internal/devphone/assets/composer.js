// The text field of a phone: it grows, counts what is typed, and may have a picture attached.
import { post } from './api.js';
import { el, fill, plural } from './dom.js';
import { loadPicture } from './picture.js';

const maxText = 1600; // characters: https://www.twilio.com/docs/messaging/guides/webhook-request
const typingPause = 250; // milliseconds after the last key, before a picture is requested

export class Composer {
  // send sends a message. last returns the last message of the phone.
  constructor(form, { send, last }) {
    this.form = form;
    this.field = form.querySelector('textarea');
    this.url = form.querySelector('[name=media]');
    this.attachment = form.querySelector('.attachment');
    this.counter = form.querySelector('.counter');
    this.counts = 0; // the number of requests to count; only the response to the last one is shown
    this.timer = 0;
    this.isShifted = false; // the last key was pressed together with Shift
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit(send);
    });
    this.field.addEventListener('input', () => this.changed());
    this.field.addEventListener('keydown', (event) => {
      this.isShifted = event.shiftKey;
      if (event.key === 'ArrowUp' && this.field.value === '' && last()) {
        event.preventDefault();
        this.edit(last());
      }
    });
    // Enter sends. The keyboards of handsets report no key. An input method that uses Enter for itself causes no line
    // break.
    this.field.addEventListener('beforeinput', (event) => {
      if (event.inputType !== 'insertLineBreak' || this.isShifted) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.url.addEventListener('input', () => this.preview());
    form.querySelector('.detach').addEventListener('click', () => {
      this.attach('');
      this.field.focus();
    });
  }

  submit(send) {
    const { text, media } = this;
    if (text.trim() === '' && !media) return;
    if ([...text].length > maxText) {
      this.counter.classList.add('insists'); // the counter says what is wrong
      return;
    }
    this.set('', '');
    send(text, media);
  }

  get text() { return this.field.value; }

  // media is the URL of the picture, or ''.
  get media() { return this.attachment.hidden ? '' : this.url.value.trim(); }

  // edit shows a message, so that the person can change it.
  edit(message) {
    this.set(message.body, message.media?.[0]?.url ?? '');
    this.field.focus();
    this.field.setSelectionRange(message.body.length, message.body.length);
  }

  // restore shows a text again that could not be sent, unless the person has begun another one.
  restore(text, media) {
    if (this.text === '' && !this.media) this.set(text, media);
  }

  set(text, media) {
    this.field.value = text;
    this.changed();
    this.attach(media);
  }

  // attach attaches the picture at a URL, or none for ''.
  attach(url) {
    this.attachment.hidden = !url;
    this.url.value = url;
    this.preview(0);
  }

  // changed makes the field as high as its text, and counts.
  changed() {
    this.counter.classList.remove('insists');
    this.field.style.height = 'auto';
    if (this.text) this.field.style.height = `${this.field.scrollHeight + 2}px`; // and its border
    this.count();
  }

  // count shows how long the text is. The server counts the segments, so that there is only one rule for them.
  async count() {
    const call = ++this.counts;
    const { text } = this;
    const length = [...text].length;
    const isTooLong = length > maxText;
    this.field.setAttribute('aria-invalid', isTooLong);
    this.counter.classList.toggle('bad', isTooLong);
    if (!text) {
      this.counter.textContent = '';
      return;
    }
    const characters = `${length.toLocaleString('en-US')}\u00a0${length === 1 ? 'character' : 'characters'}`;
    if (isTooLong) {
      this.counter.textContent = `${characters}: ${(length - maxText).toLocaleString('en-US')} too many. Twilio passes on at most 1,600.`;
      return;
    }
    try {
      const { segments } = await post('/dev/segments', { body: text });
      if (call !== this.counts) return;
      const encoding = segments.encoding === 'GSM-7' ? '' : ` ${segments.encoding}`;
      this.counter.textContent = `${characters} · ${plural(segments.count, 'segment')}${encoding}`;
    } catch {
      if (call === this.counts) this.counter.textContent = characters; // the page shows elsewhere that the service is away
    }
  }

  // preview shows the picture when the person pauses.
  preview(pause = typingPause) {
    const [box, note] = [this.attachment.querySelector('.preview'), this.attachment.querySelector('p')];
    clearTimeout(this.timer);
    fill(box);
    note.textContent = '';
    const url = this.media;
    if (!url) return;
    this.timer = setTimeout(async () => {
      try {
        const src = await loadPicture(url);
        if (url === this.media) fill(box, el('img', { src, alt: 'The picture' }));
      } catch (error) {
        if (url === this.media) note.textContent = error.message;
      }
    }, pause);
  }
}
