"""The command line: what to serve, and what to say when that cannot be."""
import argparse
import contextlib
import errno
import logging
import os
import resource
import sqlite3
import sys
import time

from parley import __version__
from parley.called import called
from parley.server import commands, config, logs
from parley.server.chat.memory import MOST_OF_BOXES, MOST_OF_STORED_BOXES, Account, Memory
from parley.server.chat.names import InvalidName, canonical_name, claims, folded
from parley.server.chat.numbers import BLOCK
from parley.server.protocols import PROTOCOLS
from parley.server.stdout import quiet_when_closed
from parley.server.storage.database import Database, StoreError, TooNew
from parley.server.storage.directory import CannotUse, Directory
from parley.server.storage.journal import AtHand, Journal
from parley.server.storage.memory import Store
from parley.server.supervisor import places
from parley.server.supervisor.control import Control
from parley.server.supervisor.hashing import Unverifiable, chosen, parts
from parley.server.supervisor.listening import open_private, open_shares, reached, shown
from parley.server.supervisor.notify import ServiceManager
from parley.server.supervisor.supervisor import StopAtOnce, Supervisor, WorkersDie
from parley.server.worker.transports import tls

# sysexits.h
EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 65, 69, 70, 73, 75, 77, 78
STARTED = {"line": "[SERVER] Chat server started on"}  # in document 003's words

log = logging.getLogger("parley.server")


class CannotListen(Exception):
    """A port is not to be had; the text says which, why, and what to do."""


