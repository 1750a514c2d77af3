"""The suite is held to what a careful person finds of servers as people write them: `habits/`, with a table for each.

No table was made by running the suite.
"""
import os
import shutil
import sys

import pytest
import yaml
from grading import REQUIREMENTS, graded, started

from parley.conformance import requirements

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "habits")
SERVERS = ("greeter.py", "parrot.py", "one_read.py", "relaxed.py", "own_words.py", "clock.py", "pulse.py", "polite.py",
           "sharp.py", "looper.py", "bulletin.py", "sparse.py", "doorman.py", "usher.py", "carbon.py", "mute.py",
           "narrow.py", "lobby.js", "chunks.js", "terse.js", "palette.js", "pinger.js", "quoting.js", "shrug.js",
           "hearsay.js")
# Of other protocols; what their tables do not list is kept, and rooms are not looked at.
OTHERS = {"poller.py": "dollar", "courier.py": "padded", "ledger.py": "delimited", "ircette.py": "irc",
          "websy.js": "web"}
IDLE_SECONDS = 3
QUICK = ("greeter.py", "own_words.py", "lobby.js")  # the others take long together


def table_of(server):
    return read(os.path.splitext(server)[0] + ".yaml")


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


COMMON = read("common.yaml")
SECTIONS = ("pass", "fail", "tolerated", "not reached", "either")


def command_of(server, *arguments):
    interpreter = shutil.which("node") if server.endswith(".js") else sys.executable
    if not interpreter:
        pytest.skip("%s needs node, which is not installed" % server)
    return [interpreter, os.path.join(HERE, server), "0"] + list(arguments)


def accepted(server):
    """{requirement: the verdicts that agree with the table}"""
    table, found = table_of(server), {}
    for section in ("pass", "tolerated", "fail", "not reached"):
        found.update({ident: {reported(ident, section)} for ident in table.get(section, ())})
    for ident, choice in table.get("either", {}).items():
        found[ident] = {reported(ident, verdict) for verdict in choice["verdicts"]}
    found.update({ident: {"skipped", "not testable"} for ident in COMMON["not tested"]})
    found.update({ident: {"differs", "not reached", "skipped", "not testable"} for ident in COMMON["absent"]})
    return found


def reported(ident, verdict):
    """The report's word for a verdict of a table."""
    return "differs" if verdict == "fail" and REQUIREMENTS[ident].level in ("may", "survive") else verdict


def differences(server, verdicts, left_out):
    return ["%s: %s, the table says %s" % (ident, verdicts.get(ident), " or ".join(sorted(wanted)))
            for ident, wanted in sorted(accepted(server).items())
            if ident not in left_out and verdicts.get(ident) not in wanted]


# The tables

def test_there_is_a_table_for_each_server():
    files = sorted(name for name in os.listdir(HERE) if not name.startswith("__"))
    servers = SERVERS + tuple(OTHERS)
    tables = [os.path.splitext(server)[0] + ".yaml" for server in servers]
    assert files == sorted(list(servers) + tables + ["common.yaml", "small_letters.py"])


@pytest.mark.parametrize("server", SERVERS)
def test_a_table_has_each_requirement_once(server):
    table = table_of(server)
    assert set(table) <= set(SECTIONS)
    listed = [ident for section in table.values() for ident in section] + COMMON["not tested"] + COMMON["absent"]
    assert sorted(listed) == sorted(REQUIREMENTS)


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_in_the_way_has_failed(server):
    table = table_of(server)
    assert set(table.get("not reached", {}).values()) <= set(table["fail"])


# The suite

@pytest.mark.timeout(900)
@pytest.mark.parametrize("server", [pytest.param(server, marks=() if server in QUICK else pytest.mark.long)
                                    for server in SERVERS])
def test_the_suite_finds_what_a_person_finds(server, tmp_path):
    with started(command_of(server)) as port:
        _, verdicts, output = graded(port, tmp_path)
    assert not differences(server, verdicts, COMMON["idle"]), output


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("server", SERVERS)
def test_the_suite_finds_who_minds_the_idle(server, tmp_path):
    with started(command_of(server, str(IDLE_SECONDS))) as port:
        options = [word for ident in COMMON["idle"] for word in ("--req", ident)]
        _, verdicts, output = graded(port, tmp_path, "--idle-limit", "line=%d" % IDLE_SECONDS, *options)
    others = set(REQUIREMENTS) - set(COMMON["idle"])
    assert not differences(server, verdicts, others), output


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("server, protocol", OTHERS.items())
def test_so_it_is_in_other_protocols(server, protocol, tmp_path):
    known, table = requirements.load(protocol), table_of(server)
    assert set(table) <= {"fail", "either", "absent"} and set().union(*table.values()) <= set(known)
    with started(command_of(server)) as port:
        _, verdicts, output = graded(port, tmp_path, protocol=protocol)
    wrong = []
    for ident, requirement in known.items():
        expected = {word for word in ("fail", "pass", "not reached") if word in table["either"].get(
            ident, ["fail"] if ident in table["fail"] else ["fail", "not reached"] if ident in table.get("absent", ())
            else ["pass"])}
        if requirement.level in ("may", "survive"):
            expected = {"differs" if word == "fail" else word for word in expected}
        if "-ROOM-" not in ident and verdicts[ident] not in expected | {"skipped", "not testable", "not covered"}:
            wrong.append("%s: %s, the table says %s" % (ident, verdicts[ident], " or ".join(sorted(expected))))
    assert not wrong, output


def test_who_cannot_log_in_is_told_so(tmp_path):
    with started(command_of("small_letters.py")) as port:
        exit_code, verdicts, output = graded(port, tmp_path)
    assert exit_code == 4 and not verdicts
    assert "refuses a login" in output


@pytest.mark.timeout(300)
def test_what_fails_whole_is_not_charged_to_segments(tmp_path):
    """Not even where a run, or a process of `-n`, plays the cut variant alone."""
    cut = "scenarios/line/faults-control-characters.scenario.yaml::faults-control-characters[any-bytes]"
    with started(command_of("terse.js")) as port:
        _, verdicts, output = graded(port, tmp_path, cut)
    assert "LINE-FRAME-1" not in verdicts or verdicts["LINE-FRAME-1"] != "fail", output
    assert "1 skipped" in output
