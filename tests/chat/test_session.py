"""One client's way: stranger, member, gone."""
import hashlib
import unicodedata

import pytest
from cases import for_each

from parley.server.chat import room
from parley.server.chat.names import claims
from parley.server.chat.room import LOBBY
from parley.server.chat.session.base import PEOPLE_A_MESSAGE
from parley.server.chat.session.logins import LONGEST_GIVEN
from parley.server.chat.session.personal import WATCHED_SIZE
from parley.server.chat.session.states import GONE, HANDLERS, HANGUP, MEMBER, QUIT, STRANGER, WAITING
from parley.server.protocols import PROTOCOLS, events
from parley.server.protocols.events import (
    COMMANDS,
    HOME,
    Accounts,
    Away,
    Broken,
    Browse,
    ChangePassword,
    Count,
    Create,
    Delete,
    Deliver,
    Describe,
    Described,
    DevicesOf,
    Done,
    Enter,
    Exit,
    Farewell,
    Follow,
    Hangup,
    Hello,
    Help,
    History,
    Identify,
    Inside,
    Introduce,
    Known,
    Labelled,
    Login,
    LogOut,
    Look,
    Malformed,
    Manage,
    Marked,
    MarkRead,
    Masks,
    MetadataTold,
    Missed,
    News,
    Nothing,
    Notice,
    Offer,
    Offered,
    Oper,
    Partners,
    Past,
    Ping,
    Poll,
    Pong,
    Post,
    Present,
    PublishDevices,
    Quit,
    ReadMark,
    ReadMetadata,
    ReadMotd,
    Reason,
    Recall,
    Recalled,
    Redact,
    Refused,
    Rename,
    Roles,
    RolesTold,
    RoomList,
    Rooms,
    Say,
    ScramBegin,
    ScramFinish,
    SetFlag,
    SetMetadata,
    SetName,
    Share,
    SignIn,
    SignUp,
    Stored,
    TimingMark,
    Topic,
    TopicTold,
    Turn,
    Typing,
    Unread,
    Waiting,
    Wallops,
    Watch,
    Welcome,
    Whisper,
    Who,
    Whois,
    WhoWas,
)


class Taking:
    """What a decoder does in a turn: it tells the name, and asks for a timing mark."""

    def __repr__(self):
        return "taking"

    def __call__(self, name):
        return (name or b"-",), [TimingMark()]


SAY, WHISPER = Say(b"hi", None, 7), Whisper(b"bob", b"hi", None, 7)
POST, NAMELESS_POST = Post(b"ann", None, b"hi", 7), Post(None, None, b"hi", 7)
TYPING, WATCH = Typing(HOME, b""), Watch((b"bob",))
INTRODUCE, SET_NAME, WHO_WAS = Introduce(b"Ann Lee"), SetName(b"Ann Lee"), WhoWas(b"bob", 3)
IDENTIFY, OPER = Identify(b"cid", b"pw"), Oper(b"op", b"pw")
MARK_READ = MarkRead(HOME, b"", 7)
OFFER, SHARE = Offer(b"a.txt", 5, ""), Share("f", "t", HOME, b"", b"tag", b"")
HELLO, BROWSE = Hello(None, b"", ()), Browse(b"#dev", None, 9, None, 50)
LOGIN, SIGN_IN, CREATE, SIGN_UP = Login(b"ann", None), SignIn(b"ann", b"pw"), Create(b"ann"), SignUp(b"ann", b"pw")
ENTER, EXIT, ROOMS, TOPIC = Enter(b"#dev", None), Exit(b"#dev"), Rooms(b"#*"), Topic(b"#dev")
ROLES, LOOK = Roles(b"#dev"), Look(b"#dev")
PARTNERS = Partners(5000, 9000, 10)
READ_MARK = ReadMark(HOME, b"bob", 7000)
PUBLISH, DEVICES_OF = PublishDevices(b"ann", 7, b"list"), DevicesOf(b"bob")
SCRAM_BEGIN, SCRAM_FINISH = ScramBegin(b"cid"), ScramFinish(b"cid", b"message", b"proof")
TELL, READ_METADATA = SetMetadata(HOME, b"ann", b"url", b"a\1b"), ReadMetadata(b"#dev", b"", (b"url",), True)
MASKS = Masks(b"#dev", "ban")
REDACT = Redact(b"bob", b"7", b"why")
KICK = Manage(b"#dev", "kick", b"bob", b"why")
DEV = b"#dev", tuple(claims(b"#dev"))
HOST = "192.0.2.1"
LABELLED = Labelled(b"7", TimingMark())
TURN = Turn(Taking())
BAD_WHISPER = Malformed(Reason.BAD_FORM, Whisper)
TOO_LONG = Broken(Reason.TOO_LONG)
SAY_HI, SAY_HI_AND_WAIT = [("say", LOBBY, 1, b"ann", b"hi", 7, awaited) for awaited in (False, True)]
WHISPER_HI = ("whisper", 1, b"ann", b"bob", b"hi", 7, HOST)
RENAME_TO_BEA = ("rename", 1, b"bea", (b"bea",))
ENDED = [Farewell(Reason.TOO_LONG), ("part", Reason.TOO_LONG)]


def must_login(asked):
    return [Refused(Reason.MUST_LOGIN, asked)]


def claim_ann(command, password=None):
    if password is None:
        return [("claim_unproven", 1, b"ann", (b"ann",), command, False, "192.0.2.1")]
    return [("claim", 1, b"ann", (b"ann",), command, password, HOST)]


def create_ann(password=None):
    return [("create", 1, b"ann", (b"ann",), password, HOST)]


