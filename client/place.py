"""The position up to which a client has followed the room, to tell after a break what it has missed."""
import collections
from typing import Any, Deque, Dict, Iterable, List, Optional, Sequence, Tuple

_FEW = 20  # whispers by which the position in a conversation is found
_MANY = 500  # messages after the mark; with more it is worth asking for a new one

Message = Tuple[Any, ...]  # (sender, text, ...)


class Place:
    """A mark in the server's log, and what was heard and said after it. It outlives a connection.

    Live talk has no numbers, but everybody hears it in the order of the log. So the part of the log after the mark
    begins with what was heard before the connection broke, and ends with what was heard since it was restored.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start over: the server's log is a new one, or there is none."""
        self.mark: Any = None  # in the protocol's own terms; None if there is none
        self._heard: List[Message] = []  # (sender, text)
        self._asked_at = 0  # length of `_heard` when a mark was asked for
        self._broke_at = 0  # length of `_heard` when the connection broke

        self.doubted: List[str] = []  # own texts; the log will tell whether they have arrived
        self._exchanged: Dict[str, Deque[Message]] = {}  # {partner: the latest whispers, (sender, text)}

    @property
    def is_far(self) -> bool:
        """Has enough been heard since the last mark that a new one is due?"""
        return len(self._heard) - self._asked_at >= _MANY

    def hear(self, sender: Optional[str], text: str) -> None:
        """A message in the room, which may be one's own."""
        self._heard.append((sender, text))

    def hear_from(self, partner: str, sender: Optional[str], text: str) -> None:
        """A message between oneself and `partner`."""
        self._exchanged.setdefault(partner, collections.deque(maxlen=_FEW)).append((sender, text))

    def partners(self) -> List[str]:
        """The users with whom whispers were exchanged."""
        return sorted(self._exchanged)

    def missed_from(self, partner: str, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages of a conversation, (sender, text, ...), after the last one that is known."""
        told = [tuple(message[:2]) for message in messages]
        for known in reversed(self._exchanged[partner]):
            if known in told:
                return messages[len(told) - told[::-1].index(known):]
        return messages

    def breaks(self, doubted: Iterable[str] = ()) -> None:
        """The connection is gone. `doubted`: texts that have not been answered."""
        self._broke_at, self._asked_at = len(self._heard), 0
        self.doubted += doubted

    def ask(self) -> None:
        """A mark is asked for now; everything heard so far comes before it."""
        self._asked_at = len(self._heard)

    def put(self, mark: Any) -> None:
        """Set the mark that was asked for."""
        self.mark = mark
        del self._heard[:self._asked_at]
        self._asked_at = self._broke_at = 0

    def missed(self, me: Optional[str], messages: Sequence[Message]) -> Tuple[List[Message], List[str]]:
        """The new messages, (sender, text, ...), in the log after the mark; and one's own texts that are lost."""
        before, since = self._heard[:self._broke_at], self._heard[self._broke_at:]
        others = [index for index, message in enumerate(messages) if message[0] != me]
        told = [tuple(messages[index][:2]) for index in others]
        # The first messages heard may come before the mark, which was still on its way.
        first = _overlap(_not_by(me, before), told)
        last = len(told) - _overlap(told[first:], _not_by(me, since))
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


def _by(me: Optional[str], heard: Iterable[Message]) -> "collections.Counter[str]":
    return collections.Counter(text for sender, text in heard if sender == me)


def _not_by(me: Optional[str], heard: Iterable[Message]) -> List[Message]:
    return [message for message in heard if message[0] != me]


def _overlap(one: List[Message], other: List[Message]) -> int:
    """The length of the longest end of `one` with which `other` begins."""
    most = min(len(one), len(other))
    return next(size for size in range(most, -1, -1) if one[len(one) - size:] == other[:size])
