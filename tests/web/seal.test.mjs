// Sealing: the published vectors, and whole conversations between rings. See server/http/page/seal.js.
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import test from "node:test";

import * as seal from "./seal.js";
import * as files from "./sealedfile.js";

const {hex, unhex} = seal;
const vectors = JSON.parse(readFileSync(new URL("./sealing-vectors.json", import.meta.url)));
const subtle = crypto.subtle;

async function pairOf(algorithm, secret, publicKey) {
  const prefix = algorithm === "Ed25519" ? "302e020100300506032b657004220420" : "302e020100300506032b656e04220420";
  const uses = algorithm === "Ed25519" ? ["sign"] : ["deriveBits"];
  return {
    private: await subtle.importKey("pkcs8", unhex(prefix + secret), algorithm, true, uses),
    public: publicKey
  };
}

// The public bytes of a private key of X25519.
async function x25519(secret) {
  const pair = await pairOf("X25519", secret, null);
  const jwk = await subtle.exportKey("jwk", pair.private);
  return {...pair, public: seal.unbase64(jwk.x)};
}

async function keysOf(word) {
  const of = vectors.devices[word];
  const sealing = await x25519(of.sealing);
  const keyId = new Uint8Array(await subtle.digest("SHA-256", sealing.public)).slice(0, 8);
  return {
    identity: await pairOf("Ed25519", of.identity, unhex(of.public)),
    sealing: [{...sealing, keyId, made: 0}],
    id: unhex(of.id)
  };
}

test("HPKE is that of RFC 9180", async () => {
  for (const one of vectors.hpke) {
    const [receiver, ephemeral] = [await x25519(one.private), await x25519(one.ephemeral)];
    const [info, text, aad] = [one.info, one.text, one.aad].map(unhex);
    assert.equal(hex(await seal.hpkeSeal(receiver.public, info, text, aad, ephemeral, one.aead)), one.sealed);
    assert.deepEqual(await seal.hpkeOpen(receiver, info, unhex(one.sealed), aad, one.aead), text);
  }
});

test("lists are read and judged as published", async () => {
  const lists = [];
  for (const one of vectors.lists) {
    const list = await seal.readList(unhex(one.data), one.name);
    assert.equal(list.number, one.number);
    assert.deepEqual([...list.vouched].sort(), one.vouched);
    assert.deepEqual(list.inUse.map(({id}) => id), one.in_use);
    lists.push(list);
  }
  for (const one of vectors.judged) assert.equal(seal.judge(lists[one.old], lists[one.new]), one.is);
  const [ann, bob] = [await keysOf("ann"), await keysOf("bob")];
  assert.equal(await seal.digits("bob", bob.identity.public, "ann", ann.identity.public), vectors.digits);
  assert.equal(hex(await seal.changedList(lists[1], ann, [vectors.devices["ann's phone"].id])), vectors.lists[2].data);
  assert.equal(hex(await seal.withDevice(null, "bob", bob)), vectors.lists[4].data);
});

test("a list that was changed is none", async () => {
  const data = unhex(vectors.lists[1].data);
  for (let at = 0; at < data.length; at += 3) {
    const forged = data.slice();
    forged[at] ^= 1;
    await assert.rejects(seal.readList(forged, "ann"), seal.Unopened);
  }
  await assert.rejects(seal.readList(data, "bob"), seal.Unopened);
  await assert.rejects(seal.readList(data.slice(0, 50), "ann"), seal.Unopened);
});

test("envelopes are opened as published", async () => {
  const identity = (await keysOf("ann")).identity.public;
  for (const one of vectors.letters) {
    const parts = seal.readEnvelope(one.envelope);
    assert.equal(parts.at, one.at);
    await seal.check(identity, "ann", one.place, parts);
    for (const word of ["ann", "ann's phone", "bob"]) {
      const {what, content} = await seal.openLetter(await keysOf(word), "ann", one.place, parts);
      assert.deepEqual([what, hex(content)], [one.what, one.content]);
    }
    await assert.rejects(seal.openLetter(await keysOf("eve"), "ann", one.place, parts), seal.NotForMe);
    await assert.rejects(seal.check(identity, "ann", "carl", parts), seal.Unopened);
  }
  const first = seal.readChain(unhex(vectors.letters.at(-1).content));
  let now = first;
  for (const one of vectors.speeches) {
    const parts = seal.readEnvelope(one.envelope);
    await seal.check(identity, "ann", one.place, parts);
    const {what, content} = await seal.openSpeech(first, "ann", one.place, parts);
    assert.deepEqual([what, hex(content)], [one.what, one.content]);
    const again = await seal.speech(await keysOf("ann"), "ann", one.place, one.at, now, what, content);
    assert.equal(again, one.envelope);
    now = await seal.nextOf(now);
  }
});

