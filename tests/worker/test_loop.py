"""A worker as a whole: what a tick costs, and how it begins, changes and ends."""
import errno
import gc
import os
import selectors
import socket

import pytest

from parley.server.ipc.messages import ToWorker
from parley.server.protocols import line
from parley.server.supervisor import hub as hub_module
from parley.server.worker import loop
from parley.server.worker.listener import Listener

MEMBERS = 5


@pytest.fixture
def rendered(monkeypatch):
    """The happenings that have been rendered, and the records of what was said."""
    happenings = []
    encode, encode_talk = line.encode, line.encode_talk
    counting = {"text": lambda happening, me: happenings.append(happening) or encode(happening, me)}
    monkeypatch.setattr(line, "FORMS", counting)
    counting_talk = lambda room, records, first: happenings.extend(records) or encode_talk(room, records, first)  # noqa: E731
    monkeypatch.setattr(line, "TALK", {"text": counting_talk})
    return happenings


@pytest.fixture
def crowd(rendered, open_house):
    """A house with five members, of whom the first speaks; and its counters at zero."""
    house = open_house()
    house.members = [house.member(b"m%d" % number) for number in range(MEMBERS)]
    house.settle()
    for peer in house.members:
        peer.counted.sends = peer.counted.recvs = 0
    rendered.clear()
    return house


# ---- the cost of a tick, in calls


@pytest.mark.parametrize("messages", [1, 2, 100])
def test_a_tick_costs_one_send_per_receiver_whatever_was_said(crowd, rendered, messages):
    crowd.members[0].send(b"MSG hi\n" * messages)
    crowd.settle()
    assert [peer.counted.sends for peer in crowd.members] == [0] + [1] * (MEMBERS - 1)
    assert crowd.members[0].counted.recvs == 1
    assert len(rendered) == messages
    assert all(peer.heard() == b"MSG m0 hi\n" * messages for peer in crowd.members[1:])


def test_talk_of_several_members_costs_one_send_per_receiver(crowd, rendered):
    for peer in crowd.members:
        peer.send(b"MSG hi\n" * 10)
    crowd.settle()
    assert [peer.counted.sends for peer in crowd.members] == [1] * MEMBERS
    assert len(rendered) == 10 * MEMBERS


def test_talk_and_answers_together_cost_one_send(crowd):
    asking = crowd.members[0]
    asking.send(b"WHO\n")
    crowd.members[1].send(b"MSG hi\n")
    crowd.settle()
    assert asking.counted.sends == 1


def test_a_tick_is_one_write_to_the_hub_whatever_was_asked(crowd, monkeypatch):
    up = crowd.worker.uplink._queue.fileno()
    writes = []
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(fd) or real_write(fd, data))
    for peer in crowd.members:
        peer.send(b"MSG hi\nMSG ho\nPING\nWHO\n")
    crowd.tick()
    assert writes.count(up) == 1


def test_a_quiet_tick_costs_nothing(crowd, rendered, monkeypatch):
    writes = []
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(fd) or real_write(fd, data))
    crowd.tick()
    assert [peer.counted.sends + peer.counted.recvs for peer in crowd.members] == [0] * MEMBERS
    assert crowd.worker.uplink._queue.fileno() not in writes
    assert rendered == []


# ---- order


def test_everybody_hears_the_same_order_and_nobody_is_ahead_of_it(open_house):
    house = open_house(workers=2, echo={"line": True})
    members = [house.member(b"m%d" % number, worker=number % 2 + 1) for number in range(6)]
    for number in range(20):
        for peer in members:
            peer.send(b"MSG %d\n" % number)
        house.settle(1)
    house.settle()
    heard = {peer.heard() for peer in members}
    assert len(heard) == 1
    assert heard.pop().count(b"\n") == 120


def test_who_talks_is_read_on_the_beat_while_the_hub_is_heard_at_any_time(open_house, clock):
    gc.collect()  # or on PyPy other tests' sockets, not collected yet, push this house's beyond what select can watch
    house = open_house(pacing_ms=2)
    ann, bob = house.member(b"ann"), house.member(b"bob")
    ann.heard()
    clock.now = 1010.0005
    ann.send(b"MSG after a quiet time\n")
    house.tick()
    house.hub.turn(0)
    ann.send(b"MSG soon after\n")
    read = ann.counted.recvs
    house.tick()
    assert (bob.heard(), ann.counted.recvs, clock.now) == (b"MSG ann after a quiet time\n", read, 1010.0005)
    house.tick()  # nothing more from the hub
    house.tick()
    assert (ann.counted.recvs, clock.now) == (read + 1, pytest.approx(1010.00390625, abs=1e-6))
    house.settle()
    assert bob.heard() == b"MSG ann soon after\n"


