"""The `binary` protocol as document 000 describes it: a header of 27 bytes, big-endian, then content, both ways alike.

    version u8 | type u32 | user_length u32 | length u32 | user, 10 bytes, filled up with NUL | time u32 | content

Written from the document and the list of types alone; it knows nothing of the server that is judged.
"""
import re
import struct
import time
from collections import deque

from parley.conformance.message import Message

NAME = "binary"
STRUCTURED = FRAMED = True
CAN_WHISPER = HEARS_AT_ONCE = REMEMBERS = False
FIELDS = ("type", "user", "content", "time", "version", "user_length", "length")

TALK, ERROR = 100, 102
JOIN, RENAME, LIST, PING = 200, 202, 203, 211
NOT_RENAMED, RENAMED, JOINED, NOT_JOINED, PONG = 204, 206, 207, 209, 212
SOMEBODY_JOINED, SOMEBODY_LEFT, SOMEBODY_RENAMED, LISTED = 300, 301, 302, 303

_HEADER = struct.Struct(">BIII10sI")
_NAME_BYTES = 10
_MARKER = re.compile(r"(?:\[direct\] )?(~sync[0-9]+)")
_ABOUT = {
    SOMEBODY_JOINED: re.compile(r"(.*) joined!", re.DOTALL),
    SOMEBODY_LEFT: re.compile(r"(.*) left!", re.DOTALL),
    SOMEBODY_RENAMED: re.compile(r"user '(.*)' changed username to '.*'!", re.DOTALL),
}
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_OWN_TOKEN = "7.25"


def _raw(value):
    return value if isinstance(value, bytes) else value.encode("utf-8")


def encode(message, me=None):
    """The frame with these fields; user is the sender, the lengths fit and the time is now, unless they are given."""
    user, content = _raw(message.get("user", me or "")), _raw(message.get("content", ""))
    return _HEADER.pack(
        message.get("version", 1), message["type"], message.get("user_length", min(len(user), _NAME_BYTES)),
        message.get("length", len(content)), user[:_NAME_BYTES], message.get("time", int(time.time()))) + content


class Decoder:
    """Bytes in, frames out. What is not UTF-8 is shown as `\\xNN`; `user` is the field without the NULs at its end."""

    def __init__(self):
        self.unfinished = b""

    def feed(self, data):
        self.unfinished += data
        found = []
        while len(self.unfinished) >= _HEADER.size:
            version, kind, user_length, length, user, seconds = _HEADER.unpack_from(self.unfinished)
            end = _HEADER.size + length
            if len(self.unfinished) < end:
                break
            raw, self.unfinished = self.unfinished[:end], self.unfinished[end:]
            found.append(Message({
                "type": kind, "user": user.rstrip(b"\0").decode("utf-8", "backslashreplace"),
                "content": raw[_HEADER.size:].decode("utf-8", "backslashreplace"), "time": seconds,
                "version": version, "user_length": user_length, "length": length}, raw))
        return found


class Conversation:
    """What one connection has reached, as far as both directions show it."""

    def __init__(self):
        self.name = None
        self._sent = Decoder()
        self._joins = deque()
        self._pings = deque()

    @property
    def can_ask(self):
        return not self._sent.unfinished

    def sent(self, data, own=False):
        for message in self._sent.feed(data):
            if message.fields["type"] == JOIN:  # up to a NUL of C's, or a blank, behind which a password may stand
                self._joins.append(re.split("[\0 ]", message.fields["content"])[0])
            elif message.fields["type"] == PING:
                self._pings.append(own)

    def received(self, message):
        kind = message.fields["type"]
        if kind == PONG and self._pings:
            return self._pings.popleft()
        if kind in (JOINED, NOT_JOINED) and self._joins:
            wanted = self._joins.popleft()
            self.name = wanted if kind == JOINED else self.name
        elif kind == RENAMED:
            self.name = message.fields["content"]
        return False

    def is_echo(self, message):
        return message.fields["type"] == TALK and self.name is not None and message.fields["user"] == self.name


def login(name):
    return {"type": JOIN, "content": name}


def still_there():
    return {"type": PING, "content": _OWN_TOKEN}


def answers_still_there(message):
    return isinstance(message, Message) and message.fields["type"] in (PONG, ERROR)


def list_everyone():
    return {"type": LIST}


def say(me, text):
    return {"type": TALK, "content": text}


def marker_in(message):
    found = _MARKER.fullmatch(message.fields["content"]) if message.fields["type"] == TALK else None
    return (message.fields["user"], found.group(1)) if found else None


def listed_in(message):
    if message.fields["type"] != LISTED:
        return []
    return [found.group(1) or found.group(2) or "" for found in _QUOTED.finditer(message.fields["content"])]


def about(message):
    if message.fields["type"] == TALK:
        return message.fields["user"]
    shape = _ABOUT.get(message.fields["type"])
    found = shape.fullmatch(message.fields["content"]) if shape else None
    return found.group(1) if found else None


def brief(message):
    """What a column of a transcript shows: who says what."""
    return {name: message.fields[name] for name in ("type", "user", "content")}


def without(message, is_crowd):
    """The list of users without the crowd, whose names are cut out of the text so that all else stays as it came."""
    content = message.fields["content"]
    for name in filter(is_crowd, listed_in(message)):
        shown = re.escape(repr(name))
        content = re.sub(r"(?<=\[)%s, |, %s(?=[,\]])|(?<=\[)%s(?=\])" % (shown, shown, shown), "", content)
    return message._replace(fields=dict(message.fields, content=content))
