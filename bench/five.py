"""What a delivery costs with five protocols in the lobby, and with `line` alone. Our server only."""
import contextlib

from bench.crowd import newcomers
from bench.lobby import Load, Talk, hold
from stress.proofs.clients import Client
from stress.proofs.processes import wait_until

LOAD = Load("five protocols", 500, 10, [
    Talk("paced", "pace", 80, "80 messages/s"),
    Talk("saturated", "saturate", 100, "100 messages in flight"),
])
PARTS = [
    ("line",),
    ("line", "padded", "delimited", "dollar"),
    ("line", "binary", "padded", "delimited", "dollar"),
]


def measure(server, crowd, protocols, seconds):
    """An Outcome for each of the load's talks, with members of these protocols in equal parts; `line` talks."""
    with server.running() as running:
        try:
            members = newcomers(LOAD.members, LOAD.speakers, running.address, protocols)
            _make_accounts([one for one in members if one.wire == "dollar"], running, crowd)
            return hold(LOAD, members, server, running, crowd, seconds)
        finally:
            crowd.clear()


def _make_accounts(owners, running, crowd):
    """`dollar` needs accounts. Made through `delimited` they have no passwords, so nothing has to be hashed."""
    crowd.enter([one._replace(wire="delimited", address=running.address("delimited")) for one in owners])
    crowd.clear()
    with contextlib.closing(Client(running.address("line"), "last")) as client:
        wait_until(lambda: _present(client) == ["last"])


def _present(client):
    """Who is here."""
    client.say("WHO", "PING")
    return [line[len(b"USER "):].decode() for line in client.until("PONG") if line.startswith(b"USER ")]
