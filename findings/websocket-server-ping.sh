#!/usr/bin/env bash
# websocket-server hangs up on a client with websockets at its first keepalive, and never on a browser.
#
# The data of a ping are bytes (RFC 6455, 5.5.2 and 5.6: UTF-8 is for text). websocket-server decodes them as UTF-8, and
# the exception ends the connection without a Close frame: 1006. Browsers send no pings, so all is well in a first test.
# But websockets pings every twenty seconds, unless told otherwise, with four random bytes, and of those UTF-8 can be
# made one time in ten.
# Seen with the PyPI packages websocket-server 0.6.4 and websockets 17.4.
# Small servers in Python whose clients are no browsers: `ping_interval=None` in the client helps.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websocket-server==0.6.4 websockets==17.4
echo "websocket-server 0.6.4, websockets 17.4, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, threading

import websocket_server
import websockets.asyncio.client
import websockets.exceptions

heard = []
server = websocket_server.WebsocketServer("127.0.0.1", 0, loglevel=60)
server.set_fn_message_received(lambda client, server, text: heard.append(text) or server.send_message(client, text))
server.handle_error = lambda request, address: None  # it would write the exception to the standard error output
threading.Thread(target=server.serve_forever, daemon=True).start()


def connect(**options):
    address = "ws://127.0.0.1:%d" % server.port
    return websockets.asyncio.client.connect(address, proxy=None, compression=None, close_timeout=2, **options)


async def pinged(data):
    """The code that the client ends with after a ping with the data, and 1000 if it has its pong."""
    connection = await connect(ping_interval=None)
    try:
        await asyncio.wait_for(await connection.ping(data), 10)
    except websockets.exceptions.ConnectionClosed:
        return connection.close_code
    connection.transport.abort()
    return 1000


async def kept(seconds, interval):
    """The code that the client ends with, or None if it is still connected after the seconds."""
    connection = await connect(ping_interval=interval)
    await connection.send("hi")
    try:
        assert await connection.recv() == "hi"
        await asyncio.wait_for(connection.recv(), seconds)
    except asyncio.TimeoutError:
        connection.transport.abort()
        return None
    except websockets.exceptions.ConnectionClosed:
        return connection.close_code


async def main():
    return [
        ("a ping with no data", await pinged(b""), 1000),
        ("a ping with 'hi'", await pinged(b"hi"), 1000),
        ("a ping with the bytes 80 81", await pinged(b"\x80\x81"), 1006),
        ("50 keepalives of websockets", await kept(10, 0.2), 1006),
        ("no keepalives, as long", await kept(10, None), None),
    ]


different = []
for name, seen, expected in asyncio.run(main()):
    print("  %-30s %s" % (name, {1000: "pong", 1006: "1006", None: "connected"}.get(seen, seen)))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    raise SystemExit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 90 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: a ping that is no UTF-8 ends the connection."
