"""The base of all parts of a session: its client, its open question, and the lookup of rooms and users."""
import itertools

from parley.server.chat.names import spelled
from parley.server.chat.room import LOBBY, LOBBY_NAME
from parley.server.chat.session.states import GONE, HANDLERS, HANGUP, MEMBER, QUIT, STRANGER, WAITING
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import HOME
from parley.server.protocols.seldom import NONE, Seldom
from parley.server.protocols.text import canonical, one_line, pieces

# What expensive commands cost, which counts against the client's rate.
LINES_A_MESSAGE = 16  # lines of a text or an answer for the cost of a message, as each is a line of its own in IRC
PEOPLE_A_MESSAGE = 128  # people, likewise, who are told of metadata, or whose metadata is read
HELD_AGAINST_BANS = 8  # messages: all bans of a room are compared with all names that somebody outside has had
LOOKED_THROUGH = 8  # messages: all that was said in a room, or by two, is searched, which may take milliseconds
LONGEST_PERSONAL = 390  # bytes of a real name, and of the reason for being away or leaving
_NEVER = float("-inf")


def in_brief(why):
    """Why somebody leaves, as others are told: one line, cut if it is long, as leaving must not fail."""
    return next(pieces(one_line(canonical(why)), LONGEST_PERSONAL))


