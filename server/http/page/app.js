// The page: what the server says goes to the model, what the model knows to the view, and what somebody does to the server.

import {LOBBY, Model, isRoom} from "./model.js";
import {CLOSED, Net, Refusal} from "./net.js";
import {oneLine} from "./text.js";
import {$, Log, Panel, Side, arrange, el, face, hashOf, icon, nameNode, plural, rank} from "./view.js";

const TAB = "parley"; // in sessionStorage: what a reload of this tab has to find again
const HERE = "parley"; // in localStorage: what the next visit begins with
const PAGE = 100; // messages asked for at a time
const MOST_PAGE = 200;
const READ_EVERY = 2000; // milliseconds between two notes of what was read
const TYPING_EVERY = 3000;
const ANNOUNCE_EVERY = 1200;
const SAVE_EVERY = 400;
const WATCH_EVERY = 1000;
const FURTHER = 2000; // messages that one search looks through

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

const model = new Model({attentive, alert});
model.drafts = saved.drafts || {};
for (const [name, n] of Object.entries(saved.read || {})) model.conversation(name).read = n;

const net = new Net({
  open: () =>
    new WebSocket(new URL("chat", document.baseURI).href.replace(/^http/, "ws").replace(/#.*/, ""), "parley.1"),
  heard,
  changed: () => draw(),
  saved
});

const log = new Log(model, net, {
  older,
  person,
  fill,
  seen: () => draw(),
  again: (entry) => net.again(entry),
  forget: (entry) => net.forget(entry),
  edit(entry) {
    net.forget(entry);
    $("text").value = [entry.text, $("text").value].filter(Boolean).join("\n");
    typed();
    $("text").focus();
  }
});
const side = new Side(model);
const panel = new Panel(model, {
  person,
  search,
  leave,
  drop,
  topic: (room, text) => ask({do: "topic", room, text}),
  set: (room, setting, value) => ask({do: "set", room, setting, value}),
  invite: (room, name) => ask({do: "invite", room, name}, `${name} is invited.`),
  show(one, n) {
    if (isNarrow()) panel.close();
    open(one.name);
    log.jump(n);
  }
});

// ---- what the server says

async function heard(frame) {
  model.heard(frame);
  if (frame.on === "welcome") welcomed();
  else if (frame.on === "stranger") stranger(frame);
  else if (frame.on === "reset") {
    for (const one of model.conversations.values())
      Object.assign(one, {items: [], numbers: new Set(), more: true, loaded: false, top: 0});
  } else if (frame.on === "room") {
    net.entered(frame.room);
    listMembers(frame.room);
    if (frame.room === model.open) latest(model.current);
  } else if (frame.on === "left" && frame.name === model.me) net.left(frame.room);
  else if (frame.on === "managed") managed(frame);
  else if (frame.on === "waiting") net.request({do: "missed"}).catch(() => {});
  else if (frame.on === "invited") notify(`${frame.by} invites you to ${frame.room}`, "", frame.room);
  else if (frame.on === "joined" && frame.name !== model.me && frame.room === LOBBY) watchSoon();
  else if (frame.on === "renamed" && location.hash !== hashOf(model.open)) open(model.open);
  draw();
}

function managed({room, act}) {
  const one = model.conversation(room);
  if (!one.inside) net.left(room);
  else if (["op", "deop", "voice", "devoice", "set"].includes(act)) listMembers(room);
}

// With a name: again, or for the first time. What this page had is asked for, room by room.
async function welcomed() {
  preferences.name = net.name;
  keep(here, HERE, preferences);
  const again = welcomed.before === net.name;
  welcomed.before = net.name;
  const wanted = again ? [] : [...new Set([...preferences.rooms, ...(saved.rooms || []), roomOf(location.hash)])];
  listMembers(LOBBY);
  if (again) for (const one of model.rooms) if (one.inside) listMembers(one.name);
  net.request({do: "rooms", pattern: "*"}).catch(() => {});
  for (const room of wanted) {
    if (room && room !== LOBBY && !(room in net.positions)) net.request({do: "join", room}).catch(() => {});
  }
  show();
  await latest(model.current);
  for (const one of [...model.conversations.values()]) {
    if (one.inside && !one.loaded && one.read) await unseen(one);
  }
  watch();
}

// The server does not know the session (any more). A name without a password is taken again without a question.
function stranger({name, account}) {
  if (name && !account) {
    net.enter({do: "login", name}).catch((refusal) => {
      if (refusal.why !== "offline") showDoor(refusal.message);
    });
  } else showDoor(name ? "Please log in again. Nothing that you wrote is lost." : "");
}

const listed = new Set();

// Who is in a room, and with which role: asked for once in a moment.
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

// Whose coming, going and being away the server is to tell.
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

const whereOf = (one) => (one.isRoom ? {room: one.name} : {with: one.name});

// The latest messages of a conversation, once.
async function latest(one) {
  if (one.loaded || one.asking || !one.inside) return;
  one.asking = true;
  try {
    const answer = await net.request({do: "history", ...whereOf(one), most: PAGE});
    model.history(one, answer);
    if (one.read && !one.unread) model.unseen(one, answer);
  } catch (refusal) {
    if (refusal.why !== "offline") Object.assign(one, {loaded: true, more: false});
  }
  one.asking = false;
  draw();
}

async function unseen(one) {
  try {
    const answer = await net.request({do: "history", ...whereOf(one), after: one.read, most: MOST_PAGE});
    model.unseen(one, answer);
  } catch {
    // it shows when the conversation is opened
  }
  draw();
}

// More of what was said before.
async function older(one) {
  if (!one.more || one.asking) return;
  if (!one.loaded) return latest(one);
  one.asking = true;
  try {
    const before = one.firstNumber;
    model.history(one, await net.request({do: "history", ...whereOf(one), ...(before ? {before} : {}), most: PAGE}), {
      before: true
    });
  } catch (refusal) {
    if (refusal.why !== "offline") one.more = false;
  }
  one.asking = false;
  show();
  if (one === model.current) log.settle();
}

// What was said in a gap, its end first.
async function fill(one, gap) {
  try {
    const {messages, more} = await net.request({
      do: "history",
      ...whereOf(one),
      before: Math.ceil(gap.n),
      most: MOST_PAGE
    });
    const known = messages.some(({n}) => one.numbers.has(n));
    for (const message of messages) one.add({kind: "text", ...message});
    one.items = one.items.filter((item) => item !== gap);
    if (more && messages.length && !known) one.add({kind: "gap", n: messages[0].n - 0.5});
  } catch (refusal) {
    tellTrouble(refusal);
    gap.version++;
  }
  draw();
}

// What is found in what was loaded; `further`: in what was said before, too.
async function* search(one, words, further, isOver) {
  const low = words.toLowerCase();
  let looked = 0;
  do {
    if (looked) await older(one);
    if (isOver()) return;
    const texts = one.texts;
    const found = texts
      .filter((item) => item.text.toLowerCase().includes(low) || item.by.toLowerCase() === low)
      .reverse();
    const before = looked;
    looked = texts.length;
    yield {found, looked, since: texts.length ? texts[0].at : 0, more: one.more};
    if (looked === before) return;
  } while (further && one.more && looked < FURTHER * Math.ceil((looked + 1) / FURTHER) && net.phase === "in");
}

// ---- drawing, once a frame at most

let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  // A hidden page gets no frames, but its title has to say what is new.
  const later = document.hidden ? (call) => setTimeout(call, 300) : requestAnimationFrame;
  later(() => {
    drawing = false;
    show();
  });
}

function show() {
  drawBar();
  const inside = Boolean(model.me) && !door.shown;
  $("talk").hidden = !inside;
  $("door").hidden = inside || !door.shown;
  if (inside) {
    if (log.atBottom || log.name !== model.open) {
      model.seen();
      noteRead();
    }
    side.update();
    drawHead();
    log.update();
    panel.update();
    drawTyping();
  } else drawDoor();
  drawTitle();
  saveTimer = saveTimer || setTimeout(save, SAVE_EVERY);
}

function drawHead() {
  const one = model.current;
  const title = $("title");
  if (title.textContent !== one.name) title.replaceChildren(nameNode(one.name));
  const topic = one.isRoom
    ? one.topic
    : model.away.has(one.name)
      ? "away"
      : model.online.has(one.name)
        ? "here"
        : "not here now";
  if ($("topic").textContent !== topic) $("topic").replaceChildren(topic ? nameNode(topic) : "");
  $("topic").title = topic;
  $("about-count").textContent = one.isRoom && one.count ? String(one.count) : "";
  $("about-button").setAttribute(
    "aria-label",
    one.isRoom ? `About this room: ${plural(one.count, "member")}` : "About this person"
  );
  $("about-button").title = "Members and more";
  $("composer").hidden = !one.inside;
  $("outside").hidden = one.inside;
  if (focusWanted) focusText();
  if (!one.inside) $("outside-why").replaceChildren("You are not in ", nameNode(one.name), ".");
  const placeholder = `Message ${one.name}`;
  if ($("text").placeholder !== placeholder) {
    $("text").placeholder = placeholder;
    $("text-label").textContent = `Message to ${one.isRoom ? "room " + one.name : one.name}`;
  }
  const elsewhere = model.unread - one.unread;
  $("back-count").hidden = !elsewhere;
  $("back-count").textContent = elsewhere > 99 ? "99+" : elsewhere;
  $("back-count").className = "count" + (model.calls ? " call" : "");
  $("back").setAttribute(
    "aria-label",
    "Rooms and people" + (elsewhere ? `, ${plural(elsewhere, "unread message")}` : "")
  );
  away = away && !net.unknown.has("away");
  const signature = model.me + model.account + net.phase + away;
  if ($("me").dataset.of !== signature) {
    $("me").dataset.of = signature;
    const state = net.phase !== "in" ? "no connection" : away ? "away" : model.account ? "" : "guest";
    $("me").replaceChildren(
      face(model.me, net.phase === "in" ? (away ? "away" : "here") : ""),
      el(
        "span",
        {className: "who"},
        nameNode(model.me),
        state ? el("span", {className: "aside", textContent: state}) : ""
      ),
      el("span", {className: "hidden", textContent: " Menu"})
    );
  }
}

function drawTyping() {
  const names = model.typists(model.current);
  const text =
    names.length > 2
      ? "Several are typing …"
      : names.length
        ? `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing …`
        : "";
  if ($("typing").textContent !== text) $("typing").replaceChildren(text ? nameNode(text) : "");
  if (names.length) setTimeout(draw, 2000);
}

let barSays = "";

// The bar above everything: what is wrong with the connection.
function drawBar() {
  const seconds = Math.max(0, Math.ceil((net.retryAt - Date.now()) / 1000));
  let text = "";
  let button = "";
  if (net.phase === "waiting") {
    text = net.why ? `No connection: ${net.why}.` : "No connection.";
    button = "Try now";
    setTimeout(draw, 1000);
  } else if (net.phase === "connecting" && (barSays || model.me)) text = "Connecting …";
  else if (net.phase === "ended" && net.code) {
    text =
      net.code === CLOSED.REPLACED
        ? "You are talking in another tab or program."
        : `The server has ended the connection: ${net.why || "it gave no reason"}.`;
    button = net.code === CLOSED.REPLACED ? "Talk here" : "Try again";
  }
  if (net.phase === "connecting" && !barSays) {
    // a quick start needs no bar
    setTimeout(() => {
      if (net.phase === "connecting" && !barSays) showBar(text, "", 0);
    }, 700);
    return;
  }
  showBar(text, button, net.phase === "waiting" ? seconds : 0);
}

function showBar(text, button, seconds) {
  barSays = text;
  $("bar").hidden = !text;
  if ($("bar-text").textContent !== text) $("bar-text").textContent = text;
  const count = seconds > 0 ? `Trying again in ${seconds} s.` : "";
  if ($("bar-count").textContent !== count) $("bar-count").textContent = count;
  $("bar-now").hidden = !button;
  if ($("bar-now").textContent !== button) $("bar-now").textContent = button;
}

let iconShows = "";

function drawTitle() {
  const {unread, calls} = model;
  const where = model.me && !door.shown ? `${model.open} · Parley` : "Parley";
  document.title = unread ? `(${calls ? "! " : ""}${unread}) ${where}` : where;
  const dot = calls ? "#d93025" : unread ? "#e8a500" : "";
  if (dot !== iconShows) {
    iconShows = dot;
    drawIcon(dot);
  }
}

// The page's icon, with a dot.
async function drawIcon(dot) {
  const original = $("icon").dataset.original || $("icon").href;
  $("icon").dataset.original = original;
  const before = drawIcon.url;
  drawIcon.url = null;
  if (before) setTimeout(() => URL.revokeObjectURL(before), 5000); // the browser may be reading it still
  if (!dot) return ($("icon").href = original);
  try {
    drawIcon.source = drawIcon.source || (await (await fetch(original)).text());
    const svg = drawIcon.source.replace(
      "</svg>",
      `<circle cx="50" cy="14" r="13" fill="${dot}" stroke="#fff" stroke-width="3"/></svg>`
    );
    drawIcon.url = URL.createObjectURL(new Blob([svg], {type: "image/svg+xml"}));
    if (iconShows === dot) $("icon").href = drawIcon.url;
  } catch {
    // the title says it too
  }
}

let saveTimer = null;

function save() {
  clearTimeout(saveTimer);
  saveTimer = null;
  const text = $("text");
  if (model.me && !door.shown && text.dataset.of) model.drafts[text.dataset.of] = text.value;
  const read = {};
  for (const one of model.conversations.values()) if (one.read) read[one.name] = one.read;
  const rooms = model.rooms.filter((one) => one.inside && one.name !== LOBBY).map((one) => one.name);
  keep(tab, TAB, {
    ...net.state,
    drafts: model.drafts,
    read,
    rooms: model.me ? rooms : saved.rooms,
    sent: sent.slice(-50),
    door: {name: $("name").value, make: $("make").checked}
  });
  if (model.me && net.phase === "in" && model.current.loaded) {
    if (preferences.rooms.join() !== rooms.join()) {
      preferences.rooms = rooms;
      keep(here, HERE, preferences);
    }
  }
}

// ---- the door

const door = {shown: false, busy: false};

function showDoor(error = "") {
  door.shown = true;
  door.busy = false;
  show();
  doorError(error);
  if (!$("name").value) $("name").value = net.name || preferences.name;
  $(net.account && net.name ? "password" : "name").select();
}

function doorError(text, field = null) {
  $("door-error").textContent = text;
  $("name").setAttribute("aria-invalid", String(field === "name"));
  $("password").setAttribute("aria-invalid", String(field === "password"));
  if (field) $(field).focus();
}

function drawDoor() {
  const {limits} = net;
  $("motto").textContent = net.motd || "Say your name, and talk.";
  $("make").parentNode.hidden = limits.register === false;
  const making = $("make").checked && limits.register !== false;
  $("password").required = making;
  $("password").autocomplete = making ? "new-password" : "current-password";
  $("password-why").textContent = making ? "that only you know" : "if the name has one";
  const button = door.busy ? "One moment …" : making ? "Make the account and talk" : "Talk";
  if ($("talk-button").textContent !== button) $("talk-button").textContent = button;
  $("talk-button").disabled = door.busy;
}

const FIELDS = {
  "wrong-password": "password",
  "password-required": "password",
  "invalid-password": "password",
  "no-password": "password",
  "unverifiable-password": "password"
};

$("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  const password = $("password").value;
  if (!name || door.busy) return;
  door.busy = true;
  doorError("");
  draw();
  try {
    await ready();
    const making = $("make").checked && net.limits.register !== false;
    if (model.me && model.me !== name) forgetAll();
    await net.enter({do: making ? "register" : "login", name, ...(password ? {password} : {})});
    door.shown = false;
    $("password").value = "";
    $("make").checked = false;
    show();
    restoreDraft();
    focusText();
  } catch (refusal) {
    doorError(sentence(refusal), FIELDS[refusal.why] || "name");
  }
  door.busy = false;
  draw();
});
$("make").addEventListener("change", draw);
$("name").addEventListener("input", () => doorError(""));

