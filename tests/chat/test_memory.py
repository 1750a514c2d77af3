"""Accounts: whose name is whose, how much is kept for whom, and what the store is told of it."""
import pytest

from server.chat import memory as memory_module
from server.chat.memory import Account, Memory
from server.chat.names import claims


@pytest.fixture
def memory(store):
    return Memory(store)


def open_account(memory, name, secret=None, then=None):
    memory.open(name, tuple(claims(name)), secret, then)


def close(memory, name):
    memory.close(name, lambda stored, gone: None)


def keep(memory, name, text=b"x"):
    """As the register does: is there room, and was it stored?"""
    told = [memory.has_room(name, text)]
    if told[0]:
        memory.keep(name, b"bob", text, told.append)
    return all(told)


def test_accounts_are_in_the_order_of_their_creation(memory, store):
    for name in (b"zoe", b"ann", b"bob"):
        open_account(memory, name)
    close(memory, b"ann")
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


def test_the_owners_of_a_name_are_the_accounts_too_much_like_it(memory):
    open_account(memory, b"ian")
    open_account(memory, b"lan")
    assert memory.owners(claims(b"ian")) == {b"ian"}
    assert memory.owners(claims(b"IAN")) == {b"ian", b"lan"}
    assert memory.owners(claims(b"bob")) == set()
    close(memory, b"ian")
    assert memory.owners(claims(b"IAN")) == {b"lan"}


def test_an_account_that_is_in_the_store_already_is_known_without_a_word_to_it(memory, store):
    store.late = True
    memory.know(b"ann", Account(claims(b"ann"), "hashed", 2, 9))
    assert list(memory.accounts) == [b"ann"]
    assert memory.owners(claims(b"ANN")) == {b"ann"}
    assert store.asked() == []


def test_whoever_opens_an_account_is_told_once_it_is_stored(memory, store):
    told, store.late = [], True
    open_account(memory, b"ann", None, told.append)
    assert (list(memory.accounts), told) == ([b"ann"], [])
    store.answer()
    assert (list(memory.accounts), told) == ([b"ann"], [True])


def test_an_account_that_cannot_be_stored_is_none(memory, store):
    told, store.late = [], True
    open_account(memory, b"ann", None, told.append)
    store.answer(stored=False)
    assert (list(memory.accounts), told) == ([], [None])
    assert memory.owners(claims(b"ann")) == set()
    open_account(memory, b"ann")
    store.answer()
    assert list(memory.accounts) == [b"ann"]


# ---- what is kept


def test_no_more_is_kept_than_the_most(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_KEPT_MESSAGES", 3)
    open_account(memory, b"ann")
    assert [keep(memory, b"ann") for _ in range(5)] == [True, True, True, False, False]
    memory.taken(b"ann", 3, 3, 3)
    assert keep(memory, b"ann")


def test_no_more_bytes_are_kept_than_the_most(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_KEPT_BYTES", 5)
    open_account(memory, b"ann")
    assert [keep(memory, b"ann", text) for text in (b"one", b"two", b"45")] == [True, False, True]


def test_no_more_is_kept_for_all_than_the_most(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_KEPT", 2)
    for name in (b"ann", b"bob"):
        open_account(memory, name)
    assert [keep(memory, name) for name in (b"ann", b"bob", b"bob")] == [True, True, False]
    close(memory, b"ann")
    assert keep(memory, b"bob")


def test_what_was_kept_by_the_server_before_counts(memory, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_KEPT_MESSAGES", 3)
    monkeypatch.setattr(memory_module, "MOST_KEPT", 11)
    memory.know(b"ann", Account(claims(b"ann"), None, 2, 9))
    open_account(memory, b"bob")
    assert [keep(memory, b"ann"), keep(memory, b"ann")] == [True, False]  # too many
    assert [keep(memory, b"bob"), keep(memory, b"bob")] == [True, False]  # too much for all


def test_what_is_not_stored_yet_counts_and_what_cannot_be_stored_does_not(memory, store, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_KEPT_MESSAGES", 1)
    open_account(memory, b"ann")
    told, store.late = [], True
    memory.keep(b"ann", b"bob", b"x", told.append)
    assert (memory.has_room(b"ann", b"x"), told) == (False, [])
    store.answer(stored=False)
    assert (memory.has_room(b"ann", b"x"), told) == (True, [None])


@pytest.mark.parametrize("stored", [True, False])
def test_what_is_stored_for_an_account_that_is_gone_meanwhile_counts_for_nobody(memory, store, stored):
    open_account(memory, b"ann")
    store.late = True
    memory.keep(b"ann", b"bob", b"x", lambda stored: None)
    close(memory, b"ann")
    store.answer(stored)
    memory.taken(b"ann", 1, 1, 1)
    open_account(memory, b"ann")
    assert (memory.accounts[b"ann"].kept, memory.accounts[b"ann"].size) == (0, 0)


def test_a_closed_account_leaves_nothing_behind(memory, store):
    for name in (b"ann", b"bob"):
        open_account(memory, name)
    keep(memory, b"ann")
    close(memory, b"ann")
    assert list(memory.accounts) == [b"bob"]
    assert memory.owners(claims(b"ann")) == set()
    open_account(memory, b"ann")
    assert memory.accounts[b"ann"].kept == 0
    assert store.store.kept(b"ann") == []


@pytest.mark.parametrize("stored", [True, False])
def test_an_account_is_gone_once_that_is_stored_and_else_stays_as_it_was(memory, store, stored):
    told = []
    open_account(memory, b"ann", "secret")
    account, store.late = memory.accounts[b"ann"], True
    memory.close(b"ann", lambda *answer: told.append(answer))
    assert (memory.accounts[b"ann"], memory.is_closing(b"ann"), told) == (account, True, [])
    assert not memory.has_room(b"ann", b"x")
    store.answer(stored)
    assert memory.is_closing(b"ann") is False
    assert told == ([(True, True)] if stored else [(None, False)])
    assert memory.accounts == ({} if stored else {b"ann": account})
    assert memory.owners(claims(b"ann")) == (set() if stored else {b"ann"})


def test_an_account_that_is_deleted_twice_is_gone_once(memory, store):
    told = []
    open_account(memory, b"ann")
    store.late = True
    for _ in range(2):
        memory.close(b"ann", lambda *answer: told.append(answer))
    store.answer()
    assert told == [(True, True), (True, False)]
    store.late = False
    open_account(memory, b"ann")
    assert list(memory.accounts) == [b"ann"]
