// Pictures of messages. The browser loads none from another host: the service does, and only for a URL that the person
// has typed, or whose button the person has pressed.
import { post } from './api.js';
import { el } from './dom.js';

const loaded = new Map(); // the promise of a data URL, by the picture's URL
const maxLoaded = 50;

// loadPicture returns a promise of a data URL. It throws an Error with a sentence if there is no picture.
export function loadPicture(url) {
  if (!loaded.has(url)) {
    if (loaded.size >= maxLoaded) loaded.delete(loaded.keys().next().value);
    loaded.set(url, post('/dev/picture', { url }).then(({ type, data }) => `data:${type};base64,${data}`));
    loaded.get(url).catch(() => loaded.delete(url)); // the person may try again
  }
  return loaded.get(url);
}

// mediaNode makes the element of an attachment: its URL, and its picture or a button that loads it.
export function mediaNode(url) {
  const isLink = /^https?:\/\//i.test(url);
  const name = isLink ? el('a', { href: url, target: '_blank', rel: 'noreferrer' }, url) : el('span', {}, url);
  const node = el('span', { className: 'media' }, name);
  const show = async () => {
    try {
      const picture = el('img', { src: await loadPicture(url), alt: `The picture at ${url}` });
      button.replaceWith(picture);
    } catch (error) {
      button.replaceWith(el('span', { className: 'quiet' }, error.message));
    }
  };
  const button = el('button', { type: 'button' }, 'Show the picture');
  button.addEventListener('click', show);
  if (isLink) node.prepend(button);
  if (loaded.has(url)) show();
  return node;
}
