"""The control socket, through which the operator talks to a running server: a line of JSON there, one back."""
import json
import os
import selectors
import socket

from server.storage.directory import CannotUse

LONGEST_REQUEST = 4096  # bytes
MOST_CALLERS = 8  # at once; one more ends the oldest


class Control:
    """Listens at `path`, which only this user can reach, and answers with what `requests` give. CannotUse if it cannot.

    requests: {name: function}; a request is {"request": name, argument: value, ...}. The function is called with
        these arguments behind `reply`, which it calls with the answer, now or later.
    """

    def __init__(self, path, requests, selector):
        self._path = path
        self._requests = requests
        self._selector = selector
        self._callers = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _unlink(path)  # of a server that was killed; the directory is locked
            self._sock.bind(path)
        except OSError as error:
            raise CannotUse("%s: no socket can be made there: %s; choose another directory for the storage"
                            % (path, error.strerror or error), error.errno) from None
        os.chmod(path, 0o600)
        self._sock.listen(MOST_CALLERS)
        self._sock.setblocking(False)
        selector.register(self._sock, selectors.EVENT_READ, self)

    def on_ready(self):
        """Somebody calls."""
        try:
            sock, _ = self._sock.accept()
        except OSError:
            return
        if len(self._callers) == MOST_CALLERS:
            self.hang_up(self._callers[0])
        sock.setblocking(False)
        caller = _Caller(sock, self)
        self._callers.append(caller)
        self._selector.register(sock, selectors.EVENT_READ, caller)

    def heed(self, line, reply):
        """Do what is asked."""
        try:
            asked = json.loads(line.decode())
            self._requests[asked.pop("request")](reply, **asked)
        except (ValueError, KeyError, TypeError, AttributeError):
            reply({"error": "not a request that this server knows"})

    def hang_up(self, caller):
        """Nothing more is said to this one."""
        if caller in self._callers:
            self._callers.remove(caller)
            self._selector.unregister(caller.sock)
            caller.sock.close()

    def close(self):
        """Nobody can call any more."""
        self.let_go()
        _unlink(self._path)

    def let_go(self):
        """This process does not answer."""
        self._sock.close()
        for caller in self._callers:
            caller.sock.close()


class _Caller:
    def __init__(self, sock, control):
        self.sock = sock
        self._control = control
        self._line = b""

    def on_ready(self):
        try:
            piece = self.sock.recv(LONGEST_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self._line += piece
        if piece.endswith(b"\n"):
            self._control.heed(self._line, self._reply)
        elif not piece or len(self._line) >= LONGEST_REQUEST:
            self._control.hang_up(self)

    def _reply(self, answer):
        try:
            self.sock.send(json.dumps(answer).encode() + b"\n")  # what it does not take at once it never reads
        except OSError:
            pass
        self._control.hang_up(self)


def ask(path, request, **arguments):
    """What the server that listens at `path` answers. ConnectionError if there is none."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(10)
            sock.connect(path)
            sock.sendall(json.dumps(dict(arguments, request=request)).encode() + b"\n")
            with sock.makefile("rb") as answer:
                return json.loads(answer.read().decode())
    except (OSError, ValueError) as error:
        raise ConnectionError(str(error)) from None


def _unlink(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
