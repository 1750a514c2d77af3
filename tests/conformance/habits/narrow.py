"""A chat server in a narrow room: names have at most ten letters of ASCII, and nothing else in them.

It asks for the login in front of the first line, and again and again ends an error without a newline. What is said to
somebody who is away is kept for him. It takes a while to notice that somebody has gone.

    python narrow.py [PORT] [IDLE_SECONDS]
"""
import re
import socket
import sys
import threading
import time

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
LATE_SECONDS = 0.4

users = {}  # name -> Client
kept = {}  # name -> lines
lock = threading.RLock()


class Client(threading.Thread):
    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock = sock
        self.username = None
        self.writing = threading.Lock()

    def send(self, text, end="\n"):
        with self.writing:
            try:
                self.sock.sendall((text + end).encode("utf-8"))
            except OSError:
                pass

    def error(self, why):
        self.send("ERR " + why, end="")

    def run(self):
        self.send("Login: ", end="")
        self.sock.settimeout(IDLE_SECONDS)
        held = b""
        try:
            while True:
                data = self.sock.recv(4096)
                if not data:
                    break
                *lines, held = (held + data).split(b"\n")
                for line in lines:
                    self.act(line.decode("utf-8", "replace").strip(" \t\r"))
        except socket.timeout:
            self.send("INFO idle-timeout")
        except OSError:
            pass
        if self.username:
            time.sleep(LATE_SECONDS)
            with lock:
                del users[self.username]
                broadcast("INFO %s disconnected" % self.username)
        self.sock.close()

    def act(self, line):
        word, _, rest = line.partition(" ")
        if not line:
            return
        if self.username is None:
            self.login(rest.strip(" \t")) if word == "LOGIN" else self.error("must-login-first")
        elif word == "MSG" and rest.strip():
            broadcast("MSG %s %s" % (self.username, rest), leave_out=self)
        elif word == "DM":
            self.whisper(*rest.partition(" ")[::2])
        elif line == "WHO":
            with lock:
                for name in users:
                    self.send("USER " + name)
        elif line == "PING":
            self.send("PONG")
        else:
            self.error("unknown-command")

    def login(self, name):
        with lock:
            if not re.fullmatch("[A-Za-z]{1,10}", name):
                self.error("invalid-username")
            elif name in users:
                self.error("username-taken")
            else:
                self.username = name
                users[name] = self
                self.send("OK")
                for line in kept.pop(name, ()):
                    self.send(line)

    def whisper(self, name, text):
        line = "DM %s %s" % (self.username, text)
        with lock:
            if not name or not text.strip():
                self.error("invalid-dm-format")
            elif name in users:
                users[name].send(line)
            else:
                kept.setdefault(name, []).append(line)
                self.send("INFO kept for %s" % name)


def broadcast(text, leave_out=None):
    with lock:
        for client in users.values():
            if client is not leave_out:
                client.send(text)


with socket.socket() as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", PORT))
    server.listen(20)
    print("Listening on port %d" % server.getsockname()[1], flush=True)
    while True:
        sock, _ = server.accept()
        Client(sock).start()
