"""A small server for `web` and, for the suite's witnesses, `line` that can be wrong on purpose.

It knows enough to pass the scenarios that the tests play on it, and no more: nothing that is written out of caution in
a real server.
"""
import base64
import hashlib
import json
import re
import time

from one_thread import OneThreadServer

from parley.conformance.wire.web import Broken, first_frame

BUGS = {
    "wrong-accept": "the answer to the key is that of another one",
    "any-subprotocol": "whatever subprotocol is offered first is agreed on",
    "any-origin": "pages of other hosts may connect",
    "greets": "it speaks first",
    "one-recv-is-one-frame": "what comes at once is taken for one whole frame",
    "fragments-are-messages": "a fragment is taken for a message",
    "pongs-are-empty": "a pong has not the content of the ping",
    "binary-is-text": "a binary message is taken for a text",
    "unmasked-is-fine": "a frame without a mask is read",
    "no-limit": "a message may be of any length",
    "wrong-utf8-is-fine": "a text that is not UTF-8 is read all the same",
    "closes-without-code": "a close frame is answered by an empty one",
    "waits-for-the-client": "a connection is not closed behind the close frame",
    "ends-without-a-word": "a connection is ended without `bye`",
    "minds-unknown-members": "a member that it does not know is bad form",
    "forgets-ids-of-refusals": "an id does not come back in a refusal",
    "unknown-is-silent": "an unknown command is not answered",
    "closes-on-bad-form": "bad form ends the connection",
    "types-do-not-matter": "a text that is a number is taken",
    "strangers-talk": "who has not logged in may talk",
    "strangers-hear": "who has not logged in hears the room",
    "two-anns": "a name may be taken twice",
    "joined-to-self": "who logs in is told so as well",
    "left-twice": "a leaving is told twice",
    "echo": "who talks gets a copy",
    "another-n": "the sender is told another number than the others",
    "milliseconds": "the time is in milliseconds",
    "tags-are-forgotten": "what is said again by its tag is said again",
    "tags-are-everybodys": "a tag of somebody else counts",
    "whispers-aloud": "a whisper is heard by all",
    "strips": "texts lose their outer blanks",
    "controls-pass": "what acts on a terminal is passed on",
    "who-forgets-oneself": "the list lacks who asks",
    "backwards": "the history is told newest first",
    "after-includes": "what stands behind a number includes it",
    "whispers-in-history": "the history of the lobby has whispers",
    "any-session": "a session that there is not is begun",
    "sessions-are-forgotten": "no session can be come back to",
    "keeps-the-older": "the older connection stays when the session comes back",
    "resumes-too-early": "what the client has is told again",
    "forgets-what-oneself-said": "what one has said oneself is not among what was missed",
}