class Base:
    """The base of all parts of a session.

    client: the connection, which passes on what the client asks (`hear`) and what the hub answers. Of it this uses

        state, name          set only by the session; the name is canonical, or None while it is a stranger. They are
                             attributes of the connection because they are read for each client and tick.
        number               this client's in its worker, never given twice
        audience             the clients that use the same form (see `server.worker.fanout.Audience`)
        decoder              of its protocol, if that `converses`
        heed_form()          from now on it is answered in the form that its decoder has
        rooms                those that have members on this worker (see `server.chat.room.Rooms`)
        hub                  where questions and talk go (see `server.worker.uplink.Uplink`)
        files                where files are kept, or None (see `server.files.desk.Desk`)
        address()            (host, port) of the client
        heard_at             when it last sent anything, monotonic seconds
        new_token()          a text that nobody can guess
        refused(reason)      one of its requests is refused
        answered()           its question is answered
        hear_first(command)  handle this command before those that wait
        catch_up()           handle the commands that wait: no question is open any more
        part(reason)         end the connection once all output is sent; reason: a Reason, HANGUP, QUIT or RESET
    """

    __slots__ = ("client", "said_at", "seldom", "_question", "_last_word", "_typed_at")

    _coming = Seldom(None)  # (token, run, marks) of a stranger whose session is to be resumable, see Hello
    _is_known = Seldom(False)  # has the hub been told anything of it before it has a name?
    _watching = Seldom(0)  # bytes of the hub's memory that the names take which it watches

    def __init__(self, client):
        self.client = client
        client.state = STRANGER
        client.name = None
        self.seldom = NONE  # see `Seldom`
        # The command whose answer it waits for; a list of several Enter. Or, where several messages may be pending,
        # {serial: [Say, perhaps Labelled; its answer, if that waits for those before it]}.
        self._question = None
        self._last_word = 0  # serial of its latest message: their count in this session
        self.said_at = client.heard_at  # when it last said anything, monotonic seconds
        self._typed_at = _NEVER  # when others were last told that it is typing, monotonic seconds

    @property
    def _traits(self):
        return self.client.audience.traits

    def tell(self, happening):
        """Send the client an event, at its place among all others."""
        self.client.audience.tell(self.client, happening)

    def _reply(self, happening):
        self.client.audience.answer(self.client, happening)

    def _refuse(self, reason, asked):
        self.client.refused(reason)
        self._reply(events.Refused(reason, asked))

    def leave(self, farewell=None, by=HANGUP, why=b""):
        """End the session: free the name, send a farewell if there is a reason to give, and end the connection.

        why: the client's own words, for the others.
        """
        if self.client.state is GONE:
            return
        if (self.client.name or self.client.state is WAITING or self.client.audience.home or self._coming
                or self._is_known):
            self.client.hub.ask(ToHub.Release(self.client.number, why or (farewell or "").encode()))
        if self._watching:
            self._watches(0)
        if farewell:
            self.tell(events.Farewell(farewell))
        self.client.state = GONE
        self.client.part(farewell or by)

    def _watches(self, size):
        """From now on the names that it watches take so many bytes. Returns whether they may."""
        fits = self.client.rooms.watching.change(self.client.address()[0], self._watching, size)
        if fits:
            self._watching = size
        return fits

    # ---- questions to the hub

    def _ask(self, command, request):
        """Send the hub a request, a `ToHub`; nothing else is handled until it is answered."""
        self.client.state = WAITING
        self._question = command
        self.client.hub.ask(request)

    def _look_up(self, command, request):
        """Send the hub a request whose answer may be long, when it has its turn; its `sessions` are filled in then."""
        self.client.state = WAITING
        self._question = command
        is_shared = events.LONG_ANSWERS[type(command)] in self._traits.shared_answers
        self.client.hub.look_up(self.client, is_shared, request)

    def _answered(self):
        """The question whose answer has come: the first, if several are open."""
        question = self._question
        if type(question) is list:
            first = question.pop(0)
            if not question:
                self._question = None
            return first
        self._question = None
        return question

    def _go_on(self, *answers, then=None):
        """A question is answered: handle `then`, which waited for the answer, and all commands behind it."""
        self.client.answered()
        for answer in answers:
            self._reply(answer)
        if self._question is not None:
            return  # other questions are open
        self.client.state = MEMBER if self.client.name else STRANGER
        if then is not None:
            HANDLERS[self.client.state][type(then)](self, then)
        if self.client.state is not WAITING:
            self.client.catch_up()

    # ---- what the hub answers to any of them

    def refuse(self, reason, serial=0):
        """The request is refused. serial: see `confirm_said`."""
        self.client.refused(reason)
        if serial:
            word = self._question[serial]
            word[1] = events.Refused(reason, unlabelled(word[0]))
            self._tell_of_words()
        else:
            question = self._answered()
            if type(question) is events.Enter:
                self.client.charge(HELD_AGAINST_BANS)
            self._go_on(events.Refused(reason, question))

    def confirm(self, number=0, time=0, at=0):
        """The request is done. number, time: of the message, if it was one; at: the same time in milliseconds."""
        question = self._answered()
        if type(question) is events.LogOut:
            self._reply(events.Done(question))
            self.leave(by=QUIT)
        else:
            self._go_on(events.Stored(question, number, time, at) if number and self._traits.numbered
                        else events.Done(question))

    def confirm_said(self, serial, count, number, time, at=0):
        """`count` messages of the client are stored, from this number on.

        serial: that of the first; 0 if only one may be pending, or if the client has not asked to be told.
        """
        if not self._traits.numbered:
            self.confirm(number, time, at)
        elif serial:
            words = self._question
            for index in range(count):
                word = words[serial + index]
                command = word[0].command if type(word[0]) is events.Labelled else word[0]
                word[1] = tuple.__new__(events.Stored, (command, number + index, time, at))  # in half the time
            self._tell_of_words()

    def answer(self, happening):
        """The answer to a question."""
        question, kind = self._answered(), type(happening)
        if kind is events.RoomList:
            happening = happening._replace(asked=question)
        elif kind is events.News or kind is events.Known and question.pattern is None:
            rooms = self.client.rooms.names(self.client)
            happening = happening._replace(rooms=rooms) if rooms else happening
        self._go_on(happening)

    def _tell_of_words(self):
        """Tell the client what became of its messages, in their order: a later answer may have come first."""
        words, answers = self._question, []
        for command, answer in words.values():
            if answer is None:
                break
            answers.append((command.label if type(command) is events.Labelled else None, answer))
        if len(answers) < len(words):
            for serial in [*itertools.islice(words, len(answers))]:
                del words[serial]
        else:
            self._question = None
        if answers:
            self.client.audience.answer_all(self.client, answers)
        if self._question is None:
            self._go_on()

    # ---- which room or person a command means

    def _room_of(self, say):
        """The number of the room that a Say is for; None if the client is not in it."""
        return LOBBY if say.room == HOME and not self.client.audience.home else self._room(say.room)

    def _named(self, raw):
        """The name of the room that a command means."""
        if raw == HOME:
            return self.client.audience.home or LOBBY_NAME
        return self.client.rooms.meant(spelled(raw)) if self._traits.converses else spelled(raw)

    def _whom(self, raw):
        """The name of somebody that a command means."""
        return self.client.rooms.roll.meant(spelled(raw)) if self._traits.converses else spelled(raw)

    def _room(self, raw):
        """The number of a room that the client is in, or None."""
        room = self.client.rooms.by_name.get(raw)  # most clients write the name exactly
        if room is None:
            name = self._named(raw)
            if name == LOBBY_NAME and not self.client.audience.home:
                return LOBBY if LOBBY in self.client.audience.members[self.client] else None
            room = self.client.rooms.by_name.get(name)
        return room.number if room and room.number in self.client.audience.members[self.client] else None

    # ---- what costs more than a message

    def _charge_for_lines(self, text):
        self.client.charge(text.count(b"\n") // LINES_A_MESSAGE)

    def _charge_for_all(self):
        """Charge for the work per member of a command, so that repeating it does not delay others."""
        self.client.charge(len(self.client.rooms.roll) // PEOPLE_A_MESSAGE)


def unlabelled(command):
    return command.command if type(command) is events.Labelled else command
