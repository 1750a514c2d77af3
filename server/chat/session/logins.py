"""How a client gets a name, resumes a session, and gives up its name: logins, accounts, passwords."""
from parley.server.chat.names import InvalidName, canonical_name, claims, spelled
from parley.server.chat.room import EVERYWHERE, LOBBY
from parley.server.chat.session.base import Base
from parley.server.chat.session.states import MEMBER, STRANGER, handles
from parley.server.chat.sessions import key_of
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import Reason
from parley.server.protocols.text import is_utf8

LONGEST_PASSWORD = 128  # bytes of a new one
# Bytes of a password that is checked: operators may choose longer ones than clients. Many may wait for a check, here
# and in the hub, so the 64 KiB that `dollar` could send would be too much.
LONGEST_GIVEN = 1024


class Logins(Base):
    """A stranger becomes a member, and a member who has deleted its account a stranger."""

    __slots__ = ()

    def _overhear(self):
        """Hear the lobby without a name, if the protocol has that, and the address is not banned there."""
        if self._traits.hears_at_once and not self._is_barred():
            self.client.audience.enter(self.client, LOBBY)

    def _is_barred(self):
        return self.client.rooms.is_barred(self.client.address()[0])

    def check_bar(self):
        """Other addresses are banned in the lobby now: a client without a name may have to stop hearing it."""
        if self.client.name is None and self._is_barred():
            self.client.audience.leave(self.client, LOBBY)

    def _come_by_port(self):
        """Tell the hub to which room's port the client has connected, and whether it hears that room at once."""
        host = self.client.address()[0] if self._traits.hears_at_once else None
        self.client.hub.ask(ToHub.CameBy(self.client.number, self.client.audience.home, host))

    @handles(events.Login, events.SignIn, of=(STRANGER,))
    def _log_in(self, command):
        password = getattr(command, "password", None)
        if password is None:
            self._with_name(
                command, ToHub.ClaimUnproven, type(command).__name__, False, self.client.address()[0])
        elif len(password) > LONGEST_GIVEN:
            self._refuse(Reason.WRONG_PASSWORD, command)
        else:
            self._with_name(command, ToHub.Claim, type(command).__name__, password, self.client.address()[0])

    @handles(events.Create, of=(STRANGER,))
    def _create(self, command):
        self._with_name(command, ToHub.Create, getattr(command, "password", None), self.client.address()[0])

    @handles(events.SignUp, of=(STRANGER, MEMBER))
    def _sign_up(self, sign_up):
        if not _can_be_a_password(sign_up.password):
            self._refuse(Reason.INVALID_PASSWORD, sign_up)
        elif self.client.name is not None and spelled(sign_up.name) != self.client.name:
            self._refuse(Reason.NOT_YOU, sign_up)
        else:
            self._create(sign_up)

    @handles(events.ChangePassword)
    def _change_password(self, change):
        if len(change.old) > LONGEST_GIVEN:
            self._refuse(Reason.WRONG_PASSWORD, change)
        elif _can_be_a_password(change.new):
            client = self.client
            self._ask(change, ToHub.ChangePassword(
                client.number, self.client.name, change.old, change.new, client.address()[0]))
        else:
            self._refuse(Reason.INVALID_PASSWORD, change)

    @handles(events.Rename)
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

    @handles(events.Hello, events.Login, events.SignIn, events.Create)
    def _already_in(self, command):
        self._refuse(Reason.ALREADY_IN, command)

    @handles(events.Identify, of=(STRANGER, MEMBER))
    @handles(events.Oper)
    def _identify(self, command):
        if len(command.password) > LONGEST_GIVEN:
            self._refuse(Reason.WRONG_PASSWORD, command)
        else:
            self._is_known = True
            self._ask(command, ToHub.Identify(
                self.client.number, spelled(command.account), command.password, type(command) is events.Oper,
                self.client.address()[0]))

    @handles(events.ScramBegin, of=(STRANGER, MEMBER))
    def _scram_begin(self, command):
        self._ask(command, ToHub.ScramBegin(self.client.number, spelled(command.account)))

    @handles(events.ScramFinish, of=(STRANGER, MEMBER))
    def _scram_finish(self, command):
        self._is_known = True
        self._ask(command, ToHub.ScramFinish(
            self.client.number, spelled(command.account), command.message, command.proof, self.client.address()[0]))

    @handles(events.Delete)
    def _delete(self, delete):
        self._ask(delete, ToHub.Delete(self.client.number, self.client.name))

    @handles(events.LogOut)
    def _log_out(self, log_out):
        self._ask(log_out, ToHub.LogOut(self.client.number))

    # ---- coming back

    @handles(events.Hello, of=(STRANGER,))
    def _hello(self, hello):
        client, named = self.client, [(room, room and self._named(room), number) for room, number in hello.marks]
        marks = tuple([(name, number) for room, name, number in named if name or not room])
        self._coming = hello.session or b"", hello.run, marks
        if hello.session is None:
            self._ask(hello, ToHub.Hello(client.number))
        else:
            client.hub.ask(ToHub.Hello(client.number))
            self._ask(hello, ToHub.Resume(client.number, key_of(hello.session), marks, client.address()[0]))

    def _bring(self):
        """The login that is about to be sent begins a resumable session."""
        _, *others = self._coming or (b"", b"", ())
        self._coming = token, _, marks = (self.client.new_token(), *others)
        self.client.hub.ask(ToHub.Bring(self.client.number, key_of(token), marks))

    def _come_back(self):
        """A client with a resumable session has its name. Events are held back from here until it has caught up."""
        self.client.audience.hold_back(self.client)
        if not self.client.audience.home:
            self.client.audience.enter(self.client, LOBBY)

    def greeted(self, run):
        """The answer to Hello. If the client resumes a session, another answer follows."""
        audience = self.client.audience
        greeted = events.Greeted(run, *audience.rules, audience.motd)
        if self._question.session is None:
            self._answered()
            self._go_on(greeted)
        else:
            self._reply(greeted)

    def begun(self, account, number, kept, entered, refused, read):
        """The session has begun, or is resumed: it is in the rooms `entered`, and gets what it has missed."""
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
        """What it has missed: (room, messages, gap) of each. After that it gets what was held back."""
        self._coming = None
        for part in parts:
            self._reply(events.CaughtUp(*part))
        self.client.audience.let_go_on(self.client)
        self._answered()
        self._go_on()

    # ---- what the hub answers

    def welcome(self, name, kept=0):
        """The name was granted; a stranger hears the room from here on. kept: how many messages were kept for it."""
        was_stranger, self.client.name = self.client.name is None, name
        self._is_known = False  # from here on the hub knows it by its name
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

    def forget(self):
        """The account is deleted, and with it the name: by the client, or by an operator, which ends the connection."""
        if type(self._question) is not events.Delete:
            self.leave(Reason.ACCOUNT_DELETED)
            return
        self.client.rooms.leave_all(self.client)
        if self.client.audience.home:
            self._come_by_port()  # the hub has forgotten it
        else:
            self._overhear()
        self.client.name = None
        self.confirm()


def _can_be_a_password(raw):
    """Is it text, so that it can be given in every protocol with passwords?"""
    return 1 <= len(raw) <= LONGEST_PASSWORD and is_utf8(raw)