// There is a connection, or the time is over.
function ready() {
  return new Promise((resolve, reject) => {
    const until = Date.now() + 10000;
    const look = () => {
      if (net.phase === "door") resolve();
      else if (Date.now() > until) reject(new Refusal({why: "offline", text: "the server does not answer"}));
      else setTimeout(look, 50);
    };
    if (net.phase === "waiting" || net.phase === "ended") net.connect();
    look();
  });
}

// Somebody else's words and rooms are nothing for this one.
function forgetAll() {
  model.drafts = {};
  model.reset();
  $("text").value = "";
  preferences.rooms = [];
  saved.rooms = [];
  net.outbox = [];
  net.reset();
  sent.length = 0;
}

function sentence(refusal) {
  const text = refusal.message || "This did not work";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
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
  keepDraft();
  const one = model.conversation(name);
  if (one.isRoom && !one.inside && isNew && !one.items.length) enterRoom(one);
  model.look(name);
  $("talk").classList.remove("listing");
  restoreDraft();
  panel.update();
  show();
  latest(one);
  if (isNew) $("announcer").replaceChildren(`${one.isRoom ? "Room" : "Talk with"} `, nameNode(name));
  if (isNarrow()) $("title").focus({preventScroll: true});
}

async function enterRoom(one, key) {
  try {
    await net.request({do: "join", room: one.name, ...(key ? {key} : {})});
    model.look(one.name);
    show();
    latest(one);
  } catch (refusal) {
    if (refusal.why === "wrong-key") {
      form(
        "A word to enter",
        `${one.name} can be entered with a word that its owner gives.`,
        [{id: "key", label: "Word"}],
        "Enter",
        ({key: word}) => net.request({do: "join", room: one.name, key: word})
      );
    } else tellTrouble(refusal);
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
// A conversation that is chosen again, on a phone's list.
$("side-lists").addEventListener("click", (event) => {
  const link = event.target.closest("a.entry");
  if (link && link.hash === location.hash) followHash();
  if (link && !isNarrow() && event.detail) focusText(); // by mouse or finger: whoever came by keys stays there
});

function move(step) {
  const all = [...model.rooms, ...model.people];
  const at = all.findIndex((one) => one.name === model.open);
  open(all[(at + step + all.length) % all.length].name);
  focusText();
}

async function leave(one) {
  if (one.isRoom && one.inside && !(await ask({do: "part", room: one.name}))) return;
  net.left(one.name);
  one.inside = false;
  model.conversations.delete(one.name);
  open(LOBBY);
}

function drop(room) {
  form("Close the room for good", `${room} and what was said in it go away for everybody.`, [], "Close it", () =>
    net.request({do: "drop", room})
  );
}

// Do something, and tell what came of it.
async function ask(frame, told = "") {
  try {
    const answer = await net.request(frame);
    if (told) announce(told);
    return answer;
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

// ---- the composer

const sent = saved.sent || [];
let recalled = 0; // how far back in `sent`
let typingTold = 0;
let choices = [];
let chosen = 0;

function keepDraft() {
  const text = $("text");
  if (!text.dataset.of) return;
  model.drafts[text.dataset.of] = text.value;
}

function restoreDraft() {
  const text = $("text");
  text.dataset.of = model.open;
  text.value = model.drafts[model.open] || "";
  recalled = 0;
  grow();
  choose([]);
}

let focusWanted = false; // as soon as there is a field, unless somebody goes elsewhere meanwhile

function focusText() {
  if (matchMedia("(pointer: coarse)").matches) return; // a keyboard would come up
  focusWanted = $("composer").hidden;
  if (!focusWanted) $("text").focus();
}
document.addEventListener("focusin", () => {
  focusWanted = false;
});

function grow() {
  const text = $("text");
  text.style.height = "auto";
  if (text.value) text.style.height = Math.min(text.scrollHeight, innerHeight * 0.4) + "px";
  const limit = net.limits.text || 0;
  const bytes = limit && text.value.length * 4 > limit * 0.8 ? new TextEncoder().encode(text.value).length : 0;
  const counter = $("counter");
  counter.classList.toggle("over", bytes > limit);
  counter.textContent =
    bytes > limit
      ? `${(bytes - limit).toLocaleString("en")} bytes too long`
      : bytes > limit * 0.8
        ? `${(limit - bytes).toLocaleString("en")} left`
        : "";
  return bytes <= limit;
}

function typed() {
  grow();
  if (log.sticks) log.scroll.scrollTop = log.scroll.scrollHeight;
  const one = model.current;
  if ($("text").value.trim() && Date.now() - typingTold > TYPING_EVERY) {
    typingTold = Date.now();
    net.tell({do: "typing", ...(one.isRoom ? {room: one.name} : {to: one.name})});
  }
  keepDraft();
  save();
}

function send() {
  const text = $("text");
  if (!text.value.trim() || !grow()) return;
  const one = model.current;
  sent.push(text.value);
  net.post(
    one.isRoom
      ? {do: "say", room: one.name, text: text.value.trimEnd()}
      : {do: "whisper", to: one.name, text: text.value.trimEnd()}
  );
  text.value = "";
  recalled = 0;
  typingTold = 0;
  typed();
  one.newFrom = 0;
  log.toBottom();
}

// The word before the caret, from which a name may be made.
function word() {
  const text = $("text");
  if (text.selectionStart !== text.selectionEnd) return null;
  const front = text.value.slice(0, text.selectionStart);
  const [found] = /@?[^\s]*$/u.exec(front);
  return {found, start: front.length - found.length, name: found.replace(/^@/, "")};
}

function choose(names) {
  choices = names;
  chosen = 0;
  $("names").hidden = !names.length;
  arrange(
    $("names"),
    names.map((name, at) =>
      el(
        "div",
        {
          className: "option",
          role: "option",
          id: "name-" + at,
          onmousedown: (event) => {
            event.preventDefault();
            complete(name);
          }
        },
        face(name, "small"),
        el("bdi", {className: "label", textContent: name})
      )
    )
  );
  mark();
  if (names.length) announce(`${plural(names.length, "name")}: ${names.join(", ")}`);
}

function mark() {
  [...$("names").children].forEach((node, at) => node.setAttribute("aria-selected", String(at === chosen)));
  if (choices.length) $("text").setAttribute("aria-activedescendant", "name-" + chosen);
  else $("text").removeAttribute("aria-activedescendant");
}

function complete(name) {
  const text = $("text");
  const {found, start} = word();
  const behind = start === 0 ? ": " : " ";
  const whole = (found.startsWith("@") ? "@" : "") + name + behind;
  text.setRangeText(whole, start, start + found.length, "end");
  choose([]);
  typed();
}

$("text").addEventListener("input", () => {
  typed();
  const current = word();
  choose(current && current.found.startsWith("@") && current.name ? model.completions(current.name) : []);
});
$("text").addEventListener("blur", () => choose([]));
$("text").addEventListener("keydown", (event) => {
  const text = event.target;
  if (event.isComposing) return;
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
  if (choices.length && plain) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step) {
      chosen = (chosen + step + choices.length) % choices.length;
      mark();
      return event.preventDefault();
    }
    if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) {
      complete(choices[chosen]);
      return event.preventDefault();
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      return choose([]);
    }
  }
  if (event.key === "Enter" && plain && !event.shiftKey) {
    event.preventDefault();
    send();
  } else if (event.key === "Tab" && plain && !event.shiftKey) {
    const current = word();
    const names = current && current.name ? model.completions(current.name) : [];
    if (!names.length) return;
    event.preventDefault();
    if (names.length === 1) complete(names[0]);
    else choose(names);
  } else if (event.key === "ArrowUp" && plain && (recalled || !text.value) && recalled < sent.length) {
    event.preventDefault();
    recall(recalled + 1);
  } else if (event.key === "ArrowDown" && plain && recalled) {
    event.preventDefault();
    recall(recalled - 1);
  } else if (event.key.length === 1) recalled = 0;
});

// What I sent before: 1 is the latest, 0 nothing.
function recall(at) {
  recalled = at;
  $("text").value = at ? sent[sent.length - at] : "";
  typed();
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
  $("text").focus();
});
$("latest").addEventListener("click", () => {
  log.toBottom();
  draw();
  focusText();
});