LOBBY = "#lobby"
MOST = 65536
_NO_TEXT = re.compile("[\\s\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _NUMBER, _NAMES = (str,), (int,), (list,)
# What is done with which members; those that have to be there first.
_MEMBERS = {
    "hello": ({}, {"session": _TEXT, "resume": (dict,)}),
    "login": ({"name": _TEXT}, {"password": _TEXT}),
    "say": ({"text": _TEXT}, {"room": _TEXT, "tag": _TEXT}),
    "whisper": ({"to": _TEXT, "text": _TEXT}, {"tag": _TEXT}),
    "who": ({}, {"room": _TEXT}),
    "history": ({}, {"room": _TEXT, "with": _TEXT, "before": _NUMBER, "after": _NUMBER, "most": _NUMBER}),
    "join": ({"room": _TEXT}, {}),
    "part": ({"room": _TEXT}, {}),
    "rename": ({"name": _TEXT}, {}),
    "watch": ({"names": _NAMES}, {}),
    "away": ({}, {"away": (bool,)}),
    "set": ({"room": _TEXT, "setting": _TEXT, "value": _TEXT}, {}),
    "ping": ({}, {}),
    **dict.fromkeys(["missed", "rooms", "topic", "roles", "password", "delete", "kick"], ({}, {})),
}


class Session:
    def __init__(self, name):
        self.name = name
        self.tags = {}


class WrongWebServer(OneThreadServer):
    """A server with the given bugs, in a thread of this process; made to be the target of a ServerFixture."""

    workers = 1
    exit_code = None

    def __init__(self, bugs=()):
        unknown = set(bugs) - set(BUGS)
        assert not unknown, unknown
        self.bugs = set(bugs)
        self.said = []  # (number, room or None, by, to or None, seconds, text)
        self.sessions = {}
        self.rooms = {LOBBY: []}
        super().__init__(("line", "web"))

    def worker_address(self, index, protocol="line"):
        return self.address(protocol)

    # Everybody

    def _named(self, name):
        return next((one for one in self.clients if one.name == name), None)

    def _members(self, room, but=None):
        names = [one for one in self.rooms.get(room, ()) if one is not but]
        strangers = [one for one in self.clients if one.protocol == "web" and not one.name and one.is_open]
        return names + strangers * ("strangers-hear" in self.bugs and room == LOBBY)

    def _enter(self, client, room):
        for other in self._members(room, None if "joined-to-self" in self.bugs else client):
            self._tell(other, on="joined", room=room, name=client.name)
        self.rooms.setdefault(room, []).append(client)
        if "joined-to-self" in self.bugs:
            self._tell(client, on="joined", room=room, name=client.name)

    def _exit(self, client, room):
        self.rooms[room].remove(client)
        for _ in range(2 if "left-twice" in self.bugs else 1):
            for other in self._members(room):
                self._tell(other, on="left", room=room, name=client.name)
        if room != LOBBY and not self.rooms[room]:
            del self.rooms[room]

    def _part(self, client):
        for room in [room for room, members in self.rooms.items() if client in members]:
            self._exit(client, room)

    def _record(self, room, by, to, text):
        number, seconds = len(self.said) + 1, int(time.time() * (1000 if "milliseconds" in self.bugs else 1))
        self.said.append((number, room, by, to, seconds, text))
        for other in self._members(room) if room else [self._named(to)]:
            if other.name != by or not room or "echo" in self.bugs:
                self._hand(other, self.said[-1])
        if not room and "whispers-aloud" in self.bugs:
            for other in self._members(LOBBY, self._named(by)):
                self._hand(other, self.said[-1])
        return number, seconds

    def _hand(self, client, said):
        number, room, by, to, seconds, text = said
        if client.protocol == "line":
            word = "MSG " if room else "DM "
            client.send("".join("%s%s %s\n" % (word, by, line) for line in text.split("\n")).encode(
                errors="replace"))
        elif room:
            self._tell(client, on="said", n=number, room=room, by=by, at=seconds, text=text)
        else:
            self._tell(client, on="whispered", n=number, by=by, to=to, at=seconds, text=text)

    # line, as far as witnesses need it

    def _feed_line(self, client):
        *lines, client.held = client.held.split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "LOGIN":
                client.name = rest
                client.send(b"OK\n")
                self._enter(client, LOBBY)
            elif word == "PING":
                client.send(b"PONG\n")
            elif word == "WHO":
                client.send("".join("USER %s\n" % one.name for one in self.rooms[LOBBY]).encode())
            elif word in ("MSG", "DM"):
                to, _, text = rest.partition(" ") if word == "DM" else (None, None, rest)
                if to and not self._named(to):
                    client.send(b"ERR user-not-found\n")
                else:
                    self._record(None if to else LOBBY, client.name, to, text)

    # WebSocket

    def _feed_web(self, client):
        if not hasattr(client, "is_open"):
            client.is_open, client.parts, client.session, client.marks = False, None, None, {}
        while not client.is_open and b"\r\n\r\n" in client.held:
            head, _, client.held = client.held.partition(b"\r\n\r\n")
            self._open(client, head.decode("latin-1"))
        while client.is_open and client.held and not client.gone:
            try:
                found = first_frame(client.held)
            except Broken:
                return self._end(client, "broken", 1002)
            if found is None:
                size = int.from_bytes(client.held[2:10], "big") if client.held[1] & 127 == 127 else 0
                if len(client.held) >= 10 and size > MOST and "no-limit" not in self.bugs:
                    self._end(client, "too-long", 1009)
                return None
            client.held = b"" if "one-recv-is-one-frame" in self.bugs else client.held[found[-1]:]
            self._hear(client, *found[:-1])
        return None

    def _open(self, client, head):
        path, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        offered = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",") if one]
        origin = headers.get("origin", "//" + headers["host"]).partition("//")[2]
        key = headers.get("sec-websocket-key", "").encode()
        status = (
            404 if path.split(" ")[1] != "/chat" else 426 if headers.get("sec-websocket-version") != "13" else
            400 if len(base64.b64decode(key)) != 16 else
            400 if offered and "parley.1" not in offered and "any-subprotocol" not in self.bugs else
            403 if origin != headers["host"] and "any-origin" not in self.bugs else 101)
        answer = ["HTTP/1.1 %d Some Words" % status]
        if status == 101:
            digest = hashlib.sha1(key + _GUID + b"x" * ("wrong-accept" in self.bugs)).digest()
            answer += ["Upgrade: websocket", "Connection: Upgrade",
                       "Sec-WebSocket-Accept: " + base64.b64encode(digest).decode()]
            if offered:
                chosen = offered[0] if "any-subprotocol" in self.bugs else "parley.1"
                answer.append("Sec-WebSocket-Protocol: " + chosen)
        else:
            answer += ["Sec-WebSocket-Version: 13", "Content-Length: 0"]
        client.send("\r\n".join(answer + ["", ""]).encode())
        client.is_open = status == 101
        if "greets" in self.bugs and client.is_open:
            self._tell(client, on="notice", text="welcome!")

    def _frame(self, client, first, content):
        size = len(content)
        length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < MOST else (
            b"\x7f" + size.to_bytes(8, "big"))
        client.send(bytes([first]) + length + content)

    def _tell(self, client, **fields):
        if client.protocol == "web":
            self._frame(client, 0x81, json.dumps(fields).encode())
        elif fields["on"] == "left" and fields["room"] == LOBBY:
            client.send(("INFO %s disconnected\n" % fields["name"]).encode())

    def _end(self, client, why, code):
        if "ends-without-a-word" not in self.bugs:
            self._tell(client, on="bye", why=why, text="good bye")
        self._hang_up(client, code)

    def _hang_up(self, client, code):
        no_code = code == 1000 and "closes-without-code" in self.bugs
        self._frame(client, 0x88, b"" if no_code else code.to_bytes(2, "big"))
        if "waits-for-the-client" not in self.bugs:
            self._leave(client)

    def _hear(self, client, opcode, is_last, is_masked, content):
        if not is_masked and "unmasked-is-fine" not in self.bugs:
            self._end(client, "broken", 1002)
        elif opcode == 9:
            self._frame(client, 0x8A, b"" if "pongs-are-empty" in self.bugs else content)
        elif opcode == 8:
            self._hear_close(client, content)
        elif opcode == 2 and "binary-is-text" not in self.bugs:
            self._end(client, "foreign-protocol", 1003)
        elif opcode != 10:
            if (opcode == 0) != (client.parts is not None) and "fragments-are-messages" not in self.bugs:
                return self._end(client, "broken", 1002)
            client.parts = (client.parts or b"") + content
            if len(client.parts) > MOST and "no-limit" not in self.bugs:
                return self._end(client, "too-long", 1009)
            if is_last or "fragments-are-messages" in self.bugs:
                whole, client.parts = client.parts, None
                self._hear_text(client, whole)
        return None

    def _hear_close(self, client, content):
        code = int.from_bytes(content[:2], "big")
        if len(content) == 1 or content and code in (1004, 1005, 1006):
            return self._end(client, "broken", 1002)
        try:
            content[2:].decode()
        except UnicodeDecodeError:
            return self._end(client, "not-utf8", 1007)
        return self._hang_up(client, 1000)

    def _hear_text(self, client, content):
        try:
            text = content.decode(errors="replace" if "wrong-utf8-is-fine" in self.bugs else "strict")
        except UnicodeDecodeError:
            return self._end(client, "not-utf8", 1007)
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        return self._act(client, fields)

    # parley.1

    def _answer(self, client, **fields):
        if client.label is not None and not (fields["on"] == "no" and "forgets-ids-of-refusals" in self.bugs):
            fields["id"] = client.label
        self._tell(client, **fields)

    def _no(self, client, why):
        self._answer(client, on="no", why=why, text="no")
        if why == "bad-form" and "closes-on-bad-form" in self.bugs:
            self._end(client, "broken", 1002)

    def _act(self, client, fields):
        client.label = None
        fields = {key: value for key, value in fields.items() if value is not None} if isinstance(fields, dict) else {}
        label = fields.pop("id", None)
        if label is not None and not (isinstance(label, str) and len(label) <= 64):
            return self._no(client, "bad-form")
        client.label = label
        do = fields.pop("do", None)
        if not isinstance(do, str):
            return self._no(client, "bad-form")
        if do not in _MEMBERS:
            return None if "unknown-is-silent" in self.bugs else self._no(client, "unknown-command")
        open_to_strangers = ("hello", "login", "ping") + ("say",) * ("strangers-talk" in self.bugs)
        needed, known = _MEMBERS[do]
        known = dict(known, **needed)
        fits = all(type(fields[key]) in kinds for key, kinds in known.items() if key in fields)
        fits = fits and not any(key in fields and fields[key] < 0 for key in ("before", "after", "n"))
        fits = fits and not {"before", "after"} <= set(fields) and all(
            isinstance(name, str) for name in fields.get("names", ()))
        fits = fits or do == "say" and "types-do-not-matter" in self.bugs
        if not client.name and do not in open_to_strangers:
            return self._no(client, "must-login")
        if not fits or not set(needed) <= set(fields) or (
                "minds-unknown-members" in self.bugs and not set(fields) <= set(known)):
            return self._no(client, "bad-form")
        return getattr(self, "_do_" + do, self._do_nothing)(client, **{
            key + "_" * (key == "with"): value for key, value in fields.items() if key in known})

    def _do_nothing(self, client, **fields):
        """What no scenario of the tests asks for."""

    def _do_ping(self, client):
        self._answer(client, on="pong")

    def _do_hello(self, client, session=None, resume=None):
        if client.name:
            return self._no(client, "already-in")
        self._answer(client, on="hello", server="wrong", run="one",
                     limits={"text": 16384, "register": True, "guests": True, "file": 0}, motd="")
        client.marks, client.label = {key: n for key, n in (resume or {}).items() if key != "run"}, None
        if resume and resume.get("run") != "one":
            client.marks = dict.fromkeys(client.marks, 0)
        if session is None:
            return None
        known = self.sessions.get(session) if "sessions-are-forgotten" not in self.bugs else None
        if known is None and "any-session" in self.bugs:
            known = self.sessions[session] = Session("somebody")
        if known is None:
            return self._no(client, "no-session")
        older = self._named(known.name)
        if older and "keeps-the-older" not in self.bugs:
            self._end(older, "logged-in-elsewhere", 4001)
        return self._welcome(client, session)

    def _do_login(self, client, name, password=None):
        if client.name:
            return self._no(client, "already-in")
        if not re.fullmatch(r"(?![#&/])[^\s|]{1,32}", name) or not name.isprintable():
            return self._no(client, "invalid-name")
        if self._named(name) and "two-anns" not in self.bugs:
            return self._no(client, "name-taken")
        if password:
            return self._no(client, "no-password")
        token = "%032x" % len(self.sessions)
        self.sessions[token] = Session(name)
        return self._welcome(client, token)

    def _welcome(self, client, token):
        client.session = self.sessions[token]
        client.name = client.session.name
        self._answer(client, on="welcome", name=client.name, account=False, session=token, me=len(self.said), read={})
        self._enter(client, LOBBY)
        for room in client.marks:
            if room[0] == "#" and room != LOBBY:
                self._enter(client, room)
                self._tell(client, on="room", room=room, topic="")
        for mark, number in client.marks.items():
            self._tell(client, on="missed", gap=False, messages=self._missed(client, mark, number),
                       **{"me": True} if mark == "me" else {"room": mark})

    def _missed(self, client, mark, number):
        found = []
        for n, room, by, to, at, text in self.said[number - (number > 0 and "resumes-too-early" in self.bugs):]:
            if by == client.name and "forgets-what-oneself-said" in self.bugs:
                continue
            if mark == "me" and not room and client.name == to and not text.startswith("~sync"):
                found.append({"n": n, "by": by, "to": to, "at": at, "text": text})
            elif room == mark:
                found.append({"n": n, "by": by, "at": at, "text": text})
        return found

    def _do_rename(self, client, name):
        self._no(client, "name-taken")

    def _do_say(self, client, text, room=LOBBY, tag=None):
        if client not in self.rooms.get(room, ()) and "strangers-talk" not in self.bugs:
            return self._no(client, "not-in-room")
        return self._say(client, room, None, text, tag)

    def _do_whisper(self, client, to, text, tag=None):
        return self._say(client, None, to, text, tag) if self._named(to) else self._no(client, "nobody")

    def _say(self, client, room, to, text, tag):
        text = str(text).strip() if "strips" in self.bugs else str(text)
        text = text if "controls-pass" in self.bugs else _pictured(text)
        if _NO_TEXT.fullmatch(text) or tag and len(str(tag)) > 64:
            return self._no(client, "bad-form")
        tags = {} if client.session is None else client.session.tags
        if "tags-are-everybodys" in self.bugs:
            tags = self.__dict__.setdefault("_tags", {})
        number, seconds = tags.get(tag) or self._record(room, client.name or "?", to, text)
        if tag and "tags-are-forgotten" not in self.bugs:
            tags[tag] = number, seconds
        return self._answer(client, on="done", n=number + ("another-n" in self.bugs), at=seconds)

    def _do_who(self, client, room=LOBBY):
        names = [one.name for one in self.rooms[room] if one is not client or "who-forgets-oneself" not in self.bugs]
        self._answer(client, on="who", room=room, names=names)

    def _do_history(self, client, room=LOBBY, with_=None, before=None, after=None, most=200):
        if with_ is None and client not in self.rooms[room]:
            return self._no(client, "not-in-room")
        both = {client.name, with_}
        aloud = (room, None) if "whispers-in-history" in self.bugs else (room,)
        found = [{"n": n, "by": by, "at": at, "text": text} for n, where, by, to, at, text in self.said
                 if ({by, to} == both if with_ else where in aloud) and (before is None or n < before)
                 and (after is None or n > after or n == after and "after-includes" in self.bugs)]
        kept = found[:most] if after is not None else found[-most:]
        kept = kept[::-1] if "backwards" in self.bugs else kept
        where = {"with": with_} if with_ else {"room": room}
        return self._answer(client, on="history", messages=kept, more=len(kept) < len(found), **where)

    def _do_join(self, client, room):
        self._answer(client, on="room", room=room, topic="")
        self._enter(client, room)

    def _do_part(self, client, room):
        self._exit(client, room)
        self._answer(client, on="done")


def _pictured(text):
    """The text without what acts on a terminal."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\r\n", "\n"))
    text = re.sub("[\x00-\x08\x0b-\x1f]", lambda found: chr(0x2400 + ord(found.group())), text)
    text = text.replace("\x7f", "\u2421").replace("\x85", "\u2424").replace("\u2028", "\u2424")
    return re.sub("[\x80-\x9f]", "\ufffd", text) + "\u202c" * text.count("\u202e")
