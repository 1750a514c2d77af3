#!/usr/bin/env bash
# What a client with stompjs writes into a header, another client with stompjs reads as something else.
#
# STOMP 1.2 writes a backslash in a header as `\\` and a line feed as `\n`, and blanks at the ends belong to the value
# (Value Encoding, and the grammar). stompjs writes `C:\new` as it should. Reading, it looks for `\n` and `\r` in the
# whole value before it looks for `\\`, so that the second backslash and the "n" become a line feed, and takes blanks
# off the ends. stompit and stomp.py read the same frames right.
# Seen with the npm packages @stomp/stompjs 7.5.0 and stompit 1.0.0, and the PyPI package stomp.py 9.0.0.
# Chats over STOMP, as with Spring or RabbitMQ, that put names or paths into headers: C:\temp works and C:\new does not.
# Put texts of people into the body.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check stomp.py==9.0.0
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    @stomp/stompjs@7.5.0 stompit@1.0.0 >/dev/null
echo "$(python3 --version), Node $(node --version)"

cat >"$tmp/try.js" <<'JAVASCRIPT'
// Prints, as JSON: the frame that stompjs sends, and what stompjs and stompit read of it, as a MESSAGE.
const { Client } = require("@stomp/stompjs");
const IncomingFrames = require("stompit/lib/IncomingFrameStream");
const [header] = process.argv.slice(2);

class Broker {
  // A WebSocket that answers as a STOMP 1.2 server does, and sends each message back with the headers as they came.
  constructor() {
    this.readyState = 0;
    setImmediate(() => ((this.readyState = 1), this.onopen({})));
  }
  say(frame) {
    setImmediate(() => this.onmessage({ data: frame }));
  }
  send(frame) {
    if (frame.startsWith("CONNECT")) this.say("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0");
    if (!frame.startsWith("SEND")) return;
    const said = frame.split("\n").find((line) => line.startsWith("file:"));
    const message = `MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/room\n${said}\n\nhello\0`;
    this.sent = said;
    this.say(message);
    const stream = new IncomingFrames();
    stream.setVersion("1.2");
    stream.on("data", (frame) => ((this.stompit = frame.headers.file), frame.resume && frame.resume()));
    stream.write(message);
  }
  close() {}
}

const broker = new Broker();
const client = new Client({ webSocketFactory: () => broker, reconnectDelay: 0 });
client.onConnect = () => {
  client.subscribe("/room", (message) =>
    setTimeout(() => {
      console.log(JSON.stringify([broker.sent, message.headers.file, broker.stompit]));
      process.exit(0);
    }, 100), { id: "s" });
  client.publish({ destination: "/room", body: "hello", headers: { file: header } });
};
client.activate();
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys

import stomp.utils

CASES = {
    "C:\\temp": "C:\\temp",
    "C:\\new": "C:\\\new",
    "C:\\readme": "C:\\\readme",
    " two blanks ": "two blanks",
    "a:b": "a:b",
}
different = []
for header, expected in CASES.items():
    sent, by_stompjs, by_stompit = json.loads(subprocess.check_output(["node", "try.js", header], timeout=20))
    by_python = stomp.utils.parse_frame(b"MESSAGE\n%b\n\nhello" % sent.encode()).headers["file"]
    print("  %-14r sent as %-18s stompjs reads %-14r stompit %-14r stomp.py %r"
          % (header, sent[5:], by_stompjs, by_stompit, by_python))
    if [by_stompjs, by_stompit, by_python] != [expected, header, header]:
        different.append("%r, expected %r" % (header, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
(cd "$tmp" && timeout 50 "$tmp/venv/bin/python" try.py)
echo "As told: stompjs does not read what stompjs has written, and two others do."
