"""Operators' commands while no server runs: decided as a server would, and written into its database at once."""
import time

from parley.server.chat.accounts import Account, Accounts
from parley.server.chat.contract import Passwords, Post
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.names import claims
from parley.server.chat.operators import Asked, Operators
from parley.server.chat.register import Register
from parley.server.order.at_hand import AtHand
from parley.server.order.numbers import Numbers
from parley.server.storage.journal import InProcess


class Offline(Post):
    """A register without members, over a database that no server works with.

    requests: {name: function}, as of `Operators`.
    rooms: as `Database.rooms` gives them, which has to be asked outside of a transaction.
    limits, operators: see `parley.server.chat.gate.Gate`.
    """

    def __init__(self, database, rooms, limits, operators):
        store = InProcess(database)
        accounts = Accounts(store)
        for name, secret, _, _ in database.accounts():
            accounts.know(name, Account(claims(name), secret))
        self._order = accounts.order = AtHand(self._deliver, time.time)
        self._register = register = Register(
            self, accounts, Passwords(), LoginThrottle(0, 0, time.monotonic), store, Numbers(store))
        register.restore(rooms, database.sessions(), database.metadata())
        register.gate.limits, register.gate.operators = limits, operators
        asked = Asked(self._order)
        self.reply = asked.reply
        _, self._in_order = register.tables(_Nobody())
        self.requests = Operators(register, accounts, store, asked.submit).requests()

    def _deliver(self, worker, what):
        name, fields = what
        self._in_order[name](worker, *fields)

    def everyone(self, message):
        """Nobody is there to be told."""

    def some(self, workers, message):
        """Likewise."""

    def worker(self, worker, message):
        """Likewise."""

    def change(self):
        """If there is a bug after this, the command's transaction is not committed."""

    def audit(self, who, holder, act, room, about, text):
        """There is no log."""

    def guarded(self, worker, asker, then):
        """A bug in it ends the command, and nothing is committed."""
        return then


class _Nobody:
    """Stands in for the receivers of what workers say of themselves."""

    def arrived(self, *fields):
        """No worker is there to say anything."""

    departed = owes = ready = alive = done = ask_health = ask_status = arrived
