"""The interface of the store for the hub, whether the store is in a process of its own or in the hub's."""
from typing import Any, Callable

from parley.server.ipc.messages import Message

Then = Callable[[Any], object]  # what is called with the result of a request; None if it could not be stored, or read


def ignore(result: Any) -> None:
    """A `Then` for requests whose result nobody needs."""


class AskedStore:
    """The hub's end of a store: `parley.server.storage.journal` has two.

    last_number: the latest number that may have been given to a message before this start.
    reserved: the latest number that the store has reserved; none above it may be given.
    identity: a text that no other store has; in another store, the same numbers belong to other messages.
    """

    last_number: int
    reserved: int
    identity: bytes

    def talk(self, frame: bytes, then: Then) -> None:
        """Store the messages of a talk frame to which the hub has given its place (`parley.server.ipc.queues`).

        `then(True)` is called, now or later, once they are stored, or `then(None)` if they could not be.
        """
        raise NotImplementedError

    def ask(self, then: Then, request: Message) -> None:
        """Do what a `ToStore` or a `ReadStore` asks for.

        `then(result)` is called, now or later, once this and all that was asked before are stored. The result of a
        write is True, that of a read what the method of `parley.server.storage.memory.Store` returns; None if it could
        not be stored, or read.
        """
        raise NotImplementedError
