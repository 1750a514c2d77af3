"""How a server of `line` delivers messages, to everybody and to one user."""
import re

from parley.conformance.barrier import PROBES, QUIET, RELAY, ROOM, SELF
from parley.conformance.names import CASES, in_case
from parley.conformance.probes.line_experiments.guests import (
    AS_TALK,
    PAUSE,
    TEXT,
    answers_to,
    bystanders,
    drained,
    enter,
    hinders,
    log_in,
    overheard,
    settle,
)
from parley.conformance.profile import pattern_of

_CUT_TEXT, _CUT_LETTER = "wtm caf\u00e9", "\u00e9"
_ORDERED = 20


def talk(visit):
    """A message reaches the other users in the document's form, and neither its sender nor strangers."""
    listeners = bystanders(visit)
    ann, bob = enter(visit, "ann", "bob")
    for guest in listeners:
        guest.lines.clear()
    ann.say("MSG " + TEXT)
    first = bob.hear()
    own = drained(visit, ann)
    lines = ([first] if first is not None else []) + drained(visit, bob)
    form = _judge_form(visit, "LINE-MSG-1", "MSG", ann.name, lines)
    copies = [line for line in own if TEXT in line or line in lines]
    words = [line for line in own if line not in copies]
    visit.find("LINE-MSG-2", not copies, "", copies)
    visit.find("LINE-MSG-3", not words, "", words)
    same = [line for line in copies if line == form or line.startswith("MSG %s " % ann.name)]
    told = [pattern_of(line, [ann.name], [TEXT]) for line in copies + words if line not in same]
    visit.learn(echoes=bool(same), acknowledgements=told, acknowledged=["MSG"] * bool(told))
    heard = overheard(listeners)
    if listeners:
        visit.find("LINE-MSG-5", not [line for line in heard if TEXT in line], "", heard)
    visit.learn(to_strangers=[pattern_of(line, [ann.name], [TEXT]) for line in heard])


def replays(visit):
    """A client that logs in does not receive what was said before."""
    if hinders(visit, "LINE-MSG-1"):
        return
    ann, = enter(visit, "ann")
    ann.say("MSG " + TEXT)
    settle(visit, ann)
    bob = visit.newcomer("bob")
    told = [line for line in answers_to(visit, bob, "LOGIN " + bob.name) if TEXT in line]
    visit.find("LINE-LOGIN-5", not told, "", told)
    visit.learn(replays=bool(told))


def _judge_form(visit, ident, word, speaker, lines):
    """The line that contains the text, or None; a form other than the document's is learnt."""
    wanted = "%s %s %s" % (word, speaker, TEXT)
    form = next((line for line in lines if TEXT in line), None)
    mended = form is not None and (form == wanted or speaker in form)
    visit.find(ident, wanted in lines, wanted, lines, hinders=not mended)
    if form == wanted.replace("DM ", "MSG ", 1) and form != wanted:
        visit.learn(manners=(AS_TALK,))
    elif mended and form != wanted:
        visit.learn(rewrites=((pattern_of(form, [speaker], [TEXT]), r"%s \g<name> \g<text>" % word),))
    elif form is None:
        visit.learn(unanswered=(word,))
    return form


def whispers(visit):
    """A direct message reaches one user, in the document's form, and is not acknowledged."""
    ann, bob, cat = enter(visit, "ann", "bob", "cat")
    ann.say("DM %s %s" % (bob.name, TEXT))
    came = len(ann.raw)
    first = bob.hear()
    own, others = drained(visit, ann), drained(visit, cat)
    own += [line for line in ann.raw[came:] if line not in own and visit.profile.acknowledgement(line)]
    lines = ([first] if first is not None else []) + drained(visit, bob)
    form = _judge_form(visit, "LINE-DM-1", "DM", ann.name, lines)
    copies = [line for line in own if _is_copy(line, (ann.name, bob.name))]
    if form is not None or copies:
        visit.find("LINE-DM-2", not own, "", own)
        told = [line for line in own if line not in copies]
        visit.learn(acknowledgements=[pattern_of(line, [bob.name, ann.name], [TEXT]) for line in told],
                    acknowledged=["DM"] * bool(told), copies=bool(copies))
    if form is not None:
        visit.find("LINE-DM-5", not others, "", others, hinders=True)
    else:
        visit.not_reached("LINE-DM-2", "LINE-DM-1")
        visit.not_reached("LINE-DM-5", "LINE-DM-1")


def _is_copy(line, names):
    """Whether a line is the whole direct message or its beginning, with one of these names in front."""
    words = line.split()
    return len(words) > 2 and words[0] == "DM" and words[1] in names and words[2:] == TEXT.split()[:len(words) - 2]


