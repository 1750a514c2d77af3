"""A chat with one server, in any protocol, across reconnections."""
import collections
import queue
import random
import selectors
import socket
import ssl
import time
import unicodedata
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Optional, Set, Tuple, Union

from parley.client import address as addresses
from parley.client import events
from parley.client.conversation import Garbled, Impossible
from parley.client.events import Event
from parley.client.opening import Failed, open_soon
from parley.client.place import Place
from parley.client.protocols import CONVERSATIONS
from parley.server.protocols.text import canonical, is_blank

RECEIVE = 65536  # bytes at once
RECEIVES = 16  # pieces at most before other work gets its turn
PATIENCE = 30  # seconds to wait for the answer to a keepalive ping
TRIES = 5  # to log in again while the server still thinks the name in use

# Requests that the chat makes for itself; their answers are not reported.
_OWN = ("fence", "mark", "kept")
_ENTRIES = ("join", "login", "create")
_UNHEARD = _OWN + _ENTRIES + ("missed", "quit")  # not reported if the connection breaks


def connect(
        url: str, name: Optional[str] = None, password: Optional[str] = None, trust: Optional[str] = None,
        timeout: float = 10) -> "Chat":
    """A `Chat` with the server at `url`, such as line://localhost:4000, as `name` if one is given.

    Waits until the server has answered; raises `Failed` if it does not, or refuses the name. trust: for +tls, a file of
    certificates to trust besides the system's: CAs', or the server's own. timeout: in seconds.
    """
    chat = Chat(url, trust)
    try:
        if name is not None:
            chat.enter(name, password)
        chat.finish(timeout)
        if chat.state != "connected" or name is not None and chat.me is None:
            raise Failed(chat.why_not())
    except BaseException:
        chat.close(0)
        raise
    return chat