def test_where_enough_is_said_at_once_clients_are_read_again_at_once(open_house, clock, monkeypatch):
    house = open_house(pacing_ms=2)
    ann, bob = house.member(b"ann"), house.member(b"bob")
    moment = clock.now = 1010.0005
    house.hub.pacing = 0  # it does not wait for more
    spent = iter(range(1000))
    monkeypatch.setattr(clock, "process_time", lambda: next(spent))
    for _ in range(3):
        read = ann.counted.recvs
        ann.send(b"MSG hi\n" * 10)
        house.settle(1)
        assert (ann.counted.recvs, clock.now) == (read + 1, moment)
    assert bob.heard() == b"MSG ann hi\n" * 20  # the hub is heard a tick later


def test_talk_waits_in_the_hub_for_twice_what_it_took_to_tell_the_last_if_just_now(open_house, clock, monkeypatch):
    house = open_house(pacing_ms=2)
    ann, bob = house.member(b"ann"), house.member(b"bob")
    waited = []
    monkeypatch.setattr(hub_module, "wait_for", lambda selector, seconds: (
        waited.append(round(seconds, 4)), setattr(clock, "now", clock.now + seconds)))
    send = bob.counted.send
    monkeypatch.setattr(bob.counted, "send", lambda data: (setattr(clock, "spent", clock.spent + 0.004), send(data))[1])
    for messages in (2, 1):
        ann.send(messages * b"MSG hi\n")
        house.settle(3)
    assert waited == [0.008]
    clock.now += 1
    ann.send(b"MSG hi\n")
    house.settle(2)
    assert waited == [0.008]
    assert bob.heard() == b"MSG ann hi\n" * 4


def test_a_descriptor_too_high_for_select_is_watched_between_beats_all_the_same(open_house, clock, monkeypatch):
    def refuse(selector, timeout=None):
        raise ValueError("filedescriptor out of range in select()")

    monkeypatch.setattr(loop, "FD_SETSIZE", 0)
    monkeypatch.setattr(selectors.SelectSelector, "select", refuse)
    house = open_house(pacing_ms=2)
    ann, bob = house.member(b"ann"), house.member(b"bob")
    clock.now = 1010.0005
    for text in b"one", b"two":
        ann.send(b"MSG %b\n" % text)
        house.settle()
        assert bob.heard() == b"MSG ann %b\n" % text


def test_a_newcomer_hears_only_what_follows_its_welcome(house):
    bob, ann = house.member(b"bob"), house.connect()
    bob.send(b"MSG before\n")
    house.tick()
    ann.send(b"LOGIN ann\n")
    house.settle()
    bob.send(b"MSG after\n")
    house.settle()
    assert ann.heard() == b"OK\nMSG bob after\n"


# ---- begin, change, end


def test_a_worker_says_that_it_is_ready(house):
    assert all(stream.ready for stream in house.hub.streams.values())


def test_a_worker_gives_signs_of_life(house):
    house.wait(60)
    assert not house.hub.failed


def test_new_settings_take_effect_for_those_who_are_here(house):
    bob, ann = house.member(b"bob", worker=1), house.member(b"ann", worker=2)
    settings = house.settings._replace(
        echo=dict(house.settings.echo, line=True), idle_timeout=dict(house.settings.idle_timeout, line=5))
    house.hub.everyone(ToWorker.Configure(settings.of_workers()))
    house.settle()
    ann.send(b"MSG hi\n")
    house.settle()
    assert ann.heard() == bob.heard() == b"MSG ann hi\n"
    house.wait(10)
    assert ann.heard().endswith(b"INFO idle-timeout\n")


def stop(house):
    house.hub.everyone(ToWorker.Stop())
    house.settle()


def test_a_stop_answers_what_was_asked_and_then_says_done(house):
    ann = house.member(b"ann")
    ann.send(b"WHO\n")
    house.tick()
    stop(house)
    assert ann.heard() == b"USER ann\n"
    assert all(stream.done for stream in house.hub.streams.values())


def test_what_waits_for_the_beat_when_a_stop_comes_is_heard(open_house, clock):
    house = open_house(pacing_ms=2)
    ann, bob = house.member(b"ann"), house.member(b"bob")
    clock.now = 1010.0005
    ann.send(b"MSG one\n")
    house.tick()
    ann.send(b"MSG two\n")
    house.hub.everyone(ToWorker.Stop())
    house.hub.turn(0)
    house.settle()
    assert bob.heard() == b"MSG ann one\nMSG ann two\n"


def test_a_stopping_worker_takes_nothing_new(house):
    ann = house.member(b"ann")
    stop(house)
    ann.send(b"PING\n")
    house.settle()
    house.wait(3)
    assert ann.heard() == b""


def test_a_stopping_worker_takes_nothing_new_even_of_those_it_has_just_answered(house):
    ann = house.member(b"ann")
    ann.send(b"WHO\n")
    house.tick()
    ann.send(b"PING\n")
    stop(house)
    assert ann.heard() == b"USER ann\n"


