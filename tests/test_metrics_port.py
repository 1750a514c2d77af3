"""The metrics of a real server: every worker tells of all, and what one has counted outlives it."""
import logging
import os
import signal
import sys
import time

import pytest
from in_process import run_main
from web_client import PATIENCE, WebClient, ask

from parley.conformance.targets import launch
from parley.server import config, ports
from parley.server.http import metrics
from parley.server.supervisor import control

parser = pytest.importorskip("prometheus_client.parser")

CLOSED = "parley_connections_closed_total"


def values(address):
    """{(name, labels): value} as they are now."""
    status, headers, body = ask(address, "/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for metric in parser.text_string_to_metric_families(body.decode()) for sample in metric.samples}


def wait_for(address, condition):
    """The values, once they are so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            told = values(address)
            if condition(told):
                return told
        except (OSError, AssertionError) as error:  # of the worker that was just killed
            told = error
        assert time.monotonic() < deadline, told
        time.sleep(0.02)


def test_each_worker_tells_of_all_and_nothing_is_lost_with_one(tmp_path):
    listen = {"binary": False, "padded": False, "delimited": False, "dollar": False, "irc": False, "line": 0, "web": 0}
    with launch(workers=2, config={
            "metrics": {"listen": "127.0.0.1:0"}, "listen": listen,
            "storage": {"directory": str(tmp_path / "storage")}}) as server:
        address = server.address("metrics")
        clients = [WebClient(server.address("web")) for _ in range(8)]
        for number, client in enumerate(clients):
            client.answer("login", name="m%d" % number)
            assert client.answer("say", text="hi")["on"] == "done"
        for size, on in ((10, "offer"), (1 << 40, "no")):
            assert clients[1].answer("offer", name="a.bin", size=size)["on"] == on
        clients[0].close()
        # All at once only when both workers have reported: each does once a second.
        before = wait_for(address, lambda told: [told[name] for name in told if name[0] == CLOSED] == [1] and [
            told.get(name) for name in (
                ("parley_connections", "no", "web"), ("parley_messages_total", "room", "web"),
                ("parley_http_requests_total", "/chat", "101"), ("parley_files", "offered"), ("parley_files_bytes",),
                ("parley_files_refused_total", "file-too-big"))] == [7, 8, 8, 1, 10, 1])
        assert before["parley_journal_commit_seconds_count",] >= 1
        assert {name[1] for name in before if name[0] == "parley_process_resident_bytes"} in (
            {"parent", "hashing", "journal", "files", "worker 0", "worker 1"}, set())
        processes = control.ask(str(tmp_path / "storage" / "control.sock"), "status")["processes"]
        for name in ("worker 0", "worker 1", "files"):
            os.kill(processes[name]["pid"], signal.SIGKILL)
        died = "parley_worker_restarts_total", "died"
        after = wait_for(address, lambda told: told[died] == 2 and told["parley_workers", "serving"] == 2)
        counters = [name for name in before if name[0].endswith(("_total", "_count", "_bucket"))]
        assert [name for name in counters if after[name] < before[name]] == []
        assert after["parley_connections", "no", "web"] == 0
        for client in clients[1:]:
            client.close()


def test_without_prometheus_client_the_server_says_so_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    log = logging.getLogger("parley.server")
    before = log.level, log.handlers[:]
    for arguments in (["--metrics", "127.0.0.1:0"], ["--metrics", "127.0.0.1:0", "--check-config"]):
        done = run_main(monkeypatch, str(tmp_path), arguments)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (78, b"", 1)
        assert done.stderr.startswith(b"parley: metrics need prometheus_client, which is not installed")
        assert done.stderr.endswith(b" -m pip install prometheus_client`\n")
    assert (log.level, log.handlers) == before  # what this process has to do next is not logged


def test_an_address_that_somebody_has_is_an_error(tmp_path):
    settings = config.defaults()._replace(workers=2, host="127.0.0.1", listen={"line": 0}, metrics=("127.0.0.1", 0))
    sockets, lines = ports.open_sockets(settings, False, ())
    try:
        assert lines[-1].startswith("[SERVER] Serving metrics on 127.0.0.1:")
        assert [name for name, _, _, _ in sockets[1]] == ["line", metrics.METRICS]
        taken = sockets[0][1][1].getsockname()[1]
        with pytest.raises(ports.CannotListen, match="port %d is in use.*--metrics HOST:PORT" % taken):
            ports.open_sockets(settings._replace(metrics=("127.0.0.1", taken)), False, ())
    finally:
        ports.close_sockets(sockets)
