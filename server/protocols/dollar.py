r"""The `dollar` protocol (document 004): the text of a dictionary, with its length, between two dollar signs.

    size  field
    1     "$"
    10    the length of the data in bytes: decimal digits, then spaces; at most 4 * text_bytes + 4096
    n     the data: a dictionary in UTF-8, as Python or JSON writes it (`server.protocols.literal`)
    1     "$"

    purpose, from the client                           server, to the client               server, to others
    login {username, password}                         login {result}                      reload_user_list {users}
    send_message {from_user, to_user, message}         send_message {result}               receive_message
                                                                                           {from_user, message}
    start_reload_message_list {target_user}            start_reload_message_list {message_list}, then
                                                       continue_reload_message_list {message_list}, ten in each
    poll                                               poll {result, messages, users}
    exit                                               exit {result}                       reload_user_list {users}
    (any other)                                        the same {result: False}

A client may put spaces before the digits too, or leave out the padding. The length is then the digits alone, which
whatever is neither a digit nor a space ends: a dictionary begins with a brace. Whoever has begun with a space, or goes
on with one, must fill the ten bytes.

Each of `users` is {username, status}; in the first list after a login also {unread}, where that is how many messages of
this user one has missed and not read, in the history of that talk, since.

The room is a user called "lobby", which is always there. What others say in it comes from "lobby", in its history too,
as "<sender>: <text>": clients show only what comes from the user they have before them, and their own.

Answers are in the form of the request: clients that write Python read nothing else, and evaluate what they read. So all
that is sent is made of plain str, int, bool, list and dict, by `repr` or by `json.dumps`.
"""
import json
import re

from server.protocols import events
from server.protocols.events import Malformed, Reason
from server.protocols.framing import FramedDecoder
from server.protocols.literal import NotALiteral, parse
from server.protocols.text import canonical_within
from server.protocols.traits import traits

NAME = "dollar"
PORT = 8080
IDLE_TIMEOUT = 0  # its clients only poll if they follow the document; others sit silent for hours
TRAITS = traits(
    answers_first=True, acknowledges=True, wants_users=True, open_to_strangers=(events.Ping, events.Quit),
    shared_answers=(events.News,), if_missed=events.Unread())

LENGTH_BYTES = 10
LOBBY = "lobby"
LONGEST_PURPOSE = 64  # characters; unknown ones are sent back
CHUNK = 10  # messages in one packet of a history
LOBBY_HISTORY = 1000  # messages

_SIGN = ord("$")
# In the ten bytes that follow the sign: all of them, or digits that something else ends.
_LENGTH = re.compile(rb"(?=[ 0-9]{10}) *([0-9]+) *\Z|([0-9]+)(?=[^ 0-9])")
_LENGTH_BEGUN = re.compile(rb" *[0-9]* *")
_QUOTE = re.compile(rb"['\"]")


class Decoder(FramedDecoder):
    """Bytes in, commands out. Keeps at most one unfinished packet."""

    __slots__ = ("form",)

    def __init__(self, limits):
        super().__init__(limits)
        self.form = "python"

    def _next(self):
        """The next command, or None if it is not all here."""
        held = self._held
        if held and held[0] != _SIGN:
            return self._break(Reason.BROKEN)
        head = bytes(held[1:1 + LENGTH_BYTES])
        length = _LENGTH.match(head)
        if not length:
            may_become_one = len(head) < LENGTH_BYTES and _LENGTH_BEGUN.fullmatch(head)
            return None if may_become_one else self._break(Reason.BROKEN)
        size = int(length.group(length.lastindex))
        if size > 4 * self._text_limit + 4096:
            return self._break(Reason.TOO_LONG)
        content = 1 + length.end()
        end = content + size
        if len(held) <= end:
            return None
        if held[end] != _SIGN:
            return self._break(Reason.BROKEN)
        return self._parse(self._take(content, end, end + 1))

    def _parse(self, data):
        quote = _QUOTE.search(data)
        self.form = "json" if quote and quote.group() == b'"' else "python"
        try:
            fields = parse(data.decode())
        except UnicodeDecodeError:
            return Malformed(Reason.NOT_UTF8, None)
        except NotALiteral:
            return Malformed(Reason.BAD_FORM, None)
        purpose = fields.get("purpose")
        if not isinstance(purpose, str):
            return Malformed(Reason.BAD_FORM, None)
        return _REQUESTS.get(purpose, _other)(fields, self._text_limit)


def _strings(fields, *keys):
    """The values of `keys` in UTF-8; None if one is missing or not a string."""
    values = [fields.get(key) for key in keys]
    return [value.encode() for value in values] if all(isinstance(value, str) for value in values) else None


def _made_of(command, *keys):
    """A request that becomes `command(*values of the keys)`."""

    def request(fields, text_limit):
        values = _strings(fields, *keys)
        return Malformed(Reason.BAD_FORM, command) if values is None else command(*values)

    return request


def _send_message(fields, text_limit):
    asks = events.Say if fields.get("to_user") == LOBBY else events.Whisper
    values = _strings(fields, "from_user", "to_user", "message")
    if values is None or not values[2]:
        return Malformed(Reason.BAD_FORM, asks)
    claimed, to, text = values
    if to == claimed and asks is events.Whisper:
        return Malformed(Reason.YOURSELF, asks)
    text = canonical_within(text, text_limit)
    if text is None:
        return Malformed(Reason.TEXT_TOO_LONG, asks)
    return asks(text, claimed, None) if asks is events.Say else asks(to, text, claimed, None)


