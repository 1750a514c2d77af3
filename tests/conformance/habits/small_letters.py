"""A chat server whose commands are written in small letters: `login ann`, `msg hello`.

    python small_letters.py [PORT]
"""
import socket
import sys
import threading

members = {}
lock = threading.RLock()


def write(sock, text):
    try:
        sock.sendall(text.encode() + b"\n")
    except OSError:
        pass


def obey(sock, name, line):
    word, _, rest = line.partition(" ")
    with lock:
        if word == "login" and not name:
            if not rest or " " in rest:
                write(sock, "ERR invalid-username")
            elif rest in members:
                write(sock, "ERR username-taken")
            else:
                members[rest] = sock
                write(sock, "OK")
                return rest
        elif not name:
            write(sock, "ERR must-login-first")
        elif word == "msg" and rest:
            for other in members.values():
                if other is not sock:
                    write(other, "MSG %s %s" % (name, rest))
        elif word == "who":
            for member in members:
                write(sock, "USER " + member)
        elif word == "dm":
            to, _, text = rest.partition(" ")
            if not text:
                write(sock, "ERR invalid-dm-format")
            elif to not in members:
                write(sock, "ERR user-not-found")
            else:
                write(members[to], "DM %s %s" % (name, text))
        elif word == "ping":
            write(sock, "PONG")
        else:
            write(sock, "ERR unknown-command")
    return name


def serve(sock):
    name = None
    try:
        with sock.makefile("rb") as lines:
            for line in lines:
                name = obey(sock, name, line.decode("utf-8", "replace").strip())
    except OSError:
        pass
    with lock:
        if name:
            del members[name]
            for other in members.values():
                write(other, "INFO %s disconnected" % name)
    sock.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 4000))
listener.listen(10)
print("small_letters on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
