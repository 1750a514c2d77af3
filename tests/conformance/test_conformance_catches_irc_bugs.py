"""The suite is tried on a server for `irc` that can be wrong on purpose."""
import pytest
from cases import for_each
from shipped import scenarios_of
from wrong_fixture import fixture_around
from wrong_irc_server import BUGS, WrongIrcServer

from parley.conformance.acquaintance import Refused, acquaint
from parley.conformance.barrier import RELAY
from parley.conformance.fixture import NotUsable
from parley.conformance.probes import PROBES
from parley.conformance.runner import Run, StepFailed
from parley.conformance.targets import Foreign
from parley.conformance.variants import Variant
from parley.conformance.wire import CODECS

BY_NAME = scenarios_of("irc")

# bug: the scenario that was written with it in mind, and the requirement that it breaks there. None where it is the
# login that fails.
MEANT_FOR = {
    "no-motd": ("welcome", None),
    "no-005": ("welcome", "IRC-REG-3"),
    "strange-casemapping": ("welcome", "IRC-REG-3"),
    "no-prefix": ("welcome", "IRC-REG-3"),
    "user-first-is-lost": ("register", "IRC-REG-1"),
    "two-anns": ("register-refused", "IRC-REG-8"),
    "refused-nick-ends": ("register-refused", "IRC-REG-8"),
    "empty-nick-is-silent": ("register-refused", "IRC-REG-7"),
    "strangers-talk": ("register-refused", "IRC-REG-11"),
    "user-again": ("register", "IRC-REG-10"),
    "lf-alone-waits": ("lines", "IRC-LINE-1"),
    "one-recv-is-one-line": ("many-lines", None),
    "case-matters": ("ping", "IRC-LINE-3"),
    "blanks-are-parameters": ("lines", "IRC-LINE-5"),
    "colon-stays": ("ping", "IRC-PING-1"),
    "unfinished-counts": ("unfinished", "IRC-LINE-10"),
    "pong-without-text": ("ping", "IRC-PING-1"),
    "unknown-is-silent": ("lines", "IRC-INFO-1"),
    "no-join-echo": ("join", "IRC-JOIN-1"),
    "join-late": ("join", "IRC-JOIN-1"),
    "join-twice": ("join", "IRC-JOIN-2"),
    "no-366": ("join", "IRC-JOIN-1"),
    "no-op": ("join", "IRC-JOIN-3"),
    "rejoin-is-told": ("join", "IRC-JOIN-5"),
    "first-channel-only": ("join", "IRC-JOIN-4"),
    "part-is-quiet": ("part", "IRC-PART-1"),
    "part-is-local": ("part", "IRC-PART-1"),
    "stays-in": ("part", "IRC-PART-4"),
    "echo": ("talk", "IRC-SAY-2"),
    "channels-are-open": ("talk", "IRC-SAY-3"),
    "strips": ("talk", "IRC-TEXT-1"),
    "notice-is-talk": ("talk", "IRC-SAY-9"),
    "notice-is-answered": ("whisper", "IRC-SAY-10"),
    "whispers-aloud": ("whisper", "IRC-SAY-8"),
    "first-target-only": ("whisper", "IRC-SAY-11"),
    "nobody-is-silent": ("whisper", "IRC-SAY-7"),
    "topic-is-forgotten": ("topic", "IRC-TOPIC-2"),
    "topic-by-all": ("topic", "IRC-TOPIC-6"),
    "kick-by-all": ("kick", "IRC-KICK-3"),
    "kicked-stay": ("kick", "IRC-KICK-2"),
    "keys-do-not-matter": ("modes", "IRC-MODE-6"),
    "limits-do-not-matter": ("modes", "IRC-MODE-7"),
    "moderation-does-not-matter": ("modes", "IRC-MODE-8"),
    "bans-do-not-matter": ("banned", "IRC-MODE-10"),
    "invitations-do-not-matter": ("invite", "IRC-INVITE-2"),
    "modes-are-quiet": ("modes", "IRC-MODE-3"),
    "roles-are-not-shown": ("modes", "IRC-MODE-5"),
    "nick-for-oneself": ("nick", "IRC-NICK-1"),
    "nick-twice": ("nick", "IRC-NICK-1"),
    "quit-is-quiet": ("quit", "IRC-QUIT-1"),
    "quit-twice": ("quit", "IRC-QUIT-1"),
    "quit-to-all": ("quit", "IRC-QUIT-4"),
    "away-is-forgotten": ("away", "IRC-AWAY-2"),
    "tags-for-all": ("caps-none", "IRC-CAP-5"),
    "req-is-always-granted": ("caps", "IRC-CAP-2"),
    "cap-holds-nobody": ("caps", "IRC-CAP-1"),
}
FEW = ["no-005", "one-recv-is-one-line", "join-late", "echo", "kicked-stay", "quit-twice", "tags-for-all"]


