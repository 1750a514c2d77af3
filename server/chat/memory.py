"""Accounts, kept messages and conversations, for as long as the server runs."""
import collections

MOST_MESSAGES = 1000  # of one conversation, or kept for one account whose owner is away
MOST_BYTES = 256 << 10  # of their texts, as what is told at once should fit into an outbox
MOST_REMEMBERED = 64 << 20  # bytes of all conversations; the longest silent one is forgotten first
MOST_KEPT = 64 << 20  # bytes kept for all accounts
MOST_ACCOUNTS = 10000  # that nobody set up: whoever lists them makes a worker name them all


class Messages:
    """Messages in their order, of a bounded number and size. A message is (sender, text, time)."""

    def __init__(self):
        self.size = 0  # of the texts, in bytes
        self._messages = collections.deque()

    def __iter__(self):
        return iter(self._messages)

    def has_room(self, message):
        """Can this one be added without losing another?"""
        return len(self._messages) < MOST_MESSAGES and self.size + len(message[1]) <= MOST_BYTES

    def add(self, message):
        """Add it, and lose the oldest if there is no room."""
        while self._messages and not self.has_room(message):
            self.size -= len(self._messages.popleft()[1])
        self._messages.append(message)
        self.size += len(message[1])


class Account:
    """A name that exists whether or not somebody uses it.

    secret: the hashed password; None if it has none.
    """

    def __init__(self, occupied, secret):
        self.occupied = occupied
        self.secret = secret
        self.kept = Messages()


class Memory:
    """What outlives a connection."""

    def __init__(self):
        self.accounts = {}  # name -> Account, in the order of creation
        self._occupied = {}  # what an account's name occupies -> the name
        self._conversations = collections.OrderedDict()  # frozenset of two names -> Messages, the latest last
        self._remembered = 0  # bytes of all conversations
        self._kept = 0  # bytes for all accounts

    def open(self, name, occupied, secret=None):
        """A new account; `occupied` is what its name occupies (`server.chat.names.claims`)."""
        self.accounts[name] = Account(occupied, secret)
        self._occupied.update(dict.fromkeys(occupied, name))
        return self.accounts[name]

    def protect(self, name, secret):
        """The account's password is another from now on."""
        self.accounts[name].secret = secret

    def close(self, name):
        """Forget the account and all that was said to it or by it: the next owner of the name is somebody else."""
        self.hand_over(name)
        for key in self.accounts.pop(name).occupied:
            del self._occupied[key]
        for pair in [pair for pair in self._conversations if name in pair]:
            self._forget(pair)

    def owners(self, occupied):
        """The accounts' names that `occupied` would be too much alike."""
        return {self._occupied[key] for key in occupied if key in self._occupied}

    def keep(self, name, message):
        """Keep a message for an account whose owner is away; false if too many are kept already."""
        kept = self.accounts[name].kept
        if not kept.has_room(message) or self._kept + len(message[1]) > MOST_KEPT:
            return False
        kept.add(message)
        self._kept += len(message[1])
        return True

    def hand_over(self, name):
        """The kept messages, which then are kept no more."""
        account = self.accounts.get(name)
        if account is None:
            return []
        kept, account.kept = account.kept, Messages()
        self._kept -= kept.size
        return list(kept)

    def take_back(self, name, messages):
        """They were handed over to somebody who has left before taking them."""
        messages = messages + self.hand_over(name)
        if name in self.accounts:
            for message in messages:
                self.keep(name, message)

    def remember(self, one, other, message):
        """A message between two."""
        pair = frozenset([one, other])
        conversation = self._conversations.setdefault(pair, Messages())
        self._conversations.move_to_end(pair)
        self._remembered -= conversation.size
        conversation.add(message)
        self._remembered += conversation.size
        while self._remembered > MOST_REMEMBERED:
            self._forget(next(iter(self._conversations)))

    def _forget(self, pair):
        self._remembered -= self._conversations.pop(pair).size

    def between(self, one, other):
        """What two have said to each other, oldest first."""
        return list(self._conversations.get(frozenset([one, other]), ()))
