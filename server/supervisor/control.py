"""The control socket, through which operators talk to a running server: a line of JSON each way.

A request is {"request": name, argument: value, ...} with exactly the arguments that FORMS lists for it. It is checked
in full before anything is done. The answer is an object: {"error": text} if the request was malformed, or if it failed.
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

from parley.server.chat.names import canonical_name, canonical_room
from parley.server.chat.operators import ACTS
from parley.server.storage.directory import CannotUse
from parley.server.supervisor.hub import Torn
from parley.server.supervisor.passwords import parse_secret

LONGEST_REQUEST = 4096  # bytes
MOST_CALLERS = 8  # at the same time
LONGEST_CALL = 30.0  # seconds, from the connection until the answer has been sent
LONGEST_COPY = 6 * 3600.0  # the same for a request that waits for a copy of everything that is stored
LONG = frozenset(["backup", "refill"])
_PEER = struct.Struct("3i")  # what SO_PEERCRED gives: pid, uid, gid

log = logging.getLogger(__name__)


def _is_name(value):
    try:
        return isinstance(value, str) and canonical_name(value.encode()).decode() == value
    except ValueError:  # InvalidName and UnicodeEncodeError are
        return False


def _is_secret(value):
    try:
        return isinstance(value, str) and bool(parse_secret(value))
    except ValueError:  # Unverifiable is
        return False


def _is_text(value):
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_id(value):
    return type(value) is int and 0 <= value < 1 << 63


def _is_room(value):
    try:
        return isinstance(value, str) and canonical_room(value.encode()).decode() == value
    except ValueError:
        return False


def _is_act(value):
    return isinstance(value, str) and value in ACTS


def _is_path(value):
    return _is_text(value) and os.path.isabs(value) and "\0" not in value


# Request -> argument -> a function: is this value valid? Existing accounts may have names that new ones cannot have.
FORMS = {
    "status": {},
    "passwd": {"name": _is_name, "secret": _is_secret},
    "accounts": {"after": _is_text},
    "box": {"name": _is_text, "after": _is_id},
    "empty": {"name": _is_text},
    "delete": {"name": _is_text},
    "who": {"after": _is_text},
    "rooms": {"after": _is_text},
    "manage": {"room": _is_room, "act": _is_act, "about": _is_text, "text": _is_text},
    "log": {"after": _is_id},
    "say": {"text": _is_text},
    "backup": {"file": _is_path},
    "refill": {},
}


class NoServer(ConnectionError):
    """No server answers; the text says why."""


class Control:
    """Listens at `path`, for this user alone, and answers requests; CannotUse if there can be no socket.

    requests: {name: function}. A function gets `reply` and the request's arguments by name, and calls reply(answer) now
        or later.
    selector: watches the sockets; the loop that uses it calls `on_ready` of the objects registered there.
    clock: monotonic seconds.
    """

    def __init__(self, path, requests, selector, clock=time.monotonic):
        self._path = path
        self._requests = requests
        self._selector = selector
        self._clock = clock
        self._callers = []  # the oldest first
        self._sock = _listen(path)
        self._file = os.lstat(path).st_ino
        selector.register(self._sock, selectors.EVENT_READ, self)

    def on_ready(self):
        """Accept a connection."""
        try:
            sock, _ = self._sock.accept()
        except OSError:
            return
        sock.setblocking(False)
        caller = _Caller(sock, self, self._selector, self._clock())
        self._callers.append(caller)
        if len(self._callers) > MOST_CALLERS:
            silent = [other for other in self._callers if not other.has_asked]
            silent[0].reply({"error": "too many requests at the same time"})  # perhaps the one that has just come

    def close_expired(self):
        """Close the connections that have lasted for too long."""
        if self._callers:
            now = self._clock()
            for caller in [caller for caller in self._callers if now >= caller.since + caller.longest]:
                caller.time_out()

    def handle(self, line, caller):
        """Do what the request in `line` (bytes) asks, and have the caller's `reply` called with the answer."""
        reply = caller.reply
        try:
            request, arguments = _parse_request(line)
        except ValueError as error:
            reply({"error": str(error)})
            return
        if request in LONG:
            caller.longest = LONGEST_COPY
        try:
            self._requests[request](reply, **arguments)
        except Torn:
            raise
        except Exception:
            log.exception("a bug: an operator's request failed", {"request": request})
            reply({"error": "a bug in the server; its log has the traceback"})

    def forget(self, caller):
        """The connection is closed."""
        self._callers.remove(caller)

    def close(self):
        """Stop listening, and remove the socket's file."""
        self.let_go()
        try:
            if os.lstat(self._path).st_ino == self._file:
                os.unlink(self._path)
        except FileNotFoundError:
            pass

    def let_go(self):
        """Close this process's copies of the sockets, in a child; the parent goes on answering."""
        self._sock.close()
        for caller in self._callers:
            caller.sock.close()


