"""Forks servers like `conformance/cheap_server.py` on request.

It has imported already what takes most of the time of a start.
Its standard input is a socket, from which it takes the requests of `preloaded.py`; it ends when that is closed. Its
argument, if there is one, is the descriptor of a socket at which others connect to make requests as well.
"""
import contextlib
import ctypes
import encodings.idna  # noqa: F401  # which a server imports when it resolves its host's name
import gc
import json
import multiprocessing.popen_fork  # noqa: F401  # and when it forks
import os
import random
import selectors
import signal
import socket
import struct
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from parley.server import cli, entry  # noqa: E402, F401
from parley.server.http.site import read_page  # noqa: E402
from parley.server.supervisor import passwords  # noqa: E402

LONGEST = 1 << 20  # bytes of a request, which has all variables of the environment
DESCRIPTORS = 1024  # more than are open here
PR_SET_PDEATHSIG = 1

_prctl = ctypes.CDLL(None).prctl


def _tell(report, number):
    """Send a number to a server's starter, if it still listens; when it does not, the server is about to be buried."""
    with contextlib.suppress(OSError):
        report.send(b"%d\n" % number)


class Nursery:
    """The servers, and for each a socket on which is told how it ends."""

    def __init__(self, requests, listener=None):
        self._starter = requests
        self._sockets = {requests, listener} - {None}
        self._reports = {}  # by pid
        self._selector = selectors.DefaultSelector()
        self._deaths, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        self._selector.register(requests, selectors.EVENT_READ, lambda: self._fork(requests))
        if listener:
            self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
        self._selector.register(self._deaths, selectors.EVENT_READ, self._report_deaths)

    def run(self):
        """Fork what is asked for, until nobody can ask any more. Returns in each server, with its arguments."""
        while True:
            for key, _ in self._selector.select():
                arguments = key.data()
                if arguments is not None:
                    return arguments

    def _accept(self, listener):
        requests, _ = listener.accept()
        self._sockets.add(requests)
        self._selector.register(requests, selectors.EVENT_READ, lambda: self._fork(requests))

    def _fork(self, requests):
        """None, or in a new server its arguments."""
        data, ancillary, _, _ = requests.recvmsg(LONGEST, socket.CMSG_SPACE(3 * 4))
        if not data and requests is self._starter:
            os._exit(0)  # its children die with it
        if not data:
            self._selector.unregister(requests)
            self._sockets.remove(requests)
            requests.close()
            return None
        request = json.loads(data.decode())
        descriptors = struct.unpack("3i", ancillary[0][2])
        pid = os.fork()
        if not pid:
            self._become(request, descriptors[1:])
            return request["arguments"]
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        report = self._reports[pid] = socket.socket(fileno=descriptors[0])
        _tell(report, pid)
        self._selector.register(report, selectors.EVENT_READ, lambda: self._bury(pid))
        return None

    def _become(self, request, outputs):
        """In the child: be as if started anew, in a session of its own."""
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for sock in (*self._sockets, *self._reports.values()):
            sock.detach()
        self._selector.close()
        os.setsid()
        for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
            os.dup2(descriptor, number)
        os.closerange(3, DESCRIPTORS)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        random.seed()  # since Python 3.7 it is done by itself

    def _report_deaths(self):
        """Tell how servers have ended, but let them be zombies until that is heard: nobody else gets their pids."""
        os.read(self._deaths, 4096)
        for pid, report in self._reports.items():
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended:
                _tell(report, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)

    def _bury(self, pid):
        """Its starter has closed the socket, and heard how it has ended, or does not want to."""
        report = self._reports.pop(pid)
        self._selector.unregister(report)
        report.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    passwords.COSTS.update({"scrypt": (2, 1, 1), "pbkdf2": (1,)})
    read_page()
    gc.collect()
    getattr(gc, "freeze", lambda: None)()  # since 3.7
    sockets = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=number)
               for number in [os.dup(0), *map(int, sys.argv[1:])]]
    code = entry.main(Nursery(*sockets).run())
    os._exit(code or 0)  # to take apart what was imported costs almost as much CPU as all else that a server does
