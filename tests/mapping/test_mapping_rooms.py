"""Rooms of hostile names and topics, and what is said and done in them, in the protocols that speak of them.

What is carried is read as exactly one event, of the right kind and in the right room; nothing that somebody says, and
no name, topic or reason, is read as anything else.
"""
import itertools
import unicodedata

import payloads
import promise
import pytest
import reference
from reference import heard

from parley.conformance.wire import irc
from parley.server.chat.names import InvalidName, canonical_room
from parley.server.chat.room import People
from parley.server.protocols import PROTOCOLS, events, irc_words
from parley.server.protocols.text import canonical, is_blank, pieces

LIMITS = {"text_bytes": promise.TEXT_LIMIT, "line_bytes": promise.LINE_LIMIT}
WHEN = 1500000000
CASES = 500
ME, NEXT = "me", "the next one"
FORMS = ("binary", "delimited", "dollar", "dollar-json", "web")
IRC_FORMS = ("", "account-tag,echo-message,extended-join,message-tags,server-time")

# Of which names of rooms, texts, topics and reasons are made.
FRAGMENTS = [
    "* ", "*", "* bob joined", "bob joined", "bob left", "bob is now rob", "ann kicked bob: why", "ann closed the room",
    "ann: hi", "bob: ", ": ", ":", "#dev", "#dev ", "#ops ann: hi", "[direct] ", "[direct]", "\uff3bdirect] ", "\n",
    "\n* bob joined", "\nbob: hi", "\n#ops hi", "\n[direct] x", "\n\t", "\t", "|||", "|", "\\", "\\u00e9", "\\u007c",
    "'", '"', "'}$", "\"}$", "$10        {}", "', 1, 'x'), ('#y", "['a', 'b']", "users", "topic is", " ", "  ", "-",
    "\u00e9", "\u20ac", "\U0001f600", "\u2424", "\u202e", "\u2028", "\x1b[2J", "\x00", "\x85", "%s", "{0}", "lobby",
    "server", "#lobby", "ann|abcd", "x", "12 ", "\U0001f600" * 600, "x" * 2021, "\n" * 50,
]
FORGED = [b"[direct] hi", b"a\n* bob joined", b"a\nbob: hi", b"a\n#ops hi", b"* bob joined", b"#ops hi", b"bob: hi"]
IN_NAMES = [
    *"abcXYZ019*@$%&{}[]()<>'\"\\/-_.;!?#~^`+=", "\u00e9", "\u0416", "\u05d0", "\u5f20", "\U0001f600", "\u20ac",
    "\\u00e9", "dev", "lobby", "server", "[direct]", "users", "joined",
]
PEOPLE = ["ann", "*", "#", ":", "*:", "a:", "joined", "topic", "users", "#dev", "[direct]", "it's", "\u00e9\u0416",
          "\U0001f600\U0001f600", "'", "\\u00e9", "0123456789"]


def some(chance, parts, most):
    return "".join(chance.choice(parts) for _ in range(chance.randint(1, most)))


def texts(chance):
    """Without end, canonical, those first that are hostile in rooms, then those that are everywhere."""
    for raw in itertools.chain(FORGED, chance.sample([*payloads.TEXTS.values()], len(payloads.TEXTS)),
                               iter(lambda: some(chance, FRAGMENTS, 6).encode(), None)):
        text = canonical(raw)
        if not is_blank(text):
            yield text.decode()


@pytest.fixture(params=[25, pytest.param(CASES, marks=pytest.mark.long)])
def cases(chance, request):
    """(room, text, a topic or a reason, two people) of each: some of the hostile ones, or all."""
    all_there_are = [*itertools.islice(zip(room_names(chance), texts(chance)), CASES)]
    return [(room, text, canonical(some(chance, FRAGMENTS, 3).encode()).decode(), *chance.sample(PEOPLE, 2))
            for room, text in chance.sample(all_there_are, request.param)]


def room_names(chance):
    names = itertools.chain(payloads.NAMES, iter(lambda: some(chance, IN_NAMES, 12).encode(), None))
    for name in names:
        raw = name if name[:1] == b"#" else b"#" + name
        try:
            room = canonical_room(raw).decode()
        except InvalidName:
            continue
        if room != "#lobby":  # which is the lobby's name in `web`, and no room's
            yield room


