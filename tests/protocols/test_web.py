"""The `web` protocol: JSON from a client to commands, and happenings to JSON."""
import base64
import json

import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st
from web_frames import BINARY, CLOSE, MORE, PING, PONG, contents, frame, objects, said

from parley import __version__
from parley.server.protocols import events, web
from parley.server.protocols.events import HOME, REASONS, Broken, Labelled, Malformed, Reason
from parley.server.protocols.text import canonical

LIMITS = {"text_bytes": 100}
MANAGE = events.Manage
BAD = Malformed(Reason.BAD_FORM, None)

LIST_BYTES = b"\1" + bytes([0, 0, 0, 7, 3]) + b"ann" + bytes([0, 1]) + bytes(130 + 64)
LIST = base64.urlsafe_b64encode(LIST_BYTES).decode().rstrip("=")
ENVELOPE = "parley:sealed:1:" + "A" * 228
COMMANDS = [
    ({"do": "login", "name": "ann"}, events.Login(b"ann", None)),
    ({"do": "login", "name": "ann", "password": "x y"}, events.Login(b"ann", b"x y")),
    ({"do": "login", "name": "ann", "password": None}, events.Login(b"ann", None)),
    ({"do": "register", "name": "ann", "password": "x"}, events.SignUp(b"ann", b"x")),
    ({"do": "rename", "name": "bea"}, events.Rename(b"bea")),
    ({"do": "password", "old": "x", "new": "y"}, events.ChangePassword(b"x", b"y")),
    ({"do": "say", "text": "hi"}, events.Say(b"hi", None, None)),
    ({"do": "say", "text": "hi\n\u00fc", "room": "#dev"}, events.Say(b"hi\n\xc3\xbc", None, None, b"#dev")),
    ({"do": "say", "text": "\x1b[m"}, events.Say("\u241b[m".encode(), None, None)),
    ({"do": "whisper", "to": "bob", "text": "hi"}, events.Whisper(b"bob", b"hi", None, None)),
    ({"do": "who"}, events.Who()),
    ({"do": "who", "room": "#dev"}, events.Who(b"#dev")),
    ({"do": "say", "text": "hi", "tag": "\u00fc"}, events.Say(b"hi", None, None, HOME, b"\xc3\xbc")),
    ({"do": "whisper", "to": "bob", "text": "hi", "tag": "t" * 64},
     events.Whisper(b"bob", b"hi", None, None, b"t" * 64)),
    ({"do": "say", "text": "hi", "tag": "t" * 65}, Malformed(Reason.BAD_FORM, events.Say)),
    ({"do": "say", "text": "hi", "tag": 7}, Malformed(Reason.BAD_FORM, events.Say)),
    ({"do": "hello"}, events.Hello(None, b"", ())),
    ({"do": "hello", "session": "abc", "resume": {"run": "r", "#lobby": 5, "me": 6, "#dev": None}},
     events.Hello(b"abc", b"r", ((b"#lobby", 5), (HOME, 6)))),
    ({"do": "hello", "resume": {"#dev": 0}}, events.Hello(None, b"", ((b"#dev", 0),))),
    ({"do": "hello", "resume": []}, Malformed(Reason.BAD_FORM, events.Hello)),
    ({"do": "hello", "resume": {"#dev": "5"}}, Malformed(Reason.BAD_FORM, events.Hello)),
    ({"do": "hello", "resume": {"#dev": -1}}, Malformed(Reason.BAD_FORM, events.Hello)),
    ({"do": "hello", "resume": {str(n): n for n in range(101)}}, Malformed(Reason.BAD_FORM, events.Hello)),
    ({"do": "history"}, events.Browse(HOME, None, None, None, 200)),
    ({"do": "history", "room": "#dev", "before": 9, "most": 5}, events.Browse(b"#dev", None, 9, None, 5)),
    ({"do": "history", "with": "bob", "after": 0, "most": 999}, events.Browse(None, b"bob", None, 0, 200)),
    ({"do": "history", "with": ""}, Malformed(Reason.BAD_FORM, events.Browse)),
    ({"do": "history", "with": "bob", "room": "#dev"}, Malformed(Reason.BAD_FORM, events.Browse)),
    ({"do": "history", "before": 1, "after": 1}, Malformed(Reason.BAD_FORM, events.Browse)),
    ({"do": "history", "before": 1.5}, Malformed(Reason.BAD_FORM, events.Browse)),
    ({"do": "history", "before": True}, Malformed(Reason.BAD_FORM, events.Browse)),
    ({"do": "missed"}, events.Deliver()),
    ({"do": "typing"}, events.Typing(HOME, b"")), ({"do": "typing", "room": "#dev"}, events.Typing(b"#dev", b"")),
    ({"do": "typing", "to": "bob"}, events.Typing(HOME, b"bob")),
    ({"do": "typing", "to": 7}, Malformed(Reason.BAD_FORM, events.Typing)),
    ({"do": "away"}, events.Away(True)), ({"do": "away", "away": False}, events.Away(False)),
    ({"do": "away", "away": 0}, Malformed(Reason.BAD_FORM, events.Away)),
    ({"do": "watch", "names": ["ann", "bob"]}, events.Watch((b"ann", b"bob"))),
    ({"do": "watch", "names": []}, events.Watch(())),
    ({"do": "watch", "names": "ann"}, Malformed(Reason.BAD_FORM, events.Watch)),
    ({"do": "watch", "names": [7]}, Malformed(Reason.BAD_FORM, events.Watch)),
    ({"do": "watch", "names": ["a"] * 201}, Malformed(Reason.BAD_FORM, events.Watch)),
    ({"do": "read", "n": 7}, events.MarkRead(HOME, b"", 7)),
    ({"do": "read", "room": "#dev", "n": 7}, events.MarkRead(b"#dev", b"", 7)),
    ({"do": "read", "with": "bob", "n": 7}, events.MarkRead(HOME, b"bob", 7)),
    ({"do": "read", "with": "", "n": 7}, Malformed(Reason.BAD_FORM, events.MarkRead)),
    ({"do": "read", "with": "bob", "room": "#dev", "n": 7}, Malformed(Reason.BAD_FORM, events.MarkRead)),
    ({"do": "read", "room": "#dev"}, Malformed(Reason.BAD_FORM, events.MarkRead)),
    ({"do": "offer", "name": "a.txt", "size": 5}, events.Offer(b"a.txt", 5, "")),
    ({"do": "offer", "name": "a.txt", "size": 5, "sha256": "ab"}, events.Offer(b"a.txt", 5, "ab")),
    ({"do": "offer", "name": "a.txt", "size": 5, "sha256": "../"}, Malformed(Reason.BAD_FORM, events.Offer)),
    ({"do": "offer", "name": "a" * 1025, "size": 5}, Malformed(Reason.BAD_FORM, events.Offer)),
    ({"do": "offer", "name": "", "size": 5}, Malformed(Reason.BAD_FORM, events.Offer)),
    ({"do": "offer", "name": "a.txt", "size": -1}, Malformed(Reason.BAD_FORM, events.Offer)),
    ({"do": "offer", "name": "a.txt"}, Malformed(Reason.BAD_FORM, events.Offer)),
    ({"do": "share", "file": "f", "token": "t"}, events.Share("f", "t", HOME, b"", b"", b"")),
    ({"do": "share", "file": "f", "token": "t", "room": "#r", "tag": "x"},
     events.Share("f", "t", b"#r", b"", b"x", b"")),
    ({"do": "share", "file": "f", "token": "t", "to": "bob"}, events.Share("f", "t", HOME, b"bob", b"", b"")),
    ({"do": "share", "file": "f", "token": "t", "text": "[file] f"}, Malformed(Reason.BAD_FORM, events.Share)),
    ({"do": "share", "file": "f", "token": "t", "to": "bob", "room": "#r"}, Malformed(Reason.BAD_FORM, events.Share)),
    ({"do": "share", "file": "../f", "token": "t"}, Malformed(Reason.BAD_FORM, events.Share)),
    ({"do": "share", "file": "f", "token": ""}, Malformed(Reason.BAD_FORM, events.Share)),
    ({"do": "read", "n": "7"}, Malformed(Reason.BAD_FORM, events.MarkRead)),
    ({"do": "keys", "of": "bob"}, events.DevicesOf(b"bob")),
    ({"do": "keys", "publish": LIST}, events.PublishDevices(b"ann", 7, LIST_BYTES)),
    ({"do": "keys"}, Malformed(Reason.BAD_FORM, events.PublishDevices)),
    ({"do": "keys", "publish": LIST, "of": "bob"}, Malformed(Reason.BAD_FORM, events.PublishDevices)),
    ({"do": "keys", "publish": LIST[:-4]}, Malformed(Reason.BAD_FORM, events.PublishDevices)),
    ({"do": "keys", "publish": "AQ"}, Malformed(Reason.BAD_FORM, events.PublishDevices)),
    ({"do": "logout"}, events.LogOut()),
    ({"do": "join", "room": "#dev"}, events.Enter(b"#dev", None)),
    ({"do": "join", "room": "#dev", "key": "k"}, events.Enter(b"#dev", b"k")),
    ({"do": "part", "room": "#dev"}, events.Exit(b"#dev")),
    ({"do": "rooms"}, events.Rooms(None)),
    ({"do": "rooms", "pattern": "#d*"}, events.Rooms(b"#d*")),
    ({"do": "topic", "room": "#dev"}, events.Topic(b"#dev")),
    ({"do": "topic", "room": "#dev", "text": "news"}, MANAGE(b"#dev", "topic", b"", b"news")),
    ({"do": "topic", "room": "#dev", "text": ""}, MANAGE(b"#dev", "topic", b"", b"")),
    ({"do": "kick", "room": "#dev", "name": "bob", "text": "why"}, MANAGE(b"#dev", "kick", b"bob", b"why")),
    ({"do": "op", "room": "#dev", "name": "bob"}, MANAGE(b"#dev", "op", b"bob", b"")),
    ({"do": "ban", "name": "b*"}, MANAGE(HOME, "ban", b"b*", b"")),
    ({"do": "set", "room": "#dev", "setting": "limit", "value": "9"}, MANAGE(b"#dev", "set", b"limit", b"9")),
    ({"do": "drop", "room": "#dev"}, MANAGE(b"#dev", "drop", b"", b"")),
    ({"do": "delete"}, events.Delete()),
    ({"do": "ping"}, events.TimingMark()),
    ({"do": "ping", "more": [{}], "room": 7}, events.TimingMark()),
    ({"do": "nothing"}, Malformed(Reason.UNKNOWN_COMMAND, None)),
    ({"do": "say"}, Malformed(Reason.BAD_FORM, events.Say)),
    ({"do": "say", "text": 7}, Malformed(Reason.BAD_FORM, events.Say)),
    ({"do": "say", "text": "hi", "room": ""}, Malformed(Reason.BAD_FORM, events.Say)),
    ({"do": "say", "text": "hi", "room": ["#dev"]}, Malformed(Reason.BAD_FORM, events.Say)),
    ({"do": "say", "text": "x" * 101}, Malformed(Reason.TEXT_TOO_LONG, events.Say)),
    ({"do": "say", "text": "\x07" * 34}, Malformed(Reason.TEXT_TOO_LONG, events.Say)),
    ({"do": "login", "name": None}, Malformed(Reason.BAD_FORM, events.Login)),
    ({"do": "join"}, Malformed(Reason.BAD_FORM, events.Enter)),
    ({"do": "kick", "room": "#dev"}, Malformed(Reason.BAD_FORM, MANAGE)),
    ({"do": "set", "setting": "limit"}, Malformed(Reason.BAD_FORM, MANAGE)),
    ({"do": 7}, BAD), ({"do": None}, BAD), ({}, BAD), ([], BAD), ("say", BAD), (None, BAD), (7, BAD),
    ({"do": "ping", "id": 7}, BAD), ({"do": "ping", "id": "x" * 65}, BAD),
]  # fmt: skip