# state, command: state afterwards, what the hub is asked, what the client hears; with the usual traits
TABLE = {
    (STRANGER, HELLO): (WAITING, [("hello", 1)], []),
    (STRANGER, LOGIN): (WAITING, claim_ann("Login"), []),
    (STRANGER, SIGN_IN): (WAITING, claim_ann("SignIn", b"pw"), []),
    (STRANGER, CREATE): (WAITING, create_ann(), []),
    (STRANGER, SIGN_UP): (WAITING, create_ann(b"pw"), []),
    (STRANGER, POST): (WAITING, claim_ann("Post"), []),
    (STRANGER, TimingMark()): (STRANGER, [], [Done(TimingMark())]),
    (STRANGER, LABELLED): (STRANGER, [], [("label", b"7"), Done(TimingMark())]),
    (STRANGER, TURN): (STRANGER, [], [b"-", Done(TimingMark())]),
    (STRANGER, Nothing()): (STRANGER, [], []),
    (STRANGER, BAD_WHISPER): (STRANGER, [], must_login(Whisper)),
    (STRANGER, INTRODUCE): (STRANGER, [("real_name", 1, b"Ann Lee")], []),
    (STRANGER, IDENTIFY): (WAITING, [("identify", 1, b"cid", b"pw", False, HOST)], []),
    (STRANGER, SCRAM_BEGIN): (WAITING, [("scram_begin", 1, b"cid")], []),
    (STRANGER, SCRAM_FINISH): (WAITING, [("scram_finish", 1, b"cid", b"message", b"proof", HOST)], []),
    (MEMBER, SCRAM_BEGIN): (WAITING, [("scram_begin", 1, b"cid")], []),
    (MEMBER, SCRAM_FINISH): (WAITING, [("scram_finish", 1, b"cid", b"message", b"proof", HOST)], []),
    (STRANGER, TOO_LONG): (GONE, [], ENDED),
    (STRANGER, Hangup()): (GONE, [], [("part", HANGUP)]),
    (MEMBER, HELLO): (MEMBER, [], [Refused(Reason.ALREADY_IN, HELLO)]),
    (MEMBER, BROWSE): (WAITING, [("browse", 1, b"#dev", b"", 9, None, 50)], []),
    (MEMBER, PARTNERS): (WAITING, [("partners", 1, 5000, 9000, 10)], []),
    (MEMBER, LOGIN): (MEMBER, [], [Refused(Reason.ALREADY_IN, LOGIN)]),
    (MEMBER, SIGN_IN): (MEMBER, [], [Refused(Reason.ALREADY_IN, SIGN_IN)]),
    (MEMBER, CREATE): (MEMBER, [], [Refused(Reason.ALREADY_IN, CREATE)]),
    (MEMBER, SIGN_UP): (WAITING, create_ann(b"pw"), []),
    (MEMBER, ChangePassword(b"pw", b"new")): (WAITING, [("change_password", 1, b"ann", b"pw", b"new", HOST)], []),
    (MEMBER, Rename(b"bea")): (WAITING, [RENAME_TO_BEA], []),
    (MEMBER, SAY): (MEMBER, [SAY_HI], []),
    (MEMBER, POST): (MEMBER, [SAY_HI], []),
    (MEMBER, WHISPER): (WAITING, [WHISPER_HI], []),
    (MEMBER, Who()): (WAITING, [("who", 1)], []),
    (MEMBER, Accounts(b"a*")): (WAITING, [("accounts", 1, b"a*")], []),
    (MEMBER, Describe(b"bob")): (WAITING, [("describe", 1, b"bob")], []),
    (MEMBER, History(b"bob")): (WAITING, [("history", 1, b"ann", b"bob")], []),
    (MEMBER, Recall(5, 9)): (WAITING, [("recall", 1, 5, 9)], []),
    (MEMBER, ENTER): (WAITING, [("enter", 1, *DEV, None)], []),
    (MEMBER, EXIT): (WAITING, [("exit", 1, b"#dev")], []),
    (MEMBER, ROOMS): (WAITING, [("list_rooms", 1, b"#*")], []),
    (MEMBER, TOPIC): (WAITING, [("topic", 1, b"#dev")], []),
    (MEMBER, ROLES): (WAITING, [("roles", 1, b"#dev")], []),
    (MEMBER, KICK): (WAITING, [("manage", 1, b"#dev", "kick", b"bob", b"why")], []),
    (MEMBER, REDACT): (WAITING, [("redact", 1, b"bob", b"7", b"why")], []),
    (MEMBER, MASKS): (WAITING, [("masks", 1, b"#dev", "ban")], []),
    (MEMBER, Wallops(b"hi")): (WAITING, [("wallops", 1, b"hi")], []),
    (MEMBER, TYPING): (MEMBER, [("typing", 1, LOBBY, b"")], []),
    (MEMBER, Away(True)): (MEMBER, [("away", 1, True)], []),
    (MEMBER, INTRODUCE): (MEMBER, [("real_name", 1, b"Ann Lee")], []),
    (MEMBER, SET_NAME): (WAITING, [("set_name", 1, b"Ann Lee")], []),
    (MEMBER, SetFlag(b"B", True)): (WAITING, [("set_flag", 1, b"B", True)], []),
    (MEMBER, TELL): (WAITING, [("set_metadata", 1, b"", b"ann", b"url", "a\u2401b".encode())], []),
    (MEMBER, READ_METADATA): (WAITING, [("read_metadata", 1, b"#dev", b"", (b"url",), True)], []),
    (MEMBER, Follow((b"url",))): (MEMBER, [("follow", 1, (b"url",))], []),
    (MEMBER, IDENTIFY): (WAITING, [("identify", 1, b"cid", b"pw", False, HOST)], []),
    (MEMBER, OPER): (WAITING, [("identify", 1, b"op", b"pw", True, HOST)], []),
    (MEMBER, Whois(b"bob")): (WAITING, [("whois", 1, b"bob")], []),
    (MEMBER, WHO_WAS): (WAITING, [("who_was", 1, b"bob", 3)], []),
    (MEMBER, WATCH): (MEMBER, [("watch", 1, (b"bob",))], []),
    (MEMBER, MARK_READ): (MEMBER, [("mark_read", 1, LOBBY, b"", 7)], []),
    (MEMBER, PUBLISH): (WAITING, [("publish_devices", 1, 7, b"list")], []),
    (MEMBER, DEVICES_OF): (WAITING, [("devices_of", 1, b"bob")], []),
    (MEMBER, READ_MARK): (WAITING, [("read_mark", 1, b"", b"bob", 7000)], []),
    (MEMBER, LogOut()): (WAITING, [("log_out", 1)], []),
    (MEMBER, Deliver()): (WAITING, [("deliver", 1, b"ann", False)], []),
    (MEMBER, Unread()): (WAITING, [("unread", 1, b"ann")], []),
    (MEMBER, Delete()): (WAITING, [("delete", 1, b"ann")], []),
    (MEMBER, Poll()): (WAITING, [("news", 1)], []),
    (MEMBER, Ping(b"1")): (MEMBER, [], [Pong(b"1")]),
    (MEMBER, Help()): (MEMBER, [], [Done(Help())]),
    (MEMBER, Quit()): (GONE, [("release", 1)], [Done(Quit()), ("part", QUIT)]),
    (MEMBER, TimingMark()): (MEMBER, [], [Done(TimingMark())]),
    (MEMBER, LABELLED): (MEMBER, [], [("label", b"7"), Done(TimingMark())]),
    (MEMBER, TURN): (MEMBER, [], [b"ann", Done(TimingMark())]),
    (MEMBER, LOOK): (WAITING, [("look", 1, b"#dev")], []),
    (MEMBER, Count()): (WAITING, [("tally", 1)], []),
    (MEMBER, ReadMotd()): (MEMBER, [], [Notice(b"")]),
    (MEMBER, OFFER): (MEMBER, [], [Refused(Reason.FILES_OFF, OFFER)]),
    (MEMBER, SHARE): (MEMBER, [], [Refused(Reason.FILES_OFF, SHARE)]),
    (MEMBER, Nothing()): (MEMBER, [], []),
    (MEMBER, BAD_WHISPER): (MEMBER, [], [Refused(Reason.BAD_FORM, Whisper)]),
    (MEMBER, TOO_LONG): (GONE, [("release", 1, b"too-long")], ENDED),
    (MEMBER, Hangup()): (GONE, [("release", 1)], [("part", HANGUP)]),
}  # fmt: skip
ONE_OF_EACH = [command for state, command in TABLE if state == MEMBER]
TABLE.update({
    (STRANGER, command): (STRANGER, [], must_login(command))
    for command in ONE_OF_EACH if (STRANGER, command) not in TABLE})
TABLE.update({(GONE, command): (GONE, [], []) for command in ONE_OF_EACH})

LOGINS = (Hello, Login, SignIn, Create, SignUp, Post)


def traits_of(protocol):
    """As they are, but for what has tests of its own: that clients may come back, and that they may be in no room."""
    return dict(PROTOCOLS[protocol].TRAITS._asdict(), resumes=False, in_lobby=True)


# What a protocol answers to strangers, by the documents.
OPEN = {
    "line": {Help, Quit},
    "binary": {Who, Describe, Ping, Quit},
    "padded": {Quit},
    "delimited": {Accounts},
    "dollar": {Ping, Quit},
    "web": {Ping, Quit, None},
    "irc": {Quit, None},
}
HEARING_AT_ONCE = {"padded"}
ACKNOWLEDGING = {"padded", "delimited", "dollar", "web"}

BLANK = [text.encode() for text in (" ", "\n", " \t\n ", "\u00a0", "\u200b", "\u3000\u2060\ufeff", "\u2066\u2069")]
INVALID_NAMES = [b"", b"a b", b"\xff", b"server", b"lobby", b"x" * 33, b"/a"]

