"""Accounts: whose name is whose, how much is kept for whom, and what the store is told of it."""
import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registered import Settling

from parley.server.chat import accounts as accounts_module
from parley.server.chat.accounts import DAY, SHARE_SIZE, Account, Accounts, kept_size
from parley.server.chat.names import claims
from parley.server.ipc.messages import name_of
from parley.server.storage.memory import Store

NOW = 1600000000  # seconds since the epoch


def accounts_of(store, clock=lambda: NOW, **limits):
    accounts = Accounts(store, **limits)
    accounts.order = Settling(accounts, clock)
    return accounts


@pytest.fixture
def memory(store):
    return accounts_of(store)


def open_account(memory, name, secret=None):
    memory.open(name, tuple(claims(name)), secret)


def told(memory, name):
    """What came of the store's answers of this name."""
    return [(answer, result) for kind, answer, result in memory.order.told if kind == name]


def keep(memory, name, text=b"x", source="192.0.2.1", sender=b"bob"):
    """As the register does: is there room, and was it stored?"""
    if not memory.has_room(name, sender, text, source):
        return False
    before = len(told(memory, "kept"))
    memory.keep(name, sender, text, source, 1)
    return all(answer for answer, _ in told(memory, "kept")[before:])


def fill(memory, name, text=b"x", source="192.0.2.1", sender=b"bob"):
    """Keep as many as there is room for; how many that were."""
    for number in range(100000):
        if not keep(memory, name, text, source, sender):
            return number
    raise AssertionError("there is no end to it")


def all_shares(memory):
    """The totals that bounds are measured by, counted anew."""
    sizes = [(source, share.size + SHARE_SIZE) for account in memory.accounts.values()
             for source, share in (account.shares or {}).items()]
    of_sources = collections.Counter()
    for source, size in sizes:
        of_sources[source] += size
    return sum(of_sources.values()), dict(of_sources)


def check_books(memory):
    """What is counted is the sum of its parts, and is what the store has."""
    assert (memory._size, memory._of_sources) == all_shares(memory)
    for account in memory.accounts.values():
        shares = account.shares or {}
        assert account.kept == sum(share.messages for share in shares.values())
        assert account.size == sum(share.size + SHARE_SIZE for share in shares.values())
        assert all(0 <= share.pending_messages <= share.messages != 0 for share in shares.values())


def test_accounts_are_in_the_order_of_their_creation(memory, store):
    for name in (b"zoe", b"ann", b"bob"):
        open_account(memory, name)
    memory.close(b"ann")
    open_account(memory, b"ann")
    assert list(memory.accounts) == [row[0] for row in store.store.accounts()] == [b"zoe", b"bob", b"ann"]


def test_an_account_has_a_secret_or_none(memory, store):
    open_account(memory, b"ann")
    open_account(memory, b"bob", "hashed")
    assert (memory.accounts[b"ann"].secret, memory.accounts[b"bob"].secret) == (None, "hashed")
    memory.protect(b"ann", "new")
    assert memory.accounts[b"ann"].secret == "new"
    assert [row[:2] for row in store.store.accounts()] == [(b"ann", "new"), (b"bob", "hashed")]


@pytest.mark.parametrize("before", [None, "hashed"])
def test_an_accounts_secret_can_be_set_and_changed(memory, before):
    open_account(memory, b"ann", before)
    account = memory.accounts[b"ann"]
    memory.protect(b"ann", "another")
    assert memory.accounts[b"ann"] is account
    assert account.secret == "another"


def test_an_account_has_the_latest_list_of_its_devices(memory):
    for name in (b"ann", b"bob"):
        open_account(memory, name)
    list_of_ann = b"\1" + bytes([0, 0, 0, 7, 3]) + b"ann" + bytes([0, 1]) + bytes(130 + 64)
    memory.know_devices(b"ann", list_of_ann)
    assert (memory.accounts[b"ann"].devices, memory.accounts[b"ann"].list_number) == (list_of_ann, 7)
    serial = memory.accounts[b"ann"].serial
    for name, before in ((b"ann", 7), (b"bob", 0)):
        memory.accounts[name].list_number = 8  # as `publish` has noted
        assert not memory.settle_published(name, memory.accounts[name].serial, 8, b"not stored", None)
        assert memory.accounts[name].list_number == before  # so it may be tried again
    memory.accounts[b"ann"].list_number = 9  # another one is on its way
    assert not memory.settle_published(b"ann", serial, 8, b"not stored", None)
    assert memory.accounts[b"ann"].list_number == 9
    assert not memory.settle_published(b"ann", serial + 5, 8, b"of another", True)
    assert memory.accounts[b"ann"].devices == list_of_ann
    assert memory.settle_published(b"ann", serial, 8, b"newer", True)
    assert (memory.accounts[b"ann"].devices, memory.accounts[b"bob"].devices) == (b"newer", b"")