def fed(data):
    return web.Decoder(LIMITS).feed(data)


@for_each("fields, command", COMMANDS)
def test_an_object_is_a_command(fields, command):
    assert fed(frame(json.dumps(fields).encode())) == [command]


@for_each("fields, command", [one for one in COMMANDS if isinstance(one[0], dict) and "id" not in one[0]])
def test_an_id_is_the_label_of_the_answer(fields, command):
    for label in ("7", "x" * 64, 'a"\\\n\u00fc\U0001f600'):
        unanswered = isinstance(command, (events.Typing, events.Away, events.Watch, events.MarkRead))
        assert fed(said(id=label, **fields)) == [
            command if unanswered else Labelled(json.dumps(label).encode(), command)]


def test_every_act_can_be_done():
    acts = {command.act for _, command in COMMANDS if isinstance(command, MANAGE)}
    for act in set(events.ACTS) - acts:
        assert fed(said(do=act, name="bob")) == [MANAGE(HOME, act, b"bob", b"")]


@pytest.mark.parametrize("text", [
    b"", b"{", b"{}{}", b"\xef\xbb\xbf{}", b"[" * 60000, b'{"do":' * 10000, b'{"do":"ping","x":%b}' % (b"9" * 5000),
    b'{"do":"ping","x":"\x01"}'], ids=lambda text: repr(text[:9]))
