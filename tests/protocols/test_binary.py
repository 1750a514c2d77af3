"""The `binary` protocol: frames as hexadecimal vectors, multiplied by the ways in which bytes arrive, and back."""
import ast
import collections

import pytest
from cases import for_each
from fed import check_cuts, copied_in_tiny_pieces
from for_numbered import ONLY_FOR_NUMBERED
from hypothesis import example, given
from hypothesis import strategies as st

from parley.server.protocols import binary, events
from parley.server.protocols.aliases import shortened
from parley.server.protocols.events import (
    Broken,
    Describe,
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
    Login,
    Malformed,
    Manage,
    Managed,
    Marked,
    Missed,
    News,
    Notice,
    Past,
    Ping,
    Pong,
    Present,
    Quit,
    Reason,
    Recalled,
    Refused,
    Rename,
    Renamed,
    RolesTold,
    RoomList,
    Rooms,
    Said,
    Say,
    Topic,
    TopicTold,
    Users,
    Waiting,
    Welcome,
    Whispered,
    Who,
)

LIMIT = 24  # for the vectors; small, so that every cut of a frame at the limit is tried
TIME = 1700000000
CLOCK = 1700000123.456789
UNKNOWN = Malformed(Reason.UNKNOWN_COMMAND, None)
BROKEN = Broken(Reason.BROKEN)
TOO_LONG = Broken(Reason.TOO_LONG)


def frame(code, content=b"", name=b"", version=1, name_size=None, size=None, time=TIME):
    """A frame put together by hand, with lies where they are wanted."""
    numbers = [(version, 1), (code, 4), (len(name) if name_size is None else name_size, 4),
               (len(content) if size is None else size, 4)]
    return (b"".join(number.to_bytes(width, "big") for number, width in numbers) + name.ljust(10, b"\0")
            + time.to_bytes(4, "big") + content)


BY_HAND = [
    ("01 000000c8 00000003 00000003 616e6e00000000000000 6553f100 616e6e", [Login(b"ann", None)]),
    ("01 000000c8 00000000 00000003 00000000000000000000 6553f100 616e6e", [Login(b"ann", None)]),
    ("01 00000064 00000003 00000002 616e6e00000000000000 6553f100 6869", [Say(b"hi", None, TIME)]),
    ("01 00000064 0000000a 00000002 30313233343536373839 00000000 6869", [Say(b"hi", None, 0)]),
    ("01 000000ca 00000003 00000004 616e6e00000000000000 6553f100 616e6e61", [Rename(b"anna")]),
    ("01 000000cb 00000003 00000000 616e6e00000000000000 6553f100", [Who()]),
    ("01 000000c9 00000003 00000003 616e6e00000000000000 6553f100 626f62", [Describe(b"bob")]),
    ("01 000000d3 00000003 00000003 616e6e00000000000000 6553f100 312e35", [Ping(b"1.5")]),
    ("01 000000cd 00000003 00000000 616e6e00000000000000 6553f100", [Quit()]),
]

COMMAND_TABLE = [
    (frame(200, b""), [Login(b"", None)]),
    (frame(200, b"0123456789"), [Login(b"0123456789", None)]),
    (frame(200, b"/ann"), [Login(b"/ann", None)]),
    (frame(200, b"an\0n"), [Login(b"an", None)]),
    (frame(200, b"ann\0"), [Login(b"ann", None)]),
    (frame(200, b"ann\0\xff\xfe\x01 garbage"), [Login(b"ann", None)]),
    (frame(200, b"0123456789\0"), [Login(b"0123456789", None)]),
    (frame(200, b"\0"), [Login(b"", None)]),
    (frame(202, b"ann\0\0\xc3"), [Rename(b"ann")]),
    (frame(201, b"ann\0x"), [Describe(b"ann")]),
    (frame(200, b"ann secret"), [Login(b"ann", b"secret")]),
    (frame(200, b"ann two words"), [Login(b"ann", b"two words")]),
    (frame(200, b"ann  secret \0x"), [Login(b"ann", b"secret")]),
    (frame(200, b"0123456789 over ten bytes"[:LIMIT]), [Login(b"0123456789", b"over ten bytes"[:LIMIT - 11])]),
    (frame(200, b"ann "), [Login(b"ann ", None)]),
    (frame(200, b" ann"), [Login(b"", b"ann")]),
    (frame(202, b"ann pw"), [Rename(b"ann pw")]),
    (frame(202, b"", b"ann"), [Rename(b"")]),
    (frame(203, b"of no use"), [Who()]),
    (frame(205, b"of no use"), [Quit()]),
    (frame(201, b"anniv|abcd"), [Describe(b"anniv|abcd")]),
    (frame(201, b"a name of over ten bytes"), [Describe(b"a name of over ten bytes")]),
    (frame(201, b"\0" * 10), [Describe(b"")]),
    (frame(211), [Ping(b"")]),
    (frame(211, b"no number"), [Ping(b"no number")]),
    (frame(100, b"hi", "gr\u00fcn".encode()), [Say(b"hi", None, TIME)]),
    (frame(100, b"a\0b\x1b\r\nc\td"), [Say("a\u2400b\u241b\nc\td".encode(), None, TIME)]),
    (frame(100, b"hi", time=2**31), [Say(b"hi", None, 2**31)]),
    (frame(100, b"hi", time=2**32 - 1), [Say(b"hi", None, 2**32 - 1)]),
    (frame(100, b"hi", b"server"), [Say(b"hi", None, TIME)]),  # a claim that nobody looks at
]

