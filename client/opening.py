"""Opens connections, each in a thread of its own, as looking up a host name blocks."""
import socket
import ssl
import threading
from typing import Callable, Optional, Union

from parley.client.address import Address

SECONDS = 10  # for the connection, and for each answer of a TLS handshake

# OpenSSL's X509_V_FLAG_PARTIAL_CHAIN; Python has a name for it since 3.10.
_PARTIAL_CHAIN = 0x80000
_NAME_MISMATCH = (62, 64)  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


class Failed(OSError):
    """There is no connection, or no login; the text is a sentence that says why."""


def open_in_thread(
        address: Address, trust: Optional[str], then: Callable[[Union[socket.socket, Failed]], None]) -> None:
    """Call `open_now` in another thread, and there then(outcome) with the socket or the `Failed`."""
    threading.Thread(target=lambda: then(_outcome(address, trust)), daemon=True).start()


def _outcome(address: Address, trust: Optional[str]) -> Union[socket.socket, Failed]:
    try:
        return open_now(address, trust)
    except Failed as failed:
        return failed
    except OSError as error:
        return Failed("The connection to %s broke: %s." % (address.host_port, error))


def open_now(address: Address, trust: Optional[str] = None) -> socket.socket:
    """A connected non-blocking socket; raises `Failed`. trust: a file of certificates besides the system's, or None."""
    try:
        plain = socket.create_connection((address.host, address.port), SECONDS)
    except socket.gaierror:
        raise Failed("There is no host called %s." % address.host) from None
    except ValueError:
        raise Failed("%s cannot be the name of a host." % address.host) from None
    except socket.timeout:
        raise Failed("%s does not answer." % address.host_port) from None
    except ConnectionRefusedError:
        raise Failed("Cannot connect to %s: connection refused." % address.host_port) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Failed("Cannot connect to %s: %s." % (address.host_port, why)) from None
    try:
        return _prepared(plain, address, trust)
    except BaseException:
        plain.close()
        raise


def _prepared(plain: socket.socket, address: Address, trust: Optional[str]) -> socket.socket:
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    sock = _with_tls(plain, address, trust) if address.tls else plain
    sock.setblocking(False)
    return sock


def tls_context(trust: Optional[str] = None) -> ssl.SSLContext:
    """A context that trusts the system's certificates and those in the file `trust`: CAs', or the server's own."""
    context = ssl.create_default_context()
    # The defaults depend on the version of Python. Trusting a server's own certificate is enough, whoever signed it. A
    # CA's may lack the extension that states its purpose, as those made by the usual `openssl req -x509` do.
    context.verify_flags = (context.verify_flags | _PARTIAL_CHAIN) & ~int(ssl.VERIFY_X509_STRICT)
    try:
        if trust:
            context.load_verify_locations(trust)
    except (OSError, ssl.SSLError):
        raise Failed("%s is not a file of certificates." % trust) from None
    return context


def _with_tls(plain: socket.socket, address: Address, trust: Optional[str]) -> ssl.SSLSocket:
    context = tls_context(trust)
    try:
        return context.wrap_socket(plain, server_hostname=address.host)
    except (ssl.CertificateError, ssl.SSLError) as error:
        # In Python 3.6 a CertificateError has no code, and is always about the name.
        if isinstance(error, ssl.CertificateError) and getattr(error, "verify_code", 62) in _NAME_MISMATCH:
            raise Failed("The certificate of %s is not one for %s." % (address.host_port, address.host)) from None
        if "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, ssl.CertificateError):
            why = getattr(error, "verify_message", None)  # from Python 3.7 on
            raise Failed("The certificate of %s is not trusted here%s: it may be anybody." % (
                address.host_port, " (%s)" % why if why else "")) from None
        raise Failed("%s does not speak TLS." % address.host_port) from None
    except (socket.timeout, OSError):
        raise Failed("%s does not speak TLS." % address.host_port) from None
