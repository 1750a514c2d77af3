r"""The suite's own codec of `web`, pinned by bytes written by hand from docs/protocols/web.md and RFC 6455."""
import base64
import hashlib

import pytest
from cases import for_each

from parley.conformance.message import Message
from parley.conformance.options import Address
from parley.conformance.wire import web

HOST = Address(("localhost", 8000))
OPENED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

# (bytes as hex, the message)
FRAMES = [
    ("81 0D 7B 22 6F 6E 22 3A 22 70 6F 6E 67 22 7D", {"on": "pong"}),
    # {"on":"é😀"}, and the same with escapes
    ("81 0F 7B 22 6F 6E 22 3A 22 C3 A9 F0 9F 98 80 22 7D", {"on": "\u00e9\U0001f600"}),
    ("81 1B 7B 22 6F 6E 22 3A 22 5C 75 30 30 65 39 5C 75 64 38 33 64 5C 75 64 65 30 30 22 7D",
     {"on": "\u00e9\U0001f600"}),
    # a message in three fragments, with a pong between two of them
    ("01 04 7B 22 6F 6E 8A 01 21 00 03 22 3A 22 80 03 78 22 7D", [{"frame": "pong", "content": "!"}, {"on": "x"}]),
    ("89 00", {"frame": "ping", "content": ""}),
    ("8A 02 68 69", {"frame": "pong", "content": "hi"}),
    ("82 01 FF", {"frame": "binary", "content": "\\xff"}),
    ("88 00", {"frame": "close"}),
    ("88 05 03 E9 62 79 65", {"frame": "close", "code": 1001, "why": "bye"}),
    # lengths of two bytes, which are big-endian: 258 is 01 02
    ("81 7E 01 02 7B 22 6F 6E 22 3A 22" + "61 " * 249 + "22 7D", {"on": "a" * 249}),
]
BROKEN = [
    ("81 82 00 00 00 00 7B 7D", "a server's frames are not masked"),
    ("C1 02 7B 7D", "a reserved bit is set"),
    ("83 00", "opcode 3"),
    ("89 7E 00 7E", "a control frame that is long"),
    ("09 00", "a control frame that is long, or not whole"),
    ("81 7E 00 7D", "the length 125 in 2 bytes"),
    ("81 7F 00 00 00 00 00 00 FF FF", "the length 65535 in 8 bytes"),
    ("81 7F 00 00 00 00 01 00 00 01", "length 16777217"),
    ("80 02 7B 7D", "a frame of a message within another one, or of none"),
    ("01 01 7B 81 01 7B", "a frame of a message within another one, or of none"),
    ("88 01 03", "a close frame with half a code"),
    ("81 01 FF", "not UTF-8: \\xff"),
    ("81 02 5B 5D", "not an object with `on`: []"),
    ("81 02 7B 7D", "not an object with `on`: {}"),
    ("81 08 7B 22 6F 6E 22 3A 31 7D", "not an object with `on`"),
    ("81 03 7B 7D 7D", "not JSON"),
    # {"on":"a","on":"b"}; {"on":NaN}
    ("81 13 7B 22 6F 6E 22 3A 22 61 22 2C 22 6F 6E 22 3A 22 62 22 7D", "not JSON"),
    ("81 0A 7B 22 6F 6E 22 3A 4E 61 4E 7D", "not JSON"),
]


def from_hex(text):
    return bytes.fromhex(text.replace(" ", ""))


def fed_in_all_ways(data, opened=True):
    """What the decoder makes of the data whole, cut once at each place, and byte by byte; all must agree."""
    ways = [[data]] + [[data[:cut], data[cut:]] for cut in range(1, min(len(data), 90))]
    ways.append([data[index:index + 1] for index in range(len(data))])
    found = []
    for way in ways:
        decoder = web.Decoder()
        assert not opened or len(decoder.feed(OPENED)) == 1
        messages = [message for piece in way for message in decoder.feed(piece)]
        found.append(([message.fields for message in messages], decoder.unfinished))
    assert all(one == found[0] for one in found)
    return found[0]


@for_each("data, message", FRAMES)
def test_a_frame_is_read_as_the_rfc_says(data, message):
    messages = message if isinstance(message, list) else [message]
    assert fed_in_all_ways(from_hex(data)) == (messages, b"")
    assert fed_in_all_ways(from_hex(data) + from_hex(data)) == (messages + messages, b"")


@for_each("data, why", BROKEN)
def test_a_frame_that_no_server_may_send_is_told_apart(data, why):
    messages, _ = fed_in_all_ways(from_hex(data))
    assert [str(message.get("broken"))[:len(why)] for message in messages] == [why]


