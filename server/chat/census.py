"""Counts the connections of each address over all workers, in the hub."""
import collections
from typing import Counter, DefaultDict, Dict

from parley.server.chat.contract import Post
from parley.server.chat.origins import Origin, origin
from parley.server.ipc.messages import ToWorker
from parley.server.protocols.events import Reason


class Census:
    """Tells a worker to end a connection that exceeds the limit; such a connection is not counted.

    most: connections of one address; 0 is no limit. A change applies to new connections.
    """

    def __init__(self, post: Post) -> None:
        self.most = 0
        self._post = post
        self._homes: DefaultDict[int, Dict[int, Origin]] = collections.defaultdict(dict)  # by worker, and session
        self._crowds: Counter[Origin] = collections.Counter()  # connections of each

    def arrived(self, worker: int, number: int, host: str) -> None:
        """A session has begun on a worker."""
        home = origin(host)
        if self.most and self._crowds[home] >= self.most:
            self._post.worker(worker, ToWorker.Evict(number, Reason.TOO_MANY_CONNECTIONS))
        else:
            self._homes[worker][number] = home
            self._crowds[home] += 1

    def departed(self, worker: int, number: int) -> None:
        """It has ended; it may be one that was not counted."""
        homes = self._homes.get(worker, {})  # a lost worker may have reported this just before
        if number in homes:
            self._forget(homes.pop(number))

    def lose(self, worker: int) -> None:
        """A worker died, and its connections with it."""
        for home in self._homes.pop(worker, {}).values():
            self._forget(home)

    def _forget(self, home: Origin) -> None:
        self._crowds[home] -= 1
        if not self._crowds[home]:
            del self._crowds[home]
