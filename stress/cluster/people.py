"""Clients of several nodes, which record what they said, heard and were promised.

A client that loses the connection to one node connects to the next one. After a while it returns to its own, as
otherwise all would gather at one node.
"""
import collections
import contextlib
import re
import selectors
import socket
import time

from parley.conformance.wire import CODECS
from stress.cluster.record import Told
from stress.irc import END_OF_WELCOME, IrcClient, command_of
from stress.padded import Decoder as PaddedDecoder
from stress.proofs.clients import CHUNK, Closed, Silence
from stress.proofs.durable import Role
from stress.proofs.ledger import mark_of
from stress.proofs.rooms import granted, in_lobby
from stress.proofs.voices import Delimited, Line
from stress.web import WebClient

RENAME, RENAMED = 202, {206: True, 204: False}  # the types in `binary`, of the request and of its answers
TALK_OF_LOBBY = re.compile(rb"@(?:[^ ]*;)?msgid=(\d+)[^ ]* :([^!]+)![^ ]* PRIVMSG #lobby :(.*)")  # in IRC
A_BOX = 50  # messages that are kept for one account
AWAY = 1.0  # seconds at another node
LATER = 0.05  # seconds between two tries for a name that is not free yet
A_MOMENT = 0.05  # seconds that a listener waits for something to hear


class Person(Role):
    """A client at one node, and at the next one when its connection ends. `house` are the nodes, `ledger` the record.

    arrive(enter, node) connects and logs in, and enters the contexts that are to be closed; act() does one thing.

    seconds: for an answer. pause: seconds between two actions. every: seconds between two texts of a client that
    listens as well.
    """

    seconds = 60.0
    pause = 0.05
    every = 0.1

    def __init__(self, name, node):
        self.name = name.encode()
        self.tenure = None
        self._home = self._node = node
        self._until = None  # when it goes home, monotonic seconds
        self._said = 0

    def come(self, enter):
        node, self._node = self._node % self.house.count, self._node + 1
        self.tenure = None
        try:
            self.arrive(enter, node)
        except Silence as silence:
            self.ledger.note("held by nobody", "node %d: %s" % (node, silence))
        self._until = None if node == self._home % self.house.count else time.monotonic() + AWAY

    def stays(self):
        if self._until is None or time.monotonic() < self._until:
            return True
        self._node = self._home
        return False

    def next_text(self):
        """A text that was not said before."""
        self._said += 1
        return b"%b-%d and more." % (self.name, self._said)


class Speaker(Person):
    """Talks in the lobby, in a protocol that acknowledges messages. kind: a subclass of `Voice`."""

    def __init__(self, kind, name, node):
        super().__init__(name, node)
        self._kind = kind

    def arrive(self, enter, node):
        self.voice = enter(self._kind(self.house.address(node, self._kind.__name__.lower()), self.name, self.seconds))
        self.voice.enter()
        self.tenure = self.ledger.grant(self.name)

    def act(self):
        self.utter()

    def utter(self):
        """Say a text; returns whether it was acknowledged."""
        text, since = self.next_text(), self.ledger.now()
        mark = self.ledger.say(self.tenure, b"", text)
        acknowledged = self.voice.say(None, text)
        if acknowledged:
            self.ledger.acknowledge(mark, since)
        else:
            self.ledger.refused[mark] = self.voice.refusal
        return acknowledged


class Stranger(Speaker):
    """A speaker that has its name only once its first text is acknowledged, as in `padded`."""

    def arrive(self, enter, node):
        super().arrive(enter, node)
        self._is_in = False

    def act(self):
        if self.utter() and not self._is_in:
            self._is_in = True
            self.tenure.since = self.tenure.until = self.ledger.now()


