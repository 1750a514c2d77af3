"""Reads values from the nodes of a YAML file."""
import importlib.util
import ipaddress
import os
import re
import shlex
import socket
import sys
import urllib.parse

from parley.server.chat.names import InvalidName, canonical_name
from parley.server.config.settings import SYNC, USUAL_STORAGE, File, Redis, Tls
from parley.server.config.values import (
    LOBBY,
    MOST_WORKERS,
    ConfigError,
    address,
    check_has_rooms,
    host,
    is_port,
    ports_with,
    read_file,
    room_name,
    suggestion,
)
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.text import canonical, is_blank

try:
    import yaml
except ImportError:
    yaml = None  # then there is no node to read from: see `server.config.file.require_yaml`

MOST_PACING_MS = 100  # with more, conversations and logins would feel slow
LARGEST_CERTIFICATE = 1 << 20  # bytes
LONGEST_MOTD = 4096  # bytes, so that every protocol can tell it
LONGEST_NODE = 32  # characters of a node's name, or a log's
REPLICA = ("preferred", "required", "none")
ENGINES = ("redis", "rediss", "unix")  # of a URL

_UNFIT = re.compile("[\0\ud800-\udfff]")  # not allowed in a text, which may become a path or go over a wire
_ORIGIN = re.compile(r"[a-z]+://[^/\s]+", re.ASCII)
_PAGE = re.compile(r"https?://[^/\s?#]+(/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_WORD_AND_COLON = re.compile(r"[a-z_]+:[^\s/]")
_NODE = re.compile(r"[A-Za-z0-9._-]{1,%d}" % LONGEST_NODE)


class Reader:
    """Reads values from the YAML nodes of a file; each error is a ConfigError with the file, the line and the key.

    again: see `server.config.values.read_file`.
    """

    def __init__(self, path, again=False):
        self._path = path
        self._again = again
        self._keys = []  # of the mappings around the node that is being read, from the outside in

    def error(self, node, text):
        """The ConfigError to raise about `node`, which is being read."""
        return ConfigError(": ".join(filter(None, (self.place(node), ".".join(self._keys), str(text)))))

    def place(self, node):
        """file:line"""
        return "%s:%d" % (self._path, node.start_mark.line + 1)

    def section(self, node, readers):
        """{key: value} of a mapping node; readers: {key: function of a node}, with all keys that it may have."""
        if not isinstance(node, yaml.MappingNode):
            space = "; a space has to follow the colon" if _lacks_space(node) else ""
            raise self.error(node, "expected a mapping with: %s%s" % (", ".join(readers), space))
        values = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value not in readers:
                name = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise self.error(key, "unknown key %r%s" % (name, suggestion(name, list(readers))))
            if key.value in values:
                raise self.error(key, "%r appears twice" % key.value)
            self._keys.append(key.value)
            values[key.value] = readers[key.value](value)
            self._keys.pop()  # not after an error, with which the reading ends
        return values

    def _scalar(self, node, kinds, expected):
        try:
            value = yaml.SafeLoader("").construct_object(node) if isinstance(node, yaml.ScalarNode) else ()
        except Exception:  # PyYAML raises all kinds of them, such as a KeyError for `!!bool maybe`
            value = ()
        if type(value) not in kinds or _UNFIT.search(str(value)):
            shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            raise self.error(node, "expected %s, not %s" % (expected, shown))
        return value

    def _number(self, node, kinds, expected, most, least=0):
        value = self._scalar(node, kinds, expected)
        if not least <= value <= most:
            raise self.error(node, "expected %s, not %s" % (expected, value))
        return value

    def count(self, node):
        return self._number(node, (int,), "a whole number, 0 or more", 1 << 40)

    def positive(self, node):
        return self._number(node, (int,), "a whole number, 1 or more", 1 << 40, least=1)

    def seconds(self, node):
        return self._number(node, (int, float), "a number, 0 or more", 1 << 40)

    def pacing(self, node):
        return self._number(node, (int, float), "a number from 0 to %d" % MOST_PACING_MS, MOST_PACING_MS)

    def percent(self, node):
        return self._number(node, (int,), "a whole number from 0 to 99", 99)

    def command(self, node):
        """A command with its arguments, as text; None for null."""
        text = self._scalar(node, (str, type(None)), "a command, or null")
        try:
            fits = text is None or shlex.split(text)
        except ValueError:
            fits = False
        if not fits:
            raise self.error(node, "expected a command, such as clamdscan --fdpass, not %r" % text)
        return text

    def url(self, node):
        """The address of the page, without a slash at its end; None for null."""
        text = self._scalar(node, (str, type(None)), "an address, such as https://chat.example.org, or null")
        if text is not None and not _PAGE.fullmatch(text):
            raise self.error(node, "expected an address, such as https://chat.example.org, not %r" % text)
        return text and text.rstrip("/")

    def switch(self, node):
        return self._scalar(node, (bool,), "true or false")

    def motd(self, node):
        """The message of the day, in canonical form; null is none."""
        text = canonical((self._scalar(node, (str, type(None)), "a text") or "").encode("utf-8", "replace"))
        if len(text) > LONGEST_MOTD:
            raise self.error(node, "the message of the day has %d bytes; at most %d are allowed" % (
                len(text), LONGEST_MOTD))
        return b"" if is_blank(text) else text.rstrip(b"\n")

    def operators(self, node):
        """(name, place) of each."""
        return tuple((self._person(one), self.place(one)) for one in self._items(node, "names, such as [ann, bob]"))

    def _items(self, node, what):
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, "expected a list of %s" % what)
        return node.value

    def networks(self, node):
        """Addresses and networks, as text."""
        what = 'addresses and networks, such as ["127.0.0.1", "192.0.2.0/24"]'
        return tuple(self._network(one, what) for one in self._items(node, what))

    def _network(self, node, what):
        text = self._scalar(node, (str,), "one of the " + what)
        try:
            return str(ipaddress.ip_network(text))
        except ValueError:
            raise self.error(node, "expected one of the %s, not %r" % (what, text)) from None

    def word(self, node):
        """A name of IRC, such as the server's, as bytes."""
        text = self._scalar(node, (str,), "a name, such as irc.example.org")
        if not _HOST_NAME.fullmatch(text):
            raise self.error(node, "expected letters, digits, dots and hyphens, not %r" % text)
        return text.encode()

    def origins(self, node):
        """Origins of web pages, as bytes."""
        what = 'origins, such as ["https://example.org"]'
        return tuple(self._origin(one, what) for one in self._items(node, what))

    def _origin(self, node, what):
        text = self._scalar(node, (str,), "one of the " + what)
        if not _ORIGIN.fullmatch(text):
            raise self.error(node, "expected one of the %s, without a path, not %r" % (what, text))
        return text.lower().encode()

    def prefix(self, node):
        """What stands before all paths, as bytes; null is nothing."""
        text = self._scalar(node, (str, type(None)), "a path, such as /chat") or ""
        if not _PREFIX.fullmatch(text):
            raise self.error(node, "expected a path, such as /chat, not %r" % text)
        return text.rstrip("/").encode()

    def _person(self, node):
        """The name of a user, as canonical bytes."""
        text = self._scalar(node, (str,), "a name, in quotes if it is a number")
        try:
            return canonical_name(text.encode("utf-8", "surrogatepass"))
        except InvalidName:
            raise self.error(node, "%r is not a valid name" % text) from None

    def text(self, node):
        return self._scalar(node, (str,), "text")

    def host(self, node):
        text = self._scalar(node, (str,), 'auto, or an address or a name as text ("[::1]" needs its quotes)')
        try:
            return host(text)
        except ConfigError as error:
            raise self.error(node, error) from None

    def address(self, node):
        """(host, port); None for null."""
        text = self._scalar(node, (str, type(None)), "an address and a port, such as 127.0.0.1:9105, or null")
        if text is None:
            return None
        try:
            return address(text)
        except ConfigError as error:
            raise self.error(node, error) from None

    def path(self, node):
        """The path of a file; None for null."""
        return self._relative_to_file(self._scalar(node, (str, type(None)), "the path of a file, or null"))

    def directory(self, node):
        return self._relative_to_file(self.text(node))

    def _relative_to_file(self, path):
        """Paths are relative to the configuration file, not to the directory in which the server is started."""
        return path and os.path.join(os.path.dirname(self._path), path)

    def storage(self, node):
        """(storage, cluster) of the `Settings`."""
        if isinstance(node, yaml.ScalarNode):
            if node.value != "memory":
                raise self.error(node, "expected memory, or a directory, such as {directory: /var/lib/parley}, not %r"
                                 % node.value)
            return None, None
        given = self.section(node, {
            "directory": self.directory, "sync": self.sync, "keep_messages": self.count, "keep_days": self.count,
            "redis": self.redis})
        redis = given.pop("redis", None)
        if redis and given:
            raise self.error(node, "with `redis`, the past is in the memory of the nodes, and %s cannot be used" % (
                next(iter(given))))
        if not redis and not given.get("directory"):
            raise self.error(node, "the directory is missing; or write storage: memory")
        return (None, redis) if redis else (USUAL_STORAGE._replace(**given), None)

    def redis(self, node):
        """A `Redis` from a mapping."""
        given = self.section(node, {
            "url": self.engine, "sentinels": self.sentinels, "master": self.text, "replica": self.replica,
            "password_file": self._file, "user": self.text, "sentinel_password_file": self._file, "ca_file": self._file,
            "name": self.node_name, "node": self.node_name,
            "silence_seconds": lambda node: self._number(node, (int, float), "seconds, from 2 to 600", 600, least=2),
            "log_bytes": lambda node: self._number(
                node, (int,), "a number of bytes, at least 1048576", 1 << 40, least=1 << 20)})
        if ("url" in given) == ("sentinels" in given):
            raise self.error(node, "one of `url`, such as redis://10.0.0.5:6379/0, and `sentinels` has to be there")
        if "url" in given and (given.get("replica", "none") != "none" or "master" in given):
            raise self.error(node, "a master and its replica can be used with `sentinels` only, which know them")
        if "sentinels" in given and given.get("replica") == "none":
            raise self.error(node, "with `sentinels` the replica is preferred or required")
        if "url" in given and ("user" in given or "sentinel_password_file" in given):
            raise self.error(node, "`user` and `sentinel_password_file` are for `sentinels`; a URL has its user in it")
        if "ca_file" in given and not given.get("url", "rediss:").startswith("rediss:"):
            raise self.error(node, "`ca_file` is for TLS, but the URL does not begin with rediss://")
        if importlib.util.find_spec("redis") is None:
            raise self.error(node, "the package redis is not installed for this Python: run `%s -m pip install"
                                   " 'parley-chat[cluster]'`" % (sys.executable or "python3"))
        for secret in ("password", "sentinel_password"):
            file = given.pop(secret + "_file", None)
            given[secret] = file and file.content.decode("utf-8", "replace").rstrip("\r\n")
        ca_file = given.pop("ca_file", None)
        values = {"url": "", "sentinels": (), "master": "parley", "name": "parley",
                  "replica": "preferred" if "sentinels" in given else "none",
                  "node": socket.gethostname()[:LONGEST_NODE], "silence_seconds": 6,
                  "log_bytes": 256 << 20, "user": None, "ca_file": ca_file and os.path.abspath(ca_file.path), **given}
        if not _NODE.fullmatch(values["node"]):
            raise self.error(node, "this machine is called %r, which cannot be the name of a node: choose one as `node`"
                             % values["node"])
        return Redis(**values)

    def engine(self, node):
        """The URL of a Redis."""
        text = self._scalar(node, (str,), "a URL, such as redis://10.0.0.5:6379/0")
        try:
            parts = urllib.parse.urlsplit(text)
            fits = parts.scheme in ENGINES and (parts.path if parts.scheme == "unix" else parts.hostname)
            parts.port  # noqa: B018 - which is a ValueError if it is none
        except ValueError:
            fits = False
        if not fits or parts.scheme != "unix" and not re.fullmatch("(/[0-9]*)?", parts.path):
            raise self.error(node, "expected a URL, such as redis://10.0.0.5:6379/0, rediss://... with TLS, or"
                                   " unix:///run/redis.sock, not %r" % text)
        return text

    def sentinels(self, node):
        """((host, port), ...)"""
        what = "addresses of Sentinels, such as [10.0.0.5:26379, 10.0.0.6:26379, 10.0.0.7:26379]"
        found = tuple(self._address(one, what) for one in self._items(node, what))
        if not found:
            raise self.error(node, "expected a list of " + what)
        return found

    def _address(self, node, what):
        text = self._scalar(node, (str,), "one of the " + what)
        host, _, port = text.rpartition(":")
        if not host or not is_port(port):
            raise self.error(node, "expected one of the %s, not %r" % (what, text))
        return host.strip("[]"), int(port)

    def replica(self, node):
        value = self._scalar(node, (str,), " or ".join(REPLICA))
        if value not in REPLICA:
            raise self.error(node, "expected %s, not %r" % (" or ".join(REPLICA), value))
        return value

    def node_name(self, node):
        text = self._scalar(node, (str,), "a name, in quotes if it is a number")
        if not _NODE.fullmatch(text):
            raise self.error(node, "expected a name of at most %d letters, digits, '.', '_' and '-', not %r" % (
                LONGEST_NODE, text))
        return text

    def sync(self, node):
        expected = " or ".join(SYNC)
        value = self._scalar(node, (str,), expected)
        if value not in SYNC:
            raise self.error(node, "expected %s, not %r" % (expected, value))
        return value

    def workers(self, node):
        if node.value == "auto":
            return os.cpu_count() or 1
        expected = "a number from 1 to %d, or auto" % MOST_WORKERS
        return self._number(node, (int,), expected, MOST_WORKERS, least=1)

    def listen(self, node, ports):
        """({protocol: port} without those that are off, the room ports): see `Settings`.

        A protocol that the file does not name stays as in `ports`.
        """
        given = self.section(node, dict.fromkeys(tuple(PROTOCOLS), self._ports))
        for protocol, (_, rooms) in given.items():
            if rooms:
                try:
                    check_has_rooms(protocol)
                except ConfigError as error:
                    raise self.error(node, error) from None
        room_ports = tuple((protocol, port, room) for protocol, (_, rooms) in given.items() for port, room in rooms)
        lobby = {protocol: port for protocol, (port, _) in given.items() if port is not None}
        return ports_with(ports, lobby), room_ports

    def _ports(self, node):
        """(port of the lobby or None, [(port, name of a room)]) from a port, or from a mapping of ports to rooms."""
        if not isinstance(node, yaml.MappingNode):
            return self._port(node), []
        lobby, rooms = None, []
        for key, value in node.value:
            port = self._number(key, (int,), "a port from 0 to 65535", 65535)
            room = self._scalar(value, (str,), 'lobby, or the name of a room in quotes, as in "#dev"')
            if room not in LOBBY:
                try:
                    rooms.append((port, room_name(room)))
                except ConfigError as error:
                    raise self.error(value, error) from None
            elif lobby is None:
                lobby = port
            else:
                raise self.error(key, "the lobby has port %d already" % lobby)
        return False if lobby is None else lobby, rooms

    def tls(self, node):
        """A complete `Tls`."""
        values = self.section(node, {
            "listen": lambda node: self.listen(node, {}), "certificate": self._file, "key": self._file})
        listen, room_ports = values.pop("listen", ({}, ()))
        given = Tls(listen, None, None, room_ports)._replace(**values)
        if not given.certificate and (listen or room_ports or given.key):
            raise self.error(node, "TLS needs a `certificate`")
        return given._replace(key=given.key or given.certificate)

    def _file(self, node):
        """The `File` at a path, already read; None for null."""
        path = self.path(node)
        if path is None:
            return None
        try:
            return File(path, read_file(path, LARGEST_CERTIFICATE, self._again))
        except OSError as error:
            raise self.error(node, "%s: %s" % (path, error.strerror)) from None
        except ConfigError as error:
            raise self.error(node, str(error)) from None

    def _port(self, node):
        expected = "a port from 0 to 65535, or false"
        value = self._scalar(node, (int, bool), expected)
        if value is True or value > 65535 or value < 0:
            raise self.error(node, "expected %s, not %r" % (expected, node.value))
        return value

    def per_protocol(self, node, read_value, values):
        """{protocol: value} from a mapping, or from one value for all; those not named stay as in `values`."""
        if isinstance(node, yaml.ScalarNode):
            return dict.fromkeys(values, read_value(node))
        given = self.section(node, dict.fromkeys(values, read_value))
        return {name: given.get(name, value) for name, value in values.items()}


def _lacks_space(node):
    """Is it a text such as `workers:4`, which YAML takes for one word?"""
    return isinstance(node, yaml.ScalarNode) and _WORD_AND_COLON.match(node.value)