def test_what_is_no_json_is_malformed_and_what_follows_is_read(text):
    assert fed(frame(text) + said(do="ping")) == [BAD, events.TimingMark()]


@pytest.mark.parametrize("text", [b' {"do":"ping"}', b'{"do":"ping"} \n', b'\t{ "do" : "ping" }\r\n'])
def test_white_space_around_an_object_is_nothing(text):
    assert web.Decoder(LIMITS).feed(frame(text)) == [events.TimingMark()]


def test_half_a_surrogate_pair_is_one_replacement_character_in_a_text_and_no_utf8_in_a_name():
    assert fed(said(do="login", name="\ud800")) == [events.Login(b"\xed\xa0\x80", None)]
    assert fed(said(do="say", text="\ud800\ud55c\U0001f600\udfff")) == [
        events.Say("\ufffd\ud55c\U0001f600\ufffd".encode(), None, None)]


def test_a_key_is_not_told_whatever_the_happening_says():
    managed, = objects(web.encode(events.Managed(b"#dev", "set", b"ann", b"key", b"sesame"), None)[0])
    assert (managed["name"], managed["text"]) == ("key", "")


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["do", "id", "text", "room", "name", "to", "most", "after", "key", "value"]), inner, max_size=5)),
    st.sampled_from(sorted(web._COMMANDS)))
