"""Many rooms: what they cost our server and its peers. `bench.plans` has the loads."""
import collections
import contextlib
import json
import statistics
import subprocess
import sys
import time

from bench.compiled import compiled
from bench.crowd import Broken
from bench.plans import PACED, plan
from bench.plot import bars
from bench.servers import IRC_MEMBERS, OTHERS, PARLEY, WEB_MEMBERS, Other, Ours
from bench.table import figure, ratio, table
from bench.wires import WIRES
from parley.conformance.targets import IRC, WEB, DidNotStart
from stress.usage import busy_seconds, cpu_seconds, memory, spent

SILENCE = 3.0  # seconds without a message after which the missing ones count as lost
JOINING = 32  # users who join at the same time
PEERS = ("parley-web", "parley-irc", "limit", "prototype", "inspircd", "redis", "ngircd")
FAULTS = ("lost", "doubled", "stray", "own", "odd")

Entry = collections.namedtuple("Entry", "joins settled connection membership")
Entry.__doc__ = """joins, settled: joins a second, until all are confirmed, and until nothing more comes.

connection, membership: bytes of memory for each."""
Outcome = collections.namedtuple("Outcome", "deliveries cpu wall p50 p99 p999 behind others faults")
Outcome.__doc__ = """The figures of one phase.

cpu: seconds of the server's processes. wall: seconds from the first message to the last delivery.
p50, p99, p999: seconds from when a message was due until it was heard.
behind: seconds by which the generator itself was late, the 99th percentile.
others: how many cores everything else on this machine used meanwhile.
faults: how many deliveries were `lost`; were `doubled` or came too late; were `stray`, to a user who is not in the room
or under the name of another room; reached their `own` author; or were `odd`, which is anything else.
"""


def servers(workers, target, peers):
    """(servers, names of the peers that cannot be started): ours, that of the checkout `target`, and the peers."""
    known = {server.name: server for server in [
        Ours(WEB_MEMBERS.name, workers=workers, wire="web", protocols=(WEB,)),
        Ours(IRC_MEMBERS.name, workers=workers, wire="irc", protocols=(IRC,)),
        Other("limit", "line", [compiled("limit"), "%(port)d"]),
        Other("prototype", "line", [sys.executable, "-m", "bench.rivals.prototype", "%(port)d", str(workers)]),
        *OTHERS]}
    ours = [Ours(workers=workers)] + ([Ours("target", workers=workers, checkout=target)] if target else [])
    wanted = [known[name] for name in peers]
    return ours + [one for one in wanted if one.is_installed], [one.name for one in wanted if not one.is_installed]


