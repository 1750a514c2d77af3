"""The base class of the client protocols, which are sans-I/O: requests to bytes, bytes to events.

An instance has the state of one connection. Each request is a method, which may raise `Impossible`; `to_send()` returns
the bytes to send; `feed(data)` returns the events in what was received. A server answers requests in order, so those
that are pending form a queue.
"""
import fnmatch
import re
from collections import Counter, deque
from typing import Any, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type

from parley.client import events
from parley.client.address import Address
from parley.client.events import Event, Request
from parley.client.position import Message, ResumePosition
from parley.server.protocols import reasons
from parley.server.protocols.events import Reason

MAX_FRAME_BYTES = 64 << 20  # far more than a server sends, and little enough to keep in memory
MAX_MISSED = 10000  # messages to request after a reconnect
REPLACED = "You have logged in elsewhere."
LOBBY_ROOM = "#lobby"  # the lobby's name among the rooms
NOT_INSIDE = "You are not in this room."
KICKED, BANNED = "You were kicked.", "You are banned here."
_FINAL = (REPLACED, KICKED, BANNED)  # sentences after which coming back by oneself would be wrong
# Why one may not speak, which our server may tell behind its answers to later pings.
_SPEECHLESS = (Reason.MUTED, Reason.MODERATED, Reason.SLOW_MODE, Reason.NOT_SEALED, Reason.NOT_INSIDE)
MOST_SAID = 16  # messages that may be refused late
# What happens in a room, in the server's words. No name has a blank in it.
_WENT = re.compile(r"(\S+) (joined|left)")
_CALLED = re.compile(r"\S+ renamed the room to (#\S+)")
_NAMED = re.compile(r"(\S+) is now (\S+)")
_INVITED = re.compile(r"(\S+) invites you to (#\S+)")


class Impossible(Exception):
    """The request cannot be made, here or now; the text is a sentence that says why."""


class ProtocolError(Exception):
    """The bytes received are not valid in this protocol; the text may be a sentence that says more."""


