"""The servers of one test process: started when a scenario needs them, kept for the next one, ended at the end."""
import contextlib
import fcntl
import json
import os
import tempfile
from collections import OrderedDict

from parley.conformance import house, targets
from parley.conformance.wire import CODECS

_KEPT = 3

_SLOW_LOGINS = 4  # how much longer everything may take where passwords are verified: that is slow on purpose


class Pool:
    """Houses by what the scenarios need of them. A server that misbehaved is not used again."""

    def __init__(self, workers, time_scale, command=None, foreign=None):
        self.workers = workers
        self.time_scale = time_scale
        self.command = command
        self.foreign = foreign
        self._open = OrderedDict()

    @contextlib.contextmanager
    def house_for(self, scenario):
        """A house that meets the scenario's needs. An exception in the block makes the server be thrown away."""
        key = self._key(scenario)
        with self._alone(scenario):
            try:
                yield self._ready_house(key, scenario)
            except BaseException:
                self._discard(key)
                raise
            if is_alone(scenario) and not self.foreign:
                self._discard(key)

    @contextlib.contextmanager
    def _alone(self, scenario):
        """A foreign server has one room for all test processes (`-n`), so they take turns."""
        if not self.foreign:
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
                         scenario.name if is_alone(scenario) else ""])

    def _ready_house(self, key, scenario):
        if key in self._open:
            self._open.move_to_end(key)
        else:
            while len(self._open) >= _KEPT:
                self._discard(next(iter(self._open)))
            self._open[key] = self._start(scenario)
        return self._open[key][0]

    def _start(self, scenario):
        """(house, what ends it)."""
        with contextlib.ExitStack() as undo:
            target = self.foreign or undo.enter_context(targets.launch(
                self.workers, json.loads(config_for(scenario)), command=self.command,
                seconds=targets.START_SECONDS * self.time_scale, protocols=protocols_for(scenario),
                users=json.loads(scenario.needs.users)))
            witnesses = witness_protocol(scenario, self.foreign)
            try:
                patience = _SLOW_LOGINS if json.loads(scenario.needs.users) else 1
                opened = house.House(target, CODECS[witnesses], self.time_scale * patience)
            except OSError as error:
                host, port = target.address(witnesses)
                raise house.NotUsable("no connection to %s:%d: %s" % (host, port, error)) from error
            undo.callback(opened.close)
            return opened, undo.pop_all()

    def _discard(self, key):
        if key in self._open:
            self._open.pop(key)[1].close()

    def close(self):
        for key in list(self._open):
            self._discard(key)


def config_for(scenario):
    """The server's configuration for the scenario as canonical JSON; an idle limit is part of it."""
    config = json.loads(scenario.needs.config)
    if scenario.needs.idle_limit:
        config["idle_timeout"] = dict.fromkeys(scenario.protocols, scenario.needs.idle_limit)
    return json.dumps(config, sort_keys=True)


def protocols_for(scenario):
    """What our server is to speak: what the actors do, and `line` for the witnesses."""
    return tuple(sorted({"line"}.union(scenario.protocols)))


def witness_protocol(scenario, foreign):
    """`line`, with its whispers, wherever it is spoken; else what the scenario's first actor speaks."""
    return "line" if not foreign or "line" in foreign.addresses else scenario.protocols[0]


def is_alone(scenario):
    """Whether our server cannot be used for a second scenario, or not after a first one."""
    return scenario.needs.fresh or any(CODECS[protocol].REMEMBERS for protocol in scenario.protocols)
