"""The servers that the tests use, and a screen to show windows on."""
import os
import shutil
import subprocess

import pytest
from gui_servers import SERVERS, USERS, Server004

from parley.conformance.targets import launch


@pytest.fixture(params=sorted(SERVERS))
def server(request, tmp_path):
    """Each kind of server in turn, running."""
    directory = tmp_path / "storage"
    directory.mkdir(mode=0o700)
    server = SERVERS[request.param](directory)
    server.start()
    yield server
    server.close()


@pytest.fixture
def mixed():
    """{protocol: (host, port)} of our server, where an account may be in several."""
    protocols = ("line", "binary", "padded", "dollar")
    with launch(workers=2, users=USERS, protocols=protocols) as server:
        yield {protocol: tuple(server.address(protocol)) for protocol in protocols}


@pytest.fixture
def foreign():
    """A server of document 004."""
    server = Server004(USERS)
    server.start()
    yield server
    server.close()


@pytest.fixture
def marking():
    """A server whose list tells what was said while one was away."""
    server = Server004(USERS, marks=True)
    server.start()
    yield server
    server.close()


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
