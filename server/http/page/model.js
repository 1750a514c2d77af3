// The state: conversations, who is online, what is unread. It uses neither the DOM nor the connection.
//
// A conversation is a room ("#dev") or a person ("bob"). Its `items` are sorted by `n`:
//   {kind: "text", n, by, at, text, sealed}    sealed: was it?; or of a sealed file, see sealedfile.js
//   {kind: "event", n, at, parts}       parts: strings and {name}; n: of the message before it
//   {kind: "comings", n, at, people}    people: Map from name to "joined", "left", …
//   {kind: "gap", n}                    messages before this are missing
// The `version` of an item is increased when it changes.

import {mentions} from "./text.js";

export const LOBBY = "#lobby";
const MOST_ITEMS = 6000; // of one conversation; what is cut off can be had from the server again
const TYPING_FOR = 6; // seconds
const TOGETHER = 600; // seconds between comings that are told in one line
const MODERATORS = ["op", "owner", "operator"];
const QUIET_LOBBY = 40; // with more people in the lobby, who comes and goes there is not told

export const isRoom = (name) => name.startsWith("#");

export class Conversation {
  constructor(name) {
    this.name = name;
    this.isRoom = isRoom(name);
    this.inside = !this.isRoom || name === LOBBY;
    this.topic = "";
    this.count = 0;
    this.role = ""; // mine: "", "voice", "op", "owner", "operator"
    this.roles = new Map(); // of those that have one, by name
    this.settings = {};
    this.members = null; // a set of names, once known
    this.items = [];
    this.numbers = new Set();
    this.more = true; // may there be older messages than those in `items`?
    this.loaded = false; // were the latest asked for?
    this.unread = 0;
    this.manyUnread = false; // more than `unread`
    this.counted = new Set(); // times and texts of these, if they are not in `items`
    this.mentioned = false;
    this.refusal = ""; // why I am not in it, as a sentence
    this.newFrom = 0; // the first that was not read when the conversation was opened
    this.read = 0;
    this.top = 0; // the greatest number known of
    this.typing = new Map(); // until when, by name
  }

  get texts() {
    return this.items.filter((item) => item.kind === "text");
  }

  // Is the user an op here?
  get isMine() {
    return this.inside && MODERATORS.includes(this.role);
  }

  get last() {
    return this.items.length ? this.items[this.items.length - 1] : null;
  }

  get firstNumber() {
    const first = this.items.find((item) => item.kind === "text");
    return first ? first.n : 0;
  }

  // Insert an item at its place. Returns whether it is new.
  add(item) {
    if (item.kind === "text") {
      if (this.numbers.has(item.n)) return false;
      this.numbers.add(item.n);
      this.top = Math.max(this.top, item.n);
    }
    let at = this.items.length;
    while (at && this.items[at - 1].n > item.n) at--;
    this.items.splice(at, 0, {version: 0, ...item});
    return true;
  }

  // Insert older messages, much faster than by `add`.
  addOlder(messages) {
    const texts = new Set(messages.map(({at, text}) => at + " " + text));
    this.items = this.items.filter((item) => !item.kept || !texts.has(item.at + " " + item.text));
    const fresh = messages
      .filter(({n}) => !this.numbers.has(n))
      .map((message) => ({version: 0, kind: "text", ...message}));
    for (const {n} of fresh) this.numbers.add(n);
    if (fresh.length) this.top = Math.max(this.top, fresh[fresh.length - 1].n);
    if (!fresh.length) return;
    this.items = [...fresh, ...this.items];
    if (this.items.length > fresh.length && this.items[fresh.length].n < fresh[fresh.length - 1].n) {
      this.items = this.items
        .map((item, at) => ({item, at}))
        .sort((a, b) => a.item.n - b.item.n || a.at - b.at)
        .map(({item}) => item);
    }
  }

  trim() {
    if (this.items.length <= MOST_ITEMS) return;
    for (const item of this.items.splice(0, MOST_ITEMS / 4)) this.numbers.delete(item.n);
    this.more = true;
  }

  event(at, ...parts) {
    this.add({kind: "event", n: this.top, at, parts});
  }

  came(name, how, at) {
    const last = this.last;
    if (last && last.kind === "comings" && at - last.at < TOGETHER) {
      const before = last.people.get(name);
      last.people.delete(name);
      last.people.set(
        name,
        before && before !== how && before !== "came and went"
          ? before === "joined"
            ? "came and went"
            : "came back"
          : how
      );
      last.version++;
    } else this.add({kind: "comings", n: this.top, at, people: new Map([[name, how]])});
  }
}

