"""What the service manager wants to know: that we serve, that we stop, that we are alive (sd_notify(3))."""
import os
import socket


class ServiceManager:
    """The service manager that `environment` speaks of; silence if there is none.

    interval: seconds between two signs of life it is to get, or None if it wants none.
    """

    def __init__(self, environment):
        self._address = environment.get("NOTIFY_SOCKET", "")
        wanted = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environment.get("WATCHDOG_USEC", "")
        self.interval = int(usec) / 1e6 / 2 if self._address and wanted and usec.isdigit() and int(usec) else None
        self._next_sign = 0.0

    def tell(self, *assignments):
        """Such as READY=1."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                sock.sendto("\n".join(assignments).encode(), address)
            except OSError:
                pass  # it will notice by itself

    def live(self, now):
        """A sign of life, if one is due; `now` in monotonic seconds."""
        if self.interval is not None and now >= self._next_sign:
            self._next_sign = now + self.interval
            self.tell("WATCHDOG=1")
