"""What counts as one address, wherever addresses are counted."""
import ipaddress
from typing import Union

Origin = Union[str, bytes]

_MAPPED = "::ffff:"  # in front of the IPv4 address of a client that came in through an IPv6 socket (RFC 4291, 2.5.5.2)


def as_people_write_it(host: str) -> str:
    """An IPv4 address as such, whichever socket its client came in through."""
    return host[len(_MAPPED):] if host.startswith(_MAPPED) else host


def origin(host: str) -> Origin:
    """An IPv4 address as text; of an IPv6 address the first 8 bytes, as whoever has one has all that begin so."""
    host = as_people_write_it(host)
    if ":" not in host:
        return host
    return ipaddress.IPv6Address(host.partition("%")[0]).packed[:8]


def network(host: str) -> str:
    """The same as text, to be stored and shown: "192.0.2.1", or "2001:db8::/64"."""
    one = origin(host)
    return one if isinstance(one, str) else "%s/64" % ipaddress.IPv6Address(one + bytes(8))
