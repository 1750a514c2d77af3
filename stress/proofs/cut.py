"""Old messages are deleted under load, and nobody has to wait for that: no p99 grows by more than 20 ms.

A server finds far more stored messages than it is to keep. Before it begins to delete and while it does, the proof
measures how long a message takes to a listener on another worker, and an acknowledgement to the speaker.
"""
import contextlib
import os
import sqlite3
import statistics
import tempfile
import threading
import time

from parley.conformance.targets import launch
from stress.proofs import demand
from stress.proofs.clients import Client, Silence
from stress.proofs.start import fill
from stress.proofs.voices import Line, Padded

MOST_ADDED = 0.020  # seconds
WARM = 3.0  # seconds before anything is measured
BEGINS_WITHIN = 90.0  # seconds after the start
EVERY = 0.01  # seconds between two messages of a speaker
CONFIG = {"limits": {"messages_per_second": 0}, "idle_timeout": 0}


def prove(say, messages=1000000, keep=100000, speakers=3, seconds=30.0):
    """Watch what is deleted for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="cut-") as directory:
        storage = os.path.join(directory, "storage")
        os.mkdir(storage, 0o700)
        path = os.path.join(storage, "parley.db")
        fill(path, messages, accounts=1000)
        config = dict(CONFIG, storage={"directory": storage, "keep_messages": keep})
        with launch(workers=2, config=config, protocols=("line", "padded"), seconds=60) as server:
            with Probes(server, speakers) as probes:
                time.sleep(WARM)
                warm = time.monotonic()
                _wait_until_deleted(path)
                began = time.monotonic()
                time.sleep(seconds)
                ended = time.monotonic()
            left = _look(path, "SELECT count(*) FROM messages")
            demand("Traceback" not in server.stderr_text(), "%s", server.stderr_text())
    said = sum(map(len, probes.took.values()))
    say("of %d messages %d were to be kept; %d of the others were deleted in %.0f s, while %d were said" % (
        messages, keep, messages + said - left, seconds, said))
    for what, took in probes.took.items():
        before = [duration for moment, duration in took if warm < moment < began]
        during = [duration for moment, duration in took if began < moment < ended]
        for when, durations in (("before", before), ("meanwhile", during)):
            say("%s %s: median %.1f, p99 %.1f, longest %.1f ms (%d)" % (
                what, when, 1000 * statistics.median(durations), 1000 * p99(durations), 1000 * max(durations),
                len(durations)))
        demand(p99(during) - p99(before) < MOST_ADDED, "p99 of %s grows by %.1f ms",
               what, 1000 * (p99(during) - p99(before)))


def p99(durations):
    """What 99 of 100 do not exceed."""
    return sorted(durations)[len(durations) * 99 // 100]


def _look(path, query):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as database:
        return database.execute(query).fetchone()[0]


def _wait_until_deleted(path):
    deadline = time.monotonic() + BEGINS_WITHIN
    while _look(path, "SELECT min(number) FROM messages WHERE conversation = 0") == 1:
        demand(time.monotonic() < deadline, "nothing was deleted in %g s", BEGINS_WITHIN)
        time.sleep(0.2)


class Probes:
    """A talker, a listener, and speakers who wait for their acknowledgements, each in a thread of its own.

    took: {what: [(moment, seconds)]}
    """

    def __init__(self, server, speakers):
        self.took = {"deliveries": [], "acknowledgements": []}
        self._over = threading.Event()
        self._talker = Line(server.worker_address(0), b"talker")
        self._talker.enter()
        self._listener = Client(server.worker_address(1), "listener")
        self._speakers = [Padded(server.worker_address(number % 2, "padded"), b"speaker%d" % number)
                          for number in range(speakers)]
        self._threads = [threading.Thread(target=self._talk), threading.Thread(target=self._listen)]
        self._threads += [threading.Thread(target=self._speak, args=(speaker,)) for speaker in self._speakers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads:
            thread.join()
        for client in (self._talker, self._listener, *self._speakers):
            client.close()

    def _talk(self):
        while not self._over.wait(EVERY):
            self._talker.say(None, b"%.6f" % time.monotonic())

    def _listen(self):
        while not self._over.is_set():
            with contextlib.suppress(Silence):
                _, sender, text = self._listener.line(0.5).split(b" ", 2)
                if sender == b"talker":
                    self._note("deliveries", float(text))

    def _speak(self, speaker):
        while not self._over.wait(EVERY):
            said_at = time.monotonic()
            demand(speaker.say(None, b"hello"), "%r was not stored: %r", speaker.name, speaker.refusal)
            self._note("acknowledgements", said_at)

    def _note(self, what, since):
        now = time.monotonic()
        self.took[what].append((now, now - since))
