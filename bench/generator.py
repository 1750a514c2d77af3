"""One process of the load generator: its share of the members, in one loop.

What has to be fast is receiving. So most members only count the texts, and keep a checksum of the bytes, which is
compared with that of the few members who read every text.

A text is complete when all members of all processes have heard it. So the processes tell each other how many texts
their members have heard.
"""
import array
import collections
import os
import select
import socket
import struct
import sys
import time
import zlib

from bench.wires import COUNTED, MARK, MARK_SIZE, SCANNED, SUMMED, WIRES, text

MOST_SCANNED = 6  # listeners, and as many speakers, who read every text, in each process and protocol
SILENCE = 5.0  # seconds without a text after which the missing ones count as lost
QUIET = 0.2  # seconds without a byte after which nothing more is expected
TICK = 0.02  # seconds, the longest that the loop waits

_AT_ONCE = struct.pack("ii", 1, 0)  # no lingering, or the port would be taken for another minute
_PROGRESS = struct.Struct("!IQ")  # which process, how many texts all of its members have heard
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT
_BUFFER = bytearray(1 << 18)
_VIEW = memoryview(_BUFFER)

Newcomer = collections.namedtuple("Newcomer", "name address wire listens speaker")
Newcomer.__doc__ = """A member to log in. speaker: the number in its texts, or None if it does not talk."""

Heard = collections.namedtuple("Heard", "texts missing disordered sums latencies last")
Heard.__doc__ = """What the members of one process have heard.

texts: their number. missing: how many too few, or too many. disordered: those that were not the next of their speaker.
sums: (protocol, checksum) of those who should have heard the same bytes.
latencies: microseconds since a text was due, of those who read them. last: when the last one came, monotonic seconds.
"""


class Member:
    """One connection. on_ready: called when its socket is ready. count: texts heard, with those it has said itself."""

    __slots__ = ("newcomer", "wire", "sock", "count", "sum", "disordered", "on_ready", "_process", "_greetings",
                 "_sign", "_held", "_unsent", "_next")

    def __init__(self, newcomer, process):
        self.newcomer = newcomer
        self.wire = WIRES[newcomer.wire]
        self._process = process
        self._greetings = self.wire.greetings(newcomer.name, newcomer.listens)
        self._held = self._unsent = b""
        self.on_ready = self._connected
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        try:
            self.sock.connect(newcomer.address)
        except BlockingIOError:
            pass

    # ---- logging in

    def _connected(self, mask):
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self._process.watch(self, _READ)
        self.on_ready = self._arrive
        self._greet()

    def _greet(self):
        said, self._sign = next(self._greetings, (b"", None))
        self.send(said)
        if self._sign is None:
            self._process.arriving -= 1
            self.expect(COUNTED, 0)

    def _arrive(self, mask):
        self._held += _VIEW[:self._receive(mask)]
        found = self._sign.search(self._held)
        if found:
            self._held = self._held[found.end():]
            self._greet()

    # ---- listening

    @property
    def hears_all(self):
        """Whether it hears the same as all others."""
        return self.wire.echoes or self.newcomer.speaker is None

    @property
    def is_summed(self):
        """Whether its checksum must be the same as that of all others with its protocol."""
        return self.hears_all and self.wire.checked == SUMMED

    def expect(self, way, speakers):
        """Begin to count texts. speakers: the number of members that talk."""
        self.count = self.sum = self.disordered = 0
        self._held = b""
        self._next = [0] * speakers if way == SCANNED else ()
        if self._next and not self.hears_all:
            self._next[self.newcomer.speaker] = -1
        self.on_ready = {COUNTED: self._count, SUMMED: self._add_up, SCANNED: self._scan}[way]

    def _receive(self, mask):
        """Receive. Returns how many bytes are in the buffer."""
        if mask != _READ:
            self.send(b"")
        try:
            size = self.sock.recv_into(_BUFFER)
        except BlockingIOError:
            return 0
        if not size:
            raise ConnectionError("the server has ended a connection (%s)" % self.newcomer.wire)
        return size

    def _count(self, mask):
        self.count += _BUFFER.count(b"=", 0, self._receive(mask))

    def _add_up(self, mask):
        size = self._receive(mask)
        self.sum = zlib.crc32(_VIEW[:size], self.sum)
        self.count += _BUFFER.count(b"=", 0, size)

    def _scan(self, mask):
        data = bytes(_VIEW[:self._receive(mask)])
        self.sum = zlib.crc32(data, self.sum)
        data = self._held + data
        last = data.rfind(b"=")
        end = len(data) if last < 0 or len(data) - last >= MARK_SIZE else last
        self._held = data[end:]
        for speaker, number, due in MARK.findall(data, 0, end):
            speaker, number = int(speaker), int(number)
            self.disordered += number != self._next[speaker]
            self._next[speaker] = number + 1
            self.count += 1
            self._process.latencies.append(self._process.now - int(due))

    # ---- talking

    def send(self, data):
        """Send, now or when the kernel takes it."""
        waited = bool(self._unsent)
        self._unsent += data
        if self._unsent:
            try:
                self._unsent = self._unsent[self.sock.send(self._unsent):]
            except BlockingIOError:
                pass
        if waited != bool(self._unsent):
            self._process.watch(self, _READ | (_WRITE if self._unsent else 0))