// ---- telling of what is new

let toAnnounce = [];
let announcing = null;

// For screen readers: all of a moment at once, and no more than can be listened to.
function announce(text) {
  toAnnounce.push(text);
  $("announcer").textContent = ""; // the same again is news as well
  if (announcing) return;
  announcing = setTimeout(() => {
    announcing = null;
    const texts = toAnnounce;
    toAnnounce = [];
    $("announcer").textContent =
      texts.length > 4 ? `${texts.length} new messages. ${texts[texts.length - 1]}` : texts.join(". ");
  }, ANNOUNCE_EVERY);
}

function alert(one, {by, text}, called, seen) {
  if (seen || one.name === model.open) announce(`${by}: ${oneLine(text, 300)}`);
  else if (called) announce(`${by}${one.isRoom ? " in " + one.name : " to you"}: ${oneLine(text, 300)}`);
  if (called && !attentive()) notify(one.isRoom ? `${by} in ${one.name}` : by, oneLine(text), one.name);
}

const canNotify = () => window.isSecureContext && "Notification" in window;

function notify(title, body, name) {
  if (!preferences.notify || !canNotify() || Notification.permission !== "granted" || attentive()) return;
  try {
    const shown = new Notification(title, {body, tag: name});
    shown.onclick = () => {
      window.focus();
      open(name);
      shown.close();
    };
  } catch {
    // some phones allow them to service workers only
  }
}

