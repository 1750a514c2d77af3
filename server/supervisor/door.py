"""The queue of password checks: in which order they are done, which are delayed, and which are refused."""
import collections
import logging

from parley.server.chat.contract import Passwords
from parley.server.chat.login_throttle import LONGEST_WAIT
from parley.server.chat.origins import origin
from parley.server.protocols.events import Reason
from parley.server.supervisor.passwords import checked_proof, scram_of

MOST_WAITING = 64  # jobs in the queue, which take up to half a second each; and again as many delayed ones
MOST_OF_ONE = 32  # of these from one address
MOST_ADDRESSES = 1000  # that may have one job each in the queue, even if it is full: they take turns
LINE_EVERY = 1.0  # seconds between two log lines with the same reason, so that a flood of tries does not flood the log

log = logging.getLogger(__name__)


class Job:
    """A password check or hashing that a session waits for.

    host: the client's address; origin: what is counted as one address.
    name: the account whose password was given; None for a new password.
    start: start(done) begins it; done(trouble, secret) is called later. then: then(trouble, secret) tells the result.
    due: when it may begin, monotonic seconds; None if that was at once.
    """

    __slots__ = ("holder", "host", "origin", "name", "start", "then", "due")

    def __init__(self, holder, host, name, start, then):
        self.holder, self.host, self.name, self.start, self.then = holder, host, name, start, then
        self.origin = origin(host)
        self.due = None


class Door(Passwords):
    """Passes one job at a time to the process that hashes, from each address in turn.

    Results are passed to then(trouble, secret), where trouble is a Reason, or None.

    secrets: see `server.supervisor.hashing.Verifier`. throttle: `server.chat.login_throttle.LoginThrottle`.
    clock: gives monotonic seconds.
    """

    def __init__(self, secrets, throttle, clock):
        self.refusals = collections.Counter()  # by reason
        self._secrets = secrets
        self._login_throttle = throttle
        self._clock = clock
        self._jobs = {}  # holder -> Job: all there are
        self._lines = collections.OrderedDict()  # address -> its jobs that may begin; the first address is next
        self._delayed = []  # jobs whose time will come, the next one first
        self._begun = None  # the job that is being done
        self._closed = False
        self._logged = {}  # reason -> when it was last logged, monotonic seconds

    def verify(self, holder, host, name, account, password, then):
        """Is this the account's password? The secret in the answer is to replace the account's, or None."""
        self._admit(Job(holder, host, name, lambda done: self._secrets.verify(password, account.secret, done), then))

    def scram(self, account):
        """See `parley.server.chat.contract.Passwords`."""
        found = scram_of(account.secret)
        return found and (found.salt, found.rounds)

    def verify_proof(self, holder, host, name, account, message, proof, then):
        """See `parley.server.chat.contract.Passwords`. Done at once; a wrong proof counts as a wrong password."""
        self._admit(Job(holder, host, name, lambda done: done(*checked_proof(account.secret, message, proof)), then))

    def hash(self, holder, host, password, then):
        """Make the secret for a new password."""
        self._admit(Job(holder, host, None, lambda done: self._secrets.hash(password, done), then))

    def leave(self, holder):
        """The session is gone: drop its job. A check that has begun still counts as a try."""
        job = self._jobs.pop(holder, None)
        if job is None:
            return
        job.then = _nobody
        if job in self._delayed:
            self._delayed.remove(job)
        elif job is not self._begun:
            self._lines[job.origin].remove(job)
            if not self._lines[job.origin]:
                del self._lines[job.origin]

    def holders(self):
        """The sessions that wait for a result."""
        return list(self._jobs)

    def close(self):
        """The server stops: refuse all waiting jobs."""
        self._closed = True
        self._lines.clear()
        self._delayed.clear()
        self._begun = None
        for job in list(self._jobs.values()):
            self._refuse(job)
        if self.refusals:
            log.info("passwords and accounts refused: %(refused)s", {"refused": dict(self.refusals)})

    # ---- the clock

    @property
    def next_due(self):
        """When to look at the clock, monotonic seconds."""
        return self._delayed[0].due if self._delayed else float("inf")

    def look_at_clock(self):
        """Queue the delayed jobs that are due."""
        while self._delayed and self._delayed[0].due <= self._clock():
            self._line_up(self._delayed.pop(0))

    # ---- the way of a job

    def _admit(self, job):
        self._jobs[job.holder] = job
        wait = self._wait(job)
        if not wait:
            self._line_up(job)
        elif wait > LONGEST_WAIT or len(self._delayed) == MOST_WAITING or self._closed:
            self._refuse(job)
        else:
            self._login_throttle.failed(job.host, job.name)  # until it proves right, so that the next one waits longer
            job.due = self._clock() + wait
            self._delayed.append(job)
            self._delayed.sort(key=lambda job: job.due)

    def _wait(self, job):
        return self._login_throttle.wait(job.host, job.name) if job.name and job.due is None else 0.0

    def _line_up(self, job):
        line = self._lines.get(job.origin, ())
        in_line = len(self._jobs) - len(self._delayed) - 1
        is_full = in_line >= MOST_WAITING or len(line) >= MOST_OF_ONE
        if self._closed or (is_full if line else len(self._lines) >= MOST_ADDRESSES):
            self._refuse(job)
        else:
            self._lines.setdefault(job.origin, collections.deque()).append(job)
            self._begin()

    def _begin(self):
        while self._lines and self._begun is None:
            job = self._next()
            if self._wait(job):
                self._admit(job)  # those before it have failed
            else:
                self._begun = job
                job.start(lambda trouble, secret, job=job: self._finish(job, trouble, secret))

    def _next(self):
        first, line = next(iter(self._lines.items()))
        job = line.popleft()
        self._lines.move_to_end(first)
        if not line:
            del self._lines[first]
        return job

    def _finish(self, job, trouble, secret):
        if job is not self._begun:
            return  # the door is closed
        self._begun = None
        self._jobs.pop(job.holder, None)
        if trouble:
            self.report(job.host, job.name, trouble)
        if job.name and not trouble:
            self._login_throttle.succeeded(job.host, job.name)
        elif trouble == Reason.WRONG_PASSWORD and job.due is None:
            self._login_throttle.failed(job.host, job.name)
        job.then(trouble, secret)
        self._begin()

    def _refuse(self, job):
        del self._jobs[job.holder]
        self.report(job.host, job.name, Reason.TRY_LATER)
        job.then(Reason.TRY_LATER, None)

    # ---- what the operator sees

    def report(self, host, name, reason):
        """Log and count a refusal to a client at `host`; `name` is the account in question, or None."""
        self.refusals[reason] += 1
        now = self._clock()
        if now - self._logged.get(reason, -LINE_EVERY) >= LINE_EVERY:
            self._logged[reason] = now
            log.warning(
                "refused %(host)s, account %(account)s: %(reason)s (%(so_far)d so far)",
                {"host": host or "?", "account": name and name.decode(), "reason": reason,
                 "so_far": self.refusals[reason]})


def _nobody(trouble, secret):
    pass
