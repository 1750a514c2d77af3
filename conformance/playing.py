"""The scenarios by themselves: with the settings of the suite alone, from any directory."""
import os
import sys

from parley.conformance.requirements import ROOT

_HERE = os.path.dirname(os.path.abspath(__file__))
_USAGE = 4  # pytest's exit code for a mistake on the command line


def play(arguments):
    """Play the scenarios that the arguments leave; the exit code, which is pytest's."""
    try:
        import pytest
    except ImportError:
        print("The suite needs pytest: pip install 'parley-chat[conformance]'.", file=sys.stderr)
        return _USAGE
    own = ["-c", os.path.join(_HERE, "alone.ini"), "--rootdir", ROOT, _HERE]
    return int(pytest.main(own + list(map(_found, arguments))))


def _found(argument):
    """An argument that names scenarios as the suite itself does is meant wherever they lie."""
    if argument.startswith("scenarios/") and not os.path.exists(argument.split("::")[0]):
        return os.path.join(ROOT, argument)
    return argument
