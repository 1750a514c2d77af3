"""The `delimited` protocol: frames by hand, multiplied by the ways in which they arrive, and the notation of texts."""
import re
import time

import pytest
from cases import for_each
from for_numbered import ONLY_FOR_NUMBERED
from hypothesis import given
from hypothesis import strategies as st

from parley.server.protocols import delimited, events
from parley.server.protocols.delimited import read, write
from parley.server.protocols.events import (
    Accounts,
    Broken,
    Create,
    Delete,
    Deliver,
    Described,
    Done,
    Enter,
    Entered,
    Exit,
    Exited,
    Farewell,
    Inside,
    Invited,
    Joined,
    Known,
    Left,
    Malformed,
    Manage,
    Managed,
    Marked,
    Missed,
    News,
    Notice,
    Past,
    Pong,
    Present,
    Reason,
    Recalled,
    Refused,
    Renamed,
    RolesTold,
    RoomList,
    Rooms,
    Said,
    Say,
    SignIn,
    Topic,
    TopicTold,
    Users,
    Waiting,
    Welcome,
    Whisper,
    Whispered,
    Who,
)
from parley.server.protocols.text import canonical

LIMIT = 40  # for the vectors; small, so that every cut of the longest frame is tried
DATA_LIMIT = 2 * LIMIT + 1024


def header(command, length, version=0):
    return bytes([version, command]) + length.to_bytes(40, "big")


def frame(command, data=b""):
    return header(command, len(data)) + data


def refused(reason, asked):
    return [Malformed(reason, asked)]


def bad_form(asked):
    return refused(Reason.BAD_FORM, asked)


BROKEN = [Broken(Reason.BROKEN)]
TOO_LONG = [Broken(Reason.TOO_LONG)]
UNKNOWN = refused(Reason.UNKNOWN_COMMAND, None)

# Written out in full once: nothing here is computed.
BY_HAND = [
    (b"\0\0" + b"\0" * 39 + b"\x03ann", [Create(b"ann")]),
    (b"\0\5" + b"\0" * 39 + b"\x03ann", [SignIn(b"ann", None)]),
    (b"\0\1" + b"\0" * 40, [Accounts(None)]),
    (b"\0\1" + b"\0" * 39 + b"\x02a*", [Accounts(b"a*")]),
    (b"\0\2" + b"\0" * 39 + b"\x0eann|||bob|||hi", [Whisper(b"bob", b"hi", b"ann", None)]),
    (b"\0\2" + b"\0" * 39 + b"\x10ann|||lobby|||hi", [Say(b"hi", b"ann", None)]),
    (b"\0\3" + b"\0" * 40, [Deliver()]),
    (b"\0\4" + b"\0" * 40, [Delete()]),
    (b"\0\2" + b"\0" * 38 + b"\x01\x2fann|||lobby|||" + b"x" * 289, refused(Reason.TEXT_TOO_LONG, Say)),
]

REQUESTS = [
    (frame(1, b"*"), [Accounts(b"*")]),
    (frame(1, b"["), [Accounts(b"[")]),
    (frame(1, b"?"), [Accounts(b"?")]),
    (frame(1, b"\\"), [Accounts(b"\\")]),
    (frame(1, b"*" * 1000), [Accounts(b"*" * 1000)]),
    (frame(0, b"a*"), [Create(b"a*")]),  # the chat knows what a name is
    (frame(0, b"a b\0"), [Create(b"a b\0")]),
    (frame(0, rb"b\u00f6b"), [Create("b\u00f6b".encode())]),
    (frame(5, rb"b\u00f6b"), [SignIn("b\u00f6b".encode(), None)]),
    (frame(1, rb"b\u00f6*"), [Accounts("b\u00f6*".encode())]),
    (frame(2, b"ann|||Lobby|||hi"), [Whisper(b"Lobby", b"hi", b"ann", None)]),
    (frame(2, b"ann|||ann|||hi"), [Whisper(b"ann", b"hi", b"ann", None)]),
    (frame(2, rb"b\u00f6b|||\ud83d\ude00|||x"),
     [Whisper("\U0001f600".encode(), b"x", "b\u00f6b".encode(), None)]),
    (frame(2, b"ann|||bob||| "), [Whisper(b"bob", b" ", b"ann", None)]),
    (frame(2, b"ann|||bob|||a|b||c"), [Whisper(b"bob", b"a|b||c", b"ann", None)]),
    (frame(2, b"ann|||lobby|||\0\4x"), [Say("\u2400\u2404x".encode(), b"ann", None)]),
    (frame(1) * 3, [Accounts(None)] * 3),
    (frame(0, b"ann") + frame(2, b"ann|||bob|||hi") + frame(3)[:-1],
     [Create(b"ann"), Whisper(b"bob", b"hi", b"ann", None)]),
    (b"", []),
]

