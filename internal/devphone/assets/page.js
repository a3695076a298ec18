// The page: its phones, their actions, and what the panels show.
import { get, post } from './api.js';
import { watchApp } from './app.js';
import { byID } from './dom.js';
import { List } from './list.js';
import { clear, showEvent, showMessage } from './message.js';
import { Phone } from './phone.js';
import { RecordPanel } from './record.js';
import { watchReplicas } from './replicas.js';
import { afterReload, reload } from './restart.js';

const phones = new Map();
const list = new List({ selectPhone, closeAll });
const record = new RecordPanel();
const checkApp = watchApp();
const replicas = watchReplicas({ poll, attempt });
let current = null; // the phone that the panels show
let sessionCalls = 0; // the number of calls of /dev/session; only the response to the last one is shown
let messageCalls = 0; // the number of calls of /dev/message, for the same reason
let acted = false; // this page has changed the session since the panel showed it last
let revision = 0; // of what the page shows
let run = ''; // the run of the service that has sent it
let failing = false; // the last call of /dev/session failed

function showProblem(error) {
  byID('problem').textContent = error.message;
  byID('problem').hidden = false;
}

// attempt calls a function, and shows its error.
async function attempt(call) {
  try {
    const result = await call();
    byID('problem').hidden = true;
    return result;
  } catch (error) {
    showProblem(error);
    return null;
  }
}

// setCurrent marks a phone as the one that the panels show.
function setCurrent(phone) {
  current = phone;
  for (const other of phones.values()) other.mark(other === phone);
  if (phone) list.update(phone); // it has no unread messages
  list.mark(phone);
  for (const node of document.querySelectorAll('.panel .from')) node.textContent = phone?.from ?? '';
}

// selectPhone shows a phone and its newest entry in the panels.
function selectPhone(phone) {
  if (current === phone) return;
  setCurrent(phone);
  selectEntry(phone, phone && [...phone.entries.values()].at(-1));
  if (phone) refresh();
  else record.clear();
}

// act carries out the action of a button.
async function act(phone, kind, body, media = '') {
  setCurrent(phone);
  checkApp();
  const result = await attempt(() => post('/dev/act', { phone: phone.id, kind, body, media, hours: 4 }));
  if (!result) {
    phone.composer.restore(body, media);
    return;
  }
  phone.update(result.entries);
  if (phone === current) selectEntry(phone, result.entries.at(-1));
  acted = true;
  await refresh();
}

// selectEntry shows an entry in the message panel.
async function selectEntry(phone, entry) {
  const call = ++messageCalls;
  for (const other of phones.values()) other.markEntry(other === phone ? entry?.id : 0);
  if (!entry) clear();
  else if (!entry.message) showEvent(entry);
  if (!entry?.message) return;
  const message = await attempt(() => get('/dev/message', { phone: phone.id, entry: entry.id }));
  if (message && call === messageCalls) showMessage(message, () => phone.composer.edit(entry.message));
}

// refresh shows the present state of the session.
async function refresh() {
  const phone = current;
  if (!phone) return;
  const call = ++sessionCalls;
  let view;
  try {
    view = await get('/dev/session', { phone: phone.id });
  } catch (error) {
    if (error.status === 404) await synchronize(); // another window has closed the phone
    else if (replicas.isRedisAway()) record.keep();
    else showProblem(error);
    failing = true;
    return;
  }
  if (failing) byID('problem').hidden = true;
  failing = false;
  if (call !== sessionCalls || phone !== current) return;
  if (view.run !== run) reload([...phones.values()]);
  const isExplained = phone.explainsChange(view.last) || acted;
  phone.showView(view);
  record.show(phone.id, view, isExplained);
  acted = false;
  if (view.revision !== revision) await synchronize();
}

// synchronize shows what others have done: other windows, other senders, and deliveries that have ended after the
// response to their action.
async function synchronize() {
  const state = await attempt(() => get('/dev/state', { after: revision }));
  if (state) apply(state);
}

// poll does the same, and leaves a problem that is shown as it is.
async function poll() {
  try {
    apply(await get('/dev/state', { after: revision }));
  } catch {
    // refresh shows that the service does not answer
  }
}

function apply(state) {
  if (run && state.run !== run) reload([...phones.values()]);
  ({ run, revision } = state);
  const open = new Set(state.phones.map((data) => data.id));
  for (const phone of [...phones.values()]) if (!open.has(phone.id)) remove(phone);
  for (const data of state.phones) {
    const phone = phones.get(data.id);
    if (phone?.update(data.entries) && phone === current) acted = true; // a delivery explains a change of the record
    phone?.showView(data);
    if (!phone) add(data);
  }
  list.showOthers(state.hidden);
  replicas.show(state);
}

function add(data) {
  const phone = new Phone(data, { act, selectEntry, selectPhone, close, changed: (changed) => list.update(changed) });
  phones.set(phone.id, phone);
  byID('phones').append(phone.node);
  list.add(phone);
  return phone;
}

function remove(phone) {
  phone.node.remove();
  list.remove(phone);
  phones.delete(phone.id);
  if (current === phone) selectPhone([...phones.values()].at(-1) ?? null);
}

async function close(phone) {
  if (!await attempt(() => post('/dev/close', { phone: phone.id }))) return;
  remove(phone);
  (current?.input ?? byID('number')).focus();
}

// closeAll closes phones, but not the one that the person uses.
async function closeAll(all) {
  for (const phone of all) {
    if (phone !== current && await attempt(() => post('/dev/close', { phone: phone.id }))) remove(phone);
  }
  await synchronize();
}

byID('add').addEventListener('submit', async (event) => {
  event.preventDefault();
  const data = await attempt(() => post('/dev/open', { from: byID('number').value }));
  if (!data) return;
  byID('number').value = '';
  const phone = phones.get(data.id) ?? add(data); // the page may have seen it in the meantime
  selectPhone(phone);
  phone.node.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  phone.input.focus();
});

document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') refresh(); });
setInterval(() => { if (document.visibilityState === 'visible') refresh(); }, 1000);

await synchronize();
for (const phone of phones.values()) {
  phone.unread = 0; // the person may have seen these messages before
  list.update(phone);
}
const first = [...phones.values()][0];
if (first) {
  selectPhone(first);
  first.input.focus();
}
afterReload([...phones.values()]);
document.body.dataset.ready = 'true';
