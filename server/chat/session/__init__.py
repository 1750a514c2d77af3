"""A client's session: its state is stranger (not logged in), member or gone.

What a client may do depends on its state, by a table (HANDLERS). Requests that depend on who else is online go to the
hub, which alone has the one order. While such a question is open the client's later commands wait, so that answers keep
the order of the commands.

A session has parts, each with the commands of one subject: a part is a class that is derived from `Base`, or from
another part that it uses, and knows nothing of the others. What concerns several is here.

    states      the states, and the table
    base        what all parts know
    talk        messages, to a room or to one person
    logins      names, accounts, passwords, resuming a session
    rooms       entering, leaving, moderation
    questions   people, the past, the server
    personal    what others are told of the client, and the client of them
    files       files
"""
from parley.server.chat.names import spelled
from parley.server.chat.session.base import LINES_A_MESSAGE, in_brief
from parley.server.chat.session.files import Files
from parley.server.chat.session.logins import Logins
from parley.server.chat.session.personal import Personal
from parley.server.chat.session.questions import Questions
from parley.server.chat.session.states import GONE, HANDLERS, MEMBER, QUIT, STRANGER, WAITING, handles
from parley.server.chat.session.talk import Talk
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import HOME, Reason
from parley.server.protocols.text import is_blank

_LOGINS = (events.Hello, events.Login, events.SignIn, events.Create, events.SignUp, events.Post)


class Session(Talk, Logins, Questions, Personal, Files):
    """One client: see `Base`."""

    __slots__ = ()

    def __init__(self, client):
        super().__init__(client)
        if client.audience.home:
            self._come_by_port()
        else:
            self._overhear()

    def hear(self, commands):
        """Handle `commands` in order. Returns those that have to wait, as a question is open."""
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

    @handles(events.Turn, of=(STRANGER, MEMBER))
    def _take_turn(self, turn):
        frames, commands = turn.take(self.client.name)
        if len(frames) >= LINES_A_MESSAGE:
            self.client.charge(len(frames) // LINES_A_MESSAGE)
        if len(commands) > 1:  # all but one are charged, or a line that joins a hundred rooms would cost one message
            self.client.charge(max(0, sum(type(one) is not events.Turn for one in commands) - 1))
        self.client.audience.tell_frames(self.client, frames)
        self.client.heed_form()
        return self.hear(commands)

    @handles(events.Labelled, of=(STRANGER, MEMBER))
    def _labelled(self, labelled):
        self.client.audience.label(self.client, labelled.label)
        return HANDLERS[self.client.state][type(labelled.command)](self, labelled.command)

    @handles(events.Post, of=(STRANGER, MEMBER))
    def _post(self, post):
        """A message that contains its sender's name: claim the name, then say the text under it (see `_go_on`)."""
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
            self._already_in(post)  # a password is only for the first name

    def _stranger(self, command):
        if type(command) in self._traits.open_to_strangers and getattr(command, "room", HOME) == HOME:
            HANDLERS[MEMBER][type(command)](self, command)
        else:
            self._refuse(Reason.MUST_LOGIN, command)

    @handles(events.Malformed)
    def _malformed(self, malformed):
        self._refuse(malformed.reason, malformed.asked)

    @handles(events.Malformed, of=(STRANGER,))
    def _malformed_by_stranger(self, malformed):
        if malformed.asked in _LOGINS or malformed.asked in self._traits.open_to_strangers:
            self._malformed(malformed)
        else:
            self._refuse(Reason.MUST_LOGIN, malformed.asked)

    @handles(events.Ping)
    def _ping(self, ping):
        self._reply(events.Pong(ping.token))

    @handles(events.Help)
    @handles(events.TimingMark, of=(STRANGER, MEMBER))
    def _done(self, command):
        self._reply(events.Done(command))

    @handles(events.Quit)
    def _quit(self, quit_):
        self._reply(events.Done(quit_))
        self.leave(by=QUIT, why=in_brief(quit_.why) if type(quit_) is events.Quit else b"")

    @handles(events.Broken, of=(STRANGER, MEMBER))
    def _broken(self, broken):
        self.leave(broken.reason)

    @handles(events.Hangup, of=(STRANGER, MEMBER))
    def _hang_up(self, hangup):
        self.leave()

    @handles(events.Nothing, of=(STRANGER, MEMBER))
    def _ignore(self, command):
        pass


for _command in events.COMMANDS:
    HANDLERS[STRANGER].setdefault(_command, Session._stranger)
    HANDLERS[GONE][_command] = Session._ignore
