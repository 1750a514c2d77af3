"""How the process that keeps files shares its time out."""
import contextlib
import hashlib
import itertools
import selectors
import socket
import threading
import time

import pytest
from test_desk import LIMITS, Process, Worker

from parley.server.files import budget, keeping
from parley.server.files.budget import MADE_UP, SHARE
from parley.server.files.desk import Desk
from parley.server.files.keeper import Keeper
from parley.server.storage.directory import Directory

SIZE = 4 * keeping.PIECE
PIECE_SECONDS = 0.02  # of CPU, as the process takes it


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    monkeypatch.setattr("os.nice", lambda more: None)
    directory = Directory(str(tmp_path / "storage"))
    limits = dict(LIMITS, file_bytes=2 * SIZE, account_bytes=8 * SIZE, guest_bytes=8 * SIZE, all_bytes=8 * SIZE)
    yield Keeper(directory, limits, "http://h")
    directory.let_go()


class Asker(Worker):
    """A worker that waits for each answer."""

    def __init__(self, keeper):
        super().__init__()
        self._desk = Desk(self, keeper.door.dup(), keeper.folder)

    def ask(self, **request):
        answers = []
        call = self._desk.ask(answers.append, **request)
        self.hear_until(lambda: answers)
        return answers, call

    def offer(self, data):
        (told,), _ = self.ask(do="offer", owner="account a", is_account=True, name="a", size=len(data),
                              sha256=hashlib.sha256(data).hexdigest())
        return told

    def begin(self, told, data):
        """Send it, in a thread: what is answered, in time."""
        answers, call = self.ask(do="put", file=told["file"], token=told["token"], first=0, length=len(data),
                                 total=len(data))
        assert answers == [{"go": True}]
        sock = call.sock.dup()
        sock.setblocking(True)
        threading.Thread(target=_send, args=(sock, data), daemon=True).start()
        return answers


def _send(sock, data):
    with sock, contextlib.suppress(OSError):  # no more of it may be wanted
        sock.sendall(data)


class Clock:
    """Of a process to which each piece costs so much CPU time."""

    def __init__(self, seconds):
        taken = itertools.count(0.0, seconds)
        self.process_time = lambda: next(taken)

    def __getattr__(self, name):
        return getattr(time, name)


def test_uploads_get_a_share_of_the_processors_time(keeper, monkeypatch):
    monkeypatch.setattr(budget, "time", Clock(PIECE_SECONDS))
    monkeypatch.setattr(budget, "ENOUGH", 1)
    worker, process = Asker(keeper), Process(keeper)
    data = bytes(SIZE)
    told, began = worker.offer(data), time.monotonic()
    answers = worker.begin(told, data)
    worker.hear_until(lambda: len(answers) == 2)
    assert answers[1] == {"at": SIZE, "size": SIZE, "whole": True}
    assert time.monotonic() - began > (SIZE / keeping.PIECE - 1) * SHARE * PIECE_SECONDS - MADE_UP
    process.end()


def test_whoever_asks_is_answered_while_uploads_have_to_wait(keeper, monkeypatch):
    monkeypatch.setattr(budget, "time", Clock(1000.0))
    monkeypatch.setattr(budget, "ENOUGH", 1)
    worker, process = Asker(keeper), Process(keeper)
    data = bytes(SIZE)
    told = worker.offer(data)
    answers = worker.begin(told, data)
    at = lambda: worker.ask(do="state", file=told["file"], token=told["token"])[0][0]["at"]  # noqa: E731
    worker.hear_until(at)
    assert at() <= keeping.PIECE
    assert worker.ask(do="drop", file=told["file"], token=told["token"])[0] == [{"dropped": True}]
    assert answers == [{"go": True}]
    process.end()


def test_where_a_piece_takes_long_so_many_bytes_a_second_come_all_the_same(keeper, monkeypatch):
    monkeypatch.setattr(budget, "time", Clock(1000.0))
    worker, process = Asker(keeper), Process(keeper)
    data = bytes(SIZE)
    answers = worker.begin(worker.offer(data), data)
    worker.hear_until(lambda: len(answers) == 2)
    assert answers[1]["whole"]
    process.end()


def test_who_goes_on_by_another_connection_replaces_one_of_which_something_has_come_at_the_same_moment(
        keeper, monkeypatch):
    awaited = [1]

    class Together(selectors.DefaultSelector):
        """Tells of none before so many are ready, and of requests first."""

        def select(self, timeout=None):
            deadline = time.monotonic() + 30
            ready = super().select(timeout)
            while 0 < len(ready) < awaited[0] and time.monotonic() < deadline:
                ready = super().select(0.01)
            return sorted(ready, key=lambda one: getattr(one[0].fileobj, "type", None) != socket.SOCK_DGRAM)

    worker, data = Asker(keeper), bytes(SIZE)
    monkeypatch.setattr(selectors, "DefaultSelector", Together)
    process = Process(keeper)
    told = worker.offer(data)
    answers, call = worker.ask(do="put", file=told["file"], token=told["token"], first=0, length=SIZE, total=SIZE)
    assert answers == [{"go": True}]
    awaited[0] = 2
    call.sock.send(data[:10])
    answers = worker.begin(told, data)
    awaited[0] = 1
    worker.hear_until(lambda: len(answers) == 2)
    assert answers[1]["whole"]
    process.end()
