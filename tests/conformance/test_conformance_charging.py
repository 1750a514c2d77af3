"""A server of `dollar` or `padded` that breaks one requirement is charged with that one, and no other."""
import pytest
from grading import graded
from wrong_accounts_server import WrongAccountsServer
from wrong_framed_server import WrongFramedServer

FAULTS = {
    "dollar-unpadded": "PACKET-3",
    "dollar-one-recv-is-one-packet": "PACKET-4",
    "dollar-drops-the-rest": "PACKET-4",
    "dollar-answers-in-json": "TEXT-1",
    "dollar-list-first": "LOGIN-10",
    "dollar-no-list": "LIST-2",
    "padded-ack-twice": "ACK-2",
    "padded-no-relay": "RELAY-1",
    "padded-own-time": "RELAY-5",
}
QUICK = ("dollar-answers-in-json",)


def charged(bugs, protocol, folder):
    """The requirements of the levels must and should that the suite says are broken."""
    server = (WrongFramedServer if protocol == "padded" else WrongAccountsServer)(bugs)
    try:
        _, verdicts, output = graded(server.address(protocol)[1], folder, protocol=protocol)
    finally:
        server.stop()
    assert verdicts, output
    return {ident for ident, verdict in verdicts.items() if verdict == "fail"}, output


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", [pytest.param(bug, marks=() if bug in QUICK else pytest.mark.long) for bug in FAULTS])
def test_a_fault_is_charged_to_its_requirement(bug, tmp_path):
    protocol = bug.partition("-")[0]
    found, output = charged([bug], protocol, tmp_path)
    assert found == {"%s-%s" % (protocol.upper(), FAULTS[bug])}, output


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("protocol", ["dollar", "padded"])
def test_a_healthy_server_has_no_fault(protocol, tmp_path):
    found, output = charged([], protocol, tmp_path)
    assert not found, output
