"""Only what fails beside others and passes alone is forgiven, and it is named."""
import os
import subprocess
import sys

import pytest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "once_more.py")

# A test that does one thing at first, and another one then.
ONCE = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(%d))
def test_once(number):
    seen = pathlib.Path(__file__).with_name(str(number))
    if not seen.exists():
        seen.touch()
        %s
    %s
"""
FLAKY = ONCE % (1, "pytest.fail('busy')", "")
RIGHT = "def test_right(): pass"
WRONG = "def test_wrong(): assert not 'ever'"


@pytest.fixture
def run(tmp_path):
    """Runs files with these texts; gives the exit code and which tests are said to be flaky."""
    def run(*texts, processes=0):
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        for number, text in enumerate(texts):
            (tmp_path / ("test_%d.py" % number)).write_text(text)
        ended = subprocess.run(
            [sys.executable, SCRIPT, "-n", str(processes), "-p", "no:cacheprovider", "-p", "no:hypothesispytest"],
            cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        flaky = [line for line in ended.stdout.splitlines() if line.startswith("flaky: ")]
        assert ("a bug to mend" in ended.stdout) == bool(flaky)
        noted = tmp_path / "build" / "flaky"
        assert flaky == (noted.read_text().splitlines() if noted.exists() else [])
        return ended.returncode, flaky

    return run


@pytest.mark.parametrize("processes", [0, 1])
def test_what_passes_alone_is_named_and_forgiven(run, processes):
    assert run(FLAKY, RIGHT, processes=processes) == (0, ["flaky: test_0.py::test_once[0]"])


@pytest.mark.parametrize("texts, code", [
    ([RIGHT], 0),
    ([WRONG], 1),
    ([FLAKY, WRONG], 1),
    ([ONCE % (1, "pytest.fail('busy')", "pytest.skip('tired')")], 1),
    ([ONCE % (11, "pytest.fail('busy')", "")], 1),
    ([""], 5),
], ids=["right", "wrong", "one of them wrong", "skipped then", "many", "no tests"])
def test_the_exit_code_is_that_of_pytest(run, texts, code):
    assert run(*texts) == (code, [])


def test_a_process_that_crashes_is_not_forgiven(run):
    assert run(ONCE % (1, "os._exit(9)", ""), RIGHT, processes=1) == (1, [])


@pytest.mark.parametrize("processes", [0, 1])
def test_what_cannot_be_collected_is_not_forgiven(run, processes):
    assert run(FLAKY, "import nothing_of_this_name", processes=processes) == (2 - processes, [])


def test_what_only_one_process_collects_is_not_forgiven(run):
    differing = ONCE.replace("range(%d)", "[os.getpid()]") % ("pass", "")
    code, flaky = run(differing, processes=2)
    assert code and not flaky
