"""How a server of `line` refuses requests, and whether the connection stays open."""
import re

from parley.conformance.acquaintance import ANSWER_SECONDS, QUIET_SECONDS
from parley.conformance.probes.line_experiments.guests import PAUSE, answers_to, drained, enter, log_in
from parley.conformance.profile import pattern_of

_STRIKES = 15  # errors on one connection, as many as a scenario makes
# For each refusal of the document: the requirement, whether the guest is logged in, the request, and the answer.
# {bob} is a user who is logged in, {nobody} a name that nobody has.
REFUSALS = (
    ("LINE-LOGIN-4", False, "MSG hello", "ERR must-login-first"),
    ("LINE-LOGIN-4", False, "DM {bob} hello", "ERR must-login-first"),
    ("LINE-LOGIN-4", False, "WHO", "ERR must-login-first"),
    ("LINE-LOGIN-2", False, "LOGIN {bob}", "ERR username-taken"),
    ("LINE-LOGIN-3", False, "LOGIN", "ERR invalid-username"),
    ("LINE-LOGIN-3", False, "LOGIN ", "ERR invalid-username"),
    ("LINE-ERR-1", True, "INVALID", "ERR unknown-command"),
    ("LINE-ERR-1", True, "EXIT", "ERR unknown-command"),
    ("LINE-DM-3", True, "DM {nobody} hello", "ERR user-not-found"),
    ("LINE-DM-4", True, "DM {bob}", "ERR invalid-dm-format"),
    ("LINE-DM-4", True, "DM", "ERR invalid-dm-format"),
)


def refusals(visit):
    """A refusal has the document's words and no other effect, and does not end the connection."""
    closing = []
    for ident, logged_in, request, wanted in REFUSALS:
        visit.start_transcript()
        bob, = enter(visit, "bob")
        guest = enter(visit, "ann")[0] if logged_in else visit.newcomer("stranger")
        bob.lines.clear()
        nobody = visit.free_name()
        request = request.format(bob=bob.name, nobody=nobody)
        lines = answers_to(visit, guest, request)
        heard = [line for line in drained(visit, bob) if "INFO" not in line]
        visit.find(ident, lines == [wanted] and not heard, wanted, lines + heard)
        hints = _hints(lines)
        visit.learn(asides=[pattern_of(line, [bob.name, guest.name]) for line in hints])
        lines = [line for line in lines if line not in hints]
        if lines and lines != [wanted] and lines != ["OK"] and not any(line.startswith("USER ") for line in lines):
            visit.learn(answers=((wanted, tuple(
                refusal_pattern(line, wanted, [bob.name, guest.name], request) for line in lines)),))
        elif not lines and not guest.closed:
            visit.learn(unanswered=(wanted,))
        if guest.closed:
            visit.learn(closing=[pattern_of(line, [bob.name]) for line in lines])
            closing.append(ident)
        if guest.state.name:
            visit.find("LINE-ERR-2", not guest.closed, "(open)", lines + ["(closed by the server)"])
        elif "LOGIN" in request:
            _try_again(visit, guest)
        if nobody in request and lines and lines != [wanted]:
            _is_told_later(visit, nobody)
        guest.leave()
        bob.leave()


def _hints(lines):
    """Lines that follow a refusal and explain it, such as a list of the commands."""
    if not lines or not lines[0].startswith("ERR"):
        return []
    return [line for line in lines[1:] if not line.startswith(("ERR", "OK", "MSG", "DM", "USER", "PONG"))]


def _is_told_later(visit, name):
    """Learn whether a direct message to an unused name is delivered when somebody logs in under it."""
    later = visit.newcomer("later")
    later.name = name
    told = [line for line in answers_to(visit, later, "LOGIN " + name) if line.startswith("DM ")]
    later.leave()
    visit.learn(replays=visit.profile.replays or bool(told))


