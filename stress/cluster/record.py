"""Records what clients of several nodes said, heard and were promised, and finds what is wrong with it."""
import collections
import time

from stress.proofs.ledger import Violated, mark_of

# The kinds of violations.
KINDS = {
    "lost": "acknowledged, and not in the history",
    "gone": "heard by a client, and not in the history",
    "doubled": "said once, and twice in a history, or heard twice by one listener",
    "reordered": "two listeners, speakers or histories disagree about the order",
    "missed": "not heard by a client that heard what came before and after it",
    "number": "one number for two messages, or two numbers for one",
    "altered": "delivered otherwise than it was said, or never said",
    "held twice": "two clients had one name at the same time",
    "held by nobody": "a name that cannot be taken, though no client has it",
    "unlisted": "a user who is online, and not on a node's list",
    "undelivered": "acknowledged and kept for a user who was away, but never delivered",
    "silent": "no answer on a connection that stayed open",
}

# place: b"" for the lobby, else the name of a room. Names and texts are bytes; the first word of a text is its mark.
Said = collections.namedtuple("Said", "tenure place text")
Told = collections.namedtuple("Told", "number sender text")


class Tenure:
    """The time in which a client certainly has a name: `since` its login to `until`, its last acknowledged message.

    The client may learn of its login later than it had the name, and of the end of the connection after that.
    """

    def __init__(self, name, since):
        self.name = name
        self.since = self.until = since


class Life:
    """What a connection heard: (place, text), in order. It is in the lobby until it ends.

    names: those that it has or had; it does not hear messages from these.
    """

    def __init__(self, name):
        self.name = name
        self.names = {name}
        self.heard = []
        self.stays = [[b"", 0, None]]  # [place, how much it had heard before, and at the end]

    def enter(self, place):
        """The connection has entered a room: from now on it must hear what is said there."""
        self.stays.append([place, len(self.heard), None])

    def leave(self, place):
        """The connection is leaving a room: from now on it need not hear what is said there."""
        for stay in self.stays:
            if stay[0] == place and stay[2] is None:
                stay[2] = len(self.heard)


