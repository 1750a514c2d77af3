"""Checks once, before the first scenario, that each target is a server of its protocol."""
import socket
import ssl
import time

from parley.conformance.actor import Actor, Selector
from parley.conformance.fixture import REPLY_SECONDS, NotUsable, no_record, random_name
from parley.conformance.transcript import visible
from parley.conformance.wire import CODECS

_SILENCE_SECONDS = 2.0  # without a reply, where the suite cannot log in as that takes an account


def check(foreign, time_scale=1.0):
    """Raise NotUsable, with one sentence, unless each address of the `targets.Foreign` accepts a login.

    Where a login takes an account, it is enough that the server does not close the connection.
    """
    for protocol, address in foreign.addresses.items():
        problem = _problem(CODECS[protocol], address, time_scale)
        if problem:
            raise NotUsable("--target %s=%s:%d: %s" % (
                protocol, "[%s]" % address[0] if ":" in address[0] else address[0], address[1], problem))


def _problem(codec, address, time_scale):
    try:
        problem = _login_problem(codec, address, time_scale)
    except (socket.gaierror, UnicodeError):
        return "there is no such host"
    except socket.timeout:
        return "the connection timed out; is this the host?"
    except ConnectionRefusedError:
        return "nothing listens there; does the server run, and is this its port?"
    except OSError as error:
        return "no connection: %s" % (error.strerror or error)
    if problem and _speaks_tls(address):
        return "this is a TLS port, and the suite speaks no TLS; use the plain port"
    return problem


def _login_problem(codec, address, time_scale):
    """Log in, or send a probe where a login takes an account; returns None if the server behaves as one."""
    selector, name = Selector(), random_name()
    visitor = Actor("visitor", codec, selector, no_record, lambda name: False)
    login = codec.login(name)
    try:
        visitor.connect(address, REPLY_SECONDS * time_scale)
        visitor.send_own(login or codec.probe())
        deadline = time.monotonic() + (REPLY_SECONDS if login else _SILENCE_SECONDS) * time_scale
        selector.read_until(lambda: visitor.name or visitor.closed_by_peer or not login and (
            visitor.replies or visitor.inbox), deadline)
        if visitor.name or not login and not visitor.closed_by_peer:
            return None
        replies = [visible(str(message)) for message in visitor.inbox]
        if not replies:
            return "the server %s; does it speak `%s` there?" % (
                "closes the connection" if visitor.closed_by_peer else "does not reply to a login", codec.NAME)
        return "the server refuses a login as %s: it replies %s; does it speak `%s` there?" % (
            name, replies[0][:200], codec.NAME)
    finally:
        visitor.disconnect()
        selector.close()


def _speaks_tls(address):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(address, REPLY_SECONDS) as plain, context.wrap_socket(plain):
            return True
    except (OSError, ValueError):
        return False
