"""Experiments that are the same in several protocols; each takes the requirements that it judges."""

from parley.conformance.acquaintance import ANSWER_SECONDS, PAUSE_SECONDS, QUIET_SECONDS, Refused
from parley.conformance.profile import ME, pattern_of, told

_TEXT = "wtm some words"


def enter(visit, *idents):
    """Guests who are logged in, and have taken note of each other. Their `extras` came beside the reply."""
    guests = []
    for ident in idents:
        guest = visit.newcomer(ident)
        guest.say(visit.codec.login(guest.name))
        visit.read_until(lambda: guest.state.name or guest.closed, 2 * ANSWER_SECONDS)
        if not guest.state.name:
            raise Refused(None, " / ".join(map(str, guest.lines)) or None)
        guests.append(guest)
    for guest in guests:
        guest.extras = _but_the_reply(visit, drained(visit, guest))
    return guests


def _but_the_reply(visit, messages):
    """The messages that say something of the guest's own doing, but the reply to the login."""
    return [one for one in messages if not visit.is_reply(one)]


def drained(visit, guest):
    """All that has come to the guest by now."""
    expected = guest.replies + 1
    guest.say(visit.codec.probe(), own=True)
    visit.read_until(lambda: guest.replies >= expected or guest.closed)
    found, guest.lines = guest.lines, []
    return found


def greeting(ident):
    """Who connects hears nothing; `ident` may be None, where no requirement says so."""
    def experiment(visit):
        guest = visit.newcomer("ann")
        messages = guest.hear_all(2 * QUIET_SECONDS)
        if ident:
            visit.find(ident, not messages, "", messages)
        visit.learn(greeting=[pattern_of(told(one)) for one in messages])
    return experiment


def segments(ident):
    """Where segments are cut makes no difference."""
    def experiment(visit):
        guest, = enter(visit, "ann")
        data = visit.codec.encode(visit.codec.probe(), guest.name)
        visit.start_transcript()
        fits = _replies(guest, [data + data], 2)
        visit.find(ident, fits, "two replies", guest.raw[-1:], hinders=True)
        guest, = enter(visit, "bob")
        visit.start_transcript()
        half = _replies(guest, [data[:3], data[3:]], 1)
        visit.find(ident, half, "a reply", guest.raw[-1:], hinders=True)
        if not (fits and half):
            visit.learn(pause=PAUSE_SECONDS)
    return experiment


def _replies(guest, pieces, count):
    """Whether so many replies come to probes that are written in these pieces."""
    expected = guest.replies + count
    for piece in pieces:
        guest.write(piece, "probe", own=True)
        guest.let_read()
        guest.visit.listen(PAUSE_SECONDS)
    return guest.visit.read_until(lambda: guest.replies >= expected) and not guest.closed


def own_doings(ident, doing):
    """What somebody does with the message doing(guest) is told to the others, and not to himself."""
    def experiment(visit):
        ann, _ = enter(visit, "ann", "bob")
        visit.start_transcript()
        ann.say(doing(visit.codec, ann))
        messages = [one for one in ann.hear_all() + drained(visit, ann) if not visit.is_reply(one)]
        if visit.find(ident, not messages, "", messages):
            return
        echoes = [one for one in messages if ann.state.is_echo(one)]
        visit.learn(echoes=visit.profile.echoes or bool(echoes), asides=[
            pattern_of(told(one)).replace(ann.name, ME) for one in messages if one not in echoes])
    return experiment


def needs_framing(step, variant):
    """Whether a step sends what may come in several segments, in parts, or together with other messages."""
    sends = getattr(step, "sends", ())
    return (len(sends) > 1 or any(send.kind != "message" for send in sends) or getattr(step, "cut", None)
            or variant.segmentation != "whole")


def talk(codec, guest):
    return codec.say(guest.name, _TEXT)