STREAMS = [
    (b"", []),
    (frame(203)[:26], []),
    (frame(100, b"hi")[:-1], []),
    (frame(200, b"ann") + frame(100, b"hi", b"ann"), [Login(b"ann", None), Say(b"hi", None, TIME)]),
    (frame(205) + frame(203), [Quit(), Who()]),
    (frame(99) + frame(203), [UNKNOWN, Who()]),
    (frame(100, b"hiand more", size=2), [Say(b"hi", None, TIME), BROKEN]),
    (frame(100, b"hi" + frame(203), size=2), [Say(b"hi", None, TIME), Who()]),
    (frame(203) + b"\x02" + frame(203), [Who(), BROKEN]),
]

VERSIONS = [(frame(203, version=version), [BROKEN]) for version in (0, 2, 255)] + [
    (b"\0", [BROKEN]),
    (b"GET / HTTP/1.1\r\n\r\n", [BROKEN]),
    (b"\x16\x03\x01\x02\x00", [BROKEN]),
    (b"SSH-2.0-OpenSSH_9\r\n", [BROKEN]),
]

SERVER_TYPES = (101, 102, 204, 206, 207, 208, 209, 210, 212, 300, 301, 302, 303)
TYPES = [(frame(code), [UNKNOWN]) for code in SERVER_TYPES + (0, 99, 199, 2**31, 2**32 - 1)] + [
    (frame(99, b"\xff", b"\xff", name_size=0), [UNKNOWN]),
]

KINDS = {100: Say, 200: Login, 201: Describe, 202: Rename, 203: Who, 205: Quit, 211: Ping}
BAD_FIELDS = [
    (b"ann", 0), (b"ann", 2), (b"ann", 5), (b"ann", 9), (b"", 3), (b"\0ann", 4), (b"a\0nn", 4), (b"a\0nn", 3),
    (b"0123456789", 9), (b"\xc3", 1), ("123456789\u00fc".encode()[:10], 10), (b"\xff", 1), (b"\xed\xa0\x80", 3),
]  # fmt: skip
# As programs in C have them: the size counts the NUL, or is the field's; behind the NUL stands anything.
FIELDS_OF_C = [
    (b"ann", 4), (b"ann", 10), (b"ann\0x", 3), (b"ann\0\xff\xfe\0", 4), (b"ann\0\xffann\0", 10), (b"a\0nn", 1),
    (b"", 1), (b"", 10), (b"\0ann", 0), (b"012345678", 10), (b"0123456789", 10),
]  # fmt: skip
FIELDS = [
    (frame(code, b"a", name, name_size=size), [Malformed(Reason.BAD_FORM, KINDS[code])])
    for code in sorted(KINDS) for name, size in BAD_FIELDS
] + [
    (frame(100, b"hi", name, name_size=size), [Say(b"hi", None, TIME)]) for name, size in FIELDS_OF_C
] + [
    (frame(203, name_size=size), [BROKEN]) for size in (11, 2**24, 2**31, 2**32 - 1)
]  # fmt: skip

LENGTHS = [
    (frame(100), [Malformed(Reason.BAD_FORM, Say)]),
    (frame(100, b"x" * LIMIT), [Say(b"x" * LIMIT, None, TIME)]),
] + [
    (frame(code, size=size), [TOO_LONG])
    for code in (100, 99, 203) for size in (LIMIT + 1, LIMIT * 10, 2**31, 2**32 - 1)
] + [
    (frame(100, size=2)[:9] + b"\2\0\0\0" + frame(100)[13:], [TOO_LONG]),  # little-endian
    (frame(100)[:5] + b"\3\0\0\0" + frame(100)[9:], [BROKEN]),
]  # fmt: skip

