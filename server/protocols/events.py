"""What protocols and chat say to each other: frozen values, each type a named tuple.

A decoder turns bytes into commands; an encoder turns happenings (answers and pushes) into bytes.

Names and texts are canonical UTF-8 bytes everywhere inside the server (`server.chat.names`, `server.protocols.text`),
because they are passed between processes far more often than their characters are looked at. In commands, names and
passwords are as received; texts are canonical already. Times are whole seconds since the epoch.
"""
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar

_T = TypeVar("_T")


def _equal(self: Tuple[Any, ...], other: object) -> Any:
    return type(self) is type(other) and tuple.__eq__(self, other)


def _unequal(self: Tuple[Any, ...], other: object) -> bool:
    return not self == other


def _hash(self: Tuple[Any, ...]) -> int:
    return hash((type(self), tuple(self)))


def event(kind: Type[_T]) -> Type[_T]:
    """Make instances of a named tuple equal only to those of the same type: `Who()` is not `Quit()`."""
    kind.__eq__ = _equal  # type: ignore[method-assign, assignment]
    kind.__ne__ = _unequal  # type: ignore[method-assign, assignment]
    kind.__hash__ = _hash  # type: ignore[method-assign, assignment]
    return kind


Command = Tuple[Any, ...]  # of one of COMMANDS
Happening = Tuple[Any, ...]  # of one of HAPPENINGS

_commands: List[Type[Any]] = []
_answers: List[Type[Any]] = []
_pushes: List[Type[Any]] = []

# The answers that may be long, by the type of the request.
LONG_ANSWERS: Dict[Type[Any], Type[Any]] = {}


def command(kind: Type[_T]) -> Type[_T]:
    """What a client asks."""
    _commands.append(kind)
    return event(kind)


def answer(kind: Type[_T]) -> Type[_T]:
    """What a client is told because it has asked something."""
    _answers.append(kind)
    return event(kind)


def long_answer(asked: Type[Any]) -> Callable[[Type[_T]], Type[_T]]:
    """An answer to commands of the type `asked`, and one that may be long."""

    def note(kind: Type[_T]) -> Type[_T]:
        LONG_ANSWERS[asked] = kind
        return answer(kind)

    return note


def push(kind: Type[_T]) -> Type[_T]:
    """What a client is told without having asked."""
    _pushes.append(kind)
    return event(kind)


HOME = b""  # the room that a client means if it names none, and in which it hears what is said unnamed: the lobby

# What can be done to a room: what `about` and `text` of a `Manage` are.
ACTS = {
    "topic": "text: the new topic, or nothing",
    "invite": "about: a name",
    "kick": "about: a name; text: why",
    "ban": "about: a name, or a shell pattern of names; text: why",
    "unban": "about: as it was banned",
    "mute": "about: a name; text: why",
    "unmute": "about: a name",
    "voice": "about: a name",
    "devoice": "about: a name",
    "op": "about: a name",
    "deop": "about: a name",
    "set": "about: a setting (see `parley.server.chat.rooms`), or several that are on or off, with commas between; "
           "text: its value, or theirs",
    "drop": "",
}


# What some protocols only have words for: a mask is a name, a pattern of names, "$a:" and an account or a pattern of
# them, or such a pattern with "!user@host" behind it.
MORE_ACTS = {
    "bar": "a ban of those who are not here; those who are stay, and may not speak; about: a mask; text: why",
    "except": "about: a mask of those for whom no ban counts, or with \"mute:\" in front no mute",
    "unexcept": "about: as it was excepted",
    "invex": "about: a mask of those who need no invitation",
    "uninvex": "about: likewise",
    "rename": "about: the new name of the room; text: why",
    "redact": "about: the number of a message, which is removed; text: why",
}
REDACTED = b"\0"  # the extra of a message that was removed, instead of which its text tells so
NOTED = ("topic",)  # acts that are kept among what was said, as messages without a text


def noted(act: str, about: bytes, text: bytes) -> bytes:
    """The extra by which an act is kept."""
    return b"\0%b %b\n%b" % (act.encode(), about, text)


def of_note(extra: bytes) -> Optional[Tuple[str, bytes, bytes]]:
    """(act, about, text) of such an extra; None of all others."""
    if extra[:1] != b"\0" or len(extra) < 2:
        return None
    head, _, text = extra[1:].partition(b"\n")
    act, _, about = head.partition(b" ")
    return act.decode(), about, text


