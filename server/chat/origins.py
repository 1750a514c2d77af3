"""What counts as one address, wherever addresses are counted."""
import ipaddress

_MAPPED = "::ffff:"  # in front of the IPv4 address of a client that came in through an IPv6 socket (RFC 4291, 2.5.5.2)


def as_people_write_it(host):
    """An IPv4 address as such, whichever socket its client came in through."""
    return host[len(_MAPPED):] if host.startswith(_MAPPED) else host


def origin(host):
    """An IPv4 address itself; of an IPv6 one the 64 leading bits, because whoever has one has all of these."""
    host = as_people_write_it(host)
    if ":" not in host:
        return host
    return ipaddress.IPv6Address(host.partition("%")[0]).packed[:8]


def network(host):
    """The same as text, to be stored and shown; an IPv6 one as the network that it is."""
    one = origin(host)
    return one if isinstance(one, str) else "%s/64" % ipaddress.IPv6Address(one + bytes(8))
