"""Requests with long answers (lists, histories, kept messages): few are open at a time, equal ones are sent once.

After a restart everybody asks for the same history at the same moment; a hostile client asks for many different ones
and reads none. Neither may fill the memory of the hub, the journal or this worker.
"""
import collections
import itertools

from parley.server.chat.origins import origin
from parley.server.chat.session.states import GONE
from parley.server.ipc.messages import ToHub
from parley.server.protocols.events import Reason

MOST_OPEN = 8  # requests that wait for the hub's answer, or whose answer is being sent
MOST_PASSED_OVER = 32  # addresses that are tried for the next request, as one may have to wait for another's answer
PATTERN_PAUSE = 1.5e-6  # seconds for each name between two patterns; matching one takes a quarter of that
UNREAD_AFTER = 1.0  # seconds after which an unread answer no longer counts as open, so that it delays nobody
MOST_UNREAD = 16 << 20  # bytes of such answers; with more, the readers that are behind for longest are disconnected


class Request:
    """One request to the hub, for all sessions that asked the same.

    key: equal for equal questions with the same answer. message: a `ToHub` whose `sessions` are filled in when it is
        asked.
    until: when its askers must have read the answer, monotonic seconds; None before the request is sent to the hub.
    """

    def __init__(self, key):
        self.key = key
        self.message = key[1]
        self.askers = []
        self.until = None

    def size(self):
        """Bytes of the answer that are not sent yet; equal answers are shared."""
        return max((session.outbox.size for session in self.askers if session.outbox), default=0)


class Lookups:
    """The requests of one worker, in turn by address.

    ask: ask(message) sends one to the hub. names: how many names there are, which a pattern is matched against.
    next: when to call `go_on` at the latest, monotonic seconds; infinite if nothing waits for a time.
    """

    def __init__(self, ask):
        self._ask = ask
        self.names = lambda: 0
        self.next, self._next_pattern = float("inf"), float("-inf")
        self._asked = {}  # session -> the Request to which it has no answer yet
        self._waiting = {}  # (type of message, message, who) -> Request, of those that wait for their turn
        self._lines = collections.OrderedDict()  # address -> their keys, in order; the first address is next
        self._lagging = []  # (session, is_shared, message) of sessions that have not read their earlier output
        self._open = []
        self._unread = []  # Requests that are answered, but not read by their askers

    def add(self, session, is_shared, message):
        """A session asks. is_shared: whether everybody who asks this in its protocol gets the same answer."""
        if session.outbox is not None:  # it must read its output before it gets more
            self._lagging.append((session, is_shared, message))
        else:
            self._line_up(session, is_shared, message)

    def _line_up(self, session, is_shared, message):
        key = type(message), message, session.audience if is_shared else session
        if key not in self._waiting:
            self._lines.setdefault(origin(session.address()[0]), collections.deque()).append(key)
            self._waiting[key] = Request(key)
        self._waiting[key].askers.append(session)
        self._asked[session] = self._waiting[key]

    def answered(self, session):
        """The session has its answer, to this or to any other question."""
        self._asked.pop(session, None)

    def go_on(self, now):
        """Send the hub the requests that may be open now; `now` in monotonic seconds."""
        if self._open or self._unread:
            self._look_through(now)
        if self._lagging:
            lagging, self._lagging = self._lagging, []
            for session, is_shared, message in lagging:
                if session.state is not GONE:
                    self.add(session, is_shared, message)
        self.next = float("inf")
        while self._lines and len(self._open) < MOST_OPEN:
            request = self._next(now)
            if request is None:
                break
            self._drop_settled(request)
            if request.askers:
                request.until = now + UNREAD_AFTER
                if _has_pattern(request.message):
                    self._next_pattern = now + PATTERN_PAUSE * self.names()
                self._open.append(request)
                self._ask(request.message._replace(sessions=[session.number for session in request.askers]))

    def _next(self, now):
        """The next request of the first address that may have a turn; None if there is none."""
        asked = [request for request in self._open if not self._is_answered(request)]
        for address, line in itertools.islice(self._lines.items(), MOST_PASSED_OVER):
            key = line[0]
            if self._is_wanted(key):
                if now < self._next_pattern and _has_pattern(key[1]):
                    self.next = self._next_pattern
                    continue
                if any(_has_to_wait(key, request) for request in asked):
                    continue
            line.popleft()
            self._lines.move_to_end(address)
            if not line:
                del self._lines[address]
            return self._waiting.pop(key, None) or Request(key)  # a bug has kept it out of `_waiting`
        return None

    def _is_wanted(self, key):
        """Is any session that asked this still connected?"""
        request = self._waiting.get(key)
        return request is not None and any(session.state is not GONE for session in request.askers)

    def _look_through(self, now):
        for request in (*self._open, *self._unread):
            self._drop_settled(request)
        late = [request for request in self._open if now >= request.until and self._is_answered(request)]
        self._open = [request for request in self._open if request.askers and request not in late]
        self._unread = [request for request in self._unread + late if request.askers]
        while sum(request.size() for request in self._unread) > MOST_UNREAD:
            for session in self._unread.pop(0).askers:
                session.give_up(Reason.SLOW_READER)

    def _drop_settled(self, request):
        """Forget the askers that have left, or have been sent their answer."""
        for session in request.askers:
            if session.state is GONE:
                self._asked.pop(session, None)
        request.askers = [session for session in request.askers if session.state is not GONE
                          and (self._asked.get(session) is request or session.is_behind)]

    def _is_answered(self, request):
        return all(self._asked.get(session) is not request for session in request.askers)


def _has_to_wait(key, request):
    """Must this request wait until the other one is answered?

    Equal requests must: all sessions that ask meanwhile then share one answer. So must patterns, which are matched one
    at a time with a pause after each: matching all names keeps everybody else waiting.
    """
    return key == request.key or _has_pattern(key[1]) and _has_pattern(request.message)


def _has_pattern(message):
    return type(message) is ToHub.Accounts and message.pattern is not None
