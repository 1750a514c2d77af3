"""One-way queues between processes: frames, one writer, one reader, nobody ever blocked.

A `multiprocessing.Pipe` with non-blocking ends and our own framing. `multiprocessing.Queue` would leave its lock held
when a writer is killed, and `SimpleQueue` blocks the writer; with one writer and one reader no lock is needed.

    offset  size  field    meaning
    0       1     kind     TALK; AWAITED, talk that somebody wants acknowledged once it is stored; EXTRA and
                           EXTRA_AWAITED, talk of one message, whose text is followed by NUL and an extra; CONTROL
    1       4     room     of the talk
    5       4     worker   whose talk it is
    9       4     length   of the body
    13      4     count    of the talk's messages
    17      8     number   of its first message; 0 until the hub has given it
    25      8     time     at which the hub gave it, milliseconds since the epoch; until then, for how many microseconds
                           it may wait for more talk
    33      n     body     talk: records (see `record`); CONTROL: marshal of (entry, argument, ...)
"""
import collections
import fcntl
import marshal
import multiprocessing
import os
import struct
from typing import Any, Deque, List, Optional, Sequence, Set, Tuple, Union

PIECE = 65536  # one read; larger pieces cost more than they save
PIPE_SIZE = 1 << 20
DRAIN = 16  # pieces in one `get`, so that a busy writer does not keep its reader from everything else

TALK, AWAITED, CONTROL, EXTRA, EXTRA_AWAITED = 1, 2, 3, 4, 5
NOT_AWAITED = (TALK, EXTRA)
HEAD = struct.Struct("!BIIIIQQ")
KIND_AT = 0  # its place in the head
# Session number, time, serial (the number of the first message within the session; 0 if only one may be pending there),
# bytes of the sender's name, bytes of name and texts, how many texts.
RECORD = struct.Struct("!IIIHIH")
BETWEEN = b"\0"  # separates the texts of a record

# (session number, sender, texts as `record` has them, time, how many texts) of a block.
Record = Tuple[int, bytes, bytes, int, int]

_PLACE = struct.Struct("!QQ")  # number and time, the end of the head
_PLACE_AT = HEAD.size - _PLACE.size

SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)


def control(entry: str, *arguments: Any) -> bytes:
    """The frame that asks the reader to do `entry`: see `parley.server.ipc.messages`."""
    body = marshal.dumps((entry,) + arguments)
    return HEAD.pack(CONTROL, 0, 0, len(body), 0, 0, 0) + body


def called(frame: bytes) -> Tuple[str, Tuple[Any, ...]]:
    """The entry and the arguments of a control frame."""
    call = marshal.loads(memoryview(frame)[HEAD.size:])  # noqa: S302 - from a process of ours
    name: str = call[0]
    return name, call[1:]


def record(number: int, sender: bytes, text: bytes, time: int, serial: int = 0, count: int = 1) -> bytes:
    """A block: what a session says at once. time: seconds since the epoch, of which 32 bits are kept.

    text: `count` texts, with BETWEEN between any two. serial: that of the first of them, see RECORD.
    """
    size = len(sender)
    return RECORD.pack(number, time & 0xFFFFFFFF, serial, size, size + len(text), count) + sender + text


def talk(room: int, worker: int, records: Sequence[bytes], kind: int = TALK, count: Optional[int] = None,
         may_wait: int = 0) -> bytes:
    """The frame that carries what was said in `room` on one worker, in order.

    count: of the messages, if any record has several. may_wait: microseconds for which it may wait for more talk.
    """
    body = b"".join(records)
    return HEAD.pack(kind, room, worker, len(body), len(records) if count is None else count, 0, may_wait) + body


def talk_of(frame: bytes, records: Sequence[bytes]) -> bytes:
    """The talk of `frame`, with only these of its records."""
    kind, room, worker = HEAD.unpack_from(frame)[:3]
    return talk(room, worker, records, kind)


def placed(frame: bytes, number: int, time: int) -> bytes:
    """The same talk with its place in the order: its first message's number, and the time in milliseconds."""
    return frame[:_PLACE_AT] + _PLACE.pack(number, time) + frame[HEAD.size:]


def unplaced(frame: bytes) -> Tuple[int, float]:
    """(messages, seconds for which they may wait for more) of talk that the hub has not placed yet."""
    _, _, _, _, count, _, microseconds = HEAD.unpack_from(frame)
    return count, microseconds / 1e6


def place(frame: bytes) -> Tuple[int, int]:
    """(number, time) as the hub has given them: see `placed`."""
    number, time = _PLACE.unpack_from(frame, _PLACE_AT)
    return number, time


