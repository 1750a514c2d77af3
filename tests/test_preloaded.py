"""A server that is forked, as most of the tests have it, is like one that is started."""
import contextlib
import os
import signal
import socket
import subprocess
import sys

import preloaded
import pytest

from parley.conformance.targets import DidNotStart, launch
from stress.proofs.processes import group, is_running, wait_until

pytestmark = pytest.mark.skipif(not preloaded.CAN_FORK, reason="servers are started here")
HERE = os.path.dirname(os.path.abspath(__file__))


def parent(pid):
    with open("/proc/%d/stat" % pid) as file:
        return int(file.read().rpartition(")")[2].split()[1])


def kinds_of_descriptors(pid):
    """For each the beginning of what it refers to, in their order, without the number of a pipe or socket."""
    return [os.readlink("/proc/%d/fd/%s" % (pid, number)).partition("[")[0][:8]
            for number in sorted(os.listdir("/proc/%d/fd" % pid), key=int)]


def test_it_has_a_session_of_its_own():
    with launch(workers=1), launch(workers=1) as server:
        assert parent(server.pid) != os.getpid()
        assert (os.getsid(server.pid), os.getpgid(server.pid)) == (server.pid, server.pid)
        assert len(group(server.pid)) > 1


def test_it_has_the_descriptors_that_one_has_that_is_started(monkeypatch):
    with launch(workers=1), launch(workers=1) as server:
        forked = kinds_of_descriptors(server.pid)
    monkeypatch.setattr(preloaded, "CAN_FORK", False)
    with launch(workers=1) as server:
        assert kinds_of_descriptors(server.pid) == forked


def test_one_with_a_variable_that_is_heeded_before_python_runs_is_started():
    for variable, is_ours in (("LD_BIND_NOW=1", True), ("PYTHONHASHSEED=1", True), ("CHAT_X=1", False)):
        with launch(workers=1, command=["env", variable, *preloaded.SERVER]) as server:
            assert (parent(server.pid) == os.getpid()) == is_ours, variable


def test_processes_of_a_session_have_their_servers_forked_by_one(monkeypatch):
    monkeypatch.setenv(preloaded.SHARED, "which is put back in the end")
    starter, *others = (preloaded.Nursery() for _ in range(3))
    starter.share()
    parents = []
    with contextlib.ExitStack() as running:
        for nursery in (*others, starter):
            monkeypatch.setattr(preloaded, "_nursery", nursery)
            server = running.enter_context(launch(workers=1))
            parents.append(parent(server.pid))
        assert parents == [starter.pid] * 3
        others[0].end()
        assert server.exit_code is None
    starter.end()
    wait_until(lambda: not is_running(starter.pid))


def test_its_exit_code_is_told():
    with launch(workers=1) as server:
        assert server.exit_code is None
    assert server.exit_code == 0 and not group(server.pid)
    with launch(workers=1) as server:
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: server.exit_code)
    assert server.exit_code == -signal.SIGKILL


def test_one_that_does_not_start_says_why_and_it_heeds_the_variables_of_the_test(monkeypatch):
    monkeypatch.setenv("CHAT_PORT", "morse")
    with pytest.raises(DidNotStart) as caught:
        with launch(workers=1):
            pass
    assert "exit code: 78" in str(caught.value)
    assert "parley: environment variable CHAT_PORT: 'morse' is not a port" in str(caught.value)


def test_it_dies_with_who_started_it():
    program = ("import os, signal, sys; sys.path.insert(0, %r); import conftest\n"
               "from parley.conformance import targets\nwith targets.launch(workers=1) as server:\n"
               "    print(server.pid, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)" % HERE)
    done = subprocess.run([sys.executable, "-c", program], cwd=os.path.dirname(HERE), stdout=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL
    server = int(done.stdout)
    wait_until(lambda: not is_running(server) and not group(server))


def test_a_process_that_is_not_ready_to_fork_is_noticed():
    report, other = socket.socketpair()
    other.close()
    with report, pytest.raises(EOFError):
        preloaded.Forked(None, report)


def test_a_starter_that_listens_no_more_ends_no_other_ones_servers():
    program = ("import socket, preloaded_server\nreport, starter = socket.socketpair()\nstarter.close()\n"
               "preloaded_server._tell(report, 0)\nprint('goes on')")
    told = subprocess.check_output([sys.executable, "-c", program], env=dict(os.environ, PYTHONPATH=HERE))
    assert told == b"goes on\n"
