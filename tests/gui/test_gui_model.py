"""What the desktop client knows, without a window."""
import socket

import pytest
from gui_servers import SECONDS, SERVERS, USERS, login_elsewhere, wait_until

from parley.client import Chat, Done, Recalled, Request, RoomRenamed, Said, Whispered, connect
from parley.client.gui.account import NewAccount, address_of
from parley.client.gui.conversation import FAILED, ROOM, UNSURE, Conversation, Message
from parley.client.gui.model import Model


def texts(conversation):
    return [message.text for message in conversation.messages]


@pytest.mark.parametrize("typed, address", [
    ("localhost", "dollar://localhost:8080"), (" chat.example:99 ", "dollar://chat.example:99"),
    ("[::1]:99", "dollar://[::1]:99"), ("dollar+tls://x", "dollar+tls://x:8080")])
def test_a_server_is_written_as_people_write_it(typed, address):
    assert str(address_of(typed)) == address


@pytest.mark.parametrize("typed", ["", " ", "a b", "host:port", "host:99999", "line://localhost", "http://x"])
def test_what_is_no_server_is_said_in_a_sentence(typed):
    with pytest.raises(ValueError) as raised:
        address_of(typed)
    assert str(raised.value).endswith(".")
    assert "binary" not in str(raised.value)  # which the window cannot speak


def test_a_login_without_a_name_is_said_in_a_sentence():
    with pytest.raises(ValueError, match="name"):
        Model("localhost", " ", "x")


MERGES = [  # what is here, was the history here, what the server tells, what comes of it, what of it is new
    ("", False, "abc", "abc", "abc"),
    ("d", False, "abcd", "abcd", "abc"),
    ("abc", True, "abcde", "abcde", "de"),
    ("abf", True, "abcdf", "abcdf", "cd"),  # f came before the history did
    ("aab", True, "aabab", "aabab", "ab"),
    ("abc", True, "", "abc", ""),  # the server has forgotten
    ("abc", True, "x", "abcx", "x"),
    ("abc", True, "bcd", "abcd", "d"),  # it keeps only so much
    ("aXb", True, "abc", "abcX", "c"),  # X never arrived
]


@pytest.mark.parametrize("here, is_loaded, told, merged, new", MERGES)
def test_a_history_is_put_in_its_place(here, is_loaded, told, merged, new):
    conversation = Conversation("Bob")
    conversation.messages, conversation.is_loaded = [Message("Bob", text, 1) for text in here], is_loaded
    found = conversation.merge([Message("Bob", text, 2) for text in told])
    assert ("".join(texts(conversation)), "".join(message.text for message in found)) == (merged, new)


@pytest.mark.parametrize("seconds_ago, times", [(0, 1), (60, 2)])
def test_what_crosses_the_history_is_there_once(seconds_ago, times):
    conversation = Conversation("Bob")
    conversation.merge([Message("Bob", "hi", 1000 - seconds_ago, from_history=True)])
    heard = Message("Bob", "hi", 1000)
    assert (conversation.known(heard) is conversation.messages[0]) == (times == 1)
    assert conversation.known(heard) is None


class Somebody:
    """A model that is logged in, at a server."""

    def __init__(self, server, name):
        self.model = Model("%s:%d" % server.address, name, USERS[name])
        self.until(lambda model: model.is_welcome and len(model.online) >= len(USERS))

    def until(self, is_so):
        wait_until(lambda: is_so(self.model), self.model.tick)

    def open(self, partner):
        self.model.open_conversation(self.model.conversation(partner))
        self.until(lambda model: model.open.is_loaded)

    def has(self, partner, *said):
        self.until(lambda model: texts(model.conversation(partner))[-len(said):] == list(said))


@pytest.fixture
def somebody(server):
    """somebody(name): logged in, and out at the end."""
    models = []

    def log_in(name):
        one = Somebody(server, name)
        models.append(one.model)
        return one

    yield log_in
    for model in models:
        model.close(0.5)


