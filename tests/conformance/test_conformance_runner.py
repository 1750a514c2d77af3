"""How a run of the conformance suite takes a message."""
import collections
import types

from parley.conformance import matching, runner
from parley.conformance.waiting import Waiting
from parley.conformance.wire import line


def test_in_any_order_each_value_stands_for_one_and_a_number_is_no_truth():
    either = matching.AnyOrder(("a", "b", matching.Number("n")))
    assert either.match([7, "b", "a"], {}) == (True, "ok", (("n", 7),))
    for values in (["a", "a", 7], ["a", "b"], ["a", "b", 7, 7], ["a", "b", True], "ab7"):
        assert not either.match(values, {}).matches
    between = matching.Between(0, 5)
    assert [value for value in (0, "5", 6, -1, True, None, "x") if between.match(value, {}).matches] == [0, "5"]


def test_now_is_the_second_in_which_the_message_came_and_not_that_in_which_it_was_expected(monkeypatch):
    clock = [1000.9]
    monkeypatch.setattr(runner, "time", types.SimpleNamespace(time=lambda: clock[0], monotonic=lambda: 0))
    actor = types.SimpleNamespace(inbox=collections.deque(), profile=None, closed_by_peer=False, codec=line)

    def read_until(is_so, deadline):
        clock[0] = 1002.3
        actor.inbox.append("1002.2")

    run = runner.Run.__new__(runner.Run)
    run.values = {"start": 1000}
    selector = types.SimpleNamespace(read_until=read_until)
    run.waiting = Waiting(types.SimpleNamespace(selector=selector, reply_seconds=5, time_scale=1.0), {}, None, 60)
    run._note_now()
    wanted = matching.Between("${start}", "${now}")
    assert wanted.match(run._next_message(actor, None, [wanted]), run.values).matches
