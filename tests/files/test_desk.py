"""How workers ask the process that keeps files, also while there is none, and what the hub sees of it."""
import errno
import os
import selectors
import threading
import time

import pytest
from queue_ends import two_ends

from parley.server.files.desk import REPLY_SECONDS, Desk
from parley.server.files.keeper import MOST_UNANSWERED, Keeper
from parley.server.storage.directory import Directory

LIMITS = {"file_bytes": 1000, "account_bytes": 2500, "guest_bytes": 1500, "all_bytes": 4000, "offers_per_minute": 0,
          "disk_reserve_percent": 0, "keep_days": 30, "scan": None}
MANY = 700  # requests, more than the kernel keeps for a process that does not read


class Worker:
    """What a desk knows of one."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.now = 100.0

    def forget_turn(self, source):
        """There are no turns here."""

    def hear_until(self, satisfied):
        deadline = time.monotonic() + 30
        while not satisfied():
            assert time.monotonic() < deadline
            for key, mask in self.selector.select(0.2):
                key.data.on_ready(mask)


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    monkeypatch.setattr("os.nice", lambda more: None)
    directory = Directory(str(tmp_path / "storage"))
    yield Keeper(directory, LIMITS, "http://h")
    directory.let_go()


class Process:
    """The keeper's process, as a thread."""

    def __init__(self, keeper):
        self._hub_down, down = two_ends()
        up, self._hub_up = two_ends()
        keeper.attach(self._hub_down, self._hub_up)
        door = keeper.door
        keeper.door = door.dup()  # as a fork has it
        self._thread = threading.Thread(target=keeper.process, args=(down, up), daemon=True)
        self._thread.start()

    def end(self):
        self._hub_down.close()
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_requests_wait_for_a_process_and_are_answered_by_the_next_one_or_not_in_time(keeper):
    worker, answers = Worker(), []
    desk = Desk(worker, keeper.door.dup(), keeper.folder)
    for _ in range(MANY):
        desk.ask(answers.append, do="get", file="0" * 32)
    worker.now += REPLY_SECONDS / 2
    desk.sweep(worker.now)
    assert answers == []
    process = Process(keeper)
    worker.hear_until(lambda: len(answers) == MANY)
    assert answers == [{"no": "no-such-file"}] * MANY
    for wrong in ({"do": "nothing"}, {"do": "get"}, {"do": "get", "file": 5}):
        desk.ask(answers.append, **wrong)
    worker.hear_until(lambda: len(answers) == MANY + 3)
    assert answers[-3:] == [{"no": "bug"}] * 3
    desk.ask(answers.append, do="offer", owner="guest 1", is_account=False, name="a", size=5, sha256="")
    worker.hear_until(lambda: len(answers) == MANY + 4)
    assert sorted(answers[-1]) == ["file", "text", "token"]
    process.end()
    desk.ask(answers.append, do="get", file="0" * 32)
    worker.now += REPLY_SECONDS + 1
    desk.sweep(worker.now)
    assert answers[-1] == {"no": "try-again-later"}


def test_what_nobody_waits_for_any_more_takes_no_descriptors_and_where_there_are_none_one_is_refused(
        keeper, monkeypatch):
    worker, answers = Worker(), []
    desk = Desk(worker, keeper.door.dup(), keeper.folder)
    before = len(os.listdir("/dev/fd"))
    for _ in range(2):
        del answers[:]
        for _ in range(MANY):
            desk.ask(answers.append, do="get", file="0" * 32)
        worker.now += REPLY_SECONDS + 1
        desk.sweep(worker.now)
        assert answers == [{"no": "try-again-later"}] * MANY
        assert len(os.listdir("/dev/fd")) <= before

    def none():
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("socket.socketpair", none)
        desk.ask(answers.append, do="get", file="0" * 32).close()
    assert len(answers) == MANY + 1 and answers[-1] == answers[0]
    process = Process(keeper)
    desk.ask(answers.append, do="get", file="0" * 32)
    worker.hear_until(lambda: len(answers) == MANY + 2)
    assert answers[-1] == {"no": "no-such-file"}
    process.end()


