"""`python -m bench`: what our server costs, and what others cost for the same work, side by side."""
import argparse
import os
import platform
import resource
import statistics
import sys
import time

from bench import grow, lobby, nodes, pairs, plans, rooms
from bench.compiled import NoCompiler
from bench.crowd import crowd
from bench.series import FULL, QUICK, Series, chosen_servers
from bench.servers import IN_PAIRS, KNOWN, WORKERS
from parley.conformance import engine
from parley.conformance.stdout import quiet_when_closed
from stress.usage import busy_seconds

DESCRIPTORS = 16000  # for the largest loads
PROCESSES = max(2, min(8, os.cpu_count()))  # that generate the load of the lobby


@quiet_when_closed()
def main(argv=None):
    """Measure what was asked for; the exit code."""
    arguments = _parsed(sys.argv[1:] if argv is None else argv)
    if not sys.platform.startswith("linux"):
        print("bench: it counts CPU and memory by /proc, so it needs Linux", file=sys.stderr)
        return 2
    _raise_limit()
    began, busy = time.monotonic(), busy_seconds() - _own_seconds()
    try:
        code = arguments.measure(arguments)
    except NoCompiler as error:
        print("bench: %s" % error, file=sys.stderr)
        return 2
    took = time.monotonic() - began
    print("\n%.0f s; everything else on this machine used %.2f of its %d cores meanwhile." % (
        took, max(0.0, busy_seconds() - _own_seconds() - busy) / took, os.cpu_count()))
    return code


def _parsed(argv):
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    things = parser.add_subparsers(metavar="WHAT", help="if none is named, it is the first:")
    _add_compare(things.add_parser("compare", help="the lobby, on our server and on others"))
    _add_grow(things.add_parser("grow", help="how the cost of a delivery grows with members, workers and speakers"))
    _add_rooms(things.add_parser("rooms", help="many rooms, on our server and on others"))
    _add_pairs(things.add_parser("pairs", help="the CPU that one server needs, of another's, measured in turn"))
    _add_nodes(things.add_parser("nodes", help="two nodes of one chat beside a server alone, and what Redis needs"))
    is_named = argv and (argv[0] in things.choices or argv[0] in ("-h", "--help"))
    return parser.parse_args(argv if is_named else ["compare", *argv])


def _add_compare(parser):
    servers, loads = [server.name for server in KNOWN], [load.name for load in lobby.LOADS]
    parser.add_argument("--quick", action="store_true", help="a look, in less than a minute, at fewer rows")
    parser.add_argument("--servers", metavar="NAME", nargs="+", choices=servers,
                        help="only these: %s" % ", ".join(servers))
    parser.add_argument("--loads", metavar="NAME", nargs="+", choices=loads,
                        help="only these loads, and nothing else: %s" % ", ".join(loads))
    _add_plots(parser)
    parser.set_defaults(measure=_compare)


def _add_grow(parser):
    _add_plots(parser)
    parser.set_defaults(measure=_grow)


def _add_plots(parser):
    parser.add_argument("--plots", metavar="DIRECTORY", default="build", help="where the SVGs go (%(default)s)")


