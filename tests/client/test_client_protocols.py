"""The client's side of each protocol against the server's: what one writes, the other reads."""
import pytest
from cases import for_each
from hypothesis import given, settings
from hypothesis import strategies as st
from surroundings import opened

from parley.client import events as heard
from parley.client.position import ResumePosition
from parley.client.protocol import Impossible, ProtocolError
from parley.client.protocols import CLIENT_PROTOCOLS
from parley.server.protocols import PROTOCOLS, events
from parley.server.protocols.binary import HEADER, Type
from parley.server.protocols.events import Reason
from parley.server.protocols.text import canonical
from parley.server.protocols.websocket import text_frame

LIMITS = {"line_bytes": 8192, "text_bytes": 16384}
TIME = 1600000000
TEXTS = ["hi", "héllo 😀", "a|||b|", "\\u00e9 \\", "'\"{}$", "100%", "[direct] no", "Msg received", "[ERROR] no",
         "  x ", "[05:55 AM] bob: no", "x" * 5000]

# {protocol: (what is asked, the commands that the server reads)}; "ann" is in already.
ASKED = {
    "line": [
        (lambda chat: chat.say("hi\nthere"), [
            events.Say(b"hi", None, None), events.Ping(b""), events.Say(b"there", None, None)]),
        (lambda chat: chat.whisper("bob", "a b"), [events.Whisper(b"bob", b"a b", None, None)]),
        (lambda chat: chat.users(), [events.Who()]),
        (lambda chat: chat.ping(), [events.Ping(b"")]),
        (lambda chat: chat.history(None, 5), [events.Recall(None, 5)]),
        (lambda chat: chat.create("ann", "pw"), [events.SignUp(b"ann", b"pw")]),
        (lambda chat: chat.change_password("pw", "new"), [events.ChangePassword(b"pw", b"new")]),
        (lambda chat: chat.login("ann", "p w"), [events.Login(b"ann", b"p w")]),
        (lambda chat: chat.join("ann"), [events.Login(b"ann", None)]),
    ],
    "binary": [
        (lambda chat: chat.say("hi\nthere"), [events.Say(b"hi\nthere", None, TIME)]),
        (lambda chat: chat.rename("bob"), [events.Rename(b"bob")]),
        (lambda chat: chat.users(), [events.Who()]),
        (lambda chat: chat.describe("bob"), [events.Describe(b"bob")]),
        (lambda chat: chat.ping(), [events.Ping(b"1600000000.000000")]),
        (lambda chat: chat.quit(), [events.Quit()]),
        (lambda chat: chat.join("ann"), [events.Login(b"ann", None)]),
        (lambda chat: chat.login("ann", "p w"), [events.Login(b"ann", b"p w")]),
        (lambda chat: chat.login("ann", ""), [events.Login(b"ann", None)]),
    ],
    "padded": [
        (lambda chat: chat.login("ann", "p w"), [events.Post(b"ann", b"p w", b"", None)]),
        (lambda chat: chat.login("ann", ""), [events.Post(b"ann", None, b"", None)]),
        (lambda chat: chat.join("ann"), [events.Post(b"ann", None, b"", None)]),
        (lambda chat: chat.say("a: b"), [events.Post(b"ann", None, b"a: b", None)]),
        (lambda chat: chat.ping(), [events.Post(None, None, b"", None)]),
    ],
    "delimited": [
        (lambda chat: chat.join("zoé"), [events.SignIn("zoé".encode(), None)]),
        (lambda chat: chat.create("bob", None), [events.Create(b"bob")]),
        (lambda chat: chat.say("hi"), [events.Say(b"hi", b"ann", None)]),
        (lambda chat: chat.whisper("bob", "hi"), [events.Whisper(b"bob", b"hi", b"ann", None)]),
        (lambda chat: chat.users("a*"), [events.Accounts(b"a*")]),
        (lambda chat: chat.users(), [events.Accounts(None)]),
        (lambda chat: chat.deliver(), [events.Deliver()]),
        (lambda chat: chat.delete(), [events.Delete()]),
    ],
    "dollar": [
        (lambda chat: chat.login("ann", "p'w"), [events.SignIn(b"ann", b"p'w")]),
        (lambda chat: chat.say("hi"), [events.Say(b"hi", b"ann", None)]),
        (lambda chat: chat.whisper("bob", "hi"), [events.Whisper(b"bob", b"hi", b"ann", None)]),
        (lambda chat: chat.users(), [events.Poll()]),
        (lambda chat: chat.history("bob"), [events.History(b"bob")]),
        (lambda chat: chat.quit(), [events.Quit()]),
    ],
    "web": [
        (lambda chat: chat.say("hi\nthere"), [events.Say(b"hi\nthere", None, None)]),
        (lambda chat: chat.whisper("zoé", "a \"b\""), [events.Whisper("zoé".encode(), b'a "b"', None, None)]),
        (lambda chat: chat.rename("bob"), [events.Rename(b"bob")]),
        (lambda chat: chat.change_password("pw", "n w"), [events.ChangePassword(b"pw", b"n w")]),
        (lambda chat: chat.users(), [events.Who()]),
        (lambda chat: chat.ping(), [events.TimingMark()]),
        (lambda chat: chat.history(None, 5), [events.Browse(b"", None, None, None, 5)]),
        (lambda chat: chat.history("#dev", 500), [events.Browse(b"#dev", None, None, None, 200)]),
        (lambda chat: chat.history("bob"), [events.Browse(None, b"bob", None, None, 100)]),
        (lambda chat: chat.deliver(), [events.Deliver()]),
        (lambda chat: chat.delete(), [events.Delete()]),
        (lambda chat: chat.typing(), [events.Typing(b"", b"")]),
        (lambda chat: chat.typing("bob"), [events.Typing(b"", b"bob")]),
        (lambda chat: chat.away(True), [events.Away(True)]),
        (lambda chat: chat.watch(["bob"]), [events.Watch((b"bob",))]),
        (lambda chat: chat.join("ann"), [events.Hello(None, b"", ())]),
        (lambda chat: chat.quit(), [events.LogOut()]),
    ],
}

