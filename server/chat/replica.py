"""A worker's copy of what the hub knows: applies the hub's stream, and passes answers and events to sessions and rooms.

Answers and direct messages go only to the worker of their session, events in a room to the workers with members there,
all else to every worker. Each method handles one kind of message, in the hub's order: see `ToWorker` in
`parley.server.ipc.messages`.
"""
from parley.server.chat.origins import network_of
from parley.server.chat.roll import Roll
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import Reason

NAMES_A_MESSAGE = 128  # names that can be matched with a pattern in the time that a message takes
USERS_EVERY = 0.3  # seconds between two pushes of the list of users, in the long run
USERS_A_SECOND = 5000  # entries of that list; a long one is pushed less often
USERS_AT_ONCE = 1.0  # seconds' worth of pushes that do not wait after a quiet time
# Among this many workers a long list is pushed in turn, each a millisecond later for each thousand entries, the time
# that a push takes: if all did so at once, no processor would be left for talk.
IN_TURN = 4


class Replica:
    """One worker's view of the chat.

    worker: this worker's number, which no other worker of this server ever has.
    sessions: this worker's sessions, as their connections, by number; those that are gone are not in it.
    rooms: `server.chat.room.Rooms`.
    hub: see `server.chat.session.base.Base`.
    """

    def __init__(self, worker, sessions, rooms, hub):
        self.worker = worker
        self._hub = hub
        self._sessions = sessions
        self._rooms = rooms
        self._roll = rooms.roll = Roll()
        self._lists, self._lists_of = {}, None  # what was last told of the roll, by type of answer; its version then
        self._aliases = rooms.aliases
        self._pushed_until = 0.0  # when all pushes until now would be over at the rate of the long run
        self._turn = None  # when it is this worker's turn to push the present list, monotonic seconds
        self._around = ()  # a Looked for the session of the next `entered`

    def said(self, room, worker, first, records, at=0):
        """Records of talk (`parley.server.ipc.queues`) from one worker, in order; `first`: the first message's number.

        at: when they got their numbers, milliseconds. The room may have no members on this worker.
        """
        here = self._rooms.by_number.get(room)
        if here is None:
            return
        here.hear_talk(first, records, self._sessions.get if worker == self.worker else None, at)

    def said_with_extra(self, room, worker, number, records, at=0):
        """The same of (session number, sender, text, time) of one message that has an extra; `number`: the message's.
        """
        here = self._rooms.by_number.get(room)
        if here is not None:
            here.hear_with_extra(number, *records, self._sessions.get if worker == self.worker else None, at)

    def stored(self, said, first=0, time=0, at=0):
        """Messages of the room are stored; their senders are told, if their protocol acknowledges that.

        said: (session number, serial of the first message, number of messages) of each block.
        first, time: the first message's number, and when they were said; at: in milliseconds.
        """
        for number, serial, count in said:
            session = self._sessions.get(number)
            if session and session.audience.traits.acknowledges:
                session.heed("confirm_said", serial, count, first, time, at)
            first += count

    def unsaid(self, said, reason):
        """Messages were not passed on, or not stored."""
        for number, serial in said:
            session = self._sessions.get(number)
            traits = session and session.audience.traits
            if traits and traits.acknowledges and (serial or not traits.numbered):
                session.heed("refuse", reason, serial)
            elif session:
                session.heed("tell", events.Refused(reason, events.Say))

    def greeted(self, number, run):
        """The answer to Hello, or the first of two."""
        self._heed(number, "greeted", run)

    def begun(self, number, account, message, kept, entered, refused, read):
        """A session that may be resumed has begun, or goes on; `message` is the number of the latest message."""
        self._heed(number, "begun", account, message, kept, entered, refused, read)

    def caught_up(self, numbers, parts, last):
        """What a session has missed: (room, messages, gap) of each. All that was kept up to the id `last` is in it."""
        for session in self._still_here(numbers):
            session.heed("caught_up", parts)
            if last:
                self._hub.ask_once_told(session, ToHub.Taken(session.number, session.name, last))

    def browsed(self, numbers, room_name, partner, messages, more, last):
        """The answer to Browse. All that was kept from the partner up to the id `last` is in it, or before it."""
        self._answer(numbers, events.Browsed(room_name or None, partner or None, messages, more))
        for session in self._still_here(numbers) if last else ():
            self._hub.ask_once_told(session, ToHub.Read(session.number, session.name, partner, last))

    # ---- who is here

    def known(self, accounts, present, aliases, proven=(), people=()):
        """The accounts and members from before this stream began; {name: alias} of those with an alias."""
        self._aliases.update(aliases)
        self._rooms.accounts.update(proven)
        for name, person in people:
            self._rooms.people[name] = events.Person(*person)
        for name in accounts:
            self._roll.open(name)
        for name in present:
            self._roll.enter(name)

    def barred(self, networks):
        """From now on clients from these networks hear nothing of the lobby without a name."""
        self._rooms.barred = list(map(network_of, networks))
        for session in self._rooms.lobby.members:
            session.heed("check_bar")

    def devices_changed(self, name, number):
        """An account has another list of devices."""
        self._rooms.everywhere.happen(events.DevicesChanged(name, number))

    def account_opened(self, name):
        """There is a new account."""
        self._roll.open(name)

    def account_closed(self, name):
        """An account was deleted."""
        self._roll.close(name)

    def joined(self, worker, number, name, alias=None, kept=0, in_lobby=True, proven=False):
        """A claim was granted. The new member hears only what follows. `kept`: messages that it has missed."""
        session = self._find(worker, number)
        self._enter(name, alias)
        if proven:
            self._rooms.accounts.add(name)
        self._roll.enter(name)
        if in_lobby:
            self._rooms.lobby.happen(events.Joined(name), session)
        if session:
            if kept:
                session.audience.await_list(session)
            session.heed("welcome", name, kept)

    def renamed(self, worker, number, old, new, alias=None, kept=0, in_lobby=True, proven=False):
        """A member has another name, for which there may be messages."""
        session = self._find(worker, number)
        self._enter(new, alias)
        if old != new and old in self._rooms.people:
            self._rooms.people[new] = self._rooms.people.get(old)
            self._rooms.people.discard(old)
        self._rooms.accounts.discard(old)
        if proven:
            self._rooms.accounts.add(new)
        self._roll.rename(old, new)
        if in_lobby:
            self._rooms.lobby.happen(events.Renamed(old, new), session)
        if old != new:
            self._aliases.pop(old, None)
        if session:
            session.heed("welcome", new, kept)

    def left(self, name, in_lobby=True, why=b""):
        """A member is gone."""
        self._roll.leave(name)
        if in_lobby:
            self._rooms.lobby.happen(events.Left(name, True, why))
        self._aliases.pop(name, None)  # not before the events above, which show it by its alias
        self._rooms.people.discard(name)
        self._rooms.accounts.discard(name)

    def person(self, worker, number, name, account, real_name, away, flags, user, field, rooms, alone):
        """What is known of a member has changed; unless `field` is empty, clients are told of that change."""
        person = self._rooms.people[name] = events.Person(account, real_name, away, flags, user)
        if account == name:
            self._rooms.accounts.add(name)
        if field:
            sessions = [self._find(*one) for one in alone]
            self._rooms.tell_common(rooms, events.Changed(name, field, person), self._find(worker, number),
                                    [session for session in sessions if session])

    def _enter(self, name, alias):
        if alias is not None:
            self._aliases[name] = alias

    def _find(self, worker, number):
        return self._sessions.get(number) if worker == self.worker else None

    # ---- rooms

    def entered(self, number, room_name, topic, worker, session_number, name, alias=None, role=b"", sealed=False):
        """A member is in a room now; the others there are told. alias: of a member whose `joined` follows."""
        self._enter(name, alias)
        session = self._find(worker, session_number)
        room = self._rooms.open(number, room_name) if session else self._rooms.by_number.get(number)
        if room:
            room.happen(events.Entered(room_name, name, role) if room.name else events.Joined(name), session)
        around, self._around = self._around, ()
        if session:
            session.heed("inside", room, topic, around, sealed)
            self._list_rooms(session)

    def around(self, fields):
        """What the session of the next `entered` sees in the room."""
        self._around = (events.Looked(*fields),)

    def listening(self, session_number, number, room_name, hears):
        """A session without a name begins or stops hearing the room to whose port it has connected."""
        session = self._sessions.get(session_number)
        if session:
            session.heed("listen", self._rooms.open(number, room_name), hears)
            self._rooms.drop_if_empty(number)

    def exited(self, number, worker, sessions, names, gone=False, why=b""):
        """Members of one worker have left a room; those who are still there are told."""
        room = self._rooms.by_number.get(number)
        if room is None:
            return
        for session_number in sessions:
            self._put_out(room, worker, session_number)
        for name in names:
            room.happen(events.Exited(room.name, name, gone, why) if room.name else events.Left(name, False, why))
        self._rooms.drop_if_empty(number)

    def renamed_in(self, number, worker, session_number, old, new, alias):
        """A member of a room has another name; `renamed` follows."""
        self._enter(new, alias)
        room = self._rooms.by_number.get(number)
        if room:
            room.happen(events.Renamed(old, new, room.name), self._find(worker, session_number))

    def managed(self, number, act, by, about, text, out, noted=0, at=0):
        """Something was done to a room. Those who are put `out` hear of it, and of nothing after it."""
        room = self._rooms.by_number.get(number)
        if room is None:
            return
        room.happen(events.Managed(room.name, act, by, about, text, noted, at))
        if act == "rename":
            self._rooms.rename(number, about)
        for worker, session_number in out:
            self._put_out(room, worker, session_number, Reason.BANNED if act == "ban" else Reason.KICKED)
            session = self._find(worker, session_number) if act == "drop" else None
            if session and session.audience.traits.converses:
                session.heed("tell", events.Exited(room.name, session.name))  # in its words nothing else says so
        self._rooms.drop_if_empty(number)

    def _put_out(self, room, worker, session_number, reason=None):
        session = self._find(worker, session_number)
        if session:
            session.heed("outside", room, reason)
            self._list_rooms(session)

    def _list_rooms(self, session):
        """Where the list of users is pushed, it includes the rooms that its reader is in."""
        if session.audience.traits.wants_users and session.name:
            session.heed("tell", events.Users(self._roll.users(), self._rooms.names(session)))

    def typing(self, number, worker, session_number, name):
        """A member of a room is typing."""
        room = self._rooms.by_number.get(number)
        if room:
            room.happen(events.IsTyping(name, room.name), self._find(worker, session_number))

    # ---- for one session, if it has not just left

    def whispered(self, number, sender, text, time, message, at=0, extra=b""):
        """A direct message; `message` is its number."""
        session = self._sessions.get(number)
        if session and (text or session.audience.traits.extras):
            session.heed("tell", events.Whispered(sender, text, time, message, at, extra))

    def probe(self, number, asker):
        """Check now whether the client of this session is gone, and answer: who gets a name depends on it."""
        session = self._sessions.get(number)
        if session:
            session.leave_if_gone()
        self._hub.ask(ToHub.Probed(asker, number))

    def mark(self, number, mark):
        """The hub wants to know when it has been sent everything up to here."""
        session = self._sessions.get(number)
        if session:
            self._hub.ask_once_told(session, ToHub.Told(number, mark))

    def answer(self, numbers, event, fields):
        """The answer to these sessions' question."""
        self._answer(numbers, events.BY_NAME[event](*fields))

    def tell(self, number, event, fields):
        """An event for this session alone."""
        self._heed(number, "tell", events.BY_NAME[event](*fields))

    def refused(self, number, reason):
        """The answer no."""
        self._heed(number, "refuse", reason)

    def confirmed(self, number, message=0, time=0, at=0):
        """The answer yes; to a direct message with its number and time."""
        self._heed(number, "confirm", message, time, at)

    def who(self, numbers):
        """The place in the order at which Who is answered."""
        self._answer(numbers, self._while_unchanged(events.Present, self._roll.present))

    def accounts(self, numbers, pattern):
        """The place in the order at which Accounts is answered; a pattern has to be compared with all names."""
        if pattern is None:
            self._answer(numbers, self._while_unchanged(events.Known, self._roll.known))
        else:
            self._answer(numbers, events.Known(self._roll.known(pattern)), len(self._roll) // NAMES_A_MESSAGE)

    def news(self, numbers):
        """The place in the order at which Poll is answered."""
        self._answer(numbers, self._while_unchanged(events.News, self._roll.users))

    def _while_unchanged(self, kind, look):
        """A list that is the same object until somebody comes or goes, so that it is encoded once for all who ask."""
        if self._lists_of != self._roll.version:
            self._lists, self._lists_of = {}, self._roll.version
        if kind not in self._lists:
            self._lists[kind] = kind(look())
        return self._lists[kind]

    def locate(self, number, asker):
        """Somebody elsewhere asks where one of this worker's clients comes from."""
        session = self._sessions.get(number)
        name, address = (session.name, session.address()) if session else (None, ("", 0))
        self._hub.ask(ToHub.Located(asker, name, *address))

    def time(self, number, asker):
        """Somebody asks for how long one of this worker's clients has been here."""
        session = self._sessions.get(number)
        seconds, idle = session.ages() if session else (0, 0)
        self._hub.ask(ToHub.Timed(asker, number, seconds, idle, *(session.address() if session else ("", 0))))

    def scram_told(self, number, salt, rounds):
        """The answer to ScramBegin."""
        session = self._sessions.get(number)
        if session:
            session.heed("answer", events.ScramTold(salt, rounds, session.new_token()))

    def past(self, numbers, name, partner, messages, last):
        """The answer to History: (sender, text, time) of each. All that was kept up to the id `last` is in it."""
        self._answer(numbers, events.Past(messages))
        for session in self._still_here(numbers) if last else ():
            self._hub.ask_once_told(session, ToHub.Read(session.number, name, partner, last))

    def kept(self, numbers, name, messages, more):
        """The answer to Deliver: (id, sender, text, time) of each. They are kept until they have been sent.

        more: is there another portion? It is asked for when this one has been sent.
        """
        self._answer(numbers, events.Missed([message[1:] for message in messages]))
        for session in self._still_here(numbers) if messages else ():
            self._hub.ask_once_told(session, ToHub.Taken(session.number, name, messages[-1][0]))
            if more:
                self._hub.hear_once_told(session, events.Deliver())

    def unread(self, numbers, counts):
        """The answer to Unread: (sender, messages) of each, which are marked in its first list of users."""
        for session in self._still_here(numbers):
            session.heed("list_users", events.Marked(self._roll.users(), dict(counts)))

    def deleted(self, number):
        """The answer to Delete."""
        self._heed(number, "forget")

    def _answer(self, numbers, happening, cost=0):
        """Tell those who asked. cost: what finding it out is charged to them, in messages."""
        for session in self._still_here(numbers):
            session.charge(cost)
            session.heed("answer", happening)

    def _still_here(self, numbers):
        return [self._sessions[number] for number in numbers if number in self._sessions]

    def _heed(self, number, answer, *arguments):
        session = self._sessions.get(number)
        if session:  # it may have left meanwhile
            session.heed(answer, *arguments)

    # ---- the list of users, for the protocols in which it is pushed

    def push_users(self, now):
        """Push a changed list: at once after a quiet time, else a few times a second. Returns when to call again."""
        if not self._roll.changed:
            return None
        if not self._rooms.everywhere.wants_users():
            self._turn, self._roll.changed = None, False  # until somebody comes whose protocol has such a list
            return None
        if self._turn is None:
            later = self.worker % IN_TURN * (len(self._roll) // 1000) / 1000
            self._turn = max(self._pushed_until - USERS_AT_ONCE, now + later)
        if now >= self._turn:
            users = self._roll.users()
            self._pushed_until = max(self._pushed_until, now) + max(USERS_EVERY, len(users) / USERS_A_SECOND)
            self._turn, self._roll.changed = None, False
            self._rooms.tell_users(events.Users(users))
            return None
        return self._turn
