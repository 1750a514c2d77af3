"""Nodes, workers and sessions that do anything at any moment, by chance: nobody waits for good, and no name is lost."""
import collections
import itertools
import random

import pytest
from queue_ends import two_ends

from parley.server.chat.accounts import Accounts
from parley.server.chat.gate import LIMITS
from parley.server.chat.members import split
from parley.server.chat.names import claims, room_and_claims
from parley.server.ipc.messages import ToEngine, ToHub, ToWorker, messages, packed
from parley.server.ipc.queues import AWAITED, CONTROL, HEAD, called, record, talk
from parley.server.order import engine as engine_module
from parley.server.order import replicated
from parley.server.order.place import Place
from parley.server.order.scripts import COUNT_BITS
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store
from parley.server.supervisor import cluster as cluster_module
from parley.server.supervisor.cluster import ClusterHub, Rejoin
from parley.server.supervisor.passwords import secret_for

SILENCE = 3
NAMES = [b"ann", b"bob", b"eve"]
OWNED = b"owner"  # has a password
ROOM = b"#room"
STEPS = 150
HOST = "192.0.2.1"
KINDS = messages(ToWorker)
ANSWERS = {"confirmed", "refused", "Recalled", "stored", "unsaid"}


class Log:
    """What the engine does. A packet may be lost on its way to it, and be late."""

    def __init__(self, clock):
        self._clock = clock
        self._joins = itertools.count(1)
        self.entries = []
        self.through = {}
        self.names = {}

    def _append(self, who, **fields):
        fields = {name.encode(): value for name, value in fields.items()}
        fields[b"t"] = b"%d" % (self._clock.time() * 1000)
        self.entries.append(("%d-%d" % (len(self.entries) + 1, who), fields))

    def join(self, name):
        self.bury(self.names.get(name))
        number = self.names[name] = next(self._joins)
        self.through[number] = 0
        self._append(number << COUNT_BITS, u=name.encode(), m=b"%d" % number)
        return number

    def submit(self, number, count, packet):
        """Is the node alive?"""
        if number in self.through and count == self.through[number] + 1:
            self.through[number] = count
            self._append(number << COUNT_BITS | count, f=packet)
        return number in self.through

    def bury(self, number):
        if self.through.pop(number, None) is not None:
            self._append(number << COUNT_BITS, d=b"%d" % number)


class Hasher:
    """In the place of the process that looks at passwords: it takes its time."""

    def __init__(self):
        self.jobs = []

    def verify(self, password, secret, done):
        self.jobs.append(lambda: done(None, None))

    def hash(self, password, done):
        self.jobs.append(lambda: done(None, secret_for(password)))


class Session:
    """A client, as its worker knows it. asked: what it waits for, or None."""

    def __init__(self):
        self.name = None
        self.asked = None
        self.is_inside = False
        self.is_gone = False  # its client is, and the worker does not know yet


class Worker:
    """As `parley.server.worker` does, as far as the hub can tell."""

    def __init__(self, hub, number):
        (down, self._down), (self._up, up) = two_ends(), two_ends()
        self.number = number
        self.sessions = {}
        self._numbers = itertools.count(1)
        hub.attach(number, down, up)

    def ask(self, message):
        self._up.put(packed(message))

    def close(self):
        self._down.close()
        self._up.close()

    def leave(self, number):
        self.sessions.pop(number)
        self.ask(ToHub.Release(number))

    def act(self, chance):
        """Somebody does something."""
        number = chance.choice([*self.sessions, None])
        if number is None:
            if len(self.sessions) < 4:
                self.sessions[next(self._numbers)] = Session()
            return
        session = self.sessions[number]
        if session.is_gone or chance.random() < 0.1:
            session.is_gone = True
            if chance.random() < 0.5:
                self.leave(number)
        elif session.asked is None:
            session.asked, frame = self._request(chance, number, session)
            self._up.put(frame)

    def _request(self, chance, number, session):
        name = chance.choice(NAMES)
        if session.name is None:
            if chance.random() < 0.3:
                return "claim", packed(ToHub.Claim(number, OWNED, tuple(claims(OWNED)), "Login", b"secret", HOST))
            return "claim", packed(ToHub.ClaimUnproven(number, name, tuple(claims(name)), "Login", False, HOST))
        what = chance.choice(["rename", "enter", "exit", "say", "recall"])
        return what, {
            "rename": lambda: packed(ToHub.Rename(number, name, tuple(claims(name)))),
            "enter": lambda: packed(ToHub.Enter(number, *room_and_claims(ROOM), None)),
            "exit": lambda: packed(ToHub.Exit(number, ROOM)),
            "say": lambda: talk(0, self.number, [record(number, session.name, b"hi", 7)], AWAITED),
            "recall": lambda: packed(ToHub.Recall([number], None, 3))}[what]()

    def hear(self):
        for frame in self._down.get():
            if HEAD.unpack_from(frame)[0] == CONTROL:
                name, fields = called(frame)
                self._heed(name, KINDS[name](*fields))

    def _heed(self, name, told):
        if name in ("joined", "renamed"):
            if told.worker == self.number and told.session in self.sessions:
                self._settle(told.session).name = told.name if name == "joined" else told.new
        elif name == "entered":
            if told.worker == self.number and told.session in self.sessions:
                self._settle(told.session)
        elif name == "probe":
            if told.session in self.sessions and self.sessions[told.session].is_gone:
                self.leave(told.session)
            self.ask(ToHub.Probed(told.asker, told.session))
        elif name == "evict":
            if told.session in self.sessions:
                self.leave(told.session)
        elif name in ANSWERS:
            said = [session for session, *_ in getattr(told, "said", ())]
            for number in said or getattr(told, "sessions", None) or [told.session]:
                if number in self.sessions:
                    self._settle(number)

    def _settle(self, number):
        session = self.sessions[number]
        assert session.asked, "an answer that nobody waits for"
        session.asked = None
        return session


