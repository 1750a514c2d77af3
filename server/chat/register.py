"""Who holds which name, and who may: the one authority, in the hub.

Requests come in one order, and what they lead to leaves in the same order. `post` takes it to the workers:
`post.everyone(entry, ...)` and `post.worker(worker, entry, ...)`, where an entry is a method of
`server.chat.replica.Replica` and its arguments.
"""
from parley.server.chat.memory import MOST_ACCOUNTS
from parley.server.chat.names import Occupied, claims
from parley.server.chat.origins import network
from parley.server.ipc.messages import ReadStore, ToStore, ToWorker
from parley.server.protocols.events import Reason

# What is told at once of a box to a client that takes a frame at a time, as it has a moment for each.
FRAMES_OF_PORTION, BYTES_OF_FRAME = 4, 1500


class Register:
    """Names and their holders. A holder is a session: worker number << 32 | session number.

    A name occupies more than itself (`server.chat.names.claims`): no look-alike may be here with it, nor have an
    account beside it, unless both are accounts from before they were known to look alike.

    post: see above; also change(), called before anything changes, as a bug that shows later cannot be undone; and
        guarded(worker, number, then), the callback `then` in a form in which a bug in it costs that session only.
    memory: `server.chat.memory.Memory`. patience: `server.chat.patience.Patience`.
    door: verify(holder, host, name, account, password, then) and hash(holder, host, password, then), which call
        then(trouble, secret) later (see `server.supervisor.door.Door`).
    store: ask(then, request, argument, ...) leads to then(result), later (`server.storage.journal.Journal`).
    numbers: `server.chat.numbers.Numbers`.
    """

    def __init__(self, post, memory, door, patience, store, numbers):
        self._post = post
        self._memory = memory
        self._door = door
        self._patience = patience
        self._store = store
        self._numbers = numbers
        self._aliases = memory.aliases
        self._members = {}  # holder -> name, in login order
        self._held = {}  # name of a member, or reserved -> (holder, what it occupies)
        self._occupied = Occupied()  # by those names
        self._reserved = {}  # holder whose account is being stored -> name
        self._handed = {}  # holder that is being sent what was kept for it -> the last message's id
        self._untold = {}  # holder -> {mark: what Memory.reserve gave} for what is kept unless it is sent
        self._last_mark = 0
        self._locating = {}  # holder that asks where somebody is -> the worker that knows
        self._probing = {}  # holder that wants a name -> (holder that has it and is looked after, what to do then)
        self._guests = 0

    # ---- names

    def claim(self, worker, number, name, occupied, command, password, host):
        """Login, SignIn and Post: give `name` to the session, or say why not."""
        holder, account = _holder(worker, number), self._memory.accounts.get(name)
        if command == "SignIn" and account is None:
            self._refuse(holder, Reason.NO_ACCOUNT)
        elif self._needs_account(name):
            self._refuse(holder, Reason.ACCOUNT_REQUIRED)
        elif _is_protected(account) and password is not None:
            self._verify(holder, account, name, password, host, takes_over=command != "SignIn")
        else:
            self._claim_unprotected(holder, name, occupied, password, account)

    def _needs_account(self, name):
        """May the name not be used as it is?"""
        return not self._memory.guests and name not in self._memory.accounts

    def _claim_unprotected(self, holder, name, occupied, password, account):
        def decide(taken):
            if taken:
                self._refuse(holder, Reason.NAME_TAKEN)
            elif _is_protected(account):
                self._refuse(holder, Reason.PASSWORD_REQUIRED)
            elif password:
                self._refuse(holder, Reason.NO_PASSWORD)
            else:
                self._grant(holder, name, occupied)

        self._look_if_taken(holder, name, occupied, decide)

    def _verify(self, holder, account, name, password, host, takes_over):
        """The right password gives the name, and takes it away from whoever has it, if `takes_over`."""

        def decide(trouble, renewed):
            if trouble:
                self._refuse(holder, trouble)
            elif self._memory.accounts.get(name) is not account:
                self._refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
            else:
                if renewed:
                    self._memory.protect(name, renewed)
                if takes_over:
                    self._evict_namesake(name, holder)
                self._look_if_taken(holder, name, account.occupied, settle)

        def settle(taken):
            if taken:
                self._refuse(holder, Reason.NAME_TAKEN)
            else:
                self._grant(holder, name, account.occupied)

        self._post.change()
        self._door.verify(holder, host, name, account, password, self._post.guarded(*_place(holder), decide))

    def _evict_namesake(self, name, holder):
        """One name has one connection: the older one is told and ended."""
        ghost = self._called(name)
        if ghost is not None and ghost != holder:
            worker, number = _place(ghost)
            self._post.worker(worker, ToWorker.Evict(number, Reason.REPLACED))
            self.release(worker, number)

    # ---- who has a name, and is really there

    def _look_if_taken(self, holder, name, occupied, then):
        """Calls then(taken): has somebody else the name, who is really there?

        Whoever has just closed its connection may have the name still, as its worker has not told of that yet: so the
        worker is asked. What is too much like an account's name is taken in any case.
        """
        self._look_further(holder, name, occupied, then, None)

    def _look_further(self, holder, name, occupied, then, alive):
        rival = self._rival(holder, name, occupied)
        if self._memory.is_closing(name) or self._is_like_an_account(name, occupied):
            then(True)
        elif rival is None or rival == alive:
            then(rival is not None)
        else:
            worker, number = _place(rival)
            self._probing[holder] = rival, lambda alive: self._look_further(holder, name, occupied, then, alive)
            self._post.worker(worker, ToWorker.Probe(number, holder))

    def probed(self, worker, holder, number):
        """A worker has looked after the session `number`; if that was not there any more, it is released by now."""
        if self._probing.get(holder, (None,))[0] == _holder(worker, number):
            self._go_on_looking(holder)

    def _go_on_looking(self, holder):
        rival, go_on = self._probing.pop(holder)
        worker, number = _place(holder)
        self._post.guarded(worker, number, go_on)(rival)

    def _rival(self, holder, name, occupied):
        """Who else has the name, or one that looks alike, as a member or while its account is being stored; or None."""
        if self._held.get(name, (holder,))[0] != holder:
            return self._held[name][0]
        alike = self._occupied.names(occupied) - {self._members.get(holder)}
        return next((self._held[other][0] for other in alike if self._may_not_stand_beside(name, other)), None)

    def _is_like_an_account(self, name, occupied):
        return any(self._may_not_stand_beside(name, owner) for owner in self._memory.owners(occupied))

    def _may_not_stand_beside(self, name, other):
        """Are these two that look alike not accounts both, which may be here together?"""
        return other != name and not (name in self._memory.accounts and other in self._memory.accounts)

    # ---- accounts

    def create(self, worker, number, name, occupied, password, host):
        """Create and SignUp: a new account, for a stranger, or for the member called so; the password may be None."""
        holder = _holder(worker, number)

        def begin(taken):
            trouble = Reason.NAME_TAKEN if taken else self._why_no_account(name, host)
            if trouble or password is None:
                decide(trouble, None)
            else:
                self._post.change()
                self._door.hash(holder, host, password, self._post.guarded(worker, number, decide))

        def decide(trouble, secret):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._look_if_taken(holder, name, occupied, lambda taken: settle(taken, secret))

        def settle(taken, secret):
            trouble = Reason.NAME_TAKEN if taken else self._why_no_account(name, host)
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._open(holder, name, occupied, secret, host)

        self._look_if_taken(holder, name, occupied, begin)

    def _open(self, holder, name, occupied, secret, host):
        def settle(stored):
            self._post.change()
            if stored:
                self._post.everyone(ToWorker.AccountOpened(name))
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

        self._post.change()
        if holder not in self._members:
            self._reserved[holder] = name
            self._hold(holder, name, occupied)
        self._patience.opened(host, name)
        self._memory.open(name, occupied, secret, self._post.guarded(*_place(holder), settle))

    def _why_no_account(self, name, host):
        if not self._memory.register:
            return Reason.REGISTRATION_CLOSED
        if name in self._memory.accounts:
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
                self._post.change()
                self._door.hash(holder, host, new, self._post.guarded(worker, number, replace))

        def replace(trouble, secret):
            if trouble:
                self._refuse(holder, trouble)
            elif self._memory.accounts.get(name) is not account:
                self._refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
            else:
                self._post.change()
                self._memory.protect(name, secret, self._post.guarded(
                    worker, number, lambda stored: self._settle(holder, stored)))

        if _is_protected(account):
            self._post.change()
            self._door.verify(holder, host, name, account, old, self._post.guarded(worker, number, verified))
        else:
            self._refuse(holder, Reason.NO_PASSWORD)

    # ---- who comes and goes

    def claim_guest(self, worker, number):
        """Give a free `guest-N` to the session, if names without an account may be used."""
        if not self._memory.guests:
            self._refuse(_holder(worker, number), Reason.ACCOUNT_REQUIRED)
            return
        while True:
            self._guests += 1
            name = b"guest-%d" % self._guests
            holder, occupied = _holder(worker, number), claims(name)
            if (name not in self._memory.accounts and self._rival(holder, name, occupied) is None
                    and not self._is_like_an_account(name, occupied)):
                self._grant(holder, name, occupied)
                return

    def _grant(self, holder, name, occupied):
        self._post.change()
        self._members[holder] = name
        self._hold(holder, name, occupied)
        self._memory.use(name)
        self._post.everyone(ToWorker.Joined(*_place(holder), *self._introduction(name)))

    def rename(self, worker, number, name, occupied):
        """Give the member another name, at one moment for everybody."""
        holder = _holder(worker, number)

        def decide(taken):
            if taken:
                self._refuse(holder, Reason.NAME_TAKEN)
            elif _is_protected(self._memory.accounts.get(name)):
                self._refuse(holder, Reason.PASSWORD_REQUIRED)
            elif holder in self._members:  # or its name was taken over meanwhile
                self._post.change()
                old = self._members[holder]
                self._handed.pop(holder, None)
                self._vacate(old)
                self._members[holder] = name
                self._hold(holder, name, occupied)
                self._memory.use(name)
                self._post.everyone(ToWorker.Renamed(worker, number, old, *self._introduction(name)))

        if self._needs_account(name):
            self._refuse(holder, Reason.ACCOUNT_REQUIRED)
        else:
            self._look_if_taken(holder, name, occupied, decide)

    def release(self, worker, number):
        """The session is gone; if it held a name, that is free now."""
        holder = _holder(worker, number)
        self._post.change()
        self._door.leave(holder)
        self._probing.pop(holder, None)
        self._locating.pop(holder, None)
        self._handed.pop(holder, None)
        for missed in self._untold.pop(holder, {}).values():
            self._memory.keep_missed(missed)
        reserved, name = self._reserved.pop(holder, None), self._members.pop(holder, None)
        if reserved is not None:
            self._vacate(reserved)
        if name is not None:
            self._vacate(name)
            self._post.everyone(ToWorker.Left(name))

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

        if holder not in self._members:
            return  # its name was taken over meanwhile
        if name in self._memory.accounts:
            self._close(name, self._post.guarded(worker, number, settle))
        else:
            settle(True, False)

    def _close(self, name, then):
        def settle(stored, gone):
            self._post.change()
            if gone:
                self._patience.closed(name)
                self._post.everyone(ToWorker.AccountClosed(name))
            then(stored, gone)

        self._post.change()
        self._memory.close(name, settle)

    def _dismiss(self, holder):
        """The account of a member is deleted, and with it the name."""
        worker, number = _place(holder)
        self._post.worker(worker, ToWorker.Deleted(number))
        self.release(worker, number)

    def lose(self, worker):
        """A worker died, and its clients with it."""
        for holder in (*self._members, *self._door.holders(), *self._reserved, *self._probing):
            if _place(holder)[0] == worker:
                self.release(*_place(holder))
        for holder in [holder for holder, target in self._locating.items() if target == worker]:
            self._locate_nobody(holder)
        for holder in [holder for holder, (rival, _) in self._probing.items() if _place(rival)[0] == worker]:
            self._go_on_looking(holder)

    def set_password(self, name, secret, reply):
        """The operator's word: whoever has the name from now on needs this password. Replies once it is stored."""

        def tell(stored):
            if stored and not known:
                self._post.everyone(ToWorker.AccountOpened(name))
            reply({"done": True} if stored else {"error": "it could not be stored"})

        known = name in self._memory.accounts
        if self._memory.is_closing(name):
            reply({"error": "this account is being deleted"})
            return
        if not known and self._memory.owners(claims(name)):
            reply({"error": "too much like the name of another account"})
            return
        self._post.change()
        if known:
            self._memory.protect(name, secret, tell)
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

    def _hold(self, holder, name, occupied):
        self._held[name] = holder, occupied
        self._occupied.add(name, occupied)
        self._aliases.hold(name)

    def _vacate(self, name):
        _, occupied = self._held.pop(name)
        self._occupied.remove(name, occupied)
        self._aliases.free(name)

    def _introduction(self, name):
        """A member as the workers are told: its name; its alias, if it has one; how many messages it has missed."""
        alias, account = self._aliases.of([name]).get(name), self._memory.accounts.get(name)
        kept = account.kept if account else 0
        return (name, alias, kept) if kept else (name, alias) if alias else (name,)

    def _called(self, name):
        """The holder of exactly this name, or None."""
        holder, _ = self._held.get(name, (None, None))
        return holder if holder in self._members else None

    def _settle(self, holder, stored):
        """What was asked is done if it is stored."""
        if stored:
            worker, number = _place(holder)
            self._post.worker(worker, ToWorker.Confirmed(number))
        else:
            self._refuse(holder, Reason.NOT_STORED)

    def _refuse(self, holder, reason):
        worker, number = _place(holder)
        self._post.worker(worker, ToWorker.Refused(number, reason))

    # ---- messages

    def whisper(self, worker, number, sender, to, text, time, host):
        """Deliver to the one called exactly `to`, or keep it if that is an account whose owner is away."""

        answer = self._post.guarded(worker, number, lambda stored: self._settle(_holder(worker, number), stored))
        holder, account, source = self._called(to), self._memory.accounts.get(to), network(host)
        reason = None if holder is not None else self._why_not_kept(to, account, sender, text, source)
        place = self._numbers.take() if reason is None else None
        if place is None:
            self._refuse(_holder(worker, number), reason or Reason.NOT_STORED)
        elif holder is None:
            self._memory.keep(to, sender, text, source, *place, answer)
        else:
            to_worker, to_number = _place(holder)
            message, now = place
            told = now // 1000 if time is None else time
            self._post.worker(to_worker, ToWorker.Whispered(to_number, sender, text, told, message))
            if account is not None:
                self._mark(holder, to, sender, text, source, now)
            self._store.ask(answer, ToStore.Whisper(message, now, sender, to, text, False, source))

    def _mark(self, holder, to, sender, text, source, now):
        """What somebody here is being told has its room in the box until the worker says that it has been sent."""
        held = self._memory.reserve(to, sender, text, source, now)
        if held is not None:
            self._last_mark += 1
            self._untold.setdefault(holder, {})[self._last_mark] = held
            self._post.worker(_place(holder)[0], ToWorker.Mark(_place(holder)[1], self._last_mark))

    def _why_not_kept(self, to, account, sender, text, source):
        """Why a message for somebody who is not here cannot be kept; None if it can."""
        if account is None or account.closing:
            return Reason.NOBODY
        self._memory.tidy(to)
        return None if self._memory.has_room(to, sender, text, source) else Reason.BOX_FULL

    def told(self, worker, number, mark):
        """The member has been sent what was said to it alone in front of this mark."""
        holder = _holder(worker, number)
        marks = self._untold.get(holder, {})
        if mark in marks:
            self._memory.forgo(marks.pop(mark))
            if not marks:
                del self._untold[holder]

    def deliver(self, worker, numbers, name, in_portions):
        """Hand over what is kept, to the same member only once; it is kept on until it has been sent (`taken`).

        in_portions: to a client that takes a frame at a time, and loses what comes in a flood.
        """
        holder = _holder(worker, numbers[0])
        handed = self._handed.get(holder, 0)  # as of now: by the time of the answer that may have been taken

        def hand_over(kept):
            left = [message for message in kept if message[0] > handed]
            messages = _portion(left) if in_portions else left
            if messages and holder in self._members:
                self._handed[holder] = messages[-1][0]
            self._post.worker(worker, ToWorker.Kept(numbers, name, messages, len(messages) < len(left)))

        self._memory.tidy(name)
        self._look_up(worker, numbers, hand_over, ReadStore.Kept(name))

    def taken(self, worker, number, name, last):
        """The member has been sent what was kept up to the id `last`."""
        if self._handed.get(_holder(worker, number)) == last:
            del self._handed[_holder(worker, number)]
        self._memory.taken(name, last)

    def unread(self, worker, numbers, name):
        """From whom something is kept for a member, and how much."""

        def tell(counts):
            self._post.worker(worker, ToWorker.Unread(numbers, counts or []))  # what cannot be read cannot be marked

        self._store.ask(self._post.guarded(worker, numbers, tell), ReadStore.Unread(name))

    def read(self, worker, number, name, partner, last):
        """The member has been told, with its conversation, what was kept from the partner up to the id `last`."""
        self._memory.taken(name, last, partner)

    def history(self, worker, numbers, name, partner):
        """What two have said to each other."""

        def tell(found):
            self._post.worker(worker, ToWorker.Past(numbers, name, partner, *found))

        self._look_up(worker, numbers, tell, ReadStore.Past(name, partner))

    def recall(self, worker, numbers, since, most):
        """What was said in the lobby after the message of number `since`, or lately."""

        def tell(found):
            messages, last, more = found
            self._post.worker(worker, ToWorker.Recalled(numbers, messages, max(last, since or 0), more))

        if since is not None and since > self._numbers.last:
            self._refuse_all(worker, numbers, Reason.NO_SUCH_NUMBER)
            return
        self._look_up(worker, numbers, tell, ReadStore.Lobby(since, most))

    def _look_up(self, worker, numbers, tell, request):
        """Ask the store, and tell the sessions what it finds."""

        def answer(found):
            if found is None:
                self._refuse_all(worker, numbers, Reason.NOT_STORED)
            else:
                tell(found)

        self._store.ask(self._post.guarded(worker, numbers, answer), request)

    def _refuse_all(self, worker, numbers, reason):
        for number in numbers:
            self._post.worker(worker, ToWorker.Refused(number, reason))

    # ---- who is here

    def describe(self, worker, number, name):
        """Only the worker that has the member, who may be named by its alias, knows where it comes from: ask there."""
        holder, asker = self._called(self._aliases.name(name) or name), _holder(worker, number)
        if holder is None:
            self._refuse(asker, Reason.NOBODY)
        else:
            there, whom = _place(holder)
            self._locating[asker] = there
            self._post.worker(there, ToWorker.Locate(whom, asker))

    def located(self, worker, asker, name, host, port):
        """The answer, for the one who asked; the name is None if the member has left meanwhile."""
        if name is None:
            self._locate_nobody(asker)
        elif self._locating.pop(asker, None) is not None:
            there, whom = _place(asker)
            self._post.worker(there, ToWorker.Described(whom, name, host, port))

    def _locate_nobody(self, asker):
        if self._locating.pop(asker, None) is not None:
            self._refuse(asker, Reason.NOBODY)

    def who(self, worker, numbers):
        """Mark the place at which the asking worker answers from its replica."""
        self._post.worker(worker, ToWorker.Who(numbers))

    def accounts(self, worker, numbers, pattern):
        """Likewise."""
        self._post.worker(worker, ToWorker.Accounts(numbers, pattern))

    def news(self, worker, numbers):
        """Likewise."""
        self._post.worker(worker, ToWorker.News(numbers))

    def count(self):
        """How many names are in use, and how many accounts there are."""
        return {"names": len(self._members), "accounts": len(self._memory.accounts)}

    def admit(self, worker):
        """A worker has started: tell it who is here."""
        present = list(self._members.values())
        self._post.worker(worker, ToWorker.Known(list(self._memory.accounts), present, self._aliases.of(present)))


def _is_protected(account):
    """Is there such an account, and has it a password?"""
    return account is not None and account.secret is not None


def _portion(messages):
    """The first of these messages, as many as a client can take that takes a frame at a time."""
    most, left = 0, FRAMES_OF_PORTION
    for _, _, text, _ in messages:
        left -= 1 + len(text) // BYTES_OF_FRAME
        if left < 0 and most:
            break
        most += 1
    return messages[:most]


def _holder(worker, number):
    """One small object instead of a pair: there is one for each client."""
    return worker << 32 | number


def _place(holder):
    return holder >> 32, holder & 0xFFFFFFFF