def play(scenario, bugs=(), segmentation="whole", patient=False):
    server = WrongIrcServer(bugs)
    with fixture_around(server, server, CODECS["line"], () if patient else bugs) as fixture:
        Run(BY_NAME["irc/" + scenario], Variant("split", segmentation), fixture).play()


def what_it_breaks(bug, patient=False):
    """The requirements of the step that a bug fails in the scenario meant for it; None if that passes."""
    try:
        play(MEANT_FOR[bug][0], [bug], "joined" if bug == "one-recv-is-one-line" else "whole", patient)
    except StepFailed as failed:
        return failed.step.req or (None,)
    except NotUsable:
        pass
    return ()


@for_each("name", sorted({name for name, _ in MEANT_FOR.values()}), at_once=8)
def test_the_correct_server_passes(name):
    play(name)


@pytest.mark.parametrize("bugs", [FEW, pytest.param(sorted(BUGS), marks=pytest.mark.long)], ids=["some", "all"])
def test_a_bug_is_charged_to_what_it_breaks(bugs):
    charged = {bug: what_it_breaks(bug) for bug in bugs}
    # What is late on a busy machine is charged to something else; then the suite has to be patient.
    others = [bug for bug, requirements in charged.items() if MEANT_FOR[bug][1] not in requirements]
    charged = {bug: what_it_breaks(bug, patient=True) for bug in others}
    assert {bug: req for bug, req in charged.items() if MEANT_FOR[bug][1] not in req} == {}


def test_each_bug_has_a_scenario():
    assert set(MEANT_FOR) == set(BUGS)


def acquainted(bugs=()):
    server = WrongIrcServer(bugs)
    try:
        return acquaint(CODECS["irc"], server.address("irc"), PROBES["irc"])
    finally:
        server.stop()


def test_a_faithful_server_is_proved_by_messages_to_one():
    profile = acquainted()
    assert (profile.failed, profile.proof, profile.echoes) == ({}, RELAY, False)


@pytest.mark.long
@for_each("bug, broken", [("echo", "IRC-SAY-2"), ("pong-without-text", "IRC-PING-1"), ("join-late", "IRC-JOIN-1"),
                          ("join-twice", "IRC-JOIN-2"), ("whispers-aloud", "IRC-SAY-8")])
def test_the_acquaintance_finds_what_hinders_all_else(bug, broken):
    assert list(acquainted([bug]).failed) == [broken]


@pytest.mark.long
def test_a_server_whose_welcome_does_not_end_lets_nobody_in():
    with pytest.raises(Refused):
        acquainted(["no-motd"])


def test_a_foreign_server_without_line_is_proved_by_whispers():
    server = WrongIrcServer()
    with fixture_around(server, Foreign({"irc": server.address("irc")}), CODECS["irc"], ()) as fixture:
        assert (fixture.barrier.kind, fixture.echoes, len(fixture.witnesses)) == (RELAY, False, 1)
