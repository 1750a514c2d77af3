"""How foreign servers of `dollar`, `padded`, `irc` and `web` are read, and what is charged to which requirement."""
import collections
import os
import types
from unittest import mock

import pytest
from cases import for_each

from parley.conformance import items, loader, matching, model, requirements, runner
from parley.conformance.acquaintance import Refused, Visit
from parley.conformance.barrier import SELF, STRANGERS, Barrier, BarrierFailed
from parley.conformance.charging import charge
from parley.conformance.fixture import NotUsable, ServerFixture
from parley.conformance.message import Message, format_fields
from parley.conformance.patience import Patience
from parley.conformance.pool import Pool
from parley.conformance.probes import PROBES, histories
from parley.conformance.probes.line_experiments import guests
from parley.conformance.profile import Finding, Profile, Reader
from parley.conformance.suite import Suite
from parley.conformance.targets import Foreign
from parley.conformance.variants import variants_of
from parley.conformance.waiting import Waiting, set_news_aside
from parley.conformance.wire import delimited, dollar, line, padded, web


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


def test_an_acknowledgement_of_the_end_is_nothing_to_mind():
    state = padded.ClientState()
    state.sent(padded.encode("one"))
    is_last_word = PROBES["padded"].is_last_word
    assert not is_last_word("Msg received", state)
    state.received("Msg received")
    assert is_last_word("Msg received", state)
    assert not is_last_word("[05:55 AM] ann: hi", state)


# ---- line: kinds of messages that cannot be told apart

def test_what_looks_like_talk_may_be_for_one_user():
    readings = PROBES["line"].other_readings
    assert list(readings("MSG ann hi", (guests.AS_TALK,))) == ["DM ann hi"]
    assert not list(readings("MSG ann hi", ())) + list(readings("USER ann", (guests.AS_TALK,)))


@for_each("unanswered, cut_off, expected", [
    ((), ("ann",), False), ((guests.AFTER_RESET,), ("ann",), True),
    ((guests.AFTER_RESET,), ("bob",), False), ((guests.AFTER_END,), ("bob",), True),
    ((guests.AFTER_END,), ("ann",), False)])
def test_it_depends_on_how_a_connection_ends_whether_that_is_announced(unanswered, cut_off, expected):
    assert PROBES["line"].is_untold("INFO ann disconnected", cut_off, unanswered) is expected
    assert PROBES["line"].is_untold("OK", cut_off, unanswered) is False


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
    fixture = types.SimpleNamespace(selector=selector, patience=Patience(), time_scale=1.0)
    return Barrier(fixture), actor, waited


def test_a_probe_in_vain_shrinks_the_patience_for_the_next(monkeypatch):
    monkeypatch.setattr("parley.conformance.barrier.time.monotonic", lambda: 100.0)
    barrier, actor, waited = barrier_of([False, True, True])
    with pytest.raises(BarrierFailed):
        barrier._await_probe(actor, STRANGERS, bool, 1000.0)
    barrier._await_probe(actor, STRANGERS, bool, 1000.0)
    barrier._await_probe(actor, STRANGERS, bool, 1000.0)
    assert waited[0] > waited[2] > waited[1] > 100.0


@pytest.mark.parametrize("ann_is_unread, witness_is_unread, waits", [
    (True, False, 1),  # nobody reads what she writes
    (True, True, 2),   # the server reads nothing at all for the moment
    (False, False, 2)])
def test_a_marker_is_not_waited_for_long_on_a_connection_that_is_not_read(
        monkeypatch, ann_is_unread, witness_is_unread, waits):
    monkeypatch.setattr("parley.conformance.barrier.time.monotonic", lambda: 100.0)
    barrier, _, waited = barrier_of([False, False])
    ann, witness = (
        types.SimpleNamespace(ident=ident, profile=Profile(), markers=[], closed_by_peer=None, is_unread=one)
        for ident, one in (("ann", ann_is_unread), ("witness", witness_is_unread)))
    barrier.fixture.witnesses = [witness]
    with pytest.raises(BarrierFailed):
        barrier._await_markers([(ann, witness, "~sync1")], 1000.0)
    assert len(waited) == waits and waited[0] < 1000.0


