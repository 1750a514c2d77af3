"""What one chat on two machines costs: a server alone, one node, two nodes; and Redis by itself. Our server only.

The nodes have a master, a replica and three Sentinels, all on this machine. Each node has as many members as the server
alone, and as many messages in flight. So two nodes have twice as many deliveries. For the latency that several nodes
add, two nodes also have as many members together as the server alone, with as many deliveries.
"""
import contextlib
import statistics
import time

from bench import lobby
from bench.crowd import Broken, newcomers
from bench.lobby import Load, Talk
from bench.series import cost
from bench.servers import Ours, Running
from bench.table import figure, ratio, table
from parley.conformance import engine
from parley.conformance.targets import DidNotStart, launch
from parley.server.ipc import queues
from parley.server.ipc.codec import dumps
from parley.server.order import scripts
from stress.usage import cpu_seconds

WORKERS = 1
LOADS = [
    Load("10 members a node", 10, 10, [
        Talk("10, paced", "pace", 400, "10 members a node, all talk, 400 messages/s in all"),
        Talk("10", "saturate", 100, "10 members a node, all talk, 100 messages of each node in flight")]),
    Load("100 members a node", 100, 10, [
        Talk("100, paced", "pace", 400, "100 members a node, 10 talk, 400 messages/s in all"),
        Talk("100", "saturate", 100, "100 members a node, 10 talk, 100 messages of each node in flight")]),
]
PACKETS_A_SECOND = 400
OF_PACKETS = (10, 100)  # messages in each
TEXT = b"a message of sixty-four bytes, as people say them to each other."
LOG = "bench"


class Alone(Ours):
    """One server, without Redis."""

    def __init__(self):
        super().__init__("alone", WORKERS)
        self.in_flight = 1

    def members(self, load, running):
        """Who comes to it."""
        return newcomers(load.members, load.speakers, running.address, self.wires)


