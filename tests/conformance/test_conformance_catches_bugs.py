"""The suite is tried on a server that can be wrong on purpose: every bug is caught, and the correct server passes."""
import json
import os

import pytest
from cases import for_each
from wrong_fixture import fixture_around
from wrong_server import BUGS, WrongServer

from parley.conformance import coverage, loader, requirements
from parley.conformance.fixture import NotUsable
from parley.conformance.pool import config_for
from parley.conformance.runner import Run, StepFailed
from parley.conformance.variants import Variant, variants_of
from parley.conformance.wire import line

SCENARIOS = [loader.load(path, requirements.available_to) for path in coverage.scenario_paths("line")]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
VARIANTS = (Variant("split", "whole"), Variant("same", "bytes"))

# The scenario that was written with the bug in mind. Others may catch it too, but this one has to.
MEANT_FOR = {
    "echo": "no-echo",
    "leak": "direct-messages",
    "no-info": "bob-leaves",
    "info-twice": "bob-says-goodbye",
    "one-recv-is-one-line": "every-cut",
    "names-per-worker": "login-race",
    "two-bobs": "login-refused",
    "mixes-order": "direct-messages-in-order",
    "forgets-crlf": "crlf",
    "who-lists-strangers": "stranger",
    "who-lacks-self": "who",
    "who-goes-to-all": "who",
    "idle-stays-open": "idle",
    "drops-the-rest": "pipelined",
    "cuts-utf8": "unicode",
    "acknowledges-dm": "direct-messages",
    "acknowledges-msg": "alice-and-bob",
    "announces-joins": "alice-and-bob",
    "strangers-hear": "stranger",
    "strangers-speak": "stranger",
    "raw-escapes": "faults-control-characters",
    "keeps-names": "names-are-free-again",
    "delivers-half": "faults-truncated-fin",
    "no-line-limit": "faults-line-limit",
    "ping-needs-no-login": "faults-before-login",
    "login-again": "faults-second-login",
    "trims-text": "spaces",
    "info-from-text": "faults-forged-lines",
    "closes-on-error": "unknown-command",
    "forgets-passwords": "register",
    "registers-twice": "register",
    "keeps-old-password": "passwd",
    "keeps-the-older": "takeover",
    "any-password-evicts": "takeover",
    "evicts-whoever": "takeover",
    "evicts-without-a-word": "takeover",
    "evicted-stay": "takeover",
    "evicts-in-secret": "takeover",
    "tells-twice": "history-since",
    "tells-whispers": "history",
    "tells-newcomers-nothing": "history",
    "tells-strangers": "faults-history",
    "tells-whatever": "faults-history",
    "ends-too-early": "history-more",
    "times-whole-lines": "faults-typed-slowly",
    "loses-what-is-missed": "missed",
    "tells-missed-twice": "missed",
    "hides-missed": "missed",
    "minds-blanks": "faults-blanks",
    "keeps-blanks": "spaces",
    "knows-no-backspace": "faults-erased",
    "erases-bytes": "faults-erased",
    "erases-lines": "faults-erased",
    "knows-no-mark": "faults-byte-order-mark",
    "leaves-telnet-waiting": "faults-telnet-interrupt",
    "answers-at-the-end": "faults-telnet-interrupt",
    "answers-every-option": "faults-telnet-interrupt",
    "newline-only": "line-ends",
    "says-nothing": "faults-msg-without-text",
    "leaves-silently": "quit",
    "stays": "quit",
    "helps-members-only": "help",
}


def fixture_for(scenario, bugs=()):
    """A fixture around a wrong server in this process, configured as the scenario needs it."""
    server = WrongServer(bugs, workers=2, config=json.loads(config_for(scenario)))
    return fixture_around(server, server, line, bugs)


def play(scenario, variant, bugs=()):
    """Play one scenario on a server of its own; raises StepFailed or NotUsable."""
    with fixture_for(scenario, bugs) as fixture:
        Run(scenario, variant, fixture).play()
        if not scenario.needs.fresh:
            names = fixture.wait_until_empty()
            assert not names, "still on the list: %s" % names


def is_caught(bug, scenario):
    for variant in VARIANTS:
        if variant in variants_of(scenario, False):
            try:
                play(scenario, variant, [bug])
            except (StepFailed, NotUsable):
                return True
    return False


# Those of rooms are for a server of their own: `test_conformance_catches_rooms_bugs`.
@for_each("name", sorted(name for name in BY_NAME if "rooms" not in name), at_once=8)
def test_the_correct_server_passes(name):
    for variant in VARIANTS:
        if variant in variants_of(BY_NAME[name], False):
            play(BY_NAME[name], variant)


@for_each("bug", sorted(BUGS), at_once=8)
def test_the_bug_is_caught(bug):
    scenario = BY_NAME[MEANT_FOR[bug]]
    assert is_caught(bug, scenario), "%s did not notice: %s" % (scenario.name, BUGS[bug])


def test_a_late_leak_is_caught_every_time():
    # The reason for witnesses on every worker: a PING of one's own misses what another worker sends late.
    for _ in range(6):
        with pytest.raises(StepFailed):
            play(BY_NAME["direct-messages"], Variant("split", "whole"), ["leak"])


def test_no_scenario_file_is_left_out():
    folder = os.path.join(requirements.SCENARIOS, "line")
    files = [name for name in os.listdir(folder) if name.endswith(".yaml") and name != "requirements.yaml"]
    assert len(files) == len(SCENARIOS)
