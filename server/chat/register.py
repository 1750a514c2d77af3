"""Who holds which name: the one authority, in the hub.

Requests come in one order, and what they lead to leaves in the same order. `post` takes it to the workers:
`post.everyone(entry, ...)` and `post.worker(worker, entry, ...)`, where an entry is a method of
`server.chat.replica.Replica` and its arguments.
"""
from server.protocols.events import Reason


class Register:
    """Names and their holders. A holder is (worker number, session number).

    A name occupies its skeletons too (`server.chat.names.claims`): no look-alike may be here with it.
    """

    def __init__(self, post):
        self._post = post
        self._names = {}  # holder -> (name, skeletons), in login order
        self._holders = {}  # skeleton -> holder
        self._called = {}  # name -> holder

    def claim(self, worker, number, name, skeletons):
        """Give `name` to the session if neither it nor a look-alike is taken."""
        if any(skeleton in self._holders for skeleton in skeletons):
            self._post.worker(worker, "refused", number, Reason.NAME_TAKEN)
            return
        holder = worker, number
        self._names[holder] = name, skeletons
        self._called[name] = holder
        self._holders.update(dict.fromkeys(skeletons, holder))
        self._post.everyone("joined", worker, number, name)

    def release(self, worker, number):
        """The session is gone; if it held a name, that is free now."""
        name, skeletons = self._names.pop((worker, number), (None, ()))
        if name is None:
            return
        del self._called[name]
        for skeleton in skeletons:
            del self._holders[skeleton]
        self._post.everyone("left", name)

    def whisper(self, worker, number, sender, to, text):
        """Deliver to the one who is called exactly `to`, and answer the sender."""
        holder = self._called.get(to)
        if holder is None:
            self._post.worker(worker, "refused", number, Reason.NO_SUCH_MEMBER)
            return
        self._post.worker(holder[0], "whispered", holder[1], sender, text)
        self._post.worker(worker, "confirmed", number)

    def who(self, worker, number):
        """Mark the place at which the asking worker answers from its replica."""
        self._post.worker(worker, "who", number)

    def admit(self, worker):
        """A worker has started: tell it who is here."""
        self._post.worker(worker, "present", [name for name, _ in self._names.values()])

    def lose(self, worker):
        """A worker died, and its clients with it."""
        for holder in [holder for holder in self._names if holder[0] == worker]:
            self.release(*holder)
