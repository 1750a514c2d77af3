"""What is known of people beside their names, and who is told of it."""
import platform
import sys
import tracemalloc

import pytest
from cases import for_each
from roomed import DONE, Roomed

from parley.server.chat import people as people_module
from parley.server.chat.members import holder_of
from parley.server.chat.names import claims
from parley.server.chat.replica import Replica
from parley.server.chat.room import LOBBY, People, Rooms
from parley.server.chat.rooms import MEMBER, OP, OPERATOR, OWNER
from parley.server.protocols.events import Changed, Person, Reason, WhoisTold, WhoWasTold
from parley.server.protocols.person import packed, unpacked

NEW, SECOND = 77, 1600000000


@pytest.fixture
def chat():
    """ann, bob and cid, of whom ann and bob are in #dev, on workers 1, 1 and 2; op has an operator's account."""
    chat = Roomed(operators=[b"op"])
    chat.is_watched = False
    for name in (b"op", b"acc"):
        chat.account(name)
    chat.make(b"ann", b"bob")
    chat.come(b"cid", 2)
    chat.drain()
    return chat


def ask(chat, name, question, *fields):
    return chat._ask(question, chat.people[name], *fields)


def persons(chat):
    """What was told of people since the last time: name, Person, field, rooms, alone."""
    return [(told[4], Person(*told[5:10]), *told[10:]) for told in chat.drain() if told[1] == "person"]


def identify(chat, name, account=b"acc", as_operator=False, wrong=0):
    return ask(chat, name, "identified", account, chat.accounts.accounts[account].serial + wrong, None, as_operator)


def test_what_one_says_of_oneself_is_told_to_all_workers_and_to_those_who_want_to_know(chat):
    where = [1, LOBBY]
    assert ask(chat, b"ann", "set_name", b"Ann Lee") == DONE
    assert persons(chat) == [(b"ann", Person(real_name=b"Ann Lee"), "real_name", where, [])]
    chat.register.watch(*chat.people[b"cid"], [b"ann"])
    chat.drain()
    for flag, on, flags in ((b"i", True, b"i"), (b"B", True, b"Bi"), (b"i", False, b"B")):
        assert ask(chat, b"ann", "set_flag", flag, on) == DONE
        assert persons(chat) == [(b"ann", Person(real_name=b"Ann Lee", flags=flags), "flags", where, [(2, 3)])]
    assert ask(chat, b"ann", "set_flag", b"B", True) == DONE
    assert persons(chat) == []  # nothing is new
    assert ask(chat, b"ann", "set_flag", b"o", True) == Reason.INVALID_SETTING
    for text in (b"lunch", b"", b"tea"):
        ask(chat, b"ann", "away", True, text)
        assert persons(chat) == [
            (b"ann", Person(real_name=b"Ann Lee", away=text, flags=b"B"), "away", where, [(2, 3)])]
    ask(chat, b"ann", "away", False)
    assert persons(chat) == [(b"ann", Person(real_name=b"Ann Lee", flags=b"B"), "away", where, [(2, 3)])]


def test_who_watches_is_told_of_away_once_and_the_text_may_change(chat):
    chat.register.watch(*chat.people[b"cid"], [b"bob"])
    chat.drain()
    for away, text in ((True, b"lunch"), (True, b"tea"), (False, b""), (False, b"")):
        ask(chat, b"bob", "away", away, text)
    states = [told[-1] for told in chat.drain() if told[1] == "Presence"]
    assert states == ["away", "here"]


def test_where_case_does_not_matter_a_change_of_it_is_no_change(chat):
    chat.register.watch(*chat.people[b"cid"], [b"BOB", b"nobody", b"b\xc3\xb6b"], True)
    presences = [told[3:] for told in chat.drain() if told[1] == "Presence"]
    assert presences == [(b"bob", "here"), (b"nobody", "gone"), (b"b\xc3\xb6b", "gone")]
    for new, told in ((b"Bob", [(b"Bob", "here")]), (b"bea", [(b"Bob", "gone")]), (b"bob", [(b"bob", "here")])):
        assert chat.rename(b"bob" if b"bob" in chat.people else [*chat.people][-1], new) is None
        assert [one[3:] for one in chat.drain() if one[1] == "Presence"] == told
    chat.register.watch(*chat.people[b"ann"], [b"bob"])
    chat.drain()
    chat.rename(b"bob", b"BOB")
    assert [(one[0], *one[3:]) for one in chat.drain() if one[1] == "Presence"] == [
        ([1], b"bob", "gone"), ([2], b"BOB", "here")]


