"""The suite's own codec of `irc`, pinned by lines written by hand from the RFCs."""
from cases import for_each

from parley.conformance.message import Message
from parley.conformance.wire import irc

# (a line without its end, its fields)
LINES = [
    (":ann!a@host PRIVMSG #dev :hello  there",
     {"is": "PRIVMSG", "by": "ann", "mask": "a@host", "args": ["#dev", "hello  there"], "to": "#dev",
      "text": "hello  there"}),
    (":irc.test 433 * ann :Nickname is already in use",
     {"is": "433", "by": "irc.test", "args": ["*", "ann", "Nickname is already in use"], "to": "*", "about": "ann",
      "text": "Nickname is already in use"}),
    ("PING tok", {"is": "PING", "by": "", "args": ["tok"], "to": "tok", "text": "tok"}),
    ("ERROR :", {"is": "ERROR", "by": "", "args": [""], "to": "", "text": ""}),
    (":ann!a@host quit", {"is": "QUIT", "by": "ann", "mask": "a@host", "args": []}),
    (":s MODE  #dev   +o bob ", {"is": "MODE", "by": "s", "args": ["#dev", "+o", "bob"], "to": "#dev", "about": "+o",
                                 "text": "bob"}),
    (":s 332 ann #a\u00a0b\t\u3000c x\u2028 ",
     {"is": "332", "by": "s", "args": ["ann", "#a\u00a0b\t\u3000c", "x\u2028"], "to": "ann",
      "about": "#a\u00a0b\t\u3000c", "text": "x\u2028"}),
    (":ann!a@host TOPIC #dev ::-)", {"is": "TOPIC", "by": "ann", "mask": "a@host", "args": ["#dev", ":-)"],
                                     "to": "#dev", "text": ":-)"}),
    ("@time=x;+a=b\\:c\\sd\\\\\\n;e :ann!a@host TAGMSG bob",
     {"is": "TAGMSG", "by": "ann", "mask": "a@host", "args": ["bob"], "to": "bob", "text": "bob",
      "tags": {"time": "x", "+a": "b;c d\\\n", "e": ""}}),
]
BROKEN = [b"caf\xe9 x", b"", b":source", b"PRIV-MSG x", b"12 x", b"1234 x", b"PING a\0b", b"PING a\rb", b"@ PING",
          b"@a=1;a=2 PING x", b"@=1 PING x"]

WELCOME = """:s 001 ann :Welcome
:s 002 ann :Your host
:s NOTICE ann :an aside
:s 005 ann PREFIX=(ov)@+ WHOX :are supported
:s 005 ann CHANTYPES=# :are supported
:s 251 ann :There are 1 users
:s 422 ann :No MOTD
"""
# (lines, the messages)
ANSWERS = [
    (WELCOME, [{"is": "NOTICE", "text": "an aside"},
               {"is": "welcome", "to": "ann", "numerics": ["001", "002", "005", "251", "422"], "002": "Your host",
                "PREFIX": "(ov)@+", "WHOX": "", "CHANTYPES": "#", "251": "There are 1 users"}]),
    (":s 353 ann = #dev :@ann bob\n:s 353 ann = #dev :+eve\n:s 366 ann #dev :End\n",
     [{"is": "names", "about": "#dev", "names": ["+eve", "@ann", "bob"], "kind": "="}]),
    (":s 353 ann = #dev :@a\u00a0b c\u3000d\te\n:s 366 ann #dev :End\n",
     [{"is": "names", "about": "#dev", "names": ["@a\u00a0b", "c\u3000d\te"], "kind": "="}]),
    (":s 366 ann #none :End\n", [{"is": "names", "about": "#none", "names": [], "kind": ""}]),
    (":s 352 a #dev u h s eve H :0 Eve\n:bob!b@h PART #dev\n:s 352 a #dev u h s ann H@ :0 Ann\n:s 315 a #dev :End\n",
     [{"is": "PART", "by": "bob"},
      {"is": "who", "about": "#dev", "rows": [["#dev", "u", "h", "s", "ann", "H@", "0 Ann"],
                                              ["#dev", "u", "h", "s", "eve", "H", "0 Eve"]]}]),
    (":s 311 a bob u h * :Bob\n:s 301 a bob :out\n:s 319 a bob :#dev\n:s 318 a bob :End\n",
     [{"is": "whois", "about": "bob", "311": ["u", "h", "*", "Bob"], "301": ["out"], "319": ["#dev"],
       "numerics": ["311", "301", "319"]}]),
    (":s 301 a bob :out\n", [{"is": "301", "about": "bob", "text": "out"}]),
    (":s 314 a bob u h * :Bob\n:s 312 a bob s :yesterday\n:s 369 a bob :End\n",
     [{"is": "whowas", "about": "bob", "314": ["u", "h", "*", "Bob"], "312": ["s", "yesterday"]}]),
    (":s 367 a #dev x!*@* ann 1\n:s 368 a #dev :End\n", [{"is": "bans", "about": "#dev", "rows": ["x!*@*"]}]),
    (":s 321 a Channel :Users\n:s 322 a #dev 2 :topic\n:s 323 a :End\n",
     [{"is": "list", "rows": [["#dev", "2", "topic"]]}]),
    (":s 375 a :-\n:s 372 a :- hi\n:s 376 a :End\n", [{"is": "motd", "rows": ["-", "- hi"]}]),
]


