"""What the protocols share about rooms: the sentences, what is asked of a room, and why something is refused."""
import re

import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from parley.server.protocols import acts, reasons
from parley.server.protocols.events import (
    ACTS,
    REASONS,
    Entered,
    Exited,
    Invited,
    Malformed,
    Manage,
    Managed,
    Notice,
    Reason,
    Renamed,
    Topic,
    Who,
)
from parley.server.protocols.happenings import EVENT, indented, sentence, spoken
from parley.server.protocols.text import canonical


def managed(act, about=b"", text=b""):
    return Managed(b"#dev", act, b"ann", about, text)


SENTENCES = [
    (Entered(b"#dev", b"bob"), b"bob joined"),
    (Exited(b"#dev", b"bob"), b"bob left"),
    (Renamed(b"bob", b"rob", b"#dev"), b"bob is now rob"),
    (managed("kick", b"bob", b"why"), b"ann kicked bob: why"),
    (managed("kick", b"bob"), b"ann kicked bob"),
    (managed("ban", b"bob*", b"why"), b"ann banned bob*: why"),
    (managed("ban", b"bob"), b"ann banned bob"),
    (managed("unban", b"bob*"), b"ann unbanned bob*"),
    (managed("mute", b"bob"), b"ann muted bob"),
    (managed("mute", b"bob", b"why"), b"ann muted bob: why"),
    (managed("unmute", b"bob"), b"ann unmuted bob"),
    (managed("voice", b"bob"), b"ann gave bob a voice"),
    (managed("devoice", b"bob"), b"ann took bob's voice"),
    (managed("op", b"bob"), b"ann made bob an op"),
    (managed("op", b"bob", b"not told"), b"ann made bob an op"),
    (managed("deop", b"bob"), b"ann made bob an ordinary member"),
    (managed("deop", b"bob", b"voice"), b"ann made bob an ordinary member with a voice"),
    (managed("devoice", b"bob", b"op"), b"ann took bob's voice"),
    (managed("invite", b"bob"), b"ann invited bob"),
    (managed("topic", b"", b"the topic"), b"ann set the topic: the topic"),
    (managed("topic"), b"ann took the topic away"),
    (managed("set", b"limit", b"20"), b"ann set limit: 20"),
    (managed("set", b"private", b"on"), b"ann set private: on"),
    (managed("set", b"key", b""), b"ann changed the key"),
    (managed("set", b"key", b"secret"), b"ann changed the key"),
    (managed("drop"), b"ann closed the room"),
    (Invited(b"#dev", b"ann"), b"ann invites you to #dev"),
    (Notice(b"welcome\nall"), "welcome\u2424all".encode()),
    (managed("kick", b"bob", b"a\nb\tc"), "ann kicked bob: a\u2424b\tc".encode()),
    (managed("kick", b"<name>", b"%b <name>"), b"ann kicked <name>: %b <name>"),
]


@for_each("happening, words", SENTENCES)
def test_what_happens_is_told_in_a_sentence(happening, words):
    assert sentence(happening) == words


def test_there_is_a_sentence_for_every_act():
    assert {happening.act for happening, _ in SENTENCES if isinstance(happening, Managed)} == set(ACTS)


def test_names_are_shown_as_the_protocol_shows_them_but_for_bans():
    def shown(name):
        return name.upper()

    assert sentence(Entered(b"#dev", b"bob"), shown) == b"BOB joined"
    assert sentence(Renamed(b"bob", b"rob", b"#dev"), shown) == b"BOB is now ROB"
    assert sentence(Invited(b"#dev", b"ann"), shown) == b"ANN invites you to #dev"
    assert sentence(managed("kick", b"bob", b"why"), shown) == b"ANN kicked BOB: why"
    assert sentence(managed("set", b"limit", b"20"), shown) == b"ANN set limit: 20"
    assert sentence(managed("topic", b"", b"x"), shown) == b"ANN set the topic: x"
    assert sentence(managed("except", b"b*"), shown) == b"ANN excepted b* from bans"
    assert sentence(managed("except", b"mute:b*"), shown) == b"ANN excepted b* from mutes"
    assert sentence(managed("unexcept", b"mute:b*"), shown) == b"ANN excepted b* from mutes no more"
    for act in ("ban", "unban"):  # where it may be a pattern, and has to be known as it is
        assert sentence(managed(act, b"bob*"), shown) == b"ANN %bned bob*" % act.encode()


TEXTS = st.lists(st.sampled_from([
    "\n", "\n\n", "* bob joined", "bob: hi", ": ", " ", "\t", "*", "ann", "\u2424", "\r\n", "x"]), min_size=1).map(
        lambda parts: canonical("".join(parts).encode()))
