"""Where a server is, and what it speaks there: `line://localhost:4000`, `binary+tls://chat.example`, `localhost`."""
import re
from collections import namedtuple

from server.protocols import PROTOCOLS

# The host is in brackets if it has colons; whatever follows the port is none of ours.
_URL = re.compile(r"(?:(?P<protocol>[a-z]+)(?P<tls>\+tls)?://)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^\s:/@\[\]]+))"
                  r"(?::(?P<port>[0-9]{1,5}))?/?")


class Address(namedtuple("Address", "protocol host port tls")):
    """`protocol` is one of line, binary, padded, delimited, dollar; str() gives the URL."""

    __slots__ = ()

    def __str__(self):
        return "%s%s://%s" % (self.protocol, "+tls" if self.tls else "", self.place)

    @property
    def place(self):
        """host:port, as one writes it."""
        return ("[%s]:%d" if ":" in self.host else "%s:%d") % (self.host, self.port)


def parse(url, only=None):
    """The `Address` that a URL means: without a port the protocol's, without a scheme `line`, or the `only` protocol.

    ValueError with a sentence if it is none.
    """
    found = _URL.fullmatch(url.strip())
    protocol = found and (found.group("protocol") or only or "line")
    if protocol not in PROTOCOLS:
        if only:
            raise ValueError("%s is no address such as localhost:%d." % (url.strip(), PROTOCOLS[only].PORT))
        raise ValueError("%s is no address such as line://localhost:4000 (or %s)." % (
            url.strip() or "An empty text", ", ".join(name + "://" for name in PROTOCOLS if name != "line")))
    port = int(found.group("port") or PROTOCOLS[protocol].PORT)
    if not 0 < port < 65536:
        raise ValueError("%d is no port; ports are from 1 to 65535." % port)
    return Address(protocol, found.group("v6") or found.group("host"), port, bool(found.group("tls")))
