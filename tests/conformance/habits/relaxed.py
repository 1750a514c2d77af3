"""A chat server that takes things as they are meant: any case, any blanks, and a second LOGIN is another name.

    python relaxed.py [PORT] [IDLE_SECONDS]
"""
import socket
import socketserver
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

people = {}  # name -> handler
lock = threading.RLock()


def tell_all(text, except_for=None):
    with lock:
        for handler in people.values():
            if handler is not except_for:
                handler.say(text)


class Handler(socketserver.StreamRequestHandler):
    """One client."""

    timeout = IDLE_SECONDS
    name = ""

    def say(self, text):
        try:
            self.wfile.write(text.encode() + b"\n")
        except OSError:
            pass

    def handle(self):
        try:
            while True:
                line = self.rfile.readline()
                if not line.endswith(b"\n"):
                    return
                words = line.decode("utf-8", "replace").split(None, 1)
                if words:
                    self.do(words[0].upper(), words[1].rstrip() if len(words) > 1 else "")
        except socket.timeout:
            self.say("INFO idle-timeout")
        except OSError:
            pass

    def finish(self):
        with lock:
            if self.name:
                del people[self.name]
                tell_all("INFO %s disconnected" % self.name)
        try:
            super().finish()
        except OSError:
            pass

    def do(self, command, rest):
        if command == "LOGIN":
            self.login(rest)
        elif not self.name:
            self.say("ERR must-login-first")
        elif command == "MSG" and rest:
            tell_all("MSG %s %s" % (self.name, rest), except_for=self)
        elif command == "DM":
            self.direct(rest.split(None, 1))
        elif command == "WHO":
            with lock:
                for name in people:
                    self.say("USER " + name)
        elif command == "PING":
            self.say("PONG")
        else:
            self.say("ERR unknown-command")

    def login(self, name):
        with lock:
            if not name or len(name) > 30 or not name.isprintable() or " " in name:
                self.say("ERR invalid-username")
                return
            if name in people:
                self.say("ERR username-taken")
                return
            old, self.name = self.name, name
            if old:
                del people[old]
                tell_all("INFO %s is now %s" % (old, name))
            people[name] = self
            self.say("OK")

    def direct(self, words):
        if len(words) < 2:
            self.say("ERR invalid-dm-format")
            return
        with lock:
            if words[0] in people:
                people[words[0]].say("DM %s %s" % (self.name, words[1]))
            else:
                self.say("ERR user-not-found")


class Server(socketserver.ThreadingTCPServer):
    """A thread for each client."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 20


if __name__ == "__main__":
    server = Server(("127.0.0.1", PORT), Handler)
    print("relaxed: port %d" % server.server_address[1], flush=True)
    server.serve_forever()