def test_an_unfinished_frame_is_kept():
    assert fed_in_all_ways(b"\x81\x05{\"o") == ([], b"\x81\x05{\"o")


# ---- what a client sends

# (message, the first bytes, the content under the mask)
SENT = [
    ({"do": "say", "text": "\u00e9"}, b"\x81\x9f", b'{"do": "say", "text": "\\u00e9"}'),
    ({"frame": "text", "content": "\u00e9", "last": False}, b"\x01\x82", b"\xc3\xa9"),
    ({"frame": "more", "content": b"\xff"}, b"\x80\x81", b"\xff"),
    ({"frame": "binary"}, b"\x82\x80", b""),
    ({"frame": "ping", "content": "hi"}, b"\x89\x82", b"hi"),
    ({"frame": "close", "code": 1000, "why": "bye"}, b"\x88\x85", b"\x03\xe8bye"),
    ({"frame": "close"}, b"\x88\x80", b""),
    ({"frame": "text", "content": "x" * 126}, b"\x81\xfe\x00\x7e", b"x" * 126),
    ({"frame": "text", "content": "x" * 65536}, b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00", b"x" * 65536),
]


@for_each("message, first, content", SENT)
def test_a_clients_frame_is_masked(message, first, content):
    data = web.encode(message)
    mask, masked = data[len(first):len(first) + 4], data[len(first) + 4:]
    assert data[:len(first)] == first
    assert bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked)) == content


def test_no_two_masks_are_the_same():
    assert len({web.encode({"frame": "ping", "content": "0123456789"}) for _ in range(8)}) == 8


# ---- the opening

def opening(decoder):
    """{header: value} of the request, and its first line under ""."""
    first, *lines = decoder.opening(HOST).decode().split("\r\n")
    return dict([("", first)] + [line.split(": ") for line in lines if line])


