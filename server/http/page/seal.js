// Sealed messages, by WebCrypto alone. docs/sealing.md says what they promise; client/seal has the same in Python, with
// the layout of every byte; docs/sealing-vectors.json has the test vectors of both. Uses neither the DOM nor a socket.

const subtle = globalThis.crypto?.subtle;
const SUITE = 1;
const LETTER = 1;
const SPEECH = 2;
export const TEXT = 0;
export const CHAIN = 1;
export const FILE = 2;
const SIZES = [64, 256, 1024, 4096, 8192]; // bytes of a body
export const LONGEST = 8192 - 3; // bytes of a text
const PREFIX = "parley:sealed:1:";
export const NOTE = "🔒 sealed message (open Parley's own client to read it)";
const MOST_KEYS = 100;
const MOST_OF_CHAIN = 100;
const MOST_DEVICES = 32;
const MOST_IN_USE = 16;
const MOST_MEMBERS = 100;
const MOST_EARLIER = 16; // names that a room had before, which are remembered
const MOST_NAME = 120; // bytes of a file's
const MOST_SEEN = 256;
const MOST_CHAINS = 1000; // sender keys of one device in one room that are kept
const DAY = 86400; // seconds
const RENEW_AFTER = 7 * DAY;
const KEEP_FOR = 30 * DAY;
const ENTRY = 130; // bytes of a device in a list
const HEAD = 26;
const BLOCK = 8 + 48 + 32;
const NONCE = new Uint8Array(12); // as no key is used twice
const EMPTY = new Uint8Array(32); // the salt of HKDF where there is none

const MALFORMED = "A sealed message is malformed.";

// An envelope or a list is not valid; the message is a sentence.
export class Unopened extends Error {}
export class NotForMe extends Unopened {}
export class Unsealable extends Error {}
// The list of devices of this name is needed first.
export class Stranger extends Error {}

const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(bytes);
const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);
const number = (value, size) =>
  Uint8Array.from({length: size}, (_, at) => Math.floor(value / 256 ** (size - 1 - at)) % 256);
const valueOf = (bytes) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
const randomBytes = (size) => crypto.getRandomValues(new Uint8Array(size));
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));

export function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function base64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function unbase64(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
}

// ---- primitives

const sha = async (algorithm, bytes) => new Uint8Array(await subtle.digest(algorithm, bytes));

async function hmac(key, bytes) {
  const imported = await subtle.importKey("raw", key.length ? key : EMPTY, {name: "HMAC", hash: "SHA-256"}, false, [
    "sign"
  ]);
  return new Uint8Array(await subtle.sign("HMAC", imported, bytes));
}

async function expand(key, info, length) {
  let found = new Uint8Array(0);
  let block = found;
  for (let count = 1; found.length < length; count++) {
    block = await hmac(key, join(block, info, [count]));
    found = join(found, block);
  }
  return found.slice(0, length);
}

async function aes(what, key, text, aad) {
  const imported = await subtle.importKey("raw", key, "AES-GCM", false, [what]);
  return new Uint8Array(await subtle[what]({name: "AES-GCM", iv: aad.iv || NONCE, additionalData: aad.data}, imported, text));
}

const sign = async (key, bytes) => new Uint8Array(await subtle.sign("Ed25519", key, bytes));

async function isSigned(identity, signature, bytes) {
  try {
    const key = await subtle.importKey("raw", identity, "Ed25519", false, ["verify"]);
    return await subtle.verify("Ed25519", key, signature, bytes);
  } catch {
    return false;
  }
}

async function exchange(key, publicBytes) {
  const other = await subtle.importKey("raw", publicBytes, "X25519", false, []);
  const bits = new Uint8Array(await subtle.deriveBits({name: "X25519", public: other}, key, 256));
  if (bits.every((byte) => byte === 0)) throw new Unopened("A key is not valid.");
  return bits;
}

// A pair of keys, {private, public: bytes}; the private one cannot be exported from the browser.
async function newPair(algorithm, uses) {
  const pair = await subtle.generateKey(algorithm, false, uses);
  return {private: pair.privateKey, public: new Uint8Array(await subtle.exportKey("raw", pair.publicKey))};
}

