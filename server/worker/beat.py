"""The beat (batching interval): how long talk waits for more talk, so that both share one round through all processes.

A round has a fixed cost, to wake the processes and to send to everybody, and a cost that grows with what is said, to
read it and pass it on. While the fixed cost is the larger one it pays to wait for more talk; where they are equal,
waiting could save at most half of the cost. So:

- A worker reads its clients again only after `pacing` seconds, the delay that saving a round is worth, less SAID times
  the time that it took to read the latest messages. On a quiet server this time has long passed when somebody speaks.
  If rounds come close together, they are spread out. If enough is said at once, the next round follows immediately.
- If all who talk wait for each other's answers, as programs do, waiting adds nothing to a round. So a worker tries the
  other kind of round now and then: one that does not wait if the others do, or one that waits if the others do not. As
  long as rounds without waiting carry as many messages as those with waiting, only these trial rounds wait.
- When a crowd talks, the hub holds talk until there is as much of it as full rounds have had lately, but at most
  SENDS times as long as the worker's last round of sends took.

Costs are CPU time, so that a process that others keep from running does not seem busy. All workers read their clients
at the same moments of one clock, so that the hub can have one round for all of them.
"""
import math
import select

SAID = 8  # all processes take about 8 times as long to handle messages as one worker takes to read them
LIVELY = 4  # talk waits in the hub only if the last round was at most 4 times the duration of its sends ago
SENDS = 2  # and at most for twice that duration
MOST_WAIT = 0.025  # seconds that talk waits in the hub, at most; users would notice more
MOMENT = 0.125  # of `pacing`: how long clients may take to answer what they were sent
OTHER_EVERY = 32  # every 32nd round is of the other kind, as a trial
AS_MUCH = 0.98  # a round that does not wait carries "as much" if it has this share of the messages of one that waits
RECENT = {True: 0.125, False: 0.25}  # weight of the latest round in the mean of those that wait, or do not
FD_SETSIZE = 1024  # of select.h


class Beat:
    """When a worker may read its clients again. next: monotonic seconds."""

    def __init__(self, now):
        self.next = self._told_at = now
        self._telling = 0.0
        self._moment = 0.0  # how long clients may take to answer, in a round that does not wait
        self._waits = True  # does this round wait for more?
        self._said = {True: 0.0, False: 0.0}  # mean number of messages in a round that waits, or does not
        self._rounds = 0

    def read(self, now, pacing, reading, said):
        """A round's input, `said` messages, has been read. The other arguments: see `next_round`."""
        self._said[self._waits] += RECENT[self._waits] * (said - self._said[self._waits])
        self._rounds += 1
        pays = self._said[False] <= AS_MUCH * self._said[True]
        self._waits = pays != (self._rounds % OTHER_EVERY == 0)
        self._moment = MOMENT * pacing
        self.next = next_round(now, pacing, reading)
        if self.next > now and not self._waits:
            self.next = now + pacing  # or sooner: see `told`

    def told(self, now, seconds):
        """A round of sends has ended now, after `seconds` of CPU time."""
        self._told_at, self._telling = now, seconds
        if self.next > now and not self._waits:
            self.next = now + self._moment

    def may_wait(self, now):
        """For how many seconds, at most, talk that is read now may wait in the hub for more."""
        return min(SENDS * self._telling, MOST_WAIT) if now - self._told_at < LIVELY * self._telling else 0.0


def next_round(now, pacing, reading):
    """When the next round may begin, after one whose input has been read now: monotonic seconds.

    pacing: the delay that saving a round is worth, in seconds; 0 if nothing is to wait.
    reading: seconds of CPU time that it took to read the messages.
    """
    pause = pacing - SAID * reading
    if pause <= 0:
        return now
    beat = math.ldexp(1.0, math.frexp(pause)[1])  # the next power of two, so that beats of different lengths coincide
    return (now // beat + 1) * beat


def wait_for(selector, seconds):
    """Wait for a ready file, at most `seconds`: with select if possible, as epoll waits whole milliseconds.

    Returns whether there is one.
    """
    descriptor = getattr(selector, "fileno", lambda: FD_SETSIZE)()
    if descriptor < FD_SETSIZE:
        return bool(select.select([descriptor], [], [], seconds)[0])
    return bool(selector.select(seconds))
