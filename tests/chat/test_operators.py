"""What operators see of accounts and boxes, and do with them."""
import pytest
from registered import Registered
from roomed import BEGIN, HOST, Roomed

from parley.server.chat import operators as operators_module
from parley.server.chat.accounts import Accounts
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.names import claims
from parley.server.protocols.events import Reason

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
def throttle():
    return LoginThrottle(3, 1, lambda: 0.0)


@pytest.fixture
def register(post, memory, throttle, store):
    return Registered(post, memory, Door(), throttle, store, lambda: NOW)


@pytest.fixture
def ask(register):
    """ask(request, argument=...) gives what has been answered."""
    requests = register.operators.requests()

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


def test_who_had_too_many_accounts_may_make_another_once_one_is_deleted(ask, register, throttle, memory):
    register.create(1, 5, b"zoe", tuple(claims(b"zoe")), None, ADDRESS)
    assert not throttle.may_open(ADDRESS)
    ask("delete", name="zoe")
    assert throttle.may_open(ADDRESS)


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


# ---- rooms


@pytest.fixture
def roomed():
    """An operator, and a room of zoe's in which bob is."""
    roomed = Roomed(operators=[b"boss"])
    roomed.account(b"boss")
    roomed.owner(b"zoe", 2)
    roomed.make(b"zoe", b"bob")
    roomed.post.audited.clear()
    return roomed


@pytest.fixture
def order(roomed):
    """order(request, argument=...) gives what has been answered."""
    requests = roomed.register.operators.requests()

    def put(request, **arguments):
        answers = []
        requests[request](answers.append, **arguments)
        (answer,) = answers
        return answer

    return put


def managed(order, act, about="", room="#dev", text=""):
    return order("manage", room=room, act=act, about=about, text=text)


DONE = {"done": True}


def test_everybody_is_listed_with_worker_address_and_rooms(order, roomed, monkeypatch):
    roomed.come(b"ann", 3, "198.51.100.1")
    roomed.register.came_by(1, 90, b"#dev")
    bob, zoe, ann = (["bob", 1, HOST, ["#lobby", "#dev"]], ["zoe", 2, HOST, ["#lobby", "#dev"]],
                     ["ann", 3, "198.51.100.1", ["#lobby"]])
    assert order("who") == {"who": [ann, bob, zoe], "more": False}
    monkeypatch.setattr(operators_module, "PAGE", 2)
    assert order("who", after="ann") == {"who": [bob, zoe], "more": True}
    assert order("who", after="zoe") == {"who": [], "more": False}


def test_rooms_are_listed_with_owners_settings_and_topics(order, roomed, monkeypatch):
    for about, text in ((b"private", b"on"), (b"slow", b"5"), (b"key", b"hidden")):
        roomed.do(b"zoe", "set", about, text)
    roomed.do(b"zoe", "topic", text="\u00fcber".encode())
    roomed.do(b"zoe", "ban", b"eve")
    dev = ["#dev", 2, ["zoe"], 1, 0, ["private", "slow=5", "key"], "\u00fcber"]
    lobby = ["#lobby", 2, [], 0, 0, [], ""]
    assert order("rooms") == {"rooms": [dev, lobby], "more": False}
    monkeypatch.setattr(operators_module, "PAGE", 1)
    assert order("rooms", after="#dev") == {"rooms": [lobby], "more": True}


@pytest.mark.parametrize("request_", ["who", "rooms"])
@pytest.mark.parametrize("after", [None, 5, "\ud800"])
def test_what_is_no_name_to_begin_behind_is_said_to_be_none(order, request_, after):
    assert order(request_, after=after) == {"error": "`after` has to be text"}


def test_who_runs_the_server_is_not_in_the_room_and_may_do_everything(order, roomed):
    assert managed(order, "kick", "bob", text="too\nloud") == DONE
    worker, session = roomed.people[b"bob"]
    assert roomed.drain() == [
        ([1, 2], "managed", 1, "kick", b"server", b"bob", "too\u2424loud".encode(), [(worker, session)])]
    assert managed(order, "ban", "zoe") == DONE
    assert managed(order, "mute", "bob") == DONE
    assert (list(roomed.rooms.by_name[b"#dev"].banned), list(roomed.rooms.by_name[b"#dev"].muted)) == (
        [b"zoe"], [b"bob"])
    assert managed(order, "unban", "zoe") == managed(order, "unmute", "bob") == managed(order, "drop") == DONE
    assert list(roomed.rooms.by_name) == [b"#lobby"]


def test_without_a_room_it_is_about_the_lobby(order, roomed):
    worker, session = roomed.people[b"bob"]
    assert managed(order, "kick", "bob", "#lobby") == DONE
    assert ([worker], "evict", session, Reason.KICKED) in roomed.drain()
    assert managed(order, "ban", "192.0.2.9/24", "#lobby") == DONE
    assert ([2], "evict", roomed.people[b"zoe"][1], Reason.BANNED) in roomed.drain()
    assert roomed.come(b"new") == Reason.BANNED
    assert managed(order, "unban", "192.0.2.0/24", "#lobby") == DONE


