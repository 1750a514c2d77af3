"""What a node has come to, taken and restored: who goes on from it is equal to who was there all the time."""
import copy
import hashlib
import json
import os
import sys

import pytest

from parley.server.ipc.codec import Malformed
from parley.server.supervisor import snapshot

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "chat"))
from apply_entries import Run  # noqa: E402
from roomed import space_of  # noqa: E402

from parley.server.chat.census import Census  # noqa: E402

# What is not stored: other objects, settings, and what a node knows for itself.
NOT_STORED = {
    "Numbers": {"_store", "_reserving"},
    "Accounts": {"register", "guests", "aliases", "order", "_store", "_most_of_boxes", "_keep_days", "_occupied"},
    "Members": {"last_words", "_accounts", "_aliases", "_occupied"},
    "Rooms": {"lobby", "slow", "space", "_occupied"},
    "Gate": {"operators", "limits", "_members", "_accounts", "_rooms", "_now", "_keys", "user_of"},
    "LoginThrottle": {"_failed_logins_per_minute", "_every", "_accounts_per_address", "_clock"},
    "Claims": {"_post", "_members", "_accounts", "_gate", "deciders", "on_grant", "on_release", "on_rename"},
    "Questions": {"_post", "_members", "_store", "_numbers"},
    "Entering": {"_post", "_members", "_accounts", "_rooms", "_gate", "_questions", "_store", "_numbers", "on_enter"},
    "Sessions": {"_post", "_members", "_accounts", "_claims", "_rooms", "_gate", "_entering", "_store", "_numbers"},
    "DirectMessages": {"_post", "_members", "_accounts", "_store", "_numbers", "_sessions", "_gate"},
    "People": {"on_account", "_post", "_members", "_accounts", "_rooms", "_gate", "_numbers"},
    "Presence": {"_post", "_members", "_rooms", "_gate", "_people", "_watchers"},
    "Metadata": {"_post", "_members", "_accounts", "_rooms", "_gate", "_people", "_entering", "_store"},
    "Census": {"most", "_post"},
    "Store": {"_clock", "_keep_room_messages", "_latest"},
}


# What a register has that remembers nothing, or what its own node alone needs to know.
STATELESS = {"DeviceLists", "Enrollment", "Moderation", "Past", "Prover", "RoomQuestions"}


class Nodes:
    """In the place of what a hub knows of the nodes."""

    def __init__(self):
        self.nodes, self.serving, self.workers, self.shared, self.kept, self.version = {}, {}, {}, {}, 0, 1


def parts_of(run):
    if not hasattr(run, "census"):
        run.census, run.nodes = Census(run.post), Nodes()
    return snapshot.parts(run.register.whole, run.accounts, run.census, run.accounts._store._store,
                          run.register.numbers, run.nodes)


def successor(run, data):
    """A run that goes on where `run` is."""
    other = Run(0)
    snapshot.restore(parts_of(other), data)
    other.random.setstate(run.random.getstate())
    other.now, other.keys = run.now, list(run.keys)
    for name in ("probes", "marks", "kept", "times"):
        setattr(other.post, name, copy.copy(getattr(run.post, name)))
    other.register.order.now = run.register.order.now
    return other


def test_who_goes_on_from_a_snapshot_is_equal_to_who_was_there_all_the_time(chance):
    run = Run(chance.randrange(1 << 32))
    for _ in range(6):
        for _ in range(150):
            run.step()
        run.hold_court()
        data = snapshot.taken(parts_of(run))
        other = successor(run, data)
        assert json.dumps(other.remembered()) == json.dumps(run.remembered())
        assert snapshot.taken(parts_of(other)) == data
        for one in (run, other):
            space = one.register.whole.rooms.space
            assert (space.total, space.of_sources) == space_of(one.register.whole.rooms)
        for one in (run, other):
            one.post._digest = one.digest = hashlib.sha256()
        for _ in range(150):
            run.step()
            other.step()
        assert other.digest.hexdigest() == run.digest.hexdigest()


def test_all_that_the_parts_remember_is_stored_or_known_not_to_be():
    run = Run(7)
    for part, names in parts_of(run):
        kind = type(part).__name__
        if kind in NOT_STORED:
            assert set(vars(part)) - {"order"} == (set(names) | NOT_STORED[kind]) - {"order"}, kind
    known = {type(part).__name__ for part, _ in parts_of(run)} | STATELESS
    assert {type(part).__name__ for name, part in vars(run.register.whole).items() if name != "post"} <= known


def test_a_snapshot_of_another_version_is_refused():
    run = Run(7)
    data = snapshot.taken(parts_of(run))
    with pytest.raises(Malformed):
        snapshot.restore(parts_of(run), data.replace(
            b"i" + bytes(7) + bytes([snapshot.VERSION]), b"i" + bytes(7) + b"\x63", 1))
