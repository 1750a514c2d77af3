"""The messages of one room, in memory: as the talk frames in which they came."""
import bisect
import collections
import heapq
import itertools
from typing import Deque, Dict, Iterator, List, Optional, Tuple

from parley.server.chat.sizes import BYTES, DICT, INT, ITEM, SLOT, tuple_of
from parley.server.ipc.messages import Listed
from parley.server.ipc.queues import CONTROL, HEAD, place, placed, record, said, talk, without_extra
from parley.server.protocols.events import REDACTED, Reason
from parley.server.storage.backup import Result
from parley.server.storage.pages import page

# Bytes of memory: of an extra, beside the sender's name and the extra itself; of talk, beside the frame.
EXTRA_SIZE = SLOT + tuple_of(3) + 2 * INT + 2 * BYTES + DICT // 4
TALK_SIZE = tuple_of(3) + 2 * INT + BYTES + ITEM

Extras = Dict[int, Tuple[int, bytes, bytes]]  # see `Talk`
_Said = Tuple[int, int, bytes, bytes, int]  # place, number, sender, text, time
_Frame = Tuple[int, int, bytes]  # see `Talk.frames`


class Talk:
    """The messages of a room.

    frames: (number of the first message, its place, talk frame) of each frame, oldest first.
    last: the place of the latest message. size: bytes of memory.
    extras: {number: (milliseconds, sender, extra)} of the messages that have an extra, oldest first; None if none have.
        Time and sender are 0 and empty for messages with a text, as `frames` has them.
    """

    __slots__ = ("frames", "last", "size", "extras")

    def __init__(self) -> None:
        self.frames: Deque[_Frame] = collections.deque()
        self.last = self.size = 0
        self.extras: Optional[Extras] = None

    def __bool__(self) -> bool:
        return bool(self.frames or self.extras)

    def add(self, kind: int, frame: bytes, first: int, count: int) -> None:
        """Add the messages of a talk frame. kind, count: as in its head. first: the number of the first message."""
        if kind > CONTROL:
            frame, count = self._add_extra(frame, first)
            if not count:
                return
        self.frames.append((first, self.last + 1, frame))
        self.last += count
        self.size += TALK_SIZE + len(frame)

    def _add_extra(self, frame: bytes, number: int) -> Tuple[bytes, int]:
        """Take the extra out of a frame. Returns the frame without it, and the number of its messages, 0 or 1."""
        ((_, sender, _, _),) = said(frame)
        frame, extra = without_extra(frame)
        count: int = HEAD.unpack_from(frame)[4]
        if self.extras is None:
            self.extras = {}
        self.extras[number] = when, sender, _ = (0, b"", extra) if count else (place(frame)[1], sender, extra)
        self.size += EXTRA_SIZE + len(sender) + len(extra)
        return frame, count

    def redact(self, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        """See `Store.redact`."""
        extras = self.extras = {} if self.extras is None else self.extras
        when, sender, extra = extras.get(number, (0, b"", b""))
        if sender:
            return self._drop_extra(number) if _may_remove(number, sender, names, since) else Reason.NOT_ALLOWED
        index = self._before(number + 1) - 1
        first, place_, frame = self.frames[index] if index >= 0 else (0, 0, b"")
        messages = said(frame) if frame else []
        if number - first >= len(messages):
            return False
        session, sender, old, when = messages[number - first]
        if not _may_remove(number, sender, names, since):
            return Reason.NOT_ALLOWED
        messages[number - first] = session, sender, text, when
        kind, room, worker = HEAD.unpack_from(frame)[:3]
        records = [record(*message) for message in messages]
        self.frames[index] = first, place_, placed(talk(room, worker, records, kind), *place(frame))
        self.size += len(text) - len(old)
        if number in extras:
            self._drop_extra(number)
        extras[number] = 0, b"", REDACTED
        self.extras = dict(sorted(extras.items()))
        self.size += EXTRA_SIZE + len(REDACTED)
        return True

    def _drop_extra(self, number: int) -> bool:
        _, sender, extra = (self.extras or {}).pop(number)
        self.size -= EXTRA_SIZE + len(sender) + len(extra)
        return True

    def forget(self) -> None:
        """Forget the oldest frame, or the oldest extra if that is older."""
        if self.extras and (not self.frames or next(iter(self.extras)) < self.frames[0][0]):
            _, sender, extra = self.extras.pop(next(iter(self.extras)))
            self.size -= EXTRA_SIZE + len(sender) + len(extra)
        else:
            self.size -= TALK_SIZE + len(self.frames.popleft()[2])

    def forget_all_but(self, most: int) -> None:
        """Forget the frames that have none of the latest `most` messages."""
        while len(self.frames) > 1 and self.frames[1][1] <= self.last - most + 1:
            self.forget()

    def latest(self, most: int, start: int = 0, after: int = 0) -> List[_Said]:
        """The latest messages, at most `most`, in order; only those behind the place `start` and the number `after`."""
        wanted = itertools.takewhile(lambda message: message[0] > start and message[1] > after, self._backwards())
        return page(wanted, most)[0][::-1]

    def following(self, start: int, after: int, most: int) -> Tuple[List[_Said], bool]:
        """(messages, more): the first messages, at most `most`, behind the place `start` and the number `after`."""
        skipped = max(bisect.bisect([place_ for _, place_, _ in self.frames], start),
                      self._before(after + 1)) - 1
        frames = itertools.islice(self.frames, max(skipped, 0), None)
        messages = itertools.chain.from_iterable(map(_told, frames))
        return page((message for message in messages if message[0] > start and message[1] > after), most)

    def number_at(self, place: int) -> int:
        """The number of the message at a place, or a smaller one if that is forgotten."""
        for first, first_place, _ in reversed(self.frames):
            if first_place <= place:
                return first + place - first_place
        return 0

    def between(self, after: int, before: int, latest: bool) -> Iterator[_Said]:
        """The messages with numbers between two others, in order, or with `latest` in reverse."""
        messages = (message for frame in self._frames_between(after, before, latest)
                    for message in (reversed(_told(frame)) if latest else _told(frame)))
        return (message for message in messages if after < message[1] < before)

    def exactly(self, after: int, before: int, latest: bool) -> Iterator[Listed]:
        """The same with extras behind NUL, with messages without a text, and with times in milliseconds."""
        extras = self.extras or {}
        return heapq.merge(self._with_text(after, before, latest, extras),
                           self._without_text(after, before, latest, extras), reverse=latest)

    @staticmethod
    def _without_text(after: int, before: int, latest: bool, extras: Extras) -> Iterator[Listed]:
        """Those of the messages without a text, one by one: there may be ten thousand, and few be wanted."""
        numbers = list(extras)
        numbers = numbers[bisect.bisect_right(numbers, after):bisect.bisect_left(numbers, before)]
        for number in reversed(numbers) if latest else numbers:
            when, sender, extra = extras[number]
            if sender:
                yield number, sender, b"\0" + extra, when

    def _with_text(self, after: int, before: int, latest: bool,
                   extras: Extras) -> Iterator[Listed]:
        for first, _, frame in self._frames_between(after, before, latest):
            _, when = place(frame)
            found = [(number, sender, whole_of(text, extras[number][2] if number in extras else None), when)
                     for number, (_, sender, text, _) in enumerate(said(frame), first) if after < number < before]
            yield from reversed(found) if latest else found

    def _frames_between(self, after: int, before: int, latest: bool) -> Iterator[_Frame]:
        """The frames that may have messages with numbers between two others, without a look at all the others."""
        start = max(0, self._before(after + 1) - 1)
        stop = max(start, self._before(before))
        if latest:
            count = len(self.frames)
            return itertools.islice(reversed(self.frames), count - stop, count - start)
        return itertools.islice(self.frames, start, stop)

    def _before(self, number: int) -> int:
        """How many frames begin before the message of this number?"""
        return bisect.bisect_left(self.frames, (number,))  # each frame begins with the number of its first message

    def number_behind(self, time: int) -> int:
        """The number after those of all messages from before `time`, in milliseconds, unless the clock was set."""
        index = self._first_since(time)
        if not index:
            return 0
        first, _, frame = self.frames[index - 1]
        return first + int(HEAD.unpack_from(frame)[4])

    def number_from(self, time: int) -> Optional[int]:
        """The number of the first message from `time` or later, likewise; None if there is none."""
        index = self._first_since(time)
        return self.frames[index][0] if index < len(self.frames) else None

    def _first_since(self, time: int) -> int:
        """The index of the first frame of this time or later, by binary search."""
        low, high = 0, len(self.frames)
        while low < high:
            middle = (low + high) // 2
            if place(self.frames[middle][2])[1] < time:
                low = middle + 1
            else:
                high = middle
        return low

    def _backwards(self) -> Iterator[_Said]:
        for frame in reversed(self.frames):
            yield from reversed(_told(frame))


def whole_of(text: bytes, extra: Optional[bytes]) -> bytes:
    """The text, and NUL and the extra if there is one."""
    return text if extra is None else b"%b\0%b" % (text, extra)


def _told(talk: _Frame) -> List[_Said]:
    """The messages of an item of `Talk.frames`."""
    number, first, frame = talk
    _, now = place(frame)
    return [(first + index, number + index, sender, text, now // 1000)
            for index, (_, sender, text, _) in enumerate(said(frame))]


def _may_remove(number: int, sender: bytes, names: List[bytes], since: int) -> bool:
    return number > since and (not names or sender in names)
