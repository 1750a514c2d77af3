"""A server from its start to its stop."""
import logging
import os
import resource
import sys
import time

from parley.server import config
from parley.server.chat.accounts import MOST_OF_BOXES, MOST_OF_STORED_BOXES, Accounts
from parley.server.cli.loading import check_operators, reread
from parley.server.cli.stored import load_accounts, open_storage
from parley.server.files.keeper import Keeper
from parley.server.http.metrics import METRICS
from parley.server.ports import close_sockets, open_sockets, page_places
from parley.server.protocols import PROTOCOLS, rare_frames  # noqa: F401 - for workers, which share what is imported
from parley.server.storage.directory import CannotUse
from parley.server.supervisor import places
from parley.server.supervisor.control import Control
from parley.server.supervisor.notify import ServiceManager
from parley.server.supervisor.supervisor import Supervisor

log = logging.getLogger("parley.server")


def serve(settings, arguments):
    """Serve until told to stop."""
    store, directory, rows, boxes, lists, kept = open_storage(settings.storage, settings.rooms["keep_messages"])
    most = MOST_OF_BOXES if directory is None else MOST_OF_STORED_BOXES
    accounts = Accounts(store, settings.register, settings.guests, most, settings.keep_box_days)
    load_accounts(settings.users_file, rows, boxes, accounts)
    for name, data in lists.items():
        accounts.know_devices(name, data)
    check_operators(settings.operators, accounts)
    listening, lines = open_sockets(
        settings, arguments.worker_ports, {protocol for protocol, _ in arguments.listen})
    service = ServiceManager(os.environ)
    try:
        keeper = open_files(settings, directory, listening)
        Supervisor(
            listening, settings, lambda: reread(settings, arguments, accounts), accounts, store, kept, directory,
            lambda requests, selector: open_control(arguments, directory, listening, requests, selector),
            keeper=keeper).run(
            on_start=lambda: announce_start(service, lines),
            on_stop=lambda: announce_stop(service),
            on_turn=lambda: service.feed_watchdog(time.monotonic()))
    finally:
        close_sockets(listening)
    print_lines("[SERVER] Server stopped.")


def raise_descriptor_limit():
    """Each client needs a descriptor: allow as many as the system permits."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError) as error:
        log.warning("the limit of open files cannot be raised: %(why)s", {"why": str(error)})


def open_files(settings, directory, listening):
    """The `Keeper`, or None if files are not kept: without a directory, or a port at which they can be got."""
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


def open_control(arguments, directory, listening, requests, selector):
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


def announce_start(service, lines):
    """The server serves: print these lines, and tell the service manager."""
    print_lines(*lines, "[SERVER] Waiting for connections...")
    service.notify("READY=1", "STATUS=serving", "MAINPID=%d" % os.getpid())


def announce_stop(service):
    """The server begins to stop: print that, and tell the service manager."""
    service.notify("STOPPING=1")
    print_lines("[SERVER] Shutting down...")


def print_lines(*lines):
    """Print lines as document 003 shows them. If stdout is closed, that is logged once, and the server goes on."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError:
        log.warning("stdout is closed: nothing more is printed there")
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python would fail at exit to flush its buffer
