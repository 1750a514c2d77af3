"""`./dev` where pip can install nothing, as without a network: in an environment without pip."""
import os
import subprocess
import sys

import pytest

from parley.conformance.targets import launch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 120


@pytest.fixture
def dev(tmp_path):
    """dev(argument, ..., given="") runs the script there."""
    for name in ("dev", "pyproject.toml", "parley", "client", "server"):
        os.symlink(os.path.join(ROOT, name), str(tmp_path / name))
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments, given=""):
        return subprocess.run(
            [str(tmp_path / "dev"), *arguments], cwd="/", env=environment, timeout=SECONDS, input=given,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    return run


def test_chat_goes_on_with_the_plain_client_and_says_so_in_a_line(dev, tmp_path):
    with launch(workers=1) as server:
        done = dev("chat", "line://%s:%d" % server.address(), given="/nick ann\n/users\n/quit\n")
    assert done.returncode == 0 and "ann" in done.stdout
    said = done.stderr.splitlines()
    assert [line for line in said if line.startswith("dev: ")] == [
        "dev: setting up .venv for client",
        "dev: prompt_toolkit cannot be installed (%s/.venv/pip.log says why): this is the plain client" % tmp_path]
    assert "pip" in (tmp_path / ".venv" / "pip.log").read_text()


def test_what_needs_more_says_why_it_cannot_be_had(dev):
    done = dev("serve", "0")
    assert done.returncode == 1 and done.stdout == ""
    assert "No module named pip" in done.stderr
    assert done.stderr.splitlines()[-1].endswith(".venv cannot be set up: see above")
