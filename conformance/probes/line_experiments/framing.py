"""Where messages of `line` begin and end: segments, long lines, and answers without a newline."""
from parley.conformance.acquaintance import ANSWER_SECONDS, QUIET_SECONDS
from parley.conformance.barrier import PROBES
from parley.conformance.probes.line_experiments.guests import PAUSE, TEXT, answers_to, enter, hinders
from parley.conformance.probes.line_experiments.refusals import REFUSALS
from parley.conformance.profile import pattern_of
from parley.conformance.transcript import shortened

_SHOWN = 40  # characters of a long line in a finding
LONG = 8000  # bytes in the longest text of a scenario


def ping(visit):
    """`PONG` answers `PING`."""
    guest, = enter(visit, "ann")
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
    if PROBES in visit.profile.unanswered and not answers_to(visit, enter(visit, "ann")[0], "WHO"):
        return _segments_of_talk(visit)
    word, answers = ("PING", "PONG") if PROBES not in visit.profile.unanswered else ("WHO", "USER ")
    guest, = enter(visit, "ann")
    data = (word + "\n").encode()
    guest.write(data + data)
    lines = [line for line in (guest.hear(), guest.hear(ANSWER_SECONDS / 2)) if line is not None]
    two = len(lines) >= 2 and all(line.startswith(answers) for line in lines)
    visit.find("LINE-FRAME-2", two, "%s / %s" % (answers, answers), lines, hinders=True)
    visit.start_transcript()
    guest, = enter(visit, "bob")
    guest.write(data[:2])
    guest.let_read()
    visit.listen(PAUSE)
    guest.write(data[2:])
    lines = [line for line in [guest.hear()] + guest.hear_all(PAUSE) if line is not None]
    one = bool(lines) and all(line.startswith(answers) for line in lines)
    visit.find("LINE-FRAME-1", one, answers, lines, hinders=True)
    if not (two and one):
        visit.learn(pause=PAUSE)
        return
    _segments_of_a_login(visit, word, answers)


def _segments_of_a_login(visit, word, answers):
    """The same before the login."""
    visit.start_transcript()
    guest = visit.newcomer("cat")
    guest.write(("LOGIN %s\n%s\n" % (guest.name, word)).encode())
    lines = [line for line in (guest.hear(), guest.hear(ANSWER_SECONDS / 2)) if line is not None]
    both = lines[:1] == ["OK"] and any(line.startswith(answers) for line in lines[1:] + guest.hear_all(PAUSE))
    visit.find("LINE-FRAME-2", both, "OK / " + answers, lines, hinders=True)
    visit.start_transcript()
    guest = visit.newcomer("dan")
    guest.write(b"LO")
    guest.let_read()
    visit.listen(PAUSE)
    guest.write(b"GIN %s\n" % guest.name.encode())
    line = guest.hear()
    visit.find("LINE-FRAME-1", line == "OK", "OK", line or "", hinders=True)
    if not both or line != "OK":
        visit.learn(pause=PAUSE)


def _segments_of_talk(visit):
    """The same where neither PING nor WHO is answered: one guest talks, and another one listens."""
    ann, bob = enter(visit, "ann", "bob")
    speaker = ann.name
    ann.write(b"MSG wtm first\nMSG wtm other\n")
    lines = [line for line in (bob.hear(), bob.hear(ANSWER_SECONDS / 2)) if line is not None]
    if not lines:
        return
    two = len(lines) == 2 and lines[0].replace("first", "other") == lines[1]
    visit.find("LINE-FRAME-2", two, "two messages", lines, hinders=True)
    visit.start_transcript()
    ann, bob = enter(visit, "ann", "bob")
    ann.write(b"MSG wtm ")
    ann.let_read()
    visit.listen(PAUSE)
    ann.write(b"first\n")
    heard = [line for line in [bob.hear()] + bob.hear_all(PAUSE) if line is not None]
    one = len(heard) == 1 and heard[0].replace(ann.name, speaker) == lines[0]
    visit.find("LINE-FRAME-1", one, "one message", heard, hinders=True)
    if not (two and one):
        visit.learn(pause=PAUSE)


def unended(visit):
    """Which answers have no newline at their end, so that what follows is on the same line."""
    guest = visit.newcomer("stranger")
    guest.hear_all(QUIET_SECONDS)
    if not _unfinished_answer(visit, guest, "INVALID"):
        guest, = enter(visit, "ann")
        if not _unfinished_answer(visit, guest, "INVALID"):
            return
    for ident, logged_in, request, wanted in REFUSALS:
        visit.start_transcript()
        bob, = enter(visit, "bob")
        guest = enter(visit, "ann")[0] if logged_in else visit.newcomer("stranger")
        guest.hear_all(QUIET_SECONDS)
        answer = _unfinished_answer(visit, guest, request.format(bob=bob.name, nobody=visit.free_name()))
        if answer:
            visit.find(ident, False, wanted, answer + " (without a newline)")
            visit.learn(unended=(pattern_of(answer, [bob.name]),))
        guest.leave()
        bob.leave()


def _unfinished_answer(visit, guest, request):
    """What the server has sent after its last newline, once it replies to a request; without prompts."""
    def text():
        return guest.reader.without_prompts(guest.decoder.unfinished.decode("utf-8", "replace"))
    guest.say(request)
    visit.read_until(lambda: text() or guest.closed, 2 * QUIET_SECONDS)
    visit.listen(PAUSE)  # the newline may come in a segment of its own
    return text()


def long_lines(visit):
    """A line of 8000 bytes is handled like any other."""
    if hinders(visit, "LINE-MSG-1"):
        return
    ann, bob = enter(visit, "ann", "bob")
    ann.say("MSG " + TEXT + " " + "a" * LONG)
    first = bob.hear()
    told = [] if first is None else [first]
    fits = not ann.closed and bool(told) and TEXT in first and first.endswith("a" * LONG)
    came = told + ann.hear_all() + ["(closed by the server)"] * ann.closed
    visit.find("LINE-FRAME-5", fits, "a text of %d letters" % (LONG + len(TEXT) + 1),
               [shortened(line, _SHOWN) for line in came], hinders=True)
