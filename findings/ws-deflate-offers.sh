#!/usr/bin/env bash
# Three of five WebSocket servers refuse a client for an offer of compression that they could have declined.
#
# A server declines what it cannot do by choosing another offer or none, and has to decline one with a parameter that it
# does not know (RFC 7692, 5.1 and 7.1). A client with little memory may ask for the smallest window,
# `server_max_window_bits=8` (7.1.2.1): Tornado answers 500, Autobahn 400. To an offer with a new parameter, and the
# plain one behind it, Tornado answers 500, Autobahn and ws answer 400. websockets and aiohttp decline.
# Seen with the PyPI packages tornado 6.6.1, autobahn 26.10.2, websockets 17.4 and aiohttp 3.14.5, and the npm package
# ws 8.23.0.
# Writers of clients: a list of offers in the order of one's wishes, as the RFC describes it, costs the connection with
# some servers, so after a refusal try again without compression.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    tornado==6.6.1 autobahn==26.10.2 websockets==17.4 aiohttp==3.14.5
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts ws@8.23.0 >/dev/null
echo "$(python3 --version), Node $(node --version)"

cat >"$tmp/on_ws.js" <<'JAVASCRIPT'
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
server.on("listening", () => console.log(server.address().port));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, logging, os, subprocess, sys

import aiohttp.web
import autobahn.asyncio.websocket
import autobahn.websocket.compress
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
import websockets.asyncio.server

HOST = "127.0.0.1"
REQUEST = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: %s\r\n\r\n"
)
OFFERS = {
    "plain": "permessage-deflate",
    "window of 2^8": "permessage-deflate; server_max_window_bits=8",
    "x-new, or plain": "permessage-deflate; x-new=1, permessage-deflate",
}


async def on_tornado():
    class Listen(tornado.websocket.WebSocketHandler):
        def get_compression_options(self):
            return {}

    sockets = tornado.netutil.bind_sockets(0, HOST)
    tornado.httpserver.HTTPServer(tornado.web.Application([("/", Listen)])).add_sockets(sockets)
    return sockets[0].getsockname()[1]


async def on_autobahn():
    factory = autobahn.asyncio.websocket.WebSocketServerFactory()
    factory.protocol = autobahn.asyncio.websocket.WebSocketServerProtocol
    offer = autobahn.websocket.compress.PerMessageDeflateOffer
    accept = autobahn.websocket.compress.PerMessageDeflateOfferAccept
    factory.setProtocolOptions(
        perMessageCompressionAccept=lambda offers: next((accept(one) for one in offers if isinstance(one, offer)), None)
    )
    server = await asyncio.get_running_loop().create_server(factory, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def on_websockets():
    async def listen(connection):
        await connection.wait_closed()

    server = await websockets.asyncio.server.serve(listen, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def on_aiohttp():
    async def listen(request):
        connection = aiohttp.web.WebSocketResponse()
        await connection.prepare(request)
        await connection.receive()
        return connection

    application = aiohttp.web.Application()
    application.router.add_get("/", listen)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, HOST, 0)
    await site.start()
    return site._server.sockets[0].getsockname()[1]


async def on_ws():
    global node
    node = subprocess.Popen(["node", "on_ws.js"], stdout=subprocess.PIPE)
    return int(node.stdout.readline())


async def ask(port, offer):
    """The server's status, and "deflate" if it has chosen it."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write((REQUEST % offer).encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1").lower()
    writer.close()
    return head.split()[1] + (" deflate" if "\r\nsec-websocket-extensions: permessage-deflate" in head else "")


EXPECTED = {
    on_tornado: ["101 deflate", "500", "500"],
    on_autobahn: ["101 deflate", "400", "400"],
    on_ws: ["101 deflate", "101 deflate", "400"],
    on_websockets: ["101 deflate", "101", "101 deflate"],
    on_aiohttp: ["101 deflate", "101", "101 deflate"],
}


async def main():
    different = []
    print("  %-12s" % "" + "".join("%-18s" % name for name in OFFERS))
    for start, expected in EXPECTED.items():
        port = await start()
        found = [await ask(port, offer) for offer in OFFERS.values()]
        print("  %-12s" % start.__name__[3:] + "".join("%-18s" % one for one in found))
        if found != expected:
            different.append("%s, expected %s" % (start.__name__[3:], expected))
    node.kill()
    print("DIFFERENT: " + "; ".join(different) if different else
          "As told: an offer that could be declined ends the handshake with three of five.")
    sys.stdout.flush()
    os._exit(bool(different))


logging.disable(logging.CRITICAL)
asyncio.run(main())
PYTHON
(cd "$tmp" && timeout 50 "$tmp/venv/bin/python" "$tmp/try.py")
