"""The numbers of messages, which the hub gives as it delivers them."""
import functools
from typing import Optional

from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import ToStore

BLOCK = 1 << 20  # numbers reserved at a time; as many messages can be given one while the store does not work


class Numbers:
    """One sequence for all that is said: in the lobby, in a room, or to one person.

    Only numbers that the store has reserved are given. So after a crash none is given again, not even that of a message
    that was heard and never stored: the server goes on behind what was reserved. Numbers may jump, and never repeat.

    last: the latest number that has been given.
    store: reserves numbers; its `last_number` and `reserved` are where this begins.
    """

    def __init__(self, store: AskedStore) -> None:
        self.last = store.last_number
        self._reserved = store.reserved
        self._reserving = False
        self._store = store

    def take(self, count: int = 1) -> Optional[int]:
        """Give the next `count` numbers, and return the first of them.

        None if fewer are reserved, because the store has not worked for long. What gets no number is not said.
        """
        if self._reserved - self.last < BLOCK // 2 and not self._reserving:
            self._reserve(self.last + BLOCK)
        if self._reserved - self.last < count:
            return None
        first = self.last + 1
        self.last += count
        return first

    def _reserve(self, through: int) -> None:
        self._reserving = True
        self._store.ask(functools.partial(self._settle, through), ToStore.Reserve(through))

    def _settle(self, through: int, stored: Optional[bool]) -> None:
        self._reserving = False
        if stored:
            self._reserved = through

    def close(self) -> None:
        """No more are given: the next start may go on right behind the last one."""
        self._reserved = self.last
        self._store.ask(_ignore, ToStore.Release(self.last))


def _ignore(stored: Optional[bool]) -> None:
    pass
