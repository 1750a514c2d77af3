r"""Clients of the seven protocols, small and strict: what they make of bytes, and how they write what they have to say.

Written from the documents and from what the server promises, sharing no code with it. The frames are those of the
suite's codecs. The readers are not, as they are stricter than any client: they raise NotClean for every byte that a
client of the protocol should never get. What they hear:

    Heard(kind, sender, text, time)

    said, whispered   somebody said it, to all or to the reader alone (delimited cannot tell these apart: "sent")
    echo              what the reader itself sent comes back (delimited)
    done, refused     answers; the text is what they answer, or why
    joined, left, renamed, users, user, farewell, accounts ...: the text is the name, or a tuple of what is listed
    said in           somebody said it in a room: the text is (room, what was said), as the sender meant its line ends
    happened          the server tells it of a room: the text is (room, the sentence), the room "" if it is none or all
    rooms, members, topic: what was asked for, as it is listed

`time` is what the protocol shows of it, or None.
"""
import ast
import json
import re
import struct
import threading
import unicodedata
from collections import namedtuple

from parley.conformance.wire import binary, delimited, dollar, padded, web

Heard = namedtuple("Heard", "kind sender text time")


class NotClean(AssertionError):
    """No client should ever get these bytes."""


def heard(kind, sender="", text="", time=None):
    return Heard(kind, sender, text, time)


def must(condition, what):
    if not condition:
        raise NotClean(repr(what))


def without_controls(text, but="\t"):
    """`text`, in which nothing acts on a terminal."""
    must(all(one in but or unicodedata.category(one) not in ("Cc", "Zl", "Zp", "Cs") for one in set(text)), text)
    return text


_PARSING = threading.Lock()  # two threads in it at once sometimes break it for the whole process (seen with 3.11.7)


def literal(text):
    """What a client of the binary or dollar protocol makes of a value: a literal of Python."""
    with _PARSING:
        return ast.literal_eval(text)  # noqa: TID251


class Reader:
    """feed(bytes); `heard` is all that was heard so far, `rest` what has only begun; `answer` is to be sent at once."""

    answer = b""

    def __init__(self, me):
        self.me = me
        self.heard = []
        self.rest = b""

    def feed(self, data):
        self.rest += data
        while True:
            size, event = self.first(self.rest)
            if not size:
                return
            self.rest = self.rest[size:]
            if event is not None:
                self.heard.append(event)


# ---- line

class Line(Reader):
    def first(self, data):
        end = data.find(b"\n")
        if end < 0:
            return 0, None
        line = without_controls(data[:end].decode())
        word, space, rest = line.partition(" ")
        must(word in self._KINDS and bool(space) == (word in ("MSG", "DM", "INFO", "ERR", "USER")), line)
        return end + 1, getattr(self, "_" + self._KINDS[word])(rest)

    _KINDS = {
        "MSG": "said", "DM": "whispered", "INFO": "info", "ERR": "err", "USER": "user", "OK": "ok", "PONG": "pong",
    }

    def _said(self, rest, kind="said"):
        sender, space, text = rest.partition(" ")
        must(sender and text, rest)
        return heard(kind, sender, text)

    def _whispered(self, rest):
        return self._said(rest, "whispered")

    def _info(self, rest):
        left = re.fullmatch(r"([^ ]+) disconnected", rest)
        renamed = re.fullmatch(r"([^ ]+) is now ([^ ]+)", rest)
        if left:
            return heard("left", text=left.group(1))
        if renamed:
            return heard("renamed", text=renamed.groups())
        must(re.fullmatch(r"[a-z]+(-[a-z]+)*", rest), rest)
        return heard("farewell", text=rest)

    def _err(self, rest):
        must(re.fullmatch(r"[a-z]+(-[a-z]+)*", rest), rest)
        return heard("refused", text=rest)

    def _user(self, rest):
        must(rest and " " not in rest, rest)
        return heard("user", text=rest)

    def _ok(self, rest):
        return heard("done", text="login")

    def _pong(self, rest):
        return heard("done", text="ping")


# ---- rooms

def a_room(room):
    """Could this be the name of a room?"""
    return room[:1] == "#" and len(room) > 1 and not re.search(r"[\s,:|]", room)


def line_ends(text):
    """A text of several lines, none of which but the first begins like a message: as it was meant."""
    must(re.fullmatch("(?:[^\n]|\n\t)*", text), text)
    return text.replace("\n\t", "\n")


