"""The `line` protocol of document 003: lines of UTF-8, each a command or an event.

Written from the document alone, independently of our server.
"""
import re
from collections import Counter, deque

NAME = "line"
STRUCTURED = FRAMED = STORES_MESSAGES = HEARS_BEFORE_LOGIN = False
CAN_WHISPER = HAS_ROOMS = True
ACCEPTED = "OK"

# Telnet (RFC 854): an option from the server, and any command that a client may send.
_OPTION = re.compile(rb"\xff([\xfb-\xfe])(.)", re.DOTALL)
_VERBS = {b"\xfb": "WILL", b"\xfc": "WONT", b"\xfd": "DO", b"\xfe": "DONT"}
_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe].|\xfa.*?\xff\xf0|[\xec-\xf9])", re.DOTALL)
_ERASED = re.compile("[^\x08\x7f][\x08\x7f]|^[\x08\x7f]+")

_MOST_WHISPERS = 1000
_REFUSED_LOGINS = ("ERR username-taken", "ERR invalid-username", "ERR password-required", "ERR wrong-password",
                   "ERR account-required")
_MARKER = re.compile(r"(?:DM|MSG) (?P<sender>\S+) (?P<nonce>~sync[0-9]+)")
_ABOUT = re.compile(
    r"(?:USER (?P<listed>.*))|(?:INFO (?P<left>.+) disconnected)|(?:MSG (?P<speaker>\S+) .*)"
    r"|(?:INFO (?P<host>\S+) invites you to #\S+)|(?:#\S+ USER (?P<member>\S+))"
    r"|(?:#\S+ MSG (?P<said>\S+) .*)|(?:#\S+ INFO (?P<does>\S+) .*)")
_IN_ROOM = re.compile(r"(?P<room>#\S+) (?:MSG (?P<speaker>\S+)|INFO) (?P<text>.*)", re.DOTALL)


def encode(message, me=None):
    """The bytes of one line."""
    return message.encode("utf-8") + b"\n"


class Decoder:
    """Bytes in, lines out, without their newline.

    A telnet option before a line is a message of its own, such as `IAC WONT 6`. Other bytes that are not UTF-8 become
    `\\xNN`: no server may send them, so they must not look like a valid line.
    """

    def __init__(self):
        self.unfinished = b""

    def feed(self, data):
        *lines, held = (self.unfinished + data).split(b"\n")
        found = []
        for line in lines:
            found.append(_without_options(line, found).decode("utf-8", "backslashreplace"))
        self.unfinished = _without_options(held, found)
        return found


def _without_options(line, found):
    """The line without the telnet options before it, which are appended to `found`."""
    option = _OPTION.match(line)
    while option:
        found.append("IAC %s %d" % (_VERBS[option.group(1)], ord(option.group(2))))
        line = line[option.end():]
        option = _OPTION.match(line)
    return line


def _as_typed(raw):
    """A sent line as a lenient server reads it: without telnet commands, erased characters and surrounding blanks."""
    text = _TELNET.sub(b"", raw).decode("utf-8", "replace")
    while _ERASED.search(text):
        text = _ERASED.sub("", text)
    return text.strip(" \t\r\0\x04\ufeff")


class ClientState:
    """See `ClientState` in `conformance.wire`. Replies to LOGIN and PING come in the order of the requests."""

    def __init__(self):
        self.name = None
        self.asked_list = False
        self.half_sent = b""
        self.said = Counter()  # how many MSG and DM were sent
        self.is_leaving = False
        self._logins = deque()
        self._login_count = 0
        self._pings = deque()  # (does the suite itself ask?, how many logins were sent before)
        self._whispers = deque(maxlen=_MOST_WHISPERS)  # (to whom, words) of each DM that was sent and not repeated yet

    def sent(self, data, own=False):
        *lines, self.half_sent = (self.half_sent + data).split(b"\n")
        for line in lines:
            self._note(line.decode("utf-8", "replace").rstrip("\r"), _as_typed(line), own)

    def _note(self, line, as_typed, own):
        word, _, rest = as_typed.partition(" ")
        if word == "LOGIN":
            self._login_count += 1
            self._logins.append((rest.lstrip(" ").split(" ")[0], line.startswith("LOGIN "), self._login_count))
        elif line == "PING":
            self._pings.append((own, self._login_count))
        elif word == "WHO" and self.name:
            self.asked_list = True
        elif word in ("MSG", "DM") and not self.is_leaving:
            self.said[word] += 1
            if word == "DM":
                to, _, text = rest.partition(" ")
                self._whispers.append((to, text.split()))
        elif as_typed == "QUIT":
            self.is_leaving = True

    def received(self, message):
        if message == "PONG" and self._pings:
            return self._pings.popleft()[0]
        if not self._logins:
            return False
        if message == ACCEPTED:
            self._drop_empty_logins()
        name, is_exact, number = self._logins[0]
        if message == ACCEPTED:
            self.name = name
            while self._pings and self._pings[0][1] < number:
                self._pings.popleft()  # which has been answered by something else
        # A strict server does not recognise a login that is not spelled exactly.
        if message == ACCEPTED or message in _REFUSED_LOGINS or message.startswith("ERR ") and not is_exact:
            self._logins.popleft()
        return False

    def _drop_empty_logins(self):
        """A login without a name is never accepted: it was refused in other words than the document's."""
        while len(self._logins) > 1 and not self._logins[0][0]:
            self._logins.popleft()

    def repeats(self, message):
        """Whether a DM repeats one that this client has sent, or its beginning, under either name; each once."""
        words = message.split()
        for to, text in self._whispers if words[:1] == ["DM"] else ():
            if words[1:2] in ([to], [self.name]) and len(words) > 2 and words[2:] == text[:len(words) - 2]:
                self._whispers.remove((to, text))
                return True
        return False

    def is_echo(self, message):
        return self.name is not None and message.startswith("MSG %s " % self.name)

    @property
    def at_message_boundary(self):
        return not _as_typed(self.half_sent)

    @property
    def awaits_login(self):
        return bool(self._logins) and self.name is None


def login(name):
    return "LOGIN " + name


def list_users():
    return "WHO"


def probe():
    return "PING"


def whisper(me, to, text):
    return "DM %s %s" % (to, text)


def say(me, text):
    return "MSG " + text


def is_probe_reply(message):
    """Before a login, servers reply to PING with an error or with PONG."""
    return message == "PONG" or message.startswith("ERR ")


def marker_in(message):
    found = _MARKER.fullmatch(message)
    return (found.group("sender"), found.group("nonce")) if found else None


def names_in(message):
    """A line has one name of the list."""
    return [message[5:]] if message.startswith("USER ") else []


def subject_of(message):
    found = _ABOUT.fullmatch(message)
    return found.group(found.lastgroup) if found else None


# Rooms: docs/rooms.md


def enter_room(room, key=None):
    return " ".join(filter(None, ("JOIN", room, key)))


def leave_room(room):
    return "PART " + room


def say_in_room(me, room, text):
    return "%s MSG %s" % (room, text)


def list_rooms(pattern=None):
    return " ".join(filter(None, ("ROOMS", pattern)))


def manage_room(room, act, about="", text=""):
    return " ".join(filter(None, (room, act.upper(), about, text)))


def heard_in_room(message):
    found = _IN_ROOM.fullmatch(message)
    return (found.group("room"), found.group("speaker"), found.group("text")) if found else None
