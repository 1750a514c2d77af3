"""`python -m bench.proofs NAME`: run one proof, or `all`; exits with 1 on a violation."""
import argparse
import sys
import time

from bench.proofs import Violation, fuzz, kills, logins, mixed, names, order, soak

PROOFS = {
    "names": names, "order": order, "kills": kills, "soak": soak, "fuzz": fuzz, "mixed": mixed, "logins": logins}


def main(argv=None):
    """Run what was asked for; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.proofs", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join("%-6s %s" % (name, proof.__doc__.splitlines()[0]) for name, proof in PROOFS.items()))
    parser.add_argument("proof", choices=[*PROOFS, "all"])
    wanted = parser.parse_args(argv).proof
    violated = [name for name in (PROOFS if wanted == "all" else [wanted]) if not _holds(name)]
    return 1 if violated else 0


def _holds(name):
    began = time.monotonic()
    try:
        PROOFS[name].prove(lambda text: print("%s: %s" % (name, text), flush=True))
    except Violation as violation:
        print("%s: VIOLATION: %s" % (name, violation), flush=True)
        return False
    print("%s: holds (%.1f s)" % (name, time.monotonic() - began), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
