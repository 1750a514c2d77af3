"""Two nodes as people start them, with a real Redis between them."""
import contextlib
import os
import re
import resource
import signal
import socket

import pytest
from redis_servers import RedisServer

from parley.conformance import targets
from parley.server import commands
from parley.server.supervisor.control import ask
from stress.proofs.processes import wait_until

SECONDS = 60.0  # a bound against hanging

pytestmark = pytest.mark.slow


class Client:
    """Speaks `line`."""

    def __init__(self, node):
        self._sock = socket.create_connection(node.address(), SECONDS)
        self._file = self._sock.makefile("rb")

    def ask(self, line):
        """Say a line; the first line of the answer."""
        self.say(line)
        return self.hear()

    def say(self, line):
        self._sock.sendall(line + b"\n")

    def hear(self):
        return self._file.readline().rstrip(b"\n")

    def hear_until(self, wanted):
        """All lines up to one that is wanted."""
        lines = [self.hear()]
        while lines[-1] != wanted:
            assert lines[-1], lines
            lines.append(self.hear())
        return lines

    def hear_history(self, *messages):
        """The answer to HISTORY, each message as its number, sender and text; others may come or go before it."""
        told = []
        while len(told) < len(messages):
            words = self.hear().split(b" ", 3)
            if words[0] == b"HIST":
                told.append(words[1] + b" " + words[3])
        assert told == list(messages)
        assert self.hear().startswith(b"END HISTORY")

    def close(self):
        self._file.close()
        self._sock.close()


@pytest.fixture
def engine(tmp_path):
    pytest.importorskip("redis", reason="the package redis is not installed (pip install redis)")
    server = RedisServer(tmp_path)
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture
def launch(engine, tmp_path):
    """Starts a node: `with launch("a") as node`."""

    def start(name, **more):
        config = {"storage": {"redis": dict({"url": engine.url, "node": name}, **more)}}
        return targets.launch(workers=1, config=config, args=["--socket", str(tmp_path / (name + ".sock"))],
                              users={"Alice": "123"})

    return start


@pytest.fixture
def come(request):
    """Makes clients that are logged in."""

    def make(node, name, password=b""):
        client = Client(node)
        request.addfinalizer(client.close)
        assert client.ask(b"LOGIN %s %s" % (name, password) if password else b"LOGIN " + name) == b"OK"
        return client

    return make


def test_two_nodes_are_one_chat_and_what_was_said_outlasts_both(launch, come, tmp_path, capsys):
    with launch("a") as a, launch("b") as b:
        ann, bob = come(a, b"ann"), come(b, b"bob")
        other = Client(b)
        assert other.ask(b"LOGIN ann") == b"ERR username-taken"
        assert other.ask(b"LOGIN Alice wrong") == b"ERR wrong-password"
        assert other.ask(b"LOGIN Alice 123") == b"OK"
        other.close()
        ann.say(b"MSG one")
        assert bob.hear_until(b"MSG ann one")
        bob.say(b"MSG two")
        assert ann.hear_until(b"MSG bob two")
        for client in (ann, bob):
            client.say(b"HISTORY")
            client.hear_history(b"1 ann one", b"2 bob two")
        ann.say(b"DM bob alone")
        assert bob.hear_until(b"DM ann alone")
        status = ask(str(tmp_path / "a.sock"), "status")
        assert set(status["cluster"]["nodes"]) == {"a", "b"} and status["accounts"] == 1
        log = commands.run(["log", "--socket", str(tmp_path / "b.sock"), "--since", "1"])
        assert log == 0 and re.fullmatch(r"2 \S+ \S+ bob: two\n", capsys.readouterr().out)
        assert b.stop() == 0
        assert ann.hear_until(b"INFO bob disconnected")
        with launch("b") as again:
            bob = come(again, b"bob")
            bob.say(b"MSG three")
            assert ann.hear_until(b"MSG bob three")
        assert a.stop() == 0
    with launch("c") as c:
        carl = come(c, b"carl")
        carl.say(b"HISTORY")
        carl.hear_history(b"1 ann one", b"2 bob two", b"4 bob three")  # 3 was said to bob alone


