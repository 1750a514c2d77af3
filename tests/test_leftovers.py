"""A session whose tests leave files in the checkout fails, and says which."""
import os
import shutil
import subprocess
import sys

import pytest

CONFTEST = """
import sys
sys.path.insert(0, %r)
from leftovers import Leftovers

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Leftovers(%r))
"""
TEST = """
def test_writes(tmp_path):
    for path in (tmp_path / "right", *%r):
        open(str(path), "w").close()
"""
SAID = "new in the checkout, left behind by a test: "


@pytest.fixture
def run(tmp_path):
    """Runs a test that writes files, in a checkout or not; gives the exit code and the files that were told of."""
    def run(*files, git=True, processes=0):
        if git:
            subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
        (tmp_path / ".gitignore").write_text("__pycache__\nbuild\n")
        (tmp_path / "there before").touch()
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "conftest.py").write_text(CONFTEST % (os.path.dirname(os.path.abspath(__file__)), str(tmp_path)))
        (tmp_path / "test_one.py").write_text(TEST % (files,))
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", str(processes), "-p", "no:cacheprovider",
             "-p", "no:hypothesispytest"],
            cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        assert "1 passed" in ended.stdout
        told = [line.partition(SAID)[2].rstrip("= ") for line in ended.stdout.splitlines() if SAID in line]
        return ended.returncode, told

    if not shutil.which("git"):
        pytest.skip("there is no git")
    return run


@pytest.mark.parametrize("processes", [0, 1])
def test_what_a_test_leaves_behind_fails_the_session_and_is_named(run, processes):
    assert run("plan.bin", "a b", "build", "there before", processes=processes) == (1, ["a b", "plan.bin"])


def test_what_is_ignored_was_there_or_is_in_no_checkout_does_not(run):
    assert run("build", "there before") == (0, [])


def test_outside_of_a_checkout_nothing_is_looked_for(run):
    assert run("plan.bin", git=False) == (0, [])
