"""What the suite's codecs know of rooms, pinned by messages written by hand from docs/rooms.md."""
import pytest

from parley.conformance.message import Message
from parley.conformance.wire import CODECS, binary, delimited, dollar, irc, line, web

WITH_ROOMS = [line, binary, delimited, dollar, irc, web]
ZEROS = "00 " * 38


def fields(**values):
    return Message(values)


def frame(kind, content, user="server"):
    return fields(type=kind, user=user, content=content)


def test_all_protocols_but_padded_have_rooms():
    assert [codec for codec in CODECS.values() if getattr(codec, "HAS_ROOMS", False)] == sorted(
        WITH_ROOMS, key=lambda codec: codec.NAME)


@pytest.mark.parametrize("message, heard", [
    ("#dev MSG ann hi", ("#dev", "ann", "hi")),
    ("#dev MSG ann  #ops MSG bob hi", ("#dev", "ann", " #ops MSG bob hi")),
    ("#dev INFO bob joined", ("#dev", None, "bob joined")),
    ("#dev INFO ann kicked bob: be quiet", ("#dev", None, "ann kicked bob: be quiet")),
    ("MSG ann #dev MSG bob hi", None),
    ("INFO ann invites you to #dev", None),
    ("#dev USER ann", None),
    ("#dev TOPIC MSG ann hi", None),
    ("ROOM #dev 1 #dev MSG ann hi", None),
])
def test_what_is_heard_in_a_room_of_line(message, heard):
    assert line.heard_in_room(message) == heard


@pytest.mark.parametrize("message, heard", [
    (frame(404, "#dev hi there", "ann"), ("#dev", "ann", "hi there")),
    (frame(409, "#dev bob joined"), ("#dev", None, "bob joined")),
    (frame(410, "#dev ['ann', 'bob']"), None),
    (frame(100, "#dev hi", "ann"), None),
    (frame(401, "#dev the topic"), None),
    (frame(402, "#dev you are banned"), None),
    (frame(407, "[('#dev', 1, '')]"), None),
])
def test_what_is_heard_in_a_room_of_binary(message, heard):
    assert binary.heard_in_room(message) == heard


@pytest.mark.parametrize("room, text, heard", [
    ("#dev", "ann: hi", ("#dev", "ann", "hi")),
    ("#dev", "ann: * bob joined", ("#dev", "ann", "* bob joined")),
    ("#dev", "a:: b: c", ("#dev", "a:", "b: c")),
    ("#dev", "*: hi", ("#dev", "*", "hi")),
    ("#dev", "* bob joined", ("#dev", None, "bob joined")),
    ("#dev", "* ann kicked bob: why", ("#dev", None, "ann kicked bob: why")),
    ("ann", "#dev: hi", None),
])
def test_what_is_heard_of_a_room_that_is_a_user(room, text, heard):
    assert delimited.heard_in_room(fields(SEND=[room, "me", text])) == heard
    assert dollar.heard_in_room(fields(purpose="receive_message", from_user=room, message=text)) == heard


@pytest.mark.parametrize("line_, heard", [
    (":ann!a@h PRIVMSG #dev :hi", ("#dev", "ann", "hi")),
    (":ann!a@h NOTICE #dev ::hi", ("#dev", "ann", ":hi")),
    (":bob!b@h JOIN #dev", ("#dev", None, "bob joined")),
    (":bob!b@h PART #dev :why", ("#dev", None, "bob left")),
    (":ann!a@h TOPIC #dev :all about it", ("#dev", None, "ann set the topic: all about it")),
    (":ann!a@h KICK #dev bob :why", ("#dev", None, "ann KICK bob why")),
    (":ann!a@h PRIVMSG bob :#dev", None),
    (":ann!a@h PRIVMSG #lobby :hi", None),
    (":s 332 ann #dev :hi", None),
])
def test_what_is_heard_in_a_channel_of_irc(line_, heard):
    message, = irc.Decoder().feed(line_.encode() + b"\r\n")
    assert irc.heard_in_room(message) == heard


@pytest.mark.parametrize("message", [
    fields(SEND=[]), fields(RESPONSE=["#dev"]), fields(SEND=["#dev"]), fields(broken="length 5")])
def test_other_frames_are_not_heard_in_a_room(message):
    assert delimited.heard_in_room(message) is None
    assert dollar.heard_in_room(message) is None