class ClientProtocol:
    """The base class of all. UNSUPPORTED is {method: sentence} for what the protocol cannot do.

    `me` is the name under which the client is logged in, or None. `position` outlives the connection; POSITION is its
    type. `retry_seconds`: so long the server wants to be left alone after the connection. `longest_file`: in bytes, of
    those that it keeps; 0: it keeps none.
    """

    NAME = ""
    POSITION: Type[Any] = ResumePosition
    MAX_TEXT_BYTES = 16384  # of a message; the server's default limit
    KEEPALIVE = 60  # seconds between pings
    SETTLE_SECONDS: float = 0  # after which a message is complete; 0 if messages have an end
    SILENT_REQUESTS: Tuple[str, ...] = ()  # kinds of requests that have a reply only if they are refused
    HAS_LOG = False  # can the log of a room be requested, to find what was missed?
    HAS_PASSWORDS = True  # do accounts have passwords?
    HAS_GUESTS = True  # is there a login without an account?
    retry_seconds: float = 0
    longest_file = 0
    UNSUPPORTED: Dict[str, str] = {}

    def __init__(self, position: Any) -> None:
        self.me: Optional[str] = None
        self.position = position
        self._pending: Deque[Request] = deque()
        self._said: Deque[Request] = deque(maxlen=MOST_SAID)  # what seems to have been said
        self._out = bytearray()
        self._buffer = bytearray()

    # ---- bytes

    def open(self, address: Address) -> None:  # noqa: A003
        """There is a connection to this address: what has to be said first, if there is such a thing."""

    def to_send(self) -> bytes:
        """The bytes of the requests made since the last call."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def feed(self, data: bytes) -> List[Event]:
        """The events that `data` completes; raises `ProtocolError`."""
        self._buffer += data
        found: List[Event] = []
        message = self._next()
        while message is not None:
            found += self._events_in(message)
            message = self._next()
        if len(self._buffer) > MAX_FRAME_BYTES:
            raise ProtocolError()
        return checked(found)

    def settle(self) -> List[Event]:
        """The events in the buffered bytes, after `SETTLE_SECONDS` without new ones."""
        return []

    @property
    def unsettled(self) -> bool:
        """Are bytes buffered that may or may not be a complete message?"""
        return False

    def _next(self) -> Any:
        """The next message, removed from `_buffer`; None if it is incomplete."""
        raise NotImplementedError

    def _events_in(self, message: Any) -> List[Event]:
        """The events in one message."""
        raise NotImplementedError

    def _take(self, start: int, end: int, frame_end: int) -> bytes:
        """The buffered bytes from `start` to `end`; removes the frame around them, up to `frame_end`."""
        content = bytes(self._buffer[start:end])
        del self._buffer[:frame_end]
        return content

    # ---- requests

    @property
    def has_pending(self) -> bool:
        """Is a request pending?"""
        return bool(self._pending)

    @property
    def unconfirmed(self) -> int:
        """How many messages may not have arrived yet."""
        return sum(request.kind in ("say", "whisper") for request in self._pending)

    def connection_lost(self) -> List[Any]:
        """The connection is lost: the events for pending requests, except those on which the log will tell."""
        for room in self.position.rooms:
            self.position.of(room).connection_lost([
                request.text or "" for request in self._pending if request.about == room and self._is_logged(request)])
        return [events.Unsure(request) if request.kind in ("say", "whisper") else
                events.Refused(request, "The connection broke before the answer.")
                for request in self._pending if not self._is_logged(request)]

    def _is_logged(self, request: Request) -> bool:
        """Will the log tell whether this request has arrived?"""
        return (self.HAS_LOG and request.kind == "say" and request.about in self.position.rooms
                and self.position.of(request.about).mark is not None)

    def _missed_in(self, messages: Sequence[Message], room: Optional[str] = None) -> List[Event]:
        """The events for a room's log after the mark: what was missed, and which of the own texts have arrived."""
        position = self.position.of(room)
        unconfirmed = Counter(position.unconfirmed)
        new, lost = position.missed(self.me, messages)
        position.unconfirmed = []
        return [
            *(events.Done(events.Request("say", room, text)) for text in (unconfirmed - Counter(lost)).elements()),
            *(events.Recalled(room, *message) for message in new),
            *(events.Unsure(events.Request("say", room, text)) for text in lost),
        ]

    def _request(self, data: bytes, kind: str, about: Optional[str] = None, text: Optional[str] = None) -> None:
        self._out += data
        self._pending.append(events.Request(kind, about, text))
        if kind in self.SILENT_REQUESTS and not self._has_answered_request():
            self.fence()

    def _has_answered_request(self) -> bool:
        return any(request.kind not in self.SILENT_REQUESTS for request in self._pending)

    def _first_pending(self, *kinds: str) -> Optional[Request]:
        """The first pending request of one of these kinds; None if there is none."""
        return next((request for request in self._pending if request.kind in kinds), None)

    def _answer(self, request: Request) -> List[Event]:
        """`request` has its reply: the events for those before it, which are done if they are of a silent kind."""
        skipped: List[Event] = []
        while self._pending[0] is not request:
            before = self._pending.popleft()
            if before.kind == "say":
                self._said.append(before)
            skipped.append(events.Done(before) if before.kind in self.SILENT_REQUESTS else
                          events.Refused(before, "There was no answer."))
        self._pending.popleft()
        if self._pending and not self._has_answered_request():
            self.fence()
        return skipped

    def _done(self, request: Request, *found: Event) -> List[Event]:
        return [*self._answer(request), *found, events.Done(request)]

    def _welcome(self, request: Request) -> List[Event]:
        """`request`, for a login or a rename, is granted."""
        self.me = request.about
        return self._done(request, events.Welcomed(request.about))  # type: ignore[arg-type]  # it has a name

    def _refuse(self, why: str, *kinds: str) -> List[Event]:
        """The first pending request (of these kinds, if any are given) is refused; a `Notice` if there is none."""
        is_banned = why == BANNED and self._first_pending("join", "login", "create", "join_room")
        if why in _FINAL and not is_banned:  # not a reply
            return self._notice(why)
        request = next((request for request in self._pending
                        if (request.kind in kinds if kinds else request.kind not in self.SILENT_REQUESTS)), None)
        if request is None:
            is_late = self._said and why in map(sentence_of, _SPEECHLESS)
            return [events.Refused(self._said.pop(), why) if is_late else events.Notice(why)]
        return [*self._answer(request), events.Refused(request, why)]

    def _notice(self, why: str) -> List[Event]:
        """An unsolicited sentence from the server: a `Notice`, or the reason why it closes the connection for good."""
        invited = _INVITED.fullmatch(why)
        if invited:
            return [events.Invited(invited.group(2), invited.group(1))]
        return [events.Disconnected(why, None) if why in _FINAL else events.Notice(why)]

    def _room_happening(self, room: str, words: str) -> List[Event]:
        """The event for what has happened in a room, in the server's words, such as "bob joined"."""
        went, named, called = (form.fullmatch(words) for form in (_WENT, _NAMED, _CALLED))
        if went:
            return [(events.Joined if went.group(2) == "joined" else events.Left)(went.group(1), room)]
        if named:
            return [events.Renamed(named.group(1), named.group(2), room)]
        if called:
            return [events.RoomRenamed(room, called.group(1), words)]
        found: List[Event] = [events.RoomNotice(room, words)]
        if self._is_put_out_by(words):
            found.append(events.Left(self.me or "", room))
        return found

    def _is_put_out_by(self, words: str) -> bool:
        """Has what was done to a room put us out of it?"""
        by, act, about = (words.split(" ") + [""] * 2)[:3]
        return words == by + " closed the room" or act in ("kicked", "banned") and about in (self.me, "%s:" % self.me)

    def fence(self) -> None:
        """Make a request that has a reply, after silent ones, so that the reply shows that they are done."""
        raise NotImplementedError

    def _listed(self, request: Request, users: Iterable[Tuple[str, Optional[bool]]]) -> List[Event]:
        """Complete the request `users` with those of all users, (name, here), that match its pattern."""
        pattern = request.about or "*"
        return self._done(request, events.Users(tuple(user for user in users if fnmatch.fnmatchcase(user[0], pattern))))

    # ---- optional in a protocol

    def quit(self) -> None:
        """Say good-bye, if the protocol has a word for it."""

    def arrive(self) -> None:
        """After the first login: request what a reconnect will need, and messages that were kept."""
        self.mark()

    def mark(self, room: Optional[str] = None) -> None:
        """Request the current position in a room's log, for `catch_up`."""

    def renew_marks(self) -> None:
        """Request new marks in the logs of rooms in which much was said since the last one."""
        for room in self.position.rooms if self.HAS_LOG else ():
            if self.position.of(room).needs_new_mark:
                self.mark(*filter(None, [room]))

    def catch_up_in(self, room: str) -> None:
        """Request what was missed in a room that was entered again, where that is possible."""

    def catch_up(self) -> Optional[str]:
        """Request what was missed. Returns a sentence if that is not possible, else None."""
        return "What was said meanwhile cannot be asked for in `%s`." % self.NAME