# ---- commands: what a client asks

@command
class Hello(NamedTuple):
    """The first words of a client that may come back: from where it wants to go on, once it is a member.

    session: what it was welcomed with, so that it has the same name without a password; or None.
    run: of the server, as it was greeted with, or empty.
    marks: (room, number) of the latest message that it has of a room; of what was said to it alone the room is HOME.
    """

    session: Optional[bytes]
    run: bytes
    marks: Tuple[Tuple[bytes, int], ...]


@command
class Login(NamedTuple):
    """Be known as `name`; `password` is None if none was given."""

    name: bytes
    password: Optional[bytes]


@command
class SignIn(NamedTuple):
    """Log in to the account `name`, which must exist."""

    name: bytes
    password: Optional[bytes]


@command
class Create(NamedTuple):
    """Make the account `name`, and log in to it."""

    name: bytes


@command
class SignUp(NamedTuple):
    """Make the account `name` with a password, and log in to it. A member does so for its own name."""

    name: bytes
    password: bytes


@command
class ChangePassword(NamedTuple):
    """Change the password of my account."""

    old: bytes
    new: bytes


@command
class Rename(NamedTuple):
    """Be known as `name` from now on."""

    name: bytes


@command
class Say(NamedTuple):
    """Say `text` in a room. `claimed` and `time`: who and when, according to the client; None if it does not tell.

    tag: what the client calls it, so that it is said once however often it is sent; empty if it is not called anything.
    extra: what goes along with the text to those only whose protocol has the trait `extras`. With an extra the text may
        be empty; then nobody else hears of it.
    """

    text: bytes
    claimed: Optional[bytes]
    time: Optional[int]
    room: bytes = HOME
    tag: bytes = b""
    extra: bytes = b""


@command
class Post(NamedTuple):
    """Be known as `name` (None: as now, or as a guest), then say `text`."""

    name: Optional[bytes]
    password: Optional[bytes]
    text: bytes
    time: Optional[int]


@command
class Whisper(NamedTuple):
    """Say `text` to one user alone; the other fields as in `Say`."""

    to: bytes
    text: bytes
    claimed: Optional[bytes]
    time: Optional[int]
    tag: bytes = b""
    extra: bytes = b""


@command
class Who(NamedTuple):
    """Who is here, or in a room?"""

    room: bytes = HOME


@command
class Accounts(NamedTuple):
    """Which names are known that match a shell pattern? None: all."""

    pattern: Optional[bytes]


@command
class Describe(NamedTuple):
    """From where is `name` connected?"""

    name: bytes


@command
class History(NamedTuple):
    """What have the two of us said to each other?"""

    partner: bytes


@command
class Recall(NamedTuple):
    """What was said in a room after message `since`? None: the latest. At most `most` messages.

    `since` is a message's number if the room is HOME, and else its place in the room.
    """

    since: Optional[int]
    most: int
    room: bytes = HOME


@command
class Browse(NamedTuple):
    """What was said in a room, or by a partner and me to each other? The other one is None.

    before, after: a message's number, for those said before it or after it; if both are None: the latest. At most
    `most` messages, of which the nearest to that number are told.
    exactly: with extras, of messages without a text too, and with times in milliseconds. Only then there are
        before_time, after_time: likewise by milliseconds since the epoch.
        latest: of all between these, are the last ones wanted?
    """

    room: Optional[bytes]
    partner: Optional[bytes]
    before: Optional[int]
    after: Optional[int]
    most: int
    exactly: bool = False
    before_time: Optional[int] = None
    after_time: Optional[int] = None
    latest: bool = False


@command
class Partners(NamedTuple):
    """In which of my rooms, and with whom, was the latest said between these times, milliseconds since the epoch?"""

    after_time: int
    before_time: int
    most: int


@command
class Enter(NamedTuple):
    """Be in a room, which is made if there is none of this name. `key`: what its owner may demand, or None."""

    room: bytes
    key: Optional[bytes]


@command
class Exit(NamedTuple):
    """Be in a room no more. `why`: in the client's words, or empty."""

    room: bytes
    why: bytes = b""


