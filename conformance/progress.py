"""One line at the bottom of a terminal that shows the progress of a run on a foreign server."""
import shutil
import time

import pytest

_EVERY_SECONDS = 0.1


class Progress:
    """Writes to a stream that is a terminal; `clock` gives seconds."""

    def __init__(self, stream, clock=time.monotonic):
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._shown = None  # when
        self.total = 0  # items
        self.done = 0

    def show(self, what):
        """Say what is being done, unless the line has just changed."""
        now = self._clock()
        if self._shown is not None and now - self._shown < _EVERY_SECONDS:
            return
        self._shown = now
        count = "%d of %d, " % (self.done, self.total) if self.total else ""
        line = "%s%d s: %s" % (count, now - self._start, what)
        self._write(line[:shutil.get_terminal_size().columns - 1])

    def clear(self):
        """Leave the line to others."""
        if self._shown is not None:
            self._shown = None
            self._write("")

    def _write(self, line):
        self._stream.write("\r\x1b[K" + line)
        self._stream.flush()


class ProgressPlugin:
    """Hooks of pytest that tell a `Progress` how far the run is, in the process that has the terminal.

    alone: leave out pytest's dots, which would go to the same terminal.
    """

    def __init__(self, progress, alone):
        self._progress = progress
        self._alone = alone

    def pytest_collection_finish(self, session):
        self._progress.total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        self._progress.total = len(ids)

    def pytest_runtest_logstart(self, nodeid):
        self._progress.show(nodeid.split("::")[-1])

    def pytest_runtest_logfinish(self, nodeid):
        self._progress.done += 1
        self._progress.show(nodeid.split("::")[-1])

    def pytest_sessionfinish(self):
        self._progress.clear()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_report_teststatus(self):
        outcome = yield
        if self._alone:
            outcome.force_result((outcome.get_result()[0], "", ""))