CHARACTERS = [
    (b"a\x1b[2J\x07", "a\u241b[2J\u2407"),
    (b"a\x00b\tc\x7f", "a\u2400b\tc\u2421"),
    (b"one\r\ntwo\nthree\r", "one\ntwo\nthree\u240d"),
    (rb"caf\u00e9", "caf\u00e9"),
    (rb"\u001b[2J", "\u241b[2J"),
    (rb"\u2028\u0085\u009b", "\u2424\u2424\ufffd"),
    (rb"\u202eabc", "\u202eabc\u202c"),
    (rb"\u007c\u007c\u007c", "|||"),
    (rb"\u005cu00e9", r"\u00e9"),
    (rb"\ud800", r"\ud800"),
]

MALFORMED = [
    *((frame(code, data), UNKNOWN) for code in (6, 7, 12, 13, 127, 255) for data in (b"", b"x", b"\xff|||")),
    *((frame(code), bad_form(asked)) for code, asked in ((0, Create), (5, SignIn), (2, Whisper))),
    (frame(0, b"a|||b"), bad_form(Create)),
    (frame(0, b"|||"), bad_form(Create)),
    (frame(0, b"|||a"), bad_form(Create)),
    (frame(0, b"|a"), bad_form(Create)),
    (frame(0, b"a|"), bad_form(Create)),
    (frame(5, b"a|||secret"), bad_form(SignIn)),
    (frame(1, b"a|||b"), bad_form(Accounts)),
    (frame(1, b"|"), bad_form(Accounts)),
    (frame(3, b"ann"), bad_form(Deliver)),
    (frame(3, b"|||"), bad_form(Deliver)),
    (frame(4, b"ann"), bad_form(Delete)),
    (frame(2, b"ann"), bad_form(Whisper)),
    (frame(2, b"ann|||bob"), bad_form(Whisper)),
    (frame(2, b"ann|||bob|||"), bad_form(Whisper)),
    (frame(2, b"ann||||||hi"), bad_form(Whisper)),
    (frame(2, b"|||bob|||hi"), bad_form(Whisper)),
    (frame(2, b"|||lobby|||hi"), bad_form(Whisper)),
    (frame(2, b"ann|||bob|||a|||b"), bad_form(Whisper)),
    (frame(2, b"ann|||bob||||a"), bad_form(Whisper)),
    (frame(2, b"ann|||bob|||a|"), bad_form(Whisper)),
    (frame(2, b"ann|||bob|||a||"), bad_form(Whisper)),
    (frame(2, b"ann|||bob||||||"), bad_form(Whisper)),
    (frame(2, b"|||".join([b"x"] * 250)), bad_form(Whisper)),
    (frame(0, b"b\xc3\xb6b"), refused(Reason.NOT_UTF8, Create)),
    (frame(5, b"\xff"), refused(Reason.NOT_UTF8, SignIn)),
    (frame(1, b"\x80"), refused(Reason.NOT_UTF8, Accounts)),
    (frame(2, b"ann|||bob|||\xed\xa0\x80"), refused(Reason.NOT_UTF8, Whisper)),
    (frame(2, b"\xff"), refused(Reason.NOT_UTF8, Whisper)),
    (frame(3, b"\xff"), refused(Reason.NOT_UTF8, Deliver)),
    (frame(6) + frame(3), [*UNKNOWN, Deliver()]),
]

