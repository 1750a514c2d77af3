"""What the hub's stream means to one worker: its sessions get their answers, its rooms hear what happened.

The stream is the same for every worker but for answers and whispers, which go only where they are awaited. Each
method is one kind of entry in it, in the hub's order (see `server.chat.register` for who writes them).
"""
from server.chat.room import LOBBY
from server.protocols.events import Joined, Left, Said, Whispered


class Replica:
    """One worker's view of the chat.

    worker: this worker's number, which no other worker of this server ever has, had, or will have.
    sessions: this worker's sessions by their numbers; those that are gone are not in it.
    rooms: Room by number.
    """

    def __init__(self, worker, sessions, rooms):
        self.worker = worker
        self.sessions = sessions
        self.rooms = rooms

    def said(self, room, worker, records):
        """`records` of (session number, sender, text) from one worker, in order."""
        happen = self.rooms[room].happen
        find = self.sessions.get if worker == self.worker else _nobody
        for number, sender, text in records:
            happen(Said(sender, text), find(number))

    def present(self, names):
        """Who was here before this stream began."""
        self.rooms[LOBBY].present.update(dict.fromkeys(names))

    def joined(self, worker, number, name):
        """A claim was granted. The new member hears only what follows."""
        lobby = self.rooms[LOBBY]
        lobby.present[name] = None
        session = self.sessions.get(number) if worker == self.worker else None
        lobby.happen(Joined(name), session)
        if session:
            session.heed("welcome", name)

    def left(self, name):
        """Somebody is gone."""
        lobby = self.rooms[LOBBY]
        lobby.present.pop(name, None)
        lobby.happen(Left(name))

    def whispered(self, number, sender, text):
        """For one of this worker's sessions, if it has not just left."""
        self._heed(number, "tell", Whispered(sender, text))

    def refused(self, number, reason):
        """The answer no to a question."""
        self._heed(number, "refuse", reason)

    def confirmed(self, number):
        """The answer yes to a whisper."""
        self._heed(number, "confirm")

    def who(self, number):
        """The place in the order at which `Who` is answered."""
        self._heed(number, "present", list(self.rooms[LOBBY].present))

    def _heed(self, number, answer, *arguments):
        session = self.sessions.get(number)
        if session:  # it may have left meanwhile
            session.heed(answer, *arguments)


def _nobody(number):
    return None
