"""A server of all five protocols that has rooms, and can be wrong about them on purpose.

Of the protocols it knows enough to pass the scenarios about rooms, and no more. What rooms are is in `room_rules`.
"""
import json
import re
import struct
import time

from one_thread import OneThreadServer
from room_rules import LOBBY, Refused, Rooms, skeleton
from wrong_server import harmless

from parley.conformance.wire import dollar

BUGS = {
    "rooms-silent-join": "the members are not told who comes",
    "rooms-joins-in-lobby": "everybody is told who comes into a room",
    "rooms-silent-leave": "the members are not told who leaves",
    "rooms-ends-are-silent": "the members are not told that somebody's connection has ended",
    "rooms-silent-rename": "the members are not told of another name",
    "rooms-leavers-hear": "who has left hears the room",
    "rooms-echo": "who speaks in a room gets a copy",
    "rooms-leak": "everybody hears what is said in any room",
    "rooms-one-lobby": "who is in a room does not hear the lobby",
    "rooms-outsiders-may": "who is not in a room can speak and look there",
    "rooms-never-end": "a room stays when its last member has left",
    "rooms-no-maker": "who makes a room is no op",
    "rooms-never-owned": "who has an account does not own what it makes",
    "rooms-forget": "an owned room is gone when nobody is in it",
    "rooms-roles-end": "the roles of accounts end when they leave",
    "rooms-any-name": "a room may have any name",
    "rooms-look-alikes": "rooms may look alike",
    "rooms-any-user": "a person's name may begin like a room's",
    "rooms-list-all": "ROOMS lists rooms that one is not in",
    "rooms-who-lists-all": "WHO in a room lists everybody",
    "rooms-private-listed": "private rooms are listed",
    "rooms-private-answers": "a private room is known to who is not in it",
    "rooms-tell-newcomers-nothing": "the history begins where one came in",
    "rooms-places-from-0": "the first message has place 0",
    "rooms-tells-again": "HISTORY SINCE tells the message of that place again",
    "rooms-closed-tell-all": "a room for the invited tells what was said before one came",
    "rooms-silent-topic": "the members are not told of a new topic",
    "rooms-topic-is-text": "a topic cannot be taken away",
    "rooms-kick-nothing": "who is kicked stays",
    "rooms-kicked-unawares": "who is kicked is not told",
    "rooms-silent-kick": "the others are not told of a kick",
    "rooms-forget-why": "nobody is told why",
    "rooms-ban-nothing": "who is banned comes in",
    "rooms-bans-exact": "a ban covers exactly one name",
    "rooms-for-ever": "bans and mutes cannot be lifted",
    "rooms-mute-nothing": "who is muted can speak",
    "rooms-moderate-nothing": "everybody can speak in a moderated room",
    "rooms-voice-is-nothing": "a voice does not help in a moderated room",
    "rooms-voice-stays": "a voice cannot be taken",
    "rooms-never-slow": "a slow room is not slow",
    "rooms-op-stays": "op cannot be taken",
    "rooms-give-nothing": "op and voice are not given",
    "rooms-invite-open": "everybody can come into a room for the invited",
    "rooms-invited-for-good": "an invitation is good for more than once",
    "rooms-invite-unawares": "who is invited is not told",
    "rooms-any-key": "any key will do",
    "rooms-no-limit": "a full room takes more",
    "rooms-tell-key": "the members are told the key",
    "rooms-ops-kept-out": "ops need an invitation as others do",
    "rooms-all-may": "everybody can do what an op can",
    "rooms-no-ranks": "ops can act on the owner",
    "rooms-one-word": "the words of refusals are mixed up",
    "rooms-any-setting": "a setting can have any value",
    "rooms-all-drop": "everybody can drop a room",
    "rooms-drop-nothing": "a dropped room stays",
    "rooms-silent-drop": "the members are not told that a room was dropped",
    "rooms-no-operators": "operators are like others",
    "rooms-lobby-kick-nothing": "who is kicked out of the lobby stays",
    "rooms-lobby-ban-nothing": "who is banned from the lobby can log in",
    "rooms-lobby-mute-nothing": "who is muted in the lobby can speak",
    "rooms-lobby-is-a-room": "#lobby can be left",
    "rooms-strangers-enter": "who is not logged in can come in",
    "rooms-mixes-order": "one of two rooms is heard later than it should",
    "rooms-swaps-speakers": "some hear what two say in another order",
    "rooms-raw-lines": "lines and controls in texts, topics and reasons stay what they are",
    "padded-rooms-hears": "what is said in rooms is heard in padded",
    "line-rooms-mumble": "what happens in a room comes as talk",
    "binary-rooms-in-100": "what is said in a room comes as 100",
    "binary-rooms-first-only": "of a long text only the first frame has the room in front",
    "binary-rooms-no-401": "what is done is not confirmed",
    "binary-rooms-102": "a refusal is 102",
    "binary-rooms-json": "the list of rooms is JSON",
    "binary-rooms-nobody": "what happens in a room has somebody's name on it",
    "delimited-rooms-send-enters-not": "SEND to a room does not enter it",
    "delimited-rooms-from-sender": "what is said in a room comes from who said it",
    "delimited-rooms-no-echo": "who says something in a room gets no answer",
    "delimited-rooms-events-as-talk": "what happens comes with a colon",
    "delimited-rooms-not-listed": "LIST lacks the rooms",
    "delimited-rooms-all-listed": "LIST has the rooms that one is not in",
    "delimited-rooms-in-7": "the rooms come as 7",
    "delimited-rooms-silent": "a refusal has no reason",
    "delimited-rooms-anybody": "the sender that a message to a room names is believed",
    "delimited-rooms-manage-not": "MANAGE does nothing and says it is done",
    "dollar-rooms-send-enters-not": "send_message to a room does not enter it",
    "dollar-rooms-from-sender": "what is said in a room comes from who said it",
    "dollar-rooms-not-listed": "the list of users lacks the rooms",
    "dollar-rooms-offline": "a room in the list of users is offline",
    "dollar-rooms-anybody": "the sender that a message to a room names is believed",
    "dollar-rooms-no-history": "start_reload_message_list tells nothing of a room",
    "dollar-rooms-no-reason": "a refusal has no reason",
    "dollar-rooms-no-joined": "list_rooms does not tell which one is in",
    "dollar-rooms-manage-not": "room does nothing and says it is done",
}
BUGS.update(("rooms-twice-" + protocol, "%s hears each room twice" % protocol)
            for protocol in ("line", "binary", "delimited", "dollar"))

