"""Servers for the tests: real ones, on free ports, that must leave no process and no traceback behind."""
import contextlib
import json
import os
import signal

import pytest

from parley.conformance import targets
from stress import framed
from stress.proofs.clients import Client
from stress.proofs.processes import group, wait_until


@pytest.fixture
def start():
    """start(workers, config, ...) gives a running server; all are ended and examined after the test.

    trouble: the test provokes errors, so tracebacks and dead workers are no fault.
    descriptors: the limit of open files. environment: more variables. stderr: where it goes, in the shell's words.
    protocols: those to serve.
    """
    servers = []
    with contextlib.ExitStack() as stack:

        def start_one(workers=2, config=None, args=(), trouble=False, descriptors=None, environment=None,
                      stderr="", protocols=("line",)):
            server = stack.enter_context(targets.launch(
                workers, config, args, command=_command(descriptors, environment or {}, stderr), protocols=protocols))
            servers.append((server, trouble))
            return server

        yield start_one
        for server, _ in servers:
            server.stop()
        texts = [(server.stderr_text(), trouble) for server, trouble in servers]
    for server, _ in servers:
        _end_group(server.pid)
    for text, trouble in texts:
        assert trouble or "Traceback" not in text and "replaced in" not in text, text


def _command(descriptors, environment, stderr):
    command = ["env"] + ["%s=%s" % pair for pair in environment.items()] + targets.SERVER
    if descriptors is None and not stderr:
        return command
    limit = "ulimit -n %d && " % descriptors if descriptors else ""
    return ["sh", "-c", limit + 'exec "$@" ' + stderr, "sh"] + command


def _end_group(pid):
    """Every server has a process group of its own; nothing of it may be left."""
    try:
        wait_until(lambda: not group(pid))
    except AssertionError:
        os.killpg(pid, signal.SIGKILL)
        raise AssertionError("the server left processes behind") from None


@pytest.fixture
def run(tmp_path):
    """run(*options, **environment): a server that may not even start, by its whole command line."""
    started = []

    def run_one(*options, **environment):
        command = ["env"] + ["%s=%s" % pair for pair in environment.items()] + targets.SERVER + list(options)
        started.append(targets.Launched(command, 1, str(tmp_path)))
        return started[-1]

    yield run_one
    for server in started:
        server.stop()
        _end_group(server.pid)


@pytest.fixture
def join():
    """join(address, name, ...): a client that is closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Client(*args, **kwargs))


@pytest.fixture
def knock():
    """knock(server, protocol, ...): a client of a framed protocol without a name, closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda server, protocol, slot=0, **kwargs: stack.enter_context(
            framed.Client(server.worker_address(slot, protocol), protocol, **kwargs))


@pytest.fixture
def enter():
    """enter(server, protocol, name, ...): one that is in the room, closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(framed.enter(*args, **kwargs))


@pytest.fixture
def bystanders(enter, join):
    """bystanders(server, protocol, slot): a client of that protocol and one of `line`, who talk to each other."""
    return lambda server, protocol, slot=0: framed.Bystanders(
        enter(server, protocol, "good", slot), join(server.worker_address(slot), "lina"))


@pytest.fixture
def settings(tmp_path):
    """A configuration file that can be rewritten: settings.write(...), settings.args for the command line."""
    return SettingsFile(tmp_path / "settings.yaml")


class SettingsFile:
    """JSON is YAML."""

    def __init__(self, path):
        self._path = path
        self.args = ("--config", str(path))

    def write(self, **values):
        self._path.write_text(json.dumps(values))

    def write_text(self, text):
        self._path.write_text(text)
