"""`/metrics`: the figures of the whole server in Prometheus' text format.

Any worker can answer, as it asks the hub for the figures (`parley.server.supervisor.hub.Hub.status`). prometheus_client
only formats them, and is needed only where metrics are switched on. No label contains the name of a person or a room.
"""
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

from parley.server.http.head import Answer, Headers, Request
from parley.server.http.site import OTHER, Pending

METRICS = "metrics"  # stands for a protocol's name in lists of sockets
PATH = b"/metrics"

Status = Dict[str, Any]
Sample = Tuple[Sequence[str], float]  # values of the labels, and the value


class Family(NamedTuple):
    """A metric. text: its HELP. samples: samples(status) are [(values of the labels, value)].

    kind: gauge, counter or histogram; the value of a histogram is `Durations.plain` (`parley.server.ipc.counts`).
    """

    name: str
    kind: str
    labels: Tuple[str, ...]
    text: str
    samples: Callable[[Status], List[Tuple[Sequence[str], Any]]]


def _one(value: float) -> List[Sample]:
    return [((), value)]


def _workers(status: Status) -> List[Sample]:
    states = {"serving": 0, "starting": 0, "silent": 0}
    for worker in status["workers"].values():
        states["silent" if worker["silent"] else "serving" if worker["ready"] else "starting"] += 1
    states["missing"] = max(0, status["workers_wanted"] - len(status["workers"]))
    return [((state,), count) for state, count in states.items()]


def _reports(status: Status) -> List[Dict[str, Any]]:
    return [worker["report"] for worker in status["workers"].values()]


def _gauge(name: str) -> Callable[[Status], List[Sample]]:
    """The sum over all workers' reports."""
    return lambda status: _one(sum(report.get(name, 0) for report in _reports(status)))


def _connections(status: Status) -> List[Sample]:
    samples: List[Sample] = []
    for protocol, with_tls in status["serving"]:
        if protocol != METRICS:
            several = [(report.get("connections", {}).get(protocol, 0), report.get("encrypted", {}).get(protocol, 0))
                       for report in _reports(status)]
            count = sum(encrypted if with_tls else every - encrypted for every, encrypted in several)
            samples.append(((protocol, "yes" if with_tls else "no"), count))
    return samples


def _protocols(status: Status) -> List[str]:
    """The protocols that are served."""
    return sorted({protocol for protocol, _ in status["serving"] if protocol != METRICS})


def _by_protocol(name: str) -> Callable[[Status], List[Sample]]:
    """A counter with a sample for each protocol that is served."""
    return lambda status: [
        ((protocol,), status["totals"].get(name, {}).get(protocol, 0)) for protocol in _protocols(status)]


def _messages(status: Status) -> List[Sample]:
    counted = status["totals"].get("messages", {})
    return [((protocol, kind), counted.get(protocol, {}).get(kind, 0))
            for protocol in _protocols(status) for kind in ("room", "direct", "command")]


def _seen(name: str, depth: int) -> Callable[[Status], List[Sample]]:
    """A counter whose label values are the keys that have been counted so far, in dictionaries nested `depth` deep."""
    return lambda status: sorted(_flat(status["totals"].get(name, {}), depth))


def _flat(counters: Dict[str, Any], depth: int) -> Iterator[Sample]:
    for name, value in counters.items():
        if depth == 1:
            yield (name,), value
        else:
            for names, count in _flat(value, depth - 1):
                yield (name, *names), count


def _journal(name: str) -> Callable[[Status], List[Sample]]:
    """A figure of the journal, if there is one."""
    return lambda status: _one(status["journal"][name]) if "commits" in status["journal"] else []


def _files(name: str) -> Callable[[Status], List[Sample]]:
    """A figure of the files, if any are kept."""
    return lambda status: _one(status["files"][name]) if name in status["files"] else []


def _file_states(files: Dict[str, int]) -> List[Sample]:
    """SHARED files count as told: they are about to be."""
    return [(("offered",), files.get("offered", 0)), (("whole",), files.get("whole", 0)),
            (("told",), files.get("shared", 0) + files.get("said", 0))]


def _of_files(name: str) -> Callable[[Status], List[Sample]]:
    """A counter of the files, by reason."""
    return lambda status: sorted(
        ((why,), count) for why, count in status["files"].get("counters", {}).get(name, {}).items())


def _cluster(tell: Callable[[Dict[str, Any]], List[Sample]]) -> Callable[[Status], List[Sample]]:
    """Figures of a node, if the server is one of a cluster."""
    return lambda status: tell(status["cluster"]) if "cluster" in status else []


def _processes(name: str) -> Callable[[Status], List[Sample]]:
    return lambda status: sorted(((process,), told[name]) for process, told in status["processes"].items()
                                 if told[name] is not None)


