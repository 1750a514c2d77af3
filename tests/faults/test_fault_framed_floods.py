"""Framed protocols: clients that say too much, too slowly, or nothing; and those that connect only to go."""
import contextlib
import selectors
import time

import pytest

from parley.conformance.wire import binary
from stress.framed import FAREWELLS, FRAMED, LONG, PROTOCOLS, SILENT, UNFINISHED, Client
from stress.proofs.processes import children, descriptors, wait_until, workers_of
from stress.usage import cpu_seconds

LATE = 12  # seconds after a deadline at which a client is surely gone, on a busy machine
SLOW_CLIENTS = 300
PASSERS_BY = 3000
# Messages, each of which counts for three at least, and how many a second may come; ten seconds' worth come at once.
FLOOD, FLOOD_RATE = 180, 40
PINGS, PING_RATE = 10000, 700
POLLERS, POLLS, POLL_RATE = 30, 65, 5
COSTLY = 0.001  # seconds of CPU for one poll

FRAMES_END_SOON = {"limits": {"frame_seconds": 1}}
COMMANDS_COME_SOON = {"limits": {"first_command_seconds": 1}}

each_framed = pytest.mark.parametrize("protocol", FRAMED)
# Where the number is the point, and the protocol hardly matters.
one_framed = pytest.mark.parametrize(
    "protocol", [FRAMED[0]] + [pytest.param(protocol, marks=pytest.mark.long) for protocol in FRAMED[1:]])


def at_most(messages_per_second):
    return {"limits": {"messages_per_second": messages_per_second}}


@pytest.mark.parametrize("protocol", [protocol for protocol in FRAMED if protocol != "padded"])
def test_a_client_that_asks_nothing_is_ended(start, knock, bystanders, protocol):
    server = start(workers=1, config=COMMANDS_COME_SOON, protocols=PROTOCOLS)
    silent, good = knock(server, protocol), bystanders(server, protocol)
    assert silent.last_words(silent.rest(1 + LATE)) == FAREWELLS[protocol].get(SILENT)
    good.talk()
    assert good.noticed == good.overheard == []


def test_a_padded_client_that_says_nothing_stays_and_hears(start, knock, join, bystanders):
    server = start(workers=1, config=COMMANDS_COME_SOON, protocols=PROTOCOLS)
    silent, good = knock(server, "padded"), bystanders(server, "padded")
    for _ in range(2):  # others come after it and are sent away for their silence
        assert join(server.worker_address(0)).rest(1 + LATE) == [b"INFO idle-timeout"]
    said = good.talk()
    assert silent.heard(*said[-1]) == said


@one_framed
def test_3000_that_connect_and_close_leave_nothing(start, bystanders, protocol):
    server = start(workers=2, protocols=PROTOCOLS)
    good = bystanders(server, protocol)
    pids = [server.pid] + workers_of(server)
    base = [descriptors(pid) for pid in pids]
    for number in range(PASSERS_BY):
        client = Client(server.address(protocol), protocol)
        if number % 3 == 0:
            client.send(client.frame("hi.")[:-1])
        if number % 3 == 1:
            client.reset()
        client.close()
    wait_until(lambda: [descriptors(pid) for pid in pids] == base)
    good.talk()
    assert good.noticed == good.overheard == []


@each_framed
def test_a_frame_that_comes_byte_by_byte_is_cut_off_in_time(start, enter, bystanders, protocol):
    server = start(workers=1, config=FRAMES_END_SOON, protocols=PROTOCOLS)
    slow, good = enter(server, protocol, "slow"), bystanders(server, protocol)
    began, unsent = time.monotonic(), slow.frame(LONG + ".")
    while not good.noticed:
        assert time.monotonic() - began < 1 + LATE
        slow.send(unsent[:1])
        unsent = unsent[1:]
        good.talk()
        good.rest_a_little()
    assert time.monotonic() - began > 0.9
    assert good.noticed == [b"INFO slow disconnected"] and good.overheard == []
    assert slow.last_words(slow.rest()) == FAREWELLS[protocol].get(UNFINISHED)
    good.assert_undisturbed()