def test_what_was_waited_for_in_vain_is_known_to_the_next_fixture(monkeypatch):
    found = []

    class Fixture:
        def __init__(self, *args, patience, **options):
            found.append(patience)

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


# ---- dollar: what was kept before

def test_half_a_character_in_a_history_hides_nothing_else():
    packet = {"purpose": "start_reload_message_list", "message_list": [
        {"user": "Bob", "text": "\ud83d\ude00", "timestamp": 1}, {"user": "Bob", "text": "hi", "timestamp": 2}]}
    received, = dollar.Decoder().feed(dollar.encode(packet))
    assert "broken" in received.fields
    assert dollar.repaired(received).fields["message_list"][1]["text"] == "hi"
    state = dollar.ClientState()
    state.name = "Alice"
    state.sent(dollar.encode({"purpose": "start_reload_message_list", "target_user": "Bob"}))
    manner = PROBES["dollar"].Manner(state, {("Alice", "Bob"): 1})
    found, = [one for message in (received, Message({"purpose": "exit"})) for one in manner.read(message, ())][:1]
    assert found.fields["message_list"] == packet["message_list"][1:]
    talk, = dollar.Decoder().feed(dollar.encode({"purpose": "receive_message", "message": "\ud83d"}))
    assert PROBES["dollar"].Manner(state).read(talk, ()) == [talk]


def test_a_history_of_what_is_no_name_is_read_as_it_is():
    state = dollar.ClientState()
    state.name = "Alice"
    state.sent(dollar.encode({"purpose": histories.START, "target_user": ["Bob"]}))
    answer = Message({"purpose": histories.START, "message_list": []})
    assert PROBES["dollar"].Manner(state, {("Alice", "Bob"): 1}).read(answer, ()) == [answer]


# ---- dollar: lists of users, which come at any time

def a_list(**online):
    return Message({"purpose": "reload_user_list", "users": [
        {"username": name, "status": status} for name, status in online.items()]})


def member(*came, name="Alice"):
    """A member to whom this has come by now."""
    return types.SimpleNamespace(codec=dollar, name=name, inbox=collections.deque(came), profile=Profile())


class Impatient(Waiting):
    """Waits for nothing."""

    def __init__(self):
        super().__init__(types.SimpleNamespace(time_scale=1.0), {}, None, 60)

    def _read_with_patience(self, actor, step, kind):
        pass


def next_of(actor, *wanted):
    """What the member hears next where one of these messages is wanted."""
    kind = PROBES["dollar"].kind(format_fields(wanted[0].fields))
    return Impatient().for_message(actor, None, kind, lambda message: message in wanted)


def test_news_that_is_not_wanted_is_set_aside():
    old, new = a_list(Alice="online", Bob="offline"), a_list(Alice="online", Bob="online")
    answer = Message({"purpose": "send_message", "result": True})
    assert next_of(member(old, answer), answer) is answer
    assert next_of(member(old, old, new), new) is new
    assert next_of(member(old, new), answer, new) is new
    assert next_of(member(answer, old), new) is answer
    assert next_of(member(old), new) is old  # which shows what is wrong
    assert next_of(member(old), answer) is None
    assert next_of(member(old, answer, name=None), answer) is old  # who is not logged in is told nothing


def test_news_is_nothing_where_nothing_is_wanted():
    talk = Message({"purpose": "receive_message", "from_user": "Bob", "message": "hi"})
    for came, left in (([], []), ([a_list(Alice="online")], []), ([a_list(Alice="online"), talk], [talk])):
        actor = member(*came)
        set_news_aside(actor)
        assert list(actor.inbox) == left


