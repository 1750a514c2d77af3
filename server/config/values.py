"""Values that are read in the same way wherever they stand: in the file, in the environment, in flags."""
import difflib
import ipaddress
import os
import re
import socket
import stat

from parley.server.chat.names import canonical_room
from parley.server.protocols import PROTOCOLS

MOST_WORKERS = 256
LOBBY = ("lobby", "#lobby")  # names of the lobby, where a port may be that of a room

_NAME = re.compile(r"[\w.-]+")  # of a host
_DIGITS = re.compile(r"[0-9.]+")
_WITH_PORT = re.compile(r"[^:]+:[0-9]*|\[.*\]:[0-9]*")


class ConfigError(ValueError):
    """The configuration cannot be used; the text says where and why, in one line."""


def host(text):
    """The address or name to listen on, without the brackets around an IPv6 address; ConfigError if it is neither."""
    bracketed = text.startswith("[") and text.endswith("]")
    bare = text[1:-1] if bracketed else text
    if bracketed or ":" in text:
        fit = _is_ipv6(bare)
    elif _DIGITS.fullmatch(text):
        fit = _is_ipv4(text)
    else:
        fit = _NAME.fullmatch(text)
    if not fit:
        port = "; the port stands under `listen`" if _WITH_PORT.fullmatch(text) else ""
        raise ConfigError("expected auto, or an address or a name of this machine, not %r%s" % (text, port))
    return bare


def is_port(text):
    """Is it the number of a port, or 0? The length is checked first: Python converts no thousands of digits."""
    return text.isdecimal() and len(text) < 10 and int(text) <= 65535


def address(text):
    """(host, port) of HOST:PORT, an IPv6 address in brackets; ConfigError if it is something else."""
    name, colon, port = text.rpartition(":")
    if not (name and is_port(port)) or ":" in name.strip("[]") and name[0] != "[":
        raise ConfigError("expected an address and a port, such as 127.0.0.1:9105, not %r" % text)
    return host(name), int(port)


def _is_ipv6(text):
    try:
        ipaddress.IPv6Address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_ipv4(text):
    try:
        socket.inet_aton(text)  # which accepts 127.1 too
    except OSError:
        return False
    return True


def room_name(text):
    """The name of a room, as bytes, that a text stands for; ConfigError if it stands for none."""
    try:
        return canonical_room(text.encode())
    except ValueError:  # InvalidName and UnicodeEncodeError are
        raise ConfigError("%r is not the name of a room: # and 1 to 32 characters, none of them a blank, a comma or a"
                          " colon; or lobby" % text) from None


def check_has_rooms(protocol):
    """ConfigError if a room cannot stand in the lobby's place in this protocol."""
    if PROTOCOLS[protocol].TRAITS.optional:
        raise ConfigError("%s has one port, on which all rooms are; it has none for a room" % protocol)


def ports_with(ports, given):
    """`ports` updated by `given`, {protocol: port or False}, without those that are off, in the order of PROTOCOLS."""
    ports = dict(ports, **given)
    return {name: ports[name] for name in PROTOCOLS if ports.get(name, False) is not False}


def suggestion(word, known):
    close = difflib.get_close_matches(str(word), known, 1, 0.5)
    return "; did you mean %r?" % close[0] if close else "; known are: " + ", ".join(known)


def read_file(path, most, again=False):
    """The bytes of a file; ConfigError if it has more than `most`, as a log or a device has; OSError.

    again: has the server read it at its start? Then a pipe, as of `--config <(...)`, is a ConfigError: it is empty now,
        or reading it would wait.
    """
    if again and stat.S_ISFIFO(os.stat(path).st_mode):
        raise ConfigError("%s: a pipe, which cannot be read again; name a file" % path)
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ConfigError("%s: more than %d KiB; is this the right file?" % (path, most >> 10))
    return content
