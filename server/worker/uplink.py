"""A worker's outgoing queue to the hub: talk and requests of its sessions, with one write per tick."""
import functools
import time

from parley.server.chat.room import LOBBY
from parley.server.chat.session.states import GONE
from parley.server.ipc.messages import packed
from parley.server.ipc.queues import AWAITED, EXTRA, EXTRA_AWAITED, TALK, record, talk
from parley.server.worker.lookups import Lookups


class Uplink:
    """Collects a tick's requests in order; consecutive talk in one room becomes one frame.

    said: how many messages, since this was last cleared.
    may_wait: seconds for which talk may wait in the hub for more talk.
    """

    def __init__(self, queue, worker, clock=lambda: int(time.time())):
        self.said = 0
        self.may_wait = 0.0
        self._queue = queue
        self._clock = clock
        self._worker = worker
        self._frames = []
        self._records = []
        self._messages = 0  # in these
        self._room = LOBBY  # of these
        self._kind = TALK
        self._now = None  # the time of the tick's first message, seconds since the epoch
        self._once_told = {}  # session -> [functions to call once it has been sent this tick's output]
        self.lookups = Lookups(self.ask)

    @property
    def full(self):
        """Does the hub not take more at the moment?"""
        return self._queue is not None and self._queue.backlog_size > 0

    @property
    def unsent(self):
        """How many bytes the hub has not taken."""
        return self._queue.backlog_size if self._queue is not None else 0

    def retry(self):
        """Send what the hub did not take before."""
        self._put(b"")

    def close(self):
        """The hub is gone: drop all further requests."""
        self._queue = None

    def say(self, room, number, sender, text, claimed_time, awaited, serial=0, count=1):
        """Add a message to a room, with the current time or the time that the client gives.

        awaited: the session wants to know when it is stored. serial: its number within the session.
        count: how many texts these are, see `record` in `parley.server.ipc.queues`.
        """
        if room != self._room:
            self._close_talk()
            self._room = room
        if claimed_time is None:
            if self._now is None:
                self._now = self._clock()
            claimed_time = self._now
        self._records.append(record(number, sender, text, claimed_time, serial, count))
        self._messages += count
        self.said += count
        if awaited:
            self._kind = AWAITED

    def say_with_extra(self, room, number, sender, text, extra, claimed_time, awaited, serial=0):
        """What `say` does, with an extra: see `parley.server.protocols.events.Say`."""
        self._close_talk()
        now = self._clock() if claimed_time is None else claimed_time
        whole = record(number, sender, b"%b\0%b" % (text, extra), now, serial)
        self._frames.append(talk(room, self._worker, [whole], EXTRA_AWAITED if awaited else EXTRA))
        self.said += 1

    def ask(self, message):
        """Anything but talk: a `ToHub` (see `parley.server.ipc.messages`)."""
        self._close_talk()
        self._frames.append(packed(message))

    def look_up(self, session, is_shared, request):
        """Queue a request whose answer may be long (see `server.worker.lookups.Lookups`)."""
        self.lookups.add(session, is_shared, request)

    def ask_once_told(self, session, message):
        """Send the request once the session has been sent all of this tick's output; never if it ends before."""
        self._once_told.setdefault(session, []).append(functools.partial(self.ask, message))

    def hear_once_told(self, session, command):
        """Let the session handle a command at that moment, likewise."""
        self._once_told.setdefault(session, []).append(functools.partial(session.hear, [command]))

    def told(self):
        """The tick's output has been sent, as far as the kernel takes it."""
        if not self._once_told:
            return
        for session in [session for session in self._once_told if session.state is GONE or not session.is_behind]:
            for then in self._once_told.pop(session):
                if session.state is not GONE:
                    then()

    def flush(self):
        """Send what the tick has collected."""
        if self._records or self._frames:
            self._close_talk()
            self._now = None
            self._put(b"".join(self._frames))
            self._frames = []

    def _put(self, data):
        try:
            if self._queue is not None:
                self._queue.put(data)
        except BrokenPipeError:
            self.close()

    def _close_talk(self):
        if self._records:
            self._frames.append(talk(self._room, self._worker, self._records, self._kind, self._messages,
                                     int(self.may_wait * 1e6)))
            self._records = []
            self._messages = 0
            self._kind = TALK
