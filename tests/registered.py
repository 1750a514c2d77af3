"""A register with an order of its own, whose clock stands still."""
from parley.server.chat.operators import Asked, Operators
from parley.server.chat.register import Register
from parley.server.ipc.messages import Noticed, Operated, Settled, entry, messages
from parley.server.order.at_hand import AtHand
from parley.server.order.numbers import Numbers

KINDS = messages(Settled)


class Elsewhere:
    """Whoever hears what workers say of themselves."""

    def arrived(self, worker, *fields):
        pass

    departed = owes = ready = ask_health = ask_status = alive = done = arrived


class Door:
    """Nobody waits there."""

    def leave(self, holder):
        pass

    def holders(self):
        return []


class Registered:
    """Its methods have the names of messages and take a worker and the fields; they are decided in their order.

    post: see `server.chat.register.Register`; gets a `register`, which is this.
    operators: what they ask, see `server.chat.operators.Operators`.
    """

    def __init__(self, post, accounts, door, throttle, store, clock):
        post.register = self
        self.all_accounts = accounts
        self.order = accounts.order = AtHand(self._deliver, clock)
        self.numbers = Numbers(store)
        asked = Asked(self.order)
        post.reply = asked.reply
        self.whole = Register(post, accounts, door, throttle, store, self.numbers)
        self.at_once, self.in_order = self.whole.tables(Elsewhere())
        self._submit = asked.submit
        self.operators = Operators(self.whole, accounts, store, asked.submit)
        self.admit, self.count = self.whole.admit, self.whole.count
        self.members, self.direct, self.questions = self.whole.members, self.whole.direct, self.whole.questions

    def __getattr__(self, name):
        if name in self.__dict__.get("at_once", ()):
            return self.at_once[name]
        if name in self.__dict__.get("in_order", ()):
            return lambda worker, *fields: self.order.submit(worker, (name, fields))
        raise AttributeError(name)

    def _deliver(self, worker, what):
        name, fields = what
        self.in_order[name](worker, *fields)

    def lose(self, worker):
        self.order.submit(worker, entry(Noticed.Lost()))

    def prove(self, holder, trouble):
        self.whole.prover.prove(holder, trouble)

    # ---- what operators ask

    def set_password(self, name, secret, reply):
        self.operators.passwd(reply, name.decode(), secret)

    def remove(self, name, then):
        self._submit(Operated.RemoveAccount, (name,), lambda error: then(error is None))

    def empty(self, name, then):
        self._submit(Operated.EmptyBox, (name,), lambda error: then(error is None))


class Settling:
    """An order for accounts alone: what the store answers is settled at once.

    told: (name of a `Settled`, the store's answer, what came of it) of each.
    """

    def __init__(self, accounts, clock):
        self._accounts = accounts
        self._clock = clock
        self.told = []

    @property
    def now(self):
        return int(self._clock() * 1000)

    def submit(self, worker, what):
        name, fields = what
        values = [value for field, value in zip(KINDS[name]._fields, fields)
                  if field not in ("asker", "token", "number", "time", "key", "tag")]
        settle = getattr(self._accounts, "settle_" + name, lambda *fields: None)
        self.told.append((name, fields[-1], settle(*values)))
