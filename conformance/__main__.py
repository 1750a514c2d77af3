"""`python -m conformance COMMAND`: what can be asked of the suite beside playing its scenarios."""
import argparse
import sys

from parley.conformance import coverage, report, requirements
from parley.conformance.stdout import quiet_when_closed
from parley.conformance.yamlnodes import FileFaults


@quiet_when_closed()
def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    command = commands.add_parser("coverage", help="check statements, requirements and scenarios against each other")
    command.add_argument("--list", action="store_true", help="print each requirement with its scenarios as well")
    command = commands.add_parser("faults", help="inject every fault that the server promises to survive")
    command.add_argument("rows", nargs="*", metavar="ROW", help="only these, such as K1 or binary-7")
    command.add_argument("-n", default="auto", metavar="N", help="test processes at once (auto: one a processor)")
    command.add_argument("--write", metavar="FILE", help="put the table at the end of this Markdown page as well")
    options = parser.parse_args(argv)
    if options.command == "faults":
        from parley.conformance.faults import battery  # it needs pytest, the other commands do not
        return battery.main(options.rows, options.n, options.write)
    if options.command != "coverage":
        parser.error("what shall I do? There are: coverage, faults")
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
