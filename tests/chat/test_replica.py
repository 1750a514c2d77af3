"""What the hub's stream means to one worker."""
import pytest

from parley.server.chat import replica as replica_module
from parley.server.chat.replica import Replica
from parley.server.chat.room import EVERYWHERE, LOBBY, Rooms
from parley.server.chat.session.states import MEMBER, STRANGER, WAITING
from parley.server.protocols.events import (
    HOME,
    Accounts,
    Delete,
    Deliver,
    Describe,
    Described,
    Done,
    History,
    Joined,
    Known,
    Left,
    Login,
    Marked,
    Missed,
    News,
    Past,
    Poll,
    Present,
    Reason,
    Recall,
    Recalled,
    Refused,
    Rename,
    Renamed,
    Said,
    Say,
    Stored,
    Unread,
    Users,
    Waiting,
    Welcome,
    Whisper,
    Whispered,
    Who,
)
from parley.server.protocols.traits import Traits

HERE, ELSEWHERE = 3, 4  # workers
LOGIN = Login(b"ann", None)
WHISPER = Whisper(b"bob", b"hi", None, None)
MESSAGES = [(b"bob", b"one", 1), (b"ann", b"two", 2)]
NUMBERED = [(4, b"bob", b"one", 1), (7, b"ann", b"two", 2)]

ANSWERS_TO_NOBODY = [
    ("whispered", 99, b"bob", b"hi", 1, 11),
    ("refused", 99, Reason.NAME_TAKEN),
    ("confirmed", 99),
    ("who", [99]),
    ("accounts", [99], b"*"),
    ("news", [99]),
    ("answer", [99], "Described", (b"bob", "::1", 1)),
    ("past", [99], b"ann", b"bob", MESSAGES, 4),
    ("unread", [99], [(b"bob", 2)]),
    ("answer", [99], "Recalled", (NUMBERED, 7, False)),
    ("kept", [99], b"ann", [], False),
    ("stored", [(99, 0, 1)]),
    ("unsaid", [(99, 0)], Reason.NOT_STORED),
    ("deleted", 99),
    ("joined", HERE, 99, b"bob"),
    ("renamed", HERE, 99, b"bob", b"rob"),
    ("said", LOBBY, HERE, 1, [(99, b"bob", b"hi", 1, 1)]),
]

# What a member asks, the entry that answers it, and what the member hears.
ANSWERS = [
    (Who(), ("who", [1]), [Present([b"ann"])]),
    (Accounts(None), ("accounts", [1], None), [Known([b"yan", b"ann"])]),
    (Accounts(b"y*"), ("accounts", [1], b"y*"), [Known([b"yan"])]),
    (Poll(), ("news", [1]), [News([(b"yan", False), (b"ann", True)])]),
    (Describe(b"bob"), ("answer", [1], "Described", (b"bob", "::1", 7)), [Described(b"bob", "::1", 7)]),
    (Describe(b"bob"), ("refused", 1, Reason.NOBODY), [Refused(Reason.NOBODY, Describe(b"bob"))]),
    (History(b"bob"), ("past", [1], b"ann", b"bob", MESSAGES, 0), [Past(MESSAGES)]),
    (Recall(None, 9), ("answer", [1], "Recalled", (NUMBERED, 7, True)), [Recalled(NUMBERED, 7, True)]),
    (Recall(8, 9), ("refused", 1, Reason.NO_SUCH_NUMBER), [Refused(Reason.NO_SUCH_NUMBER, Recall(8, 9))]),
    (Deliver(), ("kept", [1], b"ann", NUMBERED, False), [Missed(MESSAGES)]),
    (Deliver(), ("kept", [1], b"ann", [], False), [Missed([])]),
    (Unread(), ("unread", [1], [(b"bob", 2)]),
     [Marked([(b"yan", False), (b"ann", True)], {b"bob": 2}), Done(Unread())]),
    (WHISPER, ("confirmed", 1), [Done(WHISPER)]),
    (WHISPER, ("refused", 1, Reason.BOX_FULL), [Refused(Reason.BOX_FULL, WHISPER)]),
    (Rename(b"bea"), ("renamed", HERE, 1, b"ann", b"bea"), [Welcome(b"bea", Rename(b"bea"))]),
    (Rename(b"bea"), ("renamed", HERE, 1, b"ann", b"bea", None, 3), [Welcome(b"bea", Rename(b"bea")), Waiting(3)]),
    (Rename(b"bea"), ("refused", 1, Reason.NAME_TAKEN), [Refused(Reason.NAME_TAKEN, Rename(b"bea"))]),
]


