#!/usr/bin/env bash
# lighttpd's gateway from WebSocket to TCP cuts letters in two, and then WebSocket clients hang up.
#
# mod_wstunnel puts what one read of the server gives into one final text frame. Where the read ends in the middle of a
# letter, so does the message, and RFC 6455, 8.1 obliges clients to fail the connection for a message that is not UTF-8:
# they close with 1007. Text is what mod_wstunnel sends if nothing is configured; with `frame-type = "binary"` the same
# bytes come through. But then it answers everybody with the subprotocol `binary`, and who has not asked for one has to
# fail the connection (4.1), as websockets does.
# Seen with lighttpd 1.4.69 (Debian package lighttpd), the PyPI packages websockets 17.4 and aiohttp 3.14.5.
# Who lets browsers reach a server of lines, such as IRC, through it: with ASCII it works, with any other alphabet the
# page loses its connection at long answers, or whenever a segment ends within a letter.
set -euo pipefail
tmp=$(mktemp -d)
lighttpd=
trap '[[ -z $lighttpd ]] || kill "$lighttpd" 2>/dev/null || true; wait || true; rm -rf "$tmp"' EXIT

PATH=$PATH:/usr/sbin
if ! command -v lighttpd >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends lighttpd >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check websockets==17.4 aiohttp==3.14.5
lighttpd -v | sed -n 1p
echo "websockets 17.4, aiohttp 3.14.5, $(python3 --version)"

read -r server text binary < <(python3 -c '
import socket
some = [socket.socket() for _ in range(3)]
for one in some:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in some))')
cat >"$tmp/lighttpd.conf" <<CONF
server.modules = ("mod_wstunnel")
server.document-root = "$tmp"
server.bind = "127.0.0.1"
server.port = $text
wstunnel.server = ("" => (("host" => "127.0.0.1", "port" => "$server")))
\$SERVER["socket"] == "127.0.0.1:$binary" { wstunnel.frame-type = "binary" }
CONF
timeout 100 lighttpd -D -f "$tmp/lighttpd.conf" 2>"$tmp/log" &
lighttpd=$!

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, os, sys

import aiohttp
import websockets.asyncio.client
import websockets.exceptions

SERVER, TEXT, BINARY = map(int, sys.argv[1:])
LINE = "Grüße\r\n".encode()
CUTS = {"whole": [LINE], "cut": [LINE[:3], LINE[3:]]}  # the third byte is the first of "ü"


async def serve(reader, writer):
    """A server of lines: says one line when it is asked for it, in one segment or in two."""
    cut = (await reader.readline()).decode().strip()
    for part in CUTS[cut]:
        writer.write(part)
        await asyncio.sleep(0.7)
    await reader.read()
    writer.close()


async def with_websockets(port, cut, asked):
    heard = b""
    async with websockets.asyncio.client.connect("ws://127.0.0.1:%d/" % port, subprotocols=asked) as client:
        await client.send(cut + "\n")
        try:
            while not heard.endswith(b"\n"):
                message = await asyncio.wait_for(client.recv(), 5)
                heard += message if isinstance(message, bytes) else message.encode()
        except websockets.exceptions.ConnectionClosed as error:
            return "closes with %d" % error.sent.code
    return heard.decode()


async def with_aiohttp(port, cut, asked):
    heard = b""
    address = "ws://127.0.0.1:%d/" % port
    async with aiohttp.ClientSession() as session, session.ws_connect(address, protocols=asked or ()) as client:
        await client.send_str(cut + "\n")
        while not heard.endswith(b"\n"):
            message = await client.receive(timeout=5)
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return "closes with %d" % client.close_code
            heard += message.data.encode() if message.type == aiohttp.WSMsgType.TEXT else message.data
    return heard.decode()


async def main():
    await asyncio.start_server(serve, "127.0.0.1", SERVER)
    for _ in range(100):
        try:
            (await asyncio.open_connection("127.0.0.1", TEXT))[1].close()
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    different = []
    for client in (with_websockets, with_aiohttp):
        for kind, port, asked in (("text", TEXT, None), ("binary", BINARY, ["binary"])):
            for cut in CUTS:
                seen = await client(port, cut, asked)
                print("  %-10s %-6s %-5s %s" % (client.__name__[5:], kind, cut, ascii(seen)))
                expected = "closes with 1007" if (kind, cut) == ("text", "cut") else LINE.decode()
                if seen != expected:
                    different.append("%s, %s, %s: expected %s" % (client.__name__[5:], kind, cut, ascii(expected)))
    try:
        seen = await with_websockets(BINARY, "whole", None)
    except websockets.exceptions.NegotiationError as error:
        seen = "refuses: %s" % error
    print("  websockets binary, with no subprotocol asked for: %s" % ascii(seen))
    if not seen.startswith("refuses"):
        different.append("an answer without a subprotocol")
    if different:
        print("DIFFERENT: " + "; ".join(different))
    sys.stdout.flush()
    os._exit(1 if different else 0)  # without a word about the connections that are still open


asyncio.run(main())
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$server" "$text" "$binary"
echo "As told: a letter that is cut in two ends the connection."
