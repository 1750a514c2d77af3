"""One client's way: stranger, member, gone."""
import unicodedata

import pytest

from server.chat.names import claims
from server.chat.session import ASKING, CLAIMING, GONE, HANDLERS, MEMBER, STRANGER, WAITING
from server.protocols.events import (
    COMMANDS,
    Broken,
    Farewell,
    Hangup,
    Login,
    Malformed,
    Nothing,
    Ping,
    Pong,
    Present,
    Reason,
    Refused,
    Say,
    Welcome,
    Whisper,
    Who,
)

MUST_LOGIN = Refused(Reason.MUST_LOGIN)
UNKNOWN = Refused(Reason.UNKNOWN_COMMAND)
ANN = ("claim", 1, b"ann", claims(b"ann"))
SAY_HI = ("say", 1, b"ann", b"hi")
WHISPER_HI = ("whisper", 1, b"ann", b"bob", b"hi")

# state, command: state afterwards, what the hub is asked, what the client hears
TABLE = {
    (STRANGER, Login(b"ann")): (CLAIMING, [ANN], []),
    (STRANGER, Say(b"hi")): (STRANGER, [], [MUST_LOGIN]),
    (STRANGER, Whisper(b"bob", b"hi")): (STRANGER, [], [MUST_LOGIN]),
    (STRANGER, Who()): (STRANGER, [], [MUST_LOGIN]),
    (STRANGER, Ping()): (STRANGER, [], [MUST_LOGIN]),
    (STRANGER, Nothing()): (STRANGER, [], []),
    (STRANGER, Malformed(Reason.BAD_WHISPER)): (STRANGER, [], [MUST_LOGIN]),
    (STRANGER, Broken(Reason.TOO_LONG)): (GONE, [], [Farewell(Reason.TOO_LONG), ("part", Reason.TOO_LONG)]),
    (STRANGER, Hangup()): (GONE, [], [("part", None)]),
    (MEMBER, Login(b"ann")): (MEMBER, [], [UNKNOWN]),
    (MEMBER, Say(b"hi")): (MEMBER, [SAY_HI], []),
    (MEMBER, Whisper(b"bob", b"hi")): (ASKING, [WHISPER_HI], []),
    (MEMBER, Who()): (ASKING, [("who", 1)], []),
    (MEMBER, Ping()): (MEMBER, [], [Pong()]),
    (MEMBER, Nothing()): (MEMBER, [], []),
    (MEMBER, Malformed(Reason.BAD_WHISPER)): (MEMBER, [], [Refused(Reason.BAD_WHISPER)]),
    (MEMBER, Broken(Reason.TOO_LONG)): (
        GONE, [("release", 1)], [Farewell(Reason.TOO_LONG), ("part", Reason.TOO_LONG)]),
    (MEMBER, Hangup()): (GONE, [("release", 1)], [("part", None)]),
}  # fmt: skip
TABLE.update({(GONE, command): (GONE, [], []) for state, command in list(TABLE) if state is MEMBER})

INVALID_NAMES = [b"", b"a b", b"\xff", b"server", b"x" * 33]

# Who is asked something, and each answer that the question can get: state afterwards, what the client hears.
ANSWERS = [
    (Login(b"bea"), lambda client: client.welcome(b"bea"), MEMBER, ["enter", Welcome()]),
    (Login(b"bea"), lambda client: client.refuse(Reason.NAME_TAKEN), STRANGER, [Refused(Reason.NAME_TAKEN)]),
    (Whisper(b"bob", b"x"), lambda client: client.confirm(), MEMBER, []),
    (
        Whisper(b"bob", b"x"), lambda client: client.refuse(Reason.NO_SUCH_MEMBER),
        MEMBER, [Refused(Reason.NO_SUCH_MEMBER)],
    ),
    (Who(), lambda client: client.present([b"ann", b"bob"]), MEMBER, [Present([b"ann", b"bob"])]),
]  # fmt: skip


@pytest.fixture
def in_state(make_client, hub):
    """Makes a client in a state, of which nobody remembers anything."""

    def make(state):
        client = make_client()
        if state is not STRANGER:
            client.hear([Login(b"ann")])
        if state in (MEMBER, ASKING, GONE):
            client.welcome(b"ann")
        if state is ASKING:
            client.hear([Who()])
        if state is GONE:
            client.leave()
        assert client.state is state
        hub.drain()
        client.audience.drain()
        return client

    return make


def test_every_command_has_a_handler_in_every_state_that_handles_any():
    assert set(HANDLERS) == {STRANGER, MEMBER, GONE}
    assert not WAITING & set(HANDLERS)
    for handlers in HANDLERS.values():
        assert set(handlers) == set(COMMANDS)


def test_the_table_of_these_tests_is_complete():
    assert {(state, type(command)) for state, command in TABLE} == {
        (state, kind) for state in HANDLERS for kind in HANDLERS[state]}


@pytest.mark.parametrize("state, command", sorted(TABLE, key=repr), ids=repr)
def test_a_command_does_what_the_table_says(in_state, hub, state, command):
    client = in_state(state)
    client.hear([command])
    assert (client.state, hub.drain(), client.audience.drain()) == TABLE[state, command]


@pytest.mark.parametrize("name", INVALID_NAMES, ids=repr)
def test_an_invalid_name_is_refused_without_asking_the_hub(stranger, hub, name):
    stranger.hear([Login(name)])
    assert stranger.audience.drain() == [Refused(Reason.INVALID_NAME)]
    assert stranger.state is STRANGER
    assert hub.drain() == []


def test_a_name_is_claimed_in_its_canonical_form(stranger, hub):
    stranger.hear([Login("a\u0308nn".encode())])
    name = "\u00e4nn".encode()
    assert hub.drain() == [("claim", 1, name, claims(name))]


