"""The beat: how long talk waits for more talk, so that both share one round through all processes.

A round costs what it takes to wake the processes and to send to everybody, however little was said; and besides what it
takes to read and pass on what was said. While the first is more than the second it pays to wait for more talk; where
they are equal, waiting could save half of the cost at most. So:

- Clients are read again no sooner than a round is worth, `pacing`, less what was said was worth. In a quiet server that
  time has long passed when somebody speaks; where rounds come closer together they get longer; and where enough is said
  at once, as where all wait for each other's answers, the next one comes at once.
- Where all who talk wait for each other's answers, as programs do, nobody adds anything to a round after a moment. So a
  worker now and then has a round of the other kind: one that does not wait; or one that does, where the others do not.
  For as long as as much is said in rounds that do not wait as in rounds that do, only those now and then wait.
- In a crowd that talks, the hub waits with what a worker says for as long as that took to tell all the last time.

Costs are CPU time, so that a process which others keep from running does not take itself for a busy one. Clients are
read at the same moments by all workers, by one clock, so that the hub can have one round for all of them.
"""
import math
import select

SAID = 8  # times what it takes a worker to read what was said, it takes all processes to handle it, about
LIVELY = 4  # times as long as it took to tell all, until talk counts as talk after a quiet time again
MOST_PATIENCE = 0.025  # seconds; more would be felt
MOMENT = 0.125  # of the worth of a round: for so long clients may take to answer what they have been told
OTHER_EVERY = 32  # rounds, of which one is of the other kind
AS_MUCH = 0.98  # of what is said in a round that waits
RECENT = {True: 0.125, False: 0.25}  # is the part of the latest round in the mean of those that wait, or do not
FD_SETSIZE = 1024  # of select.h


class Beat:
    """When a worker may read its clients again. next: monotonic seconds."""

    def __init__(self, now):
        self.next = self._told_at = now
        self._telling = 0.0
        self._moment = 0.0  # for how long clients may answer what they are told, in a round that does not wait
        self._waits = True  # does this round wait for more?
        self._said = {True: 0.0, False: 0.0}  # messages in a round that waits, or does not: a mean of the latest ones
        self._rounds = 0

    def read(self, now, pacing, reading, said):
        """So many messages were read until now; the others: see `next_round`."""
        self._said[self._waits] += RECENT[self._waits] * (said - self._said[self._waits])
        self._rounds += 1
        pays = self._said[False] <= AS_MUCH * self._said[True]
        self._waits = pays != (self._rounds % OTHER_EVERY == 0)
        self._moment = MOMENT * pacing
        self.next = next_round(now, pacing, reading)
        if self.next > now and not self._waits:
            self.next = now + pacing  # or a moment after all have been told

    def told(self, now, seconds):
        """Clients were told talk until now, which took so many seconds of CPU time."""
        self._told_at, self._telling = now, seconds
        if self.next > now and not self._waits:
            self.next = now + self._moment

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
