"""Passwords: how they are hashed, and the process that does it, so that nobody who serves has to wait.

A secret is the text that is kept for a password. It says how it was made, so that it can be verified for ever:

    scrypt$16384:8:5$<salt>$<digest>      n, r and p of scrypt
    pbkdf2$600000$<salt>$<digest>         rounds of PBKDF2-SHA256, where Python has no scrypt

Salt and digest are base64.

The costs are minimums of OWASP's Password Storage Cheat Sheet. For scrypt it lists several as equal, from n = 2^17 with
p = 1 (128 MiB for each password) to n = 2^13 with p = 10. This is n = 2^14 with p = 5: 16 MiB, and about 0.3 s of CPU.
"""
import base64
import binascii
import hashlib
import hmac
import logging
import multiprocessing.connection
import os
import re

from parley.server.chat.session import LONGEST_GIVEN
from parley.server.ipc.messages import FromHasher, ToHasher, packed
from parley.server.ipc.queues import called
from parley.server.protocols.events import Reason

COSTS = {"scrypt": (1 << 14, 8, 5), "pbkdf2": (600000,)}  # of new secrets
_SECRET = re.compile(r"(scrypt|pbkdf2)\$([0-9]{1,7}(?::[0-9]{1,2}:[0-9]{1,2})?)\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
MOST_DEATHS = 3  # of processes in a row, until the job that was theirs is taken for the cause
_SCRYPT_MEMORY = 256 << 20  # bytes that a secret may ask for

log = logging.getLogger(__name__)


class Unverifiable(ValueError):
    """No password can be held against this secret here; the text says why."""


def hashed(password):
    """The secret to keep for a password (bytes), as text."""
    method, salt = _method(), os.urandom(16)
    digest = _digest(method, COSTS[method], password, salt)
    return "$".join((method, ":".join(map(str, COSTS[method])), _text(salt), _text(digest)))


def chosen(password):
    """The secret for a password that an operator has chosen; ValueError if it is longer than one that can be given."""
    if len(password) > LONGEST_GIVEN:
        raise ValueError("a password has at most %d bytes" % LONGEST_GIVEN)
    return hashed(password)


def matches(password, secret):
    """Is this the password the secret was made of? Takes the same time whatever the answer. Or Unverifiable."""
    method, cost, salt, digest = parts(secret)
    return hmac.compare_digest(_digest(method, cost, password, salt), digest)


def is_outdated(secret):
    """Would a new secret be a better one?"""
    method, cost, _, _ = parts(secret)
    return method != _method() or any(
        have < wanted for have, wanted in zip(_effort(*cost), _effort(*COSTS[method])))


def _effort(rounds, size=1, times=1):
    """The memory that each guess takes, and the work, of scrypt; of PBKDF2 its rounds are both."""
    return rounds * size, rounds * size * times


def parts(secret):
    """The method, its cost as a tuple, the salt and the digest; Unverifiable if that is of no use here."""
    found = _SECRET.fullmatch(secret)
    if not found:
        raise Unverifiable("this is not a secret of ours")
    method, cost = found.group(1), tuple(map(int, found.group(2).split(":")))
    if len(cost) != len(COSTS[method]):
        raise Unverifiable("its cost is not one of %s" % method)
    if method == "scrypt" and not hasattr(hashlib, "scrypt"):
        raise Unverifiable("it was made with scrypt, which this Python lacks")
    try:
        return method, cost, base64.b64decode(found.group(3)), base64.b64decode(found.group(4))
    except binascii.Error:
        raise Unverifiable("its salt or digest is damaged") from None


def _method():
    return "scrypt" if hasattr(hashlib, "scrypt") else "pbkdf2"


def _digest(method, cost, password, salt):
    try:
        if method == "scrypt":
            return hashlib.scrypt(password, salt=salt, n=cost[0], r=cost[1], p=cost[2], maxmem=_SCRYPT_MEMORY)
        return hashlib.pbkdf2_hmac("sha256", password, salt, *cost)
    except (ValueError, OverflowError):
        raise Unverifiable("its cost cannot be met") from None


def _text(data):
    return base64.b64encode(data).decode("ascii")


def _result(job, arguments):
    """The result of a job, whatever happens: if it ended this process, its successor would be asked the same."""
    try:
        return _JOBS[job](*arguments)
    except Exception:
        log.exception("a bug: a password is taken for one that cannot be verified")
        return Reason.UNVERIFIABLE, None


def _verify(password, secret):
    try:
        if not matches(password, secret):
            return Reason.WRONG_PASSWORD, None
        return None, hashed(password) if is_outdated(secret) else None
    except Unverifiable as error:
        log.error("a password cannot be verified: %(why)s", {"why": str(error)})
        return Reason.UNVERIFIABLE, None


# What is asked, and what is done: (trouble, secret), see `Verifier`.
_JOBS = {"verify": _verify, "hash": lambda password: (None, hashed(password))}


class Verifier:
    """The hub's end: jobs go to the process, and come back as calls of then(trouble, secret). They outlive it.

    trouble: a Reason, or None.
    """

    def __init__(self):
        self.down = self.up = None
        self.waiting = False  # for room in the queue?
        self._jobs = {}  # the oldest, which is the one being done, first
        self._last_token = 0
        self._deaths = 0  # of processes since the last result

    def attach(self, down, up):
        """A process has been forked; what the one before it has not done is asked again, unless it ends them all."""
        if self._deaths >= MOST_DEATHS:
            self._give_up(next(iter(self._jobs)))
        self.down, self.up = down, up
        for token in self._jobs:
            self._send(token)

    def detach(self):
        """The process is dead, or not this process's; gives the queues to close."""
        queues = [queue for queue in (self.down, self.up) if queue is not None]
        self._deaths = self._deaths + 1 if self._jobs else 0
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
        """Is it the password? If so, and the secret is out of date, a new one for it is told."""
        self._ask(then, ToHasher.Verify, password, secret)

    def hash(self, password, then):
        """The secret for a new password is told."""
        self._ask(then, ToHasher.Hash, password)

    def hear(self):
        """Results have come. EOFError if the process is gone."""
        for frame in self.up.get():
            _, (token, trouble, secret) = called(frame)
            _, then = self._jobs.pop(token)
            self._deaths = 0
            then(trouble, secret)

    def _give_up(self, token):
        log.error("a password is taken for one that cannot be verified: with it one process after the other died")
        _, then = self._jobs.pop(token)
        self._deaths = 0
        then(Reason.UNVERIFIABLE, None)

    def _ask(self, then, job, *arguments):
        self._last_token += 1
        self._jobs[self._last_token] = (job, arguments), then
        self._send(self._last_token)

    def _send(self, token):
        if self.down is not None:
            (job, arguments), _ = self._jobs[token]
            try:
                self.down.put(packed(job(token, *arguments)))
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
                    job, (token, *arguments) = called(frame)
                    up.put(packed(FromHasher.Done(token, *_result(job, arguments))))
            except (EOFError, BrokenPipeError):
                return
