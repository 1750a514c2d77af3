"""The chat of document 001 with asyncio. It says "Message received!" where the document says "Msg received".

    python courier.py [PORT]
"""
import asyncio
import sys

HEADER = 64
clients = set()
log = []


async def handle(reader, writer):
    clients.add(writer)
    try:
        while True:
            size = int((await reader.readexactly(HEADER)).decode("utf-8"))
            if not 0 <= size <= 1 << 20:
                break
            text = (await reader.readexactly(size)).decode("utf-8")
            log.append(text)
            writer.write(b"Message received!")
            for one in clients:
                if one is not writer and text:
                    one.write(text.encode("utf-8"))
            await writer.drain()
    except (asyncio.IncompleteReadError, ValueError, OSError):
        pass
    finally:
        clients.discard(writer)
        writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 5050)
    print("[LISTENING] on port %d" % server.sockets[0].getsockname()[1], flush=True)


loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.run_forever()
