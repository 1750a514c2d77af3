"""One client's way through the chat: stranger, member, gone.

What a client may do depends on its state, and is a table (HANDLERS). Whatever depends on who else is here is a question
to the hub, because only the hub's order is everybody's order. While a question is open the client's later commands
wait, so that answers keep the order of the commands.
"""
from parley.server.chat.names import InvalidName, canonical_name, claims, room_and_claims, spelled
from parley.server.chat.origins import origin
from parley.server.chat.room import EVERYWHERE, LOBBY, LOBBY_NAME
from parley.server.chat.sessions import key_of
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import HOME, Reason
from parley.server.protocols.sealed import digest
from parley.server.protocols.text import canonical, canonical_within, is_blank, one_line

STRANGER, MEMBER, WAITING, GONE = "stranger", "member", "waiting", "gone"
HANGUP, QUIT, RESET = "hangup", "quit", "reset"  # how a client leaves by itself; for all other ends there is a Reason
LONGEST_PASSWORD = 128  # bytes of a new one
# Bytes of a given one that may be right, as operators may choose longer ones. Many may wait for a check, here and in
# the hub, and `dollar` would take some of 64 KiB.
LONGEST_GIVEN = 1024
_MOST_WORDS = 0xFFFFFFFF  # after which they are counted anew
LONGEST_PERSONAL = 390  # bytes of what one is called in full, and of why one is away
LONGEST_USER = 32  # bytes
LINES_A_MESSAGE = 16  # of one text: in IRC each is a line of its own, with its sender in front
WATCHED_A_MESSAGE = 16  # people, of each of whom one is told how it is
PEOPLE_A_MESSAGE = 128  # of whom each is told of metadata, or is asked for its own, in the time that a message takes
LONGEST_EXTRA = 8192  # bytes of what goes along with a message: see `parley.server.protocols.events.Say`
_NEVER = float("-inf")
TYPING_EVERY = 3.0  # seconds; what comes sooner is told to nobody


# state -> command -> what happens. While a session waits nothing is handled, so that state has no row.
HANDLERS = {STRANGER: {}, MEMBER: {}, GONE: {}}
_ABOUT_SOMEBODY = ("invite", "kick", "voice", "devoice", "op", "deop")  # acts that are about one name
_LOGINS = (events.Hello, events.Login, events.SignIn, events.Create, events.SignUp, events.Post)


def _handles(*commands, of=(MEMBER,)):
    """The method handles these commands of a client that is in one of these states."""

    def note(method):
        for state in of:
            HANDLERS[state].update(dict.fromkeys(commands, method))
        return method

    return note


