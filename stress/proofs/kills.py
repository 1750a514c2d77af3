"""kill -9 of one worker after the other under load: the others lose nothing, and nothing stays behind.

One worker is never killed; it serves an observer and a steady speaker. Speakers on the other workers lose their
connections, and reconnect under the same names.
"""
import collections
import os
import random
import signal
import statistics
import threading
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Client
from stress.proofs.names import take
from stress.proofs.processes import children, descriptors, wait_until, worker_of

UNTOUCHED = 0
FREE_WITHIN = 0.1  # seconds after the kill
SETTLED = 1.2  # seconds; the successor of a worker that lived for less than one is delayed on purpose

CONFIG = {"limits": {"messages_per_second": 0}, "idle_timeout": 0}


def prove(say, kills=30, workers=4, seed=None):
    """Kill `kills` workers in turn, chosen at random by `seed`."""
    chance = random.Random(seed)
    with launch(workers=workers, config=CONFIG) as server:
        figures = Figures()
        base, family = _open_files(server), len(children(server.pid))
        with Load([server.worker_address(slot) for slot in range(workers)]) as load:
            for _ in range(kills):
                slot = chance.randrange(UNTOUCHED + 1, workers)
                kill(server, load, slot, figures)
        load.check()
        say("%d messages were said while %d workers were killed, %d of them on the untouched worker" % (
            len(load.observed), kills, load.steady_said))
        say("the observer missed nothing, in order, and heard of each loss once")
        for what, values in (("names free after", figures.free), ("new client served after", figures.served)):
            say("%s min %.1f, median %.1f, max %.1f ms" % (
                (what,) + tuple(1000 * value for value in (min(values), statistics.median(values), max(values)))))
        demand(max(figures.free) < FREE_WITHIN, "a name was free only after %.0f ms", 1000 * max(figures.free))
        demand(max(figures.served) < 1, "a successor served only after %.0f ms", 1000 * max(figures.served))
        demand(len(children(server.pid)) == family, "of %d processes there are %d", family, len(children(server.pid)))
        wait_until(lambda: _open_files(server) == base)
        say("%d workers at the end; descriptors are back to %d (parent) and %d (untouched worker)" % (
            (workers,) + _open_files(server)))


class Figures:
    """Seconds after each kill: until a name was free, and until a new client was served."""

    def __init__(self):
        self.free = []
        self.served = []


def _open_files(server):
    return descriptors(server.pid), descriptors(worker_of(server, UNTOUCHED))


def kill(server, load, slot, figures):
    """Kill the worker in `slot`, and measure when a name is free and when the successor serves."""
    time.sleep(SETTLED)  # no synchronisation: the victim has to grow old enough
    load.flows()
    with Client(server.worker_address(UNTOUCHED)) as heir:
        pid = worker_of(server, slot)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        take(heir, "idler-%d" % slot)
        figures.free.append(time.monotonic() - killed)
    with Client(server.worker_address(slot)) as newcomer:
        newcomer.expect("ERR must-login-first", after="PING")
        figures.served.append(time.monotonic() - killed)
    load.lost(slot)


class Load:
    """One speaker a worker, each in a thread of its own, one silent user a worker, and the observer.

    A speaker says "<life> <number>": its life is how often it had to reconnect; numbers begin at 0 in each life.
    """

    def __init__(self, addresses, pause=0.002):
        self._addresses = addresses
        self._pause = pause
        self._over = threading.Event()
        self._observer = Client(addresses[UNTOUCHED], "observer")
        self._idlers = [Client(address, "idler-%d" % slot) for slot, address in enumerate(addresses)]
        self._said = {}  # (slot, life) -> number of messages, once that life is over
        self._losses = collections.Counter()  # by slot
        self.observed = []
        self._infos = []
        self._threads = [threading.Thread(target=self._observe)]
        self._threads += [threading.Thread(target=self._speak, args=(slot,)) for slot in range(len(addresses))]
        self._failures = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads[1:]:
            thread.join()
        self._observer.say("DM observer the-end")
        self._threads[0].join()
        for client in [self._observer, *self._idlers]:
            client.close()

    @property
    def steady_said(self):
        """How many messages the speaker on the untouched worker has said."""
        return self._said[UNTOUCHED, 0]

    def flows(self):
        """Wait until a new message of every speaker has been observed."""
        start, everybody = len(self.observed), {b"speaker-%d" % slot for slot in range(len(self._addresses))}
        wait_until(lambda: everybody <= {line.split(b" ")[1] for line in self.observed[start:]}, 20)

    def lost(self, slot):
        """The worker in `slot` was killed: wait until its speaker has noticed, and log its silent user in again."""
        life = self._losses[slot]
        wait_until(lambda: (slot, life) in self._said)
        self._losses[slot] += 1
        self._idlers[slot].rest()
        self._idlers[slot] = Client(self._addresses[slot])
        take(self._idlers[slot], "idler-%d" % slot)  # the measurement took the name, and released it

    def _speak(self, slot):
        life = 0
        while not self._over.is_set():
            client = Client(self._addresses[slot])
            take(client, "speaker-%d" % slot)
            number = 0
            try:
                while not self._over.is_set():
                    client.say("MSG %d %d" % (life, number))
                    number += 1
                    self._over.wait(self._pause)
                client.heard()  # wait until the hub has put all of it in order
            except OSError:  # the worker was killed
                pass
            except AssertionError as error:
                self._failures.append(error)
            self._said[slot, life] = number
            life += 1
            client.close()

    def _observe(self):
        try:
            while True:
                line = self._observer.line()
                if line == b"DM observer the-end":
                    return
                (self.observed if line.startswith(b"MSG ") else self._infos).append(line)
        except (AssertionError, OSError) as error:
            self._failures.append(error)

    def check(self):
        """All messages of the untouched worker have arrived; of each other life the first ones, without a gap."""
        demand(not self._failures, "%s", self._failures)
        for slot in range(len(self._addresses)):
            lives = [life for place, life in self._said if place == slot]
            mine = [line.split(b" ")[2:] for line in self.observed if line.startswith(b"MSG speaker-%d " % slot)]
            expected, whole = [], []
            for life in sorted(lives):
                heard = sum(1 for words in mine if words[0] == b"%d" % life)
                expected += [[b"%d" % life, b"%d" % number] for number in range(heard)]
                whole.append(heard == self._said[slot, life])
            demand(mine == expected, "speaker %d was heard with a gap, twice, or in another order", slot)
            demand(whole[-1] and (slot != UNTOUCHED or whole == [True]),
                   "of speaker %d messages were lost though its worker lived", slot)
            ends = self._infos.count(b"INFO speaker-%d disconnected" % slot)
            demand(len(lives) - 1 <= ends <= len(lives), "the end of speaker %d was heard %d times in %d lives",
                   slot, ends, len(lives))
