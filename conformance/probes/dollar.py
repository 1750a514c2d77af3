"""How a foreign server of `dollar` talks: whether it greets. All else takes an account."""
from parley.conformance.probes import common

EXPERIMENTS = (common.greeting(None),)

CUT = {"bytes": "DOLLAR-PACKET-4", "joined": "DOLLAR-PACKET-4"}


def is_reply(message):
    return True
