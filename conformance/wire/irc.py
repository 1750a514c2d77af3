r"""The `irc` protocol: lines of RFC 1459 and RFC 2812, with the tags and capabilities of IRCv3.

Written from the RFCs, modern.ircdocs.horse and docs/protocols/irc.md, independently of our server.

A client's message is the text of a line, or of several with CR LF between them. A server's message has the fields

    is      the command in upper case, or the number of a numeric: "PRIVMSG", "433"
    by      the nick, or the server, that it comes from; "" without a source. `mask` is its user@host, if it has one
    to      the first parameter
    about   the second of three or more parameters; of a numeric that is what it is about
    text    the last parameter
    args    all parameters
    tags    {name: value}, if there are any

What takes several numerics is one message, which is complete with the last of them, and whose `is` is a word:

    welcome     001 to 376 or 422. numerics: the numbers in their order, without repetitions; a field "002" for the last
                parameter of that numeric, and a field PREFIX for this token's value in 005
    names       353, 366. names: with prefixes, sorted
    who         352, 354, 315. rows: the parameters of each but the first, sorted
    list        321, 322, 323. rows: likewise
    bans        367, 368; excepts 348, 349; invites 346, 347. rows: the second parameter of each row (of bans, a mask)
    whois       311 to 318; whowas 314 to 369. A field "319" for the parameters of that numeric behind the nick
    motd, info, help, links, monitored      rows

`to` of these is the nick, and `about` is what the last numeric is about. A line that is none of IRC is {broken: why}.
"""
import re

from parley.conformance.message import Message

NAME = "irc"
STRUCTURED = AS_TEXT = SENDS_TEXT = CAN_WHISPER = HAS_ROOMS = True
FRAMED = HEARS_BEFORE_LOGIN = STORES_MESSAGES = False
FIELDS = None

LOBBY = "#lobby"

_LINE = re.compile(
    r"(?:@(?P<tags>[^ ]+) +)?(?::(?P<source>[^ ]+) +)?(?P<command>[A-Za-z]+|[0-9]{3})(?P<rest>(?: .*)?)", re.DOTALL)
_TAG_ESCAPES = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_OWN = "~own"  # in the suite's own requests
_NONCE = re.compile(r"~sync[0-9]+")
_PREFIXES = "~&@%+"
_ROW, _NICK = 7, 4  # so many has a row of 352, of which this is the nick

# The last numeric of an answer: (its word, the numerics that belong to it).
_ENDS = {
    "366": ("names", {"353"}),
    "315": ("who", {"352", "354"}),
    "323": ("list", {"321", "322"}),
    "368": ("bans", {"367"}),
    "349": ("excepts", {"348"}),
    "347": ("invites", {"346"}),
    "318": ("whois", {"311", "312", "313", "317", "319", "276", "307", "310", "320", "330", "335", "338", "344", "378",
                      "379", "671", "760"}),
    "369": ("whowas", {"314"}),
    "376": ("motd", {"375", "372"}),
    "374": ("info", {"371"}),
    "706": ("help", {"704", "705"}),
    "365": ("links", {"364"}),
    "733": ("monitored", {"732"}),
}
_BEGUN_BY = {numeric: end for end, (_, numerics) in _ENDS.items() for numeric in numerics}
# These belong to an answer only where it has begun.
_INSIDE = {"301": "318", "312": "369", "330": "369", "338": "369", "378": "369"}
_WELCOME = "001"
_WELCOME_ENDS = ("376", "422")


class Broken(ValueError):
    """What no server may send; the argument says why."""


def encode(message, me=None):
    """The bytes of a text, which may be several lines."""
    return message.encode("utf-8") + b"\r\n"


