"""The suite's own `line` codec, pinned by bytes written by hand from document 003."""
import pytest

from parley.conformance.wire import line

# (bytes as hex, the messages in them, what is left unfinished)
VECTORS = [
    ("4F 4B 0A", ["OK"], b""),
    ("4D 53 47 20 42 6F 62 20 48 65 79 20 41 6C 69 63 65 21 0A", ["MSG Bob Hey Alice!"], b""),
    ("49 4E 46 4F 20 42 6F 62 20 64 69 73 63 6F 6E 6E 65 63 74 65 64 0A", ["INFO Bob disconnected"], b""),
    ("55 53 45 52 20 41 0A 55 53 45 52 20 42 0A", ["USER A", "USER B"], b""),
    ("0A 0A 50", ["", ""], b"P"),
    ("4F 4B 0D 0A", ["OK\r"], b""),
    ("63 61 66 C3 A9 0A", ["caf\u00e9"], b""),
    ("61 FF 62 0A", ["a\\xffb"], b""),
    ("FF FC 06", ["IAC WONT 6"], b""),
    ("4F 4B 0A FF FC 06 FF FB 01 50 4F 4E 47 0A FF FC", ["OK", "IAC WONT 6", "IAC WILL 1", "PONG"], b"\xff\xfc"),
    ("61 FF FC 06 0A", ["a\\xff\\xfc\x06"], b""),
    ("61 E2 80 A8 62 C2 85 0B 0C 1E 0A", ["a\u2028b\x85\x0b\x0c\x1e"], b""),
]


@pytest.mark.parametrize("data, messages, rest", VECTORS)
def test_a_stream_is_cut_at_newlines_only(data, messages, rest):
    data = bytes.fromhex(data)
    for cut in range(len(data) + 1):
        decoder = line.Decoder()
        assert decoder.feed(data[:cut]) + decoder.feed(data[cut:]) == messages
        assert decoder.unfinished == rest
    decoder = line.Decoder()
    assert [one for index in range(len(data)) for one in decoder.feed(data[index:index + 1])] == messages


def test_a_message_ends_with_a_newline():
    assert line.encode("LOGIN Zo\u00eb") == bytes.fromhex("4C 4F 47 49 4E 20 5A 6F C3 AB 0A")


def test_the_client_state_knows_who_is_logged_in():
    state = line.ClientState()
    state.sent(b"MSG early\nLOGIN Alice\nLOG")
    state.received("ERR must-login-first")
    assert state.name is None
    state.received("ERR username-taken")
    state.sent(b"IN Bob\n")
    state.received("OK")
    assert state.name == "Bob"


def test_a_login_without_a_name_is_not_the_one_that_is_accepted():
    state = line.ClientState()
    state.sent(b"LOGIN \nLOGIN Ann\n")
    state.received("ERR please say who you are")
    state.received("OK")
    assert state.name == "Ann" and not state.awaits_login


@pytest.mark.parametrize("sent", [
    b"LOGIN Bob \n", b" LOGIN  Bob\r\n", b"LOGIN Boc\x08b\n", b"\xef\xbb\xbfLOGIN Bob\n",
    b"\xff\xfd\x03LOGIN Bob\r\r\n",
    b"\x04LOGIN Bob secret\n", b"\x08\x08LOXX\x7f\x7fGIN Bob\n",
])
def test_a_login_that_is_not_exactly_spelled_may_be_one(sent):
    state = line.ClientState()
    state.sent(sent)
    state.received("OK")
    assert state.name == "Bob"
    strict = line.ClientState()
    strict.sent(sent)
    strict.received("ERR must-login-first" if not sent.startswith(b"LOGIN ") else "ERR invalid-username")
    strict.sent(b"LOGIN Rob\n")
    strict.received("OK")
    assert strict.name == "Rob"


@pytest.mark.parametrize("half", [b"\xff\xf4\xff\xfd\x06", b"\x04", b"ab\x08\x7f", b" ", b"\xef\xbb\xbf", b"\r"])
def test_what_is_no_half_of_a_line_is_in_nobodys_way(half):
    state = line.ClientState()
    state.sent(half)
    assert state.at_message_boundary
    state.sent(b"x")
    assert not state.at_message_boundary


def test_a_pong_belongs_to_who_asked_first():
    state = line.ClientState()
    state.sent(b"PING\n")
    state.sent(b"PING\n", own=True)
    assert [state.received("PONG") for _ in range(3)] == [False, True, False]


def test_a_pong_does_not_answer_what_was_refused_before_the_login():
    state = line.ClientState()
    state.sent(b"PING\nLOGIN Bob\n")
    state.received("ERR something of its own")
    state.received("OK")
    state.sent(b"PING\n", own=True)
    assert state.received("PONG")


@pytest.mark.parametrize("message, expected", [
    ("DM Ann hi there", True), ("DM Bob hi there", True), ("DM Ann hi", True), ("DM Ann  hi there", True),
    ("DM Ann hi there!", False), ("DM Cat hi there", False), ("DM Ann", False), ("MSG Bob hi there", False),
])
def test_a_copy_repeats_what_one_has_said_to_somebody(message, expected):
    state = line.ClientState()
    state.sent(b"LOGIN Bob\nDM Ann hi there\n")
    state.received("OK")
    assert [state.repeats(message), state.repeats(message)] == [expected, False]


def test_nothing_can_be_asked_in_the_middle_of_a_line():
    state = line.ClientState()
    state.sent(b"MSG ha")
    assert not state.at_message_boundary
    state.sent(b"lf\n")
    assert state.at_message_boundary


def test_an_echo_carries_ones_own_name():
    state = line.ClientState()
    state.sent(b"LOGIN Bob\nMSG hi\n")
    state.received("OK")
    assert state.is_echo("MSG Bob hi")
    assert not state.is_echo("MSG Bobby hi")


@pytest.mark.parametrize("message, name", [
    ("USER Alice", "Alice"), ("INFO Alice disconnected", "Alice"), ("MSG Alice hi there", "Alice"),
    ("DM Alice hi", None), ("OK", None), ("INFO idle-timeout", None), ("USER a b", "a b"),
])
def test_whom_a_line_is_about(message, name):
    assert line.subject_of(message) == name


def test_a_marker_is_a_message_that_is_nothing_but_a_nonce():
    assert line.marker_in(line.whisper("me", "w", "~sync7")) == ("w", "~sync7")
    assert line.marker_in("MSG w ~sync7") == ("w", "~sync7")
    assert line.marker_in("DM w ~sync7 and more") is None
    assert line.marker_in("INFO w ~sync7") is None
