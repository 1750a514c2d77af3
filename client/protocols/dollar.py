"""The client's side of the `dollar` protocol (`server.protocols.dollar` has its table).

A history has no end mark, and some servers do not reply if it is empty. So a message to nobody, which every server
refuses, follows each request for one.
"""
import re
from collections import deque

from parley.client import events
from parley.client.protocol import (
    MAX_FRAME_BYTES,
    ClientProtocol,
    ProtocolError,
    fitting,
    sentence_of,
    unindented,
    without_presence,
)
from parley.server.protocols.dollar import LENGTH_BYTES, LOBBY
from parley.server.protocols.literal import NotALiteral, parse
from parley.server.protocols.reasons import SENTENCES

_WHY = {
    "join": "`dollar` takes only accounts: /login NAME PASSWORD.",
    "login": "The name or the password is wrong, or the name is in use.",
    "whisper": "It cannot be said to them: there is no such account, or it is you.",
    "say": "The server did not take it.",
}
_REASONS = frozenset(SENTENCES.values())
_SIGN = b"$"
_LENGTH = re.compile(rb"(?=[ 0-9]{%d}) *([0-9]+) *\Z|([0-9]+)(?=[^ 0-9])" % LENGTH_BYTES)  # padded, or bare


def _is_room(name):
    """Is this one of the users that stand for a room, such as "lobby" and "#dev"?"""
    return name == LOBBY or name.startswith("#")


def _place(name):
    """The room that such a user stands for; None for the lobby."""
    return None if name == LOBBY else name


def _from_a_room(text):
    """(sender, text) of a message from a room."""
    sender, _, text = text.partition(": ")
    return sender, unindented(text)


