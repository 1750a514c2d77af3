"""The address of a server and its protocol: `line://localhost:4000`, `binary+tls://chat.example`, `localhost`."""
import re
from typing import NamedTuple, Optional, Tuple

from parley.server.protocols import PROTOCOLS

# The host is in brackets if it contains colons.
_URL = re.compile(r"(?:(?P<protocol>[a-z]+)(?P<tls>\+tls)?://)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^\s:/@\[\]]+))"
                  r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[A-Za-z0-9._~/%+-]*)?")
SPOKEN = ("line", "binary", "padded", "delimited", "dollar", "web")  # by our clients
_WITH_PATH = ("web",)  # protocols in which an address may have one


class Address(NamedTuple):
    """`protocol` is one of SPOKEN; str() gives the URL.

    path: only in `web`, that of the page, such as /parley; empty: the page is at the top.
    """

    protocol: str
    host: str
    port: int
    tls: bool
    path: str = ""

    def __str__(self) -> str:
        return "%s%s://%s%s" % (self.protocol, "+tls" if self.tls else "", self.host_port, self.path)

    @property
    def host_port(self) -> str:
        """host:port, as in a URL."""
        return ("[%s]:%d" if ":" in self.host else "%s:%d") % (self.host, self.port)


def parse(url: str, only: Optional[str] = None) -> Address:
    """The `Address` of a URL. The port defaults to the protocol's, the protocol to `only` or else `line`.

    ValueError with a sentence if `url` is not an address. `only` is the one protocol that the caller speaks; the caller
    checks that.
    """
    found = _URL.fullmatch(url.strip())
    protocol = found and (found.group("protocol") or only or "line")
    path = (found and found.group("path") or "").rstrip("/")
    if not found or protocol not in SPOKEN or path and protocol not in _WITH_PATH:
        if only:
            raise ValueError("%s is not an address such as localhost:%d." % (url.strip(), PROTOCOLS[only].PORT))
        raise ValueError("%s is not an address such as line://localhost:4000 (or %s)." % (
            url.strip() or "An empty text", ", ".join(name + "://" for name in SPOKEN if name != "line")))
    port = int(found.group("port") or PROTOCOLS[protocol].PORT)
    if not 0 < port < 65536:
        raise ValueError("%d is not a port; ports are from 1 to 65535." % port)
    return Address(protocol, found.group("v6") or found.group("host"), port, bool(found.group("tls")), path)


def with_name(typed: str) -> Tuple[Optional[str], str]:
    """(name, URL) of an address with the name to take there: `ann@localhost`, `line://ann@localhost`; None: none."""
    front, sign, rest = typed.strip().rpartition("@")
    if not sign:
        return None, rest
    protocol, slashes, name = front.rpartition("://")
    return name or None, protocol + slashes + rest