def test_the_owners_of_a_name_are_the_accounts_too_much_like_it(memory):
    open_account(memory, b"ian")
    open_account(memory, b"lan")
    assert memory.owners(claims(b"ian")) == {b"ian"}
    assert memory.owners(claims(b"IAN")) == {b"ian", b"lan"}
    assert memory.owners(claims(b"bob")) == set()
    memory.close(b"ian")
    assert memory.owners(claims(b"IAN")) == {b"lan"}


def test_an_account_that_is_in_the_store_already_is_known_without_a_word_to_it(memory, store):
    store.late = True
    memory.know(b"ann", Account(claims(b"ann"), "hashed"))
    memory.know_box(b"ann", [("192.0.2.1", 2, 9)], 1600000000)
    assert list(memory.accounts) == [b"ann"]
    assert memory.owners(claims(b"ANN")) == {b"ann"}
    assert store.asked() == []


def test_whoever_opens_an_account_is_told_once_it_is_stored(memory, store):
    store.late = True
    open_account(memory, b"ann")
    assert (list(memory.accounts), told(memory, "opened")) == ([b"ann"], [])
    store.answer()
    assert (list(memory.accounts), told(memory, "opened")) == ([b"ann"], [(True, None)])


def test_an_account_that_cannot_be_stored_is_none(memory, store):
    store.late = True
    open_account(memory, b"ann")
    store.answer(stored=False)
    assert (list(memory.accounts), told(memory, "opened")) == ([], [(None, None)])
    assert memory.owners(claims(b"ann")) == set()
    open_account(memory, b"ann")
    store.answer()
    assert list(memory.accounts) == [b"ann"]


# ---- what is kept


