"""Deciding depends on the entries and on nothing else: two registers with the same entries are equal."""
import json
import os
import subprocess
import sys

import pytest

from parley.server.protocols.events import ACTS, MORE_ACTS

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apply_entries.py")
ENTRIES = 6000
HAPPENS = {"joined", "refused", "probe", "left", "renamed", "account_opened", "account_closed", "confirmed", "kept",
           "whispered", "mark", "deleted", "evict", "entered", "exited", "renamed_in", "managed", "Invited", "unsaid",
           "heard", "unheard", "Present", "RoomList", "TopicTold", "Recalled", "begun", "spread", "person", "Presence",
           "WhoisTold", "WhoWasTold", "MetadataTold", "MetadataChanged", "MasksTold", "ReadTold", "DevicesTold",
           "devices_changed", "Redacted", "announced"}


def begin(seed, entries, hash_seed):
    """A process in which the order of whatever is in a set is its own."""
    return subprocess.Popen([sys.executable, SCRIPT, str(seed), str(entries)], stdout=subprocess.PIPE,
                            env=dict(os.environ, PYTHONHASHSEED=str(hash_seed)))


@pytest.mark.slow
@pytest.mark.parametrize("entries", [ENTRIES, pytest.param(5 * ENTRIES, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["known", "chosen anew"])
def test_two_registers_that_are_given_the_same_entries_are_equal(kind, entries, chance):
    seed = 7 if kind == "known" else chance.randrange(1 << 32)
    processes = [begin(seed, entries, 1), begin(seed, entries, 2)]
    one, other = [json.loads(process.communicate()[0].decode()) for process in processes]
    assert one == other
    if kind == "known":  # others may lack what is rare
        assert set(one["said"]) >= HAPPENS | set(ACTS) | set(MORE_ACTS)