@command
class Rooms(NamedTuple):
    """Which rooms are there that I may know of, and whose names match a shell pattern? None: which am I in?

    names_only: are their names all that is asked? invited: to which am I invited? Of these the names alone are told.
    """

    pattern: Optional[bytes]
    names_only: bool = False
    invited: bool = False


@command
class Topic(NamedTuple):
    """What is a room's topic?"""

    room: bytes


@command
class Look(NamedTuple):
    """Who is in a room, what is its topic, and how is it set?"""

    room: bytes


@command
class Count(NamedTuple):
    """How many are here?"""


@command
class ReadMotd(NamedTuple):
    """What is the message of the day?"""


@command
class Roles(NamedTuple):
    """Who may do more in a room than others, and how is it set?"""

    room: bytes = HOME


@command
class Manage(NamedTuple):
    """Do something to a room or to somebody in it. `act`: of ACTS or MORE_ACTS, which say what `about` and `text` are.
    """

    room: bytes
    act: str
    about: bytes
    text: bytes


@command
class Redact(NamedTuple):
    """Remove the message of this number, which I have said to one alone. `text`: why."""

    to: bytes
    number: bytes
    text: bytes


@command
class Masks(NamedTuple):
    """Who is on a list of a room? kind: "ban", "mute", "except" or "invex"."""

    room: bytes
    kind: str


@command
class Wallops(NamedTuple):
    """Tell all operators this, and whoever wants to hear it; for operators."""

    text: bytes


@command
class Typing(NamedTuple):
    """I am typing in a room, or (if `to` is not empty) to one user alone. Nothing answers this."""

    room: bytes
    to: bytes


@command
class Away(NamedTuple):
    """I am away, or here again. Nothing answers this. `text`: why, or empty."""

    away: bool
    text: bytes = b""


@command
class Introduce(NamedTuple):
    """This is what I am called in full, and what user I am at home. Nothing answers this."""

    real_name: bytes
    user: bytes = b""


@command
class SetName(NamedTuple):
    """This is what I am called in full from now on."""

    real_name: bytes


@command
class SetFlag(NamedTuple):
    """I have a flag, or not any more: "B", I am a bot; "i", I am not to be found; "w", I hear operators (`Wallops`)."""

    flag: bytes
    on: bool


MOST_KEYS = 30  # of metadata, of somebody or a room
MOST_FOLLOWED = 50
LONGEST_KEY, LONGEST_VALUE = 64, 300  # bytes


@command
class SetMetadata(NamedTuple):
    """Others are to be told this value by this key, of a room, or (if that is not empty) of somebody, who is me.

    value: None takes it back; then the key may be empty for all keys.
    """

    room: bytes
    name: bytes
    key: bytes
    value: Optional[bytes]


@command
class ReadMetadata(NamedTuple):
    """What is told by these keys (None: by all) of a room, or (if that is not empty) of somebody?

    everybody: of those in the room, too.
    """

    room: bytes
    name: bytes
    keys: Optional[Tuple[bytes, ...]]
    everybody: bool = False


@command
class Follow(NamedTuple):
    """Tell me of metadata by these keys when it changes, and by no others any more. Nothing answers this."""

    keys: Tuple[bytes, ...]


@command
class Identify(NamedTuple):
    """This account is mine, whatever I am called, or am going to be."""

    account: bytes
    password: bytes


@command
class Oper(NamedTuple):
    """I am an operator: I know the password of an operator's account."""

    account: bytes
    password: bytes


@command
class ScramBegin(NamedTuple):
    """I am going to prove by SCRAM-SHA-256 (RFC 7677) that this account is mine: with which salt, how many rounds?"""

    account: bytes


@command
class ScramFinish(NamedTuple):
    """The account is mine: see `Identify`. message: the AuthMessage of RFC 5802. proof: the ClientProof, 32 bytes."""

    account: bytes
    message: bytes
    proof: bytes


@command
class Whois(NamedTuple):
    """Who is called so, how long are they here, and in which rooms?"""

    name: bytes


@command
class WhoWas(NamedTuple):
    """Who was called so, lately? At most `most` of them; 0 is all."""

    name: bytes
    most: int


@command
class Watch(NamedTuple):
    """Tell me of these names who is here, away or gone, now and when it changes, and of no others any more."""

    names: Tuple[bytes, ...]


