"""What the suite's command line names: servers at addresses, their idle limits, requirements."""
import argparse
import os
import re
import shlex
import shutil

from parley.conformance import requirements
from parley.conformance.targets import START_IN
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import nearest

_PLACE = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>[0-9]+)", re.ASCII)
_LAST_PORT = 65535


class Mistake(Exception):
    """What was asked for cannot be meant; the text is a sentence."""


def workers(text):
    """A number of worker processes, for argparse."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError("%r is no number of processes" % text)
    return int(text)


def time_scale(text):
    """A factor above 0, for argparse."""
    factor = _number(text)
    if factor is None:
        raise argparse.ArgumentTypeError("%r is no number above 0" % text)
    return factor


def _number(text):
    """A finite number above 0; None if it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def targets(texts):
    """{protocol: (host, port)} of texts such as line=localhost:4000 or line=[::1]:4000."""
    found = {}
    for protocol, place in _pairs(texts, "--target", "HOST:PORT"):
        option = "--target %s=%s" % (protocol, place)
        shape = _PLACE.fullmatch(place)
        if not shape:
            raise Mistake("%s: the address of a server is HOST:PORT, such as localhost:4000 or [::1]:4000" % option)
        port = int(shape.group("port"))
        if not 0 < port <= _LAST_PORT:
            raise Mistake("%s: %d is no port; ports are from 1 to %d" % (option, port, _LAST_PORT))
        found[protocol] = (shape.group("v6") or shape.group("host"), port)
    return found


def idle_limits(texts, addresses):
    """{protocol: seconds} of texts such as line=60, for the targets at `addresses`."""
    found = {}
    for protocol, limit in _pairs(texts, "--idle-limit", "SECONDS"):
        option = "--idle-limit %s=%s" % (protocol, limit)
        found[protocol] = _number(limit)
        if found[protocol] is None:
            raise Mistake("%s: %r is no number of seconds above 0" % (option, limit))
        if protocol not in addresses:
            raise Mistake("%s: it is about a target, and there is no --target %s=HOST:PORT" % (option, protocol))
    return found


def command(text):
    """The words of the command of a server, None if there is none; it runs in the checkout, if there is one."""
    try:
        words = shlex.split(text or "")
    except ValueError as error:
        raise Mistake("--server-command=%s: %s" % (text, str(error).lower())) from None
    if words and not shutil.which(os.path.join(START_IN, words[0]) if os.sep in words[0] else words[0]):
        raise Mistake("--server-command=%s: there is no program %s" % (text, words[0]))
    return words or None


def check_requirements(idents):
    """Mistake unless each can be asked for."""
    known = {}
    for protocol in requirements.protocols() if idents else ():
        known.update(requirements.load(protocol))
    for ident in idents:
        if ident not in known:
            raise Mistake("--req %s: there is no such requirement%s" % (ident, nearest(ident, known)))
        if known[ident].untestable:
            raise Mistake("--req %s: no scenario is evidence for it: %s" % (ident, known[ident].untestable))


def check_report(path):
    """Mistake unless a report can be written there, or none is wanted."""
    if path is not None and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise Mistake("--report %s: there is no such directory" % path)
    if path is not None and os.path.isdir(path):
        raise Mistake("--report %s: this is a directory" % path)


def _pairs(texts, option, value):
    """(protocol, rest) of each PROTOCOL=REST."""
    seen = set()
    for text in texts:
        protocol, equals, rest = text.partition("=")
        if not equals:
            raise Mistake("%s %s: it has the form PROTOCOL=%s" % (option, text, value))
        if protocol not in CODECS:
            raise Mistake("%s %s: there is no protocol '%s'%s (known: %s)" % (
                option, text, protocol, nearest(protocol, CODECS), ", ".join(sorted(CODECS))))
        if protocol in seen:
            raise Mistake("%s %s: %s is given twice" % (option, text, protocol))
        seen.add(protocol)
        yield protocol, rest