def _try_again(visit, guest):
    """After a refused login, a client can log in under another name."""
    if guest.state.name is not None:
        return  # it was not refused
    came = len(guest.raw)
    again = log_in(guest)
    visit.find("LINE-LOGIN-7", again, "OK", guest.raw[came:] or ["(closed by the server)"] * guest.closed)


def refusal_pattern(line, wanted, names, request):
    """A pattern for a refusal that is not exactly the document's; it may quote the request."""
    if re.match(re.escape(wanted) + r"\W", line):
        return re.escape(wanted) + r"\W.*"
    word, *arguments = request.split() or [""]
    told = line.endswith(request) or wanted == "ERR unknown-command" and word in line
    return pattern_of(line, names + [one for one in arguments if one not in names], [request] if told else ())


def holders(visit):
    """A refused login changes nothing for the user who has the name."""
    bob, cat = enter(visit, "bob", "cat")
    stranger = visit.newcomer("stranger")
    answers_to(visit, stranger, "LOGIN " + bob.name)
    if stranger.state.name:
        return  # it was not refused
    heard = [line for line in drained(visit, cat) if bob.name in line]
    stranger.leave()
    visit.listen(QUIET_SECONDS)
    farewells = [line for line in drained(visit, cat) if bob.name in line]
    lines = [] if "USER" in visit.profile.unanswered else answers_to(visit, cat, "WHO")
    lost = bob.closed or lines and not any(bob.name in line for line in lines)
    told = ["(%s: closed by the server)" % bob.ident] * bob.closed + heard + farewells + lines * (not bob.closed)
    visit.find("LINE-LOGIN-2", not (lost or heard), "(nothing happens to bob)", told, hinders=True)
    if farewells and not (lost or heard):
        visit.find("LINE-LEAVE-3", False, "", farewells)  # bob is still there: it was the stranger who has left


def unknown_before_login(visit):
    """Before the login, an unknown command is answered with must-login-first."""
    guest = visit.newcomer("stranger")
    lines = answers_to(visit, guest, "INVALID")
    line = lines[0] if len(lines) == 1 else ""
    unknown, first = "ERR unknown-command", "ERR must-login-first"
    if not lines and not guest.closed:
        visit.find("LINE-LOGIN-13", False, first, "", hinders=True)
    is_unknown = re.match(unknown + r"\b", line) or visit.profile.accepts(unknown, line)
    if not is_unknown or visit.profile.accepts(first, line):
        return
    visit.find("LINE-LOGIN-13", False, first, line)
    visit.learn(answers=((first, (refusal_pattern(line, unknown, [guest.name], "INVALID"),)),))


def strikes(visit):
    """The connection stays open after many errors, too."""
    if visit.has_failed("LINE-ERR-2") or "ERR unknown-command" in visit.profile.unanswered:
        return
    guest, = enter(visit, "ann")
    last_words = _strike(visit, guest)
    visit.learn(asides=map(pattern_of, last_words))
    if guest.closed or visit.profile.closing:
        return
    visit.start_transcript()
    guest = visit.newcomer("stranger")
    guest.hear_all(QUIET_SECONDS)
    last_words = _strike(visit, guest)
    visit.learn(to_strangers=map(pattern_of, last_words))


def _strike(visit, guest):
    """Make errors until the server closes the connection; returns what it says after its answer to the last one."""
    lines, times = [], 0
    while not guest.closed and times < _STRIKES:
        guest.say("INVALID")
        answer, times = guest.hear(ANSWER_SECONDS / 2), times + 1
        if answer is None:
            break
        visit.read_until(lambda: guest.closed, PAUSE)
        lines = [answer] + guest.lines
        guest.lines = []
    visit.find("LINE-ERR-2", not guest.closed, "(open)", lines + ["(closed by the server, after %d errors)" % times])
    if not guest.closed:
        return []
    visit.learn(closing=["ERR .*"] + [pattern_of(line) for line in lines[:1]])
    return lines[1:]
