#!/usr/bin/env bash
# The client of simple-websocket does not see a first message that comes together with the server's 101.
#
# A server that greets sends its first frame right behind the answer to the handshake, and often both are one
# segment. simple-websocket takes the frame in, and hands it over only when the server has sent something
# more; a server that waits for an answer to its greeting gets none. With a pause between the two the
# greeting comes at once.
# Seen with the PyPI package simple-websocket 1.1.0 (wsproto 1.3.2).
# On one machine with two writes it mostly works; behind a proxy, or with a server that joins its writes, the
# bot hears nothing.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    simple-websocket==1.1.0 wsproto==1.3.2 h11==0.16.0
echo "simple-websocket 1.1.0, wsproto 1.3.2, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import base64, hashlib, os, socket, sys, threading, time

import simple_websocket

SECONDS = 3


def frame(text):
    return bytes([0x81, len(text)]) + text


def serve(listener, pause, more):
    """Answer the handshake and greet, with that pause between; say something more when told to."""
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(4096)
    (key,) = [line[18:].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    answer += b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    if pause:
        client.sendall(answer)
        time.sleep(pause)
        client.sendall(frame(b"greeting"))
    else:
        client.sendall(answer + frame(b"greeting"))
    more.wait(20)
    client.sendall(frame(b"more"))
    time.sleep(20)


def hear(pause):
    """What is heard of the greeting in time, and after something more was said."""
    listener, more = socket.create_server(("127.0.0.1", 0)), threading.Event()
    threading.Thread(target=serve, args=(listener, pause, more), daemon=True).start()
    client = simple_websocket.Client("ws://127.0.0.1:%d/" % listener.getsockname()[1])
    heard = [client.receive(timeout=SECONDS)]
    more.set()
    return heard + [client.receive(timeout=SECONDS)]


together, apart = hear(0), hear(0.7)
print("  greeting with the 101: after %d s %r, after one frame more %r" % (SECONDS, *together))
print("  greeting behind it:    at once %r, then %r" % tuple(apart))
if together != [None, "greeting"] or apart != ["greeting", "more"]:
    print("DIFFERENT: expected [None, 'greeting'] and ['greeting', 'more']")
    sys.stdout.flush()
    os._exit(1)
print("As told: the greeting waits for the next frame.")
sys.stdout.flush()
os._exit(0)
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
