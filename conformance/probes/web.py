"""How a foreign server of `web` talks: whether it greets, how it reads, and whether speakers hear themselves."""
from parley.conformance.probes import common

EXPERIMENTS = (common.greeting("WEB-OPEN-9"), common.segments("WEB-FRAME-2"),
               common.own_doings("WEB-SAY-3", common.talk))

CUT = {"bytes": "WEB-FRAME-2", "joined": "WEB-FRAME-2"}
CUT_OFF = "WEB-NET-2"


def is_reply(message):
    return "id" in message.fields