def test_no_object_is_too_strange(value, word):
    if isinstance(value, dict):
        value["do"] = value.get("do", word)
    command, = fed(frame(json.dumps(value).encode()))
    assert isinstance(command, events.COMMANDS)


@pytest.mark.parametrize("data, commands", [
    (frame(b"x", PING), [events.Ping(b"x")]),
    (frame(b"", PONG), [events.Nothing()]),
    (frame(b'{"do":', last=False) + frame(b'"ping"}', MORE), [events.Nothing(), events.TimingMark()]),
    (frame(b"\x03\xe8", CLOSE) + said(do="ping"), [events.Quit()]),
    (frame(b"x", BINARY), [Broken(Reason.FOREIGN)]),
    (frame(b"\xff"), [Broken(Reason.NOT_UTF8)]),
    (frame(b"x" * 65537), [Broken(Reason.TOO_LONG)]),
    (b"GET / HTTP/1.1\r\n", [Broken(Reason.BROKEN)]),
])
def test_other_frames_are_commands_too(data, commands):
    assert fed(data) == commands


def test_a_file_is_told_of_by_a_sealed_message_or_by_the_server_itself():
    share = {"do": "share", "file": "f", "token": "t"}
    decoder = web.Decoder({"text_bytes": 1000})
    assert decoder.feed(said(**share, text=ENVELOPE) + said(**share, text="")) == [
        events.Share("f", "t", HOME, b"", b"", ENVELOPE.encode()), events.Share("f", "t", HOME, b"", b"", b"")]


def test_a_message_may_be_as_long_as_its_text():
    long, found, data = web.Decoder({"text_bytes": 100000}), [], said(do="say", text="\u00fc" * 50000)
    while data:
        found += long.feed(data)
        data, long.rest = long.rest, b""
    assert found == [events.Say("\u00fc".encode() * 50000, None, None)]


# ---- what a client is told