def test_of_somebody_who_is_not_to_be_found_common_rooms_are_told(chat):
    ask(chat, b"bob", "set_flag", b"i", True)
    chat.enter(b"bob", b"#ops")
    chat.drain()

    def rooms_of(asker):
        ask(chat, asker, "whois", b"bob")
        worker, session = chat.people[b"bob"]
        chat.register.timed(worker, chat.holder(asker), session, 9, 7, "", 0)
        ((told,),) = [[one] for one in chat.drain() if one[1] == "WhoisTold"]
        return [room for room, _ in told[4]]

    assert rooms_of(b"ann") == [b"#lobby", b"#dev"] and rooms_of(b"cid") == [b"#lobby"]
    assert rooms_of(b"bob") == [b"#lobby", b"#dev", b"#ops"]


def test_of_those_who_tell_nothing_of_themselves_nothing_is_told_of_people(chat):
    chat.come(b"dan")
    chat.rename(b"dan", b"eve")
    chat.enter(b"eve")
    chat.go(b"eve")
    assert [told[1] for told in chat.drain()] == [
        "joined", "renamed", "entered", "exited", "left"]


def test_a_stranger_may_say_what_it_is_called_in_full_and_is_known_by_it(chat):
    chat.register.real_name(3, NEW, b"Dan Lee", b"dan")
    assert persons(chat) == []
    chat.register.claim_unproven(3, NEW, b"dan", tuple(claims(b"dan")), "Login")
    told = [told for told in chat.drain() if told[1] in ("person", "joined")]
    assert [one[1] for one in told] == ["person", "joined"]
    assert told[0][4:] == (b"dan", b"", b"Dan Lee", None, b"", b"dan", "", [], [])
    chat.register.release(3, NEW)
    for stranger in ("goes", "is lost"):
        chat.register.real_name(3, NEW, b"Dan Lee")
        if stranger == "goes":
            chat.register.release(3, NEW)
        else:
            chat.register.lose(3)
        assert chat.register.whole.people.strangers == {}


def test_an_operator_of_this_name_is_told_of_as_one_from_its_login_on(chat):
    chat.come(b"op")
    assert persons(chat) == [(b"op", Person(b"op", flags=b"o"), "", [], [])]


# ---- whose account it is


def test_with_its_account_one_has_its_roles_whatever_one_is_called(chat):
    chat.come(b"acc", 2)
    chat.make(b"acc", room=b"#own")
    chat.go(b"acc")
    room = chat.rooms.by_name[b"#own"]
    assert chat.enter(b"ann", b"#own") is None
    assert room.members[chat.holder(b"ann")] == MEMBER
    chat.drain()
    assert identify(chat, b"ann") == DONE
    assert persons(chat) == [(b"ann", Person(b"acc"), "account", [1, 2, LOBBY], [])]
    assert room.members[chat.holder(b"ann")] == OWNER
    assert chat.do(b"ann", "op", b"ann", room=b"#own") == Reason.OUTRANKED  # an owner stays one
    chat.rename(b"ann", b"eve")
    assert room.members[chat.holder(b"eve")] == OWNER
    chat.exit(b"eve", b"#own")
    assert (chat.enter(b"eve", b"#own"), room.members[chat.holder(b"eve")]) == (None, OWNER)
    chat.make(b"eve", room=b"#new")
    assert chat.rooms.by_name[b"#new"].roles == {b"acc": OWNER}


def test_a_role_that_is_given_to_somebody_with_an_account_is_the_accounts(chat):
    identify(chat, b"bob")
    assert chat.do(b"ann", "op", b"bob") == DONE
    assert chat.rooms.by_name[b"#dev"].roles == {b"acc": OP}


