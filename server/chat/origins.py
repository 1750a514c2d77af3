"""What counts as one address, wherever addresses are counted."""
import ipaddress


def origin(host):
    """An IPv4 address itself; of an IPv6 one the 64 leading bits, because whoever has one has all of these."""
    if ":" not in host:
        return host
    return ipaddress.IPv6Address(host.partition("%")[0]).packed[:8]
