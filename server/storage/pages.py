"""Pages of messages, for every store: a store only has to give the messages with numbers between two others."""
import contextlib
from typing import Any, Callable, Generator, Iterable, List, Optional, Tuple, TypeVar

from parley.server.ipc.messages import Listed, Missed

MOST_MESSAGES = 1000  # in a conversation in memory, in a box, and in one answer
MOST_BYTES = 256 << 10  # of texts in one answer, which should fit into an outbox
MOST_BROWSED = 200  # messages of one page
MOST_MISSED = 1000  # messages of one room for a resumed session
MOST_BEHIND_GAP = 200  # latest messages that a session gets which has missed more than MOST_MISSED
MOST_MISSED_BYTES = 2 * MOST_BYTES  # for a resumed session, of all rooms; a message counts its text and FRAME bytes
FRAME = 100
MOST_MARKERS = 200  # read markers of one owner
BEHIND_ALL = 1 << 63  # a number greater than all others

Told = Tuple[bytes, bytes, int]  # sender, text, time
Pair = Tuple[bytes, bytes]  # two names, sorted
# Name, has it a password?, messages in the box, bytes of their texts, creation, last use: see `Store.listed`.
Row = Tuple[bytes, bool, int, int, Optional[int], Optional[int]]

_Message = TypeVar("_Message", bound=Tuple[Any, ...])
_Messages = Generator[_Message, None, None]

# look(after, before, latest): the messages with numbers between `after` and `before`, both excluded, in order or
# (latest) in reverse.
Look = Callable[[int, int, bool], _Messages[_Message]]


def page(messages: Iterable[_Message], most: int, most_bytes: Optional[int] = None) -> Tuple[List[_Message], bool]:
    """(messages, more): the first ones, at most `most` and as many as an answer may have; are there more?

    most_bytes: of their texts; None is MOST_BYTES. The last two items of a message are its text and its time.
    """
    found: List[_Message] = []
    size, most_bytes = 0, MOST_BYTES if most_bytes is None else most_bytes
    for message in messages:
        size += len(message[-2])  # its text
        if len(found) == min(most, MOST_MESSAGES) or found and size > most_bytes:
            return found, True
        found.append(message)
    return found, False


def _first(look: Look[_Message], after: int, before: int, most: int, most_bytes: Optional[int] = None) -> Tuple[
        List[_Message], bool]:
    with contextlib.closing(look(after, before, False)) as messages:
        return page(messages, most, most_bytes)


def _last(look: Look[_Message], after: int, before: int, most: int, most_bytes: Optional[int] = None) -> Tuple[
        List[_Message], bool]:
    with contextlib.closing(look(after, before, True)) as messages:
        found, more = page(messages, most, most_bytes)
    return found[::-1], more


def between(look: Look[_Message], before: Optional[int], after: Optional[int], most: int, since: int) -> Tuple[
        List[_Message], bool]:
    """(messages, more): a page, see `parley.server.protocols.events.Browse`. since: only greater numbers."""
    most, end = max(0, min(most, MOST_BROWSED)), BEHIND_ALL if before is None else before
    if after is None:
        return _last(look, since, end, most)
    return _first(look, max(after, since), end, most)


