"""What a running server does (status), and what is said in the lobby (log)."""
import collections
import json
import sys
import time

from parley.server.commands.printing import format_time, print_line, table
from parley.server.commands.reaching import Failure, asked, no_server, reading, settings_of, socket_of
from parley.server.storage.pages import MOST_MESSAGES
from parley.server.supervisor.control import NoServer, ask

POLL_INTERVAL = 0.2  # seconds, while a log is followed


def show(arguments):
    try:
        status = ask(socket_of(arguments), "status")
    except NoServer as error:
        raise no_server(arguments, error) from None
    print(json.dumps(status, indent=2) if arguments.json else "\n".join(status_lines(status)))


def status_lines(status):
    """The lines that show a status, the answer to the request of that name, to people."""
    workers = status["workers"]
    protocols = sorted({name for worker in workers.values() for name in worker["report"].get("connections", ())})
    yield "%d names in use, %d accounts, %d rooms, %d workers" % (
        status["names"], status["accounts"], status["rooms"], len(workers))
    yield "journal: %(waiting)d requests wait, %(bytes)d bytes, last answer %(seconds).1f s ago" % status["journal"] + (
        "; nothing can be stored" if status["journal"]["failing"] else "")
    if "cluster" in status:
        yield from _cluster_lines(status["cluster"])
    yield from _worker_lines(workers, protocols)
    totals = status["totals"]
    if "web" in [protocol for protocol, _ in status["serving"]]:
        yield "HTTP: %d connections open, %d requests answered" % (
            sum(worker["report"].get("visitors", 0) for worker in workers.values()),
            sum(sum(answers.values()) for answers in totals.get("requests", {}).values()))
    files = status.get("files", {})
    counters = files.get("counters", {})
    if "files" in files:  # and their index can be read
        yield "files: %d, %d bytes used or reserved; %d uploads in progress, %d bytes received" % (
            sum(files["files"].values()), files["bytes"], files["uploads"], counters["received"])
    ended = collections.Counter()
    for reasons in totals.get("ended", {}).values():
        ended.update(reasons)
    for title, counts in (("connections ended", ended), ("commands refused", totals.get("refused", {})),
                          ("files refused", counters.get("refused", {})),
                          ("files removed", counters.get("removed", {})),
                          ("workers replaced", status["restarts"])):
        told = ["%s %d" % pair for pair in collections.Counter(counts).most_common() if pair[1]]
        if told:
            yield "%s: %s" % (title, ", ".join(told))


def _worker_lines(workers, protocols):
    """The lines of the table of workers, with the connections of each protocol."""
    rows = [["worker", "pid", *protocols, "messages", "a second", "deliveries", "queued", "behind", "held"]]
    for number, worker in sorted(workers.items(), key=lambda pair: int(pair[0])):
        report = worker["report"]
        connections = report.get("connections", {})
        rows.append([number, report.get("pid", "-"), *(connections.get(name, 0) for name in protocols),
                     report.get("messages", 0), "%.1f" % report.get("messages_per_second", 0),
                     report.get("deliveries", 0), worker["queued_bytes"], report.get("behind", 0),
                     report.get("held", 0)])
    return table(rows)


def _cluster_lines(cluster):
    """The lines for the part of a status that is about several machines."""
    yield "node %(node)s of %(name)s, at entry %(entry)d, last heard %(seconds).1f s ago; engine %(engine)s" % cluster
    joined = ", ".join("%s %d" % pair for pair in sorted(cluster["rejoins"].items()) if pair[1])
    yield "it reads from %s, is %.1f s behind the log, has sent %d packets again; has joined again: %s" % (
        cluster["read_from"] or "nothing yet", cluster["lag_seconds"], cluster["sent_again"], joined or "never")
    if cluster["trouble"]:
        yield "trouble with the engine: %(trouble)s; %(waiting)d wait" % cluster
    yield from table([["node", "number", "silent"]] + [
        [name, node["number"], "%.1f" % node["silent_seconds"]] for name, node in cluster["nodes"].items()])


def show_log(arguments):
    read, last = _log_reader(arguments), arguments.since
    while True:
        messages, more = read(last)
        for number, sender, text, when in messages:
            last = number
            print_line("%d %s %s: %s" % (number, format_time(when), sender, text.replace("\n", "\n    ")))
        sys.stdout.flush()
        if not more:
            if not arguments.follow:
                return
            time.sleep(POLL_INTERVAL)


def _log_reader(arguments):
    """read(number): the messages after it, (number, sender, text, seconds) of each, and whether there are more.

    It asks the database; or the server, if messages are in the memory of a cluster's nodes, or with --socket.
    """
    if not arguments.socket and (arguments.storage is not None or not settings_of(arguments).cluster):
        database = reading(arguments)

        def read(last):
            messages, _, more = database.lobby(last, MOST_MESSAGES)
            return [(number, sender.decode(), text.decode(), when) for number, sender, text, when in messages], more

        return read

    def ask_server(last):
        answer = asked(arguments, socket_of(arguments), "log", {"after": max(0, last)})
        if "error" in answer:
            raise Failure(answer["error"])
        return answer["log"], answer["more"]

    return ask_server
