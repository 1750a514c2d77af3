"""With ten thousand members: what a login and a logout cost, and whether a WHO delays others. Our server only."""
import collections
import contextlib
import time

from bench.crowd import newcomers
from stress.proofs.clients import clients
from stress.usage import spent

GUESTS = 300  # users that log in and out
PROBERS = 20
PINGS_A_SECOND = 200
WHO_EVERY = 20  # pings

Presence = collections.namedtuple("Presence", "members join leave notice calm asked")
Presence.__doc__ = """join, leave: CPU seconds of each. notice: CPU seconds for each of those who are told of a leave.

calm, asked: the 99th percentile of how long a PONG takes, in seconds, while nobody asks WHO and while somebody does.
"""


def measure(server, crowd, members, seconds):
    """A Presence, with so many members."""
    with server.running() as running:
        try:
            crowd.enter(newcomers(members, 0, running.address, server.wires))
            guests = newcomers(GUESTS, 0, running.address, server.wires, first=members)
            crowd.settle()
            with spent(running.pids) as coming:
                crowd.enter(guests)
                crowd.settle()
            with spent(running.pids) as going:
                crowd.leave(guests)
                crowd.settle()
            names = ["probe%d" % number for number in range(PROBERS)]
            with clients([running.address("line")], names) as probers:
                calm = _p99(probers, seconds, None)
                asked = _p99(probers[1:], seconds, probers[0])
            return Presence(members, coming[0] / GUESTS, going[0] / GUESTS, going[0] / GUESTS / members, calm, asked)
        finally:
            crowd.clear()


def _p99(probers, seconds, asker):
    """Of how long it takes from when a PING is due to its PONG."""
    took, start = [], time.monotonic()
    for number in range(int(seconds * PINGS_A_SECOND)):
        due, prober = start + number / PINGS_A_SECOND, probers[number % len(probers)]
        time.sleep(max(0.0, due - time.monotonic()))
        if asker:
            if number % WHO_EVERY == 0:
                asker.say("WHO")
            asker.sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                asker.sock.recv(1 << 20)
        prober.expect("PONG", after="PING")
        took.append(time.monotonic() - due)
    return sorted(took)[len(took) * 99 // 100]
