"""The store of a server that keeps nothing: all of it in memory, and within bounds."""
import bisect
import collections
import heapq
import itertools
import time

from parley.server.chat.accounts import kept_size
from parley.server.chat.sizes import BYTES, INT, ITEM, LIST, OBJECT, ORDERED_SLOT, SLOT, tuple_of
from parley.server.ipc.queues import HEAD, place, said

MOST_MESSAGES = 1000  # of one conversation, kept for one account, or told at once
MOST_BYTES = 256 << 10  # of their texts, as what is told at once should fit into an outbox

# Bytes of memory. The lobby's oldest talk is forgotten first. Of conversations, the address that has most of them loses
# the one that was silent longest, so that nobody talks those of others away.
MOST_OF_LOBBY = 6 << 20
MOST_OF_CONVERSATIONS = 6 << 20
MOST_OF_ONE = 2 * MOST_BYTES  # conversation

TALK_SIZE = tuple_of(2) + INT + BYTES + ITEM  # beside the frame
SAID_SIZE = tuple_of(4) + 2 * INT + BYTES + ITEM  # beside the text; the sender's name is the conversation's
CONVERSATION_SIZE = SLOT + ORDERED_SLOT + tuple_of(2) + 2 * BYTES + OBJECT + 2 * ITEM + INT + LIST  # beside the names
SOURCE_SIZE = SLOT + OBJECT + INT + 2 * BYTES + 320  # of an address with conversations