LONG_NAMES = [
    (frame(code, name), [Malformed(Reason.INVALID_NAME, KINDS[code])])
    for code in (200, 202) for name in (b"01234567890", "\u00fc".encode() * 6, b"01234567890\0")
]  # fmt: skip

INVALID_UTF8 = [b"\xff", b"\xc0\xaf", b"a\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xff" * 20]
NOT_UTF8 = [(frame(code, raw), [Malformed(Reason.NOT_UTF8, KINDS[code])])
            for code in sorted(KINDS) for raw in INVALID_UTF8]

KINDS_IN_ROOMS = {400: Enter, 404: Say, 405: Exit, 406: Rooms, 408: Manage}
BAD_MANAGE, NO_ACT = Malformed(Reason.BAD_FORM, Manage), Malformed(Reason.UNKNOWN_COMMAND, Manage)
IN_ROOMS = [
    (bytes.fromhex("01 00000190 00000003 00000004 616e6e00000000000000 6553f100 23646576"), [Enter(b"#dev", None)]),
    (frame(400, b"#dev secret"), [Enter(b"#dev", b"secret")]),
    (frame(400, b"#dev  two words "), [Enter(b"#dev", b"two words")]),
    (frame(400, b"#dev\0garbage\xff"), [Enter(b"#dev", None)]),
    (frame(400, b"#d\xc3\xa9v a\x1bb"), [Enter("#d\u00e9v".encode(), "a\u241bb".encode())]),
    (frame(400, b"#"), [Enter(b"#", None)]),  # the chat knows what the name of a room is
    (frame(404, b"#dev hi"), [Say(b"hi", None, TIME, b"#dev")]),
    (frame(404, b"#dev  a\0b\r\nc "), [Say(" a\u2400b\nc ".encode(), None, TIME, b"#dev")]),
    (frame(404, b"#lobby hi", time=7), [Say(b"hi", None, 7, b"#lobby")]),
    (frame(404, b"#dev #ops hi"), [Say(b"#ops hi", None, TIME, b"#dev")]),
    (frame(100, b"#dev hi"), [Say(b"#dev hi", None, TIME)]),
    (frame(405, b"#dev"), [Exit(b"#dev")]),
    (frame(405, b" #dev \0"), [Exit(b"#dev")]),
    (frame(406), [Rooms(None)]),
    (frame(406, b"\0"), [Rooms(None)]),
    (frame(406, b"#*"), [Rooms(b"#*")]),
    (frame(408, b"#dev who"), [Who(b"#dev")]),
    (frame(408, b"#dev topic"), [Topic(b"#dev")]),
    (frame(408, b"#dev topic "), [Topic(b"#dev")]),
    (frame(408, b"#dev topic two words"), [Manage(b"#dev", "topic", b"", b"two words")]),
    (frame(408, b"#dev topic a\x1bb\0c"), [Manage(b"#dev", "topic", b"", "a\u241bb".encode())]),
    (frame(408, b"#dev topic -"), [Manage(b"#dev", "topic", b"", b"")]),
    (frame(408, b"#dev kick bob"), [Manage(b"#dev", "kick", b"bob", b"")]),
    (frame(408, b"#dev  kick  bob  why so "), [Manage(b"#dev", "kick", b"bob", b"why so")]),
    (frame(408, b"#dev ban bot* spam"), [Manage(b"#dev", "ban", b"bot*", b"spam")]),
    (frame(408, b"#dev mute bob"), [Manage(b"#dev", "mute", b"bob", b"")]),
    *((frame(408, b"#d %b bob" % act.encode()), [Manage(b"#d", act, b"bob", b"")])
      for act in ("invite", "unban", "unmute", "voice", "devoice", "op", "deop")),
    (frame(408, b"#dev set limit 20"), [Manage(b"#dev", "set", b"limit", b"20")]),
    (frame(408, b"#dev drop"), [Manage(b"#dev", "drop", b"", b"")]),
    *((frame(400, content), [Malformed(Reason.BAD_FORM, Enter)]) for content in (b"", b" ", b"dev", b" #dev", b"\0")),
    *((frame(404, content), [Malformed(Reason.BAD_FORM, Say)])
      for content in (b"", b"#dev", b"#dev ", b"dev hi", b" hi", b" #dev hi")),
    *((frame(405, content), [Malformed(Reason.BAD_FORM, Exit)]) for content in (b"", b"dev", b"#dev #ops", b"# x")),
    *((frame(408, content), [BAD_MANAGE]) for content in (
        b"", b"dev who", b"who", b" #dev who", b"#dev who bob", b"#dev drop it", b"#dev kick", b"#dev kick ",
        b"#dev op bob why", b"#dev voice", b"#dev set", b"#dev set limit", b"#dev set limit ", b"#dev unban bob why")),
    *((frame(408, content), [NO_ACT]) for content in (
        b"#dev", b"#dev ", b"#dev KICK bob", b"#dev x", b"#dev \xc3\xa9 bob", b"#dev bob kick")),
    *((frame(code, b"#\xff"), [Malformed(Reason.NOT_UTF8, KINDS_IN_ROOMS[code])]) for code in KINDS_IN_ROOMS),
    *((frame(code), [UNKNOWN]) for code in (401, 402, 403, 407, 409, 410, 411)),
]  # fmt: skip

