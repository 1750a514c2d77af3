"""The `binary` protocol of document 000: a header of 27 bytes, big-endian, then content, in both directions.

    version u8 | type u32 | user_length u32 | length u32 | user, 10 bytes, padded with NUL | time u32 | content

Written from the document and the list of types alone, independently of our server.
"""
import re
import struct
import time
from collections import deque

from parley.conformance.message import Message

NAME = "binary"
STRUCTURED = FRAMED = True
HAS_ROOMS = True
CAN_WHISPER = HEARS_BEFORE_LOGIN = STORES_MESSAGES = False
FIELDS = ("type", "user", "content", "time", "version", "user_length", "length")

TALK, ERROR = 100, 102
JOIN, RENAME, LIST, PING = 200, 202, 203, 211
NOT_RENAMED, RENAMED, JOINED, NOT_JOINED, PONG = 204, 206, 207, 209, 212
SOMEBODY_JOINED, SOMEBODY_LEFT, SOMEBODY_RENAMED, LISTED = 300, 301, 302, 303
# Rooms: docs/rooms.md
ENTER, ROOM_TALK, LEAVE, ROOMS, MANAGE = 400, 404, 405, 406, 408
DONE, NOT_DONE, ROOMS_LISTED, HAPPENED, MEMBERS_LISTED = 401, 402, 407, 409, 410

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
    """The frame. `user` defaults to the sender, the lengths to the right ones, `time` to now (seconds since 1970)."""
    user, content = _raw(message.get("user", me or "")), _raw(message.get("content", ""))
    return _HEADER.pack(
        message.get("version", 1), message["type"], message.get("user_length", min(len(user), _NAME_BYTES)),
        message.get("length", len(content)), user[:_NAME_BYTES], message.get("time", int(time.time()))) + content


class Decoder:
    """Bytes in, frames out. Bytes that are not UTF-8 become `\\xNN`; `user` is without its padding."""

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


class ClientState:
    """See `ClientState` in `conformance.wire`. Replies of each type come in the order of the requests."""

    def __init__(self):
        self.name = None
        self._sent = Decoder()
        self._joins = deque()
        self._pings = deque()

    @property
    def at_message_boundary(self):
        return not self._sent.unfinished

    def sent(self, data, own=False):
        for message in self._sent.feed(data):
            if message.fields["type"] == JOIN:  # it ends at a NUL, as C sends, or at a space before a password
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


def probe():
    return {"type": PING, "content": _OWN_TOKEN}


def is_probe_reply(message):
    return isinstance(message, Message) and message.fields["type"] in (PONG, ERROR)


def list_users():
    return {"type": LIST}


def say(me, text):
    return {"type": TALK, "content": text}


def marker_in(message):
    found = _MARKER.fullmatch(message.fields["content"]) if message.fields["type"] == TALK else None
    return (message.fields["user"], found.group(1)) if found else None


def names_in(message):
    if message.fields["type"] != LISTED:
        return []
    return [found.group(1) or found.group(2) or "" for found in _QUOTED.finditer(message.fields["content"])]


def subject_of(message):
    if message.fields["type"] in (TALK, ROOM_TALK):
        return message.fields["user"]
    shape = _ABOUT.get(message.fields["type"])
    found = shape.fullmatch(message.fields["content"]) if shape else None
    return found.group(1) if found else None


def summary(message):
    return {name: message.fields[name] for name in ("type", "user", "content")}


def without_names(message, is_ignored):
    """The list of users without the ignored names; the rest of its text stays as it was received."""
    content = message.fields["content"]
    for name in filter(is_ignored, names_in(message)):
        shown = re.escape(repr(name))
        content = re.sub(r"(?<=\[)%s, |, %s(?=[,\]])|(?<=\[)%s(?=\])" % (shown, shown, shown), "", content)
    return message._replace(fields=dict(message.fields, content=content))


# Rooms: docs/rooms.md


def enter_room(room, key=None):
    return {"type": ENTER, "content": " ".join(filter(None, (room, key)))}


def leave_room(room):
    return {"type": LEAVE, "content": room}


def say_in_room(me, room, text):
    return {"type": ROOM_TALK, "content": "%s %s" % (room, text)}


def list_rooms(pattern=None):
    return {"type": ROOMS, "content": pattern or ""}


def manage_room(room, act, about="", text=""):
    return {"type": MANAGE, "content": " ".join(filter(None, (room, act, about, text)))}


def heard_in_room(message):
    if message.fields["type"] not in (ROOM_TALK, HAPPENED):
        return None
    room, _, text = message.fields["content"].partition(" ")
    return room, message.fields["user"] if message.fields["type"] == ROOM_TALK else None, text