class Record:
    """Written by many threads, each for its own clients; read when they have ended.

    clock: seconds, for the moments in what is violated and for tenures.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._began = clock()
        self.said = {}  # mark -> Said, each speaker's in its order
        self.acknowledged = {}  # mark -> moment
        self.refused = {}  # mark -> why
        self.numbers = collections.defaultdict(set)  # mark -> those that clients were told
        self.tenures = []
        self.lives = []
        self.kept = {}  # mark -> receiver who was away, acknowledged
        self.delivered = set()  # marks
        self.histories = {}  # node -> {place: [Told]}, with numbers of each place's own
        self.failures = []  # (moment, what)
        self.noted = []  # what was wrong at once

    def now(self):
        """Seconds since the beginning."""
        return self._clock() - self._began

    def grant(self, name):
        """A client has logged in under this name; returns its Tenure."""
        self.tenures.append(Tenure(name, self.now()))
        return self.tenures[-1]

    def say(self, tenure, place, text):
        """A text is about to be said; returns its mark."""
        mark = mark_of(text)
        self.said[mark] = Said(tenure, place, text)
        return mark

    def acknowledge(self, mark, since, number=None):
        """A message is acknowledged. since: when it was said, in seconds. number: its number, if the client got it."""
        self.acknowledged[mark] = self.now()
        self.said[mark].tenure.until = since
        if number is not None:
            self.numbers[mark].add(number)

    def live(self, name):
        """A connection begins to listen; returns its Life."""
        self.lives.append(Life(name))
        return self.lives[-1]

    def fail(self, what):
        """A failure was caused."""
        self.failures.append((self.now(), what))

    def note(self, kind, details):
        """Record a violation that was seen at once."""
        self.noted.append(Violated(kind, "%s, noticed %s" % (details, self._when(self.now()))))

    def tell(self, node, place, entries):
        """Add [Told] to the history that a node has told before."""
        self.histories.setdefault(node, {}).setdefault(place, []).extend(entries)

    def retell(self, node, place, entries):
        """Compare the history that a node tells in the end, which may begin later, with what it told before."""
        told, first = self.histories.setdefault(node, {}).get(place, []), entries[0].number if entries else 0
        marks = {mark_of(one.text) for one in entries}
        for one in told:
            if one.number >= first and mark_of(one.text) not in marks:
                self.note("gone", "%r in %r was told by node %s, and then not" % (one, place, node))
        self.histories[node][place] = [one for one in told if one.number < first] + list(entries)

    def list_names(self, node, names, present):
        """A node lists `names`, while the users online are `present`."""
        for name in sorted(set(names) - set(present)):
            self.note("held by nobody", "%r is here, says node %s" % (name, node))
        for name in sorted(set(present) - set(names)):
            self.note("unlisted", "%r, by node %s" % (name, node))

    # ---- the judgement

    def judge(self):
        """All violations: a list of Violated."""
        found = list(self.noted)
        for node, places in sorted(self.histories.items()):
            found += self._judge_history(node, places)
        found += self._judge_lives()
        found += self._judge_order()
        found += self._judge_numbers()
        found += self._judge_tenures()
        found += [Violated("undelivered", "%r to %r" % (mark, to)) for mark, to in self.kept.items()
                  if mark not in self.delivered]
        return found

    def _judge_history(self, node, places):
        there = collections.Counter(mark_of(told.text) for entries in places.values() for told in entries)
        heard = {mark_of(text) for life in self.lives for _, text in life.heard}
        for mark, moment in self.acknowledged.items():
            if mark not in there and mark not in self.kept:
                yield Violated("lost", "%r, acknowledged %s, is not told by node %s" % (mark, self._when(moment), node))
        for mark in sorted(heard.difference(there)):
            yield Violated("gone", "%r is not told by node %s" % (mark, node))
        for mark, times in there.items():
            if times > 1:
                yield Violated("doubled", "%r, told by node %s %d times" % (mark, node, times))
        for place, entries in places.items():
            for told in entries:
                if not self._is_said(place, told.text, told.sender):
                    yield Violated("altered", "%r in %r, told by node %s" % (told, place, node))

    def _is_said(self, place, text, sender=None):
        said = self.said.get(mark_of(text))
        return said and said[1:] == (place, text) and sender in (None, said.tenure.name)

    def _judge_lives(self):
        orders = {place: collections.OrderedDict.fromkeys(mark_of(told.text) for told in entries)
                  for places in self.histories.values() for place, entries in places.items()}
        orders = {place: (list(order), {mark: number for number, mark in enumerate(order)})
                  for place, order in orders.items()}
        for life in self.lives:
            marks = [mark_of(text) for _, text in life.heard]
            for mark, times in collections.Counter(marks).items():
                if times > 1:
                    yield Violated("doubled", "%r, heard by %r %d times" % (mark, life.name, times))
            for place, text in life.heard:
                if not self._is_said(place, text):
                    yield Violated("altered", "%r in %r, heard by %r" % (text, place, life.name))
            for place, first, last in life.stays:
                here = {mark for mark, (where, _) in zip(marks[first:last], life.heard[first:last]) if where == place}
                for mark in _between(here, *orders.get(place, ([], {}))):
                    if mark in self.said and self.said[mark].tenure.name not in life.names:
                        yield Violated("missed", "%r in %r, by %r" % (mark, place, life.name))

    def _chains(self):
        """(description, marks in their order) of each listener, history and speaker."""
        told = set()
        for node, places in self.histories.items():
            for place, entries in places.items():
                chain = [mark_of(entry.text) for entry in entries]
                told.update(chain)
                yield "node %s of %r" % (node, place), chain
        for life in self.lives:
            yield "%r" % life.name, [mark_of(text) for _, text in life.heard]
        spoken = collections.defaultdict(list)
        for mark, said in self.said.items():
            if mark in told:
                spoken[said.tenure].append(mark)
        for tenure, chain in spoken.items():
            yield "the speaker %r" % tenure.name, chain

    def _judge_order(self):
        """All chains must fit into one order; if they do not, there is a cycle."""
        after, before = collections.defaultdict(dict), collections.Counter()
        for who, chain in self._chains():
            chain = list(collections.OrderedDict.fromkeys(chain))
            for one, other in zip(chain, chain[1:]):
                if other not in after[one]:
                    after[one][other] = who
                    before[other] += 1
        free = [mark for mark in after if not before[mark]]
        while free:
            for other in after.pop(free.pop(), ()):
                before[other] -= 1
                if not before[other]:
                    free.append(other)
        if any(before.values()):
            yield Violated("reordered", "; ".join(_circle(after, before)))

    def _judge_numbers(self):
        numbers = collections.defaultdict(set, {mark: set(told) for mark, told in self.numbers.items()})
        for node, places in self.histories.items():
            for place, entries in places.items():
                for one, other in zip(entries, entries[1:]):
                    if one.number >= other.number:
                        yield Violated("number", "%r comes before %r in %r, by node %s" % (one, other, place, node))
                for told in entries:
                    numbers[mark_of(told.text)].add(told.number)
        marks = collections.defaultdict(set)
        for mark, its in numbers.items():
            if len(its) > 1:
                yield Violated("number", "%r has the numbers %s" % (mark, sorted(its)))
            for number in its:
                marks[self.said[mark].place if mark in self.said else None, number].add(mark)
        for (place, number), its in marks.items():
            if len(its) > 1:
                yield Violated("number", "%d in %r is the number of %s" % (number, place, sorted(its)))

    def _judge_tenures(self):
        by_name = collections.defaultdict(list)
        for tenure in self.tenures:
            by_name[tenure.name].append(tenure)
        for name, tenures in by_name.items():
            tenures = sorted((one for one in tenures if one.until > one.since), key=lambda one: one.since)
            for one, other in zip(tenures, tenures[1:]):
                if other.since < one.until:
                    yield Violated("held twice", "%r, by one until %.3f s and by another from %.3f s" % (
                        name, one.until, other.since))
        for node, places in self.histories.items():
            for entries in places.values():
                yield from self._judge_speakers(node, entries)

    def _judge_speakers(self, node, entries):
        """Once another client has spoken under a name, the former one must not."""
        over, latest = set(), {}
        for told in entries:
            said = self.said.get(mark_of(told.text))
            if said and latest.setdefault(told.sender, said.tenure) is not said.tenure:
                over.add(latest[told.sender])
                latest[told.sender] = said.tenure
            if said and said.tenure in over:
                yield Violated("held twice", "%r speaks in turn with another client, tells node %s" % (told, node))

    def _when(self, moment):
        """The moment, and the failures just before and after it."""
        before = [one for one in self.failures if one[0] <= moment][-1:]
        after = [one for one in self.failures if one[0] > moment][:1]
        return "at %.3f s (failures: %s)" % (
            moment, ", ".join("%s at %.3f s" % (what, at) for at, what in before + after) or "none")


def _between(heard, order, number):
    """The marks between the first and the last heard one that were not heard. number: {mark: its place in order}."""
    numbers = [number[mark] for mark in heard if mark in number] or [0]
    return [mark for mark in order[min(numbers):max(numbers)] if mark not in heard]


def _circle(after, before):
    """The steps of one cycle, with whose order each is. Each mark in `before` comes after another of them."""
    preceding = {other: one for one in after if before[one] > 0 for other in after[one] if before[other] > 0}
    mark, seen = next(iter(preceding)), collections.OrderedDict()
    while mark not in seen:
        seen[mark] = None
        mark = preceding[mark]
    circle = list(seen)[list(seen).index(mark):][::-1]
    for one, other in zip(circle, circle[1:] + circle[:1]):
        yield "%r before %r, by %s" % (one, other, after[one][other])
