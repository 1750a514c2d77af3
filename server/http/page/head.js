// What is around the messages: the bar about the connection, the conversation's head, who is typing, title and icon.

import {$, el, face, nameNode, plural} from "./nodes.js";
import {CLOSED} from "./net.js";

const QUICK = 700; // milliseconds in which a connection may begin without a word

export class Head {
  // changed(): draw again.
  constructor(model, net, changed) {
    Object.assign(this, {model, net, changed});
    this.isAway = false;
    this._barSays = "";
    this._tick = null;
    this._iconShows = "";
  }

  draw() {
    const {model} = this;
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
    $("about-count").textContent = one.isRoom && one.inside && one.count ? String(one.count) : "";
    $("about-button").setAttribute(
      "aria-label",
      one.isRoom ? `About this room: ${plural(one.count, "member")}` : "About this person"
    );
    $("about-button").title = one.isRoom ? "Members and more" : "About this person";
    const {seals} = this.net;
    $("seal-button").hidden = !seals.available || !model.account || !one.inside || one.name === model.me;
    $("seal-button").setAttribute("aria-pressed", String(seals.isOn(one.name)));
    $("outside").hidden = one.inside;
    if (!one.inside) {
      const why = one.refusal || `You are not in ${one.name}.`;
      if ($("outside-why").textContent !== why) $("outside-why").replaceChildren(nameNode(why));
    }
    const elsewhere = model.unread - one.unread;
    $("back-count").hidden = !elsewhere;
    $("back-count").textContent = elsewhere > 99 ? "99+" : elsewhere;
    $("back-count").className = "count" + (model.calls ? " call" : "");
    $("back").setAttribute(
      "aria-label",
      "Rooms and people" + (elsewhere ? `, ${plural(elsewhere, "unread message")}` : "")
    );
    this._me();
    this._typing();
  }

  _me() {
    const {model, net} = this;
    this.isAway = this.isAway && !net.unknown.has("away");
    const signature = model.me + model.account + net.phase + this.isAway;
    if ($("me").dataset.of === signature) return;
    $("me").dataset.of = signature;
    const isIn = net.phase === "in";
    const state = !isIn ? "no connection" : this.isAway ? "away" : model.account ? "" : "guest";
    $("me").replaceChildren(
      face(model.me, isIn ? (this.isAway ? "away" : "here") : ""),
      el(
        "span",
        {className: "who"},
        nameNode(model.me),
        state ? el("span", {className: "aside", textContent: state}) : ""
      ),
      el("span", {className: "hidden", textContent: " Menu"})
    );
  }

  _typing() {
    const names = this.model.typists(this.model.current);
    const text =
      names.length > 2
        ? "Several are typing …"
        : names.length
          ? `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing …`
          : "";
    if ($("typing").textContent !== text) $("typing").replaceChildren(text ? nameNode(text) : "");
    if (names.length) this._drawSoon();
  }

  // Draw again in a second, as something changes with time.
  _drawSoon() {
    this._tick =
      this._tick ||
      setTimeout(() => {
        this._tick = null;
        this.changed();
      }, 1000);
  }

  // The bar at the top, about trouble with the connection.
  drawBar() {
    const {net, model} = this;
    const seconds = Math.max(0, Math.ceil((net.retryAt - Date.now()) / 1000));
    let text = "";
    let button = "";
    if (net.phase === "waiting") {
      text = net.why ? `No connection: ${net.why}.` : "No connection.";
      button = "Try now";
      this._drawSoon();
    } else if (net.phase === "connecting" && (this._barSays || model.me)) text = "Connecting …";
    else if (net.phase === "door" && net.elsewhere) {
      text = `You are talking as ${net.elsewhere.name} in another tab.`;
      button = "Talk here";
    } else if (net.phase === "ended" && net.code) {
      text =
        net.code === CLOSED.REPLACED
          ? "You are talking in another tab or program."
          : `The server has ended the connection: ${net.why || "it gave no reason"}.`;
      button = net.code === CLOSED.REPLACED ? "Talk here" : "Try again";
    }
    if (net.phase === "connecting" && !this._barSays) {
      setTimeout(() => {
        if (net.phase === "connecting" && !this._barSays) this._showBar(text, "", 0);
      }, QUICK);
    } else this._showBar(text, button, net.phase === "waiting" ? seconds : 0);
  }

  _showBar(text, button, seconds) {
    this._barSays = text;
    $("bar").hidden = !text;
    if ($("bar-text").textContent !== text) $("bar-text").textContent = text;
    const count = seconds > 0 ? `Trying again in ${seconds} s.` : "";
    if ($("bar-count").textContent !== count) $("bar-count").textContent = count;
    $("bar-now").hidden = !button;
    if ($("bar-now").textContent !== button) $("bar-now").textContent = button;
  }

  // isInside: is the user logged in?
  drawTitle(isInside) {
    const {unread, calls, open} = this.model;
    const where = isInside ? `${open} · Parley` : "Parley";
    document.title = unread ? `(${calls ? "! " : ""}${unread}) ${where}` : where;
    const dot = calls ? "#d93025" : unread ? "#e8a500" : "";
    if (dot === this._iconShows) return;
    this._iconShows = dot;
    this._drawIcon(dot);
  }

  // The page's icon with a dot of this colour; "": without.
  async _drawIcon(dot) {
    const original = $("icon").dataset.original || $("icon").href;
    $("icon").dataset.original = original;
    const before = this._iconUrl;
    this._iconUrl = null;
    if (before) setTimeout(() => URL.revokeObjectURL(before), 5000); // the browser may be reading it still
    if (!dot) {
      $("icon").href = original;
      return;
    }
    try {
      this._icon = this._icon || (await (await fetch(original)).text());
      const svg = this._icon.replace(
        "</svg>",
        `<circle cx="50" cy="14" r="13" fill="${dot}" stroke="#fff" stroke-width="3"/></svg>`
      );
      this._iconUrl = URL.createObjectURL(new Blob([svg], {type: "image/svg+xml"}));
      if (this._iconShows === dot) $("icon").href = this._iconUrl;
    } catch {
      // the title shows it as well
    }
  }
}
