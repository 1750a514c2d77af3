r"""The `web` protocol, `parley.1`: a WebSocket (RFC 6455) whose text messages are JSON objects.

Written from docs/protocols/web.md and the RFC, independently of our server.

A message is one of

    {on: ..., ...}, {do: ..., ...}      a text message: the members of its object
    {frame: WORD, ...}                  another frame: text, more, binary, close, ping or pong. `content` is its text,
                                        which may be bytes; `last: false` says that the message goes on in a frame
                                        `more`; close has `code` and `why` instead, or neither
    {status: 101, HEADER: ..., ...}     the answer to a request of the handshake; names of headers are in lower case,
                                        what comes several times is joined by ", ", and `body` is what follows them
    {broken: ...}                       what no server may send; it says why

Who connects sends the usual request at once (`Decoder.opening`), unless the scenario says `connect: bare`.
"""
import base64
import hashlib
import json
import os
import re
from collections import deque

from parley.conformance.message import Message, strict_json

NAME = "web"
STRUCTURED = FRAMED = CAN_WHISPER = HAS_ROOMS = AS_TEXT = True
HEARS_BEFORE_LOGIN = STORES_MESSAGES = False
FIELDS = None

SUBPROTOCOL = "parley.1"
LOBBY = "#lobby"
PATH = "/chat"

_OPCODES = {"more": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
_WORDS = {opcode: word for word, opcode in _OPCODES.items()}
_CONTROL = 8  # and above
_MOST_OF_CONTROL = 125  # bytes
_LONGEST = 1 << 24  # bytes; a longer frame is an error
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OWN = "~own"  # the id of the suite's own requests
_NONCE = re.compile(r"~sync[0-9]+")
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r\n]*")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class Broken(ValueError):
    """What the other side may not send; the argument says what is wrong."""


def encode(message, me=None):
    """The bytes of one message, masked as all of a client's."""
    fields = dict(message)
    word = fields.pop("frame", None)
    if word is None:
        return frame(_OPCODES["text"], json.dumps(fields).encode("ascii"), True)
    content = fields.pop("content", b"")
    if word == "close" and "code" in fields:
        content = fields.pop("code").to_bytes(2, "big") + fields.pop("why", "").encode("utf-8")
    return frame(_OPCODES[word], content if isinstance(content, bytes) else content.encode("utf-8"),
                 fields.pop("last", True))


def frame(opcode, content, last=True, mask=None):
    """A client's frame, with a mask of its own if none is given."""
    mask = mask or os.urandom(4)
    return head(opcode, len(content), last, mask) + masked(content, mask)


def head(opcode, size, last, mask):
    """The beginning of a client's frame of so many bytes, with its mask."""
    if size <= 125:
        length = bytes([size | 0x80])
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([opcode | (0x80 if last else 0)]) + length + mask


