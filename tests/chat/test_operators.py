"""What operators see of accounts and boxes, and do with them."""
import pytest
from registered import Registered

from parley.server.chat import operators as operators_module
from parley.server.chat.accounts import Accounts
from parley.server.chat.names import claims
from parley.server.chat.operators import Operators
from parley.server.chat.patience import Patience

NOW = 1600000000
ADDRESS = "192.0.2.1"
ODD = [None, 5, True, ["ann"], {"ann": 1}, "\ud800", "", "Ann", "x" * 4000]


class Door:
    """Nobody is there."""

    def leave(self, holder):
        pass


@pytest.fixture
def memory(store):
    return Accounts(store)


@pytest.fixture
def patience():
    return Patience(3, 1, lambda: 0.0)


@pytest.fixture
def register(post, memory, patience, store):
    return Registered(post, memory, Door(), patience, store, lambda: NOW)


@pytest.fixture
def ask(memory, register, store):
    """ask(request, argument=...) gives what has been answered."""
    requests = Operators(memory.accounts, store, register.remove, register.empty).requests()

    def put(request, **arguments):
        answers = []
        requests[request](answers.append, **arguments)
        return answers

    return put


@pytest.fixture
def accounts(memory):
    for name in ("zoe", "ann", "\u00e4nn"):
        memory.begin_with(name.encode(), tuple(claims(name.encode())), "secret" if name == "ann" else None)


def keep(memory, name, *texts):
    for text in texts:
        memory.order.now = NOW * 1000
        memory.keep(name, b"bob", text, ADDRESS, 1)


def test_accounts_are_told_in_pages(ask, memory, accounts, monkeypatch):
    keep(memory, b"zoe", b"one", b"2")
    monkeypatch.setattr(operators_module, "PAGE", 2)
    ann, zoe, another = (["ann", True, 0, 0, NOW, None], ["zoe", False, 2, 4, NOW, None],
                         ["\u00e4nn", False, 0, 0, NOW, None])
    assert ask("accounts") == [{"accounts": [ann, zoe], "more": True}]
    assert ask("accounts", after="zoe") == [{"accounts": [another], "more": False}]
    assert ask("accounts", after="\u00e4nn") == [{"accounts": [], "more": False}]


def test_a_box_is_told_in_pages_without_what_was_said(ask, memory, accounts, monkeypatch):
    keep(memory, b"zoe", b"one", b"2", b"three")
    monkeypatch.setattr(operators_module, "PAGE", 2)
    assert ask("box", name="zoe") == [
        {"messages": [[1, "bob", ADDRESS, NOW, 3], [2, "bob", ADDRESS, NOW, 1]], "more": True}]
    assert ask("box", name="zoe", after=2) == [{"messages": [[3, "bob", ADDRESS, NOW, 5]], "more": False}]
    assert ask("box", name="ann") == [{"messages": [], "more": False}]


@pytest.mark.parametrize("stored, answer", [(True, {"done": True}), (False, {"error": "it could not be stored"})])
def test_a_box_is_emptied_once_that_is_stored(ask, memory, store, accounts, stored, answer):
    keep(memory, b"zoe", b"one", b"2")
    store.late = True
    answers = ask("empty", name="zoe")
    assert answers == []
    store.answer(stored)
    assert answers == [answer]
    assert (memory.accounts[b"zoe"].kept, len(store.store.kept(b"zoe"))) == ((0, 0) if stored else (2, 2))


@pytest.mark.parametrize("stored, answer", [(True, {"done": True}), (False, {"error": "it could not be stored"})])
def test_an_account_is_deleted_once_that_is_stored_and_its_visitor_sent_away(
        ask, register, memory, post, store, accounts, stored, answer):
    register.claim_unproven(1, 5, b"zoe", tuple(claims(b"zoe")), "SignIn")
    post.drain()
    store.late = True
    answers = ask("delete", name="zoe")
    assert (answers, post.drain()) == ([], [])
    store.answer(stored)
    assert answers == [answer]
    gone = [("everyone", "account_closed", b"zoe"), ("worker", 1, "deleted", 5), ("everyone", "left", b"zoe")]
    assert post.drain() == (gone if stored else [])
    assert (b"zoe" in memory.accounts) is not stored


def test_the_visitor_of_an_account_made_anew_meanwhile_stays(ask, register, post, store, accounts):
    store.late = True
    answers = ask("delete", name="zoe")
    register.claim_unproven(1, 5, b"nobody", (b"nobody",), "Login")
    ask("delete", name="zoe")
    store.answer_next(1)
    register.create(2, 7, b"zoe", tuple(claims(b"zoe")), None, ADDRESS)
    store.answer()
    assert answers == [{"done": True}]
    assert [entry[1:] for entry in post.drain() if entry[0] == "everyone"] == [
        ("joined", 1, 5, b"nobody"), ("account_closed", b"zoe"), ("account_opened", b"zoe"), ("joined", 2, 7, b"zoe")]


def test_who_had_too_many_accounts_may_make_another_once_one_is_deleted(ask, register, patience, memory):
    register.create(1, 5, b"zoe", tuple(claims(b"zoe")), None, ADDRESS)
    assert not patience.may_open(ADDRESS)
    ask("delete", name="zoe")
    assert patience.may_open(ADDRESS)


@pytest.mark.parametrize("name", ODD, ids=lambda name: repr(name)[:20])
@pytest.mark.parametrize("request_", ["box", "empty", "delete"])
def test_what_is_no_account_is_said_to_be_none(ask, store, accounts, request_, name):
    ((answer,),) = [ask(request_, name=name)]
    assert list(answer) == ["error"] and "there is no account" in answer["error"]
    assert len(store.store.accounts()) == 3


@pytest.mark.parametrize("request_, arguments", [
    ("accounts", {"after": 5}), ("accounts", {"after": None}), ("accounts", {"after": "\ud800"}),
    ("box", {"name": "ann", "after": -1}), ("box", {"name": "ann", "after": "1"}),
    ("box", {"name": "ann", "after": True}), ("box", {"name": "ann", "after": 1 << 63}),
    ("box", {"name": "ann", "after": 1.5}),
])  # fmt: skip
def test_what_is_no_place_in_a_list_is_said_to_be_none(ask, accounts, request_, arguments):
    (answer,) = ask(request_, **arguments)
    assert list(answer) == ["error"] and "`after`" in answer["error"]


@pytest.mark.parametrize("request_, arguments", [("accounts", {}), ("box", {"name": "ann"})])
def test_what_cannot_be_read_is_said_to_be_so(ask, store, accounts, request_, arguments):
    store.late = True
    answers = ask(request_, **arguments)
    store.answer(stored=False)
    assert answers == [{"error": "it could not be read"}]
