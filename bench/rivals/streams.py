"""asyncio, with its streams. `python -m bench.rivals.streams PORT`"""
import asyncio
import socket
import sys

members = {}  # name -> writer


async def serve(reader, writer):
    """LOGIN name; MSG text."""
    name = None
    try:
        while True:
            line = await reader.readline()
            if not line:
                break
            word, _, rest = line.rstrip(b"\n").partition(b" ")
            if word == b"LOGIN" and name is None and rest not in members:
                name = rest
                members[name] = writer
                writer.write(b"OK\n")
                await writer.drain()
            elif word == b"MSG" and name is not None:
                for other, other_writer in members.items():
                    if other != name:
                        other_writer.write(b"MSG %b %b\n" % (name, rest))
    except ConnectionError:
        pass
    finally:
        members.pop(name, None)
        writer.close()


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=socket.SOMAXCONN))
    loop.run_forever()
