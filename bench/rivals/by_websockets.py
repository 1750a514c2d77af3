"""The library `websockets`, with its own broadcast. `python -m bench.rivals.by_websockets PORT`"""
import asyncio
import itertools
import json
import sys
import time

from websockets.asyncio.server import broadcast, serve

members = {}  # name -> connection
numbers = itertools.count(1)


async def chat(connection):
    """login and say of the protocol `web`."""
    name = None
    try:
        async for message in connection:
            asked = json.loads(message)
            if asked["do"] == "login" and name is None and asked["name"] not in members:
                name = asked["name"]
                members[name] = connection
                await connection.send(json.dumps({"on": "welcome", "name": name}))
            elif asked["do"] == "say" and name is not None:
                broadcast([other for other in members.values() if other is not connection], json.dumps({
                    "on": "said", "n": next(numbers), "room": "#lobby", "by": name, "at": int(time.time()),
                    "text": asked["text"]}))
    finally:
        members.pop(name, None)


async def main(port):
    """Until it is killed."""
    server = await serve(chat, "127.0.0.1", port, subprotocols=["parley.1"], backlog=4096)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.new_event_loop().run_until_complete(main(int(sys.argv[1])))
