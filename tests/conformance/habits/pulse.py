"""A chat server with a pulse: each second it says so to everybody. Names are in small letters, lines end in CR LF.

    python pulse.py [PORT] [IDLE_SECONDS]
"""
import asyncio
import re
import sys

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
NAME = re.compile(r"[^\s|/][^\s|]{0,31}")

members = {}  # name -> writer


def send(writer, line):
    if not writer.transport.is_closing():
        writer.write((line + "\r\n").encode())


def send_all(line, but=None):
    for writer in members.values():
        if writer is not but:
            send(writer, line)


async def pulse():
    beats = 0
    while True:
        await asyncio.sleep(1)
        beats += 1
        send_all("PULSE %d" % beats)


def log_in(writer, name):
    name = name.lower()
    if not NAME.fullmatch(name):
        send(writer, "ERR invalid-username")
    elif name in members:
        send(writer, "ERR username-taken")
    else:
        members[name] = writer
        send(writer, "OK")
        return name
    return None


def command(writer, name, line):
    word, _, rest = line.partition(" ")
    if word == "MSG" and rest.strip():
        send_all("MSG %s %s" % (name, rest), but=writer)
    elif word == "DM":
        to, _, text = rest.partition(" ")
        if not to or not text.strip():
            send(writer, "ERR invalid-dm-format")
        elif to.lower() not in members:
            send(writer, "ERR user-not-found")
        else:
            send(members[to.lower()], "DM %s %s" % (name, text))
    elif line == "WHO":
        for member in members:
            send(writer, "USER " + member)
    elif line == "PING":
        send(writer, "PONG")
    else:
        send(writer, "ERR unknown-command")


async def serve(reader, writer):
    name = None
    try:
        while True:
            data = await asyncio.wait_for(reader.readline(), IDLE_SECONDS)
            if not data.endswith(b"\n"):
                break
            line = data.decode("utf-8", "replace").strip("\r\n")
            word, _, rest = line.partition(" ")
            if not line:
                continue
            if name:
                command(writer, name, line)
            elif word == "LOGIN":
                name = log_in(writer, rest)
            else:
                send(writer, "ERR must-login-first")
            await writer.drain()
    except asyncio.TimeoutError:
        send(writer, "INFO idle-timeout")
    except (OSError, ValueError):  # ValueError: of a line that is too long
        pass
    if name:
        del members[name]
        send_all("INFO %s disconnected" % name)
    writer.close()


async def start():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    print("pulse on port %d" % server.sockets[0].getsockname()[1], flush=True)
    await pulse()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(start())
