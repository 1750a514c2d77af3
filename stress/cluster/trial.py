"""One trial of several nodes: clients talk, failures are caused, and the record is judged."""
import collections
import contextlib
import statistics
import time

from stress.cluster import people
from stress.cluster.failures import Failures
from stress.cluster.record import KINDS, Record
from stress.proofs.durable import Speakers
from stress.proofs.processes import wait_until
from stress.proofs.voices import Delimited

SAY_EVERY = 20  # failures
PAUSES = (0.2, 0.8)  # seconds of talk between two failures
SECONDS = 60.0  # for everything at the end; by then, users that have left must be gone on all nodes
LAST = b"the-end"


def hold(engine, nodes, cast, kinds, chance, rooms=(), seconds=SECONDS, say=lambda text: None):
    """Let the `cast` talk while failures of these `kinds` are caused; returns the `Record`. say: gets the progress."""
    record = Record()
    failures = Failures(engine, nodes, record, chance)
    with Speakers(nodes, record, cast) as speakers:
        speakers.flow()
        for number, kind in enumerate(kinds):
            if number and number % SAY_EVERY == 0:
                say("%d of %d failures after %.0f s" % (number, len(kinds), record.now()))
            time.sleep(chance.uniform(*PAUSES))  # no synchronisation: any moment is a good one
            failures.make(kind)
            speakers.flow()
    engine.wait_until_whole()
    nodes.forget()
    look_back(nodes, record, rooms, seconds)
    return record


def look_back(nodes, record, rooms, seconds):
    """Ask all nodes for the whole history and the list of users, and fetch all kept messages."""
    places = [b"", *[room.encode() for room in rooms]]
    for number, box in enumerate(sorted({*record.kept.values()})):
        with Delimited(nodes.address(number % nodes.count, "delimited"), box) as owner:
            owner.enter()
            record.delivered.update(text.partition(b" ")[0] for text in owner.deliver())
    with contextlib.ExitStack() as stack:
        names = [b"reader%d" % node for node in range(nodes.count)]
        readers = [stack.enter_context(people.reader(nodes, node, name, places, seconds))
                   for node, name in enumerate(names)]
        marks = {record.say(record.grant(name), b"", b"%b-%b ." % (name, LAST)) for name in names}
        for reader in readers:
            reader.say(None, b"%b-%b ." % (reader.name, LAST))
        for node, reader in enumerate(readers):
            told = wait_until(lambda: _with_all(marks, people.recall(reader, b"", 0)[0]), seconds)
            record.retell(nodes.name(node), b"", told)
            for place in places[1:]:
                record.retell(nodes.name(node), place, people.recall(reader, place, 0)[0])
            with contextlib.suppress(AssertionError):  # `list_names` notes what is wrong
                wait_until(lambda: reader.present() == set(names), seconds)
            record.list_names(nodes.name(node), reader.present(), names)


def _with_all(marks, told):
    return told if marks <= {one.text.partition(b" ")[0] for one in told} else None


def report(say, record):
    """Report the figures; returns the number of each kind of violation."""
    counted = collections.Counter(what for _, what in record.failures)
    say("%d failures in %.0f s: %s" % (len(record.failures), record.now(), ", ".join(
        "%s %d" % pair for pair in sorted(counted.items()))))
    heard = sum(len(life.heard) for life in record.lives)
    say("%d said, %d acknowledged, %d refused; %d heard in %d lives; %d kept for those away; %d times let in" % (
        len(record.said), len(record.acknowledged), len(record.refused), heard, len(record.lives), len(record.kept),
        len(record.tenures)))
    say("told by node: %s" % ", ".join("%s %d" % (node, sum(map(len, places.values())))
                                       for node, places in sorted(record.histories.items())))
    for what, gaps in sorted(_silences(record).items()):
        say("nothing acknowledged behind %s: median %.1f, most %.1f s" % (what, statistics.median(gaps), max(gaps)))
    violated = record.judge()
    counts = collections.Counter(kind for kind, _ in violated)
    say(", ".join("%s %d" % (kind, counts[kind]) for kind in KINDS))
    for kind, details in violated[:20]:
        say("%s (%s): %s" % (kind, KINDS[kind], details))
    return counts


def _silences(record):
    """{failure: [longest time without an acknowledgement until the next failure, seconds]}."""
    moments, found = sorted(record.acknowledged.values()), collections.defaultdict(list)
    ends = [at for at, _ in record.failures[1:]] + [record.now()]
    for (at, what), end in zip(record.failures, ends):
        near = [at, *[moment for moment in moments if at < moment < end]]
        found[what].append(max([other - one for one, other in zip(near, near[1:])] or [end - at]))
    return found
