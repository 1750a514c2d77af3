#!/usr/bin/env bash
# fetch-event-source takes a server's keep-alives for messages, and never gets past the first one.
#
# A line that begins with a colon is a comment, and the empty line behind it dispatches nothing as there is no data
# (HTML Standard, 9.2.6); the standard itself advises servers to send one every 15 seconds (9.2.7). For fetch-event-source
# it is a message with empty data all the same. If `onmessage` does what most do, JSON.parse(), the error ends the
# connection, and it comes back, to the same end: of a stream that begins with a comment its user hears nothing at all.
# eventsource-parser and launchdarkly-eventsource dispatch the messages alone.
# Seen with the npm packages @microsoft/fetch-event-source 2.0.1, eventsource-parser 3.0.6 and launchdarkly-eventsource
# 2.2.0.
# Pages that take it for its headers and its POST: pass over messages without data.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    @microsoft/fetch-event-source@2.0.1 eventsource-parser@3.0.6 launchdarkly-eventsource@2.2.0 >/dev/null
echo "@microsoft/fetch-event-source 2.0.1, eventsource-parser 3.0.6, launchdarkly-eventsource 2.2.0"
echo "Node $(node --version)"

cat >"$tmp/try.cjs" <<'JAVASCRIPT'
const http = require("node:http");

const MESSAGES = 'data: {"n":1}\n\ndata: {"n":2}\n\n';
const STREAMS = { "/plain": MESSAGES, "/keep-alive": ": still here\n\n" + MESSAGES };
const CONNECTIONS = 3; // how often a client may come back before it has both messages

// Each calls hear(text) for every message, and lets its errors be.
const clients = {
  "fetch-event-source": (url, hear) => {
    // What it wants of a browser.
    globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
    globalThis.window = globalThis;
    const { fetchEventSource } = require("@microsoft/fetch-event-source");
    fetchEventSource(url, { openWhenHidden: true, onmessage: (event) => hear(event.data), onerror: () => 50 });
  },
  "eventsource-parser": async (url, hear) => {
    const { createParser } = require("eventsource-parser");
    const parser = createParser({ onEvent: (event) => hear(event.data) });
    for await (const part of (await fetch(url)).body) parser.feed(new TextDecoder().decode(part));
  },
  "launchdarkly-eventsource": (url, hear) => {
    const { EventSource } = require("launchdarkly-eventsource");
    new EventSource(url).onmessage = (event) => hear(event.data);
  },
};

// What a client has heard when it has both messages or has come CONNECTIONS times.
function heardBy(client, stream) {
  return new Promise((resolve) => {
    let connections = 0;
    const texts = [], parsed = [];
    const finish = () => { resolve({ connections, texts, parsed: parsed.map(({ n }) => n) }); };
    const server = http.createServer((request, response) => {
      connections += 1;
      if (connections > CONNECTIONS) { connections = CONNECTIONS; return finish(); }
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(stream);
    });
    server.listen(0, "127.0.0.1", () => client(`http://127.0.0.1:${server.address().port}/`, (text) => {
      texts.push(text);
      parsed.push(JSON.parse(text));
      if (parsed.length === 2) finish();
    }));
  });
}

(async () => {
  const different = [];
  for (const name in clients) {
    for (const path in STREAMS) {
      const { connections, texts, parsed } = await heardBy(clients[name], STREAMS[path]);
      const what = `${connections} connections, texts ${JSON.stringify(texts)}, parsed [${parsed}]`;
      console.log(`  ${name.padEnd(24)} ${path.slice(1).padEnd(10)} ${what}`);
      const isDeaf = connections === CONNECTIONS && parsed.length === 0 && texts.every((text) => text === "");
      const isRight = connections === 1 && texts.length === 2 && String(parsed) === "1,2";
      if (!(name === "fetch-event-source" && path === "/keep-alive" ? isDeaf : isRight)) different.push(name + path);
    }
  }
  if (different.length) console.log("DIFFERENT: " + different.join("; "));
  process.exit(different.length ? 1 : 0);
})();
JAVASCRIPT
(cd "$tmp" && timeout 60 node try.cjs)
echo "As told: with a keep-alive before them no message is heard."
