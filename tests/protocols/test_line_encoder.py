"""The `line` protocol's encoder, and what every protocol's has to have."""
import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from parley.server.protocols import PROTOCOLS, line
from parley.server.protocols.events import (
    ACTS,
    COMMANDS,
    HAPPENINGS,
    REASONS,
    ROOM_REASONS,
    ChangePassword,
    Described,
    Done,
    Enter,
    Entered,
    Exit,
    Exited,
    Farewell,
    Help,
    Inside,
    Invited,
    Joined,
    Known,
    Left,
    Login,
    Manage,
    Managed,
    Marked,
    Missed,
    News,
    Notice,
    Past,
    Pong,
    Present,
    Quit,
    Reason,
    Recall,
    Recalled,
    Refused,
    Renamed,
    RoomList,
    Said,
    Say,
    SignUp,
    TimingMark,
    TopicTold,
    Users,
    Waiting,
    Welcome,
    Whisper,
    Whispered,
)
from parley.server.protocols.traits import Traits

LIMITS = {"line_bytes": 10, "text_bytes": 10}
LONGEST = line.LONGEST_TEXT
GREETING = Login(b"ann", None)
ENTER = Enter(b"#dev", None)
SIGN_UP, CHANGE = SignUp(b"ann", b"pw"), ChangePassword(b"pw", b"new")