let readNoted = 0;
let readTimer = null;

// What was read is noted here, and on the server for the account's other devices.
function noteRead() {
  const one = model.current;
  if (!attentive() || !one.inside || one.top <= one.read || !one.loaded) return;
  if (Date.now() - readNoted < READ_EVERY) {
    readTimer =
      readTimer ||
      setTimeout(() => {
        readTimer = null;
        draw();
      }, READ_EVERY);
    return;
  }
  readNoted = Date.now();
  one.read = Math.floor(one.top);
  if (model.account) net.tell({do: "read", ...whereOf(one), n: one.read});
}

// ---- dialogs

function dialog(title, ...children) {
  const node = $("dialog");
  if (node.open) node.close();
  node.replaceChildren(
    el(
      "div",
      {className: "dialog-head"},
      el("h2", {id: "dialog-title", textContent: title}),
      el(
        "button",
        {type: "button", className: "icon", "aria-label": "Close", onclick: () => node.close()},
        icon("close")
      )
    ),
    ...children
  );
  node.showModal();
  (
    node.querySelector("input") ||
    node.querySelector(".menu button, .actions button") ||
    node.querySelector("button")
  ).focus();
  return node;
}
$("dialog").addEventListener("click", (event) => {
  if (event.target === $("dialog")) $("dialog").close();
});

