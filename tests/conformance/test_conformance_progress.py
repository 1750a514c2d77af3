"""The line that tells on a terminal how far a run is."""
import io
import os
import pty
import re
import subprocess
import sys
import types

import pytest
from wrong_server import WrongServer

from parley.conformance.progress import Progress, ProgressPlugin
from parley.conformance.requirements import ROOT


def test_the_line_is_written_over_and_at_the_end_removed():
    stream, times = io.StringIO(), iter([0, 1, 1.05, 3])
    progress = Progress(stream, lambda: next(times))
    plugin = ProgressPlugin(progress, alone=True)
    progress.show("getting acquainted")
    progress.show("too soon to be seen")
    plugin.pytest_collection_finish(types.SimpleNamespace(items=["a", "b"]))
    plugin.pytest_runtest_logfinish("scenarios/line/who.scenario.yaml::who[any-whole]")
    plugin.pytest_sessionfinish()
    plugin.pytest_sessionfinish()
    start = "\r\x1b[K"
    assert stream.getvalue() == (
        start + "1 s: getting acquainted" + start + "1 of 2, 3 s: who[any-whole]" + start)


@pytest.mark.long
@pytest.mark.parametrize("is_piped", [False, True])
def test_it_is_on_standard_error_alone(is_piped):
    server = WrongServer()
    ours, terminal = pty.openpty()
    try:
        run = subprocess.Popen(
            [sys.executable, "-m", "conformance", "--target", "line=%s:%d" % server.address(), "--req=LINE-PING-1"],
            cwd=ROOT, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE if is_piped else terminal,
            universal_newlines=True)
        os.close(terminal)
        shown = read_to_end(ours)
        output = run.communicate()[0] or shown
    finally:
        server.stop()
        os.close(ours)
    assert "experiment 1 of" in shown and re.search(r"\d+ of \d+, \d+ s: ", shown)
    assert "a faithful server" in output and run.returncode == 0
    assert ("experiment" in output) is not is_piped
    assert ("100%" in output) is is_piped  # pytest's own dots


def read_to_end(descriptor):
    data = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux's word for the end of a terminal
            piece = b""
        if not piece:
            return data.decode()
        data += piece
