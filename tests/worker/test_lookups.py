"""Requests with long answers: few at a time, equal ones asked once, in turn by address, and no reader is waited for."""
import gc
import weakref

import pytest
from plain import plain

from parley.server.chat.accounts import Accounts
from parley.server.chat.session.states import GONE, MEMBER
from parley.server.ipc.messages import ToHub
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import Reason
from parley.server.worker.lookups import MOST_OPEN, MOST_UNREAD, PATTERN_PAUSE, UNREAD_AFTER, Lookups
from parley.server.worker.throttle import BURST


class Outbox:
    def __init__(self, size):
        self.size = size


class Asker:
    """A session that remembers why it was ended."""

    def __init__(self, number, host="192.0.2.1", audience="line"):
        self.number = number
        self.state = MEMBER
        self.audience = audience
        self.outbox = None
        self.is_behind = False
        self.ended = None
        self._host = host

    def address(self):
        return self._host, 4711

    def lag(self, size):
        self.is_behind = True
        self.outbox = Outbox(size)

    def catch_up(self):
        self.is_behind, self.outbox = False, None

    def give_up(self, reason):
        self.ended = reason
        self.state = GONE


@pytest.fixture
def asked():
    return []


@pytest.fixture
def lookups(asked):
    return Lookups(lambda message: asked.append(plain(message)))


def ask_all(lookups, askers, shared=False):
    for asker in askers:
        lookups.add(asker, shared, ToHub.Recall((), None, 100))


def test_the_same_question_of_many_is_asked_once(lookups, asked):
    ask_all(lookups, [Asker(number) for number in range(50)], shared=True)
    lookups.go_on(1000)
    assert asked == [("recall", list(range(50)), None, 100)]


def test_what_is_asked_just_now_is_not_asked_again_before_it_is_answered(lookups, asked):
    first, late = Asker(0), [Asker(number, "192.0.2.%d" % number) for number in range(1, 20)]
    ask_all(lookups, [first], shared=True)
    lookups.go_on(1000)
    for asker in late:
        ask_all(lookups, [asker], shared=True)
        lookups.go_on(1000)
    lookups.add(Asker(30, "192.0.2.99"), True, ToHub.Recall((), 7, 100))
    lookups.go_on(1000)
    assert asked == [("recall", [0], None, 100), ("recall", [30], 7, 100)]
    first.lag(5)  # the answer is there, but not read
    lookups.answered(first)
    lookups.go_on(1000)
    assert asked[2:] == [("recall", list(range(1, 20)), None, 100)]


def test_an_answer_that_differs_with_who_asks_is_asked_for_by_each(lookups, asked):
    ask_all(lookups, [Asker(1), Asker(2)])
    lookups.go_on(1000)
    assert asked == [("recall", [1], None, 100), ("recall", [2], None, 100)]


def test_other_arguments_and_other_forms_are_other_questions(lookups, asked):
    lookups.add(Asker(1), True, ToHub.Recall((), None, 100))
    lookups.add(Asker(2), True, ToHub.Recall((), 7, 100))
    lookups.add(Asker(3, audience="dollar"), True, ToHub.Recall((), None, 100))
    lookups.go_on(1000)
    assert [numbers for _, numbers, _, _ in asked] == [[1], [2], [3]]


def test_only_so_many_are_open_and_the_others_follow_as_these_are_answered_and_sent(lookups, asked):
    askers = [Asker(number) for number in range(MOST_OPEN + 3)]
    ask_all(lookups, askers)
    lookups.go_on(1000)
    assert len(asked) == MOST_OPEN
    lookups.answered(askers[0])
    askers[0].lag(5)
    lookups.go_on(1000)
    assert len(asked) == MOST_OPEN
    askers[0].catch_up()
    lookups.answered(askers[1])
    lookups.go_on(1000)
    assert len(asked) == MOST_OPEN + 2


