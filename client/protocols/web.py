"""The client's side of the `web` protocol (`server.protocols.web` has its table).

Each request has an id, which its answer bears. After a lost connection the session gives the name back and what was
missed comes by itself (`client.resumption`); what was said and not answered is sent again by its tag.
"""
import binascii
import fnmatch
import itertools
import json
import os
from collections import OrderedDict

from parley.client import events
from parley.client.protocol import (
    BANNED,
    KICKED,
    LOBBY_ROOM,
    MAX_MISSED,
    REPLACED,
    ClientProtocol,
    Impossible,
    ProtocolError,
    checked,
    fitting,
    sentence_of,
)
from parley.client.resumption import ALONE, Post, Resumption
from parley.client.sealed import Envelope, SealedFile, heard, unopened
from parley.server.protocols.events import Managed, Reason
from parley.server.protocols.happenings import sentence
from parley.server.protocols.line import LONGEST_HISTORY, USUAL_HISTORY
from parley.server.protocols.web import MOST_HISTORY

_SUBPROTOCOL = "parley.1"
_PATH = "/chat"  # below that of the page
_LOGINS = ("join", "login", "create")
_UNHEARD = "keys"  # a kind of requests whose refusals are answers like others
_POSTS = ("say", "whisper")  # they wait in the position until they are answered, and their tag is their id
_FINAL = {Reason.REPLACED: REPLACED, Reason.KICKED: KICKED, Reason.BANNED: BANNED}
_WHY = {
    Reason.PASSWORD_REQUIRED: "The name has a password: /login NAME PASSWORD.",
    Reason.SEALED_ROOM: "This room is sealed: it takes an account (/create NAME) with a device, which /seal devices "
                        "makes of this one; then /join it again.",
}
_MORE = "More was said than is shown here."


