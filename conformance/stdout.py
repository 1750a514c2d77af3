"""Standard output, whose reader may have seen enough. The server has the same; the suite shares no code with it."""
import contextlib
import os
import signal
import sys

CLOSED = 128 + signal.SIGPIPE  # the exit code, as a shell shows that of a program which a closed pipe has ended


@contextlib.contextmanager
def quiet_when_closed():
    """Decorates a `main`: once nobody reads standard output the program ends with CLOSED and says nothing."""
    try:
        try:
            yield
        finally:
            if sys.stdout:  # None if it was closed from the beginning
                sys.stdout.flush()  # here, or it would be done at exit, where a failure is told
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED)
