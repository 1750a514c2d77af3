"""The process that keeps files: `keeper.py` is its end in the hub.

Workers ask it directly, without the hub. A request is one datagram with a JSON object, `do` and its fields, and with
one end of a pair of sockets. The answer comes over this pair as a line of JSON; then the pair is closed. Only `put` has
two answers: the first says that the bytes may come, which the worker then writes to the pair, and the second says what
has come of the file. All workers send to one socket, which outlives this process: requests that a process has not read
when it dies are read by the next one.

    do, and its fields                              fields of the answer
    offer {owner, is_account, name, size, sha256}   file, token, text
    state {file, token}                             at, size, whole
    put {file, token, first, length, total}         go; then at, size, whole
    share {file, token, teller, digest}             text
    drop {file, token}                              dropped
    get {file}                                      name, size, kind, sha256
    (any that is refused)                           no: see `shelf.Refused`; at, if it is known

`Shelf` has a method for each, which explains the fields. Answers are sent after the commit of what they tell; all
requests of one turn of the loop share a commit.
"""
import array
import collections
import concurrent.futures
import json
import logging
import os
import selectors
import socket
import sqlite3
import time

from parley.server.files.budget import Budget
from parley.server.files.shelf import Refused
from parley.server.ipc.messages import FromKeeper, packed
from parley.server.protocols.events import Reason

LONGEST_REQUEST = 8192  # bytes
MOST_IN_A_TURN = 64  # requests
PIECE = 256 << 10  # bytes of one read
SWEEP = 5.0  # seconds between two sweeps
THREADS = 4  # for flush, scan and rename of complete files
# Bytes of a file that are written before they are flushed, one file at a time. With less, the disk has more to do for
# the same bytes; with more, the journal, which flushes messages to the same disk, waits longer.
FLUSHED_AT_ONCE = 1 << 20

READ = selectors.EVENT_READ
log = logging.getLogger(__name__)


class Channel:
    """The process's end of the pair of a request. part: for `put`, the `Part`; else None. left: bytes still to come."""

    def __init__(self, sock):
        self.sock = sock
        self.part = None
        self.left = 0


