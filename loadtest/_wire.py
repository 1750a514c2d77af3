"""The `line` protocol as a client speaks it: UTF-8 text, one command or answer a line, each ended by a newline.

This codec is the load test's own and shares nothing with the server: a mistake made on both sides would go unseen.
"""
from collections import namedtuple

# One line from the server. `sender` is empty for everything but MSG and DM.
Line = namedtuple("Line", "kind sender text")


class Decoder:
    """Bytes in, lines out. Keeps at most one unfinished line."""

    def __init__(self):
        self._held = b""

    def feed(self, data):
        """The lines that these bytes complete, in order."""
        *complete, self._held = (self._held + data).split(b"\n")
        return [parse(line) for line in complete]


def parse(line):
    """A `Line` from a line without its newline; what is not UTF-8 becomes U+FFFD and so differs from what was sent."""
    kind, _, rest = line.decode("utf-8", "replace").partition(" ")
    if kind in ("MSG", "DM"):
        sender, _, text = rest.partition(" ")
        return Line(kind, sender, text)
    return Line(kind, "", rest)


def login(name):
    return _line("LOGIN", name)


def say(text):
    return _line("MSG", text)


def whisper(target, text):
    return _line("DM", target, text)


def ping():
    return _line("PING")


def who():
    """WHO and a PING in one piece: the list of users has no end of its own, so it ends at the PONG."""
    return _line("WHO") + ping()


def _line(*words):
    return " ".join(words).encode("utf-8") + b"\n"