VECTORS = (
    [(bytes.fromhex(digits), commands) for digits, commands in BY_HAND]
    + COMMAND_TABLE + STREAMS + VERSIONS + TYPES + FIELDS + LENGTHS + LONG_NAMES + NOT_UTF8 + IN_ROOMS
)  # fmt: skip


def decoder():
    return binary.Decoder({"text_bytes": LIMIT})


@for_each("stream, commands", VECTORS)
def test_a_stream_gives_its_commands_however_it_arrives(decoded, stream, commands):
    assert decoded(decoder, stream) == commands


@pytest.mark.parametrize("broken", [b"\0", frame(203, name_size=11), frame(100, size=LIMIT + 1)])
def test_nothing_is_read_once_the_framing_is_broken(broken):
    one = decoder()
    assert len(one.feed(broken + frame(203))) == 1
    assert one.feed(frame(203)) == []
    assert not one.unfinished


def test_a_length_is_refused_before_its_bytes_come():
    assert decoder().feed(frame(100, size=2**32 - 1)) == [TOO_LONG]
    assert decoder().feed(b"\2") == [BROKEN]


def test_a_frame_that_has_begun_is_unfinished():
    one = decoder()
    assert not one.unfinished
    one.feed(frame(100, b"hi")[:1])
    assert one.unfinished
    one.feed(frame(100, b"hi")[1:])
    assert not one.unfinished


FRAMES = st.builds(
    frame, st.sampled_from(sorted(KINDS) + sorted(KINDS_IN_ROOMS) + [99, 300]),
    st.one_of(st.binary(max_size=LIMIT + 2), st.text(max_size=8).map(str.encode), st.lists(
        st.sampled_from(["#dev", "#", " ", "kick", "topic", "set", "bob", "-", "\0"]), max_size=6).map(
            lambda words: "".join(words).encode()[:LIMIT])),
    st.binary(max_size=10), version=st.sampled_from([1] * 9 + [2]), time=st.integers(0, 2**32 - 1),
    size=st.one_of(st.none(), st.none(), st.integers(0, LIMIT + 1)),
    name_size=st.one_of(st.none(), st.none(), st.integers(0, 11)))
STREAM = st.one_of(st.binary(max_size=80), st.lists(FRAMES, max_size=5).map(b"".join), st.binary().map(b"\1".__add__))


@given(STREAM, st.lists(st.integers(0, 200)))
def test_any_bytes_raise_nothing_and_cuts_do_not_matter(stream, cuts):
    check_cuts(decoder, stream, cuts, 27 + LIMIT)


def test_a_large_frame_in_tiny_pieces_is_copied_once():
    stream = frame(100, b"x" * 30000)
    commands, copied = copied_in_tiny_pieces(binary.Decoder({"text_bytes": 1 << 20}), stream)
    assert commands == [Say(b"x" * 30000, None, TIME)]
    assert copied < 3 * len(stream)


# ---- what clients are told

Frame = collections.namedtuple("Frame", "code name time content")


def read(raw):
    """One frame as a client reads it that checks everything."""
    numbers = [int.from_bytes(raw[start:stop], "big") for start, stop in ((0, 1), (1, 5), (5, 9), (9, 13), (23, 27))]
    version, code, name_size, size, time = numbers
    name, content = raw[13:23], raw[27:]
    assert version == 1
    assert size == len(content)
    assert name[name_size:] == b"\0" * (10 - name_size)
    assert b"\0" not in name[:name_size]
    content.decode()
    return Frame(code, name[:name_size].decode(), time, content)


LONG_NAME = b"annabelle-the-first"
ALIASES = {LONG_NAME: b"annab|xn62"}


def told(happening, aliases=None):
    return [read(raw) for raw in binary.encode(happening, None, aliases or ALIASES)]


def short(name):
    return shortened(name, 10, ALIASES)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The server's clock stands still."""
    monkeypatch.setattr(binary, "now", lambda: CLOCK)


def own(code, content=b""):
    return [Frame(code, "server", int(CLOCK), content)]



