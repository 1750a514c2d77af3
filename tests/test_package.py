"""One import name, `parley`, under which each module is there once."""
import ast
import os
import re
import subprocess
import sys
import types

import pytest

import parley
import parley.client
from parley.called import called

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


FOLDERS = ["parley", "server", "client", "conformance", "scenarios", "loadtest", "tests", "stress", "bench", "examples",
           "tools", "docs"]
BARE = {"server", "client", "conformance"}
IMPORTS_BARE = re.compile(r"(?m)(^|;)\s*(from\s+|import\b.*(?<![\w.]))(%s)\b" % "|".join(sorted(BARE)))


def loaded(program):
    """The modules of ours that a program has loaded."""
    program += "\nfor name in sorted(sys.modules): print('loaded', name)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    names = [line.split()[1] for line in done.stdout.decode().splitlines() if line.startswith("loaded ")]
    return {name for name in names if name.split(".")[0] in BARE | {"parley"}}


def imported(path):
    """The names at the front of what a file imports, if any of them is bare."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not IMPORTS_BARE.search(text):  # to parse them all takes seconds
        return
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_what_the_client_has_is_in_the_package():
    assert sorted(parley.__all__) == sorted(parley.client.__all__)
    assert [name for name in parley.__all__ if getattr(parley, name) is not getattr(parley.client, name)] == []


def test_what_the_package_has_not_it_has_not():
    assert not hasattr(parley, "nothing") and not hasattr(parley, "__wrapped__")


def test_the_package_alone_loads_neither_client_nor_server():
    assert loaded("import sys, parley") == {"parley"}


def test_a_client_has_neither_cryptography_nor_what_a_server_reads_frames_with_until_it_needs_them():
    program = "import sys, parley.client.session, parley.client.plain; print(*sys.modules)"
    names = set(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT).decode().split())
    assert "parley.client.chat" in names
    assert not names & {"cryptography", "h11", "wsproto"}


@pytest.mark.parametrize("module", ["server", "client", "client.gui", "conformance"])
def test_what_is_started_by_its_folder_runs_under_its_name_in_the_package(module):
    program = "import runpy, sys\nsys.argv[1:] = ['--version']\ntry: runpy.run_module(%r, run_name='__main__')" % module
    found = loaded(program + "\nexcept SystemExit: pass")
    assert [name for name in found if name.split(".")[0] == "parley"]
    assert {name for name in found if name.split(".")[0] != "parley"} <= BARE | {"client.gui"}


def test_nothing_imports_a_folder_by_its_own_name():
    for folder in FOLDERS:
        for place, _, files in os.walk(os.path.join(ROOT, folder)):
            for file in files:
                if file.endswith(".py"):
                    assert not BARE & set(imported(os.path.join(place, file))), os.path.join(place, file)


def test_every_program_says_its_version():
    for name in ("server", "client", "client.gui", "conformance"):
        done = subprocess.run([sys.executable, "-m", name, "--version"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        assert done.stdout.decode().split()[1:] == [parley.__version__]


def test_help_calls_a_program_as_it_was_started(monkeypatch):
    main = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "__main__", main)
    for spec, name in [
            (None, "parley"), ("server.__main__", "python -m server"), ("pytest.__main__", "parley"),
            ("parley.server.__main__", "python -m parley.server")]:
        main.__spec__ = spec and types.SimpleNamespace(name=spec)
        assert called("parley") == name