def test_the_list_has_nobody_but_the_users_of_the_scenario():
    foreign = types.SimpleNamespace(is_foreign=True, ignored_names={"wtnabcdef"})
    is_ignored = ServerFixture.ignore_filter(foreign, "", "login Alice Bob", {"Alice", "Bob", "Charlie", "lobby"})
    people = ["lobby", "Alice", "Bob", "Charlie", "Bobzzabcd", "wtnabcdef", "dora"]
    told = a_list(**dict.fromkeys(people, "online"))
    assert dollar.names_in(dollar.without_names(told, is_ignored)) == people[:4]
    with_a_suffix = ServerFixture.ignore_filter(foreign, "zzabcd", "login dora")
    assert [name for name in people if not with_a_suffix(name)] == ["Bobzzabcd", "dora"]
    ours = types.SimpleNamespace(is_foreign=False, ignored_names={"wtnabcdef"})
    assert [name for name in people if ServerFixture.ignore_filter(ours, "", "")(name)] == ["wtnabcdef"]


def test_a_list_with_others_in_it_is_not_about_the_gone():
    visit = Visit(dollar, ("127.0.0.1", 1))
    try:
        visit.gone.add("wtnabcdef")
        assert visit.is_about_the_gone(a_list(wtnabcdef="offline"))
        assert not visit.is_about_the_gone(a_list(Alice="online", wtnabcdef="offline"))
    finally:
        visit.close()


def test_unread_messages_of_before_are_not_counted():
    told = Message({"purpose": "poll", "users": [{"username": "Bob", "status": "online", "unread": 2}, "odd"]})
    found, = reader(dollar).read(told)
    assert found.fields["users"] == [{"username": "Bob", "status": "online"}, "odd"]


@for_each("statuses, is_enough", [
    ({"Alice": "online", "Bob": "offline", "Charlie": "offline"}, True),
    ({"Alice": "online", "Bob": "online", "Charlie": "offline"}, False),
    ({"Alice": "online", "Bob": "offline"}, False),
    ({}, False),
])
def test_one_list_may_show_that_all_users_are_gone(statuses, is_enough):
    packets = [Message({"purpose": "login", "result": True}), a_list(**statuses)]
    assert histories._shows_nobody_else(packets, dollar, {"Bob", "Charlie"}) is is_enough


def test_an_answer_to_what_cannot_be_read_is_no_other_ones():
    found = reader(dollar, ERROR, sends=[{"data": "{'purpose': 'login', 'x': '\\ud800'}"}, dollar.probe()])
    login, error = Message({"purpose": "login", "result": False}), Message({"purpose": "error"})
    assert found.read(login) == [login]
    assert found.read(error)[0].fields == {"purpose": "~probe", "result": False}


# ---- patience: by what is waited for

class Patient(Waiting):
    """Waits in a run in which nothing comes but what the test puts into the inbox; `waited` has the seconds of each."""

    def __init__(self, patience):
        self.waited = []
        super().__init__(types.SimpleNamespace(patience=patience, time_scale=1.0, selector=types.SimpleNamespace(
            read_until=lambda satisfied, deadline: self.waited.append(round(deadline - 100, 2)))), {}, None, 1e9)
        self.actor = types.SimpleNamespace(
            codec=line, name="ann", inbox=[], closed_by_peer=None, half_closed=False, profile=Profile(proof="relay"),
            state=types.SimpleNamespace(at_message_boundary=True))

    def prove_silence(self, actor):
        pass

    def waits(self, kind, req=(), within=None, came=()):
        self.actor.inbox = list(came)
        self._read_with_patience(self.actor, types.SimpleNamespace(within=within, req=req), kind)
        return self.waited.pop()


def test_what_did_not_come_is_waited_for_in_full_once_whatever_scenario_it_is(monkeypatch):
    monkeypatch.setattr("parley.conformance.waiting.time.monotonic", lambda: 100.0)
    patience = Patience()
    one, other = Patient(patience), Patient(patience)
    full, short = one.waits("MSG"), other.waits("MSG")
    assert full > short == one.waits("MSG")
    assert other.waits("DM") == full
    assert other.waits("MSG", came=["DM ann hi"]) == short == other.waits("MSG", came=["MSG ann hi"])
    assert one.waits("MSG") == full / 2
    assert patience.in_full == {"MSG": 2, "DM": 1}