const DEEDS = {
  // act: words between who does it and to whom, and words behind that
  invite: ["invited", ""],
  kick: ["removed", ""],
  ban: ["banned", ""],
  unban: ["lifted the ban on", ""],
  mute: ["muted", ""],
  unmute: ["lets", "speak again"],
  voice: ["gave", "a voice"],
  devoice: ["took the voice of", ""],
  op: ["made", "a moderator"],
  deop: ["made", "a moderator no more"]
};

// The role of a member after an act.
const ROLE_OF = {voice: "voice", op: "op", devoice: "", deop: ""};

export class Model {
  // now(): seconds since the epoch. attentive(): is the user looking at the page? atEnd(): is the end of the open
  // conversation in sight there? alert(conversation, item): notify.
  constructor({
    now = () => Math.floor(Date.now() / 1000),
    attentive = () => true,
    atEnd = () => true,
    alert = () => {}
  } = {}) {
    Object.assign(this, {now, attentive, atEnd, alert});
    this.drafts = new Map(); // by conversation, whatever that is called
    this.reset();
    this.me = "";
    this.account = false;
    this.operator = false;
  }

  reset() {
    this.conversations = new Map();
    this.online = new Set();
    this.away = new Set();
    this.directory = []; // rooms that I may know of
    this.marks = new Map(); // up to where I have read, here or on another device, by conversation
    this.open = LOBBY;
    this.conversation(LOBBY);
  }

  conversation(name) {
    let found = this.conversations.get(name);
    if (!found) {
      found = this.stranger(name);
      this.conversations.set(name, found);
    }
    return found;
  }

  // A new conversation that is not in the list; see `keep`.
  stranger(name) {
    const found = new Conversation(name);
    found.read = this.marks.get(name) || 0;
    return found;
  }

  keep(one) {
    if (!this.conversations.has(one.name)) this.conversations.set(one.name, one);
  }

  // The user has read up to message n.
  mark(name, n) {
    this.marks.set(name, Math.max(n, this.marks.get(name) || 0));
    const one = this.conversations.get(name);
    if (one) one.read = Math.max(one.read, n);
  }

  // People with read markers who are not in the list of conversations, the latest first.
  get partners() {
    return [...this.marks.keys()]
      .filter((name) => !isRoom(name) && !this.conversations.has(name))
      .sort((a, b) => this.marks.get(b) - this.marks.get(a));
  }

  get current() {
    return this.conversation(this.open);
  }

  get rooms() {
    return this._sorted((one) => one.isRoom);
  }

  get people() {
    return this._sorted((one) => !one.isRoom);
  }

  _sorted(test) {
    return [...this.conversations.values()]
      .filter(test)
      .sort((a, b) => (b.name === LOBBY) - (a.name === LOBBY) || compare(a.name, b.name));
  }

  get unread() {
    return [...this.conversations.values()].reduce((sum, one) => sum + one.unread, 0);
  }

  // The number of conversations with unread direct messages or mentions.
  get calls() {
    return [...this.conversations.values()].filter((one) => one.mentioned || (!one.isRoom && one.unread)).length;
  }

  isRoomKnown(name) {
    return this.conversations.has(name) || this.directory.some((room) => room.room === name);
  }

  look(name) {
    const before = this.conversations.get(this.open);
    if (before && name !== this.open) before.newFrom = 0;
    this.open = name;
    this.seen();
  }

  // The open conversation is being looked at, if the page is.
  seen() {
    if (!this.attentive()) return;
    const current = this.current;
    current.unread = 0;
    current.manyUnread = current.mentioned = false;
  }

  partner(message) {
    return message.by === this.me ? message.to : message.by;
  }

  heard(frame) {
    const hear = this["_" + frame.on];
    if (hear) hear.call(this, frame);
  }

  _welcome({name, account, operator, read}) {
    this.me = name;
    this.account = Boolean(account);
    this.operator = Boolean(operator);
    for (const [where, n] of Object.entries(read || {})) this.mark(where, n);
  }

  // The server's numbers have begun anew.
  _reset() {
    this.marks.clear();
    for (const one of this.conversations.values()) {
      Object.assign(one, {items: [], numbers: new Set(), more: true, loaded: false, top: 0});
      Object.assign(one, {read: 0, newFrom: 0, unread: 0, manyUnread: false, mentioned: false});
    }
  }

