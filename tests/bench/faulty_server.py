"""A `line` server with a fault: `python tests/bench/faulty_server.py PORT lost|doubled|swapped|altered`."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from bench.rivals.threads import Client, Server, lock, members

VICTIM = b"n00011"
FAULTY = 30  # which of the texts it hears wrong
FAULTS = {
    "lost": lambda before, now: b"",
    "doubled": lambda before, now: now + now,
    "swapped": lambda before, now: now + before,
    "altered": lambda before, now: now.replace(b"x\n", b"y\n"),
}


class Wrong(Client):
    """One member does not hear everything as it was said."""

    said = 0
    before = b""

    def say(self, name, message):
        with lock:
            Wrong.said += 1
            for other, sock in members.items():
                if other != name:
                    sock.sendall(self.wrong(message) if other == VICTIM else message)

    def wrong(self, message):
        if sys.argv[2] == "swapped" and Wrong.said == FAULTY - 1:
            Wrong.before = message
            return b""
        return FAULTS[sys.argv[2]](Wrong.before, message) if Wrong.said == FAULTY else message


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Wrong) as server:
        server.serve_forever()
