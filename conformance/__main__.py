"""`parley-conformance [COMMAND]`, in a checkout `python -m conformance`: plays the scenarios, or does what COMMAND is.

Without a command the options are those of the suite and of pytest: `--target line=HOST:PORT` grades the server there.
"""
import argparse
import sys

from parley import __version__
from parley.called import called
from parley.conformance import coverage, report, requirements
from parley.conformance.playing import play
from parley.conformance.stdout import quiet_when_closed
from parley.conformance.yamlnodes import FileFaults

_DOES = "Grades a chat server, ours or anybody's, by the documents of its protocols."
_OPTIONS = """without a command the scenarios are played, with these options and those of pytest:
  --target PROTOCOL=HOST:PORT      grade the server at this address; without it, ours is started
  --idle-limit PROTOCOL=SECONDS    the idle limit of the target; without it the idle scenarios are skipped
  --server-command=COMMAND         start this instead of ours; same options, same lines on its output
  --workers N                      worker processes of our server (2)
  --req ID                         only scenarios with this requirement
  --all-levels                     let every level fail, not only `must`
  --report FILE                    write the table of requirements to a Markdown file
  --time-scale N                   multiply every time limit, for slow machines
  -n N, -k TEXT, -x, ...           pytest's: N processes, scenarios with this in their names, stop at the first failure
  scenarios/PROTOCOL/NAME.scenario.yaml  only that one"""
COMMANDS = ("coverage",)
_ASK_US = ("-h", "--help", "--version")


@quiet_when_closed()
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in COMMANDS + _ASK_US:
        return play(argv)
    return _ask(argv)


def _ask(argv):
    parser = argparse.ArgumentParser(
        prog=called("parley-conformance"), usage="%(prog)s [COMMAND | OPTION ...]", description=_DOES, epilog=_OPTIONS,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version="parley-conformance " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog=called("parley-conformance"))
    command = commands.add_parser("coverage", help="check statements, requirements and scenarios against each other")
    command.add_argument("--list", action="store_true", help="print each requirement with its scenarios as well")
    options = parser.parse_args(argv)
    try:
        return max(_cover(protocol, options.list) for protocol in requirements.protocols())
    except FileFaults as faults:
        print(faults)
        return 1


def _cover(protocol, with_list):
    """Print what is there and what is missing; the exit code."""
    found = coverage.of_protocol(protocol)
    normative = [one for one in found.statements if one.kind != coverage.NOT_NORMATIVE]
    scenarios = {name for names in found.scenarios.values() for name in names}
    print("%s: %d statements, %d of them normative; %d requirements; %d scenarios with evidence" % (
        protocol, len(found.statements), len(normative), len(found.requirements), len(scenarios)))
    if with_list:
        rows = [[one.ident, one.level, one.says,
                 ", ".join(found.scenarios[one.ident]) or "untestable: %s" % one.untestable]
                for one in found.requirements.values()]
        print("\n".join(report.markdown([["requirement", "level", "what it asks", "scenarios"]] + rows)))
    gaps = coverage.gaps(found)
    for gap in gaps:
        print("gap: " + gap)
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