def from_room(room, text):
    """What comes from a room that is a user: somebody's words, or what has happened there."""
    if text.startswith("* "):
        return heard("happened", text=(room, line_ends(text[2:])))
    sender, colon, said = text.partition(": ")
    must(colon and sender and " " not in sender and said, text)
    return heard("said in", sender, (room, line_ends(said)))


# ---- binary

BINARY_HEADER = struct.Struct(">BIII10sI")


class Binary(Reader):
    def first(self, data):
        if len(data) < BINARY_HEADER.size:
            return 0, None
        version, code, name_size, size, name, time = BINARY_HEADER.unpack_from(data)
        must(version == 1 and name_size <= 10 and name[name_size:].strip(b"\0") == b"", data[:27])
        must(BINARY_HEADER.size + size <= 2048 or code in (210, 303, 407, 410), data[:27])
        if len(data) < BINARY_HEADER.size + size:
            return 0, None
        sender = without_controls(name[:name_size].decode(), "")
        text = without_controls(data[BINARY_HEADER.size:BINARY_HEADER.size + size].decode(), "\t\n")
        return BINARY_HEADER.size + size, self._event(code, sender, text, time)

    def _event(self, code, sender, text, time):
        if code == 100:
            must(text and sender != "server", text)
            if text.startswith("[direct] "):
                return heard("whispered", sender, text[len("[direct] "):], time)
            return heard("said", sender, text, time)
        if code == 404:
            room, blank, text = text.partition(" ")
            must(a_room(room) and blank and text and sender != "server" and "[direct] " not in text, text)
            return heard("said in", sender, (room, text), time)
        must(sender == "server", sender)
        if code == 101:
            return heard("happened", text=("", line_ends(text)))
        if code == 409:
            must("\n" not in text and a_room(text.partition(" ")[0]) and text.partition(" ")[2], text)
            return heard("happened", text=(text.partition(" ")[0], text.partition(" ")[2]))
        if code in (401, 402):
            must("\n" not in text and (code == 402 or a_room(text.partition(" ")[0])), text)
            return heard({401: "done", 402: "refused"}[code], text=text)
        if code in (407, 410):
            room, _, listed = text.partition(" ") if code == 410 else ("", "", text)
            value = literal(listed)
            must(type(value) is list and repr(value) == listed and (code == 407 or a_room(room)), text)
            return heard({407: "rooms", 410: "members"}[code], text=tuple(value))
        if code in self._FORMS:
            kind, pattern = self._FORMS[code]
            found = re.fullmatch(pattern, text)
            must(found, text)
            return heard(kind, text=found.group(1) if len(found.groups()) == 1 else found.groups())
        if code in (210, 303):
            value = literal(text) if text else ()
            must(type(value) is {210: tuple, 303: list}[code] and repr(value) == text or not text, text)
            return heard({210: "user", 303: "users"}[code], text=tuple(value))
        must(code in self._ANSWERS, code)
        kind, answers = self._ANSWERS[code]
        must(code in (102, 204, 206, 209, 212) or not text, text)
        return heard(kind, text=answers or text)

    _FORMS = {
        300: ("joined", r"([^ ]+) joined!"), 301: ("left", r"([^ ]+) left!"),
        302: ("renamed", r"user '([^ ]+)' changed username to '([^ ]+)'!"),
    }
    _ANSWERS = {
        102: ("refused", ""), 204: ("refused", "rename"), 206: ("done", ""), 207: ("done", "login"),
        208: ("done", "quit"), 209: ("refused", "login"), 212: ("done", "ping"),
    }


# ---- padded

