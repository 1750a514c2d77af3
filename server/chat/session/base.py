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

LINES_A_MESSAGE = 16  # of one text, in IRC each a line of its own with its sender in front; and of an answer there
PEOPLE_A_MESSAGE = 128  # of whom each is told of metadata, or is asked for its own, in the time that a message takes
# Messages, for what may be held against all bans of a room by all names that one has had: to enter it in vain, or to
# speak there from outside.
HELD_AGAINST_BANS = 8
# Messages, for what is looked for in all that somebody has said alone, or in a room: it may take milliseconds.
LOOKED_THROUGH = 8
LONGEST_PERSONAL = 390  # bytes of what one is called in full, and of why one is away or leaves
_NEVER = float("-inf")


def in_brief(why):
    """Why somebody leaves, as others are told: one line, cut if it is long, as leaving must not fail."""
    return next(pieces(one_line(canonical(why)), LONGEST_PERSONAL))


class Base:
    """The base of all parts of a session.

    client: the connection, which passes on what the client asks (`hear`) and what the hub answers. Of it this uses

        state, name          which only this sets; the name is canonical, or None while it is a stranger. They are there
                             and not here, because they are looked at for each client and tick.
        number               this client's in its worker, never given twice
        audience             those who hear in the same form (see `server.worker.fanout.Audience`)
        decoder              of its protocol, where that `converses`
        heed_form()          it is answered in the form in which its decoder writes now
        rooms                those of which this worker has members (see `server.chat.room.Rooms`)
        hub                  where questions and talk go (see `server.worker.uplink.Uplink`)
        files                where files are kept, or None (see `server.files.desk.Desk`)
        address()            (host, port) of the client
        heard_at             when it last sent anything, monotonic seconds
        new_token()          one that nobody can guess
        refused(reason)      something that it has asked is not done
        answered()           its question is answered
        hear_first(command)  let this be handled before what waits
        catch_up()           what waits may be handled: no question is open any more
        part(reason)         the end, once everything told is sent; why is a Reason, HANGUP, QUIT or RESET
    """

    __slots__ = ("client", "said_at", "seldom", "_question", "_last_word", "_typed_at")

    _coming = Seldom(None)  # (token, run, marks) of a stranger that may come back, see Hello
    _is_known = Seldom(False)  # has the hub been told anything of it, though it has no name?

    def __init__(self, client):
        self.client = client
        client.state = STRANGER
        client.name = None
        self.seldom = NONE  # see `Seldom`
        # What it has asked and is not answered; a list of several Enter. Or, where several of its words may be under
        # way, {which of them: [Say, perhaps Labelled; its answer, if that waits for those before it]}.
        self._question = None
        self._last_word = 0  # which of its words was the latest
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

        why: in its words, for the others.
        """
        if self.client.state is GONE:
            return
        if (self.client.name or self.client.state is WAITING or self.client.audience.home or self._coming
                or self._is_known):
            self.client.hub.ask(ToHub.Release(self.client.number, why or (farewell or "").encode()))
        if farewell:
            self.tell(events.Farewell(farewell))
        self.client.state = GONE
        self.client.part(farewell or by)

    # ---- questions to the hub

    def _ask(self, command, request):
        """Put a request to the hub, a `ToHub`; nothing else is handled until it is answered."""
        self.client.state = WAITING
        self._question = command
        self.client.hub.ask(request)

    def _look_up(self, command, request):
        """Put a request to the hub whose answer may be long; who asks is filled in when it is its turn."""
        self.client.state = WAITING
        self._question = command
        is_shared = events.LONG_ANSWERS[type(command)] in self._traits.shared_answers
        self.client.hub.look_up(self.client, is_shared, request)

    def _answered(self):
        """The question to which the answer has come: the first, if there are several."""
        question = self._question
        if type(question) is list:
            first = question.pop(0)
            if not question:
                self._question = None
            return first
        self._question = None
        return question

    def _go_on(self, *answers, then=None):
        """A question is answered: do what it was asked for, if anything, and handle the commands that waited."""
        self.client.answered()
        for answer in answers:
            self._reply(answer)
        if self._question is not None:
            return  # there are others
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
        """The request is done; if it was a message, that has this number and time; at: in milliseconds."""
        question = self._answered()
        if type(question) is events.LogOut:
            self._reply(events.Done(question))
            self.leave(by=QUIT)
        else:
            self._go_on(events.Stored(question, number, time, at) if number and self._traits.numbered
                        else events.Done(question))

    def confirm_said(self, serial, count, number, time, at=0):
        """So many messages that it has said are stored, from this number on.

        serial: which of the client's words the first is; 0 where only one may be under way, and of what it said before
            it wanted to know.
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
        """What was asked to be told."""
        question, kind = self._answered(), type(happening)
        if kind is events.RoomList:
            happening = happening._replace(asked=question)
        elif kind is events.News or kind is events.Known and question.pattern is None:
            rooms = self.client.rooms.names(self.client)
            happening = happening._replace(rooms=rooms) if rooms else happening
        self._go_on(happening)

    def _tell_of_words(self):
        """What is known of one of its words is told once that of all before it is: a refusal may have come sooner."""
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
        """The number of the room in which it is to be said; None if the client is not in it."""
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
        room = self.client.rooms.by_name.get(raw)  # which most write as it is
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
