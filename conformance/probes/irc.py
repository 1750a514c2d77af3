"""How a foreign server of `irc` talks.

Real servers say more than a client has asked for: notices, modes at the login, a mode of a new channel. The documents
let them, so it is set aside, and charged to nothing.
"""
import time

from parley.conformance.acquaintance import ANSWER_SECONDS, QUIET_SECONDS, Refused
from parley.conformance.barrier import PROBES, QUIET, RELAY, SELF, STRANGERS
from parley.conformance.probes import common

_TEXT = "wtm some words"
_WELCOME_SECONDS = 10.0  # some let nobody in before they have asked for a name or waited for an ident
_TOLD_AT_FIRST = (("IRC-REG-2", ("002", "003", "004")), ("IRC-REG-4", ("251", "255")),
                  ("IRC-REG-3", ("005", "PREFIX", "CHANTYPES", "CHANMODES", "CASEMAPPING")))
_CASEMAPPINGS = ("ascii", "rfc1459", "rfc1459-strict", "strict-rfc1459")

# A word for `Profile.manners`, and what a welcome lacks.
_LACKS = "no "

GOES_ON = GROUNDS_FIRST = True
CUT = {"bytes": "IRC-LINE-2", "joined": "IRC-LINE-2"}
CUT_OFF = "IRC-NET-2"


class Manner:
    """Sets aside what servers may say of themselves."""

    # What other servers tell with a welcome, in the place of what this one does not.
    _USUAL = {"002": "-", "003": "-", "004": "-", "251": "-", "255": "-", "005": "-", "PREFIX": "(ov)@+",
              "CHANTYPES": "#", "CHANMODES": "b,k,l,imnst", "CASEMAPPING": "ascii"}
    _ASIDE = ("005", "042", "396", "WALLOPS")

    def __init__(self, state, kept=None):
        self._state = state

    def read(self, message, manners):
        fields = message.fields
        if fields["is"] == "welcome":
            return [message._replace(fields=dict(self._lacking(manners), **fields))]
        is_servers = "mask" not in fields
        if fields["is"] in self._ASIDE or fields["is"] == "NOTICE" and is_servers:
            return []
        if fields["is"] == "MODE" and (is_servers or fields["by"] == fields["to"] == self._state.name):
            return []
        return [message]

    def _lacking(self, manners):
        """What the welcome lacks, as the acquaintance has found."""
        return {name: value for name, value in self._USUAL.items() if _LACKS + name in manners}


def _enter(visit, *idents):
    """Guests who are welcomed, and have heard all that comes with it."""
    guests = []
    for ident in idents:
        guest = visit.newcomer(ident)
        guest.say(visit.codec.login(guest.name))
        visit.selector.read_until(lambda: guest.state.name or guest.closed, time.monotonic() + _WELCOME_SECONDS)
        if not guest.state.name:
            raise Refused("IRC-REG-1", " / ".join(visit.codec.summary(one) for one in guest.lines) or None)
        guests.append(guest)
    for guest in guests:
        heard = _drained(visit, guest)
        guest.welcome = next(one for one in heard if one.fields["is"] == "welcome")
        guest.extras = [one for one in heard if one is not guest.welcome]
    return guests


def _drained(visit, guest):
    """All that has come to the guest by now."""
    if PROBES in visit.profile.unanswered:
        return guest.hear_all()
    return common.drained(visit, guest)


# The experiments

def welcome(visit):
    """Who registers is welcomed."""
    guest, = _enter(visit, "ann")
    visit.find("IRC-REG-1", guest.state.name == guest.name, guest.name, guest.state.name)
    fields = guest.welcome.fields
    for ident, names in _TOLD_AT_FIRST:
        lacking = [name for name in names if not fields.get(name)]
        if not visit.find(ident, not lacking, " ".join(names), " ".join(fields["numerics"])):
            visit.learn(manners=[_LACKS + name for name in lacking])
    mapping = fields.get("CASEMAPPING", "ascii")
    visit.find("IRC-REG-3", mapping in _CASEMAPPINGS[:2], "CASEMAPPING=ascii", "CASEMAPPING=" + mapping)


def ping(visit):
    """PONG answers PING, with its parameter last."""
    guest, = _enter(visit, "ann")
    expected = guest.replies + 1
    guest.say(visit.codec.probe())
    fits = visit.selector.read_until(
        lambda: guest.replies >= expected or guest.closed, time.monotonic() + ANSWER_SECONDS) and not guest.closed
    if not visit.find("IRC-PING-1", fits, "PONG", list(map(visit.codec.summary, guest.lines)), hinders=True):
        visit.learn(unanswered=(PROBES,))