# Who is asked something, and each answer that the question can get: state afterwards, what the client hears.
ANSWERS = [
    (Login(b"bea", None), lambda client: client.welcome(b"bea"), MEMBER,
     ["enter", Welcome(b"bea", Login(b"bea", None))]),
    (Login(b"bea", None), lambda client: client.refuse(Reason.NAME_TAKEN), STRANGER,
     [Refused(Reason.NAME_TAKEN, Login(b"bea", None))]),
    (SignIn(b"bea", b"x"), lambda client: client.refuse(Reason.WRONG_PASSWORD), STRANGER,
     [Refused(Reason.WRONG_PASSWORD, SignIn(b"bea", b"x"))]),
    (Create(b"bea"), lambda client: client.welcome(b"bea"), MEMBER, ["enter", Welcome(b"bea", Create(b"bea"))]),
    (SignUp(b"bea", b"x"), lambda client: client.welcome(b"bea"), MEMBER,
     ["enter", Welcome(b"bea", SignUp(b"bea", b"x"))]),
    (SignUp(b"bea", b"x"), lambda client: client.refuse(Reason.NAME_TAKEN), STRANGER,
     [Refused(Reason.NAME_TAKEN, SignUp(b"bea", b"x"))]),
    (ChangePassword(b"x", b"y"), lambda client: client.confirm(), MEMBER, [Done(ChangePassword(b"x", b"y"))]),
    (Rename(b"bea"), lambda client: client.welcome(b"bea"), MEMBER, [Welcome(b"bea", Rename(b"bea"))]),
    (Rename(b"bea"), lambda client: client.welcome(b"bea", 2), MEMBER, [Welcome(b"bea", Rename(b"bea")), Waiting(2)]),
    (Rename(b"bea"), lambda client: client.refuse(Reason.NAME_TAKEN), MEMBER,
     [Refused(Reason.NAME_TAKEN, Rename(b"bea"))]),
    (WHISPER, lambda client: client.confirm(), MEMBER, [Done(WHISPER)]),
    (WHISPER, lambda client: client.refuse(Reason.NOBODY), MEMBER, [Refused(Reason.NOBODY, WHISPER)]),
    (Who(), lambda client: client.answer(Present([b"ann"])), MEMBER, [Present([b"ann"])]),
    (Accounts(None), lambda client: client.answer(Known([b"ann"])), MEMBER, [Known([b"ann"])]),
    (Poll(), lambda client: client.answer(News([])), MEMBER, [News([])]),
    (Describe(b"bob"), lambda client: client.answer(Described(b"bob", "::1", 1)), MEMBER,
     [Described(b"bob", "::1", 1)]),
    (Describe(b"bob"), lambda client: client.refuse(Reason.NOBODY), MEMBER, [Refused(Reason.NOBODY, Describe(b"bob"))]),
    (History(b"bob"), lambda client: client.answer(Past([])), MEMBER, [Past([])]),
    (Recall(None, 9), lambda client: client.answer(Recalled([], 4, False)), MEMBER, [Recalled([], 4, False)]),
    (Recall(5, 9), lambda client: client.refuse(Reason.NO_SUCH_NUMBER), MEMBER,
     [Refused(Reason.NO_SUCH_NUMBER, Recall(5, 9))]),
    (ENTER, lambda client: client.inside(client.rooms.open(5, b"#dev"), b"news"), MEMBER,
     [("enter", 5), Inside(b"#dev", b"news", ENTER)]),
    (ENTER, lambda client: client.confirm(), MEMBER, [Done(ENTER)]),
    (ENTER, lambda client: client.refuse(Reason.BANNED), MEMBER, [Refused(Reason.BANNED, ENTER)]),
    (EXIT, lambda client: client.confirm(), MEMBER, [Done(EXIT)]),
    (EXIT, lambda client: client.refuse(Reason.NOT_INSIDE), MEMBER, [Refused(Reason.NOT_INSIDE, EXIT)]),
    (ROOMS, lambda client: client.answer(RoomList([])), MEMBER, [RoomList([], ROOMS)]),
    (TOPIC, lambda client: client.answer(TopicTold(b"#dev", b"news", b"bob", 7)), MEMBER,
     [TopicTold(b"#dev", b"news", b"bob", 7)]),
    (ROLES, lambda client: client.answer(RolesTold(b"#dev", [], [])), MEMBER, [RolesTold(b"#dev", [], [])]),
    (KICK, lambda client: client.confirm(), MEMBER, [Done(KICK)]),
    (KICK, lambda client: client.refuse(Reason.NOT_ALLOWED), MEMBER, [Refused(Reason.NOT_ALLOWED, KICK)]),
    (Deliver(), lambda client: client.answer(Missed([])), MEMBER, [Missed([])]),
    (Unread(), lambda client: client.list_users(Marked([], {})), MEMBER, [Marked([], {}), Done(Unread())]),
    (Delete(), lambda client: client.forget(), STRANGER, ["leave", Done(Delete())]),
]  # fmt: skip


@pytest.fixture
def in_state(make_client, make_member, hub):
    """Makes a client in a state, with the number 1, of which nobody remembers anything."""

    def make(state, **differences):
        client = (make_client if state is STRANGER else make_member)(number=1, **differences)
        if state is WAITING:
            client.hear([Who()])
        if state is GONE:
            client.leave()
        assert client.state is state
        hub.drain()
        client.audience.drain()
        return client

    return make


@pytest.fixture
def speaking(in_state):
    """Makes a client in a state that speaks a protocol."""
    return lambda protocol, state: in_state(state, **traits_of(protocol))


def test_every_command_has_a_handler_in_every_state_that_handles_any():
    assert set(HANDLERS) == {STRANGER, MEMBER, GONE}
    for handlers in HANDLERS.values():
        assert set(handlers) == set(COMMANDS)


def test_the_table_of_these_tests_is_complete():
    assert {(state, type(command)) for state, command in TABLE} == {
        (state, kind) for state in HANDLERS for kind in HANDLERS[state]}
    assert sorted(type(command).__name__ for command in ONE_OF_EACH) == sorted(kind.__name__ for kind in COMMANDS)


def test_where_clients_converse_the_hub_decides_whether_one_may_speak_from_outside(in_state, hub):
    client, said = in_state(MEMBER, converses=True), Say(b"hi", None, None, b"#dev")
    client.hear([said])
    assert (client.state, hub.drain()) == (WAITING, [("say_outside", 1, b"#dev", b"hi")])
    client.refuse(Reason.NOT_INSIDE)
    client.hear([said._replace(text=b"", extra=b"TAGMSG +a\n")])  # which is for members
    assert client.state is MEMBER and hub.drain() == []
    assert client.audience.drain() == [Refused(Reason.NOT_INSIDE, said), Refused(
        Reason.NOT_INSIDE, said._replace(text=b"", extra=b"TAGMSG +a\n"))]


@for_each("state, command", sorted(TABLE, key=repr))
def test_a_command_does_what_the_table_says(in_state, hub, state, command):
    client = in_state(state)
    client.hear([command])
    assert (client.state, hub.drain(), client.audience.drain()) == TABLE[state, command]


# ---- what the traits change


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@for_each("command", ONE_OF_EACH)
def test_a_stranger_of_each_protocol_may_do_what_its_document_lets_it(speaking, hub, protocol, command):
    if type(command) in OPEN[protocol]:
        client, member = speaking(protocol, STRANGER), speaking(protocol, MEMBER)
        client.hear([command])
        asked, heard = hub.drain(), client.audience.drain()
        member.hear([command])
        assert [question[:1] + question[2:] for question in asked] == [
            question[:1] + question[2:] for question in hub.drain() if question[0] != "release"]
        assert heard == member.audience.drain()
        assert (client.state, member.state) in ((STRANGER, MEMBER), (WAITING, WAITING), (GONE, GONE))
    else:
        client = speaking(protocol, STRANGER)
        client.hear([command])
        assert (client.state, hub.drain(), client.audience.drain()) == TABLE[STRANGER, command]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@for_each("asked", [None, *COMMANDS])
def test_a_strangers_mistake_is_told_only_in_what_it_may_do(speaking, hub, protocol, asked):
    client = speaking(protocol, STRANGER)
    client.hear([Malformed(Reason.BAD_FORM, asked)])
    allowed = asked in LOGINS or asked in OPEN[protocol]
    reason = Reason.BAD_FORM if allowed else Reason.MUST_LOGIN
    assert (client.state, hub.drain()) == (STRANGER, [])
    assert client.audience.drain() == [Refused(reason, asked)]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_who_hears_before_it_has_a_name_enters_once(make_client, protocol):
    client = make_client(**traits_of(protocol))
    at_once = protocol in HEARING_AT_ONCE
    assert client.audience.drain() == (["enter"] if at_once else [])
    client.hear([LOGIN])
    client.welcome(b"ann")
    assert client.audience.drain() == [*([] if at_once else ["enter"]), Welcome(b"ann", LOGIN)]
    client.hear([Rename(b"bea")])
    client.welcome(b"bea")
    client.hear([Delete()])
    client.forget()
    assert client.audience.drain() == [
        Welcome(b"bea", Rename(b"bea")), "leave", *(["enter"] if at_once else []), Done(Delete())]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_speaker_is_told_that_its_words_are_stored_if_its_protocol_does_so(speaking, hub, protocol):
    client = speaking(protocol, MEMBER)
    client.hear([SAY, Say(b"more", None, None)])
    more = ("say", LOBBY, client.number, b"ann", b"more", None, protocol in ACKNOWLEDGING)
    if protocol not in ACKNOWLEDGING:
        assert hub.drain() == [SAY_HI, more]
        return
    assert client.state is WAITING
    if PROTOCOLS[protocol].TRAITS.numbered:
        assert hub.drain() == [(*SAY_HI_AND_WAIT, 1), (*more, 2)]
        return
    assert hub.drain() == [SAY_HI_AND_WAIT]
    client.confirm()
    assert client.audience.drain() == [Done(SAY)]
    assert hub.drain() == [more]
    client.confirm()
    assert client.audience.drain() == [Done(Say(b"more", None, None))]
    assert client.state is MEMBER


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_what_is_said_in_one_room_at_once_is_passed_on_at_once_and_else_as_it_was(speaking, hub, protocol):
    plain_talk = [Say(text, None, None) for text in (b"a", b" b", b"c")]
    for others, together in (
            ([], [3]), ([Say(b"d", None, 7), Say(b"e", None, None)], [3, 1, 1]),
            ([Labelled(None, Say(b"d", None, None))], [4]), ([Say(b"d", None, None, b"", b"", b"+")], [3])):
        alone, at_once = (speaking(protocol, MEMBER) for _ in range(2))
        if PROTOCOLS[protocol].TRAITS.acknowledges and not PROTOCOLS[protocol].TRAITS.numbered:
            at_once.hear(plain_talk)
            assert hub.together[-1] == 1, "one at a time"
            continue
        hub.drain()
        for say in plain_talk + others:
            alone.hear([say])
        wanted = [(name, room, "number", *rest) for name, room, _, *rest in hub.drain()]
        hub.together.clear()
        at_once.hear(plain_talk + others)
        assert [(name, room, "number", *rest) for name, room, _, *rest in hub.drain()] == wanted
        assert hub.together == together


