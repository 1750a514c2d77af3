"""A test session that leaves files behind in the checkout has failed: a test writes below its `tmp_path`."""
import os
import subprocess

import pytest


class Leftovers:
    """A plugin of pytest, for the process that sees the whole session. Idle where `folder` is in no checkout of git."""

    def __init__(self, folder):
        self._folder = folder
        self._before = untracked(folder)
        self._new = []

    def pytest_sessionfinish(self, session):
        if self._before is None:
            return
        self._new = sorted((untracked(self._folder) or self._before) - self._before)
        if self._new and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for path in self._new:
            terminalreporter.section("FAILED: new in the checkout, left behind by a test: %s" % path)


def untracked(folder):
    """The files below a folder that git neither knows nor ignores; None if it is in no checkout."""
    try:
        told = subprocess.run(["git", "ls-files", "--others", "--exclude-standard", "-z"], cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None  # there is no git
    return None if told.returncode else set(map(os.fsdecode, told.stdout.split(b"\0"))) - {""}
