"""Snapshots: the state of a node as bytes, for nodes that join: that of the register and of the store in memory.

`parts` lists the objects that have state, and those of their attributes that are it. KINDS lists the classes of the
objects in these attributes.
"""
import collections
import contextlib
import fcntl
import logging
import os
import signal

from parley.server.chat import accounts, login_throttle, rooms, sessions
from parley.server.chat.room import LOBBY
from parley.server.ipc import messages
from parley.server.ipc.codec import Malformed, dumps, loads
from parley.server.ipc.queues import PIPE_SIZE, SET_PIPE_SIZE
from parley.server.protocols import events
from parley.server.storage import memory
from parley.server.storage.conversations import Conversation, Source
from parley.server.storage.talk import Talk
from parley.server.supervisor.signals import leave_to_parent

VERSION = 4

log = logging.getLogger(__name__)

# Name of a class in snapshots -> the class, its attributes that are stored, {attribute: makes its first value}.
KINDS = {
    "accounts.Account": (accounts.Account, accounts.Account.__slots__, {}),
    "accounts._Share": (accounts._Share, accounts._Share.__slots__, {}),
    "rooms.Room": (rooms.Room, [slot for slot in rooms.Room.__slots__ if slot not in ("_bans", "_space")],
                   {"_bans": dict, "_space": rooms.ListSpace}),
    "sessions._Session": (sessions._Session, sessions._Session.__slots__, {}),
    "sessions._Said": (sessions._Said, sessions._Said.__slots__, {}),
    "memory._Talk": (Talk, Talk.__slots__, {}),
    "memory._Account": (memory._Account, memory._Account.__slots__, {}),
    "memory._Source": (Source, Source.__slots__, {}),
    "memory._Conversation": (Conversation, [slot for slot in Conversation.__slots__ if slot != "source"], {}),
}
_NAMES = {kind: name for name, (kind, _, _) in KINDS.items()}
_TUPLES = {"%s.%s" % (direction.__name__, kind.__name__): kind
           for direction in (messages.ToHub, messages.Proven) for kind in messages.messages(direction).values()}
_TUPLES["_Failures"] = login_throttle._Failures
_TUPLES["Person"] = events.Person
_NAMES_OF_TUPLES = {kind: name for name, kind in _TUPLES.items()}


def parts(register, all_accounts, census, store, numbers, node):
    """[(object, its attributes that are stored)] of a hub; `node`: what the hub itself knows of the nodes."""
    occupied = ("_first", "_others")
    return [
        (numbers, ("last", "_reserved")),
        (all_accounts, ("accounts", "_last_serial", "_size", "_of_sources", "_next_tidy")),
        (all_accounts.aliases, ("_held", "_names")),
        (all_accounts._occupied, occupied),
        (register.members, ("names", "former", "identities", "_held", "_reserved")),
        (register.members._occupied, occupied),
        (register.rooms, ("by_name", "by_number", "last", "homes", "since_of_guests", "with_ports", "sealing",
                          "_joined")),
        (register.rooms._occupied, occupied),
        (register.gate, ("opered", "_kicked", "_paid_until")),
        (register.gate._keys, ("_addresses", "_accounts", "_opened", "_openers")),
        (register.enrollment._login_throttle, ("_addresses", "_accounts", "_opened", "_openers")),
        (register.claims, ("_probing", "_guests")),
        (register.questions, ("_locating",)),
        (register.entering, ("told_of_newcomers", "_tidied_at", "_opening")),
        (register.sessions, ("_sessions", "_of_holders", "_brought", "_ended", "_of_guests")),
        (register.direct, ("_handed", "_untold", "_last_mark")),
        (register.people, ("strangers", "gone", "watchers", "_timing")),
        (register.presence, ("_watched",)),
        (register.metadata, ("_values", "_followed", "_shares", "_told_from")),
        (census, ("_homes", "_crowds")),
        (store, ("_number", "_accounts", "_kept", "_last_kept", "_conversations", "_sources", "_size", "_lobby",
                 "_rooms", "_rooms_size", "_markers", "_markers_size")),
        (node, ("nodes", "serving", "workers", "shared", "kept", "version")),
    ]