@command
class Offer(NamedTuple):
    """I want to send a file that is called so. `size`: in bytes. `sha256`: its hash in hexadecimal digits, or empty."""

    name: bytes
    size: int
    sha256: str


@command
class Share(NamedTuple):
    """Say in a room, or (if `to` is not empty) to one user alone, that there is a file that I have offered and sent.

    `file`, `token`: as `Offered` has told them. `tag`: as of `Say`. `text`: the sealed message that tells of it, or
    empty: then the server's own words do.
    """

    file: str
    token: str
    room: bytes
    to: bytes
    tag: bytes
    text: bytes


@command
class MarkRead(NamedTuple):
    """I have read up to this number, in a room or (if that is not empty) with a partner. Nothing answers this."""

    room: bytes
    partner: bytes
    number: int


@command
class PublishDevices(NamedTuple):
    """The devices of my account are these from now on: a signed list (docs/sealing.md), its name and its number."""

    name: bytes
    number: int
    data: bytes


@command
class DevicesOf(NamedTuple):
    """Which devices has this account?"""

    name: bytes


@command
class ReadMark(NamedTuple):
    """Up to when have I read, in a room or (if that is not empty) with a partner?

    time: I have read up to then, milliseconds since the epoch; None: this only asks.
    """

    room: bytes
    partner: bytes
    time: Optional[int]


@command
class Deliver(NamedTuple):
    """What was kept for me while I was away?"""


@command
class Unread(NamedTuple):
    """How many messages are kept for me, and from whom?"""


@command
class Delete(NamedTuple):
    """Delete my account."""


@command
class Poll(NamedTuple):
    """Is there anything new?"""


@command
class Ping(NamedTuple):
    """Are you there? The answer repeats the token."""

    token: bytes


@command
class Help(NamedTuple):
    """What can I ask?"""


@command
class LogOut(NamedTuple):
    """I am leaving, and will not come back to my session."""


@command
class Quit(NamedTuple):
    """I am leaving. `why`: what others are told, or empty."""

    why: bytes = b""


@command
class TimingMark(NamedTuple):
    """Tell me when you have processed everything before this."""


@command
class Labelled(NamedTuple):
    """A command whose answer is to bear the client's label for it, or what else the protocol puts there."""

    label: Any
    command: Any


@command
class Turn(NamedTuple):
    """What a client has sent, where the decoder says in its turn only what it means: that depends on what was before.

    take: take(name) gives what answers it at once, frames, and the commands that it is. name: the client's, or None.
    """

    take: Callable[[Optional[bytes]], Tuple[Tuple[bytes, ...], Sequence[Any]]]


@command
class Nothing(NamedTuple):
    """Bytes that ask for nothing, such as a blank line."""


@command
class Malformed(NamedTuple):
    """Bytes that are no valid command. `asked` is the type of the command they begin, or None."""

    reason: str
    asked: Optional[Type[Any]]


@command
class Broken(NamedTuple):
    """The client broke the framing. Nothing after this can be read, so the session ends."""

    reason: str


@command
class Hangup(NamedTuple):
    """The client has closed the connection."""


def kind_of(asked: Any) -> Type[Any]:
    """The type of a request, for `asked` of an answer: that is a command, or its type if only that is known."""
    return asked if isinstance(asked, type) else type(asked)


# ---- happenings: what a client is told

# Answers. `asked` is the command that is answered. Where a refusal answers malformed bytes it is a type, or None.

@answer
class Greeted(NamedTuple):
    """The answer to `Hello`. `run`: another means that numbers of messages which the client knows mean nothing.

    text_bytes: how long a text may be. register: may clients make accounts? guests: may names without one be used?
    file_bytes: how long a file may be; 0: none are kept. motd: the message of the day, or empty.
    """

    run: bytes
    text_bytes: int = 0
    register: bool = True
    guests: bool = True
    file_bytes: int = 0
    motd: bytes = b""


@answer
class Welcome(NamedTuple):
    """You are a member now, called `name`.

    Whoever may come back (see `Hello`) is told besides: has the name an account? With which `session` to come back, and
    the number of the latest message; what follows is told as it is said, or in a `CaughtUp`.

    read: (room, partner, number) of each read marker; the room is empty, or the partner is.
    """

    name: bytes
    asked: Any
    account: bool = False
    session: bytes = b""
    number: int = 0
    read: Sequence[Tuple[bytes, bytes, int]] = ()


