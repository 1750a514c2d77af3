r"""The `dollar` protocol of document 004: "$", a length, a dictionary as text, "$".

    size  field
    1     "$"
    10    the length of the data in bytes: decimal digits, then spaces
    n     the data: a dictionary in UTF-8, in Python's notation or in JSON's
    1     "$"

Written from the document alone, independently of our server. The document does not give the width of the length; its
clients write and read ten bytes. An unpadded length is decoded as well.

The fields of a message are those of the dictionary, and `form`, which is not sent. It gives the encoding if that is not
the usual one: "json", or with an unpadded length "bare" or "json bare". For invalid messages `data` is the text to send
instead, and `length` replaces the right length. A received message that is invalid has only `broken`, which says why.
"""
import json
import re
from collections import deque

from parley.conformance.message import Message, strict_json
from parley.conformance.wire.delimited import parted_room_talk

NAME = "dollar"
STRUCTURED = FRAMED = CAN_WHISPER = STORES_MESSAGES = HAS_ROOMS = True
HEARS_BEFORE_LOGIN = False
FIELDS = None

LENGTH_BYTES = 10
LOBBY = "lobby"
PYTHON, JSON, BARE = "", "json", "bare"

_PROBE = "~probe"  # an unknown purpose
_UNASKED = ("reload_user_list", "receive_message", "continue_reload_message_list")  # purposes of what answers nothing
_NONCE = re.compile(r"~sync[0-9]+")

_LONGEST = 1 << 24  # bytes; a longer length is an error
_DEEPEST = 16

_LENGTH = re.compile(rb"(?=[0-9 ]{10})([0-9]+) *\Z|([0-9]+)(?=[^0-9 ])")
_PARTIAL_LENGTH = re.compile(rb" *[0-9]* *")

_STRING = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
_TOKEN = re.compile(r"\s*(?:(?P<mark>[{}\[\]:,])|(?P<string>%s)|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<word>[A-Za-z]+))"
                    % _STRING)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_LETTERS = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
_HALF = re.compile("[\ud800-\udfff]")
_WORDS = {"True": True, "False": False, "None": None}


class NotReadable(ValueError):
    """The text is not a dictionary in either encoding; the argument says what is wrong."""


def encode(message, me=None):
    """The bytes of one message, in the encoding that its `form` names."""
    fields = dict(message)
    form = fields.pop("form", PYTHON)
    length = fields.pop("length", None)
    data = fields.pop("data") if "data" in fields else json.dumps(fields) if form.startswith(JSON) else repr(fields)
    data = data if isinstance(data, bytes) else data.encode("utf-8")
    size = "%d" % len(data) if length is None else length
    padded = size if form.endswith(BARE) or length is not None else size.ljust(LENGTH_BYTES)
    return b"$" + padded.encode("utf-8") + data + b"$"


class Decoder:
    """Bytes in, messages out. After an invalid length or a missing "$" the rest of the stream cannot be decoded."""

    _length = _LENGTH

    def __init__(self):
        self.unfinished = b""
        self._lost = False

    def feed(self, data):
        self.unfinished += data
        found = []
        while self.unfinished and not self._lost:
            message = self._next()
            if message is None:
                break
            found.append(message)
        return found

    def _next(self):
        held = self.unfinished
        head = held[1:1 + LENGTH_BYTES]
        length = self._length.match(head)
        if held[:1] != b"$":
            return self._lose("no dollar sign before the length")
        if not length:
            is_partial = len(head) < LENGTH_BYTES and _PARTIAL_LENGTH.fullmatch(head)
            return None if is_partial else self._lose("no length after the dollar sign")
        size, start = int(length.group(length.lastindex)), 1 + length.end()
        if size > _LONGEST:
            return self._lose("length %d" % size)
        if len(held) <= start + size:
            return None
        if held[start + size:start + size + 1] != b"$":
            return self._lose("no dollar sign after the data")
        self.unfinished = held[start + size + 1:]
        fields = _fields_of(held[start:start + size], BARE if length.lastindex == 2 else "")
        return Message(fields, held[:start + size + 1])

    def _lose(self, why):
        self._lost = True
        return Message({"broken": why}, self.unfinished[:20])


class _SentDecoder(Decoder):
    """For what a client sends: the padding of its length may come first."""

    _length = re.compile(rb"(?=[0-9 ]{10}) *([0-9]+) *\Z|([0-9]+)(?=[^0-9 ])")


