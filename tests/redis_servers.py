"""A Redis or Valkey on this machine for a test, with what it has stored in a directory of its own."""
import shutil
import socket
import subprocess
import time

import pytest

SECONDS = 60.0  # a bound against hanging
_ATTEMPTS = 5  # as a port that was free may be taken


class RedisServer:
    """One process, which can be started again."""

    def __init__(self, directory):
        self._directory = directory
        self.program = shutil.which("redis-server") or shutil.which("valkey-server")
        if self.program is None:
            pytest.skip("there is no redis-server or valkey-server (Debian: apt install redis-server)")
        self.port = self.process = None

    @property
    def url(self):
        return "redis://127.0.0.1:%d/0" % self.port

    def start(self, *options):
        """Start it, and wait until it answers."""
        for _ in range(1 if self.port else _ATTEMPTS):
            port = self.port or free_port()
            self.process = subprocess.Popen(
                [self.program, "--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", "",
                 "--dir", str(self._directory), *options], stdout=subprocess.DEVNULL,
                restore_signals=False)  # else a test that lets a file be too large would kill it
            if self._answers(port):
                self.port = port
                return self
        raise AssertionError("the engine does not start")

    def _answers(self, port):
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as sock:
                    sock.sendall(b"PING\r\n")
                    if sock.recv(100).startswith(b"+PONG"):
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def free_port():
    """One that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
