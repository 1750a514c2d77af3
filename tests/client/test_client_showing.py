"""What people see is harmless, and as it was meant."""
import time

import pytest
from cases import for_each

from parley.client import events, parse, showing

HOSTILE = ["\x1b[31mred", "\x1b]0;title\x07", "a\rb", "\x00", "\x7f", "\x9b31m", "a\u2028b", "a\x85b", "a\tb",
           "\u202eabc", "\ud800"]
MARKED = {
    "*bold*": [("class:bold", "bold")],
    "**bold**, 2**3, ***x***, **y*": [("class:bold", "bold"), ("", ", 2**3, ***x***, **y*")],
    "a _b c_, `d*e*`": [("", "a "), ("class:italic", "b c"), ("", ", "), ("class:code", "d*e*")],
    "2*3*4 and snake_case_name": [("", "2*3*4 and snake_case_name")],
    "* no * ** __ _ x _": [("", "* no * ** __ _ x _")],
    "*b*: (_i_)": [("class:bold", "b"), ("", ": ("), ("class:italic", "i"), ("", ")")],
}
NOW = int(time.time())
EVERY_EVENT = [
    events.Connected(parse("line://a\x1bb")), events.Disconnected("a\x1bb", None),
    events.Disconnected("a\x1bb", 2.0), events.Notice("a\x1bb"), events.Welcomed("a\x1bb"),
    events.Refused(events.Request("say", None, "x"), "a\x1bb"), events.Unsure(events.Request("say", None, "a\x1bb")),
    events.Unsure(events.Request("whisper", "a\x1b", "b")), events.Users((("a\x1bb", True), ("c", False), ("d", None))),
    events.Users(()), events.Described("a\x1bb", "c\x1b", 1), events.Recalled(None, "a\x1b", "b", NOW),
    events.Recalled("c", "a\x1b", "b", -1), events.Said("a\x1b", "b\x1b\nc\td", 10 ** 12),
    events.Whispered("a\x1bb", "c", NOW), events.Joined("a\x1bb"), events.Left("a\x1bb"),
    events.Renamed("a\x1b", "\x1bb"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_acts_on_the_terminal(text):
    shown = showing.visible(text)
    assert all(character.isprintable() or character in "\u202e\u202c" for character in shown)
    shown.encode()


@for_each("event", EVERY_EVENT)
def test_no_event_acts_on_the_terminal(event):
    line = showing.line(event)
    shown = showing.plain_text(line)
    assert shown
    assert not set(shown) & (set(map(chr, range(0x20))) - {"\n"}), shown


@pytest.mark.parametrize("text", sorted(MARKED))
def test_marks_become_styles(text):
    assert [piece for piece in showing.marked_up(text) if piece[1]] == MARKED[text]


def test_a_second_line_cannot_pass_for_another_message():
    told = showing.plain_text(showing.line(events.Said("bea", "hi\n[05:55 AM] ann: I am ann", NOW)))
    assert told.split("\n")[1].startswith(" " * 10)


def test_a_conversation_tells_who_spoke_to_whom():
    for sender, note in (("bea", "bea (direct): hi"), ("ann", "ann (to bea): hi")):
        assert showing.plain_text(showing.line(events.Recalled("bea", sender, "hi", NOW))).endswith(note)


def test_another_day_is_told():
    assert showing.clock(NOW) == time.strftime("[%I:%M %p] ", time.localtime(NOW))
    assert showing.clock(0).startswith(("[1970-01-01 ", "[1969-12-31 "))


def test_somebody_always_has_the_same_colour():
    assert showing.colour("ann") == showing.colour("ann")
    assert {showing.colour("user%d" % number) for number in range(300)} == set(showing.COLOURS)


def test_what_needs_no_line_gets_none():
    assert showing.line(events.Done(events.Request("say", None, "x"))) is None
    assert showing.line(events.Progress(events.Request("missed", None, None), 1000)) is None


def test_accounts_that_may_be_away_are_not_called_users():
    for users, shown in (([("a", True)], "1 user: a"), ([("a", True), ("b", False)], "2 users: a, b (away)"),
                         ([("a", None)], "1 account: a"), ([("b", None), ("a", None)], "2 accounts: a, b")):
        assert showing.plain_text(showing.line(events.Users(tuple(users)))) == shown


LINKS = {
    "see https://a.example/x?y=1, or http://b.example:80.": ["https://a.example/x?y=1", "http://b.example:80"],
    "(HTTPS://a.example/b_(c)) *https://a.example*": ["HTTPS://a.example/b_(c)", "https://a.example"],
    "https://bank.example@evil.example http:// https:///x xhttp://a.example ftp://a.example": [],
    "https://\u0430pple.example https://p\u0430ple.example https://\u212a.example": [],
    "https://a.example/\u202ecod.exe": ["https://a.example/"],
}


@pytest.mark.parametrize("text", LINKS)
def test_links_are_found_and_none_leads_elsewhere_than_it_seems(text):
    pieces = list(showing.links(text))
    assert "".join(piece for _, piece in pieces) == text
    assert [piece for is_link, piece in pieces if is_link] == LINKS[text]
