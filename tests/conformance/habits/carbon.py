"""A chat server that keeps a carbon copy: who says something to one user gets it too, under that user's name.

What it reads first is the login, however many lines that has, or however few.

    python carbon.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading

HOST = "127.0.0.1"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

users = {}  # name -> socket, in the order of the logins
lock = threading.Lock()


def tell(sock, text):
    try:
        sock.sendall(text.encode() + b"\n")
    except OSError:
        pass


def tell_others(sock, text):
    for other in list(users.values()):
        if other is not sock:
            tell(other, text)


def log_in(sock):
    """The name; None if the connection has ended."""
    while True:
        data = sock.recv(4096)
        if not data:
            return None
        word, _, name = data.decode("utf-8", "replace").strip().partition(" ")
        name = name.strip()
        with lock:
            if word != "LOGIN":
                tell(sock, "ERR must-login-first")
            elif not name or " " in name:
                tell(sock, "ERR invalid-username")
            elif name in users:
                tell(sock, "ERR username-taken")
            else:
                users[name] = sock
                tell(sock, "OK")
                return name


def do(sock, name, line):
    word, _, rest = line.partition(" ")
    with lock:
        if word == "MSG" and rest:
            tell_others(sock, "MSG %s %s" % (name, rest))
        elif word == "DM":
            to, _, text = rest.partition(" ")
            if not (to and text):
                tell(sock, "ERR invalid-dm-format")
            elif to not in users:
                tell(sock, "ERR user-not-found")
            else:
                tell(users[to], "DM %s %s" % (name, text))
                tell(sock, "DM %s %s" % (to, text))
        elif line == "WHO":
            for user in users:
                tell(sock, "USER " + user)
        elif line == "PING":
            tell(sock, "PONG")
        elif line:
            tell(sock, "ERR unknown-command")


def serve(sock):
    name = None
    try:
        name = log_in(sock)
        held, data = b"", b" "
        while name and data:
            data = sock.recv(4096)
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                do(sock, name, line.decode("utf-8", "replace").strip())
    except socket.timeout:
        tell(sock, "INFO idle-timeout")
    except OSError:
        pass
    with lock:
        if name:
            del users[name]
            tell_others(sock, "INFO %s disconnected" % name)
    sock.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((HOST, PORT))
listener.listen(50)
print("listening on port %d" % listener.getsockname()[1], flush=True)
while True:
    sock, _ = listener.accept()
    sock.settimeout(IDLE_SECONDS)
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
