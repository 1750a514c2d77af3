"""The address of a cluster's log, and as which node this server uses it."""
from typing import NamedTuple, Optional, Tuple


class Place(NamedTuple):
    """See `storage.redis` in config.yaml.

    url: of the engine, in redis-py's form; empty if there are Sentinels.
    sentinels: (host, port) of each. master: the name by which they know the master.
    user, password: of the engine; None if the URL has it, or if there is none. sentinel_password: of the Sentinels, or
        None.
    ca_file: path of the CA's certificate for TLS; with Sentinels, None means that there is no TLS.
    replica: is a replica read from? "none", "preferred" or "required".
    name: of the log. node: the name of this node, which only one process at a time may have.
    silence_seconds: after which a node counts as dead. log_bytes: about the most memory of the log in the engine.
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
        """The address of the engine for people, without a password."""
        if self.sentinels:
            return "%s by the Sentinels %s" % (self.master, ", ".join("%s:%d" % one for one in self.sentinels))
        scheme, _, rest = self.url.partition("://")
        return "%s://%s" % (scheme, rest.rpartition("@")[2])

    def key(self, part: str) -> str:
        """The name of a key."""
        return "{parley:%s}:%s" % (self.name, part)
