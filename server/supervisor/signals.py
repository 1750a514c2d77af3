"""The signals on which the parent process acts, and which its children leave to it."""
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
# Other servers open their logs again at these, and the like. Without a handler they would end a process at once.
MEANINGLESS_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
OF_THE_PARENT = (*STOP_SIGNALS, signal.SIGHUP, *MEANINGLESS_SIGNALS)


def leave_to_parent():
    """In a child: ignore these signals, which a terminal sends to all processes."""
    signal.set_wakeup_fd(-1)
    for number in OF_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
