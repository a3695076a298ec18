// The replicas of the service and their Redis: their states, and buttons that disturb them.
import { post } from './api.js';
import { byID, el } from './dom.js';

const interval = 500; // milliseconds between two looks at the replicas

// changes has a sentence for each change of a state.
const changes = {
  down: (name) => `${name} was killed. It starts again after 3\u00a0s.`,
  paused: (name) => `${name} is paused for 3\u00a0s. Messages wait for it.`,
  restarting: (name) => `${name} restarts and keeps its data. Messages wait for it.`,
  up: (name) => `${name} runs again.`,
};

// wordFor describes a replica, or Redis.
function wordFor({ state, answered, underway }) {
  if (underway > 0) return 'answering';
  if (state === 'up') return answered === undefined ? 'running' : `${answered} answered`;
  return state === 'down' ? 'killed' : state;
}

function now() {
  return new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

// watchReplicas keeps the panel up to date with poll, as long as the page is visible. attempt calls a function, and
// shows its error. Without several replicas, there is no panel.
export function watchReplicas({ poll, attempt }) {
  const panel = byID('replicas');
  const items = new Map(); // what is shown of each replica and of Redis, by the name
  let news = []; // the changes of one look
  const show = (state) => {
    news = [];
    for (const { number, ...replica } of state.replicas ?? []) {
      showItem(`Replica ${number}`, replica, [['Kill replica', '/dev/kill', { replica: number }]]);
    }
    if (state.redis) {
      showItem('Redis', { state: state.redis },
        [['Restart Redis', '/dev/redis', { do: 'restart' }], ['Pause Redis 3 s', '/dev/redis', { do: 'pause' }]]);
    }
    if (news.length) byID('change').textContent = `${now()}: ${news.join(' ')}`;
  };

  function showItem(name, data, actions) {
    const item = items.get(name) ?? add(name, actions);
    if (item.state && item.state !== data.state) news.push(changes[data.state](name));
    item.state = data.state;
    item.node.className = data.state;
    item.node.classList.toggle('busy', data.underway > 0);
    item.word.textContent = wordFor(data);
    for (const button of item.buttons) button.setAttribute('aria-disabled', data.state !== 'up');
  }

  // add adds an item. Its buttons are never disabled, because a disabled button loses the focus.
  function add(name, actions) {
    const item = { word: el('span', { className: 'word' }) };
    item.buttons = actions.map(([label, path, body]) => {
      const title = document.querySelector(`#guide [data-do="${label}"]`).textContent.replace(/\s+/g, ' ');
      const button = el('button', { type: 'button', title }, label);
      if (body.replica) button.setAttribute('aria-label', `Kill replica ${body.replica}`);
      button.addEventListener('click', async () => {
        if (item.state !== 'up') return;
        const state = await attempt(() => post(path, body));
        if (state) show(state);
      });
      return button;
    });
    item.node = el('li', {}, el('span', { className: 'name' }, name), item.word, el('span', { className: 'buttons' }, ...item.buttons));
    items.set(name, item);
    panel.querySelector('ul').append(item.node);
    return item;
  }

  if (panel) setInterval(() => { if (document.visibilityState === 'visible') poll(); }, interval);
  return { show, isRedisAway: () => Boolean(panel) && items.get('Redis')?.state !== 'up' };
}
