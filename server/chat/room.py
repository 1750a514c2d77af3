"""A room as one worker sees it: which of its clients hear what happens there."""

LOBBY = 0  # rooms have numbers; everybody is in this one


class Room:
    """audiences: the listeners by the form they hear in (see `server.worker.fanout`)."""

    def __init__(self, audiences):
        self.audiences = audiences

    def happen(self, happening, origin=None):
        """Let the members hear it; `origin` is the session it comes from, if that is one of this worker's."""
        for audience in self.audiences:
            if audience.members:
                audience.hear(happening, origin)

    def hear_talk(self, talk):
        """Let the members hear what was said: (Said, the session it comes from, or None) each, in order."""
        for audience in self.audiences:
            if audience.members:
                audience.hear_talk(talk)

    def show_by(self, aliases):
        """Show names that are too long for a protocol by {name: alias}, which changes as people come and go."""
        for audience in self.audiences:
            if audience.traits.longest_name:
                audience.show_by(aliases)

    def wants_users(self):
        """Is anybody here in whose protocol the list of users is pushed?"""
        return any(audience.members and audience.traits.wants_users for audience in self.audiences)
