"""All clients hear the same order, and nothing is lost or doubled."""
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Crowd, clients

UNLIMITED = {"limits": {"messages_per_second": 0, "outbox_bytes": 1 << 28, "stall_seconds": 60}, "idle_timeout": 0}


def prove(say, crowd=60, senders=20, messages=20000, workers=4, seconds=120):
    """Let `senders` of a crowd say `messages` in all; the rest only listens."""
    with launch(workers=workers, config=UNLIMITED) as server:
        names = ["u%d" % number for number in range(crowd)]
        with clients([server.worker_address(slot) for slot in range(workers)], names) as everybody:
            began = time.monotonic()
            heard = _heard(everybody, senders, messages // senders, seconds)
            took = time.monotonic() - began
            check(everybody, heard, senders, messages // senders)
            deliveries = sum(len(lines) for lines in heard.values())
            say("%d clients on %d workers, %d senders, %d messages: %d deliveries in %.1f s (%.0f a second)" % (
                crowd, workers, senders, messages, deliveries, took, deliveries / took))
            say("the speaker changed %d times" % _changes(heard[everybody[-1]]))
            say("no two clients contradict each other, nothing is lost, nothing is doubled")


def _heard(everybody, senders, each, seconds):
    """{client: its lines}. Senders do not hear themselves."""
    speakers = everybody[:senders]
    room = Crowd(everybody)
    room.run(
        {client: [b"MSG %d\n" % number for number in range(each)] for client in speakers},
        {client: each * (senders - (client in speakers)) for client in everybody}, seconds)
    lines = {}
    for client, received in room.heard.items():
        assert received.endswith(b"\n")
        lines[client] = bytes(received).split(b"\n")[:-1]
    for client in everybody:
        lines[client] += client.heard()  # whatever comes twice may come late
    return lines


def _changes(lines):
    """How often the speaker changed: an order that nobody could confuse would prove little."""
    speakers = [line.split(b" ")[1] for line in lines]
    return sum(one != other for one, other in zip(speakers, speakers[1:]))


def check(everybody, heard, senders, each):
    """Compare everybody with one who only listened, and that one with what was said."""
    reference = heard[everybody[-1]]
    for client in everybody[:senders]:
        mine = b"MSG %s " % client.name.encode()
        said = [line[len(mine):] for line in reference if line.startswith(mine)]
        demand(said == [b"%d" % number for number in range(each)],
               "what %s said arrived as %d messages, some lost, doubled or in another order", client.name, len(said))
    demand(len(reference) == senders * each, "%d lines were heard that nobody said", len(reference) - senders * each)
    for client in everybody:
        mine = b"MSG %s " % client.name.encode()
        expected = [line for line in reference if not line.startswith(mine)]
        demand(heard[client] == expected, "%s contradicts %s", client.name, everybody[-1].name)
