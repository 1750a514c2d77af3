"""Start a server, load it for a few seconds, stop it: `python -m loadtest._run [options] [-- arguments for locust]`.

Ends with Locust's exit code: 0 only if every delivery was right.
"""
import argparse
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import uuid

from parley.conformance.stdout import quiet_when_closed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")
# Users of dollar need accounts. Each is hashed when the server starts, which takes a moment by design.
ACCOUNTS = ("dolly", "jason", "buck")

STARTED = re.compile(r"\[SERVER\] (?:Chat server started|Serving (\w+)) on \S+:(\d+)")
READY = "[SERVER] Waiting for connections"

START_TIMEOUT = 120
STOP_TIMEOUT = 20


class NotStarted(Exception):
    """The server ended, or kept silent, before it was ready."""


@quiet_when_closed()
def main(argv=None):
    options = parse_arguments(argv)
    with tempfile.TemporaryDirectory(prefix="loadtest-") as folder:
        files = Files(folder, options)
        command = shlex.split(options.server) if options.server else server_command(options, files)
        try:
            server = Server(command)
        except NotStarted as error:
            print("loadtest: %s: %s" % (" ".join(command), error), file=sys.stderr)
            return 1
        try:
            code = subprocess.call(locust_command(options, files, server.ports), cwd=ROOT, stdin=subprocess.DEVNULL)
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
    parser.add_argument("--idle-limit", type=float, default=4, help="idle timeout of line, in seconds")
    parser.add_argument("--protocols", type=_protocols,
                        help="with commas between (default all of them; of another server, line)")
    parser.add_argument("--server", help="another server's command; it has to print the same lines at its start")
    parser.add_argument("locust", nargs="*", help="more arguments for locust, after --")
    options = parser.parse_args(argv)
    if options.protocols is None:
        options.protocols = ["line"] if options.server else list(PROTOCOLS)
    return options


def _protocols(text):
    protocols = text.split(",")
    unknown = set(protocols) - set(PROTOCOLS)
    if unknown:
        raise argparse.ArgumentTypeError("no such protocol: %s" % ", ".join(sorted(unknown)))
    return protocols


class Files:
    """What the server reads when it starts. users: the accounts, or None where nobody needs one."""

    def __init__(self, folder, options):
        self.settings = self._write(folder, "settings.json", {  # JSON is YAML
            "idle_timeout": {"line": options.idle_limit},
            "listen": {protocol: 0 if protocol in options.protocols else False for protocol in PROTOCOLS},
        })
        self.users = None
        if "dollar" in options.protocols:
            users = [{"username": name, "password": uuid.uuid4().hex} for name in ACCOUNTS]
            self.users = self._write(folder, "users.json", {"users": users})

    @staticmethod
    def _write(folder, name, content):
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            json.dump(content, file)
        return path


def server_command(options, files):
    return [
        sys.executable, "-m", "server", "0", "--config", files.settings, "--host", "127.0.0.1",
        "--workers", str(options.workers),
    ] + (["--users", files.users] if files.users else [])  # fmt: skip


def locust_command(options, files, ports):
    command = [
        sys.executable, "-m", "locust", "-f", locustfile(), "--headless", "--only-summary",
        "-u", str(options.users), "-r", str(options.users), "-t", "%ds" % options.time,
        "--host", "tcp://127.0.0.1:%d" % ports.get("line", 0), "--idle-limit", "%g" % options.idle_limit,
        "--protocols", ",".join(options.protocols),
    ]  # fmt: skip
    for protocol, port in sorted(ports.items()):
        if protocol != "line":
            command += ["--%s-port" % protocol, str(port)]
    return command + (["--users-file", files.users] if files.users else []) + options.locust


def locustfile():
    """Locust loads a directory from 2.11 on, which does not run on Python 3.6."""
    return "loadtest/locustfile.py" if sys.version_info < (3, 7) else "loadtest/"


class Server:
    """A server process of ours, ready for connections on `ports`, by protocol."""

    def __init__(self, command):
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True
        )
        # A server that hangs before it is ready is killed; its output then ends, and so does the wait for it.
        watchdog = threading.Timer(START_TIMEOUT, self._process.kill)
        watchdog.start()
        try:
            self.ports = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
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
        ports = {}
        for line in self._process.stdout:
            sys.stdout.write(line)
            started = STARTED.match(line)
            if started:
                ports[started.group(1) or "line"] = int(started.group(2))
            if line.startswith(READY) and ports:
                return ports
        raise NotStarted("ended with %d before it was ready" % self._process.wait())

    def _copy_output(self):
        for line in self._process.stdout:
            with contextlib.suppress(BrokenPipeError):  # the main thread will find that, too
                sys.stdout.write(line)


if __name__ == "__main__":
    sys.exit(main())