class Crowd:
    """All users, in one process of `bench/c/crowd.c`."""

    def __init__(self, wire, port, publishers, load, planned):
        self._process = subprocess.Popen(
            [compiled("crowd"), wire, str(port), str(SILENCE)], universal_newlines=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self._tell(load.users, publishers, load.rooms, len(planned.voices))
        for rooms in planned.rooms:
            self._tell(len(rooms), *rooms)
        for voice in planned.voices:
            self._tell(*voice)

    def _tell(self, *words):
        with contextlib.suppress(BrokenPipeError):  # if it is gone, it has said why
            self._process.stdin.write(" ".join(map(str, words)) + "\n")

    def do(self, *words):
        """Send it a command. Returns its answer."""
        self._tell(*words)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the load generator is gone"}')
        if "error" in answer:
            raise Broken(answer["error"])
        return answer

    def close(self):
        """All are gone."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


def measure(server, load, planned, seconds):
    """(an Entry, an Outcome for each of the load's phases) on a server started for that, by this Plan."""
    wire, = server.wires
    publishers = load.speakers if WIRES[wire].speaks_only else 0
    with server.running() as running:
        _, port = running.address(wire)
        with contextlib.closing(Crowd(wire, port, publishers, load, planned)) as crowd:
            entry = _enter(crowd, server, running.pids, load.users + publishers, sum(map(len, planned.rooms)))
            return entry, [_talk(crowd, running.pids, phase, seconds, turns)
                           for phase, turns in zip(load.phases, planned.turns)]


def _enter(crowd, server, pids, connections, memberships):
    before = memory(pids)
    crowd.do("enter", server.at_once)
    inside = memory(pids)
    took = crowd.do("join", JOINING)
    return Entry(memberships / took["seconds"], memberships / took["settled"],
                 (inside - before) / connections, (memory(pids) - inside) / memberships)


def _talk(crowd, pids, phase, seconds, turns):
    length = () if phase.how == PACED else (int(seconds * 1000),)
    began, busy, own = time.monotonic(), busy_seconds(), cpu_seconds([crowd.pid])
    with spent(pids) as cpu:
        found = crowd.do(phase.how, *length, phase.measure, len(turns), *turns)
    own = cpu_seconds([crowd.pid]) - own + cpu[0]
    others = max(0.0, busy_seconds() - busy - own) / (time.monotonic() - began)
    times = [found[name] / 1e6 for name in ("p50", "p99", "p999", "behind")]
    return Outcome(found["deliveries"], cpu[0], found["wall"], *times, others, {name: found[name] for name in FAULTS})


def compare(those, loads, repetitions, seconds, say):
    """{(load, server): [what `measure` gives]}, by their names, and what could not be measured.

    Every repetition has each server once.
    """
    found, failures = collections.defaultdict(list), []
    for load in loads:
        planned = plan(load, seconds)
        for number in range(1, repetitions + 1):
            for server in those:
                what = "%s, %s" % (load.name, server.name)
                say("repetition %d: %s" % (number, what))
                try:
                    found[load.name, server.name].append(measure(server, load, planned, seconds))
                except (Broken, DidNotStart, OSError) as error:
                    failure = "%s: %s" % (what, error)
                    failures += [failure] if failure not in failures else []
    return found, failures


def report(found, loads, those):
    """The lines of one table."""
    rows = []
    for load in loads:
        for index, phase in enumerate(load.phases):
            costs = {server.name: [_cost(outcomes[index]) for _, outcomes in found[load.name, server.name]]
                     for server in those}
            for server in those:
                if costs[server.name]:
                    entries, outcomes = zip(*found[load.name, server.name])
                    rows.append([
                        "%s, %s" % (load.name, _meaning(phase)), server.name,
                        figure(costs[server.name]), ratio(costs[server.name], costs[those[0].name]),
                        *_talk_cells([several[index] for several in outcomes]),
                        *(_entry_cells(entries) if index == 0 else [""] * 4), "%d" % len(entries)])
    return table(["load", "server", "CPU us a delivery", "of %s's" % those[0].name, "thousand deliveries/s", "p50 ms",
                  "p99 ms", "p999 ms", "wrong", "cores of others", "joins/s", "joins/s until quiet", "KB a connection",
                  "KB a membership", "runs"], rows)


def plots(found, loads, those):
    """(what, SVG of the phases of all loads, with a bar for each server)."""
    yield "cpu", _plot("CPU of all server processes, by load and server; less is better",
                       "microseconds a delivery", found, loads, those, _cost)
    yield "p99", _plot("The 99th percentile of latency, by load and server; less is better",
                       "milliseconds", found, loads, those, lambda outcome: max(outcome.p99, 1e-6) * 1e3)


def _plot(title, axis, found, loads, those, measure):
    groups = []
    for load in loads:
        for index, phase in enumerate(load.phases):
            values = [(server.name, [measure(outcomes[index]) for _, outcomes in found[load.name, server.name]
                                     if outcomes[index].deliveries]) for server in those]
            groups.append(("%s, %s" % (load.name, "%d/s" % phase.measure if phase.how == PACED else "full"), [
                (name, statistics.median(several), min(several), max(several)) for name, several in values if several]))
    return bars(title, axis, [group for group in groups if group[1]])


def all_heard_all(found):
    """Has our server lost, doubled or reordered nothing?"""
    ours = [server.name for server in (PARLEY, WEB_MEMBERS, IRC_MEMBERS)]
    return not any(sum(outcome.faults.values()) for (_, server), measured in found.items() if server in ours
                   for _, outcomes in measured for outcome in outcomes)


def _meaning(phase):
    return "%d messages/s" % phase.measure if phase.how == PACED else "saturated, %d each" % phase.measure


def _talk_cells(outcomes):
    return [
        figure([outcome.deliveries / outcome.wall for outcome in outcomes], 1e-3),
        figure([outcome.p50 for outcome in outcomes], 1e3), figure([outcome.p99 for outcome in outcomes], 1e3),
        figure([outcome.p999 for outcome in outcomes], 1e3), _wrong(outcomes),
        figure([outcome.others for outcome in outcomes])]


def _entry_cells(entries):
    return [
        figure([entry.joins for entry in entries]), figure([entry.settled for entry in entries]),
        figure([entry.connection for entry in entries], 1 / 1024),
        figure([entry.membership for entry in entries], 1 / 1024)]


def _cost(outcome):
    """Microseconds of CPU; endless if nothing was delivered."""
    return outcome.cpu / outcome.deliveries * 1e6 if outcome.deliveries else float("inf")


def _wrong(outcomes):
    """How much was, and in what way."""
    sums = {name: sum(outcome.faults[name] for outcome in outcomes) for name in FAULTS}
    return ", ".join("%d %s" % (count, name) for name, count in sums.items() if count) or "0"
