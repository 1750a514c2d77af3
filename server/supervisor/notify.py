"""Notifications to the service manager: started, stopping, alive (sd_notify(3))."""
import os
import socket


class ServiceManager:
    """The service manager that NOTIFY_SOCKET in `environment` names; if there is none, nothing is sent.

    interval: seconds between two watchdog messages, half of what the service manager demands; None if it demands none.
    """

    def __init__(self, environment):
        self._address = environment.get("NOTIFY_SOCKET", "")
        wanted = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environment.get("WATCHDOG_USEC", "")
        self.interval = int(usec) / 1e6 / 2 if self._address and wanted and usec.isdigit() and int(usec) else None
        self._next_watchdog = 0.0

    def notify(self, *assignments):
        """Send assignments such as "READY=1"."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                sock.sendto("\n".join(assignments).encode(), address)
            except OSError:
                pass  # the service manager will notice the silence

    def feed_watchdog(self, now):
        """Send a watchdog message if one is due. now: monotonic seconds."""
        if self.interval is not None and now >= self._next_watchdog:
            self._next_watchdog = now + self.interval
            self.notify("WATCHDOG=1")