// A question with fields; `act` gets what was filled in. What is refused is told beside the fields.
function form(title, text, fields, button, act) {
  const error = el("p", {className: "error", role: "alert"});
  const inputs = fields.map(({id, label, ...properties}) => ({
    id,
    node: el("input", {name: id, ...properties}),
    label
  }));
  const node = dialog(
    title,
    el(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          error.textContent = "";
          try {
            await act(Object.fromEntries(inputs.map((input) => [input.id, input.node.value])));
            node.close();
          } catch (refusal) {
            error.textContent = sentence(refusal);
          }
          draw();
        }
      },
      text ? el("p", {textContent: text}) : "",
      ...inputs.map((input) => el("label", {}, input.label, input.node)),
      error,
      el(
        "div",
        {className: "actions"},
        el("button", {type: "button", className: "plain", textContent: "Cancel", onclick: () => node.close()}),
        el("button", {className: "primary", textContent: button})
      )
    )
  );
}

function menu(title, entries, ...before) {
  const node = dialog(
    title,
    ...before,
    el(
      "div",
      {className: "menu"},
      ...entries.filter(Boolean).map((entry) =>
        entry === "line"
          ? el("hr")
          : el(
              "button",
              {
                type: "button",
                className: entry.danger ? "danger" : "",
                onclick: () => {
                  node.close();
                  entry.act();
                }
              },
              entry.text
            )
      )
    )
  );
}

