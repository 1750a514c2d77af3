"""How a foreign server of `padded` talks: what a sender is told, to whom a message goes, and in which form."""
import re

from parley.conformance.acquaintance import QUIET_SECONDS, Refused
from parley.conformance.barrier import PROBES, QUIET, RELAY, SELF, STRANGERS
from parley.conformance.probes import common
from parley.conformance.profile import pattern_of
from parley.conformance.wire import padded as codec
from parley.conformance.wire.padded import RECEIVED

_TEXT = "wtm some words"
_TIME = re.compile(r"\[[0-9]{2}:[0-9]{2} [AP]M\] ")
_SPOKEN = re.compile(r"\[[0-9]{2}:[0-9]{2} [AP]M\] .+?: .*", re.DOTALL)
_ANY_TIME = "[12:00 AM] "
_SPEAKING = "somebody says something"

# Words for `Profile.manners`
_OWN_TIME, _FRAMED = "own time", "framed"  # servers' messages have a length in front, as clients'
_WORDS = "acknowledged by: "  # and the words
_IN_FRONT = "in front of others: "  # and the pattern of what is, which may be read as the end of the message before

_LENGTH = re.compile("(?=[0-9]+ )[0-9 ]{64}")
_IN_WORDS = re.compile(r"(?:\[SERVER\] )?[\w :,'.!-]*\b(?:rec(?:ei|ie)ved|delivered|sent|ok|ack\w*|got it|done)\b"
                       r"[\w :,'.!-]*\s*", re.IGNORECASE)

CUT = {"bytes": "PAD-FRAME-2", "joined": "PAD-FRAME-2"}
CUT_OFF = "PAD-LEAVE-2"

_GROUNDS = {RECEIVED: "PAD-ACK-1", _SPEAKING: "PAD-RELAY-1"}


class Manner:
    """Reads acknowledgements in words of the server's own, and messages with a length in front."""

    def __init__(self, state, kept=None):
        self._state = state

    def read(self, message, manners):
        """The messages for which this one stands."""
        if _FRAMED in manners:
            message = _LENGTH.sub("", message)
        for one in manners:
            if one.startswith(_IN_FRONT):
                message = re.sub("(?:%s)+\\Z" % one[len(_IN_FRONT):], "", message)
        words = next((one[len(_WORDS):] for one in manners if one.startswith(_WORDS)), None)
        before, after = [], []
        while words and len(before) + len(after) < self._state.awaited and words in (
                message[:len(words)], message[-len(words):]):
            if message.startswith(words):
                before.append(RECEIVED)
                message = message[len(words):]
            else:
                after.append(RECEIVED)
                message = message[:-len(words)]
        return before + [message] * bool(message) + after


def nothing(visit):
    """A length of zero is acknowledged, and nobody hears of it; the suite asks so whether more will come."""
    guest, other = _both(visit)
    visit.start_transcript()
    guest.say(codec.probe())
    answer = guest.hear()
    if not visit.find("PAD-FRAME-4", answer == RECEIVED, RECEIVED, answer):
        visit.learn(unanswered=(PROBES, STRANGERS))
    heard = other.hear_all()
    visit.find("PAD-FRAME-4", not heard, "", heard)
    visit.learn(asides=[pattern_of(one, [guest.name]) for one in heard])


def ends(visit):
    """Who says that he sends no more hears nothing more."""
    guest = visit.newcomer("ann")
    guest.say(codec.login(guest.name))
    guest.hear_all()
    guest.half_close()
    visit.listen(QUIET_SECONDS)
    visit.find("PAD-FRAME-10", not guest.lines, "", guest.lines[:3])


def acknowledgements(visit):
    """A message is acknowledged once, to its sender alone."""
    ann, bob = _both(visit)
    visit.start_transcript()
    ann.say(codec.say(ann.name, _TEXT))
    told = ann.hear_all()
    if RECEIVED not in told:
        told = _learn_words(visit, told)
    count = told.count(RECEIVED)
    if not visit.find("PAD-ACK-2", count == 1, RECEIVED, told):
        visit.learn(repeats=((re.escape(RECEIVED), count),))
    heard = bob.hear_all()
    visit.find("PAD-ACK-1", RECEIVED not in heard, "nothing but the message at bob's", heard, hinders=True)


def _learn_words(visit, told):
    """Learn how the server acknowledges, if not by the document's words; returns what was told, in these."""
    visit.find("PAD-ACK-1", False, RECEIVED, told)
    is_framed = any(_LENGTH.match(one) for one in told)
    words = [one for one in (_LENGTH.sub("", one) for one in told) if one and _TEXT not in one]
    if not words:
        raise Refused("PAD-ACK-1", " / ".join(told) or None)
    visit.learn(manners=(_FRAMED,) * is_framed + (_WORDS + words[0],) * (words[0] != RECEIVED))
    return [RECEIVED if one == words[0] else one for one in words]


