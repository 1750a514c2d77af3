"""Deciding depends on the entries and on nothing else: two registers with the same entries are equal."""
import json
import os
import subprocess
import sys

import pytest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apply_entries.py")
ENTRIES = 20000
HAPPENS = {"joined", "refused", "probe", "left", "renamed", "account_opened", "account_closed", "confirmed", "kept",
           "whispered", "mark", "deleted", "evict"}


def begin(seed, hash_seed):
    """A process in which the order of whatever is in a set is its own."""
    return subprocess.Popen([sys.executable, SCRIPT, str(seed), str(ENTRIES)], stdout=subprocess.PIPE,
                            env=dict(os.environ, PYTHONHASHSEED=str(hash_seed)))


@pytest.mark.parametrize("kind", ["known", "chosen anew"])
def test_two_registers_that_are_given_the_same_entries_are_equal(kind, chance):
    seed = 7 if kind == "known" else chance.randrange(1 << 32)
    one, other = [json.loads(process.communicate()[0].decode()) for process in [begin(seed, 1), begin(seed, 2)]]
    assert one == other
    assert {name for name, times in one["said"].items() if times >= 20} >= HAPPENS
