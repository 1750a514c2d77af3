// The message field: drafts, completion of names, and recalling what was sent.

import {understood} from "./commands.js";
import {isRoom} from "./model.js";
import {$, arrange, el, face, grouped, plural} from "./nodes.js";

const TYPING_EVERY = 3500; // milliseconds; the server passes on what comes 3 s after the last
const TALLEST = 0.4; // of the window

export class Composer {
  // actions: announce(text): to screen readers, changed(): the state has to be saved, sent(): a message was sent,
  // command(command, words): one was typed, trouble(error): show it.
  // saved: {drafts, sent}, as `state` has it.
  constructor(model, net, log, actions, saved) {
    Object.assign(this, {model, net, log, actions});
    this.text = $("text");
    this.sent = saved.sent || [];
    this._recalled = 0; // how far back in `sent`
    this._told = 0; // when the server was last told that I am typing
    this._timer = null;
    this._choices = [];
    this._chosen = 0;
    this._focusWanted = false; // as soon as there is a field, unless somebody goes elsewhere meanwhile
    document.addEventListener("focusin", () => {
      this._focusWanted = false;
    });
    this.text.addEventListener("input", () => {
      this.typed();
      const current = this._word();
      const names = current && /^[@#]./u.test(current.found) ? model.completions(current.name) : [];
      this._choose(names.length === 1 && names[0] === current.name ? [] : names);
    });
    this.text.addEventListener("blur", () => this._choose([]));
    this.text.addEventListener("keydown", (event) => this._key(event));
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this._send();
      this.text.focus();
    });
  }

  // What is stored for a reload of the page.
  get state() {
    this.keepDraft();
    return {drafts: Object.fromEntries(this.model.drafts), sent: this.sent.slice(-50)};
  }

  forget() {
    this.text.value = "";
    this.sent.length = 0;
  }

  keepDraft() {
    if (this.text.dataset.of) this.model.drafts.set(this.text.dataset.of, this.text.value);
  }

  // The conversation has got another name.
  renamed(name) {
    this.text.dataset.of = name;
  }

  restoreDraft() {
    this.text.dataset.of = this.model.open;
    this.text.value = this.model.drafts.get(this.model.open) || "";
    this._recalled = 0;
    this._grow();
    this._choose([]);
  }

  focus() {
    if (matchMedia("(pointer: coarse)").matches) return; // a keyboard would come up
    this._focusWanted = $("composer").hidden;
    if (!this._focusWanted) this.text.focus();
  }

  draw() {
    const one = this.model.current;
    $("composer").hidden = !one.inside;
    $("attach").hidden = !this.net.limits.file;
    if (this._focusWanted) this.focus();
    const sealed = this.net.seals.isOn(one.name);
    const placeholder = `${sealed ? "Sealed message to" : "Message"} ${one.name}`;
    if (this.text.placeholder !== placeholder) {
      this.text.placeholder = placeholder;
      $("text-label").textContent = `${sealed ? "Sealed message" : "Message"} to ${one.isRoom ? "room " + one.name : one.name}`;
    }
  }

  // Insert a text at the caret.
  insert(text) {
    this.text.setRangeText(text, this.text.selectionStart, this.text.selectionEnd, "end");
    this.typed();
    this.text.focus();
  }

  // Put a text that was not sent back into the field, in front of what is typed there.
  putBack(text) {
    this.text.value = [text, this.text.value].filter(Boolean).join("\n");
    this.typed();
    this.text.focus();
  }

  typed() {
    this._grow();
    if (this.log.sticks) this.log.scroll.scrollTop = this.log.scroll.scrollHeight;
    this._tell();
    this.keepDraft();
    this.actions.changed();
  }

  // Tell the server that the user is typing, now or once TYPING_EVERY has passed.
  _tell() {
    clearTimeout(this._timer);
    if (!this.text.value.trim() || this.text.value.startsWith("/")) return;
    const wait = this._told + TYPING_EVERY - Date.now();
    if (wait > 0) {
      this._timer = setTimeout(() => this._tell(), wait);
      return;
    }
    this._told = Date.now();
    const one = this.model.current;
    this.net.tell({do: "typing", ...(one.isRoom ? {room: one.name} : {to: one.name})});
  }

  // Adapt the height to the text. Returns whether it is short enough to be sent.
  _grow() {
    const {text} = this;
    text.style.height = "auto";
    if (text.value) text.style.height = Math.min(text.scrollHeight, innerHeight * TALLEST) + "px";
    const limit = this.net.limits.text || 0;
    const bytes = limit && text.value.length * 4 > limit * 0.8 ? new TextEncoder().encode(text.value).length : 0;
    $("counter").classList.toggle("over", bytes > limit);
    $("counter").textContent =
      bytes > limit
        ? `${grouped(bytes - limit)} bytes too long`
        : bytes > limit * 0.8
          ? `${grouped(limit - bytes)} left`
          : "";
    return bytes <= limit;
  }

  _send() {
    const {value} = this.text;
    if (!value.trim() || !this._grow()) return;
    let wish;
    try {
      wish = understood(value.trimEnd(), this.model.me);
    } catch (error) {
      this.actions.trouble(error);
      return;
    }
    const {text, command, words} = wish;
    this.sent.push(command === "join" ? `/join ${words[0]}` : value); // the key of a room is not kept
    this.text.value = "";
    this._recalled = 0;
    this.typed();
    if (command) this.actions.command(command, words);
    else this.say(text);
  }

  // Say a text in the open conversation.
  say(text) {
    const one = this.model.current;
    const where = one.isRoom ? {do: "say", room: one.name} : {do: "whisper", to: one.name};
    const sealed = this.net.seals.isOn(one.name);
    this.net.post({...where, text, ...(sealed ? {sealed} : {})});
    one.newFrom = 0;
    this.actions.sent();
  }

  _key(event) {
    if (event.isComposing) return;
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (this._choices.length && plain && this._keyOfChoice(event)) return;
    if (event.key === "Enter" && plain && !event.shiftKey) {
      event.preventDefault();
      this._send();
    } else if (event.key === "Tab" && plain && !event.shiftKey) {
      const current = this._word();
      const names = current && current.name ? this.model.completions(current.name) : [];
      if (!names.length) return;
      event.preventDefault();
      if (names.length === 1) this._complete(names[0]);
      else this._choose(names);
    } else if (
      event.key === "ArrowUp" &&
      plain &&
      (this._recalled || !this.text.value) &&
      this._recalled < this.sent.length
    ) {
      event.preventDefault();
      this._recall(this._recalled + 1);
    } else if (event.key === "ArrowDown" && plain && this._recalled) {
      event.preventDefault();
      this._recall(this._recalled - 1);
    } else if (event.key.length === 1) this._recalled = 0;
  }

  // Recall a sent message: 1 is the latest; 0 empties the field.
  _recall(at) {
    this._recalled = at;
    this.text.value = at ? this.sent[this.sent.length - at] : "";
    this.typed();
  }

  // ---- names

  // The word before the caret, which may be completed to a name.
  _word() {
    const {text} = this;
    if (text.selectionStart !== text.selectionEnd) return null;
    const front = text.value.slice(0, text.selectionStart);
    const [found] = /@?[^\s]*$/u.exec(front);
    return {found, start: front.length - found.length, name: found.replace(/^@/, "")};
  }

  _keyOfChoice(event) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step) {
      this._chosen = (this._chosen + step + this._choices.length) % this._choices.length;
      this._mark();
    } else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) {
      this._complete(this._choices[this._chosen]);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      this._choose([]);
    } else return false;
    event.preventDefault();
    return true;
  }

  _choose(names) {
    if (!names.length && !this._choices.length) return;
    this._choices = names;
    this._chosen = 0;
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
              this._complete(name);
            }
          },
          face(name, "small"),
          el("bdi", {className: "label", textContent: name})
        )
      )
    );
    this._mark();
    if (names.length) this.actions.announce(`${plural(names.length, "name")}: ${names.join(", ")}`);
  }

  _mark() {
    [...$("names").children].forEach((node, at) => node.setAttribute("aria-selected", String(at === this._chosen)));
    if (this._choices.length) this.text.setAttribute("aria-activedescendant", "name-" + this._chosen);
    else this.text.removeAttribute("aria-activedescendant");
  }

  _complete(name) {
    const {found, start} = this._word();
    const behind = start === 0 && !isRoom(name) ? ": " : " ";
    this.text.setRangeText(
      (found.startsWith("@") ? "@" : "") + name + behind,
      start,
      start + found.length,
      "end"
    );
    this._choose([]);
    this.typed();
  }
}
