"""What all experiments with a server of `line` use: to log guests in, and to read what they receive."""
from parley.conformance.acquaintance import ANSWER_SECONDS, PAUSE_SECONDS, QUIET_SECONDS, Refused
from parley.conformance.barrier import PROBES

TEXT = "wtm some words"
_MOST_NEWS = 50  # lines about what others do that may come before the answer to a login
PAUSE = PAUSE_SECONDS
# In `Profile.unanswered`: an end that is not announced, where others are.
AFTER_RESET, AFTER_END = "INFO disconnected, after a reset", "INFO disconnected, after a proper end"
# In `Profile.manners`.
AS_TALK, BUT_ME = "direct messages look like talk", "who asks is not on the list"


def enter(visit, *idents):
    """Guests who are logged in, and have read what the server sent because of their logins."""
    guests = []
    for ident in idents:
        guest = visit.newcomer(ident)
        if not log_in(guest):
            raise Refused("LINE-LOGIN-1", None)
        guests.append(guest)
    settle(visit, *guests)
    for guest in guests:
        guest.lines.clear()
    return guests


def log_in(guest):
    """Log the guest in under its name; returns whether that has succeeded."""
    guest.say("LOGIN " + guest.name)
    for _ in range(_MOST_NEWS):
        answer = guest.hear()
        if answer is None or not answer.startswith(("INFO ", "MSG ")):
            return answer == "OK"
    return False


def settle(visit, *guests):
    """Wait until these guests have received all that earlier requests have caused.

    An answer to PING proves that; where PING has no answer, or a guest is not logged in, a short silence has to do.
    """
    silent = [one for one in guests if PROBES in visit.profile.unanswered or one.closed or not one.state.name]
    if silent:
        visit.listen(QUIET_SECONDS)
    for guest in guests:
        if guest in silent:
            continue
        expected = guest.replies + 1
        guest.say("PING", own=True)
        guest.visit.read_until(lambda: guest.replies >= expected or guest.closed)


def answers_to(visit, guest, line):
    """All that the guest receives after it has sent a line."""
    guest.say(line)
    if guest.state.name and PROBES not in visit.profile.unanswered:
        settle(visit, guest)
    else:
        first = guest.hear(ANSWER_SECONDS / 2)
        return ([first] if first is not None else []) + guest.hear_all(QUIET_SECONDS / 2)
    found, guest.lines = guest.lines, []
    return found


def drained(visit, guest):
    """All that the guest has received by now."""
    settle(visit, guest)
    found, guest.lines = guest.lines, []
    return found


def bystanders(visit):
    """A list of one guest who only listens; empty if the server serves one connection at a time."""
    return [] if visit.one_at_a_time else [visit.newcomer("stranger")]


def overheard(listeners):
    """All that the guests from `bystanders` have received."""
    return [line for guest in listeners for line in guest.hear_all(PAUSE)]


def hinders(visit, ident):
    """Whether a requirement was not tested, or is broken in such a way that what depends on it cannot be judged."""
    return ident not in visit.findings or visit.findings[ident].hinders
