"""Rooms: what the client asks and hears of them in each protocol, and what a chat and a bot make of it."""
import contextlib
import json
import os
import re
import subprocess
import sys
import types

import pytest
from surroundings import ROOT, SECONDS, USERS, Answering, enter, hear, opened

from parley.client import (
    Connected,
    Disconnected,
    Done,
    Impossible,
    Invited,
    Joined,
    Left,
    Listed,
    Notice,
    Recalled,
    Refused,
    Renamed,
    Request,
    RoomNotice,
    RoomRenamed,
    Rooms,
    Said,
    Topic,
    Unsure,
    Users,
    Welcomed,
    Whispered,
    connect,
)
from parley.client.address import Address
from parley.client.following import LOGIN_ATTEMPTS, Following
from parley.client.position import ResumePosition
from parley.client.protocols import CLIENT_PROTOCOLS
from parley.server.protocols.binary import HEADER
from parley.server.protocols.delimited import HEADER_BYTES
from parley.server.protocols.websocket import Decoder, text_frame

ASK = [
    lambda chat: chat.join_room("#dev", "key"), lambda chat: chat.leave_room("#dev"), lambda chat: chat.rooms(),
    lambda chat: chat.rooms("#*"), lambda chat: chat.say("hi  there", "#dev"), lambda chat: chat.who("#dev"),
    lambda chat: chat.topic("#dev"), lambda chat: chat.manage("#dev", "topic", None, "a topic"),
    lambda chat: chat.manage("#dev", "topic", None, ""), lambda chat: chat.manage("#dev", "kick", "bob", "why not"),
    lambda chat: chat.manage("#dev", "set", "limit", "20"), lambda chat: chat.manage("#dev", "drop", None, None)]
# What each of these is on the wire.
ASKED = {
    "line": [
        b"JOIN #dev key", b"PART #dev", b"ROOMS", b"ROOMS #*", b"#dev MSG hi  there", b"#dev WHO", b"#dev TOPIC",
        b"#dev TOPIC a topic", b"#dev TOPIC -", b"#dev KICK bob why not", b"#dev SET limit 20", b"#dev DROP"],
    "binary": [
        (400, b"#dev key"), (405, b"#dev"), (406, b""), (406, b"#*"), (404, b"#dev hi  there"), (408, b"#dev who"),
        (408, b"#dev topic"), (408, b"#dev topic a topic"), (408, b"#dev topic -"), (408, b"#dev kick bob why not"),
        (408, b"#dev set limit 20"), (408, b"#dev drop")],
    "delimited": [
        (8, b"#dev|||key"), (9, b"#dev"), (10, b""), (10, b"#*"), (2, b"ann|||#dev|||hi  there"), (11, b"#dev|||who"),
        (11, b"#dev|||topic"), (11, b"#dev|||topic|||a topic"), (11, b"#dev|||topic|||-"),
        (11, b"#dev|||kick|||bob|||why not"), (11, b"#dev|||set|||limit|||20"), (11, b"#dev|||drop")],
    "dollar": [
        {"purpose": "join_room", "room": "#dev", "key": "key"}, {"purpose": "leave_room", "room": "#dev"},
        {"purpose": "list_rooms"}, {"purpose": "list_rooms", "pattern": "#*"},
        {"purpose": "send_message", "from_user": "ann", "to_user": "#dev", "message": "hi  there"},
        {"purpose": "room", "room": "#dev", "act": "who"}, {"purpose": "room", "room": "#dev", "act": "topic"},
        {"purpose": "room", "room": "#dev", "act": "topic", "text": "a topic"},
        {"purpose": "room", "room": "#dev", "act": "topic", "text": "-"},
        {"purpose": "room", "room": "#dev", "act": "kick", "about": "bob", "text": "why not"},
        {"purpose": "room", "room": "#dev", "act": "set", "about": "limit", "text": "20"},
        {"purpose": "room", "room": "#dev", "act": "drop"}],
    "web": [
        {"do": "join", "room": "#dev", "key": "key"}, {"do": "part", "room": "#dev"}, {"do": "rooms"},
        {"do": "rooms", "pattern": "#*"}, {"do": "say", "text": "hi  there", "room": "#dev"},
        {"do": "who", "room": "#dev"}, {"do": "topic", "room": "#dev"},
        {"do": "topic", "room": "#dev", "text": "a topic"}, {"do": "topic", "room": "#dev", "text": ""},
        {"do": "kick", "room": "#dev", "name": "bob", "text": "why not"},
        {"do": "set", "room": "#dev", "setting": "limit", "value": "20"}, {"do": "drop", "room": "#dev"}],
}