// ---- files

async function opened(told, bytes, step = bytes.length || 1) {
  const opening = new files.Opening(told);
  const parts = [];
  for (let at = 0; at < bytes.length; at += step) parts.push(...(await opening.take(bytes.subarray(at, at + step))));
  await opening.end();
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

test("files are sealed and opened as published, and names are cleaned", async () => {
  for (const one of vectors.files) {
    const plain = Uint8Array.from({length: one.size}, (_, at) => at % 251);
    const {blob, told} = await files.sealFile(new Blob([plain]), "../Plan ü.pdf", unhex(one.key));
    const kept = new Uint8Array(await blob.arrayBuffer());
    assert.equal(hex(new Uint8Array(await subtle.digest("SHA-256", kept))), one.sealed_sha256);
    assert.ok(hex(kept).startsWith(one.sealed_begins) && kept.length === files.sealedSize(one.size));
    const read = seal.readFile(unhex(one.content));
    assert.deepEqual(read, {file: read.file, ...told});
    assert.equal(hex(seal.fileContent(read)), one.content);
    assert.ok(told.hash === one.hash && told.size === one.size);
    for (const step of [7001, kept.length]) assert.deepEqual(await opened(read, kept, step), plain);
  }
  for (const [given, name] of Object.entries(vectors.names)) assert.equal(files.cleanName(given), name);
  assert.equal(files.textOf({name: "plan.pdf", size: 1200345}), "[file] plan.pdf, 1.2 MB");
  for (const [size, text] of vectors.sizes) assert.equal(files.sizeOf(size), text);
  for (const content of [unhex(vectors.files[0].content).slice(0, 88), new Uint8Array(90), new Uint8Array(220).fill(65)])
    assert.throws(() => seal.readFile(content), seal.Unopened);
});

test("of a file that was cut or changed or is another nothing is taken", async () => {
  const plain = crypto.getRandomValues(new Uint8Array(3 * 65536 + 7).subarray(0, 65536));
  const blob = new Blob([plain, plain, plain, plain.subarray(0, 7)]);
  const key = crypto.getRandomValues(new Uint8Array(32));
  const {blob: sealed, told} = await files.sealFile(blob, "a", key);
  const {blob: other} = await files.sealFile(new Blob([new Uint8Array(blob.size)]), "a", key);
  const chunk = 65536 + 16;
  const piece = (at, end = at + 1) => sealed.slice(at * chunk, end * chunk);
  const forged = {
    cut: [sealed.slice(0, -1)],
    "without the last chunk": [piece(0, 3)],
    swapped: [piece(1), piece(0), piece(2, 9)],
    twice: [piece(0), piece(0), piece(2, 9)],
    "left out": [piece(0), piece(2, 9)],
    changed: [sealed.slice(0, 70000), "x", sealed.slice(70001)],
    more: [sealed, "x"],
    "another with the same key": [other],
    nothing: []
  };
  for (const [name, parts] of Object.entries(forged)) {
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    await assert.rejects(opened(told, bytes, 5000), /not the one that was sealed/, name);
  }
  const kinds = {"\x89PNG\r\n\x1a\n": "image/png", "\xff\xd8\xff": "image/jpeg", GIF89a: "image/gif", RIFF1234WEBP: "image/webp"};
  for (const [text, kind] of Object.entries({...kinds, "<svg>": null, RIFF1234WAVE: null, "": null}))
    assert.equal(files.pictureKind(Uint8Array.from(text, (char) => char.charCodeAt(0))), kind);
});

// ---- rings

class Server {
  constructor() {
    Object.assign(this, {lists: Object.create(null), stored: Object.create(null), time: 1795000000});
  }
  async ring(name, device = name) {
    const ring = new seal.Ring(
      name,
      {load: async () => this.stored[device], save: async (_, kept) => void (this.stored[device] = structuredClone(kept))},
      () => this.time
    );
    await ring.load();
    ring.keys = ring.keys || (await seal.newKeys(this.time));
    await this.logIn(ring);
    return ring;
  }
  async logIn(ring) {
    const {publish, told} = await ring.learnOwn(this.lists[ring.name]);
    if (publish) await this.publish(ring, publish);
    return told;
  }
  async publish(ring, data) {
    this.lists[ring.name] = data;
    await ring.published(data);
  }
  async meet(...rings) {
    const told = [];
    for (const ring of rings)
      for (const name in this.lists) if (name !== ring.name) told.push(...(await ring.learn(name, this.lists[name])));
    return told;
  }
}

test("what is sealed is opened by those it is for, and by nobody else, and once", async () => {
  const server = new Server();
  const [ann, bob, carl] = [await server.ring("ann"), await server.ring("bob"), await server.ring("carl")];
  await server.meet(ann, bob, carl);
  const [text] = await ann.seal("bob", null, "hello 世界");
  assert.equal(await bob.open("ann", "bob", 7, text), "hello 世界");
  assert.equal(await bob.open("ann", "bob", 7, text), "hello 世界"); // in its history
  assert.equal(await ann.open("ann", "bob", 7, text), "hello 世界");
  await assert.rejects(bob.open("ann", "bob", 8, text), /a second time/);
  await assert.rejects(bob.open("ann", "bob", null, text), /a second time/);
  await assert.rejects(bob.open("carl", "bob", 9, text), seal.Stranger);
  await assert.rejects(carl.open("ann", "carl", 9, text), /wrong signature/);
  await assert.rejects(carl.open("ann", "bob", 9, text), seal.NotForMe);
  for (let at = 20; at < text.length; at += 40) {
    const other = text[at] === "A" ? "B" : "A";
    await assert.rejects(bob.open("ann", "bob", 10, text.slice(0, at) + other + text.slice(at + 1)));
    await assert.rejects(bob.open("ann", "bob", 10, text.slice(0, at)), seal.Unopened);
  }
  const told = seal.readFile(unhex(vectors.files[0].content));
  const [aFile] = await ann.seal("bob", null, told);
  assert.deepEqual(await bob.open("ann", "bob", 11, aFile), told);
  await assert.rejects(ann.seal("eve", null, "hi"), /eve has no device/);
  await assert.rejects(ann.seal("bob", null, "x".repeat(8190)), /too long/);
});

test("whatever somebody is called, and only to keys that keep something secret, is sealed", async () => {
  const server = new Server();
  const names = ["ann", "constructor", "__proto__", "toString"];
  const rings = [];
  for (const name of names) rings.push(await server.ring(name));
  await server.meet(...rings);
  await rings[0].confirm("__proto__");
  assert.deepEqual(names.map((name) => rings[0].isVerified(name)), [false, false, true, false]);
  await rings[0].save();
  const again = await server.ring("ann");
  const [text] = (await again.seal("#dev", names, "hi")).slice(-1);
  assert.ok(again.isVerified("__proto__") && !again.isVerified("toString") && text);
  const own = rings[1];
  own.mine.entries[0].sealing = new Uint8Array(32);
  own.keys.sealing[0].public = new Uint8Array(32);
  server.lists.constructor = await seal.changedList(own.mine, own.keys);
  assert.match((await server.meet(again)).join(), /not a valid list of the devices of constructor/);
});

test("a ring does not grow with each key that a member hands out", async () => {
  const server = new Server();
  const [ann, bob] = [await server.ring("ann"), await server.ring("bob")];
  await server.meet(ann, bob);
  const chainOf = (count) => ({name: seal.unhex(String(1e15 + count)), index: 0, key: null});
  for (let count = 0; count < 1010; count++) {
    const room = count < 1000 ? "#dev" : "#ops";
    ann.kept.chains[ann._chainKey(bob.keys.id, room, chainOf(count).name)] = {chain: chainOf(count), since: server.time};
  }
  for (const count of [2000, 2001, 2000, 2002]) ann._keepChain(bob.keys.id, "#dev", chainOf(count));
  const kept = Object.keys(ann.kept.chains);
  assert.equal(kept.length, 1010);
  assert.ok(kept[0].includes(hex(chainOf(3).name)) && kept.at(-1).includes(hex(chainOf(2002).name)));
});

test("a room has sender keys, and another when somebody leaves", async () => {
  const server = new Server();
  const [ann, bob, carl] = [await server.ring("ann"), await server.ring("bob"), await server.ring("carl")];
  await server.meet(ann, bob, carl);
  let n = 0;
  const said = [];
  for (const members of [["ann", "bob", "carl"], ["ann", "bob", "carl"], ["ann", "bob"]]) {
    const texts = await ann.seal("#dev", members, `to ${members.length}`);
    said.push(texts.length);
    for (const text of texts) {
      n++;
      assert.ok([null, `to ${members.length}`].includes(await bob.open("ann", "#dev", n, text)));
      const opened = await carl.open("ann", "#dev", n, text).catch((error) => error.message);
      if (members.length === 2 && text === texts.at(-1)) assert.match(opened, /not given the key/);
    }
  }
  assert.deepEqual(said, [2, 1, 2]);
  server.time += 86401;
  assert.equal((await ann.seal("#dev", ["ann", "bob"], "a day later")).length, 2);
});

test("what was sealed before a room was renamed is opened after it, and nothing else", async () => {
  const server = new Server();
  const ann = await server.ring("ann");
  let bob = await server.ring("bob");
  await server.meet(ann, bob);
  const said = (room, text) => ann.seal(room, ["ann", "bob"], text);
  const [key, first] = await said("#old", "first");
  assert.equal(await bob.open("ann", "#old", 1, key), null);
  assert.equal(await bob.open("ann", "#old", 2, first), "first");
  await assert.rejects(bob.open("ann", "#new", 2, first), /moved/);
  bob.setSealed("#old", true);
  bob.roomRenamed("#old", "#between", 3);
  bob.roomRenamed("#between", "#new", 5);
  await bob.save();
  bob = await server.ring("bob");
  assert.ok(bob.isSealed("#new") && !bob.isSealed("#old"));
  assert.equal(await bob.open("ann", "#new", 2, first), "first");
  const [late] = await said("#old", "late");
  for (const n of [4, 6, undefined]) await assert.rejects(bob.open("ann", "#new", n, late), /moved/);
  await assert.rejects(bob.open("ann", "#new", 1, first), /a second time/);
});

test("a verified partner notices a new device and another list", async () => {
  const server = new Server();
  const [ann, bob] = [await server.ring("ann"), await server.ring("bob")];
  await server.meet(ann, bob);
  assert.equal(await ann.digits("bob"), await bob.digits("ann"));
  await ann.confirm("bob");
  const honest = server.lists.bob;
  const phone = await server.ring("bob", "phone");
  assert.match((await server.meet(ann)).join(), /none of the others vouches/);
  await assert.rejects(ann.seal("bob", null, "hi"), seal.Unsealable);
  assert.match((await server.logIn(bob)).join(), /new device/);
  await server.publish(bob, await seal.changedList(bob.mine, bob.keys, [hex(phone.keys.id)]));
  assert.deepEqual(await server.meet(ann), []);
  const [text] = await ann.seal("bob", null, "on both");
  await phone.learn("ann", server.lists.ann);
  assert.equal(await phone.open("ann", "bob", 1, text), "on both");
  delete server.lists.bob;
  await server.ring("bob", "of somebody else");
  assert.match((await server.meet(ann)).join(), /other devices for bob/);
  assert.deepEqual(await server.meet(ann), []);
  await assert.rejects(ann.seal("bob", null, "hi"), /other devices/);
  assert.deepEqual(await ann.learn("bob", honest), []); // an older one
});

test("a device goes on after a reload, and opens for a month what was sealed for an older key", async () => {
  const server = new Server();
  const [ann, bob] = [await server.ring("ann"), await server.ring("bob")];
  await server.meet(ann, bob);
  const [early] = await bob.seal("ann", null, "early");
  assert.equal(await ann.open("bob", "ann", 3, early), "early");
  ann.setSealed("bob", true);
  await ann.confirm("bob");
  await ann.save();
  for (const [days, readable] of [[8, true], [20, true], [60, false]]) {
    server.time = 1795000000 + days * 86400;
    const again = await server.ring("ann");
    assert.ok(again.isSealed("bob") && again.isVerified("bob"));
    await server.meet(bob);
    const [later] = await bob.seal("ann", null, "later");
    assert.equal(await again.open("bob", "ann", 100 + days, later), "later");
    assert.equal(await again.open("bob", "ann", 3, early).catch(() => ""), readable ? "early" : "");
    await assert.rejects(again.open("bob", "ann", 4, early));
    await again.save();
  }
});

test("this browser can seal", async () => {
  assert.equal(await seal.canSeal(), true);
  assert.ok(seal.isEnvelope(vectors.letters[0].envelope));
  for (const text of ["hi", "parley:sealed:1:short", vectors.letters[0].envelope + "="]) assert.ok(!seal.isEnvelope(text));
});