@pytest.mark.parametrize("more, kept", [(Say(b" ", None, None), 2), (Who(), 2), (Say(b"d", b"bob", None), 2)])
def test_what_is_not_plain_talk_is_not_said_with_it(member, hub, more, kept):
    member.hear([Say(b"a", None, None), Say(b"b", None, None), more, Say(b"c", None, None)])
    assert hub.together[0] == kept


@pytest.fixture
def under_way(make_member, hub):
    """A member of which four things are under way, two of them with a label, and a question that waits for them."""
    client = make_member(acknowledges=True, numbered=True, labels=True)
    client.hear([Labelled(b"1", SAY), Say(b"two", None, None), Labelled(b"3", Say(b"three", None, None, HOME, b"tag")),
                 Say(b"four", None, None), Labelled(b"5", Who()), Say(b"six", None, None)])
    return client


def test_several_of_ones_words_may_be_under_way_and_all_else_waits_for_them(under_way, hub):
    assert [(call[0], call[-1]) for call in hub.drain()] == [("say", 1), ("say", 2), ("say_once", 3), ("say", 4)]
    for number in range(1, 4):
        under_way.confirm_said(number, 1, 10 + number, 5)
        assert under_way.state is WAITING
    under_way.confirm_said(4, 1, 14, 5)
    assert [call[0] for call in hub.drain()] == ["who"]
    assert [called for called in under_way.audience.drain() if called != "enter"] == [
        ("label", b"1"), Stored(SAY, 11, 5), Stored(Say(b"two", None, None), 12, 5),
        ("label", b"3"), Stored(Say(b"three", None, None, HOME, b"tag"), 13, 5),
        Stored(Say(b"four", None, None), 14, 5), ("label", b"5")]


def test_what_is_stored_together_is_told_together(under_way, hub):
    hub.drain()
    under_way.audience.drain()
    under_way.confirm_said(1, 4, 11, 5)
    assert under_way.audience.drain() == [  # the first label was known already
        Stored(SAY, 11, 5), Stored(Say(b"two", None, None), 12, 5),
        ("label", b"3"), Stored(Say(b"three", None, None, HOME, b"tag"), 13, 5),
        Stored(Say(b"four", None, None), 14, 5), ("label", b"5")]
    assert [call[0] for call in hub.drain()] == ["who"]


def test_a_refusal_that_overtakes_is_told_in_its_turn(under_way, hub):
    hub.drain()
    under_way.audience.drain()
    under_way.refuse(Reason.MUTED, 3)
    under_way.confirm_said(2, 1, 12, 5)
    assert under_way.audience.drain() == []
    under_way.confirm_said(1, 1, 11, 5)
    assert under_way.audience.drain() == [
        Stored(SAY, 11, 5), Stored(Say(b"two", None, None), 12, 5),
        ("label", b"3"), Refused(Reason.MUTED, Say(b"three", None, None, HOME, b"tag"))]
    assert under_way.refusals == [Reason.MUTED]


@pytest.mark.parametrize("refused", [Say(b" ", None, None), Say(b"hi", None, None, b"#dev")])
def test_what_is_refused_at_once_waits_for_what_is_under_way(make_member, hub, refused):
    client = make_member(acknowledges=True, numbered=True)
    client.hear([SAY, refused, Say(b"more", None, None)])
    assert len(hub.drain()) == 1
    client.audience.drain()
    client.confirm_said(1, 1, 11, 5)
    assert [type(told) for told in client.audience.drain()] == [Stored, Refused]
    assert [call[-1] for call in hub.drain()] == [2]


def test_what_is_not_stored_is_refused_and_what_follows_it_is_said(make_member, hub):
    client = make_member(acknowledges=True)
    client.hear([SAY, Say(b"more", None, None)])
    client.refuse(Reason.NOT_STORED)
    assert client.audience.drain() == [Refused(Reason.NOT_STORED, SAY)]
    assert hub.drain() == [SAY_HI_AND_WAIT, ("say", LOBBY, 1, b"ann", b"more", None, True)]


def test_who_goes_is_not_told_whether_its_words_are_stored(make_member, hub):
    client = make_member(acknowledges=True)
    client.hear([SAY])
    client.leave(Reason.IDLE)
    assert hub.drain() == [SAY_HI_AND_WAIT, ("release", 1, b"idle")]


# ---- names


@for_each("name", INVALID_NAMES)
@pytest.mark.parametrize("state, command", [
    (STRANGER, lambda name: Login(name, None)), (STRANGER, lambda name: SignIn(name, b"pw")), (STRANGER, Create),
    (STRANGER, lambda name: SignUp(name, b"pw")),
    (STRANGER, lambda name: Post(name, None, b"hi", None)), (MEMBER, Rename),
    (MEMBER, lambda name: Post(name, None, b"hi", None)),
])  # fmt: skip
def test_an_invalid_name_is_refused_without_asking_the_hub(in_state, hub, state, command, name):
    client = in_state(state)
    client.hear([command(name)])
    assert client.audience.drain() == [Refused(Reason.INVALID_NAME, command(name))]
    assert client.state is state
    assert hub.drain() == []


def test_a_name_is_claimed_in_its_canonical_form(stranger, hub, claimed):
    stranger.hear([Login("a\u0308nn".encode(), b"pw")])
    assert hub.drain() == [claimed(1, "\u00e4nn".encode(), password=b"pw")]


@pytest.mark.parametrize("command, question", [
    (lambda name: Whisper(name, b"hi", None, None), lambda name: ("whisper", 1, b"ann", name, b"hi", None, HOST)),
    (Describe, lambda name: ("describe", 1, name)),
    (History, lambda name: ("history", 1, b"ann", name)),
])
def test_a_member_is_found_in_whatever_normal_form_the_name_is_written(member, hub, command, question):
    name = "\u00e4nn"
    member.hear([command(unicodedata.normalize("NFD", name).encode())])
    assert hub.drain() == [question(name.encode())]


@pytest.mark.parametrize("to", [b"\xff", b"", b"\x80" * 11, b"a b", b"x" * 20000], ids=lambda to: repr(to)[:20])
def test_a_whisper_to_what_can_be_nobodys_name_finds_nobody(member, hub, to):
    member.hear([Whisper(to, b"hi", None, None), Ping(b"")])
    if member.state is WAITING:
        assert hub.drain()[0][:3] == ("whisper", 1, b"ann")
        member.refuse(Reason.NOBODY)
    assert member.audience.drain() == [Refused(Reason.NOBODY, Whisper(to, b"hi", None, None)), Pong(b"")]


@pytest.mark.parametrize("command", [lambda name: Whisper(name, b"hi", None, None), Describe, History])
@pytest.mark.parametrize("letter", [b"x", "\u0301".encode(), b"\x80"], ids=repr)
def test_the_hub_is_not_bothered_with_names_that_are_too_long_to_be_any(member, hub, command, letter):
    member.hear([command(letter * 20000)])
    for question in hub.drain():
        assert all(len(argument) <= 512 for argument in question if isinstance(argument, bytes))


