"""A worker is killed while one of its `delimited` clients fetches what was kept for it."""
import os
import signal

import pytest

from parley.conformance.wire import binary
from stress.framed import PROTOCOLS, open_account
from stress.proofs.processes import worker_of

KEPT = [("lina", "one."), ("lina", "two."), ("lina", "three.")]
LIST_NOBODY = {"LIST": ["nobody"]}  # whose answer shows that all before it has been answered

HUB, WORKER = "hub", "worker"

# When the worker is killed: who stands still when the client asks for what was kept, and what it may find at its next
# login. The hub hands over for good, so what it has sent to a worker that dies before reading it is lost, as a whole.
MOMENTS = {
    "before it hears of DELIVER": (WORKER, [KEPT]),
    "before it hears what was kept": (HUB, [KEPT, []]),
    "after the client has all": (None, [[]]),
}


@pytest.mark.parametrize("still, then", list(MOMENTS.values()), ids=list(MOMENTS))
def test_what_was_kept_is_never_delivered_twice_or_in_part_though_the_worker_is_killed(start, enter, join, still, then):
    server = start(workers=2, trouble=True, protocols=PROTOCOLS)
    lina = join(server.worker_address(0), "lina")
    open_account(server, "ann")
    lina.until("INFO ann disconnected")
    lina.say(*["DM ann " + text for _, text in KEPT])
    lina.heard()
    ann, beat = enter(server, "delimited", "ann", slot=1), enter(server, "binary", "beat", slot=1)
    lina.heard()
    victim = worker_of(server, 1)
    if still == WORKER:
        os.kill(victim, signal.SIGSTOP)
        ann.ask({"DELIVER": []})
    elif still == HUB:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            ann.ask({"DELIVER": []})
            _ping(beat)  # so its worker has passed DELIVER on
            os.kill(victim, signal.SIGSTOP)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        lina.heard()
    else:
        assert _delivered(ann) == KEPT
    os.kill(victim, signal.SIGKILL)
    lina.until("INFO ann disconnected")
    ann = enter(server, "delimited", "ann", slot=0)
    assert _delivered(ann) in then
    assert _delivered(ann) == []


def _ping(client):
    for number in range(2):
        client.ask({"type": binary.PING, "content": "%d" % number})
        client.until(lambda message: message.fields["type"] == binary.PONG)


def _delivered(client):
    client.ask({"DELIVER": []}, LIST_NOBODY)
    return client.talk_in(client.until(lambda message: "LISTRESPONSE" in message.fields))
