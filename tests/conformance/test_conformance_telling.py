"""Matchers, transcripts, tables of verdicts, and the renaming of names."""
import json

import pytest
from cases import for_each

from parley.conformance import matching, report
from parley.conformance.message import Message, hex_dump
from parley.conformance.requirements import Requirement, strictest
from parley.conformance.runner import StepFailed
from parley.conformance.transcript import RECEIVED, SENT, Transcript, shortened, visible
from parley.conformance.variants import Renaming

LITERAL = matching.Literal("DM ${who} hi")
PATTERN = matching.Pattern("USER (?P<name>.+)")
CHOICE = matching.OneOf(((matching.Literal("OK"), "ok"), (PATTERN, "tolerated")))


@pytest.mark.parametrize("matcher, message, fits, grade", [
    (LITERAL, "DM Bob hi", True, "ok"),
    (LITERAL, "DM Bob hi ", False, "ok"),
    (PATTERN, "USER Bob", True, "ok"),
    (PATTERN, "USER Bob\nUSER Al", True, "ok"),
    (PATTERN, " USER Bob", False, "ok"),
    (CHOICE, "OK", True, "ok"),
    (CHOICE, "USER Bob", True, "tolerated"),
    (CHOICE, "NO", False, "ok"),
])
def test_a_matcher_matches(matcher, message, fits, grade):
    result = matcher.match(message, {"who": "Bob"})
    assert (result.matches, result.grade) == (fits, grade)


def test_a_value_is_no_pattern():
    assert not matching.Pattern("USER ${who}").match("USER axb", {"who": "a.b"}).matches


def test_named_groups_come_back():
    assert dict(PATTERN.match("USER Bob", {}).groups) == {"name": "Bob"}


@pytest.mark.parametrize("matcher, described", [
    (LITERAL, "DM Bob hi"), (PATTERN, "/USER (?P<name>.+)/"), (CHOICE, "OK or /USER (?P<name>.+)/"),
    (matching.Maybe(matching.Literal("x")), "(optional) x"),
])
def test_a_matcher_says_what_it_wants(matcher, described):
    assert matcher.describe({"who": "Bob"}) == described


def message(**fields):
    return Message(fields, b"")


@for_each("wanted, fits", [
    ({"a": "x"}, True), ({"a": "${who}"}, False), ({"b": "${who}"}, True), ({"a": "x", "n": 7}, True),
    ({"n": "7"}, False), ({"n": matching.Between(7, "${limit}")}, True), ({"n": matching.Between(8, 9)}, False),
    ({"c": "x"}, False),
    ({"a": matching.Pattern("x|y")}, True), ({"n": matching.Pattern("7")}, False), ({"t": True}, True),
    ({"t": 1}, False),
    ({"l": [1, {"k": "v"}]}, True), ({"l": [1]}, False), ({"l": [{"k": "v"}, 1]}, False),
    ({"l": matching.AnyOrder(({"k": "v"}, 1))}, True), ({"l": matching.AnyOrder((1, 1))}, False),
])
def test_fields_are_matched_one_by_one(wanted, fits):
    came = message(a="x", b="Bob", n=7, t=True, l=[1, {"k": "v"}])
    assert matching.Fields(tuple(wanted.items())).match(came, {"who": "Bob", "limit": 9}).matches is fits


def test_no_more_fields_than_named_can_be_asked_for():
    assert matching.Fields((("a", 1),), True).match(message(a=1), {}).matches
    assert not matching.Fields((("a", 1),), True).match(message(a=1, b=2), {}).matches


def test_fields_describe_themselves_and_give_groups():
    fields = matching.Fields((("a", matching.Pattern("(?P<x>.)b")), ("n", 1)))
    assert dict(fields.match(message(a="ab", n=1), {}).groups) == {"x": "a"}
    assert fields.describe({}) == "a='/(?P<x>.)b/' n=1"
    assert fields.literal({}) is None
    assert matching.Fields((("a", "${x}"),)).literal({"x": "y"}) == {"a": "y"}