LIMITS = [
    (frame(2, b"ann|||bob|||" + b"x" * LIMIT), [Whisper(b"bob", b"x" * LIMIT, b"ann", None)]),
    (frame(2, b"ann|||bob|||" + b"x" * (LIMIT + 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    (frame(2, b"ann|||lobby|||" + b"x" * (LIMIT + 1)), refused(Reason.TEXT_TOO_LONG, Say)),
    (frame(2, b"ann|||bob|||" + rb"\u20ac" * (LIMIT // 3)),
     [Whisper(b"bob", "\u20ac".encode() * (LIMIT // 3), b"ann", None)]),
    (frame(2, b"ann|||bob|||" + rb"\u20ac" * (LIMIT // 3 + 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    # Both as received and as kept.
    (frame(2, b"ann|||bob|||\r\n" + b"x" * (LIMIT - 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    (frame(2, b"ann|||bob|||" + b"\x1b" * (LIMIT // 3 + 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    (frame(0, b"x" * DATA_LIMIT), [Create(b"x" * DATA_LIMIT)]),
    (header(0, DATA_LIMIT + 1), TOO_LONG),
    (header(255, DATA_LIMIT + 1), TOO_LONG),
    *((header(2, length), TOO_LONG) for length in (2 ** 63, 2 ** 64, 2 ** 320 - 1, 10 * DATA_LIMIT)),
    (b"\0\2" + (5).to_bytes(40, "little") + b"hello", TOO_LONG),
    (frame(3) + header(0, DATA_LIMIT + 1) + frame(3), [Deliver(), *TOO_LONG]),
]

OTHER_VERSIONS = [(bytes([version]), BROKEN) for version in range(1, 256)] + [
    (b"\1" + frame(3)[1:], BROKEN),
    (frame(3) + b"\1" + frame(3), [Deliver(), *BROKEN]),
    (frame(0, b"ann")[:-1] + frame(3), [Create(b"an\0"), *BROKEN]),  # too long by one
    (header(0, 2) + b"ann" + frame(3), [Create(b"an"), *BROKEN]),  # too short by one
    (b"GET / HTTP/1.1\r\n\r\n", BROKEN),
    (b"\x16\x03\x01\x02\x00\x01", BROKEN),
    (b"SSH-2.0-a\r\n", BROKEN),
]

IN_ROOMS = [
    (b"\0\x08" + b"\0" * 39 + b"\x04#dev", [Enter(b"#dev", None)]),
    (frame(8, b"#dev|||two words"), [Enter(b"#dev", b"two words")]),
    (frame(8, rb"#d\u00e9v|||\u001b"), [Enter("#d\u00e9v".encode(), "\u241b".encode())]),
    (frame(8, b"#"), [Enter(b"#", None)]),  # the chat knows what the name of a room is
    (frame(9, b"#dev"), [Exit(b"#dev")]),
    (frame(10), [Rooms(None)]),
    (frame(10, b"*"), [Rooms(b"*")]),
    (frame(1, b"#*"), [Rooms(b"#*", True)]),
    (frame(1, b"*#"), [Accounts(b"*#")]),
    (frame(2, b"ann|||#dev|||hi"), [Say(b"hi", b"ann", None, b"#dev")]),
    (frame(2, b"ann|||#lobby|||hi"), [Say(b"hi", b"ann", None, b"#lobby")]),
    (frame(2, b"ann|||#|||a\r\nb"), [Say(b"a\nb", b"ann", None, b"#")]),
    (frame(2, b"ann|||#dev|||" + b"x" * (LIMIT + 1)), refused(Reason.TEXT_TOO_LONG, Say)),
    (frame(11, b"#dev|||who"), [Who(b"#dev")]),
    (frame(11, b"#dev|||topic"), [Topic(b"#dev")]),
    (frame(11, b"#dev|||topic|||two words"), [Manage(b"#dev", "topic", b"", b"two words")]),
    (frame(11, rb"#dev|||topic|||\u001b"), [Manage(b"#dev", "topic", b"", "\u241b".encode())]),
    (frame(11, b"#dev|||topic|||-"), [Manage(b"#dev", "topic", b"", b"")]),
    (frame(11, b"#dev|||topic|||" + b"x" * LIMIT), [Manage(b"#dev", "topic", b"", b"x" * LIMIT)]),
    (frame(11, b"#dev|||topic|||" + b"x" * (LIMIT + 1)), refused(Reason.TEXT_TOO_LONG, Manage)),
    (frame(11, b"#dev|||kick|||bob"), [Manage(b"#dev", "kick", b"bob", b"")]),
    (frame(11, b"#dev|||kick|||bob|||why so"), [Manage(b"#dev", "kick", b"bob", b"why so")]),
    (frame(11, b"#dev|||ban|||bot*|||spam"), [Manage(b"#dev", "ban", b"bot*", b"spam")]),
    (frame(11, b"#dev|||mute|||bob"), [Manage(b"#dev", "mute", b"bob", b"")]),
    *((frame(11, b"#dev|||%b|||bob" % act.encode()), [Manage(b"#dev", act, b"bob", b"")])
      for act in ("invite", "unban", "unmute", "voice", "devoice", "op", "deop")),
    (frame(11, b"#dev|||set|||limit|||20"), [Manage(b"#dev", "set", b"limit", b"20")]),
    (frame(11, b"#dev|||drop"), [Manage(b"#dev", "drop", b"", b"")]),
    *((frame(8, data), bad_form(Enter)) for data in (
        b"", b"dev", b" #dev", b"#dev|||a|||b", b"|||#dev", b"#dev|||", b"dev|||#key")),
    *((frame(9, data), bad_form(Exit)) for data in (b"", b"dev", b"#dev|||#ops", b"#dev|")),
    *((frame(10, data), bad_form(Rooms)) for data in (b"a|||b", b"|")),
    *((frame(11, data), bad_form(Manage)) for data in (
        b"", b"#dev", b"dev|||who", b"who|||#dev", b"#dev|||who|||bob", b"#dev|||drop|||it", b"#dev|||kick",
        b"#dev|||kick|||bob|||a|||b", b"#dev|||op|||bob|||why", b"#dev|||set|||limit", b"#dev|||set",
        b"#dev|||topic|||a|||b", b"#dev|||topic|||", b"#dev||||||bob")),
    *((frame(11, data), refused(Reason.UNKNOWN_COMMAND, Manage)) for data in (
        b"#dev|||KICK|||bob", b"#dev|||x", rb"#dev|||\u00e9|||bob")),
    *((frame(code, b"#\xff"), refused(Reason.NOT_UTF8, asked))
      for code, asked in ((8, Enter), (9, Exit), (10, Rooms), (11, Manage))),
]

VECTORS = BY_HAND + REQUESTS + MALFORMED + LIMITS + OTHER_VERSIONS + IN_ROOMS + [
    (frame(2, b"ann|||bob|||" + item), [Whisper(b"bob", text.encode(), b"ann", None)]) for item, text in CHARACTERS
]


def decoder(limit=LIMIT):
    return delimited.Decoder({"text_bytes": limit})


def name_of(value):
    return repr(value)[:60]


@for_each("stream, commands", VECTORS)
def test_a_stream_gives_its_commands_however_it_arrives(decoded, stream, commands):
    assert decoded(decoder, stream) == commands


def test_the_real_limits_are_those_of_the_documentation():
    one = decoder(16384)
    assert one.feed(frame(2, b"a|||b|||" + b"x" * 16384)) == [Whisper(b"b", b"x" * 16384, b"a", None)]
    assert one.feed(frame(2, b"a|||b|||" + b"x" * 16385)) == refused(Reason.TEXT_TOO_LONG, Whisper)
    assert one.feed(frame(2, b"|||".join([b"x"] * 8000))) == bad_form(Whisper)
    assert one.feed(header(2, 33792)) == []
    assert one.feed(b"x" * 33792) == bad_form(Whisper)
    assert one.feed(header(2, 33793)) == TOO_LONG


def test_nothing_is_heard_after_a_break():
    one = decoder()
    assert one.feed(b"\1" + frame(3)) == BROKEN
    assert one.feed(frame(3)) == []
    assert not one.unfinished
    assert not one._held


def test_a_frame_that_has_begun_is_unfinished():
    one = decoder()
    assert not one.unfinished
    for byte in frame(0, b"ann")[:-1]:
        assert one.feed(bytes([byte])) == []
        assert one.unfinished
    assert one.feed(b"n") == [Create(b"ann")]
    assert not one.unfinished


FRAME_PARTS = st.sampled_from([
    *(bytes([0, code]) for code in range(13)), b"\0" * 39, b"\0" * 38, b"\0\0", b"\1", b"\x03", b"\x0f",
    b"#dev", b"kick", b"topic", b"ann", b"bob", b"lobby",
    b"|||", b"|", b"\\u00e9", b"\\ud83d", b"\\u", b"\xff", b"\x1b", b"\xc3\xa9",
    frame(3), frame(0, b"a"),
    frame(2, b"a|||b|||c"), frame(2, b"a|||lobby|||" + b"x" * LIMIT), header(2, DATA_LIMIT), header(2, DATA_LIMIT + 1),
    b"x" * LIMIT,
])  # fmt: skip


def commands_in(pieces):
    one = decoder()
    return [command for piece in pieces for command in one.feed(piece)]


@given(st.lists(st.one_of(FRAME_PARTS, st.binary(max_size=60)), max_size=12))
def test_any_bytes_raise_nothing_and_cuts_do_not_matter(pieces):
    whole = b"".join(pieces)
    assert commands_in(pieces) == commands_in([whole]) == commands_in([whole[at:at + 1] for at in range(len(whole))])


@given(st.lists(st.one_of(FRAME_PARTS, st.binary(max_size=60)), max_size=20))
def test_what_is_held_is_never_longer_than_a_frame(pieces):
    one = decoder()
    for piece in pieces:
        one.feed(piece)
        assert one.feed(b"") == []
        assert len(one._held) < delimited.HEADER_BYTES + DATA_LIMIT


@given(st.integers(0, 255), st.lists(st.text(max_size=12), max_size=4))
def test_any_items_in_a_whole_frame_give_one_command(code, items):
    commands = decoder().feed(frame(code, "|||".join(items).encode()))
    assert len(commands) == 1
    assert type(commands[0]) in events.COMMANDS


# CPU time, because copying cannot be counted; the margin is wide.
def test_a_large_frame_in_tiny_pieces_costs_in_proportion_to_its_length():
    assert cost_of_pieces(1 << 20) < 100 * cost_of_pieces(1 << 16)  # sixteen times as long


def cost_of_pieces(size):
    stream = frame(2, b"a|||b|||" + b"x" * (size - 8))
    pieces = [stream[at:at + 16] for at in range(0, len(stream), 16)]
    one = decoder(size)
    start = time.process_time()
    commands = [command for piece in pieces for command in one.feed(piece)]
    assert len(commands) == 1
    return max(time.process_time() - start, 1e-3)


# ---- the notation

NOTATION = [
    ("", b""),
    ("plain text, 100 %s ~", b"plain text, 100 %s ~"),
    ("caf\u00e9", rb"caf\u00e9"),
    ("\u20ac\uffff\ufeff", rb"\u20ac\uffff\ufeff"),
    ("\U0001f600!", rb"\ud83d\ude00!"),
    ("\U00010000\U0010ffff", rb"\ud800\udc00\udbff\udfff"),
    ("two\nlines\tand a tab", b"two\nlines\tand a tab"),
    ("\x00\x08\x0b\x0d\x1b\x1f\x7f\x80\x9f", rb"\u0000\u0008\u000b\u000d\u001b\u001f\u007f\u0080\u009f"),
    ("a|b||c", b"a|b||c"),
    ("a|||b", rb"a\u007c\u007c\u007cb"),
    ("a||||b", rb"a\u007c\u007c\u007c\u007cb"),
    ("|", rb"\u007c"),
    ("||", rb"\u007c\u007c"),
    ("|||", rb"\u007c\u007c\u007c"),
    ("|a|", rb"\u007ca\u007c"),
    ("||a||", rb"\u007c|a|\u007c"),
    ("a|\n", b"a|\n"),
    ("\\", b"\\"),
    ("\\\\", b"\\\\"),
    ("C:\\users\\u", b"C:\\users\\u"),
    (r"\u00e9", rb"\u005cu00e9"),
    (r"\\u00e9", rb"\\u005cu00e9"),
    (r"\u007c", rb"\u005cu007c"),
    (r"\u005c", rb"\u005cu005c"),
    (r"\u005cu005c", rb"\u005cu005cu005c"),
    (r"\u001b", rb"\u005cu001b"),
    (r"\u0041", rb"\u0041"),
    (r"\u0009\u000a", rb"\u0009\u000a"),
    (r"\u00E9", rb"\u00E9"),
    (r"\u00e", rb"\u00e"),
    (r"\ud83d", rb"\ud83d"),
    (r"\ude00", rb"\ude00"),
    (r"\ude00\ud83d", rb"\ude00\ud83d"),
    (r"\ud83d\ude00", rb"\u005cud83d\ude00"),
    (r"\ud83d\ud83d\ude00", rb"\ud83d\u005cud83d\ude00"),
    ("\\ud83d\U0001f600", rb"\ud83d\ud83d\ude00"),
    ("\\\u00e9", rb"\\u00e9"),
    ("\\|||", rb"\\u007c\u007c\u007c"),
]

NEEDLESS = [
    (rb"a\u007cb", "a|b"),
    (rb"\u005c", "\\"),
    (rb"\u005cn", "\\n"),
    (rb"\ud83d\u005cude00", r"\ud83d\ude00"),
]

AWKWARD = st.lists(st.sampled_from([
    "|", "||", "|||", "\\", "\\u", "u", "\\u00e9", "\\u007c", "\\u005c", "005c", "\\ud83d", "\\ude00", "\\uDE00",
    "\\u0041", "\u00e9", "\u20ac", "\U0001f600", "\x1b", "\r", "\n", "\t", "\x7f", "\u2028", "\u202e", "a", " ", "0",
]), max_size=12).map("".join)  # fmt: skip
TEXTS = st.one_of(st.text(), AWKWARD)
CANONICAL = TEXTS.map(lambda text: canonical(text.encode(errors="replace")))
RAW = st.one_of(
    st.text(alphabet="\t\n" + "".join(map(chr, range(32, 127)))),
    st.lists(st.sampled_from([
        "|", "||", "\\", "\\u", "u", "\\u00e9", "00e9", "\\u20ac", "\\ud83d", "\\ude00", "\\uDE00", "\\u0041",
        "\\u000a",
        "\\u001b", "\\u007f", "a", "\n", "\t",
    ]), max_size=12).map("".join),
)  # fmt: skip


@for_each("text, item", NOTATION)
def test_a_text_is_written_in_one_way_and_read_as_what_it_was(text, item):
    assert write(text.encode()) == item
    assert read(item) == text.encode()


@pytest.mark.parametrize("item, text", NEEDLESS, ids=name_of)
def test_needless_escapes_are_read_too(item, text):
    assert read(item) == text.encode()


@given(CANONICAL)
def test_a_written_text_is_read_as_itself(text):
    assert read(write(text)) == text


@given(TEXTS)
def test_this_holds_for_texts_that_are_not_canonical_too(text):
    raw = text.encode(errors="replace")
    assert read(write(raw)) == raw


# Of which Python's own notation knows more than this one.
ESCAPES = st.lists(st.sampled_from([
    "\\", "\\\\", "\\u00e9", "\\u00E9", "\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\u005c", "\\u007c", "\\u000a",
    "u00e9", "ud83d", "ude00", "\\u", "\\n", "\\x41", "\\N{BULLET}", "\\U0001f600", "\\101", "a", "\n", "'", "\"",
]), max_size=8).map(lambda pieces: "".join(pieces).encode())  # fmt: skip


@given(ESCAPES)
def test_escapes_are_read_from_the_left_and_nothing_else_is_one(item):
    def character(escape):
        digits = escape.group().replace(b"\\u", b"").decode()
        return bytes.fromhex(digits).decode("utf-16-be").encode()

    assert read(item) == re.sub(rb"\\" + delimited._CODE.encode(), character, item)


@given(TEXTS)
def test_an_item_is_ascii_and_cannot_be_mistaken_for_two(text):
    item = write(text.encode(errors="replace"))
    assert all(byte < 128 for byte in item)
    assert all(byte in b"\t\n" or 32 <= byte < 127 for byte in item)
    assert b"|||" not in item
    assert item[:1] != b"|" and item[-1:] != b"|"


@given(RAW)
def test_what_a_client_has_written_comes_back_unchanged(raw):
    if "|||" in raw or raw[:1] == "|" or raw[-1:] == "|" or "\\u007c" in raw or "\\u005c" in raw:
        return
    assert write(read(raw.encode())) == raw.encode()


@given(RAW, st.sampled_from(["\\u007c", "\\u005c"]), RAW)
def test_needless_escapes_change_the_writing_but_not_the_text(before, escape, after):
    raw = (before + escape + after).encode()
    assert read(write(read(raw))) == read(raw)


# ---- what a client is told

def items_of(data):
    """The command and the items of one frame, as a client reads them."""
    assert data[0] == 0
    assert int.from_bytes(data[2:42], "big") == len(data) - 42
    content = data[42:].decode("ascii")
    return data[1], content.split("|||") if content else []


TELLINGS = [
    (Welcome(b"ann", Create(b"ann")), [frame(6)]),
    (Welcome(b"ann", SignIn(b"ann", None)), [frame(6)]),
    (Refused(Reason.NAME_TAKEN, Create(b"ann")), [frame(6, b"username already exists")]),
    (Refused(Reason.NO_ACCOUNT, SignIn(b"ann", None)), [frame(6, b"username does not exist")]),
    (Refused(Reason.NAME_TAKEN, SignIn(b"ann", None)), [frame(6, b"user is already logged in")]),
    (Refused(Reason.NOT_UTF8, Create), [frame(6, b"only ASCII is allowed")]),
    (Refused(Reason.UNKNOWN_COMMAND, None), [frame(6, b"unknown command")]),
    (Refused(Reason.BAD_FORM, Deliver), [frame(6, b"DELIVER takes no data")]),
    (Known([b"ann", "b\u00f6b".encode()]), [frame(7, rb"ann|||b\u00f6b")]),
    (Known([b"ann"]), [frame(7, b"ann")]),
    (Known([]), [frame(7)]),
    (Done(Whisper(b"bob", b"hi", b"ann", None)), [frame(2, b"ann|||bob|||hi")]),
    (Done(Say(b"hi", b"ann", None)), [frame(2, b"ann|||lobby|||hi")]),
    (Done(Say("caf\u00e9|||".encode(), b"ann", None)), [frame(2, rb"ann|||lobby|||caf\u00e9\u007c\u007c\u007c")]),
    (Done(Delete()), []),
    (Missed([]), []),
    (Missed([(b"bob", b"hi", 7), (b"cid", "\u00e9".encode(), 8)]),
     [frame(2, b"bob|||ann|||hi"), frame(2, rb"cid|||ann|||\u00e9")]),
    (Waiting(2), []),
    (RolesTold(b"#dev", [(b"ann", b"op")], []), []),
    (Marked([(b"bob", True)], {b"bob": 2}), []),
    (Said(b"bob", b"two\nlines", 0), [frame(2, b"bob|||ann|||two\nlines")]),
    (Said("b\u00f6b".encode(), "|\U0001f600".encode(), 0), [frame(2, rb"b\u00f6b|||ann|||\u007c\ud83d\ude00")]),
    (Whispered(b"bob", b"hi", 0), [frame(2, b"bob|||ann|||hi")]),
    (Farewell(Reason.SHUTDOWN), [frame(6, b"server is shutting down")]),
    (Present([b"ann"]), []),
    (Described(b"ann", b"127.0.0.1", 4000), []),
    (Past([(b"ann", b"hi", 0)]), []),
    (Recalled([(3, b"ann", b"hi", 1)], 3, False), []),
    (News([(b"ann", True)]), []),
    (Pong(b"x"), []),
    (Joined(b"bob"), []),
    (Left(b"bob"), []),
    (Renamed(b"bob", b"rob"), []),
    (Users([(b"ann", True)]), []),
    (Known([b"ann"], [b"#dev", b"#ops"]), [frame(7, b"#dev|||#ops|||ann")]),
    (Done(Say(b"a\nb", b"ann", None, b"#dev")), [frame(2, b"ann|||#dev|||a\nb")]),
    (Done(Enter(b"#dev", None)), [frame(6)]),
    (Done(Exit(b"#dev")), [frame(6)]),
    (Done(Manage(b"#dev", "drop", b"", b"")), [frame(6)]),
    (Inside(b"#dev", b"the topic", Enter(b"#dev", None)), [frame(6)]),
    (Inside(b"#dev", b"the topic", Say(b"hi", b"ann", None, b"#dev")), []),
    (Refused(Reason.BANNED, Enter(b"#dev", None)), [frame(6, b"you are banned here")]),
    (Refused(Reason.INVITE_ONLY, Say(b"hi", b"ann", None, b"#dev")),
     [frame(6, b"you need an invitation to enter this room")]),
    (Refused(Reason.BAD_FORM, Enter), [frame(6, b"JOIN takes a room such as #dev, and perhaps its key")]),
    (Refused(Reason.UNKNOWN_COMMAND, Manage), [frame(6, b"MANAGE knows no such act")]),
    (RoomList([(b"#dev", 12, b"the\ntopic", True), (b"#ops", 1, b"", False)], Rooms(None)),
     [frame(12, rb"#dev 12 the\u2424topic|||#ops 1")]),
    (RoomList([], Rooms(b"#*")), [frame(12)]),
    (RoomList([(b"#dev", 12, b"the topic", True), (b"#ops", 1, b"", False)], Rooms(b"#*", True)),
     [frame(7, b"#dev|||#ops")]),
    (Present([b"ann", b"bob"], b"#dev"), [frame(12, b"ann|||bob")]),
    (TopicTold(b"#dev", b"the topic", b"ann", 7), [frame(12, b"the topic")]),
    (TopicTold(b"#dev", b"", b"", 0), [frame(12)]),
    (Said(b"bob", b"hi", 0, None, b"#dev"), [frame(2, b"#dev|||ann|||bob: hi")]),
    (Said(b"*", b"bob joined\n* bob left\nbob: hi", 0, None, b"#dev"),
     [frame(2, b"#dev|||ann|||*: bob joined\n\t* bob left\n\tbob: hi")]),
    (Entered(b"#dev", b"bob"), [frame(2, b"#dev|||ann|||* bob joined")]),
    (Exited(b"#dev", b"bob"), [frame(2, b"#dev|||ann|||* bob left")]),
    (Renamed(b"bob", b"rob", b"#dev"), [frame(2, b"#dev|||ann|||* bob is now rob")]),
    (Managed(b"#dev", "kick", b"cid", b"bob", "\u00e9\nx: y".encode()),
     [frame(2, rb"#dev|||ann|||* cid kicked bob: \u00e9\u2424x: y")]),
    (Managed(b"", "set", b"cid", b"slow", b"5"), [frame(2, b"lobby|||ann|||* cid set slow: 5")]),
    (Entered(b"", b"bob"), []),
    (Exited(b"", b"bob"), []),
    (Invited(b"#dev", b"bob"), [frame(2, b"lobby|||ann|||* bob invites you to #dev")]),
    (Notice(b"welcome\nall"), [frame(2, b"lobby|||ann|||* welcome\n\tall")]),
    *((happening, []) for happening in ONLY_FOR_NUMBERED),
]


@for_each("happening, frames", TELLINGS)
def test_a_happening_is_told_in_the_words_of_the_document(happening, frames):
    assert delimited.encode(happening, b"ann") == tuple(frames)


def test_every_kind_of_happening_can_be_told():
    assert set(delimited.ENCODERS) == set(events.HAPPENINGS) == {type(happening) for happening, _ in TELLINGS}
    assert delimited.FORMS == {decoder().form: delimited.encode}


def test_a_stranger_is_sent_nothing():
    for happening in (Said(b"bob", b"hi", 0), Whispered(b"bob", b"hi", 0), Done(Say(b"hi", b"bob", None)),
                      Said(b"bob", b"hi", 0, None, b"#dev"), Entered(b"#dev", b"bob"), Notice(b"hi")):
        assert delimited.encode(happening, None) == ()
    assert delimited.encode(Refused(Reason.MUST_LOGIN, Deliver()), None) == (frame(6, b"you are not logged in"),)


def test_a_name_that_is_not_ascii_is_written_where_it_receives():
    assert delimited.encode(Said(b"bob", b"hi", 0), "\u00e9".encode()) == (frame(2, rb"bob|||\u00e9|||hi"),)


@for_each("reason", events.REASONS)
def test_every_reason_has_words_whatever_was_asked(reason):
    for asked in (None, *events.COMMANDS, Create(b"ann"), Say(b"hi", None, None), Deliver(), Delete()):
        frames = delimited.encode(Refused(reason, asked), b"ann")
        assert [(command, len(items)) for command, items in map(items_of, frames)] == [(6, 1)]
    assert len(delimited.encode(Farewell(reason), None)) == 1


@given(CANONICAL, CANONICAL, CANONICAL)
def test_a_send_has_three_items_whatever_is_said(sender, me, text):
    for happening, second, third in (
        (Said(sender, text, 0), me, text),
        (Whispered(sender, text, 0), me, text),
        (Done(Whisper(sender, text, me, None)), sender, text),
    ):
        sent, = delimited.encode(happening, me)
        items = sent[42:].split(b"|||")
        assert len(items) == 3
        assert [read(item) for item in items[1:]] == [second, third]


@given(CANONICAL)
def test_what_one_client_sends_another_can_send_back(text):
    sent, = delimited.encode(Said(b"bob", text, 0), b"ann")
    if text:
        assert decoder(1 << 20).feed(sent) == [Whisper(b"ann", text, b"bob", None)]
