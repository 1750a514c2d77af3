"""The hub: everything that happens, in one order, to every worker.

It reads what the workers sent, decides what is asked (`server.chat.register`), and writes the same stream to every
worker, the origin's too. Talk passes verbatim: the hub reads its frames' heads, never its messages.
"""
import collections
import selectors
import time

from server.chat.memory import MOST_MESSAGES, Memory, Messages
from server.chat.patience import Patience
from server.chat.register import Register
from server.supervisor.door import Door
from server.supervisor.hashing import Verifier
from server.worker.queues import HEAD, TALK, called, control, said

PING_EVERY = 1.5  # seconds
MOST_UNANSWERED = 4  # pings; a worker with more is stuck
MOST_PENDING = 64 << 20  # bytes kept for a worker that is behind
MOST_REMEMBERED = 1 << 20  # bytes of the lobby's talk


class LobbyLog:
    """The latest talk in the lobby, as the frames in which it passed."""

    def __init__(self):
        self._frames = collections.deque()
        self._size = 0
        self._past = None  # what was last told of it, as long as it is all there is

    def add(self, frame):
        """One more talk frame."""
        self._past = None
        self._frames.append(frame)
        self._size += len(frame)
        while self._size > MOST_REMEMBERED:
            self._size -= len(self._frames.popleft())

    def past(self):
        """(sender, text, time) of the latest messages, oldest first, as many as may be told at once."""
        if self._past is None:
            latest = []
            for frame in reversed(self._frames):
                latest[:0] = [message[1:] for message in said(frame)]
                if len(latest) >= MOST_MESSAGES:
                    break
            messages = Messages()
            for message in latest:
                messages.add(message)
            self._past = list(messages)
        return self._past


class Stream:
    """What goes to one worker and comes from it, and what is known of it."""

    def __init__(self, down, up):
        self.down = down
        self.up = up
        self.frames = []  # of this round
        self.waiting = False  # for room in the queue?
        self.unanswered = 0  # pings
        self.ready = False  # has it begun to serve?
        self.done = False  # has it, told to stop, asked its last question?


