"""How a worker asks the process that keeps files; the requests are those of `parley.server.files.keeping`."""
import array
import collections
import json
import selectors
import socket

from parley.server.protocols.events import Reason

REPLY_SECONDS = 30.0  # after this time without an answer a request is refused
MOST_WAITING = 1000  # requests of a worker that the process has not taken yet

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_GONE = {"no": Reason.TRY_LATER}


class Call:
    """One request, until its last answer.

    sock: the worker's end of the pair, or None after the last answer. until: monotonic seconds, by which an answer has
    to come; None for no limit. then: then(answer) is called for each answer, a dictionary. If the process dies, or does
    not answer in time, the answer is {"no": TRY_LATER}.
    """

    def __init__(self, desk, sock, then, until):
        self.sock = sock
        self.until = until
        self._desk = desk
        self._then = then
        self._come = b""
        self._mask = 0
        if sock is not None:
            self.watch(READ)

    def watch(self, mask):
        """Have the selector watch the socket for READ, or for READ | WRITE: then `can_write` is called too."""
        if mask == self._mask:
            return
        if self._mask:
            self._desk.selector.modify(self.sock, mask, self)
        else:
            self._desk.selector.register(self.sock, mask, self)
        self._mask = mask

    def can_write(self):
        """The socket takes more bytes; for a kind of call that sends some."""

    def on_ready(self, mask):
        """The selector found the socket ready."""
        if mask & READ and self.sock is not None:
            self._read()
        if mask & WRITE and self.sock is not None:
            self.can_write()

    def _read(self):
        try:
            data = self.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.fail()
            return
        *lines, self._come = (self._come + data).split(b"\n")
        for line in lines:
            answer = json.loads(line.decode())
            if "go" in answer:
                self.until = None  # the visitor has a deadline of its own for sending
            else:
                self.close()
            self._then(answer)

    def fail(self):
        """No answer will come: refuse."""
        self.close()
        self._then(_GONE)

    def close(self):
        """End the call: no further answer is wanted."""
        if self.sock is not None:
            self._desk.forget(self)
            self._desk.selector.unregister(self.sock)
            self.sock.close()
            self.sock = None

    def crash(self):
        """Called in an exception handler: see `Worker`."""
        self.close()
        self._desk.lose_one()


class Desk:
    """The requests of one worker.

    worker: of it this uses selector, now, forget_turn(source) and lose_one(), which logs a bug.
    door: the socket to which requests are sent. folder: the path of the folder of files.
    """

    def __init__(self, worker, door, folder):
        self.selector = worker.selector
        self.folder = folder
        self._worker = worker
        self._door = door
        self._calls = set()
        # Call -> (data, the process's end of the pair), of what the socket has not taken.
        self._waiting = collections.OrderedDict()
        self._is_watched = False  # is the selector watching whether the door takes more?

    def lose_one(self):
        """A bug in one call has been caught: log it."""
        self._worker.admission.lose_one()

    def ask(self, then, kind=Call, **request):
        """Send a request, and return its Call. kind: the class of that. request: `do`, and the fields."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # there are no more descriptors
            call = kind(self, None, then, None)
            call.fail()
            return call
        ours.setblocking(False)
        call = kind(self, ours, then, self._worker.now + REPLY_SECONDS)
        self._calls.add(call)
        if len(self._waiting) < MOST_WAITING:
            self._waiting[call] = json.dumps(request).encode(), theirs
            self._put()
        else:
            theirs.close()  # which the call sees as the end
        return call

    def _put(self):
        """Send waiting requests, as many as the socket takes."""
        while self._waiting:
            call = next(iter(self._waiting))
            data, theirs = self._waiting[call]
            try:
                fds = array.array("i", [theirs.fileno()])
                self._door.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            except BlockingIOError:
                break
            except OSError:
                pass  # the call sees the end of its pair
            self._take_back(call)
        if bool(self._waiting) == self._is_watched:
            return
        self._is_watched = not self._is_watched
        if self._is_watched:
            self.selector.register(self._door, WRITE, self)
        else:
            self.selector.unregister(self._door)
            self._worker.forget_turn(self)

    def _take_back(self, call):
        """Its request is not waiting any more."""
        if call in self._waiting:
            _, theirs = self._waiting.pop(call)
            theirs.close()

    def on_ready(self, mask):
        """The door takes more."""
        self._put()

    def crash(self):
        """Called in an exception handler."""
        self.lose_one()

    def forget(self, call):
        """A call has ended."""
        self._calls.discard(call)
        self._take_back(call)
        self._worker.forget_turn(call)

    def sweep(self, now):
        """Refuse the calls that have waited for too long. now: monotonic seconds."""
        for call in [call for call in self._calls if call.until is not None and call.until <= now]:
            try:
                call.fail()
            except Exception:
                call.crash()