def packet(**fields):
    data = repr(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


def frame(code, content, sender=b"server"):
    return HEADER.pack(1, code, len(sender), len(content), sender, 5) + content


def items(command, *texts):
    data = b"|||".join(texts)
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def on(word, **fields):
    return text_frame(json.dumps(dict(fields, on=word)).encode())


def in_json(kind, words):
    """What has happened in #dev, in words, as `web` has it."""
    if kind == b"said":
        return on("said", n=1, room="#dev", by="bob", at=5, text=words.decode())
    by, what, about, why = re.fullmatch(r"(\S+) (joined|left|is now|kicked|banned|closed)(?: (\w+))?.*?(?:: (.*))?",
                                        words.decode()).groups()
    if kind == b"done":
        act = {"kicked": "kick", "banned": "ban", "closed": "drop"}[what]
        return on("managed", room="#dev", act=act, by=by, name=about if act != "drop" else "", text=why or "")
    if kind == b"renamed":
        return on("renamed", room="#dev", old=by, new=about)
    return on(what, room="#dev", name=by)


# What the server tells: in order, what is said in a room, who comes, goes and is renamed, and what is done.
NEWS = [(b"said", b"hi: x"), (b"joined", b"bob joined"), (b"left", b"bob left"), (b"renamed", b"bob is now rob"),
        (b"done", b"ann kicked bob: joined")]
TELL = {
    "line": lambda kind, text: b"#dev MSG bob %b\n" % text if kind == b"said" else b"#dev INFO %b\n" % text,
    "binary": lambda kind, text: frame(404 if kind == b"said" else 409, b"#dev " + text, b"bob"),
    "delimited": lambda kind, text: items(2, b"#dev", b"ann", b"bob: " + text if kind == b"said" else b"* " + text),
    "dollar": lambda kind, text: packet(
        purpose="receive_message", from_user="#dev", message=("bob: " if kind == b"said" else "* ") + text.decode()),
    "web": in_json,
}
# The answers to `rooms`, `who` and `topic`, and a refusal of `topic`.
ANSWERS = {
    "line": [
        b"ROOM #dev 12 it's a topic\nROOM #x 1\nEND ROOMS\n", b"#dev USER ann\n#dev USER bob\n#dev END WHO\n",
        b"#dev TOPIC a topic\n", b"ERR not-in-room\n"],
    "binary": [
        frame(407, b"""[('#dev', 12, "it's a topic"), ('#x', 1, '')]"""), frame(410, b"#dev ['ann', 'bob']"),
        frame(401, b"#dev a topic"), frame(402, b"#dev you are not in this room")],
    "delimited": [
        items(12, b"#dev 12 it's a topic", b"#x 1"), items(12, b"ann", b"bob"), items(12, b"a topic"),
        items(6, b"you are not in this room")],
    "dollar": [
        packet(purpose="list_rooms", result=True, rooms=[
            {"room": "#dev", "members": 12, "topic": "it's a topic", "joined": True},
            {"room": "#x", "members": 1, "topic": "", "joined": False}]),
        packet(purpose="room", result=True, users=[{"username": name, "status": "online"} for name in ("ann", "bob")]),
        packet(purpose="room", result=True, topic="a topic"),
        packet(purpose="room", result=False, reason="not-in-room")],
    "web": [
        on("rooms", id="1", rooms=[{"room": "#dev", "members": 12, "topic": "it's a topic", "inside": True},
                                   {"room": "#x", "members": 1, "topic": "", "inside": False}]),
        on("who", id="2", room="#dev", names=["ann", "bob"]),
        on("topic", id="3", room="#dev", topic="a topic", by="ann", at=5),
        on("no", id="4", why="not-in-room", text="you are not in this room")],
}
WITH_ROOMS = sorted(ASKED)


def talking(protocol, position=None):
    """The protocol of a connection on which ann is logged in."""
    chat = opened(protocol, position)
    chat.me = "ann"
    return chat


def first_sent(protocol, chat):
    """What the first request is on the wire: a line, (code, content), or a dictionary; that without its id."""
    sent = chat.to_send()
    if protocol == "web":
        fields = json.loads(Decoder(1 << 20).receive(sent)[0])
        return {key: value for key, value in fields.items() if key not in ("id", "tag")}
    if protocol == "line":
        return sent.split(b"\n")[0]
    if protocol == "binary":
        _, code, _, size, _, _ = HEADER.unpack_from(sent)
        return code, sent[HEADER.size:HEADER.size + size]
    if protocol == "delimited":
        return sent[1], sent[HEADER_BYTES:]
    packets = CLIENT_PROTOCOLS["dollar"](ResumePosition())
    packets._buffer += sent
    return packets._next()


@pytest.mark.parametrize("protocol", WITH_ROOMS)
def test_each_request_is_written_as_the_protocol_has_it(protocol):
    for ask, expected in zip(ASK, ASKED[protocol]):
        chat = talking(protocol)
        ask(chat)
        assert first_sent(protocol, chat) == expected


@pytest.mark.parametrize("protocol", WITH_ROOMS)
def test_what_happens_in_a_room_is_heard(protocol):
    found = [event._replace(time=None) if type(event) is Said else event
             for kind, text in NEWS for event in talking(protocol).feed(TELL[protocol](kind, text))]
    assert found == [Said("bob", "hi: x", None, "#dev"), Joined("bob", "#dev"), Left("bob", "#dev"),
                     Renamed("bob", "rob", "#dev"), RoomNotice("#dev", "ann kicked bob: joined")]


@pytest.mark.parametrize("protocol", WITH_ROOMS)
@pytest.mark.parametrize("words", [b"bob kicked ann", b"bob banned ann: why", b"bob closed the room"])
def test_whoever_is_put_out_has_left(protocol, words):
    assert talking(protocol).feed(TELL[protocol](b"done", words)) == [
        RoomNotice("#dev", words.decode()), Left("ann", "#dev")]


@pytest.mark.parametrize("protocol", WITH_ROOMS)
def test_what_is_asked_about_rooms_is_answered(protocol):
    chat = talking(protocol)
    chat.rooms("#*")
    chat.who("#dev")
    chat.topic("#dev")
    chat.topic("#dev")
    found = [event for answer in ANSWERS[protocol] for event in chat.feed(answer)]
    topic = Request("topic", "#dev", None)
    assert found == [
        Rooms((("#dev", 12, "it's a topic"), ("#x", 1, ""))), Done(Request("rooms", "#*", None)),
        Users((("ann", True), ("bob", True)), "#dev"), Done(Request("who", "#dev", None)), Topic("#dev", "a topic"),
        Done(topic), Refused(topic, "You are not in this room.")]
    assert not chat.has_pending


@pytest.mark.parametrize("protocol, told", [
    ("line", b"INFO bob invites you to #dev\n"), ("binary", frame(101, b"bob invites you to #dev")),
    ("delimited", items(2, b"lobby", b"ann", b"* bob invites you to #dev")),
    ("dollar", packet(purpose="receive_message", from_user="lobby", message="* bob invites you to #dev")),
    ("web", on("invited", room="#dev", by="bob"))])
def test_an_invitation_is_heard(protocol, told):
    assert talking(protocol).feed(told) == [Invited("#dev", "bob")]


def test_rooms_in_a_dollar_list_are_no_users():
    listed = packet(purpose="reload_user_list", users=[
        {"username": name, "status": "online", "unread": 1} for name in ("lobby", "#dev", "ann")])
    assert talking("dollar").feed(listed)[0] == Listed((("ann", True),), True, ("#dev",))


def listing(*rooms):
    return packet(purpose="reload_user_list", users=[
        {"username": name, "status": "online"} for name in ("lobby", *rooms, "ann")])


class Learning(Following):
    """What a chat learns, of a connection on which ann is logged in."""

    def __init__(self, protocol):
        super().__init__(Address(protocol, "chat.example", 1, False))
        self._protocol = talking(protocol)
        self._position = self._protocol.position

    def _flush(self):
        self._protocol.to_send()

    def feed(self, data):
        self._handle(self._protocol.feed(data))


def test_what_comes_of_a_room_behind_the_answer_to_leaving_it_does_not_count_as_being_in():
    chat = Learning("dollar")
    chat.join_room("#dev", "key")
    chat.join_room("#ops")
    chat.feed(packet(purpose="join_room", result=True) * 2 + listing())
    assert chat.inside == {"#dev": "key", "#ops": None}
    chat.feed(listing("#dev", "#ops"))
    chat.leave_room("#dev")
    chat.feed(packet(purpose="leave_room", result=True))
    assert list(chat.inside) == ["#ops"]
    chat.feed(packet(purpose="receive_message", from_user="#dev", message="bob: bye")
              + listing("#dev", "#ops") + listing("#ops"))
    assert list(chat.inside) == ["#ops"]


def test_a_list_from_before_a_break_puts_nobody_out_of_a_room_that_is_being_entered_again():
    chat = Learning("dollar")
    chat._login = chat._first = "join", ("ann",)
    chat.join_room("#dev", "key")
    chat.feed(packet(purpose="join_room", result=True) + listing("#dev"))
    chat._protocol = opened("dollar", chat._position)
    chat._protocol.join("ann")
    chat._granted, chat._failures, chat._files = True, 1, types.SimpleNamespace(come_back=list)  # as after a break
    chat.feed(packet(purpose="login", result=True) + listing())
    assert chat.inside == {"#dev": "key"}


def test_a_refused_password_is_not_the_one_with_which_one_comes_back():
    chat = Learning("line")
    for new in ("refused", "taken"):
        chat.change_password("old", new)
    chat.feed(b"ERR wrong-password\nOK\n")
    assert chat._login == ("login", ("ann", "taken"))


def test_the_key_of_a_room_is_known_however_often_one_comes_back():
    chat = Learning("dollar")
    chat.join_room("#dev", "key")
    for _ in range(2):
        chat.feed(packet(purpose="join_room", result=True))
        assert chat.inside == {"#dev": "key"}
        chat._protocol.join_room("#dev", chat.inside["#dev"])  # as after a break


def test_a_chat_follows_a_room_under_its_new_name():
    chat = Learning("line")
    chat.inside["#dev"] = "key"
    chat._position.of("#dev").set_mark(7)
    chat.feed(TELL["line"](b"done", b"bob renamed the room to #new"))
    assert chat.inside == {"#new": "key"} and chat._position.of("#new").mark == 7


def test_who_is_refused_again_and_again_after_a_break_gives_up_and_learns_what_may_not_have_arrived():
    chat, lost = Learning("line"), []
    chat._lost, chat._granted, chat._login = lost.append, True, ("join", ("ann",))
    chat._position.set_mark(7)
    chat.say("on its way")
    chat._protocol.connection_lost()
    chat._protocol = opened("line", chat._position)
    for number in range(LOGIN_ATTEMPTS + 1):
        assert len(lost) == number and chat._login
        chat._protocol.join("ann")
        chat.feed(b"ERR name-taken\n")
    assert len(lost) == LOGIN_ATTEMPTS and chat._login is None
    assert [type(event) for event in chat._events if type(event) in (Refused, Unsure)] == [Unsure, Refused]


def test_rooms_in_a_delimited_list_are_no_users():
    chat = talking("delimited")
    chat.users()
    assert chat.feed(items(7, b"ann", b"#dev"))[0] == Users((("ann", None),))


def test_what_was_missed_in_a_room_of_line_comes_by_its_places():
    position = ResumePosition()
    chat = talking("line", position)
    chat.catch_up_in("#dev")
    assert chat.to_send() == b"#dev HISTORY 1\n"
    chat.feed(b"#dev HIST 7 1 bob old\n#dev END HISTORY 7 complete\n")
    chat.say("lost?", "#dev")
    chat.connection_lost()
    chat = talking("line", position)
    chat.catch_up_in("#dev")
    chat.catch_up_in("#x")
    assert chat.to_send() == b"#dev HISTORY SINCE 7\n#x HISTORY 1\n"
    chat.feed(b"#dev HIST 8 2 bob new\n#dev END HISTORY 8 more\n#x HIST 1 1 zoe other\n#x END HISTORY 1 complete\n")
    assert chat.to_send() == b"#dev HISTORY SINCE 8\n"
    found = chat.feed(b"#dev HIST 9 3 bob newer\n#dev END HISTORY 9 complete\n")
    assert found[:3] == [Recalled("#dev", "bob", "new", 2), Recalled("#dev", "bob", "newer", 3),
                         Unsure(Request("say", "#dev", "lost?"))]


def test_padded_says_that_it_has_no_rooms(server, join):
    chat = join(server["padded"], "roomless")
    for ask in (lambda: chat.join_room("#dev"), lambda: chat.say("hi", "#dev"), lambda: chat.kick("#dev", "bob")):
        with pytest.raises(Impossible, match="^`padded` has no commands for rooms"):
            ask()


@pytest.mark.parametrize("name", ["dev", "", "#", "#two words", "#a\n"])
def test_what_cannot_be_a_room_is_said_in_a_sentence(server, join, name):
    chat = join(server["line"], "namer")
    for ask in (chat.join_room, chat.who, lambda room: chat.say("hi", room or "x")):
        with pytest.raises(Impossible, match="begins with #"):
            ask(name)


@pytest.mark.parametrize("protocol", [protocol for protocol in WITH_ROOMS if protocol != "web"])
def test_a_room_that_is_called_otherwise_is_known_by_its_new_name(protocol):
    words = "bob renamed the room to #new"
    assert talking(protocol).feed(TELL[protocol](b"done", words.encode())) == [RoomRenamed("#dev", "#new", words)]


def test_how_far_a_room_was_followed_goes_along_with_its_new_name():
    position = ResumePosition()
    position.of("#dev").set_mark(7)
    position.rename("#dev", "#new")
    position.rename("#dev", "#other")
    assert (position.of("#new").mark, position.rooms) == (7, [None, "#new"])


# ---- a chat


def of(kind, **fields):
    return lambda event: type(event) is kind and all(getattr(event, name) == value for name, value in fields.items())


def answered(chat, kind):
    """The events until the request of this kind has its answer."""
    return hear(chat, lambda event: isinstance(event, (Done, Refused)) and event.request.kind == kind)


PAIRS = {"line": ("annroom", "bobroom"), "binary": ("annbin", "bobbin"), "delimited": ("anndel", "bobdel"),
         "web": ("annweb", "bobweb"),
         "dollar": ("Alice", "Bob")}


@pytest.mark.parametrize("protocol", WITH_ROOMS)
def test_people_meet_in_a_room_and_one_is_put_out(server, join, protocol):
    names, room = PAIRS[protocol], "#meet-" + protocol
    ann, bob = (enter(join, server[protocol], name, USERS.get(name)) for name in names)
    for chat in (ann, bob):
        chat.join_room(room)
        assert type(answered(chat, "join_room")[-1]) is Done
    hear(ann, of(Joined, name=names[1], room=room))
    ann.say("hi\nthere" if protocol != "line" else "hi", room)
    hear(bob, of(Said, sender=names[0], text="hi\nthere" if protocol != "line" else "hi", room=room))
    assert type(answered(ann, "say")[-1]) is Done
    ann.say("all", "#lobby")
    hear(bob, of(Said, sender=names[0], text="all", room=None))
    ann.topic(room, "what for")
    hear(bob, of(RoomNotice, room=room, text="%s set the topic: what for" % names[0]))
    bob.topic(room)
    assert Topic(room, "what for") in answered(bob, "topic")
    bob.who(room)
    assert Users(tuple((name, True) for name in names), room) in answered(bob, "who")
    bob.rooms()
    assert Rooms(((room, 2, "what for"),)) in answered(bob, "rooms")
    if bob.can("history"):
        bob.history(room)
        said = [event for event in answered(bob, "history") if type(event) is Recalled]
        assert [event[:3] for event in said][:1] == [(room, names[0], "hi" if protocol == "line" else "hi\nthere")]
    bob.kick(room, names[0])
    assert answered(bob, "manage")[-1] == Refused(
        Request("manage", room, "kick " + names[0]), "You are not allowed to do this.")
    ann.kick(room, names[1], "good bye")
    assert hear(bob, of(Left, name=names[1], room=room))[-2] == RoomNotice(
        room, "%s kicked %s: good bye" % names)
    assert list(ann.inside) == [room] and room not in bob.inside
    assert names[1] in ann.names or not ann.can("describe")
    ann.set(room, "invite", "on")
    hear(ann, of(Done, request=Request("manage", room, "set invite on")))
    bob.say("still?", room)
    refused = answered(bob, "say")[-1]
    assert refused.why in ("You are not in this room.", "You need an invitation to enter this room.")
    ann.invite(room, names[1])
    hear(bob, of(Invited, room=room, by=names[0]))
    bob.join_room(room)
    assert type(answered(bob, "join_room")[-1]) is Done
    ann.leave_room(room)
    assert type(answered(ann, "leave_room")[-1]) is Done
    hear(bob, of(Left, name=names[0], room=room))
    assert not ann.inside


def test_rooms_are_entered_again_after_a_break(server, doorways, join):
    host, _, port = server["line"].rpartition("/")[2].partition(":")
    doorways["line"].lead_to((host, int(port)))
    chat, other = join("line://%s:%d" % doorways["line"].address, "backroom"), enter(join, server["line"], "otherroom")
    chat.join_room("#back", "sesame")
    answered(chat, "join_room")
    chat.set("#back", "key", "sesame")
    answered(chat, "manage")
    other.join_room("#back", "wrong")
    assert answered(other, "join_room")[-1].why == "The key of the room is missing or wrong."
    other.join_room("#back", "sesame")
    answered(other, "join_room")
    doorways["line"].shut()
    hear(chat, of(Disconnected))
    hear(other, of(Left, name="backroom", room="#back"))
    doorways["line"].lead_to((host, int(port)))
    hear(chat, of(Welcomed))
    hear(other, of(Joined, name="backroom", room="#back"))
    other.say("welcome back", "#back")
    hear(chat, of(Said, text="welcome back", room="#back"))


@pytest.mark.parametrize("protocol, name", [("line", "Bob"), ("dollar", "Alice")])
def test_what_was_said_in_a_room_meanwhile_comes_after_a_restart(restarted, join, protocol, name):
    chat, room = join(restarted.urls[protocol], name, USERS[name]), "#lasts-" + protocol
    chat.join_room(room)
    chat.say("before", room)
    answered(chat, "say")
    assert chat.finish(SECONDS)
    restarted.kill()
    hear(chat, of(Disconnected))
    restarted.start(lambda url: _say_meanwhile(join, url, room))
    hear(chat, of(Welcomed))
    heard = hear(chat, of(Done, request=Request("missed", room, None)))
    recalled = [event[:3] for event in heard if type(event) is Recalled and event.partner]
    assert recalled == [(room, "visitor", "meanwhile")]
    assert list(chat.inside) == [room]


def _say_meanwhile(join, url, room):
    with join(url, "visitor") as visitor:
        visitor.join_room(room)
        visitor.say("meanwhile", room)


def test_whoever_is_banned_by_a_pattern_learns_it_at_the_latest_when_speaking(server, join):
    keeper, guest = enter(join, server["line"], "patkeeper"), enter(join, server["line"], "patguest")
    for chat in (keeper, guest):
        chat.join_room("#patterns")
        answered(chat, "join_room")
    keeper.ban("#patterns", "patg*", "so there")
    hear(guest, of(RoomNotice, room="#patterns", text="patkeeper banned patg*: so there"))
    guest.say("hi", "#patterns")
    assert answered(guest, "say")[-1].why == "You are not in this room."
    assert not guest.inside


@pytest.mark.parametrize("protocol", ["line", "binary"])
def test_what_is_refused_late_is_not_said(server, join, protocol):
    owner, guest = enter(join, server["line"], "own-" + protocol), enter(join, server[protocol], "hot-" + protocol[:6])
    room = "#late-" + protocol
    for chat in (owner, guest):
        chat.join_room(room)
        answered(chat, "join_room")
    owner.mute(room, guest.me)
    hear(guest, of(RoomNotice, room=room, text="%s muted %s" % (owner.me, guest.me)))
    guest.say("hi", room)
    assert hear(guest, of(Refused))[-1] == Refused(Request("say", room, "hi"), "You are muted here.")


@pytest.mark.parametrize("word, sentence", [
    (b"kicked", "You were kicked."), (b"banned", "You are banned here."),
    (b"logged-in-elsewhere", "You have logged in elsewhere.")])
def test_whoever_is_shown_the_door_does_not_come_back_by_itself(word, sentence):
    with Answering({b"LOGIN": b"OK\n", b"MSG": b"INFO %b\n" % word}) as server:
        with connect("line://%s:%d" % server.address) as chat:
            chat.join("ann")
            hear(chat, of(Welcomed))
            chat.say("rude")
            assert hear(chat, of(Disconnected))[-1] == Disconnected(sentence, None)


# ---- bots

SAYS = {b"LOGIN": b"OK\n", b"PING": b"PONG\n", b"HISTORY": b"END HISTORY 1 complete\n",
        b"MSG": b"#dev MSG bob !roll 6 sides\nMSG bob !roll\nDM bob !roll\nMSG bob !rolls\n"}


def bot(server):
    chat = connect("line://%s:%d" % server.address, "bot")
    chat.poll()
    return chat


def test_a_command_is_answered_where_it_was_given():
    with Answering(SAYS) as server, contextlib.closing(bot(server)) as chat:
        given = []
        chat.on_command("!roll", lambda said, rest: given.append((type(said), rest)) or "rolled " + (rest or "it"))
        chat.say("go")
        hear(chat, of(Said, text="!rolls"))
        assert given == [(Said, "6 sides"), (Said, ""), (Whispered, "")]
        chat.finish(SECONDS)
        assert [line for line in server.heard if "rolled" in line] == [
            "#dev MSG rolled 6 sides", "MSG rolled it", "DM bob rolled it"]


def test_a_command_that_returns_nothing_says_nothing():
    with Answering(SAYS) as server, contextlib.closing(bot(server)) as chat:
        chat.on_command("!roll", lambda said, rest: None)
        chat.say("go")
        hear(chat, of(Said, text="!rolls"))
        assert chat.finish(SECONDS)
        assert [line for line in server.heard if "MSG" in line or "DM" in line] == ["MSG go"]


def test_a_timer_goes_off_again_and_again_while_one_is_logged_in():
    with Answering(SAYS) as server, contextlib.closing(connect("line://%s:%d" % server.address)) as chat:
        times = []
        chat.every(0.01, lambda: times.append(1))
        assert chat.until_next() <= 0.01
        assert [type(event) for event in chat.poll(0.01)] == [Connected]
        chat.poll(0.01)
        assert not times
        chat.join("bot")
        while len(times) < 3:
            chat.poll(SECONDS)
        with pytest.raises(ValueError, match="0"):
            chat.every(0, print)


def test_what_a_bot_s_function_raises_is_not_hidden():
    with Answering(SAYS) as server, contextlib.closing(bot(server)) as chat:
        chat.on_command("!roll", lambda said, rest: [][1])
        chat.say("go")
        with pytest.raises(IndexError):
            hear(chat, of(Notice))


def rooms_like(chat, pattern):
    chat.rooms(pattern)
    return next(event.rooms for event in answered(chat, "rooms") if type(event) is Rooms)


def test_the_example_welcomes_who_comes_and_keeps_the_topic(server, join):
    process = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, "examples", "room_bot.py"), server["line"], "keeper", "#kept"],
        env=dict(os.environ, PYTHONPATH=ROOT))
    try:
        guest = enter(join, server["line"], "guestroom")
        while not rooms_like(guest, "#kept"):  # it is not here yet
            pass
        guest.join_room("#kept")
        hear(guest, of(Said, sender="keeper", text="Welcome to #kept, guestroom!", room="#kept"))
        guest.say("!topic all that matters", "#kept")
        hear(guest, of(RoomNotice, room="#kept", text="keeper set the topic: all that matters"))
        guest.say("mind your badword", "#kept")
        hear(guest, of(Left, name="guestroom", room="#kept"))
    finally:
        process.kill()
        process.wait()
