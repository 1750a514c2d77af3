"""What is the same for every store, which only has to look from one number to another: pages of what was said."""
import contextlib
from typing import Any, Callable, Generator, Iterable, List, Optional, Tuple, TypeVar

from parley.server.ipc.messages import Listed, Missed

MOST_MESSAGES = 1000  # of one conversation, kept for one account, or told at once
MOST_BYTES = 256 << 10  # of their texts, as what is told at once should fit into an outbox
MOST_BROWSED = 200  # messages of one page
MOST_MISSED = 1000  # messages of one room that are told to who comes back; of more, the latest
MOST_BEHIND_GAP = 200
MOST_MISSED_BYTES = 2 * MOST_BYTES  # of all rooms, where a message counts as its text and FRAME bytes
FRAME = 100
MOST_MARKERS = 200  # of one owner, who has read up to there
BEHIND_ALL = 1 << 63  # a number behind all others

Told = Tuple[bytes, bytes, int]  # sender, text, time
Pair = Tuple[bytes, bytes]  # two names, sorted
# Name, has it a password?, messages kept, bytes of their texts, when it was made, when it was last used; see `listed`.
Row = Tuple[bytes, bool, int, int, Optional[int], Optional[int]]

_Message = TypeVar("_Message", bound=Tuple[Any, ...])
_Messages = Generator[_Message, None, None]

# Gives the messages with numbers between two others, from the first on or (latest) from the last: look(after, before,
# latest).
Look = Callable[[int, int, bool], _Messages[_Message]]


def page(messages: Iterable[_Message], most: int, most_bytes: Optional[int] = None) -> Tuple[List[_Message], bool]:
    """(messages, more): as many as may be told at once, at most `most`. A message ends with its text and its time."""
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
    """(messages, more): see `parley.server.protocols.events.Browse`; of those behind the number `since`."""
    most, end = max(0, min(most, MOST_BROWSED)), BEHIND_ALL if before is None else before
    if after is None:
        return _last(look, since, end, most)
    return _first(look, max(after, since), end, most)


