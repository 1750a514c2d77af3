"""The `padded` protocol: vectors as data, multiplied by the ways in which bytes arrive, and what clients are told."""
import re
import time

import pytest
from cases import for_each
from fed import check_cuts, copied_in_tiny_pieces
from for_numbered import ONLY_FOR_NUMBERED
from hypothesis import example, given
from hypothesis import strategies as st

from parley.server.protocols import events, padded
from parley.server.protocols.events import (
    Broken,
    Described,
    Done,
    Entered,
    Exited,
    Farewell,
    Inside,
    Invited,
    Joined,
    Known,
    Left,
    Malformed,
    Managed,
    Marked,
    Missed,
    News,
    Notice,
    Past,
    Pong,
    Post,
    Present,
    Quit,
    Reason,
    Recalled,
    Refused,
    Renamed,
    RolesTold,
    RoomList,
    Said,
    Say,
    TopicTold,
    Users,
    Waiting,
    Welcome,
    Whispered,
)

LIMIT = 40
MOST = LIMIT + 512
BROKEN = Broken(Reason.BROKEN)
TOO_LONG = Broken(Reason.TOO_LONG)
NOT_UTF8 = Malformed(Reason.NOT_UTF8, Post)
TOO_MUCH_TEXT = Malformed(Reason.TEXT_TOO_LONG, Post)
ACKNOWLEDGE = Post(None, None, b"", None)

# 2023-11-15, 12:34:56 in a place one hour east of Greenwich, where summer time begins on 2024-03-31 at 2:00.
PLACE = "CET-1CEST,M3.5.0,M10.5.0/3"
NOON, NOW = 1700046000, 1700048096
MIDNIGHT = NOON - 12 * 3600


@pytest.fixture(autouse=True)
def place(monkeypatch):
    """The server's clock stands still, and its place is known."""
    monkeypatch.setattr(padded, "now", lambda: NOW)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", PLACE)
        time.tzset()
        yield
    time.tzset()


def frame(body, count=None):
    return (b"%d" % len(body) if count is None else count).ljust(64) + body


def said(text):
    return [Post(None, None, text, None)]


BY_HAND = [
    # 24 bytes, as the document's client sends them
    (b"3234" + b"20" * 62 + b"5b30353a353520414d5d20616e6e3a206869207468657265",
     [Post(b"ann", None, b"hi there", MIDNIGHT + 5 * 3600 + 55 * 60)]),
    (b"30" + b"20" * 63, [ACKNOWLEDGE]),
    (b"32" + b"20" * 63 + b"6869", [Post(None, None, b"hi", None)]),
]  # fmt: skip

HEADERS = [
    (frame(b"hello", b"5"), said(b"hello")),
    (frame(b"hello", b" 5"), said(b"hello")),
    (frame(b"hello", b"5".rjust(64)), said(b"hello")),
    (frame(b"hello", b"5".center(64)), said(b"hello")),
    (frame(b"hello", b"5".rjust(64, b"0")), said(b"hello")),
    (frame(b"hello", b"00005"), said(b"hello")),
    (b"0" * 64, [ACKNOWLEDGE]),
    (frame(b"") * 2 + frame(b"hi"), [ACKNOWLEDGE, ACKNOWLEDGE] + said(b"hi")),
    (b" " * 64, [BROKEN]),
    (b"9" * 64, [TOO_LONG]),
    (frame(b"", b"9" * 63), [TOO_LONG]),
    (frame(b"", b"9999999"), [TOO_LONG]),
    (frame(b"", b"10000000"), [TOO_LONG]),
    (frame(b"", b"%d" % (MOST + 1)), [TOO_LONG]),
    (frame(b"", b"%d" % (MOST * 10)), [TOO_LONG]),
] + [
    (frame(b"hello", count), [BROKEN])
    for count in (b"-1", b"+5", b"1_000", b"5 5", b"0x10", b"1e3", b"5.0", "\u0665".encode(), b"\xb2", b"5\0", b"5\t",
                  b"\t5", b"5\n", b"\x0c5", b"5\xa0", b"five")
] + [
    (b"5".ljust(64, b"\0") + b"hello", [BROKEN]),
    (b"5".ljust(63) + b"hello", [BROKEN]),
    (b"5".ljust(63) + b"5hell", [BROKEN]),
    (frame("\u00e9t\u00e9".encode(), b"3"), said("\u00e9t".encode()) + [BROKEN]),  # characters counted, not bytes
    (frame("\u00e9".encode(), b"1"), [NOT_UTF8, BROKEN]),
    (frame(b"hello", b"6") + frame(b"hello"), said(b"hello5") + [BROKEN]),
    (frame(b"hello", b"4") + frame(b"hello"), said(b"hell") + [BROKEN]),
]  # fmt: skip

