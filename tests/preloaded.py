"""The module `subprocess` for who starts servers: the usual one of the tests is forked by a process that is ready to.

A start of Python with all of the server's modules takes five times as long as what the server does until it serves, and
the tests start hundreds. `targets.subprocess` may be this module. What else is started, or where that cannot be done,
is started as ever: so is a server with variables that Python itself or the loader of programs heeds.
"""
import array
import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from subprocess import DEVNULL, PIPE, TimeoutExpired  # noqa: F401

from parley.conformance.targets import CHEAP_SERVER

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = CHEAP_SERVER
SHARED = "PARLEY_TESTS_PRELOADED"  # the variable with the address where the processes of `-n` ask for servers
CAN_FORK = sys.platform.startswith("linux") and hasattr(os, "waitid")  # PyPy has not


def Popen(command, cwd, env, stderr, **options):
    """What `targets.Launched` takes for a process."""
    words, variables = list(command), {}
    if words[0] == "env":
        del words[0]
        while "=" in words[0] and not words[0].startswith(("PYTHON", "LD_")):
            name, _, variables[name] = words.pop(0).partition("=")
    if CAN_FORK and words[:len(SERVER)] == SERVER:
        return _nursery.fork(words[len(SERVER):], cwd, dict(env, **variables), stderr)
    return subprocess.Popen(command, cwd=cwd, env=env, stderr=stderr, **options)


class Forked:
    """Like `subprocess.Popen`, as far as that is needed."""

    def __init__(self, stdout, report):
        self.stdout = stdout
        self.returncode = None
        self._report = report
        self._lock = threading.Lock()
        self.pid = self._told()

    def poll(self):
        try:
            return self.wait(0)
        except TimeoutExpired:
            return None

    def wait(self, timeout=None):
        with self._lock:
            if self.returncode is None:
                if not select.select([self._report], [], [], timeout)[0]:
                    raise TimeoutExpired("a server", timeout)
                self.returncode = self._told()
                self._report.close()
        return self.returncode

    def _told(self):
        told = self._report.recv(64)
        if not told:
            raise EOFError("the process that forks servers has ended")
        return int(told)


class Nursery:
    """`preloaded_server.py`, once it is needed: one that ends with this process, or that of the test session."""

    def __init__(self):
        self._lock = threading.Lock()
        self._requests = self._process = None

    def fork(self, arguments, cwd, environment, stderr):
        request = json.dumps({"arguments": arguments, "cwd": cwd, "environment": environment})
        report, its_report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stdout, its_stdout = os.pipe()
        descriptors = array.array("i", [its_report.fileno(), its_stdout, stderr.fileno()])
        with self._lock:
            if not self._requests:
                self._start()
            self._requests.sendmsg([request.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        its_report.close()
        os.close(its_stdout)
        return Forked(open(stdout, "rb"), report)

    def share(self):
        """Start it for the processes of `-n`, of which each would else import all that a server has."""
        directory = tempfile.TemporaryDirectory(prefix="preloaded-")  # which is ours alone
        os.environ[SHARED] = os.path.join(directory.name, "requests")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(os.environ[SHARED])
            listener.listen()
            self._start_process(listener)
        atexit.register(directory.cleanup)

    def _start(self):
        if SHARED in os.environ:
            self._requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._requests.connect(os.environ[SHARED])
        else:
            self._start_process()

    def _start_process(self, *listeners):
        self._requests, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = [listener.fileno() for listener in listeners]
        with requests:
            self._process = subprocess.Popen(
                [sys.executable, os.path.join(HERE, "preloaded_server.py"), *map(str, numbers)], stdin=requests,
                stdout=DEVNULL, pass_fds=numbers, start_new_session=True, env=dict(os.environ, PYTHONUNBUFFERED="1"))
        atexit.register(self.end)

    @property
    def pid(self):
        """That of the process, if it is one of ours."""
        return self._process.pid

    def end(self):
        """Ask for no servers any more. A process of ours ends, and with it all servers that it has forked."""
        self._requests.close()
        if self._process:
            self._process.wait()


_nursery = Nursery()
share = _nursery.share
