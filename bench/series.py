"""Rounds of measurements, with one server after the other in each, until the time is over; and their results."""
import collections
import statistics
import time

from bench import five, lobby, present
from bench.crowd import Broken
from bench.plot import bars
from bench.servers import JOURNAL, KNOWN, OURS, PARLEY, WEB_LISTENERS
from bench.table import figure, ratio, table
from parley.conformance.targets import DidNotStart

MOST_ROUNDS = 5
SLOW = 10  # seconds
STORING = ("b", "c")  # loads with which what a journal costs is measured

Extent = collections.namedtuple("Extent", "limit rounds seconds loads idle present five")
Extent.__doc__ = """How much is measured.

limit: seconds after which no measurement begins. rounds: at most. seconds: of each talk. loads: their names. idle:
members of the lobby in which nobody talks. present: the numbers of members to compare. five: compare protocols?
"""
FULL = Extent(13 * 60, MOST_ROUNDS, 1.5, ("a", "b", "c", "d", "e"), lobby.IDLE_MEMBERS, (10, 10000), True)
QUICK = Extent(45, 1, 0.4, ("b",), 500, (10, 1000), True)


class Series:
    """The measurements so far.

    outcomes: (row, server) -> [Outcome]. idle: server -> [Idle]. presences: members -> [Presence].
    mixed: (row, protocols) -> [Outcome]. failures: (what, why), each once.
    """

    def __init__(self, crowd, extent, servers, say):
        self.loads = [load for load in lobby.LOADS if load.name in extent.loads]
        self.servers = servers
        self.outcomes = collections.defaultdict(list)
        self.idle = collections.defaultdict(list)
        self.presences = collections.defaultdict(list)
        self.mixed = collections.defaultdict(list)
        self.failures = []
        self._crowd = crowd
        self._extent = extent
        self._say = say

    def run(self):
        """Measure in rounds, as long as there is time. What takes longer than SLOW is measured once."""
        deadline, slow = time.monotonic() + self._extent.limit, set()
        for number in range(1, self._extent.rounds + 1):
            for what, step in self._steps():
                began = time.monotonic()
                if began > deadline and number == 1:
                    self._fail(what, "no time was left")
                elif began <= deadline and what not in slow:
                    self._say("round %d: %s" % (number, what))
                    self._try(what, step)
                    if time.monotonic() - began > SLOW:
                        slow.add(what)

    def _steps(self):
        """(description, function that measures) for each step of a round."""
        ours = PARLEY in self.servers
        for load in self.loads:
            for server in self.servers:
                if _differs(server, load):
                    yield "%s, %s" % (load.name, server.name), lambda: self._measure_load(load, server)
        for server in self.servers if self._extent.idle else ():
            if server not in (JOURNAL, WEB_LISTENERS):
                yield "idle, %s" % server.name, lambda: self.idle[server.name].append(
                    lobby.measure_idle(server, self._crowd, self._extent.idle))
        for members in self._extent.present if ours else ():
            yield "%d present" % members, lambda: self.presences[members].append(
                present.measure(PARLEY, self._crowd, members, self._extent.seconds * 2))
        for protocols in five.PARTS if ours and self._extent.five else ():
            yield ", ".join(protocols), lambda: self._measure_mixed(protocols)

    def _try(self, what, step):
        try:
            step()
        except (Broken, DidNotStart, OSError, AssertionError) as error:
            self._fail(what, str(error) or type(error).__name__)

    def _fail(self, what, why):
        if (what, why) not in self.failures:
            self.failures.append((what, why))

    def _measure_load(self, load, server):
        outcomes = lobby.measure(server, self._crowd, load, self._extent.seconds)
        for talk, outcome in zip(load.talks, outcomes):
            self.outcomes[talk.row, server.name].append(outcome)

    def _measure_mixed(self, protocols):
        outcomes = five.measure(PARLEY, self._crowd, protocols, self._extent.seconds)
        for talk, outcome in zip(five.LOAD.talks, outcomes):
            self.mixed[talk.row, protocols].append(outcome)

    # ---- the results

    @property
    def all_heard_all(self):
        """Whether our server has lost, doubled and reordered nothing."""
        names = [server.name for server in OURS]
        ours = [outcomes for (_, server), outcomes in self.outcomes.items() if server in names]
        return not any(map(_wrong, sum([*ours, *self.mixed.values()], [])))

    def report(self):
        """The lines of all tables."""
        for load in self.loads:
            for talk in load.talks:
                yield from self._report_talk(talk)
        if self.idle:
            yield from self._report_idle()
        if self.presences:
            yield from self._report_presence()
        if self.mixed:
            yield from self._report_mixed()
        if self.failures:
            yield from ["", "### Not measured", ""]
            yield from ("- %s: %s" % failure for failure in self.failures)

    def _report_talk(self, talk):
        costs = {server: list(map(cost, self.outcomes[talk.row, server.name])) for server in self.servers}
        rows = []
        for server in self.servers:
            outcomes = self.outcomes[talk.row, server.name]
            if outcomes:
                rows.append([
                    server.name, figure(costs[server]), ratio(costs[server], costs.get(PARLEY)),
                    figure([outcome.deliveries / outcome.wall for outcome in outcomes], 1e-6),
                    figure([outcome.p50 for outcome in outcomes], 1e3),
                    figure([outcome.p99 for outcome in outcomes], 1e3),
                    "%d" % sum(map(_wrong, outcomes)), "%d" % len(outcomes)])
        yield from ["", "### %s: %s" % (talk.row, talk.meaning), ""]
        yield from table(["server", "CPU s / million deliveries", "of parley's", "million deliveries/s", "p50 ms",
                          "p99 ms", "wrong", "runs"], rows)

    def _report_idle(self):
        yield from ["", "### Idle: %d connections, logged in" % self._extent.idle, ""]
        yield from table(["server", "MB without clients", "KB a connection", "set-ups/s", "CPU us a set-up", "runs"], [
            [server.name, figure([one.base for one in found], 1e-6), figure([one.each for one in found], 1 / 1024),
             figure([one.logins for one in found]), figure([one.login_cpu for one in found], 1e6), "%d" % len(found)]
            for server in self.servers for found in [self.idle[server.name]] if found])

    def _report_presence(self):
        yield from ["", "### Present: what it costs that many are here (parley)", ""]
        yield from table(
            ["members", "CPU us a join", "CPU us a leave", "of this, for each who is told", "PONG p99 ms",
             "PONG p99 ms while WHO is asked", "difference", "runs"],
            [["%d" % members, figure([one.join for one in found], 1e6), figure([one.leave for one in found], 1e6),
              figure([one.notice for one in found], 1e6), figure([one.calm for one in found], 1e3),
              figure([one.asked for one in found], 1e3), figure([one.asked - one.calm for one in found], 1e3),
              "%d" % len(found)] for members, found in sorted(self.presences.items())])

    def _report_mixed(self):
        rows = []
        for protocols in five.PARTS:
            row = [", ".join(protocols)]
            for talk in five.LOAD.talks:
                costs = list(map(cost, self.mixed[talk.row, protocols]))
                row += [figure(costs), ratio(costs, list(map(cost, self.mixed[talk.row, five.PARTS[0]])))]
            rows.append([*row, "%d" % sum(_wrong(outcome) for talk in five.LOAD.talks
                                          for outcome in self.mixed[talk.row, protocols])])
        yield from ["", "### Several protocols: %d members in equal parts (parley)" % five.LOAD.members, ""]
        heads = [head for talk in five.LOAD.talks
                 for head in ("%s (%s): CPU s / million deliveries" % (talk.row, talk.meaning), "of line's")]
        yield from table(["protocols", *heads, "wrong"], rows)

    def plot(self):
        """An SVG of the CPU of each row and server."""
        groups = []
        for talk in [talk for load in self.loads for talk in load.talks]:
            found = [(server.name, list(map(cost, self.outcomes[talk.row, server.name]))) for server in self.servers]
            measured = [(name, statistics.median(costs), min(costs), max(costs)) for name, costs in found if costs]
            if measured:
                groups.append((talk.row, measured))
        return bars("CPU of all server processes, by row and server; less is better",
                    "CPU seconds per million deliveries", groups) if groups else None


def _differs(server, load):
    """Does this differ from what is measured in any case?"""
    if server is JOURNAL:
        return load.name in STORING
    return server is not WEB_LISTENERS or load.speakers < load.members


def cost(outcome):
    """CPU seconds per million deliveries, which is microseconds of each; endless if there was none."""
    return outcome.cpu / outcome.deliveries * 1e6 if outcome.deliveries else float("inf")


def _wrong(outcome):
    """How much was lost, doubled, reordered, or different from what others heard."""
    return outcome.missing + outcome.disordered + outcome.differing


def chosen_servers(names):
    """(those that can be started here, the names of those that cannot), of these names or of all."""
    wanted = [server for server in KNOWN if not names or server.name in names]
    return [one for one in wanted if one.is_installed], [one.name for one in wanted if not one.is_installed]