def masked(content, mask):
    """The content with each byte changed by one of the four of the mask; likewise back."""
    times = -(-len(content) // 4)
    whole = int.from_bytes(content.ljust(4 * times, b"\0"), "big") ^ int.from_bytes(mask * times, "big")
    return whole.to_bytes(4 * times, "big")[:len(content)]


def first_frame(data):
    """(opcode, is it the last of its message, is it masked, content, size) of the frame at the beginning of the data.

    None if it is incomplete; raises Broken.
    """
    if len(data) < 2:
        return None
    opcode, size, start = data[0] & 0x0F, data[1] & 0x7F, 2
    if data[0] & 0x70:
        raise Broken("a reserved bit is set")
    if opcode not in _WORDS:
        raise Broken("opcode %d" % opcode)
    if opcode >= _CONTROL and (size > _MOST_OF_CONTROL or not data[0] & 0x80):
        raise Broken("a control frame that is long, or not whole")
    if size > 125:
        start = {126: 4, 127: 10}[size]
        if len(data) < start:
            return None
        size = int.from_bytes(data[2:start], "big")
        if size <= {4: 125, 10: 65535}[start]:
            raise Broken("the length %d in %d bytes" % (size, start - 2))
        if size > _LONGEST:
            raise Broken("length %d" % size)
    is_masked = bool(data[1] & 0x80)
    mask, start = (data[start:start + 4], start + 4) if is_masked else (b"", start)
    if len(data) < start + size:
        return None
    content = data[start:start + size]
    return opcode, bool(data[0] & 0x80), is_masked, masked(content, mask) if is_masked else content, start + size


class Decoder:
    """Bytes of a server in, messages out. After something broken the rest of the stream cannot be decoded."""

    def __init__(self):
        self.unfinished = b""
        self._accept = None  # what the answer to `opening` has to say
        self._is_open = self._is_lost = False
        self._parts = None  # of an unfinished message

    def opening(self, address):
        """The request that opens the WebSocket at (host, port), and perhaps with a `path` of its own."""
        key = base64.b64encode(os.urandom(16))
        self._accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode("ascii")
        host = "[%s]" % address[0] if ":" in address[0] else address[0]
        lines = ["GET %s HTTP/1.1" % (getattr(address, "path", None) or PATH), "Host: %s:%d" % (host, address[1]),
                 "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: %s" % key.decode("ascii"), "Sec-WebSocket-Protocol: %s" % SUBPROTOCOL]
        return "\r\n".join(lines + ["", ""]).encode("ascii")

    def feed(self, data):
        self.unfinished = b"" if self._is_lost else self.unfinished + data
        found = []
        while self.unfinished:
            try:
                size, fields = self._next_frame() if self._is_open else self._next_answer()
            except Broken as error:
                self._is_lost = True
                size, fields = len(self.unfinished), {"broken": str(error)}
            if not size:
                break
            self.unfinished = self.unfinished[size:]
            if fields is not None:
                found.append(Message(fields))
        return found

    def _next_answer(self):
        """(size, fields) of the answer to a request; the size is 0 if it is incomplete."""
        head, blank, rest = self.unfinished.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if not b"HTTP/1.1 ".startswith(head[:9]) or blank and not _STATUS.fullmatch(first.encode("latin-1")):
            raise Broken("not an answer of HTTP/1.1: %s" % first[:80])
        if not blank:
            return 0, None
        fields = {"status": int(_STATUS.match(head).group(1))}
        for line in lines:
            header = _HEADER.fullmatch(line)
            if not header:
                raise Broken("not a header: %s" % line[:80])
            name, value = header.group(1).lower(), header.group(2)
            fields[name] = "%s, %s" % (fields[name], value) if name in fields else value
        if fields["status"] == 101:
            self._is_open = True
            if self._accept is not None:
                self._check(fields)
            return len(head) + 4, fields
        if fields.get("transfer-encoding", "").lower() == "chunked":
            size, body = _chunked(rest)
        else:
            size = int(fields.get("content-length", "0"))
            body = rest[:size]
        fields["body"] = body.decode("utf-8", "backslashreplace")
        return (len(head) + 4 + size, fields) if size is not None and len(rest) >= size else (0, None)

    def _check(self, fields):
        wanted = {"upgrade": "websocket", "connection": "upgrade"}
        if {name: fields.get(name, "").lower() for name in wanted} != wanted:
            raise Broken("101 without `Upgrade: websocket` and `Connection: Upgrade`")
        if fields.get("sec-websocket-accept") != self._accept:
            raise Broken("a wrong Sec-WebSocket-Accept")
        if fields.get("sec-websocket-protocol") != SUBPROTOCOL or "sec-websocket-extensions" in fields:
            raise Broken("another subprotocol than was asked for, or an extension that was not")

    def _next_frame(self):
        found = first_frame(self.unfinished)
        if found is None:
            return 0, None
        opcode, is_last, is_masked, content, size = found
        if is_masked:
            raise Broken("a server's frames are not masked")
        return size, self._fields(_WORDS[opcode], content, is_last)

    def _fields(self, word, content, is_last):
        """The fields of a message that is complete with this frame; None if there is none."""
        if word == "close":
            return _closing(content)
        if word in ("ping", "pong", "binary"):
            return {"frame": word, "content": content.decode("utf-8", "backslashreplace")}
        if (word == "more") != (self._parts is not None):
            raise Broken("a frame of a message within another one, or of none")
        self._parts = (self._parts or []) + [content]
        if not is_last:
            return None
        whole, self._parts = b"".join(self._parts), None
        return _object(whole)


def _chunked(data):
    """(size, body) of what comes in chunks, with the last one; the size is None if that is not there."""
    body, at = b"", 0
    while True:
        line, end, _ = data[at:].partition(b"\r\n")
        if not end:
            return None, body
        size = re.fullmatch(rb"([0-9A-Fa-f]{1,7})(?:;.*)?", line)
        if not size:
            raise Broken("not the length of a chunk: %s" % line[:20].decode("latin-1"))
        start, count = at + len(line) + 2, int(size.group(1), 16)
        at = start + count + 2
        body += data[start:start + count]
        if len(data) < at:
            return None, body
        if not count:
            return at, body


def _closing(content):
    if not content:
        return {"frame": "close"}
    if len(content) == 1:
        raise Broken("a close frame with half a code")
    return {"frame": "close", "code": int.from_bytes(content[:2], "big"), "why": _utf8(content[2:])}


def _object(content):
    text = _utf8(content)
    try:
        fields = strict_json(text)
    except (ValueError, RecursionError):
        raise Broken("not JSON: %s" % text[:200]) from None
    if not isinstance(fields, dict) or not isinstance(fields.get("on"), str):
        raise Broken("not an object with `on`: %s" % text[:200])
    return fields


def _utf8(content):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("not UTF-8: %s" % content[:80].decode("utf-8", "backslashreplace")) from None


class ClientState:
    """See `ClientState` in `conformance.wire`. An answer has the `id` of its request."""

    def __init__(self):
        self.name = None
        self._is_open = False
        self._requests = deque()  # is it the suite's own? for each of HTTP that is not answered
        self._held = b""
        self._goes_on = False  # an unfinished message
        self._is_closing = False
        self._deletes = deque()  # the ids of requests to delete the account

    @property
    def at_message_boundary(self):
        return self._is_open and not (self._held or self._goes_on or self._is_closing)

    def sent(self, data, own=False):
        self._held += data
        while not self._is_open and b"\r\n\r\n" in self._held and not self._requests:
            self._held = self._held.partition(b"\r\n\r\n")[2]
            self._requests.append(own)
        self._note_frames()

    def _note_frames(self):
        while self._is_open and self._held:
            try:
                found = first_frame(self._held)
            except Broken:
                self._is_closing = True  # no server listens any more
                return
            if found is None:
                return
            opcode, is_last, _, content, size = found
            self._held = self._held[size:]
            if opcode == _OPCODES["close"]:
                self._is_closing = True
            elif opcode < _CONTROL:
                self._goes_on = not is_last
                self._note_command(content)

    def _note_command(self, content):
        try:
            fields = json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError):
            return
        if isinstance(fields, dict) and fields.get("do") == "delete":
            self._deletes.append(fields.get("id"))

    def received(self, message):
        fields = message.fields
        if "status" in fields:
            own = self._requests.popleft() if self._requests else False
            self._is_open = fields["status"] == 101
            self._note_frames()
            return own and self._is_open
        if fields.get("on") == "welcome":
            self.name = fields.get("name")
        elif fields.get("on") == "done" and self._deletes and fields.get("id") == self._deletes[0]:
            self._deletes.popleft()
            self.name = None
        return is_probe_reply(message)

    def is_echo(self, message):
        return message.fields.get("on") == "said" and self.name is not None and message.fields.get("by") == self.name