class Process:
    """Does what is asked through `control`: (number, method, arguments), answered by (number, error or None, result).

    inboxes: the (reading, writing) descriptors of all processes; `number` is the index of this one's.
    """

    def __init__(self, number, control, inboxes):
        self.now = 0  # microseconds, monotonic
        self.arriving = 0  # members that are still logging in
        self.latencies = array.array("q")
        self._control = control
        self._number = number
        self._inbox = inboxes[number][0]
        self._others = [writing for other, (_, writing) in enumerate(inboxes) if other != number]
        self._heard_by = [0] * len(inboxes)  # texts that all members of each process have heard
        self._members = []
        self._listeners = []
        self._slowest = None
        self._speakers = {}  # number -> member
        self._said = {}  # number -> texts
        self._last = 0.0
        self._poll = select.epoll()
        self._poll.register(self._inbox, _READ)
        self._sources = {self._inbox: self}

    def run(self):
        """Serve `control` until its other end is closed."""
        while True:
            try:
                asked, method, arguments = self._control.recv()
                self._control.send((asked, *self._answer(method, arguments)))
            except (EOFError, OSError):
                return

    def _answer(self, method, arguments):
        """(error or None, result)."""
        try:
            return None, getattr(self, method)(*arguments)
        except Exception as error:
            return "%s: %s" % (type(error).__name__, error), None

    # ---- the methods that can be asked for

    def enter(self, newcomers, at_once, seconds):
        """Log these members in, at most `at_once` at a time, within `seconds`."""
        outside, deadline = collections.deque(newcomers), time.monotonic() + seconds
        while outside or self.arriving:
            while outside and self.arriving < at_once:
                self._open(Member(outside.popleft(), self))
            self._hear(TICK)
            if time.monotonic() > deadline:
                raise TimeoutError("%d clients were not let in within %d s" % (len(outside) + self.arriving, seconds))

    def _open(self, member):
        self.arriving += 1
        self._members.append(member)
        self._sources[member.sock.fileno()] = member
        self._poll.register(member.sock, _WRITE)

    def leave(self, count):
        """Disconnect the last `count` members."""
        for member in self._members[len(self._members) - count:]:
            del self._sources[member.sock.fileno()]
            member.sock.close()
            self._members.pop()

    def clear(self):
        """Disconnect all members, also those that are logging in."""
        self.leave(len(self._members))
        self.arriving = 0

    def settle(self, seconds):
        """Wait until nothing has come for a while, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while self._hear(QUIET) and time.monotonic() < deadline:
            pass

    def begin(self, speakers):
        """Begin to count texts. speakers: the number of members that talk."""
        self._listeners = [member for member in self._members if member.newcomer.listens]
        self._speakers = {member.newcomer.speaker: member
                          for member in self._members if member.newcomer.speaker is not None}
        self._said = dict.fromkeys(self._speakers, 0)
        self._slowest = self._listeners[0] if self._listeners else None
        self.latencies = array.array("q")
        alike = collections.Counter()
        for member in self._listeners:
            kind = member.newcomer.wire, member.hears_all
            alike[kind] += 1
            usual = member.wire.checked if member.hears_all else COUNTED
            member.expect(SCANNED if alike[kind] <= MOST_SCANNED else usual, speakers)
        self._hear(0)  # what others have published before
        self._heard_by = [0] * len(self._heard_by)

    def saturate(self, start, seconds, window, speakers):
        """Have the speakers talk in turn, at most `window` texts ahead of what all have heard. Gives {speaker: texts}.

        A process that gets to it only when the time is over still says something.
        """
        said = 0
        self._listen_until(start)
        while not said or time.monotonic() < start + seconds:
            self._publish()
            limit = min(self._heard_by) + window
            if limit > said:
                self._talk([number % speakers for number in range(said, limit)], int(time.monotonic() * 1e6))
                said = limit
            self._hear(TICK)
        return self._said

    def pace(self, start, seconds, rate, speakers):
        """Have the speakers talk in turn, `rate` texts a second, whatever has been heard. Returns {speaker: texts}."""
        for number in range(int(seconds * rate)):
            due = start + number / rate
            self._listen_until(due)
            self._talk([number % speakers], int(due * 1e6))
        return self._said

    def drain(self, said):
        """Wait until all have heard what was said, {speaker: texts}, or no more comes. Returns what was heard."""
        total = sum(said.values())
        heard_at = time.monotonic()
        while self._all_have_heard() < total and time.monotonic() - heard_at < SILENCE:
            if self._hear(TICK):
                heard_at = time.monotonic()
        last, heard_at = self._last, time.monotonic()
        while self._hear(TICK) and time.monotonic() - heard_at < SILENCE:
            pass  # perhaps more comes than was said
        own = sum(said[member.newcomer.speaker] for member in self._listeners if not member.hears_all)
        return Heard(
            sum(member.count for member in self._listeners) - own,
            sum(abs(member.count - total) for member in self._listeners),
            sum(member.disordered for member in self._listeners),
            {(member.newcomer.wire, member.sum) for member in self._listeners if member.is_summed},
            self.latencies, last)

    # ---- the loop

    def watch(self, member, mask):
        """Have the selector watch a member's socket for the events in `mask`."""
        self._poll.modify(member.sock, mask)

    def _hear(self, wait):
        """Let members receive what has come. Returns how many had something."""
        found = self._poll.poll(wait)
        if found:
            self._last = time.monotonic()
            self.now = int(self._last * 1e6)
        for descriptor, mask in found:
            self._sources[descriptor].on_ready(mask)
        return len(found)

    def _listen_until(self, due):
        self._hear(0)
        left = due - time.monotonic()
        while left > 0:
            select.select([self._poll], [], [], left)  # the timeout of epoll is in whole milliseconds
            self._hear(0)
            left = due - time.monotonic()

    def _talk(self, numbers, due):
        """Say a text by each speaker in `numbers` that is in this process; those of one speaker in one send."""
        speeches = collections.defaultdict(list)
        for number in numbers:
            member = self._speakers.get(number)
            if member:
                speeches[member].append(member.wire.speech(member.newcomer.name, text(number, self._said[number], due)))
                self._said[number] += 1
        for member, said in speeches.items():
            if not member.hears_all:
                member.count += len(said)
            member.send(b"".join(said))

    def _all_have_heard(self):
        """How many texts all members have heard. It looks at all only if the slowest one so far has heard more."""
        if self._slowest is None:
            return sys.maxsize
        if self._slowest.count > self._heard_by[self._number]:
            self._slowest = min(self._listeners, key=_count_of)
        return self._slowest.count

    def _publish(self):
        """Tell the other processes, if all members have heard more."""
        heard = self._all_have_heard()
        if heard > self._heard_by[self._number]:
            self._heard_by[self._number] = heard
            for other in self._others:
                os.write(other, _PROGRESS.pack(self._number, heard))

    def on_ready(self, mask):
        """Another process has published."""
        for number, heard in _PROGRESS.iter_unpack(os.read(self._inbox, _PROGRESS.size * 1000)):
            self._heard_by[number] = heard


def _count_of(member):
    return member.count
