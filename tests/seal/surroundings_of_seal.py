"""Devices and rings for the tests of sealing, made without a server."""
from parley.client.seal.ring import Ring

NOW = 1795000000.0  # seconds since the epoch


class Server:
    """The lists that a server would hand out, {name: bytes}; and the rings of those who have devices."""

    def __init__(self):
        self.lists = {}

    def ring(self, name, path=None, now=NOW):
        """A new device of an account, or (with the path of its file) one that there was before."""
        ring = Ring(path, name)
        ring.make_keys(now)
        self.log_in(ring, now)
        return ring

    def log_in(self, ring, now=NOW):
        """What the user is told as the device comes to the server."""
        data, told = ring.learn_own(self.lists.get(ring.name), now)
        if data:
            self.publish(ring, data)
        return told

    def publish(self, ring, data):
        self.lists[ring.name] = data
        ring.published(data)

    def meet(self, *rings):
        """Let them learn each other's lists; what the users are told."""
        return [sentence for ring in rings for name in self.lists if name != ring.name
                for sentence in ring.learn(name, self.lists[name])]