def test_who_has_left_is_not_asked_for_and_not_waited_for(lookups, asked):
    askers = [Asker(number) for number in range(MOST_OPEN + 2)]
    ask_all(lookups, askers)
    lookups.go_on(1000)
    askers[0].state = askers[MOST_OPEN].state = GONE
    lookups.go_on(1000)
    assert [numbers for _, numbers, _, _ in asked[MOST_OPEN:]] == [[MOST_OPEN + 1]]


def test_of_who_has_left_before_it_was_answered_nothing_is_kept(lookups):
    askers = [Asker(number, "192.0.2.%d" % number) for number in range(3)]
    left = [weakref.ref(asker) for asker in askers]
    ask_all(lookups, askers)
    lookups.go_on(1000)
    for asker in askers:
        asker.state = GONE
    lookups.go_on(1000)
    del askers, asker
    gc.collect()
    assert [one() for one in left] == [None] * 3


def test_an_address_with_many_questions_does_not_keep_another_waiting(lookups, asked):
    crowd = [Asker(number) for number in range(100)]
    ask_all(lookups, crowd)
    lookups.go_on(1000)
    ask_all(lookups, [Asker(500, "192.0.2.2")])
    for asker in crowd[:2]:
        lookups.answered(asker)
    lookups.go_on(1000)
    assert [500] in [numbers for _, numbers, _, _ in asked]


def test_between_two_patterns_there_is_a_pause_by_the_number_of_names_and_others_do_not_wait_for_it(lookups, asked):
    lookups.names = lambda: 10000
    askers = [Asker(number, "192.0.2.%d" % number) for number in range(3)]
    for asker in askers[:2]:
        lookups.add(asker, False, ToHub.Accounts((), b"a*"))
    lookups.go_on(1000)
    lookups.answered(askers[0])
    lookups.add(askers[2], False, ToHub.Accounts((), None))
    lookups.go_on(1000)
    assert [numbers for _, numbers, _ in asked] == [[0], [2]]
    assert lookups.next == 1000 + 10000 * PATTERN_PAUSE
    lookups.go_on(lookups.next)
    assert [numbers for _, numbers, _ in asked] == [[0], [2], [1]]
    assert lookups.next == float("inf")


def test_what_nobody_awaits_any_more_keeps_no_other_question_of_its_address_waiting(lookups, asked):
    lookups.names = lambda: 10000
    first, second, third = (Asker(number) for number in range(1, 4))
    for asker, pattern in ((first, b"a*"), (second, b"b*")):
        lookups.add(asker, False, ToHub.Accounts((), pattern))
    lookups.add(third, False, ToHub.Who(()))
    lookups.go_on(0.0)
    second.state = GONE
    lookups.go_on(0.0)
    assert [numbers for _, numbers, *_ in asked] == [[1], [3]]


def test_who_does_not_read_its_answer_keeps_others_waiting_for_a_moment_only(lookups, asked):
    lazy = [Asker(number) for number in range(MOST_OPEN)]
    ask_all(lookups, lazy)
    lookups.go_on(1000)
    for asker in lazy:
        lookups.answered(asker)
        asker.lag(100000)
    ask_all(lookups, [Asker(500)])
    lookups.go_on(1000 + UNREAD_AFTER / 2)
    assert len(asked) == MOST_OPEN
    lookups.go_on(1000 + UNREAD_AFTER)
    assert len(asked) == MOST_OPEN + 1
    assert [asker.ended for asker in lazy] == [None] * MOST_OPEN


def test_who_is_behind_gets_its_answer_once_it_has_read(lookups, asked):
    lazy = Asker(1)
    lazy.lag(5)
    ask_all(lookups, [lazy, Asker(2)])
    lookups.go_on(1000)
    assert [numbers for _, numbers, _, _ in asked] == [[2]]
    lazy.catch_up()
    lookups.go_on(1000)
    assert [numbers for _, numbers, _, _ in asked] == [[2], [1]]


