#!/usr/bin/env bash
# Daphne sends nothing, and says nothing, when an ASGI application sends an empty WebSocket message.
#
# ASGI lets exactly one of `bytes` and `text` be there and not None; an empty one is there, and WebSocket has empty
# messages (RFC 6455, 5.6 sets no least length). Daphne asks whether the value is true, so that "" and b"" are dropped,
# after receiving has handed them over as any other. Uvicorn and Hypercorn send them.
# Seen with the PyPI packages daphne 4.2.3, uvicorn 0.54.0, hypercorn 0.18.0, and websockets 17.4 as the client.
# Django Channels with Daphne: an empty message is what some clients take for a sign of life or an empty answer to a
# question, and only there, on one of the servers, it never comes. A counted sequence of messages has a gap.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    daphne==4.2.3 uvicorn==0.54.0 hypercorn==0.18.0 websockets==17.4
python3 --version

cat >"$tmp/serve.py" <<'PYTHON'
import asyncio, logging, socket, sys


async def echo(scope, receive, send):
    """An ASGI application that says what it hears."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


def on_daphne(port):
    import daphne.server

    daphne.server.Server(echo, endpoints=["tcp:port=%d:interface=127.0.0.1" % port]).run()


def on_uvicorn(port):
    import uvicorn

    uvicorn.run(echo, host="127.0.0.1", port=port, log_level="critical", lifespan="off")


def on_hypercorn(port):
    import hypercorn.asyncio
    import hypercorn.config

    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:%d" % port]
    asyncio.run(hypercorn.asyncio.serve(echo, config))


logging.disable(logging.CRITICAL)
globals()["on_" + sys.argv[1]](int(sys.argv[2]))
PYTHON
cat >"$tmp/ask.py" <<'PYTHON'
import asyncio, sys

import websockets.asyncio.client


async def heard(port):
    """What comes back of the messages 1, empty, 2, and of those in bytes."""
    for _ in range(100):
        try:
            connection = await websockets.asyncio.client.connect("ws://127.0.0.1:%s/" % port)
            break
        except OSError:
            await asyncio.sleep(0.1)
    for message in ("1", "", "2", b"3", b"", b"4", "end"):
        await connection.send(message)
    messages = []
    async for message in connection:
        if message == "end":
            return messages
        messages.append(message)


print(asyncio.run(asyncio.wait_for(heard(sys.argv[1]), 20)))
PYTHON
different=
expect() {  # server, what comes back
    local port server heard
    port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
    "$tmp/venv/bin/python" "$tmp/serve.py" "$1" "$port" >"$tmp/$1.log" 2>&1 &
    server=$!
    heard=$(timeout 30 "$tmp/venv/bin/python" "$tmp/ask.py" "$port" 2>&1 | tail -n 1) || true
    kill "$server"
    printf '  %-9s %s\n' "$1" "$heard"
    [ "$heard" = "$2" ] || different="$different; $1, expected $2"
}
expect uvicorn "['1', '', '2', b'3', b'', b'4']"
expect hypercorn "['1', '', '2', b'3', b'', b'4']"
expect daphne "['1', '2', b'3', b'4']"
if [ -n "$different" ]; then
    echo "DIFFERENT${different/;/:}"
    exit 1
fi
echo "As told: Daphne sends no message that is empty."
