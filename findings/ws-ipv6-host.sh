#!/usr/bin/env bash
# To a chat at `ws://[::1]:8000/` four of nine WebSocket clients have no way through nginx.
#
# In a URL and in the Host header an IPv6 address has brackets (RFC 3986, 3.2.2; RFC 9110, 7.2). Autobahn, ws4py,
# simple-websocket and the npm package websocket take them off to connect, and leave them off in the header: `Host:
# ::1:8000`, of which simple-websocket leaves the port out too. nginx answers 400; websockets and many other servers do
# not look at the header, so that all is well until something stands in front of them.
# Seen with the PyPI packages autobahn 26.10.2, ws4py 0.6.0, simple-websocket 1.1.0, websockets 17.4, websocket-client
# 1.9.2, aiohttp 3.14.5 and tornado 6.6.1, the npm packages websocket 1.0.35 and ws 8.23.0, and nginx 1.22.1 (Debian
# package nginx-light).
# Who is given an address instead of a name, as in containers and on networks with IPv6 only.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v nginx >/dev/null || missing+=(nginx-light)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    websocket@1.0.35 ws@8.23.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4 websocket-client==1.9.2 \
    aiohttp==3.14.5 tornado==6.6.1 simple-websocket==1.1.0 ws4py==0.6.0 autobahn==26.10.2
nginx -v 2>&1
echo "autobahn 26.10.2, ws4py 0.6.0, simple-websocket 1.1.0, websockets 17.4, websocket-client 1.9.2"
echo "aiohttp 3.14.5, tornado 6.6.1, $(python3 --version); websocket 1.0.35, ws 8.23.0, Node $(node --version)"

# Each of these connects to a URL and prints the first message that it hears.
cat >"$tmp/by_websockets.py" <<'PYTHON'
import sys

import websockets.sync.client

with websockets.sync.client.connect(sys.argv[1], proxy=None) as connection:
    print(connection.recv(timeout=10))
PYTHON
cat >"$tmp/by_websocket_client.py" <<'PYTHON'
import sys

import websocket

print(websocket.create_connection(sys.argv[1], timeout=10).recv())
PYTHON
cat >"$tmp/by_aiohttp.py" <<'PYTHON'
import asyncio, sys

import aiohttp


async def main():
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(sys.argv[1]) as connection:
            print(await connection.receive_str(timeout=10))


asyncio.run(main())
PYTHON
cat >"$tmp/by_tornado.py" <<'PYTHON'
import asyncio, sys

import tornado.websocket


async def main():
    print(await (await tornado.websocket.websocket_connect(sys.argv[1])).read_message())


asyncio.run(main())
PYTHON
cat >"$tmp/by_simple.py" <<'PYTHON'
import sys

import simple_websocket

client = simple_websocket.Client(sys.argv[1])
client.send("hi")  # it hears what came with the 101 only when more comes
print(client.receive(timeout=10))
client.close()
PYTHON
cat >"$tmp/by_ws4py.py" <<'PYTHON'
import sys

from ws4py.client.threadedclient import WebSocketClient


class Client(WebSocketClient):
    def received_message(self, message):
        print(message)
        self.close()


client = Client(sys.argv[1])
client.connect()
client.run_forever()
PYTHON
cat >"$tmp/by_autobahn.py" <<'PYTHON'
import asyncio, sys
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol


class Client(WebSocketClientProtocol):
    def onMessage(self, payload, isBinary):
        print(payload.decode())
        self.sendClose()

    def onClose(self, wasClean, code, reason):
        asyncio.get_running_loop().stop()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
url = urlsplit(sys.argv[1])
factory = WebSocketClientFactory(sys.argv[1])
factory.protocol = Client
loop.run_until_complete(loop.create_connection(factory, url.hostname, url.port))
loop.run_forever()
PYTHON
cat >"$tmp/by_ws.cjs" <<'JAVASCRIPT'
const client = new (require("ws"))(process.argv[2]);
client.on("message", (data) => { console.log(data.toString()); client.close(); });
JAVASCRIPT
cat >"$tmp/by_npm_websocket.cjs" <<'JAVASCRIPT'
const { client: Client } = require("websocket");
const client = new Client();
client.on("connect", (connection) => {
  connection.on("message", (message) => { console.log(message.utf8Data); connection.close(); });
});
client.on("connectFailed", () => process.exit(1));
client.connect(process.argv[2]);
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, contextlib, os, socket, sys

import websockets.asyncio.server
import websockets.exceptions

FOLDER = sys.argv[1]
NGINX = """
daemon off;
pid %(folder)s/nginx.pid;
error_log stderr crit;
events {}
http {
    access_log off;
    client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c;
    uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e;
    server {
        listen [::1]:%(near)d;
        location / {
            proxy_pass http://[::1]:%(far)d;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }
    }
}
"""
CLIENTS = [
    ("websockets", "by_websockets.py", True),
    ("websocket-client", "by_websocket_client.py", True),
    ("aiohttp", "by_aiohttp.py", True),
    ("Tornado", "by_tornado.py", True),
    ("ws", "by_ws.cjs", True),
    ("Autobahn", "by_autobahn.py", False),
    ("ws4py", "by_ws4py.py", False),
    ("simple-websocket", "by_simple.py", False),
    ("websocket (npm)", "by_npm_websocket.cjs", False),
]


async def heard(program, url, environment):
    """What a client hears, "" if it does not get in."""
    command = ["node" if program.endswith(".cjs") else os.path.join(FOLDER, "venv", "bin", "python"),
               os.path.join(FOLDER, program), url]
    client = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=environment)
    try:
        return (await asyncio.wait_for(client.communicate(), 20))[0].decode().partition("\n")[0]
    except asyncio.TimeoutError:
        client.kill()
        await client.wait()
        return "nothing in 20 s"


async def main():
    hosts = []

    async def greet(connection):
        hosts.append(connection.request.headers["Host"])
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            await connection.send("hello")
            async for _ in connection:
                await connection.send("hello again")

    with socket.socket(socket.AF_INET6) as some:
        some.bind(("::1", 0))
        near = some.getsockname()[1]
    different = []
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    async with websockets.asyncio.server.serve(greet, "::1", 0) as server:
        far = server.sockets[0].getsockname()[1]
        with open(os.path.join(FOLDER, "nginx.conf"), "w") as file:
            file.write(NGINX % {"folder": FOLDER, "near": near, "far": far})
        nginx = await asyncio.create_subprocess_exec(
            "nginx", "-e", "stderr", "-c", os.path.join(FOLDER, "nginx.conf"))
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    socket.create_connection(("::1", near)).close()
                    break
                await asyncio.sleep(0.1)
            print("  %-18s %-16s %-10s %s" % ("", "Host", "direct", "through nginx"))
            for name, program, passes in CLIENTS:
                direct = await heard(program, "ws://[::1]:%d/" % far, environment)
                host = hosts[-1].replace(str(far), "PORT")
                through = await heard(program, "ws://[::1]:%d/" % near, environment)
                print("  %-18s %-16s %-10s %s" % (name, host, direct, through or "nothing"))
                if (direct, through) != ("hello", "hello" if passes else "") or ("[" in host) != passes:
                    different.append("%s, expected to pass: %s" % (name, passes))
        finally:
            nginx.terminate()
            await nginx.wait()
    if different:
        sys.exit("DIFFERENT: " + "; ".join(different))


asyncio.run(main())
PYTHON
timeout 300 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: four of nine leave the brackets off and are turned away."