// What can be done about somebody, here.
function person(name) {
  const one = model.current;
  const role = one.roles.get(name) || "";
  const manages = one.isMine && one.members && one.members.has(name) && rank(one.role) > rank(role);
  const deed = (act, text) => ({text, act: () => ask({do: act, room: one.name, name})});
  const withWhy = (act, text, button) => ({
    text: text + "…",
    danger: true,
    act: () =>
      form(`${text}: ${name}`, "", [{id: "why", label: "Why (they are told)", maxLength: 300}], button, ({why}) =>
        net.request({do: act, room: one.name, name, ...(why.trim() ? {text: why.trim()} : {})})
      )
  });
  menu(name, [
    name === model.me
      ? null
      : {
          text: "Talk in private",
          act: () => {
            open(name);
            focusText();
          }
        },
    {
      text: "Mention",
      act: () => {
        $("text").setRangeText(`@${name} `, $("text").selectionStart, $("text").selectionEnd, "end");
        typed();
        $("text").focus();
      }
    },
    ...(manages
      ? [
          "line",
          one.name !== LOBBY &&
            (role === "voice" ? deed("devoice", "Take the voice") : role === "" && deed("voice", "Give a voice")),
          one.name !== LOBBY && (role === "op" ? deed("deop", "No more a moderator") : deed("op", "Make a moderator")),
          deed("unmute", "Let speak again"),
          withWhy("mute", "Mute", "Mute"),
          withWhy("kick", "Remove from the room", "Remove"),
          withWhy("ban", "Ban", "Ban")
        ]
      : [])
  ]);
}

