"""Sessions that one may come back to, and what is said in them once: decided by a register."""
import pytest
from registered import Door, Registered

from parley.server.chat import sessions
from parley.server.chat.accounts import Accounts
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import holder_of
from parley.server.chat.names import claims
from parley.server.chat.sessions import MOST_ROOMS, MOST_TAGS, RESUMED_FOR, key_of
from parley.server.ipc.queues import said
from parley.server.protocols.events import Reason

SECOND = 1600000000
HOST = "192.0.2.1"
KEY, OTHER_KEY = key_of(b"token"), key_of(b"another")
LOBBY = 0


class Clock:
    now = float(SECOND)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(answering_store):
    return answering_store()


@pytest.fixture
def register(post, store, clock):
    """With the account ann, which has no password, and carl, which has one."""
    accounts = Accounts(store)
    for name, secret in ((b"ann", None), (b"carl", "secret")):
        accounts.begin_with(name, tuple(claims(name)), secret)
    return Registered(post, accounts, Door(), LoginThrottle(0, 0, lambda: 0.0), store, clock)


def log_in(register, name, session=5, worker=1, key=KEY, marks=()):
    """A session brings a key, and has a name."""
    register.bring(worker, session, key, marks)
    register.claim_unproven(worker, session, name, tuple(claims(name)), "Login", False, HOST)


def told(post, message):
    """The fields of what workers were told, behind the number of the session."""
    return [call[4:] for call in post.drain() if call[0] == "worker" and call[2] == message]


def resume(register, session=6, worker=1, key=KEY, marks=(), host=HOST):
    register.resume(worker, session, key, marks, host)


def lost_when_tidied(register, post, keys):
    """Which of the sessions with these keys cannot be resumed any more, by their places."""
    register.tidied(0)
    post.drain()
    for number, key in enumerate(keys):
        resume(register, 100 + number, key=key)
    return [call[3] - 100 for call in post.drain() if call[0] == "worker" and call[2] == "refused"]


def test_whoever_comes_and_goes_all_the_time_ends_no_sessions_of_others(register, post, monkeypatch):
    monkeypatch.setattr(sessions, "MOST_ENDED", 6)
    keys = [key_of(b"%d" % number) for number in range(12)]
    for number, key in enumerate(keys):
        host = "192.0.2.1" if number in (0, 4) else "192.0.2.2"
        register.bring(1, number, key, ())
        name = b"name%d" % number
        register.claim_unproven(1, number, name, tuple(claims(name)), "Login", False, host)
        register.release(1, number)
    assert lost_when_tidied(register, post, keys) == [1, 2, 3, 5, 6, 7]


def test_after_a_restart_too_sessions_count_against_their_own_address(register, post, monkeypatch):
    monkeypatch.setattr(sessions, "MOST_ENDED", 6)
    keys = [key_of(b"%d" % number) for number in range(12)]
    register.whole.sessions.restore([
        (key, b"name%d" % number, False, 0, "192.0.2.1" if number in (0, 4) else "192.0.2.2", [])
        for number, key in enumerate(keys)])
    assert lost_when_tidied(register, post, keys) == [1, 2, 3, 5, 6, 7]


def test_a_session_is_stored_with_the_address_from_which_it_was_used_last(register, store):
    store.late = True
    log_in(register, b"bob")
    resume(register)
    resume(register, 7, host="2001:db8::1")
    kept = [arguments[4] for _, request, arguments in store._waiting if request == "keep_session"]
    assert kept == [HOST, "2001:db8::/64"], "and not again while that is the same"


def refusals(post):
    return [reason for (reason,) in told(post, "refused")]


def test_what_is_kept_of_a_token_does_not_tell_it():
    assert key_of(b"token") != key_of(b"tokem") and b"token" not in key_of(b"token")


def test_who_brings_a_key_is_told_that_a_session_has_begun_once_it_is_stored(register, post, store):
    store.late = True
    log_in(register, b"bob")
    assert told(post, "begun") == []
    store.answer()
    assert told(post, "begun") == [(False, 0, 0, [], [], [])]


def test_a_session_that_cannot_be_stored_begins_all_the_same(register, post, store):
    store.late = True
    log_in(register, b"bob")
    store.answer(stored=False)
    assert told(post, "begun") == [(False, 0, 0, [], [], [])]


def test_whoever_brings_none_is_not_told_anything(register, post):
    register.claim_unproven(1, 5, b"bob", (b"bob",), "Login", False, HOST)
    assert told(post, "begun") == []


@pytest.mark.parametrize("name, account", [(b"bob", False), (b"ann", True)])
def test_with_the_key_one_has_the_name_again(register, post, name, account):
    log_in(register, name)
    register.release(1, 5)
    post.drain()
    resume(register)
    calls = post.drain()
    assert ("everyone", "joined", 1, 6, name) in calls
    assert ("worker", 1, "begun", 6, account, 0, 0, [], [], []) in calls
    assert list(register.members.names.values()) == [name]


