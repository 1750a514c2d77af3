"""The supervisor: starts and stops all processes, handles signals, kills the stuck, reaps and replaces the dead."""
import collections
import gc
import logging
import multiprocessing
import os
import selectors
import signal
import sys
import time

from parley.server.http.site import read_page
from parley.server.ipc.messages import ToWorker
from parley.server.ipc.queues import Queue
from parley.server.supervisor.figures import BEHIND, DIED, STUCK
from parley.server.supervisor.hub import FILES, JOURNAL, Hub
from parley.server.supervisor.signals import MEANINGLESS_SIGNALS, OF_THE_PARENT, STOP_SIGNALS, leave_to_parent
from parley.server.worker.loop import Worker

IDLE_INTERVAL = 1.0  # seconds: the longest wait for events
BUSY_INTERVAL = 0.05  # the same while a worker is missing, starting or being stopped
SAME_SIGNAL = 0.5  # seconds within which a second stop signal counts as the first; `timeout`, for one, sends it twice
STOP_WITHIN = 5.0  # seconds for each of the two steps of an orderly stop
QUICK_DEATH = 1.0  # seconds: the replacement of a worker that lived for less is delayed
BACK_OFF, LONGEST_BACK_OFF = 0.1, 30.0  # seconds of that delay, which doubles with each quick death

_REASONS = {"does not answer": STUCK, "is too far behind": BEHIND}  # as `Hub.failed` has it

log = logging.getLogger(__name__)


class WorkersDie(Exception):
    """A process died before all were serving, so that starting it again would not help."""


class StopAtOnce(Exception):
    """A second stop signal has come; its number is the argument."""


class Child:
    """A child process. slot: the place it fills, which its replacement gets. number: its own, never used again."""

    def __init__(self, slot, number, process):
        self.slot = slot
        self.number = number
        self.process = process
        self.born = time.monotonic()


