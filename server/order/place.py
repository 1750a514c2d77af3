"""Where the log of the order is."""
from typing import NamedTuple, Optional


class Place(NamedTuple):
    """Which log, and as which node it is used.

    url: of the engine, as redis-py has it. password: or None, if the URL has it or there is none.
    name: of the log. node: the name of this node, which one process at a time has.
    silence_seconds: after which a node counts as dead. log_bytes: that the log may have.
    """

    url: str
    password: Optional[str]
    name: str
    node: str
    silence_seconds: float
    log_bytes: int

    def key(self, part: str) -> str:
        """The name of a key."""
        return "{parley:%s}:%s" % (self.name, part)
