"""A failed step, and its report: a transcript, the lines that differ, the requirements, how to run it again."""
import os

from parley.conformance.message import Message, hex_dump, in_short
from parley.conformance.transcript import shortened, visible

_WIDTH = 150
_STDERR_LINES = 20
MOST_GOT = 50  # messages kept of those that came; a server may say the same without end


class StepFailed(Exception):
    """A step has not been met.

    actor: the ident of the actor, or None. what: a short description of the expectation. `wanted` and `got` are the
    lines that differ, `dumps` lines that show bytes.
    """

    def __init__(self, step, actor, what, wanted, got, dumps=()):
        got = got[:MOST_GOT]
        super().__init__("%s: wanted %s, got %s" % (what, wanted, got))
        self.dumps = list(dumps)
        self.step = step
        self.actor = actor
        self.lines = None  # how many of the transcript's lines came before
        self.played = None  # how many steps of the run came before, if it went on
        self.hides = set()  # requirements for which what comes later in the run is no evidence
        self.lacks = set()  # requirements of what the server says that it has not
        self.is_beside_stranger = False  # somebody else is connected, and not logged in
        self.is_done_again = False  # in the same run, on another connection
        self.lacks_proof = False  # that nothing comes: a marker of the suite has not come back
        self.messages = [one for one in got if isinstance(one, Message)]
        self.came = got[0] if got else ""  # the first of `got`, as a message where it is one
        self.what = what
        self.wanted = wanted
        self.got = [str(one) for one in got]
        self.dumps += ["+ hex: " + hex_dump(one.raw) for one in got if isinstance(one, Message) and one.raw]


def format_failure(failed, run, requirements, rerun_command):
    """The report as text.

    failed: a `StepFailed`. run: the `runner.Run`. requirements: {id: requirement}. rerun_command: the shell
    command that repeats the run.
    """
    scenario, step = run.scenario, failed.step
    cited = [requirements[ident] for ident in step.req if ident in requirements]
    head = ", ".join("%s (%s)" % (one.ident, one.level) for one in cited) or "no requirement named"
    lines = ["%s[%s]   %s   %s" % (scenario.name, run.variant, head, step.location)]
    lines.append(run.transcript.render(scenario.actors))
    lines.append("  %s, step at line %d: %s" % (failed.actor or "server", step.location.line, failed.what))
    lines += _difference(failed)
    lines += _unread(run, failed)
    lines += ['  "%s"  %s' % (one.says.strip(), one.source) for one in cited]
    lines += ["  our reading of %s: %s" % pair for pair in scenario.reading if pair[0] in step.req]
    lines += ["  again: " + rerun_command] + _server_errors(run.fixture.target)
    return "\n".join(lines)


def evidence(failed, run):
    """The transcript up to the failure, without the suite's own traffic, and the lines that differ."""
    codec = run.actors[failed.actor].codec if failed.actor in run.actors else None
    shown = {str(one): in_short(one, codec) for one in failed.messages}
    who = "  %s, line %d of %s" % (failed.actor or "server", failed.step.location.line, run.scenario.name)
    until = len(run.transcript.lines) if failed.lines is None else failed.lines
    told = run.transcript.render(run.scenario.actors, until, with_own=False)
    return "\n".join([told, who] + _difference(failed, shown))


def _difference(failed, shown=None):
    """Lines of what was wanted and what came; shown: {a text of what came: its short form}."""
    wanted = [("- ", one) for one in failed.wanted]
    got = [("+ ", (shown or {}).get(one, one)) for one in failed.got]
    return (["  " + sign + shortened(visible(text), _WIDTH) for sign, text in wanted + got] +
            ["  " + line for line in failed.dumps])


def _unread(run, failed):
    return ["  unread by %s: %s" % (actor.ident, shortened(visible(str(message)), _WIDTH))
            for actor in run.actors.values() if actor.ident != failed.actor for message in actor.inbox]


def _server_errors(target):
    """The last lines of the server's standard error, if it has ended or printed a traceback."""
    text = target.stderr_text().rstrip()
    if target.exit_code is not None:
        text = "(the server exited with code %s)\n%s" % (target.exit_code, text)
    elif "Traceback" not in text:
        return []
    return ["  server: " + line for line in text.split("\n")[-_STDERR_LINES:]] if text else []


def save(text, directory, name):
    """Write the report to `directory`/`name`.txt; Git ignores the directory."""
    os.makedirs(directory, exist_ok=True)
    ignore = os.path.join(directory, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="utf-8") as file:
            file.write("*\n")
    with open(os.path.join(directory, name + ".txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
