"""A client's connection: bytes to commands, output to the kernel, and a close that lets the last output arrive."""
import binascii
import logging
import os
import select
import socket
import struct
import sys

from parley.server.chat.origins import as_people_write_it
from parley.server.chat.session import Session
from parley.server.chat.session.states import GONE, HANGUP, RESET, WAITING
from parley.server.protocols.events import Hangup, Nothing, Reason
from parley.server.worker.outbox import MOST_SENT, Outbox
from parley.server.worker.paced import Pace
from parley.server.worker.throttle import KIB_SHIFT
from parley.server.worker.watching import READ, WRITE, watch

_CHUNK = 4096  # bytes of one read: at worst, what they ask for must not keep the others waiting
_SLICE = 64  # commands handled in one turn
_TOKEN = 16  # random bytes
_READING, _PAUSED, _ENDED = "reading", "paused", "ended"
_ORIGIN = struct.Struct("<dHB")  # monotonic seconds, port, family of the address or 0; behind it the address
_LAST_TURNS = 16  # turns that a client which is gone still gets at once when somebody else wants its name
# What poll is asked for; it reports _GONE in any case. PyPy has no name for it, but passes it on.
_HUNG_UP = getattr(select, "POLLRDHUP", 0x2000 if sys.platform == "linux" else 0)
_GONE = select.POLLERR | select.POLLHUP  # a reset, or the end of both directions

log = logging.getLogger(__name__)


