"""A chat server that says when: each message has the time in front of its text, and so has each pong.

    python clock.py [PORT] [IDLE_SECONDS]
"""
import os
import queue
import socket
import sys
import threading
import time

users = {}
users_lock = threading.Lock()


class User:
    """A connection, with a thread that reads and one that writes."""

    def __init__(self, conn):
        self.conn = conn
        self.name = None
        self.outbox = queue.Queue()

    def write_all(self):
        while True:
            text = self.outbox.get()
            if text is None:
                break
            try:
                self.conn.sendall(text.encode() + b"\n")
            except OSError:
                pass  # gone; the reader notices
        self.conn.close()

    def read_all(self):
        received = bytearray()
        while True:
            try:
                data = self.conn.recv(2048)
            except socket.timeout:
                self.outbox.put("INFO idle-timeout")
                break
            except OSError:
                break
            if not data:
                break
            received.extend(data)
            while True:
                end = received.find(b"\n")
                if end < 0:
                    break
                try:
                    line = received[:end].decode("utf-8").strip("\r")
                except UnicodeDecodeError:
                    self.outbox.put("ERR bad-encoding")
                else:
                    self.run_command(line)
                del received[:end + 1]
        self.leave()

    def leave(self):
        with users_lock:
            if users.get(self.name) is self:
                del users[self.name]
                for other in users.values():
                    other.outbox.put("INFO %s disconnected" % self.name)
        self.outbox.put(None)

    def run_command(self, line):
        command, _, rest = line.partition(" ")
        if self.name is None and command != "LOGIN":
            self.outbox.put("ERR must-login-first")
            return
        actions = {"LOGIN": self.login, "MSG": self.message, "DM": self.direct, "WHO": self.who, "PING": self.ping}
        if command in actions:
            actions[command](rest)
        else:
            self.outbox.put("ERR unknown-command")

    def login(self, name):
        with users_lock:
            if self.name is not None:
                self.outbox.put("ERR already-logged-in")
            elif not name.replace("_", "").isalnum() or len(name) > 24:
                self.outbox.put("ERR invalid-username")
            elif any(name.lower() == other.lower() for other in users):
                self.outbox.put("ERR username-taken")
            else:
                self.name = name
                users[name] = self
                self.outbox.put("OK")

    def message(self, text):
        if not text:
            self.outbox.put("ERR empty-message")
            return
        now = time.strftime("%H:%M:%S")
        with users_lock:
            for user in users.values():
                if user is not self:
                    user.outbox.put("MSG %s [%s] %s" % (self.name, now, text))

    def direct(self, rest):
        name, _, text = rest.partition(" ")
        with users_lock:
            if not text:
                self.outbox.put("ERR invalid-dm-format")
            elif name not in users:
                self.outbox.put("ERR user-not-found")
            elif name == self.name:
                self.outbox.put("ERR cannot-dm-yourself")
            else:
                users[name].outbox.put("DM %s [%s] %s" % (self.name, time.strftime("%H:%M:%S"), text))

    def who(self, _):
        with users_lock:
            for name in users:
                self.outbox.put("USER " + name)

    def ping(self, _):
        self.outbox.put("PONG %d" % time.time())


def main():
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CHAT_PORT", "4000"))
    idle_seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(10)
        print("[SERVER] Chat server started on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        while True:
            conn, _ = listener.accept()
            conn.settimeout(idle_seconds)
            user = User(conn)
            threading.Thread(target=user.write_all, daemon=True).start()
            threading.Thread(target=user.read_all, daemon=True).start()


if __name__ == "__main__":
    main()
