"""The suite is tried on a server for `delimited` and `dollar` that can be wrong on purpose, as on a foreign one."""

import pytest
from cases import for_each
from shipped import scenarios_of
from wrong_accounts_server import BUGS, WrongAccountsServer
from wrong_fixture import fixture_around

from parley.conformance.barrier import RELAY, SELF, BarrierFailed
from parley.conformance.fixture import NotUsable
from parley.conformance.runner import Run, StepFailed
from parley.conformance.targets import Foreign
from parley.conformance.variants import variants_of
from parley.conformance.wire import CODECS

BY_NAME = scenarios_of("delimited", "dollar")

# The scenario that was written with the bug in mind. Others may catch it too, but this one has to.
MEANT_FOR = {
    "delimited-little-endian": "delimited/alice-and-bob",
    "delimited-one-recv-is-one-frame": "delimited/pipelined",
    "delimited-drops-the-rest": "delimited/pipelined",
    "delimited-any-version": "delimited/faults-version",
    "delimited-any-bytes": "delimited/faults-not-ascii",
    "delimited-no-echo": "delimited/alice-and-bob",
    "delimited-acknowledges": "delimited/alice-and-bob",
    "delimited-create-only": "delimited/alice-and-bob",
    "delimited-create-twice": "delimited/create",
    "delimited-login-twice": "delimited/login",
    "delimited-login-again": "delimited/login",
    "delimited-claimed-name": "delimited/send",
    "delimited-strangers-send": "delimited/send",
    "delimited-sends-to-all": "delimited/send",
    "delimited-four-items": "delimited/send-odd-items",
    "delimited-forgets-accounts": "delimited/account-outlives-connections",
    "delimited-list-online": "delimited/list",
    "delimited-list-exact": "delimited/list",
    "delimited-delivers-at-login": "delimited/deliver",
    "delimited-delivers-again": "delimited/deliver",
    "delimited-delivers-backwards": "delimited/deliver",
    "delimited-answers-deliver": "delimited/deliver",
    "delimited-answers-delete": "delimited/delete",
    "delimited-delete-stays-in": "delimited/delete",
    "delimited-delete-keeps": "delimited/delete-kept-messages",
    "dollar-unpadded": "dollar/alice-and-bob",
    "dollar-length-in-characters": "dollar/texts",
    "dollar-sign-ends": "dollar/texts",
    "dollar-one-recv-is-one-packet": "dollar/pipelined",
    "dollar-drops-the-rest": "dollar/pipelined",
    "dollar-answers-in-json": "dollar/json",
    "dollar-answers-in-python": "dollar/json",
    "dollar-tuples": "dollar/hostile-literals",
    "dollar-any-password": "dollar/login-refused",
    "dollar-login-twice": "dollar/login-refused",
    "dollar-login-again": "dollar/faults-second-login",
    "dollar-list-first": "dollar/alice-and-bob",
    "dollar-no-list": "dollar/alice-and-bob",
    "dollar-no-list-at-end": "dollar/alice-and-bob",
    "dollar-list-lacks-offline": "dollar/alice-and-bob",
    "dollar-list-to-strangers": "dollar/send",
    "dollar-claimed-name": "dollar/send",
    "dollar-strangers-send": "dollar/send",
    "dollar-sends-to-all": "dollar/send",
    "dollar-loses-offline": "dollar/history",
    "dollar-history-in-one": "dollar/history-in-chunks",
    "dollar-history-all-start": "dollar/history-in-chunks",
    "dollar-history-no-empty": "dollar/history",
    "dollar-history-of-others": "dollar/history",
    "dollar-silent-on-unknown": "dollar/poll",
    "dollar-stays-after-exit": "dollar/exit",
    "dollar-stays-after-close": "dollar/ends-of-connections",
}


def fixture_for(scenario, bugs=()):
    server = WrongAccountsServer(bugs)
    protocol = scenario.protocol
    return fixture_around(server, Foreign({protocol: server.address(protocol)}), CODECS[protocol], bugs)


def play(scenario, bugs=()):
    """Play the scenario in all its variants, each on a server of its own."""
    for variant in variants_of(scenario, True):
        with fixture_for(scenario, bugs) as fixture:
            Run(scenario, variant, fixture).play()


@for_each("name", sorted(set(MEANT_FOR.values())), at_once=8)
def test_the_correct_server_passes(name):
    play(BY_NAME[name])


@for_each("bug", sorted(BUGS), at_once=8)
def test_the_bug_is_caught(bug):
    with pytest.raises((StepFailed, NotUsable, BarrierFailed, OSError)):
        play(BY_NAME[MEANT_FOR[bug]], [bug])


def test_a_scenario_can_be_played_again_once_its_accounts_are_deleted():
    scenario = BY_NAME["delimited/account-outlives-connections"]
    variant = variants_of(scenario, True)[0]
    with fixture_for(scenario) as fixture:
        Run(scenario, variant, fixture).play()
        with pytest.raises(StepFailed):
            Run(scenario, variant, fixture).play()
        assert fixture.delete_accounts(CODECS["delimited"], set()) == set()
        Run(scenario, variant, fixture).play()


@pytest.mark.parametrize("protocol, kind, witnesses", [("delimited", RELAY, 1), ("dollar", SELF, 0)])
def test_how_a_foreign_server_is_proved_silent(protocol, kind, witnesses):
    with fixture_for(BY_NAME[protocol + "/alice-and-bob"]) as fixture:
        assert fixture.barrier.kind == kind
        assert len(fixture.witnesses) == witnesses


def test_every_scenario_is_played():
    assert all(variants_of(scenario, False) for scenario in BY_NAME.values())