FOREIGN = [
    (stream, [BROKEN])
    for stream in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\x03\x00", b"SSH-2.0-x\r\n", b"EHLO a\r\n", b"PING\n")
]  # fmt: skip

STREAMS = [
    (b"", []),
    (b"5", []),
    (b" " * 63, []),
    (frame(b"hello")[:-1], []),
    (frame(b"one") + frame(b"two") + frame(b"three")[:-1], said(b"one") + said(b"two")),
]

FORMS = [
    (b"[12:00 AM] ann: hi", [Post(b"ann", None, b"hi", MIDNIGHT)]),
    (b"[12:00 PM] ann: hi", [Post(b"ann", None, b"hi", NOON)]),
    (b"[11:59 PM] ann: hi", [Post(b"ann", None, b"hi", MIDNIGHT + 86340)]),
    (b"[01:00 AM] ann: hi", [Post(b"ann", None, b"hi", MIDNIGHT + 3600)]),
    (b"[01:00 PM] ann: a: b", [Post(b"ann", None, b"a: b", NOON + 3600)]),
    (b"[01:00 PM] a:b: c", [Post(b"a:b", None, b"c", NOON + 3600)]),
    (b"[01:00 PM] ann secret: c", [Post(b"ann", b"secret", b"c", NOON + 3600)]),
    (b"[01:00 PM] ann two words: c", [Post(b"ann", b"two words", b"c", NOON + 3600)]),
    (b"[01:00 PM] ann  pw : c", [Post(b"ann", b"pw", b"c", NOON + 3600)]),
    (b"[01:00 PM] ann : c", [Post(b"ann ", None, b"c", NOON + 3600)]),
    (b"[01:00 PM]  ann: c", [Post(b"", b"ann", b"c", NOON + 3600)]),
    (b"[01:00 PM] ann pw: with: more", [Post(b"ann", b"pw", b"with: more", NOON + 3600)]),
    (b"[01:00 PM] a\nb: c", [Post(b"a\nb", None, b"c", NOON + 3600)]),
    (b"[01:00 PM] ann: [01:00 PM] bob: hi", [Post(b"ann", None, b"[01:00 PM] bob: hi", NOON + 3600)]),
    (b"[01:00 PM] ann: ", [Post(b"ann", None, b"", NOON + 3600)]),
    (b"[01:00 PM] ann:  ", [Post(b"ann", None, b" ", NOON + 3600)]),
    (b"[01:00 PM] ann: a\r\nb\0", [Post(b"ann", None, "a\nb\u2400".encode(), NOON + 3600)]),
    ("[01:00 PM] \u00fcmit: gr\u00fcn".encode(), [Post("\u00fcmit".encode(), None, "gr\u00fcn".encode(), NOON + 3600)]),
] + [
    (body, said(body)) for body in (
        b"hi", b"Msg received", b"[01:00 PM] ann", b"[01:00 PM] ann:", b"[01:00 PM] ann:hi", b"[01:00 PM] : hi",
        b"[01:00 PM]ann: hi", b" [01:00 PM] ann: hi", b"[01:00 pm] ann: hi", b"[01:00 XM] ann: hi",
        b"[1:00 PM] ann: hi", b"[12:61 PM] ann: hi", b"[13:00 PM] ann: hi", b"[00:00 AM] ann: hi",
        b"[01:00:00 PM] ann: hi", b"[01:00PM] ann: hi", b"[01:00  PM] ann: hi", b"[] ann: hi",
        "[\u0660\u0661:\u0660\u0660 PM] ann: hi".encode(),
        b"[" + b"1" * 30 + b"] a: b",
    )
] + [
    (b"a\x1bb\r\nc", said("a\u241bb\nc".encode())),
    (b"\n" * 40, said(b"\n" * 40)),
]  # fmt: skip

