"""How a server of `line` shows who is logged in: the list of users, and the announcement of who has left."""
import re
import time

from parley.conformance.acquaintance import QUIET_SECONDS
from parley.conformance.probes.line_experiments.guests import (
    AFTER_END,
    AFTER_RESET,
    BUT_ME,
    PAUSE,
    TEXT,
    answers_to,
    bystanders,
    drained,
    enter,
    hinders,
    log_in,
    overheard,
)
from parley.conformance.profile import pattern_of

_END_SECONDS = 3.0  # how long the suite waits for the announcement that a user has left


def who(visit):
    """WHO lists each user once, including the one who asks, and its answer goes to that user only."""
    ann, bob = enter(visit, "ann", "bob")
    lines = answers_to(visit, ann, "WHO")
    mine = [line for line in lines if ann.name in line]
    his = [line for line in lines if bob.name in line]
    wanted = {"USER " + ann.name, "USER " + bob.name}
    items = [line for line in lines if line.startswith("USER ") and line not in mine + his]  # of other people
    rest = [line for line in lines if line not in mine + his + items]
    others = drained(visit, bob)
    complete = wanted <= set(lines) and not rest
    joined = bool(mine) and mine == his
    mended = bool(his)
    visit.learn(manners=(BUT_ME,) * bool(his and not mine))
    visit.find("LINE-WHO-1", complete, " / ".join(sorted(wanted)), lines, hinders=not mended)
    if joined:
        visit.learn(lists=(_list_in_a_line(mine[0], ann.name, bob.name),))
    else:
        for line, name in [(one, ann.name) for one in mine] + [(one, bob.name) for one in his]:
            if line != "USER " + name:
                visit.learn(rewrites=((pattern_of(line, [name]), r"USER \g<name>"),))
    if not mended:
        visit.learn(unanswered=("USER",))
    else:
        visit.learn(to_members=[pattern_of(line) for line in rest])
    visit.find("LINE-WHO-3", not others, "", others)
    visit.learn(unasked=["USER .*"] * bool(others))
    if mended:
        twice = len(mine) > 1 and not joined or len(his) > 1 and not joined
        visit.find("LINE-WHO-2", not twice, " / ".join(sorted(wanted)), lines)
        visit.start_transcript()
        lines = answers_to(visit, ann, "WHO")
        strangers = [visit.newcomer("stranger"), visit.newcomer("another")]
        visit.listen(QUIET_SECONDS)
        more = answers_to(visit, ann, "WHO")
        extra = [line for line in more if line not in lines]
        visit.find("LINE-WHO-5", len(more) <= len(lines), " / ".join(lines), more)
        visit.learn(to_members=[pattern_of(line) for line in extra])
        for stranger in strangers:
            stranger.leave()
    else:
        visit.not_reached("LINE-WHO-2", "LINE-WHO-1")
        visit.not_reached("LINE-WHO-5", "LINE-WHO-1")


def _list_in_a_line(line, one, other):
    """(pattern, separator, template) for a list of users that is a single line."""
    first, second = sorted((one, other), key=line.index)
    before, rest = line.split(first, 1)
    between, after = rest.split(second, 1)
    separator = re.escape(between) if between.strip() else r"\s+"
    return "%s(?P<names>.*?)%s" % (pattern_of(before), pattern_of(after)), separator, "USER %s"


def leaving(visit):
    """The others are told once that a user has left; the name is free again, and no longer on the list."""
    listeners = bystanders(visit)
    _leave(visit)
    heard = overheard(listeners)
    visit.learn(to_strangers=[re.sub(r"(?i)wtn[a-z]{6}", r"\\S+", pattern_of(line)) for line in heard])


def _leave(visit):
    visit.start_transcript()
    ann, bob, cat = enter(visit, "ann", "bob", "cat")
    name = bob.name
    if not hinders(visit, "LINE-DM-1"):
        bob.say("DM %s %s" % (ann.name, TEXT))  # some tell the end of a private talk apart
        drained(visit, bob)
        drained(visit, ann)
    bob.leave()
    left = time.monotonic()
    wanted = "INFO %s disconnected" % name
    first = ann.hear(_END_SECONDS)
    took = time.monotonic() - left
    if first is not None and took > QUIET_SECONDS:
        visit.learn(end_seconds=2 * took)
    lines = ([first] if first is not None else []) + ann.hear_all(2 * PAUSE) + drained(visit, ann)
    told_others = [line for line in drained(visit, cat) if name in line]
    told = [line for line in lines if name in line]
    listed = [line for line in answers_to(visit, ann, "WHO") if name in line]
    is_unnoticed = bool(listed) and not told
    visit.find("LINE-LEAVE-1", wanted in lines and set(told) == {wanted}, wanted, lines, hinders=is_unnoticed)
    if not told:
        visit.learn(unanswered=(AFTER_END,))
        visit.not_reached("LINE-LEAVE-2", "LINE-LEAVE-1")
    elif wanted not in told:
        visit.learn(rewrites=((pattern_of(told[0], [name]), r"INFO \g<name> disconnected"),),
                    asides=[pattern_of(line, [name]) for line in told[1:] if line != told[0]])
    if told:
        times = max(map(told.count, told))
        visit.find("LINE-LEAVE-2", times == 1, told[0], told)
        if times > 1 and max(map(told_others.count, told)) == times:
            visit.learn(repeats=((r"INFO (\S+) disconnected", times),))
    if "USER" not in visit.profile.unanswered:
        visit.find("LINE-WHO-2", not listed, "", listed, hinders=True)
    again = visit.newcomer("bob again")
    again.name = name
    visit.find("LINE-LOGIN-6", log_in(again), "OK", again.raw[-1:], hinders=True)
    for guest in (ann, cat, again):
        guest.leave()


def cut_off(visit):
    """The end of a connection that was reset is announced in the same words."""
    ann, bob = enter(visit, "ann", "bob")
    name = bob.name
    bob.leave("rst")
    wanted = "INFO %s disconnected" % name
    first = ann.hear()
    told = [line for line in [first] + ann.hear_all(PAUSE) + drained(visit, ann) if line and name in line]
    visit.find("LINE-LEAVE-1", wanted in told, wanted, told)
    if not told:
        silent = AFTER_END in visit.profile.unanswered
        visit.learn(unanswered=("INFO disconnected",) if silent else (AFTER_RESET,))
    elif wanted not in told:
        visit.learn(rewrites=((pattern_of(told[0], [name]), r"INFO \g<name> disconnected"),))


def strangers(visit):
    """The end of a connection that was never logged in is not announced."""
    ann, = enter(visit, "ann")
    visit.newcomer("stranger").leave()
    ann.lines.clear()
    heard = ann.hear_all(QUIET_SECONDS)
    visit.find("LINE-LEAVE-3", not heard, "", heard)
    visit.learn(to_members=[pattern_of(line) for line in heard])
