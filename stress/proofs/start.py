"""A server with a million stored messages serves within three seconds.

From the start of the process to "Waiting for connections...". Half of the messages were said in the lobby, half between
accounts.
"""
import os
import statistics
import tempfile
import time

from parley.conformance.targets import launch
from parley.server.ipc.queues import placed, record, talk
from parley.server.storage.database import Database
from stress.proofs import demand

WITHIN = 3.0  # seconds
TEXT = b"%d: some words, about as many as people use in one message of a chat"
AT_ONCE = 10000  # messages in one transaction
NOW = 1600000000000  # milliseconds since the epoch


def prove(say, messages=1000000, accounts=1000, starts=3):
    """Fill a directory, then start a server on it a few times."""
    with tempfile.TemporaryDirectory(prefix="start-") as directory:
        storage = os.path.join(directory, "storage")
        os.mkdir(storage, 0o700)
        began = time.monotonic()
        fill(os.path.join(storage, "parley.db"), messages, accounts)
        size = sum(os.path.getsize(entry.path) for entry in os.scandir(storage))
        say("%d messages and %d accounts written in %.0f s: %.0f MB" % (
            messages, accounts, time.monotonic() - began, size / 1e6))
        took = [_start(storage) for _ in range(starts)]
        say("serves after %s s, median %.2f s" % (
            ", ".join("%.2f" % seconds for seconds in took), statistics.median(took)))
        demand(statistics.median(took) < WITHIN, "it took %.2f s", statistics.median(took))


def fill(path, messages, accounts):
    """Write a database with so many accounts and messages."""
    names = [b"user%d" % number for number in range(accounts)]
    database = Database(path, "system")
    with database.transaction():
        for name in names:
            database.open_account(name, None)
    for first in range(0, messages, AT_ONCE):
        with database.transaction():
            for number in range(first, min(first + AT_ONCE, messages), 2):
                sender, to = names[number % accounts], names[(number // AT_ONCE + number + 1) % accounts]
                frame = talk(0, 1, [record(1, sender, TEXT % number, 0)])
                database.talk(placed(frame, number + 1, NOW))
                database.whisper(number + 2, NOW, sender, to, TEXT % (number + 1), False)
    database.close()


def _start(storage):
    began = time.monotonic()
    with launch(workers=2, args=("--storage", storage), seconds=60):
        return time.monotonic() - began