let away = false;

$("me").addEventListener("click", () => {
  const themes = {"": "As the device is set", light: "Light", dark: "Dark"};
  menu(
    model.me,
    [
      model.account
        ? {
            text: "Change the password…",
            act: () =>
              form(
                "Change the password",
                "",
                [
                  {
                    id: "old",
                    label: "Password now",
                    type: "password",
                    autocomplete: "current-password",
                    required: true
                  },
                  {id: "new", label: "New password", type: "password", autocomplete: "new-password", required: true}
                ],
                "Change it",
                ({old, new: fresh}) => net.request({do: "password", old, new: fresh})
              )
          }
        : net.limits.register !== false && {
            text: "Make an account, so that the name stays mine…",
            act: () =>
              form(
                "Make an account",
                `The name ${model.me} will be yours, with a password.`,
                [{id: "password", label: "Password", type: "password", autocomplete: "new-password", required: true}],
                "Make it",
                async ({password}) => {
                  await net.request({do: "register", name: model.me, password});
                  model.account = net.account = true;
                }
              )
          },
      !net.unknown.has("away") && {
        text: away ? "I am back" : "I am away for a while",
        act: () => {
          away = !away;
          net.tell({do: "away", away});
          draw();
        }
      },
      "line",
      canNotify() && {
        text: preferences.notify ? "No notifications" : "Notify me when I am called",
        act: async () => {
          preferences.notify = !preferences.notify && (await Notification.requestPermission()) === "granted";
          keep(here, HERE, preferences);
        }
      },
      {
        text: "Colours…",
        act: () =>
          menu(
            "Colours",
            Object.entries(themes).map(([theme, text]) => ({
              text: (theme === preferences.theme ? "✓ " : "") + text,
              act: () => {
                preferences.theme = theme;
                keep(here, HERE, preferences);
                setTheme();
              }
            }))
          )
      },
      {text: "Keys", act: showKeys},
      "line",
      {
        text: "Log out",
        danger: true,
        act: () => {
          forgetAll();
          model.me = "";
          welcomed.before = "";
          watched = "";
          preferences.name = "";
          preferences.rooms = [];
          keep(here, HERE, preferences);
          $("name").value = "";
          door.shown = true;
          history.replaceState(null, "", location.pathname);
          net.logout();
          showDoor();
        }
      }
    ],
    window.isSecureContext
      ? ""
      : el("p", {
          className: "aside",
          textContent: "This address is not https: no notifications, and what is said can be read on the way."
        })
  );
});

function showKeys() {
  const keys = {
    "Ctrl K": "jump to a room or a person",
    "Alt ↑ ↓": "the room above, the room below",
    Esc: "to the message field; close what is open",
    Enter: "send",
    "Shift Enter": "a new line",
    Tab: "complete a name",
    "↑": "what you sent before",
    "Ctrl Shift F": "search"
  };
  dialog(
    "Keys",
    el(
      "dl",
      {className: "keys"},
      ...Object.entries(keys).flatMap(([combination, what]) => [
        el("dt", {}, ...combination.split(" ").flatMap((key) => [el("kbd", {textContent: key}), " "])),
        el("dd", {textContent: what})
      ])
    )
  );
}

