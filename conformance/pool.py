"""The servers of one test process: started when a scenario needs them, kept for the next one, ended at the end."""
import contextlib
import fcntl
import json
import os
import shlex
import tempfile
from collections import OrderedDict

from conformance import house, targets
from conformance.wire import CODECS

_KEPT = 3


class Pool:
    """Houses by what the scenarios need of them. A server that misbehaved is not used again."""

    def __init__(self, workers, time_scale, command=None, foreign=None):
        self.workers = workers
        self.time_scale = time_scale
        self.command = shlex.split(command) if command else None
        self.foreign = foreign or {}
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
            if scenario.needs.fresh:
                self._discard(key)

    @contextlib.contextmanager
    def _alone(self, scenario):
        """A foreign server has one room for all test processes (`-n`), so they take turns."""
        if scenario.protocol not in self.foreign:
            yield
            return
        name = "conformance-%s-%d.lock" % self.foreign[scenario.protocol].address()
        with open(os.path.join(tempfile.gettempdir(), name), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _key(self, scenario):
        if scenario.protocol in self.foreign:
            return scenario.protocol
        return "%s %s %s" % (scenario.protocol, config_for(scenario), scenario.name if scenario.needs.fresh else "")

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
            if scenario.protocol in self.foreign:
                target = self.foreign[scenario.protocol]
            else:
                target = undo.enter_context(targets.launch(
                    self.workers, json.loads(config_for(scenario)), command=self.command,
                    seconds=targets.START_SECONDS * self.time_scale))
            try:
                opened = house.House(target, CODECS[scenario.protocol], self.time_scale)
            except OSError as error:
                host, port = target.address(scenario.protocol)
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
        config["idle_timeout"] = {scenario.protocol: scenario.needs.idle_limit}
    return json.dumps(config, sort_keys=True)
