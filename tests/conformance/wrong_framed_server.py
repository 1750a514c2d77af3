"""A small server for `binary`, `padded` and, for the suite's witnesses, `line` that can be wrong on purpose.

It knows enough to pass the scenarios that the tests play on it, and no more: nothing that is written out of caution in
a real server.
"""
import contextlib
import re
import struct
import threading
import time

from one_thread import OneThreadServer

BUGS = {
    "binary-echo": "who talks gets a copy",
    "binary-relays-claimed-name": "the user field of a frame is believed",
    "binary-little-endian": "integers are little-endian, both ways",
    "binary-one-recv-is-one-frame": "what comes at once is taken for one whole frame",
    "binary-drops-the-rest": "of several frames in one segment only the first is acted on",
    "binary-forgets-301": "nobody is told that somebody left",
    "binary-301-twice": "a quit is told twice",
    "binary-300-to-self": "who joins is told so as well",
    "binary-no-302": "a new name is told to nobody",
    "binary-replies-from-nobody": "the user field of answers is empty",
    "binary-spaces-fill-names": "names are filled up with spaces",
    "binary-own-time": "the sender's time is replaced",
    "binary-list-as-json": "the list of users has double quotes",
    "binary-info-without-port": "information on a user lacks the port",
    "binary-ping-own-time": "a ping does not come back with its number",
    "binary-stays-after-quit": "the connection is not closed after a quit",
    "binary-two-bobs": "a name may be taken twice",
    "binary-passes-invalid-utf8": "content is not looked at",
    "binary-length-in-characters": "the length of the content counts characters",
    "binary-strangers-talk": "who has not joined may talk",
    "binary-strangers-hear": "who has not joined hears the room",
    "binary-says-not-why": "a refused name gets no reason",
    "binary-keeps-the-older": "the right password of a name in use is refused",
    "binary-any-password": "a wrong one is taken for right",
    "binary-evicts-without-a-word": "a connection whose name is taken over is not told",
    "binary-evicts-in-secret": "the others are not told that it has ended",
    "binary-minds-nul": "what C leaves behind a name is part of it",
    "padded-no-ack": "messages are not acknowledged",
    "padded-ack-twice": "they are, twice",
    "padded-ack-to-all": "the acknowledgement goes to everybody",
    "padded-echo": "who talks gets a copy",
    "padded-no-relay": "messages go nowhere, as in the code that the document shows",
    "padded-relay-to-speakers": "only who has said something hears the others",
    "padded-own-time": "the time in a message is replaced",
    "padded-characters": "the length is taken for one of characters",
    "padded-one-recv-is-one-message": "what comes at once is taken for one whole message",
    "padded-drops-the-rest": "of several messages in one segment only the first is acted on",
    "padded-no-ack-for-nothing": "a length of zero is not acknowledged",
    "padded-names-the-address": "an address stands in front of what is handed on",
    "padded-hands-on-nothing": "a length of zero is handed on as an empty text",
    "padded-any-nick": "a nick may be taken twice",
    "padded-announces-leaving": "the others are told that somebody left",
    "padded-keeps-the-older": "the right password of a nick in use is refused",
    "padded-any-password": "a wrong one is taken for right",
    "padded-evicts-without-a-word": "a connection whose nick is taken over is not told",
    "padded-evicts-without-text": "a nick is taken over without a text",
    "padded-strips": "texts lose their outer spaces",
    "padded-says-goodbye": "a good-bye is a text",
    "padded-stays": "a good-bye is acknowledged, and the connection stays",
    "padded-acknowledges-the-end": "who says that he sends no more is told without end that this was received",
}

_HEAD = struct.Struct(">BIII10sI")
_LITTLE = struct.Struct("<BIII10sI")
_FORM = re.compile(r"\[(?P<time>[0-9]{2}:[0-9]{2} [AP]M)\] (?P<nick>.+?): (?P<text>.*)", re.DOTALL)
_GOODBYE = re.compile("(?i)!?disconnect|!dc|!exit")
_PASSWORDS = {"petra": "secret"}
_ELSEWHERE = "You have logged in elsewhere."