# What a server tells of its own accord, and what a client makes of it, by protocol.
TOLD = [
    (events.Joined(b"bob"), dict.fromkeys(("binary", "web"), [heard.Joined("bob")])),
    (events.Left(b"bob"), dict.fromkeys(("line", "binary", "web"), [heard.Left("bob")])),
    (events.Renamed(b"bob", b"rob"), dict.fromkeys(("line", "binary", "web"), [heard.Renamed("bob", "rob")])),
    (events.Farewell(Reason.SHUTDOWN), {
        "line": [heard.Notice("The server is shutting down.")],
        "binary": [heard.Notice("The server is shutting down.")],
        "padded": [heard.Notice("The server is shutting down.")],
        "web": [heard.Notice("The server is shutting down.")],
        "delimited": [heard.Notice("Server is shutting down.")],
        "dollar": [heard.Notice("The server is shutting down.")]}),
    *[(events.Farewell(reason), dict.fromkeys(
        ("line", "binary", "padded", "delimited", "dollar", "web"), [heard.Disconnected(words, None)]))
      for reason, words in (
          (Reason.REPLACED, "You have logged in elsewhere."), (Reason.KICKED, "You were kicked."),
          (Reason.BANNED, "You are banned here."))],
    (events.IsTyping(b"bob", b"#dev", False), {"web": [heard.Typing("#dev", "bob")]}),
    (events.IsTyping(b"bob", b"", True), {"web": [heard.Typing("bob", "bob")]}),
    (events.Presence(b"bob", "away"), {"web": [heard.Presence("bob", "away")]}),
]



def _binary(code, content):
    return HEADER.pack(1, code, 6, len(content), b"server", 0) + content


