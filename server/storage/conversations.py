"""Conversations between two users, in memory, and the addresses from which their messages came."""
import collections
from typing import Iterator, List, MutableMapping, Optional

from parley.server.chat.sizes import BYTES, INT, ITEM, LIST, OBJECT, ORDERED_SLOT, SLOT, tuple_of
from parley.server.ipc.messages import Listed
from parley.server.protocols.events import REDACTED
from parley.server.storage.pages import MOST_BYTES, MOST_MESSAGES, Pair
from parley.server.storage.talk import EXTRA_SIZE, Extras, whole_of

MOST_OF_ONE = 2 * MOST_BYTES  # bytes of memory for one conversation
SAID_SIZE = tuple_of(4) + 2 * INT + BYTES + ITEM  # beside the text; the sender's name is shared with `names`
CONVERSATION_SIZE = SLOT + ORDERED_SLOT + tuple_of(2) + 2 * BYTES + OBJECT + 2 * ITEM + INT + LIST  # beside the names
SOURCE_SIZE = SLOT + OBJECT + INT + 2 * BYTES + 320  # of a `Source`, beside its conversations


class Source:
    """The conversations whose latest messages came from one address, the one that was silent longest first.

    key: the address. size: bytes of memory of all of them.
    """

    __slots__ = ("key", "size", "conversations")

    def __init__(self, key: str) -> None:
        self.key = key
        self.size = SOURCE_SIZE
        self.conversations: MutableMapping[Pair, Conversation] = collections.OrderedDict()


class Conversation:
    """The latest messages between two, bounded in number and in memory. Times are in milliseconds.

    names: of both, sorted. size: bytes of memory. messages: (number, sender, text, time) of each.
    source: of the latest message. extras: see `Talk`.
    """

    __slots__ = ("names", "size", "messages", "source", "extras")

    source: Source

    def __init__(self, names: Pair) -> None:
        self.names = names
        self.size = CONVERSATION_SIZE + sum(map(len, names))
        self.messages: List[Listed] = []
        self.extras: Optional[Extras] = None

    def add(self, number: int, sender: bytes, text: bytes, when: int, extra: bytes = b"") -> None:
        """Add a message; the oldest are forgotten if there are too many."""
        own_copy = self.names[sender == self.names[1]]  # one object for each name is enough
        if extra:
            self.extras = self.extras or {}
            self.extras[number] = (0, b"", extra) if text else (when, own_copy, extra)
            self.size += EXTRA_SIZE + len(extra)
            self._forget_extras()
        if not text:
            return
        self.messages.append((number, own_copy, text, when))
        self.size += SAID_SIZE + len(text)
        forgotten = 0
        while len(self.messages) - forgotten > MOST_MESSAGES or (
                self.size > MOST_OF_ONE and len(self.messages) - forgotten > 1):
            self.size -= SAID_SIZE + len(self.messages[forgotten][2])
            if self.extras and self.messages[forgotten][0] in self.extras:
                self.size -= EXTRA_SIZE + len(self.extras.pop(self.messages[forgotten][0])[2])
            forgotten += 1
        del self.messages[:forgotten]

    def _forget_extras(self) -> None:
        """Forget the oldest extras, if there are too many."""
        extras = self.extras or {}
        while len(extras) > MOST_MESSAGES or self.size > MOST_OF_ONE and len(extras) > 1:
            self.size -= EXTRA_SIZE + len(extras.pop(next(iter(extras)))[2])

    def redact(self, number: int, sender: bytes, text: bytes) -> Optional[Listed]:
        """Replace a message of this sender by this text and the extra REDACTED. Returns the former message, or None.

        A message without a text is removed altogether; of this only number and sender are returned.
        """
        extras = self.extras or {}
        _, by, extra = extras.get(number, (0, b"", b""))
        if by:
            if by != sender:
                return None
            del extras[number]
            self.size -= EXTRA_SIZE + len(extra)
            return number, sender, b"", 0
        for index, message in enumerate(self.messages):
            _, said_by, old, when = message
            if message[0] == number and said_by == sender:
                self.messages[index] = number, said_by, text, when
                self.extras = {**extras, number: (0, b"", REDACTED)}
                self.size += len(text) - len(old) + len(REDACTED) - len(extra) + (0 if number in extras else EXTRA_SIZE)
                return message
        return None

    def between(self, after: int, before: int, latest: bool) -> Iterator[Listed]:
        """The messages with numbers between two others, in order, or with `latest` in reverse; times in seconds."""
        for number, sender, text, when in reversed(self.messages) if latest else self.messages:
            if after < number < before:
                yield number, sender, text, when // 1000

    def exactly(self, after: int, before: int, latest: bool) -> Iterator[Listed]:
        """See `Talk.exactly`."""
        extras = self.extras or {}
        with_text = [(number, sender, whole_of(text, extras[number][2] if number in extras else None), when)
                     for number, sender, text, when in self.messages if after < number < before]
        without_text = [(number, sender, b"\0" + extra, when) for number, (when, sender, extra) in extras.items()
                        if sender and after < number < before]
        return iter(sorted(with_text + without_text, reverse=latest))