class Keeping:
    """The loop of the process. All is done in one thread, but flushing, scanning and renaming of files."""

    def __init__(self, requests, shelf, down, up):
        self._requests = requests
        self._shelf = shelf
        self._down, self._up = down, up
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, READ, self._take_requests)
        self._selector.register(down, READ, self._hear_hub)
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        self._selector.register(self._woken, READ, self._settle)
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS)
        self._flushing = concurrent.futures.ThreadPoolExecutor(1)
        self._finished = collections.deque()  # (action, arguments) that threads want to be done in the loop
        self._answers = []  # (Channel, answer, is it the last?) that wait for the commit
        self._channels = {}  # file -> the Channel of its upload
        self._line = collections.deque()  # Channels with bytes to read, which wait for their turn
        self._budget = Budget()
        self._failed = None  # an error of the index, in this turn
        self._refused = collections.Counter()  # requests, by why
        self._received = 0  # bytes of files
        self._alive = True

    def run(self):
        """Until the hub is gone."""
        next_sweep = time.monotonic()
        while self._alive:
            wake = min(next_sweep, self._budget.next) if self._line else next_sweep
            for key, _ in self._selector.select(max(0.0, wake - time.monotonic())):
                key.data()
            self._take_piece()
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP
                self._attempt(None, self._shelf.sweep)
            self._commit()
        self._flushing.shutdown()
        self._threads.shutdown()

    def _hear_hub(self):
        try:
            if self._down.get():
                self._up.put(packed(FromKeeper.Seen(self._figures())))
        except (EOFError, BrokenPipeError):
            self._alive = False

    def _figures(self):
        """See `FromKeeper.Seen`."""
        counters = {"refused": dict(self._refused), "removed": dict(self._shelf.removed), "received": self._received}
        try:
            files, size = self._shelf.index.counted()
        except sqlite3.Error as error:
            self._failed = error
            return {"counters": counters}
        return {"files": files, "bytes": size, "uploads": self._shelf.uploads, "counters": counters}

    def _commit(self):
        answers, self._answers = self._answers, []
        try:
            if self._failed is not None:
                raise self._failed
            self._shelf.index.commit()
        except sqlite3.Error as error:
            self._failed = None
            self._shelf.index.roll_back()
            log.error("the index of files cannot be read or written: %(why)s", {"why": str(error)})
            answers = [(channel, {"no": Reason.NOT_STORED}, True) for channel, _, _ in answers]
        for channel, answer, is_last in answers:
            self._send(channel, answer, is_last)

    def _send(self, channel, answer, is_last):
        try:
            channel.sock.send(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass  # the asker is gone
        if is_last:
            self._close(channel)

    def _close(self, channel):
        if channel.part is not None and self._channels.get(channel.part.file) is channel:
            del self._channels[channel.part.file]
            if self._shelf.is_current(channel.part):  # else it comes by another connection already
                self._shelf.pause(channel.part.file)
        try:
            self._selector.unregister(channel.sock)
        except (KeyError, ValueError):
            pass  # it is its turn, or nothing more was to come
        if channel in self._line:
            self._line.remove(channel)
        channel.sock.close()

    # ---- requests

    def _take_requests(self):
        for _ in range(MOST_IN_A_TURN):
            try:
                data, sock = _received(self._requests)
            except BlockingIOError:
                return
            if sock is not None:
                sock.setblocking(False)
                channel = Channel(sock)
                self._attempt(channel, self._ask, channel, data)

    def _attempt(self, channel, action, *arguments):
        """Do it, and answer if it is refused, or fails by an error of the index or a bug. channel: may be None."""
        try:
            action(*arguments)
        except Refused as refused:
            self._refused[refused.reason] += 1
            answer = {"no": refused.reason}
            if refused.at is not None:
                answer["at"] = refused.at
            self._answers.append((channel, answer, True))
        except sqlite3.Error as error:
            self._failed = error  # what else was changed in this turn is not committed either
            if channel is not None:
                self._answers.append((channel, {"no": Reason.NOT_STORED}, True))
        except Exception:
            log.exception("a bug in the process that keeps files")
            if channel is not None:
                self._answers.append((channel, {"no": Reason.BUG}, True))

    def _ask(self, channel, data):
        request = json.loads(data.decode())
        what = request.pop("do")
        if what == "put":
            self._begin(channel, request)
        else:
            self._answers.append((channel, getattr(self._shelf, what)(**request), True))

    def _begin(self, channel, request):
        before = self._channels.get(request["file"])
        if before is not None and before.left == 0:
            raise Refused(Reason.TRY_LATER)  # it is being made whole
        part = self._shelf.begin(**request)
        if before is not None:
            self._close(before)  # the last that comes has it
        channel.part, channel.left = part, request["length"] if request["first"] is not None else 0
        self._channels[part.file] = channel
        self._answers.append((channel, {"go": True}, False))
        if channel.left:
            self._await(channel)
        else:
            self._complete(channel)

    def _await(self, channel):
        """Put the channel into the line once there are bytes to read."""

        def has_come():
            if channel.sock.fileno() >= 0:  # else another has replaced it since the selector found it ready
                self._selector.unregister(channel.sock)
                self._line.append(channel)

        self._selector.register(channel.sock, READ, has_come)

    def _take_piece(self):
        """Read from the first channel in the line, if the budget has time for it. The others wait, by flow control."""
        if self._line and time.monotonic() >= self._budget.next:
            self._budget.spend(self._take_of, self._line.popleft())

    def _take_of(self, channel):
        left = channel.left
        self._attempt(channel, self._read, channel)
        return left - channel.left

    def _read(self, channel):
        try:
            data = channel.sock.recv(min(PIECE, channel.left))
        except BlockingIOError:
            self._await(channel)
            return
        except OSError:
            data = b""
        part = channel.part
        if not self._shelf.is_current(part):
            self._close(channel)  # it was deleted
            return
        if not data:  # the rest comes by another connection, or never
            self._close(channel)
            return
        try:
            part.append(data)
            flush = part.flusher() if len(data) < channel.left and part.unflushed >= FLUSHED_AT_ONCE else None
        except OSError as error:
            raise Refused(self._shelf.trouble(error), part.at) from None
        channel.left -= len(data)
        self._received += len(data)
        if flush:
            self._flushing.submit(self._flush, channel, part, flush)
        elif channel.left:
            self._line.append(channel)
        else:
            self._complete(channel)

    def _flush(self, channel, part, flush):
        """In a thread."""
        trouble = None
        try:
            flush()
        except OSError as error:
            trouble = error
        self._finish_by(self._go_on, channel, part, trouble)

    def _go_on(self, channel, part, trouble):
        """The flush has ended, with `trouble` or None: read on. Meanwhile nothing was read."""
        if self._channels.get(part.file) is not channel:
            return  # it comes by another connection already
        if not self._shelf.is_current(part):
            self._close(channel)  # it was deleted
        elif trouble is not None:
            raise Refused(self._shelf.trouble(trouble), self._shelf.cut_back(part))
        else:
            self._line.append(channel)

    def _complete(self, channel):
        """All bytes of a `put` have come."""
        part = channel.part
        if part.at < part.size:
            self._answers.append((channel, {"at": part.at, "size": part.size, "whole": False}, True))
            return
        finish = self._shelf.settle(part)
        self._threads.submit(self._finish, channel, part, finish)

    def _finish(self, channel, part, finish):
        """In a thread."""
        reason = Reason.BUG
        try:
            reason = finish()
        finally:
            self._finish_by(self._settle_one, channel, part, reason)

    def _finish_by(self, action, *arguments):
        """In a thread: have the loop call action(*arguments)."""
        self._finished.append((action, arguments))
        os.write(self._wake, b"\0")

    def _settle(self):
        """Do what threads want to be done in the loop."""
        os.read(self._woken, 4096)
        while self._finished:
            action, arguments = self._finished.popleft()
            self._attempt(arguments[0], action, *arguments)

    def _settle_one(self, channel, part, reason):
        self._answers.append((channel, self._shelf.settled(part, reason), True))


def _received(sock):
    """(data, the socket that came with it, or None) of the next datagram."""
    fds = array.array("i")
    data, ancillary, _, _ = sock.recvmsg(LONGEST_REQUEST, socket.CMSG_SPACE(fds.itemsize))
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
    if not fds:
        return data, None
    os.set_inheritable(fds[0], False)
    return data, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=fds[0])
