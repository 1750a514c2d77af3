"""HTTP connections (visitors): they request pages, and may become WebSocket clients."""
import collections
import contextlib
import email.utils
import logging
import socket
import time

from parley.server.chat.origins import origin
from parley.server.http.head import Reader, Refused, rendered
from parley.server.http.site import OTHER, Pending, Upgrade
from parley.server.ipc.messages import ToHub
from parley.server.protocols.events import Reason
from parley.server.worker.deadlines import LINGER
from parley.server.worker.outbox import Outbox
from parley.server.worker.transports import client_host
from parley.server.worker.watching import READ, WRITE, watch

HEAD_SECONDS = 10.0  # for the head of a request, from the beginning of the connection or of the head
KEEP_ALIVE_SECONDS = 60.0  # between two requests
TAKE_SECONDS = 60.0  # for the client to take more of an answer, or to send more of a body
SETTLE_SECONDS = 180.0  # for the keeper to flush and scan a file
HUB_SECONDS = 5.0  # for the hub's answer
MOST_SCRAPERS = 16
# Requests of one address beyond the rate. A class may share an address: forty browsers that open the page, its three
# files and a WebSocket at the same time, and load it again.
REQUESTS_AT_ONCE = 400
MOST_ASKERS = 10000  # addresses whose requests are remembered; the oldest are forgotten first
_CHUNK = 4096

log = logging.getLogger(__name__)


class Visitors:
    """The visitors of one worker.

    site: `server.http.site.Site`, which answers them. question: the request to the hub for a `Pending` answer.
    most: visitors of one address, 0 for no limit; once they are clients, the hub counts them.
    """

    question = ToHub.AskHealth()

    def __init__(self, worker, admission):
        self.site = None
        self.transfers = None  # `Transfers`, if the server keeps files
        self.most = 0
        self.worker = worker
        self.admission = admission
        self._until = {}  # visitor -> its deadline, in monotonic seconds; whose progress is the latest comes last
        self._asking = []  # (visitor, request, function of the hub's answer) of those that wait for the hub
        self._counted = set()  # visitors whose last answer the kernel has not taken
        self._addresses = collections.Counter()  # origin -> the number of these
        # Origin -> when all its requests would have come at the rate, in monotonic seconds; the latest comes last.
        self._paid_until = collections.OrderedDict()

    def __len__(self):
        """The number of visitors, without those whose last answer the kernel has."""
        return len(self._counted)

    def visit(self, transport, protocol, home):
        """The `Visitor` for a new connection."""
        return Visitor(transport, protocol, home, self)

    def came(self, visitor):
        """Add a visitor. Returns whether there is room for it."""
        self._counted.add(visitor)
        self._addresses[visitor.origin] += 1
        self.await_(visitor, HEAD_SECONDS)
        return self._have_room_for(visitor)

    def _have_room_for(self, visitor):
        return not (self.admission.is_full or self.most and self._addresses[visitor.origin] > self.most)

    def admit_request(self, request, host):
        """Charge a request to its address. Returns whether the address is within its rate.

        Messages of clients are not charged to the same account, so they keep nobody at the address from coming in.
        """
        rate, now = self.worker.throttle.rate, self.worker.now
        if not rate:
            return True
        asker = origin(self.site.client(request, host))
        until = max(self._paid_until.get(asker, now), now) + 1 / rate
        if until - now > REQUESTS_AT_ONCE / rate:
            return False
        self._paid_until[asker] = until
        self._paid_until.move_to_end(asker)
        if len(self._paid_until) > MOST_ASKERS:
            self._paid_until.popitem(last=False)
        return True

    def await_(self, visitor, seconds):
        """There was progress: set the visitor's deadline for what comes next."""
        self._until.pop(visitor, None)
        self._until[visitor] = self.worker.now + seconds

    def finished(self, visitor):
        """The kernel has the visitor's last answer, or the visitor has become a client."""
        if visitor in self._counted:
            self._counted.remove(visitor)
            self._addresses[visitor.origin] -= 1
            if not self._addresses[visitor.origin]:
                del self._addresses[visitor.origin]

    def left(self, visitor):
        """The visitor's connection has ended, or has become a client's."""
        self.finished(visitor)
        del self._until[visitor]

    def ask_hub(self, visitor, request, then):
        """Ask the hub for a visitor; then(the hub's answer) is the visitor's answer."""
        if not self._asking:
            self.worker.uplink.ask(self.question)
        self._asking.append((visitor, request, then))
        self.await_(visitor, HUB_SECONDS)

    def tell(self, answer):
        """The hub's answer."""
        asking, self._asking = self._asking, []
        for visitor, request, then in asking:
            self.guard(visitor, visitor.tell, request, then, answer)

    def sweep(self, now):
        """Close the visitors whose deadline has passed."""
        for visitor in [visitor for visitor, until in self._until.items() if until <= now]:
            self.guard(visitor, visitor.give_up)
        self._asking = [asking for asking in self._asking if asking[0] in self._until]
        for asker in [asker for asker, until in self._paid_until.items() if until <= now]:
            del self._paid_until[asker]

    def end(self):
        """Close all visitors, as the server ends."""
        for visitor in list(self._until):
            self.guard(visitor, visitor.close)

    @staticmethod
    def guard(visitor, action, *arguments):
        """Call action(*arguments); a bug in it costs only this visitor."""
        try:
            action(*arguments)
        except Exception:
            visitor.crash()