EVENT_OBJECTS = [
    (events.Greeted(b"r", 9, False, True, 7, b"hi"),
     {"on": "hello", "server": "Parley " + __version__, "run": "r", "motd": "hi",
      "limits": {"text": 9, "register": False, "guests": True, "file": 7}}),
    (events.Welcome(b"ann", None), {"on": "welcome", "name": "ann", "account": False}),
    (events.Welcome(b"ann", None, True, b"s", 5),
     {"on": "welcome", "name": "ann", "account": True, "session": "s", "me": 5, "read": {}}),
    (events.Stored(events.Say, 5, 7), {"on": "done", "n": 5, "at": 7}),
    (events.CaughtUp(b"#dev", [(5, b"bob", b"", b"hi", 7)], True),
     {"on": "missed", "room": "#dev", "messages": [{"n": 5, "by": "bob", "at": 7, "text": "hi"}], "gap": True}),
    (events.CaughtUp(HOME, [(5, b"bob", b"ann", b"hi", 7)], False),
     {"on": "missed", "me": True, "messages": [{"n": 5, "by": "bob", "to": "ann", "at": 7, "text": "hi"}],
      "gap": False}),
    (events.Browsed(b"#dev", None, [(5, b"bob", b"hi", 7)], True),
     {"on": "history", "room": "#dev", "messages": [{"n": 5, "by": "bob", "at": 7, "text": "hi"}], "more": True}),
    (events.Browsed(HOME, None, [], False), {"on": "history", "room": "#lobby", "messages": [], "more": False}),
    (events.Browsed(None, b"bob", [], False), {"on": "history", "with": "bob", "messages": [], "more": False}),
    (events.Waiting(3), {"on": "waiting", "count": 3}),
    (events.DevicesTold(b"bob", b""), {"on": "keys", "name": "bob", "devices": ""}),
    (events.DevicesTold(b"bob", b"\xff\xfe"), {"on": "keys", "name": "bob", "devices": "__4"}),
    (events.DevicesChanged(b"bob", 7), {"on": "keys", "name": "bob", "number": 7}),
    (events.Offered("f0", "t0", b"[file] a.txt"),
     {"on": "offer", "file": "f0", "token": "t0", "url": "files/f0", "text": "[file] a.txt"}),
    (events.Done(events.Say), {"on": "done"}),
    (events.Done(events.TimingMark()), {"on": "pong"}),
    (events.Present([b"ann", b"b\xc3\xbcb"]), {"on": "who", "room": "#lobby", "names": ["ann", "büb"]}),
    (events.Present([], b"#dev"), {"on": "who", "room": "#dev", "names": []}),
    (events.Missed([(b"bob", b"hi", 7)]), {"on": "missed", "messages": [{"by": "bob", "at": 7, "text": "hi"}]}),
    (events.Inside(b"#dev", b"news", None), {"on": "room", "room": "#dev", "topic": "news"}),
    (events.Inside(b"#dev", b"", None, True), {"on": "room", "room": "#dev", "topic": "", "sealed": True}),
    (events.RoomList([(b"#dev", 2, b"t", True)]),
     {"on": "rooms", "rooms": [{"room": "#dev", "members": 2, "topic": "t", "inside": True}]}),
    (events.TopicTold(b"#dev", b"t", b"bob", 7), {"on": "topic", "room": "#dev", "topic": "t", "by": "bob", "at": 7}),
    (events.RolesTold(b"#dev", [(b"ann", b"op")], [(b"slow", 5)]),
     {"on": "roles", "room": "#dev", "roles": {"ann": "op"}, "settings": {"slow": 5}}),
    (events.RolesTold(b"#lobby", [], []), {"on": "roles", "room": "#lobby", "roles": {}, "settings": {}}),
    (events.Said(b"bob", b"hi", 7, 5), {"on": "said", "n": 5, "room": "#lobby", "by": "bob", "at": 7, "text": "hi"}),
    (events.Said(b"bob", b"hi", 7, 5, b"#dev"),
     {"on": "said", "n": 5, "room": "#dev", "by": "bob", "at": 7, "text": "hi"}),
    (events.Whispered(b"bob", b"hi", 7, 5),
     {"on": "whispered", "n": 5, "by": "bob", "to": "me", "at": 7, "text": "hi"}),
    (events.Joined(b"bob"), {"on": "joined", "room": "#lobby", "name": "bob"}),
    (events.Left(b"bob"), {"on": "left", "room": "#lobby", "name": "bob"}),
    (events.Entered(b"#dev", b"bob"), {"on": "joined", "room": "#dev", "name": "bob"}),
    (events.Exited(b"#dev", b"bob"), {"on": "left", "room": "#dev", "name": "bob"}),
    (events.Renamed(b"bob", b"rob"), {"on": "renamed", "room": "#lobby", "old": "bob", "new": "rob"}),
    (events.Managed(b"#dev", "kick", b"ann", b"bob", b"why"),
     {"on": "managed", "room": "#dev", "act": "kick", "by": "ann", "name": "bob", "text": "why"}),
    (events.Invited(b"#dev", b"bob"), {"on": "invited", "room": "#dev", "by": "bob"}),
    (events.IsTyping(b"bob"), {"on": "typing", "room": "#lobby", "name": "bob"}),
    (events.IsTyping(b"bob", b"#dev"), {"on": "typing", "room": "#dev", "name": "bob"}),
    (events.IsTyping(b"bob", HOME, True), {"on": "typing", "from": "bob", "name": "bob"}),
    (events.Presence(b"bob", "away"), {"on": "presence", "name": "bob", "state": "away"}),
    (events.Notice(b"a\nb"), {"on": "notice", "text": "a\nb"}),
    (events.Users([]), None),
]