@long_answer(Hello)
class CaughtUp(NamedTuple):
    """Follows a `Welcome` that answers a `Hello`: what you have missed in a room, or (HOME) what was said to you alone.

    messages: (number, sender, to whom, text, time) of each, oldest first; in a room the receiver is empty. The number
        is 0 of what was kept for you and is too old to have one.
    gap: are there so many that older ones are left out?
    """

    room: bytes
    messages: Sequence[Tuple[int, bytes, bytes, bytes, int]]
    gap: bool


@answer
class Waiting(NamedTuple):
    """Follows a `Welcome`: `count` messages were kept for you while you were away."""

    count: int  # type: ignore[assignment]  # not tuple.count


@long_answer(Unread)
class Done(NamedTuple):
    """Your request was carried out."""

    asked: Any


@answer
class Stored(NamedTuple):
    """What you said is stored, and has this number. `time`: as history tells it. `at`: in milliseconds."""

    asked: Any
    number: int
    time: int
    at: int = 0


@answer
class Offered(NamedTuple):
    """The answer to `Offer`: by this id the file is known, and by this token who has offered it.

    `text`: how others will be told of it.
    """

    file: str
    token: str
    text: bytes


@answer
class Refused(NamedTuple):
    """Your request was not carried out."""

    reason: str
    asked: Any


@long_answer(Who)
class Present(NamedTuple):
    """The answer to `Who`: the names of all members, in the order in which they logged in, or came to the room."""

    names: Sequence[bytes]
    room: bytes = HOME


@long_answer(Accounts)
class Known(NamedTuple):
    """The answer to `Accounts`. `rooms`: those that you are in, if all names were asked for."""

    names: Sequence[bytes]
    rooms: Sequence[bytes] = ()


@answer
class Described(NamedTuple):
    """The answer to `Describe`."""

    name: bytes
    host: str
    port: int


@long_answer(History)
class Past(NamedTuple):
    """The answer to `History`: (sender, text, time) of each message, oldest first."""

    messages: Sequence[Tuple[bytes, bytes, int]]


@long_answer(Deliver)
class Missed(NamedTuple):
    """The answer to `Deliver`: (sender, text, time) of each message, oldest first."""

    messages: Sequence[Tuple[bytes, bytes, int]]


@long_answer(Recall)
class Recalled(NamedTuple):
    """The answer to `Recall`: (number, sender, text, time) of each message, and the number to ask from next.

    Where the room is not HOME these numbers are places in it: 1, 2, 3 and so on.
    """

    messages: Sequence[Tuple[int, bytes, bytes, int]]
    last: int
    more: bool
    room: bytes = HOME


@long_answer(Browse)
class Browsed(NamedTuple):
    """The answer to `Browse`: (number, sender, text, time) of each message, oldest first; are there more that way?

    Exactly: the time is in milliseconds, and behind the text may stand NUL and an extra.
    """

    room: Optional[bytes]
    partner: Optional[bytes]
    messages: Sequence[Tuple[int, bytes, bytes, int]]
    more: bool


@answer
class Inside(NamedTuple):
    """The answer to `Enter`: you are in the room. `topic`: empty if there is none.

    sealed: is nothing said there but what is sealed?
    """

    room: bytes
    topic: bytes
    asked: Any
    sealed: bool = False


@long_answer(Rooms)
class RoomList(NamedTuple):
    """The answer to `Rooms`: (name, number of members, topic, are you in it?) of each."""

    rooms: Sequence[Tuple[bytes, int, bytes, bool]]
    asked: Any = None


@answer
class TopicTold(NamedTuple):
    """The answer to `Topic`: the text, empty if there is none, who set it, and when."""

    room: bytes
    text: bytes
    by: bytes
    time: int


@answer
class RolesTold(NamedTuple):
    """The answer to `Roles`: (name, role) of the members that have one, and (setting, value) of what is set.

    A role is "voice", "op", "owner" or "operator". A value is a number, and 1 for what is on; so it is for a key.
    """

    room: bytes
    roles: Sequence[Tuple[bytes, bytes]]
    settings: Sequence[Tuple[bytes, int]]


