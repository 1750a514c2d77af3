"""The suite as a whole: its coverage, its independence, its servers, and `pytest` runs as a user makes them."""
import ast
import os
import subprocess
import sys

import pytest
from grading import WITHOUT_PLUGINS
from wrong_server import WrongServer

from parley.conformance import coverage, requirements, targets
from parley.conformance.__main__ import main
from parley.conformance.fixture import ServerFixture
from parley.conformance.requirements import ROOT, Requirement
from parley.conformance.wire import CODECS, line
from stress.proofs.processes import group, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
WRONG = [sys.executable, os.path.join("tests", "conformance", "wrong_server.py")]


# Coverage

@pytest.mark.parametrize("protocol", requirements.protocols())
def test_statements_requirements_and_scenarios_hang_together(protocol):
    assert coverage.gaps(coverage.of_protocol(protocol)) == []


def test_every_protocol_has_requirements():
    assert set(CODECS) <= set(requirements.protocols())


def test_the_coverage_command_says_so(capsys):
    assert main(["coverage", "--list"]) == 0
    assert "LINE-DM-1" in capsys.readouterr().out


def test_gaps_are_found():
    statements = coverage.statements_in("| S1 | rule | one |\n| S3 | example | two |\n"
                                        "| S2 | not normative | three |\n| S4 | guess | x |")
    wanted = {"A": Requirement("A", "must", "a", "003", ("S2", "S9")), "B": Requirement("B", "may", "b", "003", ()),
              "C": Requirement("C", "must", "c", "003", ("S4",), untestable="too long")}
    gaps = coverage.gaps(coverage.Coverage(statements, wanted, {"A": [], "B": ["some"], "C": ["other"]}))
    assert gaps == [
        "the statements are not numbered S1 to S4 in order",
        "S4 has an unknown kind: guess",
        "S1 has no requirement: one",
        "S3 has no requirement: two",
        "A is based on S2, which is not normative",
        "A is based on S9, which does not exist",
        "B is based on no statement",
        "A (must) has no step in any scenario, and no reason why not",
        "C is marked untestable, but other tests it",
    ]


# Independence

def python_files(*folders):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".py"):
                    yield os.path.join(path, name)


def imports_of(path):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "%s: a relative import hides where it leads" % path
            yield node.module


def test_the_suite_never_imports_the_server():
    paths = sorted(python_files("conformance", "scenarios", os.path.join("tests", "conformance")))
    assert os.path.join(ROOT, "conformance", "plugin.py") in paths
    paths.remove(os.path.join(ROOT, "conformance", "cheap_server.py"))  # which is the server, and judges nothing
    assert [(path, name) for path in paths for name in imports_of(path) if "server" in name.split(".")[:2]] == []


def test_the_suite_does_not_load_the_server():
    code = ("import sys, conformance.plugin, conformance.__main__;"
            "print([name for name in sys.modules if 'server' in name.split('.')[:2]])")
    answer = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert answer.strip() == "[]"


# Servers

def test_a_launched_server_tells_its_addresses_and_is_ended():
    with targets.launch(workers=3, command=WRONG) as server:
        addresses = {server.address("line")} | {server.worker_address(index) for index in range(3)}
        assert len(addresses) == 4
        assert server.exit_code is None
        with pytest.raises(LookupError):
            server.worker_address(3)
    assert server.exit_code == 0
    assert server.stdout[-2:] == ["[SERVER] Shutting down...", "[SERVER] Server stopped."]


def test_a_server_that_does_not_start_shows_why():
    code = "import sys; sys.exit('no luck today')"
    with pytest.raises(targets.DidNotStart) as caught:
        with targets.launch(command=[sys.executable, "-c", code]):
            pass
    assert "no luck today" in str(caught.value)
    assert "exit code: 1" in str(caught.value)


def test_a_server_that_will_not_end_is_killed():
    code = ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "print('[SERVER] Waiting for connections...', flush=True); time.sleep(60)")
    with targets.launch(command=[sys.executable, "-c", code]) as server:
        assert server.stop(seconds=0.2) == -9