@one_framed
def test_300_frames_that_come_byte_by_byte_are_cut_off_and_nobody_else_notices(start, knock, bystanders, protocol):
    server = start(workers=2, config=FRAMES_END_SOON, protocols=PROTOCOLS)
    good = bystanders(server, protocol)
    base = [descriptors(pid) for pid in workers_of(server)]
    last = {}
    with selectors.DefaultSelector() as selector:
        for number in range(SLOW_CLIENTS):
            slow = knock(server, protocol, slot=number % 2)
            selector.register(slow, selectors.EVENT_READ)
            last[slow] = []
        began, unsent = time.monotonic(), slow.frame(LONG + ".")
        while selector.get_map():
            assert time.monotonic() - began < 1 + LATE
            for key in list(selector.get_map().values()):
                with contextlib.suppress(ConnectionError):  # this one has just been ended
                    key.fileobj.send(unsent[:1])
            unsent = unsent[1:]
            good.talk()
            for key, _ in selector.select(0.1):
                _listen(selector, key.fileobj, last)
    assert {slow.last_words(last[slow]) for slow in last} == {FAREWELLS[protocol].get(UNFINISHED)}
    wait_until(lambda: [descriptors(pid) for pid in workers_of(server)] == base)
    assert good.noticed == good.overheard == []
    good.assert_undisturbed()


def _listen(selector, client, last):
    try:
        last[client] = client.arrived()[-1:] or last[client]
    except ConnectionError:
        selector.unregister(client)
        client.close()


@each_framed
def test_a_flood_is_delayed_and_then_delivered_in_order(start, enter, bystanders, protocol):
    server = start(workers=1, config=at_most(FLOOD_RATE), protocols=PROTOCOLS)
    flooder, good = enter(server, protocol, "flooder"), bystanders(server, protocol)
    flood = ["%d%s." % (number, LONG) for number in range(FLOOD)]
    began = time.monotonic()
    flooder.say(*flood)
    while len(good.overheard) < FLOOD or len(good.noticed) < FLOOD:
        assert time.monotonic() - began < 60
        good.talk()
        good.rest_a_little()
    assert time.monotonic() - began > 0.9 * (3 * FLOOD / FLOOD_RATE - 10), "the flood was not delayed"
    assert good.overheard == [("flooder", text) for text in flood]
    assert good.noticed == [b"MSG flooder " + text.encode() for text in flood]
    good.assert_undisturbed()


def test_a_flood_of_binary_pings_is_delayed_and_then_answered_in_order(start, enter, bystanders):
    server = start(workers=1, config=at_most(PING_RATE), protocols=PROTOCOLS)
    flooder, good = enter(server, "binary", "flooder"), bystanders(server, "binary")
    began, pongs = time.monotonic(), []
    flooder.ask(*[{"type": binary.PING, "content": "%d" % number} for number in range(PINGS)])
    while len(pongs) < PINGS:
        assert time.monotonic() - began < 60
        good.talk()
        pongs += [message for message in flooder.meanwhile(0.05) if message.fields["type"] == binary.PONG]
    assert time.monotonic() - began > 1, "the flood was not delayed"
    assert [message.fields["content"] for message in pongs] == ["%d" % number for number in range(PINGS)]
    assert good.noticed == good.overheard == []
    good.assert_undisturbed()


@pytest.mark.long
def test_many_dollar_clients_that_poll_without_a_pause_are_cheap_and_slowed_down(start, enter, bystanders):
    server = start(workers=2, config=at_most(POLL_RATE), protocols=PROTOCOLS)
    good, began = bystanders(server, "dollar"), time.monotonic()
    names = ["poller-%d" % number for number in range(POLLERS)]
    left = {enter(server, "dollar", name, slot=number % 2): POLLS for number, name in enumerate(names)}
    pids = [server.pid] + children(server.pid)
    used = cpu_seconds(pids)
    with selectors.DefaultSelector() as selector:
        for client in left:
            selector.register(client, selectors.EVENT_READ)
            client.ask({"purpose": "poll"})
        while any(left.values()):
            assert time.monotonic() - began < 90
            good.talk()
            pause = time.monotonic() + 0.2
            while time.monotonic() < pause:
                for key, _ in selector.select(0.02):
                    _poll_again(key.fileobj, left, names)
    assert time.monotonic() - began > 0.95 * (POLLS / POLL_RATE - 10), "they were not slowed down"
    assert (cpu_seconds(pids) - used) / (POLLERS * POLLS) < COSTLY
    good.assert_undisturbed()


def _poll_again(client, left, names):
    """As soon as the answer is there, which is more often than any client does."""
    for answer in [message for message in client.arrived() if message.fields["purpose"] == "poll"]:
        assert answer.fields["result"] and answer.fields["messages"] == []
        assert {"lobby", "good", "lina"}.union(names) <= {user["username"] for user in answer.fields["users"]}
        left[client] -= 1
        if left[client]:
            client.ask({"purpose": "poll"})
