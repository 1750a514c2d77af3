"""Real engines. Without one on this machine these tests are skipped, and the end of the run says so."""
import contextlib
import sys

import pytest

from parley.conformance import engine

# The processes are watched through /proc.
collect_ignore_glob = [] if sys.platform.startswith("linux") else ["test_*.py"]


@pytest.fixture(params=sorted(engine.PROGRAMS) or [None])
def program(request):
    """Each program that there is for an engine."""
    if request.param is None:
        pytest.skip(engine.MISSING)
    return request.param


@pytest.fixture
def start_engine(program):
    """start_engine(replica=..., sentinels=...): an `Engine`, ended after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(engine.started(program=program, **options))
