"""The suite's own `binary` and `padded` codecs, pinned by bytes written by hand from documents 000 and 001."""
import pytest

from parley.conformance.message import Message
from parley.conformance.wire import CODECS, binary, padded

JOIN = "01 000000C8 00000003 00000003 616E6E00000000000000 662B3C10 616E6E"
TALK = "01 00000064 00000005 00000002 7AC3AB7A7A0000000000 FFFFFFFF C3A9"
BYE = "01 000000D0 00000006 00000000 73657276657200000000 00000000"

# (bytes as hex, (type, user, content, time) of the frames in them, what is left unfinished as hex)
FRAMES = [
    (JOIN, [(200, "ann", "ann", 0x662B3C10)], ""),
    (TALK, [(100, "z\u00ebzz", "\u00e9", 0xFFFFFFFF)], ""),
    (BYE, [(208, "server", "", 0)], ""),
    (JOIN + TALK + "01 00", [(200, "ann", "ann", 0x662B3C10), (100, "z\u00ebzz", "\u00e9", 0xFFFFFFFF)], "01 00"),
    ("01 00000064 0000000A 00000001 6162636465666768696A 00000000 FF", [(100, "abcdefghij", "\\xff", 0)], ""),
]


@pytest.mark.parametrize("data, frames, rest", FRAMES)
def test_binary_frames_are_cut_by_their_length(data, frames, rest):
    data, rest = bytes.fromhex(data), bytes.fromhex(rest)
    for cut in range(len(data) + 1):
        decoder = binary.Decoder()
        found = decoder.feed(data[:cut]) + decoder.feed(data[cut:])
        assert [tuple(one.fields[name] for name in ("type", "user", "content", "time")) for one in found] == frames
        assert b"".join(one.raw for one in found) + decoder.unfinished == data
        assert decoder.unfinished == rest


def test_a_binary_frame_is_laid_out():
    assert binary.encode({"type": 200, "user": "ann", "content": "ann", "time": 0x662B3C10}) == bytes.fromhex(JOIN)
    assert binary.encode({"type": 100, "content": "\u00e9", "time": 0xFFFFFFFF}, "z\u00ebzz") == bytes.fromhex(TALK)


def test_each_binary_field_can_be_wrong():
    odd = binary.encode({"type": 1, "version": 9, "user_length": 7, "length": 8, "user": b"\xff" * 12, "time": 5})
    assert odd == bytes.fromhex("09 00000001 00000007 00000008 FFFFFFFFFFFFFFFFFFFF 00000005")


def came(kind, user="server", content=""):
    return binary.Decoder().feed(binary.encode({"type": kind, "user": user, "content": content, "time": 1}))[0]


def test_a_binary_client_state_knows_its_name():
    state = binary.ClientState()
    state.sent(binary.encode({"type": 200, "content": "bob"}) + binary.encode({"type": 200, "content": "ann"}))
    state.received(came(209))
    assert state.name is None
    state.received(came(207))
    assert state.name == "ann"
    state.received(came(206, content="eve"))
    assert state.name == "eve"
    assert state.is_echo(came(100, "eve", "hi"))
    assert not state.is_echo(came(300, "eve", "hi"))


@pytest.mark.parametrize("content", ["ann secret", "ann\0", "ann\0\x01garbage", "ann two words"])
def test_a_binary_name_ends_before_its_password_and_at_the_nul_of_c(content):
    state = binary.ClientState()
    state.sent(binary.encode({"type": 200, "content": content}))
    state.received(came(207))
    assert state.name == "ann"


def test_a_binary_pong_belongs_to_who_asked_first():
    state = binary.ClientState()
    state.sent(binary.encode({"type": 211, "content": "1"}))
    state.sent(binary.encode(binary.probe()), own=True)
    assert [state.received(came(212)) for _ in range(3)] == [False, True, False]


def test_nothing_can_be_asked_in_the_middle_of_a_frame():
    for codec, whole in ((binary, bytes.fromhex(JOIN)), (padded, padded.encode("hi"))):
        state = codec.ClientState()
        state.sent(whole[:-1])
        assert not state.at_message_boundary
        state.sent(whole[-1:])
        assert state.at_message_boundary


@pytest.mark.parametrize("message, name", [
    (came(300, content="ann joined!"), "ann"), (came(301, content="ann left!"), "ann"),
    (came(302, content="user 'ann' changed username to 'bob'!"), "ann"), (came(100, "ann", "x"), "ann"),
    (came(303, content="['ann']"), None), (came(102, content="ann left!"), None),
])
def test_whom_a_binary_frame_is_about(message, name):
    assert binary.subject_of(message) == name