class Contender(Person):
    """Takes a name that others want too, says three texts under it, and releases it."""

    def __init__(self, kind, name, node):
        super().__init__(name, node)
        self._kind = kind
        self._number = node

    def arrive(self, enter, node):
        self.voice = enter(self._kind(self.house.address(node, "line"), self.name, self.seconds))

    def act(self):
        if not self.voice.attempt():
            return
        self.tenure = self.ledger.grant(self.name)
        for _ in range(3):
            self._said += 1
            text, since = b"%b-%d-%d hurrah." % (self.name, self._number, self._said), self.ledger.now()
            mark = self.ledger.say(self.tenure, b"", text)
            if self.voice.say(None, text):
                self.ledger.acknowledge(mark, since)
        self.done += 1  # otherwise a client that always gets the name would seem to do nothing
        raise Closed("the name is released")


class Ear:
    """A connection that records all that it hears."""

    def __init__(self, address, protocol, life, seconds):
        self.codec = CODECS[protocol]
        self._protocol = protocol
        self.life = life
        self._seconds = seconds
        self._decoder = PaddedDecoder() if protocol == "padded" else self.codec.Decoder()
        self._come = collections.deque()
        self._sock = socket.create_connection(address, seconds)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._sock, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._selector.close()
        self._sock.close()

    def send(self, *messages):
        self._sock.sendall(b"".join(self.codec.encode(message) for message in messages))

    def until(self, satisfied):
        """Read until a message satisfies, and return it; Silence if none does."""
        deadline = time.monotonic() + self._seconds
        while True:
            while self._come:
                message = self._come.popleft()
                self._take(message)
                if satisfied(message):
                    return message
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silence("%r had no answer in %g s" % (self.life.name, self._seconds))
            self._receive(left)

    def listen(self, seconds):
        """Read what comes within `seconds`, or has come."""
        self._receive(seconds)
        while self._come:
            self._take(self._come.popleft())

    def _receive(self, seconds):
        if self._selector.select(seconds):
            data = self._sock.recv(CHUNK)
            if not data:
                raise Closed("the connection of %r has ended" % self.life.name)
            self._come += self._decoder.feed(data)

    def _take(self, message):
        heard = in_lobby(self._protocol, message)
        if heard:
            self.life.heard.append((b"", heard.text.encode()))
        elif self._protocol != "padded":
            room, who, text = self.codec.heard_in_room(message) or (None, None, None)
            if who:
                self.life.heard.append((room.encode(), text.encode()))


