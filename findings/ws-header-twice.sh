#!/usr/bin/env bash
# aiohttp's WebSocket server passes over the second Sec-WebSocket-Protocol line of a request.
#
# RFC 6455, 11.3.2 and 11.3.4 let a client write Sec-WebSocket-Extensions and Sec-WebSocket-Protocol several
# times in its request, which means the same as one line with commas. With "other" and "chat" in two lines a
# server that speaks "chat" should choose it. websockets, Tornado, wsproto and Autobahn do; aiohttp chooses
# nothing, and lets the client in without the protocol that it asked for. With two lines of extensions
# aiohttp does not see the second, and Autobahn refuses the connection with 400.
# Seen with the PyPI packages aiohttp 3.14.5, autobahn 26.10.2, websockets 17.4, tornado 6.6.1, wsproto 1.3.2.
# A client that asked for a protocol and gets none talks another language than the server, or hangs up.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    websockets==17.4 tornado==6.6.1 autobahn==26.10.2 wsproto==1.3.2 h11==0.16.0 aiohttp==3.14.5
python3 --version

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, logging, os, sys

import aiohttp.web
import autobahn.asyncio.websocket
import autobahn.websocket.compress
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
import websockets.asyncio.server
import wsproto
import wsproto.events
import wsproto.extensions

HOST = "127.0.0.1"
REQUEST = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
)
ONE = "Sec-WebSocket-{0}: {1}, {2}\r\n"
TWO = "Sec-WebSocket-{0}: {1}\r\nSec-WebSocket-{0}: {2}\r\n"
PROTOCOLS = ("Protocol", "other", "chat")
EXTENSIONS = ("Extensions", "x-other", "permessage-deflate")


async def on_websockets():
    async def listen(connection):
        await connection.wait_closed()

    def select(connection, offered):
        return "chat" if "chat" in offered else None

    server = await websockets.asyncio.server.serve(listen, HOST, 0, select_subprotocol=select)
    return server.sockets[0].getsockname()[1]


async def on_tornado():
    class Listen(tornado.websocket.WebSocketHandler):
        def get_compression_options(self):
            return {}

        def select_subprotocol(self, offered):
            return "chat" if "chat" in offered else None

    sockets = tornado.netutil.bind_sockets(0, HOST)
    tornado.httpserver.HTTPServer(tornado.web.Application([("/", Listen)])).add_sockets(sockets)
    return sockets[0].getsockname()[1]


async def on_wsproto():
    async def listen(reader, writer):
        connection = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        connection.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = connection.events()
        chosen = "chat" if "chat" in request.subprotocols else None
        deflate = [wsproto.extensions.PerMessageDeflate()]
        writer.write(connection.send(wsproto.events.AcceptConnection(subprotocol=chosen, extensions=deflate)))

    server = await asyncio.start_server(listen, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def on_aiohttp():
    async def listen(request):
        connection = aiohttp.web.WebSocketResponse(protocols=["chat"])
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


async def on_autobahn():
    class Listen(autobahn.asyncio.websocket.WebSocketServerProtocol):
        def onConnect(self, request):
            return "chat" if "chat" in request.protocols else None

    factory = autobahn.asyncio.websocket.WebSocketServerFactory(protocols=["chat"])
    factory.protocol = Listen
    offer = autobahn.websocket.compress.PerMessageDeflateOffer
    accept = autobahn.websocket.compress.PerMessageDeflateOfferAccept
    factory.setProtocolOptions(
        perMessageCompressionAccept=lambda offers: next((accept(one) for one in offers if isinstance(one, offer)), None)
    )
    server = await asyncio.get_running_loop().create_server(factory, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def ask(port, lines):
    """The server's status, the protocol and the extension that it has chosen."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write((REQUEST % lines).encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1").split("\r\n")
    writer.close()
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    chosen = [fields.get("sec-websocket-" + name, "none").split(";")[0] for name in ("protocol", "extensions")]
    return head[0].split()[1], *chosen


BOTH = [("101", "chat"), ("101", "permessage-deflate")]
EXPECTED = {
    on_websockets: BOTH,
    on_tornado: BOTH,
    on_wsproto: BOTH,
    on_aiohttp: [("101", "none"), ("101", "none")],
    on_autobahn: [("101", "chat"), ("400", "none")],
}


async def main():
    different = False
    print("                two lines of protocols   two lines of extensions")
    for start, expected in EXPECTED.items():
        port = await start()
        answers = []
        for form in (ONE, TWO):
            protocol = await ask(port, form.format(*PROTOCOLS))
            extension = await ask(port, form.format(*EXTENSIONS))
            answers.append([protocol[:2], (extension[0], extension[2])])
        print("  %-12s  %-23s  %s" % (start.__name__[3:], *(" ".join(answer) for answer in answers[1])))
        different = different or answers != [BOTH, expected]
    if different:
        print("DIFFERENT: expected", list(EXPECTED.values()), "and of one line", BOTH)
    else:
        print("As told: of one line all five choose both; of two lines aiohttp none, and Autobahn refuses extensions.")
    sys.stdout.flush()
    os._exit(different)


logging.disable(logging.CRITICAL)
asyncio.run(main())
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
