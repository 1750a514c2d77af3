"""How a foreign server of `delimited` talks: whether it greets, and how it reads."""
from parley.conformance.probes import common

EXPERIMENTS = (common.greeting(None), common.segments("DELIMITED-FRAME-4"))

CUT = {"bytes": "DELIMITED-FRAME-4", "joined": "DELIMITED-FRAME-4"}


def is_reply(message):
    return True
