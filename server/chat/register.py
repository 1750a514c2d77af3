"""Who holds which name, and who may: the one authority, in the hub.

Requests come in one order, and what they lead to leaves in the same order. `post` takes it to the workers:
`post.everyone(entry, ...)` and `post.worker(worker, entry, ...)`, where an entry is a method of
`server.chat.replica.Replica` and its arguments.
"""
from server.chat.memory import MOST_ACCOUNTS
from server.chat.names import claims
from server.chat.origins import network
from server.protocols.aliases import short
from server.protocols.events import Reason


class Register:
    """Names and their holders. A holder is a session: worker number << 32 | session number.

    A name occupies more than itself (`server.chat.names.claims`): no look-alike may be here with it, nor have an
    account beside it.

    post: see above. memory: `server.chat.memory.Memory`. patience: `server.chat.patience.Patience`.
    door: verify(holder, host, name, account, password, then) and hash(holder, host, password, then), which call
        then(trouble, secret) later (see `server.supervisor.door.Door`).
    store: ask(then, request, argument, ...) leads to then(result), later (`server.storage.journal.Journal`).
    clock: seconds since the epoch.
    """

    def __init__(self, post, memory, door, patience, store, clock):
        self._post = post
        self._memory = memory
        self._door = door
        self._patience = patience
        self._store = store
        self._clock = clock
        self._members = {}  # holder -> name, in login order
        self._holders = {}  # what a member's name occupies -> holder
        self._reserved = {}  # holder whose account is being stored -> name
        self._handed = {}  # holder that is being sent what was kept for it -> the last message's id
        self._untold = {}  # holder -> {mark: arguments of Memory.keep_missed} for what is kept unless it is sent
        self._last_mark = 0
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
        """By a member other than `holder`, or, if it only looks alike or is being deleted, by an account."""
        return (any(self._holders.get(key, holder) != holder for key in occupied)
                or bool(self._memory.owners(occupied) - {name}) or self._memory.is_closing(name))

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
            if holder not in self._members:
                self._reserved[holder] = name
                self._holders.update(dict.fromkeys(occupied, holder))
            self._patience.opened(host, name)
            self._memory.open(name, occupied, secret, settle)

        def settle(stored):
            if stored:
                self._post.everyone("opened", name)
            else:
                self._patience.closed(name)
            is_new = self._reserved.pop(holder, None) is not None
            if is_new:
                self._vacate(name)
            if not is_new and holder not in self._members:
                return  # it has left meanwhile
            if stored and is_new:
                self._grant(holder, name, occupied)
            else:
                self._settle(holder, stored)

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
            elif self._memory.accounts.get(name) is not account:
                self._refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
            else:
                self._memory.protect(name, secret, lambda stored: self._settle(holder, stored))

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
        self._memory.use(name)
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
            self._memory.use(name)
            self._post.everyone("renamed", worker, number, old, name)

    def release(self, worker, number):
        """The session is gone; if it held a name, that is free now."""
        holder = _holder(worker, number)
        self._door.leave(holder)
        self._locating.pop(holder, None)
        self._handed.pop(holder, None)
        for missed in self._untold.pop(holder, {}).values():
            self._memory.keep_missed(*missed)
        reserved, name = self._reserved.pop(holder, None), self._members.pop(holder, None)
        if reserved is not None:
            self._vacate(reserved)
        if name is not None:
            self._vacate(name)
            self._post.everyone("left", name)

    def delete(self, worker, number, name):
        """The member's account is gone, and its name free, once that is stored; if it cannot be, both stay."""
        holder = _holder(worker, number)

        def settle(stored, gone):
            if holder not in self._members:
                return  # it has left meanwhile
            if stored:
                self._dismiss(holder)
            else:
                self._refuse(holder, Reason.NOT_STORED)

        if name in self._memory.accounts:
            self._close(name, settle)
        else:
            settle(True, False)

    def _close(self, name, then):
        def settle(stored, gone):
            if gone:
                self._patience.closed(name)
                self._post.everyone("closed", name)
            then(stored, gone)

        self._memory.close(name, settle)

    def _dismiss(self, holder):
        """The account of a member is deleted, and with it the name."""
        worker, number = _place(holder)
        self._post.worker(worker, "deleted", number)
        self.release(worker, number)

    def lose(self, worker):
        """A worker died, and its clients with it."""
        for holder in (*self._members, *self._door.holders(), *self._reserved):
            if _place(holder)[0] == worker:
                self.release(*_place(holder))
        for holder in [holder for holder, target in self._locating.items() if target == worker]:
            self._locate_nobody(holder)

    def set_password(self, name, secret, reply):
        """The operator's word: whoever has the name from now on needs this password. Replies once it is stored."""

        def tell(stored):
            if stored and not known:
                self._post.everyone("opened", name)
            reply({"done": True} if stored else {"error": "it could not be stored"})

        known = name in self._memory.accounts
        if self._memory.is_closing(name):
            reply({"error": "this account is being deleted"})
        elif known:
            self._memory.protect(name, secret, tell)
        elif self._memory.owners(claims(name)):
            reply({"error": "too much like the name of another account"})
        else:
            self._memory.open(name, claims(name), secret, tell)

    def remove(self, name, then):
        """The operator's word: an account is deleted, and whoever is here under its name sent away; then(stored)."""

        def settle(stored, gone):
            holder = self._called(name) if gone else None
            if holder is not None:
                self._dismiss(holder)
            then(stored)

        self._close(name, settle)

    def _vacate(self, name):
        for key in claims(name):
            del self._holders[key]

    def _called(self, name):
        """The holder of exactly this name, or None."""
        for key in claims(name):
            holder = self._holders.get(key)
            if holder is not None and self._members.get(holder) == name:
                return holder
        return None

    def _settle(self, holder, stored):
        """What was asked is done if it is stored."""
        if stored:
            worker, number = _place(holder)
            self._post.worker(worker, "confirmed", number)
        else:
            self._refuse(holder, Reason.NOT_STORED)

    def _refuse(self, holder, reason):
        worker, number = _place(holder)
        self._post.worker(worker, "refused", number, reason)

    # ---- messages

    def whisper(self, worker, number, sender, to, text, time, host):
        """Deliver to the one called exactly `to`, or keep it if that is an account whose owner is away."""

        def answer(stored):
            self._settle(_holder(worker, number), stored)

        holder, account, source = self._called(to), self._memory.accounts.get(to), network(host)
        if holder is not None:
            to_worker, to_number = _place(holder)
            time = int(self._clock()) if time is None else time
            self._post.worker(to_worker, "whispered", to_number, sender, text, time)
            if account is not None and account.secret is None:
                self._mark(holder, to, sender, text, source)
            self._store.ask(answer, "whisper", sender, to, text, False, source)
        elif account is None or account.closing:
            self._refuse(_holder(worker, number), Reason.NOBODY)
        elif account.secret is not None:  # its owner reads in its conversations what it has missed
            self._store.ask(answer, "whisper", sender, to, text, False, source)
        else:
            self._keep(to, sender, text, source, _holder(worker, number), answer)

    def _mark(self, holder, to, sender, text, source):
        """What somebody here is being told has its room in the box until the worker says that it has been sent."""
        account = self._memory.reserve(to, sender, text, source)
        if account is not None:
            self._last_mark += 1
            self._untold.setdefault(holder, {})[self._last_mark] = to, account, sender, text, source
            self._post.worker(_place(holder)[0], "mark", _place(holder)[1], self._last_mark)

    def _keep(self, to, sender, text, source, holder, answer):
        self._memory.tidy(to)
        if self._memory.has_room(to, sender, text, source):
            self._memory.keep(to, sender, text, source, answer)
        else:
            self._refuse(holder, Reason.BOX_FULL)

    def told(self, worker, number, mark):
        """The member has been sent what was said to it alone in front of this mark."""
        holder = _holder(worker, number)
        marks = self._untold.get(holder, {})
        if mark in marks:
            self._memory.forgo(*marks.pop(mark))
            if not marks:
                del self._untold[holder]

    def deliver(self, worker, number, name):
        """Hand over what is kept, to the same member only once; it is kept on until it has been sent (`taken`)."""
        holder = _holder(worker, number)
        handed = self._handed.get(holder, 0)  # as of now: by the time of the answer that may have been taken

        def hand_over(kept):
            messages = [message for message in kept if message[0] > handed]
            if messages and holder in self._members:
                self._handed[holder] = messages[-1][0]
            self._post.worker(worker, "kept", number, name, messages)

        self._memory.tidy(name)
        self._look_up(worker, number, hand_over, "kept", name)

    def taken(self, worker, number, name, last):
        """The member has been sent what was kept up to the id `last`."""
        if self._handed.get(_holder(worker, number)) == last:
            del self._handed[_holder(worker, number)]
        self._memory.taken(name, last)

    def history(self, worker, number, name, partner):
        """What two have said to each other."""

        def tell(messages):
            self._post.worker(worker, "past", number, messages)

        self._look_up(worker, number, tell, "conversation", name, partner)

    def recall(self, worker, number, since, most):
        """What was said in the lobby after the message of number `since`, or lately."""

        def tell(found):
            messages, last, more = found
            if since is not None and since > last:
                self._refuse(_holder(worker, number), Reason.NO_SUCH_NUMBER)
            else:
                self._post.worker(worker, "recalled", number, messages, last, more)

        self._look_up(worker, number, tell, "lobby", since, most)

    def _look_up(self, worker, number, tell, request, *arguments):
        """Ask the store, and tell what it finds."""
        self._store.ask(
            lambda found: self._refuse(_holder(worker, number), Reason.NOT_STORED) if found is None else tell(found),
            request, *arguments)

    # ---- who is here

    def describe(self, worker, number, name):
        """Only the worker that has the member, who may be named by its alias, knows where it comes from: ask there."""
        holder, asker = self._called(name), _holder(worker, number)
        alias_of = self._holders.get(name)
        if holder is None and alias_of in self._members and name == short(self._members[alias_of]):
            holder = alias_of
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

    def count(self):
        """How many names are in use, and how many accounts there are."""
        return {"names": len(self._members), "accounts": len(self._memory.accounts)}

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
