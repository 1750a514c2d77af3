"""A chat with one server, in any protocol, across reconnections."""
import collections
import queue
import random
import selectors
import socket
import ssl
import time
from typing import Any, Callable, Iterable, Iterator, List, Optional, Tuple, Union

from parley.client import address as addresses
from parley.client import events
from parley.client.events import Event
from parley.client.files import Files
from parley.client.following import FILE_REQUESTS, OWN_REQUESTS, Following
from parley.client.opening import Failed, open_in_thread
from parley.client.protocol import LOBBY_ROOM, Impossible, ProtocolError
from parley.client.reactions import Command, Reactions
from parley.client.requests import LOGINS, nfc
from parley.client.rooms import place

RECEIVE_BYTES = 65536  # in one call
MAX_RECEIVES = 16  # calls in a row, so that other work gets its turn
PONG_SECONDS = 30  # the timeout for the reply to a keepalive ping

_UNREPORTED = OWN_REQUESTS + LOGINS + FILE_REQUESTS + ("missed", "quit")  # not reported if the connection is lost


def connect(
        url: str, name: Optional[str] = None, password: Optional[str] = None, trust: Optional[str] = None,
        timeout: float = 10) -> "Chat":
    """A `Chat` with the server at `url`, such as line://localhost:4000, logged in as `name` if one is given.

    Waits for the connection and the login; raises `Failed` if there is none, and ValueError for a wrong URL. trust: for
    +tls, a file of certificates (PEM) to trust besides the system's: of CAs, or the server's own. timeout: in seconds.
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


class Chat(Following):
    """A connection to one server. It is made in the background; the function `connect` waits for it.

    Requests are methods (`Requests`); they return at once, and raise `Impossible` with a sentence if they cannot be
    made. Their results, and everything else that happens, are events (`client.events`):

        for event in chat                   waits for each event, until the chat is closed
        chat.poll(timeout)                  the events that have come; waits for the first if there are none

    In an event loop of your own: select on `chat` (it has a fileno() where the system has epoll or kqueue) for at most
    `chat.until_next()` seconds, then call `chat.poll()`. Only one thread may use a chat.

    If the connection is lost after a login, the chat reconnects, with growing delays between attempts, enters its rooms
    again, and requests what it has missed. It does not if somebody has logged in under the name elsewhere.
    """

    DELAYS = (0.5, 1, 2, 4, 8, 15, 30)  # seconds before each attempt to reconnect; the last one repeats

    def __init__(self, url: str, trust: Optional[str] = None) -> None:
        super().__init__(addresses.parse(url))
        self._trust = trust
        self._position: Any = self.protocol.POSITION()
        self._reactions = Reactions()
        self._posted: "queue.Queue[Callable[[], List[Event]]]" = queue.Queue()  # of other threads
        self._files = Files(self.address, trust, self._post, self._ask_if_here)
        self._sock: Any = None
        self._is_leaving = False  # was `close` called?
        self._is_opening = self._is_closed = False
        self._unsent = b""
        self._retry_at: Optional[float] = None
        self._settle_at: Optional[float] = None
        self._ping_at: Optional[float] = None
        self._pong_by: Optional[float] = None
        self._selector = selectors.DefaultSelector()
        self._opened_sockets: "queue.Queue[Union[socket.socket, Failed]]" = queue.Queue()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)
        self._open()

    # ---- state

    @property
    def state(self) -> str:
        """One of connected, connecting, waiting (to reconnect) and closed."""
        if self._protocol:
            return "connected"
        if self._is_opening:
            return "connecting"
        return "closed" if self._retry_at is None else "waiting"

    @property
    def unconfirmed(self) -> int:
        """The number of messages that were sent and may not have arrived yet."""
        return int(self._position.unanswered + (self._protocol.unconfirmed if self._protocol else 0))

    def why_not(self) -> str:
        """A sentence that says why there is no connection, or no login."""
        reasons = [event.why for event in self._events if isinstance(event, (events.Refused, events.Disconnected))]
        return reasons[-1] if reasons else "%s does not answer." % self.address.host_port

    @property
    def seals(self) -> Any:
        """What seals and opens messages (`client.seal.talk.Seals`), or None. Set it before anything has come."""
        return getattr(self._position, "seals", None)

    @seals.setter
    def seals(self, seals: Any) -> None:
        self._position.seals = seals

    # ---- files

    def send_file(self, path: str, to: Optional[str] = None) -> None:
        """Send the file at `path` to the lobby (None), a room, or one user alone: `Moved`s, and `Done` once it is said.

        It is sealed where talk is. It goes on by itself after a lost connection, and nobody hears of it before it is
        whole. Until then `finish` waits.
        """
        self.check("send_file")
        where = None if to is None else place(to) if to.startswith("#") else nfc(to)
        is_sealed = self.seals is not None and self.seals.wants(where or LOBBY_ROOM)
        if is_sealed:
            self.seals.check()
        self._files.send(path, where, is_sealed)

    def save_file(self, text: str, folder: str = ".", name: Optional[str] = None) -> None:
        """Save the file that a message tells of, whose text this is, into a folder: `Moved`s, `Saved` and `Done`.

        name: under which it is saved; None: its own. No file is replaced: the name gets a number if there is one.
        `client.files.told_in` finds files in texts.
        """
        if not self.can("save_file"):
            self.check("save_file")
        self._files.save(text, folder, name)

    def _post(self, function: Callable[[], List[Event]]) -> None:
        """Called in another thread: have this one call it."""
        self._posted.put(function)
        self._wake_up()

    def _ask_if_here(self, method: str, *arguments: Any) -> bool:
        if self.me is None:
            return False
        getattr(self._protocol, method)(*arguments)
        self._flush()
        return True

    # ---- bots

    def on_command(self, word: str, function: Command) -> None:
        """Call function(said, rest) for each message that begins with `word`, such as "!roll", in `poll` or iteration.

        said: the `Said` or `Whispered`, which is reported as well. rest: the text behind the word. If the function
        returns a text, that is said where the word was: see `answer`.
        """
        self._reactions.commands[word] = function

    def every(self, seconds: float, function: Callable[[], Any]) -> None:
        """Call function() every `seconds` seconds, in `poll` or iteration, while you are logged in."""
        self._reactions.add_timer(seconds, function)

    def answer(self, said: Union[events.Said, events.Whispered], text: str) -> None:
        """Say `text` where `said` was: in its room, or to its sender alone."""
        if isinstance(said, events.Said):
            self.say(text, said.room)
        else:
            self.whisper(said.sender, text)

    def _react(self, found: Iterable[Event]) -> None:
        for event in found:
            if isinstance(event, (events.Said, events.Whispered)) and event.sender != self.me:
                answer = self._reactions.answer_to(event)
                if answer:
                    self.answer(event, answer)

    # ---- waiting

    def poll(self, timeout: Optional[float] = 0) -> List[Event]:
        """The events that have come. If there are none, wait for one up to `timeout` seconds; None: without a limit.

        Calls the functions of `on_command` and `every`; what they raise is raised here. If one of `every` is called,
        it may return without an event, before the time is over.
        """
        self._work_until(lambda: self._events or self._is_over or self._has_due_timer, timeout)
        for function in self._reactions.due() if self._has_due_timer else ():
            if self.me is not None:
                function()
        found, self._events = list(self._events), collections.deque()
        self._react(found)
        return found

    def __iter__(self) -> Iterator[Event]:
        while True:
            found = self.poll(None)
            yield from found
            if not found and self._is_over:
                return

    def finish(self, timeout: float = 10) -> bool:
        """Wait up to `timeout` seconds until no request is pending; is none? Their events can be polled then."""
        self._work_until(lambda: self._is_over or not self._is_busy, timeout)
        return self.state == "connected" and not self._is_busy

    def close(self, timeout: float = 5) -> None:
        """Log out and close, once all that was said has arrived, or after `timeout` seconds."""
        self._is_leaving = True
        self._login, self._granted = None, False
        if self._protocol and timeout:
            if self.me is not None:
                self._protocol.quit()
                self._flush()
            self.finish(timeout)
            self._half_close(min(timeout, 1))
        self._lost(None)
        self._files.stop()
        self._is_closed = True
        self._retry_at, self._is_opening = None, False
        self._selector.close()
        self._wake_receiver.close()
        self._wake_sender.close()

    def _half_close(self, timeout: float) -> None:
        """Send EOF, and wait up to `timeout` seconds for that of the server, which then frees the name."""
        if self._sock:
            try:
                # Not the TLS socket's own method, after which it would not decrypt what still comes.
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
        """Seconds after which to call `poll` even if nothing has come; None if that is not needed."""
        timers = (self._retry_at, self._settle_at, self._ping_at, self._pong_by, self._reactions.next_at)
        due = [at for at in timers if at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    @property
    def _has_due_timer(self) -> bool:
        return self._reactions.next_at is not None and self._reactions.next_at <= time.monotonic()

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self.state == "closed"

    @property
    def _is_busy(self) -> bool:
        return self.state != "connected" or bool(
            self._protocol.has_pending or self._unsent or self._files.is_busy)

    def _work_until(self, is_enough: Callable[[], Any], timeout: Optional[float]) -> None:
        """Do I/O at least once, and until `is_enough()` or the timeout, in seconds; None: without a limit."""
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
        """Wait up to `timeout` seconds for I/O or a timer, and process it."""
        waits = [seconds for seconds in (timeout, self.until_next()) if seconds is not None]
        for key, ready in self._selector.select(min(waits) if waits else None):
            if key.fileobj is self._wake_receiver:
                self._woken()
            elif key.fileobj is self._sock:
                if ready & selectors.EVENT_WRITE:
                    self._flush()
                if self._sock and ready & selectors.EVENT_READ:
                    self._receive()
        self._check_timers()

    def _check_timers(self) -> None:
        now = time.monotonic()
        if self._retry_at is not None and now >= self._retry_at:
            self._open()
        if self._settle_at is not None and now >= self._settle_at:
            self._settle_at = None
            self._handle(self._protocol.settle())
        if self._pong_by is not None and now >= self._pong_by:
            self._lost("The server does not answer any more.")
        elif self._ping_at is not None and now >= self._ping_at:
            self._ping_at = now + self._protocol.KEEPALIVE
            if self.me is not None:
                self._protocol.fence()
                self._flush()
            if self._granted:  # also if it is coming back, and its login has no answer yet
                self._pong_by = self._pong_by or now + PONG_SECONDS

    # ---- the connection

    def _open(self) -> None:
        self._retry_at, self._is_opening = None, True
        open_in_thread(self.address, self._trust, self._on_thread_done)

    def flush(self) -> None:
        """Send pending bytes without waiting."""
        if self._protocol:
            self._flush()

    def _on_thread_done(self, outcome: Union[socket.socket, Failed]) -> None:
        """Called in the thread that opens the connection."""
        self._opened_sockets.put(outcome)
        self._wake_up()

    def _wake_up(self) -> None:
        try:
            self._wake_sender.send(b"\0")
        except OSError:  # the chat was closed meanwhile; the queues and a socket in them are garbage
            pass

    def _woken(self) -> None:
        """Other threads have something."""
        self._wake_receiver.recv(RECEIVE_BYTES)
        while not self._posted.empty():
            self._events.extend(self._posted.get()())
        if not self._opened_sockets.empty():
            self._opened()

    def _opened(self) -> None:
        outcome, self._is_opening = self._opened_sockets.get(), False
        if isinstance(outcome, Failed):
            self._lost(str(outcome))
            return
        self._sock, self._protocol = outcome, self.protocol(self._position)
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._ping_at = time.monotonic() + self._protocol.KEEPALIVE
        self._events.append(events.Connected(self.address))
        try:
            self._protocol.open(self.address)
        except ProtocolError as error:
            self._lost(str(error))
            return
        self._flush()
        if self._login:
            self._log_in_again(*self._login)

    def _enter(self, method: str, name: str, *arguments: Optional[str]) -> None:
        self.check(method)
        if self._protocol:
            self._request(method, name, *arguments)
        self._login, self._granted = (method, (name,) + arguments), False
        self._first = self._login
        if self.state == "closed" and not self._is_closed:
            self._open()

    def _log_in_again(self, method: str, arguments: Tuple[Any, ...]) -> None:
        try:
            self._request(method, *arguments)
        except Impossible as impossible:
            self._login = None
            self._events.append(events.Refused(events.Request(method, arguments[0], None), str(impossible)))

    def _receive(self) -> None:
        receives, sock = 0, self._sock
        # A selector does not report what TLS has already decrypted.
        while sock is self._sock and (receives < MAX_RECEIVES or getattr(sock, "pending", int)()):
            receives += 1
            try:
                data = sock.recv(RECEIVE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if not data:
                self._lost("The server has closed the connection.")
                return
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        protocol, self._pong_by = self._protocol, None
        try:
            found = protocol.feed(data)
        except ProtocolError as error:
            self._lost(str(error) or "What comes from %s is not `%s`." % (
                self.address.host_port, self.address.protocol))
            return
        self._handle(found)
        if self._protocol is protocol:
            self._settle_at = time.monotonic() + protocol.SETTLE_SECONDS if protocol.unsettled else None

    def _flush(self) -> None:
        """Send what can be sent now."""
        self._unsent += self._protocol.to_send()
        try:
            if self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent):]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            pass  # read first what the server sent before it closed; EOF follows
        writes = selectors.EVENT_WRITE if self._unsent else 0
        self._selector.modify(self._sock, selectors.EVENT_READ | writes)

    def _lost(self, why: Optional[str]) -> None:
        """The connection is lost, or could not be made; `why` is a sentence."""
        protocol = self._protocol
        if protocol:
            self._handle(protocol.settle())
            if self._protocol is not protocol:
                return
            self._events.extend(event for event in protocol.connection_lost() if self._is_reported(event.request))
        self._close_socket()
        delay: Optional[float] = None
        if not self._granted:
            self._report_unconfirmed()
        else:
            delay = self.DELAYS[min(self._failures, len(self.DELAYS) - 1)] * random.uniform(0.8, 1.2)
            delay = max(delay, protocol.retry_seconds if protocol else 0)
            self._retry_at = time.monotonic() + delay
        self._failures += 1
        if not self._is_leaving:
            self._events.append(events.Disconnected(why or "", delay))

    def _is_reported(self, request: events.Request) -> bool:
        """Is it reported that this request had no answer when the connection was lost?"""
        return request.kind not in _UNREPORTED and not (request.kind == "join_room" and request.about in self.inside)

    def _close_socket(self) -> None:
        if self._sock:
            self._selector.unregister(self._sock)
            self._sock.close()
        self._sock = self._protocol = None
        self._settle_at = self._ping_at = self._pong_by = None
        self._unsent = b""
        self._ping_times.clear()
        self._new_passwords.clear()
        self.names.clear()