TOLD = [
    (Welcome(b"ann", Login(b"ann", None)), own(207)),
    (Welcome(b"ann", Rename(b"ann")), own(206, b"ann")),
    (Welcome(LONG_NAME, Rename(LONG_NAME)), own(206, short(LONG_NAME))),
    (Refused(Reason.NAME_TAKEN, Login(b"ann", None)), own(209, b"The name is taken.")),
    (Refused(Reason.WRONG_PASSWORD, Login(b"ann", b"pw")), own(209, b"The password is wrong.")),
    (Refused(Reason.INVALID_NAME, Login), own(209, b"This cannot be a name.")),
    (Refused(Reason.BAD_FORM, Login), own(209, b"The message is not of the right form.")),
    (Refused(Reason.NAME_TAKEN, Rename(b"ann")), own(204, b"The name is taken.")),
    (Refused(Reason.INVALID_NAME, Rename), own(204, b"This cannot be a name.")),
    (Refused(Reason.MUST_LOGIN, Rename(b"ann")), own(102, b"You must join first.")),
    (Refused(Reason.MUST_LOGIN, Rename), own(102, b"You must join first.")),
    (Refused(Reason.MUST_LOGIN, Say(b"hi", None, 0)), own(102, b"You must join first.")),
    (Refused(Reason.NOBODY, Describe(b"bob")), own(210)),
    (Refused(Reason.NOT_UTF8, Describe), own(210)),
    (Refused(Reason.UNKNOWN_COMMAND, None), own(102, b"There is no such command.")),
    (Refused(Reason.NOT_UTF8, Say), own(102, b"The message is not valid UTF-8.")),
    (Present([b"ann", b"bob"]), own(303, b"['ann', 'bob']")),
    (Present([]), own(303, b"[]")),
    (Present([b"it's", "gr\u00fcn".encode(), b"\\"]), own(303, "[\"it's\", 'gr\u00fcn', '\\\\']".encode())),
    (Described(b"bob", "127.0.0.1", 42546), own(210, b"('bob', '127.0.0.1', 42546)")),
    (Pong(b"1700000000.1234567"), own(212, b"1700000000.1234567")),
    (Done(Quit()), own(208)),
    (Done(Say(b"hi", None, 0)), []),
    (Said(b"ann", b"hi\n\tyou", 7), [Frame(100, "ann", 7, b"hi\n\tyou")]),
    (Said(b"ann", b"hi", -1), [Frame(100, "ann", 0, b"hi")]),
    (Said(b"ann", b"hi", 2**32), [Frame(100, "ann", 2**32 - 1, b"hi")]),
    (Said(b"ann", b"[direct] [direct] hi", 7), [Frame(100, "ann", 7, "\uff3bdirect] \uff3bdirect] hi".encode())]),
    (Said(b"ann", b"[direct]hi", 7), [Frame(100, "ann", 7, b"[direct]hi")]),
    (Said("0123456789".encode(), b"hi", 7), [Frame(100, "0123456789", 7, b"hi")]),
    (Said(LONG_NAME, b"hi", 7), [Frame(100, short(LONG_NAME).decode(), 7, b"hi")]),
    (Whispered(b"ann", b"hi", 7), [Frame(100, "ann", 7, b"[direct] hi")]),
    (Whispered(b"ann", b"[direct] hi", 7), [Frame(100, "ann", 7, b"[direct] [direct] hi")]),
    (Joined(b"bob"), own(300, b"bob joined!")),
    (Left(b"bob"), own(301, b"bob left!")),
    (Renamed(b"bob", b"bobby"), own(302, b"user 'bob' changed username to 'bobby'!")),
    (Joined(LONG_NAME), own(300, short(LONG_NAME) + b" joined!")),
    (Left(LONG_NAME), own(301, short(LONG_NAME) + b" left!")),
    (Renamed(LONG_NAME, b"ann"), own(302, b"user '" + short(LONG_NAME) + b"' changed username to 'ann'!")),
    (Farewell(Reason.SHUTDOWN), own(102, b"The server is shutting down.")),
    (Known([b"ann"]), []),
    (Past([(b"ann", b"hi", 7)]), []),
    (Missed([]), []),
    (Missed([(b"ann", b"hi", 7), (b"bob", b"ho", 8)]),
     [Frame(100, "ann", 7, b"[direct] hi"), Frame(100, "bob", 8, b"[direct] ho")]),
    (Waiting(2), []),
    (Marked([(b"bob", True)], {b"bob": 2}), []),
    (Recalled([(3, b"ann", b"hi", 1)], 3, False), []),
    (News([(b"ann", True)]), []),
    (Users([(b"ann", True)]), []),
    (RolesTold(b"#dev", [(b"ann", b"op")], []), []),
    (Inside(b"#dev", b"", Enter(b"#dev", None)), own(401, b"#dev")),
    (Inside(b"#dev", b"the\ntopic", Enter(b"#dev", None)), own(401, "#dev the\u2424topic".encode())),
    (Done(Enter(b"#dev", None)), own(401, b"#dev")),
    (Done(Exit(b"#dev")), own(401, b"#dev")),
    (Done(Manage(b"#dev", "kick", b"bob", b"")), own(401, b"#dev")),
    (Done(Say(b"hi", None, 0, b"#dev")), []),
    (Refused(Reason.BANNED, Enter(b"#dev", None)), own(402, b"#dev You are banned here.")),
    (Refused(Reason.MUST_LOGIN, Enter(b"#dev", None)), own(402, b"#dev You must join first.")),
    (Refused(Reason.MUTED, Say(b"hi", None, 0, b"#dev")), own(402, b"#dev You are muted here.")),
    (Refused(Reason.NOT_INSIDE, Exit(b"#dev")), own(402, b"#dev You are not in this room.")),
    (Refused(Reason.NO_ROOM, Who(b"#dev")), own(402, b"#dev There is no such room.")),
    (Refused(Reason.NO_ROOM, Topic(b"#dev")), own(402, b"#dev There is no such room.")),
    (Refused(Reason.OUTRANKED, Manage(b"#dev", "kick", b"bob", b"")),
     own(402, b"#dev That user has the same role as you or a higher one.")),
    (Refused(Reason.INVALID_ROOM, Enter(b"#\x1b[2J\n", None)),
     own(402, "#\u241b[2J\u2424 This cannot be the name of a room.".encode())),
    (Refused(Reason.INVALID_ROOM, Enter(b"#" + b"x" * 600, None)), own(402, b"This cannot be the name of a room.")),
    (Refused(Reason.BAD_FORM, Enter), own(402, b"The message is not of the right form.")),
    (Refused(Reason.MUST_LOGIN, Rooms(None)), own(402, b"You must join first.")),
    (Refused(Reason.MUTED, Say(b"hi", None, 0)), own(102, b"You are muted here.")),
    (Said(b"ann", b"hi", 7, None, b"#dev"), [Frame(404, "ann", 7, b"#dev hi")]),
    (Said(b"ann", b"#ops hi\n#ops hi", 7, None, b"#dev"), [Frame(404, "ann", 7, b"#dev #ops hi\n\t#ops hi")]),
    (Said(b"ann", b"[direct] hi", 7, None, b"#dev"), [Frame(404, "ann", 7, "#dev \uff3bdirect] hi".encode())]),
    (Said(LONG_NAME, b"x" * 2020, 7, None, b"#dev"),
     [Frame(404, "annab|xn62", 7, b"#dev " + b"x" * 2016), Frame(404, "annab|xn62", 7, b"#dev xxxx")]),
    (Present([b"ann", LONG_NAME], b"#dev"), own(410, b"#dev ['ann', 'annab|xn62']")),
    (TopicTold(b"#dev", b"the topic", b"ann", 7), own(401, b"#dev the topic")),
    (TopicTold(b"#dev", b"", b"", 0), own(401, b"#dev")),
    (TopicTold(b"", b"the topic", b"ann", 7), own(401, b"#lobby the topic")),
    (TopicTold(b"#dev", "\u00e9".encode() * 1010, b"ann", 7),
     own(401, b"#dev " + "\u00e9".encode() * 1006 + "\u2026".encode())),
    (RoomList([]), own(407, b"[]")),
    (RoomList([(b"#dev", 12, b"it's", True), (b"#ops", 1, b"", False)]),
     own(407, b"[('#dev', 12, \"it's\"), ('#ops', 1, '')]")),
    (Entered(b"#dev", b"bob"), own(409, b"#dev bob joined")),
    (Exited(b"#dev", LONG_NAME), own(409, b"#dev annab|xn62 left")),
    (Entered(b"", b"bob"), own(300, b"bob joined!")),
    (Exited(b"", b"bob"), own(301, b"bob left!")),
    (Renamed(LONG_NAME, b"rob", b"#dev"), own(409, b"#dev annab|xn62 is now rob")),
    (Managed(b"#dev", "kick", LONG_NAME, b"bob", b"why"), own(409, b"#dev annab|xn62 kicked bob: why")),
    (Managed(b"#dev", "voice", b"ann", LONG_NAME, b""), own(409, b"#dev ann gave annab|xn62 a voice")),
    (Managed(b"#dev", "ban", b"ann", LONG_NAME + b"*", b""), own(409, b"#dev ann banned %b*" % LONG_NAME)),
    (Managed(b"#dev", "kick", b"ann", b"bob", b"x" * 3000),
     own(409, b"#dev ann kicked bob: " + b"x" * (2021 - 24) + "\u2026".encode())),
    (Managed(b"", "set", b"ann", b"slow", b"5"), own(101, b"ann set slow: 5")),
    (Invited(b"#dev", LONG_NAME), own(101, b"annab|xn62 invites you to #dev")),
    (Notice(b"welcome\nall"), own(101, b"welcome\n\tall")),
    (Notice(b"x" * 2022), own(101, b"x" * 2021) + own(101, b"x")),
    *((happening, []) for happening in ONLY_FOR_NUMBERED),
]


