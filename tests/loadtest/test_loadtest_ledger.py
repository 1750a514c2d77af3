"""What the load test's ledger finds, and what it leaves alone."""
import pytest

from loadtest._ledger import LOBBY, Ledger, find_contradiction

ALL = ("ann", "bob", "cat")


@pytest.fixture
def ledger():
    ledger = Ledger("run")
    for name in ALL:
        arrive(ledger, name)
    return ledger


def arrive(ledger, name):
    ledger.arriving(name)
    ledger.arrived(name)


def say(ledger, sender, words="hi", target=LOBBY):
    return ledger.write(sender, target, words, 0.5)


def hear(ledger, name, *messages):
    for message in messages:
        ledger.hear(name, "MSG" if message.target is LOBBY else "DM", message.sender, message.body)


def kinds(ledger):
    return [finding.kind for finding in ledger.verdict()]


def test_a_message_everybody_heard_is_right(ledger):
    message = say(ledger, "ann")
    hear(ledger, "bob", message)
    assert not ledger.complete()
    hear(ledger, "cat", message)
    assert ledger.complete()
    assert ledger.deliveries == 2
    assert ledger.verdict() == []


def test_a_message_carries_sender_number_and_time(ledger):
    assert say(ledger, "ann", "a  b").body == "run:0:500000 a  b"
    assert say(ledger, "bob").body == "run:1:500000 hi"


def test_a_lost_message_is_found(ledger):
    hear(ledger, "bob", say(ledger, "ann"))
    assert not ledger.complete()
    assert kinds(ledger) == ["lost"]
    assert "cat never heard it" in ledger.verdict()[0].text


def test_a_lost_direct_message_is_found(ledger):
    message = say(ledger, "ann", target="bob")
    assert [(finding.kind, finding.message) for finding in ledger.verdict()] == [("lost", message)]


def test_a_doubled_message_is_found(ledger):
    message = say(ledger, "ann", target="bob")
    hear(ledger, "bob", message, message)
    assert kinds(ledger) == ["doubled"]


def test_two_messages_of_one_sender_in_the_wrong_order_are_found(ledger):
    first, second = say(ledger, "ann", target="bob"), say(ledger, "ann", target="bob")
    hear(ledger, "bob", second, first)
    assert kinds(ledger) == ["reordered"]


def test_a_direct_message_keeps_its_place_among_what_its_sender_said_to_all():
    ledger = Ledger("run")
    arrive(ledger, "ann"), arrive(ledger, "bob")
    first, second = say(ledger, "ann"), say(ledger, "ann", target="bob")
    hear(ledger, "bob", second, first)
    assert kinds(ledger) == ["reordered"]


def test_two_receivers_who_contradict_each_other_are_found(ledger):
    arrive(ledger, "dan")
    first, second = say(ledger, "ann"), say(ledger, "bob")
    hear(ledger, "ann", second), hear(ledger, "bob", first)
    hear(ledger, "cat", first, second), hear(ledger, "dan", second, first)
    assert kinds(ledger) == ["contradicted"]
    assert "cat heard message 0 before 1, dan heard them the other way round" in ledger.verdict()[0].text


@pytest.mark.parametrize(
    "kind, sender, body",
    [
        ("MSG", "ann", "run:0:500000 Hi"),
        ("MSG", "bob", "run:0:500000 hi"),
        ("DM", "ann", "run:0:500000 hi"),
        ("MSG", "ann", "run:7:500000 hi"),
        ("MSG", "ann", "something else"),
    ],
    ids=["text", "sender", "kind", "number", "mark"],
)
def test_an_altered_message_is_found(ledger, kind, sender, body):
    message = say(ledger, "ann")
    hear(ledger, "bob", message)
    ledger.hear("cat", kind, sender, body)
    assert "altered" in kinds(ledger)


def test_an_echo_to_the_sender_is_found(ledger):
    message = say(ledger, "ann")
    for name in ALL:
        hear(ledger, name, message)
    assert kinds(ledger) == ["misdelivered"]


def test_a_direct_message_in_the_wrong_hands_is_found(ledger):
    message = say(ledger, "ann", target="bob")
    hear(ledger, "bob", message), hear(ledger, "cat", message)
    assert kinds(ledger) == ["misdelivered"]


def test_strangers_and_other_runs_are_left_alone(ledger):
    ledger.hear("ann", "MSG", "a_person", "good morning")
    ledger.hear("ann", "MSG", "a_person", "good morning")
    ledger.hear("ann", "MSG", "otherun1", "other:0:500000 hi")
    assert ledger.verdict() == []


@pytest.mark.parametrize("hears_it", [True, False])
def test_who_is_still_arriving_may_hear_a_message_or_not(ledger, hears_it):
    ledger.arriving("dan")
    early = say(ledger, "ann", target="dan")
    ledger.arrived("dan")
    late = say(ledger, "ann", target="dan")
    hear(ledger, "dan", *([early, late] if hears_it else [late]))
    assert ledger.verdict() == []


def test_who_is_still_arriving_must_not_hear_a_message_twice(ledger):
    ledger.arriving("dan")
    early = say(ledger, "ann", target="dan")
    hear(ledger, "dan", early, early)
    assert kinds(ledger) == ["doubled"]


def test_who_left_may_miss_the_tail_but_not_the_middle(ledger):
    messages = [say(ledger, "ann", target="bob") for _ in range(4)]
    hear(ledger, "bob", messages[0], messages[2])
    ledger.left("bob")
    after = say(ledger, "ann", target="bob")
    assert ledger.complete()
    assert [finding.message for finding in ledger.verdict()] == [messages[1]]
    assert after.number not in ledger._members["bob"].owed


@pytest.mark.parametrize(
    "heard",
    [
        {},
        {"ann": [], "bob": [1, 2, 3]},
        {"ann": [1, 3], "bob": [1, 2, 3], "cat": [2, 3]},
        {"ann": [3, 1], "bob": [3, 2], "cat": [2, 1]},
        {"ann": [1, 2], "bob": [3, 4], "cat": [4, 1]},
    ],
)
def test_one_order_that_explains_everybody_is_right(heard):
    assert find_contradiction(heard) is None


@pytest.mark.parametrize(
    "heard, text",
    [
        ({"ann": [1, 2], "bob": [2, 1]}, "the other way round"),
        ({"ann": [1, 2, 3, 4], "bob": [1, 3, 2, 4], "cat": [1, 4]}, "ann heard message 2 before 3, bob"),
        ({"ann": [1, 5, 2], "bob": [2, 6, 1]}, "the other way round"),
        ({"ann": [1, 2], "bob": [2, 3], "cat": [3, 1]}, "no single order"),
    ],
    ids=["two", "among others", "not neighbours", "circle of three"],
)
def test_orders_that_nothing_explains_are_found(heard, text):
    assert text in find_contradiction(heard)[1]
