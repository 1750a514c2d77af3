"""The `padded` protocol as document 001 describes it: from clients a length of 64 bytes, then a text; to clients texts.

What goes to clients has no length and no end. A message is what came at once, cut where another one begins: at
`Msg received`, at a time in brackets, at `[ERROR] ` and `[SERVER] `.

Written from the document alone; it knows nothing of the server that is judged.
"""
import re
from collections import deque

NAME = "padded"
STRUCTURED = CAN_WHISPER = REMEMBERS = False
FRAMED = HEARS_AT_ONCE = True

RECEIVED = "Msg received"
_HEADER_BYTES = 64
_BEGINNING = re.compile(rb"(?=Msg received|\[[0-9]{2}:[0-9]{2} [AP]M\] |\[ERROR\] |\[SERVER\] )")
_SPOKEN = re.compile(
    r"\[(?:0[1-9]|1[0-2]):[0-5][0-9] [AP]M\] (?P<nick>.+?)(?: \(direct\))?: (?P<text>.+)", re.DOTALL)
# Something that can be seen: without it a server may take a text for none.
_SEEN = re.compile("[^\\s\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff]")
_NONCE = re.compile(r"~sync[0-9]+")


def encode(message, me=None):
    """The text, or bytes as they are, with their length in front."""
    body = message if isinstance(message, bytes) else message.encode("utf-8")
    return str(len(body)).encode("ascii").ljust(_HEADER_BYTES) + body


class Decoder:
    """Bytes in, texts out. Bytes that are not UTF-8 are shown as `\\xNN`."""

    unfinished = b""

    def feed(self, data):
        return [part.decode("utf-8", "backslashreplace") for part in parted(data) if part]


def parted(data):
    """The bytes of each message; what is before the first beginning is one, too."""
    starts = sorted({0}.union(found.start() for found in _BEGINNING.finditer(data)))
    return [data[start:end] for start, end in zip(starts, starts[1:] + [len(data)])]


class Conversation:
    """What one connection has reached, as far as both directions show it."""

    def __init__(self):
        self.name = None
        self._half_sent = b""
        self._owed = deque()

    @property
    def can_ask(self):
        return not self._half_sent

    def sent(self, data, own=False):
        self._half_sent += data
        while len(self._half_sent) >= _HEADER_BYTES:
            count = self._half_sent[:_HEADER_BYTES].strip(b" ")
            end = _HEADER_BYTES + (int(count) if re.fullmatch(rb"[0-9]{1,9}", count) else 1 << 30)
            if len(self._half_sent) < end:
                break
            body, self._half_sent = self._half_sent[_HEADER_BYTES:end], self._half_sent[end:]
            spoken = _SPOKEN.fullmatch(body.decode("utf-8", "replace"))
            is_named = spoken and _SEEN.search(spoken.group("text"))
            self._owed.append((own, _nick(spoken).split(" ")[0] if is_named else None))  # behind it, its password

    def received(self, message):
        """Answers come in the order of the messages, each an acknowledgement or an error."""
        if not self._owed or not answers_still_there(message):
            return False
        own, nick = self._owed.popleft()
        if nick and message == RECEIVED:
            self.name = nick
        return own

    def is_echo(self, message):
        spoken = _SPOKEN.fullmatch(message)
        return bool(spoken and self.name is not None and _nick(spoken) == self.name)


def _nick(spoken):
    return spoken.group("nick")


def login(name):
    return say(name, "~sync0")


def still_there():
    return ""


def answers_still_there(message):
    return message == RECEIVED or message.startswith("[ERROR] ")


def list_everyone():
    return None


def say(me, text):
    return "[12:00 AM] %s: %s" % (me, text) if me else text


def marker_in(message):
    spoken = _SPOKEN.fullmatch(message)
    return (_nick(spoken), spoken.group("text")) if spoken and _NONCE.fullmatch(spoken.group("text")) else None


def listed_in(message):
    return []


def about(message):
    spoken = _SPOKEN.fullmatch(message)
    return _nick(spoken) if spoken else None