@long_answer(Look)
class Looked(NamedTuple):
    """The answer to `Look`, also by who may not see into the room: then there is no more than its name.

    inside: is the asker in the room? members: (name, role) of each, in the order in which they came; a role is one of
        `RolesTold`, or empty.
    topic, by, time: as in `TopicTold`. settings: as in `RolesTold`. since: when it was made, seconds, or 0.
    voiced: the names of members who have a voice beside their role.
    """

    room: bytes
    inside: bool = False
    members: Sequence[Tuple[bytes, bytes]] = ()
    topic: bytes = b""
    by: bytes = b""
    time: int = 0
    settings: Sequence[Tuple[bytes, int]] = ()
    since: int = 0
    voiced: Sequence[bytes] = ()


@answer
class Counted(NamedTuple):
    """The answer to `Count`: members, rooms, and operators among the members."""

    members: int
    rooms: int
    operators: int


@answer
class MasksTold(NamedTuple):
    """The answer to `Masks`: (mask, by whom, seconds since the epoch or 0) of each, in the order in which they came."""

    room: bytes
    kind: str
    masks: Sequence[Tuple[bytes, bytes, int]]


@long_answer(Partners)
class PartnersTold(NamedTuple):
    """The answer to `Partners`: (name of a room or of somebody, milliseconds) of each, the earliest first."""

    partners: Sequence[Tuple[bytes, int]]


@answer
class ReadTold(NamedTuple):
    """The answer to `ReadMark`: milliseconds since the epoch; 0 if nothing was read."""

    room: bytes
    partner: bytes
    time: int


@answer
class DevicesTold(NamedTuple):
    """The answer to `DevicesOf`: the list of the account's devices; empty if there is none."""

    name: bytes
    data: bytes


@answer
class ScramTold(NamedTuple):
    """The answer to `ScramBegin`. nonce: what the server adds to the client's, which nobody can guess."""

    salt: bytes
    rounds: int
    nonce: bytes


@answer
class ScramProven(NamedTuple):
    """The account is yours, and this is the server's. signature: the ServerSignature of RFC 5802."""

    signature: bytes


@answer
class WhoisTold(NamedTuple):
    """The answer to `Whois`.

    rooms: (name, role) of those that the asker may know of; the role is empty, or as in `RolesTold`.
    signed_on: seconds since the epoch. idle: for how many seconds it has said nothing.
    host, port: from where it is connected, if the asker may know that; else empty, and 0.
    """

    name: bytes
    rooms: Sequence[Tuple[bytes, bytes]]
    signed_on: int
    idle: int
    operator: bool
    host: str = ""
    port: int = 0


@answer
class WhoWasTold(NamedTuple):
    """The answer to `WhoWas`, the latest first: (name, account, real name, when it left, user) of each.

    The time is in seconds since the epoch; what is not known is empty.
    """

    people: Sequence[Tuple[bytes, bytes, bytes, int, bytes]]


@answer
class MetadataTold(NamedTuple):
    """The answer to `ReadMetadata`, and to `SetMetadata`, where it is what has changed.

    target: a room's name, or somebody's. rows: (a room's name or somebody's, key, value) of each; None is no value.
    """

    target: bytes
    rows: Sequence[Tuple[bytes, bytes, Optional[bytes]]]


@long_answer(Poll)
class News(NamedTuple):
    """The answer to `Poll`: (name, online) for each known name, and the rooms that you are in."""

    users: Sequence[Tuple[bytes, bool]]
    rooms: Sequence[bytes] = ()


@answer
class Pong(NamedTuple):
    """The answer to `Ping`."""

    token: bytes


# Pushes.

@push
class Said(NamedTuple):
    """`sender` said `text` in a room. `number` is the message's, None where it is not known.

    time: as the sender has it. at: when it got its number, milliseconds since the epoch. extra: as in `Say`.
    """

    sender: bytes
    text: bytes
    time: int
    number: Optional[int] = None
    room: bytes = HOME
    at: int = 0
    extra: bytes = b""


@push
class Whispered(NamedTuple):
    """`sender` said `text` to you alone. The other fields: as in `Said`."""

    sender: bytes
    text: bytes
    time: int
    number: Optional[int] = None
    at: int = 0
    extra: bytes = b""


@push
class Joined(NamedTuple):
    """`name` is here now."""

    name: bytes


