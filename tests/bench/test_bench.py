"""The benchmark: what it counts is what was said, and a server that does wrong is found out."""
import itertools
import os
import sys
import xml.dom.minidom

import pytest

from bench import five, generator, grow, lobby, nodes, present
from bench.__main__ import main
from bench.crowd import Broken, Outcome, crowd
from bench.lobby import Load, Talk
from bench.plot import bars, lines
from bench.series import Extent, Series, chosen_servers
from bench.servers import OTHERS, PARLEY, WEB_LISTENERS, WEB_MEMBERS, Other
from bench.table import figure, ratio, table
from parley.conformance import engine
from stress.usage import cpu_seconds, family, memory

MEMBERS, SPEAKERS = 12, 2
LOAD = Load("small", MEMBERS, SPEAKERS, [
    Talk("paced", "pace", 300, ""), Talk("saturated", "saturate", 4, ""), Talk("one each", "saturate", 2, "")])
PACED = LOAD._replace(talks=LOAD.talks[:1])
WRONG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faulty_server.py")
SECONDS = 0.1  # of each measurement: what is counted is right or wrong, however much there is of it
KNOWN = {server.name: server for server in (PARLEY, WEB_LISTENERS, WEB_MEMBERS, *OTHERS) if server.is_installed}
ECHO = {"mosquitto", "redis"}  # in the others, who says something does not hear it


@pytest.fixture
def everybody(monkeypatch):
    """Two processes full of clients, which wait for long before they think that something is lost."""
    monkeypatch.setattr(generator, "SILENCE", 30.0)
    with crowd(2) as clients:
        yield clients


# ---- what is counted


@pytest.mark.parametrize("name", [
    name if name in ("parley", "parley-to-web") else pytest.param(name, marks=pytest.mark.long)
    for name in sorted(KNOWN)])
def test_whoever_hears_all_is_counted_with_all(everybody, name):
    for outcome in lobby.measure(KNOWN[name], everybody, LOAD, SECONDS):
        assert outcome.texts and outcome.deliveries == outcome.texts * (MEMBERS if name in ECHO else MEMBERS - 1)
        assert (outcome.missing, outcome.disordered, outcome.differing) == (0, 0, 0)
        assert outcome.cpu > 0
        assert 0 < outcome.p50 <= outcome.p99


def test_pace_is_kept(everybody):
    paced, = lobby.measure(PARLEY, everybody, PACED, SECONDS)
    assert paced.texts == int(SECONDS * 300)


@pytest.mark.parametrize("scanned", [1, pytest.param(6, marks=pytest.mark.long)])
@pytest.mark.parametrize("fault", ["lost", "doubled", "swapped", "altered"])
def test_a_server_that_does_wrong_is_found_out(monkeypatch, fault, scanned):
    monkeypatch.setattr(generator, "SILENCE", 3.0)
    monkeypatch.setattr(generator, "MOST_SCANNED", scanned)  # so that who hears wrong reads it, or only sums it up
    wrong = Other("wrong", "line", [sys.executable, WRONG, "%(port)d", fault])
    with crowd(2) as clients:
        paced, = lobby.measure(wrong, clients, PACED, SECONDS)
    assert paced.missing == (fault in ("lost", "doubled"))
    assert paced.missing + paced.disordered + paced.differing > 0


def test_who_is_sent_away_is_a_failure_and_the_next_server_is_measured_all_the_same(everybody):
    redis_clients = Other("threads", "redis", [sys.executable, "-m", "bench.rivals.threads", "%(port)d"])
    with redis_clients.running() as running:
        with pytest.raises(Broken):
            everybody.enter(lobby.newcomers(4, 1, running.address, redis_clients.wires), seconds=0.2)
        everybody.clear()
    assert len(lobby.measure(PARLEY, everybody, LOAD, SECONDS)) == 3


def test_an_answer_for_which_nobody_has_waited_is_not_taken_for_another(everybody):
    for control in everybody._controls:
        control.send((0, "settle", (0,)))  # as when an interrupt comes in between
    assert len(lobby.measure(PARLEY, everybody, LOAD, SECONDS)) == 3


