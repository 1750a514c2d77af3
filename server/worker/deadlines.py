"""Timeouts of clients: for the first command, for the rest of a command, for reading its output, for closing."""
import collections

from parley.server.protocols.events import Reason

LINGER = 2.0  # seconds a client has to take the last output
HARD_LIMIT = 8  # times outbox_bytes: more than the bursts that the rates of several speakers allow


class Deadlines:
    """Which connections have a deadline, and when (monotonic seconds). Checked about once a second.

    Most connections are in none of these tables.
    """

    def __init__(self):
        self._command = {}  # connection -> when it must have completed its first command
        self._unfinished = {}  # connection with a command begun -> when more, and when its end, must have come
        self._reading = {}  # connection with an outbox -> [when it must have made progress, bytes taken until now]
        self._parting = {}  # connection that has been ended -> when it is closed in any case
        self.limits = {}

    @property
    def parting(self):
        """How many are still taking the last output."""
        return len(self._parting)

    @property
    def lagging(self):
        """How many are behind with reading."""
        return len(self._reading)

    def arrived(self, connection, now):
        """A client has connected: a first command must come."""
        if self.limits["first_command_seconds"]:
            self._command[connection] = now + self.limits["first_command_seconds"]

    def completed(self, connection):
        """A command has come."""
        if connection in self._command:
            del self._command[connection]
        if connection in self._unfinished:
            del self._unfinished[connection]

    def began(self, connection, now, typing_seconds=None):
        """Bytes of a command have come, whose end must come within `frame_seconds` from its first byte.

        typing_seconds: for commands typed by hand: then each byte gives `frame_seconds` for the next one, and this is
            the time for the whole command.
        """
        frame = self.limits["frame_seconds"]
        if connection not in self._unfinished:
            self._unfinished[connection] = now + frame, now + (typing_seconds or frame)
        elif typing_seconds:
            latest = self._unfinished[connection][1]
            self._unfinished[connection] = min(now + frame, latest), latest

    def behind(self, connection, now):
        """It has unsent output. Is that over the hard limit, so that it has to be closed at once?"""
        self._reading.setdefault(connection, [now + self.limits["stall_seconds"], 0])
        return connection.outbox.size > HARD_LIMIT * self.limits["outbox_bytes"]

    def took_some(self, connection, size, now):
        """It lags behind, but reads. With more than `outbox_bytes` unread, only that many bytes are progress."""
        progress, soft_limit = self._reading.get(connection), self.limits["outbox_bytes"]
        if progress:
            progress[1] += size
            if connection.outbox.size <= soft_limit or progress[1] >= soft_limit:
                progress[:] = now + self.limits["stall_seconds"], 0

    def caught_up(self, connection):
        """It has taken everything that it was sent."""
        self._reading.pop(connection, None)

    def parted(self, connection, now):
        """Its session has ended; its socket closes soon."""
        self.completed(connection)
        self._reading.pop(connection, None)
        if connection.transport is not None:
            self._parting[connection] = now + LINGER

    def closed(self, connection):
        """It has no deadlines any more."""
        self.completed(connection)
        self._reading.pop(connection, None)
        self._parting.pop(connection, None)

    def overdue(self, now):
        """(connection, why it is to end) for each client that has taken too long."""
        late = {connection: Reason.TOO_SLOW if connection.unfinished else Reason.IDLE
                for connection, until in self._command.items() if until <= now}
        for awaited, reason in ((self._reading, Reason.SLOW_READER), (self._unfinished, Reason.TOO_SLOW)):
            late.update((connection, reason) for connection, (until, _) in awaited.items() if until <= now)
        late.update(dict.fromkeys(self._too_much_unfinished(), Reason.TOO_SLOW))
        return list(late.items())

    def _too_much_unfinished(self):
        """Those with unfinished lines, longest first, at addresses that have more than `outbox_bytes` of them."""
        typing = collections.defaultdict(list)
        for connection in self._unfinished:
            if connection.is_typed:
                typing[connection.address()[0]].append(connection)
        for connections in typing.values():
            size = sum(connection.unfinished for connection in connections)
            for connection in sorted(connections, key=lambda connection: -connection.unfinished):
                if size <= self.limits["outbox_bytes"]:
                    break
                size -= connection.unfinished
                yield connection

    def lingering(self, now):
        """The connections whose time to read the last output is over."""
        return [connection for connection, until in self._parting.items() if until <= now]
