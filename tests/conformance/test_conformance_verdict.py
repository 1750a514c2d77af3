"""What a run says of a foreign server: the verdict, the causes in their order, two reports compared, and a badge."""
import json
import subprocess
import sys

import pytest
from grading import WITHOUT_PLUGINS
from wrong_server import WrongServer

from parley.conformance import report, verdict
from parley.conformance.__main__ import main
from parley.conformance.requirements import ROOT, Requirement

REQUIREMENTS = {ident: Requirement(ident, level, "says " + ident, "003", ("S1",)) for ident, level in (
    ("A-1", "should"), ("A-2", "must"), ("A-3", "must"), ("A-4", "may"), ("A-5", "must"))}


def results(verdicts, **more):
    found = report.Results()
    properties = [("verdicts", json.dumps([[ident, one, "a note"] for ident, one in verdicts.items()])),
                  ("evidence", "relay")]
    found.add(properties + list(more.items()))
    return found


FAULTY = results({"A-1": "fail", "A-2": "pass", "A-3": "fail", "A-4": "differs", "A-5": "fail"}, hinders="A-5",
                 learnt="A-3", transcripts=json.dumps({"A-5": "  time  ann\n 0.000  -> X"}))


def test_what_is_in_the_way_comes_first_and_must_before_should():
    assert [one.requirement.ident for one in verdict.causes(REQUIREMENTS, FAULTY)] == ["A-5", "A-3", "A-1"]


@pytest.mark.parametrize("verdicts, expected", [
    ({"A-2": "pass", "A-4": "differs"}, "a faithful server, which keeps 1 of 1"),
    ({"A-1": "fail", "A-2": "pass"}, "a faithful server with one fault, which keeps 1 of 2"),
    (dict.fromkeys(REQUIREMENTS, "fail"), "a server with five faults, three against a must, which keeps 0 of 4"),
])
def test_the_verdict_is_a_sentence(verdicts, expected):
    sentence = verdict.sentence(REQUIREMENTS, results(verdicts))
    assert sentence == expected + " requirements of the levels must and should."


@pytest.mark.parametrize("verdicts, expected", [
    ({"A-2": "not reached"}, ", and none of the others."),
    ({"A-2": "not reached", "A-4": "differs"}, "; of the levels may and survive the server keeps 0 of 1."),
])
def test_a_verdict_on_what_no_document_demands_says_so(verdicts, expected):
    sentence = verdict.sentence(REQUIREMENTS, results(verdicts))
    assert sentence == "no requirement of the levels must and should could be judged" + expected


def test_the_verdict_on_choices_of_ours_says_so():
    own = {"A-4": REQUIREMENTS["A-4"]}
    assert verdict.sentence(own, results({"A-4": "pass"})) == (
        "no requirement of the levels must and should is among these; of the levels may and survive the server keeps "
        "1 of 1.")


def test_the_verdict_says_how_much_could_not_be_judged():
    sentence = verdict.sentence(REQUIREMENTS, results({"A-1": "fail", "A-2": "not reached"}))
    assert sentence.endswith("; 1 more could not be judged because of what failed.")


def test_a_cause_has_its_sentence_its_transcript_and_the_command():
    lines = verdict.told(REQUIREMENTS, FAULTY, lambda ident: "run " + ident)
    start = lines.index("1. A-5 (must): says A-5")
    assert lines[start:start + 6] == ["1. A-5 (must): says A-5", "   003", "   a note", "     time  ann",
                                      "    0.000  -> X", "   again: run A-5"]


def test_a_badge_counts_what_was_judged():
    assert verdict.badge(REQUIREMENTS, FAULTY) == "must 1/3, should 0/1"


def written(folder, name, verdicts):
    path = str(folder.join(name))
    with open(path, "w") as file:
        json.dump({"line": verdict.as_json(REQUIREMENTS, results(verdicts))}, file)
    return path


def test_two_reports_are_compared(tmpdir, capsys):
    old = written(tmpdir, "old.json", {"A-1": "pass", "A-2": "fail"})
    new = written(tmpdir, "new.json", {"A-1": "fail", "A-2": "pass"})
    assert main(["diff", old, new]) == 1
    assert capsys.readouterr().out.split("\n")[:2] == ["A-1 (should): fail, was pass", "A-2 (must): pass, was fail"]
    assert main(["diff", old, old]) == 0
    assert "no verdict has changed" in capsys.readouterr().out
    assert main(["badge", new]) == 0
    assert capsys.readouterr().out == "line: must 1/1, should 0/1\n"


@pytest.mark.parametrize("content", ["[]", "{", '{"line": 3}'])
def test_what_is_no_report_is_a_mistake(tmpdir, capsys, content):
    path = tmpdir.join("x.json")
    path.write(content)
    assert main(["badge", str(path)]) == 4 and main(["badge", str(tmpdir.join("none.json"))]) == 4
    assert "not a file that --json has written" in capsys.readouterr().err


def grade(server, folder, *arguments):
    """(exit code, output, {requirement: verdict}) of a run on a server."""
    path = str(folder.join("report.json"))
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "--target", "line=%s:%d" % server.address(), "--json", path, *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=300,
        env=dict(WITHOUT_PLUGINS, PYTHONUNBUFFERED="1"))
    with open(path) as file:
        rows = json.load(file)["line"]["requirements"]
    return done.returncode, done.stdout, {ident: row["verdict"] for ident, row in rows.items()}


def test_a_deviation_is_charged_once_and_hides_nothing(tmpdir):
    server = WrongServer(["announces-joins", "acknowledges-msg"])
    try:
        code, output, verdicts = grade(server, tmpdir, "-k", "alice or ping or acquaintance or no-echo")
    finally:
        server.stop()
    assert code == 0, output  # both are a `should`
    assert [ident for ident, one in verdicts.items() if one == "fail"] == ["LINE-LOGIN-5", "LINE-MSG-3"]
    assert "a faithful server with two faults" in output and "Traceback" not in output
    assert verdicts["LINE-PING-1"] == verdicts["LINE-MSG-2"] == "pass"


# Named, as for `-k` each process would collect all scenarios.
LOGIN_AND_WHO = ["scenarios/line/%s.scenario.yaml" % name for name in ("login-refused", "who")]


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]])
def test_a_broken_must_fails_the_run(tmpdir, workers):
    server = WrongServer(["two-bobs"])
    try:
        code, output, verdicts = grade(server, tmpdir, *LOGIN_AND_WHO, *workers)
    finally:
        server.stop()
    assert code == 1
    assert verdicts["LINE-LOGIN-2"] == "fail" and verdicts["LINE-WHO-1"] == "pass"
    assert "1. LINE-LOGIN-2 (must): A name that is in use" in output
