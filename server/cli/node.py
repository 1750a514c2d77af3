"""A server that is one node of a cluster: it begins again, with the same ports, if it has lost the other nodes."""
import collections
import functools
import logging
import os
import signal
import time

from parley.server.chat.accounts import MOST_OF_BOXES, Accounts
from parley.server.cli.loading import check_operators, reread
from parley.server.cli.serving import announce_start, announce_stop, open_control, open_files, print_lines
from parley.server.cli.stored import load_accounts
from parley.server.order.place import Place
from parley.server.ports import close_sockets, open_sockets
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store
from parley.server.supervisor.cluster import ClusterHub, Rejoin
from parley.server.supervisor.notify import ServiceManager
from parley.server.supervisor.signals import STOP_SIGNALS
from parley.server.supervisor.supervisor import Supervisor

REJOIN_AFTER = 0.5  # seconds

log = logging.getLogger("parley.server")


def serve_as_node(settings, arguments):
    """Serve together with other nodes, until told to stop."""
    node = Node(settings, arguments)
    try:
        while not node.serve():
            time.sleep(REJOIN_AFTER)
    finally:
        close_sockets(node.listening)
    print_lines("[SERVER] Server stopped.")


class Node:
    """What stays the same each time that the node joins the others.

    listening: its sockets, as of `open_sockets`.
    """

    def __init__(self, settings, arguments):
        self._arguments = arguments
        self._settings = self._latest = settings  # those of the start, and those in force
        accounts = load_accounts(settings.users_file, [], {}, Accounts(InProcess(Store()))).accounts
        self._introduced = [(name, account.secret) for name, account in accounts.items()]
        self.listening, self._lines = open_sockets(
            settings, arguments.worker_ports, {protocol for protocol, _ in arguments.listen})
        open_files(settings, None, self.listening)
        self._service = ServiceManager(os.environ)
        self._past = collections.Counter()  # see `ClusterHub`

    def serve(self):
        """Join the other nodes, and serve. Returns True if told to stop, False if the node has lost the others."""
        settings = self._settings
        store = InProcess(Store(lambda: accounts.order.now / 1000, settings.rooms["keep_messages"]))
        accounts = Accounts(store, settings.register, settings.guests, MOST_OF_BOXES, settings.keep_box_days)
        make_hub = functools.partial(
            ClusterHub, Place(*settings.cluster), _deciding(settings), self._introduced, self._past)
        supervisor = Supervisor(
            self.listening, self._latest, lambda: self._read_again(accounts), accounts, store, (([], 0), [], []), None,
            lambda requests, selector: open_control(self._arguments, None, self.listening, requests, selector),
            make_hub)
        try:
            supervisor.run(
                on_start=lambda: self._started(accounts),
                on_stop=lambda: announce_stop(self._service),
                on_turn=lambda: self._service.feed_watchdog(time.monotonic()))
        except Rejoin as error:
            self._past[error.reason] += 1
            log.error("disconnecting all clients, and joining the other nodes again: %(why)s", {"why": str(error)})
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            return supervisor.is_told_to_stop
        return True

    def _read_again(self, accounts):
        settings = reread(self._latest, self._arguments, accounts)
        self._latest = settings or self._latest
        return settings

    def _started(self, accounts):
        check_operators(self._latest.operators, accounts)
        if not self._past["served"]:
            announce_start(self._service, self._lines)
        self._past["served"] += 1


def _deciding(settings):
    """The settings that decisions depend on, beside those that can be changed while the server runs."""
    return {"register": settings.register, "guests": settings.guests, "keep_box_days": settings.keep_box_days,
            "failed_logins_per_minute": settings.failed_logins_per_minute,
            "accounts_per_address": settings.accounts_per_address}
