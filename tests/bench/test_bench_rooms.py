"""Many rooms in the benchmark: the same for every server, and each delivery is checked."""
import collections
import os
import shutil
import sys

import pytest

from bench import compiled, rooms
from bench.__main__ import main
from bench.plans import LOADS, PACED, SATURATED, Load, Phase, plan
from bench.servers import PARLEY, Other, Ours
from parley.conformance.targets import DidNotStart

SMALL = Load("small", 30, 6, 3, 2, 5, [Phase(PACED, 200), Phase(SATURATED, 2)])
SECONDS = 0.3
WRONG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faulty_rooms.py")
REFUSING = """
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(100)
clients = []
while True:
    clients.append(listener.accept()[0])
    clients[-1].send(b"ERR not here\\n")
"""
NOTHING = dict.fromkeys(rooms.FAULTS, 0)

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="the load generator needs a C compiler (cc)")


def members(planned):
    """{room: how many are in it}"""
    return collections.Counter(room for those in planned.rooms for room in those)


# ---- who is where


@pytest.mark.parametrize("load", LOADS, ids=[load.name for load in LOADS])
def test_a_plan_is_the_same_each_time_and_keeps_to_the_load(load):
    planned = plan(load, 1)
    assert planned == plan(load, 1)
    assert len(planned.rooms) == load.users
    for those in planned.rooms:
        assert len(set(those)) == len(those)
        assert abs(len(those) - load.each) <= load.each // 2
    assert len(set(planned.voices)) == len(planned.voices)
    assert all(room in planned.rooms[user] for user, room in planned.voices)
    for phase, turns in zip(load.phases, planned.turns):
        assert len(turns) == (phase.measure if phase.how == PACED else load.speakers)
        if phase.how == SATURATED:
            assert len({planned.voices[voice][0] for voice in turns}) == load.speakers


def test_rooms_are_of_very_different_sizes_or_all_alike():
    skewed, even = (sorted(members(plan(load, 0)).values()) for load in LOADS[1:3])
    assert len(skewed) == 100 and skewed[0] < 20 and 30 < skewed[50] < 50 and skewed[-1] > 600
    assert even == [10] * 200


def test_nobody_talks_who_is_alone():
    planned = plan(Load("sparse", 10, 500, 1, 2, 2, [Phase(PACED, 1000)]), 1)
    sizes = members(planned)
    assert all(sizes[room] > 1 for _, room in planned.voices)


# ---- what is heard


def known(name):
    """One of the peers."""
    (_, *found), absent = rooms.servers(2, None, [name])
    if absent:
        pytest.skip("%s is not installed" % name)
    return found[0]


@needs_compiler
@pytest.mark.parametrize("name", [
    name if name in ("parley-web", "limit") else pytest.param(name, marks=pytest.mark.long) for name in rooms.PEERS])
def test_every_delivery_is_checked_and_nothing_is_wrong(name):
    planned = plan(SMALL, SECONDS)
    server = known(name)
    entry, (paced, saturated) = rooms.measure(server, SMALL, planned, SECONDS)
    echoes = server.wires == ("redis",)
    sizes = members(planned)
    assert paced.deliveries == sum(sizes[planned.voices[voice][1]] - (not echoes) for voice in planned.turns[0])
    assert saturated.deliveries > 0
    for outcome in (paced, saturated):
        assert outcome.faults == NOTHING
        assert outcome.cpu > 0
        assert 0 < outcome.p50 <= outcome.p99 <= outcome.p999
    assert entry.joins >= entry.settled > 0


@needs_compiler
@pytest.mark.parametrize("fault, found", [
    ("lost", {"lost"}), ("doubled", {"doubled"}), ("stray", {"stray"}),
    pytest.param("own", {"own"}, marks=pytest.mark.long),
    pytest.param("renamed", {"lost", "stray"}, marks=pytest.mark.long),
    pytest.param("altered", {"lost", "odd"}, marks=pytest.mark.long)])
def test_a_server_that_does_wrong_is_found_out(monkeypatch, fault, found):
    monkeypatch.setattr(rooms, "SILENCE", 0.5)
    load = SMALL._replace(phases=SMALL.phases[:1])
    wrong = Other("wrong", "line", [sys.executable, WRONG, "%(port)d", fault])
    _, (paced,) = rooms.measure(wrong, load, plan(load, SECONDS), SECONDS)
    assert {name for name, count in paced.faults.items() if count} == found


@needs_compiler
def test_a_server_that_refuses_is_named_with_what_it_says():
    refusing = Other("refusing", "line", [sys.executable, "-c", REFUSING, "%(port)d"])
    found, failures = rooms.compare([refusing], [SMALL], 2, SECONDS, lambda text: None)
    assert failures == ["small, refusing: the server said: ERR not here"]
    assert not any(found.values())


# ---- the command


@needs_compiler
def test_the_command_prints_one_table_and_draws_two_plots(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.plans.LOADS", [SMALL])
    plots = ["--plots", str(tmp_path)]
    assert main(["rooms", "--peers", "limit", "--repetitions", "1", "--seconds", "0.1", *plots]) == 0
    printed = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rooms-cpu.svg", "rooms-p99.svg"]
    assert all(">small, 200/s<" in path.read_text() and ">limit<" in path.read_text() for path in tmp_path.iterdir())
    assert printed.count("\n| --- |") == 1
    for row in ("200 messages/s", "saturated, 2 each"):
        assert "| small, %s | limit |" % row in printed


def test_what_our_server_loses_is_told():
    good = rooms.Outcome(9, 0.1, 1.0, 0.1, 0.1, 0.1, 0.0, 0.0, NOTHING)
    bad = good._replace(faults=dict(NOTHING, stray=2, lost=1))
    found = collections.defaultdict(list, {("small", "parley"): [(rooms.Entry(1, 1, 1, 1), [good, good])]})
    assert rooms.all_heard_all(found)
    found["small", "parley"].append((rooms.Entry(1, 1, 1, 1), [good, bad]))
    assert not rooms.all_heard_all(found)
    assert "| 1 lost, 2 stray |" in "\n".join(rooms.report(found, [SMALL], [PARLEY]))


def test_without_a_compiler_one_line_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(compiled, "BUILD", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda *arguments, **options: None)
    assert main(["rooms"]) == 2
    assert "there is no C compiler (cc)" in capsys.readouterr().err


def test_another_checkout_is_started_where_it_lies(tmp_path):
    (tmp_path / "parley").mkdir()
    (tmp_path / "parley" / "__init__.py").write_text("")
    (tmp_path / "parley" / "server.py").write_text("raise SystemExit('the other one')")
    with pytest.raises(DidNotStart, match="the other one"):
        with Ours("target", checkout=str(tmp_path)).running():
            pass