class Pages:
    """What stores do by pages. See `parley.server.storage.memory.Store`."""

    _number: int  # of the latest message

    def _look(self, room: int, after: int, before: int, latest: bool) -> _Messages[Listed]:
        """The messages in a room that have numbers between two others: see `Look`."""
        raise NotImplementedError

    def _look_between(self, one: bytes, other: bytes, after: int, before: int, latest: bool) -> _Messages[Listed]:
        """Likewise, of what two have said to each other since `one` has its account, if it has one."""
        raise NotImplementedError

    def _look_alone(self, name: bytes, after: int, before: int, latest: bool) -> _Messages[Missed]:
        """Likewise, of all that was said to or by one alone."""
        raise NotImplementedError

    def conversation(self, one: bytes, other: bytes) -> List[Told]:
        raise NotImplementedError

    def kept(self, name: bytes) -> List[Listed]:
        raise NotImplementedError

    def browse(self, room: int, before: Optional[int], after: Optional[int], most: int, since: int) -> Tuple[
            List[Listed], bool, int]:
        """(messages, more, 0): a page of what was said in a room behind the number `since`.

        before, after, most, more: as in `parley.server.protocols.events.Browse` and `Browsed`.
        """
        return (*between(lambda *span: self._look(room, *span), before, after, most, since), 0)

    def browse_direct(self, name: bytes, partner: bytes, before: Optional[int], after: Optional[int], most: int,
                      since: int) -> Tuple[List[Listed], bool, int]:
        """(messages, more, last): a page of what two have said to each other.

        last: if this is the latest page, the latest id of what is kept for `name` from the partner; or 0.
        """
        found, more = between(
            lambda *span: self._look_between(name, partner, *span), before, after, most, since)
        is_latest = before is None and (after is None or not more)
        kept = [message[0] for message in self.kept(name) if message[1] == partner] if is_latest else []
        return found, more, max(kept, default=0)

    def _look_exactly(self, room: int, name: bytes, partner: bytes, after: int, before: int, latest: bool) -> _Messages[
            Listed]:
        """The messages in a room, or of two (since the first has its account, if it has one), as `Look` has them.

        With NUL and an extra behind the text, where there is one, and with times in milliseconds.
        """
        raise NotImplementedError

    def _number_at(self, room: int, partner: bytes, time: int) -> int:
        """A number: what has a smaller one, in the room or of the partner, was said before then, in milliseconds.

        Where it costs little to look at all, 0 will do.
        """
        raise NotImplementedError

    def _number_from(self, room: int, partner: bytes, time: int) -> int:
        """A number: what has this or a greater one was said then or later. Likewise BEHIND_ALL will do."""
        raise NotImplementedError

    def browse_exactly(self, room: int, name: bytes, partner: bytes, before: Optional[int], after: Optional[int],
                       most: int, since: int, before_time: Optional[int], after_time: Optional[int],
                       latest: bool) -> Tuple[List[Listed], bool, int]:
        """(messages, more, 0): `parley.server.protocols.events.Browse`, exactly."""
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
        """(parts, last): what was said in each of these rooms, and (unless `after` is None) to and by `name` alone.

        rooms: (room, number) of each; what follows the number is told, up to the number `through`.
        since: of what was said alone nothing is told up to this number.
        parts: (messages, gap), as in `parley.server.protocols.events.CaughtUp`.
        last: the id up to which all that is kept for `name` is among them, or 0.
        """
        left, parts = MOST_MISSED_BYTES, []
        looks: List[Tuple[Look[Any], int]] = [
            (lambda *span, room=room: self._look(room, *span), number) for room, number in rooms]
        if after is not None:
            looks.append((lambda *span: self._look_alone(name, *span), max(after, since)))
        for look, number in looks:
            most_bytes = min(MOST_BYTES, left)
            found, gap = _first(look, number, through + 1, MOST_MISSED, most_bytes)
            if gap:
                found, _ = _last(look, number, through + 1, MOST_BEHIND_GAP, most_bytes)
            left -= sum(len(message[-2]) + FRAME for message in found)
            parts.append((found, gap))
        parts = [([(number, sender, b"", text, time) for number, sender, text, time in found], gap)
                 for found, gap in parts[:len(rooms)]] + parts[len(rooms):]
        if after is None or parts[-1][1]:
            return parts, 0
        told, kept = parts[-1][0], self.kept(name)
        return [*parts[:-1], (self._forgotten(name, kept, told) + told, False)], kept[-1][0] if kept else 0

    def _forgotten(self, name: bytes, kept: List[Listed], told: List[Missed]) -> List[Missed]:
        """What is kept for `name` and no longer in a conversation, so that it has no number."""
        numbered = {(sender, text) for _, sender, _, text, _ in told}
        left = [message for message in kept if message[1:3] not in numbered]
        for partner in {message[1] for message in left}:
            numbered |= {(sender, text) for sender, text, _ in self.conversation(name, partner)}
        return [(0, sender, name, text, time) for _, sender, text, time in left if (sender, text) not in numbered]


def with_kept(messages: List[Told], sender: bytes, kept: List[Listed]) -> Tuple[List[Told], int]:
    """(messages, last): those of a conversation, with what is kept from the sender and no longer in it, by time.

    last: the latest id of what is kept from the sender, or 0.
    """
    kept = [message for message in kept if message[1] == sender]
    told = {text for name, text, _ in messages if name == sender}
    forgotten = [message[1:] for message in kept if message[2] not in told]
    return sorted(messages + forgotten, key=lambda message: message[2]), kept[-1][0] if kept else 0


def latest_between(found: List[Tuple[int, bytes, int]], after_time: int, before_time: int, most: int) -> List[
        Tuple[int, bytes, int]]:
    """Those of which the last item is between two times, at most `most`, ordered by that."""
    fit = [one for one in found if after_time < one[2] < before_time]
    return sorted(fit, key=lambda one: (one[2], one))[:max(0, min(most, MOST_MESSAGES))]


def whole(clock: float) -> int:
    """A time in whole seconds since the epoch, and never before it."""
    return max(0, int(clock))
