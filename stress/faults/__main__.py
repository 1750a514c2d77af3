"""`python -m stress.faults [ROW ...]`: inject every fault that the server promises to survive, or only some."""
import argparse
import sys

from parley.conformance.stdout import quiet_when_closed
from stress.faults import battery


@quiet_when_closed()
def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m stress.faults", description=__doc__.partition(": ")[2])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these, such as K1 or binary-7")
    parser.add_argument("-n", default="auto", metavar="N", help="test processes at once (auto: one a processor)")
    parser.add_argument("--write", metavar="FILE", help="put the table at the end of this Markdown page as well")
    options = parser.parse_args(argv)
    return battery.main(options.rows, options.n, options.write)


if __name__ == "__main__":
    sys.exit(main())