@push
class Left(NamedTuple):
    """`name` is no longer here.

    gone: or else it is only in the lobby no more. why: in its words, or a Reason; or empty.
    """

    name: bytes
    gone: bool = True
    why: bytes = b""


@push
class Renamed(NamedTuple):
    """`old` is called `new` now, of which those are told who are in a room with it."""

    old: bytes
    new: bytes
    room: bytes = HOME


@push
class Entered(NamedTuple):
    """`name` is in the room now. `role`: empty, or as in `RolesTold`."""

    room: bytes
    name: bytes
    role: bytes = b""


@push
class Exited(NamedTuple):
    """`name` is in the room no more, by its own will or because its connection has ended: then it is `gone`.

    why: as in `Left`.
    """

    room: bytes
    name: bytes
    gone: bool = False
    why: bytes = b""


@push
class Managed(NamedTuple):
    """Somebody has done something to the room, or to somebody in it: see `Manage`.

    Whoever was in the room then hears it. So somebody who was kicked, and whoever was in a room that was dropped, hears
    this of the room as the last. number, at: of what is kept of it (see NOTED), as those of a message; or 0.
    """

    room: bytes
    act: str
    by: bytes
    about: bytes
    text: bytes
    number: int = 0
    at: int = 0


@push
class Invited(NamedTuple):
    """`by` invites you to a room."""

    room: bytes
    by: bytes


@push
class Redacted(NamedTuple):
    """`by` has removed the message of this number, which it had said to you alone. `text`: why."""

    by: bytes
    number: bytes
    text: bytes


@push
class IsTyping(NamedTuple):
    """`name` is typing in a room, or to you alone."""

    name: bytes
    room: bytes = HOME
    alone: bool = False


@push
class Presence(NamedTuple):
    """Somebody whom you watch is "here", "away" or "gone".

    name: as it is watched; where clients find names in whatever case they are written, as it is.
    """

    name: bytes
    state: str


class Person(NamedTuple):
    """What there is to tell of somebody beside the name.

    account: whose password it has given; empty if none. away: why, perhaps empty; None if it is here.
    flags: as in `SetFlag`, and "o" if it is an operator; in order. user: what it says that it is called at home.
    """

    account: bytes = b""
    real_name: bytes = b""
    away: Optional[bytes] = None
    flags: bytes = b""
    user: bytes = b""


@push
class Changed(NamedTuple):
    """Something is new of somebody who is in a room with you, or whom you watch. `field`: of a `Person`."""

    name: bytes
    field: str
    person: Person


@push
class DevicesChanged(NamedTuple):
    """An account has another list of devices, of this number."""

    name: bytes
    number: int


@push
class MetadataChanged(NamedTuple):
    """Something is told now of a room that you are in, or of somebody who is in one with you, or whom you watch.

    target: the room's name, or somebody's. value: None if it was taken back.
    """

    target: bytes
    key: bytes
    value: Optional[bytes]


@push
class Wallopped(NamedTuple):
    """An operator says something to operators, and whoever wants to hear it."""

    by: bytes
    text: bytes


@push
class Notice(NamedTuple):
    """Something that the server says to you, such as its message of the day."""

    text: bytes


@push
class Users(NamedTuple):
    """(name, online) for each known name, and the rooms that you are in, sent when the list has changed."""

    users: Sequence[Tuple[bytes, bool]]
    rooms: Sequence[bytes] = ()


@push
class Marked(NamedTuple):
    """`Users`, and {sender: messages} for what is kept for you."""

    users: List[Tuple[bytes, bool]]
    unread: Dict[bytes, int]
    rooms: Sequence[bytes] = ()


@push
class Farewell(NamedTuple):
    """The last thing you hear, and why the connection ends."""

    reason: str


COMMANDS = tuple(_commands)
ANSWERS = tuple(_answers)
PUSHES = tuple(_pushes)
HAPPENINGS = ANSWERS + PUSHES
BY_NAME: Dict[str, Type[Any]] = {kind.__name__: kind for kind in HAPPENINGS}