def test_what_comes_is_flushed_piece_by_piece_and_no_more_is_read_of_that_file_meanwhile(keeper, monkeypatch):
    worker = Worker()
    desk = Desk(worker, keeper.door.dup(), keeper.folder)
    flushed, may_end, trouble = [], threading.Semaphore(0), []

    def flush(fd):
        flushed.append(os.fstat(fd).st_size)
        assert may_end.acquire(timeout=30)
        if trouble:
            raise OSError(trouble.pop(), "")

    monkeypatch.setattr("parley.server.files.keeping.FLUSHED_AT_ONCE", 300)
    monkeypatch.setattr("parley.server.files.shelf._flush_data", flush)
    process = Process(keeper)

    def asked(**request):
        told = []
        call = desk.ask(told.append, **request)
        worker.hear_until(lambda: told)
        return call, told

    def until_flushed(count):
        deadline = time.monotonic() + 30
        while len(flushed) < count:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def offer():
        _, [told] = asked(do="offer", owner="guest 1", is_account=False, name="a", size=1000, sha256="")
        return {"file": told["file"], "token": told["token"]}

    key = offer()
    call, told = asked(do="put", first=0, length=1000, total=1000, **key)
    call.sock.send(b"x" * 400)
    until_flushed(1)
    call.sock.send(b"y" * 600)
    assert asked(do="state", **key)[1] == [{"at": 400, "size": 1000, "whole": False}]  # others are answered meanwhile
    may_end.release()
    worker.hear_until(lambda: len(told) == 2)
    assert told[1] == {"at": 1000, "size": 1000, "whole": True} and flushed == [400]  # the rest as it is made whole
    assert asked(do="drop", **key)[1] == [{"dropped": True}]

    key = offer()
    call, told = asked(do="put", first=0, length=1000, total=1000, **key)
    call.sock.send(b"x" * 400)
    until_flushed(2)
    trouble.append(errno.ENOSPC)
    may_end.release()
    worker.hear_until(lambda: len(told) == 2)
    assert told[1] == {"no": "disk-full", "at": 0}  # of those bytes nobody knows what is there
    assert asked(do="state", **key)[1] == [{"at": 0, "size": 1000, "whole": False}]

    call, told = asked(do="put", first=0, length=1000, total=1000, **key)
    call.sock.send(b"x" * 300)
    until_flushed(3)
    assert asked(do="drop", **key)[1] == [{"dropped": True}]
    may_end.release()
    worker.hear_until(lambda: len(told) == 2)
    assert told[1] == {"no": "try-again-later"}  # it is deleted, which whoever asks again is told
    process.end()


def test_who_sends_a_file_once_more_sends_it_instead_of_the_connection_that_may_be_dead(keeper):
    worker = Worker()
    desk = Desk(worker, keeper.door.dup(), keeper.folder)
    process = Process(keeper)

    def asked(**request):
        told = []
        call = desk.ask(told.append, **request)
        worker.hear_until(lambda: told)
        return call, told

    _, [offer] = asked(do="offer", owner="guest 1", is_account=False, name="a", size=1000, sha256="")
    key = {"file": offer["file"], "token": offer["token"]}
    first, told_first = asked(do="put", first=0, length=1000, total=1000, **key)
    first.sock.send(b"x" * 100)
    deadline = time.monotonic() + 30
    while asked(do="state", **key)[1][0]["at"] < 100:
        assert time.monotonic() < deadline
    again, told_again = asked(do="put", first=100, length=900, total=1000, **key)
    again.sock.send(b"y" * 900)
    worker.hear_until(lambda: len(told_again) == 2 and len(told_first) == 2)
    assert told_again == [{"go": True}, {"at": 1000, "size": 1000, "whole": True}]
    assert told_first == [{"go": True}, {"no": "try-again-later"}]
    process.end()


def test_an_upload_that_has_begun_may_take_longer_than_an_answer(keeper):
    worker, answers = Worker(), []
    desk, process = Desk(worker, keeper.door.dup(), keeper.folder), Process(keeper)
    desk.ask(answers.append, do="offer", owner="guest 1", is_account=False, name="a", size=5, sha256="")
    worker.hear_until(lambda: answers)
    put = desk.ask(answers.append, do="put", file=answers[0]["file"], token=answers[0]["token"], first=0, length=5,
                   total=5)
    worker.hear_until(lambda: len(answers) == 2)
    worker.now += REPLY_SECONDS + 1
    desk.sweep(worker.now)
    put.sock.send(b"hello")
    worker.hear_until(lambda: len(answers) == 3)
    assert answers[1:] == [{"go": True}, {"at": 5, "size": 5, "whole": True}]
    process.end()


def test_what_was_counted_before_a_process_has_died_still_counts(keeper):
    for received in (5, 7):
        keeper.attach(two_ends()[0], two_ends()[1])
        keeper.seen({"files": {}, "counters": {"received": received, "refused": {}, "removed": {}}})
        assert keeper.status()["counters"]["received"] in (5, 12)
        keeper.detach()
    keeper.seen({"counters": {"received": 1, "refused": {}, "removed": {}}})
    assert keeper.status()["counters"]["received"] == 13


def test_the_hub_takes_it_for_stuck_if_it_does_not_answer_for_long(keeper):
    down, _silent = two_ends()
    _nothing, up = two_ends()
    keeper.attach(down, up)
    assert [keeper.is_stuck() for _ in range(MOST_UNANSWERED + 1)] == [False] * MOST_UNANSWERED + [True]
    assert (keeper.detach(), keeper.detach()) == ([down, up], [])
    process = Process(keeper)
    assert not keeper.is_stuck()
    deadline = time.monotonic() + 30
    while keeper._unanswered and time.monotonic() < deadline:
        keeper.hear()
    assert not keeper._unanswered
    process.end()
