// What the page knows, and what is typed there: see server/http/page/model.js, past.js and commands.js.
import assert from "node:assert/strict";
import test from "node:test";

import {understood} from "./commands.js";
import {Model} from "./model.js";
import {Past} from "./past.js";

test("conversations with any name have drafts of their own", () => {
  const model = new Model();
  for (const name of ["constructor", "__proto__", "toString"]) {
    model.conversation(name);
    assert.equal(model.drafts.get(name), undefined);
    model.drafts.set(name, `for ${name}`);
  }
  const kept = JSON.parse(JSON.stringify(Object.fromEntries(model.drafts)));
  assert.deepEqual([...new Map(Object.entries(kept))], [...model.drafts]);
  assert.equal({}.polluted, undefined);
  model.heard({on: "renamed", room: "#lobby", old: "__proto__", new: "hasOwnProperty"});
  assert.equal(model.drafts.get("hasOwnProperty"), "for __proto__");
  assert.equal(model.drafts.has("__proto__"), false);
});

test("older messages are not cut off while somebody looks at them", () => {
  let isAtEnd = true;
  const model = new Model({atEnd: () => isAtEnd});
  const lobby = model.current;
  const say = (n) => model.heard({on: "said", room: "#lobby", n, by: "bob", at: n, text: `text ${n}`});
  for (let n = 1; n <= 6000; n++) say(n);
  isAtEnd = false;
  say(6001);
  assert.deepEqual([lobby.firstNumber, lobby.unread], [1, 1]);
  model.look("bob");
  say(6002);
  assert.deepEqual([lobby.firstNumber, lobby.unread], [1501, 2]);
});

test("a search looks through so many more messages each time", async () => {
  const model = new Model();
  const lobby = model.current;
  const net = {
    phase: "in",
    async request({before = 9001}) {
      const message = (_, at) => ({n: before - 100 + at, by: "bob", at: 1, text: "text"});
      return {messages: Array.from({length: 100}, message), more: before > 101};
    }
  };
  const past = new Past(model, net, {draw() {}, changed() {}, trouble: assert.fail});
  await past.latest(lobby);
  for (const most of [2100, 4100]) {
    let looked = 0;
    for await (const found of past.search(lobby, "text", true, () => false)) ({looked} = found);
    assert.equal(looked, most);
  }
});

test("that a key was changed is told, as nobody is told more", () => {
  const model = new Model();
  model.heard({on: "managed", room: "#lobby", act: "set", by: "bob", name: "key", text: ""});
  assert.deepEqual(model.current.last.parts, [{name: "bob"}, " changed the key"]);
});

test("a command is understood, and one that is none is not said", () => {
  for (const [typed, wish] of [
    ["hello /me", {text: "hello /me"}],
    ["//join is a command", {text: "/join is a command"}],
    ["/usr/bin/python", {text: "/usr/bin/python"}],
    ["/ 2", {text: "/ 2"}],
    ["/* one\n/two */", {text: "/* one\n/two */"}],
    ["/me waves  twice", {text: "* ann waves  twice"}],
    ["/JOIN #dev", {command: "join", words: ["#dev"]}],
    ["/join  #dev  the key", {command: "join", words: ["#dev", "the key"]}],
    ["/part", {command: "part", words: []}],
    ["/dm bob  so  so", {command: "dm", words: ["bob", "so  so"]}],
    ["/kick bob", {command: "kick", words: ["bob"]}],
    ["/mute bob too loud", {command: "mute", words: ["bob", "too loud"]}]
  ]) {
    assert.deepEqual(understood(typed, "ann"), wish, typed);
  }
  for (const typed of ["/login ann secret", "/msg bob psst", "/constructor", "/join", "/join dev", "/dm bob", "/part #dev"]) {
    assert.throws(() => understood(typed, "ann"), /command|written/, typed);
  }
});