class Node:
    """One that joins again when it has to."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.worker = None
        self.start()

    def start(self):
        store = InProcess(Store(lambda: accounts.order.now / 1000))
        accounts = Accounts(store)
        self.hub = hub = ClusterHub(
            Place("redis://h:1/0", (), "", "none", None, "parley", self.name, SILENCE, 1 << 20), {"guests": True},
            [(OWNED, "a secret")], collections.Counter(served=1), 0, accounts, store, 0, 0)
        hub.set_limits(dict(LIMITS), frozenset(), 0)
        hub.found([])
        self.hasher = hub.door._secrets = Hasher()
        self.on_way = []  # what the process of the engine is told
        hub.engine.tell = self.on_way.append
        self.at = 0
        self.is_cut_off = False
        hub.entries(self.world.log.entries[:])
        hub.joined(self.world.log.join(self.name), "token", b"run")
        self._numbers = itertools.count(hub.first_worker)

    def stop(self):
        """It is dead, or has to begin anew."""
        if self.worker:
            self.worker.close()
            self.worker = None
        for stream in self.hub.streams.values():
            stream.up.close()
            stream.down.close()
        self.hub.selector.close()

    def turn(self, chance=None):
        """One round. With a chance, not everything that is on its way arrives."""
        try:
            self._turn(chance or random.Random(1), 1.0 if chance is None else 0.7)
        except Rejoin:
            self.stop()
            self.start()

    def _turn(self, chance, most):
        hub, log = self.hub, self.world.log
        if self.worker is None and hub.may_serve:
            self.worker = Worker(hub, next(self._numbers))
        while self.hasher.jobs and chance.random() < most:
            self.hasher.jobs.pop(0)()
        hub.turn(0)
        hub.engine.flush()
        told, self.on_way[:] = list(self.on_way), []
        for message in told:
            if self.is_cut_off or chance.random() > most:
                continue
            if type(message) is ToEngine.Submit and not log.submit(hub.number, message.serial, message.packet):
                hub.fenced(log.names[self.name] != hub.number)
            elif type(message) is ToEngine.Bury:
                log.bury(message.number)
        there = log.entries[hub._at:]
        if there and not self.is_cut_off:
            hub.entries(there[:None if most == 1.0 else chance.randrange(len(there)) + 1])
        hub.speak()
        if self.worker and chance.random() < most:
            self.worker.hear()

    def kill_worker(self):
        if self.worker:
            self.worker.close()
            self.hub.detach(self.worker.number)
            self.worker = None


class World:
    def __init__(self, clock, chance):
        self.clock, self.chance = clock, chance
        self.log = Log(clock)
        self.nodes = [Node(self, name) for name in "abc"]

    def live(self):
        for _ in range(STEPS):
            self.clock.now += self.chance.choice([0.002, 0.002, 0.05, 0.3])
            node = self.chance.choice(self.nodes)
            self._happen(node)
            if node.worker:
                for _ in range(self.chance.randrange(3)):
                    node.worker.act(self.chance)
            for one in self.chance.sample(self.nodes, self.chance.randrange(1, 4)):
                one.turn(self.chance)

    def _happen(self, node):
        luck = self.chance.random()
        if luck < 0.02:
            node.kill_worker()
        elif luck < 0.03:
            node.stop()
            self.clock.now += self.chance.choice([0, SILENCE * 2])
            node.start()
        elif luck < 0.04:
            node.is_cut_off = True
        elif luck < 0.08:
            node.is_cut_off = False

    def settle(self, seconds=30):
        """All is whole; whoever is gone is noticed."""
        for node in self.nodes:
            node.is_cut_off = False
        for step in range(seconds * 4):
            self.clock.now += 0.25
            for node in self.nodes:
                if step == 60 and node.worker:
                    for number in [number for number, one in node.worker.sessions.items() if one.is_gone]:
                        node.worker.leave(number)
                node.turn()

    def check(self):
        first = self.nodes[0].hub.register
        holders = {}
        for node in self.nodes:
            assert node.hub.register.members.names == first.members.names
            assert node.hub.register.claims._probing == {}
            for number, session in node.worker.sessions.items():
                assert session.asked is None, "%s of node %s is not answered: %s" % (number, node.name, session.asked)
                if session.name:
                    holders[node.worker.number, number] = session.name
        assert {split(holder): name for holder, name in first.members.names.items()} == holders

    def close(self):
        for node in self.nodes:
            node.stop()


@pytest.mark.parametrize("seed", [4, 27])
def test_nobody_waits_for_good_and_no_name_is_lost(clock, monkeypatch, seed):
    for module in (cluster_module, replicated, engine_module):
        monkeypatch.setattr(module, "time", clock)
    world = World(clock, random.Random(seed))
    try:
        world.live()
        world.settle()
        world.check()
    finally:
        world.close()
