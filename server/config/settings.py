"""The settings of a server, the defaults, and what must fit together. `config.yaml` says what each of them means."""
import os
from collections import namedtuple

from parley.server.chat.names import claims
from parley.server.config.values import ConfigError
from parley.server.protocols import PROTOCOLS

SYNC = ("each-commit", "system")

Storage = namedtuple("Storage", "directory sync keep_messages keep_days")
Storage.__doc__ = "A path, one of SYNC, how many messages are kept, and for how many days; 0 means no limit."
USUAL_STORAGE = Storage(None, SYNC[0], 10000000, 0)

Redis = namedtuple("Redis", "url sentinels master replica password name node silence_seconds log_bytes user"
                            " sentinel_password ca_file")
Redis.__doc__ = "Where the order of several machines is: see `parley.server.order.place.Place`."

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

Irc = namedtuple("Irc", "name network scram")
Irc.__doc__ = "How the server and its network are called in IRC, as bytes. scram: can one log in by SCRAM-SHA-256?"

Web = namedtuple("Web", "trusted_proxies origins path")
Web.__doc__ = "Networks as text, origins (bytes) such as https://example.org, and what stands before all paths (bytes)."


class Settings(namedtuple("Settings", (
        "workers", "host", "listen", "room_ports", "tls", "web", "irc", "proxy", "idle_timeout", "echo", "goodbye",
        "motd", "files",
        "limits", "rooms", "operators", "pacing_ms", "users_file", "register", "guests", "failed_logins_per_minute",
        "accounts_per_address", "keep_box_days", "storage", "cluster", "metrics"))):
    """All settings, complete and checked.

    config.yaml says what each of them means.

    workers: int. host: str, see `server.config.values.host`. listen: {protocol: port}, without those that are off.
    tls: `Tls`. web: `Web`. irc: `Irc`. files: `Files`. proxy: bool.
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
