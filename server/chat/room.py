"""A room as one worker sees it: who is in it, and which of its own clients hear what happens there."""

LOBBY = 0  # rooms have numbers; everybody is in this one


class Room:
    """Present are all members, wherever they are connected; the audiences are this worker's own clients.

    present: names in login order (an ordered set: the values say nothing).
    audiences: the listeners by protocol (see `server.worker.audience`), each of which hears in its own words.
    """

    def __init__(self, audiences):
        self.present = {}
        self.audiences = audiences

    def happen(self, happening, origin=None):
        """Let the members hear it; `origin` is the session it comes from, if that is one of this worker's."""
        for audience in self.audiences:
            audience.hear(happening, origin)
