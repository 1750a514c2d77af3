"""Accounts are made, get other passwords and are deleted: decided in the order of the requests."""
from parley.server.chat.accounts import MOST_ACCOUNTS
from parley.server.chat.members import holder_of, split
from parley.server.chat.names import claims
from parley.server.ipc.messages import Proven, ToWorker
from parley.server.protocols.events import Reason


class Enrollment:
    """What sessions and operators ask about accounts. The methods handle messages: see `parley.server.ipc.messages`.

    post, members, accounts, patience: see `server.chat.register.Register`. claims: `server.chat.claims.Claims`.
    """

    def __init__(self, post, members, accounts, claims, patience):
        self._post = post
        self._members = members
        self._accounts = accounts
        self._claims = claims
        self._patience = patience
        claims.deciders["open_account"] = self.open_account

    # ---- a new account

    def open_account(self, worker, session, name, occupied, secret, unproven, host, alive=None):
        """Create and SignUp: a new account, for a stranger, or for the member called so; without a secret, if None.

        unproven: its password is still to be hashed, which the name has to be free for.
        """
        claim = Proven.OpenAccount(session, name, occupied, secret, unproven, host)
        taken = self._claims.is_taken(worker, claim, name, occupied, alive)
        if taken is None:
            return
        holder = holder_of(worker, session)
        trouble = Reason.NAME_TAKEN if taken else self._why_not(name, host)
        if unproven:
            self._post.prove(holder, trouble)
        elif trouble:
            self._refuse(holder, trouble)
        else:
            self._post.change()
            if holder not in self._members:
                self._members.reserve(holder, name, occupied)
            self._patience.opened(host, name)
            self._accounts.open(name, occupied, secret, holder)

    def _why_not(self, name, host):
        """The Reason for which nobody at `host` may make an account of this name, that nobody is in the way of."""
        if not self._accounts.register:
            return Reason.REGISTRATION_CLOSED
        if name in self._accounts.accounts:
            return Reason.NAME_TAKEN
        if len(self._accounts.accounts) >= MOST_ACCOUNTS:
            return Reason.TOO_MANY_ACCOUNTS
        if not self._patience.may_open(host):
            self._post.report(host, name, Reason.TOO_MANY_ACCOUNTS)
            return Reason.TOO_MANY_ACCOUNTS
        return None

    def opened(self, worker, asker, token, name, stored):
        """The store's answer to a new account."""
        self._post.change()
        occupied = self._accounts.accounts[name].occupied
        self._accounts.settle_opened(name, stored)
        if stored:
            self._post.everyone(ToWorker.AccountOpened(name))
        else:
            self._patience.closed(name)
        if token:
            self._answer(token, stored)
        elif self._members.give_back(asker):
            if stored:
                self._claims.grant(asker, name, occupied)
            else:
                self._refuse(asker, Reason.NOT_STORED)
        elif asker in self._members:  # or it has left meanwhile
            self._confirm(asker, stored)

    # ---- another password

    def replace_password(self, worker, session, name, serial, secret):
        """The member has given the right password, and a new one."""
        holder = holder_of(worker, session)
        if self._accounts.with_serial(name, serial) is None:
            self._refuse(holder, Reason.NO_ACCOUNT)  # it was deleted meanwhile
        else:
            self._post.change()
            self._accounts.protect(name, secret, holder)

    def set_password(self, worker, asker, token, name, secret):
        """The operator's word: whoever has the name from now on needs this password."""
        known = name in self._accounts.accounts
        if self._accounts.is_closing(name):
            self._post.reply(token, "this account is being deleted")
        elif not known and self._accounts.owners(claims(name)):
            self._post.reply(token, "too much like the name of another account")
        elif known:
            self._post.change()
            self._accounts.protect(name, secret, token=token)
        else:
            self._post.change()
            self._accounts.open(name, claims(name), secret, token=token)

    def protected(self, worker, asker, token, name, serial, secret, stored):
        """The store's answer to another password."""
        self._post.change()
        self._accounts.settle_protected(name, serial, secret, stored)
        if token:
            self._answer(token, stored)
        elif asker in self._members:
            self._confirm(asker, stored)

    # ---- the end of an account

    def delete(self, worker, session, name):
        """The member's account is gone, and its name free, once that is stored; if it cannot be, both stay."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        self._post.change()
        if name in self._accounts.accounts:
            self._accounts.close(name, holder)
        else:
            self._dismiss(holder)

    def remove_account(self, worker, asker, token, name):
        """The operator's word: an account is deleted, and whoever is here under its name sent away."""
        if name in self._accounts.accounts:
            self._post.change()
            self._accounts.close(name, token=token)
        else:
            self._post.reply(token, "there is no such account")

    def closed(self, worker, asker, token, name, serial, stored):
        """The store's answer to the end of an account."""
        self._post.change()
        gone = self._accounts.settle_closed(name, serial, stored)
        if gone:
            self._patience.closed(name)
            self._post.everyone(ToWorker.AccountClosed(name))
        if token:
            holder = self._members.called(name) if gone else None
            if holder is not None:
                self._dismiss(holder)
            self._answer(token, stored)
        elif asker in self._members:  # or it has left meanwhile
            if stored:
                self._dismiss(asker)
            else:
                self._refuse(asker, Reason.NOT_STORED)

    def _dismiss(self, holder):
        """The account of a member is deleted, and with it the name."""
        worker, session = split(holder)
        self._post.worker(worker, ToWorker.Deleted(session))
        self._claims.release(worker, session)

    # ---- what is kept for it

    def empty_box(self, worker, asker, token, name):
        """The operator's word: what is kept for the account is thrown away."""
        self._accounts.empty(name, token)

    def emptied(self, worker, asker, token, stored):
        """The store's answer to that."""
        self._answer(token, stored)

    def boxed(self, worker, asker, name, serial, found):
        """What the store says that is in a box."""
        self._post.change()
        self._accounts.settle_boxed(name, serial, found)

    def tidied(self, worker):
        """What has been kept for too long is thrown away, now and then."""
        self._accounts.tidy()

    # ---- answers

    def _confirm(self, holder, stored):
        """What was asked is done if it is stored."""
        if stored:
            worker, session = split(holder)
            self._post.worker(worker, ToWorker.Confirmed(session))
        else:
            self._refuse(holder, Reason.NOT_STORED)

    def _refuse(self, holder, reason):
        worker, session = split(holder)
        self._post.worker(worker, ToWorker.Refused(session, reason))

    def _answer(self, token, stored):
        self._post.reply(token, None if stored else "it could not be stored")
