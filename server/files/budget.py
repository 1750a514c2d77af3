"""How much of a process's time may go to moving files, so that talk does not notice it."""
import time

# Files are moved for one part in so many of a process's time: after each piece none is moved for SHARE - 1 times as
# long as that one took. So however much is wanted, and however fast, most of the machine is left to those who talk.
SHARE = 5
# Where a piece takes long, as on a slow machine or with TLS, so many bytes a second are moved all the same, as far as
# the process can.
ENOUGH = 128 << 20
MADE_UP = 0.005  # seconds of such a pause that may be made up for: the kernel wakes late


class Budget:
    """Of one process. next: when the next piece may be moved, monotonic seconds."""

    def __init__(self):
        self.next = 0.0

    def spend(self, move, *arguments):
        """Call move(*arguments), which moves a piece and gives how many bytes that was. It costs CPU time."""
        began, before = time.monotonic(), time.process_time()
        count = move(*arguments)
        pause = min(SHARE * (time.process_time() - before), count / ENOUGH)
        self.next = max(self.next, began - MADE_UP) + pause
