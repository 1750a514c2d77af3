"""Passwords are looked at before what they are for gets its place in the order, and never enter it."""
from parley.server.chat.claims import is_protected
from parley.server.chat.members import holder_of, split
from parley.server.ipc.messages import Proven, ToWorker, entry
from parley.server.protocols.events import Reason


class Prover:
    """What sessions ask for that may come with a password. The methods handle messages.

    post, members, accounts, door: see `server.chat.register.Register`. enrollment: `server.chat.enrollment.Enrollment`.
    """

    def __init__(self, post, members, accounts, enrollment, door):
        self._post = post
        self._members = members
        self._accounts = accounts
        self._enrollment = enrollment
        self._door = door
        self._unproven = {}  # holder -> (Proven.OpenAccount, password), until it is known whether the name is free

    def claim(self, worker, session, name, occupied, command, password, host):
        """Login, SignIn and Post."""
        holder, account = holder_of(worker, session), self._accounts.accounts.get(name)
        given = bool(password)

        def proven(trouble, renewed):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._submit(worker, Proven.ClaimName(session, name, occupied, command, given, account.serial, renewed))

        if is_protected(account) and password is not None:
            self._post.change()
            self._door.verify(holder, host, name, account, password, self._post.guarded(worker, session, proven))
        else:
            self._submit(worker, Proven.ClaimName(session, name, occupied, command, given, None, None))

    def create(self, worker, session, name, occupied, password, host):
        """Create and SignUp; the password may be None."""
        holder, request = holder_of(worker, session), Proven.OpenAccount(
            session, name, occupied, None, password is not None, host)
        if password is not None:
            self._unproven[holder] = request, password
        self._submit(worker, request)

    def prove(self, holder, trouble):
        """The name of an account-to-be is free: its password is hashed. Or there is a Reason why not."""
        if holder not in self._unproven:
            return
        request, password = self._unproven.pop(holder)
        worker, session = split(holder)

        def hashed(trouble, secret):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._submit(worker, request._replace(secret=secret, unproven=False))

        if trouble:
            self._refuse(holder, trouble)
        else:
            self._post.change()
            self._door.hash(holder, request.host, password, self._post.guarded(worker, session, hashed))

    def change_password(self, worker, session, name, old, new, host):
        """The member's account has another password, if it gives the one there is."""
        holder, account = holder_of(worker, session), self._accounts.accounts.get(name)

        def verified(trouble, renewed):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._post.change()
                self._door.hash(holder, host, new, self._post.guarded(worker, session, hashed))

        def hashed(trouble, secret):
            if trouble:
                self._refuse(holder, trouble)
            else:
                self._submit(worker, Proven.ReplacePassword(session, name, account.serial, secret))

        if is_protected(account):
            self._post.change()
            self._door.verify(holder, host, name, account, old, self._post.guarded(worker, session, verified))
        else:
            self._refuse(holder, Reason.NO_PASSWORD)

    def forget(self, holder):
        """The session is gone."""
        self._door.leave(holder)
        self._unproven.pop(holder, None)

    def lose(self, worker):
        """A worker died, and its clients with it."""
        for holder in (*self._door.holders(), *self._unproven):
            if split(holder)[0] == worker:
                self.forget(holder)

    def _submit(self, worker, request):
        self._accounts.order.submit(worker, entry(request))

    def _refuse(self, holder, reason):
        worker, session = split(holder)
        self._post.worker(worker, ToWorker.Refused(session, reason))
