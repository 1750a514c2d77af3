#!/usr/bin/env bash
# Of `ws://ann:p%40ss@host/room;key=7` Tornado sends a wrong password, and others none; two leave out the key.
#
# User and password of a URL are percent-encoded (RFC 3986, 3.2.1) and what they stand for goes into the header
# Authorization. Tornado and faye-websocket send `p%40ss` in the place of `p@ss`; websocket-client, simple-websocket,
# Autobahn and the npm package websocket send no such header, and do not say so. Autobahn and websocket-client cut the
# path at its last `;`, which Python's urlparse() gives apart. For `ws://host?token=1` simple-websocket asks for
# `?token=1`, which is no path.
# Seen with the PyPI packages websockets 17.4, aiohttp 3.14.5, tornado 6.6.1, websocket-client 1.9.2, simple-websocket
# 1.1.0 and autobahn 26.10.2, and the npm packages ws 8.23.0, faye-websocket 0.11.4 and websocket 1.0.35.
# Whoever configures a bot by one URL: a 401 or 404 that another client with the same URL does not have.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    ws@8.23.0 faye-websocket@0.11.4 websocket@1.0.35 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4 aiohttp==3.14.5 \
    tornado==6.6.1 websocket-client==1.9.2 simple-websocket==1.1.0 autobahn==26.10.2
echo "websockets 17.4, aiohttp 3.14.5, tornado 6.6.1, websocket-client 1.9.2, simple-websocket 1.1.0, autobahn 26.10.2"
echo "$(python3 --version); ws 8.23.0, faye-websocket 0.11.4, websocket 1.0.35, Node $(node --version)"

# Each of these connects to a URL; what becomes of it does not matter.
cat >"$tmp/by_websockets.py" <<'PYTHON'
import sys

import websockets.sync.client

websockets.sync.client.connect(sys.argv[1], proxy=None)
PYTHON
cat >"$tmp/by_aiohttp.py" <<'PYTHON'
import asyncio, sys

import aiohttp


async def main():
    async with aiohttp.ClientSession() as session:
        await session.ws_connect(sys.argv[1])


asyncio.run(main())
PYTHON
cat >"$tmp/by_tornado.py" <<'PYTHON'
import asyncio, sys

import tornado.websocket


async def main():
    await tornado.websocket.websocket_connect(sys.argv[1])


asyncio.run(main())
PYTHON
cat >"$tmp/by_websocket_client.py" <<'PYTHON'
import sys

import websocket

websocket.create_connection(sys.argv[1])
PYTHON
cat >"$tmp/by_simple.py" <<'PYTHON'
import sys

import simple_websocket

simple_websocket.Client(sys.argv[1])
PYTHON
cat >"$tmp/by_autobahn.py" <<'PYTHON'
import asyncio, sys
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol


async def main():
    factory = WebSocketClientFactory(sys.argv[1])
    factory.protocol = WebSocketClientProtocol
    url = urlsplit(sys.argv[1])
    await asyncio.get_running_loop().create_connection(factory, url.hostname, url.port)
    await asyncio.sleep(20)


asyncio.run(main())
PYTHON
echo 'new (require("ws"))(process.argv[2]);' >"$tmp/by_ws.cjs"
echo 'new (require("faye-websocket").Client)(process.argv[2]);' >"$tmp/by_faye.cjs"
echo 'new (require("websocket").client)().connect(process.argv[2]);' >"$tmp/by_npm_websocket.cjs"
cat >"$tmp/try.py" <<'PYTHON'
import base64, os, re, socket, subprocess, sys

FOLDER = sys.argv[1]
URLS = ["ws://ann:p%%40ss@127.0.0.1:%d/", "ws://127.0.0.1:%d/room;key=7", "ws://127.0.0.1:%d?token=1"]
RIGHT, NONE, ENCODED = "ann:p@ss", "none", "ann:p%40ss"
CLIENTS = [
    ("websockets", "by_websockets.py", [RIGHT, "/room;key=7", "/?token=1"]),
    ("aiohttp", "by_aiohttp.py", [RIGHT, "/room;key=7", "/?token=1"]),
    ("ws", "by_ws.cjs", [RIGHT, "/room;key=7", "/?token=1"]),
    ("Tornado", "by_tornado.py", [ENCODED, "/room;key=7", "/?token=1"]),
    ("faye-websocket", "by_faye.cjs", [ENCODED, "/room;key=7", "/?token=1"]),
    ("websocket (npm)", "by_npm_websocket.cjs", [NONE, "/room;key=7", "/?token=1"]),
    ("websocket-client", "by_websocket_client.py", [NONE, "/room", "/?token=1"]),
    ("Autobahn", "by_autobahn.py", [NONE, "/room", "/?token=1"]),
    ("simple-websocket", "by_simple.py", [NONE, "/room;key=7", "?token=1"]),
]


def asked(program, url):
    """What the client asks for, and the credentials that it sends."""
    interpreter = "node" if program.endswith(".cjs") else os.path.join(FOLDER, "venv", "bin", "python")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        client = subprocess.Popen(
            [interpreter, os.path.join(FOLDER, program), url % listener.getsockname()[1]], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(30)
                request = ""
                while not request.endswith("\r\n\r\n"):
                    request += connection.recv(4096).decode()
        finally:
            client.kill()
            client.wait()
    sent = re.search(r"(?i)\r\nauthorization: *basic ([^\r]*)", request)
    return request.split(" ")[1], base64.b64decode(sent.group(1)).decode() if sent else NONE


different = []
print("  %-18s %-14s %-14s %s" % ("", "ann:p%40ss@", "/room;key=7", "host?token=1"))
for name, program, expected in CLIENTS:
    first, second, third = (asked(program, url) for url in URLS)
    seen = [first[1], second[0], third[0]]
    print("  %-18s %-14s %-14s %s" % (name, *seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 250 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one URL, and three passwords and two paths."