def test_people_talk_and_see_what_is_unread_and_the_history(server, somebody):
    alice, bob = somebody("Alice"), somebody("Bob")
    assert [one.partner for one in bob.model.listing()] == [ROOM] * server.has_room + ["Alice", "Charlie"]
    alice.until(lambda model: model.online["Bob"])
    alice.open("Bob")
    for number in range(23):
        assert alice.model.say("%d" % number)
    bob.until(lambda model: model.unread == 23)
    bob.open("Alice")
    assert texts(bob.model.open) == ["%d" % number for number in range(23)]
    assert bob.model.unread == 0 and bob.model.open.first_unread.text == "0"
    alice.until(lambda model: {message.state for message in model.open.messages} == {""})
    bob.model.say("  'a' \"b\" \\ \n\u00e9\U0001f600\x1b\0")
    alice.has("Bob", "  'a' \"b\" \\ \n\u00e9\U0001f600\u241b\u2400")
    bob.model.close()
    alice.until(lambda model: not model.online["Bob"])


def test_what_nobody_looks_at_is_unread(server, somebody):
    alice, bob = somebody("Alice"), somebody("Bob")
    bob.open("Alice")
    bob.model.set_focus(False)
    alice.open("Bob")
    alice.model.say("psst")
    bob.until(lambda model: model.unread == 1)
    bob.model.set_focus(True)
    assert bob.model.unread == 0


def test_what_was_said_while_the_server_was_away_is_shown(server, somebody):
    alice, bob = somebody("Alice"), somebody("Bob")
    alice.open("Bob")
    alice.model.say("before")
    bob.open("Alice")
    bob.has("Alice", "before")
    server.stop()
    for one in (alice, bob):
        one.until(lambda model: "Trying again in" in model.connection)
    assert not bob.model.say("lost?") and bob.model.trouble
    server.start()
    url = "dollar://%s:%d" % server.address
    with connect(url, "Charlie", USERS["Charlie"]) as charlie:
        charlie.whisper("Bob", "from Charlie")
        assert charlie.finish(SECONDS)
    alice.until(lambda model: model.is_online)
    assert alice.model.say("meanwhile"), alice.model.trouble
    alice.until(lambda model: not model.open.messages[-1].state)
    bob.has("Alice", "before", "meanwhile")
    bob.has("Charlie", "from Charlie")
    assert (bob.model.conversation("Charlie").unread, bob.model.connection) == (1, "")


def leave(server, one):
    one.model.close()
    wait_until(lambda: not server.names)


def said_to_alice(server, *texts, sender="Bob"):
    for text in texts:
        server.say(sender, "Alice", text)


@pytest.fixture
def alice(marking):
    """Alice at a server that marks; said_to_alice() before is what she missed."""
    said_to_alice(marking, "long ago")
    leave(marking, Somebody(marking, "Alice"))  # without having read it
    said_to_alice(marking, "one", "two")
    said_to_alice(marking, "psst", sender="Charlie")
    alice = Somebody(marking, "Alice")
    yield alice
    alice.model.close(0)


def test_what_was_said_while_one_was_away_is_unread_until_it_is_looked_at(marking, alice):
    alice.until(lambda model: model.unread == 4)
    assert {one.partner: one.unread for one in alice.model.listing()} == {"Bob": 3, "Charlie": 1}
    alice.open("Bob")
    assert texts(alice.model.open) == ["long ago", "one", "two"] and alice.model.open.first_unread.text == "long ago"
    assert all(message.time for message in alice.model.open.messages)
    assert alice.model.unread == 1
    leave(marking, alice)
    again = Somebody(marking, "Alice")
    again.until(lambda model: model.unread == 1)
    again.model.close(0)


def test_only_what_was_unread_is_marked_as_new(marking, alice):
    alice.open("Bob")
    alice.model.say("mine")
    alice.until(lambda model: not model.open.messages[-1].state)
    leave(marking, alice)
    said_to_alice(marking, "three")
    again = Somebody(marking, "Alice")
    again.open("Bob")
    assert again.model.open.first_unread.text == "three"
    again.model.close(0)


def test_what_comes_before_the_history_is_unread_too(marking, alice):
    alice.until(lambda model: model.unread == 4)
    said_to_alice(marking, "three")
    alice.until(lambda model: model.unread == 5)
    alice.open("Bob")
    assert texts(alice.model.open) == ["long ago", "one", "two", "three"]
    assert alice.model.open.first_unread.text == "long ago" and alice.model.unread == 1