// Can this browser seal here? Not on plain http, and not without support for these kinds of keys.
export async function canSeal() {
  try {
    await newPair("X25519", ["deriveBits"]);
    await newPair("Ed25519", ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

// ---- HPKE (RFC 9180), base mode

const KEM = join(encode("KEM"), [0, 32]);
const labelled = (suite, label, bytes) => join(encode("HPKE-v1"), suite, encode(label), bytes);
const labelledExtract = (suite, label, secret, salt = EMPTY) => hmac(salt, labelled(suite, label, secret));
const labelledExpand = (suite, key, label, info, length) =>
  expand(key, join(number(length, 2), labelled(suite, label, info)), length);

async function context(exchanged, enc, receiver, info, aead) {
  const none = new Uint8Array(0);
  const prk = await labelledExtract(KEM, "eae_prk", exchanged);
  const shared = await labelledExpand(KEM, prk, "shared_secret", join(enc, receiver), 32);
  const suite = join(encode("HPKE"), [0, 32, 0, 1, 0, aead]);
  const schedule = join(
    [0],
    await labelledExtract(suite, "psk_id_hash", none),
    await labelledExtract(suite, "info_hash", info)
  );
  const secret = await labelledExtract(suite, "secret", none, shared);
  return {
    key: await labelledExpand(suite, secret, "key", schedule, aead === 1 ? 16 : 32),
    iv: await labelledExpand(suite, secret, "base_nonce", schedule, 12)
  };
}

export async function hpkeSeal(receiver, info, text, aad = new Uint8Array(0), ephemeral = null, aead = 2) {
  const pair = ephemeral || (await newPair("X25519", ["deriveBits"]));
  const {key, iv} = await context(await exchange(pair.private, receiver), pair.public, receiver, info, aead);
  return join(pair.public, await aes("encrypt", key, text, {iv, data: aad}));
}

export async function hpkeOpen(pair, info, sealed, aad = new Uint8Array(0), aead = 2) {
  const enc = sealed.slice(0, 32);
  const {key, iv} = await context(await exchange(pair.private, enc), enc, pair.public, info, aead);
  return aes("decrypt", key, sealed.slice(32), {iv, data: aad});
}

// ---- devices and their lists

const idOf = async (identity) => (await sha("SHA-256", identity)).slice(0, 16);
const keyIdOf = async (sealing) => (await sha("SHA-256", sealing)).slice(0, 8);

// The keys of a device: {identity: pair, sealing: [{...pair, keyId, made}], id}.
export async function newKeys(now) {
  const identity = await newPair("Ed25519", ["sign", "verify"]);
  return {identity, sealing: [await newSealing(now)], id: await idOf(identity.public)};
}

async function newSealing(now) {
  const pair = await newPair("X25519", ["deriveBits"]);
  return {...pair, keyId: await keyIdOf(pair.public), made: now};
}

const newest = (keys) => keys.sealing[keys.sealing.length - 1];
const statement = (name, identity) => join(encode("parley device 1\0" + name + "\0"), identity);

async function signedList(keys, listNumber, name, entries) {
  const author = entries.findIndex((one) => equal(one.identity, keys.identity.public));
  const raw = encode(name);
  const data = join(
    [SUITE],
    number(listNumber, 4),
    [raw.length],
    raw,
    [author, entries.length],
    ...entries.map((one) => join(one.identity, one.sealing, [one.voucher, one.gone], one.vouched))
  );
  return join(data, await sign(keys.identity.private, join(encode("parley devices 1\0"), data)));
}

// The bytes of a list to which this device is added. old: the last list, or null.
export async function withDevice(old, name, keys) {
  const entries = old ? [...old.entries] : [];
  if (entries.length >= MOST_DEVICES || (old && old.inUse.length >= MOST_IN_USE))
    throw new Unsealable("This account has too many devices: one of them has to take some out.");
  entries.push({
    identity: keys.identity.public,
    sealing: newest(keys).public,
    voucher: entries.length,
    gone: 0,
    vouched: await sign(keys.identity.private, statement(name, keys.identity.public))
  });
  return signedList(keys, old ? old.number + 1 : 1, name, entries);
}

// The bytes of the next list, signed by this device, which is in it. vouch, remove: hexadecimal ids.
export async function changedList(old, keys, vouch = [], remove = []) {
  const me = old.entries.findIndex((one) => equal(one.identity, keys.identity.public));
  const entries = [];
  for (const [index, one] of old.entries.entries()) {
    if (index === me) entries.push({...one, sealing: newest(keys).public});
    else if (remove.includes(one.id)) entries.push({...one, gone: 1});
    else if (vouch.includes(one.id) && me < index)
      entries.push({
        ...one,
        voucher: me,
        vouched: await sign(keys.identity.private, statement(old.name, one.identity))
      });
    else entries.push(one);
  }
  return signedList(keys, old.number + 1, old.name, entries);
}

let probe; // by which a key is told to which nothing can be sealed

// A list: {number, name, author, entries, data, root, vouched: Set of hexadecimal identities, inUse}. Throws Unopened.
export async function readList(data, name) {
  probe = probe || newPair("X25519", ["deriveBits"]);
  const {private: trial} = await probe;
  const bad = new Unopened(`This is not a valid list of the devices of ${name}.`);
  const length = data[5];
  const [author, count] = [data[6 + length], data[7 + length]];
  const end = 8 + length + count * ENTRY;
  const raw = encode(name);
  if (data[0] !== SUITE || !(count >= 1 && count <= MOST_DEVICES) || data.length !== end + 64) throw bad;
  if (!equal(data.slice(6, 6 + length), raw) || !(author < count)) throw bad;
  const entries = [];
  const vouched = new Set();
  const known = new Set();
  for (let at = 8 + length; at < end; at += ENTRY) {
    const entry = {
      identity: data.slice(at, at + 32),
      sealing: data.slice(at + 32, at + 64),
      voucher: data[at + 64],
      gone: data[at + 65],
      vouched: data.slice(at + 66, at + ENTRY)
    };
    entry.id = hex(await idOf(entry.identity));
    entry.key = hex(entry.identity);
    const index = entries.push(entry) - 1;
    if (entry.gone > 1 || entry.voucher > index || known.has(entry.key)) throw bad;
    known.add(entry.key);
    const voucher = entries[entry.voucher];
    if (!(await isSigned(voucher.identity, entry.vouched, statement(name, entry.identity)))) throw bad;
    await exchange(trial, entry.sealing).catch(() => {
      throw bad;
    });
    if (index === 0 || (entry.voucher < index && vouched.has(voucher.key))) vouched.add(entry.key);
  }
  const signed = join(encode("parley devices 1\0"), data.slice(0, end));
  if (entries[author].gone || !(await isSigned(entries[author].identity, data.slice(end), signed))) throw bad;
  const inUse = entries.filter((one) => !one.gone);
  return {number: valueOf(data.slice(1, 5)), name, author, entries, data, root: entries[0].identity, vouched, inUse};
}

// How a list relates to the one that was known before: "same", "follows", "older", or "another" one.
export function judge(old, fresh) {
  if (equal(old.data, fresh.data)) return "same";
  const sameRoot = equal(old.root, fresh.root);
  if (!sameRoot || fresh.entries.length < old.entries.length)
    return sameRoot && fresh.number <= old.number ? "older" : "another";
  if (fresh.number <= old.number) return "older";
  const known = new Map(old.entries.map((one) => [one.key, one]));
  const author = fresh.entries[fresh.author];
  const mayChange = old.vouched.has(author.key) && !known.get(author.key).gone;
  for (const [at, before] of old.entries.entries()) {
    const now = fresh.entries[at];
    if (now.key !== before.key || (before.gone && !now.gone)) return "another";
    const sameRest = now.voucher === before.voucher && now.gone === before.gone && equal(now.vouched, before.vouched);
    const isSame = sameRest && equal(now.sealing, before.sealing);
    if (!isSame && !mayChange && !(now.key === author.key && sameRest)) return "another";
  }
  for (const one of fresh.entries.slice(old.entries.length)) {
    const voucher = known.get(fresh.entries[one.voucher].key);
    if (voucher && voucher.gone) return "another";
  }
  return "follows";
}

// 60 digits that two people compare.
export async function digits(name, root, otherName, otherRoot) {
  const pairs = [
    [encode(name), root],
    [encode(otherName), otherRoot]
  ].sort(([a], [b]) => (hex(a) < hex(b) ? -1 : 1));
  const told = join(encode("parley verify 1"), ...pairs.map(([raw, key]) => join([raw.length], raw, key)));
  const value = BigInt("0x" + hex(await sha("SHA-512", told))) % 10n ** 60n;
  return String(value).padStart(60, "0").replace(/(.{5})(?!$)/g, "$1 ");
}

// ---- envelopes

export const isEnvelope = (text) => /^parley:sealed:[1-9][0-9]?:[A-Za-z0-9_-]{228,}$/.test(text);

function bound(sender, place) {
  const parts = [sender, place].map(encode).map((raw) => join(number(raw.length, 2), raw));
  return join(encode("parley seal 1"), ...parts);
}

// The unencrypted parts of an envelope: {kind, device, at, data}.
export function readEnvelope(text) {
  let data = new Uint8Array(0);
  try {
    if (text.startsWith(PREFIX)) data = unbase64(text.slice(PREFIX.length));
  } catch {
    // it is not valid
  }
  if (
    data.length < HEAD + 1 + 64 + 16 + 64 ||
    data[0] !== SUITE ||
    (data[1] !== LETTER && data[1] !== SPEECH) ||
    PREFIX + base64(data) !== text
  )
    throw new Unopened("This is no sealed message, or of a newer kind.");
  return {kind: data[1], device: data.slice(2, 18), at: valueOf(data.slice(18, HEAD)), data};
}

function padded(what, content) {
  const size = SIZES.find((one) => one >= content.length + 3);
  return join(number(content.length + 1, 2), [what], content, new Uint8Array(size - content.length - 3));
}

function unpadded(body) {
  const end = 2 + valueOf(body.slice(0, 2));
  if (!SIZES.includes(body.length) || end < 3 || end > body.length || body.slice(end).some((byte) => byte))
    throw new Unopened(MALFORMED);
  if (body[2] > FILE) throw new Unopened("This is a sealed message of a newer kind.");
  return {what: body[2], content: body.slice(3, end)};
}

async function signedEnvelope(keys, prefix, data) {
  return PREFIX + base64(join(data, await sign(keys.identity.private, join(prefix, data))));
}

const headOf = (kind, keys, at) => join([SUITE, kind], keys.id, number(at, 8));

// An envelope for the devices with the public sealing keys `receivers`. fixed: {key, ephemerals}, for test vectors.
export async function letter(keys, sender, place, at, receivers, what, content, fixed = {}) {
  const prefix = bound(sender, place);
  const head = headOf(LETTER, keys, at);
  const key = fixed.key || randomBytes(32);
  const blocks = [];
  for (const [index, one] of receivers.entries()) {
    const sealed = await hpkeSeal(one, join(prefix, head), key, undefined, fixed.ephemerals?.[index]);
    blocks.push(join(await keyIdOf(one), sealed));
  }
  const data = join(head, [receivers.length], ...blocks);
  return signedEnvelope(keys, prefix, join(data, await aes("encrypt", key, padded(what, content), {data})));
}

const BROKEN = "A sealed message cannot be opened: it was changed, or is from elsewhere.";

// {what, content} of a letter whose signature has been checked.
export async function openLetter(keys, sender, place, {data}) {
  const end = HEAD + 1 + data[HEAD] * BLOCK;
  for (let at = HEAD + 1; at < end; at += BLOCK) {
    const mine = keys.sealing.find((one) => equal(one.keyId, data.slice(at, at + 8)));
    if (!mine) continue;
    let body;
    try {
      const info = join(bound(sender, place), data.slice(0, HEAD));
      const key = await hpkeOpen(mine, info, data.slice(at + 8, at + BLOCK));
      body = await aes("decrypt", key, data.slice(end, -64), {data: data.slice(0, end)});
    } catch {
      throw new Unopened(BROKEN);
    }
    return unpadded(body);
  }
  throw new NotForMe("This was not sealed for this device, which may be newer, or the key is too old.");
}

const messageKey = (chain) => expand(chain.key, encode("parley message 1"), 32);
export const nextOf = async (chain) => ({
  ...chain,
  index: chain.index + 1,
  key: await expand(chain.key, encode("parley chain 1"), 32)
});

// An envelope for all who have this sender key, {name, index, key}.
export async function speech(keys, sender, place, at, chain, what, content) {
  const prefix = bound(sender, place);
  const data = join(headOf(SPEECH, keys, at), chain.name, [chain.index]);
  const body = await aes("encrypt", await messageKey(chain), padded(what, content), {data: join(prefix, data)});
  return signedEnvelope(keys, prefix, join(data, body));
}

export const chainOf = ({data}) => ({name: data.slice(HEAD, HEAD + 8), index: data[HEAD + 8]});

// {what, content} of an envelope with a sender key. chain: the key at the same index, or at an earlier one.
export async function openSpeech(chain, sender, place, {data}) {
  const index = data[HEAD + 8];
  if (index < chain.index || index >= MOST_OF_CHAIN)
    throw new Unopened("A sealed message is older than the key that this device was given.");
  let now = chain;
  while (now.index < index) now = await nextOf(now);
  const start = HEAD + 9;
  let body;
  try {
    const aad = {data: join(bound(sender, place), data.slice(0, start))};
    body = await aes("decrypt", await messageKey(now), data.slice(start, -64), aad);
  } catch {
    throw new Unopened(BROKEN);
  }
  const said = unpadded(body);
  if (said.what === CHAIN) throw new Unopened(MALFORMED);
  return said;
}

export async function check(identity, sender, place, {data}) {
  if (!(await isSigned(identity, data.slice(-64), join(bound(sender, place), data.slice(0, -64)))))
    throw new Unopened("A sealed message has a wrong signature: somebody has changed or moved it.");
}

export const chainContent = (chain) => join(chain.name, [chain.index], chain.key);

export function readChain(content) {
  if (content.length !== 41) throw new Unopened(MALFORMED);
  return {name: content.slice(0, 8), index: content[8], key: content.slice(9)};
}

// The fields of a sealed file, {file, key, hash, size, name}: see sealedfile.js.
export const fileContent = ({file, key, hash, size, name}) =>
  join(unhex(file), unhex(key), unhex(hash), number(size, 8), encode(name));

export function readFile(content) {
  const told = {
    file: hex(content.slice(0, 16)),
    key: hex(content.slice(16, 48)),
    hash: hex(content.slice(48, 80)),
    size: valueOf(content.slice(80, 88)),
    name: decode(content.slice(88))
  };
  const {length} = content.slice(88);
  if (!length || length > MOST_NAME || !told.size || !Number.isSafeInteger(told.size)) throw new Unopened(MALFORMED);
  return told;
}

// ---- what a device stores

const notVouched = (name) =>
  `${name} has a device that none of the others vouches for. Until you have compared digits, nothing is sealed for ${name}, and nothing from that device is opened.`;
const another = (name) =>
  `The server shows other devices for ${name} than before. Either ${name} has begun anew, or somebody else wants to read along: compare digits, by voice or otherwise.`;

// An object whose keys are users' names, one of which may be "constructor".
const named = (object) => Object.assign(Object.create(null), object);

export class Ring {
  // store: {load(name), save(name, kept)}, both async, of what can be cloned. See client/seal/ring.py, which has the
  // same rules. now(): seconds.
  constructor(name, store, now = () => Math.floor(Date.now() / 1000)) {
    Object.assign(this, {name, store, now});
    this.keys = this.mine = null;
    this.kept = {pins: named({}), sealed: [], seen: {}, chains: {}, last: 0, earlier: named({})};
    this.lists = new Map();
    this.sending = new Map();
  }

  async load() {
    const stored = await this.store.load(this.name);
    if (stored) {
      this.keys = stored.keys;
      const {pins, earlier} = stored.kept;
      this.kept = {...stored.kept, pins: named(pins), earlier: named(earlier || {})};
      this.mine = stored.mine ? await readList(stored.mine, this.name) : null;
      for (const [name, pin] of Object.entries(this.kept.pins)) this.lists.set(name, await readList(pin.list, name));
    }
    return this;
  }

  save() {
    return this.store.save(this.name, {keys: this.keys, kept: this.kept, mine: this.mine && this.mine.data});
  }

  // The server has told this account's list, or null. Returns {publish: bytes or null, told: sentences for the user}.
  async learnOwn(data) {
    const shown = data ? await readList(data, this.name) : null;
    const relation = this.mine && shown ? judge(this.mine, shown) : "";
    const told = [];
    if (relation === "another") throw new Unsealable(another("you"));
    if (relation === "follows") {
      for (const one of shown.entries.slice(this.mine.entries.length)) {
        if (one.gone || equal(one.identity, this.keys.identity.public)) continue;
        told.push(
          shown.vouched.has(one.key)
            ? `You have a new device, ${one.id.slice(0, 8)}, for which another of yours vouches.`
            : `You have a new device, ${one.id.slice(0, 8)}. Say under your name whether it is yours.`
        );
      }
    }
    if (shown && relation !== "older") this.mine = shown;
    const renewed = await this._renew();
    const own = this.mine && this.mine.entries.find((one) => equal(one.identity, this.keys.identity.public));
    if (!own) return {publish: await withDevice(this.mine, this.name, this.keys), told};
    if (own.gone) throw new Unsealable("This device was taken out of the list of your devices.");
    const outdated = renewed || relation === "older" || !equal(own.sealing, newest(this.keys).public);
    return {publish: !shown || outdated ? await changedList(this.mine, this.keys) : null, told};
  }

  async _renew() {
    const due = this.now() - newest(this.keys).made >= RENEW_AFTER;
    if (due) this.keys.sealing.push(await newSealing(this.now()));
    const last = newest(this.keys);
    this.keys.sealing = this.keys.sealing.filter(
      (one) => one === last || this.now() - one.made < RENEW_AFTER + KEEP_FOR
    );
    return due;
  }

  async published(data) {
    this.mine = await readList(data, this.name);
  }

  // The server has told somebody's list, or null. Returns sentences for the user, each of them once.
  async learn(name, data) {
    if (!data) return []; // what is pinned remains, so that a server cannot make anybody talk openly
    let shown;
    try {
      shown = await readList(data, name);
    } catch (error) {
      return [error.message];
    }
    const pin = this.kept.pins[name];
    if (!pin) {
      this._pin(name, shown, false);
      return [];
    }
    const old = this.lists.get(name);
    const relation = judge(old, shown);
    if (relation === "another" && !pin.verified) {
      this._pin(name, shown, false);
      return [another(name)];
    }
    if (relation === "another" && !(pin.other && equal(pin.other, data))) {
      pin.other = data;
      return [`${another(name)} Until then nothing is sealed for ${name}.`];
    }
    if (relation !== "follows") return [];
    this.lists.set(name, shown);
    pin.list = shown.data;
    const told = [];
    for (const one of shown.entries.slice(old.entries.length)) {
      if (one.gone) continue;
      if (shown.vouched.has(one.key)) told.push(`${name} has a new device, for which another one vouches.`);
      else if (pin.verified) told.push(notVouched(name));
      else {
        pin.accepted.push(one.key);
        told.push(`${name} has a new device.`);
      }
    }
    return told;
  }

  _pin(name, shown, verified) {
    this.kept.pins[name] = {list: shown.data, verified, accepted: shown.inUse.map((one) => one.key)};
    this.lists.set(name, shown);
  }

  knows(name) {
    return name === this.name || this.lists.has(name);
  }

  isVerified(name) {
    return Boolean(this.kept.pins[name]?.verified);
  }

  async _shown(name) {
    const {other} = this.kept.pins[name];
    return other ? readList(other, name) : this.lists.get(name);
  }

  async digits(name) {
    return digits(this.name, this.mine.root, name, (await this._shown(name)).root);
  }

  async confirm(name) {
    this._pin(name, await this._shown(name), true);
  }

  whyBlocked(name) {
    const pin = this.kept.pins[name];
    if (pin?.other) return another(name);
    return pin?.verified && this._trusted(name).length < this.lists.get(name).inUse.length ? notVouched(name) : "";
  }

  _trusted(name) {
    if (name === this.name) {
      const me = hex(this.keys.identity.public);
      return this.mine.inUse.filter((one) => this.mine.vouched.has(one.key) || one.key === me);
    }
    const list = this.lists.get(name);
    const {accepted} = this.kept.pins[name];
    return list.inUse.filter((one) => list.vouched.has(one.key) || accepted.includes(one.key));
  }

  isSealed(place) {
    return this.kept.sealed.includes(place);
  }

  setSealed(place, sealed) {
    this.kept.sealed = [...this.kept.sealed.filter((one) => one !== place), ...(sealed ? [place] : [])];
  }

  // A room has got another name. n: the number of the last message received there before. Messages up to that one are
  // bound to the former name, and are opened under the new one, too.
  roomRenamed(room, name, n) {
    if (this.isSealed(room)) {
      this.setSealed(room, false);
      this.setSealed(name, true);
    }
    const {earlier} = this.kept;
    const before = earlier[room] || [];
    delete earlier[room];
    earlier[name] = [...before, [room, n]].slice(-MOST_EARLIER);
  }

  // The place for which it was sealed: this one, or a former name of the room. Throws Unopened.
  async _check(identity, by, place, n, parts) {
    for (const [earlier, last] of this.kept.earlier[place] || []) {
      if (n && n <= last && (await check(identity, by, earlier, parts).then(() => true, () => false))) return earlier;
    }
    await check(identity, by, place, parts);
    return place;
  }

  _nextAt() {
    this.kept.last = Math.max(this.kept.last + 1, this.now() * 1000);
    return this.kept.last;
  }

  // The public keys for which a message to a place is sealed now. names: of the receivers. Throws Unsealable.
  receivers(place, names) {
    if (names.length > MOST_MEMBERS)
      throw new Unsealable(`There are more than ${MOST_MEMBERS} in ${place}: nothing can be sealed there`);
    const found = [];
    for (const name of new Set([...[...names].sort(), this.name])) {
      if (!this.knows(name)) throw new Unsealable(`${name} has no device that could open sealed messages`);
      const why = this.whyBlocked(name);
      if (why) throw new Unsealable(why.replace(/\.$/, ""));
      found.push(...this._trusted(name).map((one) => one.sealing));
    }
    return found;
  }

  // The envelopes of a message, the last of which contains it. members: of a room, or null. said: a text, or the fields
  // of a sealed file.
  async seal(place, members, said) {
    const isText = typeof said === "string";
    const [what, raw] = isText ? [TEXT, encode(said)] : [FILE, fileContent(said)];
    if (raw.length > LONGEST) throw new Unsealable(`This is too long to be sealed: ${LONGEST} bytes can be`);
    if (!members) {
      const receivers = this.receivers(place, [place]);
      return [await letter(this.keys, this.name, place, this._nextAt(), receivers, what, raw)];
    }
    const receivers = this.receivers(place, members);
    const known = receivers.map(hex).join();
    let {chain, made, for: before} = this.sending.get(place) || {};
    const found = [];
    const isOld = !chain || chain.index >= MOST_OF_CHAIN || !(this.now() - made >= 0 && this.now() - made < DAY);
    if (isOld || before !== known) {
      chain = {name: randomBytes(8), index: 0, key: randomBytes(32)};
      made = this.now();
      this._keepChain(this.keys.id, place, chain);
      for (let at = 0; at < receivers.length; at += MOST_KEYS) {
        const some = receivers.slice(at, at + MOST_KEYS);
        found.push(await letter(this.keys, this.name, place, this._nextAt(), some, CHAIN, chainContent(chain)));
      }
    }
    found.push(await speech(this.keys, this.name, place, this._nextAt(), chain, what, raw));
    this.sending.set(place, {chain: await nextOf(chain), made, for: known});
    return found;
  }

  // The text, or the fields of a sealed file, in an envelope from `by`; null if it contains a sender key. Throws
  // Unopened, or Stranger.
  async open(by, shownAt, n, text) {
    const parts = readEnvelope(text);
    const list = by === this.name ? this.mine : this.lists.get(by);
    const entry = list && list.inUse.find((one) => one.id === hex(parts.device));
    if (!entry) throw new Stranger(by);
    if (!this._trusted(by).includes(entry)) throw new Unopened(notVouched(by));
    const place = await this._check(entry.identity, by, shownAt, n, parts);
    const seen = this._seen(parts, place, n);
    const isRoom = place.startsWith("#");
    let what;
    let content;
    if (parts.kind === SPEECH) {
      const kept = this.kept.chains[this._chainKey(parts.device, place, chainOf(parts).name)];
      if (!kept) throw new Unopened(`This device was not given the key for a sealed message of ${by}.`);
      ({what, content} = await openSpeech(kept.chain, by, place, parts));
    } else {
      let opened;
      try {
        opened = await openLetter(this.keys, by, place, parts);
      } catch (error) {
        if (isRoom && error instanceof NotForMe) return null;
        throw error;
      }
      what = opened.what;
      if ((what === CHAIN) !== isRoom) throw new Unopened(MALFORMED);
      if (isRoom) this._keepChain(parts.device, place, readChain(opened.content));
      content = isRoom ? null : opened.content;
    }
    this._noteSeen(seen, parts.at, n);
    try {
      return content && (what === FILE ? readFile(content) : decode(content));
    } catch {
      throw new Unopened(MALFORMED);
    }
  }

  _seen({device, at}, place, n) {
    const key = `${hex(device)} ${place}`;
    const seen = (this.kept.seen[key] = this.kept.seen[key] || {floor: 0, first: 0, known: new Map()});
    const known = seen.known.get(at);
    if (known !== undefined && (known === 0 ? !n : known !== n))
      throw new Unopened("The server has shown a sealed message a second time, as a new one.");
    if (known === undefined && at <= seen.floor && (!n || n >= seen.first))
      throw new Unopened("The server has shown an old sealed message as a new one.");
    return seen;
  }

  _noteSeen(seen, at, n) {
    if (at <= seen.floor) return; // it is older than all that is remembered, and stands before that
    seen.known.set(at, n || 0);
    while (seen.known.size > MOST_SEEN) {
      const oldest = Math.min(...seen.known.keys());
      seen.floor = oldest;
      seen.first = Math.max(seen.first, seen.known.get(oldest));
      seen.known.delete(oldest);
    }
  }

  _chainKey(device, room, name) {
    return `${hex(device)} ${hex(name)} ${room}`;
  }

  _keepChain(device, room, chain) {
    const {chains} = this.kept;
    for (const [key, {since}] of Object.entries(chains)) if (this.now() - since > KEEP_FOR) delete chains[key];
    const key = this._chainKey(device, room, chain.name);
    const same = Object.keys(chains).filter((one) => one.startsWith(`${hex(device)} `) && one.split(" ").slice(2).join(" ") === room);
    if (!chains[key]) for (const old of same.slice(0, Math.max(0, same.length - MOST_CHAINS + 1))) delete chains[old];
    if (!chains[key] || chains[key].chain.index > chain.index) chains[key] = {chain, since: this.now()};
  }
}
