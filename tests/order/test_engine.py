"""When a packet is sent again that is not heard."""
from parley.server.ipc.messages import FromEngine, messages
from parley.server.order import engine
from parley.server.order.replicated import AGAIN, Replicated


class Node:
    """A hub, which hears nothing here."""

    number, token, applied = 1, "token", "0-0"

    def __getattr__(self, name):
        if name in messages(FromEngine).keys() - {"accepted", "doubt"}:
            return lambda *arguments: None
        raise AttributeError(name)


class Down:
    """The queue to the process: what was put into it."""

    backlog_size = 0

    def __init__(self):
        self.packets = []

    def put(self, frames):
        if frames:
            self.packets.append(frames)


def test_a_packet_is_sent_again_soon_after_a_doubt_and_else_once_it_is_not_heard_for_long(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: clock[0])
    order = Replicated(lambda worker, entry: None, lambda worker, entry: True)
    one = engine.Engine(None, order, Node())
    one.down = down = Down()
    order.submit(0, b"talk")
    sent = []
    for passed, doubts in ((0, False), (0.1, False), (0, True), (engine.SOON / 2, False), (engine.SOON, False),
                           (engine.SOON * 2, False), (AGAIN, False)):
        clock[0] += passed
        if doubts:
            one.doubt()
        before = len(down.packets)
        one.flush()
        sent.append(len(down.packets) - before)
    assert sent == [1, 0, 0, 0, 1, 0, 1]
    assert one.sent_again == 2