GOODBYES = [
    (body, [Quit()]) for word in (
        b"!DISCONNECT", b"!Disconnect", b"!disconnect", b"!DISCONNECT!", b"DISCONNECT!", b"disconnect", b"DISCONNECT",
        b"!DC", b"!dc", b"!EXIT", b"!exit", b"!QUIT", b" !DISCONNECT\r\n",
    ) for body in (word, b"[01:00 PM] ann: " + word, b"[01:00 PM] ann pw: " + word)
] + [
    (body, said(body)) for body in (
        b"!DISCONNECT me", b"please disconnect", b"disconnected", b"!!DISCONNECT", b"dc", b"exit", b"quit", b"!D", b"!",
        b"ann: !DISCONNECT", b"[1:00 PM] ann: !DC",
    )
]  # fmt: skip

INVALID_UTF8 = [
    (body, [NOT_UTF8]) for body in (
        b"\xff", b"\xc0\xaf", b"a\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"[01:00 PM] \xff: hi",
        b"[01:00 PM] ann: \xff",
    )
]  # fmt: skip

LENGTHS = [
    (b"x" * LIMIT, said(b"x" * LIMIT)),
    (b"x" * (LIMIT + 1), [TOO_MUCH_TEXT]),
    (b"[01:00 PM] ann: " + b"x" * LIMIT, [Post(b"ann", None, b"x" * LIMIT, NOON + 3600)]),
    (b"[01:00 PM] ann: " + b"x" * (LIMIT + 1), [TOO_MUCH_TEXT]),
    (b"x" * MOST, [TOO_MUCH_TEXT]),
]

VECTORS = [(bytes.fromhex(digits.decode()), commands) for digits, commands in BY_HAND] + HEADERS + FOREIGN + STREAMS + [
    (frame(body), commands) for body, commands in FORMS + GOODBYES + INVALID_UTF8 + LENGTHS]


def decoder():
    return padded.Decoder({"text_bytes": LIMIT})


@for_each("stream, commands", VECTORS)
def test_a_stream_gives_its_commands_however_it_arrives(decoded, stream, commands):
    assert decoded(decoder, stream) == commands


def test_a_goodbye_is_a_text_where_it_is_switched_off():
    one = padded.Decoder({"text_bytes": LIMIT, "goodbye": False})
    assert one.feed(frame(b"!DISCONNECT") + frame(b"[01:00 PM] ann: !DC")) == [
        *said(b"!DISCONNECT"), Post(b"ann", None, b"!DC", NOON + 3600)]


@pytest.mark.parametrize("broken", [b"x", b" " * 64, b"9" * 64])
def test_nothing_is_read_once_the_framing_is_broken(broken):
    one = decoder()
    assert len(one.feed(broken + frame(b"hi"))) == 1
    assert one.feed(frame(b"hi")) == []
    assert not one.unfinished


def test_a_count_of_more_than_seven_digits_is_not_even_read_as_a_number():
    one = padded.Decoder({"text_bytes": 10**9})
    assert one.feed(frame(b"", b"9999999")) == []
    assert padded.Decoder({"text_bytes": 10**9}).feed(frame(b"", b"10000000")) == [TOO_LONG]


def test_a_frame_that_has_begun_is_unfinished():
    one = decoder()
    assert not one.unfinished
    one.feed(b"2")
    assert one.unfinished
    one.feed(frame(b"hi")[1:])
    assert not one.unfinished


STREAM = st.one_of(
    st.binary(max_size=80),
    st.lists(st.one_of(st.binary(max_size=50), st.text().map(str.encode)).map(frame), max_size=4).map(b"".join),
    st.lists(st.sampled_from([
        b" " * 62, b"5", b"0", b" ", b"[01:00 PM] ", b"ann: ", b"hi", b"\xff", b"\n", b"\0", b"9999999", frame(b"hi"),
        frame(b"[01:00 PM] a: b"), frame(b"", b"600"),
    ]), max_size=8).map(b"".join))  # fmt: skip