def case_of_names(visit):
    """A name is shown as it was given, in the same case."""
    for given in (str.lower, str.title):
        bob, = enter(visit, "bob")
        visit.start_transcript()
        ann = visit.newcomer("ann")
        ann.name = given(ann.name)
        if not log_in(ann):
            return
        ann.say("MSG " + TEXT)
        lines = [line for line in [bob.hear()] + drained(visit, bob) if line is not None]
        told = [found.group() for line in lines if TEXT in line
                for found in [re.search(re.escape(ann.name), line, re.IGNORECASE)] if found]
        if not told:
            return
        case = next((case for case in CASES if told == [in_case(ann.name, case)] != [ann.name]), None)
        if case:
            visit.find("LINE-MSG-1", False, "MSG %s %s" % (ann.name, TEXT), lines)
            visit.learn(names_case=case)
            _whisper_in_another_case(visit, ann, bob)
            return


def _whisper_in_another_case(visit, ann, bob):
    """A name in another case is not the same user's."""
    visit.start_transcript()
    other = in_case(bob.name, visit.profile.names_case).swapcase()
    answers = answers_to(visit, ann, "DM %s %s" % (other, TEXT))
    visit.find("LINE-DM-7", answers, "ERR user-not-found", answers)


def proof(visit):
    """Which barrier can prove that nothing more comes."""
    if not hinders(visit, "LINE-DM-1"):
        visit.learn(proof=RELAY)
    elif PROBES not in visit.profile.unanswered:
        visit.learn(proof=SELF)
    else:
        visit.learn(proof=QUIET if hinders(visit, "LINE-MSG-1") else ROOM)


def texts(visit):
    """A text arrives as it was sent, in one line."""
    if hinders(visit, "LINE-MSG-1"):
        for ident in ("LINE-TEXT-1", "LINE-TEXT-6", "LINE-MSG-4", "LINE-MSG-6", "LINE-FRAME-3"):
            visit.not_reached(ident, "LINE-MSG-1")
        return
    ann, bob = enter(visit, "ann", "bob")
    for ident, sent, text in (
            ("LINE-TEXT-1", "na\u00efve \u4e16\u754c \U0001f600", None),
            ("LINE-MSG-6", "  two  spaces", None),
            ("LINE-FRAME-3", "from telnet\r", "from telnet")):
        visit.start_transcript()
        ann.say("MSG " + sent)
        wanted = "MSG %s %s" % (ann.name, sent if text is None else text)
        lines = _heard_of(visit, ann, bob)
        visit.find(ident, lines == [wanted], wanted, lines, hinders=ann.closed)
        ann = _still_in(visit, ann)
    if PROBES not in visit.profile.unanswered:
        visit.start_transcript()
        lines = answers_to(visit, ann, "PING\r")
        visit.find("LINE-FRAME-3", lines == ["PONG"], "PONG", lines)
        ann = _still_in(visit, ann)
    if not (visit.has_failed("LINE-TEXT-1") or visit.has_failed("LINE-FRAME-1")):
        visit.start_transcript()
        _say_in_parts(visit, ann, "MSG " + _CUT_TEXT, _CUT_LETTER)
        wanted = "MSG %s %s" % (ann.name, _CUT_TEXT)
        lines = _heard_of(visit, ann, bob)
        visit.find("LINE-FRAME-1", lines == [wanted], wanted, lines)
        ann = _still_in(visit, ann)
    visit.start_transcript()
    for number in range(_ORDERED):
        ann.say("MSG number %d" % number)
    wanted = ["MSG %s number %d" % (ann.name, number) for number in range(_ORDERED)]
    lines = [bob.hear() for _ in wanted]
    came = [line for line in wanted if line in lines]
    visit.find("LINE-MSG-4", [line for line in lines if line in wanted] == came, " / ".join(wanted), lines)


def _heard_of(visit, speaker, listener):
    """What the listener receives after the speaker has said something, with a note if the speaker was disconnected."""
    first = listener.hear()
    lines = ([first] if first is not None else []) + drained(visit, listener)
    drained(visit, speaker)
    return lines + ["(%s: closed by the server)" % speaker.ident] * speaker.closed


def _still_in(visit, guest):
    """The guest, or a new one if the server has closed its connection."""
    return enter(visit, guest.ident)[0] if guest.closed else guest


def _say_in_parts(visit, guest, line, letter):
    """Send a line in two segments, split between the bytes of this letter."""
    data = (line + "\n").encode("utf-8")
    middle = data.index(letter.encode("utf-8")) + 1
    guest.write(data[:middle])
    guest.let_read()
    visit.listen(PAUSE)
    guest.write(data[middle:])
