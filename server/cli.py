"""The command line of a server: reads the settings, starts it, and turns failures into one line and an exit code."""
import argparse
import collections
import contextlib
import errno
import functools
import logging
import os
import resource
import signal
import sqlite3
import sys
import time

from parley import __version__
from parley.called import called
from parley.server import config, logs
from parley.server.chat.accounts import MOST_OF_BOXES, MOST_OF_STORED_BOXES, Account, Accounts
from parley.server.chat.names import InvalidName, canonical_name, claims
from parley.server.commands.arguments import Parser, listing
from parley.server.files.keeper import Keeper
from parley.server.http import metrics
from parley.server.http.metrics import METRICS
from parley.server.order.numbers import BLOCK
from parley.server.order.place import Place
from parley.server.ports import CannotListen, close_sockets, open_sockets, page_places
from parley.server.protocols import PROTOCOLS, rare_frames  # noqa: F401 - for workers, which share what is imported
from parley.server.protocols.text import folded
from parley.server.storage.database import Database
from parley.server.storage.directory import CannotUse, Directory
from parley.server.storage.journal import InProcess, Journal
from parley.server.storage.memory import Store
from parley.server.storage.tables.schema import StoreError, TooNew
from parley.server.supervisor import places
from parley.server.supervisor.cluster import ClusterHub, Rejoin, Unusable
from parley.server.supervisor.control import Control
from parley.server.supervisor.hashing import parse_secret, secret_for
from parley.server.supervisor.notify import ServiceManager
from parley.server.supervisor.signals import STOP_SIGNALS
from parley.server.supervisor.supervisor import StopAtOnce, Supervisor, WorkersDie
from parley.server.worker.transports import tls

# sysexits.h
EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 65, 69, 70, 73, 75, 77, 78
REJOIN_AFTER = 0.5  # seconds

log = logging.getLogger("parley.server")


