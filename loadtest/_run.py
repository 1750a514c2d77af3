"""Start a server, load it for a few seconds, stop it: `python -m loadtest._run [options] [-- arguments for locust]`.

Ends with Locust's exit code: 0 only if every delivery was right.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import uuid

from loadtest._codecs import CODECS
from parley.conformance.stdout import quiet_when_closed
from parley.conformance.targets import IRC, WEB, DidNotStart, Launched
from parley.conformance.targets import PROTOCOLS as OF_DOCUMENTS

PROTOCOLS = (*OF_DOCUMENTS, WEB, IRC)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Users of dollar need accounts. Each is hashed when the server starts, which takes a moment by design.
ACCOUNTS = ("dolly", "jason", "buck")

START_TIMEOUT = 120
STOP_TIMEOUT = 20


@quiet_when_closed()
def main(argv=None):
    options = parse_arguments(argv)
    with tempfile.TemporaryDirectory(prefix="loadtest-") as folder:
        files = Files(folder, options)
        command = shlex.split(options.server) if options.server else server_command(options, files)
        server = Launched(command, options.workers, folder)
        try:
            server.wait_until_ready(START_TIMEOUT)
            print("\n".join(server.stdout), flush=True)
            code = subprocess.call(locust_command(options, files, server), cwd=ROOT, stdin=subprocess.DEVNULL)
        except (DidNotStart, LookupError) as error:
            print("loadtest: %s: %s" % (" ".join(command), error), file=sys.stderr)
            return 1
        finally:
            stopped = server.stop(STOP_TIMEOUT)
        sys.stderr.write(server.stderr_text())
    if stopped != 0:
        print("loadtest: the server ended with %s" % stopped, file=sys.stderr)
    return code or int(stopped != 0)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m loadtest._run", description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=12)
    parser.add_argument("--time", type=int, default=8, help="seconds of load")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the server")
    parser.add_argument("--idle-limit", type=float, default=4, help="idle timeout of line and web, in seconds")
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
            "idle_timeout": {"line": options.idle_limit, "web": options.idle_limit},
            "listen": {protocol: 0 if protocol in options.protocols else False for protocol in (*PROTOCOLS, "irc")},
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


def locust_command(options, files, server):
    ports = {protocol: server.address(protocol)[1] for protocol in options.protocols}
    command = [
        sys.executable, "-m", "locust", "-f", locustfile(), "--headless", "--only-summary",
        "-u", str(options.users), "-r", str(options.users), "-t", "%ds" % options.time,
        "--host", "tcp://127.0.0.1:%d" % ports.get("line", 0), "--idle-limit", "%g" % options.idle_limit,
        "--web-idle-limit", "%g" % options.idle_limit,
        "--protocols", ",".join(options.protocols),
    ]  # fmt: skip
    for protocol, port in sorted(ports.items()):
        if protocol != "line":
            command += ["--%s-port" % (CODECS[protocol].port_option or protocol), str(port)]
    return command + (["--users-file", files.users] if files.users else []) + options.locust


def locustfile():
    """Locust loads a directory from 2.11 on, which does not run on Python 3.6."""
    return "loadtest/locustfile.py" if sys.version_info < (3, 7) else "loadtest/"


if __name__ == "__main__":
    sys.exit(main())
