"""Clients that come back: they hear what they have missed, and nothing twice, whatever has died meanwhile.

They speak a protocol of the tests' own: a line is (name of the event, field, ...), marshalled, in hexadecimal digits.
"""
import binascii
import collections
import marshal
import types

import pytest

from parley.server.chat.accounts import Account, Accounts
from parley.server.chat.names import claims
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import ReadStore
from parley.server.ipc.queues import said
from parley.server.order.numbers import BLOCK
from parley.server.protocols import PROTOCOLS, events
from parley.server.protocols.events import Reason
from parley.server.protocols.traits import Traits
from parley.server.storage.database import Database
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store

PROTOCOL = "marshalled"
NOW = 1600001000  # by the invented clock
COMMANDS = {kind.__name__: kind for kind in events.COMMANDS}


def read(line):
    """The tuple in a line, whose end has been cut off."""
    return marshal.loads(binascii.unhexlify(line))  # noqa: S302 - of the test itself


def written(*values):
    """The line for them."""
    return binascii.hexlify(marshal.dumps(values)) + b"\n"


class Decoder:
    form = "text"
    rest = b""

    def __init__(self, limits):
        self._held = b""

    @property
    def unfinished(self):
        return len(self._held)

    def feed(self, data):
        *lines, self._held = (self._held + data).split(b"\n")
        return [COMMANDS[name](*fields) for name, *fields in map(read, lines)]


def plainly(value):
    """An event's field; an event in a field is only named."""
    return type(value).__name__ if type(value) in events.COMMANDS else value


def encode(happening, me):
    return (written(type(happening).__name__, *map(plainly, happening)),)


@pytest.fixture(autouse=True)
def protocol(monkeypatch):
    traits = Traits(acknowledges=True, numbered=True, resumes=True)
    monkeypatch.setitem(PROTOCOLS, PROTOCOL, types.SimpleNamespace(
        NAME=PROTOCOL, PORT=1, IDLE_TIMEOUT=0, TRAITS=traits, Decoder=Decoder, FORMS={"text": encode}))


class Transacting(InProcess):
    """A database in this process, which commits each request by itself."""

    def __init__(self, database):
        super().__init__(database)
        self.identity, self.last_number = database.identity(), database.last_given()
        self.reserved = self.last_number + BLOCK
        with database.transaction():
            database.reserve(self.reserved)

    def talk(self, frame, then):
        with self._store.transaction():
            super().talk(frame, then)

    def ask(self, then, request):
        with self._store.transaction():
            super().ask(then, request)


def in_memory():
    store = InProcess(Store(lambda: NOW))
    store.reserved = BLOCK
    return store


@pytest.fixture(params=["memory", "database"])
def store(request, tmp_path):
    """A store of each kind."""
    if request.param == "memory":
        yield in_memory()
        return
    database = Database(str(tmp_path / "parley.db"), "system", clock=lambda: NOW)
    yield Transacting(database)
    database.close()


class Late(AskedStore):
    """A store that does what it is asked, in order, when it is let: as one in another process."""

    def __init__(self, store):
        self._store = store
        self._waiting = collections.deque()
        self.last_number, self.reserved, self.identity = store.last_number, store.reserved, store.identity

    def talk(self, frame, then):
        self._waiting.append(lambda: self._store.talk(frame, then))

    def ask(self, then, request):
        self._waiting.append(lambda: self._store.ask(then, request))

    def work(self, most=1 << 30):
        """Do so many of the things that were asked."""
        while self._waiting and most:
            self._waiting.popleft()()
            most -= 1


