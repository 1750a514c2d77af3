"""Rooms in a worker: which of its clients are members."""
from parley.server.chat.origins import Shares, address
from parley.server.ipc.queues import texts
from parley.server.protocols import events
from parley.server.protocols.person import packed, unpacked
from parley.server.protocols.sealed import records_shown
from parley.server.protocols.text import folded

LOBBY, LOBBY_NAME = 0, b"#lobby"  # the number and the name of the lobby
EVERYWHERE = -1  # a room for what happens to the whole server: all members of this worker are in it
_TEXTS = 256  # over which `People` distributes them, so that each text is short
_END = b"\xff"  # which is in no UTF-8
MOST_WATCHED = 8 << 20  # bytes of the hub's memory, for the lists of names that those from one address watch
_MOST_FOUND = 512  # names; each of them takes 140 bytes


class Room:
    """number: of the room, or EVERYWHERE. name: with its "#"; empty for the lobby and EVERYWHERE.

    What happens is encoded only for audiences that have a member in the room.

    audiences: its members, and others, by form (see `server.worker.fanout`).
    """

    __slots__ = ("number", "name", "audiences")

    def __init__(self, number, name, audiences):
        self.number = number
        self.name = name
        self.audiences = audiences

    @property
    def members(self):
        """Those of this worker's sessions that are in the room."""
        return [member for audience in self.audiences for member in audience.rooms.get(self.number, ())]

    def is_empty(self):
        """Is none of this worker's sessions in the room?"""
        return not any(audience.rooms.get(self.number) for audience in self.audiences)

    def happen(self, happening, origin=None):
        """Send the members an event. origin: the session that it comes from, if that is one of this worker's."""
        for audience in self.audiences:
            if audience.rooms.get(self.number):
                audience.hear(self.number, happening, origin)

    def hear_talk(self, first, records, find, at=0):
        """Send the members what was said: records of talk (`parley.server.ipc.queues`), in order.

        first: the number of the first message. at: when it got that, milliseconds.
        find: gives this worker's session of a number; None if it has none.
        """
        talk = others = None
        for audience in self.audiences:
            if self.number not in audience.rooms:
                continue
            if others is None and not audience.traits.sealed:
                others = records_shown(records)
            heard = records if audience.traits.sealed else others
            if not audience.hear_plainly(self.number, self.name, first, heard, find, at):
                if talk is None or others is not records:
                    each = [(number, sender, one, time)
                            for number, sender, text, time, count in heard for one in texts(text, count)]
                    talk = [(events.Said(sender, text, time, message, self.name, at), find and find(number))
                            for message, (number, sender, text, time) in enumerate(each, first)]
                audience.hear_talk(self.number, talk)

    def hear_with_extra(self, first, record, find, at=0):
        """What `hear_talk` does, of one message that has an extra behind its text and a NUL."""
        number, sender, text, time = record
        text, _, extra = text.partition(b"\0")
        whole, plain = ((*record, 1), extra), ((number, sender, text, time, 1), b"")
        for audience in self.audiences:
            if self.number in audience.rooms and (text or audience.traits.extras):
                heard, more = whole if audience.traits.extras else plain
                if not audience.traits.sealed:
                    heard = records_shown([heard])[0]
                if not audience.hear_plainly(self.number, self.name, first, [heard], find, at):
                    said = events.Said(sender, heard[2].partition(b"\0")[0], time, first, self.name, at, more)
                    audience.hear_talk(self.number, [(said, find and find(number))])

    def wants_users(self):
        """Has any member a protocol in which the list of users is pushed?"""
        return any(audience.traits.wants_users and audience.rooms.get(self.number) for audience in self.audiences)


class _Found(dict):
    """A cache of what was looked up lately."""

    def __init__(self, look_up):
        super().__init__()
        self._look_up = look_up

    def __missing__(self, name):
        if len(self) >= _MOST_FOUND:
            self.clear()
        found = self[name] = self._look_up(name)
        return found


class People:
    """{name: Person} of all people of whom more is known than the name, on all workers.

    They are kept as parts of a few long texts: as every worker knows everybody, a dictionary with a key and a value for
    each would take as much memory as everything else that is known of those who only listen.

    fields: a function of a name that gives what is known, packed, or None; called for each line of IRC.
    """

    def __init__(self):
        # By the hash of the name. A text has for each person the name, NUL and what is known, between two _END.
        self._texts = [_END] * _TEXTS
        self._found = _Found(self._look_up)
        self.fields = self._found.__getitem__

    def _place(self, name):
        """(the number of the text, where in it somebody begins, where what is known of it begins and ends), or None."""
        number, key = hash(name) % _TEXTS, b"\xff%b\0" % name
        text = self._texts[number]
        start = text.find(key)
        return None if start < 0 else (number, start, start + len(key), text.index(_END, start + 1))

    def _look_up(self, name):
        place = self._place(name)
        if place is None:
            return None
        number, _, known, end = place
        return self._texts[number][known:end]

    def __contains__(self, name):
        return self.fields(name) is not None

    def __setitem__(self, name, person):
        self.discard(name)
        self._texts[hash(name) % _TEXTS] += b"%b\0%b\xff" % (name, packed(person))

    def discard(self, name):
        """Forget somebody, if anything is known."""
        place = self._place(name)
        if place is not None:
            number, start, _, end = place
            self._texts[number] = self._texts[number][:start] + self._texts[number][end:]
        self._found.pop(name, None)

    def get(self, name, default=None):
        """As of a dictionary."""
        fields = self.fields(name)
        return default if fields is None else unpacked(fields)


