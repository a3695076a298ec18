// Whether the team's own app can be reached.
import { get } from './api.js';
import { byID } from './dom.js';

const interval = { up: 5000, down: 1000 }; // milliseconds between two checks; some servers log each connection

// watchApp shows whether the app can be reached, as long as the page is visible. It returns a function that checks it
// at once. Without an app, the function does nothing.
export function watchApp() {
  const node = byID('unreachable');
  if (!node) return () => {};
  let timer = 0;
  async function check() {
    clearTimeout(timer);
    if (document.visibilityState !== 'visible') return;
    try {
      node.hidden = (await get('/dev/app')).reachable;
    } catch {
      node.hidden = true; // the service itself does not answer, which the page shows elsewhere
    }
    clearTimeout(timer); // of a check that ran at the same time
    timer = setTimeout(check, node.hidden ? interval.up : interval.down);
  }
  document.addEventListener('visibilitychange', check);
  check();
  return check;
}
