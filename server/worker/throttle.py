"""Message rates: a flood is delayed by not reading it, never dropped."""

BURST = 10.0  # seconds' worth of messages that may come at once: a pasted page is no flood
STEP = 0.05  # seconds at least between two looks at all who are held


class Throttle:
    """Lets each connection through at `rate` messages a second on average; 0 lets everything through.

    A connection's `paid_until` is the moment at which all its messages so far would have come at that rate.
    """

    def __init__(self):
        self.rate = 0
        self._held = {}  # connection -> when it may be read again
        self._first = self._looked = 0.0  # when the first of them may; when they were last looked at

    def charge(self, connection, messages, now):
        """Count what has come; true if the connection is to be held back."""
        if not self.rate:
            return False
        connection.paid_until = max(connection.paid_until, now) + messages / self.rate
        if connection.paid_until - now <= BURST:
            return False
        until = self._held[connection] = connection.paid_until - BURST
        self._first = min(self._first, until) if len(self._held) > 1 else until
        return True

    def held(self):
        """Those that are held back."""
        return list(self._held)

    def holds(self, connection):
        """Is it not to be read at the moment?"""
        return connection in self._held

    def forget(self, connection):
        """It is gone."""
        self._held.pop(connection, None)

    def next_release(self):
        """When to look for those who may be read again; None if none is held."""
        return max(self._first, self._looked + STEP) if self._held else None

    def release(self, now):
        """Those that may be read again."""
        if not self._held or now < self.next_release():
            return []
        due = [connection for connection, until in self._held.items() if until <= now]
        for connection in due:
            del self._held[connection]
        self._looked = now
        self._first = min(self._held.values(), default=now)
        return due