def test_what_those_from_one_address_watch_takes_no_more_memory_than_it_may(make_member, hub, monkeypatch):
    watches = Watch((b"a" * 400,)), Watch((b"b", b"c", b"d")), Watch(())
    monkeypatch.setattr(room, "MOST_WATCHED", 3 * WATCHED_SIZE)
    ann, bob = make_member(number=1), make_member(number=2)
    bob.rooms = ann.rooms
    ann.address = bob.address = lambda: ("192.0.2.1", 4711)
    ann.hear([watches[0]])
    bob.hear([watches[1]])
    assert bob.audience.drain() == [Refused(Reason.LIST_FULL, watches[1])]
    ann.hear([watches[2]])
    bob.hear([Watch((b"b", b"c"))])
    ann.hear([watches[0]])
    assert ann.audience.drain() == [Refused(Reason.LIST_FULL, watches[0])]
    bob.leave()
    ann.hear([watches[0]])
    assert [message[2] for message in hub.drain() if message[0] == "watch"] == [
        watches[0].names, (), (b"b", b"c"), watches[0].names]
    ann.leave()
    assert ann.rooms.watching._taken == {}


# ---- passwords


@for_each("raw", [b"x" * 600, b"#" + b"x" * 600, b"\xff", b"a\0"])
def test_what_can_be_the_name_of_none_does_not_mean_the_lobby_or_all_that_was_said_alone(in_state, hub, raw):
    client = in_state(MEMBER)
    asked = BROWSE._replace(room=raw), BROWSE._replace(room=None, partner=raw)
    client.hear([*asked, Typing(HOME, raw), Watch((raw, b"bob"))])
    assert client.audience.drain() == [Refused(Reason.NO_ROOM, asked[0]), Refused(Reason.INVALID_NAME, asked[1])]
    assert hub.drain() == [("watch", 1, (b"bob",))]
    stranger = in_state(STRANGER)
    stranger.hear([Hello(b"token", b"run", ((raw, 5), (HOME, 6)))])
    assert stranger.session._coming == (b"token", b"run", ((HOME, 6),))



@pytest.mark.parametrize("password", [b"", b"x" * 129, b"\xff"], ids=lambda password: repr(password)[:20])
@pytest.mark.parametrize("state, command", [
    (STRANGER, lambda password: SignUp(b"ann", password)), (MEMBER, lambda password: SignUp(b"ann", password)),
    (MEMBER, lambda password: ChangePassword(b"pw", password))])
def test_what_cannot_be_a_password_is_refused_without_asking_the_hub(in_state, hub, state, command, password):
    client = in_state(state)
    client.hear([command(password)])
    assert (client.state, hub.drain()) == (state, [])
    assert client.audience.drain() == [Refused(Reason.INVALID_PASSWORD, command(password))]


@pytest.mark.parametrize("password", [b"x", b"x" * 128, "\u00e4".encode() * 64], ids=["1", "128", "64 letters"])
def test_a_password_has_1_to_128_bytes(stranger, hub, password):
    stranger.hear([SignUp(b"ann", password)])
    assert hub.drain() == create_ann(password)


# (state, the command that gives a password, what the hub is asked about it)
GIVEN = [
    (STRANGER, lambda password: Login(b"ann", password), lambda password: claim_ann("Login", password)),
    (STRANGER, lambda password: SignIn(b"ann", password), lambda password: claim_ann("SignIn", password)),
    (STRANGER, lambda password: Post(b"ann", password, b"hi", 7), lambda password: claim_ann("Post", password)),
    (MEMBER, lambda password: ChangePassword(password, b"new"),
     lambda password: [("change_password", 1, b"ann", password, b"new", HOST)]),
]


@pytest.mark.parametrize("state, command, asked", GIVEN)
def test_a_password_that_is_given_may_be_as_long_as_those_of_a_users_file(in_state, hub, state, command, asked):
    in_state(state).hear([command(b"x" * LONGEST_GIVEN)])
    assert hub.drain() == asked(b"x" * LONGEST_GIVEN)


@pytest.mark.parametrize("state, command, asked", GIVEN)
@pytest.mark.parametrize("length", [LONGEST_GIVEN + 1, 65536])
def test_what_is_longer_than_any_password_is_wrong_and_waits_nowhere(in_state, hub, state, command, asked, length):
    client, given = in_state(state), command(b"x" * length)
    client.hear([given])
    assert (client.state, hub.drain()) == (state, [])
    assert client.audience.drain() == [Refused(Reason.WRONG_PASSWORD, given)]


@pytest.mark.parametrize("name", [b"bea", b"ANN", b"", b"\xff"])
def test_a_member_protects_no_name_but_its_own(member, hub, name):
    member.hear([SignUp(name, b"pw")])
    assert hub.drain() == []
    assert member.audience.drain() == [Refused(Reason.NOT_YOU, SignUp(name, b"pw"))]


# ---- what is said


def test_a_member_says_things_under_its_registered_name(member, hub):
    member.hear([Say(b"one", b"ann", None), Say(b"two", None, 7)])
    assert hub.drain() == [("say", LOBBY, 1, b"ann", b"one", None, False), ("say", LOBBY, 1, b"ann", b"two", 7, False)]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize("command", [Say(b"hi", None, 7), WHISPER], ids=repr)
@for_each("claimed", [b"bob", b"ANN", b"", b"ann ", b"\xff", b"x" * 600])
def test_nobody_can_claim_to_be_somebody_else(speaking, hub, protocol, command, claimed):
    client, command = speaking(protocol, MEMBER), command._replace(claimed=claimed)
    client.hear([command])
    assert (client.state, hub.drain(), client.audience.drain()) == (
        MEMBER, [], [Refused(Reason.NOT_YOU, command)])


def test_ones_own_name_may_be_claimed_in_any_normal_form(make_member, hub):
    name = "\u00e4nn"
    client = make_member(name.encode())
    client.hear([Say(b"hi", unicodedata.normalize("NFD", name).encode(), None)])
    assert hub.drain() == [("say", LOBBY, 1, name.encode(), b"hi", None, False)]


@pytest.mark.parametrize("text", [b"", *BLANK], ids=ascii)
@pytest.mark.parametrize("command", [Say(b"hi", None, 7), WHISPER], ids=repr)
def test_nothing_cannot_be_said(member, hub, command, text):
    command = command._replace(text=text)
    member.hear([command])
    assert (hub.drain(), member.audience.drain()) == ([], [Refused(Reason.BAD_FORM, command)])


def test_what_is_said_keeps_its_blanks(member, hub):
    texts = [b"\n a \n", "\u00a0a\u200b".encode()]
    member.hear([Say(text, None, None) for text in texts])
    assert [call[4] for call in hub.drain()] == texts


# ---- posts, whose name comes with the text


def test_a_strangers_post_claims_its_name_and_is_then_said(stranger, hub, claimed):
    stranger.hear([POST])
    assert hub.drain() == [claimed(1, b"ann", "Post")]
    stranger.welcome(b"ann")
    assert hub.drain() == [SAY_HI]
    assert stranger.audience.drain() == ["enter", Welcome(b"ann", POST)]


def test_a_strangers_post_without_a_name_is_a_guests(stranger, hub):
    stranger.hear([NAMELESS_POST])
    assert hub.drain() == [("claim_guest", 1, "192.0.2.1")]
    stranger.welcome(b"guest-1")
    assert hub.drain() == [("say", LOBBY, 1, b"guest-1", b"hi", 7, False)]


def test_a_members_post_under_another_name_renames_it_and_is_then_said(member, hub):
    post = Post(b"bea", None, b"hi", 7)
    member.hear([post])
    assert hub.drain() == [RENAME_TO_BEA]
    member.welcome(b"bea")
    assert hub.drain() == [("say", LOBBY, 1, b"bea", b"hi", 7, False)]
    assert member.audience.drain() == [Welcome(b"bea", post)]


def test_a_members_post_without_a_name_or_with_its_own_is_said(make_member, hub):
    name = "\u00e4nn"
    client = make_member(name.encode())
    client.hear([NAMELESS_POST, Post(unicodedata.normalize("NFD", name).encode(), None, b"hi", 7)])
    assert hub.drain() == [("say", LOBBY, 1, name.encode(), b"hi", 7, False)] * 2