def test_a_server_that_does_not_start_says_why():
    server = Other("none", "line", [sys.executable, "-c", "raise SystemExit('no, not today')"])
    with pytest.raises(OSError, match="not today"):
        with server.running():
            pass


def test_a_server_that_is_not_installed_is_left_out():
    assert not Other("none", "line", ["no-such-program"]).is_installed
    assert chosen_servers(["parley"]) == ([PARLEY], [])


# ---- rows


def test_members_who_are_idle_cost_memory(everybody):
    idle = lobby.measure_idle(PARLEY, everybody, 50)
    assert idle.base > 1 << 20
    assert idle.logins > 0 and idle.login_cpu > 0


@pytest.mark.long
def test_presence_is_measured(everybody):
    found = present.measure(PARLEY, everybody, 10, 0.2)
    assert found.join > 0 and found.leave > 0 and found.calm > 0 and found.asked > 0


def test_five_protocols_are_measured(everybody, monkeypatch):
    monkeypatch.setattr(five, "LOAD", five.LOAD._replace(members=25, speakers=2))
    paced, saturated = five.measure(PARLEY, everybody, five.PARTS[-1], SECONDS)
    for outcome in (paced, saturated):
        assert outcome.texts and outcome.deliveries == outcome.texts * 24
        assert (outcome.missing, outcome.disordered, outcome.differing) == (0, 0, 0)


def test_a_process_costs_what_the_kernel_says():
    before = os.times()
    counted = cpu_seconds([os.getpid()])
    assert before.user + before.system == pytest.approx(counted, abs=0.05)
    assert memory([os.getpid()]) > 1 << 20
    assert family(os.getpid())[0] == os.getpid()


# ---- pairs


def outcome_of(cpu):
    return Outcome(10, 1000, cpu, 1.0, 0.1, 0.1, 0, 0, 0)


def test_two_servers_are_compared_pair_by_pair(monkeypatch, capsys):
    measured, cpu = [], {"parley": 1.0, "parley-web-unused": 1.5}
    monkeypatch.setattr(lobby, "measure", lambda server, crowd, load, seconds: measured.append(
        server.name) or [outcome_of(cpu[server.name])] * len(load.talks))
    command = ["pairs", "parley", "parley-web-unused", "--loads", "b", "c", "--pairs", "2"]
    assert main([*command, "--most", "1.5"]) == 0
    assert measured == 2 * ["parley", "parley-web-unused"] + 2 * ["parley-web-unused", "parley"]
    printed = capsys.readouterr().out
    for row in ("b, paced", "b", "w1", "c, paced", "c"):
        assert "| %s | 1.50 | 2 |" % row in printed
    assert main([*command, "--most", "1.4"]) == 1


def test_a_pair_that_cannot_be_measured_is_named(monkeypatch, capsys):
    def measure(server, crowd, load, seconds):
        raise Broken("nobody came in")

    monkeypatch.setattr(lobby, "measure", measure)
    assert main(["pairs", "parley", "redis", "--loads", "d", "--pairs", "1"]) == 1
    assert "- not measured: pair 1, d, redis: nobody came in" in capsys.readouterr().out


# ---- a series


@pytest.mark.slow
def test_nodes_are_measured_and_have_as_many_members_each_or_together(everybody, monkeypatch):
    pytest.importorskip("redis")
    if not engine.PROGRAMS:
        pytest.skip(engine.MISSING)
    monkeypatch.setattr(nodes, "LOADS", [LOAD._replace(talks=LOAD.talks[:2])])
    found, failures = nodes.compare(everybody, 1, 0.1, lambda text: None, sentinels=0)
    assert not failures and nodes.all_heard_all(found)
    paced = {name: those[0] for name, those in found["paced"].items()}
    assert [paced[name].deliveries for name in ("alone", "1 node", "2 nodes", "2 nodes sharing")] == [
        30 * (MEMBERS - 1), 30 * (MEMBERS - 1), 30 * (2 * MEMBERS - 1), 30 * (MEMBERS - 1)]
    assert len(nodes.report(found)) == 2 + 2 * 4
    clock = itertools.count()  # of CPU seconds; the real one may not tick in so short a time
    monkeypatch.setattr(nodes, "cpu_seconds", lambda pids: next(clock))
    costs = nodes.measure_engine(0.1, lambda text: None, sentinels=0)
    assert all(0 < costs[size][0] <= 1 / size for size in nodes.OF_PACKETS)
    assert len(nodes.report_engine(costs)) == 2 + len(nodes.OF_PACKETS)


