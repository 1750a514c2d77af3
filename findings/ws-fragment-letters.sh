#!/usr/bin/env bash
# One of four WebSocket libraries for Node changes a letter that two fragments share, and the bytes of a ping.
#
# A fragment of a text may end within a letter; only the whole message has to be UTF-8 (RFC 6455, 5.6). nodejs-websocket
# makes a string of each fragment, so that an umlaut on the border becomes two U+FFFD. It makes a string of a ping as
# well, which may be any bytes: the pong has other ones, and more of them, where 5.5.3 wants the same. The packages
# websocket, faye-websocket and ws are right.
# Seen with the npm packages nodejs-websocket 1.7.2, websocket 1.0.35, faye-websocket 0.11.4 and ws 8.23.0 (also the
# client).
# Clients that send long texts in pieces of some KiB, and peers that put a number into a ping and wait for it: they
# think that the connection is dead and hang up.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    nodejs-websocket@1.7.2 websocket@1.0.35 faye-websocket@0.11.4 ws@8.23.0 >/dev/null
echo "Node $(node --version)"

cat >"$tmp/try.js" <<'JAVASCRIPT'
const http = require("http");
const { WebSocket, WebSocketServer } = require("ws");

// Each starts an echo server and calls back with its port.
const servers = {
  "nodejs-websocket": (ready) => {
    const server = require("nodejs-websocket").createServer((peer) => peer.on("text", (text) => peer.sendText(text)));
    server.listen(0, "127.0.0.1", () => ready(server.socket.address().port));
  },
  websocket: (ready) => {
    const server = http.createServer();
    const echo = new (require("websocket").server)({ httpServer: server, autoAcceptConnections: true });
    echo.on("connect", (peer) => peer.on("message", (message) => peer.sendUTF(message.utf8Data)));
    server.listen(0, "127.0.0.1", () => ready(server.address().port));
  },
  "faye-websocket": (ready) => {
    const server = http.createServer();
    server.on("upgrade", (request, socket, head) => {
      const peer = new (require("faye-websocket"))(request, socket, head);
      peer.on("message", (event) => peer.send(event.data));
    });
    server.listen(0, "127.0.0.1", () => ready(server.address().port));
  },
  ws: (ready) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    server.on("connection", (peer) => peer.on("message", (data) => peer.send(String(data))));
    server.on("listening", () => ready(server.address().port));
  },
};
const TEXT = Buffer.from("grüße");
const PING = Buffer.from([0x00, 0x80, 0xff]);

function ask(port, done) {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  const heard = [];
  client.on("open", () => {
    client.send(TEXT.subarray(0, 3), { fin: false, binary: false }); // ends within the letter "ü"
    client.send(TEXT.subarray(3), { fin: true, binary: false });
    client.send(TEXT, { binary: false });
    client.ping(PING);
  });
  client.on("message", (data) => heard.push(String(data)));
  client.on("pong", (data) => (client.terminate(), done([...heard, data.toString("hex")].join(" "))));
}

const RIGHT = "grüße grüße 0080ff";
const names = Object.keys(servers);
let different = false;
(function next() {
  const name = names.shift();
  if (!name) process.exit(different ? 1 : 0);
  servers[name]((port) =>
    ask(port, (heard) => {
      console.log(`  ${name.padEnd(16)} in fragments, whole, pong: ${heard}`);
      if (heard !== (name === "nodejs-websocket" ? "gr\ufffd\ufffdße grüße 00efbfbdefbfbd" : RIGHT)) {
        console.log("DIFFERENT: " + name);
        different = true;
      }
      next();
    })
  );
})();
JAVASCRIPT
(cd "$tmp" && timeout 50 node try.js)
echo "As told: nodejs-websocket changes a letter that two fragments share, and the bytes of a ping."