# What is told: the lines.
ANSWERS = [
    (Welcome(b"ann", GREETING), [b"OK\n"]),
    (Waiting(1), [b"INFO 1 messages while you were away\n"]),
    (Waiting(25), [b"INFO 25 messages while you were away\n"]),
    (Missed([]), [b"END UNREAD\n"]),
    (Missed([(b"bob", b"hi  you", 7), (b"ann", b"two\nlines", 8)]),
     [b"UNREAD 7 bob hi  you\nUNREAD 8 ann two\nUNREAD 8 ann lines\nEND UNREAD\n"]),
    (Said(b"bob", b"two  words ", 7), [b"MSG bob two  words \n"]),
    (Said("b\u00f6b".encode(), "gr\u00fc\u00dfe".encode(), 7), ["MSG b\u00f6b gr\u00fc\u00dfe\n".encode()]),
    (Said(b"bob", b"100 %s %b", 7), [b"MSG bob 100 %s %b\n"]),
    (Whispered(b"bob", b"hi", 7), [b"DM bob hi\n"]),
    (Joined(b"bob"), []),
    (Left(b"bob"), [b"INFO bob disconnected\n"]),
    (Renamed(b"bob", b"rob"), [b"INFO bob is now rob\n"]),
    (Present([b"ann", b"bob"]), [b"USER ann\nUSER bob\n"]),
    (Pong(b""), [b"PONG\n"]),
    (Refused(Reason.MUST_LOGIN, None), [b"ERR must-login-first\n"]),
    (Refused(Reason.INVALID_NAME, GREETING), [b"ERR invalid-username\n"]),
    (Refused(Reason.NO_PASSWORD, GREETING), [b"ERR invalid-username\n"]),
    (Refused(Reason.NAME_TAKEN, GREETING), [b"ERR username-taken\n"]),
    (Refused(Reason.PASSWORD_REQUIRED, GREETING), [b"ERR password-required\n"]),
    (Refused(Reason.WRONG_PASSWORD, GREETING), [b"ERR wrong-password\n"]),
    (Refused(Reason.ALREADY_IN, GREETING), [b"ERR unknown-command\n"]),
    (Refused(Reason.NOBODY, Whisper(b"cid", b"hi", None, None)), [b"ERR user-not-found\n"]),
    (Refused(Reason.BOX_FULL, Whisper(b"cid", b"hi", None, None)), [b"ERR mailbox-full\n"]),
    (Refused(Reason.BAD_FORM, Whisper), [b"ERR invalid-dm-format\n"]),
    (Refused(Reason.BAD_FORM, Recall), [b"ERR invalid-history-format\n"]),
    (Refused(Reason.NO_SUCH_NUMBER, Recall(9, 1)), [b"ERR no-such-number\n"]),
    (Refused(Reason.NOT_STORED, Recall(9, 1)), [b"ERR storage-failed\n"]),
    (Refused(Reason.NOT_STORED, Say), [b"ERR storage-failed\n"]),
    (Recalled([], 0, False), [b"END HISTORY 0 complete\n"]),
    (Recalled([(4, b"bob", b"two  words ", 1600000000), (9, b"ann", b"\n\na\n\nb\n", 1600000001)], 9, True),
     [b"HIST 4 1600000000 bob two  words \nHIST 9 1600000001 ann a\nHIST 9 1600000001 ann b\nEND HISTORY 9 more\n"]),
    (Recalled([(1, b"bob", b"100 %s %b", 7)], 1, False), [b"HIST 1 7 bob 100 %s %b\nEND HISTORY 1 complete\n"]),
    (Recalled([(1, b"bob", b"x" * (LONGEST + 1), 7)], 1, False),
     [b"HIST 1 7 bob " + b"x" * LONGEST + b"\nHIST 1 7 bob x\nEND HISTORY 1 complete\n"]),
    (Refused(Reason.UNKNOWN_COMMAND, None), [b"ERR unknown-command\n"]),
    (Welcome(b"ann", SIGN_UP), [b"OK\n"]),
    (Done(SIGN_UP), [b"OK\n"]),
    (Done(CHANGE), [b"OK\n"]),
    (Refused(Reason.NAME_TAKEN, SIGN_UP), [b"ERR username-taken\n"]),
    (Refused(Reason.NOT_YOU, SIGN_UP), [b"ERR not-your-name\n"]),
    (Refused(Reason.INVALID_PASSWORD, SIGN_UP), [b"ERR invalid-password\n"]),
    (Refused(Reason.INVALID_PASSWORD, ChangePassword), [b"ERR invalid-password\n"]),
    (Refused(Reason.TOO_MANY_ACCOUNTS, SIGN_UP), [b"ERR too-many-accounts\n"]),
    (Refused(Reason.REGISTRATION_CLOSED, SIGN_UP), [b"ERR registration-closed\n"]),
    (Refused(Reason.ACCOUNT_REQUIRED, GREETING), [b"ERR account-required\n"]),
    (Refused(Reason.NO_PASSWORD, CHANGE), [b"ERR no-password\n"]),
    (Refused(Reason.UNVERIFIABLE, GREETING), [b"ERR unverifiable-password\n"]),
    (Refused(Reason.TRY_LATER, GREETING), [b"ERR try-again-later\n"]),
    (Done(Help()), [b"HELP LOGIN <username> [<password>]\nHELP MSG <text>\nHELP WHO\n"
                    b"HELP DM <username> <text>\nHELP PING\n"
                    b"HELP HISTORY [<count>]\nHELP HISTORY SINCE <number>\nHELP REGISTER <username> <password>\n"
                    b"HELP PASSWD <old password> <new password>\nHELP UNREAD\n"
                    b"HELP JOIN #<room> [<key>]\nHELP PART #<room>\nHELP ROOMS [<pattern>]\n"
                    b"HELP #<room> MSG <text>\nHELP #<room> WHO\nHELP #<room> HISTORY [<count>]\n"
                    b"HELP #<room> HISTORY SINCE <place>\nHELP #<room> TOPIC [<text>]\n"
                    b"HELP #<room> INVITE|KICK|BAN|UNBAN|MUTE|UNMUTE|VOICE|DEVOICE|OP|DEOP <username> [<why>]\n"
                    b"HELP #<room> SET private|invite|moderated on|off\n"
                    b"HELP #<room> SET open_topic|open_talk|noctcp on|off\n"
                    b"HELP #<room> SET key|limit|slow <value>|off\nHELP #<room> DROP\n"
                    b"HELP HELP\nHELP QUIT\nEND HELP\n"]),
    (Done(Quit()), [b"OK\n"]),
    (Done(TimingMark()), [b"\xff\xfc\x06"]),
    (Refused(Reason.BAD_FORM, Say), [b"ERR unknown-command\n"]),
    (Farewell(Reason.TOO_LONG), [b"ERR line-too-long\n"]),
    (Farewell(Reason.IDLE), [b"INFO idle-timeout\n"]),
    (Farewell(Reason.KICKED), [b"INFO kicked\n"]),
    (Farewell(Reason.BANNED), [b"INFO banned\n"]),
    (Inside(b"#dev", b"", ENTER), [b"OK\n"]),
    (Inside(b"#dev", b"news", ENTER), [b"OK\n"]),
    (Done(ENTER), [b"OK\n"]),
    (Done(Exit(b"#dev")), [b"OK\n"]),
    (Done(Manage(b"#dev", "kick", b"bob", b"")), [b"OK\n"]),
    (Said(b"bob", b"two  words", 7, 3, b"#dev"), [b"#dev MSG bob two  words\n"]),
    (Said(b"bob", b"one\n\ntwo", 7, 3, b"#dev"), [b"#dev MSG bob one\n", b"#dev MSG bob two\n"]),
    (Entered(b"#dev", b"bob"), [b"#dev INFO bob joined\n"]),
    (Exited(b"#dev", b"bob"), [b"#dev INFO bob left\n"]),
    (Renamed(b"bob", b"rob", b"#dev"), [b"#dev INFO bob is now rob\n"]),
    (Managed(b"#dev", "kick", b"ann", b"bob", b"why"), [b"#dev INFO ann kicked bob: why\n"]),
    (Managed(b"#dev", "kick", b"ann", b"bob", b""), [b"#dev INFO ann kicked bob\n"]),
    (Managed(b"#dev", "topic", b"ann", b"", b"text"), [b"#dev INFO ann set the topic: text\n"]),
    (Managed(b"#dev", "topic", b"ann", b"", b""), [b"#dev INFO ann took the topic away\n"]),
    (Invited(b"#dev", b"ann"), [b"INFO ann invites you to #dev\n"]),
    (Notice(b"one\n\ntwo"), [b"INFO one\n", b"INFO two\n"]),
    (RoomList([]), [b"END ROOMS\n"]),
    (RoomList([(b"#dev", 12, b"the topic", True), (b"#ops", 0, b"", False)]),
     [b"ROOM #dev 12 the topic\nROOM #ops 0\nEND ROOMS\n"]),
    (TopicTold(b"#dev", b"the topic", b"ann", 7), [b"#dev TOPIC the topic\n"]),
    (Present([b"ann", b"bob"], b"#dev"), [b"#dev USER ann\n#dev USER bob\n#dev END WHO\n"]),
    (Present([], b"#dev"), [b"#dev END WHO\n"]),
    (Recalled([(1, b"bob", b"one\ntwo", 7)], 2, True, b"#dev"),
     [b"#dev HIST 1 7 bob one\n#dev HIST 1 7 bob two\n#dev END HISTORY 2 more\n"]),
    (Recalled([], 0, False, b"#dev"), [b"#dev END HISTORY 0 complete\n"]),
    *[(Refused(reason, ENTER), [b"ERR %b\n" % reason.encode()]) for reason in ROOM_REASONS],
]