def carried(receiver, *happenings):
    """What a client of `receiver` hears of these happenings, with one behind them that shows that nothing is left."""
    name, _, form = receiver.partition("-")
    module = PROTOCOLS[name]
    encode = module.FORMS[form] if form else next(iter(module.FORMS.values()))
    reader = reference.READERS[receiver](ME)
    for happening in [*happenings, said("x", NEXT, "#next")]:
        for frame in encode(happening, ME.encode()):
            reader.feed(frame)
    assert not reader.rest
    *found, last = [event._replace(time=None) for event in reader.heard]
    assert last == heard("said in", "x", ("#next", NEXT))
    return found


def said(sender, text, room=""):
    return events.Said(sender.encode(), text.encode(), WHEN, None, room.encode())


@pytest.mark.parametrize("receiver", FORMS)
def test_what_is_said_in_a_room_is_heard_there_and_nothing_else(cases, receiver):
    for room, text, _, name, _ in cases:
        wanted = [heard("said in", name, (room, piece)) for piece in promise.heard_in_room(receiver, room, text)]
        assert carried(receiver, said(name, text, room)) == wanted


@pytest.mark.parametrize("receiver", FORMS)
def test_what_is_said_elsewhere_is_never_heard_as_in_a_room(cases, receiver):
    for _, text, _, name, _ in cases:
        if name[0] == "#":
            continue  # an account of an older server; no room can have its name
        whispered = events.Whispered(name.encode(), text.encode(), WHEN)
        for happening, direct in ((said(name, text), False), (whispered, True)):
            kind = "sent" if receiver == "delimited" else "whispered" if direct else "said"
            wanted = [heard(kind, name, piece) for piece in promise.heard(receiver, text, direct)]
            assert carried(receiver, happening) == wanted


def sentences(room, text, one, other):
    """(the happening, its room, its sentence) of every kind."""
    raw, why = room.encode(), text.encode()
    by, about = one.encode(), other.encode()

    def managed(act, about=about, text=b""):
        return events.Managed(raw, act, by, about, text)

    yield events.Entered(raw, by), one + " joined"
    yield events.Exited(raw, by), one + " left"
    yield events.Renamed(by, about, raw), "%s is now %s" % (one, other)
    yield managed("topic", b"", why), "%s set the topic: %s" % (one, text)
    yield managed("topic", b""), one + " took the topic away"
    for act, done in (("kick", "kicked"), ("ban", "banned"), ("mute", "muted")):
        yield managed(act, about, why), "%s %s %s: %s" % (one, done, other, text)
        yield managed(act), "%s %s %s" % (one, done, other)
    for act, done in (("unban", "unbanned %s"), ("unmute", "unmuted %s"), ("voice", "gave %s a voice"),
                      ("devoice", "took %s's voice"), ("op", "made %s an op"),
                      ("deop", "made %s an ordinary member"), ("invite", "invited %s")):
        yield managed(act), one + " " + done % other
    yield managed("deop", about, b"voice"), "%s made %s an ordinary member with a voice" % (one, other)
    yield managed("set", b"limit", b"20"), one + " set limit: 20"
    yield managed("set", b"key", why), one + " changed the key"
    yield managed("drop", b""), one + " closed the room"


@pytest.mark.parametrize("receiver", FORMS)
def test_what_happens_in_a_room_is_told_of_that_room_and_nothing_else(cases, receiver):
    for room, _, text, one, other in cases:
        if is_blank(text.encode()):
            text = "."
        for happening, sentence in sentences(room, text, one, other):
            wanted = heard("happened", text=(room, promise.told(receiver, room, sentence)))
            assert carried(receiver, happening) == [wanted]
        invited = "%s invites you to %s" % (one, room)
        assert carried(receiver, events.Invited(room.encode(), one.encode())) == [heard("happened", text=("", invited))]


@pytest.mark.parametrize("receiver", FORMS)
def test_a_notice_is_the_servers(cases, receiver):
    for _, text, _, _, _ in cases:
        found = carried(receiver, events.Notice(text.encode()))
        assert {(event.kind, event.sender, event.text[0]) for event in found} == {("happened", "", "")}
        if len(text.encode()) < 1000:
            assert [event.text[1] for event in found] == [text]


def test_padded_hears_nothing_of_rooms(cases):
    for room, text, why, one, other in cases:
        for happening in [said(one, text, room), events.Invited(room.encode(), one.encode())] + [
                happening for happening, _ in sentences(room, why, one, other)]:
            assert PROTOCOLS["padded"].encode(happening, None) == ()


# ---- answers

def one_line(text):
    return text.replace("\n", "\u2424")


