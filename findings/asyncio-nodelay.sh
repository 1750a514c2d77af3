#!/usr/bin/env bash
# A server with asyncio sends small messages at once if it is given a port, and holds them back if it is given a socket.
#
# TCP_NODELAY "is now set for all TCP transports by default" (What's New in Python 3.6, asyncio). It is set on sockets
# whose protocol is IPPROTO_TCP, and one made as `socket.create_server()` and everybody else make it has the protocol 0,
# though it is TCP: what is accepted from it waits, with something small on its way, for the client's acknowledgement,
# which Linux may delay by 40 ms. So it is with websockets, and with uvicorn as soon as there are two workers or a
# `--fd`, which takes every socket for AF_UNIX besides. aiohttp and hypercorn set it themselves. A socket from
# `socket.socket(fileno=…)` has the right protocol.
# Seen with Python 3.11, and the PyPI packages websockets 17.4, uvicorn 0.54.0, hypercorn 0.18.0 and aiohttp 3.14.5.
# Chat over WebSocket, games and streams of tokens: slower with two workers than with one.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    websockets==17.4 uvicorn==0.54.0 hypercorn==0.18.0 aiohttp==3.14.5
echo "$(python3 --version), websockets 17.4, uvicorn 0.54.0, hypercorn 0.18.0, aiohttp 3.14.5, $(uname -s)"

cat >"$tmp/app.py" <<'PYTHON'
"""An ASGI application that answers whether TCP_NODELAY is set on the connections that its process has."""
import os, socket


def nodelay():
    states = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as one:
                one.getpeername()
                if one.family == socket.AF_INET:
                    states.add(bool(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        except OSError:
            pass  # no socket, none with a peer, or gone
    return "/".join("on" if state else "off" for state in sorted(states))


async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": nodelay().encode()})
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import asyncio, http.client, os, signal, socket, subprocess, sys, time

import aiohttp.web
import websockets.asyncio.client, websockets.asyncio.server

FOLDER, BIN = sys.argv[1], os.path.dirname(sys.executable)


def state_of(writer_or_connection):
    one = writer_or_connection.get_extra_info("socket")
    return "on" if one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) else "off"


async def plain(**where):
    states = []

    async def accepted(reader, writer):
        states.append(state_of(writer))
        writer.close()

    async with await asyncio.start_server(accepted, **where) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await reader.read()
        writer.close()
    return states[0]


async def by_websockets(**where):
    async def accepted(connection):
        await connection.send(state_of(connection.transport))

    async with websockets.asyncio.server.serve(accepted, **where) as server:
        address = "ws://%s:%d" % server.sockets[0].getsockname()
        async with websockets.asyncio.client.connect(address, proxy=None) as client:
            return await client.recv()


async def by_aiohttp(sock=None):
    async def accepted(request):
        return aiohttp.web.Response(text=state_of(request.transport))

    application = aiohttp.web.Application()
    application.add_routes([aiohttp.web.get("/", accepted)])
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.SockSite(runner, sock) if sock else aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as client:
            async with client.get("http://%s:%d/" % runner.addresses[0]) as answer:
                return await answer.text()
    finally:
        await runner.cleanup()


def by_command(program, *arguments, fd=False):
    """What the application answers in a server started with the arguments, in which PORT and FD are replaced."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    if not fd:
        listener.close()
    words = [word.replace("PORT", str(port)).replace("FD", str(listener.fileno())) for word in arguments]
    command = [os.path.join(BIN, program)] + words + ["app:application"]
    server = subprocess.Popen(command, cwd=FOLDER, pass_fds=[listener.fileno()] if fd else [], start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                client.request("GET", "/")
                return client.getresponse().read().decode()
            except ConnectionError:
                time.sleep(0.1)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        listener.close()
    return "no answer"


def made():
    return socket.create_server(("127.0.0.1", 0))


def adopted():
    return socket.socket(fileno=made().detach())


CASES = [
    ("asyncio, a port", lambda: asyncio.run(plain(host="127.0.0.1", port=0)), "on"),
    ("asyncio, a socket", lambda: asyncio.run(plain(sock=made())), "off"),
    ("asyncio, a socket from fileno=", lambda: asyncio.run(plain(sock=adopted())), "on"),
    ("websockets, a port", lambda: asyncio.run(by_websockets(host="127.0.0.1", port=0)), "on"),
    ("websockets, a socket", lambda: asyncio.run(by_websockets(sock=made())), "off"),
    ("aiohttp, a port", lambda: asyncio.run(by_aiohttp()), "on"),
    ("aiohttp, a socket", lambda: asyncio.run(by_aiohttp(made())), "on"),
    ("uvicorn --port", lambda: by_command("uvicorn", "--port=PORT"), "on"),
    ("uvicorn --port --workers=2", lambda: by_command("uvicorn", "--port=PORT", "--workers=2"), "off"),
    ("uvicorn --fd", lambda: by_command("uvicorn", "--fd=FD", fd=True), "off"),
    ("hypercorn --bind", lambda: by_command("hypercorn", "--bind=127.0.0.1:PORT"), "on"),
    ("hypercorn --bind=fd://", lambda: by_command("hypercorn", "--bind=fd://FD", fd=True), "on"),
]
different = []
for name, run, expected in CASES:
    seen = run()
    print("  %-32s TCP_NODELAY is %s" % (name, seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 180 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: on with a port, and off with a socket, two workers or --fd."
