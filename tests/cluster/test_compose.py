"""examples/compose.yaml, without the machines that it wants: what its services are told, told to processes here."""
import contextlib
import os
import re

import pytest
import yaml

from parley.conformance import engine
from parley.conformance.requirements import ROOT
from parley.conformance.targets import launch
from parley.server import config
from stress.proofs.clients import Client

COMPOSE = os.path.join(ROOT, "examples", "compose.yaml")
SERVERS, SENTINELS, NODES = ("one", "two"), ("sentinel-1", "sentinel-2", "sentinel-3"), ("a", "b")


@pytest.fixture(scope="module")
def compose():
    with open(COMPOSE, encoding="utf-8") as file:
        return yaml.safe_load(file)


def told(compose, name):
    """The content of a configuration."""
    return compose["configs"][name]["content"]


def test_operators_are_told_to_have_sentinel_wait_as_long_as_it_does_here(compose):
    with open(os.path.join(ROOT, "docs", "cluster.md"), encoding="utf-8") as file:
        page = file.read()
    for text in (page, told(compose, "sentinel")):
        assert "sentinel down-after-milliseconds parley %d" % engine.DOWN_AFTER_MS in text


def test_each_service_has_what_it_names(compose):
    services = compose["services"]
    assert set(services) == {*SERVERS, *SENTINELS, *NODES}
    for name, service in services.items():
        assert set(service["networks"]) <= {*compose["networks"], "default"}
        assert {one["source"] for one in service["configs"]} <= set(compose["configs"])
        assert {one.partition(":")[0] for one in service.get("volumes", ())} <= set(compose["volumes"])
        assert set(service.get("depends_on", ())) <= set(services)
        assert ("ports" in service) == (name in NODES) == ("default" in service["networks"])


def test_the_nodes_have_valid_configurations_that_differ_in_their_names_alone(compose, tmp_path):
    pytest.importorskip("redis")
    clusters = []
    for name in NODES:
        path = tmp_path / (name + ".yaml")
        path.write_text(told(compose, name))
        clusters.append(config.read(str(path), config.defaults()).cluster)
        assert clusters[-1].node == name
        assert [host for host, _ in clusters[-1].sentinels] == list(SENTINELS)
    assert clusters[0]._replace(node="b") == clusters[1]


@pytest.mark.long
def test_the_engine_of_these_configurations_gives_two_nodes_one_room(compose, program, tmp_path):
    pytest.importorskip("redis")
    ports = {name: engine.free_port() for name in (*SERVERS, *SENTINELS)}

    def lines(name, more=()):
        text = re.sub(r"(?m)^(dir|port) .*\n|^sentinel (resolve|announce)-hostnames .*\n", "", told(compose, name))
        for host, port in ports.items():
            text = re.sub(r"\b%s([ :])[0-9]+" % host, r"127.0.0.1\g<1>%d" % port, text)
        return [*text.splitlines(), *more]

    with contextlib.ExitStack() as stack:
        for name in ports:
            is_sentinel = name in SENTINELS
            follows = ["replicaof 127.0.0.1 %d" % ports["one"]] if name == "two" else []
            server = engine.Server(program, str(tmp_path), name, ports[name], lines(
                "sentinel" if is_sentinel else "valkey", follows), ("--sentinel",) if is_sentinel else ())
            stack.callback(server.kill)
            server.wait_until_ready()
        engine.wait_until(lambda: server.ask("SENTINEL", "REPLICAS", "parley"), "Sentinel finds no replica")
        people = []
        for name in NODES:
            node = stack.enter_context(launch(1, yaml.safe_load("\n".join(lines(name)))))
            people.append(stack.enter_context(Client(node.address(), "at-" + name)))
        people[0].say("MSG hello")
        people[1].until("MSG at-a hello")