class Client:
    """A client over all its connections. It remembers how far it has heard.

    heard: what it has heard since `drain`. marks: {room, or b"" of what was said to it alone: latest number}.
    """

    def __init__(self, house, name):
        self.house = house
        self.name = name
        self.session, self.run, self.marks = None, b"", {}
        self.heard = []
        self.peer = None
        self._held = b""

    def connect(self, worker=1):
        """Say hello, and log in if there is no session to come back to."""
        self.peer, self._held = self.house.connect(worker, protocol=PROTOCOL), b""
        self.ask("Hello", self.session, self.run, tuple(self.marks.items()))
        if self.session is None:
            self.ask("Login", self.name, None)

    def ask(self, *command):
        self.peer.send(written(*command))

    def cut(self):
        """The connection ends; what has not been read is lost."""
        if self.peer:
            self.peer.close()
            self.peer = None

    def listen(self):
        """Hear what has come."""
        if self.peer is None:
            return
        try:
            heard = self.peer.heard()
        except ConnectionResetError:
            self.cut()
            return
        *lines, self._held = (self._held + heard).split(b"\n")
        for line in lines:
            kind, *fields = read(line)
            self.heard.append((kind, *fields))
            getattr(self, "_hear_" + kind.lower(), lambda *fields: None)(*fields)
        if self.peer and self.peer.ended:
            self.cut()

    def drain(self):
        """What it has heard since the last time, after everything has settled."""
        self.house.settle()
        self.listen()
        heard, self.heard = self.heard, []
        return heard

    def kinds(self):
        """The names of what it has heard."""
        return [kind for kind, *_ in self.drain()]

    def _hear_greeted(self, run, *rules):
        self.run = run

    def _hear_welcome(self, name, asked, account, session, number, read):
        self.session = session
        self.read = read
        if not self.marks:
            self.marks = {b"#lobby": number, b"": number}

    def _hear_inside(self, room, topic, asked, sealed):
        self.marks.setdefault(room, 0)

    def _hear_said(self, sender, text, time, number, room, at, extra):
        self._note(room or b"#lobby", number)

    def _hear_whispered(self, sender, text, time, number, at, extra):
        self._note(b"", number)

    def _hear_caughtup(self, room, messages, gap):
        for number, *_ in messages:
            self._note(room, number)

    def _note(self, room, number):
        self.marks[room] = max(number, self.marks[room])


@pytest.fixture
def ann(house):
    """A guest on the first worker, who may come back."""
    client = Client(house, b"ann")
    client.connect()
    client.welcomed = client.drain()
    return client


@pytest.fixture
def bob(house, ann):
    """Somebody on the other worker."""
    peer = house.member(b"bob", 2)
    ann.drain()
    return peer


def test_who_logs_in_is_greeted_and_welcomed_with_a_session(house, ann):
    greeted, (kind, name, asked, account, session, number, read) = ann.welcomed
    assert greeted == ("Greeted", house.store.identity, 16384, True, True, 0, b"")
    assert (kind, name, asked, account, number, read) == ("Welcome", b"ann", "Login", False, 0, [])
    assert len(session) == 32


def test_what_is_said_is_answered_with_its_number(ann, bob):
    ann.ask("Say", b"hi", None, None)
    ann.ask("Whisper", b"bob", b"psst", None, None)
    assert ann.drain() == [("Stored", "Say", 1, NOW, NOW * 1000), ("Stored", "Whisper", 2, NOW, NOW * 1000)]


def test_what_comes_together_goes_on_together_and_is_stored_before_it_is_answered(house, ann, bob, monkeypatch):
    frames = []
    monkeypatch.setattr(house.hub, "_say", lambda worker, frame, say=house.hub._say: (
        frames.append(list(said(frame))), say(worker, frame)))
    ann.peer.send(b"".join(written("Say", b"%d" % number, None, None) for number in range(50)))
    assert ann.drain() == [("Stored", "Say", 1 + number, NOW, NOW * 1000) for number in range(50)]
    assert [len(frame) for frame in frames] == [50]
    house.settle()
    assert bob.heard() == b"".join(b"MSG ann %d\n" % number for number in range(50))


