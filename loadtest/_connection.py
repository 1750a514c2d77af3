"""One TCP connection that speaks `line`, on gevent's cooperative sockets.

Two greenlets of its own read and write, so that a user whom Locust kills in the middle of a task can neither cut a line
in half nor stop hearing: what was sent keeps its whole text, and what is under way is still received.
"""
import time
from collections import deque

import gevent
from gevent import socket
from gevent.event import AsyncResult
from gevent.queue import Queue

from loadtest import _wire

CONNECT_TIMEOUT = 10
ANSWER_TIMEOUT = 10


class Refused(Exception):
    """The server answered ERR; its word is the message."""


class NoAnswer(Exception):
    """The server did not answer in time, or closed the connection instead."""


class _Question:
    """Something the server has to answer: which line ends the answer, and the lines of it."""

    def __init__(self, endings):
        self.endings = endings
        self.users = []
        self.answer = AsyncResult()


class Connection:
    """Sends lines, matches answers to questions, and hands everything else to `on_line(line, now)`.

    `on_end()` is called once when the server closes; never after `close`. Times are of `time.monotonic`.
    """

    def __init__(self, address, on_line, on_end):
        self._on_line = on_line
        self._on_end = on_end
        self._questions = deque()
        self._outgoing = Queue()
        self._ended = False
        self._socket = socket.create_connection(address, timeout=CONNECT_TIMEOUT)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._greenlets = [gevent.spawn(self._read), gevent.spawn(self._write)]

    def send(self, data):
        """Send whole lines, in the order of the calls; returns before they are on the way."""
        self._outgoing.put(data)

    def login(self, name):
        """Log in; raises Refused with the server's reason."""
        ending = self._ask(_wire.login(name), ("OK", "ERR"))[0]
        if ending.kind == "ERR":
            raise Refused(ending.text)

    def ping(self):
        """Wait for the answer to a PING."""
        self._ask(_wire.ping(), ("PONG",))

    def who(self):
        """The names that the server lists."""
        return self._ask(_wire.who(), ("PONG",))[1]

    def close(self):
        """Close from this side; `on_end` is not called."""
        gevent.killall(self._greenlets)
        self._socket.close()

    def _ask(self, data, endings):
        if self._ended:
            raise NoAnswer("the server has closed the connection")
        question = _Question(endings)
        self._questions.append(question)
        self.send(data)
        try:
            return question.answer.get(timeout=ANSWER_TIMEOUT)
        except gevent.Timeout:
            raise NoAnswer("no answer in %d s" % ANSWER_TIMEOUT) from None

    def _read(self):
        decoder = _wire.Decoder()
        for data in iter(self._receive, b""):
            now = time.monotonic()
            for line in decoder.feed(data):
                self._sort(line, now)
        self._ended = True
        for question in self._questions:
            question.answer.set_exception(NoAnswer("the server closed the connection"))
        self._on_end()

    def _sort(self, line, now):
        """Part of an answer, or something said by others."""
        question = self._questions[0] if self._questions else None
        if question and line.kind in question.endings:
            self._questions.popleft().answer.set((line, question.users))
        elif question and line.kind == "USER":
            question.users.append(line.text)
        else:
            self._on_line(line, now)

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
