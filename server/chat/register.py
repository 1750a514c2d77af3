"""The register: the authority on names, accounts, rooms and kept messages, in the hub. It dispatches to its parts.

It is a state machine: all changes are decided by the entries in their order (`server.order.at_hand`) and by nothing
else, so two registers that get the same entries are equal. Passwords are checked before that; questions change nothing.
"""
from typing import Any, Callable, Dict, Iterable, Tuple

from parley.server.chat.accounts import Accounts
from parley.server.chat.claims import Claims
from parley.server.chat.contract import Passwords, Post
from parley.server.chat.devices import DeviceLists
from parley.server.chat.direct import DirectMessages
from parley.server.chat.enrollment import Enrollment
from parley.server.chat.entering import Entering
from parley.server.chat.gate import Gate
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.chat.members import Members
from parley.server.chat.metadata import Metadata
from parley.server.chat.moderation import Moderation
from parley.server.chat.past import Past
from parley.server.chat.people import People
from parley.server.chat.presence import Presence
from parley.server.chat.prover import Prover
from parley.server.chat.questions import Questions
from parley.server.chat.room_questions import RoomQuestions
from parley.server.chat.rooms import Rooms
from parley.server.chat.sessions import Sessions, Stored
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import Noticed, Operated, Proven, Settled, ToHub, ToWorker, handlers
from parley.server.order.numbers import Numbers
from parley.server.protocols.person import unpacked

Table = Dict[str, Callable[..., Any]]


class Register:
    """Names, accounts, permissions, direct messages, and rooms; each part is a class of its own.

    accounts: those whose `order` is set already.
    """

    def __init__(self, post: Post, accounts: Accounts, door: Passwords, throttle: LoginThrottle, store: AskedStore,
                 numbers: Numbers) -> None:
        self._accounts = accounts
        self.post = post
        self.members = Members(accounts)
        self.rooms = Rooms()
        self.gate = Gate(self.members, accounts, self.rooms, lambda: accounts.order.now,
                         throttle.for_others(lambda: accounts.order.now / 1000))
        self.claims = Claims(post, self.members, accounts, self.gate)
        self.enrollment = Enrollment(post, self.members, accounts, self.claims, throttle, self.gate)
        self.questions = Questions(post, self.members, store, numbers)
        self.room_questions = RoomQuestions(
            post, self.members, self.rooms, self.gate, lambda: accounts.order.now)
        self.entering = Entering(
            post, self.members, accounts, self.rooms, self.gate, self.room_questions, store, numbers)
        self.moderation = Moderation(
            post, self.members, accounts, self.rooms, self.gate, self.entering, store, numbers, self.claims.evict)
        self.sessions = Sessions(
            post, self.members, accounts, self.claims, self.rooms, self.gate, self.entering, store, numbers)
        self.direct = DirectMessages(post, self.members, accounts, store, numbers, self.sessions, self.gate)
        self.devices = DeviceLists(post, self.members, accounts)
        self.people = People(post, self.members, accounts, self.rooms, self.gate, numbers)
        self.gate.user_of = lambda holder: self.people.person(holder).user
        self.presence = Presence(post, self.members, self.rooms, self.gate, self.people)
        self.metadata = Metadata(
            post, self.members, accounts, self.rooms, self.gate, self.people, self.entering, store)
        self.past = Past(post, self.members, self.rooms, self.gate, self.entering, self.sessions, store)
        self.prover = Prover(post, accounts, door)
        self.enrollment.on_close += [
            self.entering.account_closed, self.sessions.account_changed, self.people.account_closed,
            self.metadata.account_closed]
        self.enrollment.on_open += [
            self.sessions.account_opened, self.people.account_opened, self.metadata.account_opened]
        self.enrollment.on_protect += [self.sessions.account_changed]
        self.claims.on_grant += [self.entering.come_home, self.sessions.begin, self.presence.came]
        self.claims.on_release += [
            self.prover.forget, self.questions.forget, self.direct.forget, self.sessions.forget, self.presence.forget,
            self.entering.forget, self.metadata.forget]
        self.entering.on_enter += [self.metadata.entered]
        self.people.on_account += [self.entering.has_account]
        self.claims.on_rename += [
            self.direct.begin_anew, self.entering.renamed, self.sessions.renamed, self.presence.renamed]

    def tables(self, *others: object) -> Tuple[Table, Table]:
        """Two tables, {name of a message: its method}: of what is handled as it comes, and of what is decided in order.

        The first has messages of workers only. others: objects that handle more of these.
        """
        deciding = (self.claims, self.enrollment, self.direct, self.entering, self.moderation, self.sessions,
                    self.presence, self.people, self.metadata, self.devices)
        of_workers = handlers(ToHub, self.prover, self.questions, self.room_questions, self.past, *deciding, *others)
        in_order = {name: method for name, method in of_workers.items()
                    if any(hasattr(part, name) for part in deciding) and not hasattr(method, "changes_nothing")}
        at_once = {name: method for name, method in of_workers.items() if name not in in_order}
        for direction in (Proven, Operated, Noticed, Settled):
            in_order.update(handlers(direction, *deciding, self))
        return at_once, in_order

    def restore(self, rooms: Tuple[Iterable[Tuple[int, bytes, str]], int], sessions: Iterable[Stored],
                metadata: Iterable[Tuple[bytes, str]]) -> None:
        """What is stored, as `parley.server.storage.memory.Store` gives it. The accounts are known already."""
        self.entering.restore(*rooms)
        self.sessions.restore(sessions)
        self.metadata.restore(metadata)

    def tidied(self, worker: int) -> None:
        """It is time to delete what has been kept for too long."""
        self._accounts.tidy()
        self.entering.tidy()
        self.sessions.tidy()

    def lost(self, worker: int) -> None:
        """A worker died, and its clients with it."""
        self.prover.lose(worker)
        self.sessions.leave_rooms(worker)
        self.entering.lose(worker)
        self.claims.lose(worker)
        self.people.lose(worker)
        self.questions.lose(worker)

    def count(self) -> Dict[str, int]:
        """{"names": how many are in use, "accounts": how many there are, "rooms": likewise, beside the lobby}."""
        return {"names": len(self.members.names), "accounts": len(self._accounts.accounts),
                "rooms": len(self.rooms.by_name) - 1}

    def admit(self, worker: int) -> None:
        """A worker has started: tell it who is here."""
        names = self.members.names
        described = [(name, self.members.described(holder)) for holder, name in names.items()]
        self.post.worker(worker, ToWorker.Known(
            *self.members.known(), tuple([name for name in names.values() if self.gate.is_protected(name)]),
            tuple([(name, tuple(unpacked(fields))) for name, fields in described if fields is not None])))
        barred = self.entering.barred()
        if barred:
            self.post.worker(worker, ToWorker.Barred(barred))
