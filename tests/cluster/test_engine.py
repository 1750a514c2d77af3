"""The engine that tests start: it is there at once, and nothing of it is left."""
import os

import pytest

from parley.conformance import engine
from stress.proofs.processes import is_running

TEXT = "gr\u00fcn \r\n\0"


def test_it_serves_and_ends_also_when_a_test_fails(start_engine):
    with pytest.raises(ZeroDivisionError):
        with engine.started(replica=True, sentinels=1) as one:
            pids = [server.pid for server in one.servers + one.sentinels]
            assert all(map(is_running, pids)) and len(pids) == 3
            folder = one.master().ask("CONFIG", "GET", "dir")[1]
            one.master().ask("SET", "key", TEXT)
            assert one.master().ask("GET", "key").decode() == TEXT
            assert one.master().ask("EXISTS", "key", "no") == 1
            assert one.master().ask("GET", "no") is None
            with pytest.raises(engine.EngineError):
                one.master().ask("NO")
            raise ZeroDivisionError
    assert not any(map(is_running, pids))
    assert not os.path.exists(folder)