class Hub:
    """Names, order, and the queues of all workers, by worker number.

    pacing: seconds between two rounds that carry talk. More messages share a send then; after a quiet time the first
    one does not wait.
    failed_logins_per_minute, accounts_per_address: see `server.chat.patience.Patience`.
    """

    def __init__(self, pacing, memory=None, failed_logins_per_minute=0, accounts_per_address=0):
        self.pacing = pacing
        self.verifier = Verifier()
        self.streams = {}
        self.failed = {}  # worker -> what is wrong with it, so that it has to be replaced
        self.selector = selectors.DefaultSelector()
        self._log = LobbyLog()
        patience = Patience(failed_logins_per_minute, accounts_per_address, time.monotonic)
        self.door = Door(self.verifier, patience, time.monotonic)
        self._register = Register(self, memory or Memory(), self.door, patience, self._log, time.time)
        self._requests = {
            "claim": self._register.claim,
            "create": self._register.create,
            "change_password": self._register.change_password,
            "claim_guest": self._register.claim_guest,
            "rename": self._register.rename,
            "release": self._register.release,
            "delete": self._register.delete,
            "whisper": self._register.whisper,
            "deliver": self._register.deliver,
            "take_back": self._register.take_back,
            "history": self._register.history,
            "describe": self._register.describe,
            "located": self._register.located,
            "who": self._register.who,
            "accounts": self._register.accounts,
            "news": self._register.news,
            "ready": self._ready,
            "alive": self._alive,
            "done": self._done,
        }
        self._verifying = None  # the number of the process that verifies passwords
        self._next_talk = self._next_ping = time.monotonic()

    def turn(self, wait):
        """One round: read, decide, pass on. Waits at most `wait` seconds for something to do."""
        now = time.monotonic()
        if now < self._next_talk:
            time.sleep(self._next_talk - now)
        for key, mask in self.selector.select(max(0.0, min(wait, self._next_ping - now, self.door.next_due - now))):
            if key.data in self.streams and mask & selectors.EVENT_READ:
                self._hear(key.data)
            elif key.data is not None and key.data == self._verifying:
                self._hear_verifier()
        self.door.look_at_clock()
        self._ping()
        self._speak()

    def _hear(self, worker):
        stream = self.streams[worker]
        try:
            frames = stream.up.get()
        except EOFError:
            self.selector.unregister(stream.up)
            self.failed[worker] = "is gone"
            return
        for frame in frames:
            if HEAD.unpack_from(frame)[0] == TALK:
                self._pass_on(frame)
                self._log.add(frame)
                self._next_talk = time.monotonic() + self.pacing
            else:
                request, arguments = called(frame)
                self._requests[request](worker, *arguments)

    def _hear_verifier(self):
        try:
            self.verifier.hear()
        except EOFError:
            self.failed[self._verifying] = "is gone"

    def _ping(self):
        now = time.monotonic()
        if now < self._next_ping:
            return
        self._next_ping = now + PING_EVERY
        for worker, stream in self.streams.items():
            stream.unanswered += 1
            if stream.unanswered > MOST_UNANSWERED:
                self.failed[worker] = "does not answer"
        self.everyone("ping")

    def _speak(self):
        for worker, stream in self.streams.items():
            if not stream.frames and not stream.waiting:
                continue
            frames, stream.frames = stream.frames, []
            try:
                stream.down.put(b"".join(frames))
            except BrokenPipeError:
                self.failed[worker] = "is gone"
            if stream.down.backlog_size > MOST_PENDING:
                self.failed[worker] = "is too far behind"
            self._wait_for_room(worker, stream)

    def _wait_for_room(self, worker, stream):
        waiting = stream.down.backlog_size > 0
        if waiting and not stream.waiting:
            self.selector.register(stream.down, selectors.EVENT_WRITE, worker)
        elif stream.waiting and not waiting:
            self.selector.unregister(stream.down)
        stream.waiting = waiting

    # ---- what goes where

    def _pass_on(self, frame):
        for stream in self.streams.values():
            stream.frames.append(frame)

    def everyone(self, entry, *arguments):
        """Part of every worker's stream."""
        self._pass_on(control(entry, *arguments))

    def worker(self, worker, entry, *arguments):
        """Part of one worker's stream; of none's if that one has just died."""
        if worker in self.streams:
            self.streams[worker].frames.append(control(entry, *arguments))

    # ---- workers come and go

    def attach(self, worker, down, up):
        """A worker has been forked; these are our ends of its queues."""
        self.streams[worker] = Stream(down, up)
        self.selector.register(up, selectors.EVENT_READ, worker)
        self._register.admit(worker)

    def attach_verifier(self, number, down, up):
        """The process that verifies passwords has been forked."""
        self._verifying = number
        self.selector.register(up, selectors.EVENT_READ, number)
        self.verifier.attach(down, up)

    def dismiss_verifier(self):
        """No password is asked any more: at the end of its queue that process leaves."""
        self._close(*self.verifier.detach())

    def detach(self, number):
        """A process is dead: its queues are closed, and if it was a worker, the names of its clients are free."""
        if number == self._verifying:
            self.dismiss_verifier()
        else:
            stream = self.streams.pop(number)
            self._close(stream.down, stream.up)
            self._register.lose(number)
        self.failed.pop(number, None)

    def _close(self, *queues):
        for queue in queues:
            try:
                self.selector.unregister(queue)
            except KeyError:
                pass  # not watched at the moment
            queue.close()

    def let_go(self):
        """In a forked child: none of this is its own."""
        self.selector.close()
        for queue in self.verifier.detach():
            queue.close()
        for stream in self.streams.values():
            stream.up.close()
            stream.down.close()

    def _ready(self, worker):
        self.streams[worker].ready = True

    def _alive(self, worker):
        self.streams[worker].unanswered = 0

    def _done(self, worker):
        self.streams[worker].done = True