def before_registration(visit):
    """What a stranger's probe is answered, which the suite has to know: 451, PONG, or nothing."""
    guest = visit.newcomer("stranger")
    guest.hear_all()
    expected = guest.replies + 1
    guest.say(visit.codec.probe())
    first = guest.hear(ANSWER_SECONDS / 2)
    if guest.replies < expected and (first is None or not visit.codec.is_probe_reply(first)):
        visit.learn(unanswered=(STRANGERS,))


def segments(visit):
    """Where segments are cut makes no difference."""
    if visit.has_failed("IRC-PING-1"):
        visit.not_reached("IRC-LINE-2", "IRC-PING-1")
    else:
        common.segments("IRC-LINE-2")(visit)


def channel(visit):
    """JOIN is told with 353 and 366, talk in the channel reaches the other one, and not its sender."""
    ann, bob = _enter(visit, "ann", "bob")
    room = "#" + ann.name
    visit.start_transcript()
    ann.say("JOIN " + room)
    own = _drained(visit, ann)
    bob.say("JOIN " + room)
    his, heard = _drained(visit, bob), _drained(visit, ann)
    told = [visit.codec.summary(one) for one in own + his]
    complete = all(["JOIN", "names"] == [one.fields["is"] for one in some if one.fields["is"] in ("JOIN", "names")]
                   for some in (own, his))
    visit.find("IRC-JOIN-1", complete, "JOIN, 353 and 366", told, hinders=True)
    joined = [one for one in heard if one.fields["is"] == "JOIN" and one.fields["by"] == bob.name]
    visit.find("IRC-JOIN-2", len(joined) == 1, "JOIN of the other one", list(map(visit.codec.summary, heard)),
               hinders=True)
    visit.start_transcript()
    ann.say("PRIVMSG %s :%s" % (room, _TEXT))
    own, heard = _drained(visit, ann), _drained(visit, bob) or bob.hear_all(QUIET_SECONDS)
    said = [one for one in heard if one.fields["is"] == "PRIVMSG" and one.fields["text"] == _TEXT]
    visit.find("IRC-SAY-1", len(said) == 1, "PRIVMSG %s :%s" % (room, _TEXT), list(map(visit.codec.summary, heard)),
               hinders=True)
    echo = [one for one in own if ann.state.is_echo(one)]
    visit.find("IRC-SAY-2", not echo, "", list(map(visit.codec.summary, echo)))
    visit.learn(echoes=bool(echo))


def whisper(visit):
    """PRIVMSG to a nick reaches this one alone; so is proved that nothing more comes."""
    ann, bob, eve = _enter(visit, "ann", "bob", "eve")
    visit.start_transcript()
    ann.say("PRIVMSG %s :%s" % (bob.name, _TEXT))
    _drained(visit, ann)
    first = bob.hear()
    others = _drained(visit, eve)
    fits = first is not None and first.fields["is"] == "PRIVMSG" and first.fields.get("text") == _TEXT and not others
    visit.find("IRC-SAY-8", fits, "PRIVMSG %s :%s" % (bob.name, _TEXT),
               [visit.codec.summary(one) for one in [first] * (first is not None) + others], hinders=True)
    if fits:
        visit.learn(proof=RELAY, shared=True)
    else:
        visit.learn(proof=QUIET if PROBES in visit.profile.unanswered else SELF)


def going(visit):
    """The reasons of PART and QUIT are told with them."""
    for command, told, reason in (("PART %s :%s", "IRC-PART-1", "IRC-PART-2"),
                                  ("QUIT :%.0s%s", "IRC-QUIT-1", "IRC-QUIT-2")):
        ann, bob = _enter(visit, "ann", "bob")
        room = "#" + ann.name
        for guest in (ann, bob):
            guest.say("JOIN " + room)
            _drained(visit, guest)
        _drained(visit, ann)
        visit.start_transcript()
        bob.say(command % (room, _TEXT))
        word = command.partition(" ")[0]
        visit.read_until(lambda: ann.lines)  # noqa: B023
        heard = [one for one in _drained(visit, ann) if one.fields["is"] == word]
        got = list(map(visit.codec.summary, heard))
        if visit.find(told, len(heard) == 1, word, got, hinders=True):
            if not visit.find(reason, _TEXT in heard[0].fields.get("text", ""), _TEXT, got):
                visit.learn(manners=(_LACKS + word,))


