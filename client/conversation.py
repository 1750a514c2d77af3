"""What the five conversations have in common: bytes of requests out, events in. No socket, no clock.

A conversation is one connection's. Asking is a method, which may raise `Impossible`; the bytes to send are in
`to_send()`; `feed(bytes)` gives the events that have come with them. A server answers in the order in which it was
asked, so what waits for an answer is a queue.
"""
import fnmatch
from collections import Counter, deque

from client import events

LONGEST_FRAME = 64 << 20  # bytes; far above what a server sends, and below what hurts
LONGEST_MISSED = 10000  # messages that are asked for after a break
REPLACED = "You have logged in elsewhere."


class Impossible(Exception):
    """It cannot be done, here or now; the text is a sentence that says why."""


class Garbled(Exception):
    """What has come is not this protocol."""


class Conversation:
    """The base of the five; what a protocol cannot do is in its CANNOT: {method: sentence}."""

    NAME = ""
    LONGEST = 16384  # bytes of a text; the server's usual limit
    KEEPALIVE = 60  # seconds after which the server should be pinged
    SETTLES = 0  # seconds without another byte after which what is held is all there is; 0 where frames have an end
    SILENT = ()  # the kinds of requests that get an answer only if they are refused
    LOGS = False  # can the log of the room be asked for?
    CANNOT = {}

    def __init__(self, place):
        self.me = None
        self.place = place
        self._asked = deque()
        self._out = bytearray()
        self._held = bytearray()

    # ---- bytes

    def to_send(self):
        """The bytes of what has been asked, which are forgotten here."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def feed(self, data):
        """The events that `data` completes; `Garbled` if it cannot be read."""
        self._held += data
        heard = []
        message = self._next()
        while message is not None:
            heard += self._hear(message)
            message = self._next()
        if len(self._held) > LONGEST_FRAME:
            raise Garbled()
        return heard

    def settle(self):
        """The events in what is held, now that nothing has followed it for `SETTLES` seconds."""
        return []

    @property
    def unsettled(self):
        """Is something held whose end cannot be seen?"""
        return False

    def _next(self):
        """One message, taken out of `_held`; None if it is not all here."""
        raise NotImplementedError

    def _hear(self, message):
        """The events in one message."""
        raise NotImplementedError

    def _take(self, start, end, frame_end):
        """The held bytes from start to end, the content of a frame that ends at `frame_end` and is held no more."""
        content = bytes(self._held[start:end])
        del self._held[:frame_end]
        return content

    # ---- what is asked

    @property
    def waits(self):
        """Is something asked that has no answer yet?"""
        return bool(self._asked)

    @property
    def unconfirmed(self):
        """How many texts are on their way."""
        return sum(request.kind in ("say", "whisper") for request in self._asked)

    def breaks(self):
        """The connection is gone: the events of what has no answer, but for what the log will tell."""
        of_the_log = ("say",) if self.LOGS and self.place.mark is not None else ()
        self.place.breaks([request.text for request in self._asked if request.kind in of_the_log])
        return [events.Unsure(request) if request.kind in ("say", "whisper") else
                events.Refused(request, "The connection broke before the answer.")
                for request in self._asked if request.kind not in of_the_log]

    def _missed_in(self, messages):
        """What the log tells of the time since the mark: whether one's own words are in it, and what was missed."""
        doubted = Counter(self.place.doubted)
        new, lost = self.place.missed(self.me, messages)
        self.place.doubted = []
        return [
            *(events.Done(events.Request("say", None, text)) for text in (doubted - Counter(lost)).elements()),
            *(events.Recalled(None, *message) for message in new),
            *(events.Unsure(events.Request("say", None, text)) for text in lost),
        ]

    def _ask(self, data, kind, about=None, text=None):
        self._out += data
        self._asked.append(events.Request(kind, about, text))
        if kind in self.SILENT and not self._waits_for_answer():
            self.fence()

    def _waits_for_answer(self):
        return any(request.kind not in self.SILENT for request in self._asked)

    def _next_of(self, *kinds):
        """The first request of these kinds that waits for an answer; None if there is none."""
        return next((request for request in self._asked if request.kind in kinds), None)

    def _answer(self, request):
        """`request` is answered; events of those before it, which are done if they get no answer."""
        passed = []
        while self._asked[0] is not request:
            before = self._asked.popleft()
            passed.append(events.Done(before) if before.kind in self.SILENT else
                          events.Refused(before, "There was no answer."))
        self._asked.popleft()
        if self._asked and not self._waits_for_answer():
            self.fence()
        return passed

    def _done(self, request, *found):
        return [*self._answer(request), *found, events.Done(request)]

    def _welcome(self, request):
        """`request`, which was to enter or to be renamed, is granted."""
        self.me = request.about
        return self._done(request, events.Welcomed(self.me))

    def _refuse(self, why, *kinds):
        """The first request that waits, of these kinds if any are named, is refused; a `Notice` if there is none."""
        if why == REPLACED:  # which answers nothing
            return self._tell(why)
        request = next((request for request in self._asked
                        if (request.kind in kinds if kinds else request.kind not in self.SILENT)), None)
        if request is None:
            return [events.Notice(why)]
        return [*self._answer(request), events.Refused(request, why)]

    def _tell(self, why):
        """What the server says of itself: a `Notice`, or that it ends the connection for good."""
        return [events.Disconnected(why, None) if why == REPLACED else events.Notice(why)]

    def fence(self):
        """Ask for an answer, behind those who get none."""
        raise NotImplementedError

    def _listed(self, request, users):
        """The (name, here) of all are the answer to `users`, which wants those that fit."""
        pattern = request.about or "*"
        return self._done(request, events.Users(tuple(user for user in users if fnmatch.fnmatchcase(user[0], pattern))))

    # ---- what a protocol may have no way for, or no need of

    def quit(self):
        """Say good-bye, if the protocol has a word for it."""

    def arrive(self):
        """One has come in for the first time: ask for what one will need, and for what waits."""
        self.mark()

    def mark(self):
        """Ask for a mark of the place in the log, so that `catch_up` can tell what was missed."""

    def catch_up(self):
        """Ask for what was missed; the sentence about what cannot be asked for, or None."""
        return "What was said meanwhile cannot be asked for in `%s`." % self.NAME


def fitting(name, text, longest):
    """`text`, if protocol `name` can send it at once: at most `longest` bytes."""
    size = len(text.encode())
    if size > longest:
        raise Impossible("This message is too long: it has %d bytes, and `%s` takes %d." % (size, name, longest))
    return text


def with_password(name, password):
    """`name` with its password behind it, as `binary` and `padded` have it."""
    if not password:
        return name
    if " " in name or password != password.strip(" "):
        raise Impossible("Before a password a name is one word, and a password has no blanks around it.")
    return "%s %s" % (name, password)