def test_a_transcript_has_a_column_an_actor():
    times = iter([10.0, 10.25, 10.5])
    transcript = Transcript(lambda: next(times))
    transcript.add("alice", SENT, "MSG hi")
    transcript.add("bob", RECEIVED, "MSG Alice hi")
    transcript.add("alice", RECEIVED, "\x1b[2J")
    assert transcript.render(["alice", "bob"]).split("\n") == [
        "  time  alice           bob",
        " 0.000  -> MSG hi",
        " 0.250                  <- MSG Alice hi",
        " 0.500  <- \\x1b[2J",
    ]


def test_what_is_said_without_end_is_left_out_of_the_middle():
    transcript = Transcript(lambda: 0.0)
    transcript.add("alice", SENT, "MSG hi")
    for number in range(2001):
        transcript.add("alice", RECEIVED, "OK %d" % number)
    rows = transcript.render(["alice"]).split("\n")
    assert rows[1].endswith("-> MSG hi") and rows[-1].endswith("<- OK 2000")
    assert [row.strip() for row in rows if "more" in row] == ["(1002 more)"]
    assert len(rows) == 1002


def test_a_failure_tells_the_first_of_what_came():
    failed = StepFailed(None, "alice", "expect_nothing", ["(nothing)"], ["OK"] * 100000)
    assert failed.got == ["OK"] * 50


def test_what_cannot_be_printed_is_escaped():
    assert visible("a\r\x00\x85\u202e\u2028\ufeff z\u00e9") == "a\\r\\x00\\x85\\u202e\\u2028\\ufeff z\u00e9"


def test_long_bytes_keep_both_ends():
    assert hex_dump(b"\x01\xff") == "01 FF"
    assert hex_dump(bytes(200)).endswith(" 00 00 ...(200)... " + " ".join(["00"] * 16))


def test_a_long_text_keeps_both_ends():
    assert shortened("a" * 50 + "z" * 50, 21) == "aaaaa...(100)...zzzzz"
    assert shortened("short", 21) == "short"


REQUIREMENTS = {
    "A-1": Requirement("A-1", "must", "says a", "003", ("S1",)),
    "A-2": Requirement("A-2", "should", "says b", "003", ("S1",)),
    "A-3": Requirement("A-3", "may", "says c", "003", ("S1",), untestable="no way"),
    "A-4": Requirement("A-4", "must", "says d", "003", ("S1",)),
}


def results(*verdicts, **more):
    found = report.Results()
    found.add([("verdicts", json.dumps(verdicts)), ("evidence", more.get("evidence", "relay"))])
    return found


def test_the_worst_verdict_counts():
    found = results(["A-1", "pass", ""], ["A-1", "fail", "why"], ["A-2", "skipped", "no"], ["A-2", "pass", ""])
    assert [found.verdict(one) for one in REQUIREMENTS.values()] == ["fail", "pass", "not testable", "not covered"]
    assert found.note(REQUIREMENTS["A-1"]) == "1 of 2 checks: why"


def test_weak_evidence_is_marked():
    assert "weak evidence: quiet" in results(["A-1", "pass", ""], evidence="quiet").note(REQUIREMENTS["A-1"])


def test_the_table_counts_each_level():
    table = report.counts_table(REQUIREMENTS, results(["A-1", "pass", ""], ["A-2", "differs", "x"]))
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    assert rows[2] == ["must", "1", "-", "-", "-", "-", "-", "-", "1", "2"]
    assert rows[3] == ["should", "-", "-", "-", "1", "-", "-", "-", "-", "1"]


def test_the_strictest_level_counts():
    assert strictest(["may", "should"]) == "should"
    assert strictest([]) == "must"


@pytest.mark.parametrize("text, renamed", [
    ("LOGIN Al", "LOGIN Alzz9"), ("Al, Alice and Albert", "Alzz9, Alicezz9 and Albert"), ("MSG Prize1", "MSG Prize1"),
])
def test_names_get_their_suffix_as_whole_words(text, renamed):
    assert Renaming(["Al", "Alice"], "zz9").text(text) == renamed


def test_a_name_cut_into_chunks_gets_its_suffix_once():
    renaming = Renaming(["Alice"], "zz9")
    assert renaming.chunks([b"LOGIN Al", b"ice", b"\n\xff"]) == [b"LOGIN Al", b"icezz9", b"\n\xff"]
    assert renaming.chunks([b"LOGIN Alice", b"\n"]) == [b"LOGIN Alicezz9", b"\n"]
    assert Renaming(["Alice"], "").chunks([b"Alice"]) == [b"Alice"]