def test_who_comes_back_has_the_name_and_hears_what_it_has_missed_before_anything_else(house, ann, bob):
    bob.send(b"MSG one\n")
    assert ann.kinds() == ["Said"]
    ann.cut()
    house.settle()
    bob.send(b"MSG two\nDM ann lost\nMSG three\n")  # nobody is ann now
    house.settle()
    ann.connect(2)
    house.driven[1].tick()
    house.hub.turn(0)
    bob.send(b"MSG four\nDM ann psst\n")
    heard = ann.drain()
    assert heard == [
        ("Greeted", house.store.identity, 16384, True, True, 0, b""),
        ("Welcome", b"ann", "Hello", False, ann.session, 3, []),
        ("CaughtUp", b"#lobby", [(2, b"bob", b"", b"two", NOW), (3, b"bob", b"", b"three", NOW)], False),
        ("CaughtUp", b"", [], False), ("Said", b"bob", b"four", heard[4][3], 4, b"", NOW * 1000, b""),
        ("Whispered", b"bob", b"psst", NOW, 5, NOW * 1000, b"")]


def test_what_was_said_to_one_alone_is_caught_up_from_both_sides(house, ann, bob):
    ann.ask("Whisper", b"bob", b"one", None, None)
    ann.drain()
    bob.send(b"DM ann two\n")
    house.settle()
    ann.cut()
    ann.connect()
    assert ann.drain()[-1] == (
        "CaughtUp", b"", [(1, b"ann", b"bob", b"one", NOW), (2, b"bob", b"ann", b"two", NOW)], False)


def test_while_the_old_connection_is_still_there_it_is_ended(house, ann):
    old = ann.peer
    ann.connect(2)
    assert ann.kinds() == ["Greeted", "Welcome", "CaughtUp", "CaughtUp"]
    assert read(old.heard().strip()) == ("Farewell", Reason.REPLACED) and old.ended


def test_who_has_come_back_is_not_ended_by_a_hello_of_a_connection_that_is_gone(house, ann):
    ann.cut()
    house.settle()
    ann.connect()
    ann.cut()  # before its worker has read the hello, which it does only when ann is back on the other one
    ann.connect(2)
    for _ in range(3):
        house.driven[1].tick()
        house.hub.turn(0)
    house.driven[1].tick()
    ann.listen()
    assert ("Welcome", b"ann", "Hello", False, ann.session, 0, []) in ann.heard
    ann.drain()
    ann.ask("Say", b"still here", None, None)
    assert ann.kinds() == ["Stored"]


def test_with_a_session_that_there_is_not_one_is_refused_and_may_log_in(house):
    client = Client(house, b"ann")
    client.session = b"0" * 32
    client.connect()
    assert client.drain()[1:] == [("Refused", Reason.NO_SESSION, "Hello")]
    client.ask("Login", b"ann", None)
    assert client.kinds() == ["Welcome"]


@pytest.mark.slow
def test_a_session_is_over_ten_minutes_after_its_connection(house, ann):
    house.wait(700, step=2)
    for seconds, kind in ((595, "Welcome"), (603, "Refused")):
        ann.cut()
        house.wait(seconds, step=2)
        ann.connect()
        assert ann.kinds()[1] == kind


def test_a_guests_name_that_somebody_else_has_taken_is_theirs(house, ann):
    ann.cut()
    house.settle()
    house.member(b"ann", 2)
    ann.connect()
    assert ann.drain()[-1] == ("Refused", Reason.NAME_TAKEN, "Hello")


def test_one_is_in_its_rooms_again_even_if_there_is_a_key_now(house, ann, bob):
    ann.ask("Enter", b"#dev", None)
    ann.drain()
    bob.send(b"JOIN #dev\n#dev MSG one\n")
    assert ann.kinds() == ["Entered", "Said"]
    ann.ask("Manage", b"#dev", "set", b"key", b"word")
    assert ann.kinds() == ["Managed", "Done"]
    ann.cut()
    house.settle()
    bob.send(b"#dev MSG two\n")
    house.settle()
    bob.heard()
    ann.connect()
    assert ann.drain()[2:] == [
        ("Inside", b"#dev", b"", "Enter", False), ("CaughtUp", b"#lobby", [], False),
        ("CaughtUp", b"#dev", [(2, b"bob", b"", b"two", NOW)], False), ("CaughtUp", b"", [], False)]
    assert b"#dev INFO ann joined\n" in bob.heard()


