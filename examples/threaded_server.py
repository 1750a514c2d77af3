"""A small chat server for the `line` protocol with a thread for each client, as document 003 sketches its own.

It is an example for the conformance suite to judge: another reading of the same document, which sends each message to
its sender too, as the document's prose says. It uses nothing of Parley.

    python examples/threaded_server.py 4000
    pytest conformance/ --target line=127.0.0.1:4000
"""
import argparse
import os
import socket
import threading
import time


class ChatServer:
    """The users by name, guarded by one lock, and a thread that disconnects idle ones."""

    def __init__(self, host, port, idle_limit, idle_check):
        self.idle_limit = idle_limit
        self.idle_check = idle_check
        self.lock = threading.Lock()
        self.users = {}
        self.last_seen = {}
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(10)

    def run(self):
        print("[SERVER] Chat server started on %s:%d" % self.listener.getsockname(), flush=True)
        print("[SERVER] Waiting for connections...", flush=True)
        threading.Thread(target=self.watch_idle, daemon=True).start()
        try:
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()
        except KeyboardInterrupt:
            print("\n[SERVER] Shutting down...")
            self.listener.close()
            print("[SERVER] Server stopped.")

    def serve(self, client):
        name = None
        self.last_seen[client] = time.monotonic()
        try:
            for line in client.makefile("r", encoding="utf-8", errors="replace", newline="\n"):
                self.last_seen[client] = time.monotonic()
                name = self.obey(client, name, line.strip())
        except OSError:
            pass
        finally:
            self.last_seen.pop(client, None)
            with self.lock:
                if self.users.get(name) is client:
                    del self.users[name]
                    self.broadcast("INFO %s disconnected" % name)
            client.close()

    def obey(self, client, name, line):
        """Act on one line; returns the name that the client has from then on, or None."""
        word, _, rest = line.partition(" ")
        if word == "LOGIN" and name is None:
            return self.login(client, rest.strip())
        if name is None:
            self.send(client, "ERR must-login-first")
        elif word == "MSG":
            with self.lock:
                self.broadcast("MSG %s %s" % (name, rest))
        elif word == "WHO":
            with self.lock:
                for user in self.users:
                    self.send(client, "USER " + user)
        elif word == "DM":
            self.direct(client, name, rest)
        elif word == "PING":
            self.send(client, "PONG")
        elif line:
            self.send(client, "ERR unknown-command")
        return name

    def login(self, client, name):
        if not name or " " in name:
            self.send(client, "ERR invalid-username")
            return None
        with self.lock:
            if name in self.users:
                self.send(client, "ERR username-taken")
                return None
            self.users[name] = client
            self.send(client, "OK")
            return name

    def direct(self, client, name, rest):
        target, _, text = rest.partition(" ")
        if not target or not text:
            return self.send(client, "ERR invalid-dm-format")
        with self.lock:
            if target not in self.users:
                return self.send(client, "ERR user-not-found")
            return self.send(self.users[target], "DM %s %s" % (name, text))

    def broadcast(self, line):
        for client in self.users.values():
            self.send(client, line)

    @staticmethod
    def send(client, line):
        try:
            client.sendall(line.encode("utf-8", "replace") + b"\n")
        except OSError:
            pass  # the client's own thread will notice

    def watch_idle(self):
        while True:
            time.sleep(self.idle_check)
            for client, seen in list(self.last_seen.items()):
                if time.monotonic() - seen > self.idle_limit:
                    self.send(client, "INFO idle-timeout")
                    client.shutdown(socket.SHUT_RDWR)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("port", nargs="?", type=int, default=int(os.environ.get("CHAT_PORT", "4000")))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--idle-limit", type=float, default=60)
    parser.add_argument("--idle-check", type=float, default=10)
    options = parser.parse_args()
    ChatServer(options.host, options.port, options.idle_limit, options.idle_check).run()


if __name__ == "__main__":
    main()