class Connection:
    """One client of this worker: it has a transport, and a session, whose `client` it is.

    In audiences, lookups and the replica this object stands for the client, too.

    number: of the session in its worker, never given twice.
    state, name: of the session, which sets them.
    audience: the `Audience` that it is in: clients that get the same encoding.
    decoder: of its protocol.
    transport: see `server.worker.transports`; None once closed.
    session: see `server.chat.session`.
    pace: a `server.worker.paced.Pace` for a client that takes one recv for one frame, else None.
    outbox: the unsent output; None while the kernel takes everything.
    heard_at: when the client last sent anything, monotonic seconds.
    paid_until: until when its messages have used up its rate, monotonic seconds (see `server.worker.throttle`).
    """

    __slots__ = (
        "number", "state", "name", "audience", "transport", "session", "pace", "outbox", "heard_at", "paid_until",
        "decoder", "_worker", "_origin", "_reading", "_later", "_undecoded")

    def __init__(self, number, transport, worker, audience, decoder):
        self.number = number
        self.audience = audience
        self.transport = transport
        self.pace = None if audience.traits.coalesces else Pace()
        self.outbox = None
        self.heard_at = worker.now
        self.paid_until = 0.0
        self._worker = worker
        self.decoder = decoder
        self._origin = _origin(transport, worker.now)
        self._reading = _READING  # or _PAUSED, as something is in the way (`_may_read`); or the client has _ENDED
        self._later = ()  # commands that wait for an answer, for another turn, or for the rate
        self._undecoded = b""  # what was read, but is to be decoded in another turn
        self.session = Session(self)
        self._watch()

    @property
    def hub(self):
        """Where the session's questions and talk go."""
        return self._worker.uplink

    @property
    def files(self):
        """Where files are kept, or None."""
        return self._worker.files

    @property
    def rooms(self):
        """The rooms that have members on this worker."""
        return self._worker.rooms

    # ---- reading

    def on_ready(self, mask):
        """The selector found the socket ready; or it is its turn to send more (WRITE), or to handle more."""
        if mask == WRITE:
            if self._worker.puts_off(self):
                self._watch()
            else:
                self._flush()
        elif self._later or self._undecoded:
            self._go_through_backlog()
        elif mask & READ and self.transport is not None:
            self._read()

    def _read(self):
        if self.state is WAITING:
            self.pause()
            return
        try:
            data = self.transport.recv(_CHUNK)
        except BlockingIOError:
            data = None
        except OSError:
            self._lose()
            return
        if self.transport.unsaid:
            self._watch()
        if data is None:
            return
        if not data:
            self._reading = _ENDED
            self._watch()
            self.hear([Hangup()])
            self.finish()
        else:
            if self.state is not GONE:
                self._take(data)
            if len(data) >= _CHUNK:
                self._worker.postpone(self, READ)  # there may be more

    def _take(self, data):
        """Bytes have come. What is more than one turn's worth waits: with TLS, or if reading them takes long."""
        worker = self._worker
        self.heard_at = worker.now
        if len(data) >= 1 << KIB_SHIFT:
            if len(data) > _CHUNK:
                data, self._undecoded = data[:_CHUNK], data[_CHUNK:]
            worker.throttle.charge(self, len(data) >> KIB_SHIFT, worker.now)
        commands = self.decoder.feed(data)
        if commands:
            self.heed_form()
            if type(commands[-1]) is not Nothing or not self.decoder.unfinished or any(
                    type(command) is not Nothing for command in commands):
                worker.deadlines.completed(self)  # a whole command has come
            self.hear(commands)
        if self.decoder.rest:
            self._put_off_the_rest()
        if self.decoder.unfinished and self._reading is not _PAUSED and self.state is not GONE:
            worker.began(self)

    def _put_off_the_rest(self):
        """Read in another turn what the decoder has left, and charge for it then."""
        worker = self._worker
        rest, self.decoder.rest = self.decoder.rest, b""
        self._undecoded = rest + self._undecoded
        worker.throttle.charge(self, -(len(rest) >> KIB_SHIFT), worker.now)
        worker.postpone(self)

    def heed_form(self):
        """Answer the client in the form in which it writes now."""
        audience = self.audience
        if self.decoder.form != audience.form:
            audience.move(self, self._worker.audiences[audience.protocol, self.decoder.form, audience.home])

    def begin_with(self, data):
        """These bytes came together with what preceded the connection, such as a handshake."""
        self._take(data)

    def hear(self, commands):
        """Handle commands: at once, or, within its rate, some in each turn, so that other clients need not wait."""
        worker = self._worker
        if not self._later and len(commands) <= _SLICE and worker.admits(self, len(commands)):
            self._handle(commands)
        else:
            self._later = [*self._later, *commands]
            worker.postpone(self)

    def _handle(self, commands):
        """Handle commands that have been charged for. A bug in a handler costs this one connection."""
        try:
            waiting = self.session.hear(commands)
        except Exception:
            self.crash()
            return
        if waiting:  # for an answer; they are charged for when their turn comes
            self._later = [*waiting, *self._later]
            self._worker.charge(self, -len(waiting))

    def hear_first(self, command):
        """Handle this command before the backlog."""
        self._later = [command, *self._later]

    def catch_up(self):
        """A question has been answered: handle the commands after it in this connection's next turn."""
        if self._later or self._undecoded:
            self._worker.postpone(self)
        else:
            self.resume()

    def _go_through_backlog(self):
        """One turn: handle some of the backlog, or the next bytes."""
        worker = self._worker
        if self.state is WAITING or worker.throttle.holds(self):
            self.pause()
        elif self._later:
            allowed = worker.allow(self, min(_SLICE, len(self._later)))
            if allowed:
                commands, self._later = self._later[:allowed], self._later[allowed:] or ()
                self._handle(commands)
            self.catch_up()
        else:
            data, self._undecoded = self._undecoded, b""
            self._take(data)
            self.catch_up()

    def address(self):
        """(host, port) of the client; an IPv4 address stays one if it came in through an IPv6 socket."""
        _, port, family = _ORIGIN.unpack_from(self._origin)
        host = self._origin[_ORIGIN.size:]
        return as_people_write_it(socket.inet_ntop(family, host) if family else host.decode()), port

    @staticmethod
    def new_token():
        """A text that nobody can guess, to resume a session or as a nonce."""
        return binascii.hexlify(os.urandom(_TOKEN))

    def ages(self):
        """How many whole seconds ago it connected, and last said anything."""
        now = self._worker.now
        return int(now - self._came_at()), int(now - self.session.said_at)

    def _came_at(self):
        return _ORIGIN.unpack_from(self._origin)[0]

    @property
    def is_behind(self):
        """Has the kernel not taken all output?"""
        return (self.outbox is not None or self.audience.holds(self)
                or self.pace is not None and self.pace.kept is not None)

    @property
    def unfinished(self):
        """How many bytes of an incomplete command have come?"""
        return self.decoder.unfinished

    @property
    def is_typed(self):
        """Are its commands typed by hand?"""
        return self.audience.traits.typed

    def heed(self, answer, *arguments):
        """Call a method of the session, for the hub. A bug in it costs this connection only."""
        try:
            getattr(self.session, answer)(*arguments)
        except Exception:
            self.crash()

    def answered(self):
        """The session's question has been answered."""
        self.heard_at = self._worker.now  # from here on the client counts as silent
        self._worker.lookups.answered(self)

    def refused(self, reason):
        """A command of the client was refused."""
        self._worker.stats.refusals[reason] += 1
        if log.isEnabledFor(logging.DEBUG):
            log.debug("command refused", dict(self.described(), reason=reason))

    def leave(self, *why):
        """End the session, and this connection with it: see `Session.leave`."""
        self.session.leave(*why)

    def crash(self):
        """Called in an exception handler: log what happened, and end this connection only."""
        described = self.described()
        self._worker.strangers.log_bug(
            self._worker.now, "a bug: the connection is closed", described, host=described["host"])
        if self.state is GONE:  # it was in its end
            self.close()
        else:
            self.leave(Reason.BUG)

    def pause(self):
        """Read nothing until `resume`."""
        if self._reading is _READING:
            self._reading = _PAUSED
        self._worker.deadlines.completed(self)  # a client that is not read cannot be late
        self._watch()

    def notice_reset(self):
        """Close it if it was reset while it was not being read. After an orderly end its commands are still handled."""
        if self.transport is not None and self._hung_up() & _GONE:
            self._lose()

    def leave_if_gone(self):
        """Somebody wants the client's name: if the client has closed, handle its last commands, and leave."""
        if self.transport is not None and self._hung_up():
            for _ in range(_LAST_TURNS):
                if self.state is GONE or self.state is WAITING:
                    break
                self.on_ready(READ)
        if self.transport is None or self._hung_up():
            self.leave()

    def _hung_up(self):
        """Does poll say that the client sends nothing more, whatever is still unread?"""
        poll = select.poll()
        poll.register(self.transport, _HUNG_UP)
        return sum(events for _, events in poll.poll(0))

    def resume(self):
        """Read again, if nothing else prevents it."""
        worker = self._worker
        if self._reading is _PAUSED and self._may_read():
            self._reading = _READING
            self.heard_at = worker.now
            if self.decoder.unfinished:
                worker.began(self)
            self._watch()

    def _may_read(self):
        """May it be read: no open question, no backlog, rate not used up?"""
        return not (self.state is WAITING or self._later or self._undecoded
                    or self._worker.throttle.holds(self) or self._worker.stopping)

    def charge(self, cost):
        """Charge the client for the work that a command caused, as much as for `cost` messages."""
        if cost:
            self._worker.throttle.charge(self, cost, self._worker.now)

    # ---- writing

    def send(self, pieces, in_turn=False):
        """Send bytes-like pieces: now, as far as the kernel takes them and they are not too long; the rest in turns.

        With a pace each of them has a turn of its own.
        """
        if self.transport is None or not pieces:
            return
        if self.pace is not None and not in_turn:
            if self.pace.send(self, pieces):
                self._worker.turns.wait(self)
            return
        if self.outbox is None:
            try:
                if len(pieces) == 1:
                    size = len(pieces[0])
                    sent = self.transport.send(pieces[0]) if size <= MOST_SENT else 0
                else:
                    size = sum(map(len, pieces))
                    sent = self.transport.write(pieces) if size <= MOST_SENT else 0
            except BlockingIOError:
                sent = 0
            except OSError:
                self._lose()
                return
            if sent == size:
                return
            self.outbox = Outbox()
            for piece in pieces:
                if sent < len(piece):
                    self.outbox.append(memoryview(piece)[sent:] if sent else piece)
                sent = max(0, sent - len(piece))
            if size > MOST_SENT:
                self._worker.postpone(self, WRITE)
                return  # whether it is behind shows when the kernel does not take it
            self._watch()
        else:
            for piece in pieces:
                self.outbox.append(piece)
        # For its last output it has LINGER seconds anyway; else being too far behind ends it.
        if self.state is not GONE and self._worker.deadlines.behind(self, self._worker.now):
            self._worker.overfull.append(self)

    def _flush(self):
        if self.transport is None:
            return
        try:
            if self.outbox is None:
                self.transport.speak()
                self._watch()
                return
            sent = self.outbox.send(self.transport)
            if sent:
                self._worker.deadlines.took_some(self, sent, self._worker.now)
        except OSError:
            self._lose()
            return
        if not self.outbox.size:
            self.outbox = None
            self._worker.deadlines.caught_up(self)
            self._watch()
            self.finish()
        elif sent >= MOST_SENT:
            self._worker.postpone(self, WRITE)  # the kernel may take more, also where it does not say so
        else:
            self._watch()
            if self.state is not GONE and self._worker.deadlines.behind(self, self._worker.now):
                self._worker.overfull.append(self)

    def described(self):
        """Who it is, for the log."""
        host, port = self.address()
        name = self.name
        return {"protocol": self.audience.protocol, "host": host, "port": port, "name": name and name.decode()}

    # ---- the end

    def give_up(self, reason):
        """The client has taken too long. Drop its output, except for the rest of a message that is partly sent."""
        if self.state is GONE:
            return
        if self.outbox:
            if self.pace is not None:
                self.pace.kept = None  # these frames would follow the dropped ones
            self.outbox.keep_first(self.transport.begun)  # bytes that TLS has encrypted already
        self.leave(reason)

    def part(self, reason):
        """Send the rest of the output, then end the connection."""
        self._later = ()
        level = self._level(reason)
        if log.isEnabledFor(level):
            seconds = self._worker.now - self._came_at()
            log.log(level, "connection ended", dict(self.described(), seconds=round(seconds, 3), reason=reason))
        self._worker.admission.parted(self, reason)
        self._worker.rooms.leave_all(self)
        if self._reading is _PAUSED:
            self._reading = _READING  # further input is read and dropped, until the client closes too
        self._watch()
        self.finish()

    def _level(self, reason):
        """The log level of its end."""
        if self.name is not None:
            return logging.INFO
        if reason in (HANGUP, RESET):  # it may be a health check, or somebody who looks for open ports
            return logging.DEBUG
        return self._worker.strangers.level("connection ended", self.address()[0], self._worker.now)

    def finish(self):
        """All is sent: shut down the sending side, and close when the client has closed too.

        Closing at once would make the kernel answer unread bytes with a reset, which can destroy our last output on
        its way.
        """
        if self.state is not GONE or self.outbox or self.transport is None:
            return
        if self.pace is not None and self.pace.kept is not None:
            return
        if self._reading is _ENDED:
            self.close()
        else:
            try:
                self.transport.shutdown(socket.SHUT_WR)
            except OSError:
                self.close()

    def _lose(self):
        """The kernel reports that the connection is lost: have the session ended at the end of the tick."""
        self.close()
        self._worker.lost.append(self)

    def close(self):
        """Close the socket, whatever is still unsent."""
        if self.transport is None:
            return
        self._reading = _ENDED
        self.outbox = None
        if self.pace is not None:
            self.pace.kept = None
        self._watch()
        self.transport.close()
        self.transport = None
        self._worker.admission.closed(self)

    def _watch(self):
        """Tell the selector what this connection waits for."""
        if self.transport is None:
            return
        may_be_told = (self.outbox or self.transport.unsaid) and not self._worker.is_resting(self)
        mask = (READ if self._reading is _READING else 0) | (WRITE if may_be_told else 0)
        watch(self._worker.selector, self.transport, self, mask)


def _origin(transport, now):
    """The time and the address of a new client, packed to save memory; after a reset the kernel has no address."""
    try:
        host, port = transport.getpeername()[:2]
    except OSError:
        host, port = "", 0  # it is gone already
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _ORIGIN.pack(now, port, family) + socket.inet_pton(family, host)
    except OSError:  # it names its network, too
        return _ORIGIN.pack(now, port, 0) + host.encode()