def test_who_has_shown_its_account_gets_its_name_and_the_older_connection_ends(chat):
    chat.come(b"acc", 2)
    chat.drain()
    chat.register.identified(3, NEW, b"acc", chat.accounts.accounts[b"acc"].serial, "renewed", False)
    assert chat._answer(3, NEW) == DONE
    assert chat.accounts.accounts[b"acc"].secret == "renewed"
    chat.register.claim_unproven(3, NEW, b"acc", tuple(claims(b"acc")), "Login")
    assert [told[1] for told in chat.drain() if told[1] in ("evict", "left", "joined")] == ["evict", "left", "joined"]
    assert chat.members.called(b"acc") == holder_of(3, NEW)
    assert ask(chat, b"cid", "rename", b"acc", tuple(claims(b"acc"))) == Reason.NAME_TAKEN


def test_a_renamed_member_may_have_the_name_of_its_account(chat):
    assert ask(chat, b"cid", "rename", b"acc", tuple(claims(b"acc"))) == Reason.PASSWORD_REQUIRED
    identify(chat, b"cid")
    chat.rename(b"cid", b"acc")
    assert chat.members.called(b"acc") == chat.holder(b"acc")


def test_an_account_that_is_gone_is_nobodys(chat):
    identify(chat, b"ann")
    assert identify(chat, b"bob", wrong=1) == Reason.NO_ACCOUNT
    chat.drain()
    chat.register.remove(b"acc", lambda done: None)
    assert persons(chat) == [(b"ann", Person(), "account", [1, LOBBY], [])]
    assert chat.members.identities == {}


def test_an_operators_password_makes_an_operator_of_any_name(chat):
    room = chat.rooms.by_name[b"#dev"]
    assert identify(chat, b"cid", b"acc", True) == Reason.NOT_ALLOWED
    assert identify(chat, b"cid", b"op", True) == DONE
    assert persons(chat) == [(b"cid", Person(flags=b"o"), "flags", [LOBBY], [])]
    assert chat.gate.role(room, chat.holder(b"cid")) == OPERATOR
    assert chat.do(b"cid", "kick", b"ann") == DONE
    chat.register.remove(b"op", lambda done: None)
    assert chat.gate.role(room, chat.holder(b"cid")) < OP
    identify(chat, b"bob")
    chat.go(b"bob")
    assert (chat.members.identities, chat.gate.opered) == ({}, {})


def test_a_password_or_a_proof_is_looked_at_before_it_has_its_place_in_the_order(chat):
    register, prover, jobs = chat.register, chat.register.whole.prover, []
    prover._door.verify = lambda *job: jobs.append(job)
    prover._door.verify_proof = lambda *job: jobs.append(job)
    prover._door.scram = lambda account: (b"salt", 4096)
    session = chat.people[b"cid"]
    register.scram_begin(*session, b"acc")
    assert [told[1:] for told in chat.drain()] == [("scram_told", session[1], b"salt", 4096)]
    for answer, told in ((Reason.WRONG_PASSWORD, Reason.WRONG_PASSWORD), (None, DONE)):
        register.identify(*session, b"acc", b"pw", False, "192.0.2.1")
        jobs.pop()[-1](answer, None)
        assert chat._answer(*session) == told
    register.scram_finish(*session, b"acc", b"message", b"proof", "192.0.2.1")
    *job, then = jobs.pop()
    assert job[1:3] + job[4:] == ["192.0.2.1", b"acc", b"message", b"proof"]
    then(None, b"signature")
    assert chat.drain()[-1][1:] == ("ScramProven", [session[1]], b"signature")
    assert chat.gate.account_of(chat.holder(b"cid")) == b"acc"
    prover._door.scram = lambda account: None
    for question, fields in (("scram_begin", ()), ("scram_finish", (b"m", b"p", ""))):
        assert ask(chat, b"cid", question, b"acc", *fields) == Reason.UNVERIFIABLE
    assert ask(chat, b"cid", "scram_begin", b"none") == Reason.NO_ACCOUNT
    assert ask(chat, b"cid", "identify", b"none", b"pw", False, "") == Reason.NO_ACCOUNT


# ---- looking somebody up


def whois(chat, asker, name, ages=(100, 7)):
    """The fields of what the asker is told, or why not."""
    assert ask(chat, asker, "whois", name) in (None, Reason.NOBODY)
    for (worker,), _, session, holder in [told for told in chat.drain() if told[1] == "time"]:
        chat.register.timed(worker, holder, session, *ages, "192.0.2.9", 4711)
    told = [told[3:] for told in chat.drain() if told[1] == "WhoisTold"]
    return told[0] if told else chat._answer(*chat.people[asker])