class Dollar(ClientProtocol):
    """The state of one connection in `dollar`."""

    NAME = "dollar"
    HAS_GUESTS = False
    HAS_LOG = True
    UNSUPPORTED = {
        "rename": "`dollar` cannot change a name.",
        "change_password": "`dollar` cannot change a password; `line` and `web` can.",
        "describe": "`dollar` does not tell where somebody is.",
        "create": "`dollar` cannot make accounts; `line` and `delimited` can.",
        "delete": "`dollar` cannot delete an account.",
        **without_presence("dollar"),
    }

    def __init__(self, position):
        super().__init__(position)
        self._online = None  # the names that were online in the last list of users
        self._kept = {}  # {partner: how many of their messages were unread at the login}
        self._recalled = []  # (sender, text, time) of the history that is being received
        self._most = deque()  # for each requested history, the number of messages; None for all

    # ---- out

    def _packet(self, kind, about=None, text=None, **fields):
        self._out += _packet(fields)
        if kind:
            self._request(b"", kind, about, text)

    def join(self, name):
        self._packet("join", name, purpose="login", username=name, password="")

    def login(self, name, password):
        self._packet("login", name, purpose="login", username=name, password=password)

    def say(self, text, room=None):
        self._send(room or LOBBY, text, "say", room)
        self.position.of(room).add_said(self.me, text)

    def whisper(self, to, text):
        self._send(to, text, "whisper", to)
        self.position.add_whisper(to, self.me, text)

    def _send(self, to, text, kind, about):
        text = fitting(self.NAME, text, self.MAX_TEXT_BYTES)
        self._packet(kind, about, text, purpose="send_message", from_user=self.me, to_user=to, message=text)

    def users(self, pattern=None):
        self._packet("users", pattern, purpose="poll")

    def ping(self):
        self._request_refusal("ping")

    def fence(self):
        self._request_refusal("fence")

    def _request_refusal(self, kind, about=None):
        self._packet(kind, about, purpose="send_message", from_user=self.me, to_user="", message="?")

    def history(self, partner=None, most=None):
        self._request_history("history", partner, most)

    def _request_history(self, kind, partner=None, most=None):
        self._most.append(most)
        self._packet(None, purpose="start_reload_message_list", target_user=partner or LOBBY)
        self._request_refusal(kind, partner)

    def deliver(self):
        for partner, count in sorted(self._kept.items()):
            if count:
                self._request_history("kept", partner, count)
        self._kept = dict.fromkeys(self._kept, 0)
        self._request_refusal("deliver")

    def mark(self, room=None):
        self.position.of(room).mark_requested()
        self._request_history("mark", room)

    def catch_up_in(self, room):
        self.position.of(room).mark_requested()
        self._request_history("missed" if self.position.of(room).mark is not None else "mark", room)

    def join_room(self, room, key=None):
        self._packet("join_room", room, purpose="join_room", room=room, **_given(key=key))

    def leave_room(self, room):
        self._packet("leave_room", room, purpose="leave_room", room=room)

    def rooms(self, pattern=None):
        self._packet("rooms", pattern, purpose="list_rooms", **_given(pattern=pattern))

    def who(self, room):
        self._packet("who", room, purpose="room", room=room, act="who")

    def topic(self, room):
        self._packet("topic", room, purpose="room", room=room, act="topic")

    def manage(self, room, act, about, text):
        text = text or ("-" if act == "topic" else None)
        what = " ".join(filter(None, (act, about, text)))
        fitting(self.NAME, what, self.MAX_TEXT_BYTES)
        self._out += _packet(dict(purpose="room", room=room, act=act, **_given(about=about, text=text)))
        self._request(b"", "manage", room, what)

    def catch_up(self):
        self.position.mark_requested()
        self._request_history("missed")
        for partner in self.position.partners():
            self._request_history("missed", partner)
        return None

    def quit(self):
        self._packet("quit", purpose="exit")

    # ---- in

    def _next(self):
        held = self._buffer
        if held and held[:1] != _SIGN:
            raise ProtocolError()
        head = bytes(held[1:1 + LENGTH_BYTES])
        length = _LENGTH.match(head)
        if not length:
            if len(head) < LENGTH_BYTES:
                return None
            raise ProtocolError()
        begin = 1 + length.end()
        end = begin + int(length.group(length.lastindex))
        if end > MAX_FRAME_BYTES:
            raise ProtocolError()
        if len(held) <= end:
            return None
        if held[end:end + 1] != _SIGN:
            raise ProtocolError()
        try:
            return parse(self._take(begin, end, end + 1).decode(), MAX_FRAME_BYTES)  # the list of users may be long
        except (NotALiteral, UnicodeDecodeError):
            raise ProtocolError() from None

    def _events_in(self, fields):
        try:
            return self._PURPOSES.get(fields["purpose"], Dollar._other)(self, fields)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # a missing or wrong field
            raise ProtocolError() from None

    def _other(self, fields):
        return []

    def _entered(self, fields):
        request = self._first_pending("join", "login")
        if not request:
            return []
        return self._welcome(request) if fields["result"] else self._refuse(_WHY[request.kind], request.kind)

    def _sent(self, fields):
        request = self._first_pending("say", "whisper", "ping", "fence", "history", "mark", "missed", "kept", "deliver")
        if not request:
            return []
        if request.kind not in ("say", "whisper"):
            return self._on_history_end(request)
        if fields["result"]:
            return self._done(request)
        why = fields.get("reason")
        return self._refuse(sentence_of(why) if why else _WHY[request.kind], request.kind)

    def _received(self, fields):
        sender, text = fields["from_user"], fields["message"]
        if not _is_room(sender):
            self.position.add_whisper(sender, sender, text)
            return [events.Whispered(sender, text, None)]
        room = _place(sender)
        if text.startswith("* "):
            return self._room_happening(room, text[2:]) if room else self._notice(_as_sentence(text[2:]))
        sender, text = _from_a_room(text)
        if sender == self.me:
            return []
        self.position.of(room).add_said(sender, text)
        return [events.Said(sender, text, None, room)]

    def _message_list(self, fields):
        for one in fields["message_list"]:
            sender, text = _from_a_room(one["text"]) if _is_room(one["user"]) else (one["user"], one["text"])
            self._recalled.append((sender, text, int(one["timestamp"])))
        return []

    def _on_history_end(self, request):
        if request.kind in ("ping", "fence", "deliver"):
            return self._done(request)
        messages, self._recalled = self._recalled, []
        most = self._most.popleft()
        if request.kind == "history":
            found = [events.Recalled(request.about, *message) for message in messages[-most if most else 0:]]
        elif request.kind == "mark":
            self.position.of(request.about).set_mark(messages[-1] if messages else ())
            found = []
        elif request.kind == "kept":
            found = self._delivered(request.about, messages[-most:])
        elif request.about is None or _is_room(request.about):
            found = self._missed(messages, request.about)
        else:
            found = [events.Recalled(request.about, *message)
                     for message in self.position.missed_whispers(request.about, messages)]
        return self._done(request, *found)

    def _delivered(self, partner, messages):
        """The events for the messages that `partner` sent, of the last ones in a conversation."""
        theirs = [message for message in messages if message[0] == partner]
        for sender, text, _ in theirs:
            self.position.add_whisper(partner, sender, text)
        return [events.Whispered(*message) for message in theirs]

    def _missed(self, messages, room):
        position, missed = self.position.of(room), []
        mark = position.mark
        if mark is not None:
            missed = self._missed_in(messages[messages.index(mark) + 1:] if mark in messages else messages, room)
        position.set_mark(messages[-1] if messages else ())
        return missed

    def _about_room(self, fields):
        request = self._first_pending("join_room", "leave_room", "who", "topic", "manage")
        if not request:
            return []
        if not fields["result"]:
            return self._refuse(sentence_of(fields.get("reason") or "not-allowed"), request.kind)
        told = {
            "who": lambda: [events.Users(tuple(_users(fields)), request.about)],
            "topic": lambda: [events.Topic(request.about, fields["topic"])],
        }
        return self._done(request, *told.get(request.kind, list)())

    def _rooms(self, fields):
        request = self._first_pending("rooms")
        if not request:
            return []
        if not fields["result"]:
            return self._refuse(sentence_of(fields.get("reason") or "The server has no rooms"), "rooms")
        return self._done(request, events.Rooms(tuple(
            (room["room"], int(room["members"]), room["topic"]) for room in fields["rooms"])))

    def _polled(self, fields):
        request = self._first_pending("users")
        if not request:
            return []
        if not fields["result"]:
            return self._refuse("You must log in first.", "users")
        return self._listed(request, _users(fields))

    def _reload_user_list(self, fields):
        users = _users(fields)
        before, self._online = self._online, {name for name, is_online in users if is_online}
        names = [user["username"] for user in fields["users"]]
        rooms = tuple(name for name in names if name.startswith("#"))
        listed = [events.Listed(tuple(users), LOBBY in names, rooms), *self._kept_in(fields)]
        if before is None:
            return listed
        return ([events.Left(name) for name in sorted(before - self._online)]
                + [events.Joined(name) for name in sorted(self._online - before - {self.me})] + listed)

    def _kept_in(self, fields):
        """`Kept` for the unread messages in a list of users: each partner once, and none whose history is requested."""
        known = {LOBBY, *self._kept, *self.position.partners()}
        waiting = {user["username"]: user.get("unread") for user in fields["users"]
                   if user["username"] not in known and not _is_room(user["username"])}
        new = {str(name): count for name, count in waiting.items() if type(count) is int and count > 0}
        self._kept.update(new)
        return [events.Kept(sum(new.values()), new)] if new else []

    def _quitted(self, fields):
        request = self._first_pending("quit")
        return self._done(request) if request else []

    def _error(self, fields):
        return self._refuse("The server did not understand this.")

    _PURPOSES = {
        "login": _entered,
        "send_message": _sent,
        "receive_message": _received,
        "start_reload_message_list": _message_list,
        "continue_reload_message_list": _message_list,
        "poll": _polled,
        "reload_user_list": _reload_user_list,
        "exit": _quitted,
        "error": _error,
        "join_room": _about_room,
        "leave_room": _about_room,
        "room": _about_room,
        "list_rooms": _rooms,
    }


def _packet(fields):
    data = repr(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


def _as_sentence(words):
    """What the server tells of its own accord: a reason of its table as a sentence, all else as it is."""
    return sentence_of(words) if words in _REASONS else words


def _given(**fields):
    """The fields without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def _users(fields):
    return [(user["username"], user["status"] == "online") for user in fields["users"]
            if not _is_room(user["username"])]
