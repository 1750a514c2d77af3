"""One TCP connection to a chat server, on gevent's cooperative sockets.

Two greenlets of its own read and write, so that a user whom Locust kills in the middle of a task can neither cut a
message in half nor stop hearing: what was sent keeps its whole text, and what is under way is still received.
"""
import time
from collections import deque

import gevent
from gevent import socket
from gevent.event import AsyncResult
from gevent.queue import Queue

from loadtest._ledger import brief

CONNECT_TIMEOUT = 30
ANSWER_TIMEOUT = 60  # a password may have to wait for its turn, and be verified by a busy machine
FAREWELL_TIMEOUT = 1


class Refused(Exception):
    """The server refused; its words are the message."""


class NoAnswer(Exception):
    """The server did not answer in time, or closed the connection instead."""


class _Question:
    """A request that the server has to answer: the kinds that end the answer, and the users listed in it."""

    def __init__(self, endings, waits=True):
        self.endings = endings
        self.waits = waits  # does somebody wait for the answer?
        self.users = []
        self.answer = AsyncResult()


class Connection:
    """Sends commands, matches answers to questions, and hands everything else to `on_heard(heard, now)`.

    `on_end()` is called once when the server closes; never after `close`. Times are of `time.monotonic`. Unless
    `shows_life`, it does not answer when the server wants to know whether it is there.
    """

    def __init__(self, address, codec, on_heard, on_end, shows_life=True):
        self._codec = codec
        self._on_heard = on_heard
        self._on_end = on_end
        self._shows_life = shows_life
        self._questions = deque()
        self._outgoing = Queue()
        self._ended = False
        self._socket = socket.create_connection(address, timeout=CONNECT_TIMEOUT)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._greenlets = [gevent.spawn(self._read), gevent.spawn(self._write)]
        opening = codec.opening(self._socket.getpeername()[:2])
        if opening:
            try:
                self._ask(opening, ("OPEN", "ERR"))
            except (NoAnswer, Refused):
                self.close()
                raise

    def tell(self, data):
        """Send a message, in the order of the calls; returns before it is sent."""
        if self._codec.acknowledges:
            self._questions.append(_Question(("OK", "ERR"), waits=False))
        self._outgoing.put(data)

    def login(self, data):
        """Log in with this command; raises Refused with the server's reason."""
        self._ask(data, ("OK", "ERR"))

    def ping(self):
        """Wait for the answer to a ping."""
        self._ask(self._codec.ping(), self._endings())

    def who(self):
        """The names that the server lists."""
        return self._ask(self._codec.who(), self._endings())

    def close(self):
        """Close from this side; `on_end` is not called."""
        gevent.killall(self._greenlets)
        try:
            self._socket.settimeout(FAREWELL_TIMEOUT)
            self._socket.sendall(self._codec.leave())
        except OSError:
            pass  # The server was first.
        self._socket.close()

    def _endings(self):
        """The kinds that end an answer; without acknowledgements an ERR may be about an earlier message."""
        return ("PONG", "OK", "ERR") if self._codec.acknowledges else ("PONG",)

    def _ask(self, data, endings):
        if self._ended:
            raise NoAnswer("the server has closed the connection")
        question = _Question(endings)
        self._questions.append(question)
        self._outgoing.put(data)
        try:
            ending = question.answer.get(timeout=ANSWER_TIMEOUT)
        except gevent.Timeout:
            raise NoAnswer("no answer in %d s" % ANSWER_TIMEOUT) from None
        if ending.kind == "ERR":
            raise Refused(brief(ending.text))
        return question.users

    def _read(self):
        for data in iter(self._receive, b""):
            now = time.monotonic()
            for heard in self._codec.feed(data):
                self._sort(heard, now)
        self._ended = True
        for question in self._questions:
            question.answer.set_exception(NoAnswer("the server closed the connection"))
        self._on_end()

    def _sort(self, heard, now):
        """Handle one event: a part of an answer, a message of others, or the refusal of a message."""
        question = self._questions[0] if self._questions else None
        if heard.kind == "ALIVE?":
            if self._shows_life:
                self._outgoing.put(self._codec.alive(heard.text))
        elif question and heard.kind in question.endings:
            self._questions.popleft().answer.set(heard)
            if heard.kind == "ERR" and not question.waits:
                self._on_heard(heard, now)
        elif question and heard.kind == "USER":
            question.users.append(heard.text)
        else:
            self._on_heard(heard, now)

    def _receive(self):
        try:
            return self._socket.recv(65536)
        except OSError:
            return b""

    def _write(self):
        try:
            for data in self._outgoing:
                self._socket.sendall(data)
        except OSError:
            pass  # The reader sees the same end and reports it.
