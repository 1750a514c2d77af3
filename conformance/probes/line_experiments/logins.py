"""What a server of `line` says to a client that connects and logs in, and which names and how many users it takes."""
import re

from parley.conformance.acquaintance import ANSWER_SECONDS, QUIET_SECONDS, Refused
from parley.conformance.barrier import STRANGERS
from parley.conformance.names import random_word
from parley.conformance.probes.line_experiments.guests import (
    PAUSE,
    answers_to,
    bystanders,
    enter,
    log_in,
    overheard,
    settle,
)
from parley.conformance.profile import MARK, pattern_of, plain

_PEOPLE = 13  # the twelve of the largest scenario, and the witness
_LONGEST_NAME = 32
_LENGTHS = (20, 12, 10)  # of the names tried if one of 32 characters is refused
PULSE_SECONDS = 1.2
# The answers that say that a login has succeeded, the likeliest first.
WORDS_OF_SUCCESS = (r"OK", r"(?:\W+|200 )?OK\b.*", r"\S+ OK\b.*",
                     r"(?:INFO |SERVER:? |MSG )?.*\b(?:logged in|login successful)\b.*",
                     r"(?:INFO |SERVER:? )?(?:success|welcome|hello|hi)\b.*")
BEHIND_A_PROMPT = r"[^:>?$#]*[:>?$#] *OK\b.*"


def greeting(visit):
    """A client that has connected receives nothing."""
    guest = visit.newcomer("ann")
    lines = guest.hear_all(2 * QUIET_SECONDS)
    if lines:
        lines += guest.hear_all(4 * QUIET_SECONDS)  # some say the rest a little later
    prompt = guest.decoder.unfinished.decode("utf-8", "replace")
    shown = [line.rstrip("\r") for line in lines]
    visit.find("LINE-LOGIN-5", not lines and not prompt, "", shown + [prompt] * bool(prompt))
    shown = _without_mark(visit, shown)
    visit.learn(greeting=[pattern_of(plain(line)) for line in shown], prompt=plain(prompt),
                carriage_return=shown != lines)


def _without_mark(visit, lines):
    """The first lines of a connection, without the byte order mark that .NET puts in front of what it writes."""
    if not lines or not lines[0].startswith(MARK):
        return lines
    visit.learn(mark=True)
    return [lines[0][len(MARK):]] + lines[1:]


def pulse(visit):
    """What a client that does nothing receives every second or so."""
    stranger, ann = visit.newcomer("stranger"), visit.newcomer("ann")
    ann.say("LOGIN " + ann.name)
    ann.hear(2 * ANSWER_SECONDS)
    ann.hear_all()
    stranger.lines.clear()
    visit.listen(PULSE_SECONDS)
    to_members, to_strangers = ([plain(line).rstrip("\r") for line in guest.lines] for guest in (ann, stranger))
    visit.learn(asides=map(pattern_of, to_members), to_strangers=map(pattern_of, to_strangers))
    if any(line.endswith("\r") for line in ann.lines + stranger.lines):
        visit.learn(carriage_return=True)


def login(visit):
    """`OK` answers a login, and nothing more comes."""
    guest = visit.newcomer("ann")
    guest.say("LOGIN " + guest.name)
    first = guest.hear(2 * ANSWER_SECONDS)
    if first is None:
        raise Refused("LINE-LOGIN-1", "closed" if guest.closed else None)
    lines = [first] + guest.hear_all()
    if lines != list(map(plain, lines)):
        visit.learn(colours=True)
    if any(line.endswith("\r") for line in lines):
        visit.learn(carriage_return=True)  # LINE-FRAME-3 strips it in the other direction
        lines = [line.rstrip("\r") for line in lines]
    answer = accepting(lines, WORDS_OF_SUCCESS)
    if answer is None:
        raise Refused("LINE-LOGIN-1", first)
    lines.remove(answer)
    lines = _heard_by_all(visit, lines, guest)
    if "" in lines:
        visit.learn(asides=("",))  # a blank line behind each answer
    visit.find("LINE-LOGIN-1", answer == "OK", "OK", answer)
    answer, = _without_mark(visit, [answer])
    lines = [plain(line) for line in lines]
    if plain(answer) != "OK":
        visit.learn(rewrites=((pattern_of(plain(answer), [guest.name]), "OK"),))
    visit.find("LINE-LOGIN-5", not lines, "", lines)
    listed = [line for line in lines if line.startswith("USER ")]
    named = [line for line in lines if guest.name in line and line not in listed]
    others = [line for line in lines if line not in listed + named]
    visit.learn(asides=[pattern_of(line, [guest.name]) for line in named], unasked=["USER .*"] * bool(listed),
                to_members=[pattern_of(line) for line in others])


