#!/usr/bin/env bash
# A text that begins with U+FEFF comes out without it from a WebSocket client and three readers of MessagePack and CBOR.
#
# Where everything is UTF-8 anyway, U+FEFF at the beginning is no signature but part of the text (RFC 3629, 6), and
# strings of MessagePack and CBOR and texts of WebSocket always are. But TextDecoder drops it unless told `ignoreBOM`.
# So undici's WebSocket (which is that of Node since 22) gives "hi" for a message of three characters, cborg loses it
# from each string, and @msgpack/msgpack and cbor-x only from longer ones, for which they use TextDecoder: with the
# same first letter a text of 3 characters is right and one of 301 not. ws, msgpackr and cbor keep it.
# Seen with the npm packages undici 6.29.1, ws 8.23.0, @msgpack/msgpack 3.1.3, cbor-x 1.6.8, cborg 6.1.5, msgpackr
# 2.1.3 and cbor 10.0.12.
# Whoever compares, signs or counts texts on both sides: texts that were copied from files often begin so.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    undici@6.29.1 ws@8.23.0 @msgpack/msgpack@3.1.3 cbor-x@1.6.8 cborg@6.1.5 msgpackr@2.1.3 cbor@10.0.12 >/dev/null
echo "undici 6.29.1, ws 8.23.0, @msgpack/msgpack 3.1.3, cbor-x 1.6.8, cborg 6.1.5, msgpackr 2.1.3, cbor 10.0.12"
echo "Node $(node --version)"

cat >"$tmp/try.mjs" <<'JAVASCRIPT'
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const SHORT = "\ufeffhi";
const LONG = "\ufeff" + "x".repeat(300);

function byWebSocket(Client) {
  return (text) => new Promise((resolve, reject) => {
    const server = new (require("ws").WebSocketServer)({ host: "127.0.0.1", port: 0 });
    server.on("connection", (connection) => connection.send(text));
    server.on("listening", () => {
      const client = new Client(`ws://127.0.0.1:${server.address().port}/`);
      client.onerror = reject;
      client.onmessage = (event) => { client.close(); server.close(); resolve(event.data); };
    });
  });
}

// Everybody reads the same bytes: those that the specifications have for the text.
function headed(text, short, long) {
  const bytes = Buffer.from(text);
  const head = bytes.length < 24 ? [short + bytes.length] : [long, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from(head), bytes]);
}
const packed = (text) => headed(text, 0xa0, 0xda);
const cbor = (text) => headed(text, 0x60, 0x79);
const msgpack = await import("@msgpack/msgpack");
const cborg = await import("cborg");

const ALL = { short: true, long: true };
const CASES = [ // a reader, and whether the text is whole
  ["ws", byWebSocket(require("ws").WebSocket), ALL],
  ["undici WebSocket", byWebSocket(require("undici").WebSocket), { short: false, long: false }],
  ["msgpackr", (text) => require("msgpackr").unpack(packed(text)), ALL],
  ["@msgpack/msgpack", (text) => msgpack.decode(packed(text)), { short: true, long: false }],
  ["cbor", (text) => require("cbor").decodeFirstSync(cbor(text)), ALL],
  ["cbor-x", (text) => require("cbor-x").decode(cbor(text)), { short: true, long: false }],
  ["cborg", (text) => cborg.decode(cbor(text)), { short: false, long: false }],
];
const different = [];
for (const [name, read, expected] of CASES) {
  const short = await read(SHORT);
  const long = await read(LONG);
  console.log(`  ${name.padEnd(18)} ${short.length} of ${SHORT.length} characters, ${long.length} of ${LONG.length}`);
  const isWhole = { short: short === SHORT, long: long === LONG };
  const isCut = { short: short === SHORT.slice(1), long: long === LONG.slice(1) };
  for (const which in expected) {
    if (isWhole[which] !== expected[which] || isCut[which] === expected[which]) different.push(`${name}, ${which}`);
  }
}
if (different.length) console.log("DIFFERENT: " + different.join("; "));
process.exit(different.length ? 1 : 0);
JAVASCRIPT
(cd "$tmp" && timeout 60 node try.mjs)
echo "As told: four readers lose the first character, two of them of long texts only."
