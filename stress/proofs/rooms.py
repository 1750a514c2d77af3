"""Clients of each protocol hear exactly the rooms that they are in, in one order, although workers are killed.

Each talks in all its rooms; `padded` has no commands for rooms, but a port for one. Two of the four workers are killed
meanwhile, and their clients reconnect. In the end the server is restarted on the same storage:
nothing was heard twice, nothing is missing in the histories, and topics and roles are as they were.
"""
import collections
import contextlib
import os
import re
import selectors
import signal
import socket
import tempfile
import time

from parley.conformance.targets import PROTOCOLS, launch
from parley.conformance.wire import CODECS
from stress.padded import Decoder as PaddedDecoder
from stress.proofs import demand
from stress.proofs.processes import children, worker_of

DEV, OPS, LOBBY = "#dev", "#ops", "the lobby"
ROOMS = (DEV, OPS)
HALL = "#hall"  # has a port of its own, so nobody owns it
TOPICS = {DEV: "what we build.", OPS: "what we run."}
PASSWORD = "secret"
CONFIG = {"limits": {"messages_per_second": 0}, "idle_timeout": 0}
HERE = "here."  # in `padded` a client takes its name with its first text
SECONDS = 60  # the timeout of each wait
LATER = 0.02  # seconds between two tries for a name that is not free yet
UNDISTURBED = 2  # workers that nobody kills

# (name, protocol, rooms, slot of the worker). Owners have passwords, so their roles last. A client without a slot
# connects to the port of its only room, and so to any worker.
PEOPLE = [
    ("lina", "line", ROOMS, 0), ("bina", "binary", ROOMS, 2), ("pada", "padded", (), 1),
    ("deli", "delimited", ROOMS, 1), ("dora", "dollar", ROOMS, 3),
    ("devon", "line", (DEV,), 2), ("opal", "line", (OPS, HALL), 3), ("nobody", "line", (), 3),
    ("hal", "padded", (HALL,), None), ("hope", "padded", (HALL,), None),
]
OBSERVER = ("olga", "line", (*ROOMS, HALL), 0)  # it says nothing, and its stream is the reference for the order

Heard = collections.namedtuple("Heard", "place who text")

_LOBBY_LINE = re.compile(r"MSG (\S+) (.*)")
_SPOKEN = re.compile(r"\[[0-9]{2}:[0-9]{2} [AP]M\] (\S+): (.+)")
_PORT = re.compile(r"\[SERVER\] Serving padded for %s on (.+):([0-9]+)" % HALL)
_TOLD = re.compile(r"(#\S+) HIST ([0-9]+) [0-9]+ (\S+) (.*)")


def prove(say, rounds=40, workers=4, kills=2):
    """`rounds` of talk before, between and after the kills."""
    with tempfile.TemporaryDirectory(prefix="rooms-") as directory:
        storage = ("--storage", os.path.join(directory, "storage"))
        port = ("--listen", "padded=0:" + HALL)
        with launch(workers, CONFIG, storage + port, protocols=PROTOCOLS) as server:
            _make_accounts(server)
            with House(server) as house:
                house.talk(rounds)
                for slot in range(UNDISTURBED, UNDISTURBED + kills):
                    house.kill(slot)
                    house.talk(rounds)
                order = house.check()
                lives = house.lives
            demand("Traceback" not in server.stderr_text(), "%s", server.stderr_text())
        say("%d messages in three rooms and the lobby, %d workers killed" % (len(order), kills))
        say("in each of %d lives exactly the places that one was in were heard, in one order" % lives)
        with launch(workers, CONFIG, storage, protocols=PROTOCOLS) as server:
            _look_back(server, order)
        say("after a restart the rooms have their messages, topics and roles")


def _make_accounts(server):
    """Make the accounts, and the rooms with their owners."""
    for name, room in (("lina", DEV), ("bina", OPS), ("deli", None), ("dora", None)):
        person = Person(server, name, "line" if room else "delimited", 0)
        if room:
            person.send("REGISTER %s %s" % (name, PASSWORD))
            person.until(lambda message: message == "OK")
            person.enter(room)
        else:
            person.send({"CREATE": [name]})
            person.until(lambda message: message.fields == {"RESPONSE": []})
        person.close()