class Web(ClientProtocol):
    """The state of one connection in `web`."""

    NAME = "web"
    POSITION = Resumption
    KEEPALIVE = 30
    UNSUPPORTED = {"describe": "`web` does not tell where somebody is."}

    def __init__(self, position):
        super().__init__(position)
        self._socket = None
        self._asked = OrderedDict()  # {id: (pending request, function that makes events of its answer)}
        self._ids = map(str, itertools.count(1))
        self._login = None  # (request, its fields) of a pending login
        self._brings_session = False  # has a session been presented that has not been granted or refused yet?
        self._longest = self.MAX_TEXT_BYTES
        self._missed_in = set()  # the rooms of which the server has told what was missed
        self._is_leaving = False

    # ---- bytes

    def open(self, address):  # noqa: A003
        from parley.client.websocket import WebSocket  # needs wsproto, which other protocols do not need
        self._socket = WebSocket(str(address), address.host_port, address.path + _PATH, _SUBPROTOCOL)

    def to_send(self):
        return self._socket.to_send()

    def feed(self, data):
        found = []
        for text in self._socket.receive(data):
            try:
                found += self._events_in(json.loads(text))
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
                raise ProtocolError() from None  # a field is missing, or has the wrong type
        checked(found)
        return unopened(found) if self.position.seals is None else self.position.seals.received(found)

    def _events_in(self, fields):
        request, answer = self._asked.pop(fields.get("id"), (None, None))
        if request is None:
            return self._PUSHES.get(fields["on"], Web._other)(self, fields)
        if fields["on"] == "no" and request.kind != _UNHEARD:
            return self._no(request, fields)
        return answer(request, fields)

    def _send(self, **fields):
        self._socket.send(json.dumps(_given(**fields), ensure_ascii=False, separators=(",", ":")))

    def _ask(self, request, answer=None, label=None, **fields):
        """Send a request with these fields. answer(request, fields of the answer) returns events; not for refusals.

        label: its id; None: the next number.
        """
        label = label or next(self._ids)
        self._asked[label] = request, answer or self._done
        self._send(id=label, **fields)

    def _done(self, request, fields):
        return [events.Done(request)]

    def _no(self, request, fields):
        if request.kind in _LOGINS:
            self._login = None
        if request.kind in _POSTS:
            self.position.drop(fields["id"])
            self.send_posts()
        return [events.Refused(request, _WHY.get(fields["why"]) or sentence_of(fields["text"]))]

    # ---- requests

    @property
    def has_pending(self):
        return bool(self._asked or self._login or self.position.unanswered or self._socket.is_connecting
                    or self._is_sealing)

    @property
    def _is_sealing(self):
        return self.position.seals is not None and self.position.seals.is_busy

    @property
    def unconfirmed(self):
        return 0  # the position knows them

    def connection_lost(self):
        if self.position.seals is not None:
            self.position.seals.lost()
        requests = [request for request, _ in self._asked.values()]
        return [events.Refused(request, "The connection broke before the answer.")
                for request in requests if request.kind not in _POSTS and request.kind != _UNHEARD]

    def join(self, name):
        self._enter("join", do="login", name=name)

    def login(self, name, password):
        if password:
            self._enter("login", do="login", name=name, password=password)
        else:
            self.join(name)

    def create(self, name, password):
        if not password:
            raise Impossible("`web` makes accounts with a password only: /create NAME PASSWORD.")
        self._enter("create", do="register", name=name, password=password)

    def _enter(self, kind, **fields):
        name = fields["name"]
        self._login = _request(kind, name, None), fields
        session = self.position.begin(name, fields.get("password"), kind == "create")
        self._brings_session = session is not None
        self._ask(_request("fence"), self._greeted, do="hello", session=session, resume=self.position.resume())

    def protect(self, password):

        def protected(request, fields):
            self.position.password = password
            if self.position.seals is not None:
                self.position.seals.welcomed(self, True)
            return self._done(request, fields)

        self._ask(_request("protect", self.me), protected, do="register", name=self.me, password=password)

    def change_password(self, old, new):

        def changed(request, fields):
            self.position.password = new
            return self._done(request, fields)

        self._ask(_request("change_password"), changed, do="password", old=old, new=new)

    def rename(self, name):
        self._ask(_request("rename", name), self._renamed, do="rename", name=name)

    def say(self, text, room=None):
        self._say(_request("say", room, text), room or LOBBY_ROOM)

    def whisper(self, to, text):
        self._say(_request("whisper", to, text), to)

    def _say(self, request, where):
        seals = self.position.seals
        if seals is not None and seals.wants(where):
            seals.say(request)
        else:
            self.post(request)

    def post(self, request):
        """Say the text of a request, without sealing it."""
        fitting(self.NAME, request.text, self._longest)
        self.position.post(Post(binascii.hexlify(os.urandom(12)).decode(), request))
        self.send_posts()

    def ask_keys(self, request, answer, do="keys", **fields):
        """Ask something for `seals`; answer(request, fields) is called for refusals too."""
        self._ask(request, answer, do=do, **fields)

    def send_posts(self):
        """Send as many own messages as may be without an answer; then log out, if that is wanted and all have one."""
        for post in self.position.take():
            kind, about, text = post.request
            where = {"to": about} if kind == "whisper" else {"room": about}
            if isinstance(text, Envelope) and isinstance(text.plain, SealedFile):
                where.update(file=text.plain.file, token=text.plain.token)
                kind = "share"
            self._ask(post.request, self._stored, post.tag, do=kind, text=text, tag=post.tag, **where)
        if self._is_leaving and not self.position.unanswered and not self._is_sealing:
            self._is_leaving = False
            self._ask(_request("quit"), do="logout")

    def _stored(self, request, fields):
        self.position.stored(fields["id"], _number(fields["n"]))
        self.send_posts()
        return [events.Done(request)]

    def offer(self, key, name, size, sha256):
        self._ask(_request("offer", key), self._offered, do="offer", name=name, size=size, sha256=sha256)

    def _offered(self, request, fields):
        return [events.Offered(request, str(fields["file"]), str(fields["token"]))]

    def share(self, key, file, token, to):
        where = {"room": to} if to is None or to.startswith("#") else {"to": to}
        self._ask(_request("share", key), do="share", file=file, token=token, tag=key, **where)

    def can_seal(self, to, then):
        """Find out whether a file could be sealed for a room or a user: then(None) is called, or then(why not)."""
        self.position.seals.look(to or LOBBY_ROOM, then)

    def say_file(self, file, to):
        """Say a `SealedFile`, in the way of a text that is sealed; raises `Impossible`."""
        is_room = to is None or to.startswith("#")
        self.position.seals.say(_request("say" if is_room else "whisper", to, file))

    def users(self, pattern=None):
        self._ask(_request("users", pattern), self._users, do="who")

    def ping(self):
        self._ask_ping("ping")

    def fence(self):
        self._ask_ping("fence")

    def _ask_ping(self, kind):
        """Send a ping. Its answer comes after everything that the server said before it."""
        top = self.position.top

        def answer(request, fields):
            self.position.heard_all(top)
            return [events.Done(request)]

        self._ask(_request(kind), answer, do="ping")

    def history(self, partner=None, most=None):
        self._ask_history(partner, min(most or USUAL_HISTORY, LONGEST_HISTORY), [])

    def _ask_history(self, partner, most, later):
        """Ask for the messages before `later`, the ones that have come already, until there are `most`."""

        def answer(request, fields):
            messages = fields["messages"] + later
            if fields["messages"] and fields["more"] and len(messages) < most:
                self._ask_history(partner, most, messages)
                return []
            return [*(self._recalled(partner, one) for one in messages), events.Done(request)]

        before = later[0]["n"] if later else None
        where = {"with": partner} if partner and not partner.startswith("#") else {"room": partner}
        self._ask(_request("history", partner), answer, do="history", before=before,
                  most=min(most - len(later), MOST_HISTORY), **where)

    def _recalled(self, partner, one):
        """The event for an earlier message, in a room or (`partner`) with somebody."""
        is_direct = partner is not None and not partner.startswith("#")
        place = (partner if one["by"] == self.me else self.me) if is_direct else partner or LOBBY_ROOM
        return events.Recalled(partner, one["by"], heard(one, place, one["n"] or None), int(one["at"]))

    def deliver(self):
        self._ask(_request("deliver"), self._delivered, do="missed")

    def delete(self):
        self._ask(_request("delete"), self._deleted, do="delete")

    def join_room(self, room, key=None):
        self._ask(_request("join_room", room), self._inside, do="join", room=room, key=key)

    def leave_room(self, room):
        self._ask(_request("leave_room", room), do="part", room=room)

    def rooms(self, pattern=None):
        self._ask(_request("rooms", pattern), self._rooms, do="rooms", pattern=pattern)

    def who(self, room):
        self._ask(_request("who", room), self._members, do="who", room=room)

    def topic(self, room):
        self._ask(_request("topic", room), self._topic, do="topic", room=room)

    def manage(self, room, act, about, text):
        fields = {"setting": about, "value": text} if act == "set" else {"name": about, "text": text}
        if act == "topic":
            fields["text"] = text or ""
        fitting(self.NAME, text or "", self._longest)
        what = " ".join(filter(None, (act, about, text)))
        self._ask(_request("manage", room, what), do=act, room=room, **fields)

    def typing(self, to=None):
        self._send(do="typing", **({"to": to} if to and not to.startswith("#") else {"room": to}))

    def away(self, is_away):
        self._send(do="away", away=is_away)

    def watch(self, names):
        self._send(do="watch", names=list(names))

    def quit(self):
        self._is_leaving = True
        self.send_posts()

    # ---- coming back

    def arrive(self):
        """Nothing to request: the first welcome has the numbers from which to go on."""

    def catch_up(self):
        """Nothing to request: the missed messages come behind the welcome."""

    def catch_up_in(self, room):
        if room not in self.position.marks:
            self.position.marks[room] = self.position.base
            self._ask(_request("mark", room), self._marked, do="history", room=room, most=1)
        elif room not in self._missed_in:
            self._ask_missed(room, 0)

    def _ask_missed(self, room, count):
        """Ask for the messages since the mark; `count` of them have come already."""

        def answer(request, fields):
            found = self._add_missed(room, fields["messages"])
            count_now = count + len(fields["messages"])
            if fields["messages"] and fields["more"] and count_now < MAX_MISSED:
                self._ask_missed(room, count_now)
                return [*found, events.Progress(request, count_now)]
            return [*found, *([events.Notice(_MORE)] if fields["more"] else []), events.Done(request)]

        self._missed_in.add(room)
        self._ask(_request("missed", room), answer, do="history", room=room, after=self.position.marks[room])

    def _greeted(self, request, fields):
        self._longest = _number(fields["limits"]["text"])
        self.longest_file = _number(fields["limits"].get("file", 0))
        self.position.greeted(str(fields["run"]))
        if not self._brings_session:
            self._ask_login()
        return []

    def _ask_login(self):
        """Send the pending login, as there is no session to resume."""
        request, fields = self._login
        self._ask(request, lambda request, fields: self._welcomed(fields), **fields)

    def _welcomed(self, fields):
        (request, given), self._login, self._brings_session = self._login, None, False
        self.me = self.position.name = str(fields["name"])
        self.position.password = given.get("password") or self.position.password
        if self.position.welcomed(str(fields["session"]), _number(fields["me"])):
            self._ask(_request("fence"), self._settled, do="ping")
        if self.position.seals is not None:
            self.position.seals.welcomed(self, bool(fields["account"]))
        self.send_posts()
        return [events.Welcomed(self.me), events.Done(request)]

    def _settled(self, request, fields):
        """All missed messages have come: own ones of an earlier session have arrived if they were among them."""
        return [(events.Done if post.was_missed else events.Unsure)(post.request)
                for post in self.position.settle()]

    def _refused(self, fields):
        """The session is not resumed, so log in. Or one of its rooms is not: then a request for it is refused, too."""
        if not self._brings_session:
            return []
        self._brings_session = False
        if fields["why"] != Reason.NO_SESSION:
            return self._no(self._login[0], fields)
        self.position.session = None
        self._ask_login()
        return []

    def _missed(self, fields):
        if fields.get("me"):
            found = self._add_missed_whispers(fields["messages"])
        else:
            room = fields["room"]
            self._missed_in.add(room)
            found = [*self._add_missed(room, fields["messages"]),
                     events.Done(_request("missed", _place(room), None))]
        return [*([events.Notice(_MORE)] if fields["gap"] else []), *found]

    def _add_missed(self, room, messages):
        """The events for missed messages of a room."""
        place = _place(room)
        return [self._recalled(place, one)
                for one in self._unheard(room, messages, lambda one: _request("say", place, one["text"]))]

    def _add_missed_whispers(self, messages):
        """The events for missed direct messages, from others and from this name: one conversation after the other."""
        found = OrderedDict()
        for one in self._unheard(ALONE, messages, lambda one: _request("whisper", one["to"], one["text"])):
            partner = one["to"] if one["by"] == self.me else one["by"]
            found.setdefault(partner, []).append(self._recalled(partner, one))
        return [event for partner, recalled in found.items()
                for event in [*recalled, events.Done(_request("missed", partner))]]

    def _unheard(self, room, messages, request_of):
        """The messages that have not come before, without those that this client knows as its own.

        request_of(message): the request with which it would have said that.
        """
        for one in messages:
            number = _number(one["n"])
            is_own = one["by"] == self.me and self.position.is_own(room, number, request_of(one))
            if self.position.heard(room, number) and not is_own:
                yield one

    def _marked(self, request, fields):
        """Set the mark of a room that has just been entered: earlier messages have not been missed."""
        for one in fields["messages"]:
            self.position.heard(request.about, _number(one["n"]))
        return [events.Done(request)]

    # ---- answers

    def _renamed(self, request, fields):
        self.me = self.position.name = str(fields["name"])
        return [events.Welcomed(self.me), events.Done(request)]

    def _inside(self, request, fields):
        """The answer to join: `room`, or only `done` if the user was in the room already."""
        self._note_sealed(fields["on"] == "room" and fields.get("sealed"), request.about)
        return [events.Done(request)]

    def _note_sealed(self, is_sealed, room):
        """Seal messages in a room in which the server takes only sealed ones."""
        if is_sealed and self.position.seals is not None:
            self.position.seals.only_sealed(room)

    def _users(self, request, fields):
        users = tuple((name, True) for name in fields["names"] if fnmatch.fnmatchcase(name, request.about or "*"))
        return [events.Users(users), events.Done(request)]

    def _members(self, request, fields):
        return [events.Users(tuple((name, True) for name in fields["names"]), request.about), events.Done(request)]

    def _rooms(self, request, fields):
        rooms = tuple((room["room"], int(room["members"]), room["topic"]) for room in fields["rooms"])
        return [events.Rooms(rooms), events.Done(request)]

    def _topic(self, request, fields):
        return [events.Topic(request.about, fields["topic"]), events.Done(request)]

    def _delivered(self, request, fields):
        self.position.has_kept = False
        return [*(events.Whispered(one["by"], heard(one, self.me), int(one["at"])) for one in fields["messages"]),
                events.Done(request)]

    def _deleted(self, request, fields):
        self.position.session = None
        return [events.Done(request)]

    # ---- what happens

    def _other(self, fields):
        return []

    def _said(self, fields):
        room = fields["room"]
        if not self.position.heard(room, _number(fields["n"])) or fields["by"] == self.me:
            return []
        return [events.Said(fields["by"], heard(fields, room, fields["n"]), int(fields["at"]), _place(room))]

    def _whispered(self, fields):
        if not self.position.heard(ALONE, _number(fields["n"])):
            return []
        return [events.Whispered(fields["by"], heard(fields, self.me, fields["n"]), int(fields["at"]))]

    def _managed(self, fields):
        by, act, about, text = (fields[key].encode() for key in ("by", "act", "name", "text"))
        words = sentence(Managed(fields["room"].encode(), act.decode(), by, about, text)).decode()
        room = _place(fields["room"])
        if room is None:
            return [events.Notice(words)]
        if fields["act"] == "rename":
            if self.position.seals is not None:
                self.position.seals.room_renamed(room, fields["name"], self.position.marks.get(room, 0))
            return [events.RoomRenamed(room, fields["name"], words)]
        if fields["act"] == "set":
            switched = dict(zip(fields["name"].split(","), fields["text"].split(",")))
            self._note_sealed(switched.get("sealed") == "on", room)
        is_put_out = fields["act"] == "drop" or fields["act"] in ("kick", "ban") and fields["name"] == self.me
        return [events.RoomNotice(room, words), *([events.Left(self.me, room)] if is_put_out else [])]

    def _waiting(self, fields):
        self.position.has_kept = True
        return [events.Kept(_number(fields["count"]), {})]

    def _is_typing(self, fields):
        return [events.Typing(fields["from"] if "from" in fields else _place(fields["room"]), fields["name"])]

    def _keys(self, fields):
        """Somebody's list of devices has changed."""
        if self.position.seals is not None:
            self.position.seals.changed(fields["name"], _number(fields["number"]))
        return []

    def _bye(self, fields):
        why = fields["why"]
        self.retry_seconds = min(float(fields.get("retry", 0)), 60.0)
        if why in _FINAL:
            self.position.session = None
            return [events.Disconnected(_FINAL[why], None)]
        return [events.Notice(sentence_of(fields["text"]))]

    _PUSHES = {
        "welcome": _welcomed,
        "no": _refused,
        "missed": _missed,
        "said": _said,
        "whispered": _whispered,
        "joined": lambda self, fields: [events.Joined(fields["name"], _place(fields["room"]))],
        "left": lambda self, fields: [events.Left(fields["name"], _place(fields["room"]))],
        "renamed": lambda self, fields: [events.Renamed(fields["old"], fields["new"], _place(fields["room"]))],
        "managed": _managed,
        "room": lambda self, fields: self._note_sealed(fields.get("sealed"), fields["room"]) or [],
        "invited": lambda self, fields: [events.Invited(fields["room"], fields["by"])],
        "notice": lambda self, fields: [events.Notice(fields["text"])],
        "waiting": _waiting,
        "typing": _is_typing,
        "presence": lambda self, fields: [events.Presence(fields["name"], fields["state"])],
        "keys": _keys,
        "bye": _bye,
    }


def _request(kind, about=None, text=None):
    return events.Request(kind, about, text)


def _given(**fields):
    """The fields without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def _place(room):
    """A room as it is called in events: the lobby is None."""
    return None if room == LOBBY_ROOM else room


def _number(value):
    """A number of a message, or a count; raises ValueError."""
    if type(value) is not int or value < 0:
        raise ValueError
    return value