def test_what_was_said_before_and_after_a_break_is_counted_once(marking, alice):
    alice.until(lambda model: model.unread == 4)
    marking.stop()
    alice.until(lambda model: model.connection)
    said_to_alice(marking, "three")
    marking.start()
    alice.until(lambda model: model.is_online and all(
        model.conversation(name).is_loaded for name in ("Bob", "Charlie")))
    assert {one.partner: one.unread for one in alice.model.listing()} == {"Bob": 4, "Charlie": 1}
    alice.open("Bob")
    assert alice.model.open.first_unread.text == "long ago" and alice.model.unread == 1


def test_our_server_counts_what_one_has_missed(tmp_path):
    directory = tmp_path / "storage"
    directory.mkdir(mode=0o700)
    ours = SERVERS["ours"](directory)
    ours.start()
    try:
        with connect("dollar://%s:%d" % ours.address, "Bob", USERS["Bob"]) as bob:
            for text in ("one", "two"):
                bob.whisper("Alice", text)
            assert bob.finish(SECONDS)
            alice = Somebody(ours, "Alice")
            alice.until(lambda model: model.unread == 2)
            bob.whisper("Alice", "three")
            alice.until(lambda model: model.unread == 3)
            alice.open("Bob")
            assert texts(alice.model.open) == ["one", "two", "three"]
            assert alice.model.open.first_unread.text == "one" and alice.model.unread == 0
            alice.model.close()
        again = Somebody(ours, "Alice")
        assert again.model.unread == 0
        again.model.close(0)
    finally:
        ours.close()


def test_what_may_not_have_arrived_says_so_until_the_history_has_it(foreign):
    alice = Somebody(foreign, "Alice")
    try:
        alice.open("Bob")
        alice.has("Bob")
        # Said into a connection that ends: one text has arrived, the other has not.
        foreign.stop()
        assert alice.model.say("arrived") and alice.model.say("has not")
        alice.until(lambda model: [message.state for message in model.open.messages] == [UNSURE, UNSURE])
        foreign.start()
        foreign.say("Alice", "Bob", "arrived")
        alice.until(lambda model: [message.state for message in model.open.messages] == ["", UNSURE])
    finally:
        alice.model.close(0)


def test_what_is_refused_is_given_back(server, somebody):
    alice = somebody("Alice")
    alice.model.open = alice.model.conversation("nobody")
    assert alice.model.say("hello?")
    alice.until(lambda model: model.trouble)
    assert [message.state for message in alice.model.open.messages] == [FAILED]
    assert alice.model.open.draft == "hello?"


def test_a_text_that_is_too_long_is_not_sent(server, somebody):
    alice = somebody("Alice")
    alice.open("Bob")
    assert not alice.model.say("x" * 20000)
    assert "too long" in alice.model.trouble and not alice.model.open.messages


def why_not(server, name, password):
    model = Model(server, name, password)
    try:
        wait_until(lambda: model.why_given_up, model.tick)
        return model.why_given_up
    finally:
        model.close(0)


def test_a_wrong_password_and_a_taken_name_are_said_in_a_sentence(server, somebody):
    somebody("Alice")
    at = "%s:%d" % server.address
    assert "wrong" in why_not(at, "Bob", "no")
    assert "in use" in why_not(at, "Alice", USERS["Alice"])


def test_a_server_that_is_not_there_is_said_in_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        assert "refused" in why_not("127.0.0.1:%d" % taken.getsockname()[1], "Alice", "123")


@pytest.mark.parametrize("host", ["." * 300, "\0", "x" * 64])
def test_a_host_that_is_none_is_said_in_a_sentence(host):
    assert "host" in why_not(host, "Alice", "123")


def test_who_is_not_let_in_again_can_try_again(foreign):
    alice = Somebody(foreign, "Alice")
    try:
        alice.model._chat.DELAYS = (0.01,)
        foreign.stop()
        foreign.users = dict(USERS, Alice="another")
        foreign.start()
        alice.until(lambda model: model.why_given_up)
        assert "password is another" in alice.model.connection
        foreign.users = USERS
        alice.model.retry()
        alice.until(lambda model: model.is_online)
        assert not alice.model.connection
    finally:
        alice.model.close(0)


class Impatient(Chat):
    """A chat that comes back, or gives that up, in a moment."""

    DELAYS = (0.01,)


