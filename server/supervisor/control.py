"""The control socket, through which the operator talks to a running server: a line of JSON there, one back.

A request is {"request": name, argument: value, ...} with exactly the arguments of its form (FORMS), and is looked at in
full before anything is done. The answer is an object; {"error": text} if it was not a request, or could not be done.
"""
import errno
import json
import logging
import os
import selectors
import socket
import stat
import struct
import time

from parley.server.chat.names import canonical_name
from parley.server.storage.directory import CannotUse
from parley.server.supervisor.hashing import parts
from parley.server.supervisor.hub import Torn

LONGEST_REQUEST = 4096  # bytes
MOST_CALLERS = 8  # at once
LONGEST_CALL = 30.0  # seconds, from the connection until the answer is taken
_PEER = struct.Struct("3i")  # what SO_PEERCRED gives: pid, uid, gid

log = logging.getLogger(__name__)


def _is_name(value):
    try:
        return isinstance(value, str) and canonical_name(value.encode()).decode() == value
    except ValueError:  # InvalidName and UnicodeEncodeError are
        return False


def _is_secret(value):
    try:
        return isinstance(value, str) and bool(parts(value))
    except ValueError:  # Unverifiable is
        return False


def _is_text(value):
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_id(value):
    return type(value) is int and 0 <= value < 1 << 63


# Request -> argument -> is a value fit? Accounts may have names that could not be given today.
FORMS = {
    "status": {},
    "passwd": {"name": _is_name, "secret": _is_secret},
    "accounts": {"after": _is_text},
    "box": {"name": _is_text, "after": _is_id},
    "empty": {"name": _is_text},
    "delete": {"name": _is_text},
}


class NoServer(ConnectionError):
    """Nobody answers; the text says why."""


class Control:
    """Listens at `path`, which only this user can reach, and answers with what `requests` give. CannotUse if it cannot.

    requests: {name: function}. The function is called with the arguments behind `reply`, which it calls with the
        answer, now or later.
    clock: monotonic seconds.
    """

    def __init__(self, path, requests, selector, clock=time.monotonic):
        self._path = path
        self._requests = requests
        self._selector = selector
        self._clock = clock
        self._callers = []  # the oldest first
        self._sock = _listening(path)
        self._file = os.lstat(path).st_ino
        selector.register(self._sock, selectors.EVENT_READ, self)

    def on_ready(self):
        """Somebody calls."""
        try:
            sock, _ = self._sock.accept()
        except OSError:
            return
        sock.setblocking(False)
        caller = _Caller(sock, self, self._selector, self._clock() + LONGEST_CALL)
        self._callers.append(caller)
        if len(self._callers) > MOST_CALLERS:
            silent = [other for other in self._callers if not other.has_asked]
            silent[0].reply({"error": "too many ask at the same time"})  # it may be this one

    def look_at_clock(self):
        """Whose time is over is hung up on."""
        while self._callers and self._clock() >= self._callers[0].until:
            self._callers[0].give_up()

    def heed(self, line, reply):
        """Do what is asked."""
        try:
            request, arguments = _understood(line)
        except ValueError as error:
            reply({"error": str(error)})
            return
        try:
            self._requests[request](reply, **arguments)
        except Torn:
            raise
        except Exception:
            log.exception("a bug: an operator's request fails", {"request": request})
            reply({"error": "the server made a mistake, which is in its log"})

    def forget(self, caller):
        """It has hung up, or has been hung up on."""
        self._callers.remove(caller)

    def close(self):
        """Nobody can call any more."""
        self.let_go()
        try:
            if os.lstat(self._path).st_ino == self._file:
                os.unlink(self._path)
        except FileNotFoundError:
            pass

    def let_go(self):
        """This process does not answer."""
        self._sock.close()
        for caller in self._callers:
            caller.sock.close()


