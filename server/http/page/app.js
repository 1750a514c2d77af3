// The main module: passes the server's messages to the model, draws the model, and sends the user's requests.

import {Composer} from "./composer.js";
import {form, sentence} from "./dialogs.js";
import {Door} from "./door.js";
import {Files} from "./files.js";
import {Head} from "./head.js";
import {Log} from "./log.js";
import {Menus} from "./menus.js";
import {LOBBY, Model} from "./model.js";
import {Net} from "./net.js";
import {$, hashOf, nameNode} from "./nodes.js";
import {Notices, announce} from "./notices.js";
import {Panel} from "./panel.js";
import {Past} from "./past.js";
import {Seals} from "./seals.js";
import {Side} from "./side.js";

const TAB = "parley"; // in sessionStorage: what a reload of this tab has to find again
const HERE = "parley"; // in localStorage: what the next visit begins with
const SAVE_EVERY = 400; // milliseconds
const WATCH_EVERY = 1000;
const MOST_PARTNERS = 20; // of whom is asked what they have said while I was elsewhere

const load = (storage, key) => {
  try {
    return JSON.parse(storage().getItem(key)) || {};
  } catch {
    return {}; // the browser keeps nothing for this page, or something else
  }
};
const keep = (storage, key, value) => {
  try {
    storage().setItem(key, JSON.stringify(value));
  } catch {
    // then a reload forgets
  }
};
const tab = () => sessionStorage;
const here = () => localStorage;

const saved = load(tab, TAB);
const preferences = {name: "", theme: "", notify: false, rooms: [], ...load(here, HERE)};

const attentive = () =>
  document.visibilityState === "visible" &&
  document.hasFocus() &&
  !$("talk").hidden &&
  !(isNarrow() && $("talk").classList.contains("listing"));
const isNarrow = () => matchMedia("(max-width: 44rem)").matches;

const model = new Model({attentive, atEnd: () => log.sticks, alert: (...news) => notices.alert(...news)});
model.drafts = new Map(Object.entries(saved.drafts || {}));
for (const [name, n] of Object.entries(saved.read || {})) model.mark(name, n);

