"""A server that talks without end holds up nobody who reads until it is silent, and fills no memory."""
import contextlib
import socket
import threading
import time

import pytest

from parley.conformance import acquaintance, actor
from parley.conformance.acquaintance import Visit
from parley.conformance.actor import Actor, Selector
from parley.conformance.fixture import no_record
from parley.conformance.probes.line_experiments import guests
from parley.conformance.profile import Profile
from parley.conformance.wire import line

SOON = 10.0  # seconds; without end it would be for ever


@contextlib.contextmanager
def talker(data, pause=0.0):
    """The address of a server that says `data` again and again to whoever connects."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    over = threading.Event()

    def talk(sock):
        with contextlib.suppress(OSError), sock:
            while not over.wait(pause):
                sock.sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()
    finally:
        over.set()
        listener.close()


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(actor, "MOST_MESSAGES", 500)
    monkeypatch.setattr(acquaintance, "MOST_MESSAGES", 500)
    monkeypatch.setattr(actor, "_MOST_BYTES", 1 << 18)
    monkeypatch.setattr(acquaintance, "ANSWER_SECONDS", 0.2)


@contextlib.contextmanager
def guest_of(address):
    visit = Visit(line, address)
    try:
        yield visit.newcomer("ann")
    finally:
        visit.close()


def test_who_reads_until_it_is_silent_stops_some_time():
    with talker(b"INFO tick\n", pause=0.02) as address, guest_of(address) as guest:
        guest.visit.read_until(lambda: guest.raw, SOON)  # or it might be taken for silent on a busy machine
        start = time.monotonic()
        heard = guest.hear_all()
        assert heard and time.monotonic() - start < SOON
        assert not guest.is_flooded


def test_who_waits_for_an_answer_behind_news_stops_some_time(monkeypatch):
    monkeypatch.setattr(guests, "_MOST_NEWS", 3)
    with talker(b"INFO tick\n", pause=0.02) as address, guest_of(address) as guest:
        assert not guests.log_in(guest)


def test_an_experiment_reads_no_more_than_so_much():
    with talker(b"INFO tick\n" * 100) as address, guest_of(address) as guest:
        guest.visit.read_until(lambda: guest.is_flooded, SOON)
        assert guest.is_flooded and len(guest.raw) < 1 << 16
        assert any("without end" in one.text for one in guest.visit.transcript.lines)


@pytest.mark.parametrize("data", [b"INFO tick\n" * 100, b"no end of a line " * 1000])
def test_a_scenario_reads_no_more_than_so_much(data):
    with talker(data) as address, contextlib.closing(Selector()) as selector:
        ann = Actor("ann", line, selector, no_record, bool, profile=Profile())
        ann.connect(address, SOON)
        assert selector.read_until(lambda: ann.is_flooded, time.monotonic() + SOON)
        ann.disconnect()
