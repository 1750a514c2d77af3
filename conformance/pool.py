"""The servers of one test process: started on demand, reused, and stopped at the end of the run."""
import contextlib
import fcntl
import itertools
import json
import os
import tempfile
from collections import OrderedDict

from parley.conformance import engine, targets
from parley.conformance.fixture import NotUsable, ServerFixture
from parley.conformance.nodes import launch_nodes
from parley.conformance.patience import Patience
from parley.conformance.wire import CODECS

_MAX_SERVERS = 3

_SLOW_LOGINS = 4  # a factor for the timeouts of servers with passwords, as verifying one is slow on purpose


class Pool:
    """Server fixtures by what scenarios need. A server on which a scenario has failed is not used again.

    workers: processes of each server. command: the words that start it; if None it is ours, with passwords that cost
    next to nothing. foreign: a `targets.Foreign` that is used instead, or None; profiles: {protocol: `Profile`} of it.
    nodes: how many servers each is in truth, over one engine.
    """

    def __init__(self, workers, time_scale, command=None, foreign=None, profiles=None, nodes=1):
        self.workers = workers
        self.nodes = nodes
        self.time_scale = time_scale
        self.command = command or targets.CHEAP_SERVER
        self.foreign = foreign
        self.profiles = {} if profiles is None else profiles
        self._open = OrderedDict()
        self._patience = Patience()  # with a foreign server
        self._engine = None
        self._undo = contextlib.ExitStack()
        self._logs = map("suite-{}".format, itertools.count())

    @contextlib.contextmanager
    def fixture_for(self, scenario):
        """A `ServerFixture` that meets the scenario's needs; after an exception in the block it is discarded."""
        key = self._key(scenario)
        with self._exclusively():
            try:
                yield self._ready_fixture(key, scenario)
            except BaseException:
                self._discard(key)
                raise
            if needs_own_server(scenario) and not self.foreign:
                self._discard(key)

    @contextlib.contextmanager
    def _exclusively(self):
        """Let the test processes (`-n`) take turns on a foreign server, unless its one room will do for all of them."""
        if not self.foreign or self.profiles and all(one.shared for one in self.profiles.values()):
            yield
            return
        name = "conformance-%s.lock" % "-".join("%s-%d" % one for one in sorted(self.foreign.addresses.values()))
        with open(os.path.join(tempfile.gettempdir(), name), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _key(self, scenario):
        if self.foreign:
            return witness_protocol(scenario, self.foreign)
        return " ".join([",".join(protocols_for(scenario)), config_for(scenario), scenario.needs.users,
                         scenario.name if needs_own_server(scenario) else ""])

    def _ready_fixture(self, key, scenario):
        if key in self._open:
            self._open.move_to_end(key)
        else:
            while len(self._open) >= _MAX_SERVERS:
                self._discard(next(iter(self._open)))
            self._open[key] = self._start(scenario)
        return self._open[key][0]

    def _start(self, scenario):
        """(fixture, ExitStack that closes it and stops its server)."""
        with contextlib.ExitStack() as undo:
            target = self.foreign or undo.enter_context(self._launch(
                json.loads(config_for(scenario)), command=self.command,
                seconds=targets.START_SECONDS * self.time_scale, protocols=protocols_for(scenario),
                users=json.loads(scenario.needs.users)))
            witnesses = witness_protocol(scenario, self.foreign)
            try:
                factor = _SLOW_LOGINS if json.loads(scenario.needs.users) and not self.foreign else 1
                fixture = ServerFixture(target, CODECS[witnesses], self.time_scale * factor, profiles=self.profiles,
                                        patience=self._patience if self.foreign else None)
            except OSError as error:
                host, port = target.address(witnesses)
                raise NotUsable("no connection to %s:%d: %s" % (host, port, error)) from error
            undo.callback(fixture.close)
            return fixture, undo.pop_all()

    def _launch(self, config, **options):
        if self.nodes == 1:
            return targets.launch(self.workers, config, **options)
        return launch_nodes(self._started_engine(), next(self._logs), self.nodes, self.workers, config, **options)

    def _started_engine(self):
        """One for all servers, each of which has a log of its own."""
        if self._engine is None:
            self._engine = self._undo.enter_context(engine.started())
        return self._engine

    def _discard(self, key):
        if key in self._open:
            self._open.pop(key)[1].close()

    def close(self):
        for key in list(self._open):
            self._discard(key)
        self._engine = None
        self._undo.close()


def config_for(scenario):
    """The server's configuration for the scenario, including its idle limit, as canonical JSON."""
    config = json.loads(scenario.needs.config)
    if scenario.needs.idle_limit:
        config["idle_timeout"] = dict.fromkeys(scenario.protocols, scenario.needs.idle_limit)
    return json.dumps(config, sort_keys=True)


def protocols_for(scenario):
    """The protocols that our server must speak: those of the actors, and `line` for the witnesses."""
    return tuple(sorted({"line"}.union(scenario.protocols)))


def witness_protocol(scenario, foreign):
    """The protocol of the witnesses: `line`, which can whisper, if the server has it; else that of the first actor."""
    return "line" if not foreign or "line" in foreign.addresses else scenario.protocols[0]


def needs_own_server(scenario):
    """Whether the scenario needs a server that no other scenario uses, before or after it."""
    return scenario.needs.fresh or any(CODECS[protocol].STORES_MESSAGES for protocol in scenario.protocols)
