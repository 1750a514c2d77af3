"""What protocols and chat say to each other.

A decoder turns bytes into the commands, an encoder turns the happenings into bytes. Both are frozen.

Names and texts inside the server are canonical UTF-8 bytes (`server.chat.names`, `server.protocols.text`): they cross
process borders far more often than anybody looks at their characters. In commands, names and passwords are as
received; texts are canonical already. Times are whole seconds since the epoch.
"""
from collections import namedtuple


class _Event:
    """Two events are equal only if their types are: `Who()` is not `Ping(b"")`."""

    __slots__ = ()

    def __eq__(self, other):
        return type(self) is type(other) and tuple.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash((type(self), tuple(self)))


def event(name, fields, says, module=__name__):
    """The type of an event, as `module` has it."""
    return type(name, (_Event, namedtuple(name, fields)), {"__slots__": (), "__doc__": says, "__module__": module})


# ---- commands: what a client asks

Login = event("Login", "name password", "Be known as `name`; the password is None where none was given.")
SignIn = event("SignIn", "name password", "Be known by the account `name`, which must exist.")
Create = event("Create", "name", "Make the account `name`, and be known by it.")
SignUp = event("SignUp", "name password", "Make the account `name`, and be known by it; a member: for its own name.")
ChangePassword = event("ChangePassword", "old new", "My account's password is to be another.")
Rename = event("Rename", "name", "Be known as `name` from now on.")
Say = event("Say", "text claimed time", "Say `text`. `claimed` is who the client says it is, `time` when, or None.")
Post = event("Post", "name password text time", "Be known as `name` (None: as now, or a guest), then say `text`.")
Whisper = event("Whisper", "to text claimed time", "Say `text` to one; the rest as in Say.")
Who = event("Who", "", "Who is here?")
Accounts = event("Accounts", "pattern", "Which names are known, as a shell pattern; None for all.")
Describe = event("Describe", "name", "Where does `name` come from?")
History = event("History", "partner", "What have we two said to each other?")
Recall = event("Recall", "since most", "What was said in the room after number `since`; None: lately, at most `most`.")
Deliver = event("Deliver", "", "What was kept for me while I was away?")
Unread = event("Unread", "", "From whom is something kept for me, and how much?")
Delete = event("Delete", "", "Delete my account.")
Poll = event("Poll", "", "Is there anything new?")
Ping = event("Ping", "token", "Are you there? The token comes back.")
Help = event("Help", "", "What can I ask?")
Quit = event("Quit", "", "I am leaving.")
TimingMark = event("TimingMark", "", "Tell me when you have heard everything before this.")
Nothing = event("Nothing", "", "Bytes that ask for nothing, such as a blank line.")
Malformed = event("Malformed", "reason asked", "Bytes that mean nothing here. `asked` is the command's type, or None.")
Broken = event("Broken", "reason", "The peer broke the framing; nothing after this can be read. The session ends.")
Hangup = event("Hangup", "", "The client has ended the connection.")

COMMANDS = (
    Login, SignIn, Create, SignUp, ChangePassword, Rename, Say, Post, Whisper, Who, Accounts, Describe, History, Recall,
    Deliver, Unread, Delete, Poll, Ping, Help, Quit, TimingMark, Nothing, Malformed, Broken, Hangup,
)  # fmt: skip


def kind_of(asked):
    """The type of what an answer answers: of a command, or that type itself where the bytes were none."""
    return asked if isinstance(asked, type) else type(asked)


# ---- happenings: what a client is told