@for_each("happening, frames", TOLD)
def test_a_happening_is_told_in_the_frames_of_the_document(happening, frames):
    assert told(happening) == frames


def test_a_frame_has_the_bytes_of_the_document():
    assert binary.encode(Said(b"ann", b"hi", TIME), None) == (
        bytes.fromhex("01 00000064 00000003 00000002 616e6e00000000000000 6553f100 6869"),)
    assert binary.encode(Joined(b"bob"), None) == (
        bytes.fromhex("01 0000012c 00000006 0000000b 73657276657200000000 6553f17b 626f62206a6f696e656421"),)


def test_every_kind_of_happening_can_be_told():
    assert set(binary.ENCODERS) == set(events.HAPPENINGS)
    assert {type(happening) for happening, _ in TOLD} == set(events.HAPPENINGS)


@for_each("reason", events.REASONS)
def test_every_reason_has_words(reason):
    for happening in Refused(reason, None), Refused(reason, Say), Farewell(reason):
        (only,) = told(happening)
        assert only.code == 102
        assert 5 < len(only.content) < 60
    words = told(Refused(reason, Say))[0].content
    assert [(one.code, one.content) for kind in (Login, Rename, Describe) for one in told(Refused(reason, kind))] == [
        (209, words), (102 if reason == Reason.MUST_LOGIN else 204, words), (210, b"")]


