"""The one authority, in the hub: its parts, each with one job, and which of them hears which message.

What changes who has which name, which accounts there are and what is kept is decided in the order of the entries
(`server.order.at_hand`) and by nothing else: two registers that are given the same entries are equal. Passwords are
looked at before that; questions change nothing.
"""
from parley.server.chat.claims import Claims
from parley.server.chat.direct import DirectMessages
from parley.server.chat.enrollment import Enrollment
from parley.server.chat.members import Members
from parley.server.chat.prover import Prover
from parley.server.chat.questions import Questions
from parley.server.ipc.messages import Noticed, Operated, Proven, Settled, ToHub, ToWorker, handlers


class Register:
    """Who has which name, who may, and what is said to one alone.

    post: takes what is decided to those who are to know it:
        everyone(ToWorker), worker(worker, ToWorker), refuse_all(worker, sessions, reason), reply(token, error or None)
        and report(host, name, reason); prove(holder, reason or None): see `Prover.prove`;
        change(), called before anything changes, as a bug that shows later cannot be undone;
        guarded(worker, session, then): the callback `then` in a form in which a bug in it costs that session only.
    accounts: `server.chat.accounts.Accounts`, whose `order` is set. patience: `server.chat.patience.Patience`.
    door: verify(holder, host, name, account, password, then) and hash(holder, host, password, then), which call
        then(trouble, secret) later (see `server.supervisor.door.Door`).
    store: ask(then, request) leads to then(result), later (`server.storage.journal.Journal`).
    numbers: `server.order.numbers.Numbers`.
    """

    def __init__(self, post, accounts, door, patience, store, numbers):
        self._accounts = accounts
        self.post = post
        self.members = Members(accounts)
        self.claims = Claims(post, self.members, accounts)
        self.enrollment = Enrollment(post, self.members, accounts, self.claims, patience)
        self.direct = DirectMessages(post, self.members, accounts, store, numbers)
        self.questions = Questions(post, self.members, store, numbers)
        self.prover = Prover(post, self.members, accounts, self.enrollment, door)
        self.claims.on_release += [self.prover.forget, self.questions.forget, self.direct.forget]
        self.claims.on_rename += [self.direct.begin_anew]

    def tables(self, *others):
        """{name: method} of the messages from workers that are handled as they come, and of what is decided in order.

        others: those who handle further messages from workers.
        """
        deciding = self.claims, self.enrollment, self.direct
        of_workers = handlers(ToHub, self.prover, self.questions, *deciding, *others)
        in_order = {name: method for name, method in of_workers.items() if method.__self__ in deciding}
        at_once = {name: method for name, method in of_workers.items() if name not in in_order}
        for direction in (Proven, Operated, Noticed, Settled):
            in_order.update(handlers(direction, *deciding, self))
        return at_once, in_order

    def lost(self, worker):
        """A worker died, and its clients with it."""
        self.prover.lose(worker)
        self.claims.lose(worker)
        self.questions.lose(worker)

    def count(self):
        """How many names are in use, and how many accounts there are."""
        return {"names": len(self.members.names), "accounts": len(self._accounts.accounts)}

    def admit(self, worker):
        """A worker has started: tell it who is here."""
        self.post.worker(worker, ToWorker.Known(*self.members.known()))