NOT_SPOKEN_OF = [
    Done(Say(b"hi", None, None)), Known([b"ann"]), Described(b"ann", "127.0.0.1", 1), Past([(b"ann", b"hi", 7)]),
    News([(b"ann", True)]), Users([(b"ann", True)]), Marked([(b"ann", True)], {b"bob": 2}),
]  # fmt: skip

# A text that another protocol can say, and the lines it takes.
LONG_TEXTS = [
    (b"one\ntwo", [b"MSG bob one\n", b"MSG bob two\n"]),
    (b"\n\none\n\n\ntwo\n", [b"MSG bob one\n", b"MSG bob two\n"]),
    ("one\n \t\n\u200b\u00a0\n two ".encode(), [b"MSG bob one\n", b"MSG bob  two \n"]),
    (b"x" * LONGEST, [b"MSG bob " + b"x" * LONGEST + b"\n"]),
    (b"x" * (LONGEST + 1), [b"MSG bob " + b"x" * LONGEST + b"\n", b"MSG bob x\n"]),
    (b"x" * (LONGEST - 1) + "\u00fc".encode(),
     [b"MSG bob " + b"x" * (LONGEST - 1) + b"\n", "MSG bob \u00fc\n".encode()]),
]

# One of each, with what the server itself puts into it.
ONE_OF_EACH = [
    Welcome(b"ann", GREETING), Done(Say(b"hi", None, None)), Present([b"ann"]), Known([b"ann"]),
    Described(b"ann", "127.0.0.1", 1), Past([(b"ann", b"hi", 7)]), News([(b"ann", True)]), Pong(b"token"),
    Recalled([(3, b"ann", b"hi", 7)], 3, False),
    Said(b"ann", b"hi", 7), Whispered(b"ann", b"hi", 7), Joined(b"ann"), Left(b"ann"), Renamed(b"ann", b"bea"),
    Users([(b"ann", False)]), Waiting(2), Missed([(b"ann", b"hi", 7)]), Marked([(b"ann", False)], {b"ann": 1}),
    Inside(b"#dev", b"news", ENTER), Entered(b"#dev", b"ann"), Exited(b"#dev", b"ann"),
    Renamed(b"ann", b"bea", b"#dev"), Said(b"ann", b"hi", 7, 3, b"#dev"),
    *(Managed(b"#dev", act, b"ann", b"bob", b"why") for act in ACTS),
    Managed(b"#dev", "topic", b"ann", b"", b""), Invited(b"#dev", b"ann"), Notice(b"welcome"),
    RoomList([(b"#dev", 1, b"news", True)]), TopicTold(b"#dev", b"news", b"ann", 7), Present([b"ann"], b"#dev"),
    Recalled([(3, b"ann", b"hi", 7)], 3, False, b"#dev"),
]  # fmt: skip


@for_each("happening, lines", ANSWERS)
def test_a_happening_is_told_in_the_words_of_the_document(happening, lines):
    assert list(line.encode(happening, None)) == lines