class Listener(Person):
    """Records what it hears in one of the protocols. In those without acknowledgements it may talk, too."""

    pause = 0.0

    def __init__(self, protocol, name, node, talks=False):
        super().__init__(name, node)
        self._protocol = protocol
        self._talks = talks
        self._due = time.monotonic()

    def arrive(self, enter, node):
        life = self.ledger.live(self.name)
        self.ear = enter(Ear(self.house.address(node, self._protocol), self._protocol, life, self.seconds))
        if self._protocol != "padded":  # whose clients hear the lobby without a name
            self._log_in()
            self.tenure = self.ledger.grant(self.name)

    def _log_in(self):
        """Ask for the name until it is granted: the former connection may still hold it."""
        name, deadline = self.name.decode(), time.monotonic() + self.seconds
        login = {"line": "LOGIN " + name, "binary": {"type": 200, "content": name}, "delimited": {"LOGIN": [name]},
                 "dollar": {"purpose": "login", "username": name, "password": ""}}[self._protocol]
        while True:
            self.ear.send(login)
            answer = self.ear.until(lambda message: granted(self._protocol, message) is not None)
            if granted(self._protocol, answer):
                return
            if time.monotonic() > deadline:
                raise Silence("%r cannot log in: %s" % (self.name, answer))
            time.sleep(LATER)

    def act(self):
        if self._talks and time.monotonic() >= self._due:
            self._due = time.monotonic() + self.every
            text = self.next_text()
            self.ledger.say(self.tenure, b"", text)
            self.ear.send(self.ear.codec.say(self.name.decode(), text.decode()))
        self.ear.listen(A_MOMENT)

    def _listen_for(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.ear.listen(A_MOMENT)


class Browser(Person):
    """A client of `web`, which gets the numbers of its messages, and of those that it hears."""

    pause = 0.0

    def arrive(self, enter, node):
        self._client = enter(WebClient(self.house.address(node, "web")))
        deadline = time.monotonic() + self.seconds
        while self._client.answer("login", name=self.name.decode())["on"] != "welcome":
            if time.monotonic() > deadline:
                raise Silence("%r cannot log in" % self.name)
            time.sleep(LATER)
        self._life, self.tenure = self.ledger.live(self.name), self.ledger.grant(self.name)
        self._due = time.monotonic()

    def act(self):
        if time.monotonic() < self._due:
            with contextlib.suppress(Silence):  # nobody talks at the moment
                self._hear(self._client.told(A_MOMENT))
            return
        self._due = time.monotonic() + self.every
        text, since = self.next_text(), self.ledger.now()
        mark = self.ledger.say(self.tenure, b"", text)
        self._client.ask("say", text=text.decode(), id=mark.decode())
        answer = self._client.told(self.seconds)
        while answer.get("id") != mark.decode():
            self._hear(answer)
            answer = self._client.told(self.seconds)
        if answer["on"] == "done":
            self.ledger.acknowledge(mark, since, answer["n"])
        else:
            self.ledger.refused[mark] = answer.get("why")

    def _hear(self, told):
        if told["on"] == "said" and told["room"] == "#lobby":
            text = told["text"].encode()
            self._life.heard.append((b"", text))
            self.ledger.numbers[mark_of(text)].add(told["n"])


class Chatter(Person):
    """A client of IRC that records what it hears, and says several texts at once, which the server handles as a block.

    Each text is acknowledged by its echo, or refused by a numeric, in order.
    """

    pause = 0.0
    at_once = 3

    def arrive(self, enter, node):
        self._client = enter(IrcClient(self.house.address(node, "irc")))
        self._client.say("CAP REQ :echo-message message-tags", "CAP END", "USER x 0 * :x")
        deadline = time.monotonic() + self.seconds
        while self._register() == "433":
            if time.monotonic() > deadline:
                raise Silence("%r cannot log in" % self.name)
            time.sleep(LATER)
        self._life, self.tenure = self.ledger.live(self.name), self.ledger.grant(self.name)
        self._client.say("JOIN #lobby")
        self._client.told("366", seconds=self.seconds)
        self._due = time.monotonic()

    def _register(self):
        self._client.say("NICK " + self.name.decode())
        return command_of(self._client.told("433", *END_OF_WELCOME, seconds=self.seconds))

    def act(self):
        if time.monotonic() < self._due:
            with contextlib.suppress(Silence):  # nobody talks at the moment
                self._hear(self._client.line(A_MOMENT))
            return
        self._due = time.monotonic() + self.every
        texts, since = [self.next_text() for _ in range(self.at_once)], self.ledger.now()
        waiting = collections.deque(self.ledger.say(self.tenure, b"", text) for text in texts)
        self._client.say(*["PRIVMSG #lobby :" + text.decode() for text in texts])
        while waiting:
            line = self._client.line(self.seconds)
            text, number = self._hear(line)
            if text is not None and mark_of(text) == waiting[0]:
                self.ledger.acknowledge(waiting.popleft(), since, number)
            elif command_of(line).isdigit() or command_of(line) == "FAIL":
                self.ledger.refused[waiting.popleft()] = line

    def _hear(self, line):
        """(text, number) of talk in the lobby, which is recorded if it is by others; (None, None) of other lines."""
        found = TALK_OF_LOBBY.match(line)
        if not found:
            return None, None
        number, by, text = int(found.group(1)), found.group(2), found.group(3)
        if by != self.name:
            self._life.heard.append((b"", text))
            self.ledger.numbers[mark_of(text)].add(number)
        return text, number


class Changeling(Listener):
    """A client of `binary` that renames itself, says something, and takes its first name again."""

    def __init__(self, name, node):
        super().__init__("binary", name, node)
        self._names = name.encode(), name.encode() + b"2"

    def arrive(self, enter, node):
        self.name = self._names[0]
        super().arrive(enter, node)

    def act(self):
        other = self._names[self.name == self._names[0]]
        self.ear.send({"type": RENAME, "content": other.decode()})
        answer = self.ear.until(lambda message: message.fields["type"] in RENAMED)
        if RENAMED[answer.fields["type"]]:
            self.name = other
            self.ear.life.names.add(other)
            self.tenure = self.ledger.grant(other)
            text = self.next_text()
            self.ledger.say(self.tenure, b"", text)
            self.ear.send(self.ear.codec.say(other.decode(), text.decode()))
        self._listen_for(self.every)


class Wanderer(Listener):
    """A client of `line` that enters a room, talks there and leaves it, again and again."""

    def __init__(self, name, node, room):
        super().__init__("line", name, node)
        self._room = room

    def arrive(self, enter, node):
        super().arrive(enter, node)
        self._is_in = False

    def act(self):
        codec, room = self.ear.codec, self._room
        if not self._is_in:
            self._is_in = self._ask(codec.enter_room(room))
            if self._is_in:
                self.ear.life.enter(room.encode())
            return
        for _ in range(4):
            text = self.next_text()
            self.ledger.say(self.tenure, room.encode(), text)
            self.ear.send(codec.say_in_room(self.name.decode(), room, text.decode()))
            self._listen_for(self.every)
        self.ear.life.leave(room.encode())
        self._is_in = not self._ask(codec.leave_room(room))

    def _ask(self, command):
        self.ear.send(command)
        return self.ear.until(lambda line: line == "OK" or line.startswith("ERR ")) == "OK"


class Postman(Person):
    """Says something to accounts whose owners are away. It makes these accounts as it needs them."""

    pause = 0.1

    def arrive(self, enter, node):
        self._lookout = enter(Line(self.house.address(node, "line"), self.name + b"eye"))
        self._lookout.enter()
        self._voice = enter(Delimited(self.house.address(node, "delimited"), self.name))
        self._voice.enter()
        self.tenure = self.ledger.grant(self.name)

    def act(self):
        box = b"box%d" % (self._said // A_BOX)
        if self._said % A_BOX == 0:
            self._found(box)
        if box in self._lookout.present():
            return  # its maker has only just left
        text, since = self.next_text(), self.ledger.now()
        mark = self.ledger.say(self.tenure, box, text)
        if self._voice.say(box, text):
            self.ledger.kept[mark] = box
            self.ledger.acknowledge(mark, since)

    def _found(self, box):
        with Delimited(self.house.address(0, "delimited"), box) as owner:
            if not owner.create() and owner.refusal != b"username already exists":
                raise Closed("no account for %r: %r" % (box, owner.refusal))


class Historian(Person):
    """Reads the history of one node, again and again."""

    pause = 0.1

    def __init__(self, name, node, rooms):
        super().__init__(name, node)
        self._at = node
        self._last = dict.fromkeys([b"", *[room.encode() for room in rooms]], 0)

    def arrive(self, enter, node):
        self._voice = enter(reader(self.house, self._at, self.name, self._last, self.seconds))

    def act(self):
        for place in self._last:
            entries, self._last[place] = recall(self._voice, place, self._last[place])
            self.ledger.tell(self.house.name(self._at), place, entries)


def reader(nodes, node, name, places, seconds):
    """A connection to one node, in these rooms."""
    voice = Line(nodes.address(node, "line"), name, seconds)
    try:
        voice.enter()
        voice.ask(*[b"JOIN " + place for place in places if place])
    except BaseException:
        voice.close()
        raise
    return voice


def recall(voice, place, since):
    """([Told], last number): the history of a place after a number."""
    found, more = [], True
    while more:
        told = voice.recall(since, place)
        if told is None:
            raise Closed("no history of %r: %r" % (place, voice.refusal))
        entries, since, more = told
        found += [Told(*entry) for entry in entries]
    return found, since
