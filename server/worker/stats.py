"""What a worker counts, and tells the hub with its sign of life."""
import collections
import os


class Stats:
    """Plain counters, which are written where something happens.

    accepted: how many connections there have been.
    present: the open ones, by protocol.
    endings: the ended ones, by reason.
    refusals: commands that were refused, by reason.
    messages: that clients have sent.
    """

    def __init__(self, now):
        self.accepted = self.messages = 0
        self.present = collections.Counter()
        self.endings = collections.Counter()
        self.refusals = collections.Counter()
        self._reported = now, 0  # when the hub was last told, and how many messages there were then

    def report(self, now, **gauges):
        """What there is now, and what there has been since this worker began: plain values for the hub."""
        before, messages = self._reported
        return dict(
            gauges, pid=os.getpid(), connections=dict(self.present), accepted=self.accepted, ended=dict(self.endings),
            refused=dict(self.refusals), messages=self.messages,
            messages_per_second=(self.messages - messages) / max(now - before, 1e-3))

    def reported(self, now):
        """The hub has been told."""
        self._reported = now, self.messages
