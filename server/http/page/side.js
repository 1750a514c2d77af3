// The list of rooms and people.

import {compare, isRoom} from "./model.js";
import {$, arrange, el, face, hashOf, plural} from "./nodes.js";

const MOST_PEOPLE = 60;
const NEAR = 12; // pixels of an entry, that are as good as none

export class Side {
  constructor(model) {
    this.model = model;
    this.entries = new Map();
    this.hint = el("li", {className: "hint"});
    this.unseen = null; // something unread that is out of sight
    $("side-lists").addEventListener("scroll", () => this._point(), {passive: true});
    $("unread").addEventListener("click", () => this.unseen.scrollIntoView({block: "center"}));
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
    this._point();
  }

  // Show a hint if there are unread conversations out of sight, below or above.
  _point() {
    const lists = $("side-lists");
    const unread = [...lists.querySelectorAll(".entry.unread")];
    const {top, bottom} = unread.length ? lists.getBoundingClientRect() : {};
    const below = unread.find((entry) => entry.getBoundingClientRect().top > bottom - NEAR);
    this.unseen = below || unread.reverse().find((entry) => entry.getBoundingClientRect().bottom < top + NEAR) || null;
    $("unread").hidden = !this.unseen;
    $("unread").textContent = below ? "↓ Unread" : "↑ Unread";
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
    const isDraft = !unread && name !== this.model.open && Boolean((this.model.drafts.get(name) || "").trim());
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
      isDraft,
      state,
      name === this.model.open,
      one && one.inside
    ].join();
    if (entry.signature !== signature) {
      entry.signature = signature;
      entry.link.className = "entry" + (unread ? " unread" : "") + (one && one.isRoom && !one.inside ? " outside" : "");
      if (name === this.model.open) entry.link.setAttribute("aria-current", "page");
      else entry.link.removeAttribute("aria-current");
      entry.count.hidden = !unread && !isDraft;
      entry.count.className = isDraft ? "aside" : "count" + (called ? " call" : "");
      entry.count.textContent = isDraft
        ? "draft"
        : (called && isRoom(name) ? "@ " : "") + (unread > 99 ? "99+" : unread + (one && one.manyUnread ? "+" : ""));
      entry.spoken.textContent = [
        state && ", " + {here: "here", away: "away", gone: "not here"}[state],
        unread ? `, ${plural(unread, "unread message")}` : "",
        called && isRoom(name) ? ", you are named" : "",
        isDraft ? ", draft" : ""
      ].join("");
      if (!isRoom(name)) entry.sign.className = `face small ${state}`;
    }
    return entry.node;
  }
}
