"""How foreign servers of `dollar`, `padded`, `irc` and `web` are read, and what is charged to which requirement."""
import types

import pytest
from cases import for_each

from parley.conformance.barrier import STRANGERS, Barrier, BarrierFailed
from parley.conformance.message import Message
from parley.conformance.pool import Pool
from parley.conformance.probes import PROBES
from parley.conformance.profile import Profile, Reader
from parley.conformance.targets import Foreign
from parley.conformance.wire import delimited, dollar, padded


def reader(codec, *manners, sends=()):
    state = codec.ClientState()
    for message in sends:
        state.sent(codec.encode(message, None), own=True)
    return Reader(Profile(manners=manners), state, PROBES[codec.NAME].Manner)


def step(**content):
    send = types.SimpleNamespace(content=content)
    return types.SimpleNamespace(sends=[send])


# ---- dollar: one answer to all that is not understood

ERROR = "unknown: (?:.* )?purpose=error(?: .*)?"


def test_another_refusal_stands_for_that_of_the_request_that_waits():
    found = reader(dollar, ERROR, sends=[{"purpose": "dance"}, {"data": "1"}, dollar.probe()])
    refusal = Message({"purpose": "error", "message": "what?"})
    assert [one.fields for _ in range(4) for one in found.read(refusal)] == [
        {"purpose": "dance", "result": False}, {"result": False}, {"purpose": "~probe", "result": False},
        refusal.fields]


def test_what_has_its_answer_waits_no_more():
    found = reader(dollar, ERROR, sends=[{"purpose": "dance"}, {"purpose": "poll"}, dollar.probe()])
    found.read(Message({"purpose": "poll", "result": True}))
    assert found.read(Message({"purpose": "error"}))[0].fields == {"purpose": "~probe", "result": False}


# ---- padded: other acknowledgements

LENGTH = "17".ljust(64)


@for_each("received, expected", [
    ("Message received!", ["Msg received"]),
    ("Message received!Message received!", ["Msg received"] * 2),
    ("[05:55 AM] ann: hiMessage received!", ["[05:55 AM] ann: hi", "Msg received"]),
    ("Message received!" * 3, ["Msg received", "Msg received", "Message received!"]),
])
def test_other_words_acknowledge_as_often_as_was_spoken(received, expected):
    assert reader(padded, "acknowledged by: Message received!", sends=["one", "two"]).read(received) == expected


def test_a_length_in_front_is_left_out():
    found = reader(padded, "framed", sends=["one"])
    assert found.read(LENGTH + "Msg received") == ["Msg received"]
    assert found.read(LENGTH) == []
    assert found.read("[05:55 AM] ann: 17 to 18") == ["[05:55 AM] ann: 17 to 18"]


@for_each("reply, fits", [
    ("Message received!", True), ("[SERVER] Message delivered", True), ("OK\n", True), (LENGTH + "Msg received", True),
    ("ERR must-login-first\n", False), ("HTTP/1.1 400 Bad Request\r\n", False), ("Welcome to the chat!\n", False)])
def test_the_first_visit_knows_an_acknowledgement(reply, fits):
    assert PROBES["padded"].is_in([reply]) is fits


# ---- delimited: answers that the document does not ask for

def test_an_answer_that_nobody_asks_for_is_left_out():
    found = reader(delimited, "answered: DELETE", "answered: DELIVER")
    found.state.name = "ann"
    done, sent = Message({"RESPONSE": []}), Message({"SEND": ["bob", "ann", "hi"]})
    for requests, answers, expected in (
            ([{"DELIVER": []}], [done, done], [done]),
            ([{"DELIVER": []}, {"DELIVER": []}], [sent, done, done], [sent, done]),
            ([{"DELETE": []}, {"CREATE": ["ann"]}], [done, done], [done])):
        found.state.sent(b"".join(map(delimited.encode, requests)))
        assert [one for answer in answers for one in found.read(answer)] == expected


# ---- irc and web: what there is not

@for_each("protocol, fields, doing, ident", [
    ("irc", {"is": "421", "about": "AWAY"}, {}, "IRC-AWAY-1"),
    ("irc", {"is": "472", "about": "i"}, {}, "IRC-INVITE-2"),
    ("irc", {"is": "421", "about": "FROB"}, {}, None),
    ("irc", {"is": "401", "about": "AWAY"}, {}, None),
    ("web", {"on": "no", "why": "unknown-command", "id": "1"}, {"do": "history", "id": "1"}, "WEB-HISTORY-1"),
    ("web", {"on": "no", "why": "unknown-command"}, {"do": "kick"}, "WEB-ROOM-6"),
    ("web", {"on": "no", "why": "unknown-command", "id": "2"}, {"do": "kick", "id": "1"}, None),
    ("web", {"on": "no", "why": "must-login"}, {"do": "kick"}, None),
])
def test_what_there_is_not_breaks_the_requirement_that_says_it_is_there(protocol, fields, doing, ident):
    assert PROBES[protocol].absent(Message(fields), step(**doing)) == ident


def test_what_a_welcome_lacks_is_charged_once():
    manner = PROBES["irc"].Manner(None)
    welcome = Message({"is": "welcome", "002": "x"})
    assert manner.read(welcome, ())[0].fields == welcome.fields
    found, = manner.read(welcome, ("no 255", "no 002"))
    assert (found.fields["255"], found.fields["002"]) == ("-", "x")


# ---- patience

def barrier_of(answers):
    """A barrier on a foreign server that answers a probe or not, and the seconds that each was waited for."""
    waited = []

    def read_until(satisfied, deadline):
        waited.append(deadline)
        return answers.pop(0)

    selector = types.SimpleNamespace(read_until=read_until)
    actor = types.SimpleNamespace(codec=dollar, profile=Profile(), replies=0, closed_by_peer=None, inbox=[],
                                  send_own=lambda message: None)
    fixture = types.SimpleNamespace(selector=selector, in_vain=set(), time_scale=1.0)
    return Barrier(fixture), actor, waited


def test_a_probe_in_vain_shrinks_the_patience_for_the_next(monkeypatch):
    monkeypatch.setattr("parley.conformance.barrier.time.monotonic", lambda: 100.0)
    barrier, actor, waited = barrier_of([False, True, True])
    with pytest.raises(BarrierFailed):
        barrier._await_probe(actor, STRANGERS, bool, 1000.0)
    barrier._await_probe(actor, STRANGERS, bool, 1000.0)
    barrier._await_probe(actor, STRANGERS, bool, 1000.0)
    assert waited[0] == waited[2] > waited[1] > 100.0


def test_what_was_waited_for_in_vain_is_known_to_the_next_fixture(monkeypatch):
    found = []

    class Fixture:
        def __init__(self, *args, in_vain, **options):
            found.append(in_vain)

        def close(self):
            pass

    monkeypatch.setattr("parley.conformance.pool.ServerFixture", Fixture)
    pool = Pool(1, 1.0, foreign=Foreign({"line": ("127.0.0.1", 1)}, {}))
    scenario = types.SimpleNamespace(protocols=("line",), needs=types.SimpleNamespace(
        users="{}", config="{}", idle_limit=None, fresh=False), name="x")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), pool.fixture_for(scenario):
            raise ZeroDivisionError
    assert found[0] is found[1] is not None
