"""How far somebody has followed the room, so that what was missed can be told from what was heard."""
from collections import Counter, deque

_FEW = 20  # whispers to find one's place in a conversation by
_MANY = 500  # messages behind the mark; then it is worth another


class Place:
    """A mark in the server's log, and what was heard and said behind it. It outlives a connection.

    Live talk has no numbers, but everybody hears it in the order of the log. So what the log has behind the mark begins
    with what was heard until the connection broke, and ends with what has been heard since it is back.
    """

    def __init__(self):
        self.forget()

    def forget(self):
        """The log is another one, or none."""
        self.mark = None  # in the protocol's own terms; None if none is known
        self._heard = []  # (sender, text)
        self._asked_at = 0  # how much had been heard when a mark was asked for
        self._broke_at = 0  # how much when the connection broke

        self.doubted = []  # texts of mine, of which the log will tell whether they have arrived
        self._exchanged = {}  # partner -> the latest (sender, text) that were whispered

    @property
    def is_far(self):
        """Has so much been heard since the last mark that another is due?"""
        return len(self._heard) - self._asked_at >= _MANY

    def hear(self, sender, text):
        """One message of the room, one's own included."""
        self._heard.append((sender, text))

    def hear_from(self, partner, sender, text):
        """One message between oneself and `partner`."""
        self._exchanged.setdefault(partner, deque(maxlen=_FEW)).append((sender, text))

    def partners(self):
        """Those with whom something was whispered."""
        return sorted(self._exchanged)

    def missed_from(self, partner, messages):
        """Of the conversation's (sender, text, ...): those behind the last that is known."""
        told = [tuple(message[:2]) for message in messages]
        for known in reversed(self._exchanged[partner]):
            if known in told:
                return messages[len(told) - told[::-1].index(known):]
        return messages

    def breaks(self, doubted=()):
        """The connection is gone, and with it the answer to what was asked; `doubted` are texts that had none."""
        self._broke_at, self._asked_at = len(self._heard), 0
        self.doubted += doubted

    def ask(self):
        """A mark is asked for now: what has been heard until now is before it."""
        self._asked_at = len(self._heard)

    def put(self, mark):
        """Here is the mark that was asked for."""
        self.mark = mark
        del self._heard[:self._asked_at]
        self._asked_at = self._broke_at = 0

    def missed(self, me, messages):
        """Of the log's (sender, text, ...) behind the mark: those that are new; and my own texts that are not in it."""
        before, since = self._heard[:self._broke_at], self._heard[self._broke_at:]
        others = [index for index, message in enumerate(messages) if message[0] != me]
        told = [tuple(messages[index][:2]) for index in others]
        # The first of what was heard may stand before the mark, which was on its way then.
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


def _by(me, heard):
    return Counter(text for sender, text in heard if sender == me)


def _not_by(me, heard):
    return [message for message in heard if message[0] != me]


def _overlap(one, other):
    """How much of the end of `one` is the beginning of `other`, at most."""
    most = min(len(one), len(other))
    return next(size for size in range(most, -1, -1) if one[len(one) - size:] == other[:size])
