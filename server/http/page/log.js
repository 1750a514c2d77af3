// The messages of the open conversation. What users wrote becomes text nodes, never markup.

import {fileNode, toldIn} from "./files.js";
import {LOBBY} from "./model.js";
import {$, arrange, dayName, el, face, full, hashOf, hue, nameNode, plural, timeNode} from "./nodes.js";
import {mentions, parse, render} from "./text.js";

const SHOWN = 80; // messages at first
const STEP = 60; // more, when somebody scrolls there
const MOST_SHOWN = 300; // so that with days and the like there are at most 400 rows
const NEAR = 600; // pixels
const TOGETHER = 300; // seconds between messages of one sender that stand under one name
const LONG = 4000; // characters, or
const TALL = 40; // lines, of which more are shown when asked for

function eventNodes(parts) {
  return parts.map((part) =>
    typeof part === "string"
      ? part
      : part.name !== undefined
        ? nameNode(part.name)
        : part.room !== undefined
          ? el("a", {href: hashOf(part.room), textContent: part.room})
          : el("bdi", {textContent: part.quote})
  );
}

// Stands where no text of a message can, so that no text can look sealed.
const sealMark = () => el("span", {className: "aside seal", textContent: "sealed", title: "Only the devices of those who talk can read this"});

function comingParts(people) {
  const byWhat = new Map();
  for (const [name, how] of people) byWhat.set(how, [...(byWhat.get(how) || []), name]);
  const parts = [];
  for (const [how, names] of byWhat) {
    if (parts.length) parts.push(", ");
    const shown = names.length > 4 ? names.slice(0, 3) : names;
    shown.forEach((name, at) => parts.push(at ? (at === names.length - 1 ? " and " : ", ") : "", {name}));
    if (shown.length < names.length) parts.push(` and ${names.length - shown.length} others`);
    parts.push(" " + how);
  }
  return parts;
}

export class Log {
  // actions: older(conversation), fill(conversation, gap): load messages, person(name): open the menu, again(entry),
  // forget(entry), edit(entry): of an own message, find(): look for a room, invite(room): ask for a name
  constructor(model, net, actions) {
    Object.assign(this, {model, net, actions});
    this.scroll = $("scroll");
    this.rows = $("rows");
    this.cache = new WeakMap();
    this.shown = []; // the items that have a row
    this.days = new Map();
    this.newLine = el("div", {className: "new", textContent: "New"});
    this.start = el("div", {className: "start"});
    this.name = null;
    // If a turned phone or a keyboard moves it, the end stays in sight: the observer below comes after this event.
    const box = () => `${this.scroll.clientWidth} ${this.scroll.clientHeight}`;
    let seen = box();
    this.scroll.addEventListener("scroll", () => seen === box() && this.settle(), {passive: true});
    // The full date of a time, when the mouse is over it.
    this.rows.addEventListener("mouseover", ({target}) => {
      if (target.tagName === "TIME" && !target.title) target.title = full(new Date(target.dateTime));
    });
    new ResizeObserver(() => {
      seen = box();
      if (this.sticks) this.toBottom();
    }).observe(this.scroll);
    // Scroll on when a picture is opened at the end of the conversation.
    new ResizeObserver(() => {
      if (this.sticks) this.scroll.scrollTop = this.scroll.scrollHeight;
    }).observe(this.rows);
  }

  // Is the end of the conversation visible?
  get atBottom() {
    return this.following && this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60;
  }

