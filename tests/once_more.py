"""pytest for CI: `python tests/once_more.py ARGUMENTS`, as `python -m pytest ARGUMENTS`, but what fails runs once more.

A test that failed beside the others and then passes alone is said to be flaky, also in `build/flaky`, and does not fail
the run.
"""
import os
import sys

import pytest

MOST = 10  # where more tests fail, it is no accident


class Seen:
    """What a run has told: the node ids of the tests that failed and passed, and whether nothing else went wrong."""

    def __init__(self):
        self.failed, self.passed, self.sound = [], set(), True

    def pytest_runtest_logreport(self, report):
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)

    def pytest_collectreport(self, report):
        self.sound = self.sound and not report.failed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error):
        self.sound = self.sound and not error


class Only:
    """Deselects all but some tests."""

    def __init__(self, wanted):
        self._wanted = wanted

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self._wanted]


def main(arguments):
    first = Seen()
    code = int(pytest.main(arguments, plugins=[first]))
    if code != pytest.ExitCode.TESTS_FAILED or not first.sound or not 0 < len(first.failed) <= MOST:
        return code
    print("\n%d failed, and once more, alone:" % len(first.failed), flush=True)
    second = Seen()
    again = int(pytest.main([*arguments, "-n", "0"], plugins=[second, Only(first.failed)]))
    if again or not second.sound or not second.passed.issuperset(first.failed):
        return code
    flaky = "".join("flaky: %s\n" % nodeid for nodeid in first.failed)
    print(flaky + "This is a bug to mend, of the test or of the server: it failed beside others and passed alone.")
    os.makedirs("build", exist_ok=True)
    with open("build/flaky", "a", encoding="utf-8") as file:
        file.write(flaky)
    return 0


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # as with `python -m pytest`
    sys.exit(main(sys.argv[1:]))
