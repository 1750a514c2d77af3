"""What counts as one address, wherever addresses are counted."""
import ipaddress
from typing import Dict, Optional, Union

Origin = Union[str, bytes]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_MAPPED = "::ffff:"  # in front of the IPv4 address of a client that came in through an IPv6 socket (RFC 4291, 2.5.5.2)


def as_people_write_it(host: str) -> str:
    """An IPv4 address as such, whichever socket its client came in through."""
    return host[len(_MAPPED):] if host.startswith(_MAPPED) else host


def origin(host: str) -> Origin:
    """An IPv4 address as text; of an IPv6 address the first 8 bytes, as a site usually has a whole /64."""
    host = as_people_write_it(host)
    if ":" not in host:
        return host
    return ipaddress.IPv6Address(host.partition("%")[0]).packed[:8]


def address(host: str) -> Optional[Address]:
    """The address of a client; None if that is not known."""
    try:
        return ipaddress.ip_address(as_people_write_it(host).partition("%")[0])
    except ValueError:
        return None


def network_of(text: str) -> Optional[Network]:
    """The network that is written as "192.0.2.0/24" or "2001:db8::/32", or as an address; None if it is none.

    A single IPv6 address stands for all that begin as it does: see `origin`.
    """
    text = as_people_write_it(text)
    try:
        if "/" not in text:
            ipaddress.ip_address(text.partition("%")[0])  # Python knows zones only since 3.9
            text = network(text)
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def written(net: Network) -> str:
    """A network as text that `network_of` reads; a single IPv4 address is without a prefix."""
    return str(net.network_address) if net.prefixlen == 32 and net.version == 4 else str(net)


def network(host: str) -> str:
    """`origin` as text, to be stored and shown: "192.0.2.1", or "2001:db8::/64"."""
    one = origin(host)
    return one if isinstance(one, str) else "%s/64" % ipaddress.IPv6Address(one + bytes(8))


class Shares:
    """A kind of memory of which each address may take at most so many bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Dict[Origin, int] = {}

    def change(self, host: str, before: int, now: int) -> bool:
        """Somebody who comes from there is to take so many bytes instead of those before. Returns whether it may."""
        source = origin(host)
        taken = self._taken.get(source, 0) - before + now
        if now > before and taken > self._most:
            return False
        if taken:
            self._taken[source] = taken
        else:
            self._taken.pop(source, None)
        return True
