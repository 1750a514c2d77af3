"""The places of the terminal client: the lobby, rooms, and conversations with one user."""
import collections

from parley.client.protocol import LOBBY_ROOM, Impossible

MOST_LINES = 5000  # kept of a place
MOST_FILES = 50  # of a place that can be saved
MOST_CONVERSATIONS = 200  # with users: anybody may begin them under ever other names
MOST_LIVE = 20  # messages that are compared with those of the past
LOBBY_NAME = "lobby"


def superfluous(conversations, size):
    """Of conversations with users, to which one more is to come: the shortest, if there are too many; a list.

    size(conversation): how many lines it has.
    """
    return [min(conversations, key=size)] if len(conversations) >= MOST_CONVERSATIONS else []


class Place:
    """The lobby (`name` is None), a room, or a conversation.

    unread: messages that came while another place was open; mentions: those of them that mention the user.
    talk: lines of what was said and has happened there; lines: the same, and what else was shown while it was open.
    files: the texts of messages that announced files there. live: (sender, text) of the latest messages that have come
    live. has_past: has the server been asked for what was said there before?
    """

    def __init__(self, name):
        self.name = name
        self.unread = self.mentions = 0
        self.talk, self.lines = (collections.deque(maxlen=MOST_LINES) for _ in range(2))
        self.files = collections.deque(maxlen=MOST_FILES)
        self.live = collections.deque(maxlen=MOST_LIVE)
        self.has_past = False

    @property
    def shown_name(self):
        return self.name or LOBBY_NAME

    @property
    def is_room(self):
        return bool(self.name) and self.name.startswith("#")

    @property
    def room(self):
        """The name of the room, #lobby for the lobby; raises `Impossible` in a conversation."""
        if self.name and not self.is_room:
            raise Impossible("%s is no room: go to one, or write its name behind the command." % self.name)
        return self.name or LOBBY_ROOM


class Places:
    """All places, and the one that is open."""

    def __init__(self):
        self.lobby = self.open = Place(None)
        self._others = {}

    def __getitem__(self, name):
        """The place of this name, which is made if there is none."""
        if name in (None, LOBBY_ROOM, LOBBY_NAME):
            return self.lobby
        if name not in self._others:
            self._others[name] = Place(name)
            self._forget_some()
        return self._others[name]

    def _forget_some(self):
        """If there are too many conversations, forget the one in which the least was said."""
        *talks, latest = self._others.values()
        talks = [place for place in talks if not (place.is_room or place is self.open)]
        if not latest.is_room:
            for place in superfluous(talks, lambda place: len(place.talk)):
                del self._others[place.name]

    def __contains__(self, name):
        return name in self._others

    def listing(self):
        """The lobby, the rooms, and the conversations, each sorted."""
        return [self.lobby] + sorted(self._others.values(), key=lambda place: (not place.is_room, place.name))

    def remove(self, name):
        """Forget a place; the lobby is open instead of it."""
        if self._others.pop(name, None) is self.open:
            self.open = self.lobby

    def rename(self, room, name):
        """A room has got another name: its place keeps its lines, and replaces one that had that name before."""
        place = self._others.pop(room, None)
        if place is None:
            return
        if self._others.get(name) is self.open:
            self.open = place
        place.name = name
        self._others[name] = place

    def clear(self):
        """Only the lobby is left."""
        self._others.clear()
        self.open = self.lobby
        self.lobby.has_past = False

    def beside(self, by):
        """The place `by` places below the open one in the list, which goes round."""
        places = self.listing()
        return places[(places.index(self.open) + by) % len(places)]

    def next_unread(self):
        """The next place with unread messages, those with mentions first; None if there is none."""
        waiting = [place for place in self.listing() if place.unread]
        return max(waiting, key=lambda place: place.mentions > 0) if waiting else None