@pytest.mark.parametrize("token", [b"0", b"1.5", b"-1.5", b"+.5", b"5.", b"1e9", b"1.7E+09", b"1" * 40])
def test_a_number_comes_back_from_a_ping(token):
    assert told(Pong(token)) == own(212, token)


@pytest.mark.parametrize("token", [
    b"", b" 1", b"1\n", b"1_0", b"nan", b"inf", b"0x1", b"1e", b".", b"+", b"1.5.5", b"__import__('os')", b"1" * 41,
    "\u0663".encode(),
])  # fmt: skip
def test_whatever_else_a_ping_holds_is_answered_with_the_time(token):
    assert told(Pong(token)) == own(212, b"1700000123.456789")


@for_each("reason", events.REASONS)
def test_every_reason_has_words_in_rooms(reason):
    words = told(Refused(reason, None))[0].content
    for asked in Enter(b"#dev", b"key"), Exit(b"#dev"), Say(b"hi", None, 0, b"#dev"), Topic(b"#dev"), Who(b"#dev"):
        assert told(Refused(reason, asked)) == own(402, b"#dev " + (
            b"You must join first." if reason == Reason.MUST_LOGIN else words))
    for kind in Enter, Exit, Rooms, Manage:
        assert told(Refused(reason, kind)) == own(402, words)


NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), blacklist_characters="|"),
                min_size=1, max_size=32).map(str.encode)  # fmt: skip


@given(st.lists(NAMES), NAMES, st.text(st.sampled_from("0123456789.:abcdef")), st.integers(0, 65535))
def test_what_clients_read_as_python_holds_names_and_addresses_only(names, name, host, port):
    (users,), (user,) = told(Present(names)), told(Described(name, host, port))
    literal = ast.literal_eval  # noqa: TID251 - what existing clients read it with, or worse
    assert literal(users.content.decode()) == [short(one).decode() for one in names]
    assert literal(user.content.decode()) == (short(name).decode(), host, port)


@pytest.mark.parametrize("name", [b"['a','b']", b"__import__('os')", b"(1,2)", b"'+'", b'"""', b"{0}", b"%s"])
def test_a_name_that_looks_like_python_is_a_text(name):
    (users,) = told(Present([name]))
    assert ast.literal_eval(users.content.decode()) == [short(name).decode()]  # noqa: TID251


TEXTS = st.one_of(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1),
    st.builds(lambda unit, times: unit * times, st.sampled_from(["x", "\u00fc", "\u20ac", "\U0001f600"]),
              st.integers(1, 2500)))  # fmt: skip


