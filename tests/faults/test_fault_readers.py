"""Clients that read slowly, or not at all, while the others talk on."""
import re
import time

from stress.proofs.clients import Client
from stress.proofs.processes import resident, wait_until, worker_of

TEXT = 1000 * "x"


def flood(speaker, witness, batches):
    """Say many long lines, twenty at a time; returns when the witness has heard them, in order."""
    for first in range(0, 20 * batches, 20):
        speaker.say(*["MSG %d %s" % (number, TEXT) for number in range(first, first + 20)])
        witness.expect(*["MSG %s %d %s" % (speaker.name, number, TEXT) for number in range(first, first + 20)])


def config(**limits):
    return {"limits": dict({"messages_per_second": 0, "stall_seconds": 60}, **limits)}


def test_who_does_not_read_is_ended_and_the_others_are_not_slowed(start, join):
    server = start(workers=1, config=config(stall_seconds=1))
    speaker, witness = join(server.address(), "speaker"), join(server.address(), "witness")
    stuck = Client(server.address(), "stuck", receive_buffer=4096)
    began, heard = time.monotonic(), []
    while b"INFO stuck disconnected" not in heard:
        assert time.monotonic() - began < 60
        asked = time.monotonic()
        speaker.say(*["MSG " + TEXT] * 20)
        speaker.heard()
        heard = witness.heard()
        assert time.monotonic() - asked < 5, "the others had to wait"
    wait_until(lambda: "name=stuck" in server.stderr_text())
    assert re.search("connection ended protocol=line .* name=stuck .* reason=slow-reader", server.stderr_text())
    stuck.close()


def test_who_takes_nothing_for_too_long_is_ended_below_the_cap_too(start, join):
    server = start(workers=1, config=config(stall_seconds=1, outbox_bytes=1 << 30))
    speaker, witness = join(server.address(), "speaker"), join(server.address(), "witness")
    stuck = Client(server.address(), "stuck", receive_buffer=4096)
    began, heard = time.monotonic(), []
    while b"INFO stuck disconnected" not in heard:
        assert time.monotonic() - began < 60
        speaker.say(*["MSG " + TEXT] * 20)
        heard = witness.heard()
    stuck.close()


def test_the_farewell_of_a_slow_reader_arrives_if_it_reads_on(start, join):
    server = start(workers=1, config=config(outbox_bytes=100000))
    speaker, witness = join(server.address(), "speaker"), join(server.address(), "witness")
    slow = join(server.address(), "slow", receive_buffer=4096)
    said, heard = 0, []
    while b"INFO slow disconnected" not in heard:
        speaker.say(*["MSG %d %s" % (number, TEXT) for number in range(said, said + 20)])
        said += 20
        assert said < 20000
        heard = witness.heard()
    lines = slow.rest()
    assert lines.pop() == b"INFO slow-reader"
    assert lines == [b"MSG speaker %d %s" % (number, TEXT.encode()) for number in range(len(lines))]


def test_the_farewell_arrives_even_behind_a_piece_larger_than_the_cap(start, join):
    server = start(workers=1, config=config(outbox_bytes=1000))
    speaker, witness = join(server.address(), "speaker"), join(server.address(), "witness")
    slow = join(server.address(), "slow", receive_buffer=4096)
    said, heard = 0, []
    while b"INFO slow disconnected" not in heard:
        speaker.say(*["MSG " + TEXT] * 50)  # few enough for the witness, who has no more room and reads only then
        said += 50
        assert said < 20000
        heard = witness.heard()
    assert slow.rest()[-1] == b"INFO slow-reader"


def test_who_pauses_and_reads_on_gets_everything_in_order(start, join):
    server = start(workers=2, config=config(outbox_bytes=1 << 26))
    speaker, witness = join(server.worker_address(0), "speaker"), join(server.worker_address(0), "witness")
    paused = join(server.worker_address(1), "paused", receive_buffer=4096)
    flood(speaker, witness, 300)
    time.sleep(2)  # a pause of the reader's, during which it must not be lost
    for number in range(6000):
        paused.expect("MSG speaker %d %s" % (number, TEXT))
    assert paused.heard() == []


def test_a_hundred_who_do_not_read_cost_the_memory_of_one(start, join):
    server = start(workers=1, config=config(outbox_bytes=1 << 26, stall_seconds=60))
    speaker, witness = join(server.address(), "speaker"), join(server.address(), "witness")
    for number in range(100):
        join(server.address(), "stuck-%d" % number, receive_buffer=4096)
    worker = worker_of(server, 0)
    before = resident(worker)
    flood(speaker, witness, 250)
    grown = resident(worker) - before
    assert grown < 60 << 20, "%d MiB for 5 MB of talk" % (grown >> 20)
