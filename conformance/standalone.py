"""Runs the suite from any directory, with its own pytest settings and no others."""
import os
import sys

from parley.conformance.requirements import ROOT

_HERE = os.path.dirname(os.path.abspath(__file__))
_USAGE_ERROR = 4  # pytest's exit code


def run(arguments):
    """Run the scenarios that the arguments select, a list as on the command line; returns pytest's exit code."""
    try:
        import pytest
    except ImportError:
        print("The suite needs pytest: pip install 'parley-chat[conformance]'.", file=sys.stderr)
        return _USAGE_ERROR
    own = ["-c", os.path.join(_HERE, "standalone.ini"), "--rootdir", ROOT, _HERE]
    return int(pytest.main(own + list(map(_resolved, arguments))))


def _resolved(argument):
    """An argument that begins with scenarios/ refers to the suite's own, unless there is such a path here."""
    if argument.startswith("scenarios/") and not os.path.exists(argument.split("::")[0]):
        return os.path.join(ROOT, argument)
    return argument