class Listeners:
    """An audience that remembers what it hears and from which of its sessions."""

    def __init__(self, **differences):
        self.traits = Traits(**differences)
        self.home = HOME
        self.members = {}
        self.rooms = {EVERYWHERE: {"somebody": None}, LOBBY: {"somebody": None}}
        self.heard = []

    def hear(self, room, happening, origin):
        self.heard.append((happening, origin))

    def hear_users(self, users, own):
        self.heard.append((users, None))

    def hear_plainly(self, room, name, first, records, find, at):
        return False

    def hear_talk(self, room, talk):
        self.heard += talk


def rooms_of(*audiences):
    return Rooms(list(audiences))


@pytest.fixture
def listeners():
    return Listeners()


@pytest.fixture
def sessions():
    return {}


@pytest.fixture
def rooms(listeners):
    return rooms_of(listeners)


@pytest.fixture
def replica(sessions, rooms, hub):
    return Replica(HERE, sessions, rooms, hub)


@pytest.fixture
def ann(stranger, sessions, replica, rooms, listeners, hub):
    """Session 1 of this worker, a member."""
    sessions[1] = stranger
    stranger.rooms = rooms
    stranger.hear([LOGIN])
    replica.joined(HERE, 1, b"ann")
    hub.drain()
    stranger.audience.drain()
    listeners.heard.clear()
    return stranger


# ---- who is here


def test_a_granted_claim_is_heard_by_all_and_makes_a_member(stranger, sessions, replica, listeners):
    sessions[1] = stranger
    stranger.hear([LOGIN])
    replica.joined(HERE, 1, b"ann")
    assert listeners.heard == [(Joined(b"ann"), stranger)]
    assert stranger.audience.drain() == ["enter", Welcome(b"ann", LOGIN)]
    assert stranger.name == b"ann"


def test_a_newcomer_enters_the_room_after_its_own_arrival_was_heard(stranger, sessions, replica, listeners):
    order = []
    listeners.hear = lambda room, happening, origin: order.append(happening)
    listeners.hear_talk = lambda room, talk: order.extend(said for said, origin in talk)
    stranger.audience.enter = lambda session, room: order.append("enter")
    sessions[1] = stranger
    stranger.hear([LOGIN])
    replica.said(LOBBY, ELSEWHERE, 1, [(1, b"bob", b"before", 1, 1)])
    replica.joined(HERE, 1, b"ann")
    replica.said(LOBBY, ELSEWHERE, 1, [(1, b"bob", b"after", 2, 1)])
    assert order == [Said(b"bob", b"before", 1, 1), Joined(b"ann"), "enter", Said(b"bob", b"after", 2, 1)]


def test_another_workers_session_of_the_same_number_is_somebody_else(ann, replica, listeners):
    replica.said(LOBBY, ELSEWHERE, 1, [(1, b"bob", b"hi", 1, 1)])
    replica.joined(ELSEWHERE, 1, b"cid")
    replica.renamed(ELSEWHERE, 1, b"cid", b"dan")
    assert listeners.heard == [
        (Said(b"bob", b"hi", 1, 1), None), (Joined(b"cid"), None), (Renamed(b"cid", b"dan"), None)]
    assert ann.name == b"ann"
    assert ann.audience.drain() == []


def test_talk_is_heard_in_order_and_from_its_session(ann, replica, listeners):
    replica.said(LOBBY, HERE, 1, [(1, b"ann", b"one", 3, 1), (2, b"bob", b"two", 2, 1), (1, b"ann", b"three", 1, 1)])
    assert listeners.heard == [
        (Said(b"ann", b"one", 3, 1), ann), (Said(b"bob", b"two", 2, 2), None), (Said(b"ann", b"three", 1, 3), ann)]


