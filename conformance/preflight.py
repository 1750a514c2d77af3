"""Checks once, before anything else, that each target is a server of its protocol: one sentence in three seconds."""
import contextlib
import re
import socket
import ssl
import time

from parley.conformance.actor import Actor, Selector
from parley.conformance.fixture import NotUsable, no_record
from parley.conformance.names import random_name
from parley.conformance.probes import PROBES
from parley.conformance.transcript import visible
from parley.conformance.wire import CODECS

REPLY_SECONDS = 1.8
_OTHERS_SECONDS = 0.4  # for a reply in another protocol
_HASTE_SECONDS = 0.1  # for more, behind what looks like a refusal

# What other programs say of themselves, in their first bytes or as a reply to nonsense.
_PROGRAMS = ((r"HTTP/[0-9.]+ .*|<!doctype html.*|<html.*|status=[0-9]+ .*", "a web server"),
             (r"SSH-.*", "an SSH server"),
             (r"220[ -].*|5\d\d .*", "a mail or file server"), (r"\* OK .*|\+OK .*", "a mailbox"),
             (r"-ERR unknown command.*", "a Redis server"), (r":\S+ (?:NOTICE|\d\d\d) .*|ERROR :.*", "an IRC server"))


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
    other = _other_protocol(codec, address, time_scale) if problem else None
    if other:
        return "the server there speaks `%s`, not `%s`; try --target %s=..." % (other, codec.NAME, other)
    return problem


class _Visitor(Actor):
    """A client that tries to log in."""

    def __init__(self, codec, selector):
        super().__init__("visitor", codec, selector, no_record, lambda name: False)
        self.login = codec.login(random_name())

    def visit(self, address, seconds):
        self.connect(address, seconds)
        self.send_own(self.login or self.codec.probe())

    def knows(self):
        """Whether the bytes that have come identify the server."""
        return self.name or self.closed_by_peer or self.inbox or not self.login and self.replies

    def is_in(self):
        """Whether the login has succeeded; where it takes an account, whether there is a reply."""
        if self.login:
            return bool(self.name or PROBES[self.codec.NAME].is_in([str(message) for message in self.inbox]))
        return bool(self.replies)


def _login_problem(codec, address, time_scale):
    """Log in, or send a probe where a login takes an account; returns None if the server behaves as one."""
    with contextlib.closing(Selector()) as selector:
        visitor = _Visitor(codec, selector)
        try:
            visitor.visit(address, REPLY_SECONDS * time_scale)
            deadline = time.monotonic() + REPLY_SECONDS * time_scale
            while not visitor.is_in() and not visitor.closed_by_peer and time.monotonic() < deadline:
                known = len(visitor.inbox)
                haste = _HASTE_SECONDS * time_scale if _looks_refused(visitor) else REPLY_SECONDS
                more = selector.read_until(
                    lambda: len(visitor.inbox) > known or visitor.is_in() or visitor.closed_by_peer,
                    min(deadline, time.monotonic() + haste))
                if not more and visitor.inbox:
                    break
            if visitor.is_in() or not visitor.login and not visitor.closed_by_peer and not _programs(visitor):
                return None
            return _what_it_said(visitor)
        finally:
            visitor.disconnect()


def _looks_refused(visitor):
    return any(str(message).upper().startswith(("ERR", "HTTP/")) for message in visitor.inbox)


def _programs(visitor):
    """(program, what it said) of each reply that is another program's."""
    unfinished = bytes(visitor.decoder.unfinished).decode("utf-8", "backslashreplace").split("\r")[0]
    replies = [visible(str(message)) for message in visitor.inbox] + [visible(unfinished)] * bool(unfinished)
    return [(program, reply) for reply in replies for shape, program in _PROGRAMS
            if re.fullmatch(shape, reply, re.DOTALL | re.IGNORECASE)]


def _what_it_said(visitor):
    protocol = visitor.codec.NAME
    replies = [visible(str(message)) for message in visitor.inbox]
    for program, reply in _programs(visitor):
        return "%s is there, which replies %s; is this the port?" % (program, reply[:200])
    if not replies:
        return "the server %s; does it speak `%s` there?" % (
            "closes the connection" if visitor.closed_by_peer else "does not reply to a login", protocol)
    return "the server refuses a login (%s): it replies %s; does it speak `%s` there?" % (
        visitor.login, replies[-1][:200], protocol)


def _other_protocol(codec, address, time_scale):
    """The protocol of the suite that the server speaks instead; None if it is none of them."""
    with contextlib.closing(Selector()) as selector, contextlib.ExitStack() as undo:
        visitors = []
        for other in CODECS.values():
            if other is not codec:
                visitor = _Visitor(other, selector)
                undo.callback(visitor.disconnect)
                with contextlib.suppress(OSError):
                    visitor.visit(address, _OTHERS_SECONDS)
                    visitors.append(visitor)
        selector.read_until(lambda: any(one.is_in() for one in visitors),
                            time.monotonic() + _OTHERS_SECONDS * time_scale)
        return next((one.codec.NAME for one in visitors if one.is_in()), None)


def _speaks_tls(address):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(address, _OTHERS_SECONDS) as plain, context.wrap_socket(plain):
            return True
    except (OSError, ValueError):
        return False
