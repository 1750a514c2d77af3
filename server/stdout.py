"""Standard output that may be closed, early as by `| head` or from the beginning, or go to a full disk."""
import contextlib
import errno
import os
import signal
import sys

CLOSED = 128 + signal.SIGPIPE  # the exit code that a shell reports for a program that SIGPIPE ended
FAILED = 1  # the exit code if not all of it could be written
_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def quiet_when_closed():
    """Decorates a `main`: when standard output is closed, the program exits with CLOSED and without a message.

    If it cannot be written, as on a full disk, the program says so in one line and exits with FAILED. What would go to
    one that was closed from the beginning is dropped.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here, because Python reports a failure of the flush at exit
    except BrokenPipeError:
        _drop_output()
        sys.exit(CLOSED)
    except OSError as error:
        if error.errno not in _UNWRITTEN or error.filename is not None:  # then it is about another file
            raise
        _drop_output()
        print("parley: standard output: %s" % error.strerror, file=sys.stderr)
        sys.exit(FAILED)


def _drop_output():
    """Have Python's last flush succeed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
