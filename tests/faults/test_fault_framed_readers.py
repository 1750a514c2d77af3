"""Framed protocols: clients that read slowly, not at all, or are gone while they are written to."""
import re
import time

import pytest

from parley.conformance.wire import padded
from stress.framed import FAREWELLS, FRAMED, LONG, PROTOCOLS, SLOW_READER
from stress.proofs.processes import descriptors, wait_until, worker_of

LATE = 12  # seconds after a deadline at which a client is surely gone, on a busy machine
LINES = 20  # long ones, said at once
MORE_THAN_KERNELS_KEEP = 10  # times so many lines, for a client that reads little
UNREAD = 30000  # messages without a text: their acknowledgements are more than the kernels keep
RESETS = 20
ACKNOWLEDGED = 100

# What becomes of a direct message to somebody who has been cut off, and how it is asked for.
KEPT = {
    "delimited": (
        {"DELIVER": []}, lambda message: message.fields.get("SEND") == ["lina", "stuck", "are you there?"]),
    "dollar": (
        {"purpose": "start_reload_message_list", "target_user": "lina"},
        lambda message: [one["text"] for one in message.fields.get("message_list", ())] == ["are you there?"]),
}

each_framed = pytest.mark.parametrize("protocol", FRAMED)


def limits(**values):
    return {"limits": dict({"messages_per_second": 0, "outbox_bytes": 1 << 26, "stall_seconds": 60}, **values)}


@each_framed
def test_a_reader_too_far_behind_is_ended_and_nobody_else_waits(start, enter, bystanders, protocol):
    server = start(workers=1, config=limits(outbox_bytes=100000), protocols=PROTOCOLS)
    slow, good = enter(server, protocol, "slow", reads_little=True), bystanders(server, protocol)
    said = []
    while not good.noticed:
        said += good.talk(LINES, LONG)
        assert len(said) < 1000
    assert good.noticed == [b"INFO slow disconnected"]
    messages = slow.rest()
    heard = [one for one in slow.talk_in(messages) if one[0] == "lina"]
    assert heard == said[:len(heard)] and heard
    assert slow.last_words(messages) == FAREWELLS[protocol].get(SLOW_READER)
    good.assert_undisturbed()


@each_framed
def test_who_takes_nothing_for_too_long_is_ended_and_the_name_is_free(start, enter, bystanders, protocol):
    server = start(workers=2, config=limits(stall_seconds=1), protocols=PROTOCOLS)
    stuck, good = enter(server, protocol, "stuck", reads_little=True), bystanders(server, protocol)
    for _ in range(MORE_THAN_KERNELS_KEEP):
        good.talk(LINES, LONG)
    began = time.monotonic()
    while not good.noticed:
        assert time.monotonic() - began < 1 + LATE
        good.talk()
        good.rest_a_little()
    wait_until(lambda: re.search("connection ended .*name=stuck .*reason=slow-reader", server.stderr_text()))
    good.assert_undisturbed()
    enter(server, protocol, "stuck", slot=1)
    stuck.close()


@each_framed
def test_a_word_to_somebody_cut_off_is_kept_or_refused(start, enter, bystanders, protocol):
    server = start(workers=2, config=limits(stall_seconds=1), protocols=PROTOCOLS)
    enter(server, protocol, "stuck", reads_little=True)
    good = bystanders(server, protocol)
    for _ in range(MORE_THAN_KERNELS_KEEP):
        good.talk(LINES, LONG)
    began = time.monotonic()
    while not good.noticed:  # or it has been ended already, on a busy machine
        assert time.monotonic() - began < 1 + LATE
        good.rest_a_little()
    assert good.noticed == [b"INFO stuck disconnected"]
    good.line.say("DM stuck are you there?")
    if protocol in KEPT:
        question, is_kept = KEPT[protocol]
        back = enter(server, protocol, "stuck", slot=1)
        back.ask(question)
        assert is_kept(back.until(is_kept)[-1])
    else:
        good.line.expect("ERR user-not-found")


@each_framed
def test_who_pauses_and_reads_on_has_missed_nothing(start, enter, bystanders, protocol):
    server = start(workers=2, config=limits(), protocols=PROTOCOLS)
    paused, good = enter(server, protocol, "paused", slot=1, reads_little=True), bystanders(server, protocol)
    said = []
    for _ in range(MORE_THAN_KERNELS_KEEP):
        said += good.talk(LINES, LONG)
    heard = paused.heard(*said[-1])
    assert [one for one in heard if one[0] == "lina"] == said
    assert good.noticed == []


@each_framed
def test_resets_while_much_is_unsent_end_nobody_else(start, enter, bystanders, protocol):
    server = start(workers=1, config=limits(), protocols=PROTOCOLS)
    gone = [enter(server, protocol, "gone-%d" % number, reads_little=True) for number in range(RESETS)]
    good = bystanders(server, protocol)
    worker = worker_of(server, 0)
    everybody = descriptors(worker)
    for _ in range(MORE_THAN_KERNELS_KEEP):
        good.talk(LINES, LONG)
    for client in gone:
        client.reset()
        good.talk(LINES, LONG)
    wait_until(lambda: descriptors(worker) == everybody - RESETS)
    good.talk()
    assert sorted(good.noticed) == sorted(b"INFO gone-%d disconnected" % number for number in range(RESETS))
    assert good.overheard == []
    good.assert_undisturbed()


def test_a_padded_client_that_reads_no_acknowledgement_is_ended_and_nobody_else_waits(start, enter, bystanders):
    server = start(workers=1, config=limits(outbox_bytes=10000), protocols=PROTOCOLS)
    deaf, good = enter(server, "padded", "deaf", reads_little=True), bystanders(server, "padded")
    deaf.heard(*good.talk()[-1])  # up to here it does read
    for _ in range(0, 10 * UNREAD, 1000):
        deaf.ask(*[""] * 1000)
        good.talk()
        if good.noticed:
            break
    assert good.noticed == [b"INFO deaf disconnected"] and good.overheard == []
    messages = deaf.rest()
    assert deaf.last_words(messages) == FAREWELLS["padded"][SLOW_READER]
    assert len(deaf.talk_in(messages)) + messages.count(padded.RECEIVED) == len(messages) - 1, "not only whole ones"
    good.assert_undisturbed()


def test_padded_acknowledgements_never_come_inside_of_a_message(start, enter, bystanders):
    server = start(workers=2, config=limits(), protocols=PROTOCOLS)
    talker, good = enter(server, "padded", "talker", slot=1, reads_little=True), bystanders(server, "padded")
    talker.heard(*good.talk()[-1])
    talker.say(*["%d." % number for number in range(ACKNOWLEDGED)])
    said = []
    while len(good.overheard) < ACKNOWLEDGED:
        said += good.talk(LINES, LONG)
        assert len(said) < 3000
    said += good.talk(MORE_THAN_KERNELS_KEEP * LINES, LONG)
    messages = talker.until(lambda message: talker.talk_in([message]) == said[-1:])
    assert messages.count(padded.RECEIVED) == ACKNOWLEDGED
    assert len(talker.talk_in(messages)) == len(messages) - ACKNOWLEDGED, "not only whole ones"
    assert [one for one in talker.talk_in(messages) if one[0] == "lina"] == said