class Session:
    """One client.

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

    __slots__ = ("client", "said_at", "_question", "_last_word", "_coming", "_typed_at", "_is_known")

    def __init__(self, client):
        self.client = client
        client.state = STRANGER
        client.name = None
        # What it has asked and is not answered; a list of several Enter. Or, where several of its words may be under
        # way, {which of them: [Say, perhaps Labelled; its answer, if that waits for those before it]}.
        self._question = None
        self._last_word = 0  # which of its words was the latest
        self._coming = None  # (token, run, marks) of a stranger that may come back, see Hello
        self.said_at = client.heard_at  # when it last said anything, monotonic seconds
        self._is_known = False  # has the hub been told anything of it, though it has no name?
        self._typed_at = _NEVER  # when others were last told that it is typing, monotonic seconds
        if client.audience.home:
            self._come_by_port()
        else:
            self._overhear()

    def _overhear(self):
        """Hear the lobby without a name, if that is so in its protocol, and its address is not banned there."""
        if self._traits.hears_at_once and not self._is_barred():
            self.client.audience.enter(self.client, LOBBY)

    def _is_barred(self):
        return self.client.rooms.is_barred(self.client.address()[0])

    def check_bar(self):
        """Other addresses are banned in the lobby now: who has no name may have to hear no more of it."""
        if self.client.name is None and self._is_barred():
            self.client.audience.leave(self.client, LOBBY)

    def _come_by_port(self):
        """Let the hub know by which room's port it has come, and whether it hears at once what happens there."""
        host = self.client.address()[0] if self._traits.hears_at_once else None
        self.client.hub.ask(ToHub.CameBy(self.client.number, self.client.audience.home, host))

    @property
    def _traits(self):
        return self.client.audience.traits

    def tell(self, happening):
        """Let the client know, in its place among what it hears."""
        self.client.audience.tell(self.client, happening)

    def _reply(self, happening):
        self.client.audience.answer(self.client, happening)

    # ---- what the client asks

    def hear(self, commands):
        """Handle `commands` in order; gives those behind an open question, which have to wait for its answer."""
        position, end = 0, len(commands)
        while position < end:
            together = self._say_together(commands, position) if end - position > 1 else 0
            if together:
                position += together
                continue
            command = commands[position]
            position += 1
            if self.client.state is WAITING:
                if type(command) is events.Enter and self._enter_along(command):
                    continue
                if type(self._question) is dict and self._say_along(command):
                    continue
                return commands[position - 1:]
            left = HANDLERS[self.client.state][type(command)](self, command)
            if left:
                return (*left, *commands[position:])
        return ()

    def leave(self, farewell=None, by=HANGUP, why=b""):
        """Be gone: free the name, say good-bye if there is a reason to give, and end the connection.

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

    def _refuse(self, reason, asked):
        self.client.refused(reason)
        self._reply(events.Refused(reason, asked))

    def _ask(self, command, request):
        """Put a request to the hub, a `ToHub`; nothing else is handled until it is answered."""
        self.client.state = WAITING
        self._question = command
        self.client.hub.ask(request)

    @_handles(events.Hello, of=(STRANGER,))
    def _hello(self, hello):
        client, marks = self.client, tuple([(room and self._named(room), number) for room, number in hello.marks])
        self._coming = hello.session or b"", hello.run, marks
        if hello.session is None:
            self._ask(hello, ToHub.Hello(client.number))
        else:
            client.hub.ask(ToHub.Hello(client.number))
            self._ask(hello, ToHub.Resume(client.number, key_of(hello.session), marks, client.address()[0]))

    @_handles(events.Login, events.SignIn, of=(STRANGER,))
    def _log_in(self, command):
        password = getattr(command, "password", None)
        if password is None:
            self._with_name(
                command, ToHub.ClaimUnproven, type(command).__name__, False, self.client.address()[0])
        elif len(password) > LONGEST_GIVEN:
            self._refuse(Reason.WRONG_PASSWORD, command)
        else:
            self._with_name(command, ToHub.Claim, type(command).__name__, password, self.client.address()[0])

    @_handles(events.Create, of=(STRANGER,))
    def _create(self, command):
        self._with_name(command, ToHub.Create, getattr(command, "password", None), self.client.address()[0])

    @_handles(events.SignUp, of=(STRANGER, MEMBER))
    def _sign_up(self, sign_up):
        if not _can_be_a_password(sign_up.password):
            self._refuse(Reason.INVALID_PASSWORD, sign_up)
        elif self.client.name is not None and spelled(sign_up.name) != self.client.name:
            self._refuse(Reason.NOT_YOU, sign_up)
        else:
            self._create(sign_up)

    @_handles(events.ChangePassword)
    def _change_password(self, change):
        if len(change.old) > LONGEST_GIVEN:
            self._refuse(Reason.WRONG_PASSWORD, change)
        elif _can_be_a_password(change.new):
            client = self.client
            self._ask(change, ToHub.ChangePassword(
                client.number, self.client.name, change.old, change.new, client.address()[0]))
        else:
            self._refuse(Reason.INVALID_PASSWORD, change)

    @_handles(events.Rename)
    def _rename(self, command):
        self._with_name(command, ToHub.Rename)

    def _with_name(self, command, request, *arguments):
        try:
            name = canonical_name(command.name)
        except InvalidName:
            self._refuse(Reason.INVALID_NAME, command)
        else:
            if self.client.name is None:
                if self._traits.resumes:
                    self._bring()
                if not self._traits.in_lobby:
                    self.client.hub.ask(ToHub.CameBy(self.client.number, b""))
            self._ask(command, request(self.client.number, name, tuple(claims(name)), *arguments))

    def _bring(self):
        """With the name that it is about to ask for, a session begins that it can come back to."""
        _, *others = self._coming or (b"", b"", ())
        self._coming = token, _, marks = (self.client.new_token(), *others)
        self.client.hub.ask(ToHub.Bring(self.client.number, key_of(token), marks))

    @_handles(events.Say)
    def _say(self, say):
        if not self._is_fit(say):
            return
        room = self._room_of(say)
        if room is not None:
            self._put(say, say, room)
        elif self._traits.enters_by_talking:
            self._enter(say)
        elif self._traits.converses and say.text:
            self._ask(say, ToHub.SayOutside(self.client.number, self._named(say.room), say.text))
        else:
            self._refuse(Reason.NOT_INSIDE, say)

    def _say_along(self, command):
        """Say one thing more while others are not stored yet, unless it would be answered at once, before those."""
        say = _unlabelled(command)
        if (type(say) is not events.Say or say.claimed is not None or is_blank(say.text)
                or len(say.extra) > LONGEST_EXTRA):
            return False
        room = self._room_of(say)
        if room is not None:
            self._put(command, say, room)
        return room is not None

    def _say_together(self, commands, start):
        """Say at once what is plain talk in one room from this command on. How many are said; 0 if it is only one.

        So what comes in one read costs the hub and the listeners little more than a single message.
        """
        client, traits, first = self.client, self._traits, _unlabelled(commands[start])
        if (type(first) is not events.Say or traits.acknowledges and not traits.numbered
                or client.state is not MEMBER and (client.state is not WAITING or type(self._question) is not dict)):
            return 0
        texts, others = [], (None, None, first.room, b"", b"")
        for position in range(start, len(commands)):  # a copy of all the rest, for each command, would cost its square
            command = commands[position]
            say = command.command if type(command) is events.Labelled else command
            if type(say) is not events.Say or say[1:] != others or is_blank(say.text):
                break
            texts.append(say.text)
        count = len(texts)
        room = self._room_of(first) if count > 1 else None
        if room is None or self._last_word + count > _MOST_WORDS:
            return 0
        client.audience.said += count
        self.said_at = client.heard_at
        serial = self._last_word + 1 if traits.numbered else 0
        for command in commands[start:start + count] if traits.numbered else ():
            self._remember(command)
        text = b"\0".join(texts)
        if b"\n" in text:
            self._charge_for_lines(text)
        client.hub.say(room, client.number, client.name, text, None, traits.acknowledges, serial, count)
        if traits.acknowledges:
            client.state = WAITING  # until they are stored
        return count

    def _charge_for_lines(self, text):
        self.client.charge(text.count(b"\n") // LINES_A_MESSAGE)

    def _put(self, command, say, room):
        """Say it in the room of this number. command: the same, perhaps with a label that is not told of yet."""
        client, traits = self.client, self._traits
        client.audience.said += 1
        if b"\n" in say.text:
            self._charge_for_lines(say.text)
        self.said_at = client.heard_at
        serial = self._remember(command) if traits.numbered else 0
        if say.tag:
            client.hub.ask(ToHub.SayOnce(client.number, room, say.text, say.tag, serial))
        elif say.extra:
            client.hub.say_with_extra(
                room, client.number, client.name, say.text, say.extra, say.time, traits.acknowledges, serial)
        else:
            client.hub.say(room, client.number, client.name, say.text, say.time, traits.acknowledges, serial)
        if traits.acknowledges:
            client.state = WAITING  # until it is stored
            if not serial:
                self._question = say

    def _remember(self, command):
        """Something more that is said, and which of the client's words that is."""
        if self._question is None:
            self._question = {}
        self._last_word = self._last_word % _MOST_WORDS + 1
        self._question[self._last_word] = [command, None]
        return self._last_word

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

    @_handles(events.Enter)
    def _enter(self, command):
        request = self._to_enter(command)
        if request is None:
            self._refuse(Reason.INVALID_ROOM, command)
        else:
            self._ask(command, request)

    def _to_enter(self, command):
        """The request to enter the room of an Enter or a Say; None if there can be none of this name."""
        try:
            name, occupied = room_and_claims(command.room)
        except InvalidName:
            return None
        key = getattr(command, "key", None)
        return ToHub.Enter(self.client.number, name, occupied, None if key is None else one_line(canonical(key)),
                           self._traits.converses, self._traits.sealed)

    def _enter_along(self, command):
        """Ask for one more room while such questions are open: whoever reconnects enters all its rooms at once."""
        if type(self._question) is events.Enter:
            self._question = [self._question]
        if type(self._question) is not list:
            return False
        request = self._to_enter(command)
        if request is None:
            return False
        self._question.append(command)
        self.client.hub.ask(request)
        return True

    @_handles(events.Exit)
    def _exit(self, command):
        why = one_line(canonical(command.why))
        self._ask(command, ToHub.Exit(self.client.number, self._named(command.room), why))

    @_handles(events.Manage)
    def _manage(self, command):
        about = self._whom(command.about) if command.act in _ABOUT_SOMEBODY else spelled(command.about)
        self._ask(command, ToHub.Manage(
            self.client.number, self._named(command.room), command.act,
            one_line(canonical(about)), one_line(command.text)))

    @_handles(events.Redact)
    def _redact(self, command):
        self._ask(command, ToHub.Redact(
            self.client.number, self._whom(command.to), command.number, one_line(command.text)))

    @_handles(events.Masks)
    def _masks(self, command):
        self._ask(command, ToHub.Masks(self.client.number, self._named(command.room), command.kind))

    @_handles(events.Wallops)
    def _wallops(self, command):
        if is_blank(command.text):
            self._refuse(Reason.BAD_FORM, command)
        else:
            self._ask(command, ToHub.Wallops(self.client.number, command.text))

    @_handles(events.Topic)
    def _topic(self, command):
        self._ask(command, ToHub.Topic(self.client.number, self._named(command.room)))

    @_handles(events.Look)
    def _look(self, command):
        self._look_up(command, ToHub.Look((), self._named(command.room)))

    @_handles(events.Count)
    def _count(self, command):
        self._ask(command, ToHub.Tally(self.client.number))

    @_handles(events.ReadMotd)
    def _read_motd(self, command):
        self._reply(events.Notice(self.client.audience.motd))

    @_handles(events.Roles)
    def _roles(self, command):
        self._ask(command, ToHub.Roles(self.client.number, self._named(command.room)))

    @_handles(events.Rooms)
    def _rooms(self, command):
        self._look_up(command, ToHub.ListRooms((), command.pattern, self._traits.converses, command.invited))

    @_handles(events.Post, of=(STRANGER, MEMBER))
    def _post(self, post):
        """The name comes with the message: it is claimed first, and the text said under it (see `_go_on`)."""
        if is_blank(post.text):
            self._reply(events.Done(post))
        elif post.name is None and self.client.name is None:
            self._ask(post, ToHub.ClaimGuest(self.client.number, self.client.address()[0]))
        elif post.name is None or spelled(post.name) == self.client.name:
            self._say(events.Say(post.text, None, post.time))
        elif self.client.name is None:
            self._log_in(post)
        elif post.password is None:
            self._rename(post)
        else:
            self._already_in(post)  # a password is for the first name only

    @_handles(events.Whisper)
    def _whisper(self, whisper):
        if self._is_fit(whisper):
            client = self.client
            client.audience.whispered += 1
            if b"\n" in whisper.text:
                self._charge_for_lines(whisper.text)
            self.said_at = client.heard_at
            self._ask(whisper, ToHub.Whisper(
                client.number, client.name, self._whom(whisper.to), whisper.text, whisper.time, client.address()[0],
                whisper.tag, whisper.extra))

    def _is_fit(self, said):
        """Is there anything to say, and not too much of it, and does nobody claim to be somebody else?"""
        if said.claimed is not None and spelled(said.claimed) != self.client.name:
            self._refuse(Reason.NOT_YOU, said)
        elif is_blank(said.text) and (said.text or not said.extra):
            self._refuse(Reason.BAD_FORM, said)
        elif said.extra and len(said.extra) > LONGEST_EXTRA:
            self._refuse(Reason.TEXT_TOO_LONG, said)
        else:
            return True
        return False

    def _look_up(self, command, request):
        """Put a request to the hub whose answer may be long; who asks is filled in when it is its turn."""
        self.client.state = WAITING
        self._question = command
        is_shared = events.LONG_ANSWERS[type(command)] in self._traits.shared_answers
        self.client.hub.look_up(self.client, is_shared, request)

    @_handles(events.Who)
    def _who(self, who):
        name = self._named(who.room)
        if self._traits.converses:
            self._charge_for_all()  # as it is only told of those that it has asked for
        self._look_up(who, ToHub.Who(()) if name == LOBBY_NAME else ToHub.Within((), name))

    @_handles(events.Accounts)
    def _accounts(self, accounts):
        self._look_up(accounts, ToHub.Accounts((), accounts.pattern))

    @_handles(events.Describe)
    def _describe(self, describe):
        self._ask(describe, ToHub.Describe(self.client.number, spelled(describe.name)))

    @_handles(events.History)
    def _history(self, history):
        self._look_up(history, ToHub.History((), self.client.name, spelled(history.partner)))

    @_handles(events.Recall)
    def _recall(self, recall):
        name = self._named(recall.room)
        if name == LOBBY_NAME and self.client.audience.home:
            self._refuse(Reason.NOT_INSIDE, recall)
        elif name == LOBBY_NAME:
            self._look_up(recall, ToHub.Recall((), recall.since, recall.most))
        else:
            self._look_up(recall, ToHub.Reread((), name, recall.since, recall.most))

    @_handles(events.Browse)
    def _browse(self, browse):
        room = b"" if browse.room is None else self._named(browse.room)
        partner = b"" if browse.partner is None else self._whom(browse.partner)
        wanted = room, partner, browse.before, browse.after, browse.most
        if browse.exactly:
            self._look_up(browse, ToHub.BrowseExactly(
                (), *wanted, browse.before_time, browse.after_time, browse.latest))
        else:
            self._look_up(browse, ToHub.Browse((), *wanted))

    @_handles(events.Partners)
    def _partners(self, partners):
        self._look_up(partners, ToHub.Partners((), *partners))

    @_handles(events.Typing)
    def _typing(self, typing):
        room = LOBBY if typing.to else self._room(typing.room)
        if room is not None and self.client.heard_at - self._typed_at >= TYPING_EVERY:
            self._typed_at = self.client.heard_at
            self.client.hub.ask(ToHub.Typing(self.client.number, room, typing.to and spelled(typing.to)))

    @_handles(events.Away)
    def _away(self, away):
        text = canonical_within(away.text, LONGEST_PERSONAL) if away.text else b""
        if text is None:
            self._refuse(Reason.TEXT_TOO_LONG, away)
        else:
            self.client.hub.ask(ToHub.Away(self.client.number, away.away, one_line(text)))

    @_handles(events.Introduce, of=(STRANGER, MEMBER))
    def _introduce(self, introduce):
        user = canonical_within(introduce.user, LONGEST_USER)
        if user is None:
            self._refuse(Reason.TEXT_TOO_LONG, introduce)
            return
        self._with_real_name(introduce, lambda name: self.client.hub.ask(
            ToHub.RealName(self.client.number, name, one_line(user))))

    @_handles(events.SetName)
    def _set_name(self, command):
        self._with_real_name(command, lambda name: self._ask(command, ToHub.SetName(self.client.number, name)))

    def _with_real_name(self, command, then):
        name = canonical_within(command.real_name, LONGEST_PERSONAL)
        if name is None:
            self._refuse(Reason.TEXT_TOO_LONG, command)
        else:
            self._is_known = True
            then(one_line(name))

    @_handles(events.SetFlag)
    def _set_flag(self, command):
        self._ask(command, ToHub.SetFlag(self.client.number, command.flag, command.on))

    @_handles(events.SetMetadata)
    def _set_metadata(self, command):
        value = command.value
        if value is not None:
            value = canonical_within(value, events.LONGEST_VALUE)
            if value is None:
                self._refuse(Reason.TEXT_TOO_LONG, command)
                return
            value = one_line(value)
        self._charge_for_all()
        self._ask(command, ToHub.SetMetadata(self.client.number, *self._target(command), command.key, value))

    def _target(self, command):
        """The name of the room that a command is about, or else of whom; the other one is empty."""
        return (b"", self._whom(command.name)) if command.name else (self._named(command.room), b"")

    def _charge_for_all(self):
        """Each of those who are here costs something, and others may not wait for who does this again and again."""
        self.client.charge(len(self.client.rooms.roll) // PEOPLE_A_MESSAGE)

    @_handles(events.ReadMetadata)
    def _read_metadata(self, command):
        if command.everybody:
            self._charge_for_all()
        self._ask(command, ToHub.ReadMetadata(
            self.client.number, *self._target(command), command.keys, command.everybody))

    @_handles(events.Follow)
    def _follow(self, follow):
        self.client.hub.ask(ToHub.Follow(self.client.number, follow.keys))

    @_handles(events.Identify, of=(STRANGER, MEMBER))
    @_handles(events.Oper)
    def _identify(self, command):
        if len(command.password) > LONGEST_GIVEN:
            self._refuse(Reason.WRONG_PASSWORD, command)
        else:
            self._is_known = True
            self._ask(command, ToHub.Identify(
                self.client.number, spelled(command.account), command.password, type(command) is events.Oper,
                self.client.address()[0]))

    @_handles(events.ScramBegin, of=(STRANGER, MEMBER))
    def _scram_begin(self, command):
        self._ask(command, ToHub.ScramBegin(self.client.number, spelled(command.account)))

    @_handles(events.ScramFinish, of=(STRANGER, MEMBER))
    def _scram_finish(self, command):
        self._is_known = True
        self._ask(command, ToHub.ScramFinish(
            self.client.number, spelled(command.account), command.message, command.proof, self.client.address()[0]))

    @_handles(events.Whois)
    def _whois(self, whois):
        self._ask(whois, ToHub.Whois(self.client.number, spelled(whois.name)))

    @_handles(events.WhoWas)
    def _who_was(self, who_was):
        self._ask(who_was, ToHub.WhoWas(self.client.number, spelled(who_was.name), who_was.most))

    @_handles(events.Watch)
    def _watch(self, watch):
        self.client.charge(len(watch.names) // WATCHED_A_MESSAGE)
        self.client.hub.ask(ToHub.Watch(
            self.client.number, tuple(map(spelled, watch.names)), self._traits.converses))

    @_handles(events.MarkRead)
    def _mark_read(self, mark):
        room, partner = LOBBY if mark.partner else self._room(mark.room), spelled(mark.partner)
        if room is None:
            self._refuse(Reason.NOT_INSIDE, mark)
        elif mark.partner and not partner:
            self._refuse(Reason.INVALID_NAME, mark)
        else:
            self.client.hub.ask(ToHub.MarkRead(self.client.number, room, partner, mark.number))

    @_handles(events.PublishDevices)
    def _publish_devices(self, publish):
        if spelled(publish.name) != self.client.name:
            self._refuse(Reason.NOT_YOU, publish)
        else:
            self._ask(publish, ToHub.PublishDevices(self.client.number, publish.number, publish.data))

    @_handles(events.DevicesOf)
    def _devices_of(self, asked):
        self._ask(asked, ToHub.DevicesOf(self.client.number, spelled(asked.name)))

    @_handles(events.ReadMark)
    def _read_mark(self, mark):
        partner = spelled(mark.partner)
        if mark.partner and not partner:
            self._refuse(Reason.INVALID_NAME, mark)
        else:
            room = b"" if partner else self._named(mark.room)
            self._ask(mark, ToHub.ReadMark(self.client.number, room, partner, mark.time))

    @_handles(events.Offer)
    def _offer(self, offer):
        client = self.client
        is_account = client.name in client.rooms.accounts
        owner = "account " + client.name.decode() if is_account else "guest " + origin(client.address()[0])
        self._ask_keeper(offer, do="offer", owner=owner, is_account=is_account,
                         name=offer.name.decode("utf-8", "replace"), size=offer.size, sha256=offer.sha256)

    @_handles(events.Share)
    def _share(self, share):
        if not share.to and self._room_of(share) is None:
            self._refuse(Reason.NOT_INSIDE, share)
        else:
            self._ask_keeper(share, do="share", file=share.file, token=share.token,
                             teller=self.client.name.decode(), digest=digest(share.text) if share.text else "")

    def _ask_keeper(self, command, **request):
        """Put a request to those who keep files."""
        client = self.client
        if client.files is None:
            self._refuse(Reason.FILES_OFF, command)
            return
        client.state = WAITING
        self._question = command
        client.files.ask(lambda answer: client.heed("hear_of_file", answer), **request)

    @_handles(events.Deliver)
    def _deliver(self, deliver):
        self._look_up(deliver, ToHub.Deliver((), self.client.name, not self._traits.coalesces))

    @_handles(events.Unread)
    def _unread(self, unread):
        self._look_up(unread, ToHub.Unread((), self.client.name))

    @_handles(events.Delete)
    def _delete(self, delete):
        self._ask(delete, ToHub.Delete(self.client.number, self.client.name))

    @_handles(events.Poll)
    def _poll(self, poll):
        self._look_up(poll, ToHub.News(()))

    @_handles(events.Ping)
    def _ping(self, ping):
        self._reply(events.Pong(ping.token))

    @_handles(events.Help)
    @_handles(events.TimingMark, of=(STRANGER, MEMBER))
    def _done(self, command):
        self._reply(events.Done(command))

    @_handles(events.LogOut)
    def _log_out(self, log_out):
        self._ask(log_out, ToHub.LogOut(self.client.number))

    @_handles(events.Quit)
    def _quit(self, quit_):
        self._reply(events.Done(quit_))
        self.leave(by=QUIT, why=one_line(canonical(quit_.why)) if type(quit_) is events.Quit else b"")

    @_handles(events.Turn, of=(STRANGER, MEMBER))
    def _take_turn(self, turn):
        frames, commands = turn.take(self.client.name)
        if len(commands) > 1:  # each but one counts like a message, or a line that joins a hundred rooms would cost one
            self.client.charge(max(0, sum(type(one) is not events.Turn for one in commands) - 1))
        self.client.audience.tell_frames(self.client, frames)
        self.client.heed_form()
        return self.hear(commands)

    def _stranger(self, command):
        if type(command) in self._traits.open_to_strangers and getattr(command, "room", HOME) == HOME:
            HANDLERS[MEMBER][type(command)](self, command)
        else:
            self._refuse(Reason.MUST_LOGIN, command)

    @_handles(events.Hello, events.Login, events.SignIn, events.Create)
    def _already_in(self, command):
        self._refuse(Reason.ALREADY_IN, command)

    @_handles(events.Malformed)
    def _malformed(self, malformed):
        self._refuse(malformed.reason, malformed.asked)

    @_handles(events.Malformed, of=(STRANGER,))
    def _malformed_by_stranger(self, malformed):
        if malformed.asked in _LOGINS or malformed.asked in self._traits.open_to_strangers:
            self._malformed(malformed)
        else:
            self._refuse(Reason.MUST_LOGIN, malformed.asked)

    @_handles(events.Labelled, of=(STRANGER, MEMBER))
    def _labelled(self, labelled):
        self.client.audience.label(self.client, labelled.label)
        return HANDLERS[self.client.state][type(labelled.command)](self, labelled.command)

    @_handles(events.Broken, of=(STRANGER, MEMBER))
    def _broken(self, broken):
        self.leave(broken.reason)

    @_handles(events.Hangup, of=(STRANGER, MEMBER))
    def _hang_up(self, hangup):
        self.leave()

    @_handles(events.Nothing, of=(STRANGER, MEMBER))
    def _ignore(self, command):
        pass

    # ---- what the hub answers

    def welcome(self, name, kept=0):
        """The name was granted; a stranger hears the room from here on. `kept`: messages that were kept for it."""
        was_stranger, self.client.name = self.client.name is None, name
        if was_stranger and self._coming:
            self._come_back()
            return
        if was_stranger and not self.client.audience.home and not (
                self._traits.hears_at_once and LOBBY in self.client.audience.members.get(self.client, ())):
            self.client.audience.enter(self.client, LOBBY if self._traits.in_lobby else EVERYWHERE)
        question = self._answered()
        answers = [events.Welcome(name, question)]
        if was_stranger and self.client.audience.motd:
            answers.append(events.Notice(self.client.audience.motd))
        if kept:
            answers.append(events.Waiting(kept))
            if self._traits.if_missed is not None:
                self.client.hear_first(self._traits.if_missed)
        is_post = type(question) is events.Post
        self._go_on(*answers, then=events.Say(question.text, None, question.time) if is_post else None)

    def _come_back(self):
        """Somebody who may come back has its name. What it is told from here on is held back until it has caught up."""
        self.client.audience.hold_back(self.client)
        if not self.client.audience.home:
            self.client.audience.enter(self.client, LOBBY)

    def greeted(self, run):
        """The answer to Hello; or it wants its session, and has another answer to come."""
        audience = self.client.audience
        greeted = events.Greeted(run, *audience.rules, audience.motd)
        if self._question.session is None:
            self._answered()
            self._go_on(greeted)
        else:
            self._reply(greeted)

    def begun(self, account, number, kept, entered, refused, read):
        """Its session has begun, or goes on: it is in the rooms `entered`, and has to be told what it has missed."""
        token, run, marks = self._coming
        self._reply(events.Welcome(self.client.name, self._question, account, token, number, read))
        if self.client.audience.motd:
            self._reply(events.Notice(self.client.audience.motd))
        for room, topic, sealed in entered:
            self._reply(events.Inside(room, topic, events.Enter(room, None), sealed))
        for room, reason in refused:
            self._reply(events.Refused(reason, events.Enter(room, None)))
        if kept and b"" not in dict(marks):
            self._reply(events.Waiting(kept))
        if marks:
            self.client.hub.look_up(self.client, False, ToHub.CatchUp((), run, marks, number))
        else:
            self.caught_up(())

    def caught_up(self, parts):
        """What it has missed: (room, messages, gap) of each. Behind that it is told what has happened since."""
        self._coming = None
        for part in parts:
            self._reply(events.CaughtUp(*part))
        self.client.audience.let_go_on(self.client)
        self._answered()
        self._go_on()

    def inside(self, room, topic, around=(), sealed=False):
        """It may be in the room, and hears from here on what happens there. around: a `Looked`, if it gets one."""
        if self.client.name is None:  # it has asked for that, and is welcomed next
            if self._coming:
                self.client.audience.hold_back(self.client)
            self.client.audience.enter(self.client, room.number)
            return
        self.client.audience.enter(self.client, room.number)
        question = self._answered()
        if type(question) is events.Say:
            self._go_on(then=question)
        else:
            self._go_on(events.Inside(room.name, topic, question, sealed), *around)

    def listen(self, room, hears):
        """Without a name, it hears what happens in the room by whose port it has come, or does so no more."""
        if hears:
            self.client.audience.enter(self.client, room.number)
        else:
            self.client.audience.leave(self.client, room.number)

    def outside(self, room, reason=None):
        """It is in the room no more; without the room by whose port it has come it is not here at all.

        reason: if it was put out.
        """
        if room.name and room.name == self.client.audience.home:
            if self.client.name is not None:  # else it is a stranger again (see `forget`), and may come back
                self.leave(reason)
        else:
            self.client.audience.leave(self.client, room.number)

    def refuse(self, reason, serial=0):
        """What was asked is not done. serial: see `confirm`."""
        self.client.refused(reason)
        if serial:
            self._hear_of(serial, events.Refused(reason, self._word(serial)))
        else:
            self._go_on(events.Refused(reason, self._answered()))

    def answer(self, happening):
        """What was asked to be told."""
        question, kind = self._answered(), type(happening)
        if kind is events.RoomList:
            happening = happening._replace(asked=question)
        elif kind is events.News or kind is events.Known and question.pattern is None:
            rooms = self.client.rooms.names(self.client)
            happening = happening._replace(rooms=rooms) if rooms else happening
        self._go_on(happening)

    def confirm(self, number=0, time=0, serial=0, at=0):
        """What was asked is done; if it was to say something, that has this number and time; at: in milliseconds.

        serial: which of the client's words it is, if several may be under way.
        """
        if serial:
            self._hear_of(serial, events.Stored(self._word(serial), number, time, at))
            return
        question = self._answered()
        if type(question) is events.LogOut:
            self._quit(question)
        else:
            self._go_on(events.Stored(question, number, time, at) if number and self._traits.numbered
                        else events.Done(question))

    def _word(self, serial):
        """The Say that is under way as this of its words."""
        command, _ = self._question[serial]
        return _unlabelled(command)

    def _hear_of(self, serial, answer):
        """What is known of one of its words is told once that of all before it is: a refusal may have come sooner."""
        words = self._question
        words[serial][1] = answer
        while words:
            first = next(iter(words))
            command, answer = words[first]
            if answer is None:
                return
            del words[first]
            if type(command) is events.Labelled:
                self.client.audience.label(self.client, command.label)
            self._reply(answer)
        self._question = None
        self._go_on()

    def hear_of_file(self, answer):
        """What those say who keep files, to Offer or Share: a dictionary, see `server.files.keeper`."""
        question = self._question
        if self.client.state is GONE:
            return
        if "no" in answer:
            self.refuse(answer["no"])
        elif type(question) is events.Offer:
            self.answer(events.Offered(answer["file"], answer["token"], answer["text"].encode()))
        else:
            text = question.text or answer["text"].encode()
            self._answered()
            self._go_on(then=events.Whisper(question.to, text, None, None, question.tag) if question.to
                        else events.Say(text, None, None, question.room, question.tag))

    def list_users(self, marked):
        """The answer to Unread: its own list of users, a Marked."""
        self.client.audience.tell_list(self.client, marked)
        self.confirm()

    def forget(self):
        """The account is deleted, and with it the name: as it has asked, or by an operator, who sends it away."""
        if type(self._question) is not events.Delete:
            self.leave(Reason.ACCOUNT_DELETED)
            return
        self.client.rooms.leave_all(self.client)
        if self.client.audience.home:
            self._come_by_port()  # the hub has forgotten that
        else:
            self._overhear()
        self.client.name = None
        self.confirm()

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
        """A question is answered: say what it was asked for, if anything, and handle what waited for that."""
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


def _unlabelled(command):
    return command.command if type(command) is events.Labelled else command


def _can_be_a_password(raw):
    """Every protocol in which one can be given must be able to give it, so it is text."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return 1 <= len(raw) <= LONGEST_PASSWORD


for _command in events.COMMANDS:
    HANDLERS[STRANGER].setdefault(_command, Session._stranger)
    HANDLERS[GONE][_command] = Session._ignore