  toBottom() {
    this.following = this.sticks = true;
    this.size = Math.min(this.size, SHOWN);
    this.update();
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  // Show the conversation that is open now; from the first unread message on, if there are many.
  open() {
    const one = this.model.current;
    this.name = one.name;
    this.size = SHOWN;
    this.following = this.sticks = true;
    this.first = null;
    this.behind = 0;
    this.shown = [];
    arrange(this.rows, []);
    if (one.newFrom) {
      const at = one.items.findIndex((item) => item.n >= one.newFrom);
      if (at >= 0) this.size = Math.min(MOST_SHOWN, Math.max(SHOWN, one.items.length - at + 10));
    }
    this.update();
    this.scroll.scrollTop = this.scroll.scrollHeight;
    if (this.newLine.isConnected && this.newLine.offsetTop < this.scroll.scrollTop) {
      this.scroll.scrollTop = this.newLine.offsetTop - 60;
      this.sticks = this.atBottom;
    }
  }

  // Scroll to a message.
  jump(n) {
    const {items} = this.model.current;
    const at = items.findIndex((item) => item.n === n && item.kind === "text");
    if (at < 0) return;
    this.size = SHOWN;
    this.first = items[Math.max(0, at - SHOWN / 2)];
    this.following = this.sticks = items.indexOf(this.first) + this.size >= items.length;
    this.update();
    const row = this.cache.get(items[at]).node;
    row.scrollIntoView({block: "center"});
    row.classList.remove("found");
    requestAnimationFrame(() => row.classList.add("found"));
    this.sticks = this.atBottom;
  }

  _range() {
    const {items} = this.model.current;
    if (this.following) return [Math.max(0, items.length - this.size), items.length];
    const start = Math.max(0, items.indexOf(this.first));
    return [start, Math.min(items.length, start + this.size)];
  }

  update() {
    const one = this.model.current;
    if (one.name !== this.name) return this.open();
    const [start, end] = this._range();
    this.first = one.items[start] || null;
    const anchor = this.sticks ? null : this._anchor();
    const wanted = [];
    if (start === 0 && !one.more) wanted.push(this._beginning(one));
    let before = null;
    let day = "";
    let marked = false;
    this.shown = one.items.slice(start, end);
    for (const item of this.shown) {
      const itsDay = item.at ? new Date(item.at * 1000).toDateString() : day;
      if (itsDay !== day) {
        wanted.push(this._day(itsDay));
        before = null;
      }
      day = itsDay;
      if (!marked && one.newFrom && item.kind === "text" && item.n >= one.newFrom) {
        marked = true;
        wanted.push(this.newLine);
        before = null;
      }
      wanted.push(this._row(item, before));
      before = item;
    }
    if (end === one.items.length) {
      for (const entry of this.net.outbox) {
        if ((entry.room || entry.to) === one.name) wanted.push(this._row(entry, before));
        before = {kind: "text", by: this.model.me, at: entry.at, sealed: entry.sealed};
      }
    }
    arrange(this.rows, wanted);
    if (this.sticks) this.scroll.scrollTop = this.scroll.scrollHeight;
    else if (anchor) {
      const {node} = this.cache.get(anchor.item);
      if (node.isConnected) this.scroll.scrollTop += node.getBoundingClientRect().bottom - anchor.bottom;
    }
    this.behind = one.items.length - end;
    $("latest").hidden = this.sticks || this.atBottom;
    $("latest-text").textContent = one.unread ? plural(one.unread, "new message") : "Latest";
  }

  // The first visible item, and where its row ends: above, the row may lose its name, as `_row` says.
  _anchor() {
    const edge = this.scroll.getBoundingClientRect().top;
    for (const item of this.shown) {
      const {bottom} = this.cache.get(item).node.getBoundingClientRect();
      if (bottom > edge) return {item, bottom};
    }
    return null;
  }

  // Show more rows, or load more messages, if the user has scrolled near the end of what is shown.
  settle() {
    const one = this.model.current;
    if (one.name !== this.name) return;
    const {scrollTop, scrollHeight, clientHeight} = this.scroll;
    const [start, end] = this._range();
    this.sticks = this.atBottom;
    if (scrollTop < NEAR && start > 0) {
      const first = Math.max(0, start - STEP);
      this.size = Math.min(MOST_SHOWN, end - first);
      this.following = this.sticks = false;
      this.first = one.items[first];
      this.update();
    } else if (scrollTop < NEAR && one.more) this.actions.older(one);
    else if (scrollHeight - scrollTop - clientHeight < NEAR && end < one.items.length) {
      const last = Math.min(one.items.length, end + STEP);
      const first = Math.max(start, last - MOST_SHOWN);
      this.size = last - first;
      this.first = one.items[first];
      this.following = last === one.items.length;
      this.update();
    }
    $("latest").hidden = this.sticks;
    if (this.sticks) this.actions.seen();
  }

  // The beginning of a conversation, above its first message, with hints if nobody else is there.
  _beginning(one) {
    const isLobby = one.name === LOBBY;
    const isAlone = one.isRoom && one.members !== null && one.count === 1;
    const signature = [one.name, isAlone].join(" ");
    if (this.start.dataset.of === signature) return this.start;
    this.start.dataset.of = signature;
    const text = isLobby
      ? "Everybody is here, whatever program they use."
      : one.isRoom
        ? "This is where it begins."
        : "What you say here goes to the two of you alone.";
    const button = (label, act) => el("button", {type: "button", className: "plain", textContent: label, onclick: act});
    const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    const hint = isLobby
      ? isLocal
        ? "Nobody else is here yet."
        : `Nobody else is here yet. Others come in at ${location.origin + location.pathname}`
      : "You are alone here: invite somebody, or send them this page’s address.";
    this.start.replaceChildren(
      face(one.name, "large"),
      el("h2", {}, nameNode(isLobby ? "The lobby" : one.name)),
      el("p", {textContent: text}),
      isAlone ? el("p", {textContent: hint}) : "",
      isAlone
        ? el(
            "div",
            {className: "row"},
            isLobby
              ? button("Find or make a room", this.actions.find)
              : button("Invite somebody", () => this.actions.invite(one))
          )
        : ""
    );
    return this.start;
  }

  _day(day) {
    let node = this.days.get(day);
    if (!node) this.days.set(day, (node = el("div", {className: "day"}, el("span"))));
    const name = dayName(new Date(day));
    if (node.textContent !== name) node.firstChild.textContent = name;
    return node;
  }

  _row(item, before) {
    const first =
      !before ||
      before.kind !== "text" ||
      before.by !== (item.tag ? this.model.me : item.by) ||
      Boolean(before.sealed) !== Boolean(item.sealed) ||
      item.at - before.at > TOGETHER;
    const signature = [item.version, item.state, item.why, first, this.model.me].join();
    let cached = this.cache.get(item);
    if (!cached || cached.signature !== signature) {
      const build =
        {text: this._text, event: this._event, comings: this._event, gap: this._gap}[item.kind] || this._entry;
      const node = build.call(this, item, first);
      node.dataset.row = item.n || "mine";
      this.cache.set(item, (cached = {signature, node}));
    }
    return cached.node;
  }

  _text({by, at, text, sealed}, first) {
    const called = by !== this.model.me && mentions(text, this.model.me);
    const said = this._said(text, sealed);
    if (!first) {
      return el(
        "div",
        {className: "message" + (called ? " called" : "")},
        timeNode(at, true),
        el("div", {}, el("span", {className: "hidden"}, nameNode(by), sealed ? " (sealed): " : ": "), said)
      );
    }
    const name = el(
      "button",
      {type: "button", tabIndex: -1, className: "name", onclick: () => this.actions.person(by)},
      nameNode(by)
    );
    name.style.setProperty("--hue", hue(by));
    return el(
      "div",
      {className: "message first" + (called ? " called" : "")},
      face(by),
      el("div", {}, el("div", {className: "by"}, name, timeNode(at), sealed ? sealMark() : ""), said)
    );
  }

  _said(text, sealed) {
    const said = el("div", {className: "said", dir: "auto"});
    const file = toldIn(text, sealed);
    if (file) {
      said.append(fileNode(file));
      return said;
    }
    const options = {me: this.model.me, isRoom: (name) => this.model.isRoomKnown(name)};
    const short = shortened(text);
    render(parse(short, options), said, document);
    if (short.length < text.length) {
      const more = el("button", {
        type: "button",
        className: "link aside",
        textContent: `Show all (${plural(text.length, "character")})`,
        onclick: () => {
          said.replaceChildren();
          render(parse(text, options), said, document);
        }
      });
      said.append(more);
    }
    return said;
  }

  // An own message that has not been stored yet.
  _entry(entry, first) {
    const node = this._text({by: this.model.me || this.net.name, at: entry.at, text: entry.text, sealed: entry.sealed}, first);
    node.classList.add(entry.state === "refused" ? "refused" : "waiting");
    const fate = el("div", {className: "fate"});
    if (entry.state === "refused") {
      const act = (text, call) => el("button", {type: "button", className: "link", textContent: text, onclick: call});
      fate.append(
        el("span", {textContent: `Not sent: ${entry.why}.`}),
        act("Try again", () => this.actions.again(entry)),
        entry.do === "share" ? "" : act("Edit", () => this.actions.edit(entry)),
        act("Discard", () => this.actions.forget(entry))
      );
    } else if (entry.state === "waiting") fate.textContent = "Will be sent when there is a connection";
    node.lastChild.append(fate);
    return node;
  }

  _event({kind, parts, people, at}) {
    const nodes = eventNodes(kind === "comings" ? comingParts(people) : parts);
    return el("div", {className: "event"}, ...nodes, " ", timeNode(at));
  }

  _gap(gap) {
    return el(
      "div",
      {className: "event gap"},
      el("button", {
        type: "button",
        className: "plain",
        textContent: "Show what was said in between",
        onclick: (event) => {
          event.target.disabled = true;
          this.actions.fill(this.model.current, gap);
        }
      })
    );
  }
}

function shortened(text) {
  const lines = text.split("\n");
  const short = lines.length > TALL ? lines.slice(0, TALL - 5).join("\n") : text;
  return short.length > LONG ? short.slice(0, LONG - 500).replace(/[\ud800-\udbff]$/, "") : short;
}