def test_into_a_room_that_bans_one_meanwhile_one_does_not_come_back(house, ann, bob):
    bob.send(b"JOIN #dev\n")
    house.settle()
    ann.ask("Enter", b"#dev", None)
    ann.drain()
    ann.cut()
    house.settle()
    bob.send(b"#dev BAN ann\n")
    house.settle()
    ann.connect()
    heard = ann.drain()
    assert ("Refused", Reason.BANNED, "Enter") in heard
    assert [room for kind, room, *_ in heard if kind == "CaughtUp"] == [b"#lobby", b""]


def test_what_cannot_be_the_name_of_a_room_is_refused_and_the_rest_is_caught_up(house, ann):
    ann.cut()
    ann.marks[b"#a,b"] = 0
    ann.connect()
    assert ann.drain()[2:] == [
        ("Refused", Reason.INVALID_ROOM, "Enter"), ("CaughtUp", b"#lobby", [], False), ("CaughtUp", b"", [], False)]


def test_what_is_sent_again_by_its_tag_is_said_once_and_has_its_number(house, ann, bob):
    for _ in range(2):
        ann.ask("Say", b"hi", None, None, b"", b"a")
        ann.ask("Whisper", b"bob", b"psst", None, None, b"b")
    assert ann.drain() == 2 * [("Stored", "Say", 1, NOW, NOW * 1000), ("Stored", "Whisper", 2, NOW, NOW * 1000)]
    assert bob.heard() == b"MSG ann hi\nDM ann psst\n"
    ann.ask("Say", b"hi", None, None, b"", b"c")
    assert ann.drain() == [("Stored", "Say", 3, NOW, NOW * 1000)]


def test_what_may_not_be_said_is_refused_whatever_its_tag(house, ann, bob):
    ann.ask("Say", b"hi", None, None, b"#dev", b"a")
    assert ann.drain() == [("Refused", Reason.NOT_INSIDE, "Say")]
    ann.ask("Whisper", b"cid", b"hi", None, None, b"a")
    assert ann.drain() == [("Refused", Reason.NOBODY, "Whisper")]


def test_with_the_run_of_another_store_all_is_told_anew(house, ann, bob):
    bob.send(b"MSG one\n")
    ann.drain()
    ann.cut()
    ann.run = b"another"
    ann.connect()
    assert ("CaughtUp", b"#lobby", [(1, b"bob", b"", b"one", NOW)], False) in ann.drain()


def test_of_more_than_can_be_told_the_latest_is_told_behind_a_gap(open_house):
    house = open_house(messages_per_second=0)
    ann = Client(house, b"ann")
    ann.connect()
    ann.drain()
    ann.cut()
    bob = house.member(b"bob")
    for count in range(1001):
        bob.send(b"MSG %d\n" % count)
        if not count % 50:
            house.settle()
    house.settle()
    ann.connect()
    room, messages, gap = ann.drain()[2][1:]
    assert (room, gap, [text for _, _, _, text, _ in messages]) == (
        b"#lobby", True, [b"%d" % count for count in range(801, 1001)])
    ann.marks[b"#lobby"] = 1
    ann.cut()
    ann.connect()
    room, messages, gap = ann.drain()[2][1:]
    assert (gap, len(messages)) == (False, 1000)


def test_the_past_is_told_in_pages_by_numbers(house, ann, bob):
    bob.send(b"MSG one\nDM ann two\nMSG three\n")
    ann.drain()
    for asked, told in (
            ((b"#lobby", None, None, None, 9), (b"#lobby", None, [(1, b"bob", b"one", NOW), (3, b"bob", b"three", NOW)],
                                                False)),
            ((b"#lobby", None, 3, None, 9), (b"#lobby", None, [(1, b"bob", b"one", NOW)], False)),
            ((b"#lobby", None, None, 1, 9), (b"#lobby", None, [(3, b"bob", b"three", NOW)], False)),
            ((b"#lobby", None, None, None, 1), (b"#lobby", None, [(3, b"bob", b"three", NOW)], True)),
            ((None, b"bob", None, None, 9), (None, b"bob", [(2, b"bob", b"two", NOW)], False))):
        ann.ask("Browse", *asked)
        assert ann.drain() == [("Browsed", *told)]


