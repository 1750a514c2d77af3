"""The `line` protocol as document 003 describes it: UTF-8 text, one command or event a line, ended by a newline.

Written from the document alone; it knows nothing of the server that is judged.
"""
import re
from collections import deque

NAME = "line"
STRUCTURED = FRAMED = REMEMBERS = HEARS_AT_ONCE = False
CAN_WHISPER = True
ACCEPTED = "OK"

_REFUSED_LOGINS = ("ERR username-taken", "ERR invalid-username", "ERR password-required", "ERR wrong-password",
                   "ERR account-required")
_MARKER = re.compile(r"(?:DM|MSG) (?P<sender>\S+) (?P<nonce>~sync[0-9]+)")
_ABOUT = re.compile(r"(?:USER (?P<listed>\S+))|(?:INFO (?P<left>\S+) disconnected)|(?:MSG (?P<speaker>\S+) .*)")


def encode(message, me=None):
    """The bytes of one message given as text."""
    return message.encode("utf-8") + b"\n"


class Decoder:
    """Bytes in, lines out, without their newline. Keeps the unfinished last line.

    Bytes that are not UTF-8 are shown as `\\xNN`: no server may send them, so they must never look like a good line.
    """

    def __init__(self):
        self.unfinished = b""

    def feed(self, data):
        *lines, self.unfinished = (self.unfinished + data).split(b"\n")
        return [line.decode("utf-8", "backslashreplace") for line in lines]


class Conversation:
    """What one connection has reached, as far as both directions show it."""

    def __init__(self):
        self.name = None
        self.half_sent = b""
        self._logins = deque()
        self._pings = deque()

    def sent(self, data, own=False):
        """Note bytes that left; `own` are the suite's own, whose answers belong to nobody's scenario."""
        *lines, self.half_sent = (self.half_sent + data).split(b"\n")
        for line in lines:
            self._note(line.decode("utf-8", "replace").rstrip("\r"), own)

    def _note(self, line, own):
        word, _, rest = line.partition(" ")
        if word == "LOGIN":
            self._logins.append(rest.split(" ")[0])
        elif line == "PING":
            self._pings.append(own)

    def received(self, message):
        """Note a message that came; true if it answers the suite's own question."""
        if message == "PONG" and self._pings:
            return self._pings.popleft()
        if self._logins and message == ACCEPTED:
            self.name = self._logins.popleft()
        elif self._logins and message in _REFUSED_LOGINS:
            self._logins.popleft()
        return False

    def is_echo(self, message):
        """Whether the message is the speaker's own come back: nobody else's has his name in it."""
        return self.name is not None and message.startswith("MSG %s " % self.name)

    @property
    def can_ask(self):
        """Whether a whole message may be sent now without becoming part of another one."""
        return not self.half_sent


def login(name):
    return "LOGIN " + name


def list_everyone():
    return "WHO"


def still_there():
    return "PING"


def whisper(me, to, text):
    return "DM %s %s" % (to, text)


def say(me, text):
    return "MSG " + text


def answers_still_there(message):
    """Whether a line may be the answer to PING: before a login it is an error or a PONG, both are in use."""
    return message == "PONG" or message.startswith("ERR ")


def marker_in(message):
    """(sender, nonce) if the message is a marker of the suite, else None."""
    found = _MARKER.fullmatch(message)
    return (found.group("sender"), found.group("nonce")) if found else None


def listed_in(message):
    """The names in a line of the list of users: one or none."""
    return [message[5:]] if message.startswith("USER ") else []


def about(message):
    """Whom an unasked line is about: who is listed, who left, who spoke; None for every other line."""
    found = _ABOUT.fullmatch(message)
    return found.group(found.lastgroup) if found else None
