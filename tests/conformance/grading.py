"""Starts servers that are not ours, and has the suite grade them as its users do."""
import contextlib
import json
import os
import re
import subprocess
import sys

from parley.conformance.requirements import ROOT, available_to

REQUIREMENTS = available_to("line")
# For runs of pytest, which otherwise import all plugins that are installed. They need none but xdist's `-n`.
WITHOUT_PLUGINS = dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
STARTED = re.compile(r"(\d+)\s*$")


@contextlib.contextmanager
def started(command, mark=""):
    """Start a server and give its port, with which the first line that it prints and that has the mark ends."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, universal_newlines=True)
    try:
        line = next(line for line in process.stdout if mark in line)
        yield int(STARTED.search(line).group(1))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def graded(port, folder, *options, protocol="line"):
    """Grade the server at this port; returns the exit code, {requirement: verdict} and the output."""
    path = os.path.join(str(folder), "grade.json")
    command = [sys.executable, "-m", "conformance", "--target", "%s=127.0.0.1:%d" % (protocol, port), "--json", path,
               "--time-scale", "4"]  # the machine may be busy with other tests
    done = subprocess.run(command + list(options), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, env=WITHOUT_PLUGINS)
    assert "a bug of the suite" not in done.stdout, done.stdout
    return done.returncode, verdicts_in(path, protocol), done.stdout


def verdicts_in(path, protocol="line"):
    """{requirement: verdict} of a report; empty if there is none."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)[protocol]["requirements"]
    return {ident: row["verdict"] for ident, row in rows.items()}
