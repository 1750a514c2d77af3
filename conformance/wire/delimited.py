"""The `delimited` protocol of document 002: a fixed header, then ASCII items joined by "|||".

    offset  size  field    meaning
    0       1     version  0
    1       1     command  see COMMANDS
    2       40    length   of the data in bytes, unsigned, big-endian
    42      n     data     ASCII items joined by "|||"; no data, no items

Written from the document alone, independently of our server. The document does not give the numbers of the commands;
these are the ones that its clients send.

A message has one field, named after its command, with the list of its items: {SEND: ["Alice", "Bob", "hi"]}. Other
fields are for invalid messages: `command`, a number; `version`; `length`, of the data; `data`, instead of items. A
received message that is invalid has `broken`, which says why.
"""
import itertools
import re
from collections import deque

from parley.conformance.message import Message

NAME = "delimited"
COMMANDS = ("CREATE", "LIST", "SEND", "DELIVER", "DELETE", "LOGIN", "RESPONSE", "LISTRESPONSE",
            "JOIN", "PART", "ROOMS", "MANAGE", "ROOMSRESPONSE")  # the last five are for rooms: docs/rooms.md
STRUCTURED = FRAMED = CAN_WHISPER = HAS_ROOMS = True
HEARS_BEFORE_LOGIN = STORES_MESSAGES = False
FIELDS = COMMANDS + ("command", "version", "length", "data", "broken")

VERSION = 0
LENGTH_BYTES = 40
HEADER_BYTES = 2 + LENGTH_BYTES
DELIMITER = "|||"
LOBBY = "lobby"

_LONGEST = 1 << 24  # bytes; a longer length is an error
# Besides RESPONSE.
_REPLIES = {"LIST": "LISTRESPONSE", "SEND": "SEND", "ROOMS": "ROOMSRESPONSE", "MANAGE": "ROOMSRESPONSE"}
_NOBODY = "~nobody"  # a pattern that no scenario uses
_NONCE = re.compile(r"~sync[0-9]+")
_ESCAPES = re.compile(r"(?:\\u[0-9a-f]{4})+")


def encode(message, me=None):
    """The bytes of one message."""
    command = next((field for field in message if field in COMMANDS), None)
    data = message.get("data", DELIMITER.join(message.get(command, ())))
    data = data if isinstance(data, bytes) else data.encode("utf-8")
    code = message.get("command", COMMANDS.index(command) if command else 0)
    length = message.get("length", len(data))
    return bytes([message.get("version", VERSION), code]) + length.to_bytes(LENGTH_BYTES, "big") + data


def escaped(text):
    r"""An item in ASCII: of anything else each unit of UTF-16 is an escape such as \\u00e9, as our server reads it."""
    return "".join(character if " " <= character <= "~" else _escape(character) for character in text)


def _escape(character):
    units = character.encode("utf-16-be")
    return "".join("\\u%02x%02x" % pair for pair in zip(units[::2], units[1::2]))


def unescaped(item):
    """The text that such an item is."""
    return _ESCAPES.sub(
        lambda run: bytes.fromhex(run.group().replace("\\u", "")).decode("utf-16-be", "replace"), item)


class Decoder:
    """Bytes in, messages out. After an invalid header the rest of the stream cannot be decoded."""

    def __init__(self):
        self.unfinished = b""
        self._lost = False

    def feed(self, data):
        self.unfinished += data
        found = []
        while len(self.unfinished) >= HEADER_BYTES and not self._lost:
            length = int.from_bytes(self.unfinished[2:HEADER_BYTES], "big")
            if length > _LONGEST:
                self._lost = True
                found.append(Message({"broken": "length %d" % length}, self.unfinished[:HEADER_BYTES]))
            elif len(self.unfinished) < HEADER_BYTES + length:
                break
            else:
                end = HEADER_BYTES + length
                frame, self.unfinished = self.unfinished[:end], self.unfinished[end:]
                found.append(Message(_fields_of(frame), frame))
        return found


def _fields_of(frame):
    version, code, data = frame[0], frame[1], frame[HEADER_BYTES:]
    text = data.decode("ascii", "backslashreplace")
    fields = {COMMANDS[code]: text.split(DELIMITER) if text else []} if code < len(COMMANDS) else {"command": code}
    if version != VERSION:
        fields["broken"] = "version %d" % version
    elif code >= len(COMMANDS):
        fields["broken"] = "unknown command"
    elif any(byte > 127 for byte in data):
        fields["broken"] = "not ASCII"
    return fields


