"""What the five conversations have in common: requests to bytes, bytes to events. No socket, no clock.

A conversation belongs to one connection. Each request is a method, which may raise `Impossible`; `to_send()` returns
the bytes to send; `feed(bytes)` returns the events in what was received. A server answers requests in order, so those
that wait for an answer form a queue.
"""
import fnmatch
from collections import Counter, deque
from typing import Any, Deque, Dict, Iterable, List, Optional, Sequence, Tuple

from parley.client import events
from parley.client.events import Event, Request
from parley.client.place import Message, Place

LONGEST_FRAME = 64 << 20  # bytes; far more than a server sends, and less than what would hurt
LONGEST_MISSED = 10000  # messages to ask for after a break
REPLACED = "You have logged in elsewhere."


class Impossible(Exception):
    """The request cannot be made, here or now; the text is a sentence that says why."""


class Garbled(Exception):
    """The bytes received are not of this protocol."""


class Conversation:
    """The base class of all five. CANNOT is {method: sentence} for what the protocol cannot do."""

    NAME = ""
    LONGEST = 16384  # bytes of a text; the server's usual limit
    KEEPALIVE = 60  # seconds after which the server should be pinged
    SETTLES: float = 0  # seconds without new bytes after which a message is complete; 0 if messages have an end mark
    SILENT: Tuple[str, ...] = ()  # the kinds of requests that are answered only if they are refused
    LOGS = False  # can the log of the room be requested?
    CANNOT: Dict[str, str] = {}

    def __init__(self, place: Place) -> None:
        self.me: Optional[str] = None
        self.place = place
        self._asked: Deque[Request] = deque()
        self._out = bytearray()
        self._held = bytearray()

    # ---- bytes

    def to_send(self) -> bytes:
        """The bytes of the requests made since the last call."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def feed(self, data: bytes) -> List[Event]:
        """The events that `data` completes; `Garbled` if it cannot be read."""
        self._held += data
        heard: List[Event] = []
        message = self._next()
        while message is not None:
            heard += self._hear(message)
            message = self._next()
        if len(self._held) > LONGEST_FRAME:
            raise Garbled()
        return heard

    def settle(self) -> List[Event]:
        """The events in the bytes held, after `SETTLES` seconds without new ones."""
        return []

    @property
    def unsettled(self) -> bool:
        """Are bytes held that may or may not be a complete message?"""
        return False

    def _next(self) -> Any:
        """The next message, removed from `_held`; None if it is incomplete."""
        raise NotImplementedError

    def _hear(self, message: Any) -> List[Event]:
        """The events in one message."""
        raise NotImplementedError

    def _take(self, start: int, end: int, frame_end: int) -> bytes:
        """The content of a frame, which is held from `start` to `end`; remove the frame, up to `frame_end`."""
        content = bytes(self._held[start:end])
        del self._held[:frame_end]
        return content

    # ---- requests

    @property
    def waits(self) -> bool:
        """Is a request waiting for its answer?"""
        return bool(self._asked)

    @property
    def unconfirmed(self) -> int:
        """How many texts may not have arrived yet."""
        return sum(request.kind in ("say", "whisper") for request in self._asked)

    def breaks(self) -> List[Any]:
        """The connection is gone: the events for unanswered requests, except those that the log will settle."""
        of_the_log: Tuple[str, ...] = ("say",) if self.LOGS and self.place.mark is not None else ()
        self.place.breaks([request.text or "" for request in self._asked if request.kind in of_the_log])
        return [events.Unsure(request) if request.kind in ("say", "whisper") else
                events.Refused(request, "The connection broke before the answer.")
                for request in self._asked if request.kind not in of_the_log]

    def _missed_in(self, messages: Sequence[Message]) -> List[Event]:
        """The events for the log after the mark: what was missed, and which of one's own texts have arrived."""
        doubted = Counter(self.place.doubted)
        new, lost = self.place.missed(self.me, messages)
        self.place.doubted = []
        return [
            *(events.Done(events.Request("say", None, text)) for text in (doubted - Counter(lost)).elements()),
            *(events.Recalled(None, *message) for message in new),
            *(events.Unsure(events.Request("say", None, text)) for text in lost),
        ]

    def _ask(self, data: bytes, kind: str, about: Optional[str] = None, text: Optional[str] = None) -> None:
        self._out += data
        self._asked.append(events.Request(kind, about, text))
        if kind in self.SILENT and not self._waits_for_answer():
            self.fence()

    def _waits_for_answer(self) -> bool:
        return any(request.kind not in self.SILENT for request in self._asked)

    def _next_of(self, *kinds: str) -> Optional[Request]:
        """The first waiting request of one of these kinds; None if there is none."""
        return next((request for request in self._asked if request.kind in kinds), None)

    def _answer(self, request: Request) -> List[Event]:
        """`request` is answered: the events for those before it, which are done if they are of a silent kind."""
        passed: List[Event] = []
        while self._asked[0] is not request:
            before = self._asked.popleft()
            passed.append(events.Done(before) if before.kind in self.SILENT else
                          events.Refused(before, "There was no answer."))
        self._asked.popleft()
        if self._asked and not self._waits_for_answer():
            self.fence()
        return passed

    def _done(self, request: Request, *found: Event) -> List[Event]:
        return [*self._answer(request), *found, events.Done(request)]

    def _welcome(self, request: Request) -> List[Event]:
        """`request`, for a login or a rename, is granted."""
        self.me = request.about
        return self._done(request, events.Welcomed(request.about))  # type: ignore[arg-type]  # it has a name

    def _refuse(self, why: str, *kinds: str) -> List[Event]:
        """The first waiting request (of these kinds, if any are given) is refused; a `Notice` if there is none."""
        if why == REPLACED:  # not an answer
            return self._tell(why)
        request = next((request for request in self._asked
                        if (request.kind in kinds if kinds else request.kind not in self.SILENT)), None)
        if request is None:
            return [events.Notice(why)]
        return [*self._answer(request), events.Refused(request, why)]

    def _tell(self, why: str) -> List[Event]:
        """An unsolicited sentence from the server: a `Notice`, or the reason why it ends the connection for good."""
        return [events.Disconnected(why, None) if why == REPLACED else events.Notice(why)]

    def fence(self) -> None:
        """Make a request that is answered, after silent ones, so that its answer shows they are done."""
        raise NotImplementedError

    def _listed(self, request: Request, users: Iterable[Tuple[str, Optional[bool]]]) -> List[Event]:
        """Answer the request `users` with those of all users, (name, here), that match its pattern."""
        pattern = request.about or "*"
        return self._done(request, events.Users(tuple(user for user in users if fnmatch.fnmatchcase(user[0], pattern))))

    # ---- what a protocol may lack, or not need

    def quit(self) -> None:
        """Say good-bye, if the protocol has a word for it."""

    def arrive(self) -> None:
        """After the first login: ask for what will be needed later, and for what was kept."""
        self.mark()

    def mark(self) -> None:
        """Ask for the current position in the log, so that `catch_up` can tell what was missed."""

    def catch_up(self) -> Optional[str]:
        """Ask for what was missed. Returns a sentence if that is not possible, else None."""
        return "What was said meanwhile cannot be asked for in `%s`." % self.NAME


def fitting(name: str, text: str, longest: int) -> str:
    """`text`, if it fits into one message of protocol `name`: at most `longest` bytes."""
    size = len(text.encode())
    if size > longest:
        raise Impossible("This message is too long: it has %d bytes, and `%s` takes %d." % (size, name, longest))
    return text


def with_password(name: str, password: Optional[str]) -> str:
    """`name` followed by its password, as `binary` and `padded` send it."""
    if not password:
        return name
    if " " in name or password != password.strip(" "):
        raise Impossible("Before a password a name is one word, and a password has no blanks around it.")
    return "%s %s" % (name, password)
