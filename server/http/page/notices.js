// Announcements to screen readers, notifications, and read markers for the server.

import {$} from "./nodes.js";
import {oneLine} from "./text.js";

const ANNOUNCE_EVERY = 1200; // milliseconds
const READ_EVERY = 10000; // between two notes to the server of what was read

let toAnnounce = [];
let announcing = null;

// For screen readers: collects what comes at about the same time, and shortens it.
export function announce(text) {
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

export const canNotify = () => window.isSecureContext && "Notification" in window;

export class Notices {
  // wanted(): are notifications wanted? attentive(): is the user looking at the page? open(name): show a conversation.
  constructor(model, net, {wanted, attentive, open}) {
    Object.assign(this, {model, net, wanted, attentive, open});
    this._toTell = new Map(); // up to where something was read, by conversation
    this._toldAt = 0;
    this._timer = null;
  }

  // A message has come. called: is it direct, or a mention? seen: is the user looking at it?
  alert(one, {by, text}, called, seen) {
    if (seen || one.name === this.model.open) announce(`${by}: ${oneLine(text, 300)}`);
    else if (called) announce(`${by}${one.isRoom ? " in " + one.name : " to you"}: ${oneLine(text, 300)}`);
    if (called && !this.attentive()) this.notify(one.isRoom ? `${by} in ${one.name}` : by, oneLine(text), one.name);
  }

  notify(title, body, name) {
    if (!this.wanted() || !canNotify() || Notification.permission !== "granted" || this.attentive()) return;
    try {
      const shown = new Notification(title, {body, tag: name});
      shown.onclick = () => {
        window.focus();
        this.open(name);
        shown.close();
      };
    } catch {
      // some phones allow notifications to service workers only
    }
  }

  // The open conversation has been read: set the marker here, and a little later on the server, for other devices.
  noteRead() {
    const one = this.model.current;
    const top = Math.floor(one.top);
    if (!this.attentive() || !one.inside || !one.loaded || top <= one.read) return;
    this.model.mark(one.name, top);
    this._toTell.set(one.name, one.isRoom ? {room: one.name, n: top} : {with: one.name, n: top});
    this._timer = this._timer || setTimeout(() => this.tellRead(), this._toldAt + READ_EVERY - Date.now());
  }

  // The page may be closed soon: send the read markers now.
  tellRead() {
    clearTimeout(this._timer);
    this._timer = null;
    if (this.net.phase !== "in" || !this._toTell.size) return;
    this._toldAt = Date.now();
    for (const read of this._toTell.values()) this.net.tell({do: "read", ...read});
    this._toTell.clear();
  }
}