class Pages:
    """The part of a store (`parley.server.storage.memory.Store`) that reads by pages."""

    _number: int  # of the latest message

    def _look(self, room: int, after: int, before: int, latest: bool) -> _Messages[Listed]:
        """The messages of a room: see `Look`."""
        raise NotImplementedError

    def _look_between(self, one: bytes, other: bytes, after: int, before: int, latest: bool) -> _Messages[Listed]:
        """Those of two to each other, since the account `one` was made, if it is one: see `Look`."""
        raise NotImplementedError

    def _latest_alone(self, name: bytes, after: int, before: int) -> _Messages[Missed]:
        """All direct messages to or by one, in reverse: see `Look`. There may be far more than are taken of it."""
        raise NotImplementedError

    def conversation(self, one: bytes, other: bytes) -> List[Told]:
        raise NotImplementedError

    def kept(self, name: bytes) -> List[Listed]:
        raise NotImplementedError

    def browse(self, room: int, before: Optional[int], after: Optional[int], most: int, since: int) -> Tuple[
            List[Listed], bool, int]:
        """(messages, more, 0): a page of the messages of a room. since: only those with greater numbers.

        before, after, most, more: see `parley.server.protocols.events.Browse` and `Browsed`.
        """
        return (*between(lambda *span: self._look(room, *span), before, after, most, since), 0)

    def browse_direct(self, name: bytes, partner: bytes, before: Optional[int], after: Optional[int], most: int,
                      since: int) -> Tuple[List[Listed], bool, int]:
        """(messages, more, last): a page of the direct messages between two.

        last: if this is the latest page, the latest id in the box of `name` from the partner; else 0.
        """
        found, more = between(
            lambda *span: self._look_between(name, partner, *span), before, after, most, since)
        is_latest = before is None and (after is None or not more)
        kept = [message[0] for message in self.kept(name) if message[1] == partner] if is_latest else []
        return found, more, max(kept, default=0)

    def _look_exactly(self, room: int, name: bytes, partner: bytes, after: int, before: int, latest: bool) -> _Messages[
            Listed]:
        """The messages of a room; or, if `partner` is not empty, of two as in `_look_between`: see `Look`.

        With NUL and the extra behind the text, where there is one, and with times in milliseconds.
        """
        raise NotImplementedError

    def _number_at(self, room: int, partner: bytes, time: int) -> int:
        """A number such that all messages with smaller ones, in the room or by the partner, were said before `time`.

        time: milliseconds. A store that looks at few messages anyway may give 0.
        """
        raise NotImplementedError

    def _number_from(self, room: int, partner: bytes, time: int) -> int:
        """A number such that all messages with it or greater ones were said at `time` or later; or BEHIND_ALL."""
        raise NotImplementedError

    def browse_exactly(self, room: int, name: bytes, partner: bytes, before: Optional[int], after: Optional[int],
                       most: int, since: int, before_time: Optional[int], after_time: Optional[int],
                       latest: bool) -> Tuple[List[Listed], bool, int]:
        """(messages, more, 0): a page as `parley.server.protocols.events.Browse` wants it if `exactly` is set.

        Times are milliseconds.
        """
        most, end = max(0, min(most, MOST_MESSAGES)), BEHIND_ALL if before is None else before
        start = since if after is None else max(after, since)
        if after_time is not None:
            start = max(start, self._number_at(room, partner, after_time) - 1)
        if before_time is not None:
            end = min(end, self._number_from(room, partner, before_time))

        def look(after: int, before: int, latest: bool) -> _Messages[Listed]:
            with contextlib.closing(self._look_exactly(room, name, partner, after, before, latest)) as messages:
                for message in messages:
                    if (before_time is None or message[3] < before_time) and (
                            after_time is None or message[3] > after_time):
                        yield message

        if latest or after is None and after_time is None:
            return (*_last(look, start, end, most), 0)
        return (*_first(look, start, end, most), 0)

    def catch_up(self, rooms: List[Tuple[int, int]], name: bytes, after: Optional[int], since: int,
                 through: int) -> Tuple[List[Tuple[List[Missed], bool]], int]:
        """(parts, last): what a resumed session has missed, in rooms and (unless `after` is None) in direct messages.

        rooms: (room, number) of each: messages above the number, up to `through`. after: the same for direct messages
        to and by `name`, of which those up to the number `since` are left out in any case.
        parts: (messages, gap) for each, as in `parley.server.protocols.events.CaughtUp`.
        last: the id up to which all of the box of `name` is among them, or 0.
        """
        left, parts = MOST_MISSED_BYTES, []
        looks: List[Tuple[Look[Any], int]] = [
            (lambda *span, room=room: self._look(room, *span), number) for room, number in rooms]
        if after is not None:
            looks.append((lambda after, before, _: self._latest_alone(name, after, before), max(after, since)))
        for look, number in looks:
            found, gap = _last(look, number, through + 1, MOST_MISSED, min(MOST_BYTES, left))
            if gap:
                del found[:-MOST_BEHIND_GAP]
            left -= sum(len(message[-2]) + FRAME for message in found)
            parts.append((found, gap))
        parts = [([(number, sender, b"", text, time) for number, sender, text, time in found], gap)
                 for found, gap in parts[:len(rooms)]] + parts[len(rooms):]
        if after is None or parts[-1][1]:
            return parts, 0
        told, kept = parts[-1][0], self.kept(name)
        return [*parts[:-1], (self._forgotten(name, kept, told) + told, False)], kept[-1][0] if kept else 0

    def _forgotten(self, name: bytes, kept: List[Listed], told: List[Missed]) -> List[Missed]:
        """Messages in the box of `name` that are no longer in a conversation, and so have no number (0)."""
        numbered = {(sender, text) for _, sender, _, text, _ in told}
        left = [message for message in kept if message[1:3] not in numbered]
        for partner in {message[1] for message in left}:
            numbered |= {(sender, text) for sender, text, _ in self.conversation(name, partner)}
        return [(0, sender, name, text, time) for _, sender, text, time in left if (sender, text) not in numbered]


def with_kept(messages: List[Told], sender: bytes, kept: List[Listed]) -> Tuple[List[Told], int]:
    """(messages, last): those of a conversation, and those from the sender that are only in the box, ordered by time.

    kept: the box. last: the latest id in it from the sender, or 0.
    """
    kept = [message for message in kept if message[1] == sender]
    told = {text for name, text, _ in messages if name == sender}
    forgotten = [message[1:] for message in kept if message[2] not in told]
    return sorted(messages + forgotten, key=lambda message: message[2]), kept[-1][0] if kept else 0


def latest_between(found: List[Tuple[int, bytes, int]], after_time: int, before_time: int, most: int) -> List[
        Tuple[int, bytes, int]]:
    """The items whose last field is between two times, at most `most`, in its order."""
    fit = [one for one in found if after_time < one[2] < before_time]
    return sorted(fit, key=lambda one: (one[2], one))[:max(0, min(most, MOST_MESSAGES))]


def whole(clock: float) -> int:
    """A time in whole seconds since the epoch, and never before it."""
    return max(0, int(clock))
