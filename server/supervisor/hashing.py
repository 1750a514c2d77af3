"""The process that hashes passwords, so that neither hub nor workers wait for it, and its end in the hub."""
import logging
import multiprocessing.connection
import os

from parley.server.ipc.aide import POLITENESS, Aide
from parley.server.ipc.messages import FromHasher, ToHasher, handlers, packed
from parley.server.ipc.queues import called
from parley.server.protocols.events import Reason
from parley.server.supervisor.passwords import Unverifiable, hashed, is_outdated, matches

MOST_DEATHS = 3  # of processes in a row over one job; then the job is taken for the cause, and fails

log = logging.getLogger(__name__)


def _result(job, arguments, scram=False):
    """The result of a job, even after a bug: if the process died of it, the next one would get the same job."""
    try:
        return _JOBS[job](*arguments, scram)
    except Exception:
        log.exception("a bug: a password is treated as one that cannot be verified")
        return Reason.UNVERIFIABLE, None


def _verify(password, secret, scram=False):
    try:
        if not matches(password, secret):
            return Reason.WRONG_PASSWORD, None
        return None, hashed(password, scram) if is_outdated(secret, scram) else None
    except Unverifiable as error:
        log.error("a password cannot be verified: %(why)s", {"why": str(error)})
        return Reason.UNVERIFIABLE, None


# Job -> a function of its arguments that returns (trouble, secret), see `Verifier`.
_JOBS = {"verify": _verify, "hash": lambda password, scram: (None, hashed(password, scram))}


class Verifier(Aide):
    """The hub's end: sends jobs to the process, and calls then(trouble, secret) for each result.

    Jobs survive the death of the process: its replacement gets those that are not done.

    trouble: a `Reason`, or None if the job succeeded. secret: what to store for the password from now on, or None.
    scram: are new secrets to have what SCRAM needs? To be set before the process begins.
    """

    def __init__(self):
        super().__init__()
        self._handlers = handlers(FromHasher, self)
        self.scram = False
        self._jobs = {}  # the oldest, which is the one being done, first
        self._last_token = 0
        self._deaths = 0  # of processes since the last result

    def attach(self, down, up):
        """A process has been forked. It gets the jobs that the last one left, except one that ended MOST_DEATHS."""
        if self._deaths >= MOST_DEATHS:
            self._give_up(next(iter(self._jobs)))
        super().attach(down, up)
        for token in self._jobs:
            self._send(token)

    def detach(self):
        """See `Aide`: a process that dies over a job counts."""
        self._deaths = self._deaths + 1 if self._jobs else 0
        return super().detach()

    def is_stuck(self):
        """Never: hashing may take long."""
        return False

    def verify(self, password, secret, then):
        """Check a password (bytes) against a secret; `then` gets a new secret if it matches and the old is outdated."""
        self._ask(then, ToHasher.Verify, password, secret)

    def hash(self, password, then):
        """Hash a new password (bytes); `then` gets its secret."""
        self._ask(then, ToHasher.Hash, password)

    def done(self, token, trouble, secret):
        """A result has come, and is passed on."""
        _, then = self._jobs.pop(token)
        self._deaths = 0
        then(trouble, secret)

    def _give_up(self, token):
        log.error("a password is treated as one that cannot be verified: checking it ended several processes")
        self.done(token, Reason.UNVERIFIABLE, None)

    def _ask(self, then, job, *arguments):
        self._last_token += 1
        self._jobs[self._last_token] = (job, arguments), then
        self._send(self._last_token)

    def _send(self, token):
        (job, arguments), _ = self._jobs[token]
        self._put(packed(job(token, *arguments)))  # if there is no process, or a dead one, the next one gets the job

    # ---- in the process

    def process(self, down, up):
        """In the process: do one job after the other, until the hub is gone.

        `up` is made blocking; `down` is not, so that reading what is there returns.
        """
        os.set_blocking(up.fileno(), True)
        os.nice(POLITENESS)
        while True:
            multiprocessing.connection.wait([down])
            try:
                for frame in down.get():
                    job, (token, *arguments) = called(frame)
                    up.put(packed(FromHasher.Done(token, *_result(job, arguments, self.scram))))
            except (EOFError, BrokenPipeError):
                return
