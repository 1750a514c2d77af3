"""Creates and deletes accounts, and changes passwords. Decided in the order of the entries."""
from typing import Callable, Collection, List, Optional

from parley.server.chat.accounts import MOST_ACCOUNTS, Accounts, Box
from parley.server.chat.claims import Claims
from parley.server.chat.contract import Post
from parley.server.chat.gate import Gate
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.names import claims
from parley.server.ipc.messages import Proven, ToWorker
from parley.server.protocols.events import Reason


class Enrollment:
    """What sessions and operators ask about accounts. The methods handle messages: see `parley.server.ipc.messages`.

    on_close: functions called with the name of a deleted account. on_open: with that of a new one.
    on_protect: with the name of one whose password was changed, and the member who changed it, or 0.
    """

    def __init__(
            self, post: Post, members: Members, accounts: Accounts, claims: Claims, throttle: LoginThrottle,
            gate: Gate) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._claims = claims
        self._login_throttle = throttle
        self._gate = gate
        claims.deciders["open_account"] = self.open_account
        self.on_close: List[Callable[[bytes], None]] = []
        self.on_open: List[Callable[[bytes], None]] = []
        self.on_protect: List[Callable[[bytes, int], None]] = []

    # ---- a new account

    def open_account(
            self, worker: int, session: int, name: bytes, occupied: Collection[bytes], secret: Optional[str],
            unproven: bool, host: str, alive: Optional[int] = None) -> None:
        """Create and SignUp: make an account, for the member of this name or for a session without a name.

        secret: the hashed password, or None if there is none.
        unproven: is there a password that still has to be hashed, if the name is free?
        alive: see `Claims.is_taken`.
        """
        holder = holder_of(worker, session)
        taken = self._claims.is_taken(holder, name, occupied, alive)
        if taken is None:
            claim = Proven.OpenAccount(session, name, occupied, secret, unproven, host)
            self._claims.probe(holder, claim, name, occupied)
            return
        trouble = Reason.NAME_TAKEN if taken else self._why_not(holder, name, host)
        if unproven:
            self._post.prove(holder, trouble)
        elif trouble:
            self._post.refuse(holder, trouble)
        else:
            self._post.change()
            if holder not in self._members:
                self._members.reserve(holder, name, occupied, host)
            self._login_throttle.opened(host, name)
            self._accounts.open(name, occupied, secret, holder)

    def _why_not(self, holder: int, name: bytes, host: str) -> Optional[str]:
        """Why the holder, at `host`, may not make an account of this name, although nobody else has it; or None."""
        trouble = (self._gate.why_no_account(name) or self._gate.why_kept_away(name, host)
                   or self._gate.why_not_come(holder, name))
        if trouble:
            return trouble
        if name in self._accounts.accounts:
            return Reason.NAME_TAKEN
        if len(self._accounts.accounts) >= MOST_ACCOUNTS:
            return Reason.TOO_MANY_ACCOUNTS
        if not self._login_throttle.may_open(host):
            self._post.report(host, name, Reason.TOO_MANY_ACCOUNTS)
            return Reason.TOO_MANY_ACCOUNTS
        return None

    def opened(self, worker: int, asker: int, token: int, name: bytes, stored: Optional[bool]) -> None:
        """The store's answer to a new account."""
        self._post.change()
        occupied = self._accounts.accounts[name].occupied
        self._accounts.settle_opened(name, stored)
        if stored:
            self._post.everyone(ToWorker.AccountOpened(name))
            for follow in self.on_open:
                follow(name)
        else:
            self._login_throttle.closed(name)
        host = self._members.give_back(asker)
        if token:
            self._answer(token, stored)
        elif host is not None:
            trouble = self._gate.why_no_name(name, asker, host) if stored else None  # as it may be banned by now
            if trouble:
                self._post.refuse(asker, trouble)
            elif stored:
                self._claims.grant(asker, name, occupied, host)
            else:
                self._post.refuse(asker, Reason.NOT_STORED)
        elif asker in self._members:  # or it has left meanwhile
            self._post.confirm(asker, stored)

    # ---- another password

    def replace_password(self, worker: int, session: int, name: bytes, serial: int, secret: str) -> None:
        """The member has given the right password, and a new one."""
        holder = holder_of(worker, session)
        if self._accounts.with_serial(name, serial) is None:
            self._post.refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
        else:
            self._post.change()
            self._accounts.protect(name, secret, holder)

    def set_password(self, worker: int, asker: int, token: int, name: bytes, secret: str) -> None:
        """An operator gives the account, which is made if there is none, another password."""
        known = name in self._accounts.accounts
        if self._accounts.is_closing(name):
            self._post.reply(token, "this account is being deleted")
        elif not known and self._gate.is_of_rooms(name):
            self._post.reply(token, "no new name may begin with # or &, or what looks like these")
        elif not known and self._accounts.owners(claims(name)):
            self._post.reply(token, "too much like the name of another account")
        elif known:
            self._post.change()
            self._accounts.protect(name, secret, token=token)
        else:
            self._post.change()
            self._evict_unproven(name)
            self._accounts.open(name, claims(name), secret, token=token)

    def _evict_unproven(self, name: bytes) -> None:
        """End the session of a member whose name gets its first password: it has not proven that it is the owner."""
        holder = self._members.called(name)
        if holder is not None and not self._gate.is_protected(name):
            self._claims.evict(holder, Reason.REPLACED)

    def protected(self, worker: int, asker: int, token: int, name: bytes, serial: int, secret: str,
                  stored: Optional[bool]) -> None:
        """The store's answer to a new password."""
        self._post.change()
        if token and stored and self._accounts.with_serial(name, serial) is not None:
            self._evict_unproven(name)
        self._accounts.settle_protected(name, serial, secret, stored)
        if stored and (token or asker):
            for follow in self.on_protect:
                follow(name, asker)
        if token:
            self._answer(token, stored)
        elif asker in self._members:
            self._post.confirm(asker, stored)

    # ---- the end of an account

    def delete(self, worker: int, session: int, name: bytes) -> None:
        """Delete the member's account, and free its name, once that is stored; if it cannot be, both stay."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        self._post.change()
        if name in self._accounts.accounts:
            self._accounts.close(name, holder)
        else:
            self._dismiss(holder)

    def remove_account(self, worker: int, asker: int, token: int, name: bytes) -> None:
        """An operator deletes an account; a member of its name is disconnected."""
        if name in self._accounts.accounts:
            self._post.change()
            self._accounts.close(name, token=token)
        else:
            self._post.reply(token, "there is no such account")

    def closed(self, worker: int, asker: int, token: int, name: bytes, serial: int, stored: Optional[bool]) -> None:
        """The store's answer to the end of an account."""
        self._post.change()
        gone = self._accounts.settle_closed(name, serial, stored)
        if gone:
            self._login_throttle.closed(name)
            self._post.everyone(ToWorker.AccountClosed(name))
            for follow in self.on_close:
                follow(name)
        if token:
            holder = self._members.called(name) if gone else None
            if holder is not None:
                self._dismiss(holder)
            self._answer(token, stored)
        elif asker in self._members:  # or it has left meanwhile
            if stored:
                self._dismiss(asker)
            else:
                self._post.refuse(asker, Reason.NOT_STORED)

    def _dismiss(self, holder: int) -> None:
        """The account of a member is deleted, and with it the name."""
        worker, session = split(holder)
        self._post.worker(worker, ToWorker.Deleted(session))
        self._claims.release(worker, session)

    # ---- what is kept for it

    def empty_box(self, worker: int, asker: int, token: int, name: bytes) -> None:
        """An operator deletes the messages that are kept for the account."""
        self._accounts.empty(name, token)

    def emptied(self, worker: int, asker: int, token: int, stored: Optional[bool]) -> None:
        """The store's answer to `empty_box`."""
        self._answer(token, stored)

    def boxed(self, worker: int, asker: int, name: bytes, serial: int, found: Optional[Box]) -> None:
        """What the store has found in a box; None if it could not be read."""
        self._post.change()
        self._accounts.settle_boxed(name, serial, found)

    # ---- answers

    def _answer(self, token: int, stored: Optional[bool]) -> None:
        self._post.reply(token, None if stored else "it could not be stored")