class _Caller:
    """A connection for one request and its answer. since: when it began, monotonic; longest: for how many seconds."""

    def __init__(self, sock, control, selector, since):
        self.sock = sock
        self.since = since
        self.longest = LONGEST_CALL
        self.has_asked = False
        self._control = control
        self._selector = selector
        self._request = b""
        self._answer = None  # the bytes that are still to be sent
        self._watched = 0
        self._watch(selectors.EVENT_READ)

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
            self._watch(0)
            self._control.handle(line, self)
        elif not piece:
            self._hang_up()

    def reply(self, answer):
        """Send this answer, a dictionary; ignored if there was one already, or if the caller is gone."""
        if self._answer is not None or self.sock is None:
            return
        self.has_asked = True
        try:
            self._answer = json.dumps(answer).encode() + b"\n"
        except (TypeError, ValueError):
            log.exception("a bug: the answer to an operator's request cannot be written as JSON")
            self._answer = b'{"error": "a bug in the server; its log has the traceback"}\n'
        self._send()

    def _send(self):
        try:
            self._answer = self._answer[self.sock.send(self._answer):]
        except BlockingIOError:
            pass
        except OSError:
            self._answer = b""
        if self._answer:
            self._watch(selectors.EVENT_WRITE)
        else:
            self._hang_up()

    def time_out(self):
        """Close the connection, whatever it waits for: the request, the answer, or the caller to read it."""
        self.reply({"error": "this took longer than %d s" % self.longest})
        if self.sock is not None:
            self._hang_up()

    def _hang_up(self):
        self._watch(0)
        self.sock.close()
        self.sock = None
        self._control.forget(self)

    def _watch(self, mask):
        """Have the selector watch the socket for these events; 0 for none."""
        if self._watched:
            self._selector.unregister(self.sock)
        if mask:
            self._selector.register(self.sock, mask, self)
        self._watched = mask


def _parse_request(line):
    """(name, {argument: value}) of the request in a line; ValueError, whose text says what is wrong, if it is none."""
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
    for argument, is_valid in form.items():
        if not is_valid(asked[argument]):
            raise ValueError("the %s is not valid" % argument)
    return request, asked


def _listen(path):
    """A socket that listens at `path`, for this user alone; CannotUse if there can be none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale_socket(path)
        mask = os.umask(0o177)
        try:
            sock.bind(path)
        finally:
            os.umask(mask)
        sock.listen(MOST_CALLERS)
    except OSError as error:
        sock.close()
        raise CannotUse("%s: cannot create the socket: %s; choose another path with --socket"
                        % (path, error.strerror or error), error.errno) from None
    except CannotUse:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _remove_stale_socket(path):
    """Remove the socket of a server that was killed. OSError for any other file, CannotUse if a server answers."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EEXIST
        raise OSError(number, os.strerror(number))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)  # a server whose backlog is full is a server, too
        if sock.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT):
            raise CannotUse(
                "%s: another server uses this socket; choose another path with --socket" % path, errno.EAGAIN)
    os.unlink(path)


def ask(path, request, **arguments):
    """The answer (a dictionary) of the server that listens at `path`.

    NoServer if none answers, CannotUse if the socket or the server is another user's.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(LONGEST_COPY if request in LONG else 10)
            _connect(sock, path)
            sock.sendall(json.dumps(dict(arguments, request=request)).encode() + b"\n")
            with sock.makefile("rb") as answer:
                return json.loads(answer.read().decode())
    except OSError as error:
        raise NoServer(error.strerror or str(error)) from None
    except ValueError:
        raise NoServer("it closed the connection without an answer") from None


def _connect(sock, path):
    """Connect to a server of this user; CannotUse, before anything is sent, if it is another user's."""
    seen = os.lstat(path)
    _check_owner(path, seen.st_uid)
    if not stat.S_ISSOCK(seen.st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    sock.connect(path)
    if hasattr(socket, "SO_PEERCRED"):  # another file may have taken the place of the one that was checked
        _check_owner(path, _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1])


def _check_owner(path, uid):
    if uid != os.geteuid():
        raise CannotUse("%s: belongs to another user (uid %d), and nothing was sent; run this command as that user"
                        % (path, uid), errno.EPERM)
