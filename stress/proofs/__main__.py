"""`python -m stress.proofs NAME`: run one proof, or `all`; exits with 1 on a violation."""
import argparse
import inspect
import sys
import time

from parley.conformance.stdout import quiet_when_closed
from stress.proofs import (
    Violation,
    cluster,
    cut,
    durable,
    files,
    fuzz,
    gone,
    hour,
    kills,
    late,
    logins,
    mixed,
    names,
    order,
    returns,
    rooms,
    slow,
    soak,
    start,
    web,
)

PROOFS = {"names": names, "order": order, "kills": kills, "soak": soak, "fuzz": fuzz, "mixed": mixed, "logins": logins,
          "durable": durable, "start": start, "cut": cut, "slow": slow, "returns": returns, "hour": hour,
          "rooms": rooms, "web": web, "cluster": cluster, "late": late,
          "gone": gone, "files": files}


@quiet_when_closed()
def main(argv=None):
    """Run the proofs that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m stress.proofs", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join("%-7s %s" % (name, proof.__doc__.splitlines()[0]) for name, proof in PROOFS.items()))
    parser.add_argument("proof", choices=[*PROOFS, "all"])
    parser.add_argument("--kills", type=int, metavar="N", help="processes to kill, in the proofs that kill some")
    parser.add_argument("--failures", type=int, metavar="N", help="to make, in the proof of several nodes")
    parser.add_argument("--seed", type=int, metavar="N", help="of the choices, in the proofs that make some")
    parser.add_argument("--minutes", type=float, metavar="N", help="that a proof takes which lasts for long")
    arguments = parser.parse_args(argv)
    wanted = PROOFS if arguments.proof == "all" else [arguments.proof]
    violated = [name for name in wanted if not _holds(name, vars(arguments))]
    return 1 if violated else 0


def _holds(name, choices):
    began, proof = time.monotonic(), PROOFS[name].prove
    known = inspect.signature(proof).parameters
    chosen = {key: value for key, value in choices.items() if value is not None and key in known}
    try:
        proof(lambda text: print("%s: %s" % (name, text), flush=True), **chosen)
    except Violation as violation:
        print("%s: VIOLATION: %s" % (name, violation), flush=True)
        return False
    print("%s: holds (%.1f s)" % (name, time.monotonic() - began), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