def test_an_account_with_a_password_needs_none_with_the_key(register, post):
    register.bring(1, 5, KEY, ())
    register.claim_name(1, 5, b"carl", "Login", register.all_accounts.accounts[b"carl"].serial, None, HOST)
    register.release(1, 5)
    resume(register)
    assert list(register.members.names.values()) == [b"carl"]


@pytest.mark.parametrize("name", [b"bob", b"ann"])
def test_the_connection_that_has_the_session_still_is_ended(register, post, name):
    log_in(register, name)
    post.drain()
    resume(register, worker=2)
    assert post.probed == [(2, 6)]
    assert ("worker", 1, "evict", 5, Reason.REPLACED) in post.drain()
    assert list(register.members.names.values()) == [name]


def test_who_comes_back_to_an_account_ends_the_connection_that_has_it_by_another_session(register, post):
    log_in(register, b"ann")
    register.release(1, 5)
    log_in(register, b"ann", session=8, key=OTHER_KEY)
    post.drain()
    resume(register)
    assert ("worker", 1, "evict", 8, Reason.REPLACED) in post.drain()
    assert register.members.called(b"ann") == holder_of(1, 6)


def test_one_comes_back_into_as_many_rooms_as_are_looked_at(register, post):
    resume_in = tuple((b"#r%d" % number, 0) for number in range(MOST_ROOMS + 2))
    log_in(register, b"bob", marks=resume_in)
    ((_, _, _, entered, refused, _),) = told(post, "begun")
    assert len(entered) + len(refused) == MOST_ROOMS and entered[0][0] == b"#r0"


def test_who_left_a_room_after_coming_back_needs_an_invitation_the_next_time(register, post):
    log_in(register, b"owner", 4, key=OTHER_KEY)
    for session, name in ((4, b"owner"), (5, b"bob")):
        if session == 5:
            log_in(register, name, session)
        register.enter(1, session, b"#dev", tuple(claims(b"#dev")), None)
    register.manage(1, 4, b"#dev", "set", b"invite", b"on")
    register.release(1, 5)
    entered = []
    for session in (6, 7):
        post.drain()
        resume(register, session, marks=((b"#dev", 0),))
        ((_, _, _, into, _, _),) = told(post, "begun")
        entered.append([name for name, *_ in into])
        register.exit(1, session, b"#dev")
        register.release(1, session)
    assert entered == [[b"#dev"], []]


@pytest.mark.parametrize("name", [b"bob", b"ann"])
def test_it_is_not_ended_for_a_connection_that_is_gone(register, post, name):
    log_in(register, name)
    post.gone.add((2, 6))
    resume(register, worker=2)
    assert not [call for call in post.drain() if call[2] == "evict"]
    assert [holder & 0xFFFFFFFF for holder in register.members.names] == [5]


def test_with_another_key_nobody_has_it(register, post):
    log_in(register, b"bob")
    register.release(1, 5)
    resume(register, key=OTHER_KEY)
    assert refusals(post) == [Reason.NO_SESSION]


def test_a_session_is_over_some_time_after_its_connection_and_only_then(register, post, clock):
    log_in(register, b"bob")
    clock.now += 2 * RESUMED_FOR
    register.tidied(0)
    register.release(1, 5)
    clock.now += RESUMED_FOR - 1
    register.tidied(0)
    resume(register)
    assert refusals(post) == []
    register.release(1, 6)
    clock.now += RESUMED_FOR
    register.tidied(0)
    resume(register, session=7)
    assert refusals(post) == [Reason.NO_SESSION]


def test_a_session_that_goes_on_is_not_over_however_long_ago_its_connection_was_lost(register, post, clock):
    log_in(register, b"bob")
    register.release(1, 5)
    resume(register)
    clock.now += RESUMED_FOR + 1
    register.tidied(0)
    register.release(1, 6)
    resume(register, 7)
    assert refusals(post) == []


def test_a_session_does_not_last_longer_if_the_clock_was_ahead(register, post, clock):
    log_in(register, b"bob")
    register.release(1, 5)
    clock.now -= 86400
    register.tidied(0)
    clock.now += RESUMED_FOR
    register.tidied(0)
    resume(register)
    assert refusals(post) == [Reason.NO_SESSION]


def test_another_guest_who_has_the_name_keeps_it(register, post):
    log_in(register, b"bob")
    register.release(1, 5)
    log_in(register, b"bob", session=8, key=OTHER_KEY)
    resume(register)
    assert refusals(post) == [Reason.NAME_TAKEN]