def test_a_slow_machine_has_longer_where_nothing_is_proved(monkeypatch):
    monkeypatch.setattr("parley.conformance.waiting.time.monotonic", lambda: 100.0)
    run = Patient(Patience())
    provable = run.waits("MSG")
    run.fixture.time_scale = 4.0
    assert run.waits("DM") == provable
    run.actor.profile = Profile(proof="quiet")
    assert run.waits("USER") == 4 * provable


@for_each("slowest, seconds", [(0.0, 5.0), (0.001, 1.0), (0.2, 2.0), (2.0, 5.0)])
def test_a_quick_server_is_not_waited_for_long_where_nothing_is_proved(slowest, seconds):
    run = Patient(Patience())
    run.actor.name, run.actor.profile = None, Profile(proof="relay", slowest_seconds=slowest)
    with mock.patch("parley.conformance.waiting.time.monotonic", lambda: 100.0):
        run.for_close(run.actor, "the end", slow=True)
    assert run.waited == [seconds]
    assert run._full_and_short(run.actor, "OK") == (seconds, 0.3)


def test_a_server_that_becomes_slower_is_waited_for_longer():
    run = Patient(Patience())
    run.actor.profile = Profile(proof="relay", slowest_seconds=0.001)
    times = iter([100.0, 100.0, 100.3])
    with mock.patch("parley.conformance.waiting.time.monotonic", lambda: next(times)):
        run.waits("MSG", came=["MSG ann hi"])
    run.actor.name = None
    assert run._full_and_short(run.actor, "OK")[0] == pytest.approx(3.0)


@for_each("profile, is_slow", [(Profile(slowest_seconds=3.0), False), (Profile(slow_share=0.3), True),
                               (Profile(end_seconds=2.0), True)])
def test_a_scenario_is_not_cut_on_a_slow_server(profile, is_slow):
    scenario = loader.load(os.path.join(requirements.SCENARIOS, "line", "who.scenario.yaml"), requirements.available_to)
    suite = types.SimpleNamespace(lost=0, failed_scenarios=set(), profiles={scenario.protocol: profile})
    skipped = []
    for variant in variants_of(scenario, True):
        item = types.SimpleNamespace(suite=suite, scenario=scenario, variant=variant)
        try:
            items.ScenarioItem._skip_in_vain(item)
        except pytest.skip.Exception:
            skipped.append(variant)
    assert skipped == variants_of(scenario, True)[1:] * is_slow


def test_what_comes_with_the_proof_alone_is_asked_for_sooner(monkeypatch):
    monkeypatch.setattr("parley.conformance.waiting.time.monotonic", lambda: 100.0)
    run = Patient(Patience())
    run.prove_silence = lambda actor: actor.inbox.append("MSG ann hi")
    assert run.waits("MSG") > run.waits("MSG") == run.waits("MSG")


def test_a_history_that_never_ends_is_waited_for_once(monkeypatch):
    monkeypatch.setattr("parley.conformance.probes.histories.time.monotonic", lambda: 100.0)
    waited = []
    selector = types.SimpleNamespace(read_until=lambda satisfied, deadline: waited.append(deadline - 100.0))
    fixture = types.SimpleNamespace(patience=Patience(), selector=selector, time_scale=1.0)
    reader = types.SimpleNamespace(closed_by_peer=None, inbox=[])
    for partner in ("Bob", "Charlie"):
        request = {"purpose": histories.START, "target_user": partner}
        histories._read_until(fixture, reader, request, lambda: False)
    assert waited[0] > waited[1]


def test_a_timeout_of_a_scenario_is_waited_for_once_for_the_same_requirements(monkeypatch):
    monkeypatch.setattr("parley.conformance.waiting.time.monotonic", lambda: 100.0)
    patience = Patience()
    runs = [Patient(patience) for _ in range(3)]
    waited = [run.waits("OK", req, 10) for run, req in zip(runs, [("A",), ("A",), ("B",)])]
    assert waited[0] == waited[2] == 10 > waited[1]


