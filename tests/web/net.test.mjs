// The connection and what the page knows: see server/http/page/net.js and model.js.
import assert from "node:assert/strict";
import test from "node:test";

import {Model} from "./model.js";
import {Net} from "./net.js";

class Clock {
  constructor() {
    Object.assign(this, {time: 0, timers: new Map(), last: 0});
  }
  setTimeout(call, delay) {
    this.timers.set(++this.last, {call, at: this.time + delay});
    return this.last;
  }
  clearTimeout(id) {
    this.timers.delete(id);
  }
  pass(milliseconds) {
    const until = this.time + milliseconds;
    for (;;) {
      const due = [...this.timers].filter(([, {at}]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = due[1].at;
      due[1].call();
    }
    this.time = until;
  }
}

class FakeSocket {
  constructor() {
    this.sent = [];
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
  }
  hear(frame) {
    this.onmessage({data: JSON.stringify(frame)});
  }
  end(code = 1006) {
    this.onclose({code});
  }
  get last() {
    return this.sent[this.sent.length - 1];
  }
  of(what) {
    return this.sent.filter((frame) => frame.do === what);
  }
}

function page(saved) {
  const clock = new Clock();
  const sockets = [];
  const frames = [];
  const net = new Net({
    clock,
    saved,
    now: () => clock.time,
    random: () => 0.5,
    heard: (frame) => frames.push(frame),
    changed: () => {},
    open: () => {
      sockets.push(new FakeSocket());
      return sockets[sockets.length - 1];
    }
  });
  return {
    clock,
    net,
    sockets,
    frames,
    get socket() {
      return sockets[sockets.length - 1];
    }
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

function greet(one, run = "r1") {
  one.socket.onopen();
  one.socket.hear({on: "hello", id: one.socket.last.id, run, limits: {}});
}

async function enter(one, me = 10) {
  one.net.connect();
  greet(one);
  const entered = one.net.enter({do: "login", name: "ann"});
  one.socket.hear({on: "welcome", id: one.socket.last.id, name: "ann", session: "s", me});
  await entered;
}

test("it greets, logs in and resumes by its session and its numbers", async () => {
  const one = page();
  one.net.connect();
  assert.equal(one.net.phase, "connecting");
  greet(one);
  assert.deepEqual(one.socket.sent, [{do: "hello", id: "1"}]);
  assert.equal(one.net.phase, "door");
  const entered = one.net.enter({do: "login", name: "ann"});
  one.socket.hear({on: "welcome", id: "2", name: "Ann", session: "s", me: 10});
  assert.equal((await entered).name, "Ann");
  assert.equal(one.net.phase, "in");
  one.net.entered("#dev");
  one.socket.hear({on: "said", room: "#dev", n: 14, by: "bob", at: 1, text: "x"});
  one.socket.end();
  one.clock.pass(500);
  greet(one);
  assert.deepEqual(one.socket.sent[0], {
    do: "hello",
    id: "3",
    session: "s",
    resume: {run: "r1", me: 10, "#lobby": 10, "#dev": 14}
  });
  one.socket.hear({on: "welcome", name: "Ann", session: "s2", me: 20});
  assert.equal(one.net.phase, "in");
  assert.deepEqual(one.net.positions, {me: 10, "#lobby": 10, "#dev": 14}, "what is caught up is not there yet");
  one.socket.hear({on: "missed", room: "#lobby", messages: [{n: 18, by: "bob", at: 1, text: "y"}]});
  assert.equal(one.net.positions["#lobby"], 18);
  assert.equal(one.net.session, "s2");
});

test("attempts come after 0.5 s, twice as long each time, up to 30 s, and by chance 30 % sooner or later", () => {
  const one = page();
  one.net.connect();
  const delays = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    one.socket.end();
    assert.equal(one.net.phase, "waiting");
    delays.push(one.net.retryAt - one.clock.time);
    one.clock.pass(delays[attempt]);
    assert.equal(one.sockets.length, attempt + 2);
  }
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  for (const [chance, delay] of [
    [0, 350],
    [1, 650]
  ]) {
    const other = page();
    other.net.random = () => chance;
    other.net.connect();
    other.socket.end();
    assert.ok(Math.abs(other.net.retryAt - delay) < 1e-6);
  }
});

test("a name ends the waiting", async () => {
  const one = page();
  one.net.connect();
  for (let attempt = 0; attempt < 5; attempt++) {
    one.socket.end();
    one.clock.pass(30000);
  }
  await enter(one);
  one.socket.end();
  assert.equal(one.net.retryAt - one.clock.time, 500);
});

test("it waits as long as the server asks", async () => {
  const one = page();
  await enter(one);
  one.socket.hear({on: "bye", why: "shutdown", text: "the server is shutting down", retry: 7});
  one.socket.end(1001);
  assert.equal(one.net.retryAt - one.clock.time, 7000);
  assert.equal(one.net.why, "the server is shutting down");
});

test("a network that is back, or a page in sight, ends the waiting at once", () => {
  const one = page();
  one.net.connect();
  one.socket.end();
  one.socket.end();
  one.net.wake();
  assert.equal(one.net.phase, "connecting");
  assert.equal(one.sockets.length, 2);
});

test("after a network that is back, or at the door, attempts begin anew, also where one was on its way", async () => {
  const one = page();
  await enter(one);
  for (let failed = 0; failed < 8; failed++) {
    one.socket.end();
    one.clock.pass(40000);
  }
  assert.equal(one.net.phase, "waiting"); // the last had no answer for 10 s
  one.net.wake();
  one.net.wake(); // and this one is on its way when the network is back
  one.socket.end();
  assert.equal(one.net.retryAt - one.clock.time, 500);
  one.clock.pass(500);
  one.net.wake();
  one.clock.pass(4000);
  assert.equal(one.net.phase, "waiting", "an attempt that leads nowhere is given up soon");
  const stranger = page();
  stranger.net.connect();
  for (let failed = 0; failed < 8; failed++) {
    stranger.socket.end();
    stranger.clock.pass(stranger.net.retryAt - stranger.clock.time);
  }
  greet(stranger);
  stranger.socket.end();
  assert.equal(stranger.net.retryAt - stranger.clock.time, 500);
});

test("a machine that has slept does not wait longer than the countdown says", () => {
  const one = page();
  one.net.connect();
  for (let failed = 0; failed < 7; failed++) {
    one.socket.end();
    one.clock.pass(30000);
    one.clock.pass(0);
  }
  one.net._attempts = 7;
  one.socket.end();
  assert.equal(one.net.retryAt - one.clock.time, 30000);
  const before = one.sockets.length;
  one.net.now = () => one.clock.time + 3600000;
  one.clock.pass(1000);
  assert.equal(one.sockets.length, before + 1);
});

test("a server that greets slowly is waited for", async () => {
  const one = page({session: "s", name: "ann"});
  one.net.connect();
  one.clock.pass(9000);
  one.socket.onopen();
  one.clock.pass(9000);
  one.socket.hear({on: "hello", id: one.socket.last.id, run: "r1", limits: {}});
  one.clock.pass(9000);
  one.socket.hear({on: "welcome", name: "ann", session: "s", me: 1});
  assert.equal(one.net.phase, "in");
  assert.equal(one.sockets.length, 1);
});

test("an error that no close follows, and a server that does not greet, are ends too", () => {
  const one = page();
  one.net.connect();
  one.socket.onerror({});
  one.clock.pass(3000);
  assert.equal(one.net.phase, "waiting");
  one.clock.pass(500);
  one.socket.onopen();
  one.clock.pass(10000);
  assert.equal(one.net.phase, "waiting");
});

test("after a silence the server is asked, and given up if it does not answer", async () => {
  const one = page();
  await enter(one);
  one.clock.pass(29000);
  one.socket.hear({on: "joined", room: "#lobby", name: "bob"});
  one.clock.pass(29000);
  assert.equal(one.socket.of("ping").length, 0);
  one.clock.pass(1000);
  assert.equal(one.socket.of("ping").length, 1);
  one.socket.hear({on: "pong", id: one.socket.last.id});
  one.clock.pass(30000);
  one.clock.pass(10000);
  assert.equal(one.net.phase, "waiting");
  assert.equal(one.socket.closed, true);
});

test("what a server does not know it is told once", async () => {
  const one = page();
  await enter(one);
  one.net.tell({do: "typing", room: "#lobby"});
  one.socket.hear({on: "no", id: one.socket.last.id, why: "unknown-command", text: "there is no such command"});
  one.net.tell({do: "typing", room: "#lobby"});
  assert.equal(one.socket.of("typing").length, 1);
});

test("what is said waits for a connection, and is said once", async () => {
  const one = page();
  one.net.post({do: "say", room: "#lobby", text: "early"});
  await enter(one);
  const [said] = one.socket.of("say");
  assert.equal(said.text, "early");
  assert.equal(one.net.outbox[0].state, "sent");
  one.socket.end();
  assert.equal(one.net.outbox[0].state, "waiting");
  one.clock.pass(500);
  greet(one);
  one.socket.hear({on: "welcome", name: "ann", session: "s", me: 10});
  const [again] = one.socket.of("say");
  assert.equal(again.tag, said.tag);
  one.socket.hear({on: "done", id: again.id, n: 11, at: 5});
  await settle();
  assert.deepEqual(one.net.outbox, []);
  assert.deepEqual(
    one.frames.filter((frame) => frame.on === "stored").map(({n, entry}) => [n, entry.text]),
    [[11, "early"]]
  );
  one.socket.end();
  one.clock.pass(500);
  greet(one);
  one.socket.hear({on: "welcome", name: "ann", session: "s", me: 11});
  assert.deepEqual(one.socket.of("say"), []);
});

test("what is refused stays, with the reason, until somebody decides", async () => {
  const one = page();
  await enter(one);
  const entry = one.net.post({do: "say", room: "#lobby", text: "x"});
  one.socket.hear({on: "no", id: one.socket.last.id, why: "muted", text: "you are muted here"});
  await settle();
  assert.deepEqual([entry.state, entry.why], ["refused", "you are muted here"]);
  one.net.again(entry);
  assert.equal(one.socket.of("say").length, 2);
  one.net.forget(entry);
  assert.deepEqual(one.net.outbox, []);
});

test("a message for which the server hangs up is not sent again and again", async () => {
  const one = page();
  await enter(one);
  const entry = one.net.post({do: "say", room: "#lobby", text: "x".repeat(100000)});
  one.socket.end(1009);
  assert.equal(entry.state, "refused");
});

test("no more are on their way than the server remembers", async () => {
  const one = page();
  await enter(one);
  for (let count = 0; count < 100; count++) one.net.post({do: "say", room: "#lobby", text: String(count)});
  assert.equal(one.socket.of("say").length, 32);
  for (const {id} of one.socket.of("say")) one.socket.hear({on: "done", id, n: Number(id) + 10, at: 1});
  await settle();
  assert.equal(one.socket.of("say").length, 64);
});

test("my own number counts only when all before it has come", async () => {
  const one = page();
  await enter(one);
  one.net.post({do: "say", room: "#lobby", text: "x"});
  one.socket.hear({on: "done", id: one.socket.last.id, n: 15, at: 1});
  await settle();
  assert.equal(one.net.positions["#lobby"], 10);
  one.net.wake();
  one.socket.hear({on: "pong", id: one.socket.last.id});
  await settle();
  assert.deepEqual(one.net.positions, {me: 15, "#lobby": 15});
});

test("another log-in and a refusal for good are the end, until somebody wants otherwise", async () => {
  for (const code of [4001, 1008]) {
    const one = page();
    await enter(one);
    one.socket.end(code);
    one.clock.pass(100000);
    one.net.wake();
    assert.equal(one.net.phase, "ended");
    assert.equal(one.sockets.length, 1);
    one.net.connect();
    assert.equal(one.sockets.length, 2);
  }
});

test("who is refused for a while comes back when the server says", async () => {
  const one = page();
  await enter(one);
  one.socket.hear({on: "bye", why: "too-many-connections", text: "there are too many connections", retry: 30});
  one.socket.end(1008);
  assert.equal(one.net.retryAt - one.clock.time, 30000);
  one.clock.pass(30000);
  assert.equal(one.sockets.length, 2);
});

test("a session that is not known any more is told of, and what was said is kept", async () => {
  const one = page({
    session: "old",
    name: "ann",
    account: true,
    outbox: [{do: "say", room: "#lobby", text: "x", tag: "t", at: 1, state: "sent"}]
  });
  one.net.connect();
  greet(one);
  one.socket.hear({on: "no", id: "1", why: "no-session", text: "there is no such session"});
  assert.equal(one.net.phase, "door");
  assert.deepEqual(one.frames.at(-1), {on: "stranger", name: "ann", account: true});
  const entered = one.net.enter({do: "login", name: "ann", password: "p"});
  one.socket.hear({on: "welcome", id: one.socket.last.id, name: "ann", session: "s", me: 3});
  await entered;
  assert.equal(one.socket.of("say")[0].tag, "t");
});

test("whoever may not come back yet is told why, and has the session later", () => {
  const one = page({session: "old", name: "ann"});
  one.net.connect();
  greet(one);
  one.socket.hear({on: "no", why: "try-again-later", text: "try again later"});
  assert.equal(one.net.phase, "door");
  const {on, refusal} = one.frames.at(-1);
  assert.deepEqual([on, refusal.message], ["stranger", "try again later"]);
  one.socket.end();
  one.clock.pass(500);
  greet(one);
  assert.equal(one.socket.of("hello")[0].session, "old");
});

test("a log-in that a cut has interrupted is made again", async () => {
  const one = page({session: "old", name: "ann"});
  one.net.connect();
  greet(one);
  one.socket.hear({on: "no", id: "1", why: "no-session", text: "there is no such session"});
  one.socket.end();
  one.clock.pass(500);
  greet(one);
  assert.equal(one.frames.filter((frame) => frame.on === "stranger").length, 2);
});

test("a server with another past makes the page begin anew", async () => {
  const one = page();
  await enter(one);
  one.socket.end();
  one.clock.pass(500);
  greet(one, "r2");
  assert.ok(one.frames.some((frame) => frame.on === "reset"));
  one.socket.hear({on: "welcome", name: "ann", session: "s", me: 2});
  assert.deepEqual(one.net.positions, {me: 2, "#lobby": 2});
});

test("who logs out waits for the end, and is at the door again without anything of before", async () => {
  const one = page();
  await enter(one);
  one.net.post({do: "say", room: "#lobby", text: "never said"});
  one.net.logout();
  assert.deepEqual(one.socket.of("logout").length, 1);
  one.socket.hear({on: "said", n: 11, room: "#lobby", by: "bob", at: 1, text: "too late"});
  assert.ok(!one.frames.some((frame) => frame.on === "said"));
  one.socket.end(1000);
  assert.equal(one.sockets.length, 2);
  greet(one);
  assert.deepEqual([one.net.phase, one.socket.sent.length, one.socket.last.session], ["door", 1, undefined]);
  assert.deepEqual([one.net.name, one.net.outbox, one.net.positions], ["", [], {}]);
});

test("a server that does not end the connection of who logs out is not waited for long", async () => {
  const one = page();
  await enter(one);
  one.net.logout();
  one.clock.pass(2999);
  assert.equal(one.sockets.length, 1);
  one.clock.pass(1);
  assert.equal(one.sockets.length, 2);
});

// A server that numbers, keeps and resumes, and a line that is cut anywhere: also between an answer and its arrival.
class FakeServer {
  constructor() {
    Object.assign(this, {log: [], tags: new Map(), line: [], inside: false});
  }
  say(by, text, tag) {
    if (tag && this.tags.has(tag)) return this.tags.get(tag);
    const message = {n: this.log.length + 1, by, at: 1, text};
    this.log.push(message);
    if (tag) this.tags.set(tag, message);
    if (this.inside && by !== "ann") this.line.push({on: "said", room: "#lobby", ...message});
    return message;
  }
  hear(frame) {
    const {id} = frame;
    if (frame.do === "hello") {
      this.line.push({on: "hello", id, run: "r"});
      if (frame.session) {
        this.inside = true;
        this.line.push(
          {on: "welcome", name: "ann", session: "s", me: this.log.length},
          {on: "missed", room: "#lobby", messages: this.log.filter(({n}) => n > frame.resume["#lobby"])}
        );
      }
    } else if (frame.do === "login") {
      this.inside = true;
      this.line.push({on: "welcome", id, name: "ann", session: "s", me: this.log.length});
    } else if (frame.do === "say") {
      const {n, at} = this.say("ann", frame.text, frame.tag);
      this.line.unshift({on: "done", id, n, at}); // before what was said earlier: answers may come first
    } else if (frame.do === "ping") this.line.push({on: "pong", id});
  }
}

test("1000 cuts: nothing missed, nothing doubled", async () => {
  let seed = 42;
  const random = (most) => (seed = (seed * 48271) % 2147483647) % most;
  const one = page();
  const model = new Model({attentive: () => false});
  one.net.heard = (frame) => model.heard(frame);
  const server = new FakeServer();
  one.net.connect();
  one.socket.onopen();
  let heard = 0; // frames of the page that the server has read
  const exchange = async (most) => {
    for (let step = 0; step < most; step++) {
      if (heard < one.socket.sent.length && random(2)) server.hear(one.socket.sent[heard++]);
      else if (server.line.length) one.socket.hear(server.line.shift());
      if (random(4) === 0) await settle();
    }
  };
  await exchange(4);
  one.net.enter({do: "login", name: "ann"});
  await exchange(4);
  let said = 0;
  for (let cut = 0; cut < 1000; cut++) {
    for (let count = random(4); count; count--) server.say("bob", "bob " + ++said);
    for (let count = random(3); count; count--) one.net.post({do: "say", room: "#lobby", text: "ann " + ++said});
    if (random(9) === 0) one.net.wake();
    await exchange(random(14));
    Object.assign(server, {line: [], inside: false});
    heard = 0;
    one.socket.end();
    one.net.wake();
    one.socket.onopen();
  }
  for (let round = 0; round < 100 && (one.net.outbox.length || server.line.length); round++) {
    await exchange(100);
    await settle();
  }
  const {items} = model.conversation("#lobby");
  assert.deepEqual(one.net.outbox, []);
  assert.equal(new Set(server.log.map(({text}) => text)).size, said);
  assert.deepEqual(
    items.map(({n, by, text}) => [n, by, text]),
    server.log.map(({n, by, text}) => [n, by, text])
  );
});

// ---- the model

function known({attentive = true} = {}) {
  const alerts = [];
  const model = new Model({
    now: () => 1000,
    attentive: () => attentive,
    alert: (one, item, called) => alerts.push([one.name, item.text, called])
  });
  model.heard({on: "welcome", name: "ann", me: 1});
  return {model, alerts};
}

const said = (n, text, by = "bob", room = "#lobby") => ({on: "said", n, room, by, at: n, text});

test("what is elsewhere is unread, and marked where I am named", () => {
  const {model, alerts} = known();
  model.heard(said(2, "hello"));
  model.heard(said(3, "one", "bob", "#dev"));
  assert.equal(model.conversation("#lobby").unread, 0);
  assert.deepEqual([model.conversation("#dev").unread, model.conversation("#dev").mentioned], [1, false]);
  model.heard(said(4, "@ann?", "bob", "#dev"));
  model.heard({on: "whispered", n: 5, by: "bob", to: "ann", at: 1, text: "psst"});
  assert.deepEqual([model.conversation("#dev").unread, model.conversation("#dev").mentioned], [2, true]);
  assert.equal(model.conversation("#dev").newFrom, 3);
  assert.equal(model.calls, 2);
  assert.deepEqual(
    alerts.map(([name, , called]) => [name, called]),
    [
      ["#lobby", false],
      ["#dev", false],
      ["#dev", true],
      ["bob", true]
    ]
  );
  model.look("#dev");
  assert.deepEqual([model.conversation("#dev").unread, model.calls, model.unread], [0, 1, 1]);
});

test("a message is shown once, where its number puts it", () => {
  const {model} = known();
  for (const n of [5, 3, 5, 4]) model.heard(said(n, "m" + n));
  model.history(
    model.conversation("#lobby"),
    {messages: [1, 2, 3].map((n) => ({n, by: "bob", at: n, text: "m" + n})), more: false},
    {before: true}
  );
  assert.deepEqual(
    model.conversation("#lobby").items.map(({n}) => n),
    [1, 2, 3, 4, 5]
  );
  assert.equal(model.conversation("#lobby").more, false);
});

test("what is left out of what was missed is a gap", () => {
  const {model} = known();
  model.heard(said(2, "before"));
  model.heard({on: "missed", room: "#lobby", gap: true, messages: [{n: 90, by: "bob", at: 1, text: "behind"}]});
  assert.deepEqual(
    model.conversation("#lobby").items.map(({kind}) => kind),
    ["text", "gap", "text"]
  );
});

test("a message that was kept is shown once, also when the history has it with its number", () => {
  const {model} = known();
  const message = {by: "bob", at: 7, text: "kept"};
  for (let twice = 0; twice < 2; twice++) model.heard({on: "missed", messages: [message]});
  const one = model.conversation("bob");
  assert.equal(one.unread, 1);
  model.history(one, {messages: [{n: 3, ...message}], more: false});
  assert.deepEqual(
    one.items.map(({n, text}) => [n, text]),
    [[3, "kept"]]
  );
});

test("one reads on where one has stopped on another device", () => {
  const {model} = known({attentive: false});
  model.heard({on: "welcome", name: "ann", me: 9, read: {"#lobby": 3, "#dev": 5, bob: 7, cid: 8, dan: 0}});
  model.mark("#lobby", 2);
  assert.equal(model.conversation("#lobby").read, 3);
  assert.deepEqual(model.partners, ["cid", "bob", "dan"]);
  const one = model.conversation("#dev");
  model.unseen(one, {messages: [5, 6, 7].map((n) => ({n, by: "bob", at: n, text: "m" + n})), more: false});
  assert.deepEqual([one.unread, one.newFrom], [2, 6]);
  const bob = model.stranger("bob");
  assert.equal(bob.read, 7);
  model.keep(bob);
  model.unseen(bob, {messages: [{n: 9, by: "bob", at: 5, text: "kept"}], more: false});
  model.heard({on: "missed", messages: [{by: "bob", at: 5, text: "kept"}]});
  assert.deepEqual([bob.unread, bob.newFrom], [1, 9], "what the server keeps for me is not counted twice");
  model.heard({on: "missed", messages: [{by: "cid", at: 5, text: "kept"}]});
  assert.equal(model.conversation("cid").unread, 1);
});

test("what I see is not counted, but marked where it begins", () => {
  const {model} = known();
  model.mark("#lobby", 3);
  const one = model.current;
  model.unseen(one, {messages: [2, 3, 4].map((n) => ({n, by: "bob", at: n, text: "m" + n})), more: false});
  assert.deepEqual([one.unread, one.newFrom], [0, 4]);
});

test("numbers of another run mean nothing, and neither does what was read by them", () => {
  const {model} = known();
  model.mark("#lobby", 30);
  model.heard({on: "reset"});
  model.look("#dev");
  model.heard(said(2, "hello"));
  assert.deepEqual([model.conversation("#lobby").unread, model.marks.size], [1, 0]);
});

test("who comes and goes is told in one line", () => {
  const {model} = known();
  for (const [on, name] of [
    ["joined", "bob"],
    ["joined", "eve"],
    ["left", "bob"]
  ])
    model.heard({on, room: "#lobby", name});
  const [item] = model.conversation("#lobby").items;
  assert.deepEqual(
    [...item.people],
    [
      ["eve", "joined"],
      ["bob", "came and went"]
    ]
  );
  assert.deepEqual([...model.online], ["eve"]);
});

test("a talk goes along with somebody who takes another name", () => {
  const {model} = known();
  model.heard({on: "whispered", n: 2, by: "bob", to: "ann", at: 1, text: "psst"});
  model.look("bob");
  model.heard({on: "renamed", room: "#lobby", old: "bob", new: "rob"});
  assert.equal(model.open, "rob");
  assert.deepEqual(
    model.current.texts.map(({text}) => text),
    ["psst"]
  );
  assert.deepEqual(
    model.people.map(({name}) => name),
    ["rob"]
  );
});

test("whoever is removed from a room is not in it", () => {
  const {model} = known();
  model.heard({on: "room", room: "#dev", topic: ""});
  assert.ok(model.conversation("#dev").inside);
  model.heard({on: "managed", room: "#dev", act: "kick", by: "bob", name: "ann", text: "enough"});
  assert.ok(!model.conversation("#dev").inside);
  assert.deepEqual(model.conversation("#dev").items.at(-1).parts, [
    {name: "bob"},
    " removed ",
    {name: "ann"},
    "",
    ": ",
    {quote: "enough"}
  ]);
  assert.equal(model.conversation("#dev").refusal, "You were removed from #dev: enough");
});

test("whoever has the role for it keeps order", () => {
  const {model} = known();
  const one = model.conversation("#dev");
  model.heard({on: "room", room: "#dev", topic: ""});
  model.heard({on: "roles", room: "#dev", roles: {bob: "owner"}, settings: {slow: 5}});
  assert.deepEqual([one.isMine, one.settings.slow, one.roles.get("bob")], [false, 5, "owner"]);
  model.heard({on: "managed", room: "#dev", act: "op", by: "bob", name: "ann", text: ""});
  assert.ok(one.isMine);
  model.heard({on: "managed", room: "#dev", act: "deop", by: "bob", name: "ann", text: ""});
  assert.ok(!one.isMine);
});

test("of two roles the one that is told is left", () => {
  const {model} = known();
  const one = model.conversation("#dev");
  model.heard({on: "room", room: "#dev", topic: ""});
  const hear = (act, text) => model.heard({on: "managed", room: "#dev", act, by: "bob", name: "ann", text});
  const words = () => one.items.at(-1).parts.map((part) => part.name ?? part).join("");
  hear("op", "");
  hear("voice", "op");
  assert.deepEqual([one.isMine, one.roles.get("ann"), words()], [true, "op", "bob gave ann a voice"]);
  hear("devoice", "op");
  assert.deepEqual([one.isMine, words()], [true, "bob took the voice of ann"]);
  hear("deop", "voice");
  const told = "bob made ann a moderator no more, who may still speak";
  assert.deepEqual([one.isMine, one.role, words()], [false, "voice", told]);
  hear("devoice", "");
  assert.equal(one.role, "");
});

test("names are completed, whoever spoke last first", () => {
  const {model} = known();
  model.heard({on: "who", room: "#lobby", names: ["ann", "bea", "bob", "Bruno"]});
  model.heard(said(2, "x", "bob"));
  assert.deepEqual(model.completions("b"), ["bob", "bea", "Bruno"]);
  assert.deepEqual(model.completions("br"), ["Bruno"]);
  model.heard({on: "rooms", rooms: [{room: "#Lost", topic: "", members: 1}]});
  assert.deepEqual(model.completions("#lo"), ["#lobby", "#Lost"]);
});

test("a sealed file is shared by its envelope, behind the keys for it, and the same again after a lost connection", async () => {
  const one = page();
  await enter(one);
  let count = 0;
  one.net.seals = {
    isFor: () => false,
    welcomed: () => {},
    seal: async (entry) => [`key ${++count}`, `envelope of ${entry.sealed.name}`]
  };
  one.net.post({do: "share", room: "#dev", file: "f", token: "t", text: "[file] a, 1 B", sealed: {name: "a"}});
  await settle();
  const {tag} = one.net.outbox[0];
  const told = () => one.socket.sent.slice(-2).map(({id, ...rest}) => rest);
  const [key, share] = told();
  assert.deepEqual(share, {do: "share", room: "#dev", file: "f", token: "t", text: "envelope of a", tag});
  assert.deepEqual(key, {do: "say", room: "#dev", text: "key 1", tag: key.tag});
  one.socket.end();
  await settle();
  one.clock.pass(1000);
  const saved = JSON.parse(JSON.stringify(one.net.state)); // as a reload keeps it
  assert.deepEqual(saved.outbox[0].sealed, {name: "a"});
  greet(one);
  one.socket.hear({on: "welcome", name: "ann", account: true, session: "s", me: 10, read: {}});
  await settle();
  assert.deepEqual(told(), [key, share]);
  one.net.post({do: "share", to: "bob", file: "g", token: "t", text: "[file] b, 1 B"});
  assert.deepEqual(told()[1].text, undefined);
});