def test_another_guest_who_had_the_name_and_is_gone_is_looked_after_first(register, post):
    log_in(register, b"bob")
    register.release(1, 5)
    log_in(register, b"bob", session=8, worker=2, key=OTHER_KEY)
    post.gone.add((2, 8))
    resume(register)
    assert refusals(post) == []
    assert post.probed == [(2, 8)]


def test_who_is_kept_away_does_not_come_back(register, post):
    log_in(register, b"bob")
    register.whole.rooms.lobby.banned[b"bob"] = b"server", b"", 0
    register.release(1, 5)
    resume(register)
    assert refusals(post) == [Reason.BANNED]


def test_the_guests_session_is_no_use_once_the_name_has_an_account(register, post):
    log_in(register, b"bob")
    register.release(1, 5)
    register.open_account(1, 9, b"bob", (b"bob",), None, False, HOST)
    register.release(1, 9)
    resume(register)
    assert refusals(post) == [Reason.NO_SESSION]


def test_a_session_that_was_stored_of_a_guest_is_no_key_to_an_account_nor_the_other_way_round(register, post):
    """An account can be made, or deleted, while no server runs."""
    register.whole.sessions.restore([(key_of(name), name, is_account, 0, HOST, []) for name, is_account in (
        (b"ann", True), (b"carl", False), (b"bob", False), (b"dan", True))])
    for session, name in enumerate((b"ann", b"carl", b"bob", b"dan")):
        resume(register, session=session, key=key_of(name))
    assert sorted(register.members.names.values()) == [b"ann", b"bob"]
    assert refusals(post) == [Reason.NO_SESSION] * 2


def test_a_guest_who_makes_an_account_comes_back_to_that(register, post, store):
    log_in(register, b"bob")
    register.open_account(1, 5, b"bob", (b"bob",), "secret", False, HOST)
    register.release(1, 5)
    resume(register)
    assert refusals(post) == []


@pytest.mark.parametrize("end", [
    lambda register: register.delete(1, 5, b"ann"),
    lambda register: register.remove(b"ann", lambda done: None),
    lambda register: register.set_password(b"ann", "other", lambda error: None),
])  # fmt: skip
def test_a_session_is_over_when_its_account_is_gone_or_has_another_password(register, post, end):
    log_in(register, b"ann")
    end(register)
    register.release(1, 5)
    resume(register)
    assert refusals(post) == [Reason.NO_SESSION]


def test_who_changes_the_password_keeps_the_session_and_ends_all_others(register, post):
    serial = register.all_accounts.accounts[b"carl"].serial
    for session, key in ((4, OTHER_KEY), (5, KEY)):
        register.bring(1, session, key, ())
        register.claim_name(1, session, b"carl", "Login", serial, None, HOST)
    register.replace_password(1, 5, b"carl", serial, "other")
    register.release(1, 5)
    resume(register, key=OTHER_KEY)
    assert refusals(post) == [Reason.NO_SESSION]
    resume(register)
    assert refusals(post) == []


def test_a_better_secret_of_the_same_password_ends_no_session(register, post):
    serial = register.all_accounts.accounts[b"carl"].serial
    for key in (KEY, OTHER_KEY):
        register.bring(1, 5, key, ())
        register.claim_name(1, 5, b"carl", "Login", serial, "renewed", HOST)
        register.release(1, 5)
    resume(register)
    assert refusals(post) == []


def test_the_session_goes_along_with_a_new_name(register, post):
    log_in(register, b"bob")
    register.rename(1, 5, b"rob", (b"rob",))
    register.release(1, 5)
    resume(register)
    assert list(register.members.names.values()) == [b"rob"]


# ---- what is said once


def say(register, tag, session=5, text=b"hi", room=LOBBY):
    register.say_once(1, session, room, text, tag)


def words(post):
    talk, post.spread_talk = post.spread_talk, []
    return [text for frame, _ in talk for _, _, text, _ in said(frame)]


def test_what_is_said_by_a_tag_is_heard_once_and_answered_with_one_number(register, post):
    log_in(register, b"bob")
    say(register, b"a")
    say(register, b"a")
    say(register, b"b")
    assert words(post) == [b"hi", b"hi"]
    assert post.numbers == [(1, 5, number, SECOND, SECOND * 1000) for number in (1, 1, 2)]


def test_who_says_it_again_on_another_connection_is_answered_when_it_is_stored(register, post, store):
    log_in(register, b"bob")
    store.late = True
    say(register, b"a")
    register.release(1, 5)
    resume(register)
    say(register, b"a", session=6)
    assert (len(words(post)), post.numbers) == (1, [])
    store.answer()
    assert post.numbers == [(1, 6, 1, SECOND, SECOND * 1000)]