FAMILIES = (
    Family("parley_build_info", "gauge", ("version", "python"), "The versions of Parley and of Python. Always 1.",
           lambda status: [((status["version"], status["python"]), 1)]),
    Family("parley_start_time_seconds", "gauge", (), "When the server started, in seconds since 1970.",
           lambda status: _one(status["started"])),
    Family("parley_workers", "gauge", ("state",),
           "Worker processes: serving; starting; silent, without a sign of life for seconds; or missing, dead and not"
           " replaced yet.", _workers),
    Family("parley_worker_restarts_total", "counter", ("reason",),
           "Workers that were replaced, because they died, were stuck, or were too far behind.",
           lambda status: [((reason,), count) for reason, count in status["restarts"].items()]),
    Family("parley_connections", "gauge", ("protocol", "tls"),
           "Open connections of clients. Of web these are WebSockets.", _connections),
    Family("parley_connections_accepted_total", "counter", ("protocol",),
           "Connections of clients that have begun.", _by_protocol("accepted")),
    Family("parley_connections_closed_total", "counter", ("protocol", "reason"),
           "Connections that have ended. docs/operating.md explains the reasons; those with tls- never became clients.",
           _seen("ended", 2)),
    Family("parley_users", "gauge", (), "Names in use.", lambda status: _one(status["names"])),
    Family("parley_accounts", "gauge", (), "Accounts.", lambda status: _one(status["accounts"])),
    Family("parley_rooms", "gauge", (), "Rooms, without the lobby.", lambda status: _one(status["rooms"])),
    Family("parley_messages_total", "counter", ("protocol", "kind"),
           "What clients have sent: said in a room, said directly to somebody, or any other command.", _messages),
    Family("parley_deliveries_total", "counter", ("protocol",),
           "What was sent to those in a room, counted for each receiver.", _by_protocol("deliveries")),
    Family("parley_refusals_total", "counter", ("reason",), "Commands that were refused.", _seen("refused", 1)),
    Family("parley_behind_connections", "gauge", (),
           "Connections of clients that have not read all they were sent.", _gauge("behind")),
    Family("parley_held_connections", "gauge", (),
           "Connections that are not read for the moment, because they have used up their rate.", _gauge("held")),
    Family("parley_up_queue_bytes", "gauge", (),
           "What the workers have for the hub and it has not taken.", _gauge("unsent_bytes")),
    Family("parley_down_queue_bytes", "gauge", (), "What the hub has for the workers and they have not taken.",
           lambda status: _one(sum(worker["queued_bytes"] for worker in status["workers"].values()))),
    Family("parley_journal_commit_seconds", "histogram", (),
           "How long it took to store what had come together. Only with storage.", _journal("commits")),
    Family("parley_journal_lag_messages", "gauge", (),
           "Messages and questions that the journal has not answered yet. Only with storage.", _journal("waiting")),
    Family("parley_journal_failing", "gauge", (),
           "Whether the latest messages could not be stored, for example because the disk is full: 1 or 0. Only with"
           " storage.", _journal("failing")),
    Family("parley_files", "gauge", ("state",),
           "Files: offered, but not complete; whole, but not announced yet; or told, that is, announced. Only where"
           " files are kept, like the next ones.",
           lambda status: _file_states(status["files"].get("files", {})) if status["files"] else []),
    Family("parley_files_bytes", "gauge", (), "Space that files take, with what is reserved for uploads.",
           _files("bytes")),
    Family("parley_files_uploads", "gauge", (), "Uploads in progress.", _files("uploads")),
    Family("parley_files_received_bytes_total", "counter", (), "Bytes of files that were received.",
           lambda status: _one(status["files"]["counters"]["received"]) if status["files"] else []),
    Family("parley_files_refused_total", "counter", ("reason",),
           "Offers and parts of files that were refused, and requests for files that do not exist.",
           _of_files("refused")),
    Family("parley_files_removed_total", "counter", ("reason",),
           "Files that were deleted: expired; abandoned, as the upload was not continued or the file not announced;"
           " deleted by their sender; message-gone, with the last message that announced them; rejected, for a wrong"
           " hash or by the scanner.", _of_files("removed")),
    Family("parley_cluster_nodes", "gauge", (), "Nodes that are alive, as this one knows. Only in a cluster.",
           _cluster(lambda cluster: _one(len(cluster["nodes"])))),
    Family("parley_cluster_entries_total", "counter", (),
           "The number of the latest entry of the log that this node has applied. Only in a cluster.",
           _cluster(lambda cluster: _one(cluster["entry"]))),
    Family("parley_cluster_lag_seconds", "gauge", (),
           "How long this node has been waiting to read its own latest packet from the log; 0 if it has read it. Only"
           " in a cluster.",
           _cluster(lambda cluster: _one(cluster["lag_seconds"]))),
    Family("parley_cluster_engine_answers", "gauge", (),
           "Whether Redis answers this node: 1 or 0. Only in a cluster.",
           _cluster(lambda cluster: _one(not cluster["trouble"]))),
    Family("parley_cluster_reads_from", "gauge", ("role",),
           "Whether this node reads the log from a replica or from a master: 1 or 0. Only in a cluster.",
           _cluster(lambda cluster: [((role,), int(cluster["role"] == role)) for role in ("master", "replica")])),
    Family("parley_cluster_resends_total", "counter", (),
           "Packets that were sent to the log again, because they did not come out of it in time. Only in a cluster.",
           _cluster(lambda cluster: _one(cluster["sent_again"]))),
    Family("parley_cluster_rejoins_total", "counter", ("reason",),
           "How often this node has disconnected its clients and joined again: fenced, as the others had taken it for"
           " dead; foreign, as the log was another one; or differs, as its state was not that of the others. Only in a"
           " cluster.",
           _cluster(lambda cluster: [((reason,), count) for reason, count in sorted(cluster["rejoins"].items())])),
    Family("parley_tick_seconds", "histogram", (),
           "How long the turns of the workers' loops took, without their waiting.",
           lambda status: [((), status["totals"]["turns"])] if "turns" in status["totals"] else []),
    Family("parley_http_connections", "gauge", (),
           "Open HTTP connections at the web port that are no WebSockets.", _gauge("visitors")),
    Family("parley_http_requests_total", "counter", ("path", "status"),
           "Answered HTTP requests. The path is /, /static, /chat, /livez, /readyz, /metrics, or other.",
           _seen("requests", 2)),
    Family("parley_process_cpu_seconds_total", "counter", ("process",),
           "CPU time of a process, with what those that it has replaced had used. Only on Linux.",
           _processes("cpu_seconds")),
    Family("parley_process_resident_bytes", "gauge", ("process",),
           "Memory of a process, in which what it shares with others is counted too. Only on Linux.",
           _processes("resident_bytes")),
)


