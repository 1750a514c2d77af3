"""How a foreign server of `binary` talks: whether somebody is told of what he does himself, and how it reads."""
from parley.conformance.probes import common
from parley.conformance.profile import ME, pattern_of, told

_TALK, _JOINED, _RENAMED, _LISTED = 100, 207, 206, 303


def joining(visit):
    """Who joins is told once, by the reply."""
    ann, = common.enter(visit, "ann")
    if not visit.find("BIN-JOIN-4", not ann.extras, "", ann.extras):
        visit.learn(asides=[pattern_of(told(one)).replace(ann.name, ME) for one in ann.extras])


def _rename(codec, guest):
    return {"type": 202, "content": guest.name[:-1] + "0"}


EXPERIMENTS = (common.greeting(None), joining, common.segments("BIN-FRAME-4"),
               common.own_doings("BIN-TALK-2", common.talk), common.own_doings("BIN-NAME-6", _rename))

CUT = {"bytes": "BIN-FRAME-4", "joined": "BIN-FRAME-4"}


def is_reply(message):
    """Whether it answers a request of those that the experiments make."""
    return message.fields.get("type") in (_JOINED, _RENAMED, _LISTED)