@given(TEXTS, st.integers(0, 9))
@example("\U0001f600" * 4096, 3)
@example("[direct] " * 1000, 8)
def test_a_long_text_comes_whole_in_frames_for_one_recv(text, offset):
    text = "x" * offset + text
    for happening, mark in (Said(b"ann", text.encode(), 7), ""), (Whispered(b"ann", text.encode(), 7), "[direct] "):
        raw = binary.encode(happening, None)
        assert all(len(one) <= 2048 for one in raw)
        contents = [read(one).content.decode() for one in raw]
        assert all(content.startswith("[direct] ") is bool(mark) for content in contents)
        whole = "".join(content[len(mark):] for content in contents)
        assert whole == (text if mark else text.replace("[direct] ", "\uff3bdirect] "))


@given(TEXTS, st.integers(0, 9), st.sampled_from(["#d", "#" + "\U0001f600" * 32]))
@example("\U0001f600" * 4096, 3, "#dev")
@example("[direct] #ops \n" * 1000, 8, "#dev")
def test_a_long_text_in_a_room_has_the_room_in_each_of_its_frames(text, offset, room):
    text = "x" * offset + text
    raw = binary.encode(Said(b"ann", text.encode(), 7, None, room.encode()), None)
    assert all(len(one) <= 2048 for one in raw)
    frames = [read(one) for one in raw]
    assert {(one.code, one.name, one.content.decode().split(" ")[0]) for one in frames} == {(404, "ann", room)}
    whole = "".join(one.content.decode()[len(room) + 1:] for one in frames)
    assert whole == text.replace("[direct] ", "\uff3bdirect] ").replace("\n", "\n\t")


@pytest.mark.parametrize("size, frames", [(1, 1), (2021, 1), (2022, 2), (16384, 9)])
def test_a_text_is_cut_no_sooner_than_it_has_to(size, frames):
    assert len(told(Said(b"ann", b"x" * size, 7))) == frames


@given(NAMES, NAMES, TEXTS)
def test_whatever_happens_is_told_in_readable_frames(name, other, text):
    for happening in Joined(name), Left(name), Renamed(name, other), Said(name, text.encode(), 1):
        assert told(happening)


def test_the_module_has_the_form_that_the_server_expects():
    assert (binary.NAME, binary.PORT, binary.IDLE_TIMEOUT) == ("binary", 12000, 0)
    assert binary.FORMS[binary.Decoder.form] is binary.encode
    assert not binary.TRAITS.coalesces
    assert binary.TRAITS.open_to_strangers == (Who, Describe, Ping, Quit)


# ---- names that are too long


# Each kind of happening with names in it, and what is read of it.
NAMED = {
    Welcome: lambda name: Welcome(name, Rename(name)),
    Said: lambda name: Said(name, b"hi", 1),
    Whispered: lambda name: Whispered(name, b"hi", 1),
    Joined: Joined,
    Left: Left,
    Renamed: lambda name: Renamed(name, name),
    Present: lambda name: Present([name]),
    Described: lambda name: Described(name, "::1", 1),
    Entered: lambda name: Entered(b"#dev", name),
    Exited: lambda name: Exited(b"#dev", name),
    Invited: lambda name: Invited(b"#dev", name),
    Managed: lambda name: Managed(b"#dev", "topic", name, b"", b"x"),
}


@for_each("kind", NAMED)
@for_each("name, shown", [
    (LONG_NAME, "annab|xn62"), (b"0123456789", "0123456789"), (b"not-here-any-more", "not-here-|"),
])  # fmt: skip
def test_wherever_a_name_stands_it_is_short(kind, name, shown):
    (frame,) = told(NAMED[kind](name))
    assert frame.name == (shown if kind in (Said, Whispered) else "server")
    times = {Said: 0, Whispered: 0, Renamed: 2}.get(kind, 1)
    assert frame.content.count(shown.encode()) == times
    assert shown == name.decode() or name not in frame.content


def test_every_kind_of_happening_with_a_name_in_it_is_told_or_says_nothing():
    fields = {"name", "names", "sender", "old", "new", "by"}
    with_names = {kind for kind in events.HAPPENINGS if fields & set(kind._fields)}
    silent = {events.Known, events.IsTyping, events.Presence, events.WhoisTold, events.Looked, events.Changed,
              events.Wallopped, events.Redacted, events.DevicesTold, events.DevicesChanged,
              TopicTold}  # the last does not tell who set it
    assert with_names - set(NAMED) == silent
    assert told(Known([LONG_NAME])) == []


def test_a_frame_depends_on_nothing_but_what_it_is_made_of():
    assert binary.encode(Joined(LONG_NAME), None, {LONG_NAME: b"annab|2222"})[0].endswith(b"annab|2222 joined!")
    assert binary.encode(Joined(LONG_NAME), None)[0].endswith(b"annabelle|" + b" joined!")
