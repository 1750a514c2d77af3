"""Our own server, graded like one of which nothing is known: it is used by others before, and by nobody meanwhile."""
import pytest
from grading import graded

from parley.conformance.targets import launch
from parley.conformance.wire import CODECS

USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}  # of document 004
UNUSED = [protocol for protocol in sorted(CODECS) if protocol != "dollar"]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("protocols", [[one] for one in UNUSED] + [["delimited", "dollar"]], ids="-".join)
def test_our_own_server_is_faithful_as_somebody_elses(protocols, tmp_path):
    """The last of the protocols; those before it leave accounts of other people."""
    with launch(2, protocols=protocols, users=USERS if "dollar" in protocols else None) as server:
        for protocol in protocols:
            code, verdicts, output = graded(server.address(protocol)[1], tmp_path, protocol=protocol)
    assert code == 0 and verdicts and "fail" not in verdicts.values(), output
    assert "a faithful server" in output and "a bug of the suite" not in output
