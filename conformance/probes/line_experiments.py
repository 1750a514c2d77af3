"""The experiments with a foreign server of `line`: how it talks, and which of the document's sentences that breaks."""
import re
import time

from parley.conformance.acquaintance import ANSWER_SECONDS, PAUSE_SECONDS, QUIET_SECONDS, Refused
from parley.conformance.barrier import PROBES, QUIET, RELAY, ROOM, SELF, STRANGERS
from parley.conformance.names import CASES, in_case, random_word
from parley.conformance.profile import MARK, pattern_of, plain
from parley.conformance.transcript import shortened

_TEXT = "wtm some words"
_CUT_TEXT, _CUT_LETTER = "wtm caf\u00e9", "\u00e9"
_PEOPLE = 13  # the twelve of a scenario, and a witness
_ORDERED = 20
_LONGEST_NAME = 32
_STRIKES = 15  # errors in one connection, as many as a scenario makes
LONG = 8000  # bytes of a text, as long as the longest in a scenario
_SHOWN = 40
_END_SECONDS = 3.0  # in which the end of a connection is announced
_LENGTHS = (20, 12, 10)  # of names, where one of 32 characters is refused
_MOST_NEWS = 50  # of what others do, in front of the answer to a login
# In `Profile.unanswered`: an end that is not announced, where others are.
AFTER_RESET, AFTER_END = "INFO disconnected, after a reset", "INFO disconnected, after a proper end"
# In `Profile.manners`.
AS_TALK, BUT_ME = "direct messages look like talk", "who asks is not on the list"
_PAUSE = PAUSE_SECONDS
PULSE_SECONDS = 1.2
# The likeliest first.
WORDS_OF_SUCCESS = (r"OK", r"(?:\W+|200 )?OK\b.*", r"\S+ OK\b.*",
                     r"(?:INFO |SERVER:? |MSG )?.*\b(?:logged in|login successful)\b.*",
                     r"(?:INFO |SERVER:? )?(?:success|welcome|hello|hi)\b.*")

BEHIND_A_PROMPT = r"[^:>?$#]*[:>?$#] *OK\b.*"

