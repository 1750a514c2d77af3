"""How the cost of a delivery grows: with members, with workers, with speakers. Our server only."""
import collections
import statistics
import time

from bench import lobby
from bench.crowd import Broken
from bench.lobby import Load, Talk
from bench.plot import lines
from bench.series import cost
from bench.servers import Ours
from bench.table import figure, table
from parley.conformance.targets import DidNotStart

LIMIT = 9 * 60  # seconds after which no further measurement begins
ROUNDS = 5
SECONDS = 1.0  # of each talk
DELIVERIES_A_SECOND = 40000  # when paced
IN_FLIGHT = 100  # when saturated
USUAL = {"members": 1000, "workers": 2, "speakers": 10}
GROWING = {
    "members": (10, 30, 100, 300, 1000, 3000, 10000),
    "workers": (1, 2, 3, 4, 6, 8),
    "speakers": (1, 3, 10, 30, 100, 300, 1000),
}


def grow(crowd, say):
    """{what grows: {row: [(how many, median cost, least, most)]}}, and what could not be measured."""
    costs, failures = collections.defaultdict(list), []
    deadline = time.monotonic() + LIMIT
    for number in range(1, ROUNDS + 1):
        for what, values in GROWING.items():
            for value in values:
                if time.monotonic() > deadline:
                    failures.append("round %d: no time was left for %d %s" % (number, value, what))
                    continue
                say("round %d: %d %s" % (number, value, what))
                try:
                    for row, outcome in _measure(crowd, dict(USUAL, **{what: value})):
                        costs[what, row, value].append(cost(outcome))
                except (Broken, DidNotStart, OSError) as error:
                    failures.append("%d %s: %s" % (value, what, error))
    found = {what: {} for what in GROWING}
    for (what, row, value), those in costs.items():
        found[what].setdefault(row, []).append((value, statistics.median(those), min(those), max(those)))
    return {what: {row: sorted(points) for row, points in rows.items()} for what, rows in found.items()}, failures


def _measure(crowd, size):
    """(row, Outcome) of a lobby of this size."""
    talks = [Talk("paced", "pace", max(1, DELIVERIES_A_SECOND // size["members"]), ""),
             Talk("saturated", "saturate", IN_FLIGHT, "")]
    load = Load("grow", size["members"], min(size["speakers"], size["members"]), talks)
    outcomes = lobby.measure(Ours(workers=size["workers"]), crowd, load, SECONDS)
    return [(talk.row, outcome) for talk, outcome in zip(talks, outcomes)]


def report(found):
    """The lines of a table for each of what grows."""
    for what, rows in found.items():
        yield from ["", "### CPU s / million deliveries, by %s (else %s)" % (what, ", ".join(
            "%d %s" % (count, other) for other, count in USUAL.items() if other != what)), ""]
        yield from table([what, *rows], [
            ["%d" % value, *(figure(point[1:]) for points in rows.values() for point in points if point[0] == value)]
            for value in GROWING[what]])


def plots(found):
    """(name, SVG) for each of what grows."""
    for what, rows in found.items():
        if rows:
            yield what, lines("CPU of a delivery, by %s" % what, what, "CPU s / million", rows)
