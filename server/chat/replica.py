"""What the hub's stream means to one worker: its sessions get their answers, its rooms hear what happened.

The stream is the same for every worker but for answers and whispers, which go only where they are awaited. Each
method is one kind of entry in it, in the hub's order (see `server.chat.register` for who writes them).
"""
from server.chat.roll import Roll
from server.chat.room import LOBBY
from server.protocols.events import (
    Described,
    Joined,
    Known,
    Left,
    News,
    Past,
    Present,
    Reason,
    Recalled,
    Refused,
    Renamed,
    Said,
    Say,
    Users,
    Whispered,
)

USERS_EVERY = 0.3  # seconds between two pushes of the list of users
USERS_A_SECOND = 5000  # entries of that list; a long one is pushed less often


class Replica:
    """One worker's view of the chat.

    worker: this worker's number, which no other worker of this server ever has, had, or will have.
    sessions: this worker's sessions by their numbers; those that are gone are not in it.
    rooms: Room by number.
    hub: see `server.chat.session.Session`.
    """

    def __init__(self, worker, sessions, rooms, hub):
        self.worker = worker
        self._hub = hub
        self._sessions = sessions
        self._rooms = rooms
        self._roll = Roll()
        self._next_push = 0.0

    def said(self, room, worker, records):
        """`records` of (session number, sender, text, time) from one worker, in order."""
        find = self._sessions.get if worker == self.worker else _nobody
        self._rooms[room].hear_talk(
            [(Said(sender, text, time), find(number)) for number, sender, text, time in records])

    def stored(self, numbers):
        """What these sessions said in the room is stored; those whose protocol has a word for that are told."""
        for number in numbers:
            session = self._sessions.get(number)
            if session and session.audience.traits.acknowledges:
                session.heed("confirm")

    def unstored(self, numbers):
        """What these sessions said was heard, but is not stored."""
        for number in numbers:
            session = self._sessions.get(number)
            if session and session.audience.traits.acknowledges:
                session.heed("refuse", Reason.NOT_STORED)
            elif session:
                session.tell(Refused(Reason.NOT_STORED, Say))

    # ---- who is here

    def known(self, accounts, present):
        """Which accounts there were and who was here before this stream began."""
        for name in accounts:
            self._roll.open(name)
        for name in present:
            self._roll.enter(name)

    def opened(self, name):
        """There is a new account."""
        self._roll.open(name)

    def closed(self, name):
        """An account was deleted."""
        self._roll.close(name)

    def joined(self, worker, number, name):
        """A claim was granted. The new member hears only what follows."""
        session = self._find(worker, number)
        self._roll.enter(name)
        self._rooms[LOBBY].happen(Joined(name), session)
        if session:
            session.heed("welcome", name)

    def renamed(self, worker, number, old, new):
        """A member has another name."""
        session = self._find(worker, number)
        self._roll.rename(old, new)
        self._rooms[LOBBY].happen(Renamed(old, new), session)
        if session:
            session.heed("welcome", new)

    def left(self, name):
        """A member is gone."""
        self._roll.leave(name)
        self._rooms[LOBBY].happen(Left(name))

    def _find(self, worker, number):
        return self._sessions.get(number) if worker == self.worker else None

    # ---- for one session, if it has not just left

    def whispered(self, number, sender, text, time):
        """Somebody said something to it alone."""
        self._heed(number, "tell", Whispered(sender, text, time))

    def mark(self, number, mark):
        """The hub wants to know when it has been sent everything up to here."""
        session = self._sessions.get(number)
        if session:
            self._hub.ask_once_told(session, "told", number, mark)

    def refused(self, number, reason):
        """The answer no."""
        self._heed(number, "refuse", reason)

    def confirmed(self, number):
        """The answer yes."""
        self._heed(number, "confirm")

    def who(self, number):
        """The place in the order at which Who is answered."""
        self._answer(number, lambda: Present(self._roll.present()))

    def accounts(self, number, pattern):
        """The place in the order at which Accounts is answered."""
        self._answer(number, lambda: Known(self._roll.known(pattern)))

    def news(self, number):
        """The place in the order at which Poll is answered."""
        self._answer(number, lambda: News(self._roll.users()))

    def locate(self, number, asker):
        """Somebody elsewhere asks where one of this worker's clients comes from."""
        session = self._sessions.get(number)
        name, address = (session.name, session.address()) if session else (None, ("", 0))
        self._hub.ask("located", number, asker, name, *address)

    def described(self, number, name, host, port):
        """The answer to Describe."""
        self._answer(number, lambda: Described(name, host, port))

    def past(self, number, messages):
        """The answer to History: (sender, text, time) of each."""
        self._answer(number, lambda: Past(messages))

    def recalled(self, number, messages, last, more):
        """The answer to Recall: (number, sender, text, time) of each."""
        self._answer(number, lambda: Recalled(messages, last, more))

    def kept(self, number, name, messages):
        """The answer to Deliver: (id, sender, text, time) of each. They are kept until they have been sent."""
        session = self._sessions.get(number)
        if session:
            session.heed("deliver", [Whispered(*message[1:]) for message in messages])
            if messages:
                self._hub.ask_once_told(session, "taken", number, name, messages[-1][0])

    def deleted(self, number):
        """The answer to Delete."""
        self._heed(number, "forget")

    def _answer(self, number, happening):
        if number in self._sessions:
            self._heed(number, "answer", happening())

    def _heed(self, number, answer, *arguments):
        session = self._sessions.get(number)
        if session:  # it may have left meanwhile
            session.heed(answer, *arguments)

    # ---- the list of users, for the protocols in which it is pushed

    def push_users(self, now):
        """Tell of a changed list: at once after a quiet time, else a few times a second. Gives when to look again."""
        lobby = self._rooms[LOBBY]
        if not self._roll.changed or not lobby.wants_users():
            return None
        if now >= self._next_push:
            users = self._roll.users()
            self._next_push = now + max(USERS_EVERY, len(users) / USERS_A_SECOND)
            self._roll.changed = False
            lobby.happen(Users(users))
            return None
        return self._next_push


def _nobody(number):
    return None