def main(argv):
    """Serve until told to stop. argv: the arguments without the program's name. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    logs.set_up(arguments.log_level, arguments.log_format)
    try:
        settings = _load_settings(arguments)
        if arguments.check_config:
            accounts = _load_accounts(settings.users_file, [], {}, Accounts(InProcess(Store())))
            if settings.storage is None and settings.cluster is None:  # which are not looked into
                _check_operators(settings.operators, accounts)
            _print("%s: configuration OK" % (config.find_file(arguments.config) or "the defaults"))
            return 0
        return _serve(settings, arguments)
    except config.ConfigError as error:
        return _fail(EX_CONFIG, error)
    except (CannotListen, Unusable) as error:
        return _fail(EX_UNAVAILABLE, error)
    except CannotUse as error:
        return _fail({errno.EAGAIN: EX_TEMPFAIL, errno.EPERM: EX_NOPERM, errno.EACCES: EX_NOPERM}.get(
            error.errno, EX_CANTCREAT), error)
    except TooNew as error:
        return _fail(EX_CONFIG, error)
    except StoreError as error:
        return _fail(EX_DATAERR, error)
    except WorkersDie as error:
        return _fail(EX_SOFTWARE, error)
    except StopAtOnce as stop:
        return 128 + stop.args[0]
    except Exception:
        log.critical("a bug ended the server", exc_info=True)
        return EX_SOFTWARE


def _fail(code, error):
    print("parley: %s" % error, file=sys.stderr)
    return code


class _ServersParser(Parser):
    """Its help ends with the commands, which take longer to list than all else takes to parse."""

    def format_help(self):
        return "%s\n%s\n" % (super().format_help(), listing())


def _parser():
    parser = _ServersParser(
        prog=called("parley"), description="Parley, a chat server. Without a command, it serves until it is stopped.")
    parser.add_argument("port", nargs="?", metavar="PORT", type=_port,
                        help="port of the line protocol; with 0 every protocol takes a free port")
    parser.add_argument("--workers", type=_workers, metavar="N", help="processes that serve the clients")
    parser.add_argument("--host", metavar="H", type=_host,
                        help="address or name to listen on; auto means all addresses, 0.0.0.0 all IPv4 addresses")
    parser.add_argument("--config", metavar="FILE", type=_not_empty,
                        help="configuration to read instead of ./%s" % config.DEFAULT_FILE)
    parser.add_argument("--listen", action="append", default=[], metavar="PROTOCOL=PORT", type=_listen,
                        help='port of a protocol, or "off"; with :#ROOM behind it, one at which this room stands in the'
                             " lobby's place; may be given several times")
    parser.add_argument("--idle-timeout", type=_seconds, metavar="S",
                        help="close connections that are silent for S seconds; 0 means never")
    parser.add_argument("--echo", action="store_true", default=None,
                        help="send clients a copy of what they say in the room")
    parser.add_argument("--users", metavar="FILE", type=_not_empty,
                        help="file of accounts with passwords; `parley example users.json` shows the format")
    parser.add_argument("--storage", metavar="DIRECTORY",
                        help='where accounts and messages are kept; "memory" keeps them only while the server runs')
    parser.add_argument("--socket", metavar="PATH", type=_not_empty,
                        help="Unix socket for `status`, `passwd` and the other commands; by default in the storage"
                             " directory, or else in the user's runtime directory")
    parser.add_argument("--metrics", metavar="HOST:PORT", type=_metrics,
                        help='where to tell metrics to Prometheus, such as 127.0.0.1:9105, or "off"')
    parser.add_argument("--worker-ports", action="store_true",
                        help="open one more port for each worker, for tests that choose their worker")
    parser.add_argument("--check-config", action="store_true", help="check the configuration, and exit")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="info", help="the lowest level that is logged")
    parser.add_argument("--log-format", choices=sorted(logs.FORMS), default="text",
                        help="log lines as text, or each as a JSON object")
    parser.add_argument("--version", action="version", version="parley " + __version__)
    return parser


def _not_empty(text):
    if not text:
        raise argparse.ArgumentTypeError("it must not be empty")
    return text


def _host(text):
    try:
        return config.host(text)
    except config.ConfigError as error:
        raise argparse.ArgumentTypeError(error) from None


def _workers(text):
    if not (text.isdecimal() and 1 <= int(text) <= config.MOST_WORKERS):
        raise argparse.ArgumentTypeError("%r is not a number from 1 to %d" % (text, config.MOST_WORKERS))
    return int(text)


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("%r is not a number of seconds" % text)
    return seconds


def _port(text):
    if not config.is_port(text):
        raise argparse.ArgumentTypeError("%r is neither a command nor a port, a number from 0 to 65535" % text)
    return text


def _metrics(text):
    try:
        return False if text == "off" else config.address(text)
    except config.ConfigError as error:
        raise argparse.ArgumentTypeError(error) from None


def _listen(text):
    protocol, _, port = text.partition("=")
    if not port or protocol not in PROTOCOLS:
        raise argparse.ArgumentTypeError(
            "%r is not of the form PROTOCOL=PORT or PROTOCOL=PORT:#ROOM with one of %s" % (
                text, ", ".join(PROTOCOLS)))
    try:
        config.with_port(config.defaults(), protocol, port, text)
    except config.ConfigError as error:
        raise argparse.ArgumentTypeError(error) from None
    return protocol, port


def _load_settings(arguments):
    """The `Settings` from defaults, file, environment and flags, of which the later ones win; or ConfigError."""
    config.require_yaml()  # even without a file, so that a missing PyYAML does not show only once there is one
    settings = config.defaults()
    file = config.find_file(arguments.config)
    if file:
        settings = config.read(file, settings)
    settings = config.environment(os.environ, settings)
    if arguments.port is not None:
        for protocol in settings.listen if int(arguments.port) == 0 else ("line",):
            settings = config.with_port(settings, protocol, arguments.port, "PORT")
        if int(arguments.port) == 0:
            settings = _with_any_ports(settings)
    for protocol, port in arguments.listen:
        settings = config.with_port(settings, protocol, port, "--listen")
    flags = {"workers": arguments.workers, "host": arguments.host, "users_file": arguments.users}
    if arguments.idle_timeout is not None:
        flags["idle_timeout"] = dict.fromkeys(settings.idle_timeout, arguments.idle_timeout)
    if arguments.echo:
        flags["echo"] = dict.fromkeys(settings.echo, True)
    settings = settings._replace(**{key: value for key, value in flags.items() if value is not None})
    if arguments.storage is not None:
        settings = settings._replace(storage=config.storage(arguments.storage), cluster=None)
    if arguments.metrics is not None:
        settings = settings._replace(metrics=arguments.metrics or None)
    if not (settings.listen or settings.tls.listen or settings.room_ports or settings.tls.room_ports):
        raise config.ConfigError("every protocol is off: there is nothing to serve; turn one on under `listen`")
    config.check_ports(settings)
    if settings.tls.certificate:
        _check_certificate(settings.tls)
    if settings.metrics:
        _require_prometheus_client()
    return settings


def _require_prometheus_client():
    """ConfigError if it is missing."""
    try:
        metrics.require()
    except ImportError:
        raise config.ConfigError("metrics need prometheus_client, which is not installed for this Python: run"
                                 " `%s -m pip install prometheus_client`" % (sys.executable or "python3")) from None


def _with_any_ports(settings):
    """Any free port for each TLS port, each port of a room, and the metrics, too."""
    tls_ports = settings.tls._replace(
        listen=dict.fromkeys(settings.tls.listen, 0),
        room_ports=tuple((protocol, 0, room) for protocol, _, room in settings.tls.room_ports))
    return settings._replace(
        room_ports=tuple((protocol, 0, room) for protocol, _, room in settings.room_ports), tls=tls_ports,
        metrics=settings.metrics and (settings.metrics[0], 0))


def _check_operators(operators, accounts):
    """ConfigError unless each of the operators, (name, place), has an account with a password."""
    for name, place in operators:
        account = accounts.accounts.get(name)
        if account is None or account.secret is None:
            name = name.decode()
            raise config.ConfigError(
                "%s: the operator %s has no account with a password; give it one with `%s passwd %s` or in the users"
                " file, or take it out of `operators`" % (place, name, called("parley"), name))


def _check_certificate(given):
    """ConfigError unless the certificate and the key of a `config.Tls` can be used, and have not expired."""
    paths = given.certificate.path if given.key is given.certificate else ", ".join(
        (given.certificate.path, given.key.path))
    try:
        tls.context(given.certificate.content, given.key.content)
    except tls.Unfit as error:
        raise config.ConfigError("%s: %s" % (paths, error)) from None
    expiry = tls.expiry(given.certificate.content)
    if expiry is not None and expiry < time.time():
        raise config.ConfigError("%s: the certificate has expired on %s; renew it" % (
            given.certificate.path, time.strftime("%Y-%m-%d", time.gmtime(expiry))))


def _serve(settings, arguments):
    _raise_descriptor_limit()
    if settings.cluster:
        return _serve_as_node(settings, arguments)
    store, directory, rows, boxes, lists, kept = _open_storage(settings.storage, settings.rooms["keep_messages"])
    most = MOST_OF_BOXES if directory is None else MOST_OF_STORED_BOXES
    accounts = Accounts(store, settings.register, settings.guests, most, settings.keep_box_days)
    _load_accounts(settings.users_file, rows, boxes, accounts)
    for name, data in lists.items():
        accounts.know_devices(name, data)
    _check_operators(settings.operators, accounts)
    listening, lines = open_sockets(
        settings, arguments.worker_ports, {protocol for protocol, _ in arguments.listen})
    service = ServiceManager(os.environ)
    try:
        keeper = _open_files(settings, directory, listening)
        Supervisor(
            listening, settings, lambda: _reread(settings, arguments, accounts), accounts, store, kept, directory,
            lambda requests, selector: _open_control(arguments, directory, listening, requests, selector),
            keeper=keeper).run(
            on_start=lambda: _announce_start(service, lines),
            on_stop=lambda: _announce_stop(service),
            on_turn=lambda: service.feed_watchdog(time.monotonic()))
    finally:
        close_sockets(listening)
    _print("[SERVER] Server stopped.")
    return 0


def _open_files(settings, directory, listening):
    """The `Keeper`, or None where no files are kept: without a directory, or a port at which they can be got."""
    ports = [(with_tls, sock) for own in listening[:1] for protocol, sock, with_tls, _ in own
             if protocol != METRICS and PROTOCOLS[protocol].TRAITS.http]
    if directory is None and settings.files not in (config.defaults().files, settings.files._replace(file_bytes=0)):
        log.warning("nobody can send files, although `files` is in the configuration: they need storage in a directory,"
                    " which one chat on several machines does not have")
    if directory is None or not settings.files.file_bytes or not ports:
        return None
    try:
        return Keeper(directory, settings.files._asdict(),
                      settings.files.url or page_places(settings, *max(ports, key=lambda port: port[0]))[-1])
    except OSError as error:
        raise CannotUse("%s: no files can be kept in it: %s" % (directory.path, error.strerror), error.errno) from None


def _serve_as_node(settings, arguments):
    """Serve together with other nodes. A node that has lost the others begins again, with the ports that it has."""
    introduced = [(name, account.secret) for name, account in _load_accounts(
        settings.users_file, [], {}, Accounts(InProcess(Store()))).accounts.items()]
    listening, lines = open_sockets(
        settings, arguments.worker_ports, {protocol for protocol, _ in arguments.listen})
    _open_files(settings, None, listening)
    service, past, latest = ServiceManager(os.environ), collections.Counter(), [settings]

    def reread(accounts):
        settings = _reread(latest[-1], arguments, accounts)
        latest.extend([settings] if settings else [])
        return settings

    def on_start(accounts):
        _check_operators(latest[-1].operators, accounts)
        if not past["served"]:
            _announce_start(service, lines)
        past["served"] += 1

    def serve():
        """Is it told to stop? If not, the node has lost the others."""
        store = InProcess(Store(lambda: accounts.order.now / 1000, settings.rooms["keep_messages"]))
        accounts = Accounts(store, settings.register, settings.guests, MOST_OF_BOXES, settings.keep_box_days)
        make_hub = functools.partial(
            ClusterHub, Place(*settings.cluster), _deciding(settings), introduced, past)
        supervisor = Supervisor(
            listening, latest[-1], lambda: reread(accounts), accounts, store, (([], 0), [], []), None,
            lambda requests, selector: _open_control(arguments, None, listening, requests, selector), make_hub)
        try:
            supervisor.run(
                on_start=lambda: on_start(accounts),
                on_stop=lambda: _announce_stop(service),
                on_turn=lambda: service.feed_watchdog(time.monotonic()))
        except Rejoin as error:
            past[error.reason] += 1
            log.error("disconnecting all clients, and joining the other nodes again: %(why)s", {"why": str(error)})
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            return supervisor.is_told_to_stop
        return True

    try:
        while not serve():
            time.sleep(REJOIN_AFTER)
    finally:
        close_sockets(listening)
    _print("[SERVER] Server stopped.")
    return 0


def _deciding(settings):
    """The settings that decisions depend on, beside those that can be changed while the server runs."""
    return {"register": settings.register, "guests": settings.guests, "keep_box_days": settings.keep_box_days,
            "failed_logins_per_minute": settings.failed_logins_per_minute,
            "accounts_per_address": settings.accounts_per_address}


def _open_control(arguments, directory, listening, requests, selector):
    """The `Control` that operators' commands talk to.

    CannotUse if there can be no socket where the operator wants it. Where it is in its default place, that is only
    logged, and the answer is None.
    """
    chosen = arguments.socket or directory and directory.control
    if chosen:
        return Control(chosen, requests, selector)
    try:
        first = listening[0][0][1]  # of the protocol whose port is `settings.first_port`, or any free one
        return Control(places.make(first.getsockname()[1], os.environ), requests, selector)
    except CannotUse as error:
        log.warning("there is no control socket, so commands cannot reach this server: %(why)s", {"why": str(error)})
        return None


def _announce_start(service, lines):
    _print(*lines, "[SERVER] Waiting for connections...")
    service.notify("READY=1", "STATUS=serving", "MAINPID=%d" % os.getpid())


def _announce_stop(service):
    service.notify("STOPPING=1")
    _print("[SERVER] Shutting down...")


def _open_storage(storage, keep_room_messages):
    """(store, `Directory`, accounts, boxes, lists of devices, kept) for a `config.Storage`: as `Database` has them.

    kept: (rooms, sessions, metadata).

    The directory is None if nothing is stored. CannotUse or StoreError if it cannot be used.
    """
    if storage is None:
        return InProcess(Store(keep_room_messages=keep_room_messages)), None, [], {}, {}, (([], 0), [], [])
    directory = Directory(storage.directory)

    database = Database(directory.database)  # not only in the journal, so that what is wrong with it shows at once
    database.check()
    rows, boxes, lists, last = database.accounts(), database.boxes(), database.device_lists(), database.last_given()
    kept, reserved, identity = (database.rooms(), database.sessions(), database.metadata()), last, database.identity()
    with contextlib.suppress(sqlite3.Error), database.transaction():  # the journal tries again, and reports the error
        database.reserve(last + BLOCK)
        reserved = last + BLOCK
    database.close()

    def open_again():
        return Database(
            directory.database, storage.sync, storage.keep_messages, storage.keep_days, mode="rw",
            keep_room_messages=keep_room_messages)

    return Journal(open_again, last, reserved, identity), directory, rows, boxes, lists, kept


def _load_accounts(path, rows, boxes, accounts):
    """Put the accounts of the store, and new ones from the users file at `path`, into `accounts`, and return it.

    Passwords in the file are hashed here. A new account must not look like one in the store; those of one file may look
    like each other, because with the next Unicode version they might anyway. ConfigError if one cannot be used.
    """
    for name, secret, _, _ in rows:
        accounts.know(name, Account(claims(name), secret))
        if name in boxes:
            accounts.know_box(name, *boxes[name])
    stored, names = set(accounts.accounts), set()
    for user in config.users(path) if path else ():
        try:
            name = canonical_name(user.name)
        except InvalidName:
            raise user.error("%r is not a valid name" % user.name.decode()) from None
        if folded(name) in names:
            raise user.error("%r appears twice" % user.name.decode())
        names.add(folded(name))
        if name in stored:
            continue  # its owner may have changed the password
        occupied = claims(name)
        if accounts.owners(occupied) & stored:
            raise user.error("%r looks too much like an account in the storage" % user.name.decode())
        accounts.begin_with(name, occupied, _secret_of(user))
    return accounts


def _secret_of(user):
    """The secret of a user in the users file, who has either a secret or a password; ConfigError if it is unusable."""
    try:
        if user.secret is None:
            return secret_for(user.password)
        parse_secret(user.secret)
    except ValueError as error:  # Unverifiable among them
        kind = "password" if user.secret is None else "secret"
        raise user.error("the %s of %r cannot be used: %s" % (kind, user.name.decode(), error)) from None
    return user.secret


def _raise_descriptor_limit():
    """Each client needs a descriptor: allow as many as the system permits."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError) as error:
        log.warning("the limit of open files cannot be raised: %(why)s", {"why": str(error)})


