// Seals the page's messages, and opens those that are received; asks for the lists of devices that it needs.

import {NOTE, Ring, Stranger, Unsealable, Unopened, base64, canSeal, changedList, hex, isEnvelope, newKeys, unbase64} from "./seal.js";
import {cleanName, textOf} from "./sealedfile.js";

const MOST_MEMBERS = 100; // whose lists are asked for
const LOBBY = "#lobby";
const ROOM_CHANGES = ["joined", "left", "renamed", "managed"];

// What the device stores in this browser. The private keys can be used here, but cannot be exported.
function stored(mode, act) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("parley-seal", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("rings");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction("rings", mode);
      const asked = act(transaction.objectStore("rings"));
      transaction.oncomplete = () => {
        database.close();
        resolve(asked.result);
      };
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    };
  });
}

const store = {
  load: (name) => stored("readonly", (rings) => rings.get(name)),
  save: (name, ring) => stored("readwrite", (rings) => rings.put(ring, name))
};

export class Seals {
  // actions: tell(sentence): show it, changed(): draw again.
  constructor(net, actions) {
    Object.assign(this, {net, actions});
    this.ring = null; // of the account that I am logged in to
    this.available = false;
    this._begin();
    this._can = canSeal().then((can) => {
      this.available = can;
      actions.changed();
    });
    this._ready = Promise.resolve();
  }

  _begin() {
    this._fresh = new Set();
    this._members = new Map();
    this._trouble = "";
  }

  get isDevice() {
    return Boolean(this.ring && this.ring.keys && this.ring.name === this.net.name);
  }

  isOn(place) {
    return this.isDevice && this.ring.isSealed(place);
  }

  knows(name) {
    return this.isDevice && name !== this.net.name && this.ring.knows(name);
  }

  // The user is logged in: find out whether this is a device of the account.
  welcomed(account) {
    this._begin();
    const {name} = this.net;
    this._ready = this._can
      .then(async () => {
        if (!account || !this.available) this.ring = null;
        else if (!this.ring || this.ring.name !== name) this.ring = await new Ring(name, store).load();
        if (this.isDevice) await this._learnOwn();
      })
      .catch((error) => this._fail(error))
      .then(() => this.actions.changed());
  }

  _fail(error) {
    if (error.why === "offline") return;
    this._trouble = error.message;
    this.actions.tell(error.message);
  }

  _keys(frame) {
    return this.net.request({do: "keys", ...frame}, true);
  }

  async _list(name) {
    const {devices} = await this._keys({of: name});
    return devices ? unbase64(devices) : null;
  }

  async _learnOwn() {
    const {publish, told} = await this.ring.learnOwn(await this._list(this.ring.name));
    told.forEach((sentence) => this.actions.tell(sentence));
    await this._save(); // no key is published that could be lost
    if (publish) await this._publish(publish);
  }

  async _publish(data) {
    await this._keys({publish: base64(data)});
    await this.ring.published(data);
    await this._save();
  }

  async _learn(name) {
    const told = await this.ring.learn(name, await this._list(name));
    this._fresh.add(name);
    told.forEach((sentence) => this.actions.tell(sentence));
    await this._save();
  }

  async _save() {
    await this.ring.save().catch((error) => this._fail(error));
  }

  // Seal messages in a room that takes only sealed ones, until the user turns that off.
  async _noteSealed({on, room, sealed, act, name, text}) {
    if (on === "managed" && act === "rename") await this._roomRenamed(room, name);
    const at = on === "managed" && act === "set" ? name.split(",").indexOf("sealed") : -1;
    if (!(on === "room" && sealed) && !(at >= 0 && text.split(",")[at] === "on")) return;
    await this._ready;
    if (!this.isDevice || this.ring.isSealed(room)) return;
    this.ring.setSealed(room, true);
    this.actions.tell(`What is said in ${room} is sealed from now on`);
    this._save();
  }

  async _roomRenamed(room, name) {
    const {positions} = this.net;
    const n = positions[name] || positions[room] || 0; // the room may have its new name there already
    await this._ready;
    if (!this.isDevice) return;
    this.ring.roomRenamed(room, name, n);
    this._save();
  }

  // The list of devices of a user has changed, or the members of a room have.
  heard(frame) {
    this._noteSealed(frame);
    if (ROOM_CHANGES.includes(frame.on)) this._members.delete(frame.room || LOBBY);
    if (frame.on !== "keys" || frame.number === undefined || !this.isDevice) return;
    if (frame.name !== this.ring.name) {
      this._fresh.delete(frame.name);
      if (this.ring.knows(frame.name)) this._learn(frame.name).catch((error) => this._fail(error));
    } else if (!this.ring.mine || frame.number > this.ring.mine.number)
      this._ready = this._ready.then(() => this._learnOwn()).catch((error) => this._fail(error));
  }