class House:
    """All clients, served by one thread."""

    def __init__(self, server):
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._said = collections.Counter()  # (name, life) -> messages in each place
        self._lives = collections.Counter()  # name -> lives that are over
        self._over = []  # clients whose worker was killed
        self._people = {}
        self.lives = 0

    def __enter__(self):
        for name, protocol, rooms, slot in [OBSERVER] + PEOPLE:
            self._come(name, protocol, rooms, slot)
        lina, bina = self._people["lina"], self._people["bina"]
        lina.send("#dev OP bina")
        lina.until(lambda message: message == "OK")
        for room, person in ((DEV, lina), (OPS, bina)):
            person.send(person.codec.manage_room(room, "topic", text=TOPICS[room]))
        self._until(lambda: lina.is_answered("topic") and bina.is_answered("topic"), "a topic was not set")
        return self

    def __exit__(self, *error):
        for person in self._people.values():
            person.close()
        self._selector.close()

    def _come(self, name, protocol, rooms, slot):
        person = Person(self._server, name, protocol, slot, self._lives[name], rooms[0] if slot is None else LOBBY)
        person.log_in()
        for room in rooms if slot is not None else ():
            person.enter(room)
        person.start()
        self._people[name] = person
        self._selector.register(person.sock, selectors.EVENT_READ, person)
        self.lives += 1

    def kill(self, slot):
        """kill -9 a worker while all talk; its clients reconnect, and enter their rooms again."""
        people = [one for one in [OBSERVER] + PEOPLE if one[3] == slot]
        for number in range(5):
            self._speak(number)
        worker = worker_of(self._server, slot)
        os.kill(worker, signal.SIGKILL)
        self._until(lambda: all(self._people[name].is_over for name, _, _, _ in people), "somebody stayed")
        self._until(lambda: worker not in children(self._server.pid), "the worker stayed")
        self._hear_what_is_there()
        for name, protocol, rooms, its_slot in PEOPLE:
            if self._people[name].is_over:
                self._over.append(self._people.pop(name))
                self._lives[name] += 1
                self._come(name, protocol, rooms, its_slot)
        self._settle()

    def talk(self, rounds):
        """Everybody says something in each of their rooms, `rounds` times."""
        for number in range(rounds):
            self._speak(number)
        self._settle()

    def _speak(self, number):
        for person in self._people.values():
            if person.name != OBSERVER[0] and not person.is_over:
                with contextlib.suppress(OSError):
                    person.say_everywhere()
        self._hear(0)

    def _settle(self):
        """Wait until everybody has heard the last message of everybody who is here."""
        living = [person for person in self._people.values() if person.name != OBSERVER[0]]
        for person in living:
            person.say_everywhere()
        for listener in self._people.values():
            wanted = {Heard(place, person.name, person.last) for person in living if person is not listener
                      for place in set(person.places) & set(listener.places)}
            self._until(lambda: wanted <= set(listener.heard[-4000:]), "%s has not heard all: %r" % (
                listener.name, sorted(wanted - set(listener.heard))[:3]))

    def _hear(self, seconds):
        for key, _ in self._selector.select(seconds):
            if not key.data.hear():
                self._selector.unregister(key.fileobj)

    def _hear_what_is_there(self):
        """Until there is nothing more to be heard at the moment, an end of a connection neither."""
        deadline = time.monotonic() + SECONDS
        while self._selector.select(0):
            demand(time.monotonic() < deadline, "they do not cease to hear")
            self._hear(0)

    def _until(self, satisfied, trouble):
        deadline = time.monotonic() + SECONDS
        while not satisfied():
            demand(time.monotonic() < deadline, trouble.replace("%", "%%"))
            self._hear(0.1)

    def check(self):
        """Compare what each has heard with what the observer has, which is the order; returns that."""
        order = self._people[OBSERVER[0]].heard
        demand(len(set(order)) == len(order), "the observer heard something twice")
        number = {heard: place for place, heard in enumerate(order)}
        everybody = self._over + list(self._people.values())
        for person in everybody:
            places = [number.get(heard) for heard in person.heard]
            strange = [heard for heard in person.heard if heard.place not in person.places or heard not in number]
            demand(not strange, "%s heard %r", person.name, strange[:3])
            demand(places == sorted(set(places)), "%s heard things twice, or in another order", person.name)
            first, last = (places[0], places[-1]) if places else (0, -1)
            missed = [heard for heard in order[first:last + 1] if heard.place in person.places
                      and heard.who != person.name and heard not in set(person.heard)]
            demand(not missed, "%s has missed %r", person.name, missed[:3])
        self._check_speakers(order, everybody)
        return order

    def _check_speakers(self, order, everybody):
        """Each speaker's texts were heard: all of them, or, if its worker was killed, the first ones without a gap."""
        for person in everybody:
            for place in person.places:
                mine = [heard.text for heard in order if heard.who == person.name and heard.place == place
                        and heard.text.startswith("%d-" % person.life)]
                wanted = ["%d-%d." % (person.life, number) for number in range(1, person.said + 1)]
                demand(mine == wanted[:len(mine)] and (person.is_over or mine == wanted or person.name == OBSERVER[0]),
                       "of %s %d of %d messages were heard in %s", person.name, len(mine), len(wanted), place)