@pytest.mark.parametrize("receiver", FORMS)
def test_lists_of_rooms_have_each_with_its_topic(cases, receiver):
    rooms = [(room, number, topic, number % 2 == 0) for number, (room, _, topic, _, _) in enumerate(cases)]
    for some_rooms in [rooms, *([room] for room in rooms), []]:
        listed = events.RoomList([(room.encode(), members, topic.encode(), inside)
                                  for room, members, topic, inside in some_rooms], events.Rooms(None))
        found, = carried(receiver, listed)
        assert found == {
            "binary": heard("rooms", text=tuple((room, members, topic) for room, members, topic, _ in some_rooms)),
            "delimited": heard("listed", text=tuple(
                "%s %d %s" % (room, members, one_line(topic)) if topic else "%s %d" % (room, members)
                for room, members, topic, _ in some_rooms)),
        }.get(receiver, heard("rooms", text=tuple(some_rooms)))
    if receiver == "delimited":
        found, = carried(receiver, listed._replace(asked=events.Rooms(b"#*", True), rooms=[(b"#dev", 1, b"x", True)]))
        assert found == heard("accounts", text=("#dev",))


@pytest.mark.parametrize("receiver", FORMS)
def test_a_topic_and_the_members_are_those_of_the_room(cases, receiver):
    for room, _, topic, one, other in cases:
        topic = topic if not is_blank(topic.encode()) else "."
        found, = carried(receiver, events.TopicTold(room.encode(), topic.encode(), one.encode(), WHEN))
        line = promise.told("binary", room, topic)
        assert found == {"binary": heard("done", text=room + " " + line), "delimited": heard("listed", text=(
            one_line(topic),))}.get(receiver, heard("topic", text=topic))
        found, = carried(receiver, events.Present([one.encode(), other.encode()], room.encode()))
        assert found == heard("listed" if receiver == "delimited" else "members", text=(one, other))


@pytest.mark.parametrize("receiver", FORMS)
def test_a_refusal_says_nothing_but_no_whatever_was_asked_for(cases, receiver):
    for room, text, why, _, _ in cases:
        for raw in (room.encode(), b"#" + text.encode()):
            for asked in (events.Enter(raw, None), events.Exit(raw), events.Topic(raw), events.Who(raw),
                          events.Say(text.encode(), None, None, raw),
                          events.Manage(raw, "kick", text.encode(), why.encode())):
                found, = carried(receiver, events.Refused(events.Reason.NO_ROOM, asked))
                assert found.kind == "refused"


@pytest.mark.parametrize("receiver", ["dollar", "dollar-json"])
def test_rooms_are_users_that_are_here(cases, receiver):
    rooms = [room for room, *_ in cases]
    found, = carried(receiver, events.Users([(b"ann", False)], [room.encode() for room in rooms]))
    assert found.text == (("lobby", "online"), *((room, "online") for room in rooms), ("ann", "offline"))


def test_rooms_are_accounts_in_delimited(cases):
    rooms = [room for room, *_ in cases]
    found, = carried("delimited", events.Known([b"ann"], [room.encode() for room in rooms]))
    assert found == heard("accounts", text=(*rooms, "ann"))


# ---- from the client

def decoded(sender, data):
    command, = PROTOCOLS[sender.split("-")[0]].Decoder(LIMITS).feed(data)
    return command


@pytest.mark.parametrize("sender", FORMS)
def test_what_a_client_says_in_a_room_is_what_is_said_there(cases, sender):
    time = WHEN if sender == "binary" else None
    claimed = None if sender in ("binary", "web") else b"ann"
    for room, _, _, _, _ in cases:
        for spelling in {room, unicodedata.normalize("NFD", room)}:
            raw = spelling.encode()
            said_there = reference.says_in(sender, b"ann", raw, b"hi")
            assert decoded(sender, said_there) == events.Say(b"hi", claimed, time, raw)
    for payload in payloads.TEXTS.values():
        command = decoded(sender, reference.says_in(sender, b"ann", b"#dev", payload))
        text = promise.accepted(sender, payload)
        if text is not None:
            assert command == events.Say(text.encode(), claimed, time, b"#dev")
        elif promise.is_utf8(payload) and type(command) is not events.Malformed:
            assert type(command) is events.Say and is_blank(command.text)


@pytest.mark.parametrize("sender", FORMS)
def test_what_a_client_asks_of_a_room_is_asked_of_it(cases, sender):
    for room, _, text, _, _ in cases:
        raw, why = room.encode(), text.strip(" ").replace("\x00", "").encode()
        if is_blank(why) or why == b"-":
            why = b"x"
        for act, about in (("topic", None), ("kick", b"bob"), ("ban", b"bob*")):
            command = decoded(sender, reference.manages(sender, raw, act.encode(), about, why))
            assert command == events.Manage(raw, act, about or b"", why)


