"""The library `aiohttp`, which sends to one after the other. `python -m bench.rivals.by_aiohttp PORT`"""
import itertools
import json
import sys
import time

from aiohttp import WSMsgType, web

members = {}  # name -> connection
numbers = itertools.count(1)


async def chat(request):
    """login and say of the protocol `web`."""
    connection = web.WebSocketResponse(protocols=["parley.1"])
    await connection.prepare(request)
    name = None
    try:
        async for message in connection:
            asked = json.loads(message.data) if message.type == WSMsgType.TEXT else {"do": None}
            if asked["do"] == "login" and name is None and asked["name"] not in members:
                name = asked["name"]
                members[name] = connection
                await connection.send_str(json.dumps({"on": "welcome", "name": name}))
            elif asked["do"] == "say" and name is not None:
                said = json.dumps({"on": "said", "n": next(numbers), "room": "#lobby", "by": name,
                                   "at": int(time.time()), "text": asked["text"]})
                for other in list(members.values()):
                    if other is not connection:
                        await other.send_str(said)
    finally:
        members.pop(name, None)
    return connection


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/chat", chat)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), backlog=4096, print=None)