def test_what_an_earlier_guest_of_the_name_said_to_somebody_is_not_told(house, ann, bob):
    bob.send(b"DM ann secret\n")
    ann.drain()
    ann.cut()
    other = Client(house, b"ann")
    house.settle()
    other.connect()
    other.drain()
    other.ask("Browse", None, b"bob", None, None, 9)
    assert other.drain() == [("Browsed", None, b"bob", [], False)]


def test_of_a_room_that_one_is_not_in_nothing_is_told(house, ann, bob):
    bob.send(b"JOIN #dev\n")
    house.settle()
    ann.ask("Browse", b"#dev", None, None, None, 9)
    assert ann.drain() == [("Refused", Reason.NOT_INSIDE, "Browse")]


# ---- whatever dies


class Follower(Client):
    """Comes back whenever its connection has ended, and says things by tags, again until they have a number.

    got: {room, or b"": numbers that it has heard of}. numbers: {tag: number that it was told}.
    is_done: has it all its numbers?
    """

    def __init__(self, house, name):
        super().__init__(house, name)
        self.got = collections.defaultdict(list)
        self.numbers = {}
        self._unanswered = collections.OrderedDict()  # tag -> command
        self._is_free = False  # to say the next one

    def connect(self, worker=1):
        self._is_free = False
        super().connect(worker)

    def say(self, tag, name, *fields):
        self._unanswered[tag] = (name, *fields, tag)
        self._say_next()

    @property
    def is_done(self):
        return self._is_free and not self._unanswered

    def _say_next(self):
        """One at a time, so that it is known whose number comes."""
        if self._is_free and self.peer and self._unanswered:
            self._is_free = False
            try:
                self.ask(*next(iter(self._unanswered.values())))
            except BrokenPipeError:
                self.cut()

    def _hear_welcome(self, name, asked, *fields):
        super()._hear_welcome(name, asked, *fields)
        self._is_free = True
        self._say_next()

    def _hear_stored(self, asked, number, time, at):
        tag, _ = self._unanswered.popitem(last=False)
        self.numbers[tag] = number
        self._is_free = True
        self._say_next()

    def _hear_refused(self, reason, asked):
        assert (reason, asked) == (Reason.NOBODY, "Whisper")
        self._unanswered.popitem(last=False)
        self._is_free = True
        self._say_next()

    def _hear_caughtup(self, room, messages, gap):
        assert not gap
        super()._hear_caughtup(room, messages, gap)

    def _note(self, room, number):
        assert number > self.marks[room], "heard twice, or out of order"
        self.marks[room] = number
        self.got[room].append(number)