# Answers. `asked` is the command that is answered; for a refusal, of bytes that were none, its type or None.
Welcome = event("Welcome", "name asked", "You are a member now, called `name`.")
Done = event("Done", "asked", "What you asked was done: said, whispered, changed, deleted, quit.")
Refused = event("Refused", "reason asked", "What you asked was not done.")
Present = event("Present", "names", "The answer to Who: all members' names, in the order of their logins.")
Known = event("Known", "names", "The answer to Accounts.")
Described = event("Described", "name host port", "The answer to Describe.")
Past = event("Past", "messages", "The answer to History: (sender, text, time) of each, oldest first.")
Missed = event("Missed", "messages", "The answer to Deliver: (sender, text, time) of each, oldest first.")
Recalled = event("Recalled", "messages last more", "The answer to Recall: (number, sender, text, time) of each.")
News = event("News", "users", "The answer to Poll: (name, online) of everybody known.")
Pong = event("Pong", "token", "The answer to Ping.")
Waiting = event("Waiting", "count", "Behind a Welcome: so many messages are kept for you, which you have missed.")

# Pushes.
Said = event("Said", "sender text time number", "`sender` said `text` in the room; the message's number, or None.")
Whispered = event("Whispered", "sender text time number", "`sender` said `text` to you alone; the number likewise.")
Said.__new__.__defaults__ = Whispered.__new__.__defaults__ = (None,)
Joined = event("Joined", "name", "`name` is here now.")
Left = event("Left", "name", "`name` is not here any more.")
Renamed = event("Renamed", "old new", "`old` is called `new` now.")
Users = event("Users", "users", "(name, online) of everybody known, once it has changed.")
Marked = event("Marked", "users unread", "Users, and {name: messages} of those of whom something is kept for you.")
Farewell = event("Farewell", "reason", "The last thing you hear, and why.")

# The answers that may be long, by the type of what is asked.
LONG_ANSWERS = {
    Who: Present, Accounts: Known, Recall: Recalled, Poll: News, History: Past, Deliver: Missed, Unread: Done}

ANSWERS = (Welcome, Waiting, Done, Refused, Present, Known, Described, Past, Missed, Recalled, News, Pong)
PUSHES = (Said, Whispered, Joined, Left, Renamed, Users, Marked, Farewell)
HAPPENINGS = ANSWERS + PUSHES


class Reason:
    """Why something was refused or ended. Each protocol has its own words for these."""

    # the command
    UNKNOWN_COMMAND = "unknown-command"
    BAD_FORM = "bad-form"  # known, but not of its form: missing items, a wrong type, no text
    NOT_UTF8 = "not-utf8"
    TEXT_TOO_LONG = "text-too-long"
    # who asks
    MUST_LOGIN = "must-login"
    ALREADY_IN = "already-in"
    NOT_YOU = "not-you"  # the client claims to be somebody else
    # names
    INVALID_NAME = "invalid-name"
    NAME_TAKEN = "name-taken"
    NO_ACCOUNT = "no-account"
    TOO_MANY_ACCOUNTS = "too-many-accounts"
    REGISTRATION_CLOSED = "registration-closed"  # clients make no accounts here
    ACCOUNT_REQUIRED = "account-required"  # names without one are not used here
    PASSWORD_REQUIRED = "password-required"
    WRONG_PASSWORD = "wrong-password"
    NO_PASSWORD = "no-password"  # one was given for a name that has none
    INVALID_PASSWORD = "invalid-password"  # it can be nobody's
    UNVERIFIABLE = "unverifiable-password"  # by this Python
    TRY_LATER = "try-again-later"  # too many wrong passwords, or too many at once
    # whispers
    NOBODY = "nobody"  # of that name
    YOURSELF = "yourself"
    BOX_FULL = "box-full"  # too much is kept for somebody who is away
    # the store
    NOT_STORED = "not-stored"  # or it could not be read
    NO_SUCH_NUMBER = "no-such-number"  # of a message
    # the end of the connection
    BROKEN = "broken"
    TOO_LONG = "too-long"
    TOO_SLOW = "too-slow"
    FOREIGN = "foreign-protocol"
    IDLE = "idle"
    SLOW_READER = "slow-reader"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    REPLACED = "logged-in-elsewhere"
    ACCOUNT_DELETED = "account-deleted"  # by an operator
    SHUTDOWN = "shutdown"
    BUG = "bug"


REASONS = tuple(value for name, value in sorted(vars(Reason).items()) if name.isupper())