class Together(Ours):
    """Nodes of one chat. sentinels: 0 for a Redis without a replica, too. sharing: do they share the members of one?"""

    def __init__(self, nodes, sentinels=3, sharing=False):
        super().__init__("1 node" if nodes == 1 else "%d nodes%s" % (nodes, " sharing" * sharing), WORKERS)
        self.nodes = nodes
        self.in_flight = 1 if sharing else nodes  # times the messages of a server alone
        self._sharing = nodes if sharing else 1
        self._sentinels = sentinels

    @contextlib.contextmanager
    def running(self):
        """The nodes, without the engine: its `engine` is that."""
        with engine.started(replica=bool(self._sentinels), sentinels=self._sentinels) as one, \
                contextlib.ExitStack() as stack:
            yield _Running(one, [stack.enter_context(_node(one, "node%d" % number)) for number in range(self.nodes)])

    def members(self, load, running):
        """As many at each node, or the same part of them; those who talk are at each in turn."""
        everybody, able = [], load.members // load.speakers
        for number, node in enumerate(running.nodes):
            share = newcomers(load.members // self._sharing, 0, node.address, self.wires, first=load.members * number)
            for speaker in range(number, load.speakers, len(running.nodes)):
                place = speaker // self._sharing * able
                share[place] = share[place]._replace(speaker=speaker)
            everybody += share
        return everybody


class _Running(Running):
    def __init__(self, one, nodes):
        super().__init__(nodes[0].pid, nodes[0].address)
        self.engine, self.nodes = one, [Running(node.pid, node.address) for node in nodes]
        self.pids = [pid for node in self.nodes for pid in node.pids]


def _node(one, name):
    redis = {"name": LOG, "node": name}
    if one.sentinels:
        redis.update(sentinels=one.sentinel_addresses, master=one.master_name)
    else:
        redis.update(url=one.url)
    return launch(WORKERS, config={
        "idle_timeout": {"line": 0}, "limits": {"messages_per_second": 0, "first_command_seconds": 0},
        "accounts": {"accounts_per_address": 0}, "storage": {"redis": redis}})


def compare(crowd, count, seconds, say, sentinels=3, loads=None):
    """({row: {server: [Outcome]}}, what could not be measured): all in turn, so many times."""
    servers = [Alone(), Together(1, sentinels), Together(2, sentinels), Together(2, sentinels, sharing=True)]
    failures = []
    found = {talk.row: {server.name: [] for server in servers} for load in loads or LOADS for talk in load.talks}
    for number in range(1, count + 1):
        for load in loads or LOADS:
            for server in servers if number % 2 else servers[::-1]:
                say("round %d: %s, %s" % (number, load.name, server.name))
                try:
                    outcomes = _measure(crowd, server, load, seconds)
                except (Broken, DidNotStart, OSError) as error:
                    failures.append("%s, %s: %s" % (load.name, server.name, error))
                    continue
                for talk, outcome in zip(load.talks, outcomes):
                    found[talk.row][server.name].append(outcome)
    return found, failures


def _measure(crowd, server, load, seconds):
    talks = [one._replace(measure=one.measure * server.in_flight) if one.how == "saturate" else one
             for one in load.talks]
    with server.running() as running:
        try:
            members = server.members(load, running)
            return lobby.hold(load._replace(talks=talks), members, server, running, crowd, seconds)
        finally:
            crowd.clear()


def all_heard_all(found):
    """Was nothing lost, doubled or reordered?"""
    return not any(outcome.missing or outcome.disordered or outcome.differing
                   for servers in found.values() for those in servers.values() for outcome in those)


def report(found):
    """The lines of a table: what a delivery costs all nodes together, how many there are, and how late they come."""
    rows = []
    for row, servers in found.items():
        first, several = [[cost(one) for one in servers[name]] for name in ("1 node", "2 nodes")]
        rates = [[one.deliveries / one.wall for one in servers[name]] for name in ("1 node", "2 nodes")]
        for name, those in servers.items():
            is_both = name == "2 nodes"
            rows.append([row, name, figure([cost(one) for one in those]), ratio(several, first) if is_both else "",
                         figure([one.deliveries / one.wall / 1000 for one in those]),
                         ratio(rates[1], rates[0]) if is_both else "",
                         *[cell for what in ("p50", "p99") for cell in (
                             figure([getattr(one, what) for one in those], 1000),
                             _added(what, servers["alone"], those) if name != "alone" else "")]])
    return table(["load", "server", "CPU us a delivery", "2 nodes to 1", "1000 deliveries/s", "2 nodes to 1", "p50 ms",
                  "added to alone", "p99 ms", "added to alone"], rows)


def _added(what, alone, those):
    """Milliseconds."""
    before, after = [[getattr(one, what) for one in outcomes] for outcomes in (alone, those)]
    return "%.2f" % (1000 * (statistics.median(after) - statistics.median(before))) if before and after else "-"


def measure_engine(seconds, say, sentinels=3):
    """{messages in a packet: [CPU seconds of a message, of master and replica together]}, read by two nodes."""
    found = {}
    for size in OF_PACKETS:
        say("Redis, %d packets/s of %d messages" % (PACKETS_A_SECOND, size))
        with Together(2, sentinels).running() as running:
            pids = [server.pid for server in running.engine.servers]
            with _Connection(running.engine.master().port) as connection:
                feed = _Feed(connection, size)
                feed.put(0.2)
                before = cpu_seconds(pids)
                messages = feed.put(seconds)
                found[size] = [(cpu_seconds(pids) - before) / messages]
                feed.end()
    return found


class _Connection(engine.Connection):
    """A connection to the engine. While it is mute, the engine does not answer, as it does not for a node's packets."""

    is_mute = False

    def mute(self, is_mute):
        """From now on."""
        self.is_mute = is_mute
        self("CLIENT", "REPLY", "OFF" if is_mute else "ON")

    def _answer(self):
        return None if self.is_mute else super()._answer()


class _Feed:
    """Puts packets of an imaginary node into the log."""

    def __init__(self, connection, size):
        self._keys = ["{parley:%s}:%s" % (LOG, part) for part in ("log", "st")]
        self._ask, self._size, self._count = connection, size, 0
        self._number = connection("EVAL", scripts.JOIN, 2, *self._keys, "feed", scripts.OLDEST, scripts.VERSION, "t")[1]
        self._script = connection("SCRIPT", "LOAD", scripts.SUBMIT)
        connection.mute(True)

    def put(self, seconds):
        """Put packets for `seconds`. Returns how many messages were in them."""
        worker, began = self._number << 16 | 1, time.monotonic()
        at, packets = began, 0
        packet = dumps([(worker, queues.talk(0, worker, [queues.record(1, b"feed", TEXT, 1)] * self._size))])
        while at < began + seconds:
            time.sleep(max(0.0, at - time.monotonic()))
            at = max(at, time.monotonic()) + 1 / PACKETS_A_SECOND  # never two at once: a node has one under way
            self._count += 1
            packets += 1
            self._ask("EVALSHA", self._script, 2, *self._keys,
                      *scripts.submitted(self._number, "feed", "t", self._count, packet))
        return packets * self._size

    def end(self):
        """End the imaginary node. Broken if not all of its packets are in the log."""
        self._ask.mute(False)
        through = self._ask("HGET", self._keys[1], "through:%d" % self._number)
        if through is None or int(through) != self._count:
            raise Broken("of %d packets only %s were accepted" % (self._count, through))
        self._ask("EVAL", scripts.BURY, 2, *self._keys, self._number, "t")


def report_engine(found):
    """The lines of a table."""
    return table(["messages in a packet", "CPU us a message, master and replica"],
                 [["%d" % size, figure(costs, 1e6)] for size, costs in found.items()])