@given(STREAM, st.lists(st.integers(0, 400)))
def test_any_bytes_raise_nothing_and_cuts_do_not_matter(stream, cuts):
    check_cuts(decoder, stream, cuts, 64 + MOST)


def test_a_large_frame_in_tiny_pieces_is_copied_once():
    stream = frame(b"x" * 30000)
    commands, copied = copied_in_tiny_pieces(padded.Decoder({"text_bytes": 1 << 20}), stream)
    assert commands == said(b"x" * 30000)
    assert copied < (64 + 2) * len(stream)  # a header a piece


def test_no_body_costs_more_than_its_length_to_take_apart():
    """Nothing to count here: regular expressions do their work out of sight."""
    one = padded.Decoder({"text_bytes": 1 << 20})
    for body in (b"[01:00 PM] " + b":" * 900000, b"[01:00 PM] " + b"a:" * 450000, b"[01:00 PM] " * 80000):
        start = time.process_time()
        assert len(one.feed(frame(body))) == 1
        assert time.process_time() - start < 1


# ---- times


def test_a_time_that_today_does_not_have_is_no_claim(monkeypatch):
    monkeypatch.setattr(padded, "now", lambda: 1711882800)  # the day on which 02:00 is followed by 03:00
    assert decoder().feed(frame(b"[02:30 AM] ann: hi")) == [Post(b"ann", None, b"hi", None)]
    assert decoder().feed(frame(b"[03:30 AM] ann: hi")) == [Post(b"ann", None, b"hi", 1711848600)]
    assert decoder().feed(frame(b"[01:30 AM] ann: hi")) == [Post(b"ann", None, b"hi", 1711845000)]


@given(st.integers(0, 23), st.integers(0, 59))
def test_others_see_a_message_as_it_was_sent(hour, minute):
    body = b"[%02d:%02d %s] ann: hi there" % (hour % 12 or 12, minute, b"AM" if hour < 12 else b"PM")
    (post,) = decoder().feed(frame(body))
    assert padded.encode(Said(post.name, post.text, post.time), None) == (body,)


def test_the_locale_does_not_change_how_a_time_is_written(monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *args: pytest.fail("it depends on the locale"))
    assert padded.encode(Said(b"ann", b"hi", NOON), None) == (b"[12:00 PM] ann: hi",)


@pytest.mark.parametrize("seconds, clock", [
    (MIDNIGHT, b"[12:00 AM] "), (MIDNIGHT + 59 * 60 + 59, b"[12:59 AM] "), (MIDNIGHT + 3600, b"[01:00 AM] "),
    (NOON - 1, b"[11:59 AM] "), (NOON, b"[12:00 PM] "), (NOON + 13 * 60, b"[12:13 PM] "), (NOON + 3600, b"[01:00 PM] "),
    (MIDNIGHT - 1, b"[11:59 PM] "), (0, b"[01:00 AM] "), (2**31, b"[04:14 AM] "), (2**32 - 1, b"[07:28 AM] "),
])  # fmt: skip
def test_a_time_is_written_as_the_local_clock_shows_it(seconds, clock):
    assert padded.encode(Said(b"ann", b"hi", seconds), None) == (clock + b"ann: hi",)


# ---- what clients are told