class Rooms:
    """The rooms that have members on this worker; the lobby and EVERYWHERE are always among them.

    by_number, by_name: Room by its number, and, except for the lobby and EVERYWHERE, by its name.
    roll: `server.chat.roll.Roll`. most_members: the greatest number of members that was ever counted.
    barred: networks whose clients hear nothing of the lobby without a name.
    accounts: the names of members, of all workers, who have given the password of the account of their name.
    people: `People`.
    aliases: {name: alias} of members, of all workers, that have one; protocols show it where a name is too long.
        watching: what the lists of watched names of this worker's sessions take in the hub.
    """

    def __init__(self, audiences):
        self._audiences = audiences
        self.by_number = {number: Room(number, b"", audiences) for number in (EVERYWHERE, LOBBY)}
        self.by_name = {}
        self.barred = []
        self.roll = None
        self.most_members = 0
        self.accounts = set()
        self.people = People()
        self.aliases = {}
        self.watching = Shares(MOST_WATCHED)
        self.watching = Shares(MOST_WATCHED)

    @property
    def lobby(self):
        """The lobby."""
        return self.by_number[LOBBY]

    @property
    def everywhere(self):
        """All sessions."""
        return self.by_number[EVERYWHERE]

    def meant(self, name):
        """The name of one of these rooms that differs from this in case only; if there is none, the name as given."""
        if name in self.by_name or name == LOBBY_NAME:
            return name
        wanted = folded(name)
        return next((known for known in (LOBBY_NAME, *self.by_name) if folded(known) == wanted), name)

    def is_barred(self, host):
        """Do clients from this address hear nothing of the lobby without a name?"""
        if not self.barred:
            return False
        origin = address(host)
        return origin is not None and any(origin in network for network in self.barred)

    def open(self, number, name):
        """One of this worker's sessions is about to enter the room."""
        room = self.by_number.get(number)
        if room is None:
            room = self.by_number[number] = self.by_name[name] = Room(number, name, self._audiences)
        return room

    def rename(self, number, name):
        """A room has another name from now on."""
        room = self.by_number[number]
        if self.by_name.get(room.name) is room:
            del self.by_name[room.name]
        room.name = name
        self.by_name[name] = room

    def names(self, session):
        """The names of the rooms that a session is in, without the one that stands in the lobby's place for it."""
        home, by_number = session.audience.home, self.by_number
        names = [by_number[number].name for number in session.audience.members.get(session, ())]
        return [name for name in names if name and name != home]

    def tell_users(self, users):
        """Push the list of users. A member of rooms gets a list of its own, which includes them."""
        for audience in self._audiences:
            if audience.traits.wants_users and audience.rooms.get(EVERYWHERE):
                own = {session: users._replace(rooms=names) for session, names in
                       ((session, self.names(session)) for session in audience.members) if names}
                audience.hear_users(users, own)

    def tell_common(self, numbers, happening, origin=None, alone=()):
        """Tell an event to those who are in any of these rooms, once each, and to some others `alone`.

        Only protocols with the trait `people` tell of it. origin: the session that it comes from, which is not told.
        """
        for audience in self._audiences:
            if not audience.traits.people:
                continue
            told = {origin}
            rooms = [(number, audience.rooms[number]) for number in numbers if audience.rooms.get(number)]
            if rooms:
                number, members = max(rooms, key=lambda room: len(room[1]))
                audience.hear(number, happening, origin)
                told.update(members)
            others = [session for _, members in rooms for session in members]
            for session in dict.fromkeys([*others, *[one for one in alone if one.audience is audience]]):
                if session not in told:
                    audience.tell(session, happening)

    def leave_all(self, session):
        """The session leaves all rooms, and EVERYWHERE."""
        numbers = session.audience.members.get(session, ())
        session.audience.leave(session)
        for number in numbers:
            self.drop_if_empty(number)

    def drop_if_empty(self, number):
        """A session has left the room."""
        room = self.by_number.get(number)
        if room is not None and room.name and room.is_empty():
            del self.by_number[number]
            if self.by_name.get(room.name) is room:  # a new room may have the name already
                del self.by_name[room.name]
