"""The suite's own `line` codec, pinned by bytes written by hand from document 003."""
import pytest

from conformance.wire import line

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


def test_a_conversation_knows_who_is_logged_in():
    conversation = line.Conversation()
    conversation.sent(b"MSG early\nLOGIN Alice\nLOG")
    conversation.received("ERR must-login-first")
    assert conversation.name is None
    conversation.received("ERR username-taken")
    conversation.sent(b"IN Bob\n")
    conversation.received("OK")
    assert conversation.name == "Bob"


def test_a_pong_belongs_to_who_asked_first():
    conversation = line.Conversation()
    conversation.sent(b"PING\n")
    conversation.sent(b"PING\n", own=True)
    assert [conversation.received("PONG") for _ in range(3)] == [False, True, False]


def test_nothing_can_be_asked_in_the_middle_of_a_line():
    conversation = line.Conversation()
    conversation.sent(b"MSG ha")
    assert not conversation.can_ask
    conversation.sent(b"lf\n")
    assert conversation.can_ask


def test_an_echo_carries_ones_own_name():
    conversation = line.Conversation()
    conversation.sent(b"LOGIN Bob\nMSG hi\n")
    conversation.received("OK")
    assert conversation.is_echo("MSG Bob hi")
    assert not conversation.is_echo("MSG Bobby hi")


@pytest.mark.parametrize("message, name", [
    ("USER Alice", "Alice"), ("INFO Alice disconnected", "Alice"), ("MSG Alice hi there", "Alice"),
    ("DM Alice hi", None), ("OK", None), ("INFO idle-timeout", None), ("USER a b", None),
])
def test_whom_a_line_is_about(message, name):
    assert line.about(message) == name


def test_a_marker_is_a_message_that_is_nothing_but_a_nonce():
    assert line.marker_in(line.whisper("me", "w", "~sync7")) == ("w", "~sync7")
    assert line.marker_in("MSG w ~sync7") == ("w", "~sync7")
    assert line.marker_in("DM w ~sync7 and more") is None
    assert line.marker_in("INFO w ~sync7") is None