def parsed(line):
    """The fields of one line, bytes without its end; raises Broken."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("not UTF-8: %s" % line.decode("utf-8", "backslashreplace")) from None
    found = _LINE.fullmatch(text)
    if not found or "\0" in text or "\r" in text:
        raise Broken("not a line of IRC: %s" % text)
    source, args = found.group("source") or "", _parameters(found.group("rest"))
    nick, _, mask = source.partition("!")
    fields = {"is": found.group("command").upper(), "by": nick}
    if mask:
        fields["mask"] = mask
    fields.update(_named(args))
    if found.group("tags"):
        fields["tags"] = _tags(found.group("tags"))
    return fields


def _parameters(rest):
    middle, colon, last = rest.partition(" :")
    return _words(middle) + [last] * bool(colon)


def _words(text):
    """What stands between spaces: other white space, such as U+00A0, is like any letter."""
    return [word for word in text.split(" ") if word]


def _named(args):
    fields = {"args": args}
    if args:
        fields.update(to=args[0], text=args[-1])
    if len(args) > 2:
        fields["about"] = args[1]
    return fields


def _tags(text):
    found = {}
    for tag in text.split(";"):
        name, _, value = tag.partition("=")
        if not name or name in found:
            raise Broken("tags without a name, or with one twice: %s" % text)
        found[name] = re.sub(r"\\(.?)", lambda one: _TAG_ESCAPES.get(one.group(1), one.group(1)), value,
                             flags=re.DOTALL)
    return found


class Decoder:
    """Bytes of a server in, messages out."""

    def __init__(self):
        self.unfinished = b""
        self._welcome = None  # the numerics of a welcome that is not complete
        self._answers = {}  # {the last numeric: the fields of each so far}

    def feed(self, data):
        *lines, self.unfinished = (self.unfinished + data).split(b"\n")
        found = []
        for line in lines:
            line = line[:-1] if line.endswith(b"\r") else line
            try:
                found.extend(self._read(parsed(line)))
            except Broken as error:
                found.append(Message({"is": "broken", "by": "", "broken": str(error)}))
        return found

    def _read(self, fields):
        """The messages that are complete with this one."""
        numeric = fields["is"]
        if numeric == _WELCOME:
            self._welcome = []
        if self._welcome is not None and numeric.isdigit():
            self._welcome.append(fields)
            if numeric not in _WELCOME_ENDS:
                return []
            all_of_them, self._welcome = self._welcome, None
            return [_welcomed(all_of_them)]
        if numeric in _ENDS:
            return [_answered(_ENDS[numeric][0], self._answers.pop(numeric, []), fields)]
        end = _BEGUN_BY.get(numeric)
        if _INSIDE.get(numeric) in self._answers:
            end = _INSIDE[numeric]
        if end is None:
            return [Message(fields)]
        self._answers.setdefault(end, []).append(fields)
        return []


def _welcomed(all_of_them):
    fields = dict(all_of_them[0], **{"is": "welcome", "numerics": []})
    for one in all_of_them:
        for token in one["args"][1:-1] if one["is"] == "005" else ():
            name, _, value = token.partition("=")
            fields[name] = value
        fields.setdefault(one["is"], one["text"])
        if one["is"] not in fields["numerics"]:
            fields["numerics"].append(one["is"])
    return Message(fields)


def _answered(word, parts, last):
    """The message for the numerics of an answer."""
    fields = dict(last, **{"is": word})
    if len(last["args"]) > 1:
        fields["about"] = last["args"][1]
    if word == "names":
        fields["names"] = sorted(name for one in parts for name in _words(one["text"]))
        fields["kind"] = parts[0]["args"][1] if parts and len(parts[0]["args"]) > 3 else ""
    elif word in ("whois", "whowas"):
        for one in parts:
            fields.setdefault(one["is"], one["args"][2:])
        fields["numerics"] = [one["is"] for one in parts]
    elif word in ("bans", "excepts", "invites"):
        fields["rows"] = [one["args"][2] for one in parts if len(one["args"]) > 2]
    elif word in ("who", "list"):
        fields["rows"] = sorted(one["args"][1:] for one in parts if one["is"] != "321")
    else:
        fields["rows"] = [one["text"] for one in parts]
    return Message(fields)


class ClientState:
    """See `ClientState` in `conformance.wire`."""

    def __init__(self):
        self.name = None
        self._half_sent = b""

    @property
    def at_message_boundary(self):
        return not self._half_sent

    def sent(self, data, own=False):
        self._half_sent = (self._half_sent + data).rpartition(b"\n")[2]

    def received(self, message):
        fields = message.fields
        if fields["is"] == "welcome":
            self.name = fields.get("to")
        elif fields["is"] == "NICK" and self.name and fields["by"] == self.name:
            self.name = fields.get("to")
        return fields["is"] == "PONG" and fields.get("text") == _OWN

    def is_echo(self, message):
        fields = message.fields
        return fields["is"] in ("PRIVMSG", "NOTICE") and self.name is not None and fields["by"] == self.name


def login(name):
    return "NICK %s\r\nUSER %s 0 * :%s" % (name, name, name)


def list_users():
    """There is no list of all who are there that every server gives."""
    return None


def probe():
    return "PING " + _OWN


def is_probe_reply(message):
    """Before the registration servers answer PING by PONG, or say that one has not registered."""
    fields = message.fields
    return fields["is"] == "451" or fields["is"] == "PONG" and fields.get("text") == _OWN


def heartbeat(message):
    """A PING is answered by a PONG."""
    if message.fields["is"] == "PING":
        return "PONG :" + message.fields.get("text", "")
    return None


def say(me, text):
    return "PRIVMSG %s :%s" % (LOBBY, text)


def whisper(me, to, text):
    return "PRIVMSG %s :%s" % (to, text)


def marker_in(message):
    fields = message.fields
    to_one = fields["is"] in ("PRIVMSG", "NOTICE") and not fields["to"].startswith("#")
    return (fields["by"], fields["text"]) if to_one and _NONCE.fullmatch(fields["text"]) else None


def names_in(message):
    return [name.lstrip(_PREFIXES) for name in message.fields.get("names", ())]


def subject_of(message):
    """Whoever has done it; None for the server, and for answers."""
    return message.fields["by"] if "mask" in message.fields else None


def without_names(message, is_ignored):
    fields = message.fields
    if fields["is"] == "names":
        kept = [name for name in fields["names"] if not is_ignored(name.lstrip(_PREFIXES).partition("!")[0])]
        return message._replace(fields=dict(fields, names=kept))
    if fields["is"] == "who":
        kept = [row for row in fields["rows"] if len(row) != _ROW or not is_ignored(row[_NICK])]
        return message._replace(fields=dict(fields, rows=kept))
    return message


def summary(message):
    """The message as a line, for a transcript."""
    fields = message.fields
    if "broken" in fields:
        return fields["broken"]
    words = ["@%s" % ";".join("%s=%s" % tag for tag in fields["tags"].items())] if "tags" in fields else []
    words += [":%s" % fields["by"]] if fields["by"] else []
    words.append(fields["is"])
    own = {key: value for key, value in fields.items()
           if key in ("names", "rows", "numerics") or key.isdigit()}
    if own:
        return " ".join(words + [fields.get("about", "")] + ["%s=%s" % item for item in own.items()])
    *middle, last = fields["args"] or [None]
    return " ".join(words + middle + ([":" + last] if last is not None else []))


# Rooms: docs/rooms.md


def enter_room(room, key=None):
    return " ".join(filter(None, ("JOIN", room, key)))


def leave_room(room):
    return "PART " + room


def say_in_room(me, room, text):
    return "PRIVMSG %s :%s" % (room, text)


def list_rooms(pattern=None):
    return " ".join(filter(None, ("LIST", pattern)))


_MODES = {"op": "+o", "deop": "-o", "voice": "+v", "devoice": "-v", "ban": "+b", "unban": "-b"}
_SETTINGS = {"private": "s", "invite": "i", "moderated": "m", "key": "k", "limit": "l"}


def manage_room(room, act, about="", text=""):
    if act == "who":
        return "NAMES " + room
    if act == "topic":
        return "TOPIC %s" % room + (" :%s" % text if text else "")
    if act == "invite":
        return "INVITE %s %s" % (about, room)
    if act == "kick":
        return "KICK %s %s" % (room, about) + (" :%s" % text if text else "")
    if act == "set":
        mode = ("-" if text == "off" else "+") + _SETTINGS.get(about, about)
        return " ".join(filter(None, ("MODE", room, mode, text if about in ("key", "limit") else "")))
    return "MODE %s %s %s" % (room, _MODES.get(act, act), about)


def heard_in_room(message):
    fields = message.fields
    room, what = fields.get("to"), fields["is"]
    if not (room or "").startswith("#") or room == LOBBY:
        return None
    if what in ("PRIVMSG", "NOTICE"):
        return room, fields["by"], fields["text"]
    if what == "JOIN":
        return room, None, "%s joined" % fields["by"]
    if what == "PART":
        return room, None, "%s left" % fields["by"]
    if what == "TOPIC":
        return room, None, "%s set the topic: %s" % (fields["by"], fields["text"])
    if what in ("KICK", "MODE"):
        return room, None, " ".join([fields["by"], what] + fields["args"][1:])
    return None