class ClientState:
    """See `ClientState` in `conformance.wire`.

    Replies come in the order of the requests, but DELIVER and DELETE have a reply only if they are refused. Whether
    they are is known once all earlier requests have their replies, so the first one in the queue always expects one.
    """

    def __init__(self):
        self.name = None
        self._frames = Decoder()
        self._asked = deque()  # (fields, own) of the requests without a reply yet
        self.skipped = deque()  # the commands of those that succeed without one

    @property
    def at_message_boundary(self):
        return not self._frames.unfinished

    def sent(self, data, own=False):
        for message in self._frames.feed(data):
            # The suite's own texts come back as markers, which are handled elsewhere.
            if not (own and "SEND" in message.fields):
                self._asked.append((message.fields, own))
        self._skip_silent_requests()

    def received(self, message):
        fields = message.fields
        if not self._asked or "SEND" in fields and fields["SEND"][:1] != [self.name]:
            return False
        asked, own = self._asked[0]
        if own and self.name is not None and "RESPONSE" in fields:
            return False  # a LIST is not refused; this may be the reply to one of the suite's own texts
        if not any(command in fields for command in ("RESPONSE",) + tuple(_REPLIES.get(one) for one in asked)):
            return False
        self._asked.popleft()
        if fields.get("RESPONSE") == []:
            self.name = (asked.get("CREATE") or asked.get("LOGIN") or [self.name])[0]
        self._skip_silent_requests()
        return own and "LISTRESPONSE" in fields

    def _skip_silent_requests(self):
        """Remove requests that will succeed, and therefore have no reply, from the head of the queue."""
        while self._asked and self.name is not None and self._asked[0][0] in ({"DELETE": []}, {"DELIVER": []}):
            asked, _ = self._asked.popleft()
            self.name = None if "DELETE" in asked else self.name
            self.skipped.extend(asked)

    def sent_texts(self):
        """The items of each SEND at the head of the requests that have no reply yet."""
        return [fields["SEND"] for fields, _ in itertools.takewhile(lambda one: "SEND" in one[0], self._asked)]

    def is_echo(self, message):
        return False  # in this protocol the sender's copy is the reply


def login(name):
    return {"CREATE": [name]}


def delete_account(name):
    return [{"LOGIN": [name]}, {"DELETE": []}]


def probe():
    return {"LIST": [_NOBODY]}


def is_probe_reply(message):
    """Before a login a server may send the list or refuse to."""
    return "LISTRESPONSE" in message.fields or bool(message.fields.get("RESPONSE"))


def list_users():
    return {"LIST": []}


def say(me, text):
    return {"SEND": [me, LOBBY, text]}


def whisper(me, to, text):
    return {"SEND": [me, to, text]}


def marker_in(message):
    """A marker that was sent back to its sender counts as well."""
    items = message.fields.get("SEND", ())
    return (items[0], items[2]) if len(items) == 3 and _NONCE.fullmatch(items[2]) else None


def names_in(message):
    return message.fields.get("LISTRESPONSE", [])


def subject_of(message):
    heard = heard_in_room(message)
    return heard[1] if heard else next(iter(message.fields.get("SEND", ())), None)


def without_names(message, is_ignored):
    names = message.fields.get("LISTRESPONSE")
    if not names:
        return message
    return message._replace(fields={"LISTRESPONSE": [name for name in names if not is_ignored(name)]})


# Rooms: docs/rooms.md


def enter_room(room, key=None):
    return {"JOIN": [room] + [key] * bool(key)}


def leave_room(room):
    return {"PART": [room]}


def say_in_room(me, room, text):
    return {"SEND": [me, room, text]}


def list_rooms(pattern=None):
    return {"ROOMS": [pattern] * bool(pattern)}


def manage_room(room, act, about="", text=""):
    return {"MANAGE": list(filter(None, (room, act, about, text)))}


def heard_in_room(message):
    items = message.fields.get("SEND", ())
    return parted_room_talk(items[0], items[2]) if len(items) == 3 else None


def parted_room_talk(room, text):
    """(room, who, text) of what a room says as if it were a user: `ann: hi`, or `* bob joined`; None for people."""
    if not room.startswith("#"):
        return None
    if text.startswith("* "):
        return room, None, text[2:]
    who, _, said = text.partition(": ")
    return room, who, said