def taken(parts):
    """The bytes of these parts."""
    numbers = {}  # id of an object -> its number, as it may be in several places

    def reduce(value):
        kind = type(value)
        if kind in _NAMES_OF_TUPLES:
            return _NAMES_OF_TUPLES[kind], tuple(value)
        if kind in _NAMES:
            if id(value) in numbers:
                return numbers[id(value)]
            number = numbers[id(value)] = len(numbers)
            return _NAMES[kind], number, [getattr(value, name) for name in KINDS[_NAMES[kind]][1]]
        if isinstance(value, collections.deque):
            return "deque", list(value)
        raise TypeError("%s is not part of a snapshot" % kind.__name__)

    return dumps((VERSION, [[getattr(part, name) for name in names] for part, names in parts]), reduce)


class Taking:
    """A snapshot of the current state, written by a forked copy of this process: the hub goes on meanwhile.

    applied, floor: see `parley.server.ipc.messages.ToEngine.Keep`. has_begun: has any of it been passed on?
    """

    def __init__(self, parts, applied, floor):
        self.applied, self.floor, self.has_begun = applied, floor, False
        self._reader, writer = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(writer, SET_PIPE_SIZE, PIPE_SIZE)
        self._pid = os.fork()
        if not self._pid:
            _write(parts, self._reader, writer)
        os.close(writer)
        os.set_blocking(self._reader, False)

    def read(self, most):
        """At most `most` further bytes: empty at the end, None if there are none yet. EOFError if it has failed."""
        try:
            data = os.read(self._reader, most)
        except BlockingIOError:
            return None
        if not data:
            _, status = os.waitpid(self._pid, 0)
            self._pid = 0
            self.stop()
            if status:
                raise EOFError
        return data

    def stop(self):
        """End it."""
        self.let_go()
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def let_go(self):
        """Here nothing is read any more."""
        if self._reader is not None:
            os.close(self._reader)
            self._reader = None


def _write(parts, reader, writer):
    """In the copy: write, and end."""
    status = 1
    try:
        os.close(reader)
        leave_to_parent()
        with open(writer, "wb") as file:
            file.write(taken(parts))
        status = 0
    except BrokenPipeError:
        pass  # the hub is gone, or has given it up
    except Exception:
        log.critical("a bug: a snapshot cannot be written", exc_info=True)
    finally:
        os._exit(status)


def restore(parts, data):
    """Restore the state from the bytes; Malformed if they are not of this version."""
    known = {}  # number -> object

    def build(value):
        if isinstance(value, int):
            return known[value]
        name, *more = value
        if name == "deque":
            return collections.deque(*more)
        if name in _TUPLES:
            return _TUPLES[name](*more[0])
        (kind, stored, others), (number, values) = KINDS[name], more
        made = known[number] = kind.__new__(kind)
        for attribute, one in zip(stored, values):
            setattr(made, attribute, one)
        for attribute, make in others.items():
            setattr(made, attribute, make())
        return made

    version, found = loads(data, build)
    if version != VERSION or len(found) != len(parts):
        raise Malformed("a snapshot of version %s" % version)
    for (part, names), values in zip(parts, found):
        for name, value in zip(names, values):
            own = getattr(part, name)
            if isinstance(own, dict):  # which may be of another kind
                own.clear()
                own.update(value)
            else:
                setattr(part, name, value)
        _complete(part)


def _complete(part):
    """What follows from what was stored."""
    if isinstance(part, rooms.Rooms):
        part.lobby = part.by_number[LOBBY]
        part.slow = {room for room in part.by_number.values() if room.slow}
        part.measure()
    elif isinstance(part, memory.Store):
        part._latest = None
        for source in part._sources.values():
            for conversation in source.conversations.values():
                conversation.source = source
