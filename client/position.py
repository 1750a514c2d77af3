"""How far a client has followed each room, to find what it has missed after a reconnect."""
import collections
from typing import Any, Deque, Dict, Iterable, List, Optional, Sequence, Tuple

from parley.client.events import Request

_MAX_WHISPERS = 20  # that are kept for each partner, to find the position in a conversation
_MAX_PARTNERS = 200  # the latest, as anybody may be one under ever other names
_MARK_INTERVAL = 500  # messages after which a new mark is requested

Message = Tuple[Any, ...]  # (sender, text, ...)


class ResumePosition:
    """A mark in the server's log, and the messages after it. It outlives a connection.

    Live messages have no numbers, but everybody receives them in the order of the log. So the log after the mark begins
    with the messages from before the connection was lost, and ends with those since it was restored; what lies between
    was missed. In `missed` and the like a message is a tuple that begins with sender and text.

    `mark` is the position in the log in the protocol's own terms, or None. `unconfirmed` are own texts for which the
    log will tell whether they have arrived.

    This is the position in the lobby. `of(room)` is that in another room, which has a log of its own.
    """

    def __init__(self) -> None:
        self._rooms: Dict[str, ResumePosition] = {}
        self.reset()

    def of(self, room: Optional[str]) -> "ResumePosition":
        """The position in a room; None: in the lobby."""
        return self if room is None else self._rooms.setdefault(room, ResumePosition())

    def forget(self, room: str) -> List[str]:
        """The user has left this room. Returns the own texts that are still unconfirmed there."""
        left = self._rooms.pop(room, None)
        return left.unconfirmed if left else []

    def rename(self, room: str, name: str) -> None:
        """The room has got another name."""
        if room in self._rooms:
            self._rooms[name] = self._rooms.pop(room)

    @property
    def unanswered(self) -> int:
        """The number of unconfirmed own messages in all rooms."""
        return sum(len(self.of(room).unconfirmed) for room in self.rooms)

    def give_up(self) -> List[Request]:
        """Drop all unconfirmed own messages, and return their requests: there will be no log to confirm them."""
        given_up = [Request("say", room, text) for room in self.rooms for text in self.of(room).unconfirmed]
        for room in self.rooms:
            self.of(room).unconfirmed = []
        return given_up

    @property
    def rooms(self) -> List[Optional[str]]:
        """All rooms that have a position, the lobby (None) included."""
        return [None, *self._rooms]

    def reset(self) -> None:
        """Start over in this room: the server has a new log, or none."""
        self.mark: Any = None
        self.unconfirmed: List[str] = []
        self._said: List[Message] = []  # (sender, text) in the room, after the mark
        self._requested_at = 0  # length of `_said` when a new mark was requested
        self._lost_at = 0  # length of `_said` when the connection was lost
        self._whispers: Dict[str, Deque[Message]] = {}  # {partner: the latest (sender, text)}

    @property
    def needs_new_mark(self) -> bool:
        """Have there been so many messages that a new mark should be requested?"""
        return len(self._said) - self._requested_at >= _MARK_INTERVAL

    def add_said(self, sender: Optional[str], text: str) -> None:
        """Add a message in the room, which may be one's own."""
        self._said.append((sender, text))

    def add_whisper(self, partner: str, sender: Optional[str], text: str) -> None:
        """Add a message from or to `partner`."""
        known = self._whispers.pop(partner, None)
        if known is None:
            known = collections.deque(maxlen=_MAX_WHISPERS)
        self._whispers[partner] = known  # the last
        known.append((sender, text))
        if len(self._whispers) > _MAX_PARTNERS:
            del self._whispers[next(iter(self._whispers))]

    def partners(self) -> List[str]:
        """The users with whom whispers were exchanged, sorted."""
        return sorted(self._whispers)

    def missed_whispers(self, partner: str, messages: Sequence[Message]) -> Sequence[Message]:
        """Those in a conversation's history that come after the last known one."""
        logged = [tuple(message[:2]) for message in messages]
        for known in reversed(self._whispers.get(partner, ())):
            if known in logged:
                return messages[len(logged) - logged[::-1].index(known):]
        return messages

    def connection_lost(self, unconfirmed: Iterable[str] = ()) -> None:
        """The connection is lost. `unconfirmed`: own texts to which the server has not replied."""
        self._lost_at, self._requested_at = len(self._said), 0
        self.unconfirmed += unconfirmed

    def mark_requested(self) -> None:
        """A mark is being requested; all messages so far come before it."""
        self._requested_at = len(self._said)

    def set_mark(self, mark: Any) -> None:
        """Set the mark that was requested."""
        self.mark = mark
        del self._said[:self._requested_at]
        self._requested_at = self._lost_at = 0

    def missed(self, me: Optional[str], messages: Sequence[Message]) -> Tuple[List[Message], List[str]]:
        """What was missed in `messages`, the log after the mark; and the own texts from before that it lacks."""
        before, since = self._said[:self._lost_at], self._said[self._lost_at:]
        others = [index for index, message in enumerate(messages) if message[0] != me]
        logged = [tuple(messages[index][:2]) for index in others]
        # The first of `before` may have come before the mark, which was still on its way.
        first = _overlap(_not_by(me, before), logged)
        last = len(logged) - _overlap(logged[first:], _not_by(me, since))
        new = set(others[first:last])
        lost, said = _by(me, before), _by(me, since)
        for index, (sender, text, *_) in enumerate(messages):
            if sender == me:
                own = lost if lost[text] else said
                if own[text]:
                    own[text] -= 1
                else:
                    new.add(index)
        return [messages[index] for index in sorted(new)], list(lost.elements())


def _by(me: Optional[str], messages: Iterable[Message]) -> "collections.Counter[str]":
    return collections.Counter(text for sender, text in messages if sender == me)


def _not_by(me: Optional[str], messages: Iterable[Message]) -> List[Message]:
    return [message for message in messages if message[0] != me]


def _overlap(one: List[Message], other: List[Message]) -> int:
    """The length of the longest suffix of `one` that is a prefix of `other`."""
    longest = min(len(one), len(other))
    return next(size for size in range(longest, -1, -1) if one[len(one) - size:] == other[:size])
