"""Totals of the whole server since its start, over all processes, dead ones included."""
import collections
import os
import platform
import time

from parley import __version__
from parley.server.ipc.counts import total

DIED, STUCK, BEHIND = "died", "stuck", "behind"  # why a worker was replaced

_SINCE_STAT_STATE = 3  # the number of the first field behind the name in /proc/PID/stat (see proc(5))
_UTIME, _STIME, _RSS = (number - _SINCE_STAT_STATE for number in (14, 15, 24))


class Figures:
    """Keeps the counters of workers that have died, so that no total ever decreases.

    serving: (protocol, with TLS?) of each port.
    restarts: of workers, by reason.
    processes: a function that gives {name of a process: its pid}.
    """

    def __init__(self):
        self.serving = []
        self.restarts = collections.Counter()
        self.processes = dict
        self._started = time.time()
        self._past = {}  # the counters of workers that are gone
        self._used = {}  # name of a process -> (pid, its CPU seconds, those of its predecessors), as last told

    def lose(self, report):
        """A worker is gone; this was its last report."""
        self._past = total([self._past, report.get("counters", {})])

    def told(self, reports):
        """The totals as plain values; `reports` are the latest ones of all workers."""
        return {
            "version": __version__,
            "python": platform.python_version(),
            "started": self._started,
            "serving": [list(port) for port in self.serving],
            "restarts": {reason: self.restarts[reason] for reason in (DIED, STUCK, BEHIND)},
            "processes": self._use(),
            "totals": total([self._past, *(report.get("counters", {}) for report in reports)]),
        }

    def _use(self):
        told = {}
        for name, pid in self.processes().items():
            cpu_seconds, resident = usage(pid)
            if cpu_seconds is not None:
                last_pid, last, before = self._used.get(name, (pid, 0.0, 0.0))
                if pid != last_pid:
                    before += last
                self._used[name] = pid, cpu_seconds, before
                cpu_seconds += before
            told[name] = {"pid": pid, "cpu_seconds": cpu_seconds, "resident_bytes": resident}
        return told


def usage(pid):
    """(seconds of CPU time, bytes of memory) of a process; None for both where the system does not say."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        ticks = int(fields[_UTIME]) + int(fields[_STIME])
        return ticks / os.sysconf("SC_CLK_TCK"), int(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None, None
