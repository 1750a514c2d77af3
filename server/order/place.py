"""Where the log of the order is."""
from typing import NamedTuple, Optional, Tuple


class Place(NamedTuple):
    """Which log, and as which node it is used.

    url: of the engine, as redis-py has it; empty if there are Sentinels, (host, port) of each, that know where the
        master of this name is. user, password: of the engine; None, if the URL has it or there is none.
    sentinel_password: of the Sentinels, or None. ca_file: the certificate by which what is reached by TLS is known;
        with Sentinels, None means that there is no TLS.
    replica: "none", "preferred" or "required": is one read from?
    name: of the log. node: the name of this node, which one process at a time has.
    silence_seconds: after which a node counts as dead. log_bytes: that the log may have.
    """

    url: str
    sentinels: Tuple[Tuple[str, int], ...]
    master: str
    replica: str
    password: Optional[str]
    name: str
    node: str
    silence_seconds: float
    log_bytes: int
    user: Optional[str] = None
    sentinel_password: Optional[str] = None
    ca_file: Optional[str] = None

    @property
    def shown(self) -> str:
        """Where the engine is, for people; without a password."""
        if self.sentinels:
            return "%s by the Sentinels %s" % (self.master, ", ".join("%s:%d" % one for one in self.sentinels))
        scheme, _, rest = self.url.partition("://")
        return "%s://%s" % (scheme, rest.rpartition("@")[2])

    def key(self, part: str) -> str:
        """The name of a key."""
        return "{parley:%s}:%s" % (self.name, part)
