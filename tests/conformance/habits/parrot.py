"""A chat server that confirms everything: whoever speaks hears it too, and is told that it was sent.

    python parrot.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading


class Client(threading.Thread):
    """One connection."""

    def __init__(self, server, sock):
        super().__init__(daemon=True)
        self.server = server
        self.sock = sock
        self.user = None

    def run(self):
        try:
            with self.sock.makefile("rb") as lines:
                for line in lines:
                    self.obey(line.decode("utf-8", errors="replace").strip())
        except socket.timeout:
            self.write("INFO idle-timeout")
        except OSError:
            pass
        self.server.remove(self)
        self.sock.close()

    def write(self, text):
        try:
            self.sock.sendall(text.encode("utf-8") + b"\n")
        except OSError:
            pass

    def obey(self, line):
        words = line.split(" ", 2)
        if words[0] == "LOGIN":
            self.login(words)
        elif self.user is None:
            self.write("ERR must-login-first")
        elif words[0] == "MSG":
            self.server.tell("MSG %s %s" % (self.user, line[4:]))
            self.write("OK sent")
        elif words[0] == "DM":
            self.direct(words)
        elif line == "WHO":
            for name in self.server.names():
                self.write("USER " + name)
        elif line == "PING":
            self.write("PONG")
        elif line:
            self.write("ERR unknown-command")

    def login(self, words):
        if self.user is not None:
            self.write("ERR unknown-command")
        elif len(words) != 2:
            self.write("ERR invalid-username")
        elif self.server.add(self, words[1]):
            self.write("OK")
        else:
            self.write("ERR username-taken")

    def direct(self, words):
        if len(words) < 3:
            self.write("ERR invalid-dm-format")
        elif self.server.whisper(words[1], "DM %s %s" % (self.user, words[2])):
            self.write("OK delivered")
        else:
            self.write("ERR user-not-found")


class Server:
    """The clients that are logged in, by name."""

    def __init__(self, port, idle_seconds):
        self.idle_seconds = idle_seconds
        self.clients = {}
        self.lock = threading.RLock()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(50)

    def run(self):
        print("parrot listens on %s:%d" % self.listener.getsockname(), flush=True)
        while True:
            sock, _ = self.listener.accept()
            sock.settimeout(self.idle_seconds)
            Client(self, sock).start()

    def add(self, client, name):
        with self.lock:
            if name in self.clients:
                return False
            client.user = name
            self.clients[name] = client
            return True

    def remove(self, client):
        with self.lock:
            if client.user is not None:
                del self.clients[client.user]
                self.tell("INFO %s disconnected" % client.user)

    def names(self):
        with self.lock:
            return sorted(self.clients)

    def tell(self, text):
        with self.lock:
            for client in self.clients.values():
                client.write(text)

    def whisper(self, name, text):
        with self.lock:
            if name not in self.clients:
                return False
            self.clients[name].write(text)
            return True


if __name__ == "__main__":
    Server(int(sys.argv[1]) if len(sys.argv) > 1 else 4000, float(sys.argv[2]) if len(sys.argv) > 2 else 60).run()
