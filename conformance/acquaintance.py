"""Profiling a foreign server (the acquaintance): small experiments, each with clients of its own, the guests.

The experiments of a protocol are in `conformance/probes/`. They find out how the server talks (a `profile.Profile`),
and what that breaks (a `profile.Finding` for each requirement).
"""
import contextlib
import re
import socket
import time

from parley.conformance import profile as profiles
from parley.conformance.actor import FLOODED, MOST_MESSAGES, Selector
from parley.conformance.message import Message, in_short
from parley.conformance.names import in_case, random_name
from parley.conformance.transcript import NOTE, OWN_RECEIVED, OWN_SENT, RECEIVED, SENT, Transcript, visible
from parley.conformance.unread import acknowledge_at_once, forget_what_came, wait_until_read

ANSWER_SECONDS = 1.0  # the timeout of an answer, if nothing can prove that none comes
_SLOW_SECONDS = 0.03
_MOST_ANSWER_SECONDS = 2 * ANSWER_SECONDS  # what is waited for longer is no answer, but news
QUIET_SECONDS = 0.15  # of silence after which nothing more is expected, if nothing better is known
PAUSE_SECONDS = 0.05  # in which a server on another machine has most likely read what was sent
_CONNECT_SECONDS = 3.0
_OWN_NAME = re.compile("wtn[a-z]{6}", re.IGNORECASE)  # as `random_name` makes them
_FIRST = 3  # the first experiments, which show whether a client can log in at all


class Refused(Exception):
    """A guest could not log in: the requirement that this breaks, and what the server said, or None."""

    def __init__(self, ident, answer):
        super().__init__(answer or "nothing")
        self.ident, self.answer = ident, answer