def test_talk_goes_to_its_room_and_says_which_it_is(sessions, hub):
    lobby, dev = Listeners(), Listeners()
    rooms = rooms_of(lobby, dev)
    dev.rooms = {5: {"somebody": None}}
    rooms.open(5, b"#dev")
    replica = Replica(HERE, sessions, rooms, hub)
    replica.said(5, ELSEWHERE, 1, [(1, b"bob", b"hi", 1, 1)])
    replica.said(LOBBY, ELSEWHERE, 2, [(1, b"bob", b"ho", 1, 1)])
    replica.said(6, ELSEWHERE, 3, [(1, b"bob", b"a room of which nobody is here", 1, 1)])
    assert dev.heard == [(Said(b"bob", b"hi", 1, 1, b"#dev"), None)]
    assert lobby.heard == [(Said(b"bob", b"ho", 1, 2, b""), None)]


def test_every_audience_of_the_room_that_has_members_hears(sessions, hub):
    both, empty = [Listeners(), Listeners()], Listeners()
    empty.rooms = {EVERYWHERE: {}}
    Replica(HERE, sessions, rooms_of(both[0], empty, both[1]), hub).left(b"ann")
    assert [listeners.heard for listeners in both] == [[(Left(b"ann"), None)]] * 2
    assert empty.heard == []


def test_a_rename_is_heard_from_its_session_which_then_is_told(ann, replica, listeners):
    ann.hear([Rename(b"bea")])
    replica.renamed(HERE, 1, b"ann", b"bea")
    assert listeners.heard == [(Renamed(b"ann", b"bea"), ann)]
    assert ann.audience.drain() == [Welcome(b"bea", Rename(b"bea"))]
    assert (ann.name, ann.state) == (b"bea", MEMBER)


def test_who_is_answered_from_what_the_stream_has_said_so_far(ann, replica):
    replica.known([], [b"zoe", b"bob"], {})
    replica.joined(ELSEWHERE, 1, b"cid")
    replica.left(b"zoe")
    replica.renamed(ELSEWHERE, 9, b"bob", b"rob")
    ann.hear([Who()])
    replica.who([1])
    replica.joined(ELSEWHERE, 2, b"dan")
    assert ann.audience.drain() == [Present([b"ann", b"rob", b"cid"])]


def test_who_comes_again_is_last_in_login_order(ann, replica):
    replica.joined(ELSEWHERE, 1, b"bob")
    replica.left(b"ann")
    replica.joined(ELSEWHERE, 2, b"ann")
    ann.hear([Who()])
    replica.who([1])
    assert ann.audience.drain() == [Present([b"bob", b"ann"])]


def test_an_answer_that_was_given_does_not_change_any_more(ann, replica):
    ann.hear([Who()])
    replica.who([1])
    replica.left(b"ann")
    assert ann.audience.drain() == [Present([b"ann"])]


def test_accounts_are_known_from_the_beginning_and_as_they_come_and_go(ann, replica):
    replica.known([b"zoe", b"yan"], [b"bob"], {})
    replica.account_opened(b"cid")
    replica.account_closed(b"zoe")
    ann.hear([Accounts(None), Poll()])
    replica.accounts([1], None)
    replica.news([1])
    assert ann.audience.drain() == [
        Known([b"yan", b"cid", b"ann", b"bob"]),
        News([(b"yan", False), (b"cid", False), (b"ann", True), (b"bob", True)])]


# ---- aliases


class Short(Listeners):
    """Listeners in whose protocol names are short: they note the aliases there are with what they hear."""

    def __init__(self):
        super().__init__(longest_name=10)
        self.told = []

    def hear(self, room, happening, origin):
        self.told.append((happening, dict(self.aliases)))

    def hear_talk(self, room, talk):
        self.told += [(said, dict(self.aliases)) for said, _ in talk]


ONE, OTHER = b"student-0105", b"student-1501"


@pytest.fixture
def short():
    return Short()


@pytest.fixture
def short_replica(sessions, listeners, short, hub):
    rooms = rooms_of(listeners, short)
    short.aliases = rooms.aliases
    return Replica(HERE, sessions, rooms, hub)


def test_an_alias_is_known_from_the_first_to_the_last_that_is_heard_of_its_member(short_replica, short):
    short_replica.joined(ELSEWHERE, 1, ONE, b"one|")
    short_replica.said(LOBBY, ELSEWHERE, 1, [(1, ONE, b"hi", 1, 1)])
    short_replica.left(ONE)
    short_replica.joined(ELSEWHERE, 2, b"bob")
    assert short.told == [
        (Joined(ONE), {ONE: b"one|"}), (Said(ONE, b"hi", 1, 1), {ONE: b"one|"}), (Left(ONE), {ONE: b"one|"}),
        (Joined(b"bob"), {})]


