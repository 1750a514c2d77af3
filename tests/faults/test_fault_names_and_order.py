"""What only several processes can get wrong: who has a name, and what came first. The long runs are `stress.proofs`."""
import pytest

from stress.proofs import names, order, returns
from stress.proofs.clients import Client

NOBODY_IS_IDLE = {"idle_timeout": 0}  # however long a busy machine takes over it


def test_a_name_claimed_on_two_workers_at_once_is_given_once(start):
    assert sum(names.duel(start(workers=2, config=NOBODY_IS_IDLE), 300)) == 300


def test_a_name_is_free_as_soon_as_its_holder_has_gone(start):
    took = names.relay(start(workers=2, config=NOBODY_IS_IDLE), 300)
    assert sorted(took)[150] < 0.5, "it took %.0f ms" % (1000 * sorted(took)[150])


@pytest.mark.parametrize("workers", returns.WORKERS)
def test_who_closes_and_comes_back_at_once_is_never_refused(start, workers):
    server = start(workers=workers, config=NOBODY_IS_IDLE, protocols=tuple(returns.HELLOS))
    with returns.load(server):
        for protocol in returns.HELLOS:
            returns.come_back(server, protocol, 25)


def test_everybody_hears_everything_in_one_order():
    order.prove(lambda text: None, crowd=20, senders=8, messages=2000, seconds=120)


def test_a_whisper_to_somebody_who_leaves_is_delivered_or_refused_but_never_both(start, join):
    server = start(workers=2)
    sender = join(server.worker_address(0), "sender")
    for number in range(200):
        name = "leaver-%d" % number
        leaver = Client(server.worker_address(1), name)
        sender.say("DM %s one" % name)
        leaver.sock.shutdown(1) if number % 2 else None
        sender.say("DM %s two" % name)
        heard = leaver.rest() if number % 2 else [leaver.line(), leaver.line()]
        leaver.close()
        answers = [line for line in sender.heard() if line.startswith(b"ERR")]
        assert set(answers) <= {b"ERR user-not-found"}
        assert len(heard) + len(answers) <= 2
        assert heard in ([], [b"DM sender one"], [b"DM sender one", b"DM sender two"])