def test_a_member_is_found_in_whatever_normal_form_the_name_is_written(member, hub):
    name = "\u00e4nn"
    member.hear([Whisper(unicodedata.normalize("NFD", name).encode(), b"hi")])
    assert hub.drain() == [("whisper", 1, b"ann", name.encode(), b"hi")]


def test_a_whisper_to_what_can_be_nobodys_name_finds_nobody(member, hub):
    member.hear([Whisper(b"\xff", b"hi"), Ping()])
    if member.state is ASKING:
        assert hub.drain() == [("whisper", 1, b"ann", b"\xff", b"hi")]
        member.refuse(Reason.NO_SUCH_MEMBER)
    assert member.audience.drain() == [Refused(Reason.NO_SUCH_MEMBER), Pong()]


def test_a_member_says_things_under_its_registered_name(member, hub):
    member.hear([Say(b"one"), Say(b"two")])
    assert hub.drain() == [("say", 1, b"ann", b"one"), ("say", 1, b"ann", b"two")]


# ---- questions


@pytest.mark.parametrize("question, answer, state, heard", ANSWERS)
def test_an_answer_is_told_and_ends_the_question(in_state, question, answer, state, heard):
    client = in_state(STRANGER if isinstance(question, Login) else MEMBER)
    client.hear([question])
    assert client.state in WAITING
    assert client.audience.drain() == []
    answer(client)
    assert (client.state, client.audience.drain()) == (state, heard)


@pytest.mark.parametrize("question, answer, state, heard", ANSWERS)
def test_commands_behind_a_question_wait_for_its_answer(in_state, hub, question, answer, state, heard):
    client = in_state(STRANGER if isinstance(question, Login) else MEMBER)
    client.hear([question, Ping()])
    client.hear([Ping(), Nothing()])
    assert len(hub.drain()) == 1
    assert client.audience.drain() == []
    answer(client)
    assert client.audience.drain() == heard + [Pong() if state is MEMBER else MUST_LOGIN] * 2


def test_a_question_behind_a_question_waits_and_is_asked_then(stranger, hub):
    stranger.hear([Login(b"ann"), Say(b"hi"), Who(), Whisper(b"bob", b"hi"), Ping()])
    assert hub.drain() == [ANN]
    stranger.welcome(b"ann")
    assert hub.drain() == [SAY_HI, ("who", 1)]
    stranger.hear([Who()])
    stranger.present([b"ann"])
    assert hub.drain() == [WHISPER_HI]
    stranger.confirm()
    assert hub.drain() == [("who", 1)]
    stranger.present([b"ann"])
    assert stranger.audience.drain() == ["enter", Welcome(), Present([b"ann"]), Pong(), Present([b"ann"])]
    assert stranger.state is MEMBER


def test_a_refused_stranger_may_try_another_name_in_the_same_breath(stranger, hub):
    stranger.hear([Login(b"bob"), Login(b"ann")])
    stranger.refuse(Reason.NAME_TAKEN)
    assert hub.drain() == [("claim", 1, b"bob", claims(b"bob")), ANN]
    stranger.welcome(b"ann")
    assert stranger.audience.drain() == [Refused(Reason.NAME_TAKEN), "enter", Welcome()]


def test_a_hangup_behind_a_question_waits_for_the_answer(stranger, hub):
    stranger.hear([Login(b"ann"), Say(b"hi"), Hangup()])
    assert stranger.state is CLAIMING
    stranger.welcome(b"ann")
    assert hub.drain() == [ANN, SAY_HI, ("release", 1)]
    assert stranger.audience.drain() == ["enter", Welcome(), ("part", None)]


# ---- the end


@pytest.mark.parametrize("state", [STRANGER, CLAIMING, MEMBER, ASKING])
def test_leaving_says_good_bye_once(in_state, hub, state):
    client = in_state(state)
    for _ in range(3):
        client.leave(Reason.IDLE)
    client.leave()
    assert client.audience.drain() == [Farewell(Reason.IDLE), ("part", Reason.IDLE)]
    assert hub.drain() == ([] if state is STRANGER else [("release", 1)])
    assert client.state is GONE


def test_a_claim_that_is_left_alone_is_released_behind_it(stranger, hub):
    stranger.hear([Login(b"ann")])
    stranger.leave()
    assert hub.drain() == [ANN, ("release", 1)]


def test_a_refused_claim_leaves_nothing_to_release(stranger, hub):
    stranger.hear([Login(b"ann")])
    stranger.refuse(Reason.NAME_TAKEN)
    hub.drain()
    stranger.leave()
    assert hub.drain() == []


def test_who_leaves_without_a_reason_hears_none(member):
    member.leave()
    assert member.audience.drain() == [("part", None)]


@pytest.mark.parametrize("state", [CLAIMING, ASKING])
def test_what_waited_is_forgotten_by_who_leaves(in_state, hub, state):
    client = in_state(state)
    client.hear([Say(b"hi"), Ping(), Who()])
    client.leave(Reason.SHUTDOWN)
    client.hear([Say(b"hi"), Ping(), Who()])
    assert hub.drain() == [("release", 1)]
    assert client.audience.drain() == [Farewell(Reason.SHUTDOWN), ("part", Reason.SHUTDOWN)]


def test_what_follows_the_end_in_the_same_breath_is_ignored(member, hub):
    member.hear([Broken(Reason.TOO_LONG), Say(b"hi"), Ping(), Hangup()])
    assert hub.drain() == [("release", 1)]
    assert member.audience.drain() == [Farewell(Reason.TOO_LONG), ("part", Reason.TOO_LONG)]
