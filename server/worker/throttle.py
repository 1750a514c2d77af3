"""Message rates: a flood is delayed by not reading it, never dropped."""

BURST = 10.0  # seconds' worth of messages that may come at once: a pasted page is no flood


class Throttle:
    """Lets each connection through at `rate` messages a second on average; 0 lets everything through.

    A connection's `paid_until` is the moment at which all its messages so far would have come at that rate.
    """

    def __init__(self):
        self.rate = 0
        self._held = {}  # connection -> when it may be read again

    def charge(self, connection, messages, now):
        """Count what has come; true if the connection is to be held back."""
        if not self.rate:
            return False
        connection.paid_until = max(connection.paid_until, now) + messages / self.rate
        if connection.paid_until - now <= BURST:
            return False
        self._held[connection] = connection.paid_until - BURST
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
        """When the next one may be read again; None if none is held."""
        return min(self._held.values()) if self._held else None

    def release(self, now):
        """Those that may be read again."""
        due = [connection for connection, until in self._held.items() if until <= now]
        for connection in due:
            del self._held[connection]
        return due
