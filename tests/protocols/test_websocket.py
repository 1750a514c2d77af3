"""Frames from a client, whole and cut anywhere, and frames to a client."""
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_frames import BINARY, CLOSE, MORE, PING, PONG, TEXT, contents, frame
from wsproto.frame_protocol import FrameProtocol

from parley.server.protocols import websocket
from parley.server.protocols.websocket import Closed, Decoder, Failed, Fragment, Pinged, Ponged

MOST = 100


def closing(code, why=b""):
    return frame(struct.pack("!H", code) + why, CLOSE)


# What comes in one go, and the messages in it.
STREAMS = {
    "text": (frame(b"hi"), ["hi"]),
    "empty text": (frame(b""), [""]),
    "several": (frame(b"a") + frame(b"b") + frame("ü".encode()), ["a", "b", "ü"]),
    "as long as may be": (frame(b"x" * MOST), ["x" * MOST]),
    "fragments": (frame(b"a", last=False) + frame(b"b", MORE, last=False) + frame(b"c", MORE),
                  [Fragment(), Fragment(), "abc"]),
    "empty fragments": (frame(b"", last=False) + frame(b"", MORE), [Fragment(), ""]),
    "a character in two fragments": (frame(b"\xc3", last=False) + frame(b"\xbc", MORE), [Fragment(), "ü"]),
    "control frames between fragments": (
        frame(b"a", last=False) + frame(b"p", PING) + frame(b"q", PONG) + frame(b"b", MORE),
        [Fragment(), Pinged(b"p"), Ponged(), "ab"]),
    "ping": (frame(b"\0" * 125, PING), [Pinged(b"\0" * 125)]),
    "pong": (frame(b"", PONG), [Ponged()]),
    "pong and text": (frame(b"", PONG) + frame(b"a") + frame(b"", PONG), [Ponged(), "a", Ponged()]),
    "close": (closing(1000, b"bye") + frame(b"late"), [Closed(1000)]),
    "close without a code": (frame(b"", CLOSE), [Closed(1005)]),
    "close with a code of their own": (closing(4321), [Closed(4321)]),
    "binary": (frame(b"a", BINARY), [Failed(1003)]),
    "binary after text": (frame(b"a") + frame(b"b", BINARY) + frame(b"c"), ["a", Failed(1003)]),
    "not UTF-8": (frame(b"\xff"), [Failed(1007)]),
    "half a character": (frame(b"\xc3"), [Failed(1007)]),
    "half a character in fragments": (frame(b"\xc3", last=False) + frame(b"", MORE), [Fragment(), Failed(1007)]),
    "a surrogate": (frame(b"\xed\xa0\x80"), [Failed(1007)]),
    "a close that is not UTF-8": (closing(1000, b"\xff"), [Failed(1007)]),
    "too long": (frame(b"x" * (MOST + 1)), [Failed(1009)]),
    "too long together": (frame(b"x" * MOST, last=False) + frame(b"x", MORE), [Fragment(), Failed(1009)]),
    "a new message within a message": (frame(b"a", last=False) + frame(b"b"), [Fragment(), Failed(1002)]),
    "the rest of no message": (frame(b"a", MORE), [Failed(1002)]),
    "an unknown kind": (frame(b"", 3), [Failed(1002)]),
    "an unknown kind of control": (frame(b"", 11), [Failed(1002)]),
    "a long ping": (frame(b"x" * 126, PING), [Failed(1002)]),
    "a ping in pieces": (frame(b"x", PING, last=False), [Failed(1002)]),
    "half a close code": (frame(b"\3", CLOSE), [Failed(1002)]),
    "a close code that is never sent": (closing(1006), [Failed(1002)]),
    "a reserved bit": (bytes([0xc1]) + frame(b"a")[1:], [Failed(1002)]),
    "no mask": (b"\x81\x01a", [Failed(1002)]),
    "a text without a mask behind another one": (frame(b"a") + b"\x81\x05hello", ["a", Failed(1002)]),
    "a ping without a mask": (b"\x89\x05hello", [Failed(1002)]),
    "a length in too many bytes": (b"\x81\xfe\x00\x01" + bytes(5), [Failed(1002)]),
}


def parsed(*pieces, most=MOST):
    decoder = Decoder(most)
    return [message for piece in pieces for message in decoder.receive(piece)], decoder


@pytest.mark.parametrize("data, messages", STREAMS.values(), ids=STREAMS)
def test_what_comes_is_the_same_however_it_is_cut(data, messages):
    ways = [[data], [data[at:at + 1] for at in range(len(data))]]
    ways += [[data[:at], data[at:]] for at in range(1, len(data))]
    for pieces in ways:
        found, decoder = parsed(*pieces)
        assert found == messages
        assert decoder.unfinished == 0 or isinstance(messages[-1], (Failed, Closed))


