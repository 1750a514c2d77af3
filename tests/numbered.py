"""A store, or a journal, whose messages get their places in the order as the hub gives them: number and time."""
import time

from parley.server.ipc.messages import ReadStore, ToStore, messages
from parley.server.ipc.queues import HEAD, placed

REQUESTS = dict(messages(ToStore), **messages(ReadStore))


class Numbered:
    """All else is the store's own.

    store: see `server.storage.memory.Store`, or `server.storage.journal.Journal`. clock: gives seconds since the epoch.
    """

    def __init__(self, store, clock=time.time):
        self._store = store
        self._clock = clock
        self.last = store.last_given() if hasattr(store, "last_given") else 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def _now(self):
        return max(0, int(self._clock() * 1000))

    def place(self, frame):
        first, self.last = self.last + 1, self.last + HEAD.unpack_from(frame)[4]
        return placed(frame, first, self._now())

    def talk(self, frame, *then):
        return self._store.talk(self.place(frame), *then)

    def ask(self, then, request, *arguments):
        """As that of a journal, but a request is the name of a message and what is in it."""
        if request == "whisper":
            self.last += 1
            arguments = self.last, self._now(), *arguments
        elif request == "keep":
            arguments = self._now(), *arguments
        if request in ("whisper", "keep") and len(arguments) < len(REQUESTS[request]._fields):
            arguments = *arguments, ""  # from nowhere
        self._store.ask(then, REQUESTS[request](*arguments))

    def whisper(self, *message):
        self.last += 1
        return self._store.whisper(self.last, self._now(), *message)

    def keep(self, *message):
        return self._store.keep(self._now(), *message)
