"""Whether a message is what a step expects, and what is accepted instead from a foreign server.

`actor` is an `Actor`, whose profile is None on our own server: there nothing but the expected message is accepted.
`values` is {name: value} of what `${name}` stands for.
"""
from parley.conformance import matching
from parley.conformance.message import Message
from parley.conformance.probes import PROBES


def match(actor, matcher, message, values):
    """`matcher.match`, also in the foreign server's own words and forms."""
    result = matcher.match(message, values)
    if result.matches or not actor.profile:
        return result
    probes, manners = PROBES[actor.codec.NAME], actor.profile.manners
    for other in probes.other_readings(message, manners):
        result = matcher.match(other, values)
        if result.matches:
            return result
    if isinstance(matcher, matching.Literal):
        wanted = matcher.describe(values)
        if actor.profile.accepts(wanted, message) or probes.alike(wanted, message, manners):
            return matching.MatchResult(True)
    return result


def first_match(actor, matchers, message, values):
    """(matcher, result) of the first of the matchers that matches the message; None if there is none."""
    results = ((matcher, match(actor, matcher, message, values)) for matcher in matchers)
    return next((pair for pair in results if pair[1].matches), None)


def may_go_on(actor, matcher, message, values):
    """Whether the message, or None for the end, has the expected kind, so that the run continues after the failure."""
    if not actor.profile or not isinstance(matcher, matching.Literal):
        return False
    wanted = matcher.text.split(" ")[0]
    if message is None:
        return wanted == "INFO" and bool(actor.closed_by_peer)
    if not isinstance(message, str):
        return False
    words = 2 if wanted in ("MSG", "DM") else 1
    return wanted in ("ERR", "INFO", "MSG", "DM") and (
        message.split(" ")[:words] == matcher.describe(values).split(" ")[:words])


def is_left_out(actor, matcher, values):
    """Whether the server leaves this out of a list, which has been charged already."""
    return bool(actor.profile) and PROBES[actor.codec.NAME].is_left_out(
        matcher.describe(values), actor.name, actor.profile.manners)


def never_comes(actor, matcher, cut_off):
    """Whether the acquaintance has found that the server never says this. cut_off: names with a reset connection."""
    unanswered = actor.profile.unanswered if actor.profile else ()
    if not unanswered or not isinstance(matcher, (matching.Literal, matching.Fields)):
        return False
    probes, wanted = PROBES[actor.codec.NAME], matcher.describe({})
    return probes.kind(wanted) in unanswered or probes.is_untold(wanted, cut_off, unanswered)


def lacking(actor, step, failed):
    """The requirements of a failed step for features that the server says it does not have."""
    absent = PROBES[actor.codec.NAME].absent
    return set(step.req) if failed.messages and absent(failed.messages[0], step) else set()


def was_closed_before(actor, step, failed):
    """Whether a step failed because its connection, which a scenario opens itself, had been closed already."""
    return bool(actor and actor.profile and actor.is_bare and actor.closed_by_peer and not step.connect
                and not failed.messages and PROBES[actor.codec.NAME].CLOSED)


def is_farewell(actor, matcher, step, values):
    """Whether the matcher asks for a farewell, and the step expects the close."""
    wanted = matcher.literal(values) if isinstance(matcher, matching.Fields) else None
    return bool(step.expect_close and wanted and PROBES[actor.codec.NAME].is_farewell(Message(wanted)))


def drop_farewells(actor):
    """Drop what the server says as it closes the connection, which no requirement forbids."""
    is_one = PROBES[actor.codec.NAME].is_farewell
    _drop(actor, lambda message: is_one(message) or _is_last_word(actor, message))


def drop_last_words(actor):
    """Drop what the server says to a client that has closed its side, which no requirement forbids."""
    _drop(actor, lambda message: _is_last_word(actor, message))


def _drop(actor, is_allowed):
    while actor.profile and actor.inbox and is_allowed(actor.inbox[0]):
        actor.inbox.popleft()


def _is_last_word(actor, message):
    return actor.half_closed and PROBES[actor.codec.NAME].is_last_word(message, actor.state)
