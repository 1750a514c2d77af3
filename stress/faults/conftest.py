"""Fixtures of the longer tests of faults: servers, and a clock and a disk that can be made to fail."""
import mmap
import os
import shutil
import struct
import subprocess

import pytest

from stress.faults.web import settle  # noqa: F401
from stress.fixtures import bystanders, enter, join, knock, run, settings, start  # noqa: F401

_HERE = os.path.dirname(os.path.abspath(__file__))

_ORDERS = struct.Struct("=qii")  # see shim.c


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The path of shim.c, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    path = str(tmp_path_factory.mktemp("shim") / "shim.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", path, os.path.join(_HERE, "shim.c"), "-ldl"], check=True)
    return path


class Orders:
    """Controls the clock and the disk as a server sees them that runs with `variables` in its environment."""

    def __init__(self, library, path):
        self.variables = {"LD_PRELOAD": library, "FAULTS": path}
        with open(path, "w+b") as file:
            file.write(bytes(_ORDERS.size))
            file.flush()
            self._memory = mmap.mmap(file.fileno(), _ORDERS.size)
        self._shift = 0

    def shift(self, seconds):
        """Set the wall clock so many seconds ahead of ours."""
        self._shift = int(seconds)
        self._give(0, 0)

    def fail(self, write=0, sync=0):
        """Let writing and syncing of files fail with these errno; 0: let it succeed."""
        self._give(write, sync)

    def _give(self, write, sync):
        self._memory[:] = _ORDERS.pack(self._shift, write, sync)


@pytest.fixture
def orders(library, tmp_path):
    return Orders(library, str(tmp_path / "orders"))