@pytest.mark.parametrize("state, post", [(STRANGER, POST), (MEMBER, Post(b"bea", None, b"hi", 7))])
def test_a_post_whose_name_is_refused_is_not_said(in_state, hub, state, post):
    client = in_state(state)
    client.hear([post])
    hub.drain()
    client.refuse(Reason.NAME_TAKEN)
    assert (client.state, hub.drain(), client.audience.drain()) == (state, [], [Refused(Reason.NAME_TAKEN, post)])


@pytest.mark.parametrize("state", [STRANGER, MEMBER])
@pytest.mark.parametrize("name", [None, b"bea", b"a b"])
@for_each("text", [b"", *BLANK])
def test_a_post_without_a_text_is_only_acknowledged(in_state, hub, state, name, text):
    client = in_state(state)
    client.hear([Post(name, None, text, None)])
    assert (client.state, hub.drain(), client.audience.drain()) == (state, [], [Done(Post(name, None, text, None))])


def test_the_password_in_a_post_is_for_the_name_that_it_claims(stranger, hub, claimed):
    post = Post(b"ann", b"pw", b"hi", 7)
    stranger.hear([post, post])
    assert hub.drain() == [claimed(1, b"ann", "Post", b"pw")]
    stranger.welcome(b"ann")
    assert hub.drain() == [("say", LOBBY, 1, b"ann", b"hi", 7, False)] * 2


def test_a_member_cannot_be_renamed_with_a_password(member, hub):
    post = Post(b"bea", b"pw", b"hi", 7)
    member.hear([post])
    assert (hub.drain(), member.audience.drain()) == ([], [Refused(Reason.ALREADY_IN, post)])


def test_what_is_behind_a_post_waits_until_its_text_is_stored(make_client, hub, claimed):
    client = make_client(acknowledges=True)
    client.hear([POST, Post(b"ann", None, b"more", 8)])
    client.hear([Post(b"bea", None, b"last", 9)])
    assert hub.drain() == [claimed(1, b"ann", "Post")]
    client.welcome(b"ann")
    assert hub.drain() == [SAY_HI_AND_WAIT]
    assert client.state is WAITING
    client.confirm()
    assert hub.drain() == [("say", LOBBY, 1, b"ann", b"more", 8, True)]
    client.confirm()
    assert hub.drain() == [RENAME_TO_BEA]
    client.welcome(b"bea")
    assert hub.drain() == [("say", LOBBY, 1, b"bea", b"last", 9, True)]
    client.confirm()
    assert [heard for heard in client.audience.drain() if type(heard) is Done] == [
        Done(SAY), Done(Say(b"more", None, 8)), Done(Say(b"last", None, 9))]


# ---- questions


@for_each("question, answer, state, heard", ANSWERS)
def test_an_answer_is_told_and_ends_the_question(in_state, question, answer, state, heard):
    client = in_state(STRANGER if isinstance(question, LOGINS) else MEMBER)
    client.hear([question])
    assert client.state is WAITING
    assert client.audience.drain() == []
    answer(client)
    assert (client.state, client.audience.drain()) == (state, heard)


@for_each("question, answer, state, heard", ANSWERS)
def test_commands_behind_a_question_wait_for_its_answer(in_state, hub, question, answer, state, heard):
    client = in_state(STRANGER if isinstance(question, LOGINS) else MEMBER)
    client.hear([question, Ping(b"1")])
    client.hear([Ping(b"2"), Nothing()])
    assert len(hub.drain()) == 1
    assert client.audience.drain() == []
    answer(client)
    behind = [Pong(b"1"), Pong(b"2")] if state is MEMBER else must_login(Ping(b"1")) + must_login(Ping(b"2"))
    assert client.audience.drain() == heard + behind


@for_each("question, answer, state, heard", ANSWERS)
def test_an_answer_is_heard_through_the_door_for_answers(in_state, question, answer, state, heard):
    client, answers = in_state(STRANGER if isinstance(question, LOGINS) else MEMBER), []
    client.audience.answer = lambda session, happening: answers.append(happening)
    client.hear([question])
    answer(client)
    assert answers == [happening for happening in heard if isinstance(happening, events.ANSWERS)]


def test_a_question_that_a_stranger_may_ask_leaves_it_a_stranger(make_client, hub):
    client = make_client(open_to_strangers=(Who,))
    client.hear([Who(), SAY])
    assert hub.drain() == [("who", 1)]
    client.answer(Present([]))
    assert client.state is STRANGER
    assert client.audience.drain() == [Present([]), *must_login(SAY)]


def test_a_question_behind_a_question_waits_and_is_asked_then(stranger, hub, claimed):
    stranger.hear([LOGIN, SAY, Who(), WHISPER, Ping(b"")])
    assert hub.drain() == [claimed(1, b"ann")]
    stranger.welcome(b"ann")
    assert hub.drain() == [SAY_HI, ("who", 1)]
    stranger.hear([Who()])
    stranger.answer(Present([b"ann"]))
    assert hub.drain() == [WHISPER_HI]
    stranger.confirm()
    assert hub.drain() == [("who", 1)]
    stranger.answer(Present([b"ann"]))
    assert stranger.audience.drain() == [
        "enter", Welcome(b"ann", LOGIN), Present([b"ann"]), Done(WHISPER), Pong(b""), Present([b"ann"])]
    assert stranger.state is MEMBER


def test_a_refused_stranger_may_try_another_name_in_the_same_breath(stranger, hub, claimed):
    stranger.hear([Login(b"bob", None), LOGIN])
    stranger.refuse(Reason.NAME_TAKEN)
    assert hub.drain() == [claimed(1, b"bob"), claimed(1, b"ann")]
    stranger.welcome(b"ann")
    assert stranger.audience.drain() == [
        Refused(Reason.NAME_TAKEN, Login(b"bob", None)), "enter", Welcome(b"ann", LOGIN)]


def test_who_has_deleted_its_account_is_a_stranger_and_may_make_another(member, hub):
    member.hear([Delete(), SAY, CREATE])
    assert hub.drain() == [("delete", 1, b"ann")]
    member.forget()
    assert member.name is None
    assert hub.drain() == create_ann()
    member.welcome(b"ann")
    assert member.audience.drain() == [
        "leave", Done(Delete()), *must_login(SAY), "enter", Welcome(b"ann", CREATE)]


def test_who_deletes_its_account_still_has_its_name_when_it_leaves_the_room(member):
    names = []
    member.audience.leave = lambda session: names.append(session.name)
    member.hear([Delete()])
    member.forget()
    assert names == [b"ann"]  # what was said before is told to somebody of that name
    assert member.name is None


@pytest.mark.parametrize("asked", [[], [WHISPER], [WHISPER, Ping(b""), SAY]], ids=len)
def test_whose_account_an_operator_deletes_is_told_so_and_sent_away(member, hub, asked):
    member.hear(asked)
    hub.drain()
    member.forget()
    assert member.audience.drain() == [Farewell(Reason.ACCOUNT_DELETED), ("part", Reason.ACCOUNT_DELETED)]
    assert hub.drain() == [("release", 1, b"account-deleted")]
    member.hear([SAY])
    assert (hub.drain(), member.audience.drain(), member.state) == ([], [], GONE)


def test_who_has_deleted_its_account_leaves_without_a_word(member, hub):
    member.hear([Delete()])
    member.forget()
    hub.drain()
    member.leave()
    assert hub.drain() == []


def test_a_hangup_behind_a_question_waits_for_the_answer(stranger, hub, claimed):
    stranger.hear([LOGIN, SAY, Hangup()])
    assert stranger.state is WAITING
    stranger.welcome(b"ann")
    assert hub.drain() == [claimed(1, b"ann"), SAY_HI, ("release", 1)]
    assert stranger.audience.drain() == ["enter", Welcome(b"ann", LOGIN), ("part", HANGUP)]


def test_an_answer_can_be_given_by_its_name(stranger):
    stranger.hear([LOGIN])
    stranger.heed("welcome", b"ann")
    assert stranger.name == b"ann"


# ---- the end


@pytest.mark.parametrize("state", [STRANGER, MEMBER, WAITING])
def test_leaving_says_good_bye_once(in_state, hub, state):
    client = in_state(state)
    for _ in range(3):
        client.leave(Reason.IDLE)
    client.leave()
    assert client.audience.drain() == [Farewell(Reason.IDLE), ("part", Reason.IDLE)]
    assert hub.drain() == ([] if state is STRANGER else [("release", 1, b"idle")])
    assert client.state is GONE


