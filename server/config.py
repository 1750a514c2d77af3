"""The configuration: defaults, a YAML file, the environment, flags; each overrides those before it.

Every mistake is a ConfigError that names the place, what is wrong, and what was probably meant.
"""
import difflib
import importlib.util
import ipaddress
import json
import os
import re
import shlex
import socket
import sys
import urllib.parse
from collections import namedtuple

from parley.server.chat.names import InvalidName, canonical_name, canonical_room, claims
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.text import canonical, is_blank

try:
    import yaml
except ImportError:
    yaml = None  # see `require_yaml`

DEFAULT_FILE = "config.yaml"
PORT_VARIABLE = "CHAT_PORT"
MOST_WORKERS = 256
MOST_PACING_MS = 100  # with more, conversations and logins would feel slow
LONGEST_MOTD = 4096  # bytes, so that every protocol can tell it
LONGEST_NODE = 32  # characters of a node's name, or a log's
LOBBY = ("lobby", "#lobby")  # what stands for it where a port is that of a room
NO_LIMIT_IF_0 = ("messages_per_second", "first_command_seconds", "connections", "connections_per_address")

_ORIGIN = re.compile(r"[a-z]+://[^/\s]+", re.ASCII)
_PAGE = re.compile(r"https?://[^/\s?#]+(/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_NAME = re.compile(r"[\w.-]+")  # of a host
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_DIGITS = re.compile(r"[0-9.]+")
_BARE_ROOM = re.compile(r"[0-9]: +#[^ ]")
_NODE = re.compile(r"[A-Za-z0-9._-]{1,%d}" % LONGEST_NODE)
_WITH_PORT = re.compile(r"[^:]+:[0-9]*|\[.*\]:[0-9]*")


class ConfigError(ValueError):
    """The configuration cannot be used; the text says where and why, in one line."""


Storage = namedtuple("Storage", "directory sync keep_messages keep_days")
Storage.__doc__ = "A path, one of SYNC, how many messages are kept, and for how many days; 0 means no limit."

SYNC = ("each-commit", "system")
Redis = namedtuple("Redis", "url sentinels master replica password name node silence_seconds log_bytes user"
                            " sentinel_password ca_file")
Redis.__doc__ = "Where the order of several machines is: see `parley.server.order.place.Place`."

REPLICA = ("preferred", "required", "none")
ENGINES = ("redis", "rediss", "unix")  # of a URL
USUAL_STORAGE = Storage(None, SYNC[0], 10000000, 0)

File = namedtuple("File", "path content")


class Tls(namedtuple("Tls", "listen certificate key room_ports")):
    """listen: {protocol: port}, of the TLS ports. certificate, key: each a `File` with PEM (bytes) in it, or None.

    room_ports: see `Settings`.
    """

    __slots__ = ()


Files = namedtuple("Files", "file_bytes account_bytes guest_bytes all_bytes offers_per_minute disk_reserve_percent"
                            " keep_days scan url")
Files.__doc__ = """How much may be kept; numbers, where 0 means no limit of offers and of days, and no files at all if
it is file_bytes. scan: a command, or None. url: of the page, without a slash at its end, or None."""
Web = namedtuple("Web", "trusted_proxies origins path")
Irc = namedtuple("Irc", "name network scram")
Irc.__doc__ = "How the server and its network are called in IRC, as bytes. scram: can one log in by SCRAM-SHA-256?"
Web.__doc__ = "Networks as text, origins (bytes) such as https://example.org, and what stands before all paths (bytes)."


class Settings(namedtuple("Settings", (
        "workers", "host", "listen", "room_ports", "tls", "web", "irc", "proxy", "idle_timeout", "echo", "goodbye",
        "motd", "files",
        "limits", "rooms", "operators", "pacing_ms", "users_file", "register", "guests", "failed_logins_per_minute",
        "accounts_per_address", "keep_box_days", "storage", "cluster", "metrics"))):
    """All settings, complete and checked.

    config.yaml says what each of them means.

    workers: int. host: str, see `host`. listen: {protocol: port}, without those that are off. tls: `Tls`. web: `Web`.
    irc: `Irc`. files: `Files`.
    proxy: bool.
    room_ports: (protocol, port, name of the room as bytes) of each port at which a room stands in the lobby's place.
    idle_timeout: {protocol: seconds, 0 for never}. echo: {protocol: bool}.
    goodbye: {protocol: bool}, of the protocols whose clients say goodbye with a text.
    motd: the message of the day, as canonical bytes; empty if there is none.
    limits: {name: int}; text_bytes: {protocol: int}. rooms: {name: int}, as `parley.server.chat.gate.LIMITS`.
    operators: (name as bytes, place in the file) of each.
    pacing_ms: int or float. users_file: a path, or None. register, guests: bool.
    failed_logins_per_minute, accounts_per_address, keep_box_days: int, 0 for no limit.
    storage: `Storage`, or None if nothing is stored. cluster: `Redis`, or None if this server is alone.
    metrics: (host, port) to tell metrics at, or None.
    """

    __slots__ = ()

    @property
    def first_port(self):
        """The port that names the control socket of a server without storage: of `line`, or else the first protocol."""
        of_rooms = [port for _, port, _ in (*self.room_ports, *self.tls.room_ports)]
        return next(iter([*self.listen.values(), *self.tls.listen.values(), *of_rooms]), 0)

    def of_workers(self):
        """The settings of a worker, a dictionary of plain data. certificate: (certificate, key) as bytes, or None."""
        certificate = (self.tls.certificate.content, self.tls.key.content) if self.tls.certificate else None
        share = -(-self.limits["connections"] // self.workers)
        return {
            "idle_timeout": self.idle_timeout,
            "echo": self.echo,
            "goodbye": self.goodbye,
            "motd": self.motd,
            "register": self.register,
            "guests": self.guests,
            "limits": dict(self.limits, connections=share),
            "certificate": certificate,
            "web": dict(self.web._asdict()),
            "irc": dict(self.irc._asdict(), topic_bytes=self.rooms["topic_bytes"], guests=self.guests),
            "proxy": self.proxy,
            "only_tls": "web" not in self.listen,
            "pacing": self.pacing_ms / 1000,
        }


def defaults():
    """The `Settings` that hold if nobody says otherwise."""
    return Settings(
        workers=os.cpu_count() or 1,
        host="auto",  # a chat server should be reachable, and `localhost` often means ::1 alone
        listen={name: protocol.PORT for name, protocol in PROTOCOLS.items()},
        room_ports=(),
        tls=Tls({}, None, None, ()),
        web=Web(("127.0.0.1/32", "::1/128"), (), b""),
        irc=Irc(b"irc.parley", b"Parley", False),
        proxy=False,
        idle_timeout={name: protocol.IDLE_TIMEOUT for name, protocol in PROTOCOLS.items()},
        echo=dict.fromkeys(PROTOCOLS, False),
        goodbye={"padded": True},
        motd=b"",
        files=Files(25 << 20, 200 << 20, 20 << 20, 5 << 30, 10, 10, 30, None, None),
        limits={
            "line_bytes": 8192,
            "text_bytes": {name: 16384 for name in PROTOCOLS if name not in ("line", "irc")},
            "messages_per_second": 100,
            "first_command_seconds": 3600,
            "frame_seconds": 10,
            "outbox_bytes": 1 << 20,
            "stall_seconds": 10,
            "connections": 50000,
            "connections_per_address": 0,
        },
        rooms={
            "most": 1000,
            "owned": 10,
            "joined": 50,
            "joins_per_second": 5,
            "topic_bytes": 390,
            "bans": 100,
            "empty_room_days": 30,
            "keep_messages": 0,
        },
        operators=(),
        pacing_ms=2,
        users_file=None,
        register=True,
        guests=True,
        failed_logins_per_minute=3,
        accounts_per_address=1000,
        keep_box_days=30,
        storage=None,
        cluster=None,
        metrics=None,
    )


def require_yaml():
    """ConfigError if PyYAML is missing."""
    if yaml is None:
        raise ConfigError("PyYAML is not installed for this Python: run `%s -m pip install PyYAML`, or use ./dev"
                          " serve" % (sys.executable or "python3"))


def find_file(path):
    """The file to read: `path`, or, if that is None, the default file if it exists, or None."""
    return path or (DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None)


def read(path, settings):
    """`settings` with the changes in the YAML file at `path`; ConfigError if anything in it is wrong."""
    document = _compose(path)
    if document is None:
        return settings
    reader = _Reader(path)
    limits = {name: reader.count if name in NO_LIMIT_IF_0 else reader.positive for name in settings.limits}
    limits["text_bytes"] = lambda node: reader.per_protocol(node, reader.positive, settings.limits["text_bytes"])
    accounts = {
        "users_file": reader.path, "register": reader.switch, "guests": reader.switch,
        "failed_logins_per_minute": reader.count, "accounts_per_address": reader.count, "keep_box_days": reader.count}
    values = reader.section(document, {
        "workers": reader.workers,
        "host": reader.host,
        "listen": lambda node: reader.listen(node, settings.listen),
        "tls": reader.tls,
        "web": lambda node: settings.web._replace(**reader.section(
            node, {"trusted_proxies": reader.networks, "origins": reader.origins, "path": reader.prefix})),
        "irc": lambda node: settings.irc._replace(**reader.section(
            node, {"name": reader.word, "network": reader.word, "scram": reader.switch})),
        "proxy": reader.switch,
        "idle_timeout": lambda node: reader.per_protocol(node, reader.seconds, settings.idle_timeout),
        "echo": lambda node: reader.per_protocol(node, reader.switch, settings.echo),
        "goodbye": lambda node: reader.per_protocol(node, reader.switch, settings.goodbye),
        "motd": reader.motd,
        "files": lambda node: settings.files._replace(**reader.section(node, {
            **dict.fromkeys(("file_bytes", "account_bytes", "guest_bytes", "all_bytes", "offers_per_minute",
                             "keep_days"), reader.count),
            "disk_reserve_percent": reader.percent, "scan": reader.command, "url": reader.url})),
        "limits": lambda node: dict(settings.limits, **reader.section(node, limits)),
        "rooms": lambda node: dict(
            settings.rooms, **reader.section(node, dict.fromkeys(settings.rooms, reader.count))),
        "operators": reader.operators,
        "pacing_ms": reader.pacing,
        "accounts": lambda node: reader.section(node, accounts),
        "storage": reader.storage,
        "metrics": lambda node: reader.section(node, {"listen": reader.address}).get("listen", settings.metrics),
    })
    values.update(values.pop("accounts", {}))
    if "listen" in values:
        values["listen"], values["room_ports"] = values["listen"]
    if "storage" in values:
        values["storage"], values["cluster"] = values["storage"]
    return settings._replace(**values)


def _compose(path):
    """The YAML file at `path` as a node, with line numbers; None if it is empty. ConfigError if it is not YAML."""
    require_yaml()
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.compose(file, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError("%s: %s" % (path, error.strerror)) from None
    except UnicodeDecodeError:
        raise ConfigError("%s: not UTF-8 text" % path) from None
    except RecursionError:
        raise ConfigError("%s: nested too deeply" % path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        told = [getattr(error, "context", None), getattr(error, "problem", None) or str(error).splitlines()[0]]
        problem = ", ".join(filter(None, told))
        if "\\t" in problem:
            problem += "; indent with spaces"
        elif _has_bare_room(path, getattr(error, "context_mark", None) or mark, line):
            problem += '; the name of a room needs quotes, as in "#dev": a bare # begins a comment'
        raise ConfigError("%s:%d: %s" % (path, line, problem)) from None
    return None if document is None or document.tag == "tag:yaml.org,2002:null" else document


def _has_bare_room(path, start, last):
    """Does something that looks like the name of a room stand without quotes in these lines of the file?"""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()[start.line if start else 0:last]
    return any(_BARE_ROOM.search(line) for line in lines)


def users(path):
    """[(name, password, secret)] from a users file; ConfigError if it has another form.

    The form is document 004's: {"users": [{"username": ..., "password": ...}, ...]}. An entry may have a "secret", the
    hash of a password, instead of the password. Name and password are bytes, the secret is str; one of the two is None.
    """
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)["users"]
        return [_user(entry) for entry in entries]
    except OSError as error:
        raise ConfigError("%s: %s" % (path, error.strerror)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError('%s: expected {"users": [{"username": "...", "password": "..."}]}, not this: %s'
                          % (path, error)) from None


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


def address(text):
    """(host, port) of HOST:PORT, an IPv6 address in brackets; ConfigError if it is something else."""
    name, colon, port = text.rpartition(":")
    if not (name and port.isdecimal() and int(port) <= 65535) or ":" in name.strip("[]") and name[0] != "[":
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


def check_ports(settings):
    """ConfigError if two protocols have the same port, or if two rooms with ports look alike."""
    taken = {}
    wanted = list(settings.listen.items())
    wanted += [(protocol + " with TLS", port) for protocol, port in settings.tls.listen.items()]
    wanted += [("%s for %s" % (protocol, room.decode()), port)
               for protocol, port, room in settings.room_ports + settings.tls.room_ports]
    if settings.metrics:
        wanted.append(("metrics", settings.metrics[1]))
    for name, port in wanted:
        if port in taken:
            raise ConfigError(
                "%s and %s both have port %d; choose another one under `listen` or with --listen"
                % (taken[port], name, port))
        if port:
            taken[port] = name
    rooms = {b"#lobby": claims(b"#lobby")}
    for _, _, room in settings.room_ports + settings.tls.room_ports:
        occupied = claims(room)
        for other, others in rooms.items():
            if room != other and not occupied.isdisjoint(others):
                raise ConfigError("the rooms %s and %s look alike; give one of them another name under `listen` or"
                                  " with --listen" % (other.decode(), room.decode()))
        rooms[room] = occupied


def storage(directory):
    """The `Storage` that --storage means; None for "memory"."""
    if not directory:
        raise ConfigError('--storage: expected a directory, or "memory", not an empty text')
    return None if directory == "memory" else USUAL_STORAGE._replace(directory=directory)


def _user(entry):
    if ("password" in entry) == ("secret" in entry):
        raise ValueError("%r needs either a password or a secret" % (entry["username"],))
    name = entry["username"].encode()
    return (name, entry["password"].encode(), None) if "password" in entry else (name, None, entry["secret"] + "")


def environment(variables, settings):
    """`settings` with the changes in the environment, {name: value}; ConfigError if a value is wrong."""
    port = variables.get(PORT_VARIABLE)
    return settings if port is None else with_port(settings, "line", port, "environment variable " + PORT_VARIABLE)


def with_port(settings, protocol, port, place):
    """`settings` with `protocol` on `port`; or ConfigError that names `place`.

    port: text: a number, or a number, ":" and the name of a room, or "off".
    """
    port, colon, room = port.partition(":")
    if protocol not in tuple(PROTOCOLS):
        raise ConfigError("%s: unknown protocol %r%s" % (place, protocol, _suggestion(protocol, tuple(PROTOCOLS))))
    if port in ("off", "false"):
        given = {protocol: False}
    elif port.isdecimal() and int(port) <= 65535:
        given = {protocol: int(port)}
    else:
        raise ConfigError("%s: %r is not a port; a port is a number from 0 to 65535" % (place, port))
    if colon and room not in LOBBY:
        try:
            _check_has_rooms(protocol)
            if given[protocol] is False:
                raise ConfigError("a room's port cannot be off; leave it out")
            ports = (*settings.room_ports, (protocol, given[protocol], room_name(room)))
        except ConfigError as error:
            raise ConfigError("%s: %s" % (place, error)) from None
        return settings._replace(room_ports=ports)
    return settings._replace(listen=_listen(settings.listen, given))


def _check_has_rooms(protocol):
    """ConfigError if a room cannot stand in the lobby's place in this protocol."""
    if PROTOCOLS[protocol].TRAITS.optional:
        raise ConfigError("%s has one port, on which all rooms are; it has none for a room" % protocol)


def room_name(text):
    """The name of a room, as bytes, that a text stands for; ConfigError if it stands for none."""
    try:
        return canonical_room(text.encode())
    except ValueError:  # InvalidName and UnicodeEncodeError are
        raise ConfigError("%r is not the name of a room: # and 1 to 32 characters, none of them a blank, a comma or a"
                          " colon; or lobby" % text) from None


def _listen(ports, given):
    """`ports` updated by `given`, {protocol: port or False}, without those that are off, in the order of PROTOCOLS."""
    ports = dict(ports, **given)
    return {name: ports[name] for name in PROTOCOLS if ports.get(name, False) is not False}


def _suggestion(word, known):
    close = difflib.get_close_matches(str(word), known, 1, 0.5)
    return "; did you mean %r?" % close[0] if close else "; known are: " + ", ".join(known)


class _Reader:
    """Reads values from the YAML nodes of a file; each error is a ConfigError with the file and the line."""

    def __init__(self, path):
        self._path = path

    def error(self, node, text):
        """The ConfigError to raise about `node`."""
        return ConfigError("%s: %s" % (self.place(node), text))

    def place(self, node):
        """file:line"""
        return "%s:%d" % (self._path, node.start_mark.line + 1)

    def section(self, node, readers):
        """{key: value} of a mapping node; readers: {key: function of a node}, with all keys that it may have."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, "expected a mapping with: " + ", ".join(readers))
        values = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value not in readers:
                name = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise self.error(key, "unknown key %r%s" % (name, _suggestion(name, list(readers))))
            if key.value in values:
                raise self.error(key, "%r appears twice" % key.value)
            values[key.value] = readers[key.value](value)
        return values

    def _scalar(self, node, kinds, expected):
        try:
            value = yaml.SafeLoader("").construct_object(node) if isinstance(node, yaml.ScalarNode) else ()
        except Exception:  # PyYAML raises all kinds of them, such as a KeyError for `!!bool maybe`
            value = ()
        if type(value) not in kinds or "\0" in str(value):
            shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            raise self.error(node, "expected %s, not %r" % (expected, shown))
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
            raise self.error(node, "the message of the day has %d bytes; at most %d are told" % (
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
        """What something is called in IRC, as bytes."""
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
        """Somebody's name, as canonical bytes."""
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
                raise self.error(node, "expected memory, or a mapping with a directory, not %r" % node.value)
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
        if not host or not port.isdecimal() or int(port) > 65535:
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
                    _check_has_rooms(protocol)
                except ConfigError as error:
                    raise self.error(node, error) from None
        room_ports = tuple((protocol, port, room) for protocol, (_, rooms) in given.items() for port, room in rooms)
        lobby = {protocol: port for protocol, (port, _) in given.items() if port is not None}
        return _listen(ports, lobby), room_ports

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
            with open(path, "rb") as file:
                return File(path, file.read())
        except OSError as error:
            raise self.error(node, "%s: %s" % (path, error.strerror)) from None

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
