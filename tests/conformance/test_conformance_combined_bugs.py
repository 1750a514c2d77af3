"""The suite is tried on servers with five bugs at a time, whose requirements are known: each is charged, and no other.

`long` tries two hundred random combinations, of which the first is always tried.
"""
import itertools
import os
import random
import sys

import pytest
from grading import REQUIREMENTS, graded, started
from wrong_server import BUGS

WRONG_SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrong_server.py")
SEEDS, QUICK_SEEDS, AT_A_TIME = 200, 1, 5

# What each bug breaks, and what it may break beside that, as the requirements overlap.
BREAKS = {
    "echo": ("MSG-2", ""),
    "no-info": ("LEAVE-1", ""),
    "info-twice": ("LEAVE-2", ""),
    "one-recv-is-one-line": ("FRAME-1 FRAME-2", "FRAME-4 FRAME-6 FRAME-7 FRAME-10 TEXT-5 TEXT-6 TEXT-8 TEXT-9"),
    "two-bobs": ("LOGIN-2 LOGIN-8 LOGIN-11", ""),
    "forgets-crlf": ("FRAME-3", "MSG-6 FRAME-4 FRAME-9 FRAME-10 TEXT-5 TEXT-7 TEXT-8 TEXT-9"),
    "who-lists-strangers": ("WHO-5", ""),
    "who-lacks-self": ("WHO-1", ""),
    "who-goes-to-all": ("WHO-3", ""),
    "drops-the-rest": ("FRAME-2", "FRAME-4 FRAME-7"),
    "cuts-utf8": ("TEXT-1", "FRAME-1 LOGIN-9 LOGIN-10 LOGIN-11 DM-7 DM-8 MSG-7 TEXT-2 TEXT-3 TEXT-4 TEXT-6 TEXT-7 "
                            "TEXT-5 TEXT-8 HISTORY-7"),
    "acknowledges-dm": ("DM-2", ""),
    "acknowledges-msg": ("MSG-3", ""),
    "announces-joins": ("LOGIN-5", ""),
    "strangers-hear": ("MSG-5", ""),
    "strangers-speak": ("LOGIN-4", ""),
    "raw-escapes": ("TEXT-3 TEXT-4", ""),
    "keeps-names": ("LOGIN-6 WHO-2", "DM-3"),
    "delivers-half": ("FRAME-6", ""),
    "no-line-limit": ("FRAME-5", "TEXT-8"),
    "ping-needs-no-login": ("LOGIN-13", ""),
    "login-again": ("LOGIN-12", ""),
    "trims-text": ("MSG-6", ""),
    "info-from-text": ("TEXT-6 FRAME-10", "TEXT-1 TEXT-3 FRAME-1 LOGIN-9"),
    "closes-on-error": ("ERR-2", ""),
    "tells-strangers": ("HISTORY-8", ""),
    "tells-whatever": ("HISTORY-7", ""),
    "minds-blanks": ("FRAME-9", "FRAME-10 TEXT-5 LOGIN-13"),
    "keeps-blanks": ("MSG-6 FRAME-9", ""),
    "knows-no-backspace": ("TEXT-8", ""),
    "erases-bytes": ("TEXT-8", ""),
    "erases-lines": ("TEXT-8", ""),
    "knows-no-mark": ("TEXT-7", ""),
    "leaves-telnet-waiting": ("TEXT-9", ""),
    "answers-at-the-end": ("TEXT-9", ""),
    "answers-every-option": ("TEXT-9", "TEXT-5"),
    "newline-only": ("FRAME-10", ""),
    "says-nothing": ("MSG-7", ""),
    "leaves-silently": ("QUIT-1", ""),
    "stays": ("QUIT-1", ""),
    "helps-members-only": ("HELP-1", ""),
}

# What only shows between workers, at the idle limit, or where the server can be configured or has accounts and a
# history of its own: nothing of that can be seen of somebody else's server.
UNSEEN = {
    "leak", "mixes-order", "names-per-worker", "idle-stays-open", "times-whole-lines", "forgets-passwords",
    "registers-twice", "keeps-old-password", "keeps-the-older", "any-password-evicts", "evicts-whoever",
    "evicts-without-a-word", "evicts-in-secret", "evicted-stay", "loses-what-is-missed", "tells-missed-twice",
    "hides-missed", "tells-twice", "tells-whispers", "tells-newcomers-nothing", "ends-too-early",
}

# Bugs that hide one another.
HIDES = {
    "one-recv-is-one-line": {"cuts-utf8", "info-from-text", "newline-only", "erases-lines", "delivers-half"},
    "info-from-text": {"erases-lines"},
    "no-info": {"info-twice"},
    "two-bobs": {"keeps-names"},
    "knows-no-backspace": {"erases-bytes", "erases-lines"},
    "stays": {"leaves-silently"},
}


def combination(seed):
    """Five bugs that do not hide one another."""
    generator = random.Random(seed)
    while True:
        bugs = generator.sample(sorted(BREAKS), AT_A_TIME)
        if not any(other in HIDES.get(bug, ()) for bug, other in itertools.permutations(bugs, 2)):
            return bugs


def requirements_of(words):
    return {"LINE-" + word for word in words.split()}


def faults_of(verdicts, bugs):
    """What the verdicts charge wrongly, and what they leave out; rooms, which this server has not, aside."""
    found = {ident: verdict for ident, verdict in verdicts.items() if "-ROOM-" not in ident}
    failed = {ident for ident, verdict in found.items() if verdict in ("fail", "differs")}
    unreached = {ident for ident, verdict in found.items() if verdict == "not reached"}
    broken = set().union(*(requirements_of(BREAKS[bug][0]) for bug in bugs))
    touched = set().union(*(requirements_of(BREAKS[bug][1]) for bug in bugs))
    return (["charged without a reason: " + ident for ident in sorted(failed - broken - touched)]
            + ["not noticed: " + ident for ident in sorted(broken - failed - unreached)])


def test_each_bug_is_in_one_of_the_lists():
    assert not set(BREAKS) & UNSEEN
    assert set(BREAKS) | UNSEEN == set(BUGS)
    assert set().union(*(requirements_of(words) for pair in BREAKS.values() for words in pair)) <= set(REQUIREMENTS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [pytest.param(seed, marks=() if seed < QUICK_SEEDS else pytest.mark.long)
                                  for seed in range(SEEDS)])
def test_each_of_five_bugs_is_charged_to_its_requirement(seed, tmp_path):
    bugs = combination(seed)
    command = [sys.executable, WRONG_SERVER, "0", "--workers", "1"] + ["--bug=" + bug for bug in bugs]
    with started(command, "started on") as port:
        _, verdicts, output = graded(port, tmp_path)
    assert verdicts, output
    assert not faults_of(verdicts, bugs), "%s\n%s" % (", ".join(bugs), output)
