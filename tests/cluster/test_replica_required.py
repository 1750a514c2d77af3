"""A node that has to read from a replica waits while there is none."""
import socket

import pytest

from parley.conformance import targets
from parley.server.supervisor.control import ask
from stress.proofs.processes import wait_until

SECONDS = 60.0  # a bound against hanging


@pytest.mark.slow
def test_with_replica_required_nothing_is_heard_until_a_replica_is_back(start_engine, tmp_path):
    pytest.importorskip("redis", reason="the package redis is not installed (pip install redis)")
    engine, control = start_engine(replica=True, sentinels=1), str(tmp_path / "socket")
    redis = {"sentinels": engine.sentinel_addresses, "master": engine.master_name, "replica": "required", "node": "a"}
    with targets.launch(1, {"storage": {"redis": redis}, "idle_timeout": 0}, ["--socket", control]) as node:
        with socket.create_connection(node.address(), SECONDS) as ann, \
                socket.create_connection(node.address(), SECONDS) as bob, bob.makefile("rb") as heard:
            for sock, name in ((bob, b"bob"), (ann, b"ann")):
                sock.sendall(b"LOGIN %s\n" % name)
                assert (heard.readline() if sock is bob else sock.recv(100)) == b"OK\n"
            engine.replica().kill()
            wait_until(lambda: "no replica is there" in ask(control, "status")["cluster"]["trouble"], SECONDS)
            ann.sendall(b"MSG waits\nPING\n")
            assert ann.recv(100) == b"PONG\n"
            bob.sendall(b"PING\n")
            assert heard.readline() == b"PONG\n"
            wait_until(lambda: ask(control, "status")["cluster"]["waiting"], SECONDS)
            engine.mend()
            assert heard.readline() == b"MSG ann waits\n"
        assert node.stop() == 0
