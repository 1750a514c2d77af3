"""A server that is wrong in one way is charged with the requirements that forbid it, and with no other."""
import pytest
from grading import graded
from wrong_accounts_server import WrongAccountsServer
from wrong_framed_server import WrongFramedServer

FAULTS = {
    "binary-echo": "BIN-TALK-2",
    "binary-relays-claimed-name": "BIN-TALK-3",
    "binary-one-recv-is-one-frame": "BIN-FRAME-4",
    "binary-drops-the-rest": "BIN-FRAME-4",
    "binary-forgets-301": "BIN-QUIT-3",
    "binary-301-twice": "BIN-QUIT-3",
    "binary-300-to-self": "BIN-JOIN-4",
    "binary-no-302": "BIN-NAME-2",
    "binary-replies-from-nobody": "BIN-FRAME-3",
    "binary-spaces-fill-names": "BIN-FRAME-2",
    "binary-own-time": "BIN-TALK-4",
    "binary-list-as-json": "BIN-LIST-1",
    "binary-info-without-port": "BIN-USER-1",
    "binary-ping-own-time": "BIN-PING-2",
    "binary-stays-after-quit": "BIN-QUIT-2",
    "binary-two-bobs": "BIN-JOIN-2 BIN-JOIN-6 BIN-NAME-3",
    "binary-passes-invalid-utf8": "BIN-FRAME-11",
    "binary-length-in-characters": "BIN-FRAME-1",
    "binary-strangers-talk": "BIN-JOIN-11",
    "binary-strangers-hear": "BIN-JOIN-12",
    "delimited-no-echo": "DELIMITED-SEND-2",
    "delimited-acknowledges": "DELIMITED-SEND-2",
    "dollar-unpadded": "DOLLAR-PACKET-3",
    "dollar-one-recv-is-one-packet": "DOLLAR-PACKET-4",
    "dollar-drops-the-rest": "DOLLAR-PACKET-4",
    "dollar-answers-in-json": "DOLLAR-TEXT-1",
    "dollar-sign-ends": "DOLLAR-PACKET-10",
    "dollar-length-in-characters": "DOLLAR-PACKET-1",
    "dollar-any-password": "DOLLAR-LOGIN-2",
    "dollar-list-first": "DOLLAR-LOGIN-10",
    "dollar-no-list": "DOLLAR-LIST-2",
    "dollar-stays-after-close": "DOLLAR-EXIT-2",
    "padded-ack-twice": "PAD-ACK-2",
    "padded-no-relay": "PAD-RELAY-1",
    "padded-own-time": "PAD-RELAY-5", "padded-names-the-address": "PAD-RELAY-1",
    "padded-hands-on-nothing": "PAD-FRAME-4",
    "padded-acknowledges-the-end": "PAD-FRAME-10",
}
QUICK = ("dollar-answers-in-json",)


def judged(bugs, protocol, folder):
    """The requirements that the suite says are broken, those of the levels may and survive apart; and its output."""
    server = (WrongAccountsServer if protocol in ("delimited", "dollar") else WrongFramedServer)(bugs)
    try:
        _, verdicts, output = graded(server.address(protocol)[1], folder, protocol=protocol)
    finally:
        server.stop()
    assert verdicts, output
    return [{ident for ident, one in verdicts.items() if one == word} for word in ("fail", "differs")] + [output]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", [pytest.param(bug, marks=() if bug in QUICK else pytest.mark.long) for bug in FAULTS])
def test_a_fault_is_charged_to_its_requirement(bug, tmp_path):
    wanted = set(FAULTS[bug].split())
    failed, differing, output = judged([bug], bug.partition("-")[0], tmp_path)
    assert failed <= wanted <= failed | differing, output


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("protocol", ["binary", "delimited", "dollar", "padded"])
def test_a_healthy_server_has_no_fault(protocol, tmp_path):
    failed, _, output = judged([], protocol, tmp_path)
    assert not failed, output