def test_a_close_that_did_not_come_is_waited_for_once_for_the_same_requirements(monkeypatch):
    monkeypatch.setattr("parley.conformance.waiting.time.monotonic", lambda: 100.0)
    run = Patient(Patience())
    for what in ("A", "A", "B"):
        run.for_close(run.actor, ("a close", what), 5.0)
    assert run.waited == [5.0, 0.05, 5.0]


def test_a_proof_that_does_not_come_is_waited_for_shortly_the_next_time(monkeypatch):
    monkeypatch.setattr("parley.conformance.waiting.time.monotonic", lambda: 100.0)
    run, waited = Patient(Patience()), []

    def wait(actors, speakers, deadline):
        waited.append(deadline - 100)
        raise BarrierFailed(run.actor, "nothing came")

    run.fixture.barrier = types.SimpleNamespace(wait=wait)
    for _ in range(2):
        with pytest.raises(BarrierFailed):
            run.barrier([run.actor])
    assert waited[0] > waited[1]


def run_that_waits(**what):
    run = runner.Run.__new__(runner.Run)
    run.waiting = types.SimpleNamespace(**what)
    return run


@for_each("profile, proofs", [(Profile(), 0), (Profile(replays=True), 1), (Profile(unasked=("USER .*",)), 1)])
def test_what_newcomers_are_told_has_come_before_they_ask_for_anything(profile, proofs):
    proved = []
    run, actor = run_that_waits(prove_silence=proved.append), Patient(Patience()).actor
    actor.profile, actor.has_caught_up = profile, False
    for _ in range(2):
        run._catch_up(actor)
    assert proved == [actor] * proofs


@for_each("wanted, waits", [("INFO Bob disconnected", 1), ("MSG Bob hi", 0)])
def test_an_end_that_is_never_told_of_is_given_a_moment(wanted, waits):
    waited, actor = [], Patient(Patience()).actor
    run = run_that_waits(is_provable=lambda actor: True, prove_silence=lambda actor: None, briefly=waited.append)
    run.passed_over, run.unproved = {}, []
    run._pass_over(types.SimpleNamespace(req=("A",), expects=()), actor, matching.Literal(wanted), ())
    assert waited == [actor] * waits


@for_each("half_sent, profile, waits", [(b"\xff\xfd\x03", Profile(), [0.2]), (b"", Profile(), []),
                                        (b"\xff\xfd\x03", None, [])])
def test_who_has_begun_a_line_is_given_time_as_no_marker_can_follow_it(half_sent, profile, waits, monkeypatch):
    monkeypatch.setattr("parley.conformance.barrier.time.monotonic", lambda: 100.0)
    waited = []
    selector = types.SimpleNamespace(read_until=lambda satisfied, deadline: waited.append(round(deadline - 100, 2)))
    barrier = Barrier(types.SimpleNamespace(selector=selector))
    barrier.kind = SELF
    monkeypatch.setattr(barrier, "_probe", lambda actors, deadline: None)
    state = types.SimpleNamespace(half_sent=half_sent, at_message_boundary=True)
    actor = types.SimpleNamespace(connected=True, closed_by_peer=None, half_closed=False, profile=profile, state=state,
                                  name="ann", spoke=True)
    barrier.wait([actor], [actor], 200.0)
    assert waited == waits and not actor.spoke


# ---- line: what is said to who has closed his side

@for_each("message, half_sent, expected", [
    ("INFO ann disconnected", b"MSG hel", True), ("INFO bob disconnected", b"", False), ("MSG bob hi", b"", False),
    ("ERR what?", b"", True), ("ERR what?", b"MSG hel", False),
])
def test_last_words(message, half_sent, expected):
    state = types.SimpleNamespace(name="ann", half_sent=half_sent)
    assert PROBES["line"].is_last_word(message, state) == expected


# ---- web: a connection that was closed behind a refusal

class Closed(runner.Run):
    """A run on a server that has closed the connection; on a new one the step is met, unless `met` is false."""

    def __init__(self, met):
        self.met, self.connections = met, 0
        self.transcript, self.played = types.SimpleNamespace(lines=["-> GET"]), []
        self.other_words, self._left_out = [], set()
        self.actors = {"ann": types.SimpleNamespace(codec=web, profile=Profile(), is_bare=True, closed_by_peer="fin")}

    def _connect(self, actor, bare=False):
        self.connections += bare

    def _do_step(self, step):
        if not (self.connections and self.met):
            raise runner.StepFailed(step, "ann", "expect", ["status=400"], ["(closed by the server)"])


