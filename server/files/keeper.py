"""The hub's end of the process that keeps files (`keeping.py`), which workers ask directly."""
import logging
import os
import socket
import sqlite3
import time

from parley.server.files.index import Index, Messages
from parley.server.files.keeping import Keeping
from parley.server.files.shelf import Shelf
from parley.server.ipc.aide import POLITENESS, Aide
from parley.server.ipc.counts import total
from parley.server.ipc.messages import FromKeeper, ToKeeper, handlers, packed

MOST_UNANSWERED = 20  # checks of the hub without an answer, half a minute: a flush of a slow disk may take long
INDEX = "index.db"

log = logging.getLogger(__name__)


class Keeper(Aide):
    """The hub's end, which only checks whether the process is alive.

    directory: `parley.server.storage.directory.Directory`. limits, base: see `Shelf`.
    door: the socket to which workers send requests. folder: the path of the folder of files. file_bytes: the limit for
    one file.
    """

    def __init__(self, directory, limits, base):
        super().__init__()
        self._handlers = handlers(FromKeeper, self)
        self.file_bytes = limits["file_bytes"]
        self.folder = os.path.join(directory.path, "files")
        os.makedirs(self.folder, 0o700, exist_ok=True)
        self.door, self._requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.door.setblocking(False)
        self._requests.setblocking(False)
        self._database = directory.database
        self._limits = limits
        self._base = base
        self._figures = {}  # the latest of the process: see `FromKeeper.Seen`
        self._past = {}  # the counters of those that are gone

    def detach(self):
        """See `Aide.detach`. The counters of the process are added to those of its successors."""
        self._past = total([self._past, self._figures.pop("counters", {})])
        return super().detach()

    def status(self):
        """The latest figures (`FromKeeper.Seen`), with counters since the start of the server; {} if there are none."""
        return self._figures and dict(self._figures, counters=total(
            [self._past, self._figures.get("counters", {})]))

    def is_stuck(self):
        """See `Aide`. The process is asked at the first check, and has not answered for MOST_UNANSWERED more."""
        self._unanswered += 1
        if self._unanswered == 1:
            self._put(packed(ToKeeper.Look()))
        return self._unanswered > MOST_UNANSWERED

    def seen(self, figures):
        """See `FromKeeper.Seen`."""
        self._figures = figures

    def let_go(self):
        """In a child process that is another one: close the socket of requests."""
        self._requests.close()

    # ---- in the process

    def process(self, down, up):
        """See `Aide`: answer requests until the hub is gone."""
        self.door.close()
        os.set_blocking(up.fileno(), True)
        os.nice(POLITENESS)
        try:
            index = Index(os.path.join(self.folder, INDEX))
            shelf = Shelf(self.folder, index, Messages(self._database), self._limits, self._base, time.time)
        except (sqlite3.Error, OSError) as error:
            log.error("files cannot be kept: %(why)s", {"why": str(error)})
            return
        Keeping(self._requests, shelf, down, up).run()
        index.close()
