"""The suite is held to what a careful person finds of servers as people write them: `habits/`, with a table for each.

No table was made by running the suite.
"""
import os
import shutil
import sys

import pytest
import yaml
from grading import REQUIREMENTS, graded, started

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "habits")
SERVERS = ("greeter.py", "parrot.py", "one_read.py", "relaxed.py", "own_words.py", "clock.py",
           "lobby.js", "chunks.js", "terse.js")


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


# The tables

def test_there_is_a_table_for_each_server():
    files = sorted(name for name in os.listdir(HERE) if not name.startswith("__"))
    tables = [os.path.splitext(server)[0] + ".yaml" for server in SERVERS]
    assert files == sorted(list(SERVERS) + tables + ["common.yaml", "small_letters.py"])


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

def test_who_cannot_log_in_is_told_so(tmp_path):
    with started(command_of("small_letters.py")) as port:
        exit_code, verdicts, output = graded(port, tmp_path)
    assert exit_code == 4 and not verdicts
    assert "refuses a login" in output