@pytest.mark.parametrize("protocol", ["line", "binary", "padded"])
def test_who_has_logged_in_elsewhere_is_not_driven_out_and_one_comes_back_by_hand(mixed, protocol):
    model = Model("%s:%d" % mixed["dollar"], "Alice", USERS["Alice"], connect=Impatient)
    try:
        wait_until(lambda: model.is_welcome, model.tick)
        with login_elsewhere(mixed, protocol, "Alice") as other:
            wait_until(lambda: model.why_given_up, model.tick)
            assert "logged in elsewhere" in model.connection and not model.is_online
            other.say("still here")
            assert other.finish(SECONDS) and other.me == "Alice"
        model.retry()
        wait_until(lambda: model.is_online, model.tick)
        assert not model.connection
    finally:
        model.close(0)


# ---- rooms


@pytest.fixture
def alice_and_bob(mixed):
    """Alice's model, and Bob's chat in `line`, who is in #dev."""
    with connect("line://%s:%d" % mixed["line"], "Bob", USERS["Bob"]) as bob:
        bob.join_room("#dev")
        bob.topic("#dev", "what for")
        assert bob.finish(SECONDS)
        model = Model("%s:%d" % mixed["dollar"], "Alice", USERS["Alice"])
        wait_until(lambda: model.has_room, model.tick)
        model.open_conversation(model.conversation(ROOM))
        yield model, bob
        model.close(0)


def typed(model, text):
    assert model.say(text), model.trouble


def told(model, partner):
    """(who, what) of each message."""
    return [(message.sender, message.text) for message in model.conversation(partner).messages]


def test_a_room_is_entered_spoken_in_and_left(alice_and_bob):
    model, bob = alice_and_bob
    typed(model, "/join #dev")
    wait_until(lambda: model.open.partner == "#dev" and model.open.topic, model.tick)
    assert model.open.topic == "what for"
    assert [one.partner for one in model.listing()][:2] == [ROOM, "#dev"]
    typed(model, "hi")
    bob.say("hello", "#dev")
    wait_until(lambda: ("Bob", "hello") in told(model, "#dev"), model.tick)
    wait_until(lambda: not any(message.state for message in model.open.messages), model.tick)
    bob.topic("#dev", "another")
    wait_until(lambda: model.open.topic == "another", model.tick)
    assert (None, "Bob set the topic: another.") in told(model, "#dev")
    typed(model, "/me waves")
    assert told(model, "#dev")[-1] == ("Alice", "* Alice waves")
    typed(model, "/who")
    wait_until(lambda: (None, "2 in #dev: Alice, Bob") in told(model, "#dev"), model.tick)
    typed(model, "/part")
    wait_until(lambda: model.open.partner is ROOM, model.tick)
    assert not model.inside and model.conversation("#dev") not in model.listing()


def test_what_is_said_in_a_room_that_is_not_open_is_unread(alice_and_bob):
    model, bob = alice_and_bob
    typed(model, "/join #dev")
    wait_until(lambda: model.open.partner == "#dev", model.tick)
    model.open_conversation(model.conversation(ROOM))
    bob.say("psst", "#dev")
    bob.kick("#dev", "Alice", "too quiet")
    wait_until(lambda: not model.inside, model.tick)
    assert (model.conversation("#dev").unread, model.conversation(ROOM).unread) == (1, 0)
    assert told(model, "#dev")[-2:] == [(None, "Bob kicked Alice: too quiet."), (None, "Alice left.")]
    model.open_conversation(model.conversation("#dev"))
    typed(model, "still?")
    wait_until(lambda: model.inside, model.tick)  # who speaks there enters


@pytest.mark.parametrize("is_loaded", [False, True])
def test_what_a_history_tells_just_before_it_is_heard_is_unread_once(is_loaded):
    model, told = Model("localhost", "Alice", "x"), Request("history", "#dev", None)
    if is_loaded:
        model._on_done(Done(told))
    model._on_recalled(Recalled("#dev", "Bob", "psst", 1000))
    model._on_done(Done(told))
    model._on_said(Said("Bob", "psst", 1000, "#dev"))
    room = model.conversation("#dev")
    assert (texts(room), room.unread, room.first_unread) == (["psst"], 1, room.messages[0])


def test_of_thousands_who_write_once_some_are_forgotten_and_no_conversation_with_more_in_it():
    model = Model("localhost", "Alice", "x")
    for sender in ("Bob", "Bob", *["u%d" % number for number in range(1000)]):
        model._on_whispered(Whispered(sender, "hi", 1000))
    names = [one.partner for one in model.listing()]
    assert {"Bob", "u999"} <= set(names) and len(names) <= 202