def test_whois_tells_of_the_rooms_that_the_asker_may_know_of(chat):
    rooms = [(b"#lobby", b""), (b"#dev", b"op")]
    for asked in (b"ann", b"ANN"):
        assert whois(chat, b"cid", asked) == (b"ann", rooms, SECOND - 100, 7, False)
    assert whois(chat, b"ann", b"ann")[-2:] == ("192.0.2.9", 4711)
    chat.do(b"ann", "set", b"private", b"on")
    assert whois(chat, b"cid", b"ann")[1] == [(b"#lobby", b"")]
    assert whois(chat, b"bob", b"ann")[1] == rooms
    chat.come(b"op")
    assert whois(chat, b"cid", b"op")[4]
    assert whois(chat, b"op", b"cid")[-2:] == ("192.0.2.9", 4711)
    assert ask(chat, b"cid", "whois", b"nobody") == Reason.NOBODY


@for_each("goes", ["somebody", "the asker", "its worker"])
def test_who_leaves_before_its_worker_has_answered_is_nobody(goes):
    chat = Roomed()
    chat.is_watched = False
    chat.come(b"ann", 1)
    chat.come(b"cid", 2)
    ask(chat, b"cid", "whois", b"ann")
    (worker, session), asker = chat.people[b"ann"], chat.holder(b"cid")
    if goes == "its worker":
        chat.register.lose(worker)
        assert chat._answer(*chat.people[b"cid"]) == Reason.NOBODY
    else:
        chat.go(b"ann" if goes == "somebody" else b"cid")
    chat.register.timed(worker, asker, session, 1, 1, "", 0)
    assert chat.post.answers == ([(2, 2, Reason.NOBODY)] if goes == "somebody" else [])
    assert chat.register.whole.people._timing == {}


def test_whowas_tells_of_the_last_who_had_a_name(chat, monkeypatch):
    assert ask(chat, b"cid", "who_was", b"bob", 0) == Reason.NOBODY
    ask(chat, b"bob", "set_name", b"Bob Lee")
    chat.go(b"bob")
    chat.wait(5)
    chat.come(b"bob")
    chat.rename(b"bob", b"rob")
    chat.come(b"acc", 2)
    chat.go(b"acc")
    chat.drain()

    def who_was(name, most):
        ask(chat, b"cid", "who_was", name, most)
        ((_, _, _, found),) = chat.drain()
        return found

    was = [(b"bob", b"", b"", SECOND + 5, b""), (b"bob", b"", b"Bob Lee", SECOND, b"")]
    assert (who_was(b"BOB", 0), who_was(b"bob", 1)) == (was, was[:1])
    assert who_was(b"acc", 9) == [(b"acc", b"acc", b"", SECOND + 5, b"")]
    monkeypatch.setattr(people_module, "MOST_GONE", 3)
    chat.go(b"rob")
    assert len(chat.register.whole.people.gone) == 3
    assert ask(chat, b"cid", "who_was", b"bob", 0) is None
    assert chat.drain()[-1][3] == was[:1]


# ---- on a worker


class Worker:
    """ann and bob in #dev and the lobby, dan in neither; all hear of people, eve in #dev does not."""

    def __init__(self, make_member, hub):
        names = (b"ann", b"bob", b"dan", b"eve")
        self.ann, self.bob, self.dan, self.eve = self.members = [
            make_member(name, people=name != b"eve") for name in names]
        self.rooms = Rooms([member.audience for member in self.members])
        for member in self.members:
            member.rooms = self.rooms
            member.audience.hear = lambda room, happening, origin=None, audience=member.audience: audience.calls.append(
                (room, happening)) if origin not in audience.members else None
        self.replica = Replica(3, {member.number: member for member in self.members}, self.rooms, hub)
        for member in (self.ann, self.bob, self.eve):
            member.audience.enter(member, 5)
        self.dan.audience.leave(self.dan, LOBBY)
        self.heard()

    def heard(self):
        return [member.audience.drain() for member in self.members]