  // ---- for the user; each throws a reason if it is not possible

  async turn(place, on) {
    await this._ready;
    if (on && !this.ring) throw new Unsealable("Sealing takes an account");
    if (on) await this.becomeDevice();
    this.ring.setSealed(place, on);
    await this._save();
    this.actions.changed();
  }

  // Make this a device of the account, if it is none and can be. Returns whether it has become one.
  async becomeDevice() {
    await this._ready;
    if (!this.available || !this.ring || this.isDevice) return false;
    this.ring.keys = await newKeys(this.ring.now());
    this._ready = this._learnOwn();
    await this._ready;
    return true;
  }

  // [{id, mine, vouched}] of the account's devices; mine: is it this one?
  get devices() {
    const {mine, keys} = this.ring;
    const me = hex(keys.identity.public);
    return (mine ? mine.inUse : []).map((one) => ({id: one.id, mine: one.key === me, vouched: mine.vouched.has(one.key)}));
  }

  async changeOwn(id, accepted) {
    const {mine, keys} = this.ring;
    if (!mine.vouched.has(hex(keys.identity.public)))
      throw new Unsealable("None of your other devices vouches for this one yet, so it cannot say that");
    await this._publish(await changedList(mine, keys, accepted ? [id] : [], accepted ? [] : [id]));
  }

  async digits(name) {
    await this._ready;
    return this.ring.digits(name);
  }

  async confirm(name) {
    await this.ring.confirm(name);
    await this._save();
    this.actions.changed();
  }

  // ---- in

  // Does a message contain sealed texts? The server's own word for it does not count.
  isFor(frame) {
    const messages = frame.on === "said" || frame.on === "whispered" ? [frame] : frame.messages || [];
    for (const message of messages) delete message.sealed;
    return messages.some(({text}) => isEnvelope(text || ""));
  }

  async opened(frame) {
    const me = this.net.name;
    if (frame.on === "said" || frame.on === "whispered") {
      await this._open(frame, frame.room || frame.to || me);
      if (frame.text === null) frame.on = "key";
      return;
    }
    for (const one of frame.messages) {
      const partner = frame.with && (one.by === me ? frame.with : me);
      await this._open(one, frame.room || partner || one.to || me);
    }
    const texts = frame.messages.filter(({text}) => text !== null);
    const [first] = frame.messages;
    if (first && first.text === null && !texts.length) texts.push({...first, text: NOTE}); // or nothing was before it
    frame.messages = texts;
  }

  // Set the text of a message; null if there is nothing to show.
  async _open(message, place) {
    if (!isEnvelope(message.text)) return;
    const envelope = message.text;
    message.text = NOTE;
    await this._ready;
    if (!this.isDevice || this._trouble) return;
    try {
      const said = await this._opened(message.by, place, message.n, envelope);
      const isFile = said !== null && typeof said === "object";
      if (isFile) said.name = cleanName(said.name);
      message.text = isFile ? textOf(said) : said;
      message.sealed = isFile ? said : said !== null;
      if (place === this.net.name && message.by !== place) this.ring.setSealed(message.by, true); // or the answer is open
      this._save();
    } catch (error) {
      message.text = `${NOTE}: ${error.message}`;
    }
  }

  async _opened(by, place, n, envelope) {
    try {
      return await this.ring.open(by, place, n, envelope);
    } catch (error) {
      if (!(error instanceof Stranger)) throw error;
      if (!this._fresh.has(by) && by !== this.ring.name) {
        await this._learn(by);
        return this._opened(by, place, n, envelope);
      }
      throw new Unopened(`it is from a device that ${by} is not known to have.`);
    }
  }

  // ---- out

  // Throws the reason if nothing can be sealed for this room or person now.
  async check({room, to}) {
    const members = await this._membersOf(room, to);
    this.ring.receivers(room || to, members || [to]);
  }

  // The envelopes of an own message of the outbox; the last one contains the text.
  async seal({room, to, text, sealed}) {
    const members = await this._membersOf(room, to);
    const found = await this.ring.seal(to === undefined ? room : to, members, sealed === true ? text : sealed);
    await this._save();
    return found;
  }

  // The members of a room, or null for a person. Afterwards the lists of devices that are needed are known.
  async _membersOf(room, to) {
    await this._ready;
    if (!this.isDevice) throw new Unsealable("Sealing takes an account");
    if (this._trouble) throw new Unsealable(this._trouble);
    const isRoom = to === undefined;
    if (isRoom && !this._members.has(room)) {
      const {names} = await this.net.request({do: "who", room}, true);
      this._members.set(room, names);
    }
    const members = isRoom ? this._members.get(room) || [] : null;
    const names = members || [to];
    if (names.length <= MOST_MEMBERS)
      for (const name of names) if (name !== this.ring.name && !this._fresh.has(name)) await this._learn(name);
    return members;
  }
}
