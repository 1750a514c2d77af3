"""One client's way through the chat: stranger, member, gone.

What a client may do depends on its state, and is a table (HANDLERS). Whatever depends on who else is here (a login,
a whisper, who is present) is a question to the hub, because only the hub's order is everybody's order. While a
question is open the client's later commands wait, so that answers keep the order of the commands.
"""
from server.chat.names import InvalidName, canonical_name, claims
from server.protocols.events import (
    COMMANDS,
    Broken,
    Farewell,
    Hangup,
    Login,
    Malformed,
    Nothing,
    Ping,
    Pong,
    Present,
    Reason,
    Refused,
    Say,
    Welcome,
    Whisper,
    Who,
)

STRANGER, CLAIMING, MEMBER, ASKING, GONE = "stranger", "claiming", "member", "asking", "gone"
WAITING = frozenset([CLAIMING, ASKING])


class Session:
    """One client. A subclass gives it an end (`part`).

    number: this client's in its worker, never given twice.
    name: canonical, or None while it is a stranger.
    hub: where questions and talk go (see `server.worker.uplink.Uplink`).
    audience: those who hear in the same protocol (see `server.worker.audience.Audience`).
    """

    __slots__ = ("number", "state", "name", "hub", "audience", "_later")

    def __init__(self, number, hub, audience):
        self.number = number
        self.state = STRANGER
        self.name = None
        self.hub = hub
        self.audience = audience
        self._later = ()

    def tell(self, happening):
        """Let the client know, in its place among what it hears."""
        self.audience.tell(self, happening)

    def part(self, reason):
        """End the connection once everything told has been sent; the reason is None if the client wants it so."""
        raise NotImplementedError

    # ---- what the client asks

    def hear(self, commands):
        """Handle `commands` in order; those behind an open question wait for its answer."""
        if self.state in WAITING:
            self._later = [*self._later, *commands]
            return
        for position, command in enumerate(commands, 1):
            HANDLERS[self.state][type(command)](self, command)
            if self.state in WAITING:
                self._later = commands[position:]
                return

    def leave(self, farewell=None):
        """Be gone: free the name, say good-bye if there is a reason to give, and end the connection."""
        if self.state is GONE:
            return
        if self.name or self.state is CLAIMING:
            self.hub.release(self.number)
        if farewell:
            self.tell(Farewell(farewell))
        self.state = GONE
        self._later = ()
        self.part(farewell)

    def _claim(self, login):
        try:
            name = canonical_name(login.name)
        except InvalidName:
            self.tell(Refused(Reason.INVALID_NAME))
            return
        self.state = CLAIMING
        self.hub.claim(self.number, name, claims(name))

    def _say(self, say):
        self.hub.say(self.number, self.name, say.text)

    def _whisper(self, whisper):
        try:
            to = canonical_name(whisper.to)
        except InvalidName:
            self.tell(Refused(Reason.NO_SUCH_MEMBER))
            return
        self.state = ASKING
        self.hub.whisper(self.number, self.name, to, whisper.text)

    def _who(self, who):
        self.state = ASKING
        self.hub.who(self.number)

    def _ping(self, ping):
        self.tell(Pong())

    def _must_login(self, command):
        self.tell(Refused(Reason.MUST_LOGIN))

    def _unknown(self, command):
        self.tell(Refused(Reason.UNKNOWN_COMMAND))

    def _malformed(self, malformed):
        self.tell(Refused(malformed.reason))

    def _broken(self, broken):
        self.leave(broken.reason)

    def _hang_up(self, hangup):
        self.leave()

    def _ignore(self, command):
        pass

    # ---- what the hub answers

    def heed(self, answer, *arguments):
        """Take one of the answers below, by its name."""
        getattr(self, answer)(*arguments)

    def welcome(self, name):
        """The claim was granted; from here on the client hears the room."""
        self.name = name
        self.audience.enter(self)
        self.tell(Welcome())
        self._answered(MEMBER)

    def refuse(self, reason):
        """What was asked is not done."""
        self.tell(Refused(reason))
        self._answered(STRANGER if self.state is CLAIMING else MEMBER)

    def confirm(self):
        """The whisper was delivered."""
        self._answered(MEMBER)

    def present(self, names):
        """The answer to `Who`."""
        self.tell(Present(names))
        self._answered(MEMBER)

    def _answered(self, state):
        self.state = state
        later, self._later = self._later, ()
        self.hear(later)


_ALWAYS = {Nothing: Session._ignore, Broken: Session._broken, Hangup: Session._hang_up}

# state -> command -> what happens. In a waiting state nothing is handled, so it has no row.
HANDLERS = {
    STRANGER: dict.fromkeys(COMMANDS, Session._must_login),
    MEMBER: {
        Login: Session._unknown,
        Say: Session._say,
        Whisper: Session._whisper,
        Who: Session._who,
        Ping: Session._ping,
        Malformed: Session._malformed,
    },
    GONE: dict.fromkeys(COMMANDS, Session._ignore),
}
HANDLERS[STRANGER][Login] = Session._claim
HANDLERS[STRANGER].update(_ALWAYS)
HANDLERS[MEMBER].update(_ALWAYS)