def repaired(message):
    """The message with U+FFFD for each half of a character, where nothing else is wrong with it; else as it is."""
    data = message.raw.partition(b"{")[2].rpartition(b"$")[0]
    try:
        fields = _PythonReader("{" + data.decode("utf-8")).read()
    except (UnicodeDecodeError, NotReadable):
        return message
    return message._replace(fields=_without_halves(fields)) if isinstance(fields, dict) else message


def _without_halves(value):
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_halves(one) for one in value]
    return _HALF.sub("\ufffd", value) if isinstance(value, str) else value


def _fields_of(data, bare):
    try:
        fields, form = read_dictionary(data.decode("utf-8"))
    except UnicodeDecodeError:
        return {"broken": "not UTF-8: %s" % data.decode("utf-8", "backslashreplace")}
    except NotReadable as why:
        return {"broken": "%s: %s" % (why, data.decode("utf-8", "backslashreplace"))}
    form = " ".join(filter(None, (form, bare)))
    return dict(fields, form=form) if form else fields


def read_dictionary(text):
    # type: (str) -> Tuple[dict, str]
    """(dictionary, form) from a text, as JSON or as a Python literal, without evaluating it; raises NotReadable."""
    if len(text) > _LONGEST:
        raise NotReadable("too long")
    found, form = _read_json(text), JSON
    if found is None:
        found, form = _PythonReader(text).read(), PYTHON
    if not isinstance(found, dict):
        raise NotReadable("not a dictionary")
    if _has_half_characters(found):
        raise NotReadable("half a character")
    return found, form


def _read_json(text):
    """The value of a JSON text; None if it is not JSON by the letter of RFC 8259."""
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        return None