class Padded(Reader):
    """Nothing marks the end of a message: it ends where the next one begins. So the last one heard may still grow."""

    _BEGINNING = re.compile(rb"\[[0-9]{2}:[0-9]{2} [AP]M\] |\[ERROR\] |\[SERVER\] |Msg received")

    def feed(self, data):
        self.rest += data
        if self.rest:
            begins = [found.start() for found in self._BEGINNING.finditer(self.rest)]
            if not begins and len(self.rest) < len("Msg received"):
                return  # not even a beginning
            must(begins and begins[0] == 0, self.rest)
            messages = [self.rest[start:end] for start, end in zip(begins, begins[1:] + [len(self.rest)])]
            self.heard = self.heard[:-1] if self._grows else self.heard
            self.heard += filter(None, map(self._message, messages))
            self.rest, self._grows = messages[-1], self._message(messages[-1]) is not None

    _grows = False

    def _message(self, data):
        text = without_controls(data.decode("utf-8", "ignore"))
        talk = re.fullmatch(r"\[(\d\d:\d\d [AP]M)\] ([^ ]+)( \(direct\))?: (.+)", text, re.DOTALL)
        if talk:
            time, sender, direct, said = talk.groups()
            return heard("whispered" if direct else "said", sender, said, time)
        if text.startswith("Msg received"):
            behind = text[len("Msg received"):]  # nothing, or what may become a beginning
            must(len(behind) < len("[05:55 AM] ") and behind[:1] in ("", "[", "M"), text)
            return heard("done", text="said")
        if text.startswith(("[0", "[1")):
            return None  # not all of it is here
        kind, _, why = text.partition(" ")
        return heard({"[ERROR]": "refused", "[SERVER]": "farewell"}[kind], text=why) if why else None


# ---- delimited

_CODE_POINT = re.compile(r"\\u([0-9a-f]{4})")


def delimited_escape(item, at):
    """The character that the escape at this place stands for, and the escape's length; (None, 0) if there is none."""
    found = _CODE_POINT.match(item, at)
    if not found:
        return None, 0
    code = int(found.group(1), 16)
    if 0xD800 <= code < 0xDC00:
        low = _CODE_POINT.match(item, at + 6)
        low = int(low.group(1), 16) if low else 0
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), 12
        return None, 0
    if 0xDC00 <= code < 0xE000:
        return None, 0
    if code in (0x5C, 0x7C) or code > 0x7E or code < 0x20 and code not in (9, 10):
        return chr(code), 6
    return None, 0


def read_item(item):
    if "\\" not in item:
        return item
    text, at = "", 0
    while at < len(item):
        character, size = delimited_escape(item, at) if item[at] == "\\" else (None, 0)
        text += character or item[at]
        at += size or 1
    return text


def write_item(text):
    """As the server has to write it, too."""
    bars = {at for run in re.finditer(r"\|{3,}|\A\||\|\Z", text) for at in range(*run.span())}
    written = ""
    for at, character in enumerate(text):
        plain = " " <= character <= "~" or character in "\t\n"
        if not plain or at in bars or character == "\\" and delimited_escape(text, at)[1]:
            units = character.encode("utf-16-be")
            written += "".join("\\u%02x%02x" % pair for pair in zip(units[::2], units[1::2]))
        else:
            written += character
    return written


class Delimited(Reader):
    def first(self, data):
        must(data[:1] in (b"", b"\0"), data[:42])
        if len(data) < 42:
            return 0, None
        end = 42 + int.from_bytes(data[2:42], "big")
        if len(data) < end:
            return 0, None
        items = data[42:end].decode("ascii").split("|||") if end > 42 else []
        for item in items:
            without_controls(item, "\t\n")
            must(item and item == item.strip("|") and write_item(read_item(item)) == item, item)
        return end, getattr(self, "_command_%d" % data[1], self._unknown)([read_item(item) for item in items])

    def _unknown(self, items):
        raise NotClean(items)

    def _command_2(self, items):
        must(len(items) == 3, items)
        sender, to, text = items
        if sender == self.me and to != self.me:
            return heard("echo", to, text)
        must(to == self.me, items)
        if sender == "lobby":
            must(text.startswith("* "), text)
            return heard("happened", text=("", line_ends(text[2:])))
        if a_room(sender) and re.match(r"\* |[^ ]+: ", text):  # what else is from a user of an old name like that
            return from_room(sender, text)
        return heard("sent", sender, text)

    def _command_6(self, items):
        must(len(items) < 2, items)
        return heard("refused", text=items[0]) if items else heard("done", text="login")

    def _command_7(self, items):
        return heard("accounts", text=tuple(items))

    def _command_12(self, items):
        must(all("\n" not in item for item in items), items)
        return heard("listed", text=tuple(items))


# ---- dollar

