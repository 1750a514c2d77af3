"""Timeouts for a foreign server: long at first, and short for a message that did not come the last time."""
from collections import Counter


class Patience:
    """Remembers which messages did not come. All fixtures of one server share it, as a failure discards its fixture.

    in_full: {what: how often a whole timeout has passed without it}. slowest: the seconds of the slowest answer.
    """

    def __init__(self):
        self.slowest = 0.0
        self._in_vain = set()
        self.in_full = Counter()

    def seconds(self, what, full, short):
        """The timeout for `what`: `short` if it did not come last time; else `full`, halved for each time before."""
        return short if what in self._in_vain else max(short, full / 2 ** self.in_full[what])

    def note(self, what, came):
        """Note whether `what` has come this time."""
        if came:
            self._in_vain.discard(what)
        elif what not in self._in_vain:
            self._in_vain.add(what)
            self.in_full[what] += 1