class Village:
    """Two followers, one of whom has an account, and what they live in, which may die at any moment."""

    def __init__(self, open_house, store, chance):
        self._open_house = open_house
        self._store = Late(store)
        self._chance = chance
        self._begin()
        self.followers = [Follower(self.house, name) for name in (b"ann", b"bob")]
        for follower in self.followers:
            follower.connect()
        self.settle()
        for follower in self.followers:
            follower.ask("Enter", b"#dev", None)
        self.settle()

    def _begin(self):
        accounts = Accounts(self._store)
        accounts.begin_with(b"ann", tuple(claims(b"ann")))
        self._store.work()
        self.house = self._open_house(workers=2, memory=accounts, store=self._store, messages_per_second=0)
        self.house.hub.register.entering.found([b"#dev"])

    def settle(self):
        """Until everybody has everything, and has said everything."""
        for _ in range(200):
            self.house.settle(2)
            self._store.work()
            for follower in self.followers:
                follower.listen()
                if follower.peer is None:
                    follower.connect()
            if all(follower.is_done for follower in self.followers):
                break
        self.house.settle()
        for follower in self.followers:
            follower.listen()

    def step(self, tag):
        """Anything happens."""
        choose, house = self._chance.choice, self.house
        follower, other = self._chance.sample(self.followers, 2)
        act = choose(["say"] * 6 + ["whisper"] * 3 + ["cut", "cut"] + ["kill"] * choose([0, 1]) + [
            "tick", "turn", "round", "listen", "listen", "store"] * 4)
        if act == "say":
            follower.say(tag, "Say", tag, None, None, choose([b"", b"#dev"]))
        elif act == "whisper":
            follower.say(tag, "Whisper", other.name, tag, None, None)
        elif act == "cut":
            follower.cut()
        elif act == "kill":
            house.kill(choose([0, 1]))
        elif act == "tick":
            choose(house.driven).tick()
        elif act == "turn":
            house.hub.turn(0)
        elif act == "round":
            house.settle(1)
        elif act == "store":
            self._store.work(choose([1, 2, 9]))
        else:
            follower.listen()
        for one in self.followers:
            if one.peer is None and choose([True, False]):
                one.connect(choose([1, 2]))

    def check(self):
        """Everybody has heard once, in order, of all that the others have said, and of each word there is one."""
        said = collections.Counter()
        for follower in self.followers:
            me = follower.name
            parts, _ = self._store_has(ReadStore.CatchUp([(0, 0), (1, 0)], me, 0, 0, 1 << 40))
            for room, (everything, gap) in zip([b"#lobby", b"#dev", b""], parts):
                assert not gap
                messages = [(number, by, text) for number, by, _, text, _ in everything]
                own = {text: number for number, by, text in messages if by == me}
                others = [number for number, by, _ in messages if by != me]
                assert [number for number in follower.got[room] if number not in own.values()] == others
                assert {tag: number for tag, number in follower.numbers.items() if tag in own} == own
                said.update(own)
        assert set(said) == {tag for follower in self.followers for tag in follower.numbers}
        assert all(len([1 for one in self.followers if tag in one.numbers]) == 1 for tag in said)

    def _store_has(self, request):
        found = []
        self._store.ask(found.append, request)
        self._store.work()
        return found[0]


@pytest.mark.slow
@pytest.mark.parametrize("time", [1, *[pytest.param(time, marks=pytest.mark.long) for time in range(2, 41)]])
def test_whoever_follows_hears_everything_once_whatever_dies(open_house, store, chance, time):
    village = Village(open_house, store, chance)
    for number in range(500):
        village.step(b"%d" % number)
    village.settle()
    village.check()


def test_with_a_database_one_comes_back_after_a_restart_and_what_was_said_by_a_tag_is_known(open_house, tmp_path):
    clients, path = [], str(tmp_path / "kept.db")
    for start in range(2):
        database = Database(path, "system", clock=lambda: NOW)
        store = Transacting(database)
        accounts = Accounts(store)
        if not start:
            accounts.begin_with(b"ann", tuple(claims(b"ann")))
        for name, secret, _, _ in database.accounts():
            accounts.know(name, Account(tuple(claims(name)), secret))
        house = open_house(memory=accounts, store=store)
        house.hub.register.sessions.restore(database.sessions())
        for name in (b"ann", b"bob"):
            if not start:
                clients.append(Client(house, name))
        for client in clients:
            client.house = house
            client.connect()
            assert "Welcome" in client.kinds()
            client.ask("Say", b"hi", None, None, b"", b"a")
            (stored,) = [heard for heard in client.drain() if heard[0] == "Stored"]
            assert stored == ("Stored", "Say", 1 + clients.index(client), NOW, NOW * 1000)
        for client in clients:
            client.cut()
        database.close()


# ---- what was read, and logging out


