"""A chat server that remembers: a newcomer is told the last five messages, and who was away what was said to him.

    python bulletin.py [PORT] [IDLE_SECONDS]
"""
import collections
import re
import socket
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
NAME = re.compile(r"\w[\w.-]{0,19}")

lock = threading.RLock()
online = {}  # name in small letters -> session
latest = collections.deque(maxlen=5)
waiting = collections.defaultdict(list)  # name in small letters -> lines for somebody who has been here


def announce(line, but=None):
    for session in list(online.values()):
        if session is not but:
            session.send(line)


class Session(threading.Thread):
    """One connection."""

    def __init__(self, conn):
        super().__init__(daemon=True)
        self.conn, self.nick = conn, None

    def send(self, line):
        try:
            self.conn.sendall((line + "\n").encode("utf-8"))
        except OSError:
            pass

    def run(self):
        held = b""
        self.conn.settimeout(IDLE_SECONDS)
        try:
            while True:
                data = self.conn.recv(4096)
                if not data:
                    break
                held += data
                while b"\n" in held:
                    raw, held = held.split(b"\n", 1)
                    with lock:
                        self.obey(raw.decode("utf-8", "replace").rstrip("\r"))
        except socket.timeout:
            self.send("INFO idle-timeout")
        except OSError:
            pass
        with lock:
            if self.nick:
                del online[self.nick.lower()]
                waiting[self.nick.lower()] = []
                announce("INFO %s disconnected" % self.nick)
        self.conn.close()

    def obey(self, line):
        command, _, rest = line.partition(" ")
        if command == "LOGIN" and not self.nick:
            self.login(rest.strip())
        elif not self.nick:
            self.send("ERR must-login-first")
        elif command == "MSG":
            self.talk(rest.strip())
        elif command == "DM":
            to, _, text = rest.partition(" ")
            self.whisper(to, text.strip())
        elif command == "WHO":
            for session in online.values():
                self.send("USER " + session.nick)
        elif command == "PING":
            self.send("PONG")
        else:
            self.send("ERR unknown-command")

    def login(self, name):
        if not NAME.fullmatch(name):
            return self.send("ERR invalid-username")
        if name.lower() in online:
            return self.send("ERR username-taken")
        self.nick = name
        online[name.lower()] = self
        self.send("OK")
        for line in list(latest) + waiting.pop(name.lower(), []):
            self.send(line)

    def talk(self, text):
        if not text:
            return self.send("ERR empty-message")
        line = "MSG %s %s" % (self.nick, text)
        latest.append(line)
        announce(line, self)

    def whisper(self, to, text):
        line = "DM %s %s" % (self.nick, text)
        if not to or not text:
            self.send("ERR invalid-dm-format")
        elif to.lower() in online:
            online[to.lower()].send(line)
        elif to.lower() in waiting:
            waiting[to.lower()].append(line)
        else:
            self.send("ERR user-not-found")


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(50)
    print("bulletin: port %d" % listener.getsockname()[1], flush=True)
    while True:
        conn, _ = listener.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Session(conn).start()


main()
