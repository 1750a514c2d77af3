"""Whether what is installed beside this Python works: `python tests/check_installed.py`, where the wheel is installed.

It is used in a directory with modules of somebody else that are called `server`, `client` and so on.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

BIN = os.path.dirname(sys.executable)
SECONDS = 300
NOT_OURS = 'raise SystemExit("this is somebody else\'s")\n'
FROM_A_PROGRAM = """
import sys
sys.path.insert(0, "")
import os, parley
from parley import Said, connect
assert os.path.exists(os.path.join(os.path.dirname(parley.__file__), "py.typed"))
with connect(sys.argv[1], "prog") as chat:
    chat.say("from a program")
assert not [name for name in sys.modules if name.split(".")[0] in ("server", "client", "conformance")]
"""


def run(name, *arguments, given=""):
    """The output of a program, which ends well."""
    command = [os.path.join(BIN, name), *arguments]
    done = subprocess.run(
        command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
        universal_newlines=True)
    assert done.returncode == 0, "%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout)
    return done.stdout


def check():
    for name in ("server", "client", "conformance", "scenarios"):
        with open(name + ".py", "w") as file:
            file.write(NOT_OURS)
    for name in ("parley", "parley-client", "parley-window", "parley-conformance"):
        assert re.fullmatch(r"%s \d+\.\d+\.\d+\n" % name, run(name, "--version")), name
    for module in ("server", "client", "client.gui", "conformance"):
        assert run("python", "-m", "parley." + module, "--help").startswith("usage: python -m parley.%s " % module)
    assert "listen:" in run("parley", "config")
    for name in run("parley", "example").split():
        assert run("parley", "example", name)
    assert run("parley-conformance", "coverage").startswith("binary: ")
    with open("config.yaml", "w") as file:
        file.write(run("parley", "config"))
    server = subprocess.Popen(
        [os.path.join(BIN, "parley"), "0", "--host", "127.0.0.1", "--workers", "2", "--log-level", "error"],
        stdout=subprocess.PIPE, universal_newlines=True)
    try:
        use(next(line.rpartition(" ")[2].strip() for line in server.stdout if "Chat server started on" in line))
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate()[0]
    assert (server.returncode, said.splitlines()[-1]) == (0, "[SERVER] Server stopped.")
    told = run("parley-conformance", "--workers", "1", "scenarios/line/ping.scenario.yaml")
    print(played(told), "by a server that the suite starts")


def use(address):
    heard = run("parley-client", "line://" + address, given="/nick ann\n/users\n/quit\n")
    assert "ann" in heard, heard
    run("python", "-c", FROM_A_PROGRAM, "line://" + address)
    told = run("parley-conformance", "--target", "line=" + address, "--time-scale", "6", "-k", "ping or WHO", "-n", "2")
    print(played(told), "by a server that runs")


def played(told):
    """How many scenarios passed, of which there are some."""
    return re.search(r"[1-9]\d* passed", told).group()


with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    check()