def test_the_end_is_told_to_everyone_and_ends_the_loop(house):
    ann, bob, stranger = house.member(b"ann"), house.member(b"bob", worker=2), house.connect()
    stop(house)
    house.hub.everyone(ToWorker.End())
    house.settle()
    for peer in (ann, bob, stranger):
        assert peer.heard() == b"INFO server-shutdown\n"
        assert peer.ended
        peer.close()
    house.settle()
    assert all(driven.ended for driven in house.driven)


def test_the_end_does_not_wait_for_ever_for_those_who_stay(house):
    house.member(b"ann")
    stop(house)
    house.hub.everyone(ToWorker.End())
    house.wait(5)
    assert all(driven.ended for driven in house.driven)


def test_without_its_parent_a_worker_says_good_bye_and_ends(open_house, caplog):
    house = open_house()
    ann = house.member(b"ann")
    ann.send(b"WHO\n")
    house.tick()
    (stream,) = house.hub.streams.values()
    stream.down.close()
    stream.up.close()
    for _ in range(12):
        house.clock.now += 0.5
        house.tick()
    assert ann.heard().endswith(b"INFO server-shutdown\n")
    assert house.driven[0].ended
    house.hub.streams.clear()


# ---- a hub that is behind


def test_while_the_hub_is_behind_clients_wait_and_nothing_is_lost(open_house):
    house = open_house(messages_per_second=0, outbox_bytes=1 << 30)
    ann, bob = house.member(b"ann"), house.member(b"bob")
    sent = 0
    while not house.worker.uplink.full:
        ann.send(b"MSG %b\n" % (b"x" * 8000))
        sent += 1
        house.tick()
        assert sent < 1000
    before = ann.counted.recvs
    ann.send(b"MSG last\n")
    house.tick()
    house.tick()
    assert ann.counted.recvs == before
    heard = b""
    for _ in range(60):
        house.settle(1)
        heard += bob.heard()
    assert heard.count(b"\n") == sent + 1
    assert heard.endswith(b"MSG ann last\n")


# ---- the door


class Door:
    """A listening socket that gives or raises what it is told. What it still has is closed with it."""

    def __init__(self, *arrivals):
        self._arrivals = list(arrivals)

    def accept(self):
        if not self._arrivals:
            raise BlockingIOError
        arrival = self._arrivals.pop(0)
        if isinstance(arrival, Exception):
            raise arrival
        return arrival, ("127.0.0.1", 1)

    def __del__(self):
        for arrival in self._arrivals:
            if not isinstance(arrival, Exception):
                arrival.close()


class Host:
    """In the place of a worker."""

    expects_proxies = False

    def __init__(self):
        self.admitted = []
        self.stopped = []

    def entrance(self, protocol, tls):
        return self.admit

    def admit(self, transport, protocol, home):
        self.admitted.append(transport)
        self.protocol = protocol

    def stop_accepting(self, error):
        self.stopped.append(error.errno)


@pytest.fixture
def host():
    one = Host()
    yield one
    for transport in one.admitted:
        transport.close()


def test_those_who_wait_are_accepted_and_made_ready(host):
    arrivals = [socket.socket(), socket.socket()]
    numbers = [arrival.fileno() for arrival in arrivals]
    Listener(Door(*arrivals), "line", host).on_ready(1)
    assert host.protocol == "line"
    assert [transport.fileno() for transport in host.admitted] == numbers
    assert all(transport.gettimeout() == 0 for transport in host.admitted)
    assert all(transport.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for transport in host.admitted)


def test_who_has_gone_before_it_was_accepted_keeps_nobody_waiting(host):
    Listener(Door(ConnectionAbortedError(), socket.socket()), "line", host).on_ready(1)
    assert len(host.admitted) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_without_descriptors_accepting_stops_for_a_while(host, number):
    Listener(Door(socket.socket(), OSError(number, "full"), socket.socket()), "line", host).on_ready(1)
    assert len(host.admitted) == 1
    assert host.stopped == [number]


def test_a_crowd_at_the_door_does_not_keep_the_loop(host):
    door = Door(*[socket.socket() for _ in range(200)])
    Listener(door, "line", host).on_ready(1)
    assert 0 < len(host.admitted) < 200


def test_after_a_standstill_clients_are_heard_before_they_are_judged(open_house):
    house = open_house(idle_timeout={"line": 5})
    ann = house.member(b"ann")
    house.clock.now += 100
    for _ in range(3):
        house.tick()  # in which no client was read, as it was not time for that (`server.worker.beat`)
    ann.send(b"PING\n")
    house.settle()
    assert ann.heard() == b"PONG\n"
    house.wait(10)
    assert ann.heard() == b"INFO idle-timeout\n"