def test_an_address_fills_half_of_a_box_and_the_next_one_half_of_the_rest(memory):
    open_account(memory, b"ann")
    left = accounts_module.MOST_OF_BOX
    for number in range(5):
        kept = fill(memory, b"ann", source="192.0.2.%d" % number)
        assert kept == (left // 2 - SHARE_SIZE) // kept_size(b"bob", b"x")
        left -= SHARE_SIZE + kept * kept_size(b"bob", b"x")
        assert memory.accounts[b"ann"].size == accounts_module.MOST_OF_BOX - left
    check_books(memory)


def test_another_name_makes_nobodys_share_larger(memory):
    open_account(memory, b"ann")
    fill(memory, b"ann")
    assert not any(keep(memory, b"ann", sender=b"b%02d" % number) for number in range(10))
    assert keep(memory, b"ann", source="192.0.2.2", sender=b"bob")


def test_an_address_fills_half_of_all_boxes_and_others_have_room_in_the_rest(store):
    memory = accounts_of(store, most_of_boxes=400000)
    names = [b"ann", b"bob", b"cid", b"dan"]
    for name in names:
        open_account(memory, name)
    one = [fill(memory, name, b"x" * 1000) for name in names]
    assert one[0] > 50 and one[-1] == 0  # all boxes were full before each of them was
    assert [keep(memory, name, source="192.0.2.2") for name in names] == [True] * 4
    assert memory._size < 400000
    check_books(memory)


def test_what_takes_more_than_half_of_a_box_is_not_kept(memory):
    open_account(memory, b"ann")
    assert keep(memory, b"ann", b"x" * (accounts_module.MOST_OF_BOX // 2 - 2 * SHARE_SIZE))
    open_account(memory, b"bob")
    assert not keep(memory, b"bob", b"x" * (accounts_module.MOST_OF_BOX // 2))


def test_what_was_taken_makes_room(memory, store):
    open_account(memory, b"ann")
    number = fill(memory, b"ann", b"x" * 1000)
    store.late = True
    memory.taken(b"ann", 2)
    assert not keep(memory, b"ann", b"x" * 1000)  # it is not known yet that it is gone
    store.answer()
    store.late = False
    assert (fill(memory, b"ann", b"x" * 1000), memory.accounts[b"ann"].kept) == (2, number)
    memory.taken(b"ann", 1 << 40)
    assert (memory._size, memory._of_sources, memory.accounts[b"ann"].shares) == (0, {}, None)


def test_what_was_kept_by_the_server_before_counts_for_the_address_that_it_came_from(memory):
    memory.know(b"ann", Account(claims(b"ann"), None))
    memory.know_box(b"ann", [("192.0.2.1", 9, accounts_module.MOST_OF_BOX // 2 - SHARE_SIZE), ("192.0.2.2", 2, 900)], 0)
    assert [keep(memory, b"ann", source="192.0.2.%d" % last) for last in (1, 2)] == [False, True]
    assert memory.accounts[b"ann"].kept == 12


def test_what_is_not_stored_yet_counts_and_what_cannot_be_stored_does_not(memory, store):
    open_account(memory, b"ann")
    text, store.late = b"x" * (accounts_module.MOST_OF_BOX // 2 - 2 * SHARE_SIZE), True
    memory.keep(b"ann", b"bob", text, "192.0.2.1", 1)
    assert (memory.has_room(b"ann", b"bob", text, "192.0.2.1"), told(memory, "kept")) == (False, [])
    store.answer(stored=False)
    assert (memory.has_room(b"ann", b"bob", text, "192.0.2.1"), told(memory, "kept")) == (True, [(None, None)])
    assert memory.accounts[b"ann"].shares is None


def test_what_is_on_its_way_to_the_store_counts_on_when_a_box_is_looked_into(memory, store):
    open_account(memory, b"ann")
    keep(memory, b"ann", b"one")
    store.late = True
    memory.taken(b"ann", 1)
    memory.keep(b"ann", b"bob", b"two", "192.0.2.1", 1)
    memory.keep(b"ann", b"bob", b"three", "192.0.2.2", 1)
    memory.reserve(b"ann", b"bob", b"four", "192.0.2.3")
    assert memory.accounts[b"ann"].kept == 4
    store.answer_next(2)  # taken, and what is left then
    assert memory.accounts[b"ann"].kept == 3
    check_books(memory)
    store.answer()
    assert memory.accounts[b"ann"].kept == 3
    assert [text for _, _, text, _ in store.store.kept(b"ann")] == [b"two", b"three"]
    check_books(memory)


def test_where_the_store_has_less_than_was_counted_it_is_right(memory, store):
    """A damaged message, for one, is never delivered."""
    open_account(memory, b"ann")
    for text in (b"one", b"two"):
        keep(memory, b"ann", text)
    store.store.taken(b"ann", 1)
    memory.taken(b"ann", 0)
    assert memory.accounts[b"ann"].kept == 1
    check_books(memory)


def test_room_is_held_for_what_may_have_to_be_kept(memory, store):
    open_account(memory, b"ann")
    text = b"x" * (accounts_module.MOST_OF_BOX // 2 - 2 * SHARE_SIZE)
    arguments = b"bob", text, "192.0.2.1"
    held = memory.reserve(b"ann", *arguments)
    assert memory.reserve(b"ann", *arguments) is None
    memory.forgo(held)
    assert (memory.accounts[b"ann"].shares, store.store.kept(b"ann")) == (None, [])
    memory.keep_missed(memory.reserve(b"ann", *arguments))
    assert (memory.accounts[b"ann"].kept, len(store.store.kept(b"ann"))) == (1, 1)
    check_books(memory)


@pytest.mark.parametrize("settle", ["forgo", "keep_missed"])
@pytest.mark.parametrize("made_anew", [True, False])
def test_what_room_was_held_for_is_not_kept_for_a_later_account_of_that_name(memory, store, settle, made_anew):
    open_account(memory, b"ann")
    arguments = b"bob", b"hi", "192.0.2.1"
    held = memory.reserve(b"ann", *arguments)
    memory.close(b"ann")
    if made_anew:
        open_account(memory, b"ann")
    getattr(memory, settle)(held)
    assert store.store.kept(b"ann") == []
    assert [account.kept for account in memory.accounts.values()] == [0] * made_anew
    check_books(memory)


@pytest.mark.parametrize("settle", ["forgo", "keep_missed"])
@pytest.mark.parametrize("on_its_way", [True, False])
def test_what_room_was_held_for_is_not_taken_from_what_a_later_account_of_that_name_has(
        memory, store, settle, on_its_way):
    open_account(memory, b"ann")
    arguments = b"bob", b"hi", "192.0.2.1"
    held = memory.reserve(b"ann", *arguments)
    memory.close(b"ann")
    open_account(memory, b"ann")
    store.late = on_its_way
    assert keep(memory, b"ann")
    getattr(memory, settle)(held)
    share = memory.accounts[b"ann"].shares["192.0.2.1"]
    assert (share.messages, share.size) == (1, kept_size(b"bob", b"x"))
    assert (share.pending_messages, share.pending_size) == (on_its_way, on_its_way * share.size)
    store.answer()
    assert (share.messages, share.pending_messages, share.pending_size) == (1, 0, 0)
    assert len(store.store.kept(b"ann")) == 1
    check_books(memory)


def test_what_was_in_the_box_of_an_account_that_is_made_anew_meanwhile_is_not_counted():
    """Whatever the order in which a store answers."""
    asked = []

    class Store:
        def ask(self, then, request):
            asked.append((name_of(request), then))

    memory = accounts_of(Store())
    open_account(memory, b"ann")
    memory.taken(b"ann", 1)
    memory.close(b"ann")
    answers = dict(asked)
    answers["close_account"](True)
    open_account(memory, b"ann")
    answers["box"](([("192.0.2.1", 1, 100)], 1600000000))
    assert (memory.accounts[b"ann"].kept, memory.accounts[b"ann"].size) == (0, 0)
    check_books(memory)


# ---- for how long


@pytest.fixture
def clock():
    return Clock()


class Clock:
    def __init__(self):
        self.now = 1600000000.75

    def __call__(self):
        return self.now


@pytest.fixture
def forgetful(store, clock):
    """A memory that keeps messages for ten days, and its store has the same clock."""
    store.store = store._store = Store(clock)
    return accounts_of(store, clock, keep_days=10)


def test_what_has_been_kept_for_too_long_is_forgotten(forgetful, store, clock):
    for name in (b"ann", b"bob"):
        open_account(forgetful, name)
    for text in (b"one", b"two"):
        keep(forgetful, b"ann", text)
        clock.now += 6 * DAY
    forgetful.tidy()
    assert [text for _, _, text, _ in store.store.kept(b"ann")] == [b"two"]
    assert forgetful.accounts[b"ann"].kept == 1
    clock.now += 6 * DAY
    keep(forgetful, b"bob")
    forgetful.tidy()
    assert store.store.kept(b"ann") == []
    assert (forgetful.accounts[b"ann"].shares, forgetful.accounts[b"bob"].kept) == (None, 1)
    check_books(forgetful)


def test_nothing_is_forgotten_where_there_is_no_limit(store, clock):
    memory = accounts_of(store, clock)
    open_account(memory, b"ann")
    keep(memory, b"ann")
    clock.now += 10000 * DAY
    memory.tidy()
    memory.tidy(b"ann")
    assert memory.accounts[b"ann"].kept == 1


def test_boxes_are_looked_through_once_a_minute_and_some_at_a_time(forgetful, store, clock, monkeypatch):
    monkeypatch.setattr(accounts_module, "TIDIED_AT_ONCE", 2)
    names = [b"a%d" % number for number in range(5)]
    for name in names:
        open_account(forgetful, name)
        keep(forgetful, name)
    clock.now += 11 * DAY
    left = []
    for _ in range(4):
        forgetful.tidy()
        forgetful.tidy()  # too early
        clock.now += 1.5
        left.append(sum(forgetful.accounts[name].kept for name in names))
    assert left == [3, 1, 0, 0]
    keep(forgetful, names[0])
    store.store._kept[names[0]] = [(9, b"bob", b"x", 0, "192.0.2.1")]
    forgetful.accounts[names[0]].oldest = 0
    forgetful.tidy()
    assert forgetful.accounts[names[0]].kept == 1
    forgetful.tidy(names[0])  # whoever looks into a box finds nothing in it that is too old
    assert forgetful.accounts[names[0]].kept == 0


@pytest.mark.parametrize("step", [-1000 * DAY, 0, 61])
def test_a_clock_that_was_set_back_is_no_reason_to_look_no_more(forgetful, clock, step):
    open_account(forgetful, b"ann")
    keep(forgetful, b"ann")
    forgetful.tidy()
    clock.now += step
    forgetful.accounts[b"ann"].oldest = int(clock.now) - 11 * DAY
    forgetful.tidy()
    assert (forgetful.accounts[b"ann"].oldest > clock.now - 11 * DAY) == (step != 0)


def test_what_is_thrown_away_makes_room(memory, store):
    open_account(memory, b"ann")
    fill(memory, b"ann", b"x" * 9000)
    memory.empty(b"ann", 7)
    assert told(memory, "emptied") == [(True, None)]
    assert (store.store.kept(b"ann"), memory.accounts[b"ann"].shares) == ([], None)
    check_books(memory)


def test_the_store_is_told_once_a_day_that_an_account_is_in_use(forgetful, store, clock):
    open_account(forgetful, b"ann")
    store.late = True
    for name, seconds in ((b"ann", 1), (b"ann", 1), (b"nobody", DAY), (b"ann", 1), (b"ann", 1)):
        forgetful.use(name)
        clock.now += seconds
    assert store.asked() == ["use", "use"]
    store.answer()
    assert store.store.listed(b"", 9)[0][-1] == int(clock.now)


REQUESTS = st.lists(st.one_of(
    st.tuples(st.sampled_from(["keep", "reserve"]), st.sampled_from([b"ann", b"bob"]), st.integers(1, 3),
              st.sampled_from(["x", "y"])),
    st.tuples(st.sampled_from(["missed", "told"]), st.integers(0, 9)),
    st.tuples(st.just("taken"), st.sampled_from([b"ann", b"bob"]), st.integers(0, 20)),
    st.tuples(st.just("reopen"), st.sampled_from([b"ann", b"bob"])),
    st.tuples(st.just("empty"), st.sampled_from([b"ann", b"bob"])),
    st.tuples(st.just("answer"), st.integers(1, 5), st.booleans()),
), max_size=40)


def test_whatever_happens_in_whichever_order_the_books_are_right(answering_store):

    @given(REQUESTS)
    def property_(requests):
        store, held = answering_store(), []
        memory = accounts_of(store)
        for name in (b"ann", b"bob"):
            open_account(memory, name)
        store.late = True
        for request, *arguments in requests:
            if request in ("keep", "reserve") and arguments[0] in memory.accounts:
                name, size, source = arguments
                if request == "keep":
                    keep(memory, name, b"x" * size, source)
                else:
                    reserved = memory.reserve(name, b"cid", b"y" * size, source)
                    held += [reserved] if reserved else []
            elif request in ("missed", "told") and held:
                (memory.forgo if request == "told" else memory.keep_missed)(held.pop(arguments[0] % len(held)))
            elif request == "taken":
                memory.taken(*arguments)
            elif request == "reopen" and arguments[0] in memory.accounts:
                memory.close(arguments[0])
            elif request == "reopen":
                open_account(memory, arguments[0])
            elif request == "empty" and arguments[0] in memory.accounts:
                memory.empty(arguments[0], 7)
            elif request == "answer":
                store.answer_next(*arguments)
            check_books(memory)
        store.answer()
        for one in held:
            memory.forgo(one)
        for name in memory.accounts:
            memory.taken(name, 0)
        store.answer()
        check_books(memory)
        for name, account in memory.accounts.items():
            found = {source: (messages, size) for source, messages, size in store.store.box(name)[0]}
            assert {source: (share.messages, share.size) for source, share in (account.shares or {}).items()} == found

    property_()


@pytest.mark.parametrize("stored", [True, False])
def test_what_is_stored_for_an_account_that_is_gone_meanwhile_counts_for_nobody(memory, store, stored):
    open_account(memory, b"ann")
    store.late = True
    memory.keep(b"ann", b"bob", b"x", "192.0.2.1", 1)
    memory.close(b"ann")
    store.answer(stored)
    memory.taken(b"ann", 1)
    open_account(memory, b"ann")
    assert (memory.accounts[b"ann"].kept, memory.accounts[b"ann"].size) == (0, 0)


def test_a_closed_account_leaves_nothing_behind(memory, store):
    for name in (b"ann", b"bob"):
        open_account(memory, name)
    keep(memory, b"ann")
    memory.close(b"ann")
    assert list(memory.accounts) == [b"bob"]
    assert memory.owners(claims(b"ann")) == set()
    open_account(memory, b"ann")
    assert memory.accounts[b"ann"].kept == 0
    assert store.store.kept(b"ann") == []


@pytest.mark.parametrize("stored", [True, False])
def test_an_account_is_gone_once_that_is_stored_and_else_stays_as_it_was(memory, store, stored):
    open_account(memory, b"ann", "secret")
    account, store.late = memory.accounts[b"ann"], True
    memory.close(b"ann")
    assert (memory.accounts[b"ann"], memory.is_closing(b"ann"), told(memory, "closed")) == (account, True, [])
    assert not memory.has_room(b"ann", b"bob", b"x", "192.0.2.1")
    store.answer(stored)
    assert memory.is_closing(b"ann") is False
    assert told(memory, "closed") == ([(True, True)] if stored else [(None, False)])
    assert memory.accounts == ({} if stored else {b"ann": account})
    assert memory.owners(claims(b"ann")) == (set() if stored else {b"ann"})


def test_an_account_that_is_deleted_twice_is_gone_once(memory, store):
    open_account(memory, b"ann")
    store.late = True
    for _ in range(2):
        memory.close(b"ann")
    store.answer()
    assert told(memory, "closed") == [(True, True), (True, False)]
    store.late = False
    open_account(memory, b"ann")
    assert list(memory.accounts) == [b"ann"]
