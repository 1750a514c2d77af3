"""The suite judges two nodes as one server, and the proof of a cluster holds for a few failures."""
import os

import pytest

from parley.conformance import engine, loader, options, requirements
from parley.conformance.nodes import Cluster
from parley.conformance.pool import Pool
from parley.conformance.requirements import SCENARIOS
from parley.conformance.runner import Run
from parley.conformance.targets import Foreign
from parley.conformance.variants import Variant
from stress.cluster.failures import FOR_LONG
from stress.proofs import cluster, gone

# What is on one worker or one node passes wherever it is; these need one room.
ONE_ROOM = ("line/history", "mixed/name-race")


class Node:
    """What a `Cluster` asks a server for."""

    workers = 2

    def __init__(self, name):
        self.name = name
        self.exit_code = None

    def address(self, protocol):
        return self.name, protocol

    def worker_address(self, index, protocol):
        return self.name, index, protocol

    def stderr_size(self):
        return ord(self.name)

    def stderr_text(self, start):
        return "%s from %d. " % (self.name, start)


def test_actors_on_different_workers_are_on_different_nodes():
    one, other = Node("a"), Node("b")
    both = Cluster([one, other])
    assert both.workers == 4
    assert [both.worker_address(index, "line")[:2] for index in range(4)] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert [both.address("line")[0] for _ in range(3)] == ["a", "b", "a"]
    assert both.stderr_text(both.stderr_size()) == "a from 97. b from 98. "
    one.exit_code = 0
    assert both.exit_code is None
    other.exit_code = 70
    assert both.exit_code == 70


def test_nodes_are_not_for_servers_of_others_and_need_an_engine(monkeypatch):
    with pytest.raises(options.UsageError, match="--target"):
        options.nodes(2, Foreign({"line": ("127.0.0.1", 4000)}))
    monkeypatch.setattr(engine, "PROGRAMS", {})
    with pytest.raises(options.UsageError, match="there is no redis-server"):
        options.nodes(2, None)
    assert options.nodes(1, None) == 1


@pytest.fixture
def needs_all():
    """Skip where there is no engine, or no client of it."""
    pytest.importorskip("redis")
    if not engine.PROGRAMS:
        pytest.skip(engine.MISSING)


def play(*names):
    """Let these scenarios judge two nodes, with their actors on both."""
    pool = Pool(2, 4.0, nodes=2)
    try:
        for name in names:
            path = os.path.join(SCENARIOS, *name.split("/")) + loader.SUFFIX
            scenario = loader.load(path, requirements.available_to)
            with pool.fixture_for(scenario) as fixture:
                Run(scenario, Variant("split", "whole"), fixture).play()
    finally:
        pool.close()


def test_scenarios_of_one_room_pass_on_two_nodes(needs_all):
    play(*ONE_ROOM)


def test_who_is_on_the_node_that_ends_last_may_hear_of_those_on_the_first(needs_all, monkeypatch):
    monkeypatch.setattr(Cluster, "terminate", lambda both: [one.stop() for one in both._servers])
    play("line/start-and-stop", "irc/stop")


def test_six_failures_take_nothing_back(needs_all):
    cluster.prove(print, failures=6, workers=1, without=FOR_LONG, pace=4.0)


@pytest.mark.long
def test_the_names_of_a_lost_node_are_free_soon(needs_all):
    gone.prove(print, kills=1)


@pytest.mark.long
def test_each_failure_takes_nothing_back(needs_all):
    cluster.prove(print, failures=40)


@pytest.mark.long
def test_each_failure_takes_nothing_back_where_redis_is_alone(needs_all):
    cluster.prove(print, failures=30, sentinels=0)
