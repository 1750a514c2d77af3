"""The supervisor: hears signals, kills the stuck, reaps the dead, tops up; and starts and stops it all."""
import collections
import gc
import logging
import multiprocessing
import os
import selectors
import signal
import sys
import time

from parley.server.ipc.messages import ToWorker
from parley.server.ipc.queues import Queue
from parley.server.supervisor.hub import Hub
from parley.server.worker.loop import Worker

LOOK = 1.0  # seconds between two looks at everything
LOOK_CLOSELY = 0.05  # while a worker is missing or being stopped
SAME_SIGNAL = 0.5  # seconds in which a second signal is taken for the first: `timeout`, for one, sends it twice
STOP_WITHIN = 5.0  # seconds for each of the two steps of an orderly stop
QUICK = 1.0  # seconds; the successor of a worker that lived no longer has to wait
BACK_OFF, LONGEST_BACK_OFF = 0.1, 30.0

STOPS = (signal.SIGINT, signal.SIGTERM)
HASHING, JOURNAL = "hashing", "journal"  # the slots of the processes that work for the hub; the workers' are numbers

log = logging.getLogger(__name__)


class WorkersDie(Exception):
    """A worker died before all had begun to serve: trying again would not help."""


class StopAtOnce(Exception):
    """A second signal; its number is the argument."""


class Child:
    """A worker process. Its slot is the place it fills; its number is its own, for ever."""

    def __init__(self, slot, number, process):
        self.slot = slot
        self.number = number
        self.process = process
        self.born = time.monotonic()


