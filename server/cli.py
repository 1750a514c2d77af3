"""The command line: what to serve, and what to say when that cannot be."""
import argparse
import errno
import logging
import os
import resource
import sys

from server import __version__, config
from server.chat.memory import Memory
from server.chat.names import InvalidName, canonical_name, claims
from server.protocols import PROTOCOLS
from server.supervisor.hashing import Unverifiable, hashed, parts
from server.supervisor.listening import open_private, open_shares, shown
from server.supervisor.supervisor import StopAtOnce, Supervisor, WorkersDie

EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE, EX_CONFIG = 2, 69, 70, 78  # sysexits.h
STARTED = {"line": "[SERVER] Chat server started on"}  # in document 003's words
LOG_LEVELS = ("debug", "info", "warning", "error")

log = logging.getLogger("server")


class CannotListen(Exception):
    """A port is not to be had; the text says which, why, and what to do."""


def main(argv=None):
    """Serve until told to stop; the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(message)s", level=arguments.log_level.upper())
    try:
        settings = _settings(arguments)
        if arguments.check_config:
            _accounts(settings.users_file)
            print("%s: fit for use" % (_file(arguments) or "the defaults"))
            return 0
        return _serve(settings, arguments)
    except config.ConfigError as error:
        return _fail(EX_CONFIG, error)
    except CannotListen as error:
        return _fail(EX_UNAVAILABLE, error)
    except WorkersDie as error:
        return _fail(EX_SOFTWARE, error)
    except StopAtOnce as stop:
        return 128 + stop.args[0]


def _fail(code, error):
    print("parley: %s" % error, file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, as for any other mistake; argparse would print its usage too."""
        self.exit(EX_USAGE, "parley: %s (--help shows what there is)\n" % message)


def _parser():
    parser = _Parser(
        prog="python -m server", description="Parley, a chat server: one room for several wire protocols.")
    parser.add_argument("port", nargs="?", metavar="PORT", type=_port,
                        help="port of the line protocol; 0 takes any free one for each protocol")
    parser.add_argument("--workers", type=_workers, metavar="N", help="processes that serve the clients")
    parser.add_argument("--host", metavar="H", help='address to listen on; "::" is all of IPv4 and IPv6')
    parser.add_argument("--config", metavar="FILE", help="configuration to read instead of ./%s" % config.DEFAULT_FILE)
    parser.add_argument("--listen", action="append", default=[], metavar="PROTOCOL=PORT", type=_listen,
                        help='port of a protocol, or "off"; may be given several times')
    parser.add_argument("--idle-timeout", type=_seconds, metavar="S",
                        help="close connections that are silent for S seconds; 0 is never")
    parser.add_argument("--echo", action="store_true", default=None, help="let speakers hear themselves")
    parser.add_argument("--users", metavar="FILE", help="accounts with passwords; examples/users.json shows the form")
    parser.add_argument("--worker-ports", action="store_true",
                        help="open one more port for each worker, for tests that choose where to connect")
    parser.add_argument("--check-config", action="store_true", help="say whether the configuration is fit for use")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info", help="how much goes to stderr")
    parser.add_argument("--version", action="version", version="parley " + __version__)
    return parser