def _has_half_characters(value):
    """Whether a string in the value has a lone surrogate, which cannot be encoded as UTF-8."""
    if isinstance(value, dict):
        return any(_has_half_characters(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(_has_half_characters(one) for one in value)
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)


class _PythonReader:
    """Parses what `repr` writes for dictionaries, lists, strings, numbers, True, False and None, and nothing else."""

    def __init__(self, text):
        self._text = text
        self._tokens = []
        position, end = 0, len(text.rstrip())
        while position < end:
            token = _TOKEN.match(text, position)
            if not token:
                raise NotReadable("not a literal at %d" % position)
            self._tokens.append((token.lastgroup, token.group(token.lastgroup)))
            position = token.end()
        self._tokens.reverse()

    def read(self):
        value = self._value(_DEEPEST)
        if self._tokens:
            raise NotReadable("text after the value")
        return value

    def _take(self):
        if not self._tokens:
            raise NotReadable("it ends too early")
        return self._tokens.pop()

    def _value(self, depth):
        kind, word = self._take()
        if not depth:
            raise NotReadable("too deep")
        if kind == "string":
            return _unescaped(word)
        if kind == "number" and len(word) < 20:
            return float(word) if "." in word else int(word)
        if kind == "word" and word in _WORDS:
            return _WORDS[word]
        if word == "{":
            return self._dictionary(depth - 1)
        if word == "[":
            return self._several("]", lambda: self._value(depth - 1))
        raise NotReadable("%s instead of a value" % word[:20])

    def _dictionary(self, depth):
        pairs = self._several("}", lambda: self._pair(depth))
        if len(dict(pairs)) < len(pairs):
            raise NotReadable("a key twice")
        return dict(pairs)

    def _pair(self, depth):
        kind, key = self._take()
        if kind != "string" or self._take() != ("mark", ":"):
            raise NotReadable("%s instead of a key" % key[:20])
        return _unescaped(key), self._value(depth)

    def _several(self, end, read_one):
        """The items up to the closing bracket `end`."""
        found = []
        if self._tokens and self._tokens[-1] == ("mark", end):
            self._tokens.pop()
            return found
        while True:
            found.append(read_one())
            mark = self._take()
            if mark == ("mark", end):
                return found
            if mark != ("mark", ","):
                raise NotReadable("%s instead of a comma" % mark[1][:20])


def _unescaped(literal):
    """The value of a string literal."""
    return _ESCAPE.sub(_character, literal[1:-1])


def _character(escape):
    code = escape.group(1) or escape.group(2) or escape.group(3)
    if code:
        if int(code, 16) > 0x10FFFF:
            raise NotReadable("not a character: %s" % escape.group())
        return chr(int(code, 16))
    if escape.group(4) not in _LETTERS:
        raise NotReadable("an escape that not every reader knows: %s" % escape.group())
    return _LETTERS[escape.group(4)]


class ClientState:
    """See `ClientState` in `conformance.wire`.

    A reply has the purpose of its request, and replies of each purpose come in the order of the requests.
    """

    def __init__(self):
        self.name = None
        self._frames = _SentDecoder()
        self._logins = deque()
        self._messages = deque()
        self.pending = deque()  # the purposes of the requests that have no answer, None where they have none
        self.histories = deque()  # the users whose histories were asked for, and have not come
        self.form = PYTHON  # of what was sent last

    @property
    def at_message_boundary(self):
        return not self._frames.unfinished

    @property
    def awaits_login(self):
        return bool(self._logins)

    def sent(self, data, own=False):
        for message in self._frames.feed(data):
            self.form = message.fields.get("form", PYTHON)
            if message.fields.get("purpose") == "login":
                self._logins.append(message.fields.get("username"))
            elif message.fields.get("purpose") == "send_message":
                self._messages.append(own)
            elif message.fields.get("purpose") == "start_reload_message_list":
                self.histories.append(message.fields.get("target_user"))
            purpose = message.fields.get("purpose")
            self.pending.append(purpose if isinstance(purpose, str) else None)

    def received(self, message):
        purpose, result = message.fields.get("purpose"), message.fields.get("result")
        if purpose == "login" and self._logins:
            name = self._logins.popleft()
            self.name = name if result is True else self.name
        elif purpose == "send_message" and self._messages:
            return self._messages.popleft()
        return purpose == _PROBE

    def answered(self, purpose):
        """The request of this purpose has its answer, and those before it will have none.

        If there is no such request, it was one that only the server can read.
        """
        if purpose not in self.pending and self.pending and self.pending[0] is None and purpose not in _UNASKED:
            self.pending.popleft()
        while purpose in self.pending and self.pending.popleft() != purpose:
            pass

    def is_echo(self, message):
        return False


def login(name):
    return None


def probe():
    return {"purpose": _PROBE}


def is_probe_reply(message):
    return message.fields.get("purpose") == _PROBE or message.fields.get("result") is False


def list_users():
    return None


def say(me, text):
    return whisper(me, LOBBY, text)


def whisper(me, to, text):
    return {"purpose": "send_message", "from_user": me, "to_user": to, "message": text}


def marker_in(message):
    """Talk in the room comes from `lobby`, and its text begins with the speaker."""
    sender, text = message.fields.get("from_user"), message.fields.get("message")
    if sender == LOBBY and isinstance(text, str):
        sender, _, text = text.partition(": ")
    return (sender, text) if isinstance(text, str) and _NONCE.fullmatch(text) else None


def goodbyes():
    """What a user sends before closing the connection: bytes; and what, if there is no answer.

    A server that has lost its place in the stream may take the `$` that ends a packet for the beginning of the next.
    """
    goodbye = encode({"purpose": "exit"})
    return goodbye, b"$" + goodbye


def names_in(message):
    return [one["username"] for one in _users(message)]


def subject_of(message):
    heard = heard_in_room(message)
    if heard:
        return heard[1]
    sender, text = message.fields.get("from_user"), message.fields.get("message")
    name = text.partition(": ")[0] if sender == LOBBY and isinstance(text, str) else sender
    return name if isinstance(name, str) else None


def without_names(message, is_ignored):
    if not _users(message):
        return message
    users = [one for one in message.fields["users"] if not (isinstance(one, dict) and is_ignored(one.get("username")))]
    return message._replace(fields=dict(message.fields, users=users))


def _users(message):
    """The entries in a list of users that have a name."""
    users = message.fields.get("users")
    return [one for one in users if isinstance(one, dict) and "username" in one] if isinstance(users, list) else []


# Rooms: docs/rooms.md


def enter_room(room, key=None):
    return dict({"purpose": "join_room", "room": room}, **({"key": key} if key else {}))


def leave_room(room):
    return {"purpose": "leave_room", "room": room}


def say_in_room(me, room, text):
    return whisper(me, room, text)


def list_rooms(pattern=None):
    return dict({"purpose": "list_rooms"}, **({"pattern": pattern} if pattern else {}))


def manage_room(room, act, about="", text=""):
    fields = {"purpose": "room", "room": room, "act": act}
    fields.update((key, value) for key, value in (("about", about), ("text", text)) if value)
    return fields


def heard_in_room(message):
    room, text = message.fields.get("from_user"), message.fields.get("message")
    return parted_room_talk(room, text) if isinstance(room, str) and isinstance(text, str) else None