@pytest.mark.parametrize("receiver", ["delimited", "dollar", "dollar-json", "web"])
def test_what_was_heard_in_a_room_can_be_said_there_again(cases, receiver):
    for room, text, _, _, _ in cases:
        again, = carried(receiver, said("ann", text, room))
        assert again.text == (room, text)
        command = decoded(receiver, reference.says_in(receiver, b"ann", room.encode(), text.encode()))
        assert command == events.Say(text.encode(), None if receiver == "web" else b"ann", None, room.encode())


def test_a_long_text_in_a_room_is_cut_between_characters():
    for room in ("#d", "#" + "\U0001f600" * 32):
        for offset in range(4):
            text = "x" * offset + "\U0001f600" * 1100
            found = carried("binary", said("ann", text, room))
            assert "".join(event.text[1] for event in found) == text
            most = promise.BINARY_PIECE - len(room.encode()) - 1
            assert [event.text[1].encode() for event in found] == list(pieces(text.encode(), most))


# ---- IRC, which has a line of its own kind for what is a sentence elsewhere

class Nobody:
    """What is known of people: nothing."""

    people, accounts = People(), ()


def told_by_irc(form, *happenings):
    """(by, command, parameters) of the lines that a client of IRC is told; each is one line, of one kind."""
    lines = b"".join(frame for happening in happenings for frame in PROTOCOLS["irc"].FORMS[form](
        Nobody, happening, None))
    *lines, rest = lines.split(b"\r\n")
    assert rest == b"" and all(len(line) <= promise.IRC_LINE - 2 for line in lines if not line.startswith(b"@"))
    assert not [line for line in lines if reference.without_controls(line.decode()) != line.decode()]
    found = [irc.parsed(line) for line in lines]
    assert all("mask" in fields for fields in found)
    return [(fields["by"], fields["is"], fields["args"]) for fields in found]


def in_irc(name):
    return irc_words.nick(name.encode()).decode()


@pytest.mark.parametrize("form", IRC_FORMS)
def test_what_is_said_in_a_room_is_read_there_in_irc_and_as_nothing_else(cases, form):
    for room, text, _, name, _ in cases:
        if name[0] == "#":
            continue
        told = told_by_irc(form, said(name, text, room))
        assert {(by, what, args[0], len(args)) for by, what, args in told} == {(in_irc(name), "PRIVMSG", room, 2)}
        wanted = [line for line in promise.irc_lines(text) if not is_blank(line.encode())]
        assert "".join(args[1] for _, _, args in told) == "".join(wanted)


@pytest.mark.parametrize("form", IRC_FORMS)
def test_what_happens_in_a_room_is_told_of_that_room_in_irc_and_as_nothing_else(cases, form):
    for room, _, text, one, other in cases:
        if "#" in (one[0], other[0]):
            continue
        text = "." if is_blank(text.encode()) else text.replace("\n", "\u2424")[:100]
        by, about, mask = in_irc(one), in_irc(other), in_irc(other) + "!*@*"
        pattern = mask if not {"*", "?"} & set(other) else other + "!*@*"
        wanted = {
            events.Entered: ("JOIN", [room]), events.Exited: ("PART", [room, ""]), events.Renamed: ("NICK", [about]),
            "kick": ("KICK", [room, about, text]), "ban": ("MODE", [room, "+b", pattern]),
            "mute": ("MODE", [room, "+b", "m:" + pattern]), "unban": ("MODE", [room, "-b", pattern]),
            "unmute": ("MODE", [room, "-b", "m:" + pattern]), "voice": ("MODE", [room, "+v", about]),
            "devoice": ("MODE", [room, "-v", about]), "op": ("MODE", [room, "+o", about]),
            "deop": ("MODE", [room, "-o", about]), "invite": None, "drop": None, "topic": ("TOPIC", [room, text]),
            b"limit": ("MODE", [room, "+l", "20"]), b"key": ("MODE", [room, "+k", "*"])}
        for happening, _ in sentences(room, text, one, other):
            act = getattr(happening, "act", type(happening))
            one_line = wanted[happening.about if act == "set" else act]
            if one_line is None:
                assert told_by_irc(form, happening) == []
                continue
            what, args = one_line
            if act in ("kick", "topic") and not happening.text:
                args = [*args[:-1], by if act == "kick" else ""]
            if form and act is events.Entered:
                args = [*args, "*", by]
            assert told_by_irc(form, happening) == [(by, what, args)]