def login(name):
    return {"do": "login", "name": name, "id": _OWN}


def probe():
    return {"do": "ping", "id": _OWN}


def is_probe_reply(message):
    return message.fields.get("id") == _OWN


def heartbeat(message):
    """A ping is answered by a pong."""
    if message.fields.get("frame") == "ping":
        return {"frame": "pong", "content": message.fields["content"]}
    return None


def list_users():
    return {"do": "who"}


def say(me, text):
    return {"do": "say", "text": text, "id": _OWN}


def whisper(me, to, text):
    return {"do": "whisper", "to": to, "text": text, "id": _OWN}


def marker_in(message):
    sender, text = message.fields.get("by"), message.fields.get("text")
    is_talk = message.fields.get("on") in ("said", "whispered")
    return (sender, text) if is_talk and isinstance(text, str) and _NONCE.fullmatch(text) else None


def names_in(message):
    names = message.fields.get("names") if message.fields.get("on") == "who" else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


_SUBJECTS = {"said": "by", "whispered": "by", "joined": "name", "left": "name", "renamed": "old", "typing": "name",
             "presence": "name"}


def subject_of(message):
    name = message.fields.get(_SUBJECTS.get(message.fields.get("on")))
    return name if isinstance(name, str) else None


def without_names(message, is_ignored):
    names = message.fields.get("names")
    if message.fields.get("on") != "who" or not isinstance(names, list):
        return message
    kept = [name for name in names if not (isinstance(name, str) and is_ignored(name))]
    return message._replace(fields=dict(message.fields, names=kept))


# Rooms: docs/rooms.md


def enter_room(room, key=None):
    return dict({"do": "join", "room": room}, **({"key": key} if key else {}))


def leave_room(room):
    return {"do": "part", "room": room}


def say_in_room(me, room, text):
    return {"do": "say", "room": room, "text": text}


def list_rooms(pattern=None):
    return dict({"do": "rooms"}, **({"pattern": pattern} if pattern else {}))


def manage_room(room, act, about="", text=""):
    if act == "set":
        return {"do": act, "room": room, "setting": about, "value": text}
    fields = {"do": act, "room": room}
    fields.update((key, value) for key, value in (("name", about), ("text", text)) if value)
    return fields


def heard_in_room(message):
    fields = message.fields
    room, what = fields.get("room"), fields.get("on")
    if room in (None, LOBBY):
        return None
    if what == "said":
        return room, fields.get("by"), fields.get("text")
    if what in ("joined", "left"):
        return room, None, "%s %s" % (fields.get("name"), what)
    if what == "renamed":
        return room, None, "%s is now %s" % (fields.get("old"), fields.get("new"))
    if what == "managed" and fields.get("act") == "topic" and fields.get("text"):
        return room, None, ("%s set the topic: %s" % (fields.get("by"), fields["text"])).replace("\n", "\u2424")
    if what == "managed":
        return room, None, " ".join(str(fields.get(key)) for key in ("by", "act", "name", "text"))
    return None