  _said({room, n, by, at, text, sealed}) {
    this._text(this.conversation(room), {n, by, at, text, sealed});
  }

  _whispered({n, by, to, at, text, sealed}) {
    this._text(this.conversation(this.partner({by, to: to || this.me})), {n, by, at, text, sealed});
  }

  _stored({entry, n, at}) {
    const where = entry.to === undefined ? entry.room : entry.to;
    const one = this.conversation(where);
    one.add({kind: "text", n, by: this.me, at, text: entry.text, sealed: entry.sealed});
    one.newFrom = 0;
  }

  _text(one, message) {
    if (!one.add({kind: "text", ...message})) return;
    one.typing.delete(message.by);
    if (one.name !== this.open || this.atEnd()) one.trim(); // nothing that is being read
    if (message.by === this.me || message.n <= one.read) return;
    const seen = one.name === this.open && this.atEnd() && this.attentive();
    if (!one.newFrom && !seen) one.newFrom = message.n;
    const called = !one.isRoom || mentions(message.text, this.me);
    if (!seen) {
      one.unread++;
      one.mentioned = one.mentioned || called;
    }
    this.alert(one, message, called, seen);
  }

  _missed({room, me, messages, gap}) {
    if (gap && room && messages.length) {
      const one = this.conversation(room);
      if (one.firstNumber && one.top < messages[0].n) one.add({kind: "gap", n: messages[0].n - 0.5});
    }
    for (const message of messages) {
      if (room) this._said({room, ...message});
      else if (me && message.n) this._whispered(message);
      else this._kept(message);
    }
  }

  // A message that was kept while the user was away. It has no number, so it is shown last until the history comes.
  _kept({by, at, text, sealed}) {
    const one = this.conversation(by);
    if (one.counted.has(at + " " + text) || one.items.some((item) => item.at === at && item.text === text)) return;
    this._text(one, {n: Math.max(one.top, one.read) + 0.001, by, at, text, sealed, kept: true});
  }

  history(one, {messages, more}, {before = false} = {}) {
    one.addOlder(messages);
    if (before || !one.loaded) one.more = more;
    one.loaded = true;
  }

  // Messages since the last one that was read, as many as one answer has.
  unseen(one, {messages, more}) {
    const others = messages.filter(({n, by}) => n > one.read && by !== this.me);
    if (!others.length) return;
    one.counted = new Set(others.map(({at, text}) => at + " " + text));
    one.newFrom = others[0].n;
    if (one.name === this.open && this.attentive()) return;
    one.unread = others.length;
    one.manyUnread = more;
    one.mentioned = !one.isRoom || others.some(({text}) => mentions(text, this.me));
  }

  _room({room, topic, members, n}) {
    const one = this.conversation(room);
    one.inside = true;
    if (topic !== undefined) one.topic = topic;
    if (typeof members === "number") one.count = members;
    one.top = Math.max(one.top, n || 0);
  }

  _who({room, names}) {
    const one = this.conversation(room || LOBBY);
    one.members = new Set(names);
    one.count = names.length;
    if (one.name === LOBBY) this.online = new Set(names);
  }

  _roles({room, roles, settings}) {
    const one = this.conversation(room);
    one.roles = new Map(Object.entries(roles));
    one.role = one.roles.get(this.me) || "";
    one.settings = settings;
  }

  _rooms({rooms}) {
    this.directory = rooms;
    for (const {room, topic, members} of rooms) {
      const one = this.conversations.get(room);
      if (one) Object.assign(one, {topic, count: members});
    }
  }

  _joined({room, name}) {
    const one = this.conversation(room);
    if (name === this.me) one.inside = true;
    if (one.members && !one.members.has(name)) one.count = one.members.add(name).size;
    if (room === LOBBY) this.online.add(name);
    if (name !== this.me) this._tellComing(one, name, "joined");
  }

  _left({room, name}) {
    const one = this.conversation(room);
    one.typing.delete(name);
    if (one.members && one.members.delete(name)) one.count = one.members.size;
    if (room === LOBBY) {
      this.online.delete(name);
      this.away.delete(name);
    }
    if (name === this.me) this._outside(one);
    else this._tellComing(one, name, "left");
  }

  _tellComing(one, name, how) {
    if (one.name !== LOBBY || one.count <= QUIET_LOBBY) one.came(name, how, this.now());
  }

  _outside(one) {
    one.inside = one.name === LOBBY;
    one.members = null;
  }

