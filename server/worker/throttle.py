"""Rate limits: what a client sends too fast is read later, never dropped."""
import collections

BURST = 10.0  # seconds' worth of messages that may come at once: a pasted page is no flood
STEP = 0.05  # seconds at least between two looks at all connections that are held
KIB_SHIFT = 10  # a message costs one more for each KiB
MOST_DEBTORS = 10000  # addresses whose debts are remembered; the oldest are forgotten first


class Throttle:
    """Lets each connection through at `rate` messages a second on average; 0 lets everything through.

    A connection's `paid_until` is the moment at which all its messages so far would have come at that rate. It is in
    credit while that is less than BURST ahead. In credit, its next message is handled whatever it costs: an expensive
    one makes those after it wait.

    next: when to call `release`, monotonic seconds; infinite if no connection is held.
    """

    def __init__(self):
        self.rate = 0
        self.next = float("inf")
        self._held = {}  # connection -> when it may be read again
        self._looked = 0.0  # when they were last looked at
        self._debts = collections.OrderedDict()  # address -> when the debt of those who left there is paid

    def charge(self, connection, cost, now):
        """Charge a connection as much as for `cost` messages."""
        if self.rate:
            connection.paid_until = max(connection.paid_until, now) + cost / self.rate

    def affords(self, connection, messages, now):
        """Charge `messages` if the connection is in credit for all of them. Returns whether it was."""
        if self.rate:
            until = (connection.paid_until if connection.paid_until > now else now) + messages / self.rate
            if until - now > BURST:
                return False
            connection.paid_until = until
        return True

    def allowance(self, connection, now):
        """How many of its messages may be handled now; the last may cost more than the credit that is left."""
        if not self.rate:
            return float("inf")
        credit = BURST - (max(connection.paid_until, now) - now)
        return max(1, int(credit * self.rate)) if credit > 0 else 0

    # ---- who has to wait

    def hold(self, connection):
        """Keep a connection waiting until it is in credit."""
        until = self._held[connection] = connection.paid_until - BURST
        self.next = min(self.next, max(until, self._looked + STEP))

    def held(self):
        """Those that are held back."""
        return list(self._held)

    def holds(self, connection):
        """Is the connection held?"""
        return connection in self._held

    def forget(self, connection):
        """The connection is gone."""
        self._held.pop(connection, None)
        if not self._held:
            self.next = float("inf")

    def release(self, now):
        """Release the connections that may be read again, and return them."""
        if now < self.next:
            return []
        due = [connection for connection, until in self._held.items() if until <= now]
        for connection in due:
            del self._held[connection]
        self._looked = now
        self.next = max(min(self._held.values()), now + STEP) if self._held else float("inf")
        return due

    # ---- who comes back

    def is_debtor(self, connection, now):
        """Has the connection used up so much that its debt must be remembered when it disconnects?"""
        return connection.paid_until - now > BURST / 2

    def remember(self, address, until, step=0.0):
        """Note that an address has used up its rate `until` then. Is that news by more than `step` seconds?"""
        if until - self._debts.get(address, 0.0) <= step:
            return False
        self._debts[address] = until
        self._debts.move_to_end(address)
        if len(self._debts) > MOST_DEBTORS:
            self._debts.popitem(last=False)
        return True

    def debt(self, address, now):
        """The initial `paid_until` of new connections from an address in debt: they have the rate, but no burst."""
        until = self._debts.get(address, 0.0)
        return min(until, now + BURST) if until > now else 0.0
