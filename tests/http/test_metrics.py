"""The metrics of a status, read by prometheus_client's own parsers, and what is written about them."""
import re

import pytest
from cases import for_each

from parley.server.http.head import Request
from parley.server.http.metrics import FAMILIES, Collector, Metrics, render
from parley.server.http.site import Pending
from parley.server.ipc.counts import Durations, total

parser = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def durations(*seconds):
    noted = Durations()
    for one in seconds:
        noted.note(one)
    return noted.plain()


def report(**more):
    return dict({"connections": {"line": 3, "web": 2}, "encrypted": {"line": 1}, "behind": 1, "held": 2, "visitors": 4,
                 "unsent_bytes": 10}, **more)


def status(**more):
    """Of a server with storage and all there is to count."""
    return dict({
        "version": "1.2.3", "python": "3.11.7", "started": 1600000000.5, "names": 5, "accounts": 2, "rooms": 1,
        "serving": [["line", False], ["line", True], ["metrics", False], ["web", False]],
        "restarts": {"died": 1, "stuck": 0, "behind": 0}, "workers_wanted": 4,
        "processes": {"parent": {"pid": 1, "cpu_seconds": 1.5, "resident_bytes": 4096},
                      "worker 0": {"pid": 2, "cpu_seconds": None, "resident_bytes": None}},
        "journal": {"waiting": 3, "bytes": 9, "seconds": 0.1, "failing": True, "commits": durations(0.002)},
        "files": {"files": {"offered": 1, "whole": 2, "shared": 3, "said": 4}, "bytes": 500, "uploads": 1,
                  "counters": {"received": 900, "refused": {"quota-full": 2}, "removed": {"expired": 5}}},
        "workers": {
            0: {"ready": True, "silent": False, "queued_bytes": 7, "report": report()},
            1: {"ready": True, "silent": True, "queued_bytes": 0, "report": report()},
            2: {"ready": False, "silent": False, "queued_bytes": 0, "report": {}}},
        "cluster": {"nodes": {"a": {}, "b": {}}, "entry": 77, "lag_seconds": 0.25, "trouble": "", "role": "replica",
                    "sent_again": 3, "rejoins": {"fenced": 1, "foreign": 0, "differs": 0}},
        "totals": {
            "accepted": {"line": 9, "web": 2, "binary": 0}, "ended": {"line": {"quit": 3, "idle": 1}},
            "refused": {"name-taken": 2}, "messages": {"line": {"room": 5, "direct": 1, "command": 8}},
            "deliveries": {"line": 20}, "requests": {"/": {"200": 3}, "other": {"404": 1}},
            "turns": durations(0.0005, 0.003, 0.004, 60.0)},
    }, **more)


def parsed(text):
    return {metric.name: metric for metric in parser.text_string_to_metric_families(text)}


@pytest.fixture(scope="module")
def samples():
    """{(name, labels): value} of all there is."""
    text, kind = render(status(), "text/plain")
    assert kind.startswith("text/plain; version=")
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in parsed(text.decode()).values() for sample in metric.samples}


@pytest.mark.parametrize("accepted, read", [
    ("", lambda text: list(parser.text_string_to_metric_families(text))),
    (OPEN, lambda text: list(openmetrics.text_string_to_metric_families(text)))], ids=["text", "openmetrics"])
