"""Everybody the chat knows of: who is here, and which accounts there are. One replica in each worker."""
from server.chat.patterns import matcher


class Roll:
    """Names, in order.

    changed: has it changed since somebody last looked at `users` and cleared this?
    """

    def __init__(self):
        self.changed = False
        self._present = {}  # an ordered set, by login
        self._accounts = {}  # an ordered set, by creation

    def enter(self, name):
        """`name` is here."""
        self._present[name] = None
        self.changed = True

    def leave(self, name):
        """`name` is not here any more."""
        self._present.pop(name, None)
        self.changed = True

    def rename(self, old, new):
        """`old` is called `new`, and keeps its place. Renames are rare, so their cost may grow with the crowd."""
        self._present = {new if name == old else name: None for name in self._present}
        self.changed = True

    def open(self, name):
        """There is an account `name` now."""
        self._accounts[name] = None
        self.changed = True

    def close(self, name):
        """The account `name` is deleted."""
        self._accounts.pop(name, None)
        self.changed = True

    def present(self):
        """The names of all members in the order of their logins."""
        return list(self._present)

    def known(self, pattern=None):
        """Accounts in the order of their creation, then the members without one; those that match, if given bytes."""
        names = [*self._accounts, *(name for name in self._present if name not in self._accounts)]
        if pattern is None:
            return names
        matches = matcher(pattern.decode(errors="replace"))
        return [name for name in names if matches(name.decode())]

    def users(self):
        """(name, is it here?) of everybody known."""
        return [(name, name in self._present) for name in self.known()]
