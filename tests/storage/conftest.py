"""Stores of both kinds, and the queues to a process that writes into one."""
import contextlib
import os
import tempfile

import pytest
from numbered import Numbered
from queue_ends import two_ends

from parley.server.ipc.queues import record, talk
from parley.server.storage.database import Database
from parley.server.storage.memory import Store

NOW = 1600000000.75
SECOND = 1600000000


class Transacted:
    """A database, each of whose writes is a transaction."""

    WRITES = ("talk", "whisper", "keep", "taken", "expire", "open_account", "protect", "use", "close_account",
              "keep_room", "close_room", "redact", "redact_alone")

    def __init__(self, database):
        self._database = database

    def __getattr__(self, request):
        method = getattr(self._database, request)
        if request not in self.WRITES:
            return method

        def write(*arguments):
            with self._database.transaction():
                return method(*arguments)

        return write


@contextlib.contextmanager
def opened(kind, clock=lambda: NOW, **options):
    """An empty store of a kind, "memory" or "database"."""
    if kind == "memory":
        yield Numbered(Store(clock, **options), clock)
        return
    with tempfile.TemporaryDirectory() as directory:
        database = Database(os.path.join(directory, "parley.db"), "system", clock=clock, **options)
        try:
            yield Numbered(Transacted(database), clock)
        finally:
            database.close()


def say(*texts, sender=b"ann", room=0):
    """A talk frame."""
    return talk(room, 1, [record(1, sender, text, 7) for text in texts])


class Clock:
    """Seconds since the epoch, as a test sets them."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture(scope="session")
def make_queue():
    """Makes queues in one process: a writing and a reading end."""
    return two_ends


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "database"])
def kind(request):
    return request.param


@pytest.fixture
def store(kind, clock):
    """One of each kind."""
    with opened(kind, clock) as made:
        yield made


@pytest.fixture(scope="session")
def spoken():
    """Makes the talk frame in which ann, or another, says some texts, in the lobby or in another room."""
    return say


@pytest.fixture(scope="session")
def open_empty():
    """Opens an empty store of a kind, for a `with`."""
    return opened


@pytest.fixture
def database(tmp_path, clock):
    """Opens the one database of a test, again and again, with options that differ."""
    made = []

    def make(**options):
        while made:
            made.pop().close()
        options = dict({"sync": "system", "clock": clock}, **options)
        made.append(Numbered(Database(str(tmp_path / "parley.db"), **options), options["clock"]))
        return made[-1]

    make.path = str(tmp_path / "parley.db")
    yield make
    while made:
        made.pop().close()