TOLD = [
    (Done(Post(b"ann", None, b"hi", None)), [b"Msg received"]),
    (Done(Say(b"hi", None, None)), [b"Msg received"]),
    (Done(Quit()), [b"Msg received"]),
    (Refused(Reason.NAME_TAKEN, Post(b"ann", None, b"hi", None)), [b"[ERROR] The nickname is taken."]),
    (Refused(Reason.NOT_UTF8, Post), [b"[ERROR] The message is not valid UTF-8."]),
    (Said(b"ann", b"hi there", NOON), [b"[12:00 PM] ann: hi there"]),
    (Said("\u00fcmit".encode(), "gr\u00fcn".encode(), NOON), ["[12:00 PM] \u00fcmit: gr\u00fcn".encode()]),
    (Said(b"ann", b"x" * 16384, NOON), [b"[12:00 PM] ann: " + b"x" * 16384]),
    (Said(b"ann", b"100 %s %b {0}\t", NOON), [b"[12:00 PM] ann: 100 %s %b {0}\t"]),
    (Whispered(b"ann", b"hi", NOON), [b"[12:00 PM] ann (direct): hi"]),
    (Farewell(Reason.SHUTDOWN), [b"[SERVER] The server is shutting down."]),
    (Farewell(Reason.TOO_LONG), [b"[ERROR] The message is too long."]),
    (Welcome(b"ann", Post(b"ann", None, b"hi", None)), []),
    (Joined(b"ann"), []),
    (Left(b"ann"), []),
    (Renamed(b"ann", b"bob"), []),
    (Present([b"ann"]), []),
    (Known([b"ann"]), []),
    (Described(b"ann", "127.0.0.1", 1), []),
    (Past([(b"ann", b"hi", 1)]), []),
    (Missed([]), []),
    (Missed([(b"ann", b"hi", NOON), (b"bob", b"ho", NOON)]),
     [b"[12:00 PM] ann (direct): hi", b"[12:00 PM] bob (direct): ho"]),
    (Waiting(2), []),
    (Marked([(b"bob", True)], {b"bob": 2}), []),
    (Recalled([(3, b"ann", b"hi", 1)], 3, False), []),
    (News([(b"ann", True)]), []),
    (Users([(b"ann", True)]), []),
    (Pong(b"1"), []),
    (Refused(Reason.MUTED, Say(b"hi", None, None)), [b"[ERROR] You are muted here."]),
    (Farewell(Reason.KICKED), [b"[ERROR] You were kicked."]),
    (Farewell(Reason.BANNED), [b"[ERROR] You are banned here."]),
    (Notice(b"welcome\n[SERVER] all"), ["[SERVER] welcome\u2424\uff3bSERVER] all".encode()]),
    (Said(b"ann", b"hi", NOON, None, b"#dev"), []),
    (Entered(b"#dev", b"ann"), []),
    (Exited(b"#dev", b"ann"), []),
    (Renamed(b"ann", b"bob", b"#dev"), []),
    (Managed(b"#dev", "kick", b"ann", b"bob", b"why"), []),
    (Managed(b"", "kick", b"ann", b"bob", b"why"), []),
    (Invited(b"#dev", b"ann"), []),
    (Inside(b"#dev", b"", None), []),
    (RoomList([(b"#dev", 1, b"", True)]), []),
    (TopicTold(b"#dev", b"x", b"ann", 1), []),
    (RolesTold(b"#dev", [(b"ann", b"op")], []), []),
    *((happening, []) for happening in ONLY_FOR_NUMBERED),
]


@for_each("happening, messages", TOLD)
def test_a_happening_is_told_in_the_words_of_the_document(happening, messages):
    assert list(padded.encode(happening, None)) == messages


def test_every_kind_of_happening_can_be_told():
    assert set(padded.ENCODERS) == set(events.HAPPENINGS)
    assert {type(happening) for happening, _ in TOLD} == set(events.HAPPENINGS)


@for_each("reason", events.REASONS)
def test_every_reason_has_words(reason):
    (refusal,) = padded.encode(Refused(reason, Post), None)
    assert padded.encode(Refused(reason, None), None) == (refusal,)
    assert re.fullmatch(rb"\[ERROR\] [A-Z][ A-Za-z0-9-]+\.", refusal)
    (farewell,) = padded.encode(Farewell(reason), None)
    assert farewell == (refusal.replace(b"ERROR", b"SERVER") if reason == Reason.SHUTDOWN else refusal)


