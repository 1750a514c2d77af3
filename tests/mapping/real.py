"""Clients of a real server that read all the time."""
import socket
import threading
import time

import reference

PATIENCE = 300  # seconds, for whatever is waited for; Python 3.6 needs a second of CPU for each password
# {form: name}, none longer than binary's names may be. dollar's need accounts; so do the hostile ones it can have.
ACTORS = {
    "line": "lina", "binary": "bina", "padded": "paddy", "delimited": "delia", "dollar": "dolly",
    "dollar-json": "jason", "web": "wanda", "irc": "irene",
}
PASSWORD = "secret"
ACCOUNTS = ["O'Brien\"\\", "{0}%s", "Maximiliane-von-Hohenlohe", "\u738b\u4e94\u8d75\u516d", "Kelvin"]


class Actor:
    """One client. `heard` is what it heard since it last forgot; a thread reads, so that nobody ever waits for it.

    raw: its name as it writes it.
    """

    def __init__(self, server, form, name, worker=None):
        self.form = form
        self.name = name
        self.ended = False
        self.trouble = None
        self.raw = name if isinstance(name, bytes) else name.encode()
        protocol = form.split("-")[0]
        address = server.address(protocol) if worker is None else server.worker_address(worker, protocol)
        self._sock = socket.create_connection(address, PATIENCE)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = reference.READERS[form](name)
        self._sending = threading.Lock()
        if form == "web":
            self._sock.sendall(reference.web.Decoder().opening(address))
        self._forgotten = 0
        self._news = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was first
        self._thread.join(PATIENCE)
        self._sock.close()

    def _read(self):
        self._sock.settimeout(None)
        while not self.ended:
            try:
                data = self._sock.recv(65536)
            except OSError:
                data = b""
            with self._news:
                self.ended = not data
                try:
                    self._reader.feed(data)
                    self._show_that_it_is_here()
                except Exception as error:
                    self.trouble, self.ended = error, True
                self._news.notify_all()

    def _show_that_it_is_here(self):
        """Answer a ping; but whoever is sending anyway shows that it is here, and must not be waited for."""
        if self._reader.answer and self._sending.acquire(False):
            try:
                self._sock.sendall(self._reader.answer)
            finally:
                self._sending.release()
        self._reader.answer = b""

    # ---- what it does

    def send(self, data):
        with self._sending:
            self._sock.sendall(data)

    def say(self, payload):
        self.send(self.words(payload))

    def words(self, payload, to=None):
        if to is None:
            return reference.says(self.form, self.raw, payload)
        return reference.whispers(self.form, self.raw, to.encode(), payload)

    def hang_up(self):
        """Say no more; what the server still says is heard."""
        self._sock.shutdown(socket.SHUT_WR)

    def enter(self, password=""):
        """Take the name; the answer."""
        self.send(reference.enters(self.form, self.raw, password.encode()))
        return self.answer()

    def answer(self):
        """The first yes or no that it hears, or hears next."""
        return self.wait_for(lambda event: event.kind in ("done", "refused"))

    # ---- what it hears

    @property
    def heard(self):
        with self._news:
            return self._reader.heard[self._forgotten:]

    def forget(self):
        with self._news:
            self._forgotten = len(self._reader.heard)

    def wait_for(self, wanted):
        """The first event for which wanted(event)."""
        seen, deadline = 0, time.monotonic() + PATIENCE
        with self._news:
            while True:
                events = self._reader.heard[self._forgotten:]
                for event in events[seen:]:
                    if wanted(event):
                        return event
                seen = max(0, len(events) - 1)  # padded's last one may still grow
                left = deadline - time.monotonic()
                if self.trouble:
                    raise self.trouble
                if self.ended or left <= 0:
                    raise AssertionError("%s heard only this: %r" % (self.name, events[-5:]))
                self._news.wait(left)
