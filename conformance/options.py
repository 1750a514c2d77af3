"""Parses and checks the suite's command-line options."""
import argparse
import os
import re
import shlex
import shutil

from parley.conformance import engine, requirements
from parley.conformance.targets import START_IN
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import nearest

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>[0-9]+)", re.ASCII)
_WITH_PATH = re.compile(r"(?:ws://)?(?P<address>[^/]*)(?P<path>/[!-~]*)?", re.ASCII)
_LAST_PORT = 65535


class UsageError(Exception):
    """An option is wrong; the text is one line that says which and why."""


def workers(text):
    """A number of worker processes, for argparse."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError("%r is not a number of processes" % text)
    return int(text)


def time_scale(text):
    """A factor above 0, for argparse."""
    factor = _number(text)
    if factor is None:
        raise argparse.ArgumentTypeError("%r is not a positive number" % text)
    return factor


def _number(text):
    """The text as a finite positive number; None if it is not one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


class Address(tuple):
    """(host, port), and the `path` there; None for the usual one, or where the protocol knows no paths."""

    path = None


def targets(texts):
    """{protocol: Address} from texts such as line=localhost:4000 or line=[::1]:4000; raises UsageError.

    Where the protocol has paths, such as web=localhost:8000/parley/chat or web=ws://localhost:8000/parley/chat, too.
    """
    found = {}
    for protocol, address in _pairs(texts, "--target", "HOST:PORT"):
        option = "--target %s=%s" % (protocol, address)
        path, example = None, "localhost:4000 or [::1]:4000"
        if hasattr(CODECS[protocol], "PATH"):
            example = "localhost:8000 or ws://localhost:8000/chat"
            with_path = _WITH_PATH.fullmatch(address)
            address, path = with_path.group("address", "path") if with_path else (address, None)
        shape = _HOST_PORT.fullmatch(address)
        if not shape:
            raise UsageError("%s: the address of a server is HOST:PORT, such as %s" % (option, example))
        port = int(shape.group("port"))
        if not 0 < port <= _LAST_PORT:
            raise UsageError("%s: %d is not a port; ports are from 1 to %d" % (option, port, _LAST_PORT))
        found[protocol] = Address((shape.group("v6") or shape.group("host"), port))
        found[protocol].path = path
    return found


def idle_limits(texts, addresses):
    """{protocol: seconds} from texts such as line=60; raises UsageError. addresses: what `targets` returned."""
    found = {}
    for protocol, limit in _pairs(texts, "--idle-limit", "SECONDS"):
        option = "--idle-limit %s=%s" % (protocol, limit)
        found[protocol] = _number(limit)
        if found[protocol] is None:
            raise UsageError("%s: %r is not a positive number of seconds" % (option, limit))
        if protocol not in addresses:
            raise UsageError("%s: it needs the option --target %s=HOST:PORT" % (option, protocol))
    return found


def nodes(number, foreign):
    """The number of nodes; raises UsageError if they cannot be started, or if a `targets.Foreign` is to be judged."""
    if number > 1 and foreign:
        raise UsageError("--nodes %d: with --target no server is started" % number)
    if number > 1 and not engine.PROGRAMS:
        raise UsageError("--nodes %d: %s" % (number, engine.MISSING))
    return number


def command(text):
    """The words of a server's command; None if the text is empty or None. Raises UsageError.

    The command will run in `targets.START_IN`, so a relative path is one from there.
    """
    try:
        words = shlex.split(text or "")
    except ValueError as error:
        raise UsageError("--server-command=%s: %s" % (text, str(error).lower())) from None
    if words and not shutil.which(os.path.join(START_IN, words[0]) if os.sep in words[0] else words[0]):
        raise UsageError("--server-command=%s: there is no program %s" % (text, words[0]))
    return words or None


def check_requirements(idents):
    """Raise UsageError unless these are ids of requirements that have scenarios."""
    known = {}
    for protocol in requirements.protocols() if idents else ():
        known.update(requirements.load(protocol))
    for ident in idents:
        if ident not in known:
            raise UsageError("--req %s: there is no such requirement%s" % (ident, nearest(ident, known)))
        if known[ident].untestable:
            raise UsageError("--req %s: no scenario is evidence for it: %s" % (ident, known[ident].untestable))


def check_report(option, path):
    """Raise UsageError if `path` is not None and a report cannot be written there."""
    if path is not None and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UsageError("%s %s: there is no such directory" % (option, path))
    if path is not None and os.path.isdir(path):
        raise UsageError("%s %s: it is a directory" % (option, path))


def _pairs(texts, option, value):
    """(protocol, value) of each text PROTOCOL=VALUE; raises UsageError. `value` is its name in the error."""
    seen = set()
    for text in texts:
        protocol, equals, rest = text.partition("=")
        if not equals:
            raise UsageError("%s %s: it must have the form PROTOCOL=%s" % (option, text, value))
        if protocol not in CODECS:
            raise UsageError("%s %s: there is no protocol '%s'%s (known: %s)" % (
                option, text, protocol, nearest(protocol, CODECS), ", ".join(sorted(CODECS))))
        if protocol in seen:
            raise UsageError("%s %s: %s is given twice" % (option, text, protocol))
        seen.add(protocol)
        yield protocol, rest
