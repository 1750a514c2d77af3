"""How a foreign server of `web` talks: whether it greets, how it reads, and what is heard by whom."""
from parley.conformance.barrier import PROBES, QUIET, RELAY, SELF, STRANGERS
from parley.conformance.probes import common

_TEXT = "wtm some words"

GOES_ON = GROUNDS_FIRST = True
CUT = {"bytes": "WEB-FRAME-2", "joined": "WEB-FRAME-2"}
CUT_OFF = "WEB-NET-2"
CLOSED = ("WEB-OPEN-10",)


def pings(visit):
    """A ping is answered, before the login too; the suite asks so whether more will come."""
    for guest, probes in ((visit.newcomer("stranger"), (STRANGERS,)), (common.enter(visit, "ann")[0], (PROBES,))):
        visit.start_transcript()
        expected = guest.replies + 1
        guest.say(visit.codec.probe())
        answered = visit.read_until(lambda: guest.replies >= expected or guest.closed)  # noqa: B023
        if not visit.find("WEB-MSG-9", answered and not guest.closed, "on=pong", guest.lines):
            visit.learn(unanswered=probes)


def talk(visit):
    """What is said is heard by all others, and what is said to one by nobody else."""
    ann, bob, eve = common.enter(visit, "ann", "bob", "eve")
    visit.start_transcript()
    ann.say({"do": "say", "text": _TEXT})
    heard = [_heard(visit, one, "said") for one in (bob, eve)]
    visit.find("WEB-SAY-1", [len(one) for one in heard] == [1, 1], "on=said text=%r" % _TEXT, heard[0] + heard[1],
               hinders=True)
    visit.start_transcript()
    ann.say({"do": "whisper", "to": bob.name, "text": _TEXT})
    told, others = _heard(visit, bob, "whispered"), _heard(visit, eve, "whispered")
    fits = len(told) == 1 and not others
    visit.find("WEB-DM-1", fits, "on=whispered text=%r" % _TEXT, told + others, hinders=True)
    if fits:
        visit.learn(proof=RELAY)
    else:
        visit.learn(proof=QUIET if PROBES in visit.profile.unanswered else SELF)


def _heard(visit, guest, what):
    """What has come to the guest with the experiments' text."""
    visit.read_until(lambda: any(one.fields.get("on") == what for one in guest.lines), seconds=0.5)
    return [one for one in guest.hear_all() if one.fields.get("on") == what and one.fields.get("text") == _TEXT]


EXPERIMENTS = (common.greeting("WEB-OPEN-9"), pings, common.segments("WEB-FRAME-2"),
               common.own_doings("WEB-SAY-3", common.talk), talk)

# The requirements that say that there is this to do.
_DOINGS = {
    "hello": "HELLO-1", "login": "LOGIN-1", "ping": "MSG-9", "say": "SAY-1", "whisper": "DM-1", "who": "HERE-3",
    "register": "ACCOUNT-1", "password": "ACCOUNT-5", "rename": "ACCOUNT-6", "delete": "ACCOUNT-7", "typing": "HERE-4",
    "watch": "HERE-6", "away": "HERE-7", "history": "HISTORY-1", "missed": "HISTORY-7", "read": "READ-1",
    "join": "ROOM-1", "part": "ROOM-2", "rooms": "ROOM-4", "topic": "ROOM-5", "roles": "ROOM-8", "invite": "ROOM-9",
    "logout": "BACK-12", "offer": "FILE-1", "share": "FILE-1", "keys": "SEAL-1"}
_TO_ROOMS = "kick ban mute unban unmute voice devoice op deop set drop".split()


def absent(message, step):
    """The requirement that is broken as there is no such thing to do."""
    if message.fields.get("why") != "unknown-command":
        return None
    sent = [send.content for send in getattr(step, "sends", ()) if isinstance(send.content, dict)]
    asked = [one.get("do") for one in sent if one.get("id") == message.fields.get("id")]
    found = _DOINGS.get(asked[0], "ROOM-6" if asked[0] in _TO_ROOMS else None) if len(asked) == 1 else None
    return found and "WEB-" + found


def kind(text):
    """The kind of a message: what it is about."""
    return text.partition("on=")[2].partition(" ")[0].strip("'") or text


def is_reply(message):
    return "id" in message.fields