class Person:
    """One client. life: how often its worker was killed before. heard: what others said, in the order of arrival."""

    def __init__(self, server, name, protocol, slot, life=0, home=LOBBY):
        self.name = name
        self.life = life
        self.protocol = protocol
        self.codec = CODECS[protocol]
        self.places = (home,)  # the first is the place of talk that names no room
        self.heard = []
        self.said = 0
        self.is_over = False
        self._address = server.worker_address(slot, protocol) if home == LOBBY else _address_of_port(server)
        self._answers = []
        self._messages = collections.deque()
        self._connect()

    def _connect(self):
        self._decoder = PaddedDecoder() if self.protocol == "padded" else self.codec.Decoder()
        self.sock = socket.create_connection(self._address, SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.sock.close()

    # ---- before all talk

    def send(self, *messages):
        self.sock.sendall(b"".join(self.codec.encode(message, self.name) for message in messages))

    def until(self, satisfied):
        """The next message for which `satisfied` is true."""
        self.sock.settimeout(SECONDS)
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._take(message)
                if satisfied(message):
                    return message
            data = self.sock.recv(65536)
            demand(data, "%s was disconnected", self.name)
            self._messages += self._decoder.feed(data)

    def log_in(self):
        """Ask for the name until it is granted: the former connection may still hold it."""
        deadline = time.monotonic() + SECONDS
        word = PASSWORD if self.name in ("lina", "bina") else ""
        claim = ("%s %s" % (self.name, word)).rstrip()
        login = {
            "line": "LOGIN " + claim, "binary": {"type": 200, "content": claim}, "delimited": {"LOGIN": [self.name]},
            "padded": "[12:00 AM] %s: %s" % (self.name, HERE),
            "dollar": {"purpose": "login", "username": self.name, "password": ""},
        }[self.protocol]
        while True:
            self.send(login)
            answer = self.until(lambda message: granted(self.protocol, message) is not None)
            if granted(self.protocol, answer):
                return
            demand(time.monotonic() < deadline, "%s is not let in", self.name)
            time.sleep(LATER)

    def enter(self, room):
        self.send(self.codec.enter_room(room))
        self.until(lambda message: entered(self.protocol, message))
        self.places += (room,)

    def start(self):
        """Forget what was heard so far."""
        self.sock.setblocking(True)
        self.heard = []

    # ---- talk

    def say_everywhere(self):
        self.said += 1
        self.send(self.codec.say(self.name, self.last),
                  *[self.codec.say_in_room(self.name, room, self.last) for room in self.places[1:]])

    @property
    def last(self):
        """The last text that it has said in each place."""
        return "%d-%d." % (self.life, self.said)

    def hear(self):
        """Read what has come; returns False at the end of the connection."""
        try:
            data = self.sock.recv(1 << 18)
        except OSError:
            data = b""
        for message in self._decoder.feed(data):
            self._take(message)
        self.is_over = not data
        return bool(data)

    def _take(self, message):
        heard = in_lobby(self.protocol, message)
        if self.codec is not CODECS["padded"] and not heard:
            room, who, text = self.codec.heard_in_room(message) or (None, None, None)
            heard = Heard(room, who, text) if who else None
            if room and not who and "topic" in text:
                self._answers.append("topic")
        elif heard:
            heard = heard._replace(place=self.places[0])
        if heard and heard.text != HERE:
            self.heard.append(heard)

    def is_answered(self, word):
        return word in self._answers


def _address_of_port(server):
    """(host, port) of the room's own port."""
    found = next(filter(None, map(_PORT.fullmatch, server.stdout)))
    return found.group(1), int(found.group(2))


def in_lobby(protocol, message):
    """A Heard if this is talk in the lobby, or in the room that takes its place at a port; else None."""
    if protocol in ("line", "padded"):
        found = (_LOBBY_LINE if protocol == "line" else _SPOKEN).fullmatch(message)
        return Heard(LOBBY, *found.groups()) if found else None
    fields = message.fields
    if protocol == "binary":
        return Heard(LOBBY, fields["user"], fields["content"]) if fields["type"] == 100 else None
    if protocol == "delimited":
        sender, to, text = (fields.get("SEND") or ("#", "", ""))[:3]
        return Heard(LOBBY, sender, text) if to not in ("lobby", "", *ROOMS) and sender[0] != "#" else None
    sender, text = fields.get("from_user"), fields.get("message") or ""
    who, _, text = text.partition(": ")
    return Heard(LOBBY, who, text) if sender == "lobby" and not who.startswith("* ") else None


def granted(protocol, message):
    """Whether this message grants a login; None if it is not the answer to one."""
    if protocol == "line":
        return True if message == "OK" else False if message.startswith("ERR ") else None
    if protocol == "padded":
        return True if message == "Msg received" else False if message.startswith("[ERROR] ") else None
    fields = message.fields
    if protocol == "binary":
        return {207: True, 209: False}.get(fields["type"])
    if protocol == "delimited":
        return fields["RESPONSE"] == [] if "RESPONSE" in fields else None
    return fields["result"] if fields["purpose"] == "login" else None


def entered(protocol, message):
    """Whether this message confirms that a room was entered; raises `Violation` if it refuses that."""
    if protocol == "line":
        refused, done = message.startswith("ERR "), message == "OK"
    else:
        fields = message.fields
        refused = fields.get("type") == 402 or bool(fields.get("RESPONSE")) or fields.get("result") is False
        done = fields.get("type") == 401 or fields.get("RESPONSE") == [] or fields.get("purpose") == "join_room"
    demand(not refused, "a room could not be entered: %s", message)
    return done


# ---- after the restart


def _look_back(server, order):
    lina = Person(server, "lina", "line", 0)
    lina.log_in()
    for room in ROOMS:
        lina.enter(room)
        lina.send(room + " TOPIC")
        told = lina.until(lambda message: message.startswith(room + " TOPIC"))
        demand(told == "%s TOPIC %s" % (room, TOPICS[room]), "the topic is %s", told)
        said = [(heard.who, heard.text) for heard in order if heard.place == room]
        told = _history(lina, room)
        demand([place for place, _, _ in told] == list(range(1, len(told) + 1)), "%s has gaps in its places", room)
        demand([(who, text) for _, who, text in told] == said, "%s tells %d messages, and %d were said: %r", room,
               len(told), len(said), [one for one in told if one[1:] not in said][:3])
    # Both own one room; bina is an op in the other, lina is nothing there.
    for command, answer in (("#dev TOPIC mine.", "OK"), ("#ops TOPIC mine.", "ERR not-allowed")):
        _answers(lina, command, answer)
    bina = Person(server, "bina", "line", 1)
    bina.log_in()
    for command, answer in (("JOIN #dev", "OK"), ("JOIN #ops", "OK"), ("#dev TOPIC ours.", "OK"),
                            ("#dev KICK lina", "ERR outranked"), ("#dev DROP", "ERR not-allowed"), ("#ops DROP", "OK")):
        _answers(bina, command, answer)
    for person in (lina, bina):
        person.close()


def _answers(person, command, answer):
    person.send(command)
    told = person.until(lambda message: message == "OK" or message.startswith("ERR "))
    demand(told == answer, "%s: %s to %s", person.name, told, command)


def _history(person, room):
    """[(place, who, text)] of the whole history of a room."""
    told, last, more = [], 0, True
    while more:
        person.send("%s HISTORY SINCE %d" % (room, last))

        def is_end(message):
            found = _TOLD.fullmatch(message)
            if found:
                told.append((int(found.group(2)), found.group(3), found.group(4)))
            return message.startswith((room + " END HISTORY ", "ERR "))

        end = person.until(is_end).split(" ")
        demand(end[0] == room, "no history: %s", " ".join(end))
        last, more = int(end[3]), end[4] == "more"
    return told