class Supervisor:
    """The parent process, from the first fork to the last death.

    It forks, with the start method named explicitly, and has one thread, so that forking is safe (docs/pythons.md).

    listening: for each worker's slot a list of (protocol name, socket, with TLS?, room or HOME). The sockets stay open
        in the parent, so that a replacement accepts from the same ones as its predecessor.
    settings: `parley.server.config.Settings`.
    reread: a function without arguments that returns new settings, or None if they are wrong.
    accounts, store: see `parley.server.supervisor.hub.Hub`.
    kept: (rooms, sessions, metadata) that are stored, as `parley.server.storage.memory.Store` gives them.
    directory: `parley.server.storage.directory.Directory`, or None if nothing is stored.
    open_control: a function of requests and a selector that returns a `parley.server.supervisor.control.Control`, or
        None.
    make_hub: a function that returns the hub; it takes the arguments of `Hub`.
    keeper: `server.files.keeper.Keeper`, or None if no files are kept.
    """

    def __init__(self, listening, settings, reread, accounts, store, kept, directory, open_control, make_hub=Hub,
                 keeper=None):
        self._listening = listening
        self._settings = settings
        self._reread = reread
        hub = self._hub = make_hub(settings.pacing_ms / 1000, accounts, store,
                                   settings.failed_logins_per_minute, settings.accounts_per_address)
        hub.keeper = keeper
        hub.verifier.scram = settings.irc.scram
        self._hub.slot_of = self._slot_of
        self._hub.workers_wanted = len(listening)
        self._hub.figures.serving = sorted({(protocol, with_tls) for protocol, _, with_tls, _ in listening[0]})
        self._hub.figures.processes = self._pids
        register = self._hub.register
        register.restore(*kept)
        hub.found({room for _, _, room in (*settings.room_ports, *settings.tls.room_ports)})
        self._set_limits()
        self._directory = directory
        self._open_control = open_control
        self._control = None
        self._aides = hub.aides
        self._children = {}  # by number
        self._vacant = dict.fromkeys([*range(len(listening)), *self._aides], 0.0)  # slot -> when it is to be filled
        self._last_number = 0
        self._quick_deaths = collections.Counter()  # in a row, by slot
        self._started = self._stopping = False
        self._stop_requested_at = 0.0  # monotonic seconds
        self._signals = []
        self._wakeup, self._wake = os.pipe()

    def run(self, on_start, on_stop, on_turn):
        """Serve until a signal says stop, and then until everything has stopped. Raises WorkersDie or StopAtOnce.

        The arguments are functions without arguments. on_start is called once all processes serve, on_stop once they
        are about to be stopped, and on_turn at least once a second.
        """
        self._catch_signals()
        self._on_turn = on_turn
        requests = dict(self._hub.requests_of_operators, status=self._reply_with_status, who=self._reply_with_who)
        self._control = self._open_control(requests, self._hub.selector)
        read_page()  # for all workers, which would each compress it
        gc.collect()
        getattr(gc, "freeze", lambda: None)()  # since 3.7; or the collector would write to pages that workers share
        try:
            self._serve(on_start)
            on_stop()
            self._stop()
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)  # the work is done; a signal could only kill Python at its exit
        except (WorkersDie, StopAtOnce):
            raise
        except Exception:
            self._say_goodbye()
            raise
        finally:
            if self._control:
                self._control.close()
            for child in self._children.values():
                self._kill(child)
            signal.set_wakeup_fd(-1)
            os.close(self._wakeup)
            os.close(self._wake)

    @property
    def is_told_to_stop(self):
        """Has a signal told the server to stop?"""
        return bool(self._stop_requested_at) or any(number in STOP_SIGNALS for number in self._signals)

    def _serve(self, on_start):
        self._top_up()
        while not self._stopping:
            self._run_once()
            if not self._started and not self._vacant and self._all("ready") and self._hub.store.ready:
                self._started = True
                on_start()

    def _stop(self):
        """Stop in two steps, so that nothing said is lost: answer what was asked, then disconnect all clients."""
        self._hub.everyone(ToWorker.Stop())
        self._hub.door.close()  # or a login might wait there longer than a stop may take
        self._run_until(lambda: self._all("done") and not self._hub.depth)
        self._hub.dismiss_aides()
        self._hub.everyone(ToWorker.End())
        self._run_until(lambda: not self._children)
        self._hub.strangers.close()

    def _say_goodbye(self):
        """After a bug in the hub: have the workers say goodbye to their clients; open requests are not answered."""
        self._stopping = True
        self._hub.take_leave()
        deadline = time.monotonic() + STOP_WITHIN
        while self._children and time.monotonic() < deadline:
            self._hub.speak()
            time.sleep(BUSY_INTERVAL)
            for child in list(self._children.values()):
                if child.process.exitcode is not None:
                    del self._children[child.number]

    def _run_until(self, fulfilled):
        deadline = time.monotonic() + STOP_WITHIN
        while not fulfilled() and time.monotonic() < deadline:
            self._run_once()

    def _all(self, state):
        return all(getattr(stream, state) for stream in self._hub.streams.values())

    def _run_once(self):
        """One turn of the hub, and of the supervisor if there is anything to do."""
        quiet = self._started and not self._vacant and not self._stopping
        self._hub.turn(IDLE_INTERVAL if quiet else BUSY_INTERVAL)
        self._on_turn()
        if self._control:
            self._control.close_expired()
        if self._signals or self._hub.failed or not quiet:
            self._handle_signals()
            self._kill_failed()
            self._reap()
            self._top_up()

    def _reply_with_status(self, reply):
        reply(self._hub.status())

    def _reply_with_who(self, reply, **asked):
        """Reply with who is online; workers are named as in the log."""

        def with_slots(answer):
            for row in answer.get("who", ()):
                row[1] = self._hub.place_of(row[1])
            reply(answer)

        self._hub.requests_of_operators["who"](with_slots, **asked)

    def _slot_of(self, number):
        """The slot of a worker, by which the log names it; None if it has just died."""
        return self._children[number].slot if number in self._children else None

    def _pids(self):
        return dict({_process_name(child.slot): child.process.pid for child in self._children.values()},
                    parent=os.getpid())

    # ---- signals

    def _catch_signals(self):
        for end in (self._wakeup, self._wake):
            os.set_blocking(end, False)
        self._hub.selector.register(self._wakeup, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake)
        for number in (*OF_THE_PARENT, signal.SIGCHLD):
            signal.signal(number, lambda number, frame: self._signals.append(number))

    def _handle_signals(self):
        try:
            os.read(self._wakeup, 4096)  # before the list is read: a signal that comes in between wakes us again
        except BlockingIOError:
            pass
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGHUP:
                self._configure()
            elif number in STOP_SIGNALS:
                self._request_stop(number)
            elif number in MEANINGLESS_SIGNALS:
                log.warning("%(signal)s means nothing to this server; its log goes to stderr, and it has no other files"
                            " to open again", {"signal": signal.Signals(number).name})

    def _request_stop(self, number):
        now = time.monotonic()
        if not self._stopping:
            self._stopping = True
            self._stop_requested_at = now
        elif now - self._stop_requested_at > SAME_SIGNAL:
            raise StopAtOnce(number)

    def _configure(self):
        settings = self._reread()
        if settings is None:
            return
        self._settings = settings
        self._hub.pacing = settings.pacing_ms / 1000
        self._set_limits()
        self._hub.everyone(ToWorker.Configure(settings.of_workers()))

    def _set_limits(self):
        """Apply the settings that concern the hub itself."""
        self._hub.set_limits(self._settings.rooms, frozenset(name for name, _ in self._settings.operators),
                             self._settings.limits["connections_per_address"])

    # ---- workers

    def _top_up(self):
        now = time.monotonic()
        for slot, when in list(self._vacant.items()):
            if when <= now and not self._stopping and (self._hub.may_serve or slot in self._aides):
                try:
                    self._fork(slot)
                except OSError as error:
                    log.error("%(who)s cannot be started: %(why)s; trying again in 1 s",
                              {"who": _process_name(slot), "why": error.strerror})
                    self._vacant[slot] = now + 1
                else:
                    del self._vacant[slot]

    def _fork(self, slot):
        self._last_number = max(self._last_number + 1, 0 if slot in self._aides else self._hub.first_worker)
        number, down, up = self._last_number, Queue(), Queue()
        process = multiprocessing.get_context("fork").Process(
            target=self._run_child, args=(slot, number, down, up), name=_process_name(slot))
        process.start()
        self._children[number] = Child(slot, number, process)
        if slot in self._aides:
            self._hub.attach_aide(number, self._aides[slot], down.write_here(), up.read_here())
        else:
            self._hub.attach(number, down.write_here(), up.read_here())

    def _run_child(self, *arguments):
        """In the child: serve, and log a bug that ends the process."""
        try:
            self._serve_as_child(*arguments)
        except Exception:
            log.critical("a bug ended this process", exc_info=True)
            sys.exit(1)

    def _serve_as_child(self, slot, number, down, up):
        """In the child: close every descriptor that is not its own, and serve until the end.

        down, up: the `Queue`s from the hub and to it.
        """
        leave_to_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._wakeup)
        os.close(self._wake)
        self._hub.let_go()
        own = [] if slot in self._aides else self._listening[slot]
        for _, sock, _, _ in {share for shares in self._listening for share in shares} - set(own):
            sock.close()
        down.read_here()
        up.write_here()
        if self._control:
            self._control.let_go()
        if self._directory and slot not in (JOURNAL, FILES):
            self._directory.let_go()
        if self._hub.keeper and slot != FILES:
            self._hub.keeper.let_go()
        if slot in self._aides:
            self._aides[slot].process(down, up)
        else:
            Worker(number, down, up, own, self._settings.of_workers(), self._hub.keeper).run()

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
                self._replace(child)

    def _replace(self, child):
        """A child is dead: free its clients' names, and schedule its replacement; or WorkersDie, during the start."""
        del self._children[child.number]
        trouble = self._hub.failed.get(child.number, "died")
        self._hub.detach(child.number)
        if self._stopping:
            return
        if not (self._started or self._hub.has_served):
            raise WorkersDie("%s ended with code %s before it served" % (
                _process_name(child.slot), child.process.exitcode))
        if child.slot not in self._aides:
            self._hub.figures.restarts[_REASONS.get(trouble, DIED)] += 1
        now = time.monotonic()
        deaths = self._quick_deaths[child.slot] + 1 if now - child.born < QUICK_DEATH else 0
        self._quick_deaths[child.slot] = deaths
        wait = min(BACK_OFF * 2 ** deaths, LONGEST_BACK_OFF) if deaths else 0
        self._vacant[child.slot] = now + wait
        log.error(
            "%(who)s (pid %(who_pid)d, exit code %(exit_code)s) %(trouble)s: replaced in %(seconds).1f s",
            {"who": _process_name(child.slot), "who_pid": child.process.pid, "exit_code": child.process.exitcode,
             "trouble": trouble, "seconds": wait})


def _process_name(slot):
    """The name of a process in the log."""
    return "worker %d" % slot if isinstance(slot, int) else slot
