"""A small chat server for `line`, one thread a client, that can break one promise on purpose.

    python toy_server.py [--fault NAME] [--idle-timeout SECONDS]

One lock around everything gives one order for all; each fault breaks the promise of its name, once.
"""
import argparse
import signal
import socketserver
import sys
import threading
import time

FAULTS = ("drop", "double", "reorder", "contradict", "alter", "echo", "leak", "refuse", "deaf", "hurry", "mute")

# The fault strikes this long after the last login, in seconds: earlier the load test may excuse it.
CALM = 0.5


class Client(socketserver.StreamRequestHandler):
    name = None
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.connection.settimeout(self.server.idle_timeout)

    def handle(self):
        try:
            for line in self.rfile:
                self.obey(line.decode("utf-8").rstrip("\r\n"))
        except ConnectionError:
            pass
        except OSError:  # the timeout of the socket; it has another class in each Python
            self.dismiss()
        finally:
            self.leave()

    def obey(self, line):
        word, _, rest = line.partition(" ")
        with self.server.lock:
            getattr(self, "do_" + word.lower())(rest)

    def do_login(self, name):
        if self.server.fault == "refuse":
            self.hear("ERR invalid-username")
        else:
            self.name = name
            self.server.clients[name] = self
            self.server.mischief.wait_for_calm()
            self.hear("OK")

    def do_msg(self, text):
        others = [client for client in self.server.clients.values() if client is not self]
        self.server.mischief.spread(self, others, "MSG %s %s" % (self.name, text))

    def do_dm(self, rest):
        target, _, text = rest.partition(" ")
        self.server.clients[target].hear("DM %s %s" % (self.name, text))

    def do_who(self, _):
        for name in self.server.clients:
            self.hear("USER " + name)

    def do_ping(self, _):
        self.hear("PONG")

    def hear(self, line):
        try:
            self.wfile.write(line.encode("utf-8") + b"\n")
        except OSError:
            pass

    def dismiss(self):
        with self.server.lock:
            if self.server.fault != "mute":
                self.hear("INFO idle-timeout")

    def leave(self):
        with self.server.lock:
            if self.server.clients.pop(self.name, None):
                for other in self.server.clients.values():
                    other.hear("INFO %s disconnected" % self.name)


class Mischief:
    """Spreads a message to the others, and breaks one promise once.

    Its victim is the last to have logged in. The first may be silent: sent away, it may miss the end of what was said.
    """

    def __init__(self, fault):
        self.break_promise = getattr(self, "_" + fault, None) if fault else None
        self.calm_from = 0
        self.held = None

    def wait_for_calm(self):
        self.calm_from = time.monotonic() + CALM

    def spread(self, sender, others, line):
        if self.break_promise and time.monotonic() > self.calm_from:
            others = self.break_promise(sender, others, line)
        for other in others:
            other.hear(line)

    def _drop(self, sender, others, line):
        self.break_promise = None
        return others[:-1]

    def _double(self, sender, others, line):
        self.break_promise = None
        return others + others[-1:]

    def _echo(self, sender, others, line):
        self.break_promise = None
        return others + [sender]

    def _alter(self, sender, others, line):
        self.break_promise = None
        others[-1].hear(line[:-1] + "?")
        return others[:-1]

    def _leak(self, sender, others, line):
        self.break_promise = None
        others[-1].hear(line.replace("MSG", "DM", 1))
        return others[:-1]

    def _reorder(self, sender, others, line):
        """Hold one message back from one receiver until its sender's next."""
        if self.held is None:
            return self._hold(sender, others, line)
        if sender is not self.held[0]:
            return others
        self.break_promise = None
        return self._release(others, line, late=True)

    def _contradict(self, sender, others, line):
        """Hold one message back from one receiver until somebody else's next: only the order of the lobby breaks."""
        if self.held is None:
            return self._hold(sender, others, line)
        if sender is self.held[0]:
            return self._release(others, line, late=False)
        if sender is self.held[1]:
            return others
        self.break_promise = None
        return self._release(others, line, late=True)

    def _hold(self, sender, others, line):
        self.held = (sender, others[-1], line)
        return others[:-1]

    def _release(self, others, line, late):
        """Give the held line to its receiver, after the present one if it is to be late."""
        _, receiver, held_line = self.held
        self.held = None
        for each in (line, held_line) if late else (held_line, line):
            receiver.hear(each)
        return [other for other in others if other is not receiver]


class Toy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, fault, idle_timeout):
        super().__init__(("127.0.0.1", 0), Client)
        self.lock = threading.RLock()
        self.clients = {}
        self.fault = fault
        self.mischief = Mischief(fault)
        self.idle_timeout = idle_timeout / 2 if fault == "hurry" else idle_timeout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--idle-timeout", type=float, default=60)
    options = parser.parse_args()
    server = Toy(options.fault, options.idle_timeout)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("[SERVER] Chat server started on %s:%d" % server.server_address)
    print("[SERVER] Waiting for connections...", flush=True)
    if options.fault == "deaf":
        server.server_close()
        signal.pause()
    server.serve_forever()


if __name__ == "__main__":
    main()