def _history_of(fields, text_limit):
    if fields.get("target_user") == LOBBY:
        return events.Recall(None, LOBBY_HISTORY)
    return _OF_TWO(fields, text_limit)


def _other(fields, text_limit):
    purpose = fields["purpose"]
    return events.Ping(purpose.encode()) if len(purpose) <= LONGEST_PURPOSE else Malformed(Reason.BAD_FORM, None)


_OF_TWO = _made_of(events.History, "target_user")
_REQUESTS = {
    "login": _made_of(events.SignIn, "username", "password"),
    "send_message": _send_message,
    "start_reload_message_list": _history_of,
    "poll": _made_of(events.Poll),
    "exit": _made_of(events.Quit),
}


def _result(purpose, result):
    return {"purpose": purpose, "result": result}


def _history(messages):
    """Chunks of a history, (sender, text, time) each, of which there is one even if nothing was said."""
    said = [{"user": sender, "text": text, "timestamp": time} for sender, text, time in messages]
    return tuple(
        {"purpose": "continue_reload_message_list" if start else "start_reload_message_list",
         "message_list": said[start:start + CHUNK]}
        for start in range(0, len(said) or 1, CHUNK))


def _past(past, me):
    return _history((sender.decode(), text.decode(), time) for sender, text, time in past.messages)


def _recalled(recalled, me):
    """What was said in the lobby, as it was heard: of others from the lobby, of one's own from oneself."""
    return _history(
        (me.decode(), text.decode(), time) if sender == me else (LOBBY, _in_the_lobby(sender, text), time)
        for _, sender, text, time in recalled.messages)


def _in_the_lobby(sender, text):
    return "%s: %s" % (sender.decode(), text.decode())


def _with_users(dictionary, users):
    """With (name, online?) of each as its last value; `_written` makes dictionaries of these."""
    return dict(dictionary, users=[(LOBBY, True)] + [(name.decode(), online) for name, online in users])


def _marked(marked, me):
    """The list, in which those who have written to somebody who was away are, even if they are here no more."""
    strangers = sorted(marked.unread.keys() - {name for name, _ in marked.users})
    unread = {name.decode(): count for name, count in marked.unread.items()}
    return (_with_users({"purpose": "reload_user_list", "unread": unread},
                        marked.users + [(name, False) for name in strangers]),)


def _received(sender, message):
    return ({"purpose": "receive_message", "from_user": sender, "message": message},)


def _refused(refused, me):
    asked = events.kind_of(refused.asked)
    if asked in (events.History, events.Recall):
        return _history([])
    return (_result(_PURPOSES.get(asked, "error"), False),)


_PURPOSES = {
    events.SignIn: "login",
    events.Say: "send_message",
    events.Whisper: "send_message",
    events.Poll: "poll",
    events.Quit: "exit",
}


def _done(done, me):
    purpose = _PURPOSES.get(type(done.asked))
    return (_result(purpose, True),) if purpose else ()


def _silence(happening, me):
    return ()


# What each becomes: a tuple of dictionaries, which both forms can write.
ENCODERS = dict.fromkeys(events.HAPPENINGS, _silence)
ENCODERS.update({
    events.Welcome: lambda welcome, me: (_result("login", True),),
    events.Refused: _refused,
    events.Done: _done,
    events.Past: _past,
    events.Recalled: _recalled,
    events.News: lambda news, me: (_with_users(dict(_result("poll", True), messages=[]), news.users),),
    events.Pong: lambda pong, me: (_result(pong.token.decode(), False),),
    events.Said: lambda said, me: _received(LOBBY, _in_the_lobby(said.sender, said.text)),
    events.Whispered: lambda whispered, me: _received(whispered.sender.decode(), whispered.text.decode()),
    events.Users: lambda users, me: (_with_users({"purpose": "reload_user_list"}, users.users),),
    events.Marked: _marked,
})


def _packet(text):
    data = text.encode()
    return b"$%-10d%b$" % (len(data), data)


def _written(dictionary, write, write_text):
    """As `write` has it. Of users there may be thousands, whose dictionaries differ in the name: it is filled in."""
    if "users" not in dictionary:
        return write(dictionary)
    shapes = [write({"username": "", "status": status}).split(write_text("")) for status in ("offline", "online")]
    (beginning, offline), (_, online) = shapes
    rest, users = dict(dictionary, users=[]), dictionary["users"]
    listed = [beginning + write_text(name) + (online if is_online else offline) for name, is_online in users]
    unread = rest.pop("unread", ())
    if unread:
        mark = ", %s: %%d}" % write_text("unread")
        listed = [text[:-1] + mark % unread[name] if name in unread else text
                  for text, (name, _) in zip(listed, users)]
    return write(rest)[:-len("]}")] + ", ".join(listed) + "]}"


def _packets(happening, me, write, write_text):
    return tuple(
        _packet(_written(dictionary, write, write_text)) for dictionary in ENCODERS[type(happening)](happening, me))


def encode(happening, me):
    """The packets, as Python writes them, that tell of `happening`; none if this protocol does not speak of it."""
    return _packets(happening, me, repr, repr)


def encode_json(happening, me):
    """The packets that tell of `happening`, as JSON."""
    return _packets(happening, me, _json, json.encoder.encode_basestring)


_json = json.JSONEncoder(ensure_ascii=False).encode


FORMS = {"python": encode, "json": encode_json}
