"""The store of a server that keeps nothing: all of it in memory, and within bounds."""
import bisect
import collections
import itertools
import time

from server.worker.queues import HEAD, said

MOST_MESSAGES = 1000  # of one conversation, kept for one account, or told at once
MOST_BYTES = 256 << 10  # of their texts, as what is told at once should fit into an outbox
MOST_OF_LOBBY = 8 << 20  # bytes of the lobby's talk; the oldest is forgotten first
MOST_OF_CONVERSATIONS = 64 << 20  # bytes of the others; the longest silent one is forgotten first


class Store:
    """What the server knows of the past. The interface of every store, and this one for as long as the server runs.

    Names and texts are canonical bytes; times are whole seconds since the epoch, of the server's clock. Messages are
    numbered in the order in which they come here, and no number is given twice. A write gives True.

    clock: seconds since the epoch.
    """

    def __init__(self, clock=time.time):
        self._clock = clock
        self._number = 0  # of the latest message
        self._accounts = {}  # name -> (secret, number of the latest message when it was made), in the order of creation
        self._kept = {}  # name -> [(id, sender, text, time)]
        self._last_kept = 0  # the latest id
        self._conversations = collections.OrderedDict()  # the two names, sorted -> _Conversation, the latest last
        self._size = 0  # bytes of all conversations
        self._lobby = collections.deque()  # (number of the first message, time, talk frame)
        self._lobby_size = 0
        self._latest = None  # what was last told of the lobby, as long as it is all there is

    # ---- writing

    def talk(self, frame):
        """The messages of a talk frame (`server.worker.queues`) were said in the lobby."""
        self._lobby.append((self._number + 1, int(self._clock()), frame))
        self._number += HEAD.unpack_from(frame)[4]
        self._latest = None
        self._lobby_size += len(frame)
        while self._lobby_size > MOST_OF_LOBBY:
            self._lobby_size -= len(self._lobby.popleft()[2])
        return True

    def whisper(self, sender, to, text, keep):
        """Said by one to another; `keep`: until `to` has taken it, too."""
        self._number += 1
        message = self._number, sender, text, int(self._clock())
        if keep:
            self.keep(sender, to, text)
        pair = tuple(sorted([sender, to]))
        conversation = self._conversations.setdefault(pair, _Conversation())
        self._conversations.move_to_end(pair)
        self._size += conversation.add(message)
        while self._size > MOST_OF_CONVERSATIONS:
            self._size -= self._conversations.popitem(last=False)[1].size
        return True

    def keep(self, sender, to, text):
        """Said by one to another earlier: until `to` has taken it."""
        self._last_kept += 1
        self._kept.setdefault(to, []).append((self._last_kept, sender, text, int(self._clock())))
        return True

    def taken(self, name, last):
        """What was kept for `name` up to id `last` has reached it."""
        left = [message for message in self._kept.pop(name, ()) if message[0] > last]
        if left:
            self._kept[name] = left
        return True

    def open_account(self, name, secret):
        """There is a new account; the secret is a hashed password, or None. What was said before is not its owner's."""
        self._accounts[name] = secret, self._number
        self._kept.pop(name, None)
        return True

    def protect(self, name, secret):
        """An account, if there still is one, has another secret."""
        if name in self._accounts:
            self._accounts[name] = secret, self._accounts[name][1]
        return True

    def close_account(self, name):
        """An account is gone with all that was said to it or by it: the next owner of the name is somebody else."""
        self._accounts.pop(name, None)
        self._kept.pop(name, None)
        for pair in [pair for pair in self._conversations if name in pair]:
            self._size -= self._conversations.pop(pair).size
        return True

    # ---- reading

    def accounts(self):
        """(name, secret, messages kept, bytes of their texts) of all, in the order of their creation."""
        return [(name, secret, len(self._kept.get(name, ())), sum(len(kept[2]) for kept in self._kept.get(name, ())))
                for name, (secret, _) in self._accounts.items()]

    def kept(self, name):
        """(id, sender, text, time) of what is kept for `name`, oldest first."""
        return list(self._kept.get(name, ()))

    def conversation(self, one, other):
        """(sender, text, time) of the latest that two have said to each other since `one` has its account."""
        conversation = self._conversations.get(tuple(sorted([one, other])))
        _, since = self._accounts.get(one, (None, 0))
        return [message[1:] for message in conversation.messages if message[0] > since] if conversation else []

    def lobby(self, since, most):
        """What was said in the lobby: (messages, last number, whether there are more).

        messages: (number, sender, text, time) of each, in order.
        since: a number, for what follows it; None for the latest. At most `most` messages, and as many as may be told
        at once. If there is none, the last number is that of the latest message of all.
        """
        if since is None:
            if self._latest is None:
                self._latest = page(self._backwards(), MOST_MESSAGES)[0][::-1]
            found, more = self._latest[-most:], False
        else:
            start = bisect.bisect([first for first, _, _ in self._lobby], since) - 1
            found, more = page((message for message in self._messages(max(start, 0)) if message[0] > since), most)
        return found, found[-1][0] if found else self._number, more

    def _messages(self, start):
        """(number, sender, text, time) from the frame at `start` on."""
        for talk in itertools.islice(self._lobby, start, None):
            yield from _numbered(*talk)

    def _backwards(self):
        for talk in reversed(self._lobby):
            yield from reversed(_numbered(*talk))


def _numbered(first, when, frame):
    return [(number, sender, text, when) for number, (_, sender, text, _) in enumerate(said(frame), first)]


class _Conversation:
    """(number, sender, text, time) of the latest messages between two, of a bounded number and size."""

    def __init__(self):
        self.size = 0  # of the texts, in bytes
        self.messages = collections.deque()

    def add(self, message):
        """Gives by how many bytes it has grown."""
        before = self.size
        self.messages.append(message)
        self.size += len(message[2])
        while len(self.messages) > MOST_MESSAGES or self.size > MOST_BYTES and len(self.messages) > 1:
            self.size -= len(self.messages.popleft()[2])
        return self.size - before


def page(messages, most):
    """As many of the messages as may be told at once, at most `most`; and whether there are more."""
    found, size = [], 0
    for message in messages:
        size += len(message[-2])  # its text
        if len(found) == min(most, MOST_MESSAGES) or found and size > MOST_BYTES:
            return found, True
        found.append(message)
    return found, False