def require() -> None:
    """Import prometheus_client before processes are forked; ImportError if it is not installed."""
    import prometheus_client.core  # noqa: F401
    import prometheus_client.exposition  # noqa: F401


class Collector:
    """The collector for prometheus_client, of one status."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Any]:
        """The metric of each of FAMILIES that has samples."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
        for family in FAMILIES:
            metric = kinds[family.kind](family.name, family.text, labels=family.labels)
            for labels, value in family.samples(self._status):
                if family.kind == "histogram":
                    metric.add_metric(labels, _cumulative(value["counts"]), value["seconds"])
                else:
                    metric.add_metric(labels, value)
            if metric.samples:
                yield metric


def _cumulative(counts: Dict[str, int]) -> List[Tuple[str, int]]:
    """[(upper bound, how many durations up to it)] from the numbers of each bucket."""
    buckets, count = [], 0
    for bound, more in counts.items():
        count += more
        buckets.append((bound, count))
    return buckets


def render(status: Status, accepted: str) -> Tuple[bytes, str]:
    """(figures, content type). accepted: the request's Accept."""
    from prometheus_client.exposition import choose_encoder

    encode, kind = choose_encoder(accepted)
    return encode(Collector(status)), kind


class Metrics:
    """Answers requests at the port of the metrics, as `parley.server.http.site.Site` does at the web port."""

    def answer(self, request: Request, peer: str) -> Union[Answer, Pending]:
        """See `Site.answer`."""
        if request.method not in (b"GET", b"HEAD"):
            return self.text(405, "only GET and HEAD are answered here", [(b"Allow", b"GET, HEAD")])
        if request.path != PATH:
            return self.text(404, "the metrics are at /metrics")
        accepted = b",".join(request.all(b"accept")).decode("latin-1")
        return Pending(lambda status: self._figures(status, accepted))

    def label(self, request: Request) -> str:
        """See `Site.label`."""
        return PATH.decode() if request.path == PATH else OTHER

    def text(self, status: int, text: str, headers: Headers = (), closes: bool = False) -> Answer:
        """See `Site.text`."""
        plain = (b"Content-Type", b"text/plain; charset=utf-8")
        return Answer(status, [plain, *headers], text.encode() + b"\n", closes)

    @staticmethod
    def _figures(status: Status, accepted: str) -> Answer:
        text, kind = render(status, accepted)
        return Answer(200, [(b"Content-Type", kind.encode()), (b"Cache-Control", b"no-store")], text)
