"""A small server for `delimited` and `dollar` that can be wrong on purpose.

It knows enough to pass the scenarios that the tests play on it, and no more. It reads a dictionary with the suite's own
reader, which has tests of its own.
"""
import fnmatch
import json
import re
import time

from one_thread import OneThreadServer

from parley.conformance.wire import dollar

BUGS = {
    "delimited-little-endian": "the length is little-endian, both ways",
    "delimited-one-recv-is-one-frame": "what comes at once is taken for one whole frame",
    "delimited-drops-the-rest": "of several frames in one segment only the first is acted on",
    "delimited-any-version": "the version is not looked at",
    "delimited-any-bytes": "data that is not ASCII is relayed",
    "delimited-no-echo": "a sender gets nothing back",
    "delimited-acknowledges": "a sender gets an empty RESPONSE",
    "delimited-create-only": "who creates an account is not logged in to it",
    "delimited-create-twice": "a name may be created again",
    "delimited-login-twice": "an account may be used by two at once",
    "delimited-login-again": "who is logged in may log in as somebody else",
    "delimited-claimed-name": "the sender that a message names is believed",
    "delimited-strangers-send": "who is not logged in may send",
    "delimited-sends-to-all": "a message reaches everybody",
    "delimited-four-items": "more than three items are put together again",
    "delimited-forgets-accounts": "an account ends with its connection",
    "delimited-list-online": "only those who are here are listed",
    "delimited-list-exact": "a filter is taken for a name",
    "delimited-delivers-at-login": "kept messages come with the login",
    "delimited-delivers-again": "kept messages stay kept",
    "delimited-delivers-backwards": "the last message comes first",
    "delimited-answers-deliver": "DELIVER is answered by a RESPONSE too",
    "delimited-answers-delete": "DELETE is answered",
    "delimited-delete-stays-in": "who deletes his account can go on sending",
    "delimited-delete-keeps": "kept messages outlive their account",
    "dollar-unpadded": "lengths are not padded",
    "dollar-length-in-characters": "the length counts characters",
    "dollar-sign-ends": "a packet ends at the next dollar sign",
    "dollar-one-recv-is-one-packet": "what comes at once is taken for one whole packet",
    "dollar-drops-the-rest": "of several packets in one segment only the first is acted on",
    "dollar-answers-in-json": "answers are JSON, whatever was asked",
    "dollar-answers-in-python": "answers are Python, whatever was asked",
    "dollar-tuples": "tuples are read as lists",
    "dollar-any-password": "passwords are not looked at",
    "dollar-login-twice": "a user may be logged in twice",
    "dollar-login-again": "who is logged in may log in as somebody else",
    "dollar-list-first": "the list comes before the answer to the login",
    "dollar-no-list": "nobody is sent the list when somebody comes",
    "dollar-no-list-at-end": "nobody is sent the list when somebody leaves",
    "dollar-list-lacks-offline": "only those who are here are listed",
    "dollar-list-to-strangers": "who is not logged in gets the list",
    "dollar-claimed-name": "the sender that a message names is believed",
    "dollar-strangers-send": "who is not logged in may send",
    "dollar-sends-to-all": "a message reaches everybody",
    "dollar-loses-offline": "a message to somebody who is away is not stored",
    "dollar-history-in-one": "a history comes in one packet",
    "dollar-history-all-start": "all packets of a history are called start_",
    "dollar-history-no-empty": "an empty history is not answered",
    "dollar-history-of-others": "a history has what others said as well",
    "dollar-silent-on-unknown": "an unknown purpose is not answered",
    "dollar-stays-after-exit": "the connection is not closed after exit",
    "dollar-stays-after-close": "who closes the connection without exit stays logged in",
}

CREATE, LIST, SEND, DELIVER, DELETE, LOGIN, RESPONSE, LISTRESPONSE = range(8)
USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}


