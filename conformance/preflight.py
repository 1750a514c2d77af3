"""Whether the servers to judge are there at all: asked once, before the first scenario."""
import socket
import ssl
import time

from parley.conformance.actor import Actor, Ears
from parley.conformance.house import PATIENCE, NotUsable, no_record, random_name
from parley.conformance.transcript import visible
from parley.conformance.wire import CODECS

_QUIET = 2.0  # seconds of silence that are no answer where nobody can come in without an account


def check(foreign, time_scale=1.0):
    """NotUsable, with a sentence, unless a server of its protocol lets somebody in at each address of a `Foreign`."""
    for protocol, address in foreign.addresses.items():
        fault = _fault(CODECS[protocol], address, time_scale)
        if fault:
            raise NotUsable("--target %s=%s:%d: %s" % (
                protocol, "[%s]" % address[0] if ":" in address[0] else address[0], address[1], fault))


def _fault(codec, address, time_scale):
    try:
        fault = _fault_of_visit(codec, address, time_scale)
    except (socket.gaierror, UnicodeError):
        return "no host has this name"
    except socket.timeout:
        return "nothing answers there; is this the host?"
    except ConnectionRefusedError:
        return "nothing listens there; does the server run, and is this its port?"
    except OSError as error:
        return "no connection: %s" % (error.strerror or error)
    if fault and _speaks_tls(address):
        return "TLS is spoken there, and the suite speaks without; name the plain port"
    return fault


def _fault_of_visit(codec, address, time_scale):
    """Come in, or where that takes an account ask a question; None if the server is one to be judged."""
    ears, name = Ears(), random_name()
    visitor = Actor("visitor", codec, ears, no_record, lambda name: False)
    login = codec.login(name)
    try:
        visitor.connect(address, PATIENCE * time_scale)
        visitor.ask(login or codec.still_there())
        patience = time.monotonic() + (PATIENCE if login else _QUIET) * time_scale
        ears.hear_until(lambda: visitor.name or visitor.closed_by_peer or not login and (
            visitor.answers or visitor.inbox), patience)
        if visitor.name or not login and not visitor.closed_by_peer:
            return None
        heard = [visible(str(message)) for message in visitor.inbox]
        if not heard:
            return "the server %s; does it speak `%s` there?" % (
                "closes the connection" if visitor.closed_by_peer else "does not answer a login", codec.NAME)
        return "the server lets nobody in as %s: it says %s; does it speak `%s` there?" % (
            name, heard[0][:200], codec.NAME)
    finally:
        visitor.leave()
        ears.close()


def _speaks_tls(address):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(address, PATIENCE) as plain, context.wrap_socket(plain):
            return True
    except (OSError, ValueError):
        return False
