"""The suite is tried on a server for `web` that can be wrong on purpose."""
import pytest
from cases import for_each
from shipped import scenarios_of
from wrong_fixture import fixture_around
from wrong_web_server import BUGS, WrongWebServer

from parley.conformance.barrier import RELAY
from parley.conformance.fixture import NotUsable
from parley.conformance.runner import Run, StepFailed
from parley.conformance.targets import Foreign
from parley.conformance.variants import Variant
from parley.conformance.wire import CODECS

BY_NAME = scenarios_of("web")

# bug: the scenario that was written with it in mind, and the requirement that it breaks there.
MEANT_FOR = {
    "wrong-accept": ("open", "WEB-OPEN-1"),
    "any-subprotocol": ("open-refused", "WEB-OPEN-4"),
    "any-origin": ("open-refused", "WEB-OPEN-5"),
    "greets": ("open", "WEB-OPEN-9"),
    "one-recv-is-one-frame": ("pipelined", "WEB-MSG-4"),
    "fragments-are-messages": ("frames", "WEB-FRAME-3"),
    "pongs-are-empty": ("frames", "WEB-FRAME-8"),
    "binary-is-text": ("faults-frames", "WEB-FRAME-4"),
    "unmasked-is-fine": ("faults-frames", "WEB-FRAME-7"),
    "no-limit": ("faults-long", "WEB-FRAME-5"),
    "wrong-utf8-is-fine": ("faults-frames", "WEB-FRAME-6"),
    "closes-without-code": ("close", "WEB-FRAME-10"),
    "waits-for-the-client": ("close", "WEB-FRAME-14"),
    "ends-without-a-word": ("faults-frames", "WEB-END-1"),
    "minds-unknown-members": ("messages", "WEB-MSG-1"),
    "forgets-ids-of-refusals": ("messages", "WEB-MSG-2"),
    "unknown-is-silent": ("messages", "WEB-MSG-7"),
    "closes-on-bad-form": ("messages", "WEB-MSG-5"),
    "types-do-not-matter": ("messages", "WEB-MSG-6"),
    "strangers-talk": ("stranger", "WEB-MSG-8"),
    "strangers-hear": ("hello", "WEB-HERE-1"),
    "two-anns": ("login-refused", "WEB-LOGIN-2"),
    "joined-to-self": ("hello", "WEB-HERE-1"),
    "left-twice": ("hello", "WEB-HERE-2"),
    "echo": ("hello", "WEB-SAY-3"),
    "another-n": ("hello", "WEB-SAY-2"),
    "milliseconds": ("hello", "WEB-MSG-11"),
    "tags-are-forgotten": ("tags", "WEB-SAY-10"),
    "tags-are-everybodys": ("tags", "WEB-SAY-11"),
    "whispers-aloud": ("whisper", "WEB-DM-1"),
    "strips": ("texts", "WEB-SAY-6"),
    "controls-pass": ("texts", "WEB-SAY-7"),
    "who-forgets-oneself": ("hello", "WEB-HERE-3"),
    "backwards": ("history", "WEB-HISTORY-1"),
    "after-includes": ("history", "WEB-HISTORY-3"),
    "whispers-in-history": ("history", "WEB-HISTORY-5"),
    "any-session": ("come-back-anew", "WEB-BACK-2"),
    "sessions-are-forgotten": ("come-back", "WEB-BACK-1"),
    "keeps-the-older": ("come-back", "WEB-BACK-3"),
    "resumes-too-early": ("come-back", "WEB-BACK-4"),
    "forgets-what-oneself-said": ("come-back", "WEB-BACK-8"),
}
FEW = ["wrong-accept", "fragments-are-messages", "echo", "left-twice", "tags-are-forgotten", "resumes-too-early"]


def play(scenario, bugs=(), segmentation="whole", foreign=False):
    server = WrongWebServer(bugs)
    target = Foreign({"web": server.address("web")}) if foreign else server
    patient = ()  # with bugs, too: on a busy machine an answer that is late is not to be charged to something else
    with fixture_around(server, target, CODECS["web" if foreign else "line"], patient) as fixture:
        Run(BY_NAME["web/" + scenario], Variant("any" if foreign else "split", segmentation), fixture).play()


def what_it_breaks(bug):
    """The requirements of the step that a bug fails in the scenario meant for it; none if that passes."""
    segmentation = "joined" if bug == "one-recv-is-one-frame" else "whole"
    try:
        play(MEANT_FOR[bug][0], [bug], segmentation)
    except StepFailed as failed:
        return failed.step.req
    return ()


@for_each("name", sorted({name for name, _ in MEANT_FOR.values()}), at_once=8)
def test_the_correct_server_passes(name):
    play(name)


@pytest.mark.parametrize("bugs", [FEW, pytest.param(sorted(BUGS), marks=pytest.mark.long)], ids=["some", "all"])
def test_a_bug_is_charged_to_what_it_breaks(bugs):
    charged = {bug: what_it_breaks(bug) for bug in bugs}
    assert {bug: req for bug, req in charged.items() if MEANT_FOR[bug][1] not in req} == {}


def test_each_bug_has_a_scenario():
    assert set(MEANT_FOR) == set(BUGS)


@pytest.mark.long
@for_each("name", ["hello", "tags", "whisper", "come-back", "messages"])
def test_the_correct_server_passes_as_a_foreign_one_without_line(name):
    play(name, foreign=True)


def test_a_foreign_server_without_line_is_proved_by_whispers():
    server = WrongWebServer()
    with fixture_around(server, Foreign({"web": server.address("web")}), CODECS["web"], ()) as fixture:
        assert (fixture.barrier.kind, fixture.echoes, len(fixture.witnesses)) == (RELAY, False, 1)


def test_a_server_that_lets_nobody_in_is_not_usable():
    bugs = ["wrong-accept"]
    server = WrongWebServer(bugs)
    with pytest.raises(NotUsable):
        with fixture_around(server, Foreign({"web": server.address("web")}), CODECS["web"], bugs):
            pass
