"""A chat without sockets and without bytes: whoever is spoken to only remembers it."""
import pytest
from plain import plain

from parley.server.chat import contract
from parley.server.chat.names import claims
from parley.server.chat.roll import Roll
from parley.server.chat.room import EVERYWHERE, LOBBY, Rooms
from parley.server.chat.session import Session
from parley.server.ipc.messages import ToWorker
from parley.server.ipc.queues import texts
from parley.server.protocols.events import HOME, Login
from parley.server.protocols.traits import Traits
from parley.server.worker import fanout


class Record:
    """Remembers every call as (method, argument, ...)."""

    def __init__(self):
        self.calls = []
        self.together = []  # how many texts were said at once

    def __getattr__(self, method):
        return lambda *arguments: self.calls.append((method,) + arguments)

    def drain(self):
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


class Hub(Record):
    """Remembers what is said and asked; a question without the word `ask`."""

    def ask(self, message):
        message = plain(message)
        self.calls.append(message[:-1] if message[0] == "say_once" and not message[-1] else message)

    def say(self, room, number, sender, text, time, awaited, serial=0, count=1):
        """Each of the texts; without which of its words it is, where there is only one."""
        self.together.append(count)
        for index, one in enumerate(texts(text, count)):
            self.calls.append(("say", room, number, sender, one, time, awaited, *([serial + index] if serial else [])))

    def ask_once_told(self, session, message):
        self.calls.append(("ask_once_told", session, *plain(message)))

    def look_up(self, session, is_shared, message):
        name, _, *fields = plain(message)
        self.calls.append((name, session.number, *fields))


class Post(Record, contract.Post):
    """Remembers what a register sends. Workers that are asked to look after a session answer at once.

    gone: (worker, session number) of those whose clients have gone, which only their workers can tell.
    probed: those that were looked after. reported: (host, name, reason) of what operators are told.
    numbers: (worker, session number, number, time) of what was said and stored, beside the calls.
    spread_talk: (frame, workers) of each.
    """

    def __init__(self):
        super().__init__()
        self.register = None
        self.gone = set()
        self.probed = []
        self.reported = []
        self.numbers = []
        self.spread_talk = []

    def everyone(self, message):
        self.calls.append(("everyone", *plain(message)))

    def some(self, workers, message):
        self.calls.append(("some", sorted(workers), *plain(message)))

    def worker(self, worker, message):
        if type(message) is ToWorker.Confirmed and message.number:
            self.numbers.append((worker, *message))
            message = ToWorker.Confirmed(message.session)
        if type(message) is not ToWorker.Probe:
            self.calls.append(("worker", worker, *plain(message)))
            return
        number, asker = message
        self.probed.append((worker, number))
        if (worker, number) in self.gone:
            self.register.release(worker, number)
        self.register.probed(worker, asker, number)

    def spread(self, frame, workers):
        self.spread_talk.append((frame, workers and sorted(workers)))

    def prove(self, holder, trouble):
        self.register.prove(holder, trouble)

    def report(self, *refusal):
        self.reported.append(refusal)

    def audit(self, *act):
        """Nobody looks at it here."""

    def change(self):
        """Nothing can be torn here."""

    def guarded(self, worker, number, then):
        return then


class Audience(Record):
    """Remembers what is told, without saying to whom: a test has one client per audience.

    Entering and leaving is noted by a word, with the number of the room if it is not the lobby, or all of them.
    """

    home = motd = b""
    rules = 16384, True, True

    def __init__(self, **differences):
        super().__init__()
        self.traits = Traits(**differences)
        self.home = HOME
        self.said = self.whispered = 0
        self.members = {}
        self.rooms = {EVERYWHERE: self.members}

    def tell(self, session, happening):
        self.calls.append(happening)

    def answer(self, session, happening):
        self.calls.append(happening)

    answer_all = fanout.Audience.answer_all

    def label(self, session, label):
        self.calls.append(("label", label))

    def tell_frames(self, session, frames):
        self.calls += frames

    def enter(self, session, room):
        self.members[session] = self.members.get(session, frozenset()) | {room, EVERYWHERE}
        self.rooms.setdefault(room, {})[session] = None
        self.calls.append("enter" if room == LOBBY else ("enter", room))

    def leave(self, session, room=EVERYWHERE):
        rooms = self.members.pop(session, frozenset())
        if room != EVERYWHERE:
            self.members[session] = rooms - {room}
        for left in rooms - {EVERYWHERE} if room == EVERYWHERE else {room}:
            self.rooms.pop(left, None)
        self.calls.append("leave" if room == EVERYWHERE else ("leave", room))

    def hear_plainly(self, room, name, first, records, find, at):
        return False

    def hear_users(self, users, own):
        self.calls += [own.get(session, users) for session in self.members]

    def await_list(self, session):
        self.calls.append("await_list")

    def tell_list(self, session, marked):
        self.calls.append(marked)


class Client:
    """The connection of a session, which handles at once what may be; its end is remembered among what it hears.

    Whatever else a test wants to know or to do is the session's.
    """

    def __init__(self, number, hub, audience):
        self.number = number
        self.audience = audience
        self.charged = self.heard_at = 0
        self.refusals = []
        self.files = None
        self._waiting = []
        self.hub = hub
        self.rooms = Rooms([audience])
        self.rooms.roll = Roll()
        self.session = Session(self)

    def __getattr__(self, name):
        return getattr(self.session, name)

    def address(self):
        return "192.0.2.%d" % self.number, 4711

    def hear(self, commands):
        self._waiting = [*self._waiting, *commands]
        self.catch_up()

    def heed_form(self):
        """There is one form here."""

    def hear_first(self, command):
        self._waiting.insert(0, command)

    def catch_up(self):
        waiting, self._waiting = self._waiting, []
        self._waiting = [*self.session.hear(waiting)]

    def heed(self, answer, *arguments):
        getattr(self.session, answer)(*arguments)

    def answered(self):
        """Nobody waits for it."""

    def refused(self, reason):
        self.refusals.append(reason)

    def charge(self, cost):
        self.charged += cost

    def part(self, reason):
        self._waiting = []
        self.audience.calls.append(("part", reason))


def claim(number, name, command="Login", password=None):
    """The question with which a name is claimed."""
    if password is None:
        return "claim_unproven", number, name, tuple(claims(name)), command, False, "192.0.2.%d" % number
    return "claim", number, name, tuple(claims(name)), command, password, "192.0.2.%d" % number


@pytest.fixture
def claimed():
    """Makes the question with which a session claims a name."""
    return claim


@pytest.fixture
def hub():
    """What sessions ask of it."""
    return Hub()


@pytest.fixture
def post():
    """What the register sends."""
    return Post()


@pytest.fixture
def make_client(hub):
    """Makes strangers, numbered from 1, with traits that differ; `client.audience.drain()` is what one has heard."""
    numbers = iter(range(1, 1000))
    return lambda number=None, **differences: Client(number or next(numbers), hub, Audience(**differences))


@pytest.fixture
def make_member(make_client, hub):
    """Makes clients that have been welcomed, of which nobody remembers anything."""

    def make(name=b"ann", **differences):
        client = make_client(**differences)
        client.hear([Login(name, None)])
        client.welcome(name)
        hub.drain()
        client.audience.drain()
        return client

    return make


@pytest.fixture
def stranger(make_client):
    """A client that has just come."""
    return make_client()


@pytest.fixture
def member(make_member):
    """A client called ann, who has heard her welcome."""
    return make_member()
