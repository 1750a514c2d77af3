"""Passwords: how they are hashed, and the process that does it, so that nobody who serves has to wait."""
import base64
import hashlib
import hmac
import multiprocessing.connection
import os

from server.worker.queues import called, control

_SCRYPT = {"n": 1 << 14, "r": 8, "p": 1}
_ROUNDS = 600000  # of PBKDF2-SHA256, where this Python has no scrypt


def hashed(password):
    """The secret to keep for a password (bytes): method, cost, salt and digest as text."""
    salt = os.urandom(16)
    method = "scrypt" if hasattr(hashlib, "scrypt") else "pbkdf2"
    return "%s$%s$%s" % (method, _text(salt), _text(_digest(method, password, salt)))


def matches(password, secret):
    """Is this the password the secret was made of? Takes the same time whatever the answer."""
    method, salt, digest = secret.split("$")
    return hmac.compare_digest(_digest(method, password, base64.b64decode(salt)), base64.b64decode(digest))


def _digest(method, password, salt):
    if method == "scrypt":
        return hashlib.scrypt(password, salt=salt, **_SCRYPT)
    return hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS)


def _text(data):
    return base64.b64encode(data).decode("ascii")


class Verifier:
    """The hub's end: jobs go to the process, and come back as calls of `then(bool)`. A job outlives its process."""

    def __init__(self):
        self.down = self.up = None
        self.waiting = False  # for room in the queue?
        self._jobs = {}
        self._last_token = 0

    def attach(self, down, up):
        """A process has been forked; what the one before it has not done is asked again."""
        self.down, self.up = down, up
        for token in self._jobs:
            self._send(token)

    def detach(self):
        """The process is dead, or not this process's; gives the queues to close."""
        queues = [queue for queue in (self.down, self.up) if queue is not None]
        self.down = self.up = None
        self.waiting = False
        return queues

    def flush(self):
        """Send what the process has not taken before."""
        try:
            self.down.put()
        except BrokenPipeError:
            pass  # its death is noticed by `hear`

    def is_stuck(self):
        """It takes the time it takes."""
        return False

    def verify(self, password, secret, then):
        """Call then(True) or then(False), some time."""
        self._last_token += 1
        self._jobs[self._last_token] = password, secret, then
        self._send(self._last_token)

    def hear(self):
        """Results have come. EOFError if the process is gone."""
        for frame in self.up.get():
            _, (token, right) = called(frame)
            self._jobs.pop(token)[2](right)

    def _send(self, token):
        if self.down is not None:
            password, secret, _ = self._jobs[token]
            try:
                self.down.put(control("verify", token, password, secret))
            except BrokenPipeError:
                pass  # its death is noticed by `hear`; the successor is asked again

    # ---- in the process

    def process(self, down, up):
        """One job after the other, until the hub is gone. `up` blocks, `down` does not, so that reads end."""
        os.set_blocking(up.fileno(), True)
        while True:
            multiprocessing.connection.wait([down])
            try:
                for frame in down.get():
                    _, (token, password, secret) = called(frame)
                    up.put(control("verified", token, matches(password, secret)))
            except (EOFError, BrokenPipeError):
                return