def answer(accept, *more):
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: WebSocket", "Connection: upgrade",
             "Sec-WebSocket-Accept: " + accept]
    return "\r\n".join(lines + list(more) + ["", ""]).encode()


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def test_the_opening_is_that_of_the_rfc():
    headers = opening(web.Decoder())
    key = headers.pop("Sec-WebSocket-Key")
    assert len(base64.b64decode(key)) == 16
    assert headers == {
        "": "GET /chat HTTP/1.1", "Host": "localhost:8000", "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "parley.1"}
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the RFC's own example


def test_a_path_of_its_own_is_asked_for():
    address = Address(("::1", 80))
    address.path = "/parley/chat"
    assert web.Decoder().opening(address).startswith(b"GET /parley/chat HTTP/1.1\r\nHost: [::1]:80\r\n")


def test_the_right_answer_opens_the_socket_and_frames_may_stand_behind_it():
    decoder = web.Decoder()
    accept = accept_of(opening(decoder)["Sec-WebSocket-Key"])
    first, second = decoder.feed(answer(accept, "Sec-WebSocket-Protocol: parley.1") + b"\x89\x00")
    assert (first.fields["status"], first.fields["sec-websocket-accept"]) == (101, accept)
    assert second.fields == {"frame": "ping", "content": ""}


@for_each("wrong, why", [
    ({"accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, "a wrong Sec-WebSocket-Accept"),
    ({"more": ()}, "another subprotocol"),
    ({"more": ("Sec-WebSocket-Protocol: soap",)}, "another subprotocol"),
    ({"more": ("Sec-WebSocket-Protocol: parley.1", "Sec-WebSocket-Extensions: permessage-deflate")},
     "another subprotocol than was asked for, or an extension"),
])
def test_a_wrong_answer_does_not(wrong, why):
    decoder = web.Decoder()
    accept = accept_of(opening(decoder)["Sec-WebSocket-Key"])
    data = answer(wrong.get("accept", accept), *wrong.get("more", ("Sec-WebSocket-Protocol: parley.1",)))
    message, = decoder.feed(data)
    assert message.fields["broken"].startswith(why)


def test_an_answer_without_upgrade_is_no_answer():
    decoder = web.Decoder()
    decoder.opening(HOST)
    message, = decoder.feed(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    assert message.fields["broken"].startswith("101 without")


def test_a_refusal_has_a_status_headers_and_a_body():
    data = (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-A:  b \r\nConnection: Upgrade\r\nConnection: close\r\n"
            b"\r\nno\n")
    fields = {"status": 403, "content-length": "3", "x-a": "b", "connection": "Upgrade, close", "body": "no\n"}
    assert fed_in_all_ways(data, opened=False) == ([fields], b"")
    assert fed_in_all_ways(data + data, opened=False) == ([fields, fields], b"")


def test_a_body_may_come_in_chunks():
    data = b"HTTP/1.1 426 Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nno\n\r\n1\r\n!\r\n0\r\n\r\n"
    fields = {"status": 426, "transfer-encoding": "chunked", "body": "no\n!"}
    assert fed_in_all_ways(data + data, opened=False) == ([fields, fields], b"")


@for_each("data", [b"OK\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx\r\n\r\n"])
def test_what_is_no_answer_of_http_is_told_apart(data):
    decoder, careful = web.Decoder(), web.Decoder()
    messages = decoder.feed(data), [message for byte in data for message in careful.feed(bytes([byte]))]
    assert [[list(message.fields) for message in found] for found in messages] == [[["broken"]], [["broken"]]]


# ---- what the suite knows of a connection

def test_it_is_open_behind_the_answer_and_named_behind_the_welcome():
    state = web.ClientState()
    state.sent(web.Decoder().opening(HOST), True)
    assert not state.at_message_boundary
    assert state.received(Message({"status": 101}))  # to the suite's own request
    assert (state.at_message_boundary, state.name) == (True, None)
    assert not state.received(Message({"on": "welcome", "name": "ann"}))
    assert state.name == "ann"
    assert state.received(Message({"on": "done", "id": "~own"}))
    state.sent(web.encode({"do": "delete", "id": "d"}))
    assert not state.received(Message({"on": "done", "id": "x"})) and state.name == "ann"
    assert not state.received(Message({"on": "done", "id": "d"})) and state.name is None


def test_nothing_can_be_said_within_a_message_or_behind_the_end():
    state = web.ClientState()
    state.sent(web.Decoder().opening(HOST))
    assert not state.received(Message({"status": 101}))
    data = web.encode({"do": "ping"})
    for place in range(1, len(data)):
        state.sent(data[place - 1:place])
        assert not state.at_message_boundary
    state.sent(data[-1:])
    assert state.at_message_boundary
    state.sent(web.encode({"frame": "text", "content": "{", "last": False}) + web.encode({"frame": "ping"}))
    assert not state.at_message_boundary
    state.sent(web.encode({"frame": "more", "content": "}"}))
    assert state.at_message_boundary
    state.sent(web.encode({"frame": "close"}))
    assert not state.at_message_boundary


def test_a_ping_is_answered():
    assert web.heartbeat(Message({"frame": "ping", "content": "x"})) == {"frame": "pong", "content": "x"}
    assert web.heartbeat(Message({"frame": "pong", "content": "x"})) is None
    assert web.heartbeat(Message({"on": "pong"})) is None


@pytest.mark.parametrize("on, own", [("said", {"room": "#lobby"}), ("whispered", {"to": "bob"})])
def test_markers_are_found_in_talk(on, own):
    assert web.marker_in(Message(dict(own, on=on, by="ann", text="~sync7"))) == ("ann", "~sync7")
    assert web.marker_in(Message(dict(own, on=on, by="ann", text="say ~sync7"))) is None
    assert web.marker_in(Message({"on": "managed", "by": "ann", "text": "~sync7"})) is None
    assert web.subject_of(Message(dict(own, on=on, by="ann", text="x"))) == "ann"


def test_names_are_found_in_lists_and_taken_out_of_them():
    listed = Message({"on": "who", "room": "#lobby", "names": ["ann", "bob"]})
    assert web.names_in(listed) == ["ann", "bob"]
    assert web.without_names(listed, lambda name: name == "ann").fields["names"] == ["bob"]
    assert web.without_names(Message({"on": "done"}), lambda name: True).fields == {"on": "done"}


@for_each("message, heard", [
    ({"on": "said", "room": "#dev", "by": "ann", "text": "hi"}, ("#dev", "ann", "hi")),
    ({"on": "said", "room": "#lobby", "by": "ann", "text": "hi"}, None),
    ({"on": "joined", "room": "#dev", "name": "ann"}, ("#dev", None, "ann joined")),
    ({"on": "renamed", "room": "#dev", "old": "ann", "new": "eve"}, ("#dev", None, "ann is now eve")),
    ({"on": "managed", "room": "#dev", "act": "kick", "by": "ann", "name": "bob", "text": "why"},
     ("#dev", None, "ann kick bob why")),
    ({"on": "managed", "room": "#dev", "act": "topic", "by": "ann", "name": "", "text": "all\nof it"},
     ("#dev", None, "ann set the topic: all\u2424of it")),
    ({"on": "whispered", "by": "ann", "to": "bob", "text": "hi"}, None),
])
def test_what_is_heard_in_a_room_is_told_apart(message, heard):
    assert web.heard_in_room(Message(message)) == heard
