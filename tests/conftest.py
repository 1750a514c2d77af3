"""A store that answers when a test says so, and choices that can be made again."""
import contextlib
import gc
import importlib
import os
import random
import signal
import sys

import preloaded
import pytest
from hypothesis import HealthCheck, settings
from leftovers import Leftovers
from numbered import Numbered
from plain import plain

from parley.conformance import engine, targets
from parley.server.storage.memory import Store

# What is imported and collected stays to the end: looking through it for garbage all the time costs a third more.
gc.disable()

# Who runs in the background of a shell ignores it, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where a test needs a server, and none in particular, neither passwords nor imports shall take its time.
targets.SERVER[:] = preloaded.SERVER
targets.subprocess = preloaded

# How many examples Hypothesis tries; `./dev quick` and `./dev long` choose. Neither a busy machine is a failure, nor
# that chance makes many examples too large.
for profile, examples in (("quick", 20), ("usual", 50), ("thorough", 1000)):
    settings.register_profile(
        profile, max_examples=examples, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

# Tests that share a browser, such that take most of a minute, others that wait for servers of their own, and such that
# are over at once. Not those that share a server in their module: others between them would end it.
TOGETHER = "tests/web/test_page"
SLOWEST = ("tests/cluster/test_nodes", "tests/conformance/test_conformance_catches_rooms",
           "tests/conformance/test_conformance_charging", "tests/conformance/test_conformance_combined",
           "tests/conformance/test_conformance_habits", "tests/irc/test_irc_programs",
           "tests/loadtest/test_loadtest_run")
SLOW = ("tests/bench/", "tests/cluster/", "tests/conformance/test_conformance_a",
        "tests/conformance/test_conformance_ca", "tests/conformance/test_conformance_v",
        "tests/conformance/test_conformance_wh", "tests/faults/", "tests/gui/test_gui_model",
        "tests/gui/test_gui_window", "tests/loadtest/", "tests/test_c", "tests/test_l", "tests/test_o", "tests/test_p",
        "tests/web/test_scripts")
FAST = ("tests/chat/", "tests/protocols/")

LEFT_OUT = "left out: "  # what a test says that has tried only a part of what it is for
NOW = 1600000000.75  # the store's clock


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Leftovers(str(config.rootdir)))
        if preloaded.CAN_FORK and getattr(config.option, "tx", None) and preloaded.SHARED not in os.environ:
            preloaded.share()


def pytest_sessionstart(session):
    """In each process of `-n`: import its share of the tests, before all of them collect all.

    What takes longest is that pytest compiles assertions into modules. So each module is compiled by one process, and
    the others find it done. A module that cannot be imported is an error of the collection, which comes next.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker and not sys.dont_write_bytecode:
        for path in modules_below(session.config.args)[int(worker["workerid"][2:])::worker["workercount"]]:
            folder, name = os.path.split(path[:-len(".py")])
            if folder not in sys.path:
                sys.path.insert(0, folder)
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(name)


def modules_below(arguments):
    """The paths of all test modules in those of the arguments that are folders."""
    return sorted({os.path.abspath(os.path.join(folder, name))
                   for argument in arguments for folder, _, names in os.walk(argument)
                   for name in names if name.startswith("test_") and name.endswith(".py")})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Each process of `-n` is given many tests that follow each other: none shall get all of the slow ones.

    But one gets all those of the page, as each process would start a browser of its own.
    """
    if hasattr(config, "workerinput"):
        together = [item for item in items if item.nodeid.startswith(TOGETHER)]
        items[:] = together + dealt([item for item in items if item not in together], SLOWEST, SLOW, FAST)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    """From here on there is garbage again, but not among the thousands of items."""
    yield
    getattr(gc, "freeze", lambda: None)()  # since Python 3.7
    gc.enable()


def pytest_terminal_summary(terminalreporter):
    """Say what was not tested, which a number of skipped tests hides."""
    skipped = terminalreporter.stats.get("skipped", ())
    without = [report for report in skipped if engine.MISSING in str(report.longrepr)]
    if without:
        terminalreporter.section("%d tests of several machines did not run: %s" % (len(without), engine.MISSING))
    for report in skipped:
        if LEFT_OUT in str(report.longrepr):
            terminalreporter.section("%s: %s" % (report.nodeid, report.longrepr[-1]))


def dealt(items, *kinds):
    """Those whose names begin as a kind says, each kind evenly among the others, and then all the rest."""
    found = {kind: [] for kind in (*kinds, ())}
    for item in items:
        found[next((kind for kind in kinds if item.nodeid.startswith(kind)), ())].append(item)
    places = [(number / len(found[kind]), rank, number, item)
              for rank, kind in enumerate(kinds) for number, item in enumerate(found[kind])]
    return [item for *_, item in sorted(places, key=lambda place: place[:3])] + found[()]


class AnsweringStore:
    """Asks a store in this process, at once or, once it is `late`, when the test says so."""

    last_number, reserved, identity = 0, 1 << 30, b"run"
    ready = True

    def __init__(self):
        self._store = Store(lambda: NOW)
        self.store = Numbered(self._store, lambda: NOW)
        self.late = False
        self._waiting = []

    def status(self):
        return {"waiting": len(self._waiting), "failing": False}

    def talk(self, frame, then):
        self._wait(then, "talk", frame)

    def ask(self, then, request):
        self._wait(then, *plain(request))

    def _wait(self, then, request, *arguments):
        self._waiting.append((then, request, arguments))
        if not self.late:
            self.answer()

    def answer(self, stored=True):
        """Whoever waits is answered: with what the store says, or that it could not be asked."""
        waiting, self._waiting = self._waiting, []
        for then, request, arguments in waiting:
            then(getattr(self._store, request)(*arguments) if stored else None)

    def answer_next(self, number, stored=True):
        """Likewise, but only the next ones."""
        later = self._waiting[number:]
        del self._waiting[number:]
        self.answer(stored)
        self._waiting += later

    def asked(self):
        """The names of the requests that wait."""
        return [request for _, request, _ in self._waiting]


@pytest.fixture(scope="session")
def answering_store():
    """Makes empty ones, for a test that needs several."""
    return AnsweringStore


@pytest.fixture
def chance():
    """Makes a test's random choices. A test that fails shows the seed, with which it makes the same ones again."""
    seed = int(os.environ.get("TEST_SEED") or random.randrange(1 << 32))
    print("to choose the same again: TEST_SEED=%d" % seed)
    return random.Random(seed)


@pytest.fixture
def store():
    """An empty one, that answers at once."""
    return AnsweringStore()
