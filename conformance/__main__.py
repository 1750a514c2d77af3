"""`parley-conformance [COMMAND]`, in a checkout `python -m conformance`: runs the scenarios, or COMMAND.

Without a command it takes the options of the suite and of pytest: `--target line=HOST:PORT` tests the server there.
"""
import argparse
import json
import sys

from parley import __version__
from parley.called import called
from parley.conformance import coverage, report, requirements, verdict
from parley.conformance.standalone import run
from parley.conformance.stdout import quiet_when_closed
from parley.conformance.yamlnodes import FileErrors

_DESCRIPTION = "Tests a chat server, ours or anybody's, against the documents of its protocols."
_OPTIONS = """without a command the scenarios are run, with these options and those of pytest:
  --target PROTOCOL=HOST:PORT      test the server at this address; without it, ours is started. A first run:
                                   parley-conformance --target line=localhost:4000
  --idle-limit PROTOCOL=SECONDS    the idle limit of the target; without it the idle scenarios are skipped
  --server-command=COMMAND         start this instead of our server; it must have the same options and output
  --workers N                      worker processes of our server (2)
  --req ID                         only scenarios with this requirement
  --all-levels                     a broken requirement of any level fails the run, not only of level `must`
  --table                          print the whole table of requirements
  --report FILE                    write the table of requirements to a Markdown file
  --json FILE                      write the verdicts to a JSON file; --junitxml FILE is pytest's
  --time-scale N                   multiply every time limit, for slow machines
  -n N, -k TEXT, -x, ...           pytest's: N processes, scenarios with this in their names, stop at the first failure
  scenarios/PROTOCOL/NAME.scenario.yaml  only that one"""
COMMANDS = ("coverage", "diff", "badge")
_OWN_OPTIONS = ("-h", "--help", "--version")  # not pytest's


@quiet_when_closed()
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in COMMANDS + _OWN_OPTIONS:
        return run(argv)
    return _run_command(argv)


def _run_command(argv):
    parser = argparse.ArgumentParser(
        prog=called("parley-conformance"), usage="%(prog)s [COMMAND | OPTION ...]", description=_DESCRIPTION,
        epilog=_OPTIONS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version="parley-conformance " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog=called("parley-conformance"))
    command = commands.add_parser(
        "coverage", help="check that each statement has a requirement, and each requirement a scenario")
    command.add_argument("--list", action="store_true", help="also print each requirement with its scenarios")
    command = commands.add_parser("diff", help="say in what two files of --json differ; exit code 1 if a requirement "
                                  "is broken that was not")
    command.add_argument("old", metavar="OLD.json")
    command.add_argument("new", metavar="NEW.json")
    command = commands.add_parser("badge", help="print the text of a badge for each protocol in a file of --json")
    command.add_argument("file", metavar="FILE.json")
    options = parser.parse_args(argv)
    try:
        if options.command == "diff":
            return _compare(_read(options.old), _read(options.new))
        if options.command == "badge":
            for protocol, found in _read(options.file).items():
                print("%s: %s" % (protocol, found["badge"]))
            return 0
        return max(_cover(protocol, options.list) for protocol in requirements.protocols())
    except FileErrors as errors:
        print(errors)
        return 1
    except _Unreadable as error:
        print(error, file=sys.stderr)
    except (KeyError, TypeError, AttributeError):
        print("not a file that --json has written", file=sys.stderr)
    return 4  # a mistake on the command line, as in pytest


class _Unreadable(Exception):
    """This file has no report; the text says why."""


def _read(path):
    """The report in a file of `--json`: {protocol: `verdict.as_json`}."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise _Unreadable("%s: %s" % (path, error.strerror)) from None
    except ValueError:
        raise _Unreadable("%s: not a file that --json has written" % path) from None


def _compare(old, new):
    """Print in what two reports differ; returns 1 if a requirement is broken that was not."""
    changes = list(verdict.changes(old, new))
    for change in changes:
        print("%s (%s): %s, was %s" % (change.ident, change.level, change.new, change.old))
    if not changes:
        print("no verdict has changed")
    return int(any(change.new == report.FAIL for change in changes))


def _cover(protocol, with_list):
    """Print a protocol's coverage and its gaps; returns the exit code, 1 if there are any."""
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