def test_what_one_has_read_is_told_when_one_comes_back(house, ann, bob):
    bob.send(b"MSG one\nMSG two\nDM ann three\nJOIN #dev\n")
    ann.ask("Enter", b"#dev", None)
    for mark in ((b"", b"", 2), (b"", b"", 1), (b"", b"bob", 3), (b"#dev", b"", 2), (b"#dev", b"", 99)):
        ann.ask("MarkRead", *mark)
    ann.drain()
    ann.ask("MarkRead", b"#ops", b"", 3)
    assert ann.drain() == [("Refused", Reason.NOT_INSIDE, "MarkRead")]
    ann.cut()
    ann.connect(2)
    ann.drain()
    # Never back, and never to what is not said yet.
    assert sorted(ann.read) == [(b"", b"bob", 3), (b"#dev", b"", 3), (b"#lobby", b"", 2)]
    other = Client(house, b"ann")
    ann.cut()
    house.settle()
    other.connect()
    other.drain()
    assert other.read == [], "a guest of the same name is somebody else"


def test_what_an_account_has_read_is_told_on_another_device(open_house, store):
    accounts = Accounts(store)
    accounts.begin_with(b"ann", tuple(claims(b"ann")))
    house = open_house(memory=accounts, store=store)
    for read in ([], [(b"#lobby", b"", 1)]):
        device = Client(house, b"ann")
        device.connect()
        device.ask("Say", b"hi", None, None)
        device.ask("MarkRead", b"", b"", 1)
        device.drain()
        assert device.read == read
        device.cut()
        house.settle()


def test_who_has_logged_out_does_not_come_back_and_the_name_is_free(house, ann):
    session = ann.session
    ann.ask("LogOut")
    assert ann.drain() == [("Done", "LogOut")] and ann.peer is None
    house.member(b"ann", 2)
    ann.connect()
    assert ann.drain()[1:] == [("Refused", Reason.NO_SESSION, "Hello")] and ann.session == session


# ---- presence


def test_whoever_watches_a_name_is_told_how_it_is_now_and_when_it_changes(house, ann):
    ann.ask("Watch", (b"bob", b"ann"))
    assert ann.drain() == [("Presence", b"bob", "gone"), ("Presence", b"ann", "here")]
    bob = Client(house, b"bob")
    bob.connect(2)
    bob.drain()
    bob.ask("Away", True)
    bob.drain()
    bob.ask("Away", True)
    bob.ask("Away", False)
    bob.drain()
    bob.ask("Rename", b"rob")
    bob.drain()
    assert [state for kind, _, *state in ann.drain() if kind == "Presence"] == [["here"], ["away"], ["here"], ["gone"]]
    ann.ask("Watch", (b"rob",))
    bob.cut()
    assert [heard for heard in ann.drain() if heard[0] == "Presence"] == [
        ("Presence", b"rob", "here"), ("Presence", b"rob", "gone")]
    presence = house.hub.register.presence
    ann.cut()
    house.settle()
    assert (presence._people.strangers, presence._watched, presence._watchers) == ({}, {}, {})


def test_that_somebody_is_typing_is_told_where_it_is_heard_and_not_too_often(house, ann, bob):
    cid = Client(house, b"cid")
    cid.connect(2)
    cid.drain()
    ann.drain()
    for _ in range(2):
        cid.ask("Typing", b"", b"")
        cid.drain()
    assert (ann.drain(), bob.heard()) == ([("IsTyping", b"cid", b"", False)], b"")
    house.wait(3)
    cid.ask("Typing", b"", b"ann")
    assert cid.drain() == []
    assert ann.drain() == [("IsTyping", b"cid", b"", True)]
    house.wait(3)
    cid.ask("Typing", b"#dev", b"")  # where it is not
    assert (cid.drain(), ann.drain()) == ([], [])
    house.hub.register.rooms.lobby.muted[b"cid"] = b"server", b"", 0
    house.wait(3)
    cid.ask("Typing", b"", b"")
    assert (cid.drain(), ann.drain()) == ([], [])
