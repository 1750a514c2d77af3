"""How a worker shares its time out between talk and files."""
import os
import socket
import types

import pytest

from parley.server.files import budget
from parley.server.files.budget import MADE_UP, SHARE
from parley.server.worker import transfers as moving
from parley.server.worker.paced import Turns
from parley.server.worker.transfers import PIECE, WRITE, Download, Transfers
from parley.server.worker.transports.plain import Plain

PIECE_SECONDS = 0.5


class Visitor:
    """Who gets the file, and reads it at once."""

    def __init__(self):
        ours, self._theirs = socket.socketpair()
        for end in (ours, self._theirs):
            for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                end.setsockopt(socket.SOL_SOCKET, size, 4 * PIECE)
        self.transport = Plain.of(ours)
        self.got = 0
        self.is_over = False
        self.mask = None

    def begin(self, transfers, path):
        self.body = Download(transfers, self, os.open(path, os.O_RDONLY), 0, os.stat(path).st_size)

    def serve_body(self, action):
        action(self.transport)
        self.watch_body()

    def watch_body(self):
        self.mask = self.body.mask

    def read(self):
        """How many bytes have come since the last time."""
        before = self.got
        self._theirs.setblocking(False)
        try:
            while True:
                self.got += len(self._theirs.recv(4 * PIECE))
        except BlockingIOError:
            return self.got - before

    def await_more(self):
        """It has more time."""

    def answered(self):
        self.is_over = True

    def close(self):
        self.transport.close()
        self._theirs.close()


@pytest.fixture
def clock(monkeypatch):
    """The time, of which nothing passes by itself; each piece takes PIECE_SECONDS of the processor's."""
    now = types.SimpleNamespace(time=100.0, spent=0.0)

    def process_time():
        now.spent += PIECE_SECONDS
        return now.spent

    monkeypatch.setattr(budget, "ENOUGH", 1)
    for module in (budget, moving):
        monkeypatch.setattr(
            module, "time", types.SimpleNamespace(monotonic=lambda: now.time, process_time=process_time))
    return now


def test_files_get_a_share_of_the_time_and_turns_in_order(clock, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(2 * PIECE))
    turns = Turns()
    transfers = Transfers(types.SimpleNamespace(files=None, turns=turns))
    visitors = [Visitor() for _ in range(3)]
    for one in visitors:
        one.begin(transfers, str(path))
        one.body.go_on(one.transport)
    first, second, third = visitors
    assert [one.read() > 0 for one in visitors] == [True, False, False]
    assert (second.mask, third.mask) == (0, 0)
    pause = SHARE * PIECE_SECONDS
    assert clock.time + pause - MADE_UP <= turns.next <= clock.time + pause
    first.body.go_on(first.transport)  # which the selector still tells of
    first.body.go_on(first.transport)
    third.body.close()
    turns.give(clock.time)
    assert [one.read() for one in visitors] == [0, 0, 0]
    served = []
    while not (first.is_over and second.is_over):
        assert len(served) < 50
        clock.time = turns.next
        assert clock.time < float("inf")
        turns.give(clock.time)
        served += [one for one in visitors if one.read()]
        for one in (first, second):
            if not one.is_over and not one.body.waits:
                assert one.mask == WRITE
                one.body.go_on(one.transport)
    assert served[0] is second and served[1] is first and third not in served
    assert [one.got for one in visitors] == [2 * PIECE, 2 * PIECE, 0]
    clock.time = turns.next
    turns.give(clock.time)
    assert turns.next == float("inf")
    for one in visitors:
        one.close()


def test_where_a_piece_takes_long_so_many_bytes_a_second_are_moved_all_the_same(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "ENOUGH", 4 * PIECE)
    path = tmp_path / "a"
    path.write_bytes(bytes(2 * PIECE))
    transfers = Transfers(types.SimpleNamespace(files=None, turns=Turns()))
    visitor = Visitor()
    visitor.begin(transfers, str(path))
    visitor.body.go_on(visitor.transport)
    assert visitor.read() == PIECE
    assert clock.time + 0.25 - MADE_UP <= transfers.turn <= clock.time + 0.25 < clock.time + SHARE * PIECE_SECONDS
    visitor.body.close()
    visitor.close()
