"""Servers to test: ours, which are started and stopped here, or a foreign one at an address."""
import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from parley.conformance.requirements import INSTALLED, ROOT

SERVER = [sys.executable, "-m", "parley.server"]  # ours; tests that do not ask for it may put another one here
CHEAP_SERVER = [sys.executable, "-m", "parley.conformance.cheap_server"]  # ours, with cheap passwords

# Somebody else's is started where the suite is, unless that is a checkout.
START_IN = os.getcwd() if INSTALLED else ROOT

START_SECONDS = 120.0  # bounds against hanging: a busy machine may take its time
STOP_SECONDS = 30.0

_WORKER_LINE = re.compile(r"\[SERVER\] Worker (\d+) serves (\w+) on (\S+):(\d+)")
_SHARED_LINES = (re.compile(r"\[SERVER\] Chat server started on (?P<host>\S+):(?P<port>\d+)(?P<protocol>)"),
                 re.compile(r"\[SERVER\] Serving (?P<protocol>\w+) on (?P<host>\S+):(?P<port>\d+)"))
PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")  # of plain TCP
WEB, IRC = "web", "irc"
_LAST_LINE = "[SERVER] Waiting for connections..."

_PR_SET_PDEATHSIG = 1
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it


class DidNotStart(Exception):
    """The server ended, or said nothing, before it waited for connections."""


def end_with_us():
    """In the child: die when the thread that starts it is gone, be it killed. Our server's workers then leave."""
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Launched:
    """A server in a process of its own. Its ports are the ones it printed, so there is no race for them."""

    def __init__(self, command, workers, directory, start_in=ROOT):
        self.workers = workers
        self.stdout = []
        self._asked_to_end = False
        self._heard = threading.Condition()
        self._stderr_path = os.path.join(directory, "stderr")
        with open(self._stderr_path, "wb") as stderr:
            # A session of its own: an interrupt of the test run does not reach it, and its workers end with it.
            self._process = subprocess.Popen(
                command, cwd=start_in, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                start_new_session=True, preexec_fn=end_with_us,
                # And what it leaves behind when it is killed lies where everything of this run does.
                env=dict(os.environ, PYTHONUNBUFFERED="1", XDG_RUNTIME_DIR=directory))
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()

    def _read_stdout(self):
        for line in self._process.stdout:
            with self._heard:
                self.stdout.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for_line(self, satisfied, seconds):
        """True as soon as a line of standard output satisfies; false at the end of the output or of the time."""
        deadline = time.monotonic() + seconds
        with self._heard:
            while not any(satisfied(line) for line in self.stdout):
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    return any(satisfied(line) for line in self.stdout)
                self._heard.wait(min(left, 0.5))
        return True

    def wait_until_ready(self, seconds):
        if not self.wait_for_line(lambda line: line == _LAST_LINE, seconds):
            self._wait_for_exit(0.0 if self._reader.is_alive() else 2.0)  # its output ends a little before itself
            raise DidNotStart("no %r within %g s (exit code: %s)\nstdout: %s\nstderr: %s" % (
                _LAST_LINE, seconds, self._process.poll(), "\n".join(self.stdout), self.stderr_text()[-3000:]))

    def address(self, protocol="line"):
        """(host, port) that all workers share for the protocol."""
        for line in list(self.stdout):
            for shape in _SHARED_LINES:
                found = shape.fullmatch(line)
                if found and (found.group("protocol") or "line") == protocol:
                    return found.group("host"), int(found.group("port"))
        raise LookupError("the server printed no address for %s" % protocol)

    def worker_address(self, index, protocol="line"):
        """(host, port) of one worker's private listener."""
        for line in list(self.stdout):
            found = _WORKER_LINE.fullmatch(line)
            if found and (int(found.group(1)), found.group(2)) == (index, protocol):
                return found.group(3), int(found.group(4))
        raise LookupError("the server printed no address of worker %d for %s" % (index, protocol))

    def stderr_size(self):
        """How many bytes it has written to its standard error; a start for `stderr_text`."""
        return os.path.getsize(self._stderr_path)

    def stderr_text(self, start=0):
        try:
            with open(self._stderr_path, "rb") as file:
                file.seek(start)
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    @property
    def exit_code(self):
        """None while it runs."""
        return self._process.poll()

    def terminate(self):
        """Ask it to end, without waiting; only once, as a server that is asked again may hurry."""
        if self.exit_code is None and not self._asked_to_end:
            self._asked_to_end = True
            os.kill(self.pid, signal.SIGTERM)

    def _wait_for_exit(self, seconds):
        """True if it has ended by then."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, seconds=STOP_SECONDS):
        """End it: ask, then kill it and its workers. Its exit code; negative when it had to be killed."""
        self.terminate()
        if not self._wait_for_exit(seconds):
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(1.0)
        if not self._reader.is_alive():
            self._process.stdout.close()
        return self._process.returncode


class Foreign:
    """A server that is not started here. Only an address for each protocol, and idle limits, are known.

    Several addresses are taken for those of one server with one room.
    """

    workers = None
    exit_code = None
    stdout = ()

    def __init__(self, addresses, idle_limits=None):
        self.addresses = addresses
        self.idle_limits = idle_limits or {}

    def address(self, protocol="line"):
        return self.addresses[protocol]

    def stderr_size(self):
        return 0

    def stderr_text(self, start=0):
        return ""

    def stop(self):
        return None


def command_for(workers, config_path, args=(), command=None):
    """The command line of our server, or of a `command` that understands the same options."""
    start = list(command or SERVER)
    options = ["--host", "127.0.0.1", "--workers", str(workers), "--worker-ports", "--config", config_path]
    return start + ["0"] + options + list(args)


@contextlib.contextmanager
def launch(workers=2, config=None, args=(), command=None, seconds=START_SECONDS, protocols=("line",), users=None):
    """A running server with the given number of workers; ended when the block ends, however it ends.

    `config` is the content of a configuration file, `args` are more options, `seconds` limits the start, `protocols`
    are those to serve, `users` are accounts with their passwords ({name: password}).
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        # Always a file of our own: what lies in the checkout, edited by somebody, must not decide a test.
        config_path = os.path.join(directory, "config.yaml")
        with open(config_path, "w", encoding="utf-8") as file:
            json.dump(_completed(config or {}, protocols, users, directory), file)  # JSON is YAML
        start_in = ROOT if command in (None, CHEAP_SERVER) else START_IN
        server = Launched(command_for(workers, config_path, args, command), workers, directory, start_in)
        try:
            server.wait_until_ready(seconds)
            yield server
        finally:
            server.stop()


def _completed(config, protocols, users, directory):
    """The configuration with the ports, and with a file of the users."""
    config = dict(config)
    config.setdefault("listen", {
        protocol: 0 if protocol in protocols else False for protocol in (*PROTOCOLS, WEB, IRC)})
    if users:
        path = os.path.join(directory, "users.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"users": [{"username": name, "password": word} for name, word in users.items()]}, file)
        config["accounts"] = {"users_file": path}
    return config
