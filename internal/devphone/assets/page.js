// The page: which phones there are, what is pressed, and what the panels show.
import { get, post } from './api.js';
import { byID } from './dom.js';
import { Handset } from './handset.js';
import { RecordPanel } from './record.js';
import { clear, showEvent, showMessage } from './wire.js';

const handsets = new Map();
const record = new RecordPanel();
let current = null;
let asked = 0; // numbers the questions after the session: a late answer is not shown
let shown = 0; // and those after a message
let away = false; // whether the last question after the session had no answer

function complain(error) {
  byID('fault').textContent = error.message;
  byID('fault').hidden = false;
}

// attempt does something and shows what went wrong.
async function attempt(what) {
  try {
    const result = await what();
    byID('fault').hidden = true;
    return result;
  } catch (error) {
    complain(error);
    return null;
  }
}

// turnTo makes the panels be about a phone.
function turnTo(handset) {
  current = handset;
  for (const other of handsets.values()) other.mark(other === handset);
  for (const node of document.querySelectorAll('.whose')) node.textContent = handset?.from ?? '';
}

// pick turns to a phone, and shows what happened on it last.
function pick(handset) {
  if (current === handset) return;
  turnTo(handset);
  show(handset, handset && [...handset.entries.values()].at(-1));
  if (handset) refresh(false);
  else record.clear();
}

// act does what a button says.
async function act(handset, kind, body) {
  turnTo(handset);
  const reply = await attempt(() => request(handset.id, kind, body));
  if (!reply) {
    handset.input.value ||= body;
    return;
  }
  handset.update(reply.entries);
  if (handset === current) show(handset, reply.entries.at(-1));
  await refresh(true);
}

function request(phone, kind, body) {
  if (kind === 'lose') return post('/dev/lose', { phone });
  if (kind === 'skip') return post('/dev/skip', { phone, hours: 4 });
  return post('/dev/send', { phone, kind, body });
}

// show shows an entry in the panel of the wire, if there is one.
async function show(handset, entry) {
  const showing = ++shown;
  for (const other of handsets.values()) other.markEntry(other === handset ? entry?.id : 0);
  if (!entry) clear();
  else if (!entry.message) showEvent(entry);
  if (!entry?.message) return;
  const message = await attempt(() => get('/dev/message', { phone: handset.id, entry: entry.id }));
  if (message && showing === shown) showMessage(message);
}

// refresh asks how the session stands now. ours says whether this page has just done something.
async function refresh(ours) {
  const handset = current;
  if (!handset) return;
  const question = ++asked;
  let view;
  try {
    view = await get('/dev/session', { phone: handset.id });
  } catch (error) {
    if (error.status === 404) await reload(); // closed in another window
    else complain(error);
    away = true;
    return;
  }
  if (away) byID('fault').hidden = true;
  away = false;
  if (question !== asked || handset !== current) return;
  if (view.last < handset.last) location.reload(); // another service by now
  const elsewhere = view.last > handset.last;
  handset.jar(view);
  record.show(handset.id, view, ours || elsewhere);
  if (elsewhere) await reload();
}

// reload takes up what another window has done.
async function reload() {
  const state = await attempt(() => get('/dev/state'));
  if (!state) return;
  const there = new Set(state.phones.map((phone) => phone.id));
  for (const handset of [...handsets.values()]) if (!there.has(handset.id)) drop(handset);
  for (const phone of state.phones) {
    if (handsets.has(phone.id)) handsets.get(phone.id).update(phone.entries);
    else add(phone);
  }
}

function add(data) {
  const handset = new Handset(data, { act, choose: show, pick, close });
  handsets.set(handset.id, handset);
  byID('desk').append(handset.node);
  byID('switch').append(handset.tab);
  return handset;
}

function drop(handset) {
  handset.node.remove();
  handset.tab.remove();
  handsets.delete(handset.id);
  if (current === handset) pick([...handsets.values()].at(-1) ?? null);
}

async function close(handset) {
  if (!await attempt(() => post('/dev/close', { phone: handset.id }))) return;
  drop(handset);
  (current?.input ?? byID('number')).focus();
}

byID('add').addEventListener('submit', async (event) => {
  event.preventDefault();
  const data = await attempt(() => post('/dev/phones', { from: byID('number').value }));
  if (!data) return;
  byID('number').value = '';
  const handset = add(data);
  pick(handset);
  handset.node.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  handset.input.focus();
});

document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') refresh(false); });
setInterval(() => { if (document.visibilityState === 'visible') refresh(false); }, 1000);

await reload();
const first = [...handsets.values()][0];
if (first) {
  pick(first);
  first.input.focus();
}
document.body.dataset.ready = 'true';
