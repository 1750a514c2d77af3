"""The suite is tried on a server for `binary` and `padded` that can be wrong on purpose."""

import pytest
from cases import for_each
from shipped import scenarios_of
from wrong_fixture import fixture_around
from wrong_framed_server import BUGS, WrongFramedServer

from parley.conformance.barrier import RELAY
from parley.conformance.fixture import NotUsable
from parley.conformance.runner import Run, StepFailed
from parley.conformance.targets import Foreign
from parley.conformance.variants import Variant, variants_of
from parley.conformance.wire import CODECS

VARIANTS = (Variant("split", "whole"), Variant("split", "bytes"), Variant("split", "joined"))

BY_NAME = scenarios_of("binary", "padded")

# The scenario that was written with the bug in mind. Others may catch it too, but this one has to.
MEANT_FOR = {
    "binary-echo": "binary/hello",
    "binary-relays-claimed-name": "binary/claimed-name",
    "binary-little-endian": "binary/layout",
    "binary-one-recv-is-one-frame": "binary/every-cut",
    "binary-drops-the-rest": "binary/pipelined",
    "binary-forgets-301": "binary/leave",
    "binary-301-twice": "binary/quit",
    "binary-300-to-self": "binary/hello",
    "binary-no-302": "binary/rename",
    "binary-replies-from-nobody": "binary/hello",
    "binary-spaces-fill-names": "binary/hello",
    "binary-own-time": "binary/hello",
    "binary-list-as-json": "binary/users",
    "binary-info-without-port": "binary/user-info",
    "binary-ping-own-time": "binary/ping",
    "binary-stays-after-quit": "binary/quit",
    "binary-two-bobs": "binary/join-refused",
    "binary-passes-invalid-utf8": "binary/faults-invalid-utf8",
    "binary-length-in-characters": "binary/unicode",
    "binary-strangers-talk": "binary/before-joining",
    "binary-strangers-hear": "binary/stranger",
    "binary-says-not-why": "binary/reasons",
    "binary-keeps-the-older": "binary/takeover",
    "binary-any-password": "binary/takeover",
    "binary-evicts-without-a-word": "binary/takeover",
    "binary-evicts-in-secret": "binary/takeover",
    "binary-minds-nul": "binary/names-from-c",
    "padded-no-ack": "padded/hello",
    "padded-ack-twice": "padded/hello",
    "padded-ack-to-all": "padded/hello",
    "padded-echo": "padded/hello",
    "padded-no-relay": "padded/hello",
    "padded-relay-to-speakers": "padded/silence",
    "padded-own-time": "padded/hello",
    "padded-characters": "padded/layout",
    "padded-one-recv-is-one-message": "padded/every-cut",
    "padded-drops-the-rest": "padded/pipelined",
    "padded-no-ack-for-nothing": "padded/zero",
    "padded-names-the-address": "padded/hello",
    "padded-hands-on-nothing": "padded/zero",
    "padded-any-nick": "padded/nicknames",
    "padded-announces-leaving": "padded/hello",
    "padded-keeps-the-older": "padded/takeover",
    "padded-any-password": "padded/takeover",
    "padded-evicts-without-a-word": "padded/takeover",
    "padded-evicts-without-text": "padded/takeover",
    "padded-strips": "padded/unicode",
    "padded-says-goodbye": "padded/goodbye",
    "padded-stays": "padded/goodbye",
    "padded-acknowledges-the-end": "padded/half-close",
}


def fixture_for(scenario, bugs=(), foreign=False):
    """A fixture around a wrong server: with witnesses that speak `line`, or as a foreign one that lacks it."""
    server = WrongFramedServer(bugs)
    protocol = scenario.protocol
    target = Foreign({protocol: server.address(protocol)}) if foreign else server
    return fixture_around(server, target, CODECS[protocol if foreign else "line"], bugs)


def play(scenario, variant, bugs=(), foreign=False):
    with fixture_for(scenario, bugs, foreign) as fixture:
        Run(scenario, variant, fixture).play()


def is_caught(bug, scenario, foreign=False):
    for variant in VARIANTS:
        if variant in variants_of(scenario, False):
            try:
                play(scenario, variant._replace(placement="any") if foreign else variant, [bug], foreign)
            except (StepFailed, NotUsable, OSError):
                return True
    return False


@for_each("name", sorted(set(MEANT_FOR.values())), at_once=8)
def test_the_correct_server_passes(name):
    for variant in VARIANTS:
        if variant in variants_of(BY_NAME[name], False):
            play(BY_NAME[name], variant)


@for_each("name", sorted(set(MEANT_FOR.values())), at_once=8)
def test_the_correct_server_passes_as_a_foreign_one(name):
    play(BY_NAME[name], Variant("any", "whole"), foreign=True)


@for_each("bug", sorted(BUGS), at_once=8)
def test_the_bug_is_caught(bug):
    scenario = BY_NAME[MEANT_FOR[bug]]
    assert is_caught(bug, scenario), "%s did not notice: %s" % (scenario.name, BUGS[bug])


@pytest.mark.parametrize("protocol", ["binary", "padded"])
def test_a_server_without_line_is_proved_by_talk(protocol):
    with fixture_for(BY_NAME[protocol + "/hello"], foreign=True) as fixture:
        assert fixture.barrier.kind == RELAY
        assert not fixture.echoes
        assert len(fixture.witnesses) == 2


@pytest.mark.parametrize("bug", ["binary-echo", "padded-echo"])
def test_a_foreign_echo_is_learned(bug):
    with fixture_for(BY_NAME[bug.partition("-")[0] + "/hello"], [bug], foreign=True) as fixture:
        assert fixture.echoes