def records(frame: bytes) -> List[Record]:
    """The records of a talk frame, in order."""
    position, end, found = HEAD.size, len(frame), []
    while position < end:
        number, time, _, sender_size, size, count = RECORD.unpack_from(frame, position)
        start = position + RECORD.size
        middle, position = start + sender_size, start + size
        found.append((number, frame[start:middle], frame[middle:position], time, count))
    return found


def texts(text: bytes, count: int) -> List[bytes]:
    """Each of the texts of a record."""
    return text.split(BETWEEN) if count > 1 else [text]


def said(frame: bytes) -> List[Tuple[int, bytes, bytes, int]]:
    """The (session number, sender, text, time) of each message of a talk frame, in order."""
    return [(number, sender, one, time)
            for number, sender, text, time, count in records(frame) for one in texts(text, count)]


def runs(frame: bytes) -> List[Tuple[int, int, int]]:
    """(session number, serial of the first message, number of messages) of each record of a talk frame."""
    position, end, found = HEAD.size, len(frame), []
    while position < end:
        number, _, serial, _, size, count = RECORD.unpack_from(frame, position)
        found.append((number, serial, count))
        position += RECORD.size + size
    return found


def words(frame: bytes) -> List[Tuple[int, int]]:
    """(session number, serial) of each message of a talk frame, in order."""
    return [(number, serial and serial + index) for number, serial, count in runs(frame) for index in range(count)]


def without_extra(frame: bytes) -> Tuple[bytes, bytes]:
    """(frame, extra) of talk with an extra: the frame is without it, and has no message if there is no text."""
    _, room, worker, _, _, number, when = HEAD.unpack_from(frame)
    ((session, sender, text, time),) = said(frame)
    text, _, extra = text.partition(b"\0")
    return placed(talk(room, worker, [record(session, sender, text, time)] if text else []), number, when), extra


def speakers(frame: bytes) -> Set[int]:
    """The numbers of the sessions whose messages are in a talk frame."""
    return {number for number, _, _ in runs(frame)}


class Queue:
    """One direction between two processes. Made before the fork; each side then says which end it is."""

    def __init__(self) -> None:
        self._reader, self._writer = multiprocessing.Pipe(duplex=False)
        self._held = b""
        self._backlog: Deque[Union[bytes, memoryview]] = collections.deque()
        self.backlog_size = 0
        for end in (self._reader, self._writer):
            os.set_blocking(end.fileno(), False)
        try:
            fcntl.fcntl(self._writer.fileno(), SET_PIPE_SIZE, PIPE_SIZE)
        except OSError:
            pass  # not Linux, or above what this user may have: smaller is only slower

    def read_here(self) -> "Queue":
        """This process reads; the other end is closed here, so that the writer's death shows as an end."""
        self._writer.close()
        return self

    def write_here(self) -> "Queue":
        """This process writes."""
        self._reader.close()
        return self

    def fileno(self) -> int:
        """Of the end that is still open here, for a selector."""
        return (self._writer if self._reader.closed else self._reader).fileno()

    def close(self) -> None:
        """Close whatever is open here."""
        self._reader.close()
        self._writer.close()

    # ---- the writing end

    def put(self, data: bytes = b"") -> None:
        """Send whole frames, after what was kept earlier; keep what the pipe does not take now.

        Without data it only sends what was kept. BrokenPipeError if the reader is gone.
        """
        if data:
            self._backlog.append(data)
            self.backlog_size += len(data)
        while self._backlog:
            try:
                written = os.write(self._writer.fileno(), self._backlog[0])
            except BlockingIOError:
                return
            self.backlog_size -= written
            if written == len(self._backlog[0]):
                self._backlog.popleft()
            else:
                self._backlog[0] = memoryview(self._backlog[0])[written:]

    # ---- the reading end

    def get(self) -> List[bytes]:
        """The whole frames that are here now, heads included; EOFError once the writer is gone and all is read.

        The torn tail of a writer that died in the middle of a frame is never part of the answer.
        """
        pieces = [self._held]
        for _ in range(DRAIN):
            try:
                piece = os.read(self._reader.fileno(), PIECE)
            except BlockingIOError:
                break
            if not piece:
                if len(pieces) == 1:
                    raise EOFError
                break
            pieces.append(piece)
            if len(piece) < PIECE:
                break
        frames, self._held = _cut(b"".join(pieces))
        return frames


def _cut(data: bytes) -> Tuple[List[bytes], bytes]:
    """The whole frames in `data`, and the rest."""
    frames: List[bytes] = []
    position, size = 0, len(data)
    while size - position >= HEAD.size:
        end = position + HEAD.size + HEAD.unpack_from(data, position)[3]
        if end > size:
            break
        frames.append(data[position:end])
        position = end
    return frames, data[position:]
