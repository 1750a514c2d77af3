"""Starts servers that are not ours, and has the suite grade them as its users do."""
import contextlib
import os
import re
import subprocess
import sys

from parley.conformance.requirements import ROOT, available_to

REQUIREMENTS = available_to("line")
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


def graded(port, folder, *options):
    """Grade the `line` server at this port; returns the exit code, {requirement: verdict} and the output."""
    report = os.path.join(str(folder), "report.md")
    command = [sys.executable, "-m", "conformance", "--target", "line=127.0.0.1:%d" % port, "--report", report]
    done = subprocess.run(command + list(options), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    return done.returncode, verdicts_in(report), done.stdout


def verdicts_in(report):
    """{requirement: verdict} of a report's table; empty if there is no report."""
    if not os.path.exists(report):
        return {}
    with open(report, encoding="utf-8") as file:
        cells = [[cell.strip() for cell in line.split("|")] for line in file if line.startswith("| LINE-")]
    return {row[1]: row[3] for row in cells}