def test_what_was_asked_on_a_closed_connection_is_asked_again():
    asked = model.Step(model.Location("x", 1), "ann", sends=("GET",), req=("WEB-OPEN-7", "WEB-OPEN-10"))
    run = Closed(met=True)
    run._do(asked)
    assert [one.step.req for one in run.other_words] == [("WEB-OPEN-10",)] and run.connections == 1
    assert run._proves_nothing(asked, "WEB-OPEN-10")
    run = Closed(met=False)
    with pytest.raises(runner.StepFailed):
        run._do(asked)
    assert not run.other_words and run.connections == 1


# ---- charging: a command that does not exist

def charged(broken, got):
    send = model.Send("bytes", "MSG hello\nDM Bob hi\nPING\n")
    asked = model.Step(model.Location("x", 1), "ann", sends=(send,), req=("LINE-FRAME-7",))
    profile = Profile(findings=(Finding(broken, "fail", hinders=True),))
    fixture = types.SimpleNamespace(codec=line, profile_of=lambda codec: profile)
    actor = types.SimpleNamespace(codec=line, name="ann", connected=True, closed_by_peer=None, latest=None)
    run = types.SimpleNamespace(actors={"ann": actor}, fixture=fixture, played=[], passed=[], renaming=None,
                                variant=types.SimpleNamespace(segmentation="whole"), scenario=None)
    known = {"LINE-FRAME-7": types.SimpleNamespace(level="may")}
    return charge(runner.StepFailed(asked, "ann", "expect", ["PONG"], [got]), run, known)


def test_a_refusal_that_nobody_expects_may_be_that_of_a_command_that_does_not_exist():
    assert charged("LINE-DM-1", "ERR unknown-command") == {"LINE-FRAME-7": "LINE-DM-1"}
    assert charged("LINE-WHO-1", "ERR unknown-command") == {"LINE-FRAME-7": "fail"}
    assert charged("LINE-DM-1", "(nothing came in time)") == {"LINE-FRAME-7": "fail"}


@for_each("is_foreign, variant, fails, judged_as", [
    (True, "bytes", True, "bytes"), (True, "bytes", False, "whole"), (False, "bytes", False, "bytes"),
    (True, "whole", False, "whole"),
])
def test_cuts_that_are_met_the_next_time_are_not_what_failed(is_foreign, variant, fails, judged_as):
    scenario = types.SimpleNamespace(segmentations=("whole", "bytes"), actors=("ann",), steps=())
    variants = {one.segmentation: one for one in variants_of(scenario, True)}
    item = types.SimpleNamespace(scenario=scenario, variant=variants[variant], _fails=lambda variant, fixture: fails)
    run = types.SimpleNamespace(fixture=types.SimpleNamespace(is_foreign=is_foreign), variant=variants[variant])
    items.ScenarioItem._forget_a_cut_that_does_not_matter(item, run)
    assert run.variant == variants[judged_as]


# ---- who is let in by nobody

@for_each("protocol, sentence", [
    ("dollar", "--target dollar=h:1: nobody is let in; the server replies no"),
    ("line", "--target line=h:1: nobody is let in any more, as the first visitor has left; the server replies no"),
])
def test_a_first_visitor_was_let_in_only_where_that_was_tried(protocol, sentence, monkeypatch):
    def acquaint(*arguments):
        raise Refused("X", "no")

    monkeypatch.setattr("parley.conformance.suite.acquaint", acquaint)
    suite = Suite.__new__(Suite)
    suite.foreign = types.SimpleNamespace(addresses={protocol: ("h", 1)}, idle_limits={})
    suite.time_scale, suite.profiles = 1.0, {}
    with pytest.raises(NotUsable) as caught:
        suite.get_acquainted(print, None)
    assert str(caught.value) == sentence
