// The login form.

import {sentence} from "./dialogs.js";
import {$} from "./nodes.js";
import {Refusal} from "./net.js";

const CONNECT_WITHIN = 10000; // milliseconds
const FORGOTTEN = " If it is forgotten, whoever runs this server can give you another.";
const FIELDS = {
  "wrong-password": "password",
  "password-required": "password",
  "invalid-password": "password",
  "no-password": "password",
  "unverifiable-password": "password"
};

export class Door {
  // changed(): draw again. entering(name): a login under this name begins.
  constructor(net, {changed, entering}) {
    Object.assign(this, {net, changed, entering});
    this.shown = false;
    this.busy = false;
    $("enter").addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit($("name").value.trim(), $("password").value);
    });
    $("make").addEventListener("change", changed);
    $("name").addEventListener("input", () => this._say(""));
    $("password").addEventListener("input", () => this._say(""));
  }

  // name: filled in if nothing is typed.
  show(name, error = "") {
    this.shown = true;
    this.busy = false;
    if (!$("name").value) $("name").value = name;
    this.changed();
    this._say(error);
    $(this.net.account && this.net.name ? "password" : "name").select();
  }

  // What is stored for a reload of the page.
  get state() {
    return {name: $("name").value, make: $("make").checked};
  }

  restore({name = "", make = false}) {
    $("name").value = name;
    $("make").checked = Boolean(make);
  }

  draw() {
    const {limits, motd} = this.net;
    $("motto").textContent = motd || "Say your name, and talk.";
    $("make").parentNode.hidden = limits.register === false;
    const making = this._isMaking;
    $("password").required = making;
    $("password").autocomplete = making ? "new-password" : "current-password";
    $("password-why").textContent = making ? "that only you know" : "if the name has one";
    const button = this.busy ? "One moment …" : making ? "Make the account and talk" : "Talk";
    if ($("talk-button").textContent !== button) $("talk-button").textContent = button;
    $("talk-button").disabled = this.busy;
  }

  get _isMaking() {
    return $("make").checked && this.net.limits.register !== false;
  }

  // Show an error below the field that it is about.
  _say(text, field = null) {
    const error = $("door-error");
    const above = field || "password";
    if (error.previousElementSibling !== $(above)) $(above).after(error);
    error.textContent = text;
    for (const one of ["name", "password"]) $(one).setAttribute("aria-invalid", String(field === one));
    if (field) $(field).select();
  }

  async _submit(name, password) {
    if (!name || this.busy) return;
    this.busy = true;
    this._say("");
    this.changed();
    try {
      await this._ready();
      this.entering(name);
      await this.net.enter({do: this._isMaking ? "register" : "login", name, ...(password ? {password} : {})});
      $("password").value = "";
      $("make").checked = false;
    } catch (refusal) {
      const more = refusal.why === "wrong-password" ? FORGOTTEN : "";
      this._say(sentence(refusal) + more, refusal.why === "offline" ? null : FIELDS[refusal.why] || "name");
    }
    this.busy = false;
    this.changed();
  }

  // Wait for a connection; fails when the time is over.
  _ready() {
    return new Promise((resolve, reject) => {
      const until = Date.now() + CONNECT_WITHIN;
      const look = () => {
        if (this.net.phase === "door") resolve();
        else if (Date.now() > until) reject(new Refusal({why: "offline", text: "The server does not answer"}));
        else setTimeout(look, 50);
      };
      if (this.net.phase === "waiting" || this.net.phase === "ended") this.net.connect();
      look();
    });
  }
}