def test_those_in_common_rooms_are_told_once_and_so_are_those_who_watch(make_member, hub):
    worker = Worker(make_member, hub)
    away = Person(b"acc", b"Cid", b"lunch", b"B", b"cid")
    changed = Changed(b"cid", "away", away)
    worker.replica.person(4, 9, b"cid", *away, "away", [5, LOBBY], [(3, worker.dan.number), (3, worker.bob.number)])
    assert worker.heard() == [[(5, changed)], [(5, changed)], [changed], []]
    assert worker.rooms.people.get(b"cid") == away
    worker.replica.person(3, worker.ann.number, b"ann", *away, "away", [LOBBY], [(4, 1)])
    assert worker.heard()[0] == []  # its own
    worker.replica.person(4, 9, b"cid", b"cid", b"", None, b"", b"", "", [], [])
    assert (worker.heard(), worker.rooms.accounts) == ([[], [], [], []], {b"cid"})


def test_a_worker_knows_people_by_the_names_that_they_have_now(make_member, hub):
    worker = Worker(make_member, hub)
    person = Person(b"", b"Cid")

    def known():
        people = worker.rooms.people
        return worker.rooms.accounts, {name: people.get(name) for name in (b"yan", b"zoe", b"cid") if name in people}

    worker.replica.known([], [b"yan"], {}, [b"yan"], [(b"yan", tuple(person))])
    assert known() == ({b"yan"}, {b"yan": person})
    worker.replica.joined(4, 9, b"cid", None, 0, True, True)
    worker.replica.renamed(4, 8, b"yan", b"zoe")
    assert known() == ({b"cid"}, {b"zoe": person})
    for name in (b"cid", b"zoe"):
        worker.replica.left(name)
    assert known() == (set(), {})


def people_of_a_worker(chance, count):
    """(what a worker knows, {name: Person}) of so many, of whom many were renamed, changed or forgotten meanwhile."""
    known, expected = People(), {}
    words = [b"", b"n", b"nn", "\u00e4\u00df".encode(), b"a b", b"x" * 30]
    for _ in range(8 * count):
        name = b"%b%d" % (chance.choice(words), chance.randrange(count))
        if chance.randrange(3):
            person = Person(chance.choice(words), chance.choice(words), chance.choice([None, *words]))
            expected[name] = known[name] = person
        else:
            expected.pop(name, None)
            known.discard(name)
        assert known.get(name) == expected.get(name)
    return known, expected


def test_what_a_worker_knows_of_many_is_what_a_dictionary_would_know(chance):
    known, expected = people_of_a_worker(chance, 1500)
    names = [*expected, b"nobody", b"", b"n"]
    for _ in range(2):
        assert {name: known.get(name) for name in names if name in known} == {
            name: expected[name] for name in names if name in expected}
    for name in expected:
        known.discard(name)
    assert not any(name in known for name in names)


@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="it does not tell the sizes of objects")
def test_what_a_worker_knows_of_somebody_takes_few_bytes_beside_the_words():
    tracemalloc.start()
    try:
        known = People()
        for number in range(1000):
            known[b"m%04d" % number] = Person(b"", b"Real Name", None, b"", b"user")
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1000, 5000):
            known[b"m%04d" % number] = Person(b"", b"Real Name", None, b"", b"user")
        each = (tracemalloc.get_traced_memory()[0] - before) / 4000
    finally:
        tracemalloc.stop()
    assert each < len(b"m0000" + packed(Person(b"", b"Real Name", None, b"", b"user"))) + 8


def test_a_worker_answers_for_how_long_somebody_is_here(make_member, hub):
    worker = Worker(make_member, hub)
    worker.ann.ages = lambda: (9, 4)
    worker.replica.time(worker.ann.number, 77)
    worker.replica.time(99, 77)
    assert hub.drain() == [("timed", 77, worker.ann.number, 9, 4, "192.0.2.1", 4711), ("timed", 77, 99, 0, 0, "", 0)]
    told = WhoisTold(b"bob", [], 1, 2, False, "", 0)
    worker.replica.answer([worker.ann.number], "WhoisTold", told)
    worker.replica.answer([worker.ann.number], "WhoWasTold", ([],))
    assert worker.heard()[0] == [told, WhoWasTold([])]


@pytest.mark.parametrize("away", [None, b"", b"tea"])
def test_what_is_known_of_somebody_is_kept_in_few_bytes(away):
    person = Person(b"ann", b"Ann A.", away, b"Bo", b"annie")
    assert unpacked(packed(person)) == person
    assert sys.getsizeof(packed(person)) < sys.getsizeof(tuple(person))