  _renamed({room, old, new: name}) {
    if (old === this.me) this.me = name;
    const one = this.conversation(room || LOBBY);
    if (one.members && one.members.has(old)) {
      one.members.add(name).delete(old);
      if (one.roles.has(old)) one.roles.set(name, one.roles.get(old)).delete(old);
    }
    if (one.name === LOBBY && this.online.delete(old)) this.online.add(name);
    one.event(this.now(), {name: old}, " is now called ", {name});
    if (!this.conversations.has(name)) this._move(old, name);
  }

  // A room has got another name: keep its messages, draft and unread counts.
  _move(old, name) {
    const talk = this.conversations.get(old);
    if (!talk) return;
    this.conversations.delete(old);
    this.conversations.set(name, Object.assign(talk, {name}));
    this.drafts.set(name, this.drafts.get(old) || "").delete(old);
    if (this.marks.has(old)) this.marks.set(name, this.marks.get(old));
    this.marks.delete(old);
    if (this.open === old) this.open = name;
  }

  _managed({room, act, by, name, text}) {
    const one = this.conversation(room);
    const why = text ? [": ", {quote: text}] : [];
    if (act === "topic") {
      one.topic = text || "";
      one.event(
        this.now(),
        {name: by},
        text ? " set the topic: " : " took the topic away",
        ...(text ? [{quote: text}] : [])
      );
    } else if (act === "set") {
      // A key is never told, nor that there is none.
      if (name === "key") one.event(this.now(), {name: by}, " changed the key");
      else one.event(this.now(), {name: by}, ` set ${name}: ${text}`);
    } else if (act === "rename") {
      this._move(room, name);
      one.event(this.now(), {name: by}, " renamed the room to ", {room: name});
    } else if (act === "drop") {
      one.event(this.now(), {name: by}, " closed the room for good");
      this._outside(one);
    } else if (DEEDS[act]) {
      const [verb, behind] = DEEDS[act];
      const reason = ROLE_OF[act] === undefined ? why : text === "voice" ? [", who may still speak"] : [];
      one.event(this.now(), {name: by}, ` ${verb} `, {name}, behind && " " + behind, ...reason);
      this._role(one, act, name, text);
    }
  }

  _role(one, act, name, text) {
    const role = ROLE_OF[act] === undefined ? undefined : text || ROLE_OF[act];
    if (role !== undefined) one.roles.set(name, role);
    if (role !== undefined && name === this.me) one.role = role;
    if (act === "kick" || act === "ban") {
      if (name === this.me) {
        this._outside(one);
        one.refusal = `You were ${act === "ban" ? "banned" : "removed"} from ${one.name}${text ? ": " + text : "."}`;
      } else if (one.members && one.members.delete(name)) one.count = one.members.size;
    }
  }

  _invited({room, by}) {
    this.current.event(this.now(), {name: by}, " invites you to ", {room});
  }

  _notice({text}) {
    this.current.event(this.now(), {quote: text});
  }

  _presence({name, state}) {
    if (state === "away") this.away.add(name);
    else this.away.delete(name);
    if (state === "gone") this.online.delete(name);
    else this.online.add(name);
  }

  _typing({room, from, name}) {
    const who = name || from;
    if (who !== this.me) this.conversation(room || from).typing.set(who, this.now() + TYPING_FOR);
  }

  typists(one) {
    for (const [name, until] of one.typing) if (until < this.now()) one.typing.delete(name);
    return [...one.typing.keys()];
  }

  // Completions of the beginning of a name, of a room if it begins with "#"; whoever spoke last comes first.
  completions(start) {
    const low = start.toLowerCase();
    const one = this.current;
    const found = (names) => [...names].filter((name) => name.toLowerCase().startsWith(low)).slice(0, 8);
    if (isRoom(start)) {
      return found(new Set([...this.rooms.map(({name}) => name), ...this.directory.map(({room}) => room)]));
    }
    const spoke = one.items
      .slice(-200)
      .reverse()
      .filter((item) => item.kind === "text")
      .map((item) => item.by);
    const names = new Set([...spoke, ...(one.members || []), ...(one.isRoom ? this.online : [one.name])]);
    names.delete(this.me);
    return found(names);
  }
}

let collator = null; // made when it is needed, as that takes some time
export const compare = (a, b) => {
  collator = collator || new Intl.Collator(undefined, {sensitivity: "base", numeric: true});
  return collator.compare(a, b);
};