class Chat:
    """One server and what happens there. It connects in the background; `connect` waits for that.

    Requests are methods; they return at once, and raise `Impossible` with a sentence if they cannot be made. Their
    results, and everything else that happens, are events (`client.events`):

        for event in chat                   waits for each event, until the chat is closed
        chat.poll(timeout)                  the events that have come, or else come within the timeout

    In an event loop of your own: select on `chat` (it has a fileno() where the system has epoll or kqueue) for at most
    `chat.until_next()` seconds, then call `chat.poll()`. Only one thread may use it at a time.

    If the connection breaks while one has a name, it is restored, with growing delays between tries, and what was
    missed is requested. It is not restored if somebody has logged in to the name elsewhere.
    """

    DELAYS = (0.5, 1, 2, 4, 8, 15, 30)  # seconds before each try to reconnect; the last one repeats

    def __init__(self, url: str, trust: Optional[str] = None) -> None:
        self.address = addresses.parse(url)
        self.names: Set[str] = set()  # of the users who are known to be there
        self._trust = trust
        self._place = Place()
        self._events: Deque[Event] = collections.deque()
        self._sock: Any = None
        self._conversation: Any = None
        self._entry: Any = None  # (method, arguments) by which to log in again
        self._first: Any = None  # the last entry that was requested; its password is only for its name
        self._granted = False  # has a login succeeded?
        self._known_here = False  # was it logged in here before?
        self._is_leaving = False  # was `close` called?
        self._is_opening = self._is_closed = False
        self._unsent = b""
        self._failures = self._refusals = 0
        self._asked_pings: Deque[float] = collections.deque()
        self._retry_at: Optional[float] = None
        self._settle_at: Optional[float] = None
        self._ping_at: Optional[float] = None
        self._pong_by: Optional[float] = None
        self._selector = selectors.DefaultSelector()
        self._arrivals: "queue.Queue[Union[socket.socket, Failed]]" = queue.Queue()
        self._woken, self._wake = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._open()

    # ---- state

    @property
    def state(self) -> str:
        """One of connected, connecting, waiting (to reconnect) and closed."""
        if self._conversation:
            return "connected"
        if self._is_opening:
            return "connecting"
        return "closed" if self._retry_at is None else "waiting"

    @property
    def me(self) -> Optional[str]:
        """One's name, or None."""
        me: Optional[str] = self._conversation.me if self._conversation else None
        return me

    @property
    def unconfirmed(self) -> int:
        """How many texts were said and may not have arrived yet."""
        return len(self._place.doubted) + int(self._conversation.unconfirmed if self._conversation else 0)

    def can(self, request: str) -> bool:
        """Does the protocol have this request? It is named by its method."""
        return request not in CONVERSATIONS[self.address.protocol].CANNOT

    def check(self, request: str) -> None:
        """Raise `Impossible` if this request, named by its method, cannot be made now."""
        if not self.can(request):
            raise Impossible(CONVERSATIONS[self.address.protocol].CANNOT[request])
        if request in _ENTRIES:
            if self.me is not None:
                raise Impossible("You are %s already." % self.me)
        elif not self._conversation:
            raise Impossible("You are not connected to a server.")
        elif self.me is None:
            raise Impossible("You have not set a nickname.")

    def why_not(self) -> str:
        """A sentence that says why there is no connection, or no name."""
        whys = [event.why for event in self._events if isinstance(event, (events.Refused, events.Disconnected))]
        return whys[-1] if whys else "%s does not answer." % self.address.place

    # ---- requests

    def enter(self, name: str, password: Optional[str] = None) -> None:
        """`login` if there is a password, else `join`."""
        if password is None:
            self.join(name)
        else:
            self.login(name, password)

    def join(self, name: str) -> None:
        """Be called `name`. In `delimited` this creates the account if there is none."""
        if self.me is None:
            self._enter("join", _nfc(name))
        else:
            self.rename(name)

    def login(self, name: str, password: Optional[str]) -> None:
        """Log in to the account `name`."""
        self._enter("login", _nfc(name), password or "")

    def create(self, name: str, password: Optional[str] = None) -> None:
        """Create the account `name`, and log in to it."""
        self._enter("create", _nfc(name), password)

    def rename(self, name: str) -> None:
        """Be called `name` from now on."""
        self._ask("rename", _nfc(name))

    def say(self, text: str) -> None:
        """Say `text` in the room."""
        text = _canonical(text)
        if not is_blank(text.encode()):
            self._ask("say", text)

    def whisper(self, to: str, text: str) -> None:
        """Say `text` to one user alone."""
        text = _canonical(text)
        if not is_blank(text.encode()):
            self._ask("whisper", _nfc(to), text)

    def users(self, pattern: Optional[str] = None) -> None:
        """Who is there, of those whose names match a shell pattern: `Users`."""
        self._ask("users", pattern)

    def describe(self, name: str) -> None:
        """The address from which a user is connected: `Described`."""
        self._ask("describe", _nfc(name))

    def ping(self) -> None:
        """The round-trip time: `Pong`."""
        began = time.perf_counter()
        self._ask("ping")
        self._asked_pings.append(began)

    def history(self, partner: Optional[str] = None, most: Optional[int] = None) -> None:
        """What was said in the room, or with `partner`; the latest `most` messages: `Recalled` for each."""
        self._ask("history", partner and _nfc(partner), most)

    def deliver(self) -> None:
        """The direct messages that were kept while one was away: `Whispered` for each, in `delimited` `Said`."""
        self._ask("deliver")

    def delete(self) -> None:
        """Delete one's account."""
        self._ask("delete")

    # ---- waiting

    def poll(self, timeout: Optional[float] = 0) -> List[Event]:
        """The events that have come. If there are none, wait up to `timeout` seconds for some; None: without limit."""
        self._work_until(lambda: self._events or self._is_over, timeout)
        heard, self._events = list(self._events), collections.deque()
        return heard

    def __iter__(self) -> Iterator[Event]:
        while True:
            heard = self.poll(None)
            yield from heard
            if not heard and self._is_over:
                return

    def finish(self, timeout: float = 10) -> bool:
        """Wait up to `timeout` seconds until all requests are answered; are they? Their events can be polled then."""
        self._work_until(lambda: self._is_over or not self._is_busy, timeout)
        return self.state == "connected" and not self._is_busy

    def close(self, timeout: float = 5) -> None:
        """Leave once everything that was said has arrived, or after `timeout` seconds."""
        self._is_leaving = True
        self._entry, self._granted = None, False
        if self._conversation and timeout:
            if self.me is not None:
                self._conversation.quit()
                self._flush()
            self.finish(timeout)
            self._end(min(timeout, 1))
        self._lost(None)
        self._is_closed = True
        self._retry_at, self._is_opening = None, False
        self._selector.close()
        self._woken.close()
        self._wake.close()

    def _end(self, timeout: float) -> None:
        """Close our half, and wait until the server has noticed: then the name is free, or about to be."""
        if self._sock:
            try:
                # Not the TLS socket's own method, after which what still comes would be read as plain text.
                socket.socket.shutdown(self._sock, socket.SHUT_WR)
            except OSError:
                return
            self._work_until(lambda: self._sock is None, timeout)

    def __enter__(self) -> "Chat":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For selectors: readable when there is something to poll."""
        fileno: int = self._selector.fileno()
        return fileno

    def until_next(self) -> Optional[float]:
        """Seconds after which to poll even if nothing has come; None if that is not needed."""
        due = [at for at in (self._retry_at, self._settle_at, self._ping_at, self._pong_by) if at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self.state == "closed"

    @property
    def _is_busy(self) -> bool:
        return self.state != "connected" or bool(self._conversation.waits or self._unsent)

    def _work_until(self, is_enough: Callable[[], Any], timeout: Optional[float]) -> None:
        """Work at least once, until `is_enough()` or the time is up."""
        if self._is_closed:
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        self._work(0)
        while not is_enough():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            self._work(left)

    def _work(self, timeout: Optional[float]) -> None:
        """Wait up to `timeout` seconds for something to do, and do it."""
        waits = [seconds for seconds in (timeout, self.until_next()) if seconds is not None]
        for key, ready in self._selector.select(min(waits) if waits else None):
            if key.fileobj is self._woken:
                self._opened()
            elif key.fileobj is self._sock:
                if ready & selectors.EVENT_WRITE:
                    self._flush()
                if self._sock and ready & selectors.EVENT_READ:
                    self._receive()
        self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self._retry_at is not None and now >= self._retry_at:
            self._open()
        if self._settle_at is not None and now >= self._settle_at:
            self._settle_at = None
            self._hear(self._conversation.settle())
        if self._pong_by is not None and now >= self._pong_by:
            self._lost("The server does not answer any more.")
        elif self._ping_at is not None and now >= self._ping_at:
            self._ping_at = now + self._conversation.KEEPALIVE
            if self.me is not None:
                self._pong_by = self._pong_by or now + PATIENCE
                self._conversation.fence()
                self._flush()

    # ---- the connection

    def _open(self) -> None:
        self._retry_at, self._is_opening = None, True
        open_soon(self.address, self._trust, self._hand_over)

    def _hand_over(self, outcome: Union[socket.socket, Failed]) -> None:
        """Called in the thread that opens the connection."""
        self._arrivals.put(outcome)
        try:
            self._wake.send(b"\0")
        except OSError:  # closed meanwhile; the socket goes with us
            pass

    def _opened(self) -> None:
        self._woken.recv(RECEIVE)
        outcome, self._is_opening = self._arrivals.get(), False
        if isinstance(outcome, Failed):
            self._lost(str(outcome))
            return
        self._sock, self._conversation = outcome, CONVERSATIONS[self.address.protocol](self._place)
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._ping_at = time.monotonic() + self._conversation.KEEPALIVE
        self._events.append(events.Connected(self.address))
        if self._entry:
            self._try(*self._entry)

    def _try(self, method: str, arguments: Tuple[Any, ...]) -> None:
        """Log in again, now that there is a connection."""
        try:
            self._ask(method, *arguments)
        except Impossible as impossible:
            self._entry = None
            self._events.append(events.Refused(events.Request(method, arguments[0], None), str(impossible)))

    def _receive(self) -> None:
        pieces, sock = 0, self._sock
        # A selector does not report what TLS has already decrypted.
        while sock is self._sock and (pieces < RECEIVES or getattr(sock, "pending", int)()):
            pieces += 1
            try:
                data = sock.recv(RECEIVE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if not data:
                self._lost("The server has closed the connection.")
                return
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        conversation, self._pong_by = self._conversation, None
        try:
            heard = conversation.feed(data)
        except Garbled:
            self._lost("What comes from %s is not `%s`." % (self.address.place, self.address.protocol))
            return
        self._hear(heard)
        if self._conversation is conversation:
            self._settle_at = time.monotonic() + conversation.SETTLES if conversation.unsettled else None

    def _flush(self) -> None:
        """Send what can be sent now."""
        self._unsent += self._conversation.to_send()
        try:
            if self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent):]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            pass  # what the server said before it closed is still to be read, and then its end
        writes = selectors.EVENT_WRITE if self._unsent else 0
        self._selector.modify(self._sock, selectors.EVENT_READ | writes)

    def _lost(self, why: Optional[str]) -> None:
        """The connection is gone, or could not be made."""
        conversation = self._conversation
        if conversation:
            self._hear(conversation.settle())
            if self._conversation is not conversation:
                return
            self._events.extend(event for event in conversation.breaks() if event.request.kind not in _UNHEARD)
        self._hang_up()
        again: Optional[float] = None
        if not self._granted:
            self._give_up_doubted()
        else:
            again = self.DELAYS[min(self._failures, len(self.DELAYS) - 1)] * random.uniform(0.8, 1.2)
            self._retry_at = time.monotonic() + again
        self._failures += 1
        if not self._is_leaving:
            self._events.append(events.Disconnected(why or "", again))

    def _give_up_doubted(self) -> None:
        """Report the doubted texts as unsure, as the log will not be read for them."""
        doubted, self._place.doubted = self._place.doubted, []
        self._events.extend(events.Unsure(events.Request("say", None, text)) for text in doubted)

    def _hang_up(self) -> None:
        if self._sock:
            self._selector.unregister(self._sock)
            self._sock.close()
        self._sock = self._conversation = None
        self._settle_at = self._ping_at = self._pong_by = None
        self._unsent = b""
        self._asked_pings.clear()
        self.names.clear()

    # ---- requests and events

    def _enter(self, method: str, name: str, *arguments: Optional[str]) -> None:
        self.check(method)
        if self._conversation:
            self._ask(method, name, *arguments)
        self._entry, self._granted = (method, (name,) + arguments), False
        self._first = self._entry
        if self.state == "closed" and not self._is_closed:
            self._open()

    def _ask(self, method: str, *arguments: Any) -> None:
        self.check(method)
        getattr(self._conversation, method)(*arguments)
        self._flush()

    def _hear(self, heard: Iterable[Event]) -> None:
        for event in heard:
            conversation = self._conversation
            self._events.extend(self._REACTIONS.get(type(event), Chat._pass_on)(self, event))
            if self._conversation is not conversation:
                return
        if self._conversation:
            if self._conversation.LOGS and self._place.is_far:
                self._conversation.mark()
            self._flush()

    def _pass_on(self, event: Event) -> List[Event]:
        return [event]

    def _hear_disconnected(self, event: events.Disconnected) -> List[Event]:
        """The name was logged in to elsewhere: reconnecting would end that connection, so do not."""
        self._entry, self._granted = None, False
        self._lost(event.why)
        return []

    def _hear_talk(self, event: Union[events.Said, events.Whispered]) -> List[Event]:
        self.names.add(event.sender)
        return [event if event.time is not None else event._replace(time=int(time.time()))]

    def _hear_joined(self, event: events.Joined) -> List[Event]:
        self.names.add(event.name)
        return [event]

    def _hear_left(self, event: events.Left) -> List[Event]:
        self.names.discard(event.name)
        return [event]

    def _hear_renamed(self, event: events.Renamed) -> List[Event]:
        self.names.discard(event.old)
        self.names.add(event.new)
        return [event]

    def _hear_users(self, event: events.Users) -> List[Event]:
        self.names.update(name for name, _ in event.users)
        return [event]

    def _hear_welcomed(self, event: events.Welcomed) -> List[Event]:
        if self._granted and self._failures == 0:  # a rename
            self._entry = self._entry_as(event.name)
            return [event]
        self._granted, self._failures, self._refusals = True, 0, 0
        self.names.add(event.name)
        notice = None
        if self._known_here:
            notice = self._conversation.catch_up()
        else:
            self._conversation.arrive()
        self._known_here = True
        return [event, events.Notice(notice)] if notice else [event]

    def _entry_as(self, name: str) -> Any:
        """How to log in again as `name`, which may be the result of a rename."""
        return self._first if name == self._first[1][0] else ("join", (name,))

    def _hear_done(self, event: events.Done) -> List[Event]:
        kind = event.request.kind
        if kind == "ping":
            return [events.Pong(time.perf_counter() - self._asked_pings.popleft()), event]
        if kind == "create":  # it exists now, so log in to it next time
            method = "login" if self._entry[1][1:] != (None,) else "join"
            self._entry = method, self._entry[1] if method == "login" else self._entry[1][:1]
        if kind == "delete":
            self._entry, self._granted, self._known_here = None, False, False
            self._conversation.me = None
        return [] if kind in _OWN else [event]

    def _hear_refused(self, event: events.Refused) -> List[Event]:
        kind = event.request.kind
        if kind == "ping":
            self._asked_pings.popleft()
        if kind in _ENTRIES:
            self._refusals += 1
            if self._granted and self._refusals <= TRIES:
                self._lost(event.why)
                return []
            self._entry, self._granted, self._refusals = None, False, 0
            self._give_up_doubted()
        elif kind == "say" and self.me is None:  # the name was not valid after all
            self._entry, self._granted = None, False
        return [] if kind in _OWN else [event]

    _REACTIONS: Dict[type, Callable[["Chat", Any], List[Event]]] = {
        events.Disconnected: _hear_disconnected,
        events.Said: _hear_talk,
        events.Whispered: _hear_talk,
        events.Joined: _hear_joined,
        events.Left: _hear_left,
        events.Renamed: _hear_renamed,
        events.Users: _hear_users,
        events.Welcomed: _hear_welcomed,
        events.Done: _hear_done,
        events.Refused: _hear_refused,
    }


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())


def _canonical(text: str) -> str:
    return canonical(text.encode("utf-8", "replace")).decode()
