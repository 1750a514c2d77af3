"""The counters of a worker, which it sends the hub with its sign of life."""
import collections
import os

from parley.server.ipc.counts import Durations
from parley.server.protocols import PROTOCOLS


class Stats:
    """Plain counters, which other modules increment; the audiences count talk and deliveries.

    accepted: how many connections there have been.
    arrivals: the same by protocol.
    present: the open ones, by protocol; encrypted: those of them with TLS.
    endings: the ended ones, by protocol and reason.
    refusals: commands that were refused, by reason.
    requests: answered HTTP requests, by path and status, both as text.
    turns: of the worker's loop, without its waiting.
    """

    def __init__(self, now):
        self.accepted = 0
        self.arrivals = collections.Counter()
        self.present = collections.Counter()
        self.encrypted = collections.Counter()
        self.endings = collections.Counter()
        self.refusals = collections.Counter()
        self.requests = collections.Counter()
        self.turns = Durations()
        self._reported = now, 0  # when the hub was last told, and how many messages there were then
        self._messages = 0

    def by_reason(self):
        """The endings by reason, of all protocols together."""
        reasons = collections.Counter()
        for (_, reason), count in self.endings.items():
            reasons[reason] += count
        return reasons

    def report(self, now, audiences, **gauges):
        """Current values, and totals since this worker began, as plain values for the hub.

        audiences: `server.worker.fanout.Audience`. counters: see `server.ipc.counts`.
        """
        messages = {name: dict.fromkeys(("room", "direct", "command"), 0) for name in PROTOCOLS}
        deliveries = dict.fromkeys(PROTOCOLS, 0)
        for hearers in audiences:
            deliveries[hearers.protocol] += hearers.deliveries
            kinds = messages[hearers.protocol]
            kinds["room"] += hearers.said
            kinds["direct"] += hearers.whispered
            kinds["command"] += hearers.commands - hearers.said - hearers.whispered
        before, messages_before = self._reported
        self._messages = sum(hearers.commands for hearers in audiences)
        counters = {
            "accepted": dict(self.arrivals),
            "ended": _nested(self.endings),
            "refused": dict(self.refusals),
            "messages": messages,
            "deliveries": deliveries,
            "requests": _nested(self.requests),
            "turns": self.turns.plain(),
        }
        return dict(
            gauges, pid=os.getpid(), connections=dict(self.present), encrypted=dict(self.encrypted),
            accepted=self.accepted, ended=dict(self.by_reason()), refused=dict(self.refusals),
            messages=self._messages, deliveries=sum(deliveries.values()), counters=counters,
            messages_per_second=(self._messages - messages_before) / max(now - before, 1e-3))

    def reported(self, now):
        """The report was sent to the hub."""
        self._reported = now, self._messages


def _nested(counter):
    """{(one, other): count} as {one: {other: count}}."""
    nested = {}
    for (one, other), count in counter.items():
        nested.setdefault(one, {})[other] = count
    return nested
