"""The relay between a node and the engine: what comes through it, and what does not."""
import contextlib

import pytest

from parley.conformance.engine import Connection
from stress.cluster.relay import CUT, HANG, OPEN, Relay


def test_a_node_that_asks_sentinel_stays_with_the_relay_which_can_be_cut_and_hang(start_engine):
    engine = start_engine(replica=True, sentinels=1)
    master, replica = (server.port for server in engine.servers)
    sentinel = engine.sentinels[0].port
    with contextlib.closing(Relay([master, replica], [sentinel])) as relay:
        with Connection(relay.ports[sentinel]) as asking, Connection(relay.ports[master], 0.3) as writing:
            address = asking("SENTINEL", "GET-MASTER-ADDR-BY-NAME", engine.master_name)
            assert address == [b"127.0.0.1", b"%d" % relay.ports[master]]
            followers = asking("SENTINEL", "REPLICAS", engine.master_name)
            assert b"%d" % relay.ports[replica] in followers[0] and b"%d" % replica not in followers[0]
            text = b"%d-1 %d1" % (master, replica)  # the number of an entry may be that of a port
            assert writing("SET", "port", text) == b"OK"
            assert writing("GET", "port") == text
            with Connection(master) as direct:
                assert direct("GET", "port") == text
            relay.do(HANG)
            with pytest.raises(OSError, match="timed out"):
                writing("PING")
            relay.do(OPEN)
        with Connection(relay.ports[master]) as writing:
            assert writing("PING") == b"PONG"
            relay.do(CUT)
            with pytest.raises(OSError):
                writing("PING")
            with pytest.raises(OSError):
                Connection(relay.ports[master])("PING")
            relay.do(OPEN)
        with Connection(relay.ports[replica]) as reading:
            assert reading("PING") == b"PONG"
