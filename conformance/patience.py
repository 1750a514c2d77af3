"""Timeouts for a foreign server: long at first, and short for what did not come the last time."""
from collections import Counter


class Patience:
    """Remembers what was waited for in vain. All fixtures of one server share it, as each failure discards a fixture.

    in_full: how often each thing was waited for in vain when it had come before, or was not known yet. slowest: seconds
    that an answer has taken at most.
    """

    def __init__(self):
        self.slowest = 0.0
        self._in_vain = set()
        self.in_full = Counter()

    def seconds(self, what, full, short):
        """`short` if `what` did not come when it was waited for last; else `full`, halved for each time before."""
        return short if what in self._in_vain else max(short, full / 2 ** self.in_full[what])

    def note(self, what, came):
        """Note whether it has come now."""
        if came:
            self._in_vain.discard(what)
        elif what not in self._in_vain:
            self._in_vain.add(what)
            self.in_full[what] += 1