@quiet_when_closed()
def main(argv=None):
    """Serve until told to stop, or do what else an operator wants; the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in commands.COMMANDS:
        return commands.run(argv)
    arguments = _parser().parse_args(argv)
    logs.set_up(arguments.log_level, arguments.log_format)
    try:
        settings = _settings(arguments)
        if arguments.check_config:
            _accounts(settings.users_file, [], {}, Memory(AtHand(Store())))
            _say("%s: fit for use" % (config.chosen(arguments.config) or "the defaults"))
            return 0
        return _serve(settings, arguments)
    except config.ConfigError as error:
        return _fail(EX_CONFIG, error)
    except CannotListen as error:
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


def _parser():
    parser = commands.Parser(
        prog=called("parley"), description="Parley, a chat server: one room for several wire protocols.",
        epilog="Beside serving: %s %s; each with --help." % (called("parley"), "|".join(commands.COMMANDS)))
    parser.add_argument("port", nargs="?", metavar="PORT", type=_port,
                        help="port of the line protocol; 0 takes any free one for each protocol")
    parser.add_argument("--workers", type=_workers, metavar="N", help="processes that serve the clients")
    parser.add_argument("--host", metavar="H", type=_host,
                        help="address or name to listen on; auto is every address, 0.0.0.0 every IPv4 one")
    parser.add_argument("--config", metavar="FILE", type=_not_empty,
                        help="configuration to read instead of ./%s" % config.DEFAULT_FILE)
    parser.add_argument("--listen", action="append", default=[], metavar="PROTOCOL=PORT", type=_listen,
                        help='port of a protocol, or "off"; may be given several times')
    parser.add_argument("--idle-timeout", type=_seconds, metavar="S",
                        help="close connections that are silent for S seconds; 0 is never")
    parser.add_argument("--echo", action="store_true", default=None, help="let speakers hear themselves")
    parser.add_argument("--users", metavar="FILE", type=_not_empty,
                        help="accounts with passwords; examples/users.json shows the form")
    parser.add_argument("--storage", metavar="DIRECTORY",
                        help='where accounts and messages are kept; "memory" keeps them only while the server runs')
    parser.add_argument("--socket", metavar="PATH", type=_not_empty,
                        help="where `status` and `passwd` find this server; by default in the storage directory, or"
                             " where the system keeps such things")
    parser.add_argument("--worker-ports", action="store_true",
                        help="open one more port for each worker, for tests that choose where to connect")
    parser.add_argument("--check-config", action="store_true", help="say whether the configuration is fit for use")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="info", help="how much goes to stderr")
    parser.add_argument("--log-format", choices=sorted(logs.FORMS), default="text",
                        help="lines on stderr as text, or as one JSON object each")
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
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("%r is not a port; a port is a number from 0 to 65535" % text)
    return text


def _listen(text):
    protocol, _, port = text.partition("=")
    if not port or protocol not in PROTOCOLS:
        raise argparse.ArgumentTypeError(
            "%r is not of the form PROTOCOL=PORT with one of %s" % (text, ", ".join(PROTOCOLS)))
    return protocol, port if port == "off" else _port(port)


def _settings(arguments):
    """Defaults, file, environment, flags: the last one wins."""
    config.need_yaml()  # before any file: whether there is one must not decide it
    settings = config.defaults()
    file = config.chosen(arguments.config)
    if file:
        settings = config.read(file, settings)
    settings = config.environment(os.environ, settings)
    if arguments.port is not None:
        for protocol in settings.listen if int(arguments.port) == 0 else ("line",):
            settings = config.with_port(settings, protocol, arguments.port, "PORT")
        if int(arguments.port) == 0:
            settings = settings._replace(tls=settings.tls._replace(listen=dict.fromkeys(settings.tls.listen, 0)))
    for protocol, port in arguments.listen:
        settings = config.with_port(settings, protocol, port, "--listen")
    flags = {"workers": arguments.workers, "host": arguments.host, "users_file": arguments.users}
    if arguments.idle_timeout is not None:
        flags["idle_timeout"] = dict.fromkeys(settings.idle_timeout, arguments.idle_timeout)
    if arguments.echo:
        flags["echo"] = dict.fromkeys(settings.echo, True)
    settings = settings._replace(**{key: value for key, value in flags.items() if value is not None})
    if arguments.storage is not None:
        settings = settings._replace(storage=config.storage(arguments.storage))
    if not settings.listen and not settings.tls.listen:
        raise config.ConfigError("every protocol is off: there is nothing to serve; turn one on under `listen`")
    config.check_ports(settings)
    if settings.tls.certificate:
        _check(settings.tls)
    return settings


def _check(given):
    """ConfigError unless the certificate and the key of a `config.Tls` will do."""
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
    store, directory, rows, boxes = _storage(settings.storage)
    most = MOST_OF_BOXES if directory is None else MOST_OF_STORED_BOXES
    memory = Memory(store, settings.register, settings.guests, most, settings.keep_box_days, time.time)
    _accounts(settings.users_file, rows, boxes, memory)
    listening, lines = _open(settings, arguments.worker_ports)
    service = ServiceManager(os.environ)
    try:
        Supervisor(listening, settings, lambda: _reread(settings, arguments), memory, store, directory,
                   lambda requests, selector: _open_control(arguments, directory, listening, requests, selector)).run(
            on_start=lambda: _say_started(service, lines),
            on_stop=lambda: _say_stopping(service),
            on_turn=lambda: service.live(time.monotonic()))
    finally:
        _close(listening)
    _say("[SERVER] Server stopped.")
    return 0


def _open_control(arguments, directory, listening, requests, selector):
    """What `status` and `passwd` talk to; None, with the reason in the log, if nobody asked for it and it cannot be."""
    chosen = arguments.socket or directory and directory.control
    if chosen:
        return Control(chosen, requests, selector)
    try:
        first = listening[0][0][1]  # of the protocol whose port is `settings.first_port`, or any free one
        return Control(places.make(first.getsockname()[1], os.environ), requests, selector)
    except CannotUse as error:
        log.warning("operators cannot ask this server: %(why)s", {"why": str(error)})
        return None


def _say_started(service, lines):
    _say(*lines, "[SERVER] Waiting for connections...")
    service.tell("READY=1", "STATUS=serving", "MAINPID=%d" % os.getpid())


def _say_stopping(service):
    service.tell("STOPPING=1")
    _say("[SERVER] Shutting down...")


def _storage(storage):
    """The store, its directory, and what is in it already: accounts and boxes as a `Database` tells of them."""
    if storage is None:
        return AtHand(Store()), None, [], {}
    directory = Directory(storage.directory)

    database = Database(directory.database)  # here too, and not only in the journal: what is wrong shows at once
    database.check()
    rows, boxes, last = database.accounts(), database.boxes(), database.last_given()
    reserved = last
    with contextlib.suppress(sqlite3.Error), database.transaction():  # or the journal tries it, and says what is wrong
        database.reserve(last + BLOCK)
        reserved = last + BLOCK
    database.close()

    def open_again():
        return Database(
            directory.database, storage.sync, storage.keep_messages, storage.keep_days, mode="rw")

    return Journal(open_again, last, reserved), directory, rows, boxes


def _accounts(path, rows, boxes, memory):
    """The memory to begin with: the accounts in the store, and new ones of a users file, hashed here and now.

    A new one must not look like one in the store. Those of the file may look alike: what does changes with Unicode.
    """
    for name, secret, _, _ in rows:
        memory.know(name, Account(claims(name), secret))
        if name in boxes:
            memory.know_box(name, *boxes[name])
    stored, names = set(memory.accounts), set()
    for raw, password, secret in config.users(path) if path else ():
        try:
            name = canonical_name(raw)
        except InvalidName:
            raise config.ConfigError("%s: %r is not a valid name" % (path, raw.decode())) from None
        if folded(name) in names:
            raise config.ConfigError("%s: %r is there twice" % (path, raw.decode()))
        names.add(folded(name))
        if name in stored:
            continue  # it may have another password by now
        occupied = claims(name)
        if memory.owners(occupied) & stored:
            raise config.ConfigError("%s: %r is too much like an account in the storage" % (path, raw.decode()))
        memory.open(name, occupied, _secret(password, secret, path, raw))
    return memory


def _secret(password, secret, path, raw):
    """The secret of a user in the file, who has one or a password."""
    try:
        if secret is None:
            return chosen(password)
        parts(secret)
    except Unverifiable as error:
        raise config.ConfigError("%s: the secret of %r cannot be used: %s" % (path, raw.decode(), error)) from None
    except ValueError as error:
        raise config.ConfigError("%s: the password of %r cannot be used: %s" % (path, raw.decode(), error)) from None
    return secret


def _open(settings, private):
    """For each worker its (protocol, socket, with TLS?) triples, and the lines that say where they listen."""
    listening, lines = [[] for _ in range(settings.workers)], []
    wanted = [(protocol, port, False) for protocol, port in settings.listen.items()]
    wanted += [(protocol, port, True) for protocol, port in settings.tls.listen.items()]
    for protocol, port, with_tls in wanted:
        try:
            shares = open_shares(settings.host, port, settings.workers)
        except OSError as error:
            _close(listening)
            raise CannotListen(_why_not(error, settings.host, protocol, port, with_tls)) from None
        for own, sockets in zip(listening, shares):
            own += [(protocol, sock, with_tls) for sock in sockets]
        lines += _started(protocol, with_tls, shares[0])
    lines[1:1] = ["[SERVER] Others reach it at " + address for address in reached(listening[0][0][1])]
    for slot, own in enumerate(listening):
        for protocol in settings.listen if private else ():
            sock = open_private(settings.host)
            own.append((protocol, sock, False))
            lines.insert(0, "[SERVER] Worker %d serves %s on %s" % (slot, protocol, shown(sock)))
    return listening, lines


def _close(listening):
    for own in listening:
        for _, sock, _ in own:
            sock.close()


def _started(protocol, with_tls, sockets):
    """A line for each address; the document's words, which know one alone, are for the first."""
    serving = "[SERVER] Serving %s%s on" % (protocol, " with TLS" if with_tls else "")
    first = serving if with_tls else STARTED.get(protocol, serving)
    words = [first] + [serving] * (len(sockets) - 1)
    return ["%s %s" % (word, shown(sock)) for word, sock in zip(words, sockets)]


