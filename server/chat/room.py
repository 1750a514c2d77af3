"""A room as one worker sees it: which of its clients hear what happens there."""

LOBBY = 0  # rooms have numbers; everybody is in this one
EVERYWHERE = -1  # for what happens to the server, in no room: whoever is in any room hears it, or has entered only this


class Room:
    """number: of the room, or EVERYWHERE; audiences: its members, and others, by form (see `server.worker.fanout`).

    What happens is rendered only for those audiences of which any member is in the room.
    """

    def __init__(self, number, audiences):
        self.number = number
        self.audiences = audiences

    @property
    def members(self):
        """Those of this worker's sessions that are in the room."""
        return [member for audience in self.audiences for member in audience.rooms.get(self.number, ())]

    def happen(self, happening, origin=None):
        """Let the members hear it; `origin` is the session it comes from, if that is one of this worker's."""
        for audience in self.audiences:
            if audience.rooms.get(self.number):
                audience.hear(self.number, happening, origin)

    def hear_talk(self, talk):
        """Let the members hear what was said: (Said, the session it comes from, or None) each, in order."""
        for audience in self.audiences:
            if audience.rooms.get(self.number):
                audience.hear_talk(self.number, talk)

    def show_by(self, aliases):
        """Show names that are too long for a protocol by {name: alias}, which changes as people come and go."""
        for audience in self.audiences:
            if audience.traits.longest_name:
                audience.show_by(aliases)

    def wants_users(self):
        """Is anybody here in whose protocol the list of users is pushed?"""
        return any(audience.traits.wants_users and audience.rooms.get(self.number) for audience in self.audiences)
