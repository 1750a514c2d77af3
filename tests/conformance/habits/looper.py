"""One thread and select; a limit on everything, strict UTF-8, a silent goodbye, and a close at the first end of input.

    python looper.py [PORT] [IDLE_SECONDS]
"""
import select
import socket
import sys
import time

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE = float(sys.argv[2]) if len(sys.argv) > 2 else 60
MAX_NAME = 16
MAX_TEXT = 120

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", PORT))
listener.listen(10)
print("port", listener.getsockname()[1], flush=True)

buffers = {}
names = {}
heard = {}


def send(sock, text):
    try:
        sock.sendall((text + "\n").encode())
    except OSError:
        pass


def everybody(text, but=None):
    for sock in list(names):
        if sock is not but:
            send(sock, text)


def drop(sock):
    if sock not in buffers:
        return
    name = names.pop(sock, None)
    del buffers[sock]
    del heard[sock]
    sock.close()
    if name:
        everybody("INFO " + name + " has quit")


def on_line(sock, line):
    words = line.split(" ")
    name = names.get(sock)
    if line == "PING":
        send(sock, "PONG")
    elif words[0] == "LOGIN":
        wish = line[6:]
        if name:
            send(sock, "ERR already-logged-in")
        elif wish == "" or not wish.isprintable() or " " in wish or len(wish) > MAX_NAME:
            send(sock, "ERR invalid-username")
        elif wish.lower() in [one.lower() for one in names.values()]:
            send(sock, "ERR username-taken")
        else:
            names[sock] = wish
            send(sock, "OK")
            send(sock, "INFO %d users online" % len(names))
    elif not name:
        send(sock, "ERR must-login-first")
    elif words[0] == "MSG" and len(words) > 1:
        if len(line) > MAX_TEXT:
            send(sock, "ERR message-too-long")
        else:
            everybody("MSG " + name + " " + line[4:], sock)
    elif line == "WHO":
        for one in names.values():
            send(sock, "USER " + one)
    elif words[0] == "DM":
        if len(words) < 3:
            send(sock, "ERR invalid-dm-format")
        else:
            for other, one in names.items():
                if one == words[1]:
                    send(other, "DM " + name + " " + " ".join(words[2:]))
                    break
            else:
                send(sock, "ERR user-not-found")
    else:
        send(sock, "ERR unknown-command")


while True:
    ready, _, _ = select.select([listener] + list(buffers), [], [], 0.25)
    now = time.time()
    for sock in ready:
        if sock is listener:
            conn, _ = listener.accept()
            buffers[conn], heard[conn] = b"", now
            continue
        if sock not in buffers:
            continue
        try:
            data = sock.recv(4096)
        except OSError:
            data = b""
        if not data:
            drop(sock)
            continue
        heard[sock] = now
        buffers[sock] += data
        while sock in buffers and b"\n" in buffers[sock]:
            line, _, buffers[sock] = buffers[sock].partition(b"\n")
            try:
                on_line(sock, line.decode("utf-8").rstrip("\r"))
            except UnicodeDecodeError:
                drop(sock)
        if sock in buffers and len(buffers[sock]) > 1024:
            send(sock, "ERR line-too-long")
            drop(sock)
    for sock in [one for one in buffers if now - heard[one] > IDLE]:
        drop(sock)  # without a word
