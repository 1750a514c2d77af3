"""Accounts: names that exist whether or not somebody uses them, and what is kept for whom."""

MOST_KEPT_MESSAGES = 1000  # for one account
MOST_KEPT_BYTES = 256 << 10  # of their texts, as what is told at once should fit into an outbox
MOST_KEPT = 64 << 20  # bytes for all accounts
MOST_ACCOUNTS = 10000  # that nobody set up: whoever lists them makes a worker name them all


class Account:
    """One account.

    occupied: what its name occupies (`server.chat.names.claims`). secret: the hashed password; None if it has none.
    kept, size: messages kept for it, and the bytes of their texts.
    closing: requests to delete it that the store has not answered yet.
    """

    def __init__(self, occupied, secret, kept=0, size=0):
        self.occupied = occupied
        self.secret = secret
        self.closing = 0
        self.kept = kept
        self.size = size


class Memory:
    """All accounts, in the order of their creation. What changes is told to the store.

    store: see `server.storage.journal.Journal`. `then` is called with true once it is stored.
    """

    def __init__(self, store):
        self.accounts = {}  # name -> Account
        self._store = store
        self._occupied = {}  # what an account's name occupies -> the name
        self._size = 0  # bytes kept for all accounts

    def know(self, name, account):
        """An account that is in the store already."""
        self.accounts[name] = account
        self._occupied.update(dict.fromkeys(account.occupied, name))
        self._size += account.size

    def open(self, name, occupied, secret=None, then=None):
        """A new account; none if it cannot be stored."""

        def settle(stored):
            if not stored:
                self._forget(name)
            if then:
                then(stored)

        self.know(name, Account(occupied, secret))
        self._store.ask(settle, "open_account", name, secret)

    def protect(self, name, secret, then=None):
        """The account's password is another from now on; not if that cannot be stored."""
        account = self.accounts[name]

        def settle(stored):
            if stored:
                account.secret = secret
            if then:
                then(stored)

        self._store.ask(settle, "protect", name, secret)

    def close(self, name, then):
        """Delete the account with all that was said to it or by it: the next owner of the name is somebody else.

        Until that is stored the name is nobody else's, and nothing is kept for it. `then(stored, gone)`: gone is true
        if this has deleted it, and not another request meanwhile.
        """
        account = self.accounts[name]

        def settle(stored):
            account.closing -= 1
            gone = bool(stored) and self.accounts.get(name) is account
            if gone:
                self._forget(name)
            then(stored, gone)

        account.closing += 1
        self._store.ask(settle, "close_account", name)

    def is_closing(self, name):
        """Is there such an account, and is it being deleted?"""
        return name in self.accounts and self.accounts[name].closing > 0

    def _forget(self, name):
        account = self.accounts.pop(name)
        self._size -= account.size
        for key in account.occupied:
            del self._occupied[key]

    def owners(self, occupied):
        """The accounts' names that `occupied` would be too much alike."""
        return {self._occupied[key] for key in occupied if key in self._occupied}

    def has_room(self, name, text):
        """May this be kept for the account, whose owner is away?"""
        account = self.accounts[name]
        return (not account.closing
                and account.kept < MOST_KEPT_MESSAGES and account.size + len(text) <= MOST_KEPT_BYTES
                and self._size + len(text) <= MOST_KEPT)

    def keep(self, name, sender, text, then):
        """Keep a message until the account's owner has taken it."""
        self._keep(name, text, then, "whisper", sender, name, text, True)

    def keep_missed(self, name, sender, text):
        """Likewise one that was said already, and did not reach the owner; if there still is one, and room."""
        if name in self.accounts and self.has_room(name, text):
            self._keep(name, text, _ignore, "keep", sender, name, text)

    def _keep(self, name, text, then, request, *arguments):
        def settle(stored):
            if not stored:
                self._count(name, -1, -len(text))
            then(stored)

        self._count(name, 1, len(text))
        self._store.ask(settle, request, *arguments)

    def taken(self, name, last, messages, size):
        """What was kept up to the id `last` has reached the account's owner: so many messages and bytes of text."""
        self._count(name, -messages, -size)
        self._store.ask(_ignore, "taken", name, last)

    def _count(self, name, messages, size):
        account = self.accounts.get(name)
        if account:  # it may have been deleted meanwhile, and even made anew: it has no less than nothing
            messages, size = max(messages, -account.kept), max(size, -account.size)
            account.kept += messages
            account.size += size
            self._size += size


def _ignore(stored):
    pass