def _heard_by_all(visit, lines, guest):
    """Those of the lines after a guest's login that the next guest receives too."""
    if not lines:
        return []
    other = visit.newcomer("bob")
    other.say("LOGIN " + other.name)
    heard = ([other.hear()] + other.hear_all()) if lines else []
    return [line for line in lines if any(re.fullmatch(pattern_of(line, [guest.name]), one or "") for one in heard)]


def accepting(lines, shapes):
    """The line that says that a login has succeeded; None if there is none."""
    found = (line for shape in shapes for line in lines if re.fullmatch(shape, plain(line), re.IGNORECASE))
    return next(found, None)


def asked_again(visit):
    """Whether the server repeats its greeting after each answer, before the login."""
    guest = visit.newcomer("stranger")
    guest.hear_all(QUIET_SECONDS)
    lines = answers_to(visit, guest, "INVALID")
    again = [one for one in visit.profile.greeting if any(re.fullmatch(one, line) for line in lines)]
    if len(again) < len(lines):  # or a greeting is all that it ever says
        visit.learn(to_strangers=again)


def before_login(visit):
    """How the server answers PING before the login."""
    guest = visit.newcomer("stranger")
    lines = answers_to(visit, guest, "PING")
    if not lines:
        visit.learn(unanswered=(STRANGERS,))
    elif not set(lines) & {"PONG", "ERR must-login-first", "ERR unknown-command"}:  # which are no words of its own
        visit.learn(answers=(("ERR must-login-first", tuple(map(pattern_of, lines))),))
    if guest.closed:
        visit.learn(unanswered=(STRANGERS,), closing=map(pattern_of, lines))


def beside(visit):
    """A client that is connected and says nothing keeps nobody else from logging in."""
    stranger = visit.newcomer("stranger")
    ann = visit.newcomer("ann")
    if log_in(ann) or ann.closed:
        return
    stranger.leave()
    if ann.hear() == "OK":
        visit.find("LINE-NET-2", False, "OK, while somebody else says nothing", "(nothing, until that client leaves)",
                   hinders=True)
        visit.not_reached("LINE-MSG-5", "LINE-NET-2")
        visit.one_at_a_time = True


def joins(visit):
    """A login is announced to nobody, logged in or not."""
    listeners = bystanders(visit)
    ann, = enter(visit, "ann")
    bob, = enter(visit, "bob")
    settle(visit, ann)
    heard = ann.hear_all(PAUSE)
    visit.find("LINE-LOGIN-5", not heard, "", heard)
    visit.learn(asides=[pattern_of(line, [bob.name]) for line in heard if bob.name in line],
                to_members=[pattern_of(line) for line in heard if bob.name not in line])
    told = overheard(listeners)
    visit.find("LINE-LOGIN-5", not told, "", told)
    visit.learn(to_strangers=[pattern_of(line, [name]) for line in told for name in (ann.name, bob.name)
                              if name in line])


def crowd(visit):
    """Thirteen users can be logged in at the same time."""
    guests = []
    for number in range(_PEOPLE):
        try:
            guest = visit.newcomer("guest%d" % number)
        except OSError:
            if not guests:
                raise  # the server has gone
            break
        if not log_in(guest):
            break
        guests.append(guest)
    if len(guests) < _PEOPLE:
        visit.find("LINE-NET-2", False, "%d users" % _PEOPLE, "%d users" % len(guests), hinders=True)
    elif visit.find("LINE-NET-2", not visit.one_at_a_time):
        visit.learn(shared=True)


def names(visit):
    """Names may contain letters of all scripts and punctuation, and have 32 characters."""
    for name in ("wtn\u0416\u00fc\u4e16", "wtn" + "x" * 29, "wtn-d.ot_s", "wtn'o!?+"):
        visit.start_transcript()
        guest = visit.newcomer("ann")
        guest.name = name[:_LONGEST_NAME - 4] + random_word(4)
        fits = log_in(guest)
        visit.find("LINE-LOGIN-9", fits, "OK", guest.raw[-1:])
        guest.leave()
        if not fits and len(guest.name) == _LONGEST_NAME:
            visit.learn(longest_name=_longest_name(visit))
    if not visit.has_failed("LINE-LOGIN-7"):
        return  # otherwise the scenarios try such names
    for name in ("wtn|%s", "wtn\x07%s", "/wtn%s"):
        visit.start_transcript()
        guest = visit.newcomer("ann")
        guest.name = name % random_word(4)
        came = len(guest.raw)
        visit.find("LINE-LOGIN-9", not log_in(guest), "ERR invalid-username", guest.raw[came:])
        guest.leave()


def _longest_name(visit):
    """The length of a name that is accepted; 0 if none of those tried is."""
    for length in _LENGTHS:
        guest = visit.newcomer("ann")
        guest.name = "wtn" + random_word(length - 3)
        fits = log_in(guest)
        guest.leave()
        if fits:
            return length
    return 0
