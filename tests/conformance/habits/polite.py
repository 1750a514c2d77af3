"""A polite chat server: it counts whom it lets in, says when something happened, and never leaves without a farewell.

Nobody gets more than fifty lines a second out of it: whoever is faster has to wait.

    python polite.py [PORT] [IDLE_SECONDS]
"""
import collections
import socket
import socketserver
import sys
import threading
import time

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
LINES_A_SECOND = 50

guests = collections.OrderedDict()
lock = threading.RLock()


def happened(line, to):
    """Tell these guests, with the time."""
    for guest in to:
        guest.put("[%s] %s" % (time.strftime("%H:%M:%S"), line))


class Guest(socketserver.StreamRequestHandler):
    timeout = IDLE_SECONDS
    name = None

    def put(self, line):
        try:
            self.wfile.write(line.encode("utf-8") + b"\n")
        except OSError:
            pass

    def others(self):
        return [guest for guest in guests.values() if guest is not self]

    def handle(self):
        second, count = 0, 0
        try:
            for data in self.rfile:
                line = data.decode("utf-8", "replace").rstrip()
                if not line:
                    continue
                if int(time.time()) != second:
                    second, count = int(time.time()), 0
                count += 1
                if count > LINES_A_SECOND:
                    time.sleep(1 / LINES_A_SECOND)
                with lock:
                    self.listen_to(line)
        except socket.timeout:
            self.put("INFO idle-timeout")
            self.put("Goodbye, %s." % (self.name or "stranger"))
        except OSError:
            pass

    def finish(self):
        with lock:
            if self.name:
                del guests[self.name]
                happened("INFO %s disconnected" % self.name, self.others())
        try:
            super().finish()
        except OSError:
            pass

    def listen_to(self, line):
        command, _, rest = line.partition(" ")
        if command == "LOGIN":
            self.enter(rest.strip())
        elif not self.name:
            self.put("ERR must-login-first: please tell us your name")
        elif command == "MSG" and rest:
            happened("MSG %s %s" % (self.name, rest), self.others())
        elif command == "DM":
            self.whisper(*(rest.split(" ", 1) + ["", ""])[:2])
        elif command == "WHO":
            for name in guests:
                self.put("USER " + name)
        elif command == "PING":
            self.put("PONG")
        else:
            self.put("ERR unknown-command: %s" % command)

    def enter(self, name):
        if self.name:
            self.put("ERR already-logged-in: you are %s" % self.name)
        elif not name or len(name) > 32 or not name.isprintable() or " " in name:
            self.put("ERR invalid-username: %s" % name)
        elif name in guests:
            self.put("ERR username-taken: %s" % name)
        else:
            self.name = name
            guests[name] = self
            self.put("OK, you are number %d" % len(guests))
            happened("INFO %s joined" % name, self.others())

    def whisper(self, to, text):
        if not to or not text.strip():
            self.put("ERR invalid-dm-format: say DM and a name and a text")
        elif to in guests:
            happened("DM %s %s" % (self.name, text), [guests[to]])
        else:
            self.put("ERR user-not-found: %s" % to)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 32


with Server(("127.0.0.1", PORT), Guest) as server:
    print("polite: at port %d" % server.server_address[1], flush=True)
    server.serve_forever()