@for_each("happening, fields", EVENT_OBJECTS)
def test_a_happening_is_an_object(happening, fields):
    frames = web.encode(happening, b"me")
    assert objects(b"".join(frames)) == ([] if fields is None else [fields])
    for one in frames:
        assert objects(web.with_label(one, b'"a\\"b"')) == [dict(fields, id='a"b')]


@given(st.lists(st.tuples(
    st.text(max_size=9), st.lists(st.text(max_size=9), min_size=1, max_size=3), st.integers(0, 9)), max_size=5))
def test_talk_is_told_as_each_of_its_messages(talk):
    talk = [(canonical(sender.encode()), [canonical(text.encode()) for text in texts], time)
            for sender, texts, time in talk]
    records = [(1, sender, b"\0".join(texts), time, len(texts)) for sender, texts, time in talk]
    said = [(sender, text, time) for sender, texts, time in talk for text in texts]
    for room in (HOME, b"#dev"):
        frames = web.encode_talk(room, records, 7)
        assert [(one,) for one in frames] == [
            web.encode(events.Said(sender, text, time, number, room), None)
            for number, (sender, text, time) in enumerate(said, 7)]


@given(st.text(max_size=300))
def test_any_canonical_text_is_read_as_it_is(text):
    text = canonical(text.encode("utf-8", "surrogatepass"))
    (fields,) = objects(b"".join(web.encode(events.Said(text, text, 7, 5, b"#" + text), None)))
    assert (fields["by"], fields["text"], fields["room"]) == (text.decode(), text.decode(), "#" + text.decode())


@for_each("reason", REASONS)
def test_every_reason_has_its_word_and_a_sentence(reason):
    (no,) = objects(web.encode(events.Refused(reason, None), None)[0])
    assert (no["on"], no["why"]) == ("no", reason)
    assert no["text"][0].islower()
    bye, closing = contents(b"".join(web.encode(events.Farewell(reason), None)))
    assert json.loads(bye[1].decode())["why"] == reason
    assert closing[0] == CLOSE and closing[1][2:] == reason.encode()


@pytest.mark.parametrize("reason, code", [
    (Reason.SHUTDOWN, 1001), (Reason.BROKEN, 1002), (Reason.FOREIGN, 1003), (Reason.NOT_UTF8, 1007),
    (Reason.BANNED, 1008), (Reason.TOO_MANY_CONNECTIONS, 1008), (Reason.TOO_LONG, 1009), (Reason.BUG, 1011),
    (Reason.SLOW_READER, 4000), (Reason.REPLACED, 4001), (Reason.IDLE, 4002)])
def test_a_farewell_closes_with_the_code_of_its_reason(reason, code):
    bye, (_, content) = contents(b"".join(web.encode(events.Farewell(reason), None)))
    assert int.from_bytes(content[:2], "big") == code
    assert ("retry" in json.loads(bye[1].decode())) == (reason in (Reason.SHUTDOWN, Reason.TOO_MANY_CONNECTIONS))


def test_a_ping_is_answered_with_its_content_and_a_close_with_a_close():
    assert contents(web.encode(events.Pong(b"x"), None)[0]) == [(PONG, b"x")]
    closing, = web.encode(events.Done(events.Quit()), None)
    assert contents(closing) == [(CLOSE, b"\x03\xe8")]
    assert web.with_label(closing, b'"1"') == closing
