#!/usr/bin/env bash
# What a browser says as "null" over Engine.IO is None in Python, and a text in quotes has lost them.
#
# An Engine.IO message is a text or bytes, and engine.io-client sends a text as it is. python-engineio tries each text
# as JSON first: `null` becomes None, `true` True, `"quoted"` quoted, `[1]` a list, `NaN` and `-5` numbers. `5` and
# `1.5` stay texts. Answers go the other way: what Python sends as the text `true` is heard as that.
# Seen with python-engineio 4.15.1 and aiohttp 3.14.5 (PyPI), and engine.io-client 6.6.8 (npm).
# Whoever uses Engine.IO without Socket.IO's packets: a handler that expects a text has None or a list, for what a
# person may well type. Put a letter before each text, or send JSON from both sides.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts engine.io-client@6.6.8 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check python-engineio==4.15.1 aiohttp==3.14.5
echo "python-engineio 4.15.1, aiohttp 3.14.5, $(python3 --version); engine.io-client 6.6.8, Node $(node --version)"

cat >"$tmp/say.cjs" <<'JAVASCRIPT'
// Says the texts that are given as JSON, and prints as JSON what it hears.
const { Socket } = require("engine.io-client");
const [, , url, texts, transport] = process.argv;
const socket = new Socket(url, { transports: [transport] });
const heard = [];
socket.on("open", () => { for (const text of JSON.parse(texts)) socket.send(text); });
socket.on("message", (data) => {
  heard.push(data);
  if (heard.length === JSON.parse(texts).length) {
    console.log(JSON.stringify(heard));
    process.exit(0);
  }
});
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, json, os, sys

import engineio
from aiohttp import web

FOLDER = sys.argv[1]
CASES = [  # what is said, and what Python prints of what it hears
    ("hello", "'hello'"), ("null", "None"), ("true", "True"), ('"quoted"', "'quoted'"), ("[1]", "[1]"),
    ('{"a": 1}', "{'a': 1}"), ("NaN", "nan"), ("-5", "-5"), ("5", "'5'"), ("1.5", "'1.5'"),
]
TEXTS = [text for text, _ in CASES]


async def main():
    heard = []
    server = engineio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")

    @server.on("message")
    async def on_message(who, data):
        heard.append(data)
        await server.send(who, TEXTS[len(heard) - 1])

    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://127.0.0.1:%d" % runner.addresses[0][1]
    different = []
    for transport in ("websocket", "polling"):
        heard.clear()
        client = await asyncio.create_subprocess_exec(
            "node", os.path.join(FOLDER, "say.cjs"), url, json.dumps(TEXTS), transport, stdout=asyncio.subprocess.PIPE)
        answers = json.loads((await asyncio.wait_for(client.communicate(), 30))[0])
        print("  over %s" % transport)
        for (text, expected), got, answer in zip(CASES, heard, answers):
            print("    %-10s is heard as %-10r and, said by Python, as %r" % (text, got, answer))
            if repr(got) != expected or answer != text:
                different.append("%s, expected %s" % (text, expected))
    await server.shutdown()
    await runner.cleanup()
    if different:
        sys.exit("DIFFERENT: " + "; ".join(different))


asyncio.run(main())
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: texts that happen to be JSON are not heard as texts."