def copies(visit):
    """Senders get no copy of what they say."""
    ann, _ = _both(visit)
    visit.start_transcript()
    ann.say(codec.say(ann.name, _TEXT))
    got = [one for one in ann.hear_all() if one != RECEIVED]
    if visit.find("PAD-ACK-2", not got, "", got):
        return
    visit.learn(echoes=any(ann.state.is_echo(one) for one in got), asides=[
        pattern_of(one, [ann.name], [_TEXT]) for one in got if not ann.state.is_echo(one)])


def relay(visit):
    """A message goes to all others, as it was sent, whether or not they have said anything."""
    ann, bob = _both(visit)
    carol = visit.newcomer("carol")
    carol.hear_all()  # in which the server notices
    visit.start_transcript()
    sent, came = "[05:55 AM] %s: %s" % (ann.name, _TEXT), len(bob.raw)
    ann.say(sent)
    heard = [one for one in bob.hear_all() if one != RECEIVED]
    silent = [one for one in carol.hear_all() if one != RECEIVED]
    if not visit.find("PAD-RELAY-1", heard, sent, heard, hinders=True):
        return
    visit.find("PAD-RELAY-2", silent, sent, silent, hinders=True)
    got = heard[0]
    whole = "".join(one for one in bob.raw[came:] if one != RECEIVED)
    if sent in heard:
        in_front = whole.partition(sent)[0]  # which is taken for a message, as the text begins with a time
        visit.find("PAD-RELAY-1", not in_front, sent, whole)
        visit.learn(manners=[_IN_FRONT + pattern_of(in_front)] * bool(in_front))
        return
    if _timeless(got) == _timeless(sent):
        visit.find("PAD-RELAY-5", False, sent, got)
        visit.learn(manners=(_OWN_TIME,))
        return
    is_whole = ann.name in got and _TEXT in got
    visit.find("PAD-RELAY-1", False, sent, got, hinders=not is_whole)
    if is_whole:
        visit.learn(manners=(_OWN_TIME,), rewrites=(
            (pattern_of(got, [ann.name], [_TEXT]), _ANY_TIME + r"\g<name>: \g<text>"),))


def leaving(visit):
    """The others hear nothing of it that somebody leaves."""
    ann, bob = _both(visit)
    visit.start_transcript()
    bob.leave()
    heard = ann.hear_all()
    visit.find("PAD-LEAVE-1", not heard, "", heard)
    visit.learn(asides=[pattern_of(one, [bob.name]) for one in heard])
    ann.leave()
    visit.start_transcript()
    carol = visit.newcomer("carol")
    carol.hear_all()
    visit.newcomer("dan").leave()
    visit.learn(asides=map(pattern_of, carol.hear_all()))


def proof(visit):
    """How it is shown that no more comes."""
    if not (visit.has_failed("PAD-RELAY-1") or visit.has_failed("PAD-RELAY-2")):
        visit.learn(proof=RELAY)
    else:
        visit.learn(proof=QUIET if PROBES in visit.profile.unanswered else SELF)


EXPERIMENTS = (common.greeting("PAD-ACK-4"), acknowledgements, nothing, common.segments("PAD-FRAME-2"), copies, relay,
               leaving, ends, proof)


def _both(visit):
    """Ann and Bob, who have both been heard."""
    guests = [visit.newcomer(ident) for ident in ("ann", "bob")]
    for guest in guests:
        guest.say(codec.login(guest.name))
        guest.hear_all()
    for guest in guests:
        guest.hear_all()
    return guests


def _timeless(text):
    return _TIME.sub("", text, 1)


def alike(wanted, message, manners):
    """Whether a message stands for the one that the document asks for."""
    return _OWN_TIME in manners and isinstance(message, str) and _timeless(wanted) == _timeless(message)


def kind(text):
    """The kind of a message: its words without names and texts."""
    return _SPEAKING if _SPOKEN.fullmatch(text) else text


def ground(wanted):
    """The requirement that says that such a message comes; None if that depends."""
    return _GROUNDS.get(kind(wanted))


def relies_on(step, variant, renaming):
    """The requirements that a step relies on without naming them."""
    found = {"PAD-ACK-1"} if getattr(step, "sends", ()) else set()
    for matcher in getattr(step, "expects", ()):
        if kind(matcher.describe({})) == _SPEAKING:
            found.update(("PAD-RELAY-1", "PAD-RELAY-2"))
    if common.needs_framing(step, variant):
        found.add("PAD-FRAME-2")
    return found


def is_in(lines):
    """Whether there is an acknowledgement, in whatever words."""
    return any(_IN_WORDS.fullmatch(_LENGTH.sub("", one)) for one in lines)


def is_last_word(message, state):
    """Whether it acknowledges the end as if it were a message."""
    return message == RECEIVED and not state.awaited


def is_reply(message):
    return message == RECEIVED
