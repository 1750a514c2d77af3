"""The tree is written in the language of Python 3.6, whatever runs the tests."""
import ast
import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ["parley", "server", "conformance", "loadtest", "tests", "scenarios", "client", "examples", "stress", "bench",
           "tools"]

# Not in the language of 3.6, and a proof that this test can tell.
TOO_NEW = [
    "if (n := 1): pass",
    "def f(a, /): pass",
    "from __future__ import annotations",
    "match 1:\n    case _: pass",
]


def sources(*folders):
    for folder in folders or FOLDERS:
        for place, folders, files in os.walk(os.path.join(ROOT, folder)):
            folders[:] = [one for one in folders if not one.startswith((".", "__pycache__"))]
            for file in sorted(files):
                if file.endswith(".py"):
                    yield os.path.relpath(os.path.join(place, file), ROOT)


def parse(text, path):
    """With the grammar of 3.6, as far as this Python knows it; 3.6 and 3.7 know no other that matters."""
    if sys.version_info >= (3, 8):
        return ast.parse(text, path, feature_version=(3, 6))  # novermin
    return ast.parse(text, path)


def later_features(tree):
    """What `feature_version` lets pass, although 3.6 does not know it."""
    for node in ast.walk(tree):
        kind = type(node).__name__
        if kind in ("NamedExpr", "Match", "TryStar", "TypeAlias"):
            yield kind, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                if alias.name == "annotations":
                    yield "annotations", node.lineno
        elif isinstance(node, ast.arguments) and getattr(node, "posonlyargs", None):
            yield "positional-only", node.posonlyargs[0].lineno


def faults_of(path):
    """What 3.6 would not understand in a file, as (path, what, line)."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read()
    try:
        return [(path, what, line) for what, line in later_features(parse(text, path))]
    except SyntaxError as error:
        return [(path, error.msg, error.lineno)]


def test_the_server_is_written_in_the_language_of_36():
    assert [fault for path in sources("parley", "server") for fault in faults_of(path)] == []


@pytest.mark.long  # and `./dev lint` sees to it, too
def test_every_file_is_written_in_the_language_of_36():
    assert [fault for path in sources() for fault in faults_of(path)] == []


def test_the_server_and_its_tests_are_among_the_files():
    found = set(sources())
    assert {os.path.join("server", "cli", "__init__.py"), os.path.join("tests", "test_python36.py")} <= found


@pytest.mark.parametrize("text", TOO_NEW)
def test_what_is_too_new_is_found(text):
    try:
        tree = parse(text, "too new")
    except SyntaxError:
        return
    assert list(later_features(tree))