# Nothing of it can be read, if users and somebody were asked for.
NOT_THE_PROTOCOL = {
    "line": [b"UNREAD x bob t\n", b"HIST 1 %b bob t\n" % (b"9" * 5000), "HIST 1 \u00b2 bob t\n".encode(),
             b"\x16\x03\x01\n", b"NO SUCH WORD\n", b"HIST x y z t\n", b"x" * (2 << 20)],
    "binary": [b"\x02", b"\x01" + b"\xff" * 26,
               _binary(Type.USERS_ARE, b"('a', 'b')"), _binary(Type.USERS_ARE, b"[1]"),
               _binary(Type.USER_IS, b"('a', 1)"), _binary(Type.USER_IS, b"(1, 'h', 1)")],
    "delimited": [b"\x01", b"\x00\x02" + b"\xff" * 40, b"\x00\x00" + bytes(40)],
    "dollar": [b"x", b"$abcdefghij", b"$5         [1,2]$", b"$2         {}$", b"$2         {}x",
               b"$24        {'purpose': 'login'     }$", b"$40        {'purpose': 'poll', 'result': True     }$",
               b"$64        {'purpose':'receive_message','from_user':'bob','message':['x']  }$"],
    "web": [b"HTTP/1.1 200 OK\r\n", b"\x82\x01x", b"\xc1\x02{}", b"\x81\x01\xff", *map(text_frame, (
        b"[]", b"{", b"{}", b"[" * 9999, b'{"on":[]}', b'{"on":"who","id":"1"}', b'{"on":"who","id":"1","names":[{}]}',
        b'{"on":"said","room":"#dev","by":"bob","at":1,"text":"x","n":-1}', b'{"on":"bye","id":[]}',
        b'{"on":"said","room":"#dev","by":["bob"],"at":1,"text":"x","n":1}', b'{"on":"notice","text":{}}',
        b'{"on":"said","room":5,"by":"bob","at":1,"text":"x","n":1}',
        b'{"on":"joined","room":"#a","name":7}', b'{"on":"renamed","room":"#a","old":"\\ud800","new":"a"}',
        b'{"on":"who","id":"1","names":[5]}'))],
}


def talking(protocol, position=None):
    """The protocol of a connection on which ann is logged in."""
    chat = opened(protocol, position)
    chat.me = "ann"
    chat.now = lambda: TIME
    return chat


def frames(protocol, happening, me=b"ann"):
    module = PROTOCOLS[protocol]
    form = "python" if protocol == "dollar" else next(iter(module.FORMS))
    is_of_one = module.TRAITS.personal or type(happening) is events.Farewell  # not the same for all
    return b"".join(module.FORMS[form](happening, me if is_of_one else None))


def fed(make, stream):
    """The events of a stream, which are the same however it arrives."""
    ways = [[stream], [stream[at:at + 1] for at in range(len(stream))]]
    if len(stream) < 400:
        ways += [[stream[:cut], stream[cut:]] for cut in range(len(stream))]
    results = []
    for pieces in ways:
        chat = make()
        results.append([event for piece in pieces for event in chat.feed(piece)] + chat.settle())
    assert all(result == results[0] for result in results)
    return results[0]


def read_by_server(chat):
    """The commands in what a client has sent; those of `web` without their labels, and without the tags in them."""
    read = PROTOCOLS[chat.NAME].Decoder(LIMITS).feed(chat.to_send())
    commands = [command.command if type(command) is events.Labelled else command for command in read]
    return [command._replace(tag=b"") if getattr(command, "tag", b"") else command for command in commands]


@pytest.mark.parametrize("protocol", sorted(ASKED))
def test_the_server_reads_what_is_asked(protocol):
    for ask, commands in ASKED[protocol]:
        chat = talking(protocol)
        ask(chat)
        read = [command._replace(time=None) if type(command) is events.Post else command
                for command in read_by_server(chat)]
        assert read[:len(commands)] == commands
        assert not any(isinstance(command, (events.Malformed, events.Broken)) for command in read)


@for_each("protocol", sorted(CLIENT_PROTOCOLS))
@for_each("text", TEXTS)
def test_a_text_arrives_as_it_was_said(protocol, text):
    chat = talking(protocol)
    chat.say(text)
    said = read_by_server(chat)[0]
    assert said.text.decode() == (text.rstrip() if protocol == "line" else text)


@for_each("protocol", sorted(CLIENT_PROTOCOLS))
@for_each("text", TEXTS)
def test_a_text_is_heard_as_the_server_writes_it(protocol, text):
    found = fed(lambda: talking(protocol), frames(protocol, events.Said("zoé".encode(), text.encode(), TIME)))
    assert {type(event) for event in found} == {heard.Said}
    assert found[0].sender == "zoé"
    told = "".join(event.text for event in found)
    assert told.replace("\uff3b", "[").replace("\u00a0", " ") == text


