"""The wall clock is set while people talk: nobody is disconnected, and the order stays."""
import time

import pytest

from stress.framed import FRAMED, PROTOCOLS
from stress.proofs import voices

HOUR = 3600
JUMPS = {
    "an hour ahead": lambda now: HOUR,
    "an hour back": lambda now: -HOUR,
    "1970": lambda now: 60 - now,
    "2107": lambda now: (1 << 32) + 900 * 86400 - now,  # a time in the frames of `binary` has 32 bits
    "well again": lambda now: 0,
}


@pytest.mark.parametrize("protocol", FRAMED)
def test_a_clock_that_jumps_ends_nobody_and_changes_no_order(start, orders, bystanders, tmp_path, protocol):
    server = start(workers=2, config={"idle_timeout": 30, "limits": {"messages_per_second": 0}}, protocols=PROTOCOLS,
                   args=("--storage", str(tmp_path / "storage")), environment=orders.variables)
    good = bystanders(server, protocol)
    said = []
    for jump in JUMPS.values():
        orders.shift(jump(time.time()))
        for _ in range(5):
            said += [text for _, text in good.talk(10)]
    assert good.noticed == good.overheard == []
    with voices.Line(server.address(), b"reader") as reader:
        reader.enter()
        told, last, more = [], 0, True
        while more:
            messages, last, more = reader.recall(last)
            told += messages
    assert [number for number, _, _ in told] == sorted({number for number, _, _ in told})
    assert [text.decode() for _, sender, text in told if sender == b"lina"] == said


def test_the_clock_that_a_server_sees_can_be_set(start, orders, join):
    """Otherwise the other tests here would prove nothing."""
    ann = join(start(workers=1, environment=orders.variables).address(), "ann")
    ann.say("MSG now", "HISTORY")
    before = int(ann.line().split()[2])
    ann.line()
    orders.shift(HOUR)
    ann.say("MSG later", "HISTORY 1")
    assert HOUR <= int(ann.line().split()[2]) - before < HOUR + 60
