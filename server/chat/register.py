"""Who holds which name, and who may: the one authority, in the hub.

Requests come in one order, and what they lead to leaves in the same order. `post` takes it to the workers:
`post.everyone(entry, ...)` and `post.worker(worker, entry, ...)`, where an entry is a method of
`server.chat.replica.Replica` and its arguments.
"""
from server.chat.memory import MOST_ACCOUNTS
from server.chat.names import LOBBY_NAME, claims
from server.protocols.aliases import short
from server.protocols.events import Reason


class Register:
    """Names and their holders. A holder is a session: worker number << 32 | session number.

    A name occupies more than itself (`server.chat.names.claims`): no look-alike may be here with it, nor have an
    account beside it.

    post: see above. memory: `server.chat.memory.Memory`. patience: `server.chat.patience.Patience`.
    door: verify(holder, host, name, account, password, then) and hash(holder, host, password, then), which call
        then(trouble, secret) later (see `server.supervisor.door.Door`).
    lobby: past() gives what was said in the lobby, as (sender, text, time).
    clock: seconds since the epoch.
    """

    def __init__(self, post, memory, door, patience, lobby, clock):
        self._post = post
        self._memory = memory
        self._door = door
        self._patience = patience
        self._lobby = lobby
        self._clock = clock
        self._members = {}  # holder -> name, in login order
        self._holders = {}  # what a member's name occupies -> holder
        self._locating = {}  # holder that asks where somebody is -> the worker that knows
        self._guests = 0

    # ---- names

    def claim(self, worker, number, name, occupied, command, password, host):
        """Login, SignIn and Post: give `name` to the session, or say why not."""
        holder, account = _holder(worker, number), self._memory.accounts.get(name)
        trouble = self._trouble(name, occupied, command, password, account)
        if trouble:
            self._refuse(holder, trouble)
        elif _is_protected(account):
            self._verify(holder, account, name, password, host)
        else:
            self._grant(holder, name, occupied)

    def _trouble(self, name, occupied, command, password, account):
        if command == "SignIn" and account is None:
            return Reason.NO_ACCOUNT
        if self._is_taken(name, occupied):
            return Reason.NAME_TAKEN
        if _is_protected(account) and password is None:
            return Reason.PASSWORD_REQUIRED
        if not _is_protected(account) and password:
            return Reason.NO_PASSWORD
        return None

    def _is_taken(self, name, occupied, holder=None):
        """By a member other than `holder`, or, if it only looks alike, by an account."""
        return (any(self._holders.get(key, holder) != holder for key in occupied)
                or bool(self._memory.owners(occupied) - {name}))

    def _verify(self, holder, account, name, password, host):
        def decide(trouble, renewed):
            if trouble:
                self._refuse(holder, trouble)
            elif self._memory.accounts.get(name) is not account:
                self._refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
            elif self._is_taken(name, account.occupied):
                self._refuse(holder, Reason.NAME_TAKEN)
            else:
                if renewed:
                    self._memory.protect(name, renewed)
                self._grant(holder, name, account.occupied)

        self._door.verify(holder, host, name, account, password, decide)

    # ---- accounts

    def create(self, worker, number, name, occupied, password, host):
        """Create and SignUp: a new account, for a stranger, or for the member called so; the password may be None."""
        holder = _holder(worker, number)

        def decide(trouble, secret):
            trouble = trouble or self._why_no_account(holder, name, occupied, host)
            if trouble:
                self._refuse(holder, trouble)
                return
            self._memory.open(name, occupied, secret)
            self._patience.opened(host, name)
            self._post.everyone("opened", name)
            if holder in self._members:
                self._post.worker(worker, "confirmed", number)
            else:
                self._grant(holder, name, occupied)

        trouble = self._why_no_account(holder, name, occupied, host)
        if trouble or password is None:
            decide(trouble, None)
        else:
            self._door.hash(holder, host, password, decide)

    def _why_no_account(self, holder, name, occupied, host):
        if name in self._memory.accounts or self._is_taken(name, occupied, holder):
            return Reason.NAME_TAKEN
        if len(self._memory.accounts) >= MOST_ACCOUNTS:
            return Reason.TOO_MANY_ACCOUNTS
        if not self._patience.may_open(host):
            self._door.report(host, name, Reason.TOO_MANY_ACCOUNTS)
            return Reason.TOO_MANY_ACCOUNTS
        return None

    def change_password(self, worker, number, name, old, new, host):
        """The member's account has another password, if it gives the one there is."""
        holder, account = _holder(worker, number), self._memory.accounts.get(name)

        def verified(trouble, renewed):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._door.hash(holder, host, new, replace)

        def replace(trouble, secret):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._memory.protect(name, secret)
                self._post.worker(worker, "confirmed", number)

        if _is_protected(account):
            self._door.verify(holder, host, name, account, old, verified)
        else:
            self._refuse(holder, Reason.NO_PASSWORD)

    # ---- who comes and goes

    def claim_guest(self, worker, number):
        """Give a free `guest-N` to the session."""
        while True:
            self._guests += 1
            name = b"guest-%d" % self._guests
            if not self._is_taken(name, claims(name)) and name not in self._memory.accounts:
                self._grant(_holder(worker, number), name, claims(name))
                return

    def _grant(self, holder, name, occupied):
        self._members[holder] = name
        self._holders.update(dict.fromkeys(occupied, holder))
        self._post.everyone("joined", *_place(holder), name)

    def rename(self, worker, number, name, occupied):
        """Give the member another name, at one moment for everybody."""
        holder = _holder(worker, number)
        if self._is_taken(name, occupied, holder):
            self._refuse(holder, Reason.NAME_TAKEN)
        elif _is_protected(self._memory.accounts.get(name)):
            self._refuse(holder, Reason.PASSWORD_REQUIRED)
        else:
            old = self._members[holder]
            self._vacate(old)
            self._members[holder] = name
            self._holders.update(dict.fromkeys(occupied, holder))
            self._post.everyone("renamed", worker, number, old, name)

    def release(self, worker, number):
        """The session is gone; if it held a name, that is free now."""
        holder = _holder(worker, number)
        self._door.leave(holder)
        self._locating.pop(holder, None)
        name = self._members.pop(holder, None)
        if name is not None:
            self._vacate(name)
            self._post.everyone("left", name)

    def delete(self, worker, number, name):
        """The member's account is gone, and its name free."""
        if name in self._memory.accounts:
            self._memory.close(name)
            self._patience.closed(name)
            self._post.everyone("closed", name)
        self._post.worker(worker, "deleted", number)
        self.release(worker, number)

    def lose(self, worker):
        """A worker died, and its clients with it."""
        for holder in [holder for holder in (*self._members, *self._door.holders()) if _place(holder)[0] == worker]:
            self.release(*_place(holder))
        for holder in [holder for holder, target in self._locating.items() if target == worker]:
            self._locate_nobody(holder)

    def _vacate(self, name):
        for key in claims(name):
            del self._holders[key]

    def _called(self, name):
        """The holder of exactly this name, or None."""
        for key in claims(name):
            holder = self._holders.get(key)
            if holder is not None and self._members[holder] == name:
                return holder
        return None

    def _refuse(self, holder, reason):
        worker, number = _place(holder)
        self._post.worker(worker, "refused", number, reason)

    # ---- messages

    def whisper(self, worker, number, sender, to, text, time):
        """Deliver to the one called exactly `to`, or keep it if that is an account whose owner is away."""
        message = sender, text, time if time is not None else int(self._clock())
        holder = self._called(to)
        if holder is None and to not in self._memory.accounts:
            self._refuse(_holder(worker, number), Reason.NOBODY)
        elif holder is None and not self._keep(to, message):
            self._refuse(_holder(worker, number), Reason.BOX_FULL)
        else:
            if holder is not None:
                to_worker, to_number = _place(holder)
                self._post.worker(to_worker, "whispered", to_number, *message)
            self._memory.remember(sender, to, message)
            self._post.worker(worker, "confirmed", number)

    def _keep(self, name, message):
        """Accounts with a password read what they missed in their conversations; nothing else is kept for them."""
        return self._memory.accounts[name].secret is not None or self._memory.keep(name, message)

    def deliver(self, worker, number, name):
        """Hand over what was kept."""
        self._post.worker(worker, "kept", number, name, self._memory.hand_over(name))

    def take_back(self, worker, number, name, messages):
        """Whoever should have had them has left meanwhile."""
        self._memory.take_back(name, messages)

    def history(self, worker, number, name, partner):
        """What two have said to each other, or everybody in the lobby."""
        messages = self._lobby.past() if partner == LOBBY_NAME else self._memory.between(name, partner)
        self._post.worker(worker, "past", number, messages)

    # ---- who is here

    def describe(self, worker, number, name):
        """Only the worker that has the member, who may be named by its alias, knows where it comes from: ask there."""
        holder, asker = self._called(name), _holder(worker, number)
        if holder is None and name in self._holders and name == short(self._members[self._holders[name]]):
            holder = self._holders[name]
        if holder is None:
            self._refuse(asker, Reason.NOBODY)
        else:
            there, whom = _place(holder)
            self._locating[asker] = there
            self._post.worker(there, "locate", whom, asker)

    def located(self, worker, number, asker, name, host, port):
        """The answer, for the one who asked; the name is None if the member has left meanwhile."""
        if name is None:
            self._locate_nobody(asker)
        elif self._locating.pop(asker, None) is not None:
            there, whom = _place(asker)
            self._post.worker(there, "described", whom, name, host, port)

    def _locate_nobody(self, asker):
        if self._locating.pop(asker, None) is not None:
            self._refuse(asker, Reason.NOBODY)

    def who(self, worker, number):
        """Mark the place at which the asking worker answers from its replica."""
        self._post.worker(worker, "who", number)

    def accounts(self, worker, number, pattern):
        """Likewise."""
        self._post.worker(worker, "accounts", number, pattern)

    def news(self, worker, number):
        """Likewise."""
        self._post.worker(worker, "news", number)

    def admit(self, worker):
        """A worker has started: tell it who is here."""
        self._post.worker(worker, "known", list(self._memory.accounts), list(self._members.values()))


def _is_protected(account):
    """Is there such an account, and has it a password?"""
    return account is not None and account.secret is not None


def _holder(worker, number):
    """One small object instead of a pair: there is one for each client."""
    return worker << 32 | number


def _place(holder):
    return holder >> 32, holder & 0xFFFFFFFF
