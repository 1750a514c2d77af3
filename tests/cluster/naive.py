"""A log as it is often written: bare XADD to the master, and read from the master. It loses what was acknowledged."""
import json
import os
import threading
import time

from resp import PAUSE, Lost, Redis, address_of_master

KEY = "naive"


class Log:
    """apply(number, text): called for each entry, in the order of the stream."""

    def __init__(self, name, sentinels, apply):
        self.node = "%s/%d" % (name, os.getpid())
        self._sentinels = sentinels
        self._apply = apply
        self._lock = threading.Lock()
        self._writer = None
        self._ready = threading.Event()

    def start(self):
        """Read on and on, in a thread; returns when what there was has been read."""
        threading.Thread(target=self._read, daemon=True).start()
        self._ready.wait()

    def submit(self, entry):
        """Append it; again if that fails, as client libraries do."""
        with self._lock:
            while True:
                try:
                    self._writer = self._writer or self._connect()
                    return self._writer("XADD", KEY, "*", "f", json.dumps(entry))
                except Lost:
                    self._writer = None
                    time.sleep(PAUSE)

    def _connect(self):
        return Redis(address_of_master(self._sentinels))

    def _read(self):
        last = "0-0"
        while True:
            try:
                reader = self._connect()
                while True:
                    told = reader("XREAD", "BLOCK", 200, "STREAMS", KEY, last)
                    for ident, (_, text) in told[0][1] if told else ():
                        last = ident.decode()
                        milliseconds, number = map(int, last.split("-"))
                        self._apply(milliseconds * 1000 + number, text.decode())
                    if not told:
                        self._ready.set()
            except Lost:
                time.sleep(PAUSE)