@pytest.mark.parametrize("codec, asked", [
    (line, ["JOIN #dev", "JOIN #dev word", "PART #dev", "#dev MSG hi", "ROOMS", "ROOMS #*", "#dev KICK bob why",
            "#dev SET limit 20", "#dev TOPIC"]),
    (irc, ["JOIN #dev", "JOIN #dev word", "PART #dev", "PRIVMSG #dev :hi", "LIST", "LIST #*", "KICK #dev bob :why",
           "MODE #dev +l 20", "TOPIC #dev"]),
    (binary, [
        {"type": 400, "content": "#dev"}, {"type": 400, "content": "#dev word"}, {"type": 405, "content": "#dev"},
        {"type": 404, "content": "#dev hi"}, {"type": 406, "content": ""}, {"type": 406, "content": "#*"},
        {"type": 408, "content": "#dev kick bob why"}, {"type": 408, "content": "#dev set limit 20"},
        {"type": 408, "content": "#dev topic"}]),
    (delimited, [
        {"JOIN": ["#dev"]}, {"JOIN": ["#dev", "word"]}, {"PART": ["#dev"]}, {"SEND": ["me", "#dev", "hi"]},
        {"ROOMS": []}, {"ROOMS": ["#*"]}, {"MANAGE": ["#dev", "kick", "bob", "why"]},
        {"MANAGE": ["#dev", "set", "limit", "20"]}, {"MANAGE": ["#dev", "topic"]}]),
    (dollar, [
        {"purpose": "join_room", "room": "#dev"}, {"purpose": "join_room", "room": "#dev", "key": "word"},
        {"purpose": "leave_room", "room": "#dev"},
        {"purpose": "send_message", "from_user": "me", "to_user": "#dev", "message": "hi"},
        {"purpose": "list_rooms"}, {"purpose": "list_rooms", "pattern": "#*"},
        {"purpose": "room", "room": "#dev", "act": "kick", "about": "bob", "text": "why"},
        {"purpose": "room", "room": "#dev", "act": "set", "about": "limit", "text": "20"},
        {"purpose": "room", "room": "#dev", "act": "topic"}]),
])
def test_what_is_asked_of_a_room(codec, asked):
    assert [
        codec.enter_room("#dev"), codec.enter_room("#dev", "word"), codec.leave_room("#dev"),
        codec.say_in_room("me", "#dev", "hi"), codec.list_rooms(), codec.list_rooms("#*"),
        codec.manage_room("#dev", "kick", "bob", "why"), codec.manage_room("#dev", "set", "limit", "20"),
        codec.manage_room("#dev", "topic"),
    ] == asked


@pytest.mark.parametrize("command, code", [("JOIN", 8), ("PART", 9), ("ROOMS", 10), ("MANAGE", 11)])
def test_the_new_codes_of_delimited(command, code):
    data = bytes.fromhex("00 %02X" % code + ZEROS + "00 04") + b"#dev"
    assert delimited.encode({command: ["#dev"]}) == data
    assert delimited.Decoder().feed(data) == [Message({command: ["#dev"]}, data)]


def test_the_list_of_rooms_of_delimited():
    data = bytes.fromhex("00 0C" + ZEROS + "00 1A") + b"#dev 12 topic|||#ops 1 two"
    assert delimited.Decoder().feed(data) == [Message({"ROOMSRESPONSE": ["#dev 12 topic", "#ops 1 two"]}, data)]


@pytest.mark.parametrize("reply", [{"ROOMSRESPONSE": ["#dev 1 "]}, {"RESPONSE": ["no"]}])
@pytest.mark.parametrize("request_", [{"ROOMS": []}, {"MANAGE": ["#dev", "who"]}])
def test_an_answer_about_rooms_of_delimited_leaves_the_name_as_it_is(request_, reply):
    state = delimited.ClientState()
    state.sent(delimited.encode({"CREATE": ["ann"]}) + delimited.encode(request_) + delimited.encode({"JOIN": ["#x"]}))
    for message in (fields(RESPONSE=[]), fields(SEND=["#x", "ann", "bob: hi"]), Message(reply), fields(RESPONSE=[])):
        assert not state.received(message)
        assert state.name == "ann"


@pytest.mark.parametrize("codec, message, name", [
    (line, "#dev MSG bob hi", "bob"), (line, "#dev INFO bob joined", "bob"), (line, "#dev USER bob", "bob"),
    (line, "INFO bob invites you to #dev", "bob"), (line, "#dev END WHO", None),
    (binary, frame(404, "#dev hi", "bob"), "bob"),
    (delimited, fields(SEND=["#dev", "ann", "bob: hi"]), "bob"), (delimited, fields(SEND=["bob", "ann", "hi"]), "bob"),
    (dollar, fields(from_user="#dev", message="bob: hi"), "bob"),
    (dollar, fields(from_user="lobby", message="bob: hi"), "bob"),
])
def test_whom_a_message_of_a_room_is_about(codec, message, name):
    assert codec.subject_of(message) == name


@pytest.mark.parametrize("codec, message", [
    (line, "#dev MSG bob ~sync7"), (binary, frame(404, "~sync7", "bob")), (binary, frame(404, "#dev ~sync7", "bob")),
    (delimited, fields(SEND=["#dev", "ann", "bob: ~sync7"])),
    (dollar, fields(from_user="#dev", message="bob: ~sync7")),
])
def test_what_looks_like_a_marker_in_a_room_is_none(codec, message):
    assert codec.marker_in(message) is None