@pytest.mark.parametrize("protocol", sorted(CLIENT_PROTOCOLS))
def test_a_word_to_oneself_alone_is_heard_as_that(protocol):
    found = fed(lambda: talking(protocol), frames(protocol, events.Whispered(b"bob", b"psst: a", TIME)))
    expected = heard.Said if protocol == "delimited" else heard.Whispered
    assert [(type(event), event.sender, event.text) for event in found] == [(expected, "bob", "psst: a")]


@for_each("happening, expected", TOLD)
@for_each("protocol", sorted(CLIENT_PROTOCOLS))
def test_what_happens_is_heard(protocol, happening, expected):
    assert fed(lambda: talking(protocol), frames(protocol, happening)) == expected.get(protocol, [])


def test_padded_messages_that_come_together_are_told_apart():
    stream = b"".join(frames("padded", happening) for happening in (
        events.Said(b"bob", b"one", TIME), events.Done(events.Post(b"ann", None, b"x", None)),
        events.Whispered(b"bob", b"two", TIME), events.Refused(Reason.NAME_TAKEN, events.Post)))

    def asked():
        chat = talking("padded")
        chat.say("x")
        return chat

    assert [type(event) for event in fed(asked, stream)] == [heard.Said, heard.Done, heard.Whispered, heard.Notice]


def test_a_delimited_name_without_an_account_gets_one():
    chat = talking("delimited")
    chat.join("ann")
    chat.to_send()
    assert chat.feed(frames("delimited", events.Refused(Reason.NO_ACCOUNT, events.SignIn))) == []
    assert PROTOCOLS["delimited"].Decoder(LIMITS).feed(chat.to_send()) == [events.Create(b"ann")]
    assert heard.Welcomed("ann") in chat.feed(frames("delimited", events.Welcome(b"ann", events.Create(b"ann"))))


def test_dollar_lists_tell_who_has_come_and_gone():
    chat = talking("dollar")
    lists = [[(b"ann", True), (b"bob", True)], [(b"ann", True), (b"bob", False), (b"zoe", True)]]
    found = [chat.feed(frames("dollar", events.Users(users))) for users in lists]
    assert found == [
        [heard.Listed((("ann", True), ("bob", True)), True)],
        [heard.Left("bob"), heard.Joined("zoe"), heard.Listed((("ann", True), ("bob", False), ("zoe", True)), True)]]


def test_what_waits_in_line_is_told_and_delivered_with_its_time():
    chat = talking("line")
    assert fed(lambda: talking("line"), b"INFO 2 messages while you were away\n") == [heard.Kept(2, {})]
    chat.deliver()
    assert chat.to_send() == b"UNREAD\n"
    found = chat.feed(b"UNREAD 1600000000 bob hi  there\nMSG cid hey\nUNREAD 1600000001 zo\xc3\xa9 psst\nEND UNREAD\n")
    assert found == [
        heard.Whispered("bob", "hi  there", TIME), heard.Said("cid", "hey", None),
        heard.Whispered("zoé", "psst", TIME + 1), heard.Done(heard.Request("deliver", None, None))]


@pytest.mark.parametrize("line, told", [
    (b"INFO 1 messages while you were away", heard.Kept(1, {})),
    (b"INFO 1 message while you were away", heard.Kept(1, {})),
    (b"INFO 3 disconnected", heard.Left("3")),
    (b"INFO 0 messages while you were away", heard.Notice("0 messages while you were away")),
])
def test_a_count_of_what_waits_is_no_name(line, told):
    assert talking("line").feed(line + b"\n") == [told]


def test_a_server_of_line_that_keeps_nothing_says_so():
    chat = talking("line")
    chat.deliver()
    refused = heard.Refused(heard.Request("deliver", None, None), "The server does not know this command.")
    assert chat.feed(b"ERR unknown-command\n") == [refused]


