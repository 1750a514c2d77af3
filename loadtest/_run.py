"""Start a server, load it for a few seconds, stop it: `python -m loadtest._run [options] [-- arguments for locust]`.

Ends with Locust's exit code: 0 only if every delivery was right.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

STARTED = re.compile(r"\[SERVER\] Chat server started on (\S+):(\d+)")
READY = "[SERVER] Waiting for connections"

START_TIMEOUT = 20
STOP_TIMEOUT = 20


class NotStarted(Exception):
    """The server ended, or kept silent, before it was ready."""


def main(argv=None):
    options = parse_arguments(argv)
    command = shlex.split(options.server) if options.server else server_command(options)
    try:
        server = Server(command)
    except NotStarted as error:
        print("loadtest: %s: %s" % (" ".join(command), error), file=sys.stderr)
        return 1
    try:
        code = subprocess.call(locust_command(options, server.port), cwd=ROOT, stdin=subprocess.DEVNULL)
    finally:
        stopped = server.stop()
    if stopped != 0:
        print("loadtest: the server ended with %s" % stopped, file=sys.stderr)
    return code or int(stopped != 0)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m loadtest._run", description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=12)
    parser.add_argument("--time", type=int, default=8, help="seconds of load")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the server")
    parser.add_argument("--idle-limit", type=float, default=4, help="idle timeout of the server, in seconds")
    parser.add_argument("--server", help="another server's command; it has to print the same two lines at its start")
    parser.add_argument("locust", nargs="*", help="more arguments for locust, after --")
    return parser.parse_args(argv)


def server_command(options):
    return [
        sys.executable, "-m", "server", "0", "--host", "127.0.0.1",
        "--workers", str(options.workers), "--idle-timeout", "%g" % options.idle_limit,
    ]  # fmt: skip


def locust_command(options, port):
    return [
        sys.executable, "-m", "locust", "-f", locustfile(), "--headless", "--only-summary",
        "-u", str(options.users), "-r", str(options.users), "-t", "%ds" % options.time,
        "--host", "tcp://127.0.0.1:%d" % port, "--idle-limit", "%g" % options.idle_limit,
    ] + options.locust  # fmt: skip


def locustfile():
    """Locust loads a directory from 2.11 on, which does not run on Python 3.6."""
    return "loadtest/locustfile.py" if sys.version_info < (3, 7) else "loadtest/"


class Server:
    """A server process of ours, ready for connections on `port`."""

    def __init__(self, command):
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True
        )
        # A server that hangs before it is ready is killed; its output then ends, and so does the wait for it.
        watchdog = threading.Timer(START_TIMEOUT, self._process.kill)
        watchdog.start()
        try:
            self.port = self._wait_until_ready()
        finally:
            watchdog.cancel()
        # The pipe must be read to the end, or a talkative server would block on it.
        threading.Thread(target=self._copy_output, daemon=True).start()

    def stop(self):
        """Ask it to stop, and return its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _wait_until_ready(self):
        port = None
        for line in self._process.stdout:
            sys.stdout.write(line)
            started = STARTED.match(line)
            if started:
                port = int(started.group(2))
            if line.startswith(READY) and port:
                return port
        raise NotStarted("ended with %d before it was ready" % self._process.wait())

    def _copy_output(self):
        for line in self._process.stdout:
            sys.stdout.write(line)


if __name__ == "__main__":
    sys.exit(main())