def test_what_could_not_be_stored_may_be_said_again(register, post, store):
    log_in(register, b"bob")
    store.late = True
    say(register, b"a")
    store.answer(stored=False)
    assert refusals(post) == [Reason.NOT_STORED]
    say(register, b"a")
    store.answer()
    assert (len(words(post)), post.numbers) == (2, [(1, 5, 2, SECOND, SECOND * 1000)])


def test_tags_count_in_one_session_only(register, post):
    log_in(register, b"bob")
    log_in(register, b"cid", session=6, key=OTHER_KEY)
    say(register, b"a")
    say(register, b"a", session=6)
    assert len(words(post)) == 2


def test_the_latest_tags_are_known_and_not_for_ever(register, post, clock):
    log_in(register, b"bob")
    for number in range(MOST_TAGS + 1):
        say(register, b"%d" % number)
    words(post)
    say(register, b"1")
    assert words(post) == []
    say(register, b"0")
    assert len(words(post)) == 1
    clock.now += RESUMED_FOR
    say(register, b"0")
    assert len(words(post)) == 1


@pytest.mark.parametrize("to, keeps", [(b"ann", True), (b"cid", False)])
def test_what_is_said_to_one_alone_by_a_tag_is_said_once(register, post, store, to, keeps):
    log_in(register, b"bob")
    if not keeps:
        log_in(register, to, session=6, key=OTHER_KEY)
    post.drain()
    for _ in range(2):
        register.whisper(1, 5, b"bob", to, b"psst", None, HOST, b"a")
    assert post.numbers == 2 * [(1, 5, 1, SECOND, SECOND * 1000)]
    assert len(told(post, "whispered")) == (0 if keeps else 1)
    assert len(store.store.kept(to)) == (1 if keeps else 0)


def test_a_muted_member_is_refused_and_a_tag_is_no_way_around(register, post):
    log_in(register, b"bob")
    register.whole.rooms.lobby.muted[b"bob"] = b"server", b"", 0
    say(register, b"a")
    assert words(post) == []
    assert ("worker", 1, "unsaid", [(5, 0)], Reason.MUTED) in post.drain()


def test_the_words_of_one_that_are_under_way_are_answered_each_by_itself(register, post, store):
    log_in(register, b"bob")
    post.drain()
    store.late = True
    for serial, tag in enumerate((b"a", b"b", b"a"), 1):
        register.say_once(1, 5, LOBBY, b"hi", tag, serial)
    register.whole.rooms.lobby.muted[b"bob"] = b"server", b""
    register.say_once(1, 5, LOBBY, b"hi", b"c", 4)
    store.answer()
    told = [call[2:] for call in post.drain() if call[2] in ("stored", "unsaid")]
    assert told == [("unsaid", [(5, 4)], Reason.MUTED), ("stored", [(5, 1, 1)], 1, SECOND, SECOND * 1000),
                    ("stored", [(5, 3, 1)], 1, SECOND, SECOND * 1000),
                    ("stored", [(5, 2, 1)], 2, SECOND, SECOND * 1000)]


def test_no_tag_is_forgotten_while_somebody_waits_to_be_told_of_it(register, post, store):
    log_in(register, b"bob")
    post.drain()
    store.late = True
    for serial in range(1, 2 * MOST_TAGS + 1):
        register.say_once(1, 5, LOBBY, b"hi", b"%d" % serial, serial)
    store.answer()
    answered = [call[3] for call in post.drain() if call[2] == "stored"]
    assert answered == [[(5, serial, 1)] for serial in range(1, 2 * MOST_TAGS + 1)]
    register.say_once(1, 5, LOBBY, b"hi", b"more", 1)
    (session,) = register.whole.sessions._sessions.values()
    assert len(session.tags) <= MOST_TAGS + 1


def test_who_is_still_here_when_the_session_is_over_is_answered_with_a_number_too(register, post):
    register.bring(1, 5, KEY, ())
    register.claim_name(1, 5, b"carl", "Login", register.all_accounts.accounts[b"carl"].serial, None, HOST)
    register.set_password(b"carl", "other", lambda error: None)
    say(register, b"a")
    register.whisper(1, 5, b"carl", b"ann", b"psst", None, HOST, b"b")
    assert post.numbers == [(1, 5, 1, SECOND, SECOND * 1000), (1, 5, 2, SECOND, SECOND * 1000)]


def test_what_the_old_connection_said_last_is_said_by_the_new_one_only(register, post):
    log_in(register, b"bob")
    resume(register)
    post.drain()
    register.whisper(1, 6, b"bob", b"ann", b"psst", None, HOST, b"a")
    say(register, b"b", session=6)
    register.whisper(1, 5, b"bob", b"ann", b"psst", None, HOST, b"a")
    say(register, b"b", session=5)
    assert post.numbers == [(1, 6, 1, SECOND, SECOND * 1000), (1, 6, 2, SECOND, SECOND * 1000)]