class WrongFramedServer(OneThreadServer):
    """A server with the given bugs, in a thread of this process; made to be the target of a ServerFixture."""

    workers = 1
    exit_code = None

    def __init__(self, bugs=()):
        unknown = set(bugs) - set(BUGS)
        assert not unknown, unknown
        self.bugs = set(bugs)
        self.head = _LITTLE if "binary-little-endian" in bugs else _HEAD
        super().__init__(("line", "binary", "padded"))

    def worker_address(self, index, protocol="line"):
        return self.address(protocol)

    def _say_no_more(self, client):
        if client.protocol == "padded" and "padded-acknowledges-the-end" in self.bugs and not client.gone:
            self.selector.unregister(client.sock)
            threading.Thread(target=self._acknowledge_without_end, args=(client,), daemon=True).start()
        else:
            super()._say_no_more(client)

    def _acknowledge_without_end(self, client):
        with contextlib.suppress(OSError):
            while True:
                client.sock.sendall(b"Msg received")
        self.clients.remove(client)
        client.sock.close()

    def _part(self, client):
        if client.name:
            self._tell_left(client)
            if "binary-301-twice" in self.bugs:
                self._tell_left(client)

    def _tell_left(self, client):
        for other in self._others(client):
            if other.protocol == "line":
                other.send(("INFO %s disconnected\n" % client.name).encode())
            elif other.protocol == "binary" and "binary-forgets-301" not in self.bugs:
                self._reply(other, 301, "%s left!" % client.name)
            elif other.protocol == "padded" and "padded-announces-leaving" in self.bugs:
                other.send(("[12:00 AM] server: %s left" % client.name).encode())

    # Everybody

    def _others(self, client):
        """Those who hear what the client does."""
        return [other for other in list(self.clients) if other is not client and self._hears(other)]

    def _hears(self, client):
        if client.protocol == "padded":
            return client.name or "padded-relay-to-speakers" not in self.bugs
        return client.name or (client.protocol == "binary" and "binary-strangers-hear" in self.bugs)

    def _taken(self, name):
        return any(other.name == name for other in self.clients)

    def _named(self, name):
        return next((other for other in self.clients if other.name == name), None)

    def _may_be(self, client, name, password):
        """May the client have the name, which nobody else has from now on if the password is right?"""
        if _PASSWORDS.get(name) != password and not (password and client.protocol + "-any-password" in self.bugs):
            return False
        older = self._named(name)
        if password and older and client.protocol + "-keeps-the-older" not in self.bugs:
            if client.protocol + "-evicts-without-a-word" not in self.bugs:
                self._tell_replaced(older)
            if client.protocol + "-evicts-in-secret" in self.bugs:
                older.name = None
            self._leave(older)
        return True

    def _tell_replaced(self, client):
        if client.protocol == "binary":
            self._reply(client, 102, _ELSEWHERE)
        else:
            client.send(b"[ERROR] " + _ELSEWHERE.encode())

    def _announce(self, client):
        for other in self._others(client):
            if other.protocol == "binary":
                self._reply(other, 300, "%s joined!" % client.name)

    def _say(self, client, text, seconds=None, clock=None, claimed=None):
        """`text` in bytes, to all others."""
        for other in self._others(client):
            self._hand(other, claimed or client.name or "?", text, seconds, clock)

    def _hand(self, other, sender, text, seconds=None, clock=None, direct=False):
        if other.protocol == "line":
            word = b"DM " if direct else b"MSG "
            other.send(b"".join(word + sender.encode() + b" " + line + b"\n" for line in text.split(b"\n")))
        elif other.protocol == "binary":
            seconds = int(time.time()) if seconds is None or "binary-own-time" in self.bugs else seconds
            self._frame(other, 100, sender, b"[direct] " * direct + text, seconds)
        elif "padded-no-relay" not in self.bugs:
            clock = "12:34 PM" if clock is None or "padded-own-time" in self.bugs else clock
            head = "[%s] %s%s: " % (clock, sender, " (direct)" * direct)
            head = "[('127.0.0.1', 40000)] " * ("padded-names-the-address" in self.bugs) + head
            other.send(head.encode() + (text.strip() if "padded-strips" in self.bugs else text))

    # line, as far as witnesses need it

    def _feed_line(self, client):
        *lines, client.held = client.held.split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "LOGIN":
                client.name = rest
                client.send(b"OK\n")
                self._announce(client)
            elif word == "PING":
                client.send(b"PONG\n")
            elif word == "WHO":
                client.send("".join("USER %s\n" % other.name for other in self.clients if other.name).encode())
            elif word == "MSG":
                self._say(client, rest.encode())
            elif word == "DM":
                target = self._named(rest.partition(" ")[0])
                if target:
                    self._hand(target, client.name, rest.partition(" ")[2].encode(), direct=True)
                else:
                    client.send(b"ERR user-not-found\n")

    # binary

    def _frame(self, client, kind, user, content, seconds):
        name = user.encode()
        filler = b" " if "binary-spaces-fill-names" in self.bugs else b"\0"
        length = len(content.decode(errors="replace")) if "binary-length-in-characters" in self.bugs else len(content)
        client.send(self.head.pack(1, kind, len(name), length, name[:10].ljust(10, filler), seconds) + content)

    def _reply(self, client, kind, content=""):
        user = "" if "binary-replies-from-nobody" in self.bugs else "server"
        self._frame(client, kind, user, content.encode(), int(time.time()))

    def _feed_binary(self, client):
        while len(client.held) >= self.head.size and not client.gone:
            version, kind, _, length, user, seconds = self.head.unpack_from(client.held)
            if version != 1 or length > 1 << 20:
                self._reply(client, 102, "what?")
                return self._leave(client)
            end = self.head.size + length
            if "binary-one-recv-is-one-frame" in self.bugs:
                content, client.held = client.held[self.head.size:end], b""
            elif len(client.held) < end:
                return None
            else:
                content, client.held = client.held[self.head.size:end], client.held[end:]
            if "binary-drops-the-rest" in self.bugs:
                client.held = b""
            self._act(client, kind, content, seconds, user.partition(b"\0")[0].decode(errors="replace"))
        if "binary-one-recv-is-one-frame" in self.bugs:
            client.held = b""
        return None

    def _act(self, client, kind, content, seconds, claimed):
        if kind in (200, 201, 202) and "binary-minds-nul" not in self.bugs:
            content = content.partition(b"\0")[0]
        try:
            text = content.decode()
        except UnicodeDecodeError:
            if "binary-passes-invalid-utf8" not in self.bugs:
                return self._reply(client, {200: 209, 202: 204}.get(kind, 102), "not UTF-8")
            text = ""
        act = {100: self._talk, 200: self._join, 201: self._info, 202: self._rename, 203: self._list, 205: self._quit,
               211: self._ping}.get(kind)
        if act == self._talk:
            believed = claimed if "binary-relays-claimed-name" in self.bugs else None
            return self._talk(client, content, seconds, believed)
        return act(client, text) if act else self._reply(client, 102, "unknown")

    def _talk(self, client, content, seconds, claimed):
        if not client.name and "binary-strangers-talk" not in self.bugs:
            return self._reply(client, 102, "join first")
        self._say(client, content, seconds, claimed=claimed)
        if "binary-echo" in self.bugs:
            self._hand(client, client.name, content, seconds)
        return None

    def _bad(self, name):
        bad = not name or " " in name or len(name.encode()) > 10
        return bad or (self._taken(name) and "binary-two-bobs" not in self.bugs)

    def _join(self, client, text):
        name, _, password = text.partition(" ")
        if client.name or not self._may_be(client, name, password or None) or self._bad(name):
            return self._reply(client, 209, "" if "binary-says-not-why" in self.bugs else "no")
        client.name = name
        self._reply(client, 207)
        self._announce(client)
        if "binary-300-to-self" in self.bugs:
            self._reply(client, 300, "%s joined!" % name)
        return None

    def _rename(self, client, name):
        if not client.name:
            return self._reply(client, 102, "join first")
        if self._bad(name):
            return self._reply(client, 204, "" if "binary-says-not-why" in self.bugs else "no")
        old, client.name = client.name, name
        self._reply(client, 206, name)
        for other in self._others(client):
            if other.protocol == "binary" and "binary-no-302" not in self.bugs:
                self._reply(other, 302, "user '%s' changed username to '%s'!" % (old, name))
        return None

    def _list(self, client, text):
        names = repr([other.name for other in self.clients if other.name])
        self._reply(client, 303, names.replace("'", '"') if "binary-list-as-json" in self.bugs else names)

    def _info(self, client, name):
        other = self._named(name)
        about = (name,) + other.address if other else ""
        self._reply(client, 210, repr(about[:2] if "binary-info-without-port" in self.bugs else about) if other else "")

    def _ping(self, client, text):
        self._reply(client, 212, "%.3f" % time.time() if "binary-ping-own-time" in self.bugs else text)

    def _quit(self, client, text):
        self._reply(client, 208)
        if "binary-stays-after-quit" not in self.bugs:
            self._leave(client)

    # padded

    def _feed_padded(self, client):
        while len(client.held) >= 64 and not client.gone:
            count = client.held[:64].strip(b" ")
            if not re.fullmatch(rb"0*[0-9]{1,5}", count):
                client.send(b"[ERROR] what?")
                return self._leave(client)
            end = 64 + int(count)
            if "padded-characters" in self.bugs:
                letters = client.held[64:].decode(errors="replace")
                if len(letters) < int(count):
                    return None
                end = 64 + len(letters[:int(count)].encode())
            if "padded-one-recv-is-one-message" not in self.bugs and len(client.held) < end:
                return None
            body, client.held = client.held[64:end], client.held[end:]
            if {"padded-drops-the-rest", "padded-one-recv-is-one-message"} & self.bugs:
                client.held = b""
            self._post(client, body.decode(errors="replace"))
        if "padded-one-recv-is-one-message" in self.bugs:
            client.held = b""
        return None

    def _post(self, client, body):
        found = _FORM.fullmatch(body)
        is_goodbye = _GOODBYE.fullmatch(found.group("text") if found else body)
        if is_goodbye and "padded-says-goodbye" not in self.bugs:
            self._acknowledge(client, body)
            return None if "padded-stays" in self.bugs else self._leave(client)
        if found and not found.group("text") and "padded-evicts-without-text" not in self.bugs:
            return self._acknowledge(client, body)
        nick, _, password = found.group("nick").partition(" ") if found else (None, None, None)
        if found and nick != client.name:
            if not self._may_be(client, nick, password or None):
                return client.send(b"[ERROR] the password is wrong")
            if self._taken(nick) and "padded-any-nick" not in self.bugs:
                return client.send(b"[ERROR] taken")
            came = not client.name
            client.name = nick
            if came:
                self._announce(client)
        if found:
            self._say(client, found.group("text").encode(), clock=found.group("time"))
        elif body:
            client.name = client.name or "guest-%d" % client.address[1]
            self._say(client, body.encode())
        elif "padded-hands-on-nothing" in self.bugs:
            self._say(client, b"")
        self._acknowledge(client, body)
        return None

    def _acknowledge(self, client, body):
        if "padded-no-ack" in self.bugs or (not body and "padded-no-ack-for-nothing" in self.bugs):
            return
        everybody = [one for one in self.clients if one.protocol == "padded"]
        for one in everybody if "padded-ack-to-all" in self.bugs and body else [client]:
            one.send(b"Msg received")
        if "padded-ack-twice" in self.bugs:
            client.send(b"Msg received")
        if "padded-echo" in self.bugs and body:
            client.send(body.encode())
