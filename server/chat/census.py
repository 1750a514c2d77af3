"""How many connections each address has, over all workers: counted in the hub, which alone knows all."""
import collections

from parley.server.chat.origins import origin
from parley.server.ipc.messages import ToWorker
from parley.server.protocols.events import Reason


class Census:
    """Tells a worker to end the connection that is one too many; it is not counted.

    post: see `server.chat.register`.
    most: connections of one address; 0 is no limit, for those who come from then on.
    """

    def __init__(self, post):
        self.most = 0
        self._post = post
        self._homes = collections.defaultdict(dict)  # worker -> session number -> origin
        self._crowds = collections.Counter()  # origin -> connections

    def arrived(self, worker, number, host):
        """A session has begun on a worker."""
        home = origin(host)
        if self.most and self._crowds[home] >= self.most:
            self._post.worker(worker, ToWorker.Evict(number, Reason.TOO_MANY_CONNECTIONS))
        else:
            self._homes[worker][number] = home
            self._crowds[home] += 1

    def departed(self, worker, number):
        """It has ended; it may be one that was not counted."""
        homes = self._homes.get(worker, {})  # a worker that is lost may have said so before
        if number in homes:
            self._forget(homes.pop(number))

    def lose(self, worker):
        """A worker died, and its connections with it."""
        for home in self._homes.pop(worker, {}).values():
            self._forget(home)

    def _forget(self, home):
        self._crowds[home] -= 1
        if not self._crowds[home]:
            del self._crowds[home]