def test_each_metric_is_told_as_it_is_declared(accepted, read):
    text = render(status(), accepted)[0].decode()
    told = {metric.name: metric for metric in read(text)}
    assert sorted(told) == sorted(re.sub("_total$", "", family.name) for family in FAMILIES)
    for family in FAMILIES:
        metric = told[re.sub("_total$", "", family.name)]
        assert (metric.type, metric.documentation) == (family.kind, family.text)
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
            assert sample.name.startswith(family.name)
    lines = [line for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(lines) == len(set(lines)) == len(FAMILIES)


@for_each("name, labels, value", [
    ("build_info", {"version": "1.2.3", "python": "3.11.7"}, 1), ("start_time_seconds", {}, 1600000000.5),
    ("workers", {"state": "serving"}, 1), ("workers", {"state": "silent"}, 1), ("workers", {"state": "starting"}, 1),
    ("workers", {"state": "missing"}, 1), ("worker_restarts_total", {"reason": "died"}, 1),
    ("connections", {"protocol": "line", "tls": "yes"}, 2), ("connections", {"protocol": "line", "tls": "no"}, 4),
    ("connections", {"protocol": "web", "tls": "no"}, 4), ("connections_accepted_total", {"protocol": "line"}, 9),
    ("connections_closed_total", {"protocol": "line", "reason": "idle"}, 1), ("users", {}, 5), ("rooms", {}, 1),
    ("messages_total", {"protocol": "line", "kind": "direct"}, 1),
    ("messages_total", {"protocol": "web", "kind": "room"}, 0), ("deliveries_total", {"protocol": "line"}, 20),
    ("refusals_total", {"reason": "name-taken"}, 2), ("behind_connections", {}, 2), ("held_connections", {}, 4),
    ("up_queue_bytes", {}, 20), ("down_queue_bytes", {}, 7), ("journal_lag_messages", {}, 3),
    ("journal_failing", {}, 1), ("journal_commit_seconds_bucket", {"le": "0.0025"}, 1),
    ("tick_seconds_bucket", {"le": "0.001"}, 1), ("tick_seconds_bucket", {"le": "0.005"}, 3),
    ("tick_seconds_bucket", {"le": "10.0"}, 3), ("tick_seconds_count", {}, 4), ("tick_seconds_sum", {}, 60.0075),
    ("files", {"state": "offered"}, 1), ("files", {"state": "told"}, 7), ("files_bytes", {}, 500),
    ("files_uploads", {}, 1), ("files_received_bytes_total", {}, 900),
    ("files_refused_total", {"reason": "quota-full"}, 2), ("files_removed_total", {"reason": "expired"}, 5),
    ("http_connections", {}, 8), ("http_requests_total", {"path": "/", "status": "200"}, 3),
    ("process_cpu_seconds_total", {"process": "parent"}, 1.5)])
def test_a_figure_is_where_it_belongs(samples, name, labels, value):
    assert samples["parley_" + name, tuple(sorted(labels.items()))] == value


def test_what_a_server_does_not_have_is_not_told(samples):
    protocols = {labels["protocol"] for labels in (dict(labels) for _, labels in samples) if "protocol" in labels}
    assert protocols == {"line", "web"}  # those that are on
    without = status(
        journal={"waiting": 0, "bytes": 0, "seconds": 0, "failing": False}, processes={}, totals={}, files={})
    names = {metric.name for metric in Collector(without).collect()}
    assert not [name for name in names if "journal" in name or "process" in name or name == "parley_tick_seconds"
                or "files" in name]
    assert "parley_users" in names


def test_counters_add_up_whatever_their_depth():
    one = {"a": 1, "b": {"x": 1.5, "y": {"z": 2}}}
    assert total([one, {}, {"b": {"x": 1, "y": {"w": 3}}, "c": 4}]) == {
        "a": 1, "b": {"x": 2.5, "y": {"z": 2, "w": 3}}, "c": 4}
    assert one == {"a": 1, "b": {"x": 1.5, "y": {"z": 2}}}


def test_the_port_of_the_metrics_has_nothing_else():
    metrics = Metrics()

    def request(path, method=b"GET"):
        return Request(method, path, [(b"host", b"h"), (b"accept", OPEN.encode())], b"1.1")

    assert metrics.answer(request(b"/"), "::1").status == 404
    assert metrics.answer(request(b"/metrics", b"POST"), "::1").status == 405
    pending = metrics.answer(request(b"/metrics?x=1"), "::1")
    assert isinstance(pending, Pending)
    answer = pending.then(status())
    assert answer.status == 200 and answer.body.endswith(b"# EOF\n")
    assert dict(answer.headers)[b"Content-Type"].startswith(b"application/openmetrics-text")
    assert [metrics.label(request(path)) for path in (b"/metrics?x", b"/secret")] == ["/metrics", "other"]