_HEAD = struct.Struct(">BIII10sI")
_FORM = re.compile(r"\[[0-9]{2}:[0-9]{2} [AP]M\] (?P<nick>\S+): (?P<text>.*)", re.DOTALL)
_PIECE = 2048 - _HEAD.size
(CREATE, LIST, SEND, DELIVER, DELETE, LOGIN, RESPONSE, LISTRESPONSE,
 JOIN, PART, ROOMS, MANAGE, ROOMSRESPONSE) = range(13)
_ABOUT_NOBODY = ("topic", "drop", "who")  # acts whose rest is text


class WrongRoomsServer(OneThreadServer):
    """A server with the given bugs, in a thread of this process; made to be the target of a ServerFixture."""

    workers = 1
    exit_code = None
    stdout = ()

    def __init__(self, bugs=(), config=None, users=None):
        unknown = set(bugs) - set(BUGS)
        assert not unknown, unknown
        self.bugs = set(bugs)
        self.users = dict(users or {})  # accounts with passwords
        self.accounts = dict.fromkeys(self.users)  # all of them, in their order
        self.rooms = Rooms(self.bugs, self.users.__contains__, (config or {}).get("operators", ()), self._told,
                           self._invited, lambda: [one for one in self.clients if one.name])
        self.rooms.end = self._kicked
        self.answering, self.later = None, []  # a client of dollar, and what else it will be told
        super().__init__(("line", "binary", "padded", "delimited", "dollar"))

    def worker_address(self, index, protocol="line"):
        return self.address(protocol)

    def stderr_size(self):
        return 0

    def stderr_text(self, start=0):
        return ""

    # ---- everybody

    def _part(self, client):
        if client.name:
            self.rooms.gone(client)
            for other in self._here():
                if other.protocol == "line":
                    self._line(other, "INFO %s disconnected" % client.name)
                elif other.protocol == "binary":
                    self._frame(other, 301, "%s left!" % client.name)
            self._push_lists()

    def _here(self, but=None):
        return [one for one in self.clients if one.name and one is not but]

    def _named(self, name):
        return next((one for one in self._here() if one.name == name), None)

    def _may_be(self, name, password):
        if not name or name[0] in "#&" and "rooms-any-user" not in self.bugs or " " in name:
            return "invalid-username"
        taken = {one.name for one in self._here()} | {one for one in self.accounts if one != name}
        if any(skeleton(one) == skeleton(name) for one in taken):
            return "username-taken"
        if self.users.get(name) != (password or None):
            return "wrong-password" if password else "password-required"
        banned = self.rooms.is_listed(self.rooms.lobby.bans, [name], "")
        return "banned" if banned and "rooms-lobby-ban-nothing" not in self.bugs else None

    def _come(self, client, name):
        client.name = name
        for other in self._here(client):
            if other.protocol == "binary":
                self._frame(other, 300, "%s joined!" % name)

    def _talk(self, client, text):
        """To the lobby."""
        if "rooms-lobby-mute-nothing" not in self.bugs:
            self.rooms.may_speak(client, self.rooms.lobby)
        for other in self._here(client):
            in_a_room = any(other in room.members for room in self.rooms.rooms.values())
            if not ("rooms-one-lobby" in self.bugs and in_a_room):
                self._hand(other, client.name, text)

    def _hand(self, other, sender, text, direct=False):
        if other.protocol == "line":
            for line in text.split("\n"):
                self._line(other, "%s %s %s" % ("DM" if direct else "MSG", sender, line))
        elif other.protocol == "binary":
            self._frame(other, 100, "[direct] " * direct + text, sender)
        elif other.protocol == "padded":
            other.send(("[12:34 PM] %s%s: %s" % (sender, " (direct)" * direct, text)).encode())
        elif other.protocol == "delimited":
            self._items(other, SEND, sender, other.name, text)
        else:
            self._packet(other, purpose="receive_message", from_user=sender if direct else "lobby",
                         message=text if direct else "%s: %s" % (sender, text))

    def _told(self, client, room, who, text):
        if who and client.protocol != "line" and "rooms-raw-lines" not in self.bugs:
            text = text.replace("\n", "\n\t")
        shown = "#lobby" if room == LOBBY else room
        if client.protocol == "line":
            if who:
                for line in text.split("\n"):
                    self._line(client, "%s MSG %s %s" % (shown, who, line))
            else:
                word = "MSG" if "line-rooms-mumble" in self.bugs else "INFO"
                self._line(client, "%s %s %s" % (shown, word, self._flat(text)))
        elif client.protocol == "binary":
            if who:
                self._room_frames(client, shown, who, text)
            else:
                by = text.split(" ")[0] if "binary-rooms-nobody" in self.bugs else "server"
                self._frame(client, 409, "%s %s" % (shown, text), by)
        elif client.protocol == "padded":
            client.send(("[12:34 PM] %s: %s" % (who or "server", text)).encode())
        elif client.protocol in ("delimited", "dollar"):
            as_talk = client.protocol + "-rooms-events-as-talk" in self.bugs
            from_sender = client.protocol + "-rooms-from-sender" in self.bugs and who
            said = text if from_sender else "%s: %s" % (who, text) if who else ("*: " if as_talk else "* ") + text
            if client.protocol == "delimited":
                self._items(client, SEND, who if from_sender else shown, client.name, said)
            else:
                self._packet(client, purpose="receive_message", from_user=who if from_sender else shown, message=said)

    def _invited(self, client, room, by):
        if client.protocol == "line":
            self._line(client, "INFO %s invites you to %s" % (by, room))
        elif client.protocol == "binary":
            self._frame(client, 101, "%s invites you to %s" % (by, room))
        elif client.protocol == "delimited":
            self._items(client, SEND, "lobby", client.name, "* %s invites you to %s" % (by, room))
        elif client.protocol == "dollar":
            self._packet(client, purpose="receive_message", from_user="lobby",
                         message="* %s invites you to %s" % (by, room))

    def _kicked(self, client):
        if client.protocol == "line":
            self._line(client, "INFO kicked")
        self._leave(client)

    def _must_be_in(self, client):
        if client.name is None and "rooms-strangers-enter" not in self.bugs:
            raise Refused("must-login-first")
        client.name = client.name or "stranger"

    # ---- line

    def _line(self, client, line):
        client.send(line.encode() + b"\n")

    def _feed_line(self, client):
        *lines, client.held = client.held.split(b"\n")
        for line in lines:
            if not client.gone:
                try:
                    self._act_line(client, self._harmless(line.decode().rstrip("\r ")))
                except Refused as why:
                    self._line(client, "ERR %s" % why)

    def _harmless(self, line):
        return line if "rooms-raw-lines" in self.bugs else harmless(line)

    def _act_line(self, client, line):
        word, _, rest = line.partition(" ")
        if word == "LOGIN" and not client.name:
            name, _, password = rest.partition(" ")
            why = self._may_be(name, password)
            if why:
                raise Refused(why)
            self._come(client, name)
            return self._line(client, "OK")
        if word.startswith("#") or word in ("JOIN", "PART", "ROOMS"):
            self._must_be_in(client)
            return self._line_room(client, word, rest)
        if client.name is None:
            raise Refused("must-login-first")
        return self._lobby_line(client, word, rest)

    def _lobby_line(self, client, word, rest):
        if word == "PING":
            self._line(client, "PONG")
        elif word == "WHO":
            for one in self._here():
                self._line(client, "USER " + one.name)
        elif word == "MSG":
            self._talk(client, rest)
        elif word == "DM":
            self._whisper(client, *rest.split(" ", 1))
        elif word == "REGISTER":
            self.users[client.name] = rest.partition(" ")[2]
            self.accounts[client.name] = None
            self._line(client, "OK")
        else:
            raise Refused("unknown-command")

    def _whisper(self, client, name, text):
        target = self._named(name)
        if not target:
            raise Refused("user-not-found")
        self._hand(target, client.name, text, direct=True)

    def _line_room(self, client, word, rest):
        if word == "JOIN":
            room, _, key = rest.partition(" ")
            self.rooms.enter(client, room, key or None)
            return self._line(client, "OK")
        if word == "PART":
            if rest == LOBBY and "rooms-lobby-is-a-room" in self.bugs:
                return self._line(client, "OK")
            self.rooms.leave(client, rest)
            return self._line(client, "OK")
        if word == "ROOMS":
            for name, members, topic, _ in self.rooms.list(client, rest or None):
                self._line(client, ("ROOM %s %d %s" % (name, members, self._flat(topic))).rstrip(" "))
            return self._line(client, "END ROOMS")
        return self._in_line(client, word, *rest.partition(" ")[::2])

    def _flat(self, text):
        return text if "rooms-raw-lines" in self.bugs else text.replace("\n", "\u2424")

    def _in_line(self, client, room, word, rest):
        if word == "MSG" and rest:
            if room == LOBBY:
                return self._talk(client, rest)
            self.rooms.say(client, room, rest)
        elif word == "WHO" and not rest:
            for name in self.rooms.who(client, room):
                self._line(client, "%s USER %s" % (room, name))
            self._line(client, "%s END WHO" % room)
        elif word == "HISTORY":
            self._line_history(client, room, rest)
        elif word == "TOPIC" and not rest:
            self._line(client, ("%s TOPIC %s" % (room, self._flat(self.rooms.topic(client, room)))).rstrip(" "))
        elif word == "TOPIC":
            self.rooms.manage(client, room, "topic", text=rest)
            self._line(client, "OK")
        elif word.lower() in ("invite", "kick", "ban", "unban", "mute", "unmute", "voice", "devoice", "op", "deop",
                              "set", "drop"):
            about, _, text = rest.partition(" ")
            self.rooms.manage(client, room, word.lower(), about, text)
            self._line(client, "OK")
        else:
            raise Refused("unknown-command")
        return None

    def _line_history(self, client, room, rest):
        told = self.rooms.history(client, room)
        since = re.fullmatch("SINCE ([0-9]+)", rest)
        if since:
            start = int(since.group(1)) - ("rooms-tells-again" in self.bugs)
            told = [one for one in told if one[0] > start]
        elif rest:
            told = told[-int(rest):]
        for place, when, who, text in told:
            self._line(client, "%s HIST %d %d %s %s" % (room, place, when, who, text))
        last = told[-1][0] if told else int(since.group(1)) if since else 0
        self._line(client, "%s END HISTORY %d complete" % (room, last))

    # ---- binary

    def _frame(self, client, kind, content, user="server"):
        content = content if isinstance(content, bytes) else content.encode()
        raw = user.encode()
        client.send(_HEAD.pack(1, kind, len(raw), len(content), raw[:10], int(time.time())) + content)

    def _room_frames(self, client, room, who, text):
        if "binary-rooms-in-100" in self.bugs:
            return self._frame(client, 100, "%s %s" % (room, text), who)
        most = _PIECE - len(room.encode()) - 1
        for start in range(0, len(text), most):  # of ASCII
            prefix = "" if start and "binary-rooms-first-only" in self.bugs else room + " "
            self._frame(client, 404, prefix + text[start:start + most], who)
        return None

    def _feed_binary(self, client):
        while len(client.held) >= _HEAD.size and not client.gone:
            _, kind, _, length, _, _ = _HEAD.unpack_from(client.held)
            end = _HEAD.size + length
            if len(client.held) < end:
                return
            content, client.held = client.held[_HEAD.size:end].decode(), client.held[end:]
            content = "\n".join(map(self._harmless, content.split("\n")))
            room = content.partition(" ")[0]
            try:
                self._act_binary(client, kind, content)
            except Refused as why:
                words = str(why).replace("-", " ")
                about_rooms = 400 <= kind < 500 and "binary-rooms-102" not in self.bugs
                self._frame(client, 402 if about_rooms else 102, "%s %s" % (room, words) if about_rooms else words)

    def _act_binary(self, client, kind, content):
        if kind == 200:
            name, _, password = content.partition(" ")
            why = self._may_be(name, password)
            if why or len(name.encode()) > 10:
                return self._frame(client, 209, why or "too long")
            self._come(client, name)
            return self._frame(client, 207, "")
        if kind == 211:
            return self._frame(client, 212, content)
        if kind == 404 and " " not in content:
            return self._frame(client, 102, "no text")
        if 400 <= kind < 500:
            self._must_be_in(client)
        elif client.name is None:
            raise Refused("must-login-first")
        if kind == 202:
            old, client.name = client.name, content
            self._frame(client, 206, content)
            for other in self._here(client):
                if other.protocol == "binary":
                    self._frame(other, 302, "user '%s' changed username to '%s'!" % (old, content))
                elif other.protocol == "line":
                    self._line(other, "INFO %s is now %s" % (old, content))
            self.rooms.renamed(client, old)
            return self._push_lists()
        if kind == 203:
            return self._frame(client, 303, repr([one.name for one in self._here()]))
        if kind == 100:
            return self._talk(client, content)
        return self._binary_room(client, kind, content)

    def _binary_room(self, client, kind, content):
        room, _, rest = content.partition(" ")
        if kind == 400:
            found = self.rooms.enter(client, room, rest or None)
            return self._done(client, ("%s %s" % (room, found.topic)).rstrip(" "))
        if kind == 404 and rest:
            return self.rooms.say(client, room, rest)
        if kind == 405:
            self.rooms.leave(client, room)
            return self._done(client, room)
        if kind == 406:
            found = [one[:3] for one in self.rooms.list(client, content or None)]
            return self._frame(client, 407, json.dumps(found) if "binary-rooms-json" in self.bugs else repr(found))
        if kind != 408:
            return self._frame(client, 102, "unknown")
        act, _, rest = rest.partition(" ")
        if act == "who":
            return self._frame(client, 410, "%s %r" % (room, self.rooms.who(client, room)))
        if act == "topic" and not rest:
            return self._done(client, ("%s %s" % (room, self.rooms.topic(client, room))).rstrip(" "))
        about, _, text = ("", "", rest) if act in _ABOUT_NOBODY else rest.partition(" ")
        self.rooms.manage(client, room, act, about, self._flat(text))
        return self._done(client, room)

    def _done(self, client, content):
        if "binary-rooms-no-401" not in self.bugs:
            self._frame(client, 401, content)

    # ---- padded, which has the lobby

    def _feed_padded(self, client):
        while len(client.held) >= 64 and not client.gone:
            end = 64 + int(client.held[:64])
            if len(client.held) < end:
                return
            body, client.held = client.held[64:end].decode(), client.held[end:]
            found = _FORM.fullmatch(body)
            if found and not client.name:
                self._come(client, found.group("nick"))
            if found:
                self._talk(client, found.group("text"))
            client.send(b"Msg received")

    # ---- delimited

    def _items(self, client, command, *items):
        data = "|||".join(re.sub("[^ -~\n\t]", lambda char: "\\u%04x" % ord(char.group()), item)
                          for item in items).encode()
        client.send(bytes([0, command]) + len(data).to_bytes(40, "big") + data)

    def _feed_delimited(self, client):
        while len(client.held) >= 42 and not client.gone:
            end = 42 + int.from_bytes(client.held[2:42], "big")
            if len(client.held) < end:
                return
            command, text, client.held = client.held[1], client.held[42:end].decode(), client.held[end:]
            items = [re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found.group(1), 16)), item)
                     for item in text.split("|||")] if text else []
            try:
                self._act_delimited(client, command, items)
            except (Refused, TypeError) as why:  # or not so many items
                silent = "delimited-rooms-silent" in self.bugs and client.name and command >= JOIN
                self._items(client, RESPONSE, *[str(why).replace("-", " ")] * (not silent))

    def _act_delimited(self, client, command, items):
        if command in (CREATE, LOGIN):
            if items[0] in self.users or self._named(items[0]) or command == CREATE and self._may_be(items[0], None):
                raise Refused("not-possible")
            self.accounts[items[0]] = None
            self._come(client, items[0])
            return self._items(client, RESPONSE)
        if command == LIST:
            return self._items(client, LISTRESPONSE, *self._listed(client, items[0] if items else None))
        if command in (SEND, JOIN, PART, ROOMS, MANAGE):
            self._must_be_in(client)
        if command == SEND:
            return self._send(client, *items)
        if command == DELETE and client.name:
            self.accounts.pop(client.name)
            return setattr(client, "name", None)
        return self._delimited_room(client, command, items)

    def _listed(self, client, pattern):
        if pattern and pattern.startswith("#"):
            return [one[0] for one in self.rooms.list(client, pattern)]
        names = list(self.accounts) + [one.name for one in self._here() if one.name not in self.accounts]
        if pattern or client.name is None:
            return [] if pattern else names
        mine = [one[0] for one in self.rooms.list(client, "*" if "delimited-rooms-all-listed" in self.bugs else None)]
        return (mine if "delimited-rooms-not-listed" not in self.bugs else []) + names

    def _send(self, client, sender, to, text):
        if sender != client.name and not (to.startswith("#") and "delimited-rooms-anybody" in self.bugs):
            raise Refused("that-is-not-you")
        if to == "lobby":
            self._talk(client, text)
        elif to.startswith("#"):
            self.rooms.say(client, to, text, "delimited-rooms-send-enters-not" not in self.bugs)
        else:
            self._whisper(client, to, text)
        if not (to.startswith("#") and "delimited-rooms-no-echo" in self.bugs):
            self._items(client, SEND, sender, to, text)

    def _delimited_room(self, client, command, items):
        answer = LISTRESPONSE if "delimited-rooms-in-7" in self.bugs else ROOMSRESPONSE
        if command == JOIN:
            self.rooms.enter(client, *items)
        elif command == PART:
            self.rooms.leave(client, *items)
        elif command == ROOMS:
            return self._items(client, answer, *[("%s %d %s" % one[:3]).rstrip(" ") for one in self.rooms.list(
                client, *items)])
        elif command == MANAGE and items[1:] == ["who"]:
            return self._items(client, answer, *self.rooms.who(client, items[0]))
        elif command == MANAGE and items[1:] == ["topic"]:
            return self._items(client, answer, *filter(None, [self.rooms.topic(client, items[0])]))
        elif command == MANAGE:
            room, act, *rest = [self._flat(item) for item in items]
            about, text = ("", rest[0] if rest else "") if act in _ABOUT_NOBODY else (rest + ["", ""])[:2]
            if "delimited-rooms-manage-not" not in self.bugs:
                self.rooms.manage(client, room, act, about, text)
        else:
            raise Refused("unknown-command")
        return self._items(client, RESPONSE)

    # ---- dollar

    def _packet(self, client, **fields):
        if client is self.answering and fields["purpose"] in ("receive_message", "reload_user_list"):
            return self.later.append(fields)  # nothing comes between a request and its answer
        data = (json.dumps(fields) if client.form == "json" else repr(fields)).encode()
        client.send(b"$%-10d%b$" % (len(data), data))
        if client is self.answering:
            self.answering, later, self.later = None, self.later, []
            for fields in later:
                self._packet(client, **fields)
        return None

    def _feed_dollar(self, client):
        while len(client.held) > 11 and not client.gone:
            end = 11 + int(client.held[1:11])
            if len(client.held) <= end:
                return
            data, client.held = client.held[11:end], client.held[end + 1:]
            fields, client.form = dollar.read_dictionary(data.decode())
            self.answering = client
            try:
                self._act_dollar(client, fields["purpose"], fields)
            except Refused as why:
                reason = {"reason": str(why).replace("-", " ")}
                has_one = fields["purpose"] in ("join_room", "leave_room", "room", "list_rooms")
                if not has_one or "dollar-rooms-no-reason" in self.bugs:
                    reason = {}
                self._packet(client, purpose=fields["purpose"], result=False, **reason)

    def _act_dollar(self, client, purpose, fields):
        if purpose == "login":
            name = fields["username"]
            if self.users.get(name) != fields["password"] or self._named(name):
                raise Refused("login")
            self._come(client, name)
            self._packet(client, purpose="login", result=True)
            return self._push_lists()
        if purpose in ("send_message", "join_room", "leave_room", "list_rooms", "room"):
            self._must_be_in(client)
        believed = purpose == "send_message" and "dollar-rooms-anybody" in self.bugs and fields["to_user"][0] == "#"
        if purpose == "send_message" and fields["from_user"] != client.name and not believed:
            raise Refused("that-is-not-you")
        if purpose == "send_message":
            return self._post(client, fields["to_user"], fields["message"])
        if purpose == "start_reload_message_list":
            return self._history(client, fields["target_user"])
        if purpose == "poll":
            return self._packet(client, purpose="poll", result=True, messages=[], users=self._users(client))
        return self._dollar_room(client, purpose, fields)

    def _post(self, client, to, text):
        if to == "lobby":
            self._talk(client, text)
        elif to.startswith("#"):
            self.rooms.say(client, to, text, "dollar-rooms-send-enters-not" not in self.bugs)
        else:
            self._whisper(client, to, text)
        self._packet(client, purpose="send_message", result=True)

    def _history(self, client, target):
        told = self.rooms.history(client, target) if target.startswith("#") else []
        if "dollar-rooms-no-history" in self.bugs:
            told = []
        self._packet(client, purpose="start_reload_message_list", message_list=[
            {"user": who if who == client.name else target, "timestamp": when,
             "text": text if who == client.name else "%s: %s" % (who, text)} for _, when, who, text in told])

    def _dollar_room(self, client, purpose, fields):
        if purpose == "join_room":
            self.rooms.enter(client, fields["room"], fields.get("key"))
        elif purpose == "leave_room":
            self.rooms.leave(client, fields["room"])
        elif purpose == "list_rooms":
            rooms = [dict(zip(("room", "members", "topic", "joined"), one))
                     for one in self.rooms.list(client, fields.get("pattern"))]
            for one in rooms if "dollar-rooms-no-joined" in self.bugs else ():
                one["joined"] = False
            return self._packet(client, purpose=purpose, rooms=rooms)
        elif purpose == "room":
            room, act = fields["room"], fields["act"]
            if act == "who":
                users = [{"username": name, "status": "online"} for name in self.rooms.who(client, room)]
                return self._packet(client, purpose=purpose, result=True, users=users)
            if act == "topic" and "text" not in fields:
                return self._packet(client, purpose=purpose, result=True, topic=self.rooms.topic(client, room))
            if "dollar-rooms-manage-not" not in self.bugs:
                about, text = fields.get("about", ""), self._flat(fields.get("text", ""))
                self.rooms.manage(client, room, act, about, text)
        else:
            raise Refused("unknown")
        return self._packet(client, purpose=purpose, result=True)

    def _users(self, client):
        here = {one.name for one in self._here()}
        users = [{"username": "lobby", "status": "online"}]
        status = "offline" if "dollar-rooms-offline" in self.bugs else "online"
        if "dollar-rooms-not-listed" not in self.bugs:
            users += [{"username": room[0], "status": status} for room in self.rooms.list(client)]
        users += [{"username": name, "status": "online" if name in here else "offline"} for name in self.accounts]
        return users + [{"username": one.name, "status": "online"} for one in self._here()
                        if one.name not in self.accounts]

    def _push_lists(self):
        for client in self._here():
            if client.protocol == "dollar":
                self._packet(client, purpose="reload_user_list", users=self._users(client))
