"""A hub with real queues in one process, an invented clock, and workers that say what the test wants."""

import pytest
from plain import plain
from queue_ends import two_ends

from parley.server.chat.accounts import Accounts
from parley.server.ipc.messages import ToWorker, messages
from parley.server.ipc.queues import CONTROL, HEAD, called, placed
from parley.server.supervisor import hub as hub_module

KINDS = messages(ToWorker)


class Clock:
    """In the place of the module `time`: only sleeping lets time pass."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def monotonic(self):
        return self.now

    def time(self):
        return 1600000000 + self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class WorkerEnds:
    """A worker's ends of its two queues."""

    def __init__(self, down, up):
        self.down = down
        self.up = up

    def say(self, *frames):
        """Frames to the hub, in one put."""
        self.up.put(b"".join(frames))

    def frames(self):
        """What has come, as it came, but for the places of talk in the order."""
        return [placed(frame, 0, 0) for frame in self.came()]

    def places(self):
        """(number, messages, milliseconds) of the talk that has come."""
        return [(head[5], head[4], head[6]) for head in map(HEAD.unpack_from, self.came()) if head[0] != CONTROL]

    def came(self):
        """What has come, as it came."""
        frames = []
        while True:
            more = self.down.get()
            if not more:
                return frames
            frames += more

    def heard(self):
        """What has come: talk as it came, the rest as (entry, argument, ...)."""
        found = []
        for frame in self.frames():
            if HEAD.unpack_from(frame)[0] == CONTROL:
                name, arguments = called(frame)
                found.append(plain(KINDS[name](*arguments)) if name in KINDS else (name, *arguments))
            else:
                found.append(frame)
        return [one for one in found if one != ("ping",)]

    def die(self):
        """As a killed process does: both ends close."""
        self.down.close()
        self.up.close()


@pytest.fixture
def clock(monkeypatch):
    invented = Clock()
    monkeypatch.setattr(hub_module, "time", invented)
    return invented


@pytest.fixture
def make_hub(clock, store):
    """Makes hubs, by their pacing in seconds."""
    hubs = []

    def make(pacing=0, memory=None, store=store, **limits):
        hubs.append(hub_module.Hub(pacing, memory or Accounts(store), store, **limits))
        return hubs[-1]

    yield make
    for hub in hubs:
        for stream in hub.streams.values():
            stream.up.close()
            stream.down.close()
        hub.selector.close()


@pytest.fixture
def hub(make_hub):
    return make_hub()


@pytest.fixture
def attach():
    """Attaches a worker to a hub: its ends of the queues."""
    attached = []

    def make(hub, number):
        (down, to_worker), (from_worker, up) = two_ends(), two_ends()
        hub.attach(number, down, up)
        attached.append(WorkerEnds(to_worker, from_worker))
        return attached[-1]

    yield make
    for worker in attached:
        worker.die()


@pytest.fixture
def attach_aide():
    """Attaches a process that works for a hub: its ends of the queues."""
    attached = []

    def make(hub, aide, number):
        (down, to_process), (from_process, up) = two_ends(), two_ends()
        hub.attach_aide(number, aide, down, up)
        attached.append(WorkerEnds(to_process, from_process))
        return attached[-1]

    yield make
    for process in attached:
        process.die()


@pytest.fixture
def attach_verifier(attach_aide):
    """Attaches a process that verifies passwords to a hub: its ends of the queues."""
    return lambda hub, number: attach_aide(hub, hub.verifier, number)


@pytest.fixture
def both_ways():
    """The hub's ends of two queues, down and up, and those of a process."""
    (down, to_process), (from_process, up) = two_ends(), two_ends()
    yield down, up, to_process, from_process
    for queue in (down, up, to_process, from_process):
        queue.close()


@pytest.fixture
def workers(hub, attach):
    """Workers 1 and 2 of the hub, who know that nobody is here."""
    both = attach(hub, 1), attach(hub, 2)
    hub.turn(0)
    for worker in both:
        assert worker.heard() == [("known", [], [], {})]
    return both
