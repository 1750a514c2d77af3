"""How a foreign server of `padded` talks: whether it greets, what a sender is told, and how it reads."""
from parley.conformance.probes import common
from parley.conformance.wire.padded import RECEIVED

EXPERIMENTS = (common.greeting("PAD-ACK-4"), common.segments("PAD-FRAME-2"),
               common.own_doings("PAD-ACK-2", common.talk))

CUT = {"bytes": "PAD-FRAME-2", "joined": "PAD-FRAME-2"}


def is_reply(message):
    return message == RECEIVED