const net = new Net({
  open: () =>
    new WebSocket(new URL("chat", document.baseURI).href.replace(/^http/, "ws").replace(/#.*/, ""), "parley.1"),
  heard,
  changed: () => draw(),
  saved
});

const seals = (net.seals = new Seals(net, {
  tell(text) {
    model.current.event(Math.floor(Date.now() / 1000), {quote: text});
    announce(text);
    draw();
  },
  changed: () => draw()
}));
const notices = new Notices(model, net, {wanted: () => preferences.notify, attentive, open});
const log = new Log(model, net, {
  older: (one) => past.older(one),
  person: (name) => menus.person(name),
  fill: (one, gap) => past.fill(one, gap),
  seen: () => draw(),
  again: (entry) => net.again(entry),
  forget: (entry) => net.forget(entry),
  edit(entry) {
    net.forget(entry);
    composer.putBack(entry.text);
  },
  find: () => menus.jump(true),
  invite: () => panel.invite()
});
const past = new Past(model, net, {
  draw,
  changed(one) {
    show();
    if (one === model.current) log.settle();
  },
  unread: () => log.open(),
  trouble: tellTrouble
});
const composer = new Composer(
  model,
  net,
  log,
  {announce, changed: saveSoon, sent: () => log.toBottom(), command: obey, trouble: tellTrouble},
  saved
);
new Files(net, {where: () => model.current, announce, trouble: tellTrouble});
const head = new Head(model, net, draw);
const side = new Side(model);
const panel = new Panel(model, {
  person: (name) => menus.person(name),
  search: (...search) => past.search(...search),
  leave,
  drop,
  topic: (room, text) => net.request({do: "topic", room, text}),
  set: (room, setting, value) => net.request({do: "set", room, setting, value}),
  invite: (room, name) => net.request({do: "invite", room, name}),
  unban: (room, name) => net.request({do: "unban", room, name}),
  show(one, n) {
    if (isNarrow()) panel.close();
    open(one.name);
    log.jump(n);
  }
});
const entering = (name) => {
  if (model.me && model.me !== name) forgetAll();
};
const door = new Door(net, {changed: () => show(), entering});
const menus = new Menus(model, net, head, preferences, {
  ask,
  open(name) {
    open(name);
    composer.focus();
  },
  mention: (name) => composer.insert(`@${name} `),
  setAway(away) {
    head.isAway = away;
    net.tell({do: "away", away});
    draw();
  },
  prefer,
  logOut,
  trouble: tellTrouble,
  changed: draw
});

// ---- what the server says

function heard(frame) {
  const opened = model.open;
  model.heard(frame);
  seals.heard(frame);
  if (frame.on === "welcome") welcomed();
  else if (frame.on === "stranger") stranger(frame);
  else if (frame.on === "room") {
    net.entered(frame.room);
    listMembers(frame.room);
    if (frame.room === model.open) past.latest(model.current);
  } else if (frame.on === "left" && frame.name === model.me) net.left(frame.room);
  else if (frame.on === "managed") managed(frame);
  else if (frame.on === "waiting") net.request({do: "missed"}).catch(() => {});
  else if (frame.on === "invited") notices.notify(`${frame.by} invites you to ${frame.room}`, "", frame.room);
  else if (frame.on === "joined" && frame.name !== model.me && frame.room === LOBBY) watchSoon();
  if (["renamed", "managed"].includes(frame.on) && model.open !== opened) goOn();
  draw();
}

// The open conversation has got another name; keep what is typed there.
function goOn() {
  composer.renamed(model.open);
  open(model.open);
}

function managed({room, act, name}) {
  if (act === "rename") {
    net.renamed(room, name);
    return;
  }
  const one = model.conversation(room);
  if (!one.inside) net.left(room);
  else if (["op", "deop", "voice", "devoice", "set"].includes(act)) listMembers(room);
}

// Logged in, or back after a lost connection: enter the rooms of the last visit, and load what is needed.
async function welcomed() {
  prefer({name: net.name});
  notices.tellRead();
  const again = welcomed.before === net.name;
  welcomed.before = net.name;
  if (door.shown) {
    door.shown = false;
    show();
    composer.restoreDraft();
    composer.focus();
  }
  const wanted = again ? [] : [...new Set([...preferences.rooms, ...(saved.rooms || []), roomOf(location.hash)])];
  listMembers(LOBBY);
  if (again) for (const one of model.rooms) if (one.inside) listMembers(one.name);
  net.request({do: "rooms", pattern: "*"}).catch(() => {});
  show();
  await Promise.all(
    wanted
      .filter((room) => room && room !== LOBBY && !(room in net.positions))
      .map((room) => net.request({do: "join", room}).catch(() => {}))
  );
  await past.latest(model.current);
  for (const one of [...model.conversations.values()]) {
    if (one.inside && !one.loaded && one.read) await past.unseen(one);
  }
  if (!again) for (const name of model.partners.slice(0, MOST_PARTNERS)) await past.unseen(model.stranger(name));
  watch();
}

// The session cannot be resumed. Log in again without asking if the name has no password; else show the login form.
function stranger({name, account, refusal}) {
  if (refusal) showDoor(sentence(refusal));
  else if (name && !account) {
    net.enter({do: "login", name}).catch((refusal) => {
      if (refusal.why !== "offline") showDoor(sentence(refusal));
    });
  } else showDoor(name ? "Please log in again. Nothing that you wrote is lost." : "");
}

function showDoor(error = "") {
  door.show(net.name || preferences.name, error);
  net.elsewhere = null;
  tabs?.postMessage(null);
}

const listed = new Set();

// Request the members of a room and their roles, at most once in 50 ms.
function listMembers(room) {
  if (listed.has(room)) return;
  listed.add(room);
  setTimeout(() => {
    listed.delete(room);
    net.request({do: "who", room}).catch(() => {});
    net.request({do: "roles", room}).catch(() => {});
  }, 50);
}

let watched = "";
let watchTimer = null;

function watchSoon() {
  watchTimer = watchTimer || setTimeout(watch, WATCH_EVERY);
}

// Subscribe to the presence of the people who are shown.
function watch() {
  clearTimeout(watchTimer);
  watchTimer = null;
  const names = [...new Set([...model.people.map((one) => one.name), ...model.online])]
    .filter((name) => name !== model.me)
    .slice(0, 200);
  if (net.phase !== "in" || names.join("\n") === watched) return;
  watched = names.join("\n");
  net.tell({do: "watch", names});
}

// ---- drawing, at most once a frame

let drawing = 0;

function draw() {
  if (drawing) return;
  const now = () => {
    clearTimeout(drawing);
    cancelAnimationFrame(frame);
    drawing = 0;
    show();
  };
  const frame = requestAnimationFrame(now);
  drawing = setTimeout(now, 300); // a page out of sight gets no frames, but its title has to say what is new
}

function show() {
  head.drawBar();
  const inside = Boolean(model.me) && !door.shown;
  $("talk").hidden = !inside;
  $("door").hidden = inside || !door.shown;
  if (inside) {
    if (log.atBottom || log.name !== model.open) {
      model.seen();
      notices.noteRead();
    }
    side.update();
    head.draw();
    composer.draw();
    log.update();
    panel.update();
  } else door.draw();
  head.drawTitle(inside);
  saveSoon();
}

// ---- what is stored for a reload and for the next visit

let saveTimer = null;

function saveSoon() {
  saveTimer = saveTimer || setTimeout(save, SAVE_EVERY);
}

function save() {
  clearTimeout(saveTimer);
  saveTimer = null;
  const rooms = model.rooms.filter((one) => one.inside && one.name !== LOBBY).map((one) => one.name);
  keep(tab, TAB, {
    ...net.state,
    ...composer.state,
    read: Object.fromEntries(model.marks),
    rooms: model.me ? rooms : saved.rooms,
    door: door.state
  });
  if (model.me && net.phase === "in" && model.current.loaded && preferences.rooms.join() !== rooms.join()) {
    prefer({rooms});
  }
}

function prefer(changes) {
  Object.assign(preferences, changes);
  keep(here, HERE, preferences);
  setTheme();
}

// Delete everything that belongs to the user who has logged in before.
function forgetAll() {
  model.drafts.clear();
  model.reset();
  composer.forget();
  preferences.rooms = [];
  saved.rooms = [];
  net.outbox = [];
  net.reset();
}

function logOut() {
  forgetAll();
  model.me = "";
  welcomed.before = "";
  watched = "";
  prefer({name: "", rooms: []});
  $("name").value = "";
  history.replaceState(null, "", location.pathname);
  net.logout();
  showDoor();
  save();
}

// ---- going from one conversation to another

const roomOf = (hash) => {
  try {
    const name = decodeURIComponent(hash.slice(1));
    return !name ? "" : hash.startsWith("#@") ? "" : "#" + name;
  } catch {
    return "";
  }
};
const personOf = (hash) => {
  try {
    return hash.startsWith("#@") ? decodeURIComponent(hash.slice(2)) : "";
  } catch {
    return "";
  }
};

function open(name) {
  if (location.hash !== hashOf(name)) history.pushState(null, "", hashOf(name));
  followHash();
}

function followHash() {
  const name = personOf(location.hash) || roomOf(location.hash) || LOBBY;
  const isNew = name !== model.open;
  if (!model.me) {
    model.open = name;
    return;
  }
  composer.keepDraft();
  const one = model.conversation(name);
  if (isNew) {
    enterRoom.before = model.open;
    notices.tellRead();
  }
  if (one.isRoom && !one.inside && isNew && !one.items.length) enterRoom(one);
  model.look(name);
  $("talk").classList.remove("listing");
  composer.restoreDraft();
  panel.update();
  show();
  past.latest(one);
  if (isNew) $("announcer").replaceChildren(`${one.isRoom ? "Room" : "Talk with"} `, nameNode(name));
  if (isNarrow()) $("title").focus({preventScroll: true});
}

// Only accounts with a device may enter a sealed room: make this browser one, if the room is sealed.
async function join(room, key) {
  const wish = {do: "join", room, ...(key ? {key} : {})};
  try {
    await net.request(wish);
  } catch (refusal) {
    if (refusal.why !== "sealed-room" || !(await seals.becomeDevice())) throw refusal;
    await net.request(wish);
  }
}

async function enterRoom(one, key) {
  const before = enterRoom.before || LOBBY;
  try {
    await join(one.name, key);
    one.refusal = "";
    model.look(one.name);
    show();
    past.latest(one);
  } catch (refusal) {
    if (refusal.why === "wrong-key") {
      form(
        "This room has a key",
        `${one.name} can be entered with the key that its owner gives.`,
        [{id: "key", label: "Key"}],
        "Enter",
        ({key: word}) => join(one.name, word)
      );
    } else if (refusal.why === "invalid-room") {
      model.conversations.delete(one.name);
      history.replaceState(null, "", hashOf(before));
      followHash();
      tellTrouble(refusal);
    } else one.refusal = sentence(refusal);
  }
  draw();
}

window.addEventListener("hashchange", followHash);
$("enter-room").addEventListener("click", () => enterRoom(model.current));
$("back").addEventListener("click", () => {
  $("talk").classList.add("listing");
  document.querySelector(".entry[aria-current]")?.focus();
  draw();
});
// The open conversation is chosen again, in the list on a phone: there is no hashchange event.
$("side-lists").addEventListener("click", (event) => {
  const link = event.target.closest("a.entry");
  if (link && link.hash === location.hash) followHash();
  if (link && !isNarrow() && event.detail) composer.focus(); // by mouse or finger: whoever came by keys stays there
});

function move(step) {
  const all = [...model.rooms, ...model.people];
  const at = all.findIndex((one) => one.name === model.open);
  open(all[(at + step + all.length) % all.length].name);
  composer.focus();
}

async function leave(one) {
  if (one.isRoom && one.inside && !(await ask({do: "part", room: one.name}))) return;
  net.left(one.name);
  one.inside = false;
  model.conversations.delete(one.name);
  open(LOBBY);
}

// Do what a slash command says, in the open room.
function obey(command, [first, second]) {
  if (command === "join" && second) join(first, second).then(() => open(first), tellTrouble);
  else if (command === "join") open(first);
  else if (command === "part") leave(model.current);
  else if (command === "dm") {
    open(first);
    composer.say(second);
  } else if (command === "topic") ask({do: command, room: model.open, text: first});
  else ask({do: command, room: model.open, name: first, ...(second ? {text: second} : {})});
}

function drop(room) {
  form(
    "Close the room for good",
    `${room} and what was said in it go away for everybody.`,
    [],
    "Close it",
    () => net.request({do: "drop", room}),
    {danger: true}
  );
}

// Send a request, and show the reason if it is refused.
async function ask(frame) {
  try {
    return await net.request(frame);
  } catch (refusal) {
    tellTrouble(refusal);
    return null;
  }
}

function tellTrouble(refusal) {
  model.current.event(Math.floor(Date.now() / 1000), sentence(refusal));
  announce(sentence(refusal));
  draw();
}

$("latest").addEventListener("click", () => {
  log.toBottom();
  draw();
  composer.focus();
});
$("search-button").addEventListener("click", () => panel.toggle("search"));
$("seal-button").addEventListener("click", () => {
  const {name} = model.current;
  seals.turn(name, !seals.isOn(name)).catch(tellTrouble);
});
$("about-button").addEventListener("click", () => {
  if (model.current.isRoom && model.current.inside) listMembers(model.open);
  panel.toggle("about");
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || $("talk").hidden) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && !event.shiftKey && !event.altKey && key === "k") menus.jump();
  else if (command && event.shiftKey && key === "f") {
    if (panel.kind !== "search") panel.toggle("search");
  } else if (event.altKey && !command && (event.key === "ArrowUp" || event.key === "ArrowDown") && !$("dialog").open) {
    move(event.key === "ArrowUp" ? -1 : 1);
  } else if (event.key === "Escape" && !$("dialog").open) {
    if (panel.kind) panel.close();
    $("text").focus();
  } else return;
  event.preventDefault();
});

