"""The ports of a server: opens those that its settings name, and says in its first lines where they are."""
import errno
import logging

from parley.server.http.metrics import METRICS
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import HOME
from parley.server.supervisor.listening import format_address, open_private, open_shares, reachable_addresses
from parley.server.worker.transports import tls

STARTED = {"line": "[SERVER] Chat server started on"}  # in document 003's words

log = logging.getLogger("parley.server")


class CannotListen(Exception):
    """A port cannot be opened; the text says which, why, and what to do."""


def open_sockets(settings, private, named):
    """([(protocol, socket, with TLS?, room or HOME) for each port] for each worker, lines that say where they listen).

    private: whether each worker gets one more port for itself. named: the protocols that --listen names.
    CannotListen if a port cannot be opened.
    """
    listening, lines = [[] for _ in range(settings.workers)], []
    wanted = [(protocol, settings.host, port, False, HOME) for protocol, port in settings.listen.items()]
    wanted += [(protocol, settings.host, port, True, HOME) for protocol, port in settings.tls.listen.items()]
    wanted += [(protocol, settings.host, port, False, room) for protocol, port, room in settings.room_ports]
    wanted += [(protocol, settings.host, port, True, room) for protocol, port, room in settings.tls.room_ports]
    if settings.metrics:
        wanted.append((METRICS, *settings.metrics, False, HOME))
    for protocol, host, port, with_tls, room in wanted:
        try:
            shares = open_shares(host, port, settings.workers)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and _can_do_without(protocol, port, with_tls, named):
                log.warning("%(protocol)s is not served: port %(port)d is in use; --listen %(protocol)s=PORT chooses"
                            " another", {"protocol": protocol, "port": port})
                continue
            close_sockets(listening)
            raise CannotListen(_listen_error(error, host, protocol, port, with_tls)) from None
        for own, sockets in zip(listening, shares):
            own += [(protocol, sock, with_tls, room) for sock in sockets]
        lines += _listening_lines(protocol, with_tls, room, shares[0])
        if protocol != METRICS and PROTOCOLS[protocol].TRAITS.http:
            lines.append(_page_line(settings, with_tls, shares[0][0]))
    lines[1:1] = ["[SERVER] Others reach it at " + address for address in reachable_addresses(listening[0][0][1])]
    for slot, own in enumerate(listening):
        for protocol in settings.listen if private else ():
            sock = open_private(settings.host)
            own.append((protocol, sock, False, HOME))
            lines.insert(0, "[SERVER] Worker %d serves %s on %s" % (slot, protocol, format_address(sock)))
    return listening, lines


def close_sockets(listening):
    """Close what `open_sockets` has opened."""
    for own in listening:
        for _, sock, _, _ in own:
            sock.close()


def _listening_lines(protocol, with_tls, room, sockets):
    """A start-up line for each address of a protocol; document 003 prescribes the first one of `line`."""
    serving = "[SERVER] Serving %s%s%s on" % (
        protocol, " with TLS" if with_tls else "", " for " + room.decode() if room else "")
    first = serving if with_tls or room else STARTED.get(protocol, serving)
    words = [first] + [serving] * (len(sockets) - 1)
    return ["%s %s" % (word, format_address(sock)) for word, sock in zip(words, sockets)]


def _page_line(settings, with_tls, sock):
    """The start-up line that says what to type into a browser, on this machine and on others."""
    return "[SERVER] Open the page at " + ", and on other devices at ".join(
        place + "/" for place in page_places(settings, with_tls, sock))


def page_places(settings, with_tls, sock):
    """The addresses of the page, on this machine and on others, without a slash at their ends."""
    address, _, port = format_address(sock).rpartition(":")
    hosts = [address]
    if settings.host == "localhost" or address == "0.0.0.0":  # noqa: S104 - which means everywhere
        hosts = ["localhost", *(address.rpartition(":")[0] for address in reachable_addresses(sock)[:1])]
    if with_tls:
        hosts = _as_certified(hosts, tls.names(settings.tls.certificate.content))
    return ["%s://%s:%s%s" % ("https" if with_tls else "http", host, port, settings.web.path.decode())
            for host in hosts]


def _as_certified(hosts, names):
    """These hosts under names that the certificate has, if it has any for them."""
    public = [name for name in names if "." in name and ":" not in name and "*" not in name
              and not name.replace(".", "").isdigit()]
    fit = [host if host.strip("[]") in names else public[0] if public else None for host in hosts]
    return list(filter(None, dict.fromkeys(fit))) or hosts


def _listen_error(error, host, protocol, port, with_tls):
    remedy = "`tls.listen`" if with_tls else "--listen %s=PORT or `listen`" % protocol
    if protocol == METRICS:
        remedy = "--metrics HOST:PORT or `metrics.listen`"
    if error.errno == errno.EADDRINUSE:
        return ("port %d is in use, perhaps by a server that still runs; choose another with %s in the configuration"
                % (port, remedy))
    if error.errno == errno.EACCES:
        return "port %d is not allowed to this user; choose one above 1023 with %s in the configuration" % (
            port, remedy)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "cannot listen for %s: %s; raise their limit (`ulimit -n`, in a systemd unit LimitNOFILE)" % (
            protocol, error.strerror.lower())
    return "cannot listen on %s port %d for %s: %s; choose another address with %s" % (
        host, port, protocol, error.strerror or error, "--metrics" if protocol == METRICS else "--host")


def _can_do_without(protocol, port, with_tls, named):
    """Is the protocol on, at its default port, without having been asked for?"""
    if protocol in (METRICS, *named) or with_tls:
        return False
    return PROTOCOLS[protocol].TRAITS.optional and port == PROTOCOLS[protocol].PORT
