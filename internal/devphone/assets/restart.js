// What the page does when the service was started again: it loads again, because the new service may have another page.
// It says which messages are gone, and keeps what the person was typing.
import { byID, plural } from './dom.js';

const key = 'smsession-before-restart';

// reload loads the page of the new service.
export function reload(phones) {
  const messages = phones.reduce((sum, phone) => sum + phone.countMessages(), 0);
  const drafts = phones.map((phone) => [phone.from, phone.composer.text]).filter(([, text]) => text);
  sessionStorage.setItem(key, JSON.stringify({ messages, drafts }));
  location.reload();
}

// afterReload shows what is gone, and restores the texts.
export function afterReload(phones) {
  const saved = sessionStorage.getItem(key);
  if (!saved) return;
  sessionStorage.removeItem(key);
  const { messages, drafts } = JSON.parse(saved);
  const left = phones.reduce((sum, phone) => sum + phone.countMessages(), 0);
  for (const [from, text] of drafts) phones.find((phone) => phone.from === from)?.composer.restore(text, '');
  if (left >= messages) return; // the service has kept them
  const banner = byID('restarted');
  banner.querySelector('p').textContent = `smsession dev was started again, and has forgotten ${plural(messages - left, 'message')} `
    + 'of this page. To keep messages, phones and sessions, start it with --data FILE.';
  banner.hidden = false;
  banner.querySelector('button').addEventListener('click', () => { banner.hidden = true; });
}