def packet(**fields):
    data = repr(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


def users_packet(**unread):
    """A list of users, with so much unread of each."""
    return packet(purpose="reload_user_list", users=[
        dict({"username": name, "status": "offline"}, **({"unread": unread[name]} if name in unread else {}))
        for name in ("lobby", "ann", "bob", "cid", "zoe")])


def test_a_list_of_many_users_in_dollar_is_read():
    chat, names = talking("dollar"), ["user-%d" % number for number in range(10000)]
    listed = packet(purpose="reload_user_list", users=[{"username": name, "status": "online"} for name in names])
    (event,) = chat.feed(listed)
    assert [name for name, _ in event.users] == names


def test_what_waits_in_dollar_is_told_once_and_delivered_from_each_history():
    chat = talking("dollar")
    assert chat.feed(users_packet(bob=2, cid=1, zoe=0, lobby=7))[1:] == [heard.Kept(3, {"bob": 2, "cid": 1})]
    assert len(chat.feed(users_packet(bob=2, cid=1))) == 1
    chat.deliver()
    asked = PROTOCOLS["dollar"].Decoder(LIMITS).feed(chat.to_send())
    assert [command.partner for command in asked if type(command) is events.History] == [b"bob", b"cid"]
    no = packet(purpose="send_message", result=False)
    found = chat.feed(
        packet(purpose="start_reload_message_list", message_list=[
            {"user": "bob", "text": "long ago", "timestamp": 5}, {"user": "ann", "text": "mine", "timestamp": 6},
            {"user": "bob", "text": "one", "timestamp": 7.5}, {"user": "bob", "text": "two", "timestamp": 8}]) + no
        + packet(purpose="start_reload_message_list", message_list=[{"user": "cid", "text": "x", "timestamp": 9}]) + no
        + no)
    assert [event for event in found if isinstance(event, heard.Whispered)] == [
        heard.Whispered("bob", "one", 7), heard.Whispered("bob", "two", 8), heard.Whispered("cid", "x", 9)]
    assert [event.request.kind for event in found if isinstance(event, heard.Done)] == ["kept", "kept", "deliver"]
    assert len(chat.feed(users_packet(bob=1))) == 1  # it has been told and asked for
    chat.deliver()
    assert len(PROTOCOLS["dollar"].Decoder(LIMITS).feed(chat.to_send())) == 1


@pytest.mark.parametrize("unread", [True, 1.5, "2", None, -1, [3]])
def test_what_is_no_count_in_a_dollar_list_is_passed_over(unread):
    assert [type(event) for event in talking("dollar").feed(users_packet(bob=unread))] == [heard.Listed]


def test_who_is_caught_up_with_after_a_break_is_not_told_of_twice():
    position = ResumePosition()
    position.add_whisper("bob", "bob", "before")
    assert talking("dollar", position).feed(users_packet(bob=2, cid=1))[1:] == [heard.Kept(1, {"cid": 1})]


def test_delimited_asks_by_itself_for_what_was_kept():
    chat = talking("delimited")
    chat.arrive()
    first, fence = PROTOCOLS["delimited"].Decoder(LIMITS).feed(chat.to_send())
    assert (first, type(fence)) == (events.Deliver(), events.Accounts)
    found = chat.feed(frames("delimited", events.Whispered(b"bob", b"hi", TIME)))
    assert found == [heard.Said("bob", "hi", None)]
    done = chat.feed(frames("delimited", events.Known(())))
    assert [event.request.kind for event in done] == ["kept", "fence"]


def test_what_is_said_in_line_is_known_to_have_arrived_by_the_next_answer():
    chat = talking("line")
    chat.say("one")
    chat.say("two")
    assert chat.to_send() == b"MSG one\nPING\nMSG two\nPING\n"
    assert chat.feed(b"PONG\n") == [
        heard.Done(heard.Request("say", None, "one")), heard.Done(heard.Request("fence", None, None))]
    assert heard.Done(heard.Request("say", None, "two")) in chat.feed(b"PONG\n")
    assert not chat.has_pending


def test_a_refusal_in_line_finds_what_it_is_about():
    chat = talking("line")
    chat.say("one")
    chat.whisper("nobody", "psst")
    chat.say("three")
    chat.ping()
    found = chat.feed(b"PONG\nERR user-not-found\nPONG\nERR slow-mode\nPONG\nPONG\n")
    ends = [(event.request.kind, type(event)) for event in found if event.request.kind != "fence"]
    assert ends == [("say", heard.Done), ("whisper", heard.Refused), ("say", heard.Refused), ("ping", heard.Done)]
    assert not chat.has_pending


def test_what_was_missed_in_line_comes_in_pages_and_only_once():
    position = ResumePosition()
    position.mark_requested()
    position.set_mark(7)
    for text in ("a", "b"):
        position.add_said("bob", text)
    position.connection_lost()
    chat = talking("line", position)
    assert chat.catch_up() is None
    assert chat.to_send() == b"HISTORY SINCE 7\n"
    first = chat.feed(b"HIST 8 1 bob a\nHIST 9 2 bob b\nEND HISTORY 9 more\n")
    assert [type(event) for event in first] == [heard.Progress]
    assert chat.to_send() == b"HISTORY SINCE 9\n"
    found = chat.feed(b"HIST 10 3 bob c\nHIST 11 4 ann d\nEND HISTORY 11 complete\n")
    assert found[:-1] == [heard.Recalled(None, "bob", "c", 3), heard.Recalled(None, "ann", "d", 4)]
    assert position.mark == 11


def test_another_log_than_before_is_read_from_its_beginning():
    position = ResumePosition()
    position.set_mark(70)
    position.add_said("bob", "from another life")
    position.connection_lost()
    chat = talking("line", position)
    chat.catch_up()
    chat.to_send()
    chat.feed(b"ERR no-such-number\n")
    assert chat.to_send() == b"HISTORY SINCE 0\n"
    found = chat.feed(b"HIST 1 3 bob hi\nEND HISTORY 1 complete\n")
    assert found[0] == heard.Recalled(None, "bob", "hi", 3)


def test_the_log_tells_of_each_text_that_was_on_its_way_whether_it_has_arrived():
    position = ResumePosition()
    position.set_mark(7)
    before = talking("line", position)
    before.say("one")
    before.say("two")
    assert before.connection_lost()[0].request.kind == "fence"
    chat = talking("line", position)
    chat.catch_up()
    found = chat.feed(b"HIST 8 1 ann one\nHIST 9 2 bob hi\nEND HISTORY 9 complete\n")
    assert found[:-1] == [heard.Done(heard.Request("say", None, "one")), heard.Recalled(None, "bob", "hi", 2),
                          heard.Unsure(heard.Request("say", None, "two"))]
    assert position.unconfirmed == []


def test_another_log_leaves_what_was_on_its_way_unsure():
    position = ResumePosition()
    position.set_mark(7)
    before = talking("line", position)
    before.say("one")
    before.connection_lost()
    chat = talking("line", position)
    chat.catch_up()
    assert chat.feed(b"ERR no-such-number\n") == [heard.Unsure(heard.Request("say", None, "one"))]


def test_a_server_without_a_history_is_not_asked_for_what_was_missed():
    position = ResumePosition()
    chat = talking("line", position)
    chat.mark()
    chat.feed(b"ERR unknown-command\n")
    assert "cannot be asked for" in talking("line", position).catch_up()


def test_what_was_not_answered_is_unsure_in_the_end():
    chat = talking("delimited")
    chat.say("hi")
    chat.whisper("bob", "psst")
    chat.users()
    unsure = chat.connection_lost()
    assert [type(event) for event in unsure] == [heard.Unsure, heard.Unsure, heard.Refused]
    assert [event.request.text for event in unsure] == ["hi", "psst", None]


@pytest.mark.parametrize("protocol", sorted(CLIENT_PROTOCOLS))
def test_a_text_that_is_too_long_is_not_sent(protocol):
    chat = talking(protocol)
    with pytest.raises(Impossible, match="too long"):
        chat.say("é" * 9000)
    assert chat.to_send() == b""


@pytest.mark.parametrize("protocol", sorted(CLIENT_PROTOCOLS))
@settings(max_examples=60)
@given(text=st.text(max_size=16000))
def test_whatever_can_be_sent_is_read(protocol, text):
    text = canonical(text.encode("utf-8", "replace")).decode()
    chat = talking(protocol)
    try:
        chat.say(text)
    except Impossible:
        return
    for command in read_by_server(chat):
        assert not isinstance(command, events.Broken)


@for_each("protocol, stream", [
    (protocol, stream) for protocol, streams in sorted(NOT_THE_PROTOCOL.items()) for stream in streams])
def test_what_is_not_the_protocol_is_garbled(protocol, stream):
    chat = talking(protocol)
    chat.users()
    if protocol == "binary":
        chat.describe("bob")
    elif protocol == "dollar":
        chat.login("ann", "pw")
    with pytest.raises(ProtocolError):
        chat.feed(stream)


@pytest.mark.parametrize("protocol", sorted(CLIENT_PROTOCOLS))
@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_no_bytes_are_worse_than_garbled(protocol, stream):
    chat = talking(protocol)
    chat.users() if "users" not in chat.UNSUPPORTED else chat.ping()
    try:
        chat.feed(stream)
        chat.settle()
    except ProtocolError:
        pass


def test_a_padded_name_that_is_refused_with_the_first_words_is_none():
    refusal = frames("padded", events.Refused(Reason.NAME_TAKEN, events.Post))
    received = frames("padded", events.Done(events.Post(b"ann", None, b"x", None)))
    chat = talking("padded")
    chat.say("mine")
    chat.feed(received)
    chat.rename("bob")
    assert heard.Welcomed("bob") in chat.feed(received)
    chat.say("not mine")
    chat.feed(refusal)
    found = chat.settle()
    assert [type(event) for event in found] == [heard.Refused, heard.Welcomed]
    assert (found[1].name, chat.me) == ("ann", "ann")
    stranger = CLIENT_PROTOCOLS["padded"](ResumePosition())
    stranger.join("bob")
    stranger.feed(received)
    stranger.say("not mine")
    stranger.feed(refusal)
    assert [type(event) for event in stranger.settle()] == [heard.Refused]
    assert stranger.me is None


@pytest.mark.parametrize("protocol", ["line", "binary", "padded", "delimited"])
def test_that_one_has_logged_in_elsewhere_is_no_answer_to_what_was_said(protocol):
    chat = talking(protocol)
    chat.say("x")
    found = chat.feed(frames(protocol, events.Farewell(Reason.REPLACED))) + chat.settle()
    assert [type(event) for event in found] == [heard.Disconnected]
    assert heard.Unsure(heard.Request("say", None, "x")) in chat.connection_lost()


def said_by(chat):
    """The name, the password and the text of each `padded` message that was sent."""
    return [(post.name, post.password, post.text)
            for post in PROTOCOLS["padded"].Decoder(LIMITS).feed(chat.to_send())]


def test_a_padded_password_is_given_until_something_was_said_with_it():
    received = frames("padded", events.Done(events.Post(b"ann", None, b"x", None)))
    chat = CLIENT_PROTOCOLS["padded"](ResumePosition())
    chat.login("ann", "pw")
    assert chat.feed(received)[0] == heard.Welcomed("ann")
    chat.say("one")
    chat.say("two")
    assert said_by(chat) == [(b"ann", b"pw", b""), (b"ann", b"pw", b"one"), (b"ann", b"pw", b"two")]
    chat.feed(received + received)
    chat.say("three")
    chat.rename("bob")
    chat.feed(received + received)
    chat.say("four")
    assert said_by(chat) == [(b"ann", None, b"three"), (b"bob", None, b""), (b"bob", None, b"four")]


@pytest.mark.parametrize("reason", [Reason.WRONG_PASSWORD, Reason.PASSWORD_REQUIRED, Reason.TRY_LATER])
def test_a_padded_password_that_is_refused_is_not_given_again(reason):
    chat = CLIENT_PROTOCOLS["padded"](ResumePosition())
    chat.login("ann", "guess")
    chat.feed(frames("padded", events.Done(events.Post(b"ann", None, b"", None))))
    chat.say("mine")
    chat.feed(frames("padded", events.Refused(reason, events.Post)))
    assert [type(event) for event in chat.settle()] == [heard.Refused] and chat.me is None


@pytest.mark.parametrize("protocol", ["binary", "padded"])
@pytest.mark.parametrize("name, password", [("a b", "pw"), ("ann", " pw"), ("ann", "pw ")])
def test_a_password_that_could_not_be_told_from_the_name_is_not_sent(protocol, name, password):
    chat = CLIENT_PROTOCOLS[protocol](ResumePosition())
    with pytest.raises(Impossible, match="one word"):
        chat.login(name, password)
    assert not chat.to_send() and not chat.has_pending