def test_a_killed_test_run_leaves_no_server_behind():
    code = ("import os, signal\nfrom conformance import targets\nwith targets.launch(workers=2) as server:\n"
            "    print(server.pid, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == -9
    server = int(done.stdout)
    wait_until(lambda: not group(server))


# Runs of pytest

def run(*arguments, **options):
    """(exit code, output) of a pytest run in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"] + list(arguments)
    done = subprocess.run(command, cwd=options.get("cwd", ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=300, env=WITHOUT_PLUGINS)
    return done.returncode, done.stdout


def scenario(name):
    return "scenarios/line/%s.scenario.yaml" % name


def wrong(*bugs):
    return "--server-command=" + " ".join(WRONG + [word for bug in bugs for word in ("--bug", bug)])


def test_a_failure_shows_the_columns_the_difference_and_the_way_back():
    code, output = run(scenario("bob-leaves") + "::bob-leaves[split-whole]", wrong("info-twice"))
    assert code == 1
    with open(os.path.join(ROOT, scenario("bob-leaves")), encoding="utf-8") as file:
        place = next(number for number, text in enumerate(file, 1) if "LINE-LEAVE-2" in text)
    assert "bob-leaves[split-whole]   LINE-LEAVE-2 (must)   %s:%d" % (scenario("bob-leaves"), place) in output
    assert "  time  alice" in output
    assert "  alice, step at line %d: expect_nothing\n  - (nothing)\n  + INFO Bob disconnected\n" % place in output
    assert '  "They get it once."  003, When Bob Disconnects' in output
    assert "again: pytest 'scenarios/line/bob-leaves.scenario.yaml::bob-leaves[split-whole]'" in output
    with open(os.path.join(ROOT, "build", "transcripts", "bob-leaves[split-whole].txt"), encoding="utf-8") as file:
        assert "INFO Bob disconnected" in file.read()


def test_a_run_ends_with_counts_a_level():
    code, output = run(scenario("ping"), wrong())
    assert code == 0
    assert "| must    | 2 " in output


def test_only_scenarios_with_a_requirement_can_be_asked_for():
    code, output = run("conformance", wrong(), "--req", "LINE-DM-6", "--collect-only")
    assert code == 0
    assert "faults-note-to-self[split-whole]" in output
    assert "alice-and-bob" not in output


def test_a_broken_scenario_file_is_a_collection_error(tmp_path):
    folder = tmp_path / "line"
    folder.mkdir()
    (folder / "bad.scenario.yaml").write_text(
        'scenario: "x"\nprotocol: line\nactors: {a: {}}\nsteps:\n  - a: {sned: "x"}\n')
    code, output = run("conformance", str(folder))
    assert code == 2
    assert "unknown verb 'sned'; did you mean 'send'?" in output


def test_a_scenario_is_played_wherever_it_lies(tmp_path):
    with open(os.path.join(ROOT, scenario("ping")), encoding="utf-8") as file:
        text = file.read()
    path = tmp_path / "mine.scenario.yaml"
    path.write_text(text)
    assert "4 passed" in run("conformance", str(path), wrong())[1]
    path.write_text(text.replace("PONG", "PING"))
    code, output = run("conformance", str(path) + "::mine[split-whole]", wrong())
    assert code == 1 and "1 failed" in output
    again = "again: pytest conformance/ '%s::mine[split-whole]'" % os.path.relpath(str(path), ROOT).replace(os.sep, "/")
    assert again in output


def test_a_foreign_server_is_graded():
    server = WrongServer(["echo"])
    try:
        code, output = run("conformance", "--target=line=%s:%d" % server.address(), "-rs", "--table", "-k",
                           "echo or alice or start-and-stop or idle or stranger or acquaintance")
    finally:
        server.stop()
    assert code == 0  # the copy breaks a `should`, which is written down and does not fail
    assert "needs a server of its own" in output
    assert "needs a known idle limit (--idle-limit)" in output
    cells = [[cell.strip() for cell in row.split("|")] for row in output.split("\n") if row.startswith("| LINE-")]
    rows = {row[1]: row[3] for row in cells}
    assert rows["LINE-MSG-1"] == "pass"
    assert rows["LINE-MSG-2"] == "fail"
    assert rows["LINE-MSG-8"] == "skipped"
    assert rows["LINE-FRAME-8"] == "not covered"


def test_a_foreign_server_that_breaks_a_must_fails():
    server = WrongServer(["two-bobs"])
    try:
        code, output = run(scenario("login-refused"), "--target=line=%s:%d" % server.address())
    finally:
        server.stop()
    assert code == 1
    assert "LINE-LOGIN-2 (must)" in output


def test_a_used_server_with_people_on_it_can_be_graded():
    server = WrongServer()
    try:
        people = ServerFixture(server, line)  # two users who stay logged in
        code, output = run(scenario("who"), scenario("alice-and-bob"), "--target=line=%s:%d" % server.address())
        people.close()
    finally:
        server.stop()
    assert code == 0, output