// Rooms and people whose names have what is typed; a room that is not there yet can be made.
function jump(making = false) {
  if ($("talk").hidden) return;
  const input = el("input", {
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "targets",
    "aria-autocomplete": "list",
    autocapitalize: "off",
    autocomplete: "off",
    spellcheck: false,
    placeholder: making ? "#name of a room" : "A room or a person",
    "aria-label": "Room or person",
    value: making ? "#" : ""
  });
  const list = el("div", {className: "list", role: "listbox", id: "targets", "aria-label": "Rooms and people"});
  const state = el("p", {className: "hidden", role: "status"});
  let found = [];
  let at = 0;
  const go = (name) => {
    $("dialog").close();
    open(name);
    focusText();
  };
  const mark = () => {
    [...list.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === at)));
    if (found.length) {
      input.setAttribute("aria-activedescendant", "target-" + at);
      list.children[at].scrollIntoView({block: "nearest"});
    } else input.removeAttribute("aria-activedescendant");
  };
  const look = () => {
    const typed = input.value.trim();
    const low = typed.toLowerCase();
    const topics = new Map(model.directory.map((room) => [room.room, room]));
    const names = [
      ...new Set([
        ...model.rooms.map((one) => one.name),
        ...topics.keys(),
        ...model.people.map((one) => one.name),
        ...model.online
      ])
    ].filter((name) => name !== model.me);
    const fits = (name) =>
      name.toLowerCase().includes(low) || (isRoom(name) && (topics.get(name)?.topic || "").toLowerCase().includes(low));
    const order = (name) =>
      (name.toLowerCase().replace(/^#/, "").startsWith(low.replace(/^#/, "")) ? 0 : 2) +
      (model.conversations.get(name)?.unread ? -1 : 0);
    found = names
      .filter(fits)
      .sort((a, b) => order(a) - order(b))
      .slice(0, 50);
    const bare = typed.replace(/^#+/, "");
    const fresh = "#" + bare;
    const makes = bare && !/[\s,:]/.test(bare) && !names.some((name) => name.toLowerCase() === fresh.toLowerCase());
    if (makes) found.push(fresh);
    at = 0;
    list.replaceChildren(
      ...found.map((name, index) =>
        el(
          "div",
          {className: "option", role: "option", id: "target-" + index, onclick: () => go(name)},
          isRoom(name) ? el("span", {className: "sign", "aria-hidden": "true", textContent: "#"}) : face(name, "small"),
          el("bdi", {className: "label", textContent: name}),
          el("span", {
            className: "aside",
            textContent:
              makes && name === fresh
                ? "make or enter this room"
                : isRoom(name) && topics.has(name)
                  ? plural(topics.get(name).members, "member")
                  : model.online.has(name)
                    ? "here"
                    : ""
          })
        )
      )
    );
    state.textContent = plural(found.length, "choice");
    mark();
  };
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step && found.length) {
      at = (at + step + found.length) % found.length;
      mark();
      event.preventDefault();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      if (found.length) go(found[at]);
    }
  });
  dialog(making ? "Find or make a room" : "Go to", input, state, list);
  input.setSelectionRange(input.value.length, input.value.length);
  look();
  net.request({do: "rooms", pattern: "*"}).then(look, () => {});
}

$("jump-button").addEventListener("click", () => jump());
$("find-rooms").addEventListener("click", () => jump(true));
$("search-button").addEventListener("click", () => panel.toggle("search"));
$("about-button").addEventListener("click", () => {
  if (model.current.isRoom && model.current.inside) listMembers(model.open);
  panel.toggle("about");
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || $("talk").hidden) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && !event.shiftKey && !event.altKey && key === "k") jump();
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

function setTheme() {
  if (preferences.theme) document.documentElement.dataset.theme = preferences.theme;
  else delete document.documentElement.dataset.theme;
}

$("bar-now").addEventListener("click", () => net.connect());
window.addEventListener("online", () => net.wake());
window.addEventListener("offline", () => net.wake());
window.addEventListener("focus", draw);
window.addEventListener("pagehide", () => {
  keepDraft();
  save();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") net.wake();
  else save();
  draw();
});

// Where a keyboard on the screen covers the page rather than make it smaller, as on iPhones: make it smaller.
window.visualViewport?.addEventListener("resize", () => {
  const {height, scale} = window.visualViewport;
  document.body.style.height = scale === 1 && innerHeight - height > 100 ? `${height}px` : "";
  if (document.body.style.height) scrollTo(0, 0);
});

setTheme();
const wasAtDoor = saved.door || {};
$("name").value = wasAtDoor.name || preferences.name;
$("make").checked = Boolean(wasAtDoor.make);
followHash();
net.connect();
if (net.session || net.name) {
  model.me = net.name;
  restoreDraft();
  show();
} else showDoor();
