"""One import name, `parley`, under which each module is there once."""
import os
import subprocess
import sys

import parley
import parley.client

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def loaded(*arguments):
    """The modules of ours that a program has loaded."""
    program = "import sys; sys.argv[1:] = %r; %s" % (list(arguments[1:]), arguments[0])
    program += "\nfor name in sorted(sys.modules): print(name)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    ours = ("parley", "server", "client", "conformance")
    return [name for name in done.stdout.decode().splitlines() if name.split(".")[0] in ours]


def test_what_the_client_has_is_in_the_package():
    assert sorted(parley.__all__) == sorted(parley.client.__all__)
    assert [name for name in parley.__all__ if getattr(parley, name) is not getattr(parley.client, name)] == []


def test_what_the_package_has_not_it_has_not():
    assert not hasattr(parley, "nothing") and not hasattr(parley, "__wrapped__")


def test_the_package_alone_loads_neither_client_nor_server():
    assert loaded("import parley") == ["parley"]