@given(st.lists(st.text(max_size=30), max_size=8), st.data())
def test_texts_in_any_frames_cut_anywhere_come_as_they_are(texts, data):
    stream = b""
    for text in texts:
        parts = _split(text.encode(), data.draw(st.integers(1, 4)))
        for index, part in enumerate(parts):
            mask = data.draw(st.binary(min_size=4, max_size=4))
            stream += frame(part, MORE if index else TEXT, index == len(parts) - 1, mask)
            if data.draw(st.booleans()):
                stream += frame(b"x", PING)
    found, decoder = parsed(*_split(stream, data.draw(st.integers(1, 6))), most=1000)
    assert [message for message in found if isinstance(message, str)] == texts
    assert decoder.unfinished == 0


def _split(content, count):
    size = max(1, -(-len(content) // count))
    return [content[at:at + size] for at in range(0, len(content), size)] or [b""]


def test_a_frame_that_will_be_too_long_is_refused_at_its_header():
    whole = frame(b"x" * 70000)
    assert parsed(whole[:9], most=65536)[0] == []
    assert parsed(whole[:14], most=65536)[0] == [Failed(1009)]
    assert parsed(b"\x81\xff" + struct.pack("!Q", 1 << 62) + b"mask")[0] == [Failed(1009)]
    assert parsed(b"\x81\xff" + struct.pack("!HHI", 200, 0, 0) + bytes(300), most=1000)[0] == [Failed(1009)]


def test_fragments_are_counted_from_the_first_to_the_last_of_a_message():
    half = frame(b"x" * 60, last=False) + frame(b"x" * 40, MORE)
    found, _ = parsed(half * 3)
    assert found == [Fragment(), "x" * 100] * 3


@pytest.mark.parametrize("data", [frame(b"hello"), frame(b"h", last=False), frame(b"p", PING), frame(b"x" * 99)])
def test_an_unfinished_frame_is_told_from_its_first_byte(data):
    decoder = Decoder(MOST)
    assert decoder.unfinished == 0
    for count in range(1, len(data)):
        assert decoder.receive(data[count - 1:count]) == []
        assert decoder.unfinished == count


def test_a_message_is_unfinished_between_its_fragments():
    decoder = Decoder(MOST)
    first = frame(b"h", last=False)
    decoder.receive(first)
    assert decoder.unfinished == len(first)
    decoder.receive(frame(b"", PONG))
    assert decoder.unfinished > 0
    decoder.receive(frame(b"i", MORE))
    assert decoder.unfinished == 0


@pytest.mark.parametrize("size", [0, 1, 125, 126, 4096, 65535, 65536])
def test_a_text_of_any_size_is_read_alone_behind_another_and_in_pieces(size):
    content = bytes(97 + number % 26 for number in range(size))
    message, data = content.decode(), frame(content)
    for pieces, times in (([data], 1), ([data + data], 2), ([frame(b"", PONG) + data[:7], data[7:]], 1)):
        found, decoder = parsed(*pieces, most=65536)
        assert [one for one in found if one != Ponged()] == [message] * times


@pytest.mark.parametrize("pieces", [
    [frame(b"hi")], [frame(b"", PONG)], [frame(b"", PING)], [frame(b"hi")[:3], frame(b"hi")[3:]],
    [frame(b"h", last=False) + frame(b"i", MORE)], [frame(b"hi"), frame(b"", PONG)[:1], frame(b"", PONG)[1:]]])
def test_between_two_messages_nothing_is_held(pieces):
    _, decoder = parsed(*pieces)
    assert decoder._rare is None
    assert decoder.receive(frame(b"ho")) == ["ho"]


def test_of_what_takes_long_to_read_some_is_left_for_another_call():
    decoder = Decoder(MOST, at_once=20)
    data = b"".join([frame(b"a") * 9, frame(b"b", last=False), frame(b"c", MORE, last=False) * 6, frame(b"d", MORE),
                     frame(b"e")])
    assert decoder.receive(data) == ["a"] * 9 + [Fragment()] * 2
    calls, found = 1, []
    while decoder.rest:
        found += decoder.receive(decoder.rest)
        calls += 1
    assert found == [Fragment()] * 5 + ["bccccccd", "e"] and calls == 4


def test_nothing_is_left_after_the_end():
    decoder = Decoder(MOST, at_once=20)
    assert decoder.receive(frame(b"a", last=False) + closing(1000) + frame(b"late") * 9) == [Fragment(), Closed(1000)]
    assert not decoder.rest


def test_nothing_is_read_after_the_end():
    for end in (closing(1000), frame(b"\xff")):
        _, decoder = parsed(end)
        assert decoder.receive(frame(b"late")) == []
        assert decoder.unfinished == 0


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_text_frame_is_as_a_client_reads_it(size):
    text = b"x" * size
    written = websocket.text_frame(text)
    assert contents(written) == [(TEXT, text)]
    assert websocket.text_of(written) == text
    client = FrameProtocol(True, [])
    client.receive_bytes(written)
    assert "".join(one.payload for one in client.received_frames()) == text.decode()


def test_control_frames_are_as_a_client_reads_them():
    frames = websocket.PING + websocket.pong_frame(b"p") + websocket.close_frame(4001, b"why")
    assert contents(frames) == [(PING, b""), (PONG, b"p"), (CLOSE, struct.pack("!H", 4001) + b"why")]
