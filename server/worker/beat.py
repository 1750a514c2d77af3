"""The beat: how long talk waits for more talk, so that both share one round through all processes.

A round costs what it takes to wake the processes and to send to everybody, however little was said; and besides what it
takes to read and pass on what was said. While the first is more than the second it pays to wait for more talk; where
they are equal, waiting could save half of the cost at most. So:

- Clients are read again no sooner than a round is worth, `pacing`, less what was said was worth. In a quiet server that
  time has long passed when somebody speaks; where rounds come closer together they get longer; and where enough is said
  at once, as where all wait for each other's answers, the next one comes at once.
- In a crowd that talks, the hub waits with what a worker says for as long as that took to tell all the last time.

Costs are CPU time, so that a process which others keep from running does not take itself for a busy one. Clients are
read at the same moments by all workers, by one clock, so that the hub can have one round for all of them.
"""
import math
import select

SAID = 8  # times what it takes a worker to read what was said, it takes all processes to handle it, about
LIVELY = 2  # times as long as it took to tell all, until talk counts as talk after a quiet time again
MOST_PATIENCE = 0.025  # seconds; more would be felt
FD_SETSIZE = 1024  # of select.h


class Beat:
    """When a worker may read its clients again. next: monotonic seconds."""

    def __init__(self, now):
        self.next = self._told_at = now
        self._telling = 0.0

    def read(self, now, pacing, reading):
        """Talk was read until now: see `next_round`."""
        self.next = next_round(now, pacing, reading)

    def told(self, now, seconds):
        """Clients were told talk until now, which took so many seconds of CPU time."""
        self._told_at, self._telling = now, seconds

    def patience(self, now):
        """For how many seconds what is said now may wait for more."""
        return min(self._telling, MOST_PATIENCE) if now - self._told_at < LIVELY * self._telling else 0.0


def next_round(now, pacing, reading):
    """When a round may follow on one that has been read now: monotonic seconds.

    pacing: seconds that it is worth not to have a round; 0 if nobody is to wait.
    reading: seconds of CPU time that it took to read what was said.
    """
    pause = pacing - SAID * reading
    if pause <= 0:
        return now
    beat = math.ldexp(1.0, math.frexp(pause)[1])  # the next power of two, so that each longer beat is one of a shorter
    return (now // beat + 1) * beat


def wait_for(selector, seconds):
    """Until there is something to do, or so many seconds have passed: epoll waits whole milliseconds, select less."""
    descriptor = getattr(selector, "fileno", lambda: FD_SETSIZE)()
    if descriptor < FD_SETSIZE:
        select.select([descriptor], [], [], seconds)
    else:
        selector.select(seconds)
