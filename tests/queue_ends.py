"""Queues in one process."""
import copy
import os
from multiprocessing.connection import Connection

from parley.server.ipc.queues import Queue


def two_ends():
    """A queue as two processes see it after a fork: its writing and its reading end."""
    writing = Queue()
    reading = copy.copy(writing)
    reading._reader = Connection(os.dup(writing._reader.fileno()), writable=False)
    reading._writer = Connection(os.dup(writing._writer.fileno()), readable=False)
    return writing.write_here(), reading.read_here()
