#!/usr/bin/env bash
# websocketd does not send a program's last line if it has no line feed, and says goodbye to nobody.
#
# websocketd makes each line that a program prints a WebSocket message. What the program printed last without a line
# feed, as `printf bye` does, is dropped when it ends. And the connection ends without a Close frame, so that every
# client reports 1006, a broken connection (RFC 6455, 7.1.5), also where the program ended with status 0.
# Seen with websocketd 0.4.1 (Debian package websocketd) and the PyPI package websockets 17.4.
# Small bots and gateways in a shell script: the answer or the error that a program ends with is missing, and clients
# come back at once, as they do after an error.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

command -v websocketd >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends websocketd >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4
echo "$(python3 --version), websocketd $(dpkg-query -W -f '${Version}' websocketd)"

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, sys

import websockets.asyncio.client
import websockets.exceptions


async def heard(port):
    """The messages, and the code of the end: 1006 is an end without a Close frame."""
    for _ in range(100):
        try:
            connection = await websockets.asyncio.client.connect("ws://127.0.0.1:%s/" % port)
            break
        except OSError:
            await asyncio.sleep(0.1)
    messages = []
    try:
        async for message in connection:
            messages.append(message)
    except websockets.exceptions.ConnectionClosedError:
        pass
    return "%s %s" % (messages, connection.close_code)


print(asyncio.run(asyncio.wait_for(heard(sys.argv[1]), 20)))
PYTHON
different=
expect() {  # what the program does, what the client hears
    local port server heard
    port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
    websocketd --port="$port" --address=127.0.0.1 sh -c "$1" >"$tmp/log" 2>&1 &
    server=$!
    heard=$(timeout 30 "$tmp/venv/bin/python" "$tmp/try.py" "$port" 2>&1 | tail -n 1) || true
    kill "$server"
    printf '  %-26s %s\n' "$1" "$heard"
    [ "$heard" = "$2" ] || different="$different; $1, expected $2"
}
expect "printf 'one\\ntwo\\n'" "['one', 'two'] 1006"
expect "printf 'one\\ntwo'" "['one'] 1006"
expect "printf 'bye'" "[] 1006"
if [ -n "$different" ]; then
    echo "DIFFERENT${different/;/:}"
    exit 1
fi
echo "As told: a last line without a line feed is not sent, and no end has a Close frame."