// ---- the page itself

const isDark = matchMedia("(prefers-color-scheme: dark)");

function setTheme() {
  document.documentElement.dataset.theme = preferences.theme || (isDark.matches ? "dark" : "light");
}

// A tab that has no session asks the others of this browser for theirs, to go on with it without the password.
let tabs;
try {
  tabs = new BroadcastChannel(location.pathname);
  tabs.onmessage = ({data}) => {
    if (data) {
      net.elsewhere = data;
      draw();
    } else if (net.phase === "in") {
      const {outbox, base: _base, ...state} = net.state; // the outbox stays where it was written
      tabs.postMessage({...state, _base});
    }
  };
} catch {
  // Firefox, if it may keep nothing for this page
}
$("bar-now").addEventListener("click", () => {
  if (net.phase === "door") {
    entering(net.elsewhere.name);
    Object.assign(net, net.elsewhere);
  }
  net.connect();
});

window.addEventListener("online", () => net.wake());
window.addEventListener("offline", () => net.wake());
window.addEventListener("focus", draw);
window.addEventListener("blur", () => notices.tellRead());
window.addEventListener("pagehide", () => {
  notices.tellRead();
  save();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") net.wake();
  else {
    notices.tellRead();
    save();
  }
  draw();
});

// On iPhones the keyboard on the screen covers the page and does not shrink it: shrink it here.
window.visualViewport?.addEventListener("resize", () => {
  const {height, scale} = window.visualViewport;
  document.body.style.height = scale === 1 && innerHeight - height > 100 ? `${height}px` : "";
  if (document.body.style.height) scrollTo(0, 0);
});

isDark.addEventListener("change", setTheme);
setTheme();
door.restore({name: preferences.name, ...saved.door});
followHash();
net.connect();
if (net.session || net.name) {
  model.me = net.name;
  composer.restoreDraft();
  show();
} else showDoor();