NAMES = st.sampled_from([b"ann", b"*", b":", b"*:", b"a:", b"#dev", b"joined"])


@given(NAMES, TEXTS)
def test_what_somebody_says_is_never_what_has_happened(name, text):
    said = spoken(name, text)
    assert not any(line.startswith(EVENT) for line in said.split(b"\n"))
    first, *others = said.split(b"\n")
    assert first.startswith(name + b": ") and all(line.startswith(b"\t") for line in others)
    assert said[len(name) + 2:].replace(b"\n\t", b"\n") == text


@given(NAMES, NAMES, TEXTS)
def test_a_sentence_is_one_line_that_begins_with_who_did_it(by, about, text):
    for act in ACTS:
        told = sentence(Managed(b"#dev", act, by, about, text))
        assert b"\n" not in told and told.startswith(by + b" ")


def test_a_text_of_one_line_stays_as_it_is():
    assert indented(b"a\tb") == b"a\tb"


# ---- what is asked of a room

ASKED = [
    ((b"who", None, None), Who(b"#dev")),
    ((b"topic", None, None), Topic(b"#dev")),
    ((b"topic", None, b""), Manage(b"#dev", "topic", b"", b"")),
    ((b"topic", None, b"-"), Manage(b"#dev", "topic", b"", b"")),
    ((b"topic", None, b"--"), Manage(b"#dev", "topic", b"", b"--")),
    ((b"kick", b"bob", None), Manage(b"#dev", "kick", b"bob", b"")),
    ((b"kick", b"bob", b"-"), Manage(b"#dev", "kick", b"bob", b"-")),
    ((b"kick", b"bob", b"a\x1bb"), Manage(b"#dev", "kick", b"bob", "a\u241bb".encode())),
    ((b"set", b"limit", b""), Manage(b"#dev", "set", b"limit", b"")),  # the chat knows the values
]
BAD = [
    (b"who", b"bob", None), (b"who", None, b"x"), (b"topic", b"bob", b"x"), (b"kick", None, None),
    (b"kick", b"", b"x"), (b"op", b"bob", b"x"),
    (b"set", b"limit", None), (b"set", None, b"20"), (b"drop", None, b"x"), (b"drop", b"x", None),
]


@pytest.mark.parametrize("given, command", ASKED)
def test_an_act_becomes_a_command(given, command):
    assert acts.request(b"#dev", *given) == acts.request(b"#dev", *given, 16) == command


@pytest.mark.parametrize("given", BAD)
def test_an_act_takes_what_it_takes(given):
    assert acts.request(b"#dev", *given) == Malformed(Reason.BAD_FORM, Manage)


def test_a_room_has_its_sign_and_an_act_its_name():
    for room in (b"", b"dev", b" #dev", "\uff03dev".encode()):
        assert acts.request(room, b"who", None, None) == Malformed(Reason.BAD_FORM, Manage)
    for act in (b"", b"WHO", b"\xff", b"members"):
        assert acts.request(b"#dev", act, None, None) == Malformed(Reason.UNKNOWN_COMMAND, Manage)


def test_a_text_may_be_so_long_as_received_and_as_kept():
    assert acts.request(b"#dev", b"topic", None, b"x" * 16, 16) == Manage(b"#dev", "topic", b"", b"x" * 16)
    for text in (b"x" * 17, b"\x1b" * 6, b"\r\n" + b"x" * 15):
        assert acts.request(b"#dev", b"topic", None, text, 16) == Malformed(Reason.TEXT_TOO_LONG, Manage)
        assert acts.request(b"#dev", b"topic", None, text) == Manage(b"#dev", "topic", b"", canonical(text))


def test_every_act_can_be_asked_for():
    for act in ACTS:
        about = b"bob" if acts.is_about_somebody(act.encode()) else None
        text = b"x" if act in ("topic", "set") else None
        assert acts.request(b"#dev", act.encode(), about, text) == Manage(b"#dev", act, about or b"", text or b"")


# ---- why something is refused

def test_there_is_a_sentence_for_every_reason():
    assert set(reasons.SENTENCES) == set(REASONS)


@for_each("reason", REASONS)
def test_the_sentence_for_a_reason_is_short_and_plain(reason):
    words = reasons.SENTENCES[reason]
    assert re.fullmatch("[a-z][A-Za-z0-9 -]{4,57}[a-z0-9]", words.replace("UTF-8", "utf-8"))
    assert reasons.in_lower_case()[reason] == words.encode()
    assert reasons.with_full_stops()[reason].decode() == words[0].upper() + words[1:] + "."