def test_a_room_goes_on_under_another_name_with_its_talk_its_draft_and_what_is_unread(alice_and_bob):
    model, bob = alice_and_bob
    typed(model, "/join #dev")
    wait_until(lambda: model.open.partner == "#dev", model.tick)
    model.open.draft = "half a sentence"
    room = model.open
    model.open_conversation(model.conversation(ROOM))
    bob.say("psst", "#dev")
    wait_until(lambda: room.unread, model.tick)
    model._on_room_renamed(RoomRenamed("#dev", "#new", "Bob renamed the room to #new"))
    assert model.conversation("#new") is room and (room.partner, room.draft, room.unread) == (
        "#new", "half a sentence", 1)
    assert told(model, "#new")[-2:] == [("Bob", "psst"), (None, "Bob renamed the room to #new.")]
    assert "#dev" not in model._conversations


def test_an_invitation_and_a_refusal_are_told(alice_and_bob):
    model, bob = alice_and_bob
    bob.set("#dev", "invite", "on")
    assert bob.finish(SECONDS)
    typed(model, "/join #dev")
    wait_until(lambda: model.trouble, model.tick)
    assert model.trouble == "You need an invitation to enter this room."
    bob.invite("#dev", "Alice")
    wait_until(lambda: (None, "[NOTICE] Bob invites you to #dev: /join #dev") in told(model, ROOM), model.tick)


@pytest.mark.parametrize("text, sentence", [
    ("/wat", "Unknown command /wat; /help shows them all, // is a slash."), ("/kick", "This is written /kick [#ROOM]"),
    ("/part", "Everybody is in the lobby."), ("/join dev", "The name of a room is one word that begins with #")])
def test_a_command_that_cannot_be_done_is_said_in_a_sentence(alice_and_bob, text, sentence):
    model, _ = alice_and_bob
    assert not model.say(text)
    assert model.trouble.startswith(sentence)


def test_two_slashes_are_one(alice_and_bob):
    model, _ = alice_and_bob
    typed(model, "//kick")
    assert told(model, ROOM)[-1] == ("Alice", "/kick")


def test_mentions_are_counted_until_they_are_seen_and_ring(alice_and_bob):
    model, bob = alice_and_bob
    room = model.conversation(ROOM)
    wait_until(lambda: room.is_loaded, model.tick)  # or the history may tell what is said next
    model.open_conversation(model.conversation("Bob"))
    bob.say("hello all")
    bob.say("hello, ALICE!")
    wait_until(lambda: room.unread == 2, model.tick)
    assert (room.mentions, model.rings) == (1, 1)
    model.open_conversation(room)
    assert (room.unread, room.mentions) == (0, 0)
    bob.say("Alice?")
    wait_until(lambda: model.rings == 2, model.tick)
    assert room.mentions == 0


def test_who_is_ignored_is_not_shown(alice_and_bob):
    model, bob = alice_and_bob
    typed(model, "/ignore Bob")
    bob.say("rude")
    bob.whisper("Alice", "rude")
    bob.topic("#dev", "x")
    assert bob.finish(SECONDS)
    typed(model, "/rooms")
    wait_until(lambda: any("#dev  1  x" in text for _, text in told(model, ROOM)), model.tick)
    assert not any(sender == "Bob" for partner in (ROOM, "Bob") for sender, _ in told(model, partner))


def made(account):
    wait_until(lambda: account.is_made or account.why_not, account.tick)
    account.close()
    return account.why_not


def test_an_account_is_made_and_used(mixed):
    server, port = "%s:%d" % mixed["dollar"], mixed["line"][1]
    assert made(NewAccount(server, "Dora", "s3cret", port=port)) == ""
    model = Model(server, "Dora", "s3cret")
    wait_until(lambda: model.is_welcome, model.tick)
    model.close()
    assert made(NewAccount(server, "Dora", "other", port=port)) != ""
    assert "one word" in made(NewAccount(server, "Dora", "two words", port=port))
    with pytest.raises(ValueError, match="password"):
        NewAccount(server, "Dora", "")


def test_where_no_account_can_be_made_that_is_said_in_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        assert made(NewAccount("127.0.0.1", "Dora", "x", port=taken.getsockname()[1])).endswith(
            "connection refused. (Accounts are made in `line`, there.)")