class Dollar(Reader):
    _read = staticmethod(literal)
    _HALF_CHARACTER = re.compile(r"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")

    def first(self, data):
        must(data[:1] in (b"", b"$"), data[:11])
        if len(data) < 11:
            return 0, None
        must(re.fullmatch(rb"[0-9]+ *", data[1:11]), data[:11])
        end = 11 + int(data[1:11])
        if len(data) <= end:
            return 0, None
        must(data[end:end + 1] == b"$", data[end:end + 1])
        text = without_controls(data[11:end].decode(), "")
        must(not self._HALF_CHARACTER.search(text), text)  # Python would read it as one
        fields = self._read(text)
        _must_be_plain(fields)
        return end + 1, self._event(fields)

    def _event(self, fields):
        purpose = fields.pop("purpose")
        if purpose == "receive_message":
            sender, text = fields.pop("from_user"), fields.pop("message")
            must(not fields and sender and text, fields)
            if sender == "lobby" and text.startswith("* "):
                return heard("happened", text=("", line_ends(text[2:])))
            if a_room(sender) and re.match(r"\* |[^ ]+: ", text):  # what else is from a user of an old name like that
                return from_room(sender, text)
            if sender == "lobby":
                sender, colon, text = text.partition(": ")
                must(colon and " " not in sender, text)
                return heard("said", sender, text)
            return heard("whispered", sender, text)
        if purpose == "reload_user_list":
            users = [(user.pop("username"), user.pop("status")) for user in fields["users"]]
            must(not any(fields.pop("users")) and not fields, fields)
            return heard("users", text=tuple(users))
        result = fields.pop("result")
        if purpose == "list_rooms" and result:
            rooms = [tuple(one.pop(key) for key in ("room", "members", "topic", "joined")) for one in fields["rooms"]]
            must(not any(fields.pop("rooms")) and not fields, fields)
            return heard("rooms", text=tuple(rooms))
        if purpose == "room" and result and fields:
            (kind, value), = fields.items()
            must(kind in ("users", "topic"), fields)
            return heard("members", text=tuple(one["username"] for one in value)) if kind == "users" else heard(
                "topic", text=value)
        if not result and purpose in ("join_room", "leave_room", "list_rooms", "room", "send_message"):
            fields.pop("reason", None)
        must(type(result) is bool and not fields, fields)
        return heard("done" if result else "refused", text=purpose)


class DollarJson(Dollar):
    _read = staticmethod(json.loads)


def _must_be_plain(value, depth=0):
    """Nothing but dictionaries, lists, texts, whole numbers, True and False; no half characters."""
    must(depth < 8 and type(value) in (dict, list, str, int, bool), value)
    for inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        for part in inner:
            _must_be_plain(part, depth + 1)
    if isinstance(value, str):
        value.encode()


# ---- web

