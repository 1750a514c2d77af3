"""Standard output that may be closed early, as by `| head`."""
import contextlib
import os
import signal
import sys

CLOSED = 128 + signal.SIGPIPE  # the exit code that a shell reports for a program that SIGPIPE ended


@contextlib.contextmanager
def quiet_when_closed():
    """Decorates a `main`: when standard output is closed, the program exits with CLOSED and without a message."""
    try:
        try:
            yield
        finally:
            if sys.stdout:  # None if it was closed from the beginning
                sys.stdout.flush()  # here, because Python reports a failure of the flush at exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED)