# Each answer of the document that refuses something: the requirement, whether the guest is logged in, what it says,
# and the answer. `{bob}` is a user who is there.
_REFUSALS = (
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


def _settle(visit, *guests):
    """Return when all that was caused so far has come to these guests, who are logged in, or is taken not to come."""
    silent = [one for one in guests if PROBES in visit.profile.unanswered or one.closed or not one.state.name]
    if silent:
        visit.listen(QUIET_SECONDS)
    for guest in guests:
        if guest in silent:
            continue
        expected = guest.replies + 1
        guest.say("PING", own=True)
        guest.visit.read_until(lambda: guest.replies >= expected or guest.closed)


def _enter(visit, *idents):
    """Guests who are logged in, and have taken note of each other."""
    guests = []
    for ident in idents:
        guest = visit.newcomer(ident)
        if not _log_in(guest):
            raise Refused("LINE-LOGIN-1", None)
        guests.append(guest)
    _settle(visit, *guests)
    for guest in guests:
        guest.lines.clear()
    return guests


def _log_in(guest):
    """Log the guest in under its name; returns whether that has succeeded."""
    guest.say("LOGIN " + guest.name)
    for _ in range(_MOST_NEWS):
        answer = guest.hear()
        if answer is None or not answer.startswith(("INFO ", "MSG ")):
            return answer == "OK"
    return False


def _answer(visit, guest, line):
    """All that comes to the guest because of a line."""
    guest.say(line)
    if guest.state.name and PROBES not in visit.profile.unanswered:
        _settle(visit, guest)
    else:
        first = guest.hear(ANSWER_SECONDS / 2)
        return ([first] if first is not None else []) + guest.hear_all(QUIET_SECONDS / 2)
    found, guest.lines = guest.lines, []
    return found


def greeting(visit):
    """Who connects hears nothing."""
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
    """What comes each second or so to whoever does nothing."""
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
        visit.learn(carriage_return=True)  # which is no part of a line, as LINE-FRAME-3 has it for the other direction
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
    """Of the lines that came at a guest's login those that come at the next one's too."""
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


def ping(visit):
    """`PONG` answers `PING`."""
    guest, = _enter(visit, "ann")
    guest.say("PING")
    lines = [guest.hear()] + guest.hear_all()
    lines = [line for line in lines if line is not None]
    if not visit.find("LINE-PING-1", lines == ["PONG"], "PONG", lines):
        pong = next((line for line in lines if "PONG" in line.upper()), None)
        if pong is None:
            visit.learn(unanswered=("PONG", PROBES) if not lines else (PROBES,),
                        answers=(("PONG", tuple(map(pattern_of, lines))),) if lines else ())
        elif pong != "PONG":
            visit.learn(rewrites=((pattern_of(pong), "PONG"),))


def segments(visit):
    """A newline ends a message, wherever the segments are cut."""
    if PROBES in visit.profile.unanswered and not _answer(visit, _enter(visit, "ann")[0], "WHO"):
        return _segments_of_talk(visit)
    word, answers = ("PING", "PONG") if PROBES not in visit.profile.unanswered else ("WHO", "USER ")
    guest, = _enter(visit, "ann")
    data = (word + "\n").encode()
    guest.write(data + data)
    lines = [line for line in (guest.hear(), guest.hear(ANSWER_SECONDS / 2)) if line is not None]
    two = len(lines) >= 2 and all(line.startswith(answers) for line in lines)
    visit.find("LINE-FRAME-2", two, "%s / %s" % (answers, answers), lines, hinders=True)
    visit.start_transcript()
    guest, = _enter(visit, "bob")
    guest.write(data[:2])
    guest.let_read()
    visit.listen(_PAUSE)
    guest.write(data[2:])
    lines = [line for line in [guest.hear()] + guest.hear_all(_PAUSE) if line is not None]
    one = bool(lines) and all(line.startswith(answers) for line in lines)
    visit.find("LINE-FRAME-1", one, answers, lines, hinders=True)
    if not (two and one):
        visit.learn(pause=_PAUSE)
        return
    _segments_of_a_login(visit, word, answers)


def _segments_of_a_login(visit, word, answers):
    """The same, for whoever is not logged in yet."""
    visit.start_transcript()
    guest = visit.newcomer("cat")
    guest.write(("LOGIN %s\n%s\n" % (guest.name, word)).encode())
    lines = [line for line in (guest.hear(), guest.hear(ANSWER_SECONDS / 2)) if line is not None]
    both = lines[:1] == ["OK"] and any(line.startswith(answers) for line in lines[1:] + guest.hear_all(_PAUSE))
    visit.find("LINE-FRAME-2", both, "OK / " + answers, lines, hinders=True)
    visit.start_transcript()
    guest = visit.newcomer("dan")
    guest.write(b"LO")
    guest.let_read()
    visit.listen(_PAUSE)
    guest.write(b"GIN %s\n" % guest.name.encode())
    line = guest.hear()
    visit.find("LINE-FRAME-1", line == "OK", "OK", line or "", hinders=True)
    if not both or line != "OK":
        visit.learn(pause=_PAUSE)


def _segments_of_talk(visit):
    """The same, where neither PING nor WHO is answered: of what one says another one hears."""
    ann, bob = _enter(visit, "ann", "bob")
    speaker = ann.name
    ann.write(b"MSG wtm first\nMSG wtm other\n")
    lines = [line for line in (bob.hear(), bob.hear(ANSWER_SECONDS / 2)) if line is not None]
    if not lines:
        return
    two = len(lines) == 2 and lines[0].replace("first", "other") == lines[1]
    visit.find("LINE-FRAME-2", two, "two messages", lines, hinders=True)
    visit.start_transcript()
    ann, bob = _enter(visit, "ann", "bob")
    ann.write(b"MSG wtm ")
    ann.let_read()
    visit.listen(_PAUSE)
    ann.write(b"first\n")
    heard = [line for line in [bob.hear()] + bob.hear_all(_PAUSE) if line is not None]
    one = len(heard) == 1 and heard[0].replace(ann.name, speaker) == lines[0]
    visit.find("LINE-FRAME-1", one, "one message", heard, hinders=True)
    if not (two and one):
        visit.learn(pause=_PAUSE)


def beside(visit):
    """Who is connected and says nothing keeps nobody out."""
    stranger = visit.newcomer("stranger")
    ann = visit.newcomer("ann")
    if _log_in(ann) or ann.closed:
        return
    stranger.leave()
    if ann.hear() == "OK":
        visit.find("LINE-NET-2", False, "OK, while somebody else says nothing", "(nothing, until he leaves)",
                   hinders=True)
        visit.not_reached("LINE-MSG-5", "LINE-NET-2")
        visit.one_at_a_time = True


def _bystander(visit):
    """[a stranger who only listens], or nobody, where that keeps everybody else out."""
    return [] if visit.one_at_a_time else [visit.newcomer("stranger")]


def _overheard(bystander):
    return [line for guest in bystander for line in guest.hear_all(_PAUSE)]


def joins(visit):
    """Nobody is told who logs in, neither before a login of his own nor after it."""
    bystander = _bystander(visit)
    ann, = _enter(visit, "ann")
    bob, = _enter(visit, "bob")
    _settle(visit, ann)
    heard = ann.hear_all(_PAUSE)
    visit.find("LINE-LOGIN-5", not heard, "", heard)
    visit.learn(asides=[pattern_of(line, [bob.name]) for line in heard if bob.name in line],
                to_members=[pattern_of(line) for line in heard if bob.name not in line])
    told = _overheard(bystander)
    visit.find("LINE-LOGIN-5", not told, "", told)
    visit.learn(to_strangers=[pattern_of(line, [name]) for line in told for name in (ann.name, bob.name)
                              if name in line])


def talk(visit):
    """A message reaches the others, in the document's form; neither its sender nor strangers."""
    bystander = _bystander(visit)
    ann, bob = _enter(visit, "ann", "bob")
    for guest in bystander:
        guest.lines.clear()
    ann.say("MSG " + _TEXT)
    first = bob.hear()
    own = _drained(visit, ann)
    lines = ([first] if first is not None else []) + _drained(visit, bob)
    form = _judge_form(visit, "LINE-MSG-1", "MSG", ann.name, lines)
    copies = [line for line in own if _TEXT in line or line in lines]
    words = [line for line in own if line not in copies]
    visit.find("LINE-MSG-2", not copies, "", copies)
    visit.find("LINE-MSG-3", not words, "", words)
    same = [line for line in copies if line == form or line.startswith("MSG %s " % ann.name)]
    told = [pattern_of(line, [ann.name], [_TEXT]) for line in copies + words if line not in same]
    visit.learn(echoes=bool(same), acknowledgements=told, acknowledged=["MSG"] * bool(told))
    heard = _overheard(bystander)
    if bystander:
        visit.find("LINE-MSG-5", not [line for line in heard if _TEXT in line], "", heard)
    visit.learn(to_strangers=[pattern_of(line, [ann.name], [_TEXT]) for line in heard])


def replays(visit):
    """Who logs in is not told what was said before."""
    if _hinders(visit, "LINE-MSG-1"):
        return
    ann, = _enter(visit, "ann")
    ann.say("MSG " + _TEXT)
    _settle(visit, ann)
    bob = visit.newcomer("bob")
    told = [line for line in _answer(visit, bob, "LOGIN " + bob.name) if _TEXT in line]
    visit.find("LINE-LOGIN-5", not told, "", told)
    visit.learn(replays=bool(told))


def _judge_form(visit, ident, word, speaker, lines):
    """In which form was the text told, among these lines? None if it was not; another form is learnt."""
    wanted = "%s %s %s" % (word, speaker, _TEXT)
    form = next((line for line in lines if _TEXT in line), None)
    mended = form is not None and (form == wanted or speaker in form)
    visit.find(ident, wanted in lines, wanted, lines, hinders=not mended)
    if form == wanted.replace("DM ", "MSG ", 1) and form != wanted:
        visit.learn(manners=(AS_TALK,))
    elif mended and form != wanted:
        visit.learn(rewrites=((pattern_of(form, [speaker], [_TEXT]), r"%s \g<name> \g<text>" % word),))
    elif form is None:
        visit.learn(unanswered=(word,))
    return form


def _drained(visit, guest):
    """All that has come to the guest by now."""
    _settle(visit, guest)
    found, guest.lines = guest.lines, []
    return found


def whispers(visit):
    """A direct message reaches one user, in the document's form, and is not acknowledged."""
    ann, bob, cat = _enter(visit, "ann", "bob", "cat")
    ann.say("DM %s %s" % (bob.name, _TEXT))
    came = len(ann.raw)
    first = bob.hear()
    own, others = _drained(visit, ann), _drained(visit, cat)
    own += [line for line in ann.raw[came:] if line not in own and visit.profile.acknowledgement(line)]
    lines = ([first] if first is not None else []) + _drained(visit, bob)
    form = _judge_form(visit, "LINE-DM-1", "DM", ann.name, lines)
    copies = [line for line in own if _is_copy(line, (ann.name, bob.name))]
    if form is not None or copies:
        visit.find("LINE-DM-2", not own, "", own)
        told = [line for line in own if line not in copies]
        visit.learn(acknowledgements=[pattern_of(line, [bob.name, ann.name], [_TEXT]) for line in told],
                    acknowledged=["DM"] * bool(told), copies=bool(copies))
    if form is not None:
        visit.find("LINE-DM-5", not others, "", others, hinders=True)
    else:
        visit.not_reached("LINE-DM-2", "LINE-DM-1")
        visit.not_reached("LINE-DM-5", "LINE-DM-1")


def _is_copy(line, names):
    """Whether a line is what whoever gets the message hears, or its beginning, under one of these names."""
    words = line.split()
    return len(words) > 2 and words[0] == "DM" and words[1] in names and words[2:] == _TEXT.split()[:len(words) - 2]


def letters_of_names(visit):
    """A name is told as it was given, and not in other letters."""
    for given in (str.lower, str.title):
        bob, = _enter(visit, "bob")
        visit.start_transcript()
        ann = visit.newcomer("ann")
        ann.name = given(ann.name)
        if not _log_in(ann):
            return
        ann.say("MSG " + _TEXT)
        lines = [line for line in [bob.hear()] + _drained(visit, bob) if line is not None]
        told = [found.group() for line in lines if _TEXT in line
                for found in [re.search(re.escape(ann.name), line, re.IGNORECASE)] if found]
        if not told:
            return
        case = next((case for case in CASES if told == [in_case(ann.name, case)] != [ann.name]), None)
        if case:
            visit.find("LINE-MSG-1", False, "MSG %s %s" % (ann.name, _TEXT), lines)
            visit.learn(names_case=case)
            _letters_to_one(visit, ann, bob)
            return


def _letters_to_one(visit, ann, bob):
    """Somebody's name in other letters is not his."""
    visit.start_transcript()
    other = in_case(bob.name, visit.profile.names_case).swapcase()
    answers = _answer(visit, ann, "DM %s %s" % (other, _TEXT))
    visit.find("LINE-DM-7", answers, "ERR user-not-found", answers)


def who(visit):
    """The list has a line for every user, for the one who asks, and nobody else."""
    ann, bob = _enter(visit, "ann", "bob")
    lines = _answer(visit, ann, "WHO")
    mine = [line for line in lines if ann.name in line]
    his = [line for line in lines if bob.name in line]
    wanted = {"USER " + ann.name, "USER " + bob.name}
    items = [line for line in lines if line.startswith("USER ") and line not in mine + his]  # of other people
    rest = [line for line in lines if line not in mine + his + items]
    others = _drained(visit, bob)
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
        lines = _answer(visit, ann, "WHO")
        strangers = [visit.newcomer("stranger"), visit.newcomer("another")]
        visit.listen(QUIET_SECONDS)
        more = _answer(visit, ann, "WHO")
        extra = [line for line in more if line not in lines]
        visit.find("LINE-WHO-5", len(more) <= len(lines), " / ".join(lines), more)
        visit.learn(to_members=[pattern_of(line) for line in extra])
        for stranger in strangers:
            stranger.leave()
    else:
        visit.not_reached("LINE-WHO-2", "LINE-WHO-1")
        visit.not_reached("LINE-WHO-5", "LINE-WHO-1")


def _list_in_a_line(line, one, other):
    """(pattern, separator, template) of a list that stands in one line."""
    first, second = sorted((one, other), key=line.index)
    before, rest = line.split(first, 1)
    between, after = rest.split(second, 1)
    separator = re.escape(between) if between.strip() else r"\s+"
    return "%s(?P<names>.*?)%s" % (pattern_of(before), pattern_of(after)), separator, "USER %s"


def refusals(visit):
    """What is refused is refused in the document's words, has no effect, and does not end the connection."""
    closing = []
    for ident, logged_in, request, wanted in _REFUSALS:
        visit.start_transcript()
        bob, = _enter(visit, "bob")
        guest = _enter(visit, "ann")[0] if logged_in else visit.newcomer("stranger")
        bob.lines.clear()
        nobody = visit.free_name()
        request = request.format(bob=bob.name, nobody=nobody)
        lines = _answer(visit, guest, request)
        heard = [line for line in _drained(visit, bob) if "INFO" not in line]
        visit.find(ident, lines == [wanted] and not heard, wanted, lines + heard)
        hints = _hints(lines)
        visit.learn(asides=[pattern_of(line, [bob.name, guest.name]) for line in hints])
        lines = [line for line in lines if line not in hints]
        if lines and lines != [wanted] and lines != ["OK"] and not any(line.startswith("USER ") for line in lines):
            visit.learn(answers=((wanted, tuple(
                _refusal_pattern(line, wanted, [bob.name, guest.name], request) for line in lines)),))
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
    """What a refusal says more, in lines of their own, such as which commands there are."""
    if not lines or not lines[0].startswith("ERR"):
        return []
    return [line for line in lines[1:] if not line.startswith(("ERR", "OK", "MSG", "DM", "USER", "PONG"))]


def _is_told_later(visit, name):
    """Learn whether what was said to somebody who was not there is told to him when he logs in."""
    later = visit.newcomer("later")
    later.name = name
    told = [line for line in _answer(visit, later, "LOGIN " + name) if line.startswith("DM ")]
    later.leave()
    visit.learn(replays=visit.profile.replays or bool(told))


def holders(visit):
    """A login that is refused changes nothing for whoever has the name."""
    bob, cat = _enter(visit, "bob", "cat")
    stranger = visit.newcomer("stranger")
    _answer(visit, stranger, "LOGIN " + bob.name)
    if stranger.state.name:
        return  # it was not refused
    heard = [line for line in _drained(visit, cat) if bob.name in line]
    stranger.leave()
    visit.listen(QUIET_SECONDS)
    farewells = [line for line in _drained(visit, cat) if bob.name in line]
    lines = [] if "USER" in visit.profile.unanswered else _answer(visit, cat, "WHO")
    lost = bob.closed or lines and not any(bob.name in line for line in lines)
    told = ["(%s: closed by the server)" % bob.ident] * bob.closed + heard + farewells + lines * (not bob.closed)
    visit.find("LINE-LOGIN-2", not (lost or heard), "(nothing happens to bob)", told, hinders=True)
    if farewells and not (lost or heard):
        visit.find("LINE-LEAVE-3", False, "", farewells)  # bob is still there: it was the stranger who has left


def unknown_before_login(visit):
    """Before the login an unknown word is refused for the login that is missing."""
    guest = visit.newcomer("stranger")
    lines = _answer(visit, guest, "INVALID")
    line = lines[0] if len(lines) == 1 else ""
    unknown, first = "ERR unknown-command", "ERR must-login-first"
    if not lines and not guest.closed:
        visit.find("LINE-LOGIN-13", False, first, "", hinders=True)
    is_unknown = re.match(unknown + r"\b", line) or visit.profile.accepts(unknown, line)
    if not is_unknown or visit.profile.accepts(first, line):
        return
    visit.find("LINE-LOGIN-13", False, first, line)
    visit.learn(answers=((first, (_refusal_pattern(line, unknown, [guest.name], "INVALID"),)),))


def _try_again(visit, guest):
    """After a refused login another name can be tried."""
    if guest.state.name is not None:
        return  # it was not refused
    came = len(guest.raw)
    again = _log_in(guest)
    visit.find("LINE-LOGIN-7", again, "OK", guest.raw[came:] or ["(closed by the server)"] * guest.closed)


def strikes(visit):
    """Many errors end the connection no more than one does."""
    if visit.has_failed("LINE-ERR-2") or "ERR unknown-command" in visit.profile.unanswered:
        return
    guest, = _enter(visit, "ann")
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
    """Make errors until the server closes the connection; what it says behind the last answer, if it does."""
    lines, times = [], 0
    while not guest.closed and times < _STRIKES:
        guest.say("INVALID")
        answer, times = guest.hear(ANSWER_SECONDS / 2), times + 1
        if answer is None:
            break
        visit.read_until(lambda: guest.closed, _PAUSE)
        lines = [answer] + guest.lines
        guest.lines = []
    visit.find("LINE-ERR-2", not guest.closed, "(open)", lines + ["(closed by the server, after %d errors)" % times])
    if not guest.closed:
        return []
    visit.learn(closing=["ERR .*"] + [pattern_of(line) for line in lines[:1]])
    return lines[1:]


def leaving(visit):
    """Who leaves is announced to the others, once, however he leaves; his name is free again, and not on the list."""
    bystander = _bystander(visit)
    _leave(visit)
    heard = _overheard(bystander)
    visit.learn(to_strangers=[re.sub(r"(?i)wtn[a-z]{6}", r"\\S+", pattern_of(line)) for line in heard])


def _leave(visit):
    visit.start_transcript()
    ann, bob, cat = _enter(visit, "ann", "bob", "cat")
    name = bob.name
    if not _hinders(visit, "LINE-DM-1"):
        bob.say("DM %s %s" % (ann.name, _TEXT))  # some tell the end of a private talk apart
        _drained(visit, bob)
        _drained(visit, ann)
    bob.leave()
    left = time.monotonic()
    wanted = "INFO %s disconnected" % name
    first = ann.hear(_END_SECONDS)
    took = time.monotonic() - left
    if first is not None and took > QUIET_SECONDS:
        visit.learn(end_seconds=2 * took)
    lines = ([first] if first is not None else []) + ann.hear_all(2 * _PAUSE) + _drained(visit, ann)
    told_others = [line for line in _drained(visit, cat) if name in line]
    told = [line for line in lines if name in line]
    listed = [line for line in _answer(visit, ann, "WHO") if name in line]
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
    visit.find("LINE-LOGIN-6", _log_in(again), "OK", again.raw[-1:], hinders=True)
    for guest in (ann, cat, again):
        guest.leave()


def cut_off(visit):
    """Whose connection is reset is announced in the same words."""
    ann, bob = _enter(visit, "ann", "bob")
    name = bob.name
    bob.leave("rst")
    wanted = "INFO %s disconnected" % name
    first = ann.hear()
    told = [line for line in [first] + ann.hear_all(_PAUSE) + _drained(visit, ann) if line and name in line]
    visit.find("LINE-LEAVE-1", wanted in told, wanted, told)
    if not told:
        silent = AFTER_END in visit.profile.unanswered
        visit.learn(unanswered=("INFO disconnected",) if silent else (AFTER_RESET,))
    elif wanted not in told:
        visit.learn(rewrites=((pattern_of(told[0], [name]), r"INFO \g<name> disconnected"),))


def _hinders(visit, ident):
    """Whether nothing can be judged that depends on this requirement."""
    return ident not in visit.findings or visit.findings[ident].hinders


def texts(visit):
    """A text arrives as it was sent, in one line."""
    if _hinders(visit, "LINE-MSG-1"):
        for ident in ("LINE-TEXT-1", "LINE-TEXT-6", "LINE-MSG-4", "LINE-MSG-6", "LINE-FRAME-3"):
            visit.not_reached(ident, "LINE-MSG-1")
        return
    ann, bob = _enter(visit, "ann", "bob")
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
        lines = _answer(visit, ann, "PING\r")
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
    """What the listener hears of what has been said; the speaker has been answered by then, or is closed."""
    first = listener.hear()
    lines = ([first] if first is not None else []) + _drained(visit, listener)
    _drained(visit, speaker)
    return lines + ["(%s: closed by the server)" % speaker.ident] * speaker.closed


def _still_in(visit, guest):
    """The guest, or another one where the server has closed the connection."""
    return _enter(visit, guest.ident)[0] if guest.closed else guest


def _say_in_parts(visit, guest, line, letter):
    """Send a line in two segments, cut within this letter."""
    data = (line + "\n").encode("utf-8")
    middle = data.index(letter.encode("utf-8")) + 1
    guest.write(data[:middle])
    guest.let_read()
    visit.listen(_PAUSE)
    guest.write(data[middle:])


def crowd(visit):
    """Ten and more users can be there at the same time; of several who ask for a name at once, one gets it."""
    guests = []
    for number in range(_PEOPLE):
        try:
            guest = visit.newcomer("guest%d" % number)
        except OSError:
            if not guests:
                raise  # nobody is there any more
            break
        if not _log_in(guest):
            break
        guests.append(guest)
    if len(guests) < _PEOPLE:
        visit.find("LINE-NET-2", False, "%d users" % _PEOPLE, "%d users" % len(guests), hinders=True)
    elif visit.find("LINE-NET-2", not visit.one_at_a_time):
        visit.learn(shared=True)


def _refusal_pattern(line, wanted, names, request):
    """The pattern of a refusal: the document's word and more, or other words, in which the request may stand."""
    if re.match(re.escape(wanted) + r"\W", line):
        return re.escape(wanted) + r"\W.*"
    word, *arguments = request.split() or [""]
    told = line.endswith(request) or wanted == "ERR unknown-command" and word in line
    return pattern_of(line, names + [one for one in arguments if one not in names], [request] if told else ())


def names(visit):
    """Names of letters of all scripts, of 32 characters and with signs in them are valid."""
    for name in ("wtn\u0416\u00fc\u4e16", "wtn" + "x" * 29, "wtn-d.ot_s", "wtn'o!?+"):
        visit.start_transcript()
        guest = visit.newcomer("ann")
        guest.name = name[:_LONGEST_NAME - 4] + random_word(4)
        fits = _log_in(guest)
        visit.find("LINE-LOGIN-9", fits, "OK", guest.raw[-1:])
        guest.leave()
        if not fits and len(guest.name) == _LONGEST_NAME:
            visit.learn(longest_name=_longest_name(visit))
    if not visit.has_failed("LINE-LOGIN-7"):
        return  # scenarios try many
    for name in ("wtn|%s", "wtn\x07%s", "/wtn%s"):
        visit.start_transcript()
        guest = visit.newcomer("ann")
        guest.name = name % random_word(4)
        came = len(guest.raw)
        visit.find("LINE-LOGIN-9", not _log_in(guest), "ERR invalid-username", guest.raw[came:])
        guest.leave()


def _longest_name(visit):
    """The length of a name that is accepted; 0 if none of those tried is."""
    for length in _LENGTHS:
        guest = visit.newcomer("ann")
        guest.name = "wtn" + random_word(length - 3)
        fits = _log_in(guest)
        guest.leave()
        if fits:
            return length
    return 0


def unended(visit):
    """Answers behind which there is no newline, so that what is said next stands in the same line."""
    guest = visit.newcomer("stranger")
    guest.hear_all(QUIET_SECONDS)
    if not _unfinished_answer(visit, guest, "INVALID"):
        guest, = _enter(visit, "ann")
        if not _unfinished_answer(visit, guest, "INVALID"):
            return
    for ident, logged_in, request, wanted in _REFUSALS:
        visit.start_transcript()
        bob, = _enter(visit, "bob")
        guest = _enter(visit, "ann")[0] if logged_in else visit.newcomer("stranger")
        guest.hear_all(QUIET_SECONDS)
        answer = _unfinished_answer(visit, guest, request.format(bob=bob.name, nobody=visit.free_name()))
        if answer:
            visit.find(ident, False, wanted, answer + " (without a newline)")
            visit.learn(unended=(pattern_of(answer, [bob.name]),))
        guest.leave()
        bob.leave()


def _unfinished_answer(visit, guest, request):
    """The reply to a request, without prompts, as far as it has come without a newline; empty if none has."""
    def text():
        return guest.reader.without_prompts(guest.decoder.unfinished.decode("utf-8", "replace"))
    guest.say(request)
    visit.read_until(lambda: text() or guest.closed, 2 * QUIET_SECONDS)
    visit.listen(_PAUSE)  # in which a newline comes that was written by itself
    return text()


def before_login(visit):
    """What a stranger's probe is answered, which the suite has to know."""
    guest = visit.newcomer("stranger")
    lines = _answer(visit, guest, "PING")
    if not lines:
        visit.learn(unanswered=(STRANGERS,))
    elif not set(lines) & {"PONG", "ERR must-login-first"} and lines[0] != "PONG":
        visit.learn(answers=(("ERR must-login-first", tuple(map(pattern_of, lines))),))
    if guest.closed:
        visit.learn(unanswered=(STRANGERS,), closing=map(pattern_of, lines))


def asked_again(visit):
    """Whether a server greets a stranger again behind each answer."""
    guest = visit.newcomer("stranger")
    guest.hear_all(QUIET_SECONDS)
    lines = _answer(visit, guest, "INVALID")
    again = [one for one in visit.profile.greeting if any(re.fullmatch(one, line) for line in lines)]
    if len(again) < len(lines):  # or a greeting is all that it ever says
        visit.learn(to_strangers=again)


def proof(visit):
    """How to prove that nothing comes."""
    if not _hinders(visit, "LINE-DM-1"):
        visit.learn(proof=RELAY)
    elif PROBES not in visit.profile.unanswered:
        visit.learn(proof=SELF)
    else:
        visit.learn(proof=QUIET if _hinders(visit, "LINE-MSG-1") else ROOM)


def strangers(visit):
    """Nobody is told of the end of a connection that was never logged in."""
    ann, = _enter(visit, "ann")
    visit.newcomer("stranger").leave()
    ann.lines.clear()
    heard = ann.hear_all(QUIET_SECONDS)
    visit.find("LINE-LEAVE-3", not heard, "", heard)
    visit.learn(to_members=[pattern_of(line) for line in heard])


def long_lines(visit):
    """A line of a few thousand bytes is a line like others."""
    if _hinders(visit, "LINE-MSG-1"):
        return
    ann, bob = _enter(visit, "ann", "bob")
    ann.say("MSG " + _TEXT + " " + "a" * LONG)
    first = bob.hear()
    told = [] if first is None else [first]
    fits = not ann.closed and bool(told) and _TEXT in first and first.endswith("a" * LONG)
    came = told + ann.hear_all() + ["(closed by the server)"] * ann.closed
    visit.find("LINE-FRAME-5", fits, "a text of %d letters" % (LONG + len(_TEXT) + 1),
               [shortened(line, _SHOWN) for line in came], hinders=True)


EXPERIMENTS = (greeting, pulse, login, ping, unended, strangers, segments, asked_again, before_login, beside,
               letters_of_names, joins, talk, replays, whispers, proof, who, refusals, holders, unknown_before_login,
               strikes, leaving, cut_off, texts, names, crowd, long_lines)
