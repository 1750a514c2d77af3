"""Decides who gets which name, in the order of the entries and by nothing else (see `server.order.at_hand`)."""
from typing import Callable, Collection, Dict, List, Optional, Tuple, Union

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.names import claims
from parley.server.ipc.messages import Proven, ToHub, ToWorker, name_of
from parley.server.protocols.events import Reason

Claim = Union[ToHub.ClaimUnproven, Proven.ClaimName, Proven.OpenAccount, ToHub.Rename, ToHub.Resume]


class Claims:
    """Claims of names, and their end. The methods handle messages: see `parley.server.ipc.messages`.

    A client that has just closed its connection may still hold its name, as its worker has not reported that yet. So
    before a claim is refused because the name is taken, the worker of the holder checks whether the client is still
    connected; then the claim is decided again. A name that looks like an account's counts as taken in any case.

    deciders: {name of a message: the method that decides it}, for claims that may be decided again.
    on_grant: functions called with a holder that gets its first name. on_release: with one that is gone.
    on_rename: with a holder, its old name and its new one.
    """

    def __init__(self, post: Post, members: Members, accounts: Accounts, gate: Gate) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._gate = gate
        # Holder that wants a name -> (holder that is being checked, worker that asks, claim).
        self._probing: Dict[int, Tuple[int, int, Claim]] = {}
        self._guests = 0
        self.deciders: Dict[str, Callable[..., None]] = {
            "claim_unproven": self.claim_unproven, "claim_name": self.claim_name, "rename": self.rename}
        self.on_grant: List[Callable[[int], None]] = []
        self.on_release: List[Callable[[int], None]] = []
        self.on_rename: List[Callable[[int, bytes, bytes], None]] = []

    def claim_unproven(
            self, worker: int, session: int, name: bytes, occupied: Collection[bytes], command: str,
            given: bool = False, host: str = "", alive: Optional[int] = None) -> None:
        """Login, SignIn and Post without a verified password: give the name to the session, or say why not.

        alive: the holder of the name, if its worker has just confirmed that it is connected.
        """
        holder = holder_of(worker, session)
        no_account = command == "SignIn" and name not in self._accounts.accounts
        trouble = Reason.NO_ACCOUNT if no_account else self._gate.why_no_name(name, holder, host)
        if trouble:
            self._post.refuse(holder, trouble)
        else:
            owns = self._members.identities.get(holder) == name
            if owns:
                self._evict_namesake(name, holder)
            taken = self.is_taken(holder, name, occupied, alive)
            if taken is None:
                self.probe(
                    holder, ToHub.ClaimUnproven(session, name, occupied, command, given, host), name, occupied)
                return
            trouble = Reason.NAME_TAKEN if taken else None if owns else self._why_not(name, given)
            if trouble:
                self._post.refuse(holder, trouble)
            else:
                self.grant(holder, name, occupied, host)

    def _why_not(self, name: bytes, given: bool) -> Optional[str]:
        """Why the name is refused to somebody without a verified password. given: was there a password?"""
        if self._gate.is_protected(name):
            return Reason.PASSWORD_REQUIRED
        return Reason.NO_PASSWORD if given else None

    def claim_name(self, worker: int, session: int, name: bytes, command: str, serial: int,
                   renewed: Optional[str], host: str = "", alive: Optional[int] = None) -> None:
        """A claim with the right password. Except by SignIn, it takes the name over from its present holder."""
        holder, account = holder_of(worker, session), self._accounts.with_serial(name, serial)
        if account is None:
            self._post.refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
            return
        trouble = self._gate.why_no_name(name, holder, host)
        if trouble:
            self._post.refuse(holder, trouble)
            return
        self._post.change()
        if renewed:
            self._accounts.protect(name, renewed)
        if command != "SignIn":
            self._evict_namesake(name, holder)
        taken = self.is_taken(holder, name, account.occupied, alive)
        if taken is None:
            claim = Proven.ClaimName(session, name, command, serial, None, host)
            self.probe(holder, claim, name, account.occupied)
        elif taken:
            self._post.refuse(holder, Reason.NAME_TAKEN)
        else:
            self.grant(holder, name, account.occupied, host)

    def _evict_namesake(self, name: bytes, holder: int) -> None:
        """End an older connection that has the name, as a name has one connection. Its client is told why."""
        ghost = self._members.called(name)
        if ghost is not None and ghost != holder:
            self.evict(ghost, Reason.REPLACED)

    def evict(self, holder: int, reason: str) -> None:
        """End a session for this reason, and free its name."""
        worker, session = split(holder)
        self._post.worker(worker, ToWorker.Evict(session, reason))
        self.release(worker, session, reason.encode())

    def claim_guest(self, worker: int, session: int, host: str = "") -> None:
        """Give a free `guest-N` to the session."""
        holder = holder_of(worker, session)
        while True:
            self._guests += 1
            name = b"guest-%d" % self._guests
            occupied = claims(name)
            if (name not in self._accounts.accounts and self._members.rival(holder, name, occupied) is None
                    and not self._members.is_like_an_account(name, occupied)):
                break
        trouble = self._gate.why_no_name(name, holder, host)
        if trouble:
            self._post.refuse(holder, trouble)
        else:
            self.grant(holder, name, occupied, host)

    def grant(self, holder: int, name: bytes, occupied: Collection[bytes], host: str) -> None:
        """Make the holder a member with this name, if the gate allows it, and tell everybody."""
        worker, session = split(holder)
        self._post.change()
        self._probing.pop(holder, None)
        self._members.enter(holder, name, occupied, host)
        self._accounts.use(name)
        for follow in self.on_grant:
            follow(holder)
        account = self._accounts.accounts.get(name)
        self._post.everyone(ToWorker.Joined(
            worker, session, *self._members.introduction(name), self._gate.is_in_lobby(holder),
            account is not None and account.secret is not None))

    def rename(self, worker: int, session: int, name: bytes, occupied: Collection[bytes],
               alive: Optional[int] = None) -> None:
        """Give the member another name, at one place in the order for everybody."""
        holder = holder_of(worker, session)
        trouble = self._gate.why_no_other_name(name, holder)
        if trouble:
            self._post.refuse(holder, trouble)
            return
        taken = self.is_taken(holder, name, occupied, alive)
        if taken is None:
            self.probe(holder, ToHub.Rename(session, name, occupied), name, occupied)
        elif taken:
            self._post.refuse(holder, Reason.NAME_TAKEN)
        elif self._members.identities.get(holder) != name and self._gate.is_protected(name):
            self._post.refuse(holder, Reason.PASSWORD_REQUIRED)
        elif holder in self._members:  # or its name was taken over meanwhile
            self._post.change()
            old = self._members.rename(holder, name, occupied)
            self._accounts.use(name)
            for follow in self.on_rename:
                follow(holder, old, name)
            account = self._accounts.accounts.get(name)
            self._post.everyone(ToWorker.Renamed(
                worker, session, old, *self._members.introduction(name), self._gate.is_in_lobby(holder),
                account is not None and account.secret is not None))

    def release(self, worker: int, session: int, why: bytes = b"") -> None:
        """The session is gone; if it held a name, that is free now."""
        holder = holder_of(worker, session)
        if why and holder in self._members:
            self._members.last_words[holder] = why
        self._post.change()
        self._probing.pop(holder, None)
        in_lobby = self._gate.is_in_lobby(holder)
        for forget in self.on_release:
            forget(holder)
        self._members.give_back(holder)
        name = self._members.leave(holder)
        if name is not None:
            self._post.everyone(ToWorker.Left(name, in_lobby, why))

    # ---- who has a name, and is really there

    def is_taken(self, holder: int, name: bytes, occupied: Collection[bytes], alive: Optional[int]) -> Optional[bool]:
        """Does another connected client hold the name, or one that looks like it? None if that needs a `probe`.

        alive: the holder whose worker has just confirmed that it is connected, or None.
        """
        if self._accounts.is_closing(name) or self._members.is_like_an_account(name, occupied):
            return True
        rival = self._members.rival(holder, name, occupied)
        if rival is None:
            return False
        return True if rival == alive else None

    def probe(self, holder: int, claim: Claim, name: bytes, occupied: Collection[bytes]) -> None:
        """Have the worker of the name's present holder check its connection; then the claim is decided again.

        claim: the message that is being decided.
        """
        rival = self._members.rival(holder, name, occupied)
        if rival is not None:  # as `is_taken` has found
            self.check(rival, holder, claim)

    def check(self, checked: int, holder: int, claim: Claim) -> None:
        """Have a worker check whether a client is connected; then the claim of the holder is decided again."""
        self._probing[holder] = checked, split(holder)[0], claim
        self._post.worker(split(checked)[0], ToWorker.Probe(split(checked)[1], holder))

    def probed(self, worker: int, asker: int, session: int) -> None:
        """A worker has checked the session; if its client was gone, the session is released by now."""
        rival, _, _ = self._probing.get(asker, (None, None, None))
        if rival == holder_of(worker, session):
            self._decide_again(asker)

    def _decide_again(self, asker: int) -> None:
        rival, worker, claim = self._probing.pop(asker)
        self.deciders[name_of(claim)](worker, *claim, alive=rival)

    def lose(self, worker: int) -> None:
        """A worker died, and its clients with it."""
        for holder in (*self._members.of_worker(worker), *self._probing):
            if split(holder)[0] == worker:
                self.release(*split(holder))
        for asker in [asker for asker, (rival, _, _) in self._probing.items() if split(rival)[0] == worker]:
            self._decide_again(asker)