ESCAPED = [
    ("a\nb\n", "a\u2424b\u2424"),
    ("\n" * 1000, "\u2424" * 1000),
    ("[05:55 AM] bob: hi", "\uff3b05:55 AM] bob: hi"),
    ("hi [05:55 AM] bob: hi", "hi \uff3b05:55 AM] bob: hi"),
    ("hi\n[05:55 AM] bob: hi", "hi\u2424\uff3b05:55 AM] bob: hi"),
    ("[05:55 AM] bob", "\uff3b05:55 AM] bob"),  # the next message's prefix may complete it
    ("[99:99 PM] bob: hi", "\uff3b99:99 PM] bob: hi"),
    ("[05:55 AM] [05:55 AM] ", "\uff3b05:55 AM] \uff3b05:55 AM] "),
    ("[[ERROR] x", "[\uff3bERROR] x"),
    ("[ERROR] x", "\uff3bERROR] x"),
    ("[SERVER] x", "\uff3bSERVER] x"),
    ("Msg received", "Msg\u00a0received"),
    ("xMsg receivedMsg received", "xMsg\u00a0receivedMsg\u00a0received"),
    ("[05:55 AM]bob: hi", "[05:55 AM]bob: hi"),
    ("[5:55 AM] bob: hi", "[5:55 AM] bob: hi"),
    ("[ERROR]", "[ERROR]"),
    ("msg received", "msg received"),
    ("Msg\nreceived", "Msg\u2424received"),
    ("[x] a: b", "[x] a: b"),
]


@for_each("text, shown", ESCAPED)
def test_a_text_does_not_read_like_the_beginning_of_a_message(text, shown):
    assert padded.encode(Said(b"ann", text.encode(), NOON), None) == (b"[12:00 PM] ann: " + shown.encode(),)
    assert padded.encode(Whispered(b"ann", text.encode(), NOON), None) == (
        b"[12:00 PM] ann (direct): " + shown.encode(),)


def test_nor_does_a_name():
    assert padded.encode(Whispered(b"[ERROR]", b"hi", NOON), None) == (
        "[12:00 PM] \uff3bERROR] (direct): hi".encode(),)


BEGINNINGS = re.compile(r"(\[[0-9]{2}:[0-9]{2} [AP]M\] |\[ERROR\] |\[SERVER\] |Msg received)")
NASTY = st.lists(st.sampled_from([
    "[05:55 AM]", " ", "bob", ": ", "[ERROR]", "[SERVER]", "[", "]", "Msg", "received", "Msg received", "\n", "\u2424",
    "[05:55 AM] bob: hi", "[ERROR] x", "x",
]), min_size=1, max_size=8).map("".join)  # fmt: skip
SENDERS = st.sampled_from([b"ann", b"[ERROR]", b"[SERVER]", b"Msg", b"received", b"a:", b"[12:00", b"AM]"])
MESSAGES = st.one_of(
    st.builds(Said, SENDERS, NASTY.map(str.encode), st.integers(0, 2**32)),
    st.builds(Whispered, SENDERS, NASTY.map(str.encode), st.integers(0, 2**32)),
    st.builds(Notice, NASTY.map(str.encode)),
    st.builds(Farewell, st.sampled_from(events.REASONS)),
    st.builds(Refused, st.sampled_from(events.REASONS), st.none()),
    st.just(Done(Post(None, None, b"x", None))))  # fmt: skip


@given(st.lists(MESSAGES))
@example([Said(b"ann", b"x", 0), Done(Post(None, None, b"x", None)), Said(b"ann", b"Msg received", 0)])
def test_messages_can_be_told_apart_even_where_several_are_read_at_once(happenings):
    messages = [message.decode() for happening in happenings for message in padded.encode(happening, None)]
    before, *parts = BEGINNINGS.split("".join(messages))
    assert before == ""
    assert [beginning + rest for beginning, rest in zip(parts[::2], parts[1::2])] == messages


def test_the_module_has_the_form_that_the_server_expects():
    assert (padded.NAME, padded.PORT, padded.IDLE_TIMEOUT) == ("padded", 5050, 0)
    assert padded.FORMS[padded.Decoder.form] is padded.encode
    assert (padded.TRAITS.coalesces, padded.TRAITS.hears_at_once, padded.TRAITS.acknowledges) == (False, True, True)