class Scrapers(Visitors):
    """The connections to the metrics port. They are few, and are served even when clients and pages no longer are."""

    question = ToHub.AskStatus()

    def _have_room_for(self, visitor):
        """If there are too many, the one ends that has done nothing for the longest time; none that waits for the hub.

        So one that asks at once is answered, however many others are idle, or do not read.
        """
        if len(self) > MOST_SCRAPERS:
            asking = {asking[0] for asking in self._asking}
            idle = next((one for one in self._until if one is not visitor and one not in asking), None)
            if idle is not None:
                self.guard(idle, idle.close)
        return len(self) <= MOST_SCRAPERS

    def admit_request(self, request, host):
        return True


class Visitor:
    """One HTTP connection. It has one request at a time, and is not read before that is answered.

    origin: what it is counted by.
    """

    __slots__ = ("origin", "_transport", "_protocol", "_home", "_visitors", "_reader", "_outbox",
                 "_host", "_asks", "_closing", "_body")

    def __init__(self, transport, protocol, home, visitors):
        self._transport = transport
        self._protocol = protocol
        self._home = home
        self._visitors = visitors
        self._reader = Reader()
        self._outbox = None  # output that the kernel has not taken
        self._asks = False  # does it wait for the hub, or for the keeper?
        self._body = None  # the `Upload` or `Download` in progress: see `server.worker.transfers`
        self._closing = False  # has it been sent its last answer?
        self._host = client_host(transport)
        self.origin = origin(self._host)
        if visitors.came(self):
            self._watch()
        else:
            self._refuse(503, "there are too many connections")

    # ---- reading

    def on_ready(self, mask):
        """The selector found the socket ready, or it is its turn."""
        if mask & WRITE and self._outbox is not None:
            self._flush()
        elif self._body is not None:
            if self._outbox is None:
                self._body.go_on(self._transport)
            return
        if mask & READ and self._transport is not None and self._outbox is None and not self._asks:
            self._read()

    def _read(self):
        data, self._reader.rest = self._reader.rest, b""
        if not data:
            try:
                data = self._transport.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
        if self._closing:
            return  # further input is dropped, until the client closes too
        if not self._reader.has_begun:
            self._visitors.await_(self, HEAD_SECONDS)
        try:
            request = self._reader.feed(data)
        except Refused as refused:
            self._refuse(refused.status, str(refused))
            return
        if request is not None:
            self._hear(request)

    def _hear(self, request):
        visitors = self._visitors
        worker = visitors.worker
        if not visitors.admit_request(request, self._host):
            self._refuse(429, "there are too many requests", request)
            return
        path = visitors.site.file_path(request) if visitors.transfers else None
        if path is not None and not worker.stopping:
            self.wait()
            visitors.transfers.begin(self, request, path)
            return
        answer = visitors.site.answer(request, self._host)
        if request.length and not isinstance(answer, Upgrade):
            self._answer(request, answer._replace(closes=True))
        elif isinstance(answer, Pending):
            self._asks = True
            self._watch()
            visitors.ask_hub(self, request, answer.then)
        elif worker.stopping:
            self._refuse(503, "the server is stopping", request)
        elif not isinstance(answer, Upgrade):
            self._answer(request, answer)
        elif visitors.admission.is_full:
            self._refuse(503, "there are too many connections", request)
        else:
            self._count(request, answer.answer)
            self._become_client(answer)

    def tell(self, request, then, answer):
        """The hub's answer has come."""
        if self._transport is None:
            return
        self._asks = False
        self._answer(request, then(answer))

    # ---- files

    def wait(self):
        """Read nothing until the request is answered, or its body is wanted."""
        self._asks = True
        self.await_more()
        self._watch()

    def pass_on(self, body):
        """From here on the input is the body of the request. Returns the bytes of it that have come already."""
        if self._transport is None:
            body.close()
            return b""
        self._body = body
        self._asks = False
        self.await_more(is_last=not body.left)
        self._watch()
        rest, self._reader.rest = self._reader.rest, b""
        return rest

    def give_back(self, data):
        """Take back bytes that have come behind the body."""
        self._reader.rest = data

    def await_more(self, is_last=False):
        """There was progress: set a new deadline, a longer one if the server is to act next."""
        if self._transport is not None:
            self._visitors.await_(self, SETTLE_SECONDS if is_last else TAKE_SECONDS)

    def go_on_later(self):
        """Give it another turn soon, in case there is more to read."""
        self._visitors.worker.postpone(self, READ)

    def serve_body(self, action):
        """Call action(transport) for its body; a bug costs only this visitor."""
        try:
            action(self._transport)
            self.watch_body()
        except Exception:
            self.crash()

    def watch_body(self):
        """What its body waits for has changed."""
        if self._transport is not None:
            self._watch()

    def say_go_on(self):
        """Send `100 Continue`: the client waits for that before it sends the body."""
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.write([b"HTTP/1.1 100 Continue\r\n\r\n"])

    def end_body(self, request, answer):
        """The body is complete, or refused: send this answer."""
        if self._transport is not None:
            self._body = None
            self._asks = False
            self._answer(request, answer)

    def begin_body(self, request, answer, body):
        """Send the head of this answer; the body follows."""
        if self._transport is None:
            body.close()
            return
        self._asks = False
        self._body = body
        self._answer(request, answer)

    def _become_client(self, upgrade):
        transport, rest = self._transport, self._reader.rest
        self._leave()
        if upgrade.address is not None:
            transport = transport.proxied((upgrade.address, 0))
        connection = self._visitors.admission.admit(transport, self._protocol, self._home)
        try:
            connection.send(rendered(upgrade.answer, _date(), True))
            if rest:
                connection.begin_with(rest)
        except Exception:
            connection.crash()

    # ---- answering

    def _refuse(self, status, why, request=None):
        """The last answer."""
        self._answer(request, self._visitors.site.text(status, why, closes=True))

    def _count(self, request, answer):
        path = OTHER if request is None else self._visitors.site.label(request)
        self._visitors.worker.stats.requests[path, str(answer.status)] += 1

    def _answer(self, request, answer):
        self._count(request, answer)
        self._closing = answer.closes or request is None or not request.keeps_alive
        answer = answer._replace(closes=self._closing)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("request", {"host": self._host, "status": answer.status,
                                  "target": request and request.target.decode("latin-1")})
        self._outbox = Outbox()
        self._outbox.extend(rendered(answer, _date(), request is not None and request.method == b"HEAD"))
        self._visitors.await_(self, TAKE_SECONDS)
        self._flush()

    def _flush(self):
        try:
            self._outbox.send(self._transport)
        except OSError:
            self.close()
            return
        if self._outbox.size:
            self._watch()
            return
        self._outbox = None
        if self._body is not None:
            self._watch()
            self.go_on_later()
            return
        self.answered()

    def answered(self):
        """All of the answer has been sent."""
        self._body = None
        if self._closing:
            self._visitors.finished(self)
            self._visitors.await_(self, LINGER)
            try:
                self._transport.shutdown(socket.SHUT_WR)
            except OSError:
                self.close()
                return
        else:
            self._visitors.await_(self, KEEP_ALIVE_SECONDS)
        self._watch()
        if self._reader.rest and not self._closing:
            self._visitors.worker.postpone(self, READ)

    # ---- the end

    def give_up(self):
        """Its deadline has passed."""
        if self._body is not None:
            self.close()
        elif self._asks:
            self._asks = False
            self._refuse(503, "the hub does not answer")
        elif self._reader.has_begun and not self._closing:
            self._refuse(408, "the request did not arrive in time")
        else:
            self.close()

    def close(self):
        """Close the connection."""
        if self._transport is None:
            return
        transport = self._transport
        self._leave()
        with contextlib.suppress(OSError):
            transport.close()

    def _leave(self):
        self._outbox = None
        body, self._body = self._body, None
        if body is not None:
            body.close()
        self._asks = True  # and so it is not watched
        self._watch()
        self._transport = None
        self._visitors.left(self)
        self._visitors.admission.closed(self)

    def crash(self):
        """Called in an exception handler: this visitor is lost."""
        worker = self._visitors.worker
        worker.strangers.log_bug(worker.now, "a bug while answering a request", host=self._host)
        worker.stats.endings[self._protocol, Reason.BUG] += 1
        self.close()

    def _watch(self):
        mask = WRITE if self._outbox is not None else 0 if self._asks else READ
        if self._body is not None and not mask & WRITE:
            mask = self._body.mask
        watch(self._visitors.worker.selector, self._transport, self, mask)


def _date():
    return email.utils.formatdate(time.time(), usegmt=True)
