// What is seen: nodes for what the model knows. What people wrote becomes text and never markup.

import {LOBBY, compare, isRoom} from "./model.js";
import {mentions, oneLine, parse, render} from "./text.js";

const SHOWN = 80; // messages at first
const STEP = 60; // more, when somebody scrolls there
const MOST_SHOWN = 300; // so that with days and the like there are at most 400 rows
const NEAR = 600; // pixels
const TOGETHER = 300; // seconds between messages of one sender that stand under one name
const LONG = 4000; // characters, or
const TALL = 40; // lines, of which more are shown when asked for
const MOST_PEOPLE = 60; // in the list at the side
const MOST_MEMBERS = 200;
const ROLES = ["", "voice", "op", "owner", "operator"];
const ROLE_NAMES = {voice: "has a voice", op: "moderator", owner: "owner", operator: "operator"};

export const $ = (id) => document.getElementById(id);

// A node: properties, `on…` handlers, `data-`, `aria-` and other attributes, then what is in it.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && !key.includes("-")) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#i-" + name);
  svg.append(use);
  return svg;
}

export const nameNode = (name) => el("bdi", {textContent: name});

export function hue(name) {
  let hash = 0x811c9dc5; // FNV-1a, and then mixed so that like names differ
  for (const char of name.toLowerCase()) hash = Math.imul(hash ^ char.codePointAt(0), 0x1000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

export function face(name, ...classes) {
  const node = el("span", {
    className: ["face", ...classes].join(" "),
    "aria-hidden": "true",
    textContent: [...name][0].toUpperCase()
  });
  node.style.setProperty("--hue", hue(name));
  return node;
}

export const rank = (role) => Math.max(0, ROLES.indexOf(role));

const TIME = new Intl.DateTimeFormat(undefined, {hour: "numeric", minute: "2-digit"});
const DAY = new Intl.DateTimeFormat("en", {weekday: "long", day: "numeric", month: "long"});
const DAY_AND_YEAR = new Intl.DateTimeFormat("en", {weekday: "long", day: "numeric", month: "long", year: "numeric"});
const FULL = new Intl.DateTimeFormat("en", {dateStyle: "full", timeStyle: "short"});

function dayName(date, today = new Date()) {
  const days = Math.round((midnight(today) - midnight(date)) / 86400000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return (date.getFullYear() === today.getFullYear() ? DAY : DAY_AND_YEAR).format(date);
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

export function timeNode(at) {
  const date = new Date(at * 1000);
  return el("time", {dateTime: date.toISOString(), title: FULL.format(date), textContent: TIME.format(date)});
}

export const dateAndTime = (at) => {
  const date = new Date(at * 1000);
  return dayName(date) + ", " + TIME.format(date);
};

export const plural = (count, one, many = one + "s") => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

export const hashOf = (name) =>
  isRoom(name) ? "#" + encodeURIComponent(name.slice(1)) : "#@" + encodeURIComponent(name);

// The children of `parent` become `wanted`, and whatever stays is not touched, so that focus stays where it is.
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const node of [...parent.children]) if (!keep.has(node)) node.remove();
  let next = parent.firstElementChild;
  for (const node of wanted) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}

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
  // actions: older(conversation), fill(conversation, gap), person(name), again(entry), forget(entry), edit(entry)
  constructor(model, net, actions) {
    Object.assign(this, {model, net, actions});
    this.scroll = $("scroll");
    this.rows = $("rows");
    this.cache = new WeakMap();
    this.days = new Map();
    this.newLine = el("div", {className: "new", textContent: "New"});
    this.start = el("div", {className: "start"});
    this.name = null;
    this.scroll.addEventListener("scroll", () => this.settle(), {passive: true});
    new ResizeObserver(() => {
      if (this.sticks) this.toBottom();
    }).observe(this.scroll);
  }

  // Is the end of the conversation in sight?
  get atBottom() {
    return this.following && this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60;
  }

  toBottom() {
    this.following = this.sticks = true;
    this.size = Math.min(this.size, SHOWN);
    this.update();
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  // Show the open conversation, if another was shown; from the first unread message on, if they are many.
  open() {
    const one = this.model.current;
    this.name = one.name;
    this.size = SHOWN;
    this.following = this.sticks = true;
    this.first = null;
    this.behind = 0;
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

  // Bring a message into sight.
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
    const wanted = [];
    if (start === 0 && !one.more) wanted.push(this._beginning(one));
    let before = null;
    let day = "";
    let marked = false;
    for (const item of one.items.slice(start, end)) {
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
        before = {kind: "text", by: this.model.me, at: entry.at};
      }
    }
    const anchor = this.sticks ? null : this._anchor();
    arrange(this.rows, wanted);
    if (this.sticks) this.scroll.scrollTop = this.scroll.scrollHeight;
    else if (anchor && anchor.node.isConnected)
      this.scroll.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    this.behind = one.items.length - end;
    $("latest").hidden = this.sticks || this.atBottom;
    $("latest-text").textContent = one.unread ? plural(one.unread, "new message") : "Latest";
  }

  // The first row in sight, and where it is.
  _anchor() {
    const edge = this.scroll.getBoundingClientRect().top;
    for (const node of this.rows.children) {
      const {top, bottom} = node.getBoundingClientRect();
      if (bottom > edge && node.dataset.row) return {node, top};
    }
    return null;
  }

  // Show more, or have more sent, where somebody has come near the end of what is shown.
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

  _beginning(one) {
    const title = one.isRoom ? (one.name === LOBBY ? "The lobby" : one.name) : one.name;
    const text = one.isRoom
      ? one.name === LOBBY
        ? "Everybody is here, whatever program they use."
        : "This is where it begins."
      : "What you say here goes to the two of you alone.";
    if (this.start.dataset.of !== one.name) {
      this.start.dataset.of = one.name;
      this.start.replaceChildren(el("h2", {}, nameNode(title)), el("p", {textContent: text}));
    }
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

  _text({by, at, text}, first) {
    const called = by !== this.model.me && mentions(text, this.model.me);
    const said = this._said(text);
    if (!first) {
      return el(
        "div",
        {className: "message" + (called ? " called" : "")},
        timeNode(at),
        el("div", {}, el("span", {className: "hidden"}, nameNode(by), ": "), said)
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
      el("div", {}, el("div", {className: "by"}, name, timeNode(at)), said)
    );
  }

  _said(text) {
    const said = el("div", {className: "said", dir: "auto"});
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

  // Something of mine that is not stored yet.
  _entry(entry, first) {
    const node = this._text({by: this.model.me || this.net.name, at: entry.at, text: entry.text}, first);
    node.classList.add(entry.state === "refused" ? "refused" : "waiting");
    const fate = el("div", {className: "fate"});
    if (entry.state === "refused") {
      const act = (text, call) => el("button", {type: "button", className: "link", textContent: text, onclick: call});
      fate.append(
        el("span", {textContent: `Not sent: ${entry.why}.`}),
        act("Try again", () => this.actions.again(entry)),
        act("Edit", () => this.actions.edit(entry)),
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

export class Side {
  constructor(model) {
    this.model = model;
    this.entries = new Map();
    this.hint = el("li", {className: "hint"});
  }

  update() {
    const {model} = this;
    arrange(
      $("rooms"),
      model.rooms.map((one) => this._entry(one.name, one))
    );
    const talked = model.people;
    const others = [...model.online]
      .filter((name) => name !== model.me && !model.conversations.has(name))
      .sort(compare);
    const shown = others.slice(0, Math.max(0, MOST_PEOPLE - talked.length));
    const nodes = [...talked.map((one) => this._entry(one.name, one)), ...shown.map((name) => this._entry(name, null))];
    const left = others.length - shown.length;
    this.hint.textContent = left
      ? `and ${plural(left, "other")}: all are in the lobby's list`
      : nodes.length
        ? ""
        : "Nobody else is here yet.";
    arrange($("people"), this.hint.textContent ? [...nodes, this.hint] : nodes);
    for (const [name, {node}] of this.entries) if (!node.isConnected) this.entries.delete(name);
  }

  _entry(name, one) {
    let entry = this.entries.get(name);
    if (!entry) {
      const count = el("span", {className: "count", "aria-hidden": "true"});
      const spoken = el("span", {className: "hidden"});
      const sign = isRoom(name)
        ? el("span", {className: "sign", "aria-hidden": "true", textContent: "#"})
        : face(name, "small");
      const label = el("bdi", {className: "label", textContent: isRoom(name) ? name.slice(1) : name});
      const link = el("a", {className: "entry", href: hashOf(name)}, sign, label, spoken, count);
      entry = {node: el("li", {}, link), link, count, spoken, sign};
      this.entries.set(name, entry);
    }
    const unread = one ? one.unread : 0;
    const called = Boolean(unread) && (one.mentioned || !one.isRoom);
    const state = isRoom(name)
      ? ""
      : this.model.away.has(name)
        ? "away"
        : this.model.online.has(name)
          ? "here"
          : "gone";
    const signature = [
      unread,
      one && one.manyUnread,
      called,
      state,
      name === this.model.open,
      one && one.inside
    ].join();
    if (entry.signature !== signature) {
      entry.signature = signature;
      entry.link.className = "entry" + (unread ? " unread" : "") + (one && one.isRoom && !one.inside ? " outside" : "");
      if (name === this.model.open) entry.link.setAttribute("aria-current", "page");
      else entry.link.removeAttribute("aria-current");
      entry.count.hidden = !unread;
      entry.count.className = "count" + (called ? " call" : "");
      entry.count.textContent =
        (called && isRoom(name) ? "@ " : "") + (unread > 99 ? "99+" : unread + (one && one.manyUnread ? "+" : ""));
      entry.spoken.textContent = [
        state && ", " + {here: "here", away: "away", gone: "not here"}[state],
        unread ? `, ${plural(unread, "unread message")}` : "",
        called && isRoom(name) ? ", you are named" : ""
      ].join("");
      if (!isRoom(name)) entry.sign.className = `face small ${state}`;
    }
    return entry.node;
  }
}

// A button for somebody in a list of members.
function memberNode(name, role, model, person) {
  const state = model.away.has(name) ? "away" : model.online.has(name) || name === model.me ? "here" : "";
  return el(
    "button",
    {type: "button", className: "member", onclick: () => person(name)},
    face(name, "small", state),
    el("bdi", {className: "label", textContent: name}),
    el("span", {
      className: "aside",
      textContent: [name === model.me ? "you" : "", ROLE_NAMES[role] || "", state === "away" ? "away" : ""]
        .filter(Boolean)
        .join(", ")
    })
  );
}

export class Panel {
  // actions: person(name), topic(room, text), set(room, setting, value), leave(room), drop(room), invite(room, name),
  // search(conversation, words, further), show(conversation, n)
  constructor(model, actions) {
    Object.assign(this, {model, actions});
    this.kind = ""; // "about", "search"
    this.node = $("panel");
  }

  toggle(kind) {
    if (this.kind === kind) return this.close();
    this.kind = kind;
    this.build();
    const field = kind === "search" ? this.node.querySelector("input") : null;
    (field || this.node.querySelector("button")).focus();
  }

  close() {
    const button = $(this.kind === "search" ? "search-button" : "about-button");
    const had = this.node.contains(document.activeElement);
    this.kind = "";
    this.build();
    if (had) button.focus();
  }

  build() {
    this.node.hidden = !this.kind;
    this.members = this.topic = this.results = null;
    this.name = this.model.open;
    for (const [id, kind] of [
      ["search-button", "search"],
      ["about-button", "about"]
    ]) {
      $(id).setAttribute("aria-expanded", String(this.kind === kind));
    }
    if (!this.kind) return this.node.replaceChildren();
    const one = this.model.current;
    const title = this.kind === "search" ? "Search" : one.isRoom ? "About this room" : "About";
    const body = el("div", {className: "panel-body"});
    this.node.replaceChildren(
      el(
        "div",
        {className: "panel-head"},
        el("h2", {textContent: title}),
        el(
          "button",
          {type: "button", className: "icon", "aria-label": "Close", onclick: () => this.close()},
          icon("close")
        )
      ),
      body
    );
    if (this.kind === "search") this._search(body);
    else if (one.isRoom) this._room(body, one);
    else this._person(body, one);
    this.role = one.role;
    this.inside = one.inside;
    this.update();
  }

  update() {
    const one = this.model.current;
    if (!this.kind) return;
    if (one.name !== this.name || (this.kind === "about" && (one.role !== this.role || one.inside !== this.inside))) {
      return this.build();
    }
    if (this.topic && document.activeElement !== this.topic) {
      if (this.topic.tagName === "INPUT") this.topic.value = one.topic;
      else this.topic.textContent = one.topic || "There is none.";
    }
    if (this.members) this._members(one);
    if (this.settings && !this.settings.contains(document.activeElement)) this._fillSettings(one);
  }

  _section(body, title, ...children) {
    const section = el("section", {}, el("h3", {textContent: title}), ...children);
    body.append(section);
    return section;
  }

  _room(body, one) {
    const manages = one.isMine;
    const topic = (this.topic = manages
      ? el("input", {id: "topic-field", value: one.topic, maxLength: 400, "aria-label": "Topic", placeholder: "None"})
      : el("p", {className: "text", dir: "auto"}));
    this._section(
      body,
      "Topic",
      manages
        ? el(
            "form",
            {
              onsubmit: (event) => {
                event.preventDefault();
                this.actions.topic(one.name, topic.value.trim());
                topic.blur();
              }
            },
            topic,
            el("div", {className: "row"}, el("button", {className: "plain", textContent: "Set the topic"}))
          )
        : topic
    );
    this.members = el("ul", {className: "members"});
    this.filter = el("input", {
      type: "search",
      placeholder: "Find somebody",
      "aria-label": "Find somebody in this room",
      oninput: () => this._members(one)
    });
    this.membersTitle = this._section(body, "Members", this.filter, this.members).firstChild;
    if (one.name !== LOBBY && one.inside) {
      const name = el("input", {placeholder: "Name", "aria-label": "Name of whom you invite", autocapitalize: "off"});
      this._section(
        body,
        "Invite somebody",
        el(
          "form",
          {
            onsubmit: (event) => {
              event.preventDefault();
              if (name.value.trim()) this.actions.invite(one.name, name.value.trim());
              name.value = "";
            }
          },
          name,
          el("div", {className: "row"}, el("button", {className: "plain", textContent: "Invite"}))
        )
      );
    }
    this.settings = null;
    if (manages) this._settings(body, one);
    if (one.name !== LOBBY) {
      const leave = el("button", {
        type: "button",
        className: "plain",
        onclick: () => this.actions.leave(one),
        textContent: one.inside ? "Leave the room" : "Take off my list"
      });
      const drop = manages
        ? el("button", {
            type: "button",
            className: "plain danger",
            textContent: "Close the room for good…",
            onclick: () => this.actions.drop(one.name)
          })
        : null;
      body.append(el("section", {}, el("div", {className: "row"}, leave, drop)));
    }
  }

  _settings(body, one) {
    const of = one.name;
    const check = (setting, text) =>
      el(
        "label",
        {className: "check"},
        el("input", {
          type: "checkbox",
          "data-setting": setting,
          onchange: (event) => this.actions.set(of, setting, event.target.checked ? "on" : "off")
        }),
        text
      );
    const value = (setting, text, properties) => {
      const field = el("input", {
        "data-setting": setting,
        ...properties,
        onchange: () => this.actions.set(of, setting, field.value.trim() || "off")
      });
      return el("label", {className: "row pair"}, text, field);
    };
    const rules =
      of === LOBBY ? [] : [check("private", "Hidden from who is not in it"), check("invite", "Only for the invited")];
    rules.push(check("moderated", "Only who has a voice may speak"));
    if (of !== LOBBY) {
      rules.push(
        value("key", "Word to enter with", {placeholder: "none", autocapitalize: "off"}),
        value("limit", "Members at most", {type: "number", min: 1, placeholder: "any"})
      );
    }
    rules.push(value("slow", "Seconds between messages of one", {type: "number", min: 1, placeholder: "0"}));
    this.settings = this._section(body, "Rules", ...rules);
    this._fillSettings(one);
  }

  _fillSettings(one) {
    for (const field of this.settings.querySelectorAll("[data-setting]")) {
      const value = one.settings[field.dataset.setting];
      if (field.type === "checkbox") field.checked = Boolean(value);
      else if (field.type === "number") field.value = value || "";
      else field.placeholder = value ? "set; “off” takes it away" : "none";
    }
  }

  _members(one) {
    const all = [...(one.members || [])].map((name) => [name, one.roles.get(name) || ""]);
    const words = this.filter.value.toLowerCase();
    const found = all
      .filter(([name]) => name.toLowerCase().includes(words))
      .sort((a, b) => rank(b[1]) - rank(a[1]) || compare(a[0], b[0]));
    this.filter.hidden = all.length < 12;
    this.membersTitle.textContent = one.members ? plural(one.count, "member") : "Members";
    const signature = JSON.stringify([found, one.members === null, [...this.model.away]]);
    if (signature === this.memberSignature && this.members.childElementCount) return;
    this.memberSignature = signature;
    const focused = this.members.contains(document.activeElement) ? document.activeElement.textContent : null;
    this.members.replaceChildren(
      ...found
        .slice(0, MOST_MEMBERS)
        .map(([name, role]) => el("li", {}, memberNode(name, role, this.model, this.actions.person)))
    );
    if (found.length > MOST_MEMBERS) {
      this.members.append(
        el("li", {className: "hint", textContent: `and ${plural(found.length - MOST_MEMBERS, "other")}`})
      );
    }
    if (focused) [...this.members.querySelectorAll("button")].find((one) => one.textContent === focused)?.focus();
  }

  _person(body, one) {
    const here = this.model.away.has(one.name)
      ? "is away"
      : this.model.online.has(one.name)
        ? "is here"
        : "is not here now";
    body.append(
      el("section", {}, el("p", {className: "text"}, nameNode(one.name), " " + here + ".")),
      el(
        "section",
        {},
        el(
          "div",
          {className: "row"},
          el("button", {
            type: "button",
            className: "plain",
            textContent: "Take off my list",
            onclick: () => this.actions.leave(one)
          })
        )
      )
    );
  }

  _search(body) {
    const field = el("input", {
      type: "search",
      placeholder: "Words, or a name",
      "aria-label": "What to look for",
      enterKeyHint: "search"
    });
    const state = el("p", {className: "aside", role: "status"});
    const further = el("button", {type: "button", className: "plain", hidden: true, textContent: "Look further back"});
    const results = el("ul");
    let latest = 0;
    const search = async (back) => {
      const mine = ++latest;
      const words = field.value.trim();
      results.replaceChildren();
      further.hidden = true;
      state.textContent = "";
      if (!words) return;
      const one = this.model.conversation(this.name);
      for await (const {found, looked, since, more} of this.actions.search(one, words, back, () => mine !== latest)) {
        if (mine !== latest) return;
        results.replaceChildren(...found.slice(0, 100).map((item) => this._result(one, item, words)));
        state.textContent =
          `${plural(found.length, "message")} found in the last ${plural(looked, "message")}` +
          (since ? `, back to ${dateAndTime(since)}.` : ".") +
          (more ? "" : " That is all there is.");
        further.hidden = !more;
      }
    };
    field.addEventListener("input", () => search(false));
    further.addEventListener("click", () => search(true));
    body.append(
      el(
        "form",
        {
          role: "search",
          onsubmit: (event) => {
            event.preventDefault();
            search(true);
          }
        },
        field
      ),
      state,
      results,
      further
    );
  }

  _result(one, item, words) {
    const text = oneLine(item.text, 100000);
    const at = Math.max(0, text.toLowerCase().indexOf(words.toLowerCase()));
    const from = Math.max(0, at - 40);
    const marked = text.slice(at, at + words.length).toLowerCase() === words.toLowerCase() ? words.length : 0;
    return el(
      "li",
      {},
      el(
        "button",
        {type: "button", className: "result", onclick: () => this.actions.show(one, item.n)},
        el("span", {className: "by"}, nameNode(item.by), el("span", {textContent: dateAndTime(item.at)})),
        el(
          "bdi",
          {},
          from ? "…" : "",
          text.slice(from, at),
          el("mark", {textContent: text.slice(at, at + marked)}),
          text.slice(at + marked, from + 160),
          text.length > from + 160 ? "…" : ""
        )
      )
    );
  }
}