def test_a_series_measures_compares_and_draws(everybody):
    servers, _ = chosen_servers(["parley", "threads"])
    extent = Extent(60, 1, 0.1, ("a",), 10, (), False)
    series = Series(everybody, extent, servers, lambda text: None)
    series.run()
    report = "\n".join(series.report())
    assert series.failures == []
    assert series.all_heard_all
    assert "| parley |" in report and "| threads |" in report
    assert xml.dom.minidom.parseString(series.plot())


@pytest.mark.long
def test_there_are_several_rounds(everybody):
    servers, _ = chosen_servers(["asyncio"])
    series = Series(everybody, Extent(60, 2, 0.1, ("a",), 0, (), False), servers, lambda text: None)
    series.run()
    assert len(series.outcomes["a, paced", "asyncio"]) == 2


def test_when_the_time_is_over_what_is_not_measured_is_named(everybody):
    servers, _ = chosen_servers(["parley"])
    series = Series(everybody, Extent(0, 5, 0.1, ("a",), 0, (), False), servers, lambda text: None)
    series.run()
    assert series.failures == [("a, parley", "no time was left")]
    assert "a, parley: no time was left" in "\n".join(series.report())


def test_what_our_server_loses_is_told(everybody):
    series = Series(everybody, Extent(0, 1, 0.1, ("a",), 0, (), False), [PARLEY], lambda text: None)
    good = Outcome(1, 9, 0.1, 1.0, 0.1, 0.1, 0, 0, 0)
    series.outcomes["a, paced", "parley"] = [good]
    assert series.all_heard_all
    for fault in ("missing", "disordered", "differing"):
        series.outcomes["a, paced", "parley"] = [good, good._replace(**{fault: 1})]
        assert not series.all_heard_all


@pytest.mark.long
def test_growth_is_measured(everybody, monkeypatch):
    monkeypatch.setattr(grow, "GROWING", {"members": (10, 20), "workers": (1,)})
    monkeypatch.setattr(grow, "USUAL", {"members": 10, "workers": 1, "speakers": 2})
    monkeypatch.setattr(grow, "SECONDS", 0.1)
    monkeypatch.setattr(grow, "ROUNDS", 1)
    found, failures = grow.grow(everybody, lambda text: None)
    assert failures == []
    assert [point[0] for point in found["members"]["saturated"]] == [10, 20]
    assert "| 20 |" in "\n".join(grow.report(found))
    for _, plot in grow.plots(found):
        assert xml.dom.minidom.parseString(plot)


def test_the_command_prints_tables_and_writes_a_plot(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bench.__main__.QUICK", Extent(60, 1, 0.1, ("a",), 0, (), False))
    assert main(["--quick", "--servers", "parley", "--loads", "a", "--plots", str(tmp_path)]) == 0
    assert "### a, paced: 10 members, all talk, 4000 messages/s" in capsys.readouterr().out
    assert xml.dom.minidom.parse(str(tmp_path / "compare.svg"))


# ---- tables and plots


def test_figures_are_medians_with_their_spread():
    assert figure([]) == "-"
    assert figure([2.0]) == "2.00"
    assert figure([3, 1, 100]) == "3.00 [1.00-100]"
    assert figure([0.0004], 1e3) == "0.400"
    assert ratio([1, 2, 3], [4]) == "0.50"
    assert ratio([], [1]) == "-"
    assert table(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]


def test_plots_are_svg_whatever_is_in_them():
    for plot in (bars("<title>", "axis", [("<a>", [("one & all", 0.1, 0.05, 0.2), ("other", 5.0, 5.0, 5.0)])]),
                 lines("title", "across", "up", {"one": [(1, 2.0, 1.0, 3.0)], "two": [(1, 1.0, 1.0, 1.0)]})):
        assert xml.dom.minidom.parseString(plot)