class WrongAccountsServer(OneThreadServer):
    """A server with the given bugs, in a thread of this process."""

    def __init__(self, bugs=()):
        assert set(bugs) <= set(BUGS), bugs
        self.bugs = set(bugs)
        self.kept = {}  # account of `delimited` -> messages for it
        self.said = []  # (from, to, text, time) in `dollar`
        self.stayed = set()  # users of `dollar` who have closed the connection, and are taken to be there
        super().__init__(("delimited", "dollar"))

    def _part(self, client):
        if client.protocol == "delimited" and "delimited-forgets-accounts" in self.bugs:
            self.kept.pop(client.name, None)
        if client.protocol != "dollar" or not client.name:
            return
        if "dollar-stays-after-close" in self.bugs and not client.said_goodbye:
            self.stayed.add(client.name)
        elif "dollar-no-list-at-end" not in self.bugs:
            self._push_list()

    def _here(self, name, protocol):
        return next((one for one in self.clients if (one.name, one.protocol) == (name, protocol)), None)

    # ---- delimited

    def _feed_delimited(self, client):
        order = "little" if "delimited-little-endian" in self.bugs else "big"
        while client.held and not client.gone:
            if client.held[0] and "delimited-any-version" not in self.bugs:
                self._frame(client, RESPONSE, "another version")
                return self._leave(client)
            end = 42 + int.from_bytes(client.held[2:42], order)
            if len(client.held) < max(42, end):
                if "delimited-one-recv-is-one-frame" in self.bugs:
                    client.held = b""
                return None
            frame, client.held = client.held[:end], client.held[end:]
            if self.bugs & {"delimited-one-recv-is-one-frame", "delimited-drops-the-rest"}:
                client.held = b""
            self._act(client, frame[1], frame[42:])
        return None

    def _frame(self, client, command, *items):
        data = "|||".join(items).encode("latin-1")
        order = "little" if "delimited-little-endian" in self.bugs else "big"
        client.send(bytes([0, command]) + len(data).to_bytes(40, order) + data)

    def _act(self, client, command, data):
        text = data.decode("latin-1")
        items = text.split("|||") if text else []
        counts = {CREATE: (1,), LIST: (0, 1), SEND: (3,), DELIVER: (0,), DELETE: (0,), LOGIN: (1,)}
        if command == SEND and "delimited-four-items" in self.bugs:
            items = items[:2] + ["|||".join(items[2:])]
        fit = command in counts and len(items) in counts[command]
        ascii_only = all(byte < 128 for byte in data) or "delimited-any-bytes" in self.bugs
        if not fit or not ascii_only or not all(item.strip("|") == item != "" for item in items):
            return self._frame(client, RESPONSE, "cannot be understood")
        acts = {CREATE: self._create, LOGIN: self._login, LIST: self._list, SEND: self._send, DELIVER: self._deliver,
                DELETE: self._delete}
        if command in (SEND, DELIVER, DELETE) and client.name is None and "delimited-strangers-send" not in self.bugs:
            return self._frame(client, RESPONSE, "not logged in")
        return acts[command](client, *items)

    def _create(self, client, name):
        if client.name or not re.fullmatch(r"[!-{}~]{1,32}", name) or name.lower() in ("lobby", "server"):
            return self._frame(client, RESPONSE, "not possible")
        if name in self.kept and "delimited-create-twice" not in self.bugs:
            return self._frame(client, RESPONSE, "username already exists")
        self.kept.setdefault(name, [])
        if "delimited-create-only" not in self.bugs:
            client.name = name
        return self._frame(client, RESPONSE)

    def _login(self, client, name):
        if client.name and "delimited-login-again" not in self.bugs:
            return self._frame(client, RESPONSE, "logged in already")
        if name not in self.kept:
            return self._frame(client, RESPONSE, "username does not exist")
        if self._here(name, "delimited") and "delimited-login-twice" not in self.bugs:
            return self._frame(client, RESPONSE, "user is already logged in")
        client.name = name
        self._frame(client, RESPONSE)
        if "delimited-delivers-at-login" in self.bugs:
            self._deliver(client)
        return None

    def _list(self, client, pattern="*"):
        is_plain = not re.search(r"[*?\]]", pattern)  # for which fnmatch takes half a minute, where there are many "["
        names = [name for name in self.kept if name == pattern or not is_plain and fnmatch.fnmatchcase(name, pattern)]
        if "delimited-list-exact" in self.bugs and pattern != "*":
            names = [name for name in self.kept if name == pattern]
        if "delimited-list-online" in self.bugs:
            names = [name for name in names if self._here(name, "delimited")]
        self._frame(client, LISTRESPONSE, *names)

    def _send(self, client, sender, to, text):
        if sender != client.name and "delimited-claimed-name" not in self.bugs and client.name:
            return self._frame(client, RESPONSE, "that is not you")
        if to not in self.kept:
            return self._frame(client, RESPONSE, "recipient does not exist")
        receiver = self._here(to, "delimited")
        if receiver:
            self._frame(receiver, SEND, sender, to, text)
        else:
            self.kept[to].append((sender, to, text))
        if "delimited-sends-to-all" in self.bugs:
            for other in [one for one in self.clients if one.name and one not in (client, receiver)]:
                self._frame(other, SEND, sender, to, text)
        if "delimited-acknowledges" in self.bugs:
            self._frame(client, RESPONSE)
        elif "delimited-no-echo" not in self.bugs:
            self._frame(client, SEND, sender, to, text)
        return None

    def _deliver(self, client):
        kept = list(self.kept.get(client.name, ()))
        for message in reversed(kept) if "delimited-delivers-backwards" in self.bugs else kept:
            self._frame(client, SEND, *message)
        if "delimited-delivers-again" not in self.bugs:
            self.kept[client.name] = []
        if "delimited-answers-deliver" in self.bugs:
            self._frame(client, RESPONSE)

    def _delete(self, client):
        if "delimited-delete-keeps" not in self.bugs or not self.kept[client.name]:
            del self.kept[client.name]
        if "delimited-delete-stays-in" not in self.bugs:
            client.name = None
        if "delimited-answers-delete" in self.bugs:
            self._frame(client, RESPONSE)

    # ---- dollar

    def _feed_dollar(self, client):
        while len(client.held) > 11 and not client.gone:
            if not client.held[1:11].strip().isdigit():
                return self._leave(client)
            size = int(client.held[1:11])
            if "dollar-length-in-characters" in self.bugs:
                size = len(client.held[11:].decode("utf-8", "replace")[:size].encode("utf-8"))
            end = 11 + size
            if "dollar-sign-ends" in self.bugs:
                end = client.held.find(b"$", 11)
            if not 0 <= end < len(client.held):
                if "dollar-one-recv-is-one-packet" in self.bugs:
                    client.held = b""
                return None
            data, client.held = client.held[11:end], client.held[end + 1:]
            if self.bugs & {"dollar-one-recv-is-one-packet", "dollar-drops-the-rest"}:
                client.held = b""
            self._answer(client, data)
        return None

    def _packet(self, client, **fields):
        form = client.form
        if self.bugs & {"dollar-answers-in-json", "dollar-answers-in-python"}:
            form = "json" if "dollar-answers-in-json" in self.bugs else ""
        data = (json.dumps(fields) if form == "json" else repr(fields)).encode("utf-8")
        size = b"%d" % (len(data.decode("utf-8")) if "dollar-length-in-characters" in self.bugs else len(data))
        client.send(b"$" + (size if "dollar-unpadded" in self.bugs else size.ljust(10)) + data + b"$")

    def _answer(self, client, data):
        try:
            fields, client.form = self._dictionary(data)
            acts = {"login": self._sign_in, "send_message": self._say, "start_reload_message_list": self._history,
                    "poll": self._poll, "exit": self._exit}
            purpose = fields["purpose"]
            if purpose in acts:
                return acts[purpose](client, fields)
        except (ValueError, KeyError, TypeError):
            purpose = "error"
        if "dollar-silent-on-unknown" not in self.bugs:
            self._packet(client, purpose=purpose, result=False)
        return None

    def _dictionary(self, data):
        text = data.decode("utf-8")
        if "dollar-tuples" in self.bugs:
            text = text.replace("(", "[").replace(")", "]").replace(",]", "]")
        return dollar.read_dictionary(text)

    def _sign_in(self, client, fields):
        name, word = fields.get("username"), fields.get("password")
        known = isinstance(name, str) and name in USERS and (USERS[name] == word or "dollar-any-password" in self.bugs)
        taken = (name in self.stayed or self._here(name, "dollar")) and "dollar-login-twice" not in self.bugs
        if not known or taken or client.name and "dollar-login-again" not in self.bugs:
            return self._packet(client, purpose="login", result=False)
        client.name = name
        if "dollar-list-first" in self.bugs:
            self._push_list()
        self._packet(client, purpose="login", result=True)
        if not self.bugs & {"dollar-list-first", "dollar-no-list"}:
            self._push_list()
        return None

    def _users(self):
        here = {one.name for one in self.clients} | self.stayed
        names = [name for name in USERS if name in here or "dollar-list-lacks-offline" not in self.bugs]
        users = [{"username": name, "status": "online" if name in here else "offline"} for name in names]
        return [{"username": "lobby", "status": "online"}] + users

    def _push_list(self):
        for client in self.clients:
            if client.protocol == "dollar" and (client.name or "dollar-list-to-strangers" in self.bugs):
                self._packet(client, purpose="reload_user_list", users=self._users())

    def _say(self, client, fields):
        sender, to, text = (fields.get(key) for key in ("from_user", "to_user", "message"))
        own = sender == client.name or "dollar-claimed-name" in self.bugs and client.name
        own = own or client.name is None and "dollar-strangers-send" in self.bugs
        if not own or to not in USERS or to == sender or not isinstance(text, str) or not text:
            return self._packet(client, purpose="send_message", result=False)
        receiver = self._here(to, "dollar")
        if receiver or "dollar-loses-offline" not in self.bugs:
            self.said.append((sender, to, text, int(time.time())))
        for other in self.clients:
            if other is receiver or "dollar-sends-to-all" in self.bugs and other.name and other is not client:
                self._packet(other, purpose="receive_message", from_user=sender, message=text)
        return self._packet(client, purpose="send_message", result=True)

    def _history(self, client, fields):
        pair = {client.name, fields.get("target_user")}
        every = "dollar-history-of-others" in self.bugs
        said = [{"user": sender, "text": text, "timestamp": when} for sender, to, text, when in self.said
                if every or {sender, to} == pair]
        if not said and "dollar-history-no-empty" in self.bugs:
            return
        size = len(said) or 1 if "dollar-history-in-one" in self.bugs else 10
        for start in range(0, len(said) or 1, size):
            word = "continue" if start and "dollar-history-all-start" not in self.bugs else "start"
            self._packet(client, purpose=word + "_reload_message_list", message_list=said[start:start + size])

    def _poll(self, client, fields):
        if client.name:
            self._packet(client, purpose="poll", result=True, messages=[], users=self._users())
        else:
            self._packet(client, purpose="poll", result=False)

    def _exit(self, client, fields):
        self._packet(client, purpose="exit", result=True)
        client.said_goodbye = True
        if "dollar-stays-after-exit" not in self.bugs:
            self._leave(client)