@pytest.mark.parametrize("act, about, room, words", [
    ("kick", "bob", "#none", "there is no room #none"),
    ("kick", "nobody", "#dev", "nobody called nobody is here"),
    ("kick", "nobody", "#lobby", "nobody called nobody is here"),
    ("kick", "boss", "#dev", "boss is not in #dev"),
    ("kick", "boss", "#lobby", "boss is an operator; take the name out of `operators`"),
    ("unban", "bob", "#dev", "bob is not banned in #dev; these are: none"),
    ("unban", "bob", "#lobby", "bob is not banned in #lobby; these are: eve, 192.0.2.9"),
    ("unmute", "bob", "#dev", "bob is not muted in #dev; these are: none"),
    ("drop", "", "#lobby", "the lobby cannot be dropped"),
    ("drop", "", "#help", "#help has a port of its own"),
])  # fmt: skip
def test_what_cannot_be_done_is_said_in_words_and_changes_nothing(order, roomed, act, about, room, words):
    roomed.come(b"boss")
    roomed.entering.found([b"#help"])
    managed(order, "ban", "eve", "#lobby")
    managed(order, "ban", "192.0.2.9", "#lobby")
    roomed.drain()
    before = roomed.state()
    answer = managed(order, act, about, room)
    assert list(answer) == ["error"] and words in answer["error"] and "\n" not in answer["error"]
    assert (roomed.state(), roomed.drain()) == (before, [])


def test_a_list_that_is_full_is_said_to_be(order, roomed):
    roomed.gate.limits = dict(roomed.gate.limits, bans=1)
    managed(order, "ban", "eve")
    assert "the list of #dev is full" in managed(order, "ban", "mel")["error"]


def test_a_reason_that_is_too_long_is_said_to_be(order):
    assert "say it shorter" in managed(order, "ban", "eve", text="x" * 391)["error"]


def test_of_many_bans_an_error_tells_some(order, roomed):
    for number in range(30):
        managed(order, "ban", "eve%02d" % number)
    error = managed(order, "unban", "x")["error"]
    assert "eve19, ..." in error and "eve20" not in error


def test_what_could_not_be_stored_is_said_so(order, roomed):
    roomed.store.broken = True
    assert "could not be stored" in managed(order, "ban", "eve")["error"]


def test_who_runs_the_server_speaks_in_the_lobby_as_server(order, roomed):
    roomed.rooms.lobby.moderated = True
    assert order("say", text="hi\x1b there") == DONE
    assert roomed.drain() == [(None, "said", [(0, b"server", "hi\u241b there".encode(), BEGIN)])]
    assert "nothing to say" in order("say", text=" \u200b")["error"]
    assert roomed.drain() == []


def test_a_copy_is_made_by_the_store(order, store, ask):
    store.late = True
    answers = ask("backup", file="/copy")
    assert answers == []
    store.answer_next(1)
    assert answers == [{"error": "the server keeps nothing on a disk; start it with a storage"}]


@pytest.mark.parametrize("result, answer", [
    (True, DONE), ("/copy: No such file", {"error": "/copy: No such file"}),
    (None, {"error": "nothing can be stored; the log of the server says why"}),
])  # fmt: skip
def test_what_becomes_of_a_copy_is_told(order, roomed, result, answer):
    roomed.store.ask = lambda then, request: then(result if request == ("/copy",) else None)
    assert order("backup", file="/copy") == answer
    assert bool(roomed.post.audited) == (result is True)


def test_each_act_is_logged_with_who_did_it_and_no_other(order, roomed):
    roomed.come(b"boss")
    order("who")
    order("rooms")
    managed(order, "kick", "bob", text="why")
    managed(order, "kick", "bob")
    order("say", text="hello")
    order("passwd", name="new", secret="secret")
    order("delete", name="new")
    roomed.do(b"zoe", "topic", text=b"news")
    roomed.do(b"zoe", "set", b"key", b"hidden")
    roomed.do(b"boss", "mute", b"zoe", room=b"#lobby")
    roomed.do(b"zoe", "mute", b"boss", room=b"#lobby")
    zoe, boss = roomed.holder(b"zoe"), roomed.holder(b"boss")
    assert roomed.post.audited == [
        (b"server", 0, "kick", b"#dev", b"bob", b"why"), (b"server", 0, "say", b"#lobby", b"", b"hello"),
        (b"server", 0, "passwd", b"", b"new", b""), (b"server", 0, "delete", b"", b"new", b""),
        (b"zoe", zoe, "topic", b"#dev", b"", b"news"),
        (b"zoe", zoe, "set", b"#dev", b"key", b""), (b"boss", boss, "mute", b"#lobby", b"zoe", b"")]
