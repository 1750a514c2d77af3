"""Nodes that are our servers, and people who talk to them in all protocols."""
import contextlib

from parley.conformance.targets import IRC, PROTOCOLS, WEB, launch
from stress.cluster.nodes import SILENCE, Nodes
from stress.cluster.people import (
    Browser,
    Changeling,
    Chatter,
    Contender,
    Historian,
    Listener,
    Postman,
    Speaker,
    Stranger,
    Wanderer,
)
from stress.proofs import demand
from stress.proofs.clients import Client, Closed
from stress.proofs.processes import children, connected_ports, group, is_running, wait_until, worker_of
from stress.proofs.voices import Delimited, Dollar, Line, Padded

CONFIG = {"limits": {"messages_per_second": 0, "outbox_bytes": 1 << 26, "stall_seconds": 60}, "idle_timeout": 0,
          "accounts": {"accounts_per_address": 0}}
ROOM = "#hall"
OWNER, PASSWORD = "keeper", "opensesame"


class ParleyNodes(Nodes):
    """With as many workers each. Where the engine has Sentinels, the nodes find it by them."""

    kinds = ("worker", "engine process")

    def __init__(self, engine, count=2, workers=2):
        super().__init__(engine, count)
        self._workers = workers
        self._servers = [None] * count
        self._stacks = [contextlib.ExitStack() for _ in range(count)]

    def start(self, node):
        ports = self.relays[node].ports
        redis = {"name": "proof", "node": self.name(node), "silence_seconds": SILENCE}
        if self._engine.sentinels:
            redis.update(sentinels=["127.0.0.1:%d" % port for port in self.sentinels_of(node)],
                         master=self._engine.master_name)
        else:
            redis.update(url="redis://127.0.0.1:%d/0" % ports[self._engine.servers[0].port])
        self._servers[node] = self._stacks[node].enter_context(launch(
            self._workers, dict(CONFIG, storage={"redis": redis}), protocols=(*PROTOCOLS, WEB, IRC)))

    def end(self, node):
        server, self._servers[node] = self._servers[node], None
        if server:
            server.stop()
            text = server.stderr_text()
        self._stacks[node].close()
        demand(not server or "Traceback" not in text, "%s", server and text)

    def address(self, node, protocol="line"):
        server = self._servers[node]
        if server is None:
            raise Closed("node %d is being started again" % node)
        return server.address(protocol)

    def runs(self, node):
        return self._servers[node] is not None and is_running(self._servers[node].pid)

    def pids(self, node):
        return group(self._servers[node].pid)

    def pid_of(self, node, kind, chance):
        server = self._servers[node]
        if kind == "worker":
            return worker_of(server, chance.randrange(self._workers))
        ports = set(self.relays[node].ports.values())
        return wait_until(lambda: next((pid for pid in children(server.pid) if ports & connected_ports(pid)), None))


def cast(nodes, pace=1.0):
    """The speakers and listeners of each protocol, with the accounts and the room that they need.

    pace: a factor for all pauses.
    """
    everybody = []
    for node in range(nodes.count):
        everybody += [
            Stranger(Padded, "pad%d" % node, node), Speaker(Delimited, "del%d" % node, node),
            Speaker(Dollar, "dol%d" % node, node), Listener("line", "lin%d" % node, node, talks=True),
            Listener("binary", "bin%d" % node, node, talks=True), Changeling("chg%d" % node, node),
            Browser("web%d" % node, node), Chatter("irc%d" % node, node), Wanderer("wan%d" % node, node, ROOM),
            Historian("his%d" % node, node, (ROOM,))]
    everybody += [Listener("padded", "padear", 0), Listener("delimited", "delear", 1), Listener("dollar", "dolear", 0),
                  Postman("postman", 1)]
    everybody += [Contender(Line, "crown", number) for number in range(3)]
    accounts = ["delear", "dolear", "postman", *["%s%d" % (name, node) for name in ("del", "dol")
                                                 for node in range(nodes.count)]]
    for name in accounts:
        with Delimited(nodes.address(0, "delimited"), name.encode()) as owner:
            demand(owner.create(), "no account for %s: %r", name, owner.refusal)
    with Client(nodes.address(0), None) as keeper:
        keeper.expect("OK", after="REGISTER %s %s" % (OWNER, PASSWORD))
        keeper.expect("OK", after="JOIN " + ROOM)
    for one in everybody:
        one.pause, one.every = one.pause * pace, one.every * pace
    return everybody
