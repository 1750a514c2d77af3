"""The `padded` protocol of document 001: clients send a length of 64 bytes, then a text; servers send texts.

A server's texts have neither length nor end mark. A message is what is received at once, split where another begins:
at `Msg received`, a time in brackets, `[ERROR] ` or `[SERVER] `.

Written from the document alone, independently of our server.
"""
import re
from collections import deque

NAME = "padded"
STRUCTURED = CAN_WHISPER = STORES_MESSAGES = False
FRAMED = HEARS_BEFORE_LOGIN = True

RECEIVED = "Msg received"
_HEADER_BYTES = 64
_BEGINNING = re.compile(rb"(?=Msg received|\[[0-9]{2}:[0-9]{2} [AP]M\] |\[ERROR\] |\[SERVER\] )")
_SPOKEN = re.compile(
    r"\[(?:0[1-9]|1[0-2]):[0-5][0-9] [AP]M\] (?P<nick>.+?)(?: \(direct\))?: (?P<text>.+)", re.DOTALL)
# A visible character: a server may treat a text without one as empty.
_VISIBLE = re.compile("[^\\s\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff]")
_NONCE = re.compile(r"~sync[0-9]+")


def encode(message, me=None):
    """The length in bytes, padded with spaces, then the text, which may be bytes."""
    body = message if isinstance(message, bytes) else message.encode("utf-8")
    return str(len(body)).encode("ascii").ljust(_HEADER_BYTES) + body


class Decoder:
    """Bytes in, texts out. Bytes that are not UTF-8 become `\\xNN`."""

    unfinished = b""

    def feed(self, data):
        return [part.decode("utf-8", "backslashreplace") for part in parted(data) if part]


def parted(data):
    """The bytes of each message; what is before the first beginning is one, too."""
    starts = sorted({0}.union(found.start() for found in _BEGINNING.finditer(data)))
    return [data[start:end] for start, end in zip(starts, starts[1:] + [len(data)])]


class ClientState:
    """See `ClientState` in `conformance.wire`."""

    def __init__(self):
        self.name = None
        self._half_sent = b""
        self._awaiting = deque()

    @property
    def at_message_boundary(self):
        return not self._half_sent

    @property
    def awaited(self):
        """How many messages have no reply yet."""
        return len(self._awaiting)

    def sent(self, data, own=False):
        self._half_sent += data
        while len(self._half_sent) >= _HEADER_BYTES:
            count = self._half_sent[:_HEADER_BYTES].strip(b" ")
            end = _HEADER_BYTES + (int(count) if re.fullmatch(rb"0*[0-9]{1,9}", count) else 1 << 30)
            if len(self._half_sent) < end:
                break
            body, self._half_sent = self._half_sent[_HEADER_BYTES:end], self._half_sent[end:]
            spoken = _SPOKEN.fullmatch(body.decode("utf-8", "replace"))
            is_named = spoken and _VISIBLE.search(spoken.group("text"))
            self._awaiting.append((own, _nick(spoken).split(" ")[0] if is_named else None))  # a password may follow

    def received(self, message):
        """Each message has a reply, in order: an acknowledgement or an error."""
        if not self._awaiting or not is_probe_reply(message):
            return False
        own, nick = self._awaiting.popleft()
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


def probe():
    return ""


def is_probe_reply(message):
    return message == RECEIVED or message.startswith("[ERROR] ")


def list_users():
    return None


def say(me, text):
    return "[12:00 AM] %s: %s" % (me, text) if me else text


def marker_in(message):
    spoken = _SPOKEN.fullmatch(message)
    return (_nick(spoken), spoken.group("text")) if spoken and _NONCE.fullmatch(spoken.group("text")) else None


def names_in(message):
    return []


def subject_of(message):
    spoken = _SPOKEN.fullmatch(message)
    return _nick(spoken) if spoken else None