class Reason:
    """Why a request was refused or a connection ended. Each protocol has its own words for these."""

    # the command
    UNKNOWN_COMMAND = "unknown-command"
    BAD_FORM = "bad-form"  # known, but not of its form: missing items, a wrong type, no text
    NOT_UTF8 = "not-utf8"
    INVALID_SETTING = "invalid-setting"  # of a room
    TEXT_TOO_LONG = "text-too-long"
    # who asks
    MUST_LOGIN = "must-login"
    ALREADY_IN = "already-in"
    NOT_YOU = "not-you"  # the client claims to be somebody else
    # names
    INVALID_NAME = "invalid-name"
    NAME_TAKEN = "name-taken"
    NO_ACCOUNT = "no-account"
    OLDER_LIST = "older-list"  # of devices
    TOO_MANY_ACCOUNTS = "too-many-accounts"
    REGISTRATION_CLOSED = "registration-closed"  # clients make no accounts here
    ACCOUNT_REQUIRED = "account-required"  # names without one are not used here
    PASSWORD_REQUIRED = "password-required"
    WRONG_PASSWORD = "wrong-password"
    NO_PASSWORD = "no-password"  # one was given for a name that has none
    INVALID_PASSWORD = "invalid-password"  # it can be nobody's
    UNVERIFIABLE = "unverifiable-password"  # by this Python
    TRY_LATER = "try-again-later"  # too many wrong passwords, or too many at once
    NO_SESSION = "no-session"  # that one could come back to, or none any more
    # whispers
    NOBODY = "nobody"  # of that name
    YOURSELF = "yourself"
    BOX_FULL = "box-full"  # too much is kept for somebody who is away
    # rooms
    INVALID_ROOM = "invalid-room"  # no room can have this name, or it looks like that of another room
    NO_ROOM = "no-such-room"  # or none that the asker may know of
    NOT_INSIDE = "not-in-room"
    NOT_THERE = "user-not-in-room"  # whom it is about
    BANNED = "banned"
    INVITE_ONLY = "invite-only"
    WRONG_KEY = "wrong-key"
    ROOM_FULL = "room-full"
    TOO_MANY_ROOMS = "too-many-rooms"  # on this server
    TOO_MANY_OWNED = "too-many-rooms-owned"
    TOO_MANY_JOINED = "too-many-rooms-joined"
    JOINS_TOO_FAST = "joining-too-fast"
    MUTED = "muted"
    MODERATED = "moderated"
    SLOW_MODE = "slow-mode"
    NOT_ALLOWED = "not-allowed"  # it takes another role
    OUTRANKED = "outranked"  # whom it is about has a better role, or is an owner or operator, too
    LIST_FULL = "list-full"  # of bans or mutes
    SEALED_ROOM = "sealed-room"  # which takes those only who can seal what they say
    NOT_SEALED = "not-sealed"  # what was said in such a room
    CANNOT_SEAL = "cannot-seal"  # not everybody in a room that is to be one
    IS_LOBBY = "is-lobby"  # with which this cannot be done
    # the store
    NOT_STORED = "not-stored"  # or it could not be read
    NO_SUCH_NUMBER = "no-such-number"  # of a message
    # files
    FILES_OFF = "files-off"  # none are kept here
    FILE_TOO_BIG = "file-too-big"
    QUOTA_FULL = "quota-full"  # of who offers it
    DISK_FULL = "disk-full"  # or the space of all
    NO_FILE = "no-such-file"
    NOT_WHOLE = "not-whole"  # not all of it is here
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
    KICKED = "kicked"
    SHUTDOWN = "shutdown"
    BUG = "bug"


# Why something that has to do with rooms was refused.
ROOM_REASONS = (
    Reason.INVALID_SETTING, Reason.INVALID_ROOM, Reason.NO_ROOM, Reason.NOT_INSIDE, Reason.NOT_THERE, Reason.BANNED,
    Reason.INVITE_ONLY, Reason.WRONG_KEY, Reason.ROOM_FULL, Reason.SEALED_ROOM, Reason.NOT_SEALED, Reason.CANNOT_SEAL,
    Reason.TOO_MANY_ROOMS, Reason.TOO_MANY_OWNED,
    Reason.TOO_MANY_JOINED, Reason.JOINS_TOO_FAST, Reason.MUTED, Reason.MODERATED, Reason.SLOW_MODE, Reason.NOT_ALLOWED,
    Reason.OUTRANKED, Reason.LIST_FULL, Reason.IS_LOBBY, Reason.TEXT_TOO_LONG)

REASONS = tuple(value for name, value in sorted(vars(Reason).items()) if name.isupper())