@pytest.mark.long
def test_what_dies_is_told_and_mends(launch, come, engine, tmp_path):
    """A node is killed; the engine is; a node hangs."""
    with launch("a", silence_seconds=2) as a, launch("b", silence_seconds=2) as b:
        ann, _ = come(a, b"ann"), come(b, b"bob")
        os.killpg(b.pid, signal.SIGKILL)
        ann.hear_until(b"INFO bob disconnected")
        with launch("b", silence_seconds=2) as again:
            bob = come(again, b"bob")
            engine.kill()
            ann.say(b"MSG under way")
            assert ann.ask(b"PING") == b"PONG"
            assert ann.ask(b"WHO") == b"USER ann"
            engine.start()
            bob.hear_until(b"MSG ann under way")
            os.killpg(again.pid, signal.SIGSTOP)
            ann.hear_until(b"INFO bob disconnected")
            os.killpg(again.pid, signal.SIGCONT)
            bob.hear_until(b"INFO server-shutdown")
            bob = come(again, b"bob")
            ann.say(b"MSG again")
            bob.hear_until(b"MSG ann again")
            assert again.stop() == 0
        assert a.stop() == 0


@contextlib.contextmanager
def full_memory(client, engine):
    client.config_set("maxmemory", 1)
    yield
    client.config_set("maxmemory", 0)


@contextlib.contextmanager
def full_disk(client, engine):
    """Its file must not grow."""
    before = resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    yield
    resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def another_password(client, engine):
    client.config_set("requirepass", "other")
    client.client_kill_filter(_type="normal", skipme=True)
    yield
    client.config_set("requirepass", "")


def test_what_redis_refuses_is_told_to_operators_and_said_once_it_is_mended(launch, come, engine, tmp_path):
    redis = pytest.importorskip("redis")
    client = redis.Redis.from_url(engine.url)
    with launch("a") as a, launch("b") as b:
        ann, bob = come(a, b"ann"), come(b, b"bob")
        for harm, words in ((full_memory, "'maxmemory'"), (full_disk, "MISCONF"), (another_password, "uthentication")):
            text = harm.__name__.encode()
            with harm(client, engine):
                ann.say(b"MSG begins")
                ann.say(b"MSG " + text)
                for node, path in ((a, str(tmp_path / "a.sock")), (b, str(tmp_path / "b.sock"))):
                    wait_until(lambda: words in ask(path, "status")["cluster"]["trouble"], SECONDS)
                    wait_until(lambda: words in node.stderr_text(), SECONDS)
                ann.say(b"WHO")
                ann.hear_until(b"USER ann")
            bob.hear_until(b"MSG ann " + text)
        assert b.stop() == a.stop() == 0
        assert "Traceback" not in a.stderr_text() + b.stderr_text()
    client.connection_pool.disconnect()


def test_redis_that_has_lost_all_goes_on_with_what_a_node_knows(launch, come, engine, tmp_path, capsys):
    redis = pytest.importorskip("redis")
    with launch("a") as a, launch("b") as b:
        ann, bob = come(a, b"ann"), come(b, b"bob")
        ann.say(b"MSG one")
        bob.hear_until(b"MSG ann one")
        client = redis.Redis.from_url(engine.url)
        client.flushall()
        client.connection_pool.disconnect()
        for node in "ab":
            path = str(tmp_path / (node + ".sock"))
            wait_until(lambda: "has lost the log" in ask(path, "status")["cluster"]["trouble"], SECONDS)
        ann.say(b"MSG two")
        assert ann.ask(b"WHO") == b"USER ann"
        ann.hear_until(b"USER bob")
        assert commands.run(["refill", "--socket", str(tmp_path / "a.sock")]) == 0
        assert "what this node knows, entry " in capsys.readouterr().out
        bob.hear_until(b"INFO server-shutdown")
        bob = come(b, b"bob")
        bob.say(b"HISTORY")
        bob.hear_history(b"1 ann one", b"2 ann two")
        bob.say(b"MSG three")
        ann.hear_until(b"MSG bob three")
        assert commands.run(["refill", "--socket", str(tmp_path / "a.sock")]) == 1
        assert b.stop() == a.stop() == 0


def test_of_two_processes_with_one_name_the_later_one_stays(launch, come):
    with launch("a") as one:
        ann = come(one, b"ann")
        with launch("another", node="a") as two:
            ann.hear_until(b"INFO server-shutdown")
            assert wait_until(lambda: one.exit_code, SECONDS) == 69
            assert "another process has joined parley as node a" in one.stderr_text()
            come(two, b"ann")
            assert two.stop() == 0


def test_what_cannot_work_is_told_before_clients_come(launch, engine):
    redis = pytest.importorskip("redis")
    engine.kill()
    engine.start("--appendonly", "no")
    with pytest.raises(targets.DidNotStart, match="(?s)exit code: 69.*appendonly yes"):
        with launch("a"):
            pass
    engine.kill()
    engine.start()
    client = redis.Redis.from_url(engine.url)
    client.hset("{parley:parley}:st", "v", 99)
    client.connection_pool.disconnect()
    with pytest.raises(targets.DidNotStart, match="(?s)exit code: 69.*version 99 of Parley's log is in force there"):
        with launch("a"):
            pass
