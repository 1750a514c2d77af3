"""Counters that processes send each other, and that are added up."""
import bisect
from typing import Any, Dict, Mapping, Sequence

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
ABOVE = "+Inf"

Counters = Dict[str, Any]  # {name: a number, or counters again}


class Durations:
    """A histogram of how long something takes.

    counts: for each of BOUNDS, how many durations were up to it and above the one before; last, how many were longer.
    seconds: the sum of all durations. Where each call counts, what is not above the first of BOUNDS is noted by hand.
    """

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def note(self, seconds: float) -> None:
        """Count one more duration."""
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def plain(self) -> Counters:
        """{"seconds": in all, "counts": {upper bound: how often}}."""
        return {"seconds": self.seconds, "counts": dict(zip([*map(str, BOUNDS), ABOVE], self.counts))}


def total(several: Sequence[Mapping[str, Any]]) -> Counters:
    """The sums, by name, of these counters."""
    sums: Counters = {}
    for counters in several:
        _add(sums, counters)
    return sums


def _add(sums: Counters, counters: Mapping[str, Any]) -> None:
    for name, value in counters.items():
        if isinstance(value, dict):
            _add(sums.setdefault(name, {}), value)
        else:
            sums[name] = sums.get(name, 0) + value
