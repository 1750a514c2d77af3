"""Two servers in turn, pair after pair, so that the other load of the machine is the same for both."""
import collections
import statistics

from bench import lobby
from bench.crowd import Broken
from bench.series import cost
from bench.table import figure, table
from parley.conformance.targets import DidNotStart


def compare(crowd, first, second, loads, count, seconds, say):
    """{row: [CPU of a delivery on the second, in that on the first]}, and what could not be measured."""
    ratios, failures = collections.defaultdict(list), []
    for number in range(1, count + 1):
        for load in loads:
            say("pair %d: %s" % (number, load.name))
            costs = {}
            for server in (first, second) if number % 2 else (second, first):
                try:
                    costs[server] = list(map(cost, lobby.measure(server, crowd, load, seconds)))
                except (Broken, DidNotStart, OSError) as error:
                    failures.append("pair %d, %s, %s: %s" % (number, load.name, server.name, error))
            if len(costs) == 2:
                for talk, *both in zip(load.talks, costs[second], costs[first]):
                    ratios[talk.row].append(both[0] / both[1])
    return ratios, failures


def report(ratios, first, second):
    """The lines of a table: in each row the median, with the least and the most; and so of all pairs, over the rows."""
    rows = [[row, figure(those), "%d" % len(those)] for row, those in ratios.items()]
    return table(["row", "CPU of %s, of %s's" % (second.name, first.name), "pairs"],
                 [*rows, ["all", figure(overall(ratios)), ""]])


def overall(ratios):
    """Of each pair, the mean over its rows."""
    return [statistics.mean(pair) for pair in zip(*ratios.values())]