_DETAILS = (("TOPIC", "332", "333", "IRC-TOPIC-3"), ("MODE", "324", "329", "IRC-MODE-2"))


def details(visit):
    """With a topic comes who set it, with the modes of a channel its time, and with somebody where he is."""
    ann, = _enter(visit, "ann")
    room = "#" + ann.name
    ann.say("JOIN " + room)
    ann.say("TOPIC %s :%s" % (room, _TEXT))
    _drained(visit, ann)
    for command, numeric, other, ident in _DETAILS:
        visit.start_transcript()
        ann.say("%s %s" % (command, room))
        heard = _drained(visit, ann)
        numbers = [one.fields["is"] for one in heard]
        if numeric in numbers and not visit.find(ident, other in numbers, other, list(map(visit.codec.summary, heard))):
            visit.learn(unanswered=(other,))
    visit.start_transcript()
    ann.say("WHOIS " + ann.name)
    told = [one for one in _drained(visit, ann) if one.fields["is"] == "whois"]
    if told and "311" in told[0].fields:
        visit.find("IRC-WHOIS-1", "312" in told[0].fields, "311, 312 and 318", list(map(visit.codec.summary, told)))
        visit.find("IRC-WHOIS-3", "319" in told[0].fields, "319", list(map(visit.codec.summary, told)))


EXPERIMENTS = (welcome, ping, before_registration, segments, channel, going, details, whisper)


# How scenarios are read

_GROUNDS = {"welcome": "IRC-REG-1", "PONG": "IRC-PING-1", "JOIN": "IRC-JOIN-1", "names": "IRC-JOIN-1",
            "PRIVMSG": "IRC-SAY-1", "324": "IRC-MODE-1", "329": "IRC-MODE-2", "332": "IRC-TOPIC-2",
            "333": "IRC-TOPIC-3"}

# The requirements that say that there are these commands, and these modes of channels.
_COMMANDS = {
    "CAP": "CAP-1", "JOIN": "JOIN-1", "PART": "PART-1", "NAMES": "NAMES-1", "LIST": "LIST-1", "TOPIC": "TOPIC-1",
    "KICK": "KICK-1", "INVITE": "INVITE-1", "MODE": "MODE-1", "PRIVMSG": "SAY-1", "NOTICE": "SAY-9", "NICK": "NICK-1",
    "WHO": "WHO-1", "WHOIS": "WHOIS-1", "WHOWAS": "WHOWAS-2", "AWAY": "AWAY-1", "USERHOST": "USER-1", "ISON": "USER-2",
    "MOTD": "INFO-2", "LUSERS": "INFO-3", "VERSION": "INFO-4", "TIME": "INFO-5", "INFO": "INFO-6", "ADMIN": "INFO-7",
    "HELP": "INFO-8", "OPER": "INFO-10", "KILL": "INFO-11", "SETNAME": "CAP-14", "TAGMSG": "CAP-9", "MONITOR": "CAP-20",
    "CHATHISTORY": "CAP-21", "MARKREAD": "CAP-22", "REDACT": "CAP-23", "RENAME": "CAP-25", "BATCH": "CAP-26",
    "AUTHENTICATE": "SASL-1", "REGISTER": "SASL-6", "METADATA": "META-1", "PING": "PING-1"}
_MODES = {"i": "INVITE-2", "k": "MODE-6", "l": "MODE-7", "m": "MODE-8", "b": "MODE-9", "e": "MODE-11", "I": "MODE-11",
          "o": "MODE-5", "v": "MODE-5", "s": "LIST-3", "t": "TOPIC-6", "n": "MODE-14", "C": "TEXT-9"}
_NONE_SUCH = {"421": _COMMANDS, "472": _MODES}


def absent(message, step):
    """The requirement that is broken as there is no such command, or no such mode."""
    fields = message.fields
    found = _NONE_SUCH.get(fields["is"], {}).get(fields.get("about"))
    return found and "IRC-" + found


def kind(text):
    """The command of a message, or of what is expected, as it is described."""
    return text.partition("is=")[2].partition(" ")[0].strip("'") or text


def ground(wanted):
    return _GROUNDS.get(kind(wanted))


def relies_on(step, variant, renaming):
    """The requirements that a step relies on without naming them."""
    found = {_GROUNDS.get(kind(matcher.describe({}))) for matcher in getattr(step, "expects", ())} - {None}
    return found | ({"IRC-LINE-2"} if common.needs_framing(step, variant) else set())


def is_reply(message):
    return message.fields["is"] in ("welcome", "PONG")


def is_in(lines):
    return False