@pytest.mark.parametrize("content, left", [
    ("['w1']", "[]"), ("['w1', 'ann', 'w2']", "['ann']"), ("['ann', 'w1', 'bob']", "['ann', 'bob']"),
    ("['w2', 'w1']", "[]"), ("['ann',  'w1']", "['ann',  'w1']"), ("[w1]", "[w1]"),
])
def test_ignored_names_are_removed_from_a_list_and_nothing_else(content, left):
    assert binary.without_names(came(303, content=content), {"w1", "w2"}.__contains__).fields["content"] == left


def test_markers_are_known_whatever_way_they_came():
    assert binary.marker_in(came(100, "w", "~sync7")) == ("w", "~sync7")
    assert binary.marker_in(came(100, "w", "[direct] ~sync7")) == ("w", "~sync7")
    assert binary.marker_in(came(100, "w", "not ~sync7")) is None
    assert binary.marker_in(came(102, "w", "~sync7")) is None
    assert padded.marker_in("[12:00 AM] w: ~sync7") == ("w", "~sync7")
    assert padded.marker_in("[12:00 AM] w (direct): ~sync7") == ("w", "~sync7")
    assert padded.marker_in("[12:00 AM] w: ~sync7 or so") is None


def test_a_padded_message_has_its_bytes_counted():
    assert padded.encode("[05:55 AM] ann: \u00e9") == b"18" + b" " * 62 + b"[05:55 AM] ann: \xc3\xa9"
    assert padded.encode("") == b"0" + b" " * 63


@pytest.mark.parametrize("data, messages", [
    (b"Msg received", ["Msg received"]),
    (b"Msg receivedMsg received[05:55 AM] ann: hi", ["Msg received", "Msg received", "[05:55 AM] ann: hi"]),
    (b"[05:55 AM] ann: hi[ERROR] no[SERVER] bye", ["[05:55 AM] ann: hi", "[ERROR] no", "[SERVER] bye"]),
    (b"[05:55 AM] ann: hi[06:66", ["[05:55 AM] ann: hi[06:66"]),
    (b"a text\xff", ["a text\\xff"]),
    (b"", []),
])
def test_a_padded_stream_is_cut_where_a_message_begins(data, messages):
    assert padded.Decoder().feed(data) == messages


def test_a_padded_nick_is_known_by_its_acknowledgement():
    state = padded.ClientState()
    for text in ("[05:55 AM] bob: hi", "no form", "[05:55 AM] ann: ", "[12:61 AM] eve: hi", "[05:55 AM] ann: hi"):
        state.sent(padded.encode(text))
    state.received("[ERROR] taken")
    for _ in range(3):
        state.received("Msg received")
        assert state.name is None
    state.received("Msg received")
    assert state.name == "ann"
    assert state.is_echo("[05:55 AM] ann: hi")


def test_a_padded_nick_is_known_without_its_password_and_not_by_a_text_that_is_not_seen():
    state = padded.ClientState()
    for text in ("[05:55 AM] ann: \u00a0", "[05:55 AM] ann:  \u200b\n", "[05:55 AM] ann secret: hi"):
        state.sent(padded.encode(text))
    for _ in range(2):
        state.received("Msg received")
        assert state.name is None
    state.received("Msg received")
    assert state.name == "ann"


def test_an_acknowledgement_belongs_to_who_spoke_first():
    state = padded.ClientState()
    state.sent(padded.encode("hi"))
    state.sent(padded.encode(padded.probe()), own=True)
    assert [state.received("Msg received") for _ in range(3)] == [False, True, False]


@pytest.mark.parametrize("name", sorted(CODECS))
def test_every_codec_offers_what_the_suite_needs(name):
    codec = CODECS[name]
    wanted = ["NAME", "STRUCTURED", "FRAMED", "CAN_WHISPER", "HEARS_BEFORE_LOGIN", "STORES_MESSAGES", "encode",
              "Decoder", "ClientState", "login", "probe", "is_probe_reply", "list_users", "say", "marker_in",
              "names_in", "subject_of"]
    wanted += ["FIELDS"] * codec.STRUCTURED + ["whisper"] * codec.CAN_WHISPER
    assert [word for word in wanted if not hasattr(codec, word)] == []
    assert codec.Decoder().unfinished == b""


def test_a_message_shows_its_fields():
    assert str(Message({"type": 100, "user": "ann", "content": "a b"})) == "type=100 user=ann content='a b'"


def test_the_names_in_a_list_are_found():
    assert binary.names_in(came(303, content="['ann', \"o'neil\", 'x\\\\y']")) == ["ann", "o'neil", "x\\\\y"]
    assert binary.names_in(came(303, content="[]")) == []
    assert binary.names_in(came(100, content="['ann']")) == []
