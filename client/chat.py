"""A chat: one server, whichever protocol it is spoken to in, and however often the connection has to be made again."""
import collections
import queue
import random
import selectors
import socket
import ssl
import time
import unicodedata

from client import address as addresses
from client import events
from client.conversation import Garbled, Impossible
from client.opening import Failed, open_soon
from client.place import Place
from client.protocols import CONVERSATIONS
from server.protocols.text import canonical, is_blank

RECEIVE = 65536  # bytes at once
RECEIVES = 16  # pieces in one look, so that a flood leaves time for whoever else is there
PATIENCE = 30  # seconds for the answer to a ping of ours
TRIES = 5  # to get one's name back, which the server may think still in use

# What the chat asks for itself, so that nobody wants to hear of it.
_OWN = ("fence", "mark", "kept")
_ENTRIES = ("join", "login", "create")
_UNHEARD = _OWN + _ENTRIES + ("missed", "quit")  # if the connection breaks


def connect(url, name=None, password=None, trust=None, timeout=10):
    """A `Chat` with the server at `url`, such as line://localhost:4000, as `name` if one is given.

    Waits until the server has answered, and raises `Failed` if it does not or refuses the name. trust: a file of
    certificates that are trusted besides the system's, for +tls: of CAs, or the server's own. timeout: in seconds.
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
    """One server and what happens there. Made, it connects in the background; `connect` waits for that.

    Requests are methods; they return at once and raise `Impossible` with a sentence if they cannot be made. What comes
    of them, and all that happens, are events (`client.events`):

        for event in chat                   waits for each, until the chat is closed
        chat.poll(timeout)                  those that have come, or come within the time

    In a loop of one's own: select on `chat` (it has a fileno() where the system has epoll or kqueue), for at most
    `chat.until_next()` seconds, then `chat.poll()`. One thread at a time.

    If a connection breaks that had a name, it is made again, sooner at first and then less often, and asks for what was
    missed. If somebody has logged in to the name elsewhere, it is not.
    """

    DELAYS = (0.5, 1, 2, 4, 8, 15, 30)  # seconds before each try to connect again; then always the last

    def __init__(self, url, trust=None):
        self.address = addresses.parse(url)
        self.names = set()  # of those who are known to be there
        self._trust = trust
        self._place = Place()
        self._events = collections.deque()
        self._sock = self._conversation = None
        self._entry = None  # (method, arguments) by which to get one's name
        self._first = None  # the one that was asked for last, whose password is for its name only
        self._granted = False  # has it been granted once?
        self._known_here = False  # was there a place in this room before?
        self._is_leaving = False  # has one asked for the end?
        self._is_opening = self._is_closed = False
        self._unsent = b""
        self._failures = self._refusals = 0
        self._asked_pings = collections.deque()
        self._retry_at = self._settle_at = self._ping_at = self._pong_by = None
        self._selector = selectors.DefaultSelector()
        self._arrivals = queue.Queue()
        self._woken, self._wake = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._open()

    # ---- what is

    @property
    def state(self):
        """One of connected, connecting, waiting (to connect again) and closed."""
        if self._conversation:
            return "connected"
        if self._is_opening:
            return "connecting"
        return "closed" if self._retry_at is None else "waiting"

    @property
    def me(self):
        """One's name; None without one."""
        return self._conversation.me if self._conversation else None

    @property
    def unconfirmed(self):
        """How many texts were said and may not have arrived yet."""
        return len(self._place.doubted) + (self._conversation.unconfirmed if self._conversation else 0)

    def can(self, request):
        """Does the protocol have this, the name of a method?"""
        return request not in CONVERSATIONS[self.address.protocol].CANNOT

    def check(self, request):
        """`Impossible` if this, the name of a method, cannot be asked now."""
        if not self.can(request):
            raise Impossible(CONVERSATIONS[self.address.protocol].CANNOT[request])
        if request in _ENTRIES:
            if self.me is not None:
                raise Impossible("You are %s already." % self.me)
        elif not self._conversation:
            raise Impossible("You are not connected to a server.")
        elif self.me is None:
            raise Impossible("You have not set a nickname.")

    def why_not(self):
        """A sentence that says why one is not connected, or has no name."""
        whys = [event.why for event in self._events if isinstance(event, (events.Refused, events.Disconnected))]
        return whys[-1] if whys else "%s does not answer." % self.address.place

    # ---- requests

    def enter(self, name, password=None):
        """`login` with a password, else `join`."""
        if password is None:
            self.join(name)
        else:
            self.login(name, password)

    def join(self, name):
        """Be called `name`. In `delimited` this makes the account if there is none."""
        if self.me is None:
            self._enter("join", _nfc(name))
        else:
            self.rename(name)

    def login(self, name, password):
        """Be the account `name`."""
        self._enter("login", _nfc(name), password or "")

    def create(self, name, password=None):
        """Make the account `name`, and be it."""
        self._enter("create", _nfc(name), password)

    def rename(self, name):
        """Be called `name` from now on."""
        self._ask("rename", _nfc(name))

    def say(self, text):
        """Say it in the room."""
        text = _canonical(text)
        if not is_blank(text.encode()):
            self._ask("say", text)

    def whisper(self, to, text):
        """Say it to one alone."""
        text = _canonical(text)
        if not is_blank(text.encode()):
            self._ask("whisper", _nfc(to), text)

    def users(self, pattern=None):
        """Who is there, as far as the name fits the shell pattern: `Users`."""
        self._ask("users", pattern)

    def describe(self, name):
        """Where somebody is: `Described`."""
        self._ask("describe", _nfc(name))

    def ping(self):
        """How long an answer takes: `Pong`."""
        began = time.perf_counter()
        self._ask("ping")
        self._asked_pings.append(began)

    def history(self, partner=None, most=None):
        """What was said in the room, or with `partner`, the latest `most`: `Recalled`, for each."""
        self._ask("history", partner and _nfc(partner), most)

    def deliver(self):
        """What was said to one alone while one was away: `Whispered` for each, in `delimited` `Said`."""
        self._ask("deliver")

    def delete(self):
        """Delete one's account."""
        self._ask("delete")

    # ---- waiting

    def poll(self, timeout=0):
        """The events that have come; if there are none, those of the next `timeout` seconds, None for ever."""
        self._work_until(lambda: self._events or self._is_over, timeout)
        heard, self._events = list(self._events), collections.deque()
        return heard

    def __iter__(self):
        while True:
            heard = self.poll(None)
            yield from heard
            if not heard and self._is_over:
                return

    def finish(self, timeout=10):
        """Wait until all that was asked has its answer, at most `timeout` seconds; has it? The events can be polled."""
        self._work_until(lambda: self._is_over or not self._is_busy, timeout)
        return self.state == "connected" and not self._is_busy

    def close(self, timeout=5):
        """Leave, once everything that was said has arrived, or after `timeout` seconds."""
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
        for end in (self._selector, self._woken, self._wake):
            end.close()

    def _end(self, timeout):
        """End our half, and wait until the server has noticed: then the name is free, or nearly so."""
        if self._sock:
            try:
                # Not the method of a TLS socket, which would take what still comes for plain text.
                socket.socket.shutdown(self._sock, socket.SHUT_WR)
            except OSError:
                return
            self._work_until(lambda: self._sock is None, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.close()

    def fileno(self):
        """For selectors: readable when there is something to poll for."""
        return self._selector.fileno()

    def until_next(self):
        """Seconds after which to poll even if nothing has come; None if there is no need."""
        due = [at for at in (self._retry_at, self._settle_at, self._ping_at, self._pong_by) if at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    @property
    def _is_over(self):
        return self._is_closed or self.state == "closed"

    @property
    def _is_busy(self):
        return self.state != "connected" or self._conversation.waits or bool(self._unsent)

    def _work_until(self, is_enough, timeout):
        """Work until it is enough, or the time is up; look at least once."""
        if self._is_closed:
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        self._work(0)
        while not is_enough():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            self._work(left)

    def _work(self, timeout):
        """Do what there is to do, after waiting for it at most `timeout` seconds."""
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

    def _look_at_the_clock(self):
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

    def _open(self):
        self._retry_at, self._is_opening = None, True
        open_soon(self.address, self._trust, self._hand_over)

    def _hand_over(self, outcome):
        """Called in the thread that opens."""
        self._arrivals.put(outcome)
        try:
            self._wake.send(b"\0")
        except OSError:  # closed meanwhile; the socket goes with us
            pass

    def _opened(self):
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

    def _try(self, method, arguments):
        """Enter, now that one can."""
        try:
            self._ask(method, *arguments)
        except Impossible as impossible:
            self._entry = None
            self._events.append(events.Refused(events.Request(method, arguments[0], None), str(impossible)))

    def _receive(self):
        pieces, sock = 0, self._sock
        # What TLS has decrypted already shows in no selector.
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

    def _feed(self, data):
        conversation, self._pong_by = self._conversation, None
        try:
            heard = conversation.feed(data)
        except Garbled:
            self._lost("What comes from %s is not `%s`." % (self.address.place, self.address.protocol))
            return
        self._hear(heard)
        if self._conversation is conversation:
            self._settle_at = time.monotonic() + conversation.SETTLES if conversation.unsettled else None

    def _flush(self):
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

    def _lost(self, why):
        """The connection is gone, or could not be made."""
        conversation = self._conversation
        if conversation:
            self._hear(conversation.settle())
            if self._conversation is not conversation:
                return
            self._events.extend(event for event in conversation.breaks() if event.request.kind not in _UNHEARD)
        self._hang_up()
        again = None
        if not self._granted:
            self._give_up_doubted()
        else:
            again = self.DELAYS[min(self._failures, len(self.DELAYS) - 1)] * random.uniform(0.8, 1.2)
            self._retry_at = time.monotonic() + again
        self._failures += 1
        if not self._is_leaving:
            self._events.append(events.Disconnected(why, again))

    def _give_up_doubted(self):
        """Nobody will look into the log for it any more."""
        doubted, self._place.doubted = self._place.doubted, []
        self._events.extend(events.Unsure(events.Request("say", None, text)) for text in doubted)

    def _hang_up(self):
        if self._sock:
            self._selector.unregister(self._sock)
            self._sock.close()
        self._sock = self._conversation = None
        self._settle_at = self._ping_at = self._pong_by = None
        self._unsent = b""
        self._asked_pings.clear()
        self.names.clear()

    # ---- asking and hearing

    def _enter(self, method, name, *arguments):
        self.check(method)
        if self._conversation:
            self._ask(method, name, *arguments)
        self._entry, self._granted = (method, (name,) + arguments), False
        self._first = self._entry
        if self.state == "closed" and not self._is_closed:
            self._open()

    def _ask(self, method, *arguments):
        self.check(method)
        getattr(self._conversation, method)(*arguments)
        self._flush()

    def _hear(self, heard):
        for event in heard:
            conversation = self._conversation
            self._events.extend(self._REACTIONS.get(type(event), Chat._pass_on)(self, event))
            if self._conversation is not conversation:
                return
        if self._conversation:
            if self._conversation.LOGS and self._place.is_far:
                self._conversation.mark()
            self._flush()

    def _pass_on(self, event):
        return [event]

    def _hear_disconnected(self, event):
        """The server has said that this is the end: coming back would drive out whoever has the name now."""
        self._entry, self._granted = None, False
        self._lost(event.why)
        return []

    def _hear_talk(self, event):
        self.names.add(event.sender)
        return [event if event.time is not None else event._replace(time=int(time.time()))]

    def _hear_joined(self, event):
        self.names.add(event.name)
        return [event]

    def _hear_left(self, event):
        self.names.discard(event.name)
        return [event]

    def _hear_renamed(self, event):
        self.names.discard(event.old)
        self.names.add(event.new)
        return [event]

    def _hear_users(self, event):
        self.names.update(name for name, _ in event.users)
        return [event]

    def _hear_welcomed(self, event):
        if self._granted and self._failures == 0:  # a new name in the same connection
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
        return [event] + ([events.Notice(notice)] if notice else [])

    def _entry_as(self, name):
        """How to get the name back that one has now, which may be another by a rename."""
        return self._first if name == self._first[1][0] else ("join", (name,))

    def _hear_done(self, event):
        kind = event.request.kind
        if kind == "ping":
            return [events.Pong(time.perf_counter() - self._asked_pings.popleft()), event]
        if kind == "create":  # next time it exists
            method = "login" if self._entry[1][1:] != (None,) else "join"
            self._entry = method, self._entry[1] if method == "login" else self._entry[1][:1]
        if kind == "delete":
            self._entry, self._granted, self._known_here = None, False, False
            self._conversation.me = None
        return [] if kind in _OWN else [event]

    def _hear_refused(self, event):
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
        elif kind == "say" and self.me is None:  # the name was none after all
            self._entry, self._granted = None, False
        return [] if kind in _OWN else [event]

    _REACTIONS = {
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


def _nfc(name):
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())


def _canonical(text):
    return canonical(text.encode("utf-8", "replace")).decode()
