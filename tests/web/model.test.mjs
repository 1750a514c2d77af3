// What the page knows: see server/http/page/model.js.
import assert from "node:assert/strict";
import test from "node:test";

import {Model} from "./model.js";

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