def checked(found: List[Event]) -> List[Event]:
    """The events, if all texts in them are texts; raises `ProtocolError`: a server may send anything in their place."""
    for event in found:
        for text in _texts_of(event):
            try:
                text.encode()
            except (AttributeError, UnicodeEncodeError):  # half a pair of surrogates could be sent to nobody
                raise ProtocolError() from None
    return found


def _texts_of(event: Any) -> Iterator[Any]:
    """What should be a text in an event."""
    for value, kind in zip(event, type(event).__annotations__.values()):
        if kind is str or kind == Optional[str] and value is not None:
            yield value
    for row in (*getattr(event, "users", ()), *getattr(event, "rooms", ())):
        if isinstance(row, tuple):  # the first is a name, and the third of a room its topic
            yield from row[::2]
        else:
            yield row


def without_presence(name: str) -> Dict[str, str]:
    """For UNSUPPORTED of protocol `name`, which has no words for who is typing and who is away, nor for files."""
    return {
        "send_file": "`%s` carries no files; web://HOST does." % name,
        "save_file": "`%s` carries no files; the address leads to it in a browser." % name,
        "typing": "`%s` does not tell who is typing." % name,
        "away": "`%s` does not tell who is away." % name,
        "watch": "`%s` does not tell who is away." % name,
    }


def fitting(name: str, text: str, longest: int) -> str:
    """`text`; raises `Impossible` if it is longer than `longest` bytes, the limit in protocol `name`."""
    size = len(text.encode())
    if size > longest:
        raise Impossible("This message is too long: it has %d bytes, and `%s` takes %d." % (size, name, longest))
    return text


def sentence_of(words: str) -> str:
    """The sentence for a server's word, or words, on why it refuses something."""
    words = reasons.SENTENCES.get(words, words)
    return words[:1].upper() + words[1:].rstrip(".") + "."


def unindented(text: str) -> str:
    """A text as it was said, without what a server puts in front of its further lines in a room."""
    return text.replace("\n\t", "\n")


def one_word(text: str, what: str) -> str:
    """`text`; raises `Impossible` if it is not one word. what: "A name" or the like."""
    if not text or any(character.isspace() for character in text):
        raise Impossible("%s is one word." % what)
    return text


def with_password(name: str, password: Optional[str]) -> str:
    """The name, followed by its password if there is one, as `binary` and `padded` send them."""
    if not password:
        return name
    if " " in name or password != password.strip(" "):
        raise Impossible("Before a password a name is one word, and a password has no blanks around it.")
    return "%s %s" % (name, password)
