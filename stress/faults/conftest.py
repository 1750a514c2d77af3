"""The servers of the tests for faults, and what the longer ones need besides."""
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
    """What a server whose environment has `variables` sees of the clock and the disk, from now on."""

    def __init__(self, library, path):
        self.variables = {"LD_PRELOAD": library, "FAULTS": path}
        with open(path, "w+b") as file:
            file.write(bytes(_ORDERS.size))
            file.flush()
            self._memory = mmap.mmap(file.fileno(), _ORDERS.size)
        self._shift = 0

    def shift(self, seconds):
        """The wall clock is so far ahead of ours."""
        self._shift = int(seconds)
        self._give(0, 0)

    def fail(self, write=0, sync=0):
        """Writing and syncing of files end with these errno; 0 is well."""
        self._give(write, sync)

    def _give(self, write, sync):
        self._memory[:] = _ORDERS.pack(self._shift, write, sync)


@pytest.fixture
def orders(library, tmp_path):
    return Orders(library, str(tmp_path / "orders"))