def test_a_rename_is_heard_with_both_aliases(short_replica, short):
    short_replica.joined(ELSEWHERE, 1, ONE, b"one|")
    short_replica.renamed(ELSEWHERE, 1, ONE, OTHER, b"other|")
    short_replica.renamed(ELSEWHERE, 1, OTHER, b"bob")
    short_replica.renamed(ELSEWHERE, 1, b"bob", ONE, b"one|")
    short_replica.renamed(ELSEWHERE, 1, ONE, ONE, b"own|")
    short_replica.left(ONE)
    assert short.told[1:] == [
        (Renamed(ONE, OTHER), {ONE: b"one|", OTHER: b"other|"}), (Renamed(OTHER, b"bob"), {OTHER: b"other|"}),
        (Renamed(b"bob", ONE), {ONE: b"one|"}), (Renamed(ONE, ONE), {ONE: b"own|"}), (Left(ONE), {ONE: b"own|"})]
    assert short.aliases == {}


def test_a_new_worker_knows_the_aliases_of_those_who_are_here(short_replica, short):
    short_replica.known([], [ONE, b"bob"], {ONE: b"one|"})
    short_replica.said(LOBBY, ELSEWHERE, 1, [(1, ONE, b"hi", 1, 1)])
    assert short.told == [(Said(ONE, b"hi", 1, 1), {ONE: b"one|"})]


# ---- answers


@pytest.mark.parametrize("question, entry, heard", ANSWERS, ids=repr)
def test_an_answer_ends_the_question(ann, replica, question, entry, heard):
    replica.account_opened(b"yan")
    ann.hear([question])
    getattr(replica, entry[0])(*entry[1:])
    assert ann.audience.drain() == heard
    assert ann.state is MEMBER


def test_a_deleted_account_makes_a_stranger(ann, replica):
    ann.hear([Delete()])
    replica.account_closed(b"ann")
    replica.deleted(1)
    replica.left(b"ann")
    assert ann.audience.drain() == ["leave", Done(Delete())]
    assert (ann.name, ann.state) == (None, STRANGER)


def test_a_whisper_is_told_to_its_session_also_while_it_waits(ann, replica, listeners):
    replica.whispered(1, b"bob", b"hi", 1, 11)
    ann.hear([Who()])
    replica.whispered(1, b"bob", b"ho", 2, 12)
    assert ann.audience.drain() == [Whispered(b"bob", b"hi", 1, 11), Whispered(b"bob", b"ho", 2, 12)]
    assert listeners.heard == []
    assert ann.state is WAITING


def test_a_refused_claim_is_answered(stranger, sessions, replica):
    sessions[1] = stranger
    stranger.hear([LOGIN])
    replica.refused(1, Reason.NAME_TAKEN)
    assert stranger.audience.drain() == [Refused(Reason.NAME_TAKEN, LOGIN)]


def test_a_refused_and_a_confirmed_whisper_are_answered(ann, replica):
    ann.hear([WHISPER, WHISPER, Who()])
    replica.confirmed(1)
    assert ann.audience.drain() == [Done(WHISPER)]
    replica.refused(1, Reason.NOBODY)
    replica.who([1])
    assert ann.audience.drain() == [Refused(Reason.NOBODY, WHISPER), Present([b"ann"])]


def test_who_is_told_that_it_is_stored_waits_for_that(make_member, sessions, replica):
    say = Say(b"hi", None, 1)
    client = make_member(acknowledges=True)
    sessions[client.number] = client
    client.hear([say])
    replica.said(LOBBY, HERE, 1, [(client.number, b"ann", b"hi", 1, 1)])
    assert client.state is WAITING
    replica.stored([(client.number, 0, 1), (99, 0, 1)])
    assert client.audience.drain() == [Done(say)]
    assert client.state is MEMBER


