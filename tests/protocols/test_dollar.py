"""The `dollar` protocol: packets by hand, multiplied by the ways in which they arrive, and what is sent, read back."""
import ast
import json
import time

import pytest
from cases import for_each
from for_numbered import ONLY_FOR_NUMBERED
from hypothesis import given
from hypothesis import strategies as st

from parley.server.protocols import dollar, events
from parley.server.protocols.events import (
    Broken,
    Create,
    Delete,
    Described,
    Done,
    Enter,
    Entered,
    Exit,
    Exited,
    Farewell,
    History,
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
    Ping,
    Poll,
    Pong,
    Present,
    Quit,
    Reason,
    Recall,
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

LIMIT = 16  # for the vectors; small, so that every cut of a packet at the limit is tried
DATA_LIMIT = 4 * LIMIT + 4096


def packet(data):
    """As the existing client makes it."""
    data = data if isinstance(data, bytes) else data.encode()
    return b"$" + str(len(data)).ljust(10).encode() + data + b"$"


def refused(reason, asked):
    return [Malformed(reason, asked)]


def bad_form(asked):
    return refused(Reason.BAD_FORM, asked)


BROKEN = [Broken(Reason.BROKEN)]
TOO_LONG = [Broken(Reason.TOO_LONG)]
POLL = b"{'purpose': 'poll'}"  # 19 bytes

# Written out in full once: nothing here is computed.
BY_HAND = [
    (b"$60        {'purpose': 'login', 'username': 'Alice', 'password': '123'}$", [SignIn(b"Alice", b"123")]),
    (b"$84        {'purpose': 'send_message', 'from_user': 'Alice', 'to_user': 'Bob', 'message': 'hi'}$",
     [Whisper(b"Bob", b"hi", b"Alice", None)]),
    (b"$62        {'purpose': 'start_reload_message_list', 'target_user': 'Bob'}$", [History(b"Bob")]),
    (b"$19        {'purpose': 'exit'}$", [Quit()]),
    (b"$19        {'purpose': 'poll'}$", [Poll()]),
    (b"$19{'purpose': 'poll'}$", [Poll()]),
    (b'$19        {"purpose": "poll"}$', [Poll()]),
    (b'$19{"purpose": "poll"}$', [Poll()]),
]

LENGTHS = [
    (b"$19        " + POLL + b"$", [Poll()]),
    (b"$        19" + POLL + b"$", [Poll()]),
    (b"$    19    " + POLL + b"$", [Poll()]),
    (b"$0000000019" + POLL + b"$", [Poll()]),
    (b"$00019     " + POLL + b"$", [Poll()]),
    (b"$019" + POLL + b"$", [Poll()]),
    (b"$000000019" + POLL + b"$", [Poll()]),
    (b"$21         " + POLL + b" $", [Poll()]),  # a padded length, then data that begins with a space
    (b"$0         $", bad_form(None)),
    (b"$0$", bad_form(None)),
    (b"$1         7$", bad_form(None)),
    (b"$1$$", bad_form(None)),
    (b"$3abc$", bad_form(None)),
    (b"$20 " + POLL + b"$", BROKEN),  # an unpadded length, then data that begins with a space: nobody can tell
    (b"$19 " + POLL + b"$", BROKEN),
    (b"$ 19" + POLL + b"$", BROKEN),
    (b"$  19" + POLL + b"$", BROKEN),
    (b"$          " + POLL + b"$", BROKEN),
    (b"$" + POLL + b"$", BROKEN),
    (b"$$", BROKEN),
    (b"$-5        hello$", BROKEN),
    (b"$+5        hello$", BROKEN),
    (b"$ -5       hello$", BROKEN),
    (b"$1_9       " + POLL + b"$", BROKEN),
    (b"$0x13      " + POLL + b"$", BROKEN),
    (b"$5 5       hello$", BROKEN),
    (b"$19 1      ............$", BROKEN),  # would be nineteen bytes, counted from the second number
    (b"$1.9       " + POLL + b"$", BROKEN),
    (b"$\xd9\xa3        abc$", BROKEN),
    (b"$\xb2         ab$", BROKEN),
    (b"$19\t       " + POLL + b"$", BROKEN),
    (b"$19\0\0\0\0\0\0\0\0" + POLL + b"$", BROKEN),
    (b"$00000000019" + POLL + b"$", BROKEN),  # eleven digits
    (b"$12345678901", TOO_LONG),
    (b"$9999999999", TOO_LONG),
    (b"$%-10d" % (DATA_LIMIT + 1), TOO_LONG),
    (b"$%d{" % (DATA_LIMIT + 1), TOO_LONG),
    (packet(POLL + b" " * (DATA_LIMIT - 19)), [Poll()]),
    (b"$18        " + POLL + b"$", BROKEN),  # too short by one
    (b"$20        " + POLL + b"$", []),  # too long by one: its "$" is data, and then there is none
    (b"$20        " + POLL + b"$" + packet(POLL), bad_form(None) + BROKEN),
    (b"$20        " + POLL + b"$x", BROKEN),
    (packet(POLL) + b"\n" + packet(POLL), [Poll(), *BROKEN]),
    (packet(POLL) * 3, [Poll()] * 3),
    (packet(POLL) + b"$19{'purpose': 'exit'}$" + packet(POLL)[:-1], [Poll(), Quit()]),
    (b"{'purpose': 'poll'}", BROKEN),
    (b"x19        " + POLL + b"$", BROKEN),
    (packet(POLL) + b"#19" + POLL + b"$", [Poll(), *BROKEN]),
    (b"GET / HTTP/1.1\r\n\r\n", BROKEN),
    (b"\x16\x03\x01\x02\x00\x01", BROKEN),
    (b"SSH-2.0-a\r\n", BROKEN),
    (b"", []),
    (b"$", []),
    (b"$19", []),
    (b"$         ", []),
]


def message(text, to="bob", claimed="ann"):
    return packet(repr({"purpose": "send_message", "from_user": claimed, "to_user": to, "message": text}))


def whispered(text):
    return [Whisper(b"bob", text.encode(), b"ann", None)]


REQUESTS = [
    (message("hi"), whispered("hi")),
    (message("hi", to="lobby"), [Say(b"hi", b"ann", None)]),
    (message("hi", to="Lobby"), [Whisper(b"Lobby", b"hi", b"ann", None)]),
    (message("hi", to="ann"), refused(Reason.YOURSELF, Whisper)),
    (message("hi", to=""), [Whisper(b"", b"hi", b"ann", None)]),
    (message("hi", claimed="lobby", to="lobby"), [Say(b"hi", b"lobby", None)]),
    (message(" "), whispered(" ")),
    (message("$19{'poll'}$"), whispered("$19{'poll'}$")),
    (message("a$"), whispered("a$")),
    (message("it's \"x\" \\"), whispered("it's \"x\" \\")),
    (message("\x1b[2J\x07"), whispered("\u241b[2J\u2407")),
    (message("\x00\x7f\u2028"), whispered("\u2400\u2421\u2424")),
    (message("a\r\nb\rc"), whispered("a\nb\u240dc")),
    (message("\u202eabc"), whispered("\u202eabc\u202c")),
    (message("\U0001f600" * 4), whispered("\U0001f600" * 4)),
    (message("x" * LIMIT), whispered("x" * LIMIT)),
    (message("x" * (LIMIT + 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    (message("x" * (LIMIT + 1), to="lobby"), refused(Reason.TEXT_TOO_LONG, Say)),
    (message("\u00e9" * (LIMIT // 2 + 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    (message("\r\n" + "x" * (LIMIT - 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),  # as received, and as kept
    (message("\x1b" * (LIMIT // 3 + 1)), refused(Reason.TEXT_TOO_LONG, Whisper)),
    (message(""), bad_form(Whisper)),
    (message("", to="lobby"), bad_form(Say)),
    (message(1), bad_form(Whisper)),
    (message(None), bad_form(Whisper)),
    (message(["hi"]), bad_form(Whisper)),
    (message("hi", to=["lobby"]), bad_form(Whisper)),
    (message("hi", to=None), bad_form(Whisper)),
    (message("hi", claimed=None), bad_form(Whisper)),
    (message("hi", claimed=1, to="lobby"), bad_form(Say)),
    (packet("{'purpose': 'send_message'}"), bad_form(Whisper)),
    (packet("{'purpose': 'send_message', 'to_user': 'lobby'}"), bad_form(Say)),
    (packet("{'purpose': 'login'}"), bad_form(SignIn)),
    (packet("{'purpose': 'login', 'username': 'a'}"), bad_form(SignIn)),
    (packet("{'purpose': 'login', 'username': ['a'], 'password': 'b'}"), bad_form(SignIn)),
    (packet("{'purpose': 'login', 'username': None, 'password': 'b'}"), bad_form(SignIn)),
    (packet("{'purpose': 'login', 'username': 'a', 'password': 123}"), bad_form(SignIn)),
    (packet("{'purpose': 'login', 'username': 'a', 'password': True}"), bad_form(SignIn)),
    (packet("{'purpose': 'login', 'username': '', 'password': ''}"), [SignIn(b"", b"")]),
    (packet("{'purpose': 'login', 'username': 'b\u00f6b', 'password': '\\ud83d\\ude00'}"),
     [SignIn("b\u00f6b".encode(), "\U0001f600".encode())]),
    (packet("{'purpose': 'login', 'username': 'a', 'password': 'b', 'is_admin': 1, 'x': [{}]}"), [SignIn(b"a", b"b")]),
    (packet("{'purpose': 'start_reload_message_list', 'target_user': 'lobby'}"), [Recall(None, dollar.LOBBY_HISTORY)]),
    (packet("{'purpose': 'start_reload_message_list'}"), bad_form(History)),
    (packet("{'purpose': 'start_reload_message_list', 'target_user': 1}"), bad_form(History)),
    (packet("{'purpose': 'start_reload_message_list', 'target_user': 'bob', 'limit': -1}"), [History(b"bob")]),
    (packet("{'purpose': 'exit', 'x': 1}") + packet(POLL), [Quit(), Poll()]),
]

PURPOSES = [
    (packet("{'purpose': 'hello'}"), [Ping(b"hello")]),
    (packet("{'purpose': ''}"), [Ping(b"")]),
    (packet("{'purpose': 'Login'}"), [Ping(b"Login")]),
    (packet("{'purpose': 'receive_message'}"), [Ping(b"receive_message")]),
    (packet(repr({"purpose": "'\u00e9\n\U0001f600"})), [Ping("'\u00e9\n\U0001f600".encode())]),
    (packet("{'purpose': '%s'}" % ("\u00e9" * 64)), [Ping("\u00e9".encode() * 64)]),
    (packet("{'purpose': '%s'}" % ("x" * 65)), bad_form(None)),
    (packet("{'purpose': '%s'}" % ("x" * 4000)), bad_form(None)),
    (packet("{'purpose': None}"), bad_form(None)),
    (packet("{'purpose': 1}"), bad_form(None)),
    (packet("{'purpose': ['login']}"), bad_form(None)),
    (packet("{'purpose': {}}"), bad_form(None)),
    (packet("{'username': 'a'}"), bad_form(None)),
    (packet("{}"), bad_form(None)),
    (packet(""), bad_form(None)),
    (packet("[1]"), bad_form(None)),
    (packet("'x'"), bad_form(None)),
    (packet("1"), bad_form(None)),
    (packet("__import__('os').system('id')"), bad_form(None)),
    (packet("{'purpose': __import__('os').system('id')}"), bad_form(None)),
    (packet("{'purpose': 'login', 'purpose': 'exit'}"), bad_form(None)),
    (packet("{'purpose': 'exit', 'x': %s}" % ("[" * 1000 + "]" * 1000)), bad_form(None)),
    (packet("{'purpose': 'exit', 'x': %s}" % ("9" * 19)), bad_form(None)),
    (packet("{'purpose': 'exit', 'x': NaN}"), bad_form(None)),
    (packet(r"{'purpose': '\ud800'}"), bad_form(None)),
    (packet("{'purpose': 'exit',}"), bad_form(None)),
    (packet(b"{'purpose': '\xff'}"), refused(Reason.NOT_UTF8, None)),
    (packet(b"{'purpose': '\xed\xa0\x80'}"), refused(Reason.NOT_UTF8, None)),
    (packet(b"\xc3"), refused(Reason.NOT_UTF8, None)),
    (packet(b"\xc0\xaf") + packet(POLL), [*refused(Reason.NOT_UTF8, None), Poll()]),
]

def asks(purpose, **fields):
    return packet(repr(dict({"purpose": purpose}, **fields)))


def of_room(act, **fields):
    return asks("room", room="#dev", act=act, **fields)


IN_ROOMS = [
    (b"$44        {'purpose': 'join_room', 'room': '#dev1234'}$", [Enter(b"#dev1234", None)]),
    (asks("join_room", room="#dev", key="two words"), [Enter(b"#dev", b"two words")]),
    (asks("join_room", room="#d\u00e9v", key="\x1b"), [Enter("#d\u00e9v".encode(), "\u241b".encode())]),
    (asks("join_room", room="#dev", key=None), [Enter(b"#dev", None)]),
    (asks("join_room", room="#dev", key=""), [Enter(b"#dev", None)]),
    (asks("join_room", room="#"), [Enter(b"#", None)]),  # the chat knows what the name of a room is
    (asks("leave_room", room="#dev"), [Exit(b"#dev")]),
    (asks("list_rooms"), [Rooms(None)]),
    (asks("list_rooms", pattern=""), [Rooms(None)]),
    (asks("list_rooms", pattern="#*"), [Rooms(b"#*")]),
    (message("hi", to="#dev"), [Say(b"hi", b"ann", None, b"#dev")]),
    (message("hi", to="#lobby"), [Say(b"hi", b"ann", None, b"#lobby")]),
    (message("hi", to="#dev", claimed="#dev"), [Say(b"hi", b"#dev", None, b"#dev")]),
    (message("a\r\nb", to="#"), [Say(b"a\nb", b"ann", None, b"#")]),
    (message("", to="#dev"), bad_form(Say)),
    (message(1, to="#dev"), bad_form(Say)),
    (message("x" * (LIMIT + 1), to="#dev"), refused(Reason.TEXT_TOO_LONG, Say)),
    (asks("start_reload_message_list", target_user="#dev"), [Recall(None, dollar.LOBBY_HISTORY, b"#dev")]),
    (of_room("who"), [Who(b"#dev")]),
    (of_room("who", about="", text=""), [Who(b"#dev")]),
    (of_room("topic"), [Topic(b"#dev")]),
    (of_room("topic", text=None), [Topic(b"#dev")]),
    (of_room("topic", text="two words"), [Manage(b"#dev", "topic", b"", b"two words")]),
    (of_room("topic", text="\x1b"), [Manage(b"#dev", "topic", b"", "\u241b".encode())]),
    (of_room("topic", text=""), [Manage(b"#dev", "topic", b"", b"")]),
    (of_room("topic", text="-"), [Manage(b"#dev", "topic", b"", b"")]),
    (of_room("topic", text="x" * (LIMIT + 1)), refused(Reason.TEXT_TOO_LONG, Manage)),
    (of_room("kick", about="bob"), [Manage(b"#dev", "kick", b"bob", b"")]),
    (of_room("kick", about="bob", text="why so"), [Manage(b"#dev", "kick", b"bob", b"why so")]),
    (of_room("ban", about="bot*", text=""), [Manage(b"#dev", "ban", b"bot*", b"")]),
    (of_room("mute", about="bob"), [Manage(b"#dev", "mute", b"bob", b"")]),
    *((of_room(act, about="bob"), [Manage(b"#dev", act, b"bob", b"")])
      for act in ("invite", "unban", "unmute", "voice", "devoice", "op", "deop")),
    (of_room("set", about="limit", text="20"), [Manage(b"#dev", "set", b"limit", b"20")]),
    (of_room("drop"), [Manage(b"#dev", "drop", b"", b"")]),
    *((asks("join_room", **fields), bad_form(Enter)) for fields in (
        {}, {"room": "dev"}, {"room": ""}, {"room": None}, {"room": 1}, {"room": ["#dev"]}, {"key": "x"},
        {"room": "#dev", "key": 1}, {"room": "#dev", "key": ["x"]})),
    *((asks("leave_room", **fields), bad_form(Exit)) for fields in ({}, {"room": "dev"}, {"room": True})),
    *((asks("list_rooms", pattern=pattern), bad_form(Rooms)) for pattern in (1, ["#*"], {})),
    *((asks("room", **fields), bad_form(Manage)) for fields in (
        {}, {"room": "#dev"}, {"act": "who"}, {"room": "dev", "act": "who"}, {"room": 1, "act": "who"},
        {"room": "#dev", "act": 1}, {"room": "#dev", "act": None}, {"room": "#dev", "act": ["who"]})),
    *((of_room(act, **fields), bad_form(Manage)) for act, fields in (
        ("who", {"about": "bob"}), ("who", {"text": "x"}), ("drop", {"text": "x"}), ("kick", {}),
        ("kick", {"text": "x"}),
        ("kick", {"about": ""}), ("kick", {"about": 1}), ("kick", {"about": "bob", "text": 1}),
        ("op", {"about": "bob", "text": "x"}), ("set", {"about": "limit"}), ("set", {"text": "20"}),
        ("set", {"about": "limit", "text": 20}), ("topic", {"about": "x"}), ("topic", {"text": ["x"]}))),
    *((of_room(act, about="bob"), refused(Reason.UNKNOWN_COMMAND, Manage)) for act in ("", "KICK", "x", "\u00e9")),
]

VECTORS = BY_HAND + LENGTHS + REQUESTS + PURPOSES + IN_ROOMS

FORMS_OF_REQUESTS = [
    (b"{'purpose': 'poll'}", "python"),
    (b'{"purpose": "poll"}', "json"),
    (b'''{'purpose': 'login', "it's": 1}''', "python"),
    (b'''{"purpose": 'poll'}''', "json"),
    (b"{}", "python"),
    (b"\xff\"", "json"),
    (b"nonsense", "python"),
]


def decoder(limit=LIMIT):
    return dollar.Decoder({"text_bytes": limit})


def short(value):
    return repr(value)[:60]


@for_each("stream, commands", VECTORS)
def test_a_stream_gives_its_commands_however_it_arrives(decoded, stream, commands):
    if len(stream) > 1000:  # there, not every cut is tried
        whole, bytewise = commands_in([stream]), commands_in([stream[at:at + 1] for at in range(len(stream))])
        assert whole == bytewise == commands
    else:
        assert decoded(decoder, stream) == commands


def commands_in(pieces, limit=LIMIT):
    one = decoder(limit)
    return [command for piece in pieces for command in one.feed(piece)]


@pytest.mark.parametrize("data, form", FORMS_OF_REQUESTS, ids=short)
def test_an_answer_is_due_in_the_form_of_the_last_request(data, form):
    for before in (b"{'purpose': 'poll'}", b'{"purpose": "poll"}'):
        one = decoder()
        assert one.form == "python"
        one.feed(packet(before))
        one.feed(packet(data))
        assert one.form == form
        assert one.form in dollar.FORMS


def test_the_real_limits_are_those_of_the_documentation():
    assert commands_in([message("x" * 16384)], 16384) == whispered("x" * 16384)
    assert commands_in([message("x" * 16385)], 16384) == refused(Reason.TEXT_TOO_LONG, Whisper)
    assert commands_in([packet(POLL + b" " * (69632 - 19))], 16384) == [Poll()]
    assert commands_in([b"$69632     "], 16384) == []
    assert commands_in([b"$69633     "], 16384) == TOO_LONG
    escaped = json.dumps({"purpose": "send_message", "from_user": "a", "to_user": "b", "message": "\U0001f600" * 4096})
    assert commands_in([packet(escaped)], 16384) == [Whisper(b"b", "\U0001f600".encode() * 4096, b"a", None)]


def test_nothing_is_heard_after_a_break():
    one = decoder()
    assert one.feed(b"x" + packet(POLL)) == BROKEN
    assert one.feed(packet(POLL)) == []
    assert not one.unfinished
    assert not one._held


def test_a_packet_that_has_begun_is_unfinished():
    one = decoder()
    assert not one.unfinished
    for byte in packet(POLL)[:-1]:
        assert one.feed(bytes([byte])) == []
        assert one.unfinished
    assert one.feed(b"$") == [Poll()]
    assert not one.unfinished


PACKET_PARTS = st.sampled_from([
    b"$", b" ", b"  ", b"1", b"19", b"0", b"9", b"19        ", b"$19", b"$19        ", POLL, packet(POLL),
    b"{", b"}", b"'", b'"', b":",
    b"-5", b"$0$", b"$2{}$", b"\xff", b"\n", b"x" * LIMIT, b"$%-10d" % DATA_LIMIT, b"$%-10d" % (DATA_LIMIT + 1),
    message("hi"), message("x" * (LIMIT + 1)), packet(b"\xff"), packet("[" * 20), packet('{"purpose": "x"}'),
])  # fmt: skip
PIECES = st.lists(st.one_of(PACKET_PARTS, st.binary(max_size=30)), max_size=12)


@given(PIECES)
def test_any_bytes_raise_nothing_and_cuts_do_not_matter(pieces):
    whole = b"".join(pieces)
    assert commands_in(pieces) == commands_in([whole]) == commands_in([whole[at:at + 1] for at in range(len(whole))])


@given(PIECES)
def test_what_is_held_is_never_longer_than_a_packet(pieces):
    one = decoder()
    for piece in pieces:
        one.feed(piece)
        assert one.feed(b"") == []
        assert len(one._held) < 1 + dollar.LENGTH_BYTES + DATA_LIMIT + 1


@given(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)))
def test_any_data_in_a_whole_packet_give_one_command(data):
    for inside in (data, b"{'purpose': '" + data + b"'}", b"{'purpose': 'login', " + data + b"}"):
        commands = decoder().feed(packet(inside))
        assert len(commands) == 1
        assert type(commands[0]) in events.COMMANDS


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.text(max_size=8), st.just("lobby"), st.just([]),
    st.sampled_from(["#dev", "kick", "topic", "set", "who", "-", ""]))
REQUEST_FIELDS = st.dictionaries(
    st.sampled_from([
        "username", "password", "from_user", "to_user", "message", "target_user", "x", "room", "key", "pattern", "act",
        "about", "text"]), VALUES)


@given(st.sampled_from([
    "login", "send_message", "start_reload_message_list", "exit", "poll", "x", "join_room", "leave_room", "list_rooms",
    "room"]), REQUEST_FIELDS)
def test_any_fields_of_a_request_give_one_command_in_either_form(purpose, fields):
    request = dict(fields, purpose=purpose)
    commands = commands_in([packet(repr(request))], 100)
    assert len(commands) == 1
    assert commands == commands_in([packet(json.dumps(request))], 100)


# CPU time, because copying cannot be counted; the margin is wide.
@pytest.mark.slow
def test_a_large_packet_in_tiny_pieces_costs_in_proportion_to_its_length():
    assert cost_of_pieces(1 << 20) < 100 * cost_of_pieces(1 << 16)  # sixteen times as long


def cost_of_pieces(size):
    stream = packet(b"x" * size)
    pieces = [stream[at:at + 16] for at in range(0, len(stream), 16)]
    start = time.process_time()
    assert commands_in(pieces, size) == bad_form(None)
    return max(time.process_time() - start, 1e-3)


# ---- what a client is told

READERS = {"python": ast.literal_eval, "json": json.loads}  # noqa: TID251 - what the clients do, here only


def told(happening, form):
    """The dictionaries that a client reads from the packets."""
    return [READERS[form](data_of(frame)) for frame in dollar.FORMS[form](happening, b"ann")]


def data_of(frame):
    """What an existing client takes for the data: the length is in the ten bytes after the sign."""
    assert frame[:1] == frame[-1:] == b"$"
    assert int(frame[1:11]) == len(frame) - 12
    assert frame[1:11] == str(len(frame) - 12).ljust(10).encode()
    return frame[11:-1].decode()


def result(purpose, value):
    return [{"purpose": purpose, "result": value}]


def received(sender, text):
    return [{"purpose": "receive_message", "from_user": sender, "message": text}]


def why_not(purpose, why):
    return [{"purpose": purpose, "result": False, "reason": why}]


WHISPER = Whisper(b"bob", b"hi", b"ann", None)
SAY = Say(b"hi", b"ann", None)
LOBBY = {"username": "lobby", "status": "online"}
BOTH = [(b"ann", True), ("b\u00f6b".encode(), False)]
LISTED = [LOBBY, {"username": "ann", "status": "online"}, {"username": "b\u00f6b", "status": "offline"}]
IN_DEV = [LOBBY, {"username": "#dev", "status": "online"}, *LISTED[1:]]

TELLINGS = [
    (Welcome(b"ann", SignIn(b"ann", b"1")), result("login", True)),
    (Refused(Reason.WRONG_PASSWORD, SignIn(b"ann", b"1")), result("login", False)),
    (Refused(Reason.BAD_FORM, SignIn), result("login", False)),
    (Refused(Reason.NOBODY, WHISPER), result("send_message", False)),
    (Refused(Reason.YOURSELF, Whisper), result("send_message", False)),
    (Refused(Reason.MUST_LOGIN, SAY), result("send_message", False)),
    (Refused(Reason.TEXT_TOO_LONG, Say), result("send_message", False)),
    (Refused(Reason.NOBODY, History(b"x")), [{"purpose": "start_reload_message_list", "message_list": []}]),
    (Refused(Reason.BAD_FORM, History), [{"purpose": "start_reload_message_list", "message_list": []}]),
    (Refused(Reason.MUST_LOGIN, Quit()), result("exit", False)),
    (Refused(Reason.MUST_LOGIN, Poll()), result("poll", False)),
    (Refused(Reason.BAD_FORM, None), result("error", False)),
    (Refused(Reason.NOT_UTF8, None), result("error", False)),
    (Done(WHISPER), result("send_message", True)),
    (Done(SAY), result("send_message", True)),
    (Done(Quit()), result("exit", True)),
    (Done(Delete()), []),
    (Missed([(b"ann", b"hi", 7)]), []),
    (Waiting(2), []),
    (RolesTold(b"#dev", [(b"ann", b"op")], []), []),
    (Marked(BOTH, {}), [{"purpose": "reload_user_list", "users": LISTED}]),
    (Marked(BOTH, {BOTH[0][0]: 3, b"gone": 1}),
     [{"purpose": "reload_user_list", "users": [
         LOBBY, dict(LISTED[1], unread=3), LISTED[2], {"username": "gone", "status": "offline", "unread": 1}]}]),
    (Past([]), [{"purpose": "start_reload_message_list", "message_list": []}]),
    (Past([(b"ann", "\u00e9'\"".encode(), 1700000000)]),
     [{"purpose": "start_reload_message_list",
       "message_list": [{"user": "ann", "text": "\u00e9'\"", "timestamp": 1700000000}]}]),
    (Recalled([], 0, False), [{"purpose": "start_reload_message_list", "message_list": []}]),
    (Recalled([(3, b"bob", b"hi", 1), (5, b"ann", b"hello", 2)], 5, False),
     [{"purpose": "start_reload_message_list",
       "message_list": [{"user": "lobby", "text": "bob: hi", "timestamp": 1},
                        {"user": "ann", "text": "hello", "timestamp": 2}]}]),
    (Refused(Reason.MUST_LOGIN, Recall(None, 1)), [{"purpose": "start_reload_message_list", "message_list": []}]),
    (News(BOTH), [{"purpose": "poll", "result": True, "messages": [], "users": LISTED}]),
    (News([]), [{"purpose": "poll", "result": True, "messages": [], "users": [LOBBY]}]),
    (Users(BOTH), [{"purpose": "reload_user_list", "users": LISTED}]),
    (Pong(b"hello"), result("hello", False)),
    (Pong("\u00e9'\n".encode()), result("\u00e9'\n", False)),
    (Said(b"bob", b"hi: $", 0), received("lobby", "bob: hi: $")),
    (Whispered("b\u00f6b".encode(), b"two\nlines", 0), received("b\u00f6b", "two\nlines")),
    (Farewell(Reason.SHUTDOWN), received("lobby", "* the server is shutting down")),
    (Present([b"ann"]), []),
    (Known([b"ann"]), []),
    (Described(b"ann", b"127.0.0.1", 4000), []),
    (Joined(b"bob"), []),
    (Left(b"bob"), []),
    (Renamed(b"bob", b"rob"), []),
    (Inside(b"#dev", b"the topic", Enter(b"#dev", None)), result("join_room", True)),
    (Inside(b"#dev", b"the topic", Say(b"hi", b"ann", None, b"#dev")), []),
    (Done(Enter(b"#dev", None)), result("join_room", True)),
    (Done(Exit(b"#dev")), result("leave_room", True)),
    (Done(Manage(b"#dev", "kick", b"bob", b"")), result("room", True)),
    (Done(Say(b"hi", b"ann", None, b"#dev")), result("send_message", True)),
    (Refused(Reason.BANNED, Enter(b"#dev", None)), why_not("join_room", "you are banned here")),
    (Refused(Reason.BAD_FORM, Enter), why_not("join_room", "the message is not of the right form")),
    (Refused(Reason.NOT_INSIDE, Exit(b"#dev")), why_not("leave_room", "you are not in this room")),
    (Refused(Reason.MUST_LOGIN, Rooms(None)), why_not("list_rooms", "you must log in first")),
    (Refused(Reason.NO_ROOM, Who(b"#dev")), why_not("room", "there is no such room")),
    (Refused(Reason.NO_ROOM, Topic(b"#dev")), why_not("room", "there is no such room")),
    (Refused(Reason.OUTRANKED, Manage(b"#dev", "kick", b"bob", b"")),
     why_not("room", "that user has the same role as you or a higher one")),
    (Refused(Reason.MUTED, Say(b"hi", b"ann", None, b"#dev")), why_not("send_message", "you are muted here")),
    (Refused(Reason.NOT_INSIDE, Recall(None, 1, b"#dev")),
     [{"purpose": "start_reload_message_list", "message_list": []}]),
    (RoomList([(b"#dev", 12, b"the topic", True), (b"#ops", 1, b"", False)]),
     [{"purpose": "list_rooms", "result": True, "rooms": [
         {"room": "#dev", "members": 12, "topic": "the topic", "joined": True},
         {"room": "#ops", "members": 1, "topic": "", "joined": False}]}]),
    (Present([b"ann", "b\u00f6b".encode()], b"#dev"),
     [{"purpose": "room", "result": True, "users": [
         {"username": "ann", "status": "online"}, {"username": "b\u00f6b", "status": "online"}]}]),
    (TopicTold(b"#dev", b"the topic", b"ann", 7), [{"purpose": "room", "result": True, "topic": "the topic"}]),
    (TopicTold(b"#dev", b"", b"", 0), [{"purpose": "room", "result": True, "topic": ""}]),
    (Recalled([(1, b"bob", b"hi\n* x", 1), (2, b"ann", b"a\nb", 2)], 2, False, b"#dev"),
     [{"purpose": "start_reload_message_list",
       "message_list": [{"user": "#dev", "text": "bob: hi\n\t* x", "timestamp": 1},
                        {"user": "ann", "text": "a\nb", "timestamp": 2}]}]),
    (News(BOTH, [b"#dev"]), [{"purpose": "poll", "result": True, "messages": [], "users": IN_DEV}]),
    (Users(BOTH, [b"#dev"]), [{"purpose": "reload_user_list", "users": IN_DEV}]),
    (Marked(BOTH, {b"ann": 3}, [b"#dev"]),
     [{"purpose": "reload_user_list", "users": [*IN_DEV[:2], dict(IN_DEV[2], unread=3), IN_DEV[3]]}]),
    (Said(b"bob", b"hi", 0, None, b"#dev"), received("#dev", "bob: hi")),
    (Said(b"*", b"bob joined\n* bob left\nbob: hi", 0, None, b"#dev"),
     received("#dev", "*: bob joined\n\t* bob left\n\tbob: hi")),
    (Said(b"bob", b"a\nb", 0), received("lobby", "bob: a\nb")),
    (Entered(b"#dev", b"bob"), received("#dev", "* bob joined")),
    (Exited(b"#dev", b"bob"), received("#dev", "* bob left")),
    (Renamed(b"bob", b"rob", b"#dev"), received("#dev", "* bob is now rob")),
    (Managed(b"#dev", "kick", b"cid", b"bob", b"why\nx: y"), received("#dev", "* cid kicked bob: why\u2424x: y")),
    (Managed(b"", "set", b"cid", b"slow", b"5"), received("lobby", "* cid set slow: 5")),
    (Entered(b"", b"bob"), []),
    (Exited(b"", b"bob"), []),
    (Invited(b"#dev", b"bob"), received("lobby", "* bob invites you to #dev")),
    (Notice(b"welcome\nall"), received("lobby", "* welcome\n\tall")),
    *((happening, []) for happening in ONLY_FOR_NUMBERED),
]

IN_FULL = [
    (Welcome(b"ann", None),
     b"$36        {'purpose': 'login', 'result': True}$",
     b'$36        {"purpose": "login", "result": true}$'),
    (Whispered(b"ann", "it's \u2028\U0001f600".encode(), 0),
     b"$80        {'purpose': 'receive_message', 'from_user': 'ann', 'message': \"it's \\u2028\xf0\x9f\x98\x80\"}$",
     b'$77        {"purpose": "receive_message", "from_user": "ann", '
     b'"message": "it\'s \xe2\x80\xa8\xf0\x9f\x98\x80"}$'),
]

AWKWARD = st.lists(st.sampled_from([
    "'", '"', "\\", "\n", "\t", "{", "}", "[", "$", ",", ":", "\\n", "\\u0041", "\\ud83d", "__import__('os')",
    "\u2028", "\u2424", "\x85",
    "\U0001f600", "\U0001fae8", "\ufeff", "\u202e", "\x00", "\x7f", "%s", "{0}", "True", "null", "\xe9", "a",
]), max_size=10).map("".join)  # fmt: skip
TEXTS = st.one_of(st.text(), AWKWARD)


@for_each("form", sorted(dollar.FORMS))
@for_each("happening, dictionaries", TELLINGS)
def test_a_happening_is_told_in_the_words_of_the_document(happening, dictionaries, form):
    assert told(happening, form) == dictionaries


@pytest.mark.parametrize("happening, in_python, in_json", IN_FULL, ids=short)
def test_a_packet_is_in_the_notation_of_its_form(happening, in_python, in_json):
    assert dollar.encode(happening, None) == dollar.FORMS["python"](happening, None) == (in_python,)
    assert dollar.FORMS["json"](happening, None) == (in_json,)


@pytest.mark.parametrize("form, write", [("python", repr), ("json", json.JSONEncoder(ensure_ascii=False).encode)])
@pytest.mark.parametrize("names", [
    [], ["ann"], ["it's", '"', "\\", "{}", "%s", "\U0001f600", "\u0416", "''", '""', "\x7f"]])
def test_users_are_written_as_a_list_of_dictionaries_is(form, write, names):
    users = [(name.encode(), number % 2 == 0) for number, name in enumerate(names)]
    listed = [{"username": "lobby", "status": "online"}] + [
        {"username": name, "status": "offline" if number % 2 else "online"} for number, name in enumerate(names)]
    for happening, beginning in ((News(users), {"purpose": "poll", "result": True, "messages": []}),
                                 (Users(users), {"purpose": "reload_user_list"})):
        packet, = dollar.FORMS[form](happening, None)
        assert packet[11:-1].decode() == write(dict(beginning, users=listed))


def test_every_kind_of_happening_can_be_told():
    assert set(dollar.ENCODERS) == set(events.HAPPENINGS) == {type(happening) for happening, _ in TELLINGS}


@pytest.mark.parametrize("form", sorted(dollar.FORMS))
@pytest.mark.parametrize("count, sizes", [(1, [1]), (10, [10]), (11, [10, 1]), (20, [10, 10]), (25, [10, 10, 5])])
def test_a_history_comes_ten_at_a_time_in_order(count, sizes, form):
    chunks = told(Past([(b"ann", b"%d" % number, number) for number in range(count)]), form)
    assert [len(chunk["message_list"]) for chunk in chunks] == sizes
    assert [chunk["purpose"].split("_")[0] for chunk in chunks] == ["start"] + ["continue"] * (len(sizes) - 1)
    assert {chunk["purpose"].partition("_")[2] for chunk in chunks} == {"reload_message_list"}
    assert [entry["timestamp"] for chunk in chunks for entry in chunk["message_list"]] == list(range(count))
    assert [entry["text"] for chunk in chunks for entry in chunk["message_list"]] == [str(n) for n in range(count)]


@for_each("reason", events.REASONS)
def test_every_refusal_is_one_answer_whatever_was_asked(reason):
    for asked in (None, *events.COMMANDS, SignIn(b"ann", b"1"), SAY, WHISPER, History(b"x"), Quit(), Create(b"a")):
        answer, = told(Refused(reason, asked), "python")
        if answer.pop("purpose") in ("join_room", "leave_room", "list_rooms", "room"):
            assert 5 < len(answer.pop("reason")) < 60
        assert answer in ({"result": False}, {"message_list": []})
    (farewell,) = told(Farewell(reason), "python")
    assert (farewell["from_user"], farewell["message"][:2]) == ("lobby", "* ")
    assert dollar.encode(Farewell(reason), None) == ()  # a client that logs in would take it for the answer


@for_each("form", sorted(dollar.FORMS))
def test_each_user_is_listed_by_the_name_that_it_has(form):
    for names in (["o'brien", "ann"], ["ann", "o'b\"r\\n", "z\"oe"], ["'", "''", "a\\'"], ["\u00e4nn", "\U0001f600'"]):
        (told_of,) = told(Users([(name.encode(), name == "ann") for name in names]), form)
        assert told_of["users"][1:] == [
            {"username": name, "status": "online" if name == "ann" else "offline"} for name in names]


@pytest.mark.parametrize("form", sorted(dollar.FORMS))
@given(sender=TEXTS, text=TEXTS)
def test_whatever_is_said_is_read_as_it_was(form, sender, text):
    name, said = sender.encode(), text.encode()
    assert told(Whispered(name, said, 0), form) == received(sender, text)
    assert told(Said(name, said, 0), form) == received("lobby", sender + ": " + text)
    assert told(Past([(name, said, 7)]), form)[0]["message_list"] == [{"user": sender, "text": text, "timestamp": 7}]
    assert told(Users([(name, True)]), form)[0]["users"][1] == {"username": sender, "status": "online"}
    assert told(Pong(name), form) == result(sender, False)


@given(TEXTS, TEXTS)
def test_what_is_sent_holds_nothing_but_plain_values(sender, text):
    for happening in (Said(sender.encode(), text.encode(), 0), Users([(sender.encode(), False)]), News([])):
        for dictionary in told(happening, "python"):
            assert types_in(dictionary) <= {dict, list, str, bool, int}


def types_in(value):
    inner = list(value) + list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*map(types_in, inner))


@given(st.sampled_from(sorted(dollar.FORMS)), TEXTS)
def test_what_is_sent_can_be_sent_back(form, text):
    """The decoder reads what the encoder writes, byte by byte too, as one packet in the same form."""
    frame, = dollar.FORMS[form](Whispered(b"ann", text.encode(), 0), None)
    one = decoder(1 << 16)
    commands = [command for at in range(len(frame)) for command in one.feed(frame[at:at + 1])]
    assert commands == [Ping(b"receive_message")]
    assert one.form == form


@given(TEXTS)
def test_a_text_is_canonical_once_it_is_read(text):
    command, = commands_in([message(text)], 1 << 16)
    expected = canonical(text.encode())
    assert command == (Whisper(b"bob", expected, b"ann", None) if text else Malformed(Reason.BAD_FORM, Whisper))
