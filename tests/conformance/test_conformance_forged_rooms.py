"""Nobody can forge anything in a room, through no protocol for no other: hostile texts, topics and names, on the wire.

The texts are those of tests/mapping, as is the promise of what becomes of them. Everybody hears with the suite's
codecs, which share nothing with the server.
"""
import os
import selectors
import socket
import sys
import time

import pytest

from parley.conformance import targets
from parley.conformance.requirements import ROOT
from parley.conformance.wire import CODECS

sys.path.insert(0, os.path.join(ROOT, "tests", "mapping"))
import payloads  # noqa: E402
import promise  # noqa: E402
from reference import read_item, write_item  # noqa: E402

PEOPLE = {"line": "lina", "binary": "bina", "delimited": "deli", "dollar": "dora", "web": "wanda", "irc": "iris"}
ROOM = "#dev"
SECONDS = 60
CONFIG = {"limits": {"messages_per_second": 0}, "rooms": {"joins_per_second": 0}, "idle_timeout": 0}
NAMES = [name.decode() for name, is_one in payloads.NAMES.items() if is_one and not set(name) & set(b",:")]


class Person:
    """One client. `heard`: [(room, who, text)] of what it was told of rooms, or (None, None, message) of all else."""

    def __init__(self, server, protocol, slot):
        self.protocol = protocol
        self.codec = CODECS[protocol]
        self.name = PEOPLE[protocol]
        self.heard = []
        self._decoder = self.codec.Decoder()
        self.sock = socket.create_connection(server.worker_address(slot, protocol), SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if protocol == "web":
            self.sock.sendall(self._decoder.opening(self.sock.getpeername()))
            while not self._decoder.feed(self.sock.recv(1 << 18)):
                pass

    def send(self, message):
        self.sock.sendall(message if isinstance(message, bytes) else self.codec.encode(message, self.name))

    def log_in(self):
        logins = {"line": "LOGIN lina", "binary": {"type": 200, "content": "bina"}, "delimited": {"CREATE": ["deli"]},
                  "dollar": {"purpose": "login", "username": "dora", "password": "secret"},
                  "web": {"do": "login", "name": "wanda"}, "irc": "NICK iris\r\nUSER iris 0 * :Iris"}
        self.send(logins[self.protocol])

    def say(self, room, said):
        """Say bytes in a room, exactly these."""
        if self.protocol == "line":
            return self.send(b"%b MSG %b\n" % (room.encode(), said))
        if self.protocol == "irc":
            return self.send(b"PRIVMSG %b :%b\r\n" % (room.encode(), said))
        if self.protocol == "binary":
            return self.send({"type": 404, "content": room.encode() + b" " + said})
        if self.protocol == "delimited":
            return self.send({"SEND": [self.name, room, write_item(said.decode())]})
        return self.send(self.codec.say_in_room(self.name, room, said.decode()))

    def set_topic(self, said):
        if self.protocol == "line":
            return self.send(b"%b TOPIC %b\n" % (ROOM.encode(), said))
        if self.protocol == "irc":
            return self.send(b"TOPIC %b :%b\r\n" % (ROOM.encode(), said))
        text = said.decode()
        text = write_item(text) if self.protocol == "delimited" else text
        return self.send(self.codec.manage_room(ROOM, "topic", text=text))

    def hear(self):
        data = self.sock.recv(1 << 18)
        assert data, "%s was sent away, after %r" % (self.name, self.heard[-1:])
        for message in self._decoder.feed(data):
            beat = self.codec.heartbeat(message) if self.protocol in ("web", "irc") else None
            if beat:
                self.send(beat)
                continue
            room, who, text = self.codec.heard_in_room(message) or (None, None, message)
            if room and self.protocol == "delimited":
                room, text = read_item(room), read_item(text)
            self.heard.append((room, who, text))


class Everybody:
    """One of each protocol, on two workers, in one room."""

    def __init__(self, server):
        self._selector = selectors.DefaultSelector()
        self.people = {protocol: Person(server, protocol, slot % 2) for slot, protocol in enumerate(PEOPLE)}
        for person in self.people.values():
            self._selector.register(person.sock, selectors.EVENT_READ, person)
            person.log_in()
            self.until(lambda: person.heard)
        for person in self.people.values():
            self.enter(person, ROOM)
        for protocol in ("binary", "delimited", "dollar", "web", "irc"):
            self.people["line"].send("%s OP %s" % (ROOM, PEOPLE[protocol]))
            made = "+o" if protocol == "irc" else "op"
            self.until(lambda: any(made in str(text) and PEOPLE[protocol] in str(text) and room and not who
                                   for room, who, text in self.people[protocol].heard))
        self.settle()

    def enter(self, person, room):
        before = len(person.heard)
        person.send(person.codec.enter_room(room))
        self.until(lambda: len(person.heard) > before)
        return person.heard[before][2]

    def until(self, satisfied):
        deadline = time.monotonic() + SECONDS
        while not satisfied():
            assert time.monotonic() < deadline, {one.name: one.heard[-2:] for one in self.people.values()}
            for key, _ in self._selector.select(0.5):
                key.data.hear()

    def settle(self):
        """Everybody has heard what there was to hear, and forgets it; also of what he was answered."""
        for person in self.people.values():
            person.say(ROOM, b"that was it")
            self.until(lambda: all((ROOM, person.name, "that was it") in one.heard for one in self.people.values()
                                   if one is not person))
        self.people["line"].say(ROOM, b"and I")  # to which nothing is answered
        self.until(lambda: all((ROOM, "lina", "and I") in one.heard for one in self.people.values()
                               if one.protocol != "line"))
        for person in self.people.values():
            person.heard = []

    def others(self, sender):
        return [person for protocol, person in self.people.items() if protocol != sender]

    def close(self):
        for person in self.people.values():
            person.sock.close()
        self._selector.close()


@pytest.fixture(scope="module")
def server():
    with targets.launch(2, CONFIG, protocols=tuple(PEOPLE), users={"dora": "secret"}) as server:
        yield server
        assert "Traceback" not in server.stderr_text()


@pytest.fixture
def everybody(server):
    everybody = Everybody(server)
    yield everybody
    everybody.people["delimited"].send({"DELETE": []})
    everybody.close()
    deadline, found = time.monotonic() + SECONDS, None
    with socket.create_connection(server.address(), SECONDS) as sock, sock.makefile("rb") as lines:
        sock.sendall(b"LOGIN watcher\n")
        assert next(lines) == b"OK\n"
        while found != [b"USER watcher\n"]:  # until their names are free
            assert time.monotonic() < deadline, found
            sock.sendall(b"WHO\nPING\n")
            found = [line for line in iter(lines.readline, b"PONG\n") if line.startswith(b"USER ")]


def texts_for(sender):
    """(what is said, the canonical text or None) of all hostile texts."""
    for payload in payloads.TEXTS.values():
        for said in promise.uttered(sender, payload):
            if sender in ("line", "binary", "irc") or promise.is_utf8(said):
                yield said, promise.accepted(sender, said)


def heard_by(receiver, text, sender):
    """The texts in which a receiver hears in a room what somebody has said."""
    if receiver == "line":
        return promise.heard("line", text)
    pieces = promise.heard_in_room(receiver, ROOM, text, PEOPLE[sender])
    return pieces if receiver in ("binary", "web", "irc") else [piece.replace("\n", "\n\t") for piece in pieces]


@pytest.mark.parametrize("sender", PEOPLE)
def test_a_text_is_heard_as_that_by_all_others(everybody, sender):
    speaker, wanted = everybody.people[sender], {receiver: [] for receiver in PEOPLE}
    for number, (said, text) in enumerate(texts_for(sender)):
        speaker.say(ROOM, said)
        speaker.say(ROOM, b"next: %d." % number)
        for receiver in PEOPLE:
            wanted[receiver] += (heard_by(receiver, text, sender) if text is not None else []) + ["next: %d." % number]
        if number % 20 == 0:
            last = (ROOM, speaker.name, "next: %d." % number)
            everybody.until(lambda: all(last in one.heard[-50:] for one in everybody.others(sender)))
    last = (ROOM, speaker.name, "next: %d." % number)
    everybody.until(lambda: all(last in one.heard for one in everybody.others(sender)))
    for one in everybody.others(sender):
        expected = [(ROOM, speaker.name, text) for text in wanted[one.protocol]]
        for found, right in zip(one.heard, expected):
            assert found == right, one.protocol
        assert len(one.heard) == len(expected)


@pytest.mark.parametrize("sender", PEOPLE)
def test_a_topic_is_told_as_one_event_by_who_set_it(everybody, sender):
    speaker = everybody.people[sender]
    topics = [said for said, text in texts_for(sender)
              if text not in (None, "-") and len(text.encode()) <= 200 and promise.is_utf8(said)
              and not said.isdigit()]  # there are a thousand lines of these
    for number, said in enumerate(topics):
        speaker.set_topic(said)
        speaker.say(ROOM, b"next: %d." % number)
    last = (ROOM, speaker.name, "next: %d." % number)
    everybody.until(lambda: all(last in one.heard for one in everybody.others(sender)))
    told = {one.protocol: by_number(one.heard, speaker.name) for one in everybody.others(sender)}
    for number, said in enumerate(topics):
        events = [found[number] for found in told.values()]
        assert events[1:] == events[:-1], said  # all are told the same
        assert len(events[0]) <= 1, (said, events[0])  # nothing where no topic can be like that
        for room, who, words in events[0]:
            assert (room, who) == (ROOM, None) and "\n" not in words, (said, words)
            assert words.startswith(speaker.name + " set the topic: "), (said, words)


def by_number(heard, name):
    """What was heard in front of each `next`."""
    found = [[]]
    for one in heard:
        if one[1] == name:
            assert one == (ROOM, name, "next: %d." % (len(found) - 1))
            found.append([])
        else:
            found[-1].append(one)
    return found


@pytest.mark.parametrize("count", [25, pytest.param(len(NAMES), marks=pytest.mark.long)], ids=["some", "all"])
def test_rooms_of_every_name_are_told_apart(everybody, chance, count):
    entered, names = 0, chance.sample(NAMES, count)
    for name in names:
        room = "#" + name
        first = everybody.people["line"]
        everybody.settle()
        if everybody.enter(first, room) != "OK":
            continue  # it looks like another one
        for person in everybody.others("line"):
            everybody.enter(person, write_item(room) if person.protocol == "delimited" else room)
        everybody.settle()
        for person in everybody.people.values():
            person.say(write_item(room) if person.protocol == "delimited" else room, b"hi")
        shown = {protocol: [(promise_room(room), other.name, "hi") for other in everybody.others(protocol)]
                 for protocol in PEOPLE}
        everybody.until(lambda: all(said in one.heard for one in everybody.people.values()
                               for said in shown[one.protocol]))
        for person in everybody.people.values():
            in_rooms = [heard for heard in person.heard if heard[0] and heard[2] == "hi"]
            assert sorted(in_rooms) == sorted(shown[person.protocol]), person.protocol
            person.send(person.codec.leave_room(write_item(room) if person.protocol == "delimited" else room))
        entered += 1
    assert entered > len(names) // 2


def promise_room(room):
    return promise.unicodedata.normalize("NFC", room)