def _why_not(error, host, protocol, port, with_tls):
    remedy = "`tls.listen`" if with_tls else "--listen %s=PORT or `listen`" % protocol
    if error.errno == errno.EADDRINUSE:
        return ("port %d is in use, perhaps by a server that still runs; choose another with %s in the configuration"
                % (port, remedy))
    if error.errno == errno.EACCES:
        return "port %d is not allowed to this user; choose one above 1023 with %s in the configuration" % (
            port, remedy)
    return "cannot listen on %s port %d for %s: %s; choose another address with --host" % (
        host, port, protocol, error.strerror or error)


def _raise_descriptor_limit():
    """Each client is a descriptor; take as many as the system lets us."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError) as error:
        log.warning("the limit of open files stays as it is: %(why)s", {"why": str(error)})


def _reread(running, arguments):
    """The settings as they are now on disk; None, with the reason in the log, if they are not fit for use."""
    try:
        settings = _settings(arguments)
        if running.tls.listen and not settings.tls.certificate:
            raise config.ConfigError("the TLS ports, which stay open until the next start, need their certificate")
    except config.ConfigError as error:
        log.error("configuration not reread, the old one stays in force: %(why)s", {"why": str(error)})
        return None
    for name in (
            "workers", "host", "listen", "users_file", "register", "guests", "failed_logins_per_minute",
            "accounts_per_address", "keep_box_days", "storage"):
        if getattr(settings, name) != getattr(running, name):
            log.warning("%(setting)s has changed: that takes effect with the next start", {"setting": name})
    if settings.tls.listen != running.tls.listen:
        log.warning("%(setting)s has changed: that takes effect with the next start", {"setting": "tls.listen"})
    log.info("configuration reread")
    return settings._replace(workers=running.workers)  # among whom a limit of connections is shared


def _say(*lines):
    """On stdout, as document 003 shows it. Whoever listened there may be gone; the chat goes on."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError:
        log.warning("nobody reads stdout")
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python fails at exit to write what it still holds
