#!/usr/bin/env bash
# A ping in the middle of a message makes circuits answer with the first half of that message.
#
# A WebSocket ping may come between two fragments, and its pong has the same data (RFC 6455, 5.4 and 5.5.3). circuits
# puts what it has of an unfinished message before the data of the ping, and sends that as its pong: a client that
# waits for the pong of its ping, as websockets does every twenty seconds, does not take it for one and hangs up, with
# the code 1011 and "keepalive ping timeout". The message itself is heard whole, and pings between messages are
# answered right.
# Seen with the PyPI packages circuits 3.2.5 and websockets 17.4.
# Servers with circuits whose clients send something long in fragments over a slow line.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check circuits==3.2.5 websockets==17.4
echo "circuits 3.2.5, websockets 17.4, $(python3 --version)"

cat >"$tmp/serve.py" <<'PYTHON'
"""Serves a WebSocket at /ws on the port; sends back each text."""
import sys

from circuits import Component
from circuits.net.events import write
from circuits.web import Server
from circuits.web.dispatchers import WebSocketsDispatcher


class Echo(Component):
    channel = "echo"

    def read(self, connection, text):
        self.fire(write(connection, text))


server = Server(("127.0.0.1", int(sys.argv[1])))
Echo().register(server)
WebSocketsDispatcher("/ws", wschannel="echo").register(server)
server.run()
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, os, socket, subprocess, sys

import websockets.asyncio.client
import websockets.exceptions
from websockets.frames import Frame, Opcode

FOLDER = sys.argv[1]


async def connected(port, **options):
    for _ in range(100):
        try:
            return await websockets.asyncio.client.connect(
                "ws://127.0.0.1:%d/ws" % port, proxy=None, compression=None, **options)
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    sys.exit("DIFFERENT: no server")


async def raw(port):
    """The frames that the server sends for a ping before a message, in the middle of one, and after it."""
    frames = [Frame(Opcode.PING, b"1"), Frame(Opcode.TEXT, b"one ", fin=False), Frame(Opcode.PING, b"2"),
              Frame(Opcode.CONT, b"two"), Frame(Opcode.PING, b"3")]
    connection = await connected(port, ping_interval=None)
    told = []
    connection.protocol.recv_frame = lambda frame: told.append((Opcode(frame.opcode).name, bytes(frame.data)))
    for frame in frames:
        connection.transport.write(frame.serialize(mask=True))
        await asyncio.sleep(0.1)
    for _ in range(100):
        if len(told) == 4:
            break
        await asyncio.sleep(0.1)
    connection.transport.abort()
    return told


async def kept_alive(port):
    """Code and reason with which a client hangs up that takes five seconds for a message and pings each second."""
    connection = await connected(port, ping_interval=1, ping_timeout=1)

    async def slowly():
        yield "one "
        await asyncio.sleep(5)
        yield "two"

    try:
        await connection.send(slowly())
    except websockets.exceptions.ConnectionClosed as error:
        return error.sent.code, error.sent.reason
    return "connected", ""


with socket.create_server(("127.0.0.1", 0)) as one:
    port = one.getsockname()[1]
server = subprocess.Popen([sys.executable, os.path.join(FOLDER, "serve.py"), str(port)], stderr=subprocess.DEVNULL)
try:
    seen = [asyncio.run(raw(port)), asyncio.run(kept_alive(port))]
finally:
    server.kill()
    server.wait()
for kind, data in seen[0]:
    print("  %s %a" % (kind, data))
print("  a slow client hangs up: %s %s" % seen[1])
FRAMES = [("PONG", b"1"), ("PONG", b"one 2"), ("TEXT", b"one two"), ("PONG", b"3")]
expected = [FRAMES, (1011, "keepalive ping timeout")]
if seen != expected:
    sys.exit("DIFFERENT: expected %a" % (expected,))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one pong of three has a half message in it, and a slow client hangs up."