def test_what_several_have_said_is_told_them_with_its_numbers(make_member, sessions, replica):
    clients = [make_member(acknowledges=True, numbered=True) for _ in range(2)]
    for client, count in zip(clients, (2, 1)):
        client.number = len(sessions) + 100
        sessions[client.number] = client
        client.hear([Say(b"hi", None, None)] * count)
        client.audience.drain()
    replica.stored([(99, 0, 3), (clients[0].number, 1, 2), (clients[1].number, 1, 1)], 5)
    assert [[told.number for told in client.audience.drain() if type(told) is Stored] for client in clients] == [
        [8, 9], [10]]


def test_what_is_not_stored_is_refused_as_what_was_asked(make_member, sessions, replica):
    say, client = Say(b"hi", None, 1), make_member(acknowledges=True)
    sessions[client.number] = client
    client.hear([say])
    replica.unsaid([(99, 0), (client.number, 0)], Reason.NOT_STORED)
    assert client.audience.drain() == [Refused(Reason.NOT_STORED, say)]
    assert client.state is MEMBER


def test_who_does_not_wait_for_it_is_told_only_that_something_is_not_stored(ann, replica):
    ann.hear([Say(b"hi", None, 1), Who()])
    replica.stored([(1, 0, 1)])
    assert ann.audience.drain() == []
    replica.unsaid([(1, 0)], Reason.NOT_STORED)
    assert ann.audience.drain() == [Refused(Reason.NOT_STORED, Say)]
    assert ann.state is WAITING  # for who is here
    replica.who([1])
    assert ann.audience.drain() == [Present([b"ann"])]


@pytest.mark.parametrize("entry", ANSWERS_TO_NOBODY, ids=repr)
def test_answers_for_sessions_that_are_gone_are_ignored(ann, replica, entry):
    getattr(replica, entry[0])(*entry[1:])
    assert ann.audience.drain() == []


def test_the_hub_hears_what_a_session_has_been_sent(ann, replica, hub):
    replica.mark(99, 3)
    replica.mark(1, 4)
    assert hub.drain() == [("ask_once_told", ann, "told", 1, 4)]


def test_what_was_kept_is_kept_until_it_has_been_sent(ann, replica, hub):
    ann.hear([Deliver()])
    hub.drain()
    replica.kept([1], b"ann", NUMBERED, False)
    assert hub.drain() == [("ask_once_told", ann, "taken", 1, b"ann", 7)]


@pytest.mark.parametrize("number, messages", [(1, []), (99, []), (99, NUMBERED)])
def test_what_nobody_is_sent_is_taken_by_nobody(ann, replica, hub, number, messages):
    ann.hear([Deliver()])
    hub.drain()
    replica.kept([number], b"ann", messages, False)
    assert hub.drain() == []


def test_a_claim_granted_to_one_who_has_gone_is_present_until_it_is_released(ann, replica, listeners):
    replica.joined(HERE, 99, b"bob")
    replica.left(b"bob")
    assert listeners.heard == [(Joined(b"bob"), None), (Left(b"bob"), None)]
    ann.hear([Who()])
    replica.who([1])
    assert ann.audience.drain() == [Present([b"ann"])]


# ---- where somebody comes from


def test_where_a_client_comes_from_is_told_to_the_hub(ann, replica, hub):
    replica.locate(1, 12345)
    assert hub.drain() == [("located", 12345, b"ann", "192.0.2.1", 4711)]


def test_a_client_that_has_gone_comes_from_nowhere(ann, replica, hub):
    replica.locate(99, 12345)
    assert hub.drain() == [("located", 12345, None, "", 0)]


# ---- the list of users, as it is pushed


@pytest.fixture
def wanted(sessions, hub):
    """A replica and listeners in whose protocol the list is pushed."""
    listeners = Listeners(wants_users=True)
    replica = Replica(HERE, sessions, rooms_of(Listeners(), listeners), hub)
    replica.known([b"yan"], [b"zoe"], {})
    return replica, listeners


def pushed(listeners):
    users = [happening.users for happening, _ in listeners.heard if type(happening) is Users]
    listeners.heard.clear()
    return users


def test_a_changed_list_is_pushed_once(wanted):
    replica, listeners = wanted
    assert replica.push_users(1000.0) is None
    assert pushed(listeners) == [[(b"yan", False), (b"zoe", True)]]
    assert replica.push_users(2000.0) is None
    assert pushed(listeners) == []