def fed_in_all_ways(data):
    """What the decoder makes of the data whole, cut once at each place, and byte by byte; all must agree."""
    cuts = [[data]] + [[data[:cut], data[cut:]] for cut in range(1, len(data))] + [
        [data[at:at + 1] for at in range(len(data))]]
    found = []
    for pieces in cuts:
        decoder = irc.Decoder()
        found.append([message.fields for piece in pieces for message in decoder.feed(piece)])
        assert decoder.unfinished == b""
    assert all(one == found[0] for one in found)
    return found[0]


@for_each("line, fields", LINES)
def test_a_line_is_read_as_the_documents_have_it(line, fields):
    assert fed_in_all_ways(line.encode() + b"\r\n") == [fields]
    assert fed_in_all_ways(line.encode() + b"\n") == [fields]


@for_each("line", BROKEN)
def test_what_is_no_line_is_broken(line):
    fields, = fed_in_all_ways(line + b"\r\n")
    assert fields["is"] == "broken" and fields["broken"]


@for_each("lines, messages", ANSWERS)
def test_an_answer_of_several_numerics_is_one_message(lines, messages):
    found = fed_in_all_ways(lines.replace("\n", "\r\n").encode())
    assert [{key: one.get(key) for key in wanted} for one, wanted in zip(found, messages)] == messages
    assert len(found) == len(messages)


def test_what_a_client_says_are_lines():
    assert irc.encode("JOIN #dev") == b"JOIN #dev\r\n"
    assert irc.encode(irc.login("ann")) == b"NICK ann\r\nUSER ann 0 * :ann\r\n"


def decoded(line):
    message, = irc.Decoder().feed(line.encode() + b"\r\n")
    return message


def test_a_client_has_the_nick_that_it_was_told():
    state = irc.ClientState()
    state.sent(b"NICK ann\r\nUSE")
    assert (state.name, state.at_message_boundary) == (None, False)
    state.sent(b"R x 0 * :x\r\n")
    welcome, = irc.Decoder().feed(b":s 001 ann :Welcome\r\n:s 422 ann :No MOTD\r\n")
    assert state.received(welcome) is False
    assert (state.name, state.at_message_boundary) == ("ann", True)
    state.received(decoded(":bob!b@h NICK eve"))
    assert state.name == "ann"
    state.received(decoded(":ann!a@h NICK :cat"))
    assert state.name == "cat"
    assert state.received(decoded(":s PONG s :~own")) is True
    assert state.received(decoded(":s PONG s :other")) is False
    assert state.is_echo(decoded(":cat!a@h PRIVMSG #dev :x"))
    assert not state.is_echo(decoded(":eve!a@h PRIVMSG #dev :x"))


@for_each("line, beat", [("PING x", "PONG :x"), (":s PING :a b", "PONG :a b"), ("PONG x", None)])
def test_a_ping_is_answered(line, beat):
    assert irc.heartbeat(decoded(line)) == beat


@for_each("line, marker", [
    (":ann!a@h PRIVMSG bob :~sync7", ("ann", "~sync7")), (":ann!a@h NOTICE bob :~sync7", ("ann", "~sync7")),
    (":ann!a@h PRIVMSG bob :say ~sync7", None), (":ann!a@h PRIVMSG #dev :~sync7", None),
    (":ann!a@h TOPIC #dev :~sync7", None)])
def test_markers_are_recognised(line, marker):
    assert irc.marker_in(decoded(line)) == marker


def test_people_are_told_apart_from_the_server():
    assert irc.subject_of(decoded(":ann!a@h JOIN #dev")) == "ann"
    assert irc.subject_of(decoded(":irc.test MODE #dev +n")) is None
    assert irc.is_probe_reply(decoded(":s 451 * :Register")) and irc.is_probe_reply(decoded(":s PONG s ~own"))
    assert not irc.is_probe_reply(decoded(":s 421 * X :Unknown"))


def test_names_can_be_left_out():
    names, = irc.Decoder().feed(b":s 353 a = #dev :@ann bob!b@h\r\n:s 366 a #dev :End\r\n")
    assert irc.names_in(names) == ["ann", "bob!b@h"]
    assert irc.without_names(names, "bob".__eq__).fields["names"] == ["@ann"]
    who, = irc.Decoder().feed(b":s 352 a #dev u h s bob H :0 Bob\r\n:s 315 a #dev :End\r\n")
    assert irc.without_names(who, "bob".__eq__).fields["rows"] == []
    assert irc.without_names(who, "u".__eq__) == who
    other = Message({"is": "JOIN", "by": "ann"})
    assert irc.without_names(other, "ann".__eq__) is other


@for_each("line, told", [
    (":ann!a@h PRIVMSG #dev :hi", ":ann PRIVMSG #dev :hi"), ("@b=2;a=1 PING x", "@b=2;a=1 PING :x"),
    (":ann!a@h QUIT", ":ann QUIT"), (":s 366 a #dev :End", ":s names #dev names=[] kind=")])
def test_transcripts_have_lines(line, told):
    assert irc.summary(decoded(line)).startswith(told.replace(" kind=", ""))
