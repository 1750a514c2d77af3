"""The settings of a server: loaded at its start, and again on SIGHUP."""
import logging
import os
import sys
import time

from parley.called import called
from parley.server import config
from parley.server.http import metrics
from parley.server.worker.transports import tls

log = logging.getLogger("parley.server")


def load_settings(arguments, again=False):
    """The `Settings`: options override the environment, that the file, and that the defaults. Or ConfigError.

    arguments: the parsed options. again: see `server.config.values.read_file`.
    """
    config.require_yaml()  # even without a file, so that a missing PyYAML does not show only once there is one
    settings = config.defaults()
    file = config.find_file(arguments.config)
    if file:
        settings = config.read(file, settings, again)
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


def _with_any_ports(settings):
    """Any free port for each TLS port, each port of a room, and the metrics, too."""
    tls_ports = settings.tls._replace(
        listen=dict.fromkeys(settings.tls.listen, 0),
        room_ports=tuple((protocol, 0, room) for protocol, _, room in settings.tls.room_ports))
    return settings._replace(
        room_ports=tuple((protocol, 0, room) for protocol, _, room in settings.room_ports), tls=tls_ports,
        metrics=settings.metrics and (settings.metrics[0], 0))


def reread(running, arguments, accounts):
    """The settings as the file has them now; None, with the reason in the log, if they are wrong.

    running: the settings at the start. accounts: `Accounts`; each operator needs one. A change that needs a restart is
        logged.
    """
    try:
        settings = load_settings(arguments, again=True)
        if (running.tls.listen or running.tls.room_ports) and not settings.tls.certificate:
            raise config.ConfigError("TLS ports stay open until the next start, so `certificate` cannot be removed")
        check_operators(settings.operators, accounts)
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
    return settings._replace(workers=running.workers)  # among these the limit of connections is divided


# ---- what is checked before it is used

def check_operators(operators, accounts):
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


def _require_prometheus_client():
    """ConfigError if that package is missing."""
    try:
        metrics.require()
    except ImportError:
        raise config.ConfigError("metrics need prometheus_client, which is not installed for this Python: run"
                                 " `%s -m pip install prometheus_client`" % (sys.executable or "python3")) from None