def _reread(running, arguments, accounts):
    """The settings as the file has them now; None, with the reason in the log, if they are wrong.

    running: the settings at the start. accounts: `Accounts`, of which the operators need one each. A change that needs
        a restart is logged.
    """
    try:
        settings = _load_settings(arguments)
        if (running.tls.listen or running.tls.room_ports) and not settings.tls.certificate:
            raise config.ConfigError("TLS ports stay open until the next start, so `certificate` cannot be removed")
        _check_operators(settings.operators, accounts)
    except config.ConfigError as error:
        log.error("configuration not reread, the old one stays in force: %(why)s", {"why": str(error)})
        return None
    except Exception:
        log.exception("a bug: configuration not reread, the old one stays in force")
        return None
    for name in (
            "workers", "host", "listen", "room_ports", "users_file", "register", "guests", "failed_logins_per_minute",
            "accounts_per_address", "keep_box_days", "storage", "cluster", "metrics", "files"):
        if getattr(settings, name) != getattr(running, name):
            log.warning("%(setting)s has changed: this takes effect at the next start", {"setting": name})
    if (settings.tls.listen, settings.tls.room_ports) != (running.tls.listen, running.tls.room_ports):
        log.warning("%(setting)s has changed: this takes effect at the next start", {"setting": "tls.listen"})
    if settings.rooms["keep_messages"] != running.rooms["keep_messages"]:
        log.warning("%(setting)s has changed: this takes effect at the next start", {"setting": "rooms.keep_messages"})
    log.info("configuration reread")
    return settings._replace(workers=running.workers)  # which the limit of connections is divided by


def _print(*lines):
    """Print lines as document 003 shows them. If stdout is closed, that is logged once, and the server goes on."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError:
        log.warning("nobody reads stdout")
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python would fail at exit to flush its buffer