def test_who_is_behind_and_leaves_is_forgotten(lookups, asked):
    lazy = Asker(1)
    lazy.lag(5)
    ask_all(lookups, [lazy])
    lazy.state = GONE
    lookups.go_on(1000)
    lazy.catch_up()
    lookups.go_on(1000)
    assert asked == []


def test_when_too_much_is_unread_those_who_are_behind_for_longest_are_ended(lookups, asked):
    lazy = [Asker(number) for number in range(40)]
    now = 1000
    for asker in lazy:
        ask_all(lookups, [asker])
        lookups.go_on(now)
        lookups.answered(asker)
        asker.lag(MOST_UNREAD // 10)
        now += UNREAD_AFTER
        lookups.go_on(now)
    assert [asker.ended for asker in lazy] == [Reason.SLOW_READER] * 30 + [None] * 10


def test_the_worker_waits_for_the_hub_however_long_that_takes(lookups, asked):
    ask_all(lookups, [Asker(number) for number in range(MOST_OPEN + 1)])
    lookups.go_on(1000)
    lookups.go_on(2000)
    assert len(asked) == MOST_OPEN


def test_patterns_which_all_names_are_held_against_are_asked_for_one_at_a_time(lookups, asked):
    askers = [Asker(number) for number in range(3)]
    for asker in askers:
        lookups.add(asker, False, ToHub.Accounts((), b"a*"))
    ask_all(lookups, [Asker(9)])
    lookups.go_on(1000)
    assert asked == [("accounts", [0], b"a*")]
    lookups.answered(askers[0])
    askers[0].lag(1000)  # whether it reads its answer does not matter
    lookups.go_on(1000)
    assert asked[1:] == [("accounts", [1], b"a*")]
    askers[1].state = GONE
    lookups.go_on(1000)
    assert asked[2:] == [("accounts", [2], b"a*"), ("recall", [9], None, 100)]  # which is none


# ---- in a worker


def talk_of_history(house, messages=1000):
    speaker = house.member(b"speaker")
    for number in range(messages):
        speaker.send(b"MSG %d %b\n" % (number, b"x" * 200))
        if number % 50 == 49:
            house.settle(2)
    house.settle()
    speaker.close()
    house.settle()


def test_a_history_that_everybody_asks_for_at_once_is_rendered_once_and_costs_its_size_once(open_house, monkeypatch):
    house = open_house(messages_per_second=0)
    talk_of_history(house)
    members = [house.member(b"m%d" % number) for number in range(60)]
    for member in members:
        member.heard()
    rendered, hearers = [], next(iter(house.worker.admission.connections.values())).audience
    encode = hearers._encode
    monkeypatch.setattr(hearers, "_encode", lambda happening, me: rendered.append(type(happening).__name__) or encode(
        happening, me))
    backlogs = []
    for member in members:
        member.send(b"HISTORY 1000\n")
    heard = [b""] * len(members)
    for _ in range(60):
        house.settle(1)
        backlogs.append(house.hub.streams[1].down.backlog_size)
        heard = [before + member.heard() for before, member in zip(heard, members)]
    assert rendered.count("Recalled") == 1
    assert max(backlogs) < 1 << 20
    assert len(set(heard)) == 1 and heard[0].count(b"HIST ") == 1000 and heard[0].endswith(b" complete\n")


@pytest.mark.slow
def test_different_histories_that_everybody_asks_for_at_once_are_read_one_after_the_other(open_house):
    house = open_house(messages_per_second=0)
    talk_of_history(house)
    members = [house.member(b"m%d" % number) for number in range(60)]
    for number, member in enumerate(members):
        member.heard()
        member.send(b"HISTORY SINCE %d\n" % (number + 1))
    heard, backlogs = [b""] * len(members), []
    for _ in range(400):
        house.settle(1)
        backlogs.append(house.hub.streams[1].down.backlog_size)
        heard = [before + member.heard() for before, member in zip(heard, members)]
    assert [text.count(b"HIST ") for text in heard] == [999 - number for number in range(60)]
    assert max(backlogs) < 4 << 20
    assert house.hub.failed == {}


def delimited(command, *items):
    data = b"|||".join(items)
    return bytes([0, command]) + len(data).to_bytes(40, "big") + data


def dollar(**fields):
    data = repr(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


LISTS = {"line": b"WHO\n", "binary": b"\1" + (203).to_bytes(4, "big") + bytes(22), "delimited": delimited(1),
         "dollar": dollar(purpose="poll")}
LIST_EVENTS = {"line": "Present", "binary": "Present", "delimited": "Known", "dollar": "News"}


def enter(house, protocol, name):
    peer = house.connect(protocol=protocol)
    peer.send({"line": b"LOGIN %b\n" % name, "delimited": delimited(5, name),
               "binary": b"\1" + (200).to_bytes(4, "big") + bytes(4) + len(name).to_bytes(4, "big") + bytes(14) + name,
               "dollar": dollar(purpose="login", username=name.decode(), password="")}[protocol])
    house.settle()
    peer.heard()
    return peer


@pytest.mark.parametrize("protocol", sorted(LISTS))
def test_a_list_is_rendered_once_for_each_change(open_house, store, monkeypatch, protocol):
    memory = Accounts(store)
    for name in (b"ann", b"bob"):
        memory.begin_with(name, (name,))
    house = open_house(memory=memory, messages_per_second=0)
    askers = [enter(house, protocol, name) for name in (b"ann", b"bob")]
    rendered, hearers = [], next(iter(house.worker.admission.connections.values())).audience
    encode = hearers._encode
    monkeypatch.setattr(hearers, "_encode", lambda happening, me: rendered.append(type(happening).__name__) or encode(
        happening, me))
    for times in (1, 2):
        for _ in range(3):
            for asker in askers:
                asker.send(LISTS[protocol])
            house.settle()
        assert rendered.count(LIST_EVENTS[protocol]) == times
        house.member(b"newcomer%d" % times)
    assert all(asker.heard() for asker in askers)


def test_long_answers_are_paid_for(open_house):
    house = open_house()
    talk_of_history(house)
    house.wait(BURST)  # or there would be no burst for who comes from the speaker's address
    ann = house.member(b"ann")
    for _ in range(30):
        ann.send(b"HISTORY 1000\n")
        house.settle(10)
        ann.heard()
    assert house.worker._report()["held"] == 1
    assert house.worker._report()["messages"] < 1000 + 30


@pytest.mark.slow
def test_a_pattern_is_paid_for_by_the_names_it_is_held_against(open_house, store):
    memory = Accounts(store)
    for number in range(5000):
        name = b"n%d" % number
        memory.begin_with(name, (name,))
    house = open_house(memory=memory)
    stranger = house.connect(protocol="delimited")
    stranger.send(delimited(1, b"nobody*") * 100)
    for _ in range(40):
        house.settle()
        house.clock.now += 5000 * PATTERN_PAUSE
    assert 20 <= stranger.heard().count(b"\0\7") <= 30  # 1000 messages' worth, at 5000 / 128 each


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_what_is_said_to_share_an_answer_reads_the_same_for_everybody(protocol):
    from parley.server.protocols import events
    module = PROTOCOLS[protocol]
    samples = {
        events.Present: events.Present([b"ann", b"bob"]), events.Known: events.Known([b"ann", b"bob"]),
        events.News: events.News([(b"ann", True), (b"bob", False)]),
        events.Recalled: events.Recalled([(1, b"ann", b"hi", 5), (2, b"bob", b"ho", 6)], 2, False)}
    for kind in module.TRAITS.shared_answers:
        for encode in module.FORMS.values():
            assert encode(samples[kind], b"ann") == encode(samples[kind], b"bob") == encode(samples[kind], None)
