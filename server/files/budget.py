"""Limits how much of a process's time goes to moving files, so that talk is not delayed."""
import time

# Moving files takes at most 1/SHARE of the time: after each piece comes a pause of SHARE - 1 times as long as it took.
SHARE = 5
# Bytes a second below which the pauses are shorter, as a piece takes long: on a slow machine, or with TLS.
ENOUGH = 128 << 20
MADE_UP = 0.005  # seconds, at most, by which a pause is shortened if the last was too long, as the kernel wakes late


class Budget:
    """The budget of one process. next: when the next piece may be moved, in monotonic seconds."""

    def __init__(self):
        self.next = 0.0

    def spend(self, move, *arguments):
        """Call move(*arguments), which moves a piece and returns its bytes; `next` then follows from its CPU time."""
        began, before = time.monotonic(), time.process_time()
        count = move(*arguments)
        pause = min(SHARE * (time.process_time() - before), count / ENOUGH)
        self.next = max(self.next, began - MADE_UP) + pause
