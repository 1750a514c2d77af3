"""`python -m bench`: what our server costs, and what others cost for the same work, side by side.

`python -m bench grow`: how that grows with members, workers, and those who talk.
"""
import argparse
import os
import platform
import resource
import sys
import time

from bench import grow
from bench.crowd import crowd
from bench.lobby import LOADS
from bench.series import FULL, QUICK, Series, chosen_servers
from bench.servers import KNOWN
from parley.conformance.stdout import quiet_when_closed
from stress.usage import busy_seconds

DESCRIPTORS = 16000  # for the largest loads
PROCESSES = max(2, min(8, os.cpu_count()))  # of the load


@quiet_when_closed()
def main(argv=None):
    """Measure what was asked for; the exit code."""
    arguments = _parsed(argv)
    if not sys.platform.startswith("linux"):
        print("bench: it counts CPU and memory by /proc, so it needs Linux", file=sys.stderr)
        return 2
    _raise_limit()
    os.makedirs(arguments.plots, exist_ok=True)
    began, busy = time.monotonic(), busy_seconds() - _own_seconds()
    with crowd(PROCESSES) as everybody:
        code = (_grow if arguments.what == "grow" else _compare)(arguments, everybody)
    took = time.monotonic() - began
    print("\n%.0f s; everything else on this machine used %.2f of its %d cores meanwhile." % (
        took, max(0.0, busy_seconds() - _own_seconds() - busy) / took, os.cpu_count()))
    return code


def _parsed(argv):
    parser = argparse.ArgumentParser(
        prog="python -m bench", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("what", nargs="?", choices=["compare", "grow"], default="compare")
    parser.add_argument("--quick", action="store_true", help="a look, in less than a minute, at fewer rows")
    parser.add_argument("--plots", metavar="DIRECTORY", default="build", help="where the SVGs go (%(default)s)")
    names = [server.name for server in KNOWN]
    parser.add_argument("--servers", metavar="NAME", nargs="+", choices=names, help="only these: %s" % ", ".join(names))
    parser.add_argument("--loads", metavar="NAME", nargs="+", choices=[load.name for load in LOADS],
                        help="only these loads, and nothing else: %s" % ", ".join(load.name for load in LOADS))
    return parser.parse_args(argv)


def _raise_limit():
    """Of open files, here and in all that is started from here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS
    if not enough:
        print("bench: the largest loads will fail: `ulimit -Hn` is %d, they need %d" % (hard, DESCRIPTORS),
              file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS if enough else hard, hard))


def _compare(arguments, everybody):
    extent = QUICK if arguments.quick else FULL
    if arguments.loads:
        extent = extent._replace(loads=arguments.loads, idle=0, present=(), five=False)
    servers, absent = chosen_servers(arguments.servers)
    series = Series(everybody, extent, servers, _say)
    series.run()
    _print_head()
    for name in absent:
        print("%s is not installed, so it is left out." % name)
    for line in series.report():
        print(line)
    plot = series.plot()
    if plot:
        _write(arguments.plots, "compare", plot)
    if not series.all_heard_all:
        print("\nSomething was lost, doubled or reordered by our server.")
        return 1
    return 0


def _grow(arguments, everybody):
    found, failures = grow.grow(everybody, _say)
    _print_head()
    for line in grow.report(found):
        print(line)
    for failure in failures:
        print("- not measured: %s" % failure)
    for what, plot in grow.plots(found):
        _write(arguments.plots, "grow-%s" % what, plot)
    return 0


def _print_head():
    print("Python %s, Linux %s, %d cores, load from %d processes" % (
        platform.python_version(), platform.release(), os.cpu_count(), PROCESSES))


def _write(directory, name, plot):
    path = os.path.join(directory, name + ".svg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(plot)
    print("\n%s" % path)


def _say(text):
    print("bench: %s" % text, file=sys.stderr, flush=True)


def _own_seconds():
    """CPU time of this process and of those it has started and that have ended."""
    return sum(usage.ru_utime + usage.ru_stime
               for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
