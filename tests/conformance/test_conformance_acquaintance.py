"""Getting acquainted with a server: what is learnt, what it breaks, and how messages are read then."""
import pytest
from wrong_server import WrongServer

from parley.conformance.acquaintance import acquaint
from parley.conformance.probes import PROBES
from parley.conformance.profile import Profile, Reader, pattern_of
from parley.conformance.wire import line

BROKEN = [
    ("echo", {"LINE-MSG-2"}), ("acknowledges-msg", {"LINE-MSG-3"}), ("acknowledges-dm", {"LINE-DM-2"}),
    ("announces-joins", {"LINE-LOGIN-5"}), ("strangers-hear", {"LINE-MSG-5"}), ("two-bobs", {"LINE-LOGIN-2"}),
    ("no-info", {"LINE-LEAVE-1"}), ("info-twice", {"LINE-LEAVE-2"}), ("who-lacks-self", {"LINE-WHO-1"}),
    ("who-goes-to-all", {"LINE-WHO-3"}), ("keeps-names", {"LINE-LOGIN-6", "LINE-WHO-2"}),
    ("one-recv-is-one-line", {"LINE-FRAME-1", "LINE-FRAME-2"}), ("closes-on-error", {"LINE-ERR-2"}),
]


def learnt(*bugs):
    server = WrongServer(bugs, workers=1)
    try:
        return acquaint(line, server.address(), PROBES["line"])
    finally:
        server.stop()


def test_a_server_that_keeps_to_the_document_breaks_nothing():
    profile = learnt()
    assert not profile.failed
    assert profile._replace(findings=()) == Profile(proof="relay", shared=True)
    assert {one.verdict for one in profile.findings} == {"pass"}


@pytest.mark.parametrize("bug, broken", BROKEN)
def test_a_deviation_is_charged_to_the_requirement_that_forbids_it(bug, broken):
    profile = learnt(bug)
    assert set(profile.failed) == broken
    assert all(one.evidence for one in profile.failed.values())


def test_a_profile_survives_its_way_to_another_process():
    profile = learnt("echo", "announces-joins")
    assert Profile.from_json(profile.to_json()) == profile


def read(profile, *lines, **state):
    found = line.ClientState()
    found.name = state.get("name", "ann")
    reader = Reader(profile, found)
    return [one for text in lines for one in reader.read(text)]


def test_a_pattern_takes_other_names_texts_and_numbers():
    pattern = pattern_of("12:30 ann says hello you", ["ann"], ["hello you"])
    profile = Profile(rewrites=((pattern, r"MSG \g<name> \g<text>"),))
    assert read(profile, "23:59 bob says good  bye", "bob says so") == ["MSG bob good  bye", "bob says so"]


@pytest.mark.parametrize("profile, lines, expected", [
    (Profile(greeting=("Hello",)), ["Hello", "Hello"], ["Hello"]),
    (Profile(prompt="> "), ["> OK", "> > PONG"], ["OK", "PONG"]),
    (Profile(carriage_return=True), ["OK\r", "MSG a b\r\r"], ["OK", "MSG a b\r"]),
    (Profile(asides=(r"INFO (?P<name>\S+) joined",)), ["INFO bob joined", "INFO bob left"], ["INFO bob left"]),
    (Profile(lists=(("USERS (?P<names>.*)", ", ", "USER %s"),)), ["USERS ann, bob"], ["USER ann", "USER bob"]),
    (Profile(repeats=((r"INFO (\S+) disconnected", 2),)), ["INFO bob disconnected"] * 4, ["INFO bob disconnected"] * 2),
    (Profile(unasked=("USER .*",)), ["USER ann"], []),
    (Profile(acknowledgements=("OK",)), ["OK"], []),
])
def test_what_is_learnt_is_read_as_the_document_has_it(profile, lines, expected):
    assert read(profile, *lines) == expected


def test_an_acknowledgement_is_none_before_the_login():
    assert read(Profile(acknowledgements=("OK",)), "OK", name=None) == ["OK"]


def test_other_words_stand_for_an_answer():
    profile = Profile(answers=(("ERR unknown-command", (pattern_of("ERR what is that?"),)),))
    assert profile.accepts("ERR unknown-command", "ERR what is that?")
    assert not profile.accepts("ERR user-not-found", "ERR what is that?")
