"""Servers to talk to, and a screen to show windows on."""
import os
import shutil
import subprocess
import time

import pytest

from conformance.targets import launch
from server004 import Server004

USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}
SECONDS = 15


class Ours:
    """Our server, with a directory, so that it knows after a restart what was said."""

    has_room = True

    def __init__(self, directory):
        self._directory, self.address, self._running = str(directory), ("127.0.0.1", 0), None

    def start(self):
        self._running = launch(
            workers=2, users=USERS, protocols=("dollar",), args=("--listen", "dollar=%d" % self.address[1]),
            config={"storage": {"directory": self._directory}})
        self.address = self._running.__enter__().address("dollar")

    def stop(self):
        running, self._running = self._running, None
        if running:
            running.__exit__(None, None, None)


class Foreign(Server004):
    """One of document 004."""

    has_room = False
    is_running = False

    def start(self):
        super().start()
        self.is_running = True

    def stop(self):
        if self.is_running:
            self.is_running = False
            super().stop()


SERVERS = {"ours": lambda directory: Ours(directory), "document-004": lambda directory: Foreign(USERS),
           "document-004-bare": lambda directory: Foreign(USERS, bare=True)}


@pytest.fixture(params=sorted(SERVERS))
def server(request, tmp_path):
    """Each kind of server in turn, running."""
    directory = tmp_path / "storage"
    directory.mkdir(mode=0o700)
    server = SERVERS[request.param](directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def foreign():
    """A server of document 004."""
    server = Foreign(USERS)
    server.start()
    yield server
    server.stop()


def wait_until(is_so, work=None):
    """Work until it is so; fail if it is not within `SECONDS`."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that in %d s" % SECONDS
        if work:
            work()
        time.sleep(0.005)


@pytest.fixture(scope="session")
def screen():
    """A screen of the tests' own, if Xvfb is installed; else the one that is there. Skips if there is none."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    if not shutil.which("Xvfb"):
        if not os.environ.get("DISPLAY"):
            pytest.skip("no screen: neither Xvfb (Debian: apt install xvfb) nor DISPLAY is there")
        yield os.environ["DISPLAY"]
        return
    reading, writing = os.pipe()
    xvfb = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
                            pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    before = os.environ.get("DISPLAY")
    try:
        with os.fdopen(reading) as told:
            os.environ["DISPLAY"] = ":" + told.readline().strip()
        yield os.environ["DISPLAY"]
    finally:
        xvfb.terminate()
        xvfb.wait()
        os.environ.pop("DISPLAY")
        if before is not None:
            os.environ["DISPLAY"] = before
