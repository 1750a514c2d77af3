#!/usr/bin/env bash
# After one compressed message that is the RFC's own example, three WebSocket servers hear only empty texts.
#
# RFC 7692, 7.2.3.4 lets a sender end a message with a DEFLATE block that has BFINAL set, and shows the bytes
# for "Hello". zlib's object for decompressing is then at its end; what it is fed with later goes to
# `unused_data`. websockets, Tornado and Autobahn use one object for the whole connection: they deliver
# "Hello", and from then on an empty text for each compressed message, without an error or a log line.
# wsproto ends the connection at the second message with 1007; aiohttp hears everything.
# Seen with the PyPI packages websockets 17.4, tornado 6.6.1, autobahn 26.10.2, wsproto 1.3.2 and
# aiohttp 3.14.5.
# Writers of clients in languages without zlib's Z_SYNC_FLUSH, for which the RFC allows this, lose all they
# say after the first message.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    websockets==17.4 tornado==6.6.1 autobahn==26.10.2 wsproto==1.3.2 h11==0.16.0 aiohttp==3.14.5
python3 --version

cat >"$tmp/try.py" <<'PYTHON'
import asyncio, logging, os, socket, sys, zlib

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
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
EXAMPLE = bytes.fromhex("f348cdc9c9070000")  # "Hello" in the RFC


def compressed(text):
    """A message that is compressed as usual, for itself."""
    squeezer = zlib.compressobj(wbits=-15)
    return (squeezer.compress(text) + squeezer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def frame(payload):
    """A final text frame with RSV1 and the mask 0, so that the payload stays as it is."""
    return bytes([0xC1, 0x80 | len(payload)]) + bytes(4) + payload


# Each server puts what it hears into `heard`, and returns its port.


async def on_websockets(heard):
    async def listen(connection):
        try:
            async for text in connection:
                heard.append(text)
        except websockets.exceptions.ConnectionClosed:
            pass

    server = await websockets.asyncio.server.serve(listen, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def on_tornado(heard):
    class Listen(tornado.websocket.WebSocketHandler):
        def get_compression_options(self):
            return {}

        def on_message(self, message):
            heard.append(message)

    sockets = tornado.netutil.bind_sockets(0, HOST)
    tornado.httpserver.HTTPServer(tornado.web.Application([("/", Listen)])).add_sockets(sockets)
    return sockets[0].getsockname()[1]


async def on_autobahn(heard):
    class Listen(autobahn.asyncio.websocket.WebSocketServerProtocol):
        def onMessage(self, payload, isBinary):
            heard.append(payload.decode())

    factory = autobahn.asyncio.websocket.WebSocketServerFactory()
    factory.protocol = Listen
    accept = autobahn.websocket.compress.PerMessageDeflateOfferAccept
    factory.setProtocolOptions(perMessageCompressionAccept=lambda offers: accept(offers[0]))
    server = await asyncio.get_running_loop().create_server(factory, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def on_wsproto(heard):
    async def listen(reader, writer):
        connection = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        while True:
            data = await reader.read(4096)
            if not data:
                break
            connection.receive_data(data)
            for event in connection.events():
                if isinstance(event, wsproto.events.Request):
                    deflate = [wsproto.extensions.PerMessageDeflate()]
                    writer.write(connection.send(wsproto.events.AcceptConnection(extensions=deflate)))
                elif isinstance(event, wsproto.events.TextMessage):
                    heard.append(event.data)
                elif isinstance(event, wsproto.events.CloseConnection):
                    heard.append("(closed with %d)" % event.code)
        writer.close()

    server = await asyncio.start_server(listen, HOST, 0)
    return server.sockets[0].getsockname()[1]


async def on_aiohttp(heard):
    async def listen(request):
        connection = aiohttp.web.WebSocketResponse()
        await connection.prepare(request)
        async for message in connection:
            heard.append(message.data)
        return connection

    application = aiohttp.web.Application()
    application.router.add_get("/", listen)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, HOST, 0)
    await site.start()
    return site._server.sockets[0].getsockname()[1]


EXPECTED = {
    on_websockets: ["Hello", "", ""],
    on_tornado: ["Hello", "", ""],
    on_autobahn: ["Hello", "", ""],
    on_wsproto: ["Hello", "(closed with 1007)"],
    on_aiohttp: ["Hello", "second", "third"],
}


async def main():
    different = False
    for start, expected in EXPECTED.items():
        heard = []
        port = await start(heard)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(HANDSHAKE)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        if b"permessage-deflate" not in head:
            sys.exit("DIFFERENT: %s does not agree on compression" % start.__name__)
        for payload in (EXAMPLE, compressed(b"second"), compressed(b"third")):
            writer.write(frame(payload))
        for _ in range(50):
            await asyncio.sleep(0.1)
            if len(heard) >= len(expected):
                break
        await asyncio.sleep(0.2)
        writer.close()
        print("  %-11s %s" % (start.__name__[3:], heard))
        different = different or heard != expected
    if different:
        print("DIFFERENT: expected", list(EXPECTED.values()))
    else:
        print("As told: said 'Hello', 'second' and 'third'; three of five hear an empty text twice.")
    sys.stdout.flush()
    os._exit(different)


logging.disable(logging.CRITICAL)
asyncio.run(main())
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