def test_a_claim_that_is_left_alone_is_released_behind_it(stranger, hub, claimed):
    stranger.hear([LOGIN])
    stranger.leave()
    assert hub.drain() == [claimed(1, b"ann"), ("release", 1)]


def test_a_refused_claim_leaves_nothing_to_release(stranger, hub):
    stranger.hear([LOGIN])
    stranger.refuse(Reason.NAME_TAKEN)
    hub.drain()
    stranger.leave()
    assert hub.drain() == []


def test_who_has_logged_out_is_told_so_and_gone(member, hub):
    member.hear([LogOut(), SAY])
    hub.drain()
    member.confirm()
    assert hub.drain() == [("release", 1)]
    assert member.audience.drain() == [Done(LogOut()), ("part", QUIT)]


def test_who_shares_a_file_says_what_those_tell_who_keep_it_once_they_have(member, hub):
    asked = []

    class Files:
        @staticmethod
        def ask(then, **request):
            asked.append((then, request))

    member.files = Files
    member.hear([OFFER, SAY])
    then, request = asked.pop()
    assert request == {"do": "offer", "owner": "guest 192.0.2.1", "is_account": False, "name": "a.txt", "size": 5,
                       "sha256": ""}
    then({"no": Reason.QUOTA_FULL})
    assert member.audience.drain() == [Refused(Reason.QUOTA_FULL, OFFER)]
    assert hub.drain() == [SAY_HI]  # what came behind it had to wait
    member.address = lambda: ("2001:db8::5", 4711)
    member.hear([OFFER])
    then, request = asked.pop()
    assert request["owner"] == "guest 2001:db8::/64"
    then({"no": Reason.QUOTA_FULL})
    member.audience.drain()
    del member.address
    member.rooms.accounts.add(b"ann")
    member.hear([OFFER])
    then, request = asked.pop()
    assert (request["owner"], request["is_account"]) == ("account ann", True)
    then({"file": "f", "token": "t", "text": "[file] a.txt"})
    assert member.audience.drain() == [Offered("f", "t", b"[file] a.txt")]
    elsewhere = Share("f", "t", b"#dev", b"", b"", b"")
    member.hear([elsewhere, SHARE])
    assert member.audience.drain() == [Refused(Reason.NOT_INSIDE, elsewhere)]
    then, request = asked.pop()
    assert (request, hub.drain()) == ({"do": "share", "file": "f", "token": "t", "teller": "ann", "digest": ""}, [])
    then({"text": "[file] a.txt"})
    assert hub.drain() == [("say_once", 1, LOBBY, b"[file] a.txt", b"tag")]
    member.hear([Share("f", "t", HOME, b"bob", b"", b"")])
    then, _ = asked.pop()
    then({"text": "[file] a.txt"})
    assert hub.drain() == [("whisper", 1, b"ann", b"bob", b"[file] a.txt", None, HOST)]
    member.confirm()
    member.hear([SHARE._replace(text=b"sealed")])
    then, request = asked.pop()
    assert request["digest"] == hashlib.sha256(b"sealed").hexdigest()
    then({"text": "[file] a.txt"})
    assert hub.drain() == [("say_once", 1, LOBBY, b"sealed", b"tag")]
    member.hear([OFFER])
    then, _ = asked.pop()
    member.leave()
    member.audience.drain()
    then({"file": "f", "token": "t"})
    assert member.audience.drain() == []


def test_where_one_is_not_nothing_is_marked_as_read(member, hub):
    elsewhere, with_nobody = MarkRead(b"#dev", b"", 7), MarkRead(HOME, b"a" * 1000, 7)
    member.hear([elsewhere, with_nobody, MarkRead(HOME, b"bob", 7)])
    assert member.audience.drain() == [
        Refused(Reason.NOT_INSIDE, elsewhere), Refused(Reason.INVALID_NAME, with_nobody)]
    assert hub.drain() == [("mark_read", 1, LOBBY, b"bob", 7)]


def test_who_leaves_without_a_reason_hears_none(member):
    member.leave()
    assert member.audience.drain() == [("part", HANGUP)]


@for_each("command", [Quit, lambda why: Exit(b"#dev", why)])
def test_why_somebody_leaves_is_cut_if_it_is_long(make_client, hub, command):
    client = make_client()
    client.state, client.name = MEMBER, b"ann"
    client.hear([command(b"x\n" + "\u00e9".encode() * 4000)])
    why, = [message[-1] for message in hub.drain()]
    assert why == ("x\u2424" + "\u00e9" * 193).encode()


def test_what_waited_is_forgotten_by_who_leaves(in_state, hub):
    client = in_state(WAITING)
    client.hear([SAY, Ping(b""), Who()])
    client.leave(Reason.SHUTDOWN)
    client.hear([SAY, Ping(b""), Who()])
    assert hub.drain() == [("release", 1, b"shutdown")]
    assert client.audience.drain() == [Farewell(Reason.SHUTDOWN), ("part", Reason.SHUTDOWN)]


@pytest.mark.parametrize("end", [TOO_LONG, Hangup(), Quit()], ids=repr)
def test_what_follows_the_end_in_the_same_breath_is_ignored(member, hub, end):
    member.hear([end, SAY, Ping(b""), Hangup(), Quit()])
    assert hub.drain() == [("release", 1, *([b"too-long"] if end is TOO_LONG else []))]
    assert len(member.audience.drain()) == (1 if end == Hangup() else 2)


def test_the_message_of_the_day_is_told_once_behind_the_login(make_client, hub):
    client = make_client()
    client.audience.motd = b"two\nlines"
    client.hear([Login(b"ann", None)])
    client.welcome(b"ann", 3)
    told = [one for one in client.audience.drain() if isinstance(one, tuple)]
    assert [type(one).__name__ for one in told] == ["Welcome", "Notice", "Waiting"] and told[1].text == b"two\nlines"
    client.hear([Rename(b"bob")])
    client.welcome(b"bob")
    assert [type(one).__name__ for one in client.audience.drain()] == ["Welcome"]


# ---- rooms


SAY_IN_DEV = Say(b"hi", None, 7, b"#dev")


@pytest.mark.parametrize("command, cost", [
    (Say(b"a\n" * 160 + b"a", None, None), 10), (Whisper(b"bob", b"a\n" * 320 + b"a", None, None), 20),
    (Say(b"hi", None, None), 0), (Watch(tuple(b"u%d" % number for number in range(160))), 10),
    (Turn(lambda name: ((), [Watch((b"bob",))] * 7)), 6),
    (Turn(lambda name: ((), [Turn(lambda name: ((), ()))] * 5)), 0),
    (Turn(lambda name: ((), [Watch((b"bob",))])), 0),
    (Turn(lambda name: ((b"a",) * 160, ())), 10), (Turn(lambda name: ((b"a",) * 15, ())), 0)])
def test_one_command_that_is_as_dear_as_many_costs_as_much(make_member, command, cost):
    client = make_member()
    client.hear([command])
    assert client.charged == cost


def test_what_is_said_together_costs_by_its_lines_too(make_member):
    client = make_member()
    client.hear([Say(b"a\nb", None, None)] * 48)
    assert client.charged == 3


def test_what_all_are_told_or_asked_for_or_looked_through_for_costs_more_the_more_there_are(make_member):
    client = make_member(converses=True)
    for number in range(5 * PEOPLE_A_MESSAGE):
        client.rooms.roll.enter(b"u%d" % number)
    for command, cost in ((TELL, 5), (READ_METADATA, 5), (ReadMetadata(HOME, b"bob", None), 0), (Who(), 5),
                          (Rooms(b"*"), 13), (Rooms(None), 0),
                          (Manage(b"#dev", "bar", b"bob", b""), 5), (Manage(b"#dev", "unban", b"*" * 64, b""), 9)):
        client.charged = 0
        client.hear([command])
        assert client.charged == cost
        client.answer(MetadataTold(b"ann", []))


def test_what_is_looked_for_in_all_that_was_said_costs_more(make_member):
    client = make_member(converses=True)
    for command in (Partners(0, 5, 5), Redact(b"bob", b"5", b""), Manage(b"#dev", "redact", b"5", b"")):
        client.charged = 0
        client.hear([command])
        assert client.charged == 8
        client.refuse(Reason.NO_SUCH_NUMBER)