@pytest.mark.parametrize("change", [
    lambda replica: replica.joined(ELSEWHERE, 1, b"bob"), lambda replica: replica.left(b"zoe"),
    lambda replica: replica.renamed(ELSEWHERE, 1, b"zoe", b"zed"), lambda replica: replica.account_opened(b"bob"),
    lambda replica: replica.account_closed(b"yan"),
])  # fmt: skip
def test_whoever_comes_goes_or_is_renamed_changes_the_list(wanted, change):
    replica, listeners = wanted
    replica.push_users(1000.0)
    pushed(listeners)
    change(replica)
    replica.push_users(2000.0)
    assert len(pushed(listeners)) == 1


def test_talk_changes_no_list(wanted):
    replica, listeners = wanted
    replica.push_users(1000.0)
    pushed(listeners)
    replica.said(LOBBY, ELSEWHERE, 1, [(1, b"zoe", b"hi", 1, 1)])
    replica.push_users(2000.0)
    assert pushed(listeners) == []


def test_after_a_quiet_time_nobody_waits_and_then_for_a_while_everybody(wanted):
    replica, listeners = wanted
    replica.push_users(1000.0)
    for number in range(3):
        replica.joined(ELSEWHERE, number, b"m%d" % number)
        assert replica.push_users(1000.0) is None
    replica.joined(ELSEWHERE, 3, b"bob")
    again = replica.push_users(1000.0)
    assert again == pytest.approx(1000.0 + 4 * replica_module.USERS_EVERY - replica_module.USERS_AT_ONCE)
    replica.joined(ELSEWHERE, 4, b"cid")
    assert replica.push_users(again - 0.01) == again
    assert len(pushed(listeners)) == 4
    assert replica.push_users(again) is None
    told, = pushed(listeners)
    assert told[-2:] == [(b"bob", True), (b"cid", True)]


def test_while_many_come_the_list_is_pushed_a_few_times_a_second(wanted):
    replica, listeners = wanted
    for number in range(1000):
        replica.joined(ELSEWHERE, number, b"m%d" % number)
        replica.push_users(1000.0 + number / 100)
    assert 10 <= len(pushed(listeners)) <= (10 + replica_module.USERS_AT_ONCE) / replica_module.USERS_EVERY + 1


def test_a_long_list_is_pushed_less_often(wanted, monkeypatch):
    monkeypatch.setattr(replica_module, "USERS_A_SECOND", 2)
    replica, listeners = wanted
    for number in range(8):
        replica.joined(ELSEWHERE, number, b"m%d" % number)
    replica.push_users(1000.0)  # ten entries, at two a second
    replica.left(b"m0")
    assert replica.push_users(1003.9) == 1005.0 - replica_module.USERS_AT_ONCE
    assert replica.push_users(1004.0) is None
    assert len(pushed(listeners)) == 2


def test_several_workers_push_a_long_list_in_turn(sessions, hub):
    times = []
    for worker in range(1, 9):
        listeners = Listeners(wants_users=True)
        replica = Replica(worker, sessions, rooms_of(Listeners(), listeners), hub)
        replica.known([b"n%d" % number for number in range(9000)], [b"zoe"], {})
        now = replica.push_users(1000.0) or 1000.0
        assert now == 1000.0 or pushed(listeners) == [] and replica.push_users(now) is None
        assert len(pushed(listeners)) == 1
        times.append(round(now - 1000.0, 3))
        replica.left(b"zoe")
        again = now + 9001 / replica_module.USERS_A_SECOND - replica_module.USERS_AT_ONCE
        assert replica.push_users(now) == pytest.approx(again)
    assert sorted(times) == [0.0, 0.0, 0.009, 0.009, 0.018, 0.018, 0.027, 0.027]


def test_without_anybody_who_wants_it_no_list_is_pushed_and_whoever_comes_then_has_it_at_once(wanted):
    replica, listeners = wanted
    rooms, listeners.rooms = listeners.rooms, {EVERYWHERE: {}}
    assert replica.push_users(1000.0) is None
    listeners.rooms = rooms
    replica.joined(ELSEWHERE, 1, b"bob")
    replica.push_users(1000.0)
    assert len(pushed(listeners)) == 1


def test_where_no_protocol_wants_it_no_list_is_pushed(ann, replica, listeners):
    replica.joined(ELSEWHERE, 1, b"bob")
    listeners.heard.clear()
    assert replica.push_users(1000.0) is None
    assert listeners.heard == []
