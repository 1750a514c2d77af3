"""Checks passwords before the requests that contain them get a place in the order; passwords never enter it."""
from typing import Any, Callable, Collection, Dict, Optional, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Looked, Passwords, Post
from parley.server.chat.members import holder_of, split
from parley.server.ipc.messages import Message, Proven, ToHub, ToWorker, entry
from parley.server.protocols.events import Reason


class Prover:
    """The requests that may come with a password. The methods handle messages."""

    def __init__(self, post: Post, accounts: Accounts, door: Passwords) -> None:
        self._post = post
        self._accounts = accounts
        self._door = door
        # Holder -> (request, password), until it is known whether the name is free.
        self._unproven: Dict[int, Tuple[Proven.OpenAccount, bytes]] = {}

    def claim(self, worker: int, session: int, name: bytes, occupied: Collection[bytes], command: str,
              password: bytes, host: str) -> None:
        """Login, SignIn and Post with a password."""
        holder, account = holder_of(worker, session), self._accounts.accounts.get(name)
        if account is None or account.secret is None:
            self._submit(worker, ToHub.ClaimUnproven(session, name, occupied, command, bool(password), host))
            return
        serial = account.serial
        self._post.change()
        self._door.verify(holder, host, name, account, password, self._then_submit(
            holder, lambda renewed: Proven.ClaimName(session, name, command, serial, renewed, host)))

    def create(self, worker: int, session: int, name: bytes, occupied: Collection[bytes],
               password: Optional[bytes], host: str) -> None:
        """Create and SignUp; the password may be None."""
        holder, request = holder_of(worker, session), Proven.OpenAccount(
            session, name, occupied, None, password is not None, host)
        if password is not None:
            self._unproven[holder] = request, password
        self._submit(worker, request)

    def prove(self, holder: int, trouble: Optional[str]) -> None:
        """Hash the password of an account whose name is free; if `trouble` is a Reason, refuse it instead."""
        if holder not in self._unproven:
            return
        request, password = self._unproven.pop(holder)
        if trouble:
            self._post.refuse(holder, trouble)
        else:
            self._post.change()
            self._door.hash(holder, request.host, password, self._then_submit(
                holder, lambda secret: request._replace(secret=secret, unproven=False)))

    def change_password(
            self, worker: int, session: int, name: bytes, old: bytes, new: bytes, host: str) -> None:
        """Give the member's account another password, if the old one is right."""
        holder, account = holder_of(worker, session), self._accounts.accounts.get(name)
        if account is None or account.secret is None:
            self._post.refuse(holder, Reason.NO_PASSWORD)
            return
        serial = account.serial

        def verified(trouble: Optional[str], renewed: Optional[str]) -> None:
            if trouble:
                self._post.refuse(holder, trouble)
            else:
                self._post.change()
                self._door.hash(holder, host, new, self._then_submit(
                    holder, lambda secret: Proven.ReplacePassword(session, name, serial, secret)))

        self._post.change()
        self._door.verify(holder, host, name, account, old, self._post.guarded(worker, session, verified))

    def identify(self, worker: int, session: int, name: bytes, password: bytes, as_operator: bool, host: str) -> None:
        """Let the session prove that an account is its own, or that it may act as an operator."""
        holder, account = holder_of(worker, session), self._accounts.accounts.get(name)
        if account is None or account.secret is None:
            self._post.refuse(holder, Reason.NO_ACCOUNT if account is None else Reason.NO_PASSWORD)
            return
        serial = account.serial
        self._post.change()
        self._door.verify(holder, host, name, account, password, self._then_submit(
            holder, lambda renewed: Proven.Identified(session, name, serial, renewed, as_operator)))

    def scram_begin(self, worker: int, session: int, name: bytes) -> None:
        """Tell the session with which salt and how many rounds it can prove that the account is its own."""
        account = self._accounts.accounts.get(name)
        found = None if account is None or account.secret is None else self._door.scram(account)
        if found is None:
            self._post.refuse(holder_of(worker, session), Reason.NO_ACCOUNT if account is None else Reason.UNVERIFIABLE)
        else:
            self._post.worker(worker, ToWorker.ScramTold(session, *found))

    def scram_finish(self, worker: int, session: int, name: bytes, message: bytes, proof: bytes, host: str) -> None:
        """Let the session prove it."""
        holder, account = holder_of(worker, session), self._accounts.accounts.get(name)
        if account is None or account.secret is None or self._door.scram(account) is None:
            self._post.refuse(holder, Reason.UNVERIFIABLE)
            return
        serial = account.serial
        self._post.change()
        self._door.verify_proof(holder, host, name, account, message, proof, self._then_submit(
            holder, lambda signature: Proven.Identified(session, name, serial, None, False, signature)))

    def forget(self, holder: int) -> None:
        """The session is gone."""
        self._door.leave(holder)
        self._unproven.pop(holder, None)

    def lose(self, worker: int) -> None:
        """A worker died, and its clients with it."""
        for holder in (*self._door.holders(), *self._unproven):
            if split(holder)[0] == worker:
                self.forget(holder)

    def _then_submit(self, holder: int, request: Callable[[Any], Message]) -> Looked:
        """A function of the door's result for the holder, which submits the request with it, or refuses the request."""
        worker, session = split(holder)

        def then(trouble: Optional[str], found: Any) -> None:
            if trouble:
                self._post.refuse(holder, trouble)
            else:
                self._submit(worker, request(found))

        return self._post.guarded(worker, session, then)

    def _submit(self, worker: int, request: Message) -> None:
        self._accounts.order.submit(worker, entry(request))