class Store:
    """What the server knows of the past. The interface of every store, and this one for as long as the server runs.

    Names and texts are canonical bytes. Messages come with their places in the order: numbers, each greater than the
    last, and times of the server's clock in milliseconds since the epoch. All times that are read, and those of
    accounts, are whole seconds. A write gives True.

    clock: seconds since the epoch.
    """

    def __init__(self, clock=time.time):
        self._clock = clock
        self._number = 0  # of the latest message
        self._accounts = {}  # name -> _Account, in the order of creation
        self._kept = {}  # name -> [(id, sender, text, time, source)]
        self._last_kept = 0  # the latest id
        self._conversations = {}  # the two names, sorted -> _Conversation
        self._sources = {}  # address -> _Source of the conversations in which it has said the latest
        self._size = 0  # of all that, in memory
        self._lobby = collections.deque()  # (number of the first message, talk frame)
        self._lobby_size = 0  # in memory
        self._latest = None  # what was last told of the lobby, as long as it is all there is

    def _now(self):
        return whole(self._clock())

    # ---- writing

    def talk(self, frame):
        """The messages of a talk frame (`server.ipc.queues`) were said in the lobby."""
        first, _ = place(frame)
        self._lobby.append((first, frame))
        self._number = first + HEAD.unpack_from(frame)[4] - 1
        self._latest = None
        self._lobby_size += TALK_SIZE + len(frame)
        while self._lobby_size > MOST_OF_LOBBY:
            self._lobby_size -= TALK_SIZE + len(self._lobby.popleft()[1])
        return True

    def reserve(self, through):
        """Numbers up to this one may be given from now on, and none of them after a crash."""
        return True

    def release(self, last):
        """Numbers behind this one have not been given after all."""
        return True

    def whisper(self, number, time, sender, to, text, keep, source=""):
        """Said by one to another; `keep`: until `to` has taken it, too.

        source: the address that it came from, as `server.chat.origins.network` has it.
        """
        self._number = number
        if keep:
            self.keep(time, sender, to, text, source)
        pair = tuple(sorted([sender, to]))
        conversation = self._conversations.get(pair)
        if conversation is None:
            conversation = self._conversations[pair] = _Conversation(pair)
        else:
            self._take_out(conversation)
        conversation.add(number, sender, text, time // 1000)
        self._put_in(conversation, source)
        while self._size > MOST_OF_CONVERSATIONS:
            largest = max(self._sources.values(), key=lambda source: source.size)
            self._forget(next(iter(largest.conversations.values())))
        return True

    def _put_in(self, conversation, key):
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = _Source(key)
            self._size += source.size
        source.conversations[conversation.names] = conversation
        source.size += conversation.size
        self._size += conversation.size
        conversation.source = source

    def _take_out(self, conversation):
        source = conversation.source
        del source.conversations[conversation.names]
        source.size -= conversation.size
        self._size -= conversation.size
        if not source.conversations:
            del self._sources[source.key]
            self._size -= source.size

    def _forget(self, conversation):
        self._take_out(conversation)
        del self._conversations[conversation.names]

    def keep(self, time, sender, to, text, source=""):
        """Said by one to another earlier: until `to` has taken it. `source`: as in `whisper`."""
        self._last_kept += 1
        self._kept.setdefault(to, []).append((self._last_kept, sender, text, time // 1000, source))
        return True

    def taken(self, name, last, sender=None):
        """What was kept for `name` up to id `last`, of everybody or of one sender, has reached it."""
        self._keep_only(name, lambda message: message[0] > last or sender not in (None, message[1]))
        return True

    def expire(self, name, before):
        """What was kept for `name` before a time is forgotten, and what came earlier under a clock that was ahead."""
        latest = max([message[0] for message in self._kept.get(name, ()) if message[3] < before], default=0)
        now = self._now()
        self._keep_only(name, lambda message: message[3] >= before and (message[3] <= now or message[0] > latest))
        return True

    def _keep_only(self, name, is_wanted):
        left = list(filter(is_wanted, self._kept.pop(name, ())))
        if left:
            self._kept[name] = left

    def open_account(self, name, secret):
        """There is a new account; the secret is a hashed password, or None. What was said before is not its owner's."""
        self._accounts[name] = _Account(secret, self._number, self._now())
        self._kept.pop(name, None)
        return True

    def protect(self, name, secret):
        """An account, if there still is one, has another secret."""
        if name in self._accounts:
            self._accounts[name].secret = secret
        return True

    def use(self, name):
        """An account, if there is one, is in use now."""
        if name in self._accounts:
            self._accounts[name].used = self._now()
        return True

    def close_account(self, name):
        """An account is gone with all that was said to it or by it: the next owner of the name is somebody else."""
        self._accounts.pop(name, None)
        self._kept.pop(name, None)
        for pair in [pair for pair in self._conversations if name in pair]:
            self._forget(self._conversations[pair])
        return True

    # ---- reading

    def accounts(self):
        """(name, secret, messages kept, bytes of their texts) of all, in the order of their creation."""
        return [(name, account.secret, *self._counted(name)) for name, account in self._accounts.items()]

    def _counted(self, name):
        kept = self._kept.get(name, ())
        return len(kept), sum(len(message[2]) for message in kept)

    def listed(self, after, most):
        """The accounts whose names follow `after`, in the order of the names' bytes, at most `most`.

        (name, has it a password?, messages kept, bytes of their texts, when it was made, when it was last used) of
        each; the times are None where they are not known.
        """
        names = heapq.nsmallest(most, (name for name in self._accounts if name > after))
        return [(name, account.secret is not None, *self._counted(name), account.made, account.used)
                for name, account in ((name, self._accounts[name]) for name in names)]

    def kept(self, name):
        """(id, sender, text, time) of what is kept for `name`, oldest first."""
        return [message[:4] for message in self._kept.get(name, ())]

    def outside(self, name, after, most):
        """What can be seen of what is kept for `name` without reading it, in order, behind the id `after`.

        (id, sender, source, time, bytes of the text) of each, at most `most`.
        """
        return [(number, sender, source, when, len(text))
                for number, sender, text, when, source in self._kept.get(name, ()) if number > after][:most]

    def box(self, name):
        """(source, messages, what they cost) for each source of what is kept for `name`, and the earliest time or None.

        For the cost see `server.chat.accounts.kept_size`.
        """
        shares, kept = {}, self._kept.get(name, ())
        for _, sender, text, _, source in kept:
            messages, size = shares.get(source, (0, 0))
            shares[source] = messages + 1, size + kept_size(sender, text)
        oldest = min([message[3] for message in kept], default=None)
        return [(source, *share) for source, share in shares.items()], oldest

    def unread(self, name):
        """(sender, messages) of what is kept for `name`."""
        return list(collections.Counter(message[1] for message in self._kept.get(name, ())).items())

    def conversation(self, one, other):
        """(sender, text, time) of the latest that two have said to each other since `one` has its account."""
        conversation = self._conversations.get(tuple(sorted([one, other])))
        if conversation is None:
            return []
        since = self._accounts[one].since if one in self._accounts else 0
        found, _ = page((message for message in reversed(conversation.messages) if message[0] > since), MOST_MESSAGES)
        return [message[1:] for message in reversed(found)]

    def past(self, name, partner):
        """(messages, last): their conversation, and what is kept for `name` from the partner, up to that id or 0."""
        return with_kept(self.conversation(name, partner), partner, self.kept(name))

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
            start = bisect.bisect([first for first, _ in self._lobby], since) - 1
            found, more = page((message for message in self._messages(max(start, 0)) if message[0] > since), most)
        return found, found[-1][0] if found else self._number, more

    def _messages(self, start):
        """(number, sender, text, time) from the frame at `start` on."""
        for talk in itertools.islice(self._lobby, start, None):
            yield from _numbered(*talk)

    def _backwards(self):
        for talk in reversed(self._lobby):
            yield from reversed(_numbered(*talk))


def with_kept(messages, sender, kept):
    """The messages of a conversation and those kept from the sender that it has no more; and the last id of these."""
    kept = [message for message in kept if message[1] == sender]
    told = {text for name, text, _ in messages if name == sender}
    forgotten = [message[1:] for message in kept if message[2] not in told]
    return sorted(messages + forgotten, key=lambda message: message[2]), kept[-1][0] if kept else 0


def whole(clock):
    """The time of a clock as messages have it: whole seconds since the epoch, and never before it."""
    return max(0, int(clock))


def _numbered(first, frame):
    _, now = place(frame)
    return [(number, sender, text, now // 1000) for number, (_, sender, text, _) in enumerate(said(frame), first)]


class _Account:
    """secret: a hashed password, or None. since: number of the latest message when it was made. made, used: times."""

    __slots__ = ("secret", "since", "made", "used")

    def __init__(self, secret, since, made):
        self.secret = secret
        self.since = since
        self.made = made
        self.used = None


class _Source:
    """The conversations of one address, the one that was silent longest first, and their size in memory."""

    __slots__ = ("key", "size", "conversations")

    def __init__(self, key):
        self.key = key
        self.size = SOURCE_SIZE
        self.conversations = collections.OrderedDict()  # names -> _Conversation


class _Conversation:
    """(number, sender, text, time) of the latest messages between two, of a bounded number and size in memory."""

    __slots__ = ("names", "size", "messages", "source")

    def __init__(self, names):
        self.names = names
        self.size = CONVERSATION_SIZE + sum(map(len, names))
        self.messages = []
        self.source = None

    def add(self, number, sender, text, when):
        """One more, and perhaps fewer of the oldest."""
        own_copy = self.names[sender == self.names[1]]  # of the name, of which one is enough
        self.messages.append((number, own_copy, text, when))
        self.size += SAID_SIZE + len(text)
        forgotten = 0
        while len(self.messages) - forgotten > MOST_MESSAGES or (
                self.size > MOST_OF_ONE and len(self.messages) - forgotten > 1):
            self.size -= SAID_SIZE + len(self.messages[forgotten][2])
            forgotten += 1
        del self.messages[:forgotten]


def page(messages, most):
    """As many of the messages as may be told at once, at most `most`; and whether there are more."""
    found, size = [], 0
    for message in messages:
        size += len(message[-2])  # its text
        if len(found) == min(most, MOST_MESSAGES) or found and size > MOST_BYTES:
            return found, True
        found.append(message)
    return found, False
