"""What protocols and chat say to each other.

A decoder turns bytes into the commands, an encoder turns the happenings into bytes. Both are frozen.
Names and texts are canonical UTF-8 bytes everywhere inside the server (see `server.chat.names` and
`server.protocols.text`): they cross process borders far more often than anybody looks at their characters.
"""
from collections import namedtuple


def event(name, fields, says):
    """A frozen event type. Two events are equal only if their types are: `Who()` is not `Ping()`."""
    kind = type(name, (_Event, namedtuple(name, fields)), {"__slots__": (), "__doc__": says})
    kind.__module__ = __name__
    return kind


class _Event:
    __slots__ = ()

    def __eq__(self, other):
        return type(self) is type(other) and tuple.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash((type(self), tuple(self)))


# ---- commands: what a client asks

Login = event("Login", "name", "Be known as `name`: raw bytes, as received.")
Say = event("Say", "text", "Say `text` in the room.")
Whisper = event("Whisper", "to text", "Say `text` to the one member called `to`.")
Who = event("Who", "", "Who is here?")
Ping = event("Ping", "", "Are you there?")
Nothing = event("Nothing", "", "Bytes that ask for nothing, such as a blank line.")
Malformed = event("Malformed", "reason", "Bytes that mean nothing here; `reason` is a `Reason`. The session goes on.")
Broken = event("Broken", "reason", "The peer broke the framing; nothing after this can be read. The session ends.")
Hangup = event("Hangup", "", "The client has ended the connection.")

COMMANDS = (Login, Say, Whisper, Who, Ping, Nothing, Malformed, Broken, Hangup)

# ---- happenings: what a client is told

Welcome = event("Welcome", "", "You are a member now.")
Refused = event("Refused", "reason", "What you asked was not done.")
Said = event("Said", "sender text", "`sender` said `text` in the room.")
Whispered = event("Whispered", "sender text", "`sender` said `text` to you alone.")
Joined = event("Joined", "name", "`name` is here now.")
Left = event("Left", "name", "`name` is not here any more.")
Present = event("Present", "names", "The answer to `Who`: all names, in the order of their logins.")
Pong = event("Pong", "", "The answer to `Ping`.")
Farewell = event("Farewell", "reason", "The last thing you hear, and why.")

HAPPENINGS = (Welcome, Refused, Said, Whispered, Joined, Left, Present, Pong, Farewell)


class Reason:
    """Why something was refused or ended. Each protocol has its own words for these."""

    MUST_LOGIN = "must-login"
    INVALID_NAME = "invalid-name"
    NAME_TAKEN = "name-taken"
    NO_SUCH_MEMBER = "no-such-member"
    BAD_WHISPER = "bad-whisper"
    UNKNOWN_COMMAND = "unknown-command"
    TOO_LONG = "too-long"
    TOO_SLOW = "too-slow"
    FOREIGN = "foreign-protocol"
    IDLE = "idle"
    SLOW_READER = "slow-reader"
    SHUTDOWN = "shutdown"
    BUG = "bug"