def _add_rooms(parser):
    loads = [load.name for load in plans.LOADS]
    parser.add_argument("--loads", metavar="NAME", nargs="+", choices=loads, default=loads,
                        help="only these: %s" % ", ".join(loads))
    parser.add_argument("--peers", metavar="NAME", nargs="*", choices=rooms.PEERS, default=rooms.PEERS,
                        help="only these beside ours, or none: %s" % ", ".join(rooms.PEERS))
    parser.add_argument("--target", metavar="DIRECTORY", help="another checkout of this project, to be compared too")
    parser.add_argument("--workers", metavar="COUNT", type=int, default=WORKERS,
                        help="of ours and of the prototype (%(default)s)")
    parser.add_argument("--repetitions", metavar="COUNT", type=int, default=3, help="of all (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2, help="of each phase (%(default)s)")
    _add_plots(parser)
    parser.set_defaults(measure=_compare_rooms)


def _add_pairs(parser):
    names, loads = [server.name for server in IN_PAIRS], [load.name for load in lobby.LOADS]
    parser.add_argument("servers", metavar="NAME", nargs=2, choices=names, help="two of these: %s" % ", ".join(names))
    parser.add_argument("--loads", metavar="NAME", nargs="+", choices=loads, default=["b", "c"],
                        help="of these (%%(default)s): %s" % ", ".join(loads))
    parser.add_argument("--pairs", metavar="COUNT", type=int, default=9, help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each talk (%(default)s)")
    parser.add_argument("--most", metavar="RATIO", type=float, help="exit with 1 if the median of all is above it")
    parser.set_defaults(measure=_compare_pairs)


def _add_nodes(parser):
    parser.add_argument("--repetitions", metavar="COUNT", type=int, default=3, help="of all (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of each talk (%(default)s)")
    parser.set_defaults(measure=_compare_nodes)


def _raise_limit():
    """Raise the limit of open files, for this process and all that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS
    if not enough:
        print("bench: the largest loads will fail: `ulimit -Hn` is %d, they need %d" % (hard, DESCRIPTORS),
              file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS if enough else hard, hard))


def _compare(arguments):
    extent = QUICK if arguments.quick else FULL
    if arguments.loads:
        extent = extent._replace(loads=arguments.loads, idle=0, present=(), five=False)
    servers, absent = chosen_servers(arguments.servers)
    with crowd(PROCESSES) as everybody:
        series = Series(everybody, extent, servers, _say)
        series.run()
    _print_head("%d processes" % PROCESSES, absent)
    _print_lines(series.report())
    plot = series.plot()
    if plot:
        _write(arguments.plots, "compare", plot)
    return _judged(series.all_heard_all)


def _grow(arguments):
    with crowd(PROCESSES) as everybody:
        found, failures = grow.grow(everybody, _say)
    _print_head("%d processes" % PROCESSES)
    _print_lines(grow.report(found))
    _print_lines("- not measured: %s" % failure for failure in failures)
    for what, plot in grow.plots(found):
        _write(arguments.plots, "grow-%s" % what, plot)
    return 0


def _compare_rooms(arguments):
    loads = [load for load in plans.LOADS if load.name in arguments.loads]
    servers, absent = rooms.servers(arguments.workers, arguments.target, arguments.peers)
    found, failures = rooms.compare(servers, loads, arguments.repetitions, arguments.seconds, _say)
    _print_head("a process in C", absent)
    _print_lines(["", *rooms.report(found, loads, servers), ""])
    _print_lines("- not measured: %s" % failure for failure in failures)
    for what, plot in rooms.plots(found, loads, servers) if any(found.values()) else ():
        _write(arguments.plots, "rooms-%s" % what, plot)
    return _judged(rooms.all_heard_all(found))


def _compare_pairs(arguments):
    first, second = (server for name in arguments.servers for server in IN_PAIRS if server.name == name)
    loads = [load for load in lobby.LOADS if load.name in arguments.loads]
    with crowd(PROCESSES) as everybody:
        ratios, failures = pairs.compare(everybody, first, second, loads, arguments.pairs, arguments.seconds, _say)
    _print_head("%d processes" % PROCESSES)
    _print_lines(["", *pairs.report(ratios, first, second), ""])
    _print_lines("- not measured: %s" % failure for failure in failures)
    most = arguments.most
    return 1 if failures or most is not None and statistics.median(pairs.overall(ratios)) > most else 0


def _compare_nodes(arguments):
    if not engine.PROGRAMS:
        print("bench: %s" % engine.MISSING, file=sys.stderr)
        return 2
    with crowd(PROCESSES) as everybody:
        found, failures = nodes.compare(everybody, arguments.repetitions, arguments.seconds, _say)
    of_engine = nodes.measure_engine(arguments.seconds, _say)
    _print_head("%d processes" % PROCESSES)
    _print_lines(["", *nodes.report(found), "", *nodes.report_engine(of_engine), ""])
    _print_lines("- not measured: %s" % failure for failure in failures)
    return _judged(nodes.all_heard_all(found))


def _judged(all_heard_all):
    """The exit code."""
    if not all_heard_all:
        print("\nSomething was lost, doubled or reordered by our server.")
    return 0 if all_heard_all else 1


def _print_head(load, absent=()):
    print("Python %s, Linux %s, %d cores, load from %s" % (
        platform.python_version(), platform.release(), os.cpu_count(), load))
    _print_lines("%s is not installed, so it is left out." % name for name in absent)


def _print_lines(lines):
    for line in lines:
        print(line)


def _write(directory, name, plot):
    os.makedirs(directory, exist_ok=True)
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
