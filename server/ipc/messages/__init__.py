"""All messages between the processes of the server, and all entries of the order, except talk.

A message is a named tuple, in a class that is named after its receiver. The receiver has a method with the message's
name in snake case, which takes the fields in order; for messages of workers the hub's methods get the worker's number
first: see `handlers`. Talk has a frame format of its own: `parley.server.ipc.queues`.

Types of fields:

    session      number of a session, given by its worker, never twice (32 bits)
    sessions     of one worker, that have asked the same and get the same answer
    holder       a session of any worker: the worker's number << 32 | that of the session
    name, text   canonical bytes
    occupied     what a name occupies: `parley.server.chat.names.claims`
    host, port   the address that a client's connection comes from
    source       the address that a message comes from: `parley.server.chat.origins.network`
    time         seconds since the epoch; the store is told milliseconds
    id           of a message that is kept for somebody who is away
    room         a room's number, 0 for the lobby; `room_name`: its name, with "#" in front
    owner        of read markers: the name of an account, or a session's key as hexadecimal digits. Behind a name may
                 stand "|ms": then the numbers are times, in milliseconds
"""
import functools
import re
from typing import Any, Callable, Dict, Tuple, Type

from parley.server.ipc.messages.aides import FromEngine, FromHasher, FromKeeper, ToEngine, ToHasher, ToKeeper
from parley.server.ipc.messages.entries import Noticed, Operated, Proven, Settled, Shared
from parley.server.ipc.messages.fields import Listed, Marker, Marks, Message, Missed
from parley.server.ipc.messages.store import FromJournal, ReadStore, ToJournal, ToStore
from parley.server.ipc.messages.to_hub import ToHub
from parley.server.ipc.messages.to_worker import ToWorker
from parley.server.ipc.queues import control

__all__ = [
    "FromEngine", "FromHasher", "FromJournal", "FromKeeper", "Listed", "Marker", "Marks", "Message", "Missed",
    "Noticed", "Operated", "Proven", "ReadStore", "Settled", "Shared", "ToEngine", "ToHasher", "ToHub", "ToJournal",
    "ToKeeper", "ToStore", "ToWorker", "entry", "handlers", "messages", "name_of", "packed",
]


@functools.lru_cache(maxsize=None)
def messages(direction: type) -> Dict[str, Type[Message]]:
    """{name: message} of one of the classes above; the name is that of the method which handles it."""
    return {_snake(name): kind for name, kind in vars(direction).items() if isinstance(kind, type)}


def _snake(name: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


_DIRECTIONS = (
    ToHub, ToWorker, Proven, Operated, Noticed, Settled, ToStore, ReadStore, ToJournal, FromJournal, ToHasher,
    FromHasher, ToKeeper, FromKeeper, ToEngine, FromEngine, Shared)
_NAMES = {kind: name for direction in _DIRECTIONS for name, kind in messages(direction).items()}


def name_of(message: Message) -> str:
    """The name of a message's method."""
    return _NAMES[type(message)]


def entry(message: Message) -> Tuple[str, Message]:
    """A message as an entry of the order (see `parley.server.order.at_hand`)."""
    return _NAMES[type(message)], message


def packed(message: Message) -> bytes:
    """A message as a frame for a queue (see `parley.server.ipc.queues.called`)."""
    return control(_NAMES[type(message)], *message)


def handlers(direction: type, *owners: object) -> Dict[str, Callable[..., Any]]:
    """{name: method} for every message of a direction; the method is that of the one owner which has it.

    TypeError if none of the owners has a method for a message, or more than one.
    """
    found = {}
    for name in messages(direction):
        methods = [getattr(owner, name) for owner in owners if hasattr(owner, name)]
        if len(methods) != 1:
            raise TypeError("%s.%s has %d handlers" % (direction.__name__, name, len(methods)))
        found[name] = methods[0]
    return found
