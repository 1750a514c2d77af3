"""How a failed scenario reads: one column an actor, the lines that differ, the requirement, how to run it again."""
import os

from parley.conformance.transcript import shortened, visible

_WIDTH = 150
_STDERR_LINES = 20


def told(failed, run, requirements, again):
    """The whole story of a failure as text. `again` is the command that repeats it."""
    scenario, step = run.scenario, failed.step
    cited = [requirements[ident] for ident in step.req if ident in requirements]
    head = ", ".join("%s (%s)" % (one.ident, one.level) for one in cited) or "no requirement named"
    lines = ["%s[%s]   %s   %s" % (scenario.name, run.variant, head, step.place), run.transcript.drawn(scenario.actors)]
    lines += ["  %s, step at line %d: %s" % (failed.actor or "server", step.place.line, failed.what)]
    lines += _difference(failed)
    lines += _unread(run, failed)
    lines += ['  "%s"  %s' % (one.says.strip(), one.found_in) for one in cited]
    lines += ["  our reading of %s: %s" % pair for pair in scenario.reading if pair[0] in step.req]
    lines += ["  again: " + again] + _last_words(run.house.target)
    return "\n".join(lines)


def _difference(failed):
    wanted = [("- ", one) for one in failed.wanted]
    got = [("+ ", one) for one in failed.got]
    return (["  " + sign + shortened(visible(text), _WIDTH) for sign, text in wanted + got] +
            ["  " + line for line in failed.dumps])


def _unread(run, failed):
    return ["  unread by %s: %s" % (actor.ident, shortened(visible(str(message)), _WIDTH))
            for actor in run.actors.values() if actor.ident != failed.actor for message in actor.inbox]


def _last_words(target):
    """The end of what the server wrote to its standard error, when it is dead or had a bug."""
    text = target.stderr_text().rstrip()
    if target.exit_code is not None:
        text = "(the server ended with exit code %s)\n%s" % (target.exit_code, text)
    elif "Traceback" not in text:
        return []
    return ["  server: " + line for line in text.split("\n")[-_STDERR_LINES:]] if text else []


def keep(text, directory, name):
    """Write the story to a file of its own; the directory ignores itself in git."""
    os.makedirs(directory, exist_ok=True)
    ignore = os.path.join(directory, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="utf-8") as file:
            file.write("*\n")
    with open(os.path.join(directory, name + ".txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