def test_help_lists_every_command():
    (told,) = line.encode(Done(Help()), None)
    usages = [usage.split(b" ")[1:] for usage in told.splitlines()[:-1]]
    in_rooms = {word for front, *rest in usages if front == b"#<room>" for word in rest[0].split(b"|")}
    assert {front for front, *_ in usages if front != b"#<room>"} == set(line._COMMANDS)
    assert in_rooms == {b"MSG", b"WHO", b"HISTORY", b"TOPIC", *(act.upper().encode() for act in ACTS)}


@pytest.mark.parametrize("happening", NOT_SPOKEN_OF, ids=repr)
def test_of_what_only_others_ask_for_no_line_is_sent(happening):
    assert line.encode(happening, None) == ()


@pytest.mark.parametrize("text, lines", LONG_TEXTS, ids=lambda value: repr(value)[:40])
def test_a_text_that_is_no_line_becomes_several(text, lines):
    assert list(line.encode(Said(b"bob", text, 7), None)) == lines
    assert list(line.encode(Whispered(b"bob", text, 7), None)) == [told.replace(b"MSG", b"DM", 1) for told in lines]


@given(st.text(st.sampled_from("a\u00fc\u65e5\U0001f600\n"), min_size=1).map(lambda text: text.encode() * 700))
def test_whatever_is_said_arrives_whole_in_lines_that_are_not_too_long(text):
    lines = line.encode(Said(b"bob", text, 7), None)
    assert b"".join(told[len(b"MSG bob "):-1] for told in lines) == text.replace(b"\n", b"")
    for told in lines:
        assert told.startswith(b"MSG bob ") and told.endswith(b"\n") and told.count(b"\n") == 1
        assert len(told) <= len(b"MSG bob \n") + LONGEST
        told.decode()


@given(st.lists(st.tuples(st.sampled_from([b"ann", b"bob"]), st.lists(
    st.sampled_from([b"hi", b"MSG x", b" ", b"a" * 9000, b"a\nb"]), min_size=1, max_size=3)), max_size=3))
def test_talk_is_told_as_each_of_its_messages_or_not_at_once(talk):
    records = [(1, sender, b"\0".join(texts), 7, len(texts)) for sender, texts in talk]
    said = [(sender, text) for sender, texts in talk for text in texts]
    for room in (b"", b"#dev"):
        frames = line.encode_talk(room, records, 7)
        if any(len(text) > LONGEST or b"\n" in text for _, text in said):
            assert frames is None
        else:
            assert len(frames) == len(said)
            assert b"".join(frames) == b"".join([line.encode(Said(*one, 7, 1, room), None)[0] for one in said])


@for_each("reason", REASONS)
def test_every_reason_has_one_line_of_words(reason):
    for happening in (Refused(reason, None), Farewell(reason)):
        (told,) = line.encode(happening, None)
        assert told.endswith(b"\n")
        assert told.count(b"\n") == 1
        assert told.split(b" ")[0] in (b"ERR", b"INFO")


# ---- all protocols


# In IRC what is told depends on what was asked, and on what is known of people.
PLAIN_PROTOCOLS = sorted(name for name, protocol in PROTOCOLS.items() if not protocol.TRAITS.converses)


@pytest.mark.parametrize("protocol", PLAIN_PROTOCOLS)
def test_every_kind_of_happening_can_be_told(protocol):
    assert set(PROTOCOLS[protocol].ENCODERS) == set(HAPPENINGS)


@pytest.mark.parametrize("protocol", PLAIN_PROTOCOLS)
def test_whatever_happens_is_told_in_whole_frames_or_not_at_all(protocol):
    refusals = [Refused(reason, asked) for reason in REASONS for asked in (None, *COMMANDS)]
    for happening in ONE_OF_EACH + refusals + [Farewell(reason) for reason in REASONS]:
        for encode in PROTOCOLS[protocol].FORMS.values():
            frames = encode(happening, b"bob")
            assert type(frames) is tuple, happening
            assert all(type(frame) is bytes and frame for frame in frames), happening


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_protocol_has_the_form_that_the_server_expects(protocol):
    module = PROTOCOLS[protocol]
    assert module.NAME == protocol
    assert 0 < module.PORT < 65536
    assert module.IDLE_TIMEOUT >= 0
    assert module.TRAITS._fields == Traits()._fields
    assert set(module.TRAITS.open_to_strangers) <= {*COMMANDS, None}
    names = {"name": b"x", "network": b"X", "scram": False, "topic_bytes": 1, "guests": True}
    decoder = module.Decoder(dict(LIMITS, known=None, irc=names))
    assert decoder.feed(b"") == []
    assert not decoder.unfinished
    assert module.FORMS[decoder.form]


def test_no_two_protocols_share_a_port():
    assert len({module.PORT for module in PROTOCOLS.values()}) == len(PROTOCOLS) == 7
