"""A chat server with words of its own: for each error, in front of the list and behind it, and for who leaves.

    python own_words.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

NAME_TAKEN = "ERR That name is already in use"
BAD_NAME = "ERR Please give a name without spaces"
NOT_LOGGED_IN = "ERR You are not logged in"
NO_SUCH_USER = "ERR No such user"
BAD_DM = "ERR Usage: DM <user> <text>"
WHAT = "ERR What?"


class Room:
    """Everybody who is logged in."""

    def __init__(self):
        self.lock = threading.RLock()
        self.members = []  # (name, socket)

    def find(self, name):
        with self.lock:
            return next((sock for one, sock in self.members if one == name), None)

    def enter(self, name, sock):
        with self.lock:
            if self.find(name):
                return False
            self.members.append((name, sock))
            return True

    def leave(self, name, sock):
        with self.lock:
            self.members.remove((name, sock))
            self.tell("INFO %s has left the chat" % name)

    def tell(self, text, leave_out=None):
        with self.lock:
            for _, sock in self.members:
                if sock is not leave_out:
                    put(sock, text)


room = Room()


def put(sock, text):
    try:
        sock.sendall(("%s\n" % text).encode("utf-8"))
    except OSError:
        pass


def read_lines(sock):
    held = b""
    while True:
        data = sock.recv(1024)
        if not data:
            return
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\r")


def stranger(sock, line):
    """Returns the name with which the client is in."""
    if line == "LOGIN":
        put(sock, BAD_NAME)
    elif line.startswith("LOGIN "):
        name = line[6:].strip()
        if not name or any(letter.isspace() for letter in name):
            put(sock, BAD_NAME)
        elif room.enter(name, sock):
            put(sock, "OK")
            return name
        else:
            put(sock, NAME_TAKEN)
    else:
        put(sock, NOT_LOGGED_IN)
    return None


def member(sock, name, line):
    if line.startswith("MSG ") and line[4:].strip():
        room.tell("MSG %s %s" % (name, line[4:]), leave_out=sock)
    elif line == "WHO":
        with room.lock:
            put(sock, "Users online: %d" % len(room.members))
            for one, _ in room.members:
                put(sock, "USER %s" % one)
            put(sock, "End of list")
    elif line == "DM" or line.startswith("DM "):
        parts = line.split(" ", 2)
        if len(parts) < 3 or not parts[1] or not parts[2].strip():
            put(sock, BAD_DM)
        elif room.find(parts[1]):
            put(room.find(parts[1]), "DM %s %s" % (name, parts[2]))
        else:
            put(sock, NO_SUCH_USER)
    elif line == "PING":
        put(sock, "PONG")
    else:
        put(sock, WHAT)


def serve(sock):
    name = None
    try:
        for line in read_lines(sock):
            if name is None:
                name = stranger(sock, line)
            else:
                member(sock, name, line)
    except socket.timeout:
        put(sock, "INFO You were idle for too long")
    except OSError:
        pass
    if name is not None:
        room.leave(name, sock)
    sock.close()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", PORT))
    listener.listen(16)
    print("own_words on port", listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.settimeout(IDLE_SECONDS)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
