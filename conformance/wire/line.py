"""The `line` protocol as document 003 describes it: UTF-8 text, one command or event a line, ended by a newline.

Written from the document alone; it knows nothing of the server that is judged.
"""
import re
from collections import deque

NAME = "line"
STRUCTURED = FRAMED = REMEMBERS = HEARS_AT_ONCE = False
CAN_WHISPER = True
ACCEPTED = "OK"

# Telnet, which RFC 854 lets a server speak too: an option, and whatever else a client may send.
_OPTION = re.compile(rb"\xff([\xfb-\xfe])(.)", re.DOTALL)
_VERBS = {b"\xfb": "WILL", b"\xfc": "WONT", b"\xfd": "DO", b"\xfe": "DONT"}
_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe].|\xfa.*?\xff\xf0|[\xec-\xf9])", re.DOTALL)
_ERASED = re.compile("[^\x08\x7f][\x08\x7f]|^[\x08\x7f]+")

_REFUSED_LOGINS = ("ERR username-taken", "ERR invalid-username", "ERR password-required", "ERR wrong-password",
                   "ERR account-required")
_MARKER = re.compile(r"(?:DM|MSG) (?P<sender>\S+) (?P<nonce>~sync[0-9]+)")
_ABOUT = re.compile(r"(?:USER (?P<listed>\S+))|(?:INFO (?P<left>\S+) disconnected)|(?:MSG (?P<speaker>\S+) .*)")


def encode(message, me=None):
    """The bytes of one message given as text."""
    return message.encode("utf-8") + b"\n"


class Decoder:
    """Bytes in, lines out, without their newline. Keeps the unfinished last line.

    A telnet option in front of a line is a message of its own, such as `IAC WONT 6`. Other bytes that are not UTF-8
    are shown as `\\xNN`: no server may send them, so they must never look like a good line.
    """

    def __init__(self):
        self.unfinished = b""

    def feed(self, data):
        *lines, held = (self.unfinished + data).split(b"\n")
        found = []
        for line in lines:
            found.append(_behind_options(line, found).decode("utf-8", "backslashreplace"))
        self.unfinished = _behind_options(held, found)
        return found


def _behind_options(line, found):
    """What follows the telnet options in front of a line, which are added to `found`."""
    option = _OPTION.match(line)
    while option:
        found.append("IAC %s %d" % (_VERBS[option.group(1)], ord(option.group(2))))
        line = line[option.end():]
        option = _OPTION.match(line)
    return line


def _as_typed(raw):
    """A line that was sent, as a patient server reads it: without telnet, what was erased, and what is around it."""
    text = _TELNET.sub(b"", raw).decode("utf-8", "replace")
    while _ERASED.search(text):
        text = _ERASED.sub("", text)
    return text.strip(" \t\r\0\x04\ufeff")


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
            self._note(line.decode("utf-8", "replace").rstrip("\r"), _as_typed(line), own)

    def _note(self, line, as_typed, own):
        word, _, rest = as_typed.partition(" ")
        if word == "LOGIN":
            self._logins.append((rest.lstrip(" ").split(" ")[0], line.startswith("LOGIN ")))
        elif line == "PING":
            self._pings.append(own)

    def received(self, message):
        """Note a message that came; true if it answers the suite's own question."""
        if message == "PONG" and self._pings:
            return self._pings.popleft()
        if not self._logins:
            return False
        name, is_exact = self._logins[0]
        if message == ACCEPTED:
            self.name = name
        # What is only nearly a login is an unknown word to a strict server.
        if message == ACCEPTED or message in _REFUSED_LOGINS or message.startswith("ERR ") and not is_exact:
            self._logins.popleft()
        return False

    def is_echo(self, message):
        """Whether the message is the speaker's own come back: nobody else's has his name in it."""
        return self.name is not None and message.startswith("MSG %s " % self.name)

    @property
    def can_ask(self):
        """Whether a whole message may be sent now without becoming part of another one."""
        return not _as_typed(self.half_sent)


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