class Guest:
    """A client of an experiment. lines: the messages that have come and were not handled, translated by the profile."""

    def __init__(self, visit, ident, name):
        self.visit = visit
        self.ident = ident
        self.name = name
        self.lines = []
        self.raw = []  # all that has come, as it came
        self.replies = 0  # to the suite's own requests
        self.closed = False
        self.is_flooded = False  # has the server sent so much that the guest no longer reads?
        self.socket = None

    def connect(self):
        self.socket = socket.create_connection(self.visit.address, _CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.extras = []
        self.decoder = self.visit.codec.Decoder()
        self.state = self.visit.codec.ClientState()
        self.reader = profiles.Reader(self.visit.profile, self.state, self.visit.manner)
        self.visit.selector.add(self)
        self.visit.guests.append(self)
        self.visit.note(self, NOTE, "connected")
        if hasattr(self.decoder, "opening"):
            self.write(self.decoder.opening(self.visit.address), "the opening", own=True)
            self.visit.read_until(lambda: self.replies or self.lines or self.closed)
        return self

    def read(self):
        """Called by the selector."""
        try:
            data = self.socket.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        acknowledge_at_once(self.socket)
        for message in self.decoder.feed(data):
            self._take(message)
        for message in self.reader.read_unended(self.decoder.unfinished):
            self.decoder.unfinished = b""
            self._take(message)
        if not data:
            self.closed = True
            self.visit.selector.remove(self)
            self.visit.note(self, NOTE, "closed by the server")
        elif len(self.raw) > MOST_MESSAGES:
            self.is_flooded = True
            self.visit.selector.remove(self)
            self.visit.note(self, NOTE, FLOODED)

    def _take(self, message):
        self.raw.append(message)
        beat = self.visit.codec.heartbeat(message) if hasattr(self.visit.codec, "heartbeat") else None
        if beat is not None:
            self.say(beat, own=True)
            return
        found = []
        for one in [] if self.visit.is_about_the_gone(message) else self.reader.read(message):
            if self.state.received(one):
                self.replies += 1
            else:
                found.append(one)
        self.lines.extend(found)
        self.visit.note(self, RECEIVED if found else OWN_RECEIVED, in_short(message, self.visit.codec))

    def say(self, message, own=False):
        """Send one message."""
        shown = message if isinstance(message, str) else str(message)
        self.write(self.visit.codec.encode(message, self.name), shown, own)

    def write(self, data, shown=None, own=False):
        """Send bytes, in one segment."""
        if self.visit.profile.pause:
            self.let_read()
        self.state.sent(data, own)
        self.visit.note(self, OWN_SENT if own else SENT, shown or data.decode("utf-8", "backslashreplace"))
        with contextlib.suppress(OSError):  # the server has closed: that is seen on reading
            self.socket.sendall(data)

    def let_read(self):
        """Wait until the server has read what was written, so that it gets it in a read of its own."""
        if self.socket and not self.closed:
            wait_until_read(self.socket, ANSWER_SECONDS, PAUSE_SECONDS)

    def hear(self, seconds=ANSWER_SECONDS):
        """The next line; None if there is none."""
        self.visit.read_until(lambda: self.lines or self.closed, seconds)
        return self.lines.pop(0) if self.lines else None

    def hear_all(self, seconds=QUIET_SECONDS):
        """All lines until none has come for `seconds`; if they never end, those of one or two seconds."""
        count, end = -1, time.monotonic() + (seconds + ANSWER_SECONDS) * self.visit.time_scale
        while count != len(self.raw) and not self.closed and time.monotonic() < end:
            count = len(self.raw)
            self.visit.selector.read_until(
                lambda: len(self.raw) > count or self.closed, time.monotonic() + seconds)  # noqa: B023
        found, self.lines = self.lines, []
        return found

    def half_close(self):
        self.visit.note(self, NOTE, "half-closes")
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def leave(self, how="fin"):
        """Close the connection: after a good-bye, if the protocol has one, or with a reset (rst)."""
        if self.socket is None:
            return
        if how == "fin" and self.state.name and hasattr(self.visit.codec, "goodbyes"):
            for goodbye in self.visit.codec.goodbyes():
                if not self.closed:
                    self.write(goodbye, "a good-bye", own=True)
                    self.visit.read_until(lambda: self.closed, QUIET_SECONDS)
        if not (self.closed or self.is_flooded):
            self.visit.selector.remove(self)
        if how == "rst":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            forget_what_came(self.socket)
        self.socket.close()
        self.socket = None
        self.visit.guests.remove(self)
        self.visit.note(self, NOTE, "disconnects (%s)" % how)


class Visit:
    """The profiling of the server at one address. `profile` grows with each experiment."""

    def __init__(self, codec, address, is_reply=None, manner=None, time_scale=1.0):
        self.codec = codec
        self.is_reply = is_reply
        self.manner = manner
        self.time_scale = time_scale
        self.address = address
        self.profile = profiles.Profile()
        self.selector = Selector()
        self.guests = []
        self.findings = {}
        self._names = set()  # in small letters
        self._waits = []  # seconds for each answer that has come
        self.gone = set()  # the names of guests of earlier experiments
        self.one_at_a_time = False  # does the server serve nobody else while a client has not logged in?
        self.transcript = Transcript(time.monotonic)

    def note(self, guest, direction, text):
        """Add a line to the transcript, but none of the suite's own traffic."""
        if direction not in (OWN_SENT, OWN_RECEIVED):
            self.transcript.add(guest.ident, direction, text)

    def newcomer(self, ident):
        """A guest that is connected, but not logged in."""
        return Guest(self, ident, self.free_name()).connect()

    def free_name(self):
        """A name that nobody has."""
        name = in_case(random_name(), self.profile.names_case)
        self._names.add(name.lower())
        return name

    def read_until(self, satisfied, seconds=ANSWER_SECONDS):
        """Read until `satisfied()` is true; returns False if it is not in time. The time scale multiplies that time."""
        if satisfied():
            return True
        start = time.monotonic()
        came = self.selector.read_until(satisfied, start + seconds * self.time_scale)
        if came and seconds <= _MOST_ANSWER_SECONDS:
            self._waits.append(time.monotonic() - start)
        return came

    def listen(self, seconds):
        """Read for this number of seconds."""
        self.selector.read_until(lambda: False, time.monotonic() + seconds)

    def learn(self, **known):
        """Add this to the profile; tuples are appended to the present ones."""
        for key, value in known.items():
            old = getattr(self.profile, key)
            if isinstance(old, tuple):
                known[key] = old + tuple(one for one in value if one not in old)
        self.profile = self.profile._replace(**known)
        for guest in self.guests:
            guest.reader.profile = self.profile

    def find(self, ident, fits, wanted="", got="", hinders=False):
        """Record the result for a requirement; a failure overrides a success. Returns `fits`."""
        old = self.findings.get(ident)
        if not fits and (old is None or old.verdict != "fail"):
            note = "wanted %s, got %s" % (wanted or "(nothing)", _in_words(got))
            self.findings[ident] = profiles.Finding(ident, "fail", note, self._evidence(), hinders)
        elif fits and old is None:
            self.findings[ident] = profiles.Finding(ident, "pass")
        return fits

    def has_failed(self, ident):
        """Whether an experiment has found the requirement broken."""
        return ident in self.findings and self.findings[ident].verdict == "fail"

    def not_reached(self, ident, because):
        if ident not in self.findings:
            self.findings[ident] = profiles.Finding(ident, "not reached", "not reached: %s failed" % because)

    def _evidence(self):
        actors = list(dict.fromkeys(line.actor for line in self.transcript.lines))
        return self.transcript.render(actors)

    def start_transcript(self):
        """Begin a new transcript; from now on messages about guests that have left are ignored."""
        self.transcript = Transcript(time.monotonic)
        self.gone.update(self._names - {guest.name.lower() for guest in self.guests})

    def is_about_the_gone(self, message):
        """Whether a message is only about guests that have left."""
        if not all(map(_OWN_NAME.fullmatch, self.codec.names_in(message))):
            return False
        named = _OWN_NAME.findall(str(message))
        return bool(named) and not any(name.lower() in self._names - self.gone for name in named)

    @contextlib.contextmanager
    def experiment(self):
        """Begin a new transcript; at the end of the block all guests leave."""
        self.start_transcript()
        try:
            yield
        finally:
            for guest in list(self.guests):
                guest.leave()
            self.listen(PAUSE_SECONDS)  # in which the server notices

    def close(self):
        for guest in list(self.guests):
            guest.leave()
        self.selector.close()

    def result(self):
        waits = self._waits or [0.0]
        return self.profile._replace(findings=tuple(self.findings.values()), slowest_seconds=max(waits),
                                     slow_share=sum(one > _SLOW_SECONDS for one in waits) / len(waits))


def _in_words(got):
    if isinstance(got, (list, tuple)) and not isinstance(got, Message):
        got = " / ".join(str(one) or "(a blank line)" for one in got)
    return visible(str(got)) if got else "(nothing)"


def acquaint(codec, address, probes, time_scale=1.0, show=lambda text: None):
    """The `Profile` of the server at (host, port), by the experiments of a module of `conformance.probes`.

    time_scale: a factor for the timeouts of answers. show(text) is called with the progress. Raises Refused if no
    client can log in, and OSError if there is no connection.
    """
    visit = Visit(codec, address, probes.is_reply, probes.Manner, time_scale)
    try:
        for number, experiment in enumerate(probes.EXPERIMENTS):
            show("getting acquainted with the %s server, experiment %d of %d" % (
                codec.NAME, number + 1, len(probes.EXPERIMENTS)))
            with visit.experiment():
                try:
                    experiment(visit)
                except (Refused, OSError):
                    if number < _FIRST:
                        raise  # nobody has been let in yet
        return visit.result()
    finally:
        visit.close()