class Web(Reader):
    def first(self, data):
        if data.startswith(b"HTTP/1.1 101 "):
            end = data.find(b"\r\n\r\n") + 4
            return (end, heard("opened")) if end > 3 else (0, None)
        if len(data) < 2:
            return 0, None
        must(data[0] in (0x81, 0x88, 0x89) and data[1] < 128, data[:2])
        size, start = data[1], {126: 4, 127: 10}.get(data[1], 2)
        if start > 2:
            size = int.from_bytes(data[2:start], "big") if len(data) >= start else 1 << 62
            must(size > {4: 125, 10: 65535}[start], data[:10])
        if len(data) < start + size:
            return 0, None
        content = data[start:start + size]
        if data[0] == 0x89:
            self.answer = web.encode({"frame": "pong", "content": content})
            return start + size, None
        if data[0] == 0x88:
            return start + size, heard("closed")
        fields = json.loads(content.decode(), object_pairs_hook=_once_each)
        _must_be_plain(fields)
        event = getattr(self, "_" + fields.pop("on"))(fields)
        must(not fields, fields)
        return start + size, event

    def _talk(self, fields):
        must(type(fields.pop("n")) is int, fields)
        return fields.pop("by"), without_controls(fields.pop("text"), "\t\n"), fields.pop("at")

    def _said(self, fields):
        room, (sender, text, time) = _room(fields), self._talk(fields)
        must(sender and text, text)
        return heard("said in", sender, (room, text), time) if room else heard("said", sender, text, time)

    def _whispered(self, fields):
        must(fields.pop("to") == self.me, fields)
        return heard("whispered", *self._talk(fields))

    def _happened(self, fields, sentence):
        return heard("happened", text=(_room(fields), without_controls(sentence.replace("\n", "\u2424"))))

    def _came(self, kind, fields):
        name = without_controls(fields.pop("name"), "")
        if fields["room"] != web.LOBBY:
            return self._happened(fields, "%s %s" % (name, kind))
        return heard(kind, text=name, sender=_room(fields))

    def _joined(self, fields):
        return self._came("joined", fields)

    def _left(self, fields):
        return self._came("left", fields)

    def _renamed(self, fields):
        names = fields.pop("old"), fields.pop("new")
        if fields["room"] != web.LOBBY:
            return self._happened(fields, "%s is now %s" % names)
        return heard("renamed", text=names, sender=_room(fields))

    _ACTS = {
        "kick": "kicked %s", "ban": "banned %s", "unban": "unbanned %s", "mute": "muted %s", "unmute": "unmuted %s",
        "voice": "gave %s a voice", "devoice": "took %s's voice", "op": "made %s an op",
        "deop": "made %s an ordinary member", "invite": "invited %s",
    }

    def _managed(self, fields):
        act, by, name, text = (fields.pop(key) for key in ("act", "by", "name", "text"))
        if act in self._ACTS:
            must(name and (not text or act in ("kick", "ban", "mute") or (act, text) == ("deop", "voice")), act)
            done = self._ACTS[act] % name + (" with a voice" if act == "deop" and text else ": " + text if text else "")
        elif act == "set":
            done = "set %s: %s" % (name, text) if name != "key" else "changed the key" + text
        else:
            must(act in ("topic", "drop") and not name and (not text or act == "topic"), act)
            done = "closed the room" if act == "drop" else "set the topic: " + text if text else "took the topic away"
        return self._happened(fields, "%s %s" % (by, done))

    def _invited(self, fields):
        return heard("happened", text=("", "%s invites you to %s" % (fields.pop("by"), _room(fields))))

    def _notice(self, fields):
        return heard("happened", text=("", without_controls(fields.pop("text"), "\t\n")))

    def _welcome(self, fields):
        must(all(type(fields.pop(key)) is kind for key, kind in (
            ("name", str), ("account", bool), ("session", str), ("me", int), ("read", dict))), fields)
        return heard("done", text="login")

    def _done(self, fields):
        must(all(type(fields.pop(key, 0)) is int for key in ("n", "at")), fields)
        return heard("done")

    def _no(self, fields):
        why = fields.pop("why")
        must(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", why) and fields.pop("text"), why)
        return heard("refused", text=why)

    def _who(self, fields):
        _room(fields)
        return heard("members", text=tuple(fields.pop("names")))

    def _rooms(self, fields):
        rooms = [tuple(one.pop(key) for key in ("room", "members", "topic", "inside")) for one in fields["rooms"]]
        must(not any(fields.pop("rooms")), fields)
        return heard("rooms", text=tuple(rooms))

    def _topic(self, fields):
        must(type(fields.pop("by")) is str and type(fields.pop("at")) is int and a_room(fields.pop("room")), fields)
        return heard("topic", text=fields.pop("topic"))


def _once_each(pairs):
    must(len(dict(pairs)) == len(pairs), pairs)
    return dict(pairs)


def _room(fields):
    """The room in which it is, as "" if that is the lobby."""
    room = fields.pop("room")
    must(a_room(room), room)
    return "" if room == web.LOBBY else room


# ---- irc

class Irc(Reader):
    """Who is in #lobby, and nowhere else."""

    def first(self, data):
        end = data.find(b"\r\n")
        if end < 0:
            return 0, None
        line = without_controls(data[:end].decode())
        source, command, args = re.fullmatch(r"(?::([^ ]+) )?([A-Z]+|[0-9]{3})((?: [^ ]+)*(?: :.*)?)", line).groups()
        middle, colon, last = args.partition(" :")
        args = middle.split() + [last] * bool(colon)
        must(len(args) <= 15, line)
        return end + 2, self._happened((source or "").partition("!")[0], command, args)

    def _happened(self, by, command, args):
        if command == "PRIVMSG":
            target, text = args
            must(text and target in ("#lobby", self.me), args)
            return heard("said" if target == "#lobby" else "whispered", by, text)
        if command == "PING":
            self.answer += b"PONG :%b\r\n" % args[-1].encode()
            return None
        if command in ("JOIN", "PART", "QUIT"):
            must(command == "QUIT" or args[0] == "#lobby", args)
            return heard("joined" if command == "JOIN" else "left", text=by) if by != self.me else None
        if command == "NICK":
            return heard("renamed", text=(by, args[0]))
        if command in ("PONG", "422", "376"):
            return heard("done", text="ping" if command == "PONG" else "login")
        if command == "ERROR":
            return heard("farewell", text=args[-1])
        must(command.isdigit() or command == "FAIL", command)
        return heard("refused", text=command) if command == "FAIL" or command[0] in "45" else None


READERS = {
    "irc": Irc, "line": Line, "binary": Binary, "padded": Padded, "delimited": Delimited, "dollar": Dollar,
    "dollar-json": DollarJson, "web": Web,
}


# ---- what clients write; payloads and names are bytes, so that they can be wrong

def binary_frame(code, content, sender=b"", time=1500000000):
    return binary.encode({"type": code, "content": content, "user": sender, "user_length": len(sender), "time": time})


def padded_frame(body):
    return padded.encode(body)


def delimited_frame(command, *items):
    return delimited.encode({"command": command, "data": b"|||".join(items)})


def dollar_packet(data):
    return dollar.encode({"data": data})


def delimited_item(payload):
    """In the escape notation; raw where it is not even UTF-8."""
    try:
        return write_item(payload.decode()).encode()
    except UnicodeDecodeError:
        return payload


def python_text(**fields):
    return b"{%b}" % b", ".join(b"%b: %b" % (_python(key.encode()), _python(value)) for key, value in fields.items())


def json_text(**fields):
    return b"{%b}" % b", ".join(b"%b: %b" % (_json(key.encode()), _json(value)) for key, value in fields.items())


def _python(raw):
    try:
        return repr(raw.decode()).encode()
    except UnicodeDecodeError:
        return b"'%b'" % raw


def _json(raw):
    try:
        return json.dumps(raw.decode()).encode()
    except UnicodeDecodeError:
        return b'"%b"' % raw


_TEXTS = {"dollar": python_text, "dollar-json": json_text}


def web_message(do, **fields):
    """A frame; where a value is not UTF-8, each wrong byte is half a surrogate pair."""
    values = {key: value.decode("utf-8", "surrogateescape") for key, value in fields.items() if value is not None}
    return web.encode(dict(values, do=do))


def says(protocol, me, payload):
    """The bytes by which the client `me` says `payload` in the room."""
    if protocol == "line":
        return b"MSG %b\n" % payload
    if protocol == "binary":
        return binary_frame(100, payload, me[:10])
    if protocol == "padded":
        return padded_frame(b"[05:55 AM] %b: %b" % (me, payload))
    if protocol == "web":
        return web_message("say", text=payload)
    return whispers(protocol, me, b"#lobby" if protocol == "irc" else b"lobby", payload)


def whispers(protocol, me, to, payload):
    """The bytes by which it says that to one."""
    if protocol == "line":
        return b"DM %b %b\n" % (to, payload)
    if protocol == "irc":
        return b"PRIVMSG %b :%b\r\n" % (to, payload)
    if protocol == "delimited":
        return delimited_frame(2, delimited_item(me), delimited_item(to), delimited_item(payload))
    if protocol == "web":
        return web_message("whisper", to=to, text=payload)
    return dollar_packet(_TEXTS[protocol](purpose=b"send_message", from_user=me, to_user=to, message=payload))


def says_in(protocol, me, room, payload):
    """The bytes by which it says that in a room."""
    if protocol == "binary":
        return binary_frame(404, room + b" " + payload, me[:10])
    if protocol == "web":
        return web_message("say", room=room, text=payload)
    return whispers(protocol, me, room, payload)


def manages(protocol, room, act, about=None, text=None):
    """The bytes by which it asks for something to be done to a room."""
    given = [one for one in (room, act, about, text) if one is not None]
    if protocol == "binary":
        return binary_frame(408, b" ".join(given))
    if protocol == "delimited":
        return delimited_frame(11, *map(delimited_item, given))
    if protocol == "web":
        return web_message(act.decode(), room=room, name=about, text=text)
    fields = {"purpose": b"room", "room": room, "act": act, "about": about, "text": text}
    return dollar_packet(_TEXTS[protocol](**{key: value for key, value in fields.items() if value is not None}))


def enters(protocol, name, password=b""):
    """The bytes by which a client takes a name."""
    if protocol == "line":
        return b"LOGIN %b\n" % name
    if protocol == "irc":
        return b"NICK %b\r\nUSER x 0 * :x\r\nJOIN #lobby\r\n" % name
    if protocol == "binary":
        return binary_frame(200, name)
    if protocol == "padded":
        return says(protocol, name, b"hello")
    if protocol == "delimited":
        return delimited_frame(0, delimited_item(name))
    if protocol == "web":
        return web_message("login", name=name)
    return dollar_packet(_TEXTS[protocol](purpose=b"login", username=name, password=password))
