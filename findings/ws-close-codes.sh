#!/usr/bin/env bash
# One Close frame without a code, six WebSocket clients, four answers; and faye's client turns 1012 into 1002.
#
# RFC 6455, 7.1.5: a Close frame without a code is 1005 for who receives it, and 1006 is for a connection that
# ended without any. websockets and ws say 1005. aiohttp and the npm package websocket say 1006, so a proper
# goodbye looks like a broken line; faye-websocket says 1000, Tornado None.
# 1012 (service restart) to 1014 are registered with IANA. faye-websocket reports them as 1002 (protocol
# error), and answers 1002 as well, as if the server had done wrong; the others report them.
# Seen with the PyPI packages websockets 17.4, aiohttp 3.14.5 and tornado 6.6.1, and the npm packages
# ws 8.23.0, faye-websocket 0.11.4 and websocket 1.0.35.
# Clients that come back or not by the code: a server should always send a code, and 1001 or one from 4000 on.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    websockets==17.4 aiohttp==3.14.5 tornado==6.6.1
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    ws@8.23.0 faye-websocket@0.11.4 websocket@1.0.35 >/dev/null
echo "$(python3 --version), Node $(node --version)"

cat >"$tmp/client.js" <<'JAVASCRIPT'
const [library, url] = process.argv.slice(2);
const told = (code) => {
  console.log(String(code));
  process.exit(0);
};
const module_ = require(library);
if (library === "ws") new module_(url).on("close", told);
if (library === "faye-websocket") new module_.Client(url).on("close", (event) => told(event.code));
if (library === "websocket") {
  const client = new module_.client();
  client.on("connect", (connection) => connection.on("close", told));
  client.connect(url);
}
JAVASCRIPT

cat >"$tmp/client.py" <<'PYTHON'
import asyncio, sys

library, url = sys.argv[1:]


async def on_websockets():
    import websockets.asyncio.client

    async with websockets.asyncio.client.connect(url) as connection:
        await connection.wait_closed()
        return connection.close_code


async def on_aiohttp():
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as connection:
            await connection.receive()
            return connection.close_code


async def on_tornado():
    import tornado.websocket

    connection = await tornado.websocket.websocket_connect(url)
    await connection.read_message()
    return connection.close_code


print(asyncio.run(globals()["on_" + library]()))
PYTHON

cat >"$tmp/try.py" <<'PYTHON'
import base64, hashlib, os, socket, subprocess, sys, threading

folder = os.path.dirname(os.path.abspath(sys.argv[0]))
CODES = (None, 1000, 1001, 1012, 1014, 4000)
PLAIN = ["1000", "1001", "1012", "1014", "4000"]
EXPECTED = {
    "websockets": ["1005"] + PLAIN,
    "ws": ["1005"] + PLAIN,
    "aiohttp": ["1006"] + PLAIN,
    "websocket": ["1006"] + PLAIN,
    "faye-websocket": ["1000", "1000", "1001", "1002", "1002", "4000"],
    "tornado": ["None"] + PLAIN,
}


def serve(listener, code):
    """Answer the handshake, send a Close frame, wait for the client's, end the connection."""
    client, _ = listener.accept()
    client.settimeout(10)
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(4096)
    (key,) = [line[18:].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    payload = b"" if code is None else code.to_bytes(2, "big")
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + bytes([0x88, len(payload)]) + payload
    )
    client.recv(4096)
    client.close()


def told(library, code):
    """The code that a client of the library reports."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, code), daemon=True).start()
    python = library in ("websockets", "aiohttp", "tornado")
    command = [sys.executable, "client.py"] if python else ["node", "client.js"]
    url = "ws://127.0.0.1:%d/" % listener.getsockname()[1]
    done = subprocess.run(command + [library, url], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=20)
    return done.stdout.strip()


print("  sent            %s" % "".join("%-6s" % ("-" if code is None else code) for code in CODES))
different = []
for library, expected in EXPECTED.items():
    codes = [told(library, code) for code in CODES]
    print("  %-15s %s" % (library, "".join("%-6s" % code for code in codes)))
    if codes != expected:
        different.append("%s, expected %s" % (library, " ".join(expected)))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: 1005, 1006, 1000 or None for a Close frame without a code; 1002 for 1012 by one."