class _Caller:
    """Somebody who asks one thing. until: when that must be over."""

    def __init__(self, sock, control, selector, until):
        self.sock = sock
        self.until = until
        self.has_asked = False
        self._control = control
        self._selector = selector
        self._request = b""
        self._answer = None  # what is still to be sent of it
        self._awaits = 0
        self._await(selectors.EVENT_READ)

    def on_ready(self):
        """The selector found the socket ready."""
        if self._answer is None:
            self._read()
        else:
            self._send()

    def _read(self):
        try:
            piece = self.sock.recv(LONGEST_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self._request += piece
        line, end, _ = self._request.partition(b"\n")
        if len(line) >= LONGEST_REQUEST:
            self.reply({"error": "a request is a line of less than %d bytes" % LONGEST_REQUEST})
        elif end:
            self.has_asked = True
            self._await(0)
            self._control.heed(line, self.reply)
        elif not piece:
            self._hang_up()

    def reply(self, answer):
        """Answer, once; what is told later, or to somebody who is gone, is not heard."""
        if self._answer is not None or self.sock is None:
            return
        self.has_asked = True
        try:
            self._answer = json.dumps(answer).encode() + b"\n"
        except (TypeError, ValueError):
            log.exception("a bug: an operator's request is answered with what JSON has no words for")
            self._answer = b'{"error": "the server made a mistake, which is in its log"}\n'
        self._send()

    def _send(self):
        try:
            self._answer = self._answer[self.sock.send(self._answer):]
        except BlockingIOError:
            pass
        except OSError:
            self._answer = b""
        if self._answer:
            self._await(selectors.EVENT_WRITE)
        else:
            self._hang_up()

    def give_up(self):
        """It has taken too long: to ask, to be answered, or to take the answer."""
        self.reply({"error": "this took longer than %d s" % LONGEST_CALL})
        if self.sock is not None:
            self._hang_up()

    def _hang_up(self):
        self._await(0)
        self.sock.close()
        self.sock = None
        self._control.forget(self)

    def _await(self, mask):
        """Be watched by the selector for this, or not at all."""
        if self._awaits:
            self._selector.unregister(self.sock)
        if mask:
            self._selector.register(self.sock, mask, self)
        self._awaits = mask


def _understood(line):
    """The request and its arguments; ValueError, whose text says what is wrong, if the line is none of FORMS."""
    try:
        asked = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise ValueError("not a line of JSON") from None
    request = asked.pop("request", None) if isinstance(asked, dict) else None
    if not isinstance(request, str) or request not in FORMS:
        raise ValueError("not a request that this server knows; it knows: " + ", ".join(sorted(FORMS)))
    form = FORMS[request]
    if set(asked) != set(form):
        raise ValueError("the arguments of %s are: %s" % (request, ", ".join(sorted(form)) or "none"))
    for argument, is_fit in form.items():
        if not is_fit(asked[argument]):
            raise ValueError("the %s cannot be used" % argument)
    return request, asked


def _listening(path):
    """A socket that listens there, for this user alone."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_way(path)
        mask = os.umask(0o177)
        try:
            sock.bind(path)
        finally:
            os.umask(mask)
        sock.listen(MOST_CALLERS)
    except OSError as error:
        sock.close()
        raise CannotUse("%s: no socket can be made there: %s; name another path with --socket"
                        % (path, error.strerror or error), error.errno) from None
    except CannotUse:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _make_way(path):
    """Remove the socket of a server that was killed, and nothing else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EEXIST
        raise OSError(number, os.strerror(number))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)  # its backlog may be full
        if sock.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT):
            raise CannotUse("%s: another server answers there; name another path with --socket" % path, errno.EAGAIN)
    os.unlink(path)


def ask(path, request, **arguments):
    """What the server that listens at `path` answers. NoServer if there is none, CannotUse if it is not this user's."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(10)
            _connect(sock, path)
            sock.sendall(json.dumps(dict(arguments, request=request)).encode() + b"\n")
            with sock.makefile("rb") as answer:
                return json.loads(answer.read().decode())
    except OSError as error:
        raise NoServer(error.strerror or str(error)) from None
    except ValueError:
        raise NoServer("it hung up without an answer") from None


def _connect(sock, path):
    """Only to a server of this user's: somebody else's is told nothing."""
    seen = os.lstat(path)
    _check_owner(path, seen.st_uid)
    if not stat.S_ISSOCK(seen.st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    sock.connect(path)
    if hasattr(socket, "SO_PEERCRED"):  # another may have taken the place of the one that was seen
        _check_owner(path, _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1])


def _check_owner(path, uid):
    if uid != os.geteuid():
        raise CannotUse("%s: belongs to another user (uid %d), who was told nothing; run this as that user"
                        % (path, uid), errno.EPERM)