class Supervisor:
    """The parent process, from the first fork to the last death.

    listening: for each slot its (protocol name, socket, with TLS?) triples. Kept for life, so that a successor accepts
        from the sockets of the worker it replaces.
    settings: `server.config.Settings`.
    reread: gives new settings, or None if there are none fit for use.
    memory, store: see `server.supervisor.hub.Hub`.
    directory: `server.storage.directory.Directory`, or None if nothing is kept.
    open_control: gives a `server.supervisor.control.Control`, or None, for requests and a selector.
    """

    def __init__(self, listening, settings, reread, memory, store, directory, open_control):
        self._listening = listening
        self._settings = settings
        self._reread = reread
        self._hub = Hub(settings.pacing_ms / 1000, memory, store,
                        settings.failed_logins_per_minute, settings.accounts_per_address)
        self._hub.census.most = settings.limits["connections_per_address"]
        self._directory = directory
        self._open_control = open_control
        self._control = None
        self._aides = {HASHING: self._hub.verifier, JOURNAL: store}
        self._children = {}  # by number
        self._vacant = dict.fromkeys([*range(len(listening)), HASHING], 0.0)  # slot -> when it is to be filled
        if store.process:
            self._vacant[JOURNAL] = 0.0
        self._last_number = 0
        self._quick_deaths = collections.Counter()  # in a row, by slot
        self._started = self._stopping = False
        self._told_at = 0.0  # to stop
        self._signals = []
        self._wakeup, self._wake = os.pipe()

    def run(self, on_start, on_stop, on_turn):
        """Serve until a signal says stop.

        on_start is called when all workers serve, on_stop when they are told to stop, and on_turn at least once a
        second. Raises WorkersDie, StopAtOnce.
        """
        self._catch_signals()
        self._on_turn = on_turn
        requests = dict(self._hub.requests_of_operators, status=self._tell_status)
        self._control = self._open_control(requests, self._hub.selector)
        gc.collect()
        getattr(gc, "freeze", lambda: None)()  # since 3.7; the collector's marks would unshare what the workers share
        try:
            self._serve(on_start)
            on_stop()
            self._stop()
            for number in STOPS:
                signal.signal(number, signal.SIG_IGN)  # what is done cannot be stopped; Python's end would be killed
        except (WorkersDie, StopAtOnce):
            raise
        except Exception:
            self._take_leave()
            raise
        finally:
            if self._control:
                self._control.close()
            for child in self._children.values():
                self._kill(child)

    def _serve(self, on_start):
        self._top_up()
        while not self._stopping:
            self._turn()
            if not self._started and not self._vacant and self._all("ready") and self._hub.store.ready:
                self._started = True
                on_start()

    def _stop(self):
        """In two steps, so that nothing said is lost: what was asked is answered, then everybody is sent home."""
        self._hub.everyone(ToWorker.Stop())
        self._hub.door.close()  # or somebody might wait there longer than a stop may take
        self._turn_until(lambda: self._all("done") and not self._hub.store.depth)
        self._hub.dismiss_aides()
        self._hub.everyone(ToWorker.End())
        self._turn_until(lambda: not self._children)
        self._hub.strangers.close()

    def _take_leave(self):
        """After a bug in the hub: everybody is told that this is the end, and what was asked for is left undone."""
        self._stopping = True
        self._hub.take_leave()
        deadline = time.monotonic() + STOP_WITHIN
        while self._children and time.monotonic() < deadline:
            self._hub.speak()
            time.sleep(LOOK_CLOSELY)
            for child in list(self._children.values()):
                if child.process.exitcode is not None:
                    del self._children[child.number]

    def _turn_until(self, fulfilled):
        deadline = time.monotonic() + STOP_WITHIN
        while not fulfilled() and time.monotonic() < deadline:
            self._turn()

    def _all(self, state):
        return all(getattr(stream, state) for stream in self._hub.streams.values())

    def _turn(self):
        """The hub's work; and, only when there is cause, the supervisor's."""
        quiet = self._started and not self._vacant and not self._stopping
        self._hub.turn(LOOK if quiet else LOOK_CLOSELY)
        self._on_turn()
        if self._control:
            self._control.look_at_clock()
        if self._signals or self._hub.failed or not quiet:
            self._heed_signals()
            self._kill_failed()
            self._reap()
            self._top_up()

    def _tell_status(self, reply):
        """As the hub's, with the workers numbered as in the log."""
        status = self._hub.status()
        status["workers"] = {self._children[number].slot: worker for number, worker in status["workers"].items()}
        reply(status)

    # ---- signals

    def _catch_signals(self):
        for end in (self._wakeup, self._wake):
            os.set_blocking(end, False)
        self._hub.selector.register(self._wakeup, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake)
        for number in (*STOPS, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda number, frame: self._signals.append(number))

    def _heed_signals(self):
        try:
            os.read(self._wakeup, 4096)  # before the list: what comes in between wakes us again
        except BlockingIOError:
            pass
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGHUP:
                self._configure()
            elif number in STOPS:
                self._heed_stop(number)

    def _heed_stop(self, number):
        now = time.monotonic()
        if not self._stopping:
            self._stopping = True
            self._told_at = now
        elif now - self._told_at > SAME_SIGNAL:
            raise StopAtOnce(number)

    def _configure(self):
        settings = self._reread()
        if settings is None:
            return
        self._settings = settings
        self._hub.pacing = settings.pacing_ms / 1000
        self._hub.census.most = settings.limits["connections_per_address"]
        self._hub.everyone(ToWorker.Configure(settings.of_workers()))

    # ---- workers

    def _top_up(self):
        now = time.monotonic()
        for slot, when in list(self._vacant.items()):
            if when <= now and not self._stopping:
                try:
                    self._fork(slot)
                except OSError as error:
                    log.error("%(who)s cannot be started: %(why)s; tried again in 1 s",
                              {"who": _process_name(slot), "why": error.strerror})
                    self._vacant[slot] = now + 1
                else:
                    del self._vacant[slot]

    def _fork(self, slot):
        self._last_number += 1
        number, down, up = self._last_number, Queue(), Queue()
        process = multiprocessing.get_context("fork").Process(
            target=self._live, args=(slot, number, down, up), name=_process_name(slot))
        process.start()
        self._children[number] = Child(slot, number, process)
        if slot in self._aides:
            self._hub.attach_aide(number, self._aides[slot], down.write_here(), up.read_here())
        else:
            self._hub.attach(number, down.write_here(), up.read_here())

    def _live(self, *arguments):
        """In the child: a bug that ends it goes to the log, like any other."""
        try:
            self._be_child(*arguments)
        except Exception:
            log.critical("a bug ended this process", exc_info=True)
            sys.exit(1)

    def _be_child(self, slot, number, down, up):
        """In the child: keep what is its own, let go of everything else, serve."""
        signal.set_wakeup_fd(-1)
        for ours in (*STOPS, signal.SIGHUP):
            signal.signal(ours, signal.SIG_IGN)  # a terminal sends them to the whole group; the parent decides
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._wakeup)
        os.close(self._wake)
        self._hub.let_go()
        own = [] if slot in self._aides else self._listening[slot]
        for _, sock, _ in {share for shares in self._listening for share in shares} - set(own):
            sock.close()
        down.read_here()
        up.write_here()
        if self._control:
            self._control.let_go()
        if self._directory and slot != JOURNAL:
            self._directory.let_go()
        if slot in self._aides:
            self._aides[slot].process(down, up)
        else:
            Worker(number, down, up, own, self._settings.of_workers()).run()

    def _kill_failed(self):
        for number in self._hub.failed:
            self._kill(self._children[number])

    @staticmethod
    def _kill(child):
        if child.process.exitcode is None:
            os.kill(child.process.pid, signal.SIGKILL)
        child.process.join()

    def _reap(self):
        for child in list(self._children.values()):
            if child.process.exitcode is not None:
                self._bury(child)

    def _bury(self, child):
        """Free its clients' names at once, and have its place filled."""
        del self._children[child.number]
        trouble = self._hub.failed.get(child.number, "died")
        self._hub.detach(child.number)
        if self._stopping:
            return
        if not self._started:
            raise WorkersDie("%s ended with code %s before it served" % (
                _process_name(child.slot), child.process.exitcode))
        now = time.monotonic()
        deaths = self._quick_deaths[child.slot] = self._quick_deaths[child.slot] + 1 if now - child.born < QUICK else 0
        wait = min(BACK_OFF * 2 ** deaths, LONGEST_BACK_OFF) if deaths else 0
        self._vacant[child.slot] = now + wait
        log.error(
            "%(who)s (pid %(who_pid)d, exit code %(exit_code)s) %(trouble)s: replaced in %(seconds).1f s",
            {"who": _process_name(child.slot), "who_pid": child.process.pid, "exit_code": child.process.exitcode,
             "trouble": trouble, "seconds": wait})


def _process_name(slot):
    """As the log has it."""
    return "worker %d" % slot if isinstance(slot, int) else slot