def test_what_is_held_against_all_bans_of_a_room_costs_more(make_member):
    client = make_member(converses=True)
    for command, cost in ((ENTER, 8), (Say(b"hi", None, None, b"#dev"), 8), (EXIT, 0)):
        client.charged = 0
        client.hear([command])
        client.refuse(Reason.NOT_INSIDE)
        assert client.charged == cost


@pytest.fixture
def inside(member, hub):
    """A member that is in room 5, #dev, of which nobody remembers anything."""
    member.hear([ENTER])
    member.inside(member.rooms.open(5, b"#dev"), b"")
    hub.drain()
    member.audience.drain()
    return member


def test_what_is_said_in_a_room_is_said_there_by_its_number(inside, hub):
    inside.hear([SAY_IN_DEV, SAY, SAY_IN_DEV])
    assert hub.drain() == [("say", room, 1, b"ann", b"hi", 7, False) for room in (5, LOBBY, 5)]
    assert inside.audience.drain() == []


def test_the_lobby_may_be_called_by_its_name(inside, hub):
    inside.hear([SAY._replace(room=b"#lobby"), Who(b"#lobby")])
    assert hub.drain() == [SAY_HI, ("who", 1)]
    inside.answer(Present([]))
    inside.hear([Recall(5, 9, b"#lobby")])
    assert hub.drain() == [("recall", 1, 5, 9)]


@pytest.mark.parametrize("room", [b"#dev", b"#DEV", b"#", b"dev", b"\xff", b"#lobby ", b"x" * 600])
def test_talk_in_a_room_that_one_is_not_in_is_refused_at_once(member, hub, room):
    say = SAY_IN_DEV._replace(room=room)
    member.hear([say, Ping(b"")])
    assert (member.state, hub.drain()) == (MEMBER, [])
    assert member.audience.drain() == [Refused(Reason.NOT_INSIDE, say), Pong(b"")]


def test_of_a_room_in_which_only_others_of_this_worker_are_one_is_not_a_member(member, hub):
    member.rooms.open(5, b"#dev")
    member.audience.rooms[5] = {"somebody": None}
    member.hear([SAY_IN_DEV])
    assert (hub.drain(), member.audience.drain()) == ([], [Refused(Reason.NOT_INSIDE, SAY_IN_DEV)])


def test_who_was_put_out_says_nothing_more_there(inside, hub):
    inside.outside(inside.rooms.by_name[b"#dev"])
    inside.hear([SAY_IN_DEV])
    assert hub.drain() == []
    assert inside.audience.drain() == [("leave", 5), Refused(Reason.NOT_INSIDE, SAY_IN_DEV)]


def test_in_some_protocols_who_says_something_in_a_room_enters_it_first(make_member, hub):
    member = make_member(enters_by_talking=True)
    member.hear([SAY_IN_DEV, Ping(b"")])
    assert (member.state, hub.drain()) == (WAITING, [("enter", 1, *DEV, None)])
    member.inside(member.rooms.open(5, b"#dev"), b"news")
    assert hub.drain() == [("say", 5, 1, b"ann", b"hi", 7, False)]
    assert member.audience.drain() == [("enter", 5), Pong(b"")]
    member.hear([SAY_IN_DEV])
    assert hub.drain() == [("say", 5, 1, b"ann", b"hi", 7, False)]


def test_who_enters_by_talking_waits_until_its_words_are_stored(make_member, hub):
    member = make_member(enters_by_talking=True, acknowledges=True)
    member.hear([SAY_IN_DEV, Ping(b"")])
    member.inside(member.rooms.open(5, b"#dev"), b"")
    assert hub.drain() == [("enter", 1, *DEV, None), ("say", 5, 1, b"ann", b"hi", 7, True)]
    assert (member.state, member.audience.drain()) == (WAITING, [("enter", 5)])
    member.confirm()
    assert member.audience.drain() == [Done(SAY_IN_DEV), Pong(b"")]


@pytest.mark.parametrize("reason", [Reason.BANNED, Reason.INVITE_ONLY, Reason.JOINS_TOO_FAST])
def test_who_may_not_enter_says_nothing_and_is_told_why(make_member, hub, reason):
    member = make_member(enters_by_talking=True)
    member.hear([SAY_IN_DEV])
    hub.drain()
    member.refuse(reason)
    assert (member.state, hub.drain(), member.audience.drain()) == (MEMBER, [], [Refused(reason, SAY_IN_DEV)])


@pytest.mark.parametrize("room", [
    b"", b"dev", b"#", b"#a b", b"#a,b", b"#a:b", b"#\xff", b"# ", b"#" + b"x" * 33, b"#\x1b[31m", b"#a|b", b"#" * 600])
@pytest.mark.parametrize("command", [lambda room: Enter(room, None), lambda room: SAY_IN_DEV._replace(room=room)])
def test_what_can_be_no_rooms_name_is_refused_without_asking_the_hub(make_member, hub, command, room):
    member, asked = make_member(enters_by_talking=True), command(room)
    if room or type(asked) is Enter:  # without a room it is the lobby
        member.hear([asked])
        assert (member.state, hub.drain()) == (MEMBER, [])
        assert member.audience.drain() == [Refused(Reason.INVALID_ROOM, asked)]


@pytest.mark.parametrize("room", [b"#d", b"#server", b"#LOGIN", b"##", b"#&x", b"#/x", b"#" + b"x" * 32])
def test_a_rooms_name_is_one_to_32_characters_and_may_be_a_reserved_word(member, hub, room):
    member.hear([Enter(room, b"word")])
    assert hub.drain() == [("enter", 1, room, tuple(claims(room)), b"word")]


@pytest.mark.parametrize("command, question", [
    (lambda room: Enter(room, None), lambda room: ("enter", 1, room, tuple(claims(room)), None)),
    (Exit, lambda room: ("exit", 1, room)),
    (Topic, lambda room: ("topic", 1, room)),
    (Roles, lambda room: ("roles", 1, room)),
    (lambda room: Manage(room, "drop", b"", b""), lambda room: ("manage", 1, room, "drop", b"", b"")),
    (Who, lambda room: ("within", 1, room)),
    (lambda room: Recall(5, 9, room), lambda room: ("reread", 1, room, 5, 9)),
])
def test_a_room_is_found_in_whatever_normal_form_its_name_is_written(member, hub, command, question):
    room = "#b\u00fcro"
    member.hear([command(unicodedata.normalize("NFD", room).encode())])
    assert hub.drain() == [question(room.encode())]


@pytest.mark.parametrize("about, text, as_lines", [
    (b"", b"one\ntwo\n", (b"", "one\u2424two\u2424".encode())), (b"a\nb", b"why", (b"", b"why")),
    ("a\u2028b".encode(), b"why", ("a\u2424b".encode(), b"why")), (b"a\x1b[31m", b"why", (b"", b"why")),
    (b"\xff", b"why", (b"", b"why"))])
@pytest.mark.parametrize("act", ["topic", "kick", "ban", "set"])
def test_what_is_managed_is_in_one_line(member, hub, act, about, text, as_lines):
    member.hear([Manage(b"#dev", act, about, text)])
    assert hub.drain() == [("manage", 1, b"#dev", act, *as_lines)]


def test_who_deletes_its_account_at_the_port_of_a_room_may_come_there_again(make_client, hub):
    client = make_client()
    client.audience.home = b"#dev"
    room = client.rooms.open(5, b"#dev")
    client.hear([Create(b"ann")])
    client.inside(room, b"")
    client.welcome(b"ann")
    client.hear([Delete()])
    client.audience.drain()
    hub.drain()
    client.forget()
    client.outside(room)  # as others there, of this worker, are told that it has left
    assert (client.state, client.audience.drain()) == (STRANGER, ["leave", Done(Delete())])
    assert hub.drain() == [("came_by", client.number, b"#dev")]


def test_who_deletes_its_account_is_in_no_room_any_more(inside):
    inside.hear([Delete()])
    inside.forget()
    assert inside.audience.drain() == ["leave", Done(Delete())]
    assert (inside.rooms.by_name, sorted(inside.rooms.by_number)) == ({}, [-1, LOBBY])


def test_another_name_changes_nothing_about_ones_rooms(inside, hub):
    inside.hear([Rename(b"bea")])
    inside.welcome(b"bea")
    inside.hear([SAY_IN_DEV])
    assert hub.drain()[1:] == [("say", 5, 1, b"bea", b"hi", 7, False)]
