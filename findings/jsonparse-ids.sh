#!/usr/bin/env bash
# In a stream of JSON that JSONStream reads, an id is a number or a string, by its value.
#
# jsonparse, which JSONStream is made of, gives a whole number as a string if it has digits that a double does not keep,
# and as a number otherwise: 9007199254740992 is a number, 9007199254740993 a string, and 10000000000000001 too.
# Comparing with `===`, keys of a Map, and adding one then go wrong for every second id or so. JSON.parse and clarinet
# round. 10**21 in figures is a string, and as `1e21` a number.
# Seen with the npm packages jsonparse 1.3.1, JSONStream 1.3.5 and clarinet 0.12.6.
# Ids of messages of 64 bits that a server writes as numbers. With such a reader, make a string of each id.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    jsonparse@1.3.1 JSONStream@1.3.5 clarinet@0.12.6 >/dev/null
echo "jsonparse 1.3.1, JSONStream 1.3.5, clarinet 0.12.6, Node $(node --version)"

cat >"$tmp/try.cjs" <<'JAVASCRIPT'
const clarinet = require("clarinet");
const JsonParser = require("jsonparse");
const JSONStream = require("JSONStream");

const NUMBERS = ["17", "9007199254740992", "9007199254740993", "10000000000000000", "10000000000000001",
  "1000000000000000000000", "1e21"];
const TEXT = `[${NUMBERS.join(",")}]`;

function byJsonparse() {
  const seen = [];
  const parser = new JsonParser();
  parser.onValue = function (value) { if (this.stack.length === 1) seen.push(value); };
  parser.write(TEXT);
  return seen;
}

function byJSONStream() {
  const seen = [];
  const stream = JSONStream.parse("*");
  stream.on("data", (value) => seen.push(value));
  stream.end(TEXT);
  return seen;
}

function byClarinet() {
  const seen = [];
  const parser = clarinet.parser();
  parser.onvalue = (value) => seen.push(value);
  parser.write(TEXT).close();
  return seen;
}

const rounded = JSON.parse(TEXT);
const asStrings = [2, 4, 5];
const mixed = rounded.map((value, at) => (asStrings.includes(at) ? NUMBERS[at] : value));
const different = [];
for (const [name, seen, expected] of [
  ["JSON.parse", rounded, NUMBERS.map(Number)], ["clarinet", byClarinet(), rounded],
  ["jsonparse", byJsonparse(), mixed], ["JSONStream", byJSONStream(), mixed],
]) {
  console.log(`  ${name.padEnd(11)} ${seen.map((value) => JSON.stringify(value)).join(" ")}`);
  if (JSON.stringify(seen) !== JSON.stringify(expected)) different.push(`${name}, expected ${JSON.stringify(expected)}`);
}
if (different.length) {
  console.log(`DIFFERENT: ${different.join("; ")}`);
  process.exit(1);
}
JAVASCRIPT
timeout 60 node "$tmp/try.cjs"
echo "As told: some ids are strings, and some are numbers."
