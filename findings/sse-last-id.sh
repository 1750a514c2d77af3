#!/usr/bin/env bash
# In an event stream one client forgets the last id at the next event, and another asks for what it missed in the URL.
#
# An id holds until the next one: every later event has it as `lastEventId`, and it is sent in a header Last-Event-ID on
# coming back (HTML Standard, 9.2.3 and 9.2.6). eventsource gives '' for an event without an id of its own, although it
# remembers the id and sends it when it comes back. event-source-polyfill sends no header, and adds `?lastEventId=` to
# the address instead (its readme names the parameter), which a server that goes by the standard does not read: it
# starts anew, and everything comes twice. launchdarkly-eventsource does both right.
# Seen with the npm packages eventsource 3.0.7, event-source-polyfill 1.0.31 and launchdarkly-eventsource 2.2.0.
# Servers that number some events only, and pages that keep `lastEventId` as their place.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    eventsource@3.0.7 event-source-polyfill@1.0.31 launchdarkly-eventsource@2.2.0 >/dev/null
echo "eventsource 3.0.7, event-source-polyfill 1.0.31, launchdarkly-eventsource 2.2.0, Node $(node --version)"

cat >"$tmp/try.cjs" <<'JAVASCRIPT'
const http = require("node:http");

const STREAM = "retry: 100\n\nid: 7\ndata: one\n\ndata: two\n\n";
const clients = {
  "launchdarkly-eventsource": () => require("launchdarkly-eventsource").EventSource,
  "eventsource": () => require("eventsource").EventSource,
  "event-source-polyfill": () => require("event-source-polyfill").EventSourcePolyfill,
};
const EXPECTED = {
  "launchdarkly-eventsource": ["one 7, two 7", "/ 7"],
  "eventsource": ["one 7, two (none)", "/ 7"],
  "event-source-polyfill": ["one 7, two 7", "/?lastEventId=7 (none)"],
};

// The events that a client tells with their ids, and how it comes back after the end of the first stream.
function seenOf(Client) {
  return new Promise((resolve) => {
    const events = [];
    let connections = 0;
    const server = http.createServer((request, response) => {
      connections += 1;
      if (connections > 1) {
        return resolve([events.join(", "), `${request.url} ${request.headers["last-event-id"] || "(none)"}`]);
      }
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.end(STREAM);
    });
    server.listen(0, "127.0.0.1", () => {
      const client = new Client(`http://127.0.0.1:${server.address().port}/`);
      client.onmessage = (event) => events.push(`${event.data} ${event.lastEventId || "(none)"}`);
    });
  });
}

(async () => {
  const different = [];
  for (const name in clients) {
    const seen = await seenOf(clients[name]());
    console.log(`  ${name.padEnd(24)} events ${seen[0].padEnd(18)} comes back with ${seen[1]}`);
    if (String(seen) !== String(EXPECTED[name])) different.push(`${name}, expected ${EXPECTED[name]}`);
  }
  if (different.length) console.log("DIFFERENT: " + different.join("; "));
  process.exit(different.length ? 1 : 0);
})();
JAVASCRIPT
(cd "$tmp" && timeout 60 node try.cjs)
echo "As told: the one has no id for the second event, the other no header."