def _workers(text):
    if not (text.isdigit() and 1 <= int(text) <= config.MOST_WORKERS):
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
    if not (text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("%r is not a port; a port is a number from 0 to 65535" % text)
    return text


def _listen(text):
    protocol, _, port = text.partition("=")
    if not port or protocol not in PROTOCOLS:
        raise argparse.ArgumentTypeError(
            "%r is not of the form PROTOCOL=PORT with one of %s" % (text, ", ".join(PROTOCOLS)))
    return protocol, port if port == "off" else _port(port)


def _file(arguments):
    return arguments.config or (config.DEFAULT_FILE if os.path.exists(config.DEFAULT_FILE) else None)


def _settings(arguments):
    """Defaults, file, environment, flags: the last one wins."""
    settings = config.defaults()
    if _file(arguments):
        settings = config.read(_file(arguments), settings)
    settings = config.environment(os.environ, settings)
    if arguments.port is not None:
        for protocol in settings.listen if int(arguments.port) == 0 else ("line",):
            settings = config.with_port(settings, protocol, arguments.port, "PORT")
    for protocol, port in arguments.listen:
        settings = config.with_port(settings, protocol, port, "--listen")
    flags = {"workers": arguments.workers, "host": arguments.host, "users_file": arguments.users}
    if arguments.idle_timeout is not None:
        flags["idle_timeout"] = dict.fromkeys(settings.idle_timeout, arguments.idle_timeout)
    if arguments.echo:
        flags["echo"] = dict.fromkeys(settings.echo, True)
    settings = settings._replace(**{key: value for key, value in flags.items() if value is not None})
    if not settings.listen:
        raise config.ConfigError("every protocol is off: there is nothing to serve; turn one on under `listen`")
    return settings


def _serve(settings, arguments):
    _raise_descriptor_limit()
    memory = _accounts(settings.users_file)
    listening, lines = _open(settings, arguments.worker_ports)
    Supervisor(listening, settings, lambda: _reread(settings, arguments), memory).run(
        on_start=lambda: _say(*lines, "[SERVER] Waiting for connections..."),
        on_stop=lambda: _say("[SERVER] Shutting down..."))
    _say("[SERVER] Server stopped.")
    return 0


def _accounts(path):
    """The memory to begin with: the accounts of a users file, hashed here and now."""
    memory = Memory()
    for raw, password, secret in config.users(path) if path else ():
        try:
            name = canonical_name(raw)
        except InvalidName:
            raise config.ConfigError("%s: %r is not a valid name" % (path, raw.decode())) from None
        occupied = claims(name)
        if name in memory.accounts or memory.owners(occupied):
            raise config.ConfigError("%s: %r is there twice, or too much like another" % (path, raw.decode()))
        memory.open(name, occupied, hashed(password) if secret is None else _fit(secret, path, raw))
    return memory


def _fit(secret, path, raw):
    try:
        parts(secret)
    except Unverifiable as error:
        raise config.ConfigError("%s: the secret of %r cannot be used: %s" % (path, raw.decode(), error)) from None
    return secret


def _open(settings, private):
    """For each worker its (protocol, socket) pairs, and the lines that say where they listen."""
    listening, lines = [[] for _ in range(settings.workers)], []
    for protocol, port in settings.listen.items():
        try:
            shares = open_shares(settings.host, port, settings.workers)
        except OSError as error:
            raise CannotListen(_why_not(error, settings.host, protocol, port)) from None
        for own, sock in zip(listening, shares):
            own.append((protocol, sock))
        lines.append(STARTED.get(protocol, "[SERVER] Serving %s on" % protocol) + " " + shown(shares[0]))
    for slot, own in enumerate(listening):
        for protocol, _ in own[:len(settings.listen) if private else 0]:
            sock = open_private(settings.host)
            own.append((protocol, sock))
            lines.insert(0, "[SERVER] Worker %d serves %s on %s" % (slot, protocol, shown(sock)))
    return listening, lines


def _why_not(error, host, protocol, port):
    if error.errno == errno.EADDRINUSE:
        return ("port %d is in use, perhaps by a server that still runs; choose another with --listen %s=PORT "
                "or `listen` in the configuration" % (port, protocol))
    if error.errno == errno.EACCES:
        return "port %d is not allowed to this user; choose one above 1023 with --listen %s=PORT" % (port, protocol)
    return "cannot listen on %s port %d for %s: %s; choose another address with --host" % (
        host, port, protocol, error.strerror or error)


def _raise_descriptor_limit():
    """Each client is a descriptor; take as many as the system lets us."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError) as error:
        log.warning("the limit of open files stays as it is: %s", error)


def _reread(running, arguments):
    """The settings as they are now on disk; None, with the reason in the log, if they are not fit for use."""
    try:
        settings = _settings(arguments)
    except config.ConfigError as error:
        log.error("configuration not reread, the old one stays in force: %s", error)
        return None
    for name in (
            "workers", "host", "listen", "users_file", "failed_logins_per_minute", "accounts_per_address"):
        if getattr(settings, name) != getattr(running, name):
            log.warning("%s has changed: that takes effect with the next start", name)
    log.info("configuration reread")
    return settings


def _say(*lines):
    """On stdout, as document 003 shows it. Whoever listened there may be gone; the chat goes on."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError:
        log.warning("nobody reads stdout")
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python fails at exit to write what it still holds
