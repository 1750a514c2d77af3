"""Who is here under which name, and what else is held: the state that the decisions about names are made from."""
from parley.server.chat.names import Occupied


def holder_of(worker, session):
    """A session of any worker as one small object, as there is one for each client: see `split`."""
    return worker << 32 | session


def split(holder):
    """The worker and the session."""
    return holder >> 32, holder & 0xFFFFFFFF


class Members:
    """Names and their holders.

    A name occupies more than itself (`server.chat.names.claims`): no look-alike may be here with it, nor have an
    account beside it, unless both are accounts from before they were known to look alike.

    names: holder -> name, in login order.
    accounts: `server.chat.accounts.Accounts`.
    """

    def __init__(self, accounts):
        self.names = {}
        self._accounts = accounts
        self._aliases = accounts.aliases
        self._held = {}  # name of a member, or reserved -> (holder, what it occupies)
        self._occupied = Occupied()  # by those names
        self._reserved = {}  # holder whose account is being stored -> name

    def __contains__(self, holder):
        return holder in self.names

    def enter(self, holder, name, occupied):
        """It is a member, called so, or is called so from now on."""
        self.names[holder] = name
        self._hold(holder, name, occupied)

    def reserve(self, holder, name, occupied):
        """Nobody else gets the name, while the account is stored that the holder is to have."""
        self._reserved[holder] = name
        self._hold(holder, name, occupied)

    def give_back(self, holder):
        """It has no name reserved any more; had it one?"""
        name = self._reserved.pop(holder, None)
        if name is not None:
            self._vacate(name)
        return name is not None

    def leave(self, holder):
        """It is no member any more: the name that it had, or None."""
        name = self.names.pop(holder, None)
        if name is not None:
            self._vacate(name)
        return name

    def rename(self, holder, name, occupied):
        """The member has another name; gives the one that it had. It keeps its place in the order of logins."""
        old = self.names[holder]
        self._vacate(old)
        self.enter(holder, name, occupied)
        return old

    def _hold(self, holder, name, occupied):
        self._held[name] = holder, occupied
        self._occupied.add(name, occupied)
        self._aliases.hold(name)

    def _vacate(self, name):
        _, occupied = self._held.pop(name)
        self._occupied.remove(name, occupied)
        self._aliases.free(name)

    # ---- looking

    def called(self, name):
        """The holder of exactly this name, or None."""
        holder, _ = self._held.get(name, (None, None))
        return holder if holder in self.names else None

    def described_as(self, name):
        """The holder of a name that is given in full or as its alias, or None."""
        return self.called(self._aliases.name(name) or name)

    def rival(self, holder, name, occupied):
        """Who else has the name, or one that looks alike, as a member or while its account is being stored; or None."""
        if self._held.get(name, (holder,))[0] != holder:
            return self._held[name][0]
        alike = self._occupied.names(occupied) - {self.names.get(holder)}
        return next((self._held[other][0] for other in sorted(alike) if self._may_not_stand_beside(name, other)), None)

    def is_like_an_account(self, name, occupied):
        """Would it be too much like the name of an account?"""
        return any(self._may_not_stand_beside(name, owner) for owner in self._accounts.owners(occupied))

    def _may_not_stand_beside(self, name, other):
        """Are these two that look alike not accounts both, which may be here together?"""
        return other != name and not (name in self._accounts.accounts and other in self._accounts.accounts)

    def introduction(self, name):
        """A member as the workers are told: its name; its alias, or None; how many messages it has missed."""
        account = self._accounts.accounts.get(name)
        return name, self._aliases.of([name]).get(name), account.kept if account else 0

    def of_worker(self, worker):
        """Its holders, of names and of reserved ones."""
        return [holder for holder in (*self.names, *self._reserved) if split(holder)[0] == worker]

    def known(self):
        """The accounts, the members and {name: alias} of these, as a worker that begins is told."""
        present = list(self.names.values())
        return list(self._accounts.accounts), present, self._aliases.of(present)
