"""Records who said what and who had to hear it, and finds what went wrong. No sockets, no clock, no Locust.

The ledger is told of every message before it is sent and of every message when it is heard, and finds:

    lost          a receiver who was there before the message was sent, and stayed, never heard it
    doubled       a receiver heard a message twice
    reordered     a receiver heard two messages of one sender in another order than they were sent
    contradicted  no single order of the lobby explains what all receivers heard
    altered       the text, the sender or the kind (MSG or DM) changed on the way
    misdelivered  a receiver heard what was not for it: another's direct message, or its own message

A message that was sent while its receiver was still logging in may be heard or not. A receiver that left may miss the
last messages of each sender, as nobody can know what was under way; but a message before one that it heard is a loss.
"""
import itertools
import re
from collections import Counter, OrderedDict, defaultdict, namedtuple

from parley.conformance.transcript import shortened, visible

LOBBY = None

# `number` counts all messages of the run in the order of sending; `target` is a name or LOBBY; `body` is the text on
# the wire; `sent` is the sending time in seconds, of whatever clock the caller uses.
Message = namedtuple("Message", "number sender target body sent")
Finding = namedtuple("Finding", "kind message text")

SHOWN = 100  # characters of a text in a finding

# run:number:microseconds, then the words.
_BODY = re.compile(r"(\w+):(\d+):\d+ ")


class Member:
    """One receiver: what it has heard, and what it is still owed."""

    def __init__(self, name):
        self.name = name
        self.present = False
        self.owed = set()  # numbers sent to it since it arrived and not yet heard
        self.heard = {}  # number -> None; a dict, because it keeps the order and answers "already heard?"
        self.latest = {}  # sender -> the highest number heard from it


class Ledger:
    """The record of one test run. run: a word that marks the messages of this run, so that others are ignored."""

    def __init__(self, run):
        self._run = run
        self._messages = []
        self._members = {}
        self._findings = []
        self.deliveries = 0
        self.departures = 0

    def arriving(self, name):
        """A guest is about to log in: it may hear messages from now on, but is owed none yet. No name comes twice."""
        self._members[name] = Member(name)

    def arrived(self, name):
        """The server has accepted this login: everything that is sent from now on has to arrive."""
        self._members[name].present = True

    def left(self, name):
        """A guest has left or is leaving: it is owed nothing that is sent from now on."""
        self._members[name].present = False
        self.departures += 1

    def write(self, sender, target, words, now):
        """Record a message that is about to be sent, and return it."""
        number = len(self._messages)
        body = "%s:%d:%d %s" % (self._run, number, now * 1e6, words)
        message = Message(number, sender, target, body, now)
        self._messages.append(message)
        for member in self._members.values():
            if member.present and _is_for(message, member.name):
                member.owed.add(number)
        return message

    def knows(self, body):
        """Whether this is the whole text of a message of this run."""
        message = self._recall(body)
        return message is not None and message.body == body

    def hear(self, name, kind, sender, body):
        """Record what `name` received; returns the message, or None if it is not of this run or not what was sent.

        The kind is MSG or DM, or None where the receiver cannot tell.
        """
        message = self._recall(body)
        if message is None:
            return self._not_ours(name, sender, body)
        member = self._members[name]
        member.owed.discard(message.number)
        if (kind or _kind(message), sender, body) != (_kind(message), message.sender, message.body):
            same = _same_characters(body, message.body)
            where = "" if body == message.body else ", another text from character %d on" % same
            return self._note("altered", message, "%s heard %s of %s: %s%s" % (
                name, kind or "it", sender, quoted(body), where))
        if not _is_for(message, name):
            return self._note("misdelivered", message, "%s heard it" % name)
        self._enter(member, message)
        return message

    def complete(self):
        """Whether all who are present have heard everything that they are owed."""
        return not any(member.owed for member in self._members.values() if member.present)

    def verdict(self):
        """All findings of the run; call it when nothing is under way any more."""
        return self._findings + list(self._losses()) + list(self._contradictions())

    def _recall(self, body):
        """The message with the run and number that this text begins with, if it is one of ours."""
        match = _BODY.match(body)
        if match is None or match.group(1) != self._run or int(match.group(2)) >= len(self._messages):
            return None
        return self._messages[int(match.group(2))]

    def _not_ours(self, name, sender, body):
        """A text without the mark of this run: a finding if it comes from one of its guests."""
        if sender in self._members:
            text = "%s heard %s from %s, who never said it" % (name, quoted(body), sender)
            self._findings.append(Finding("altered", None, text))

    def _enter(self, member, message):
        number, sender = message.number, message.sender
        if number in member.heard:
            self._note("doubled", message, "%s heard it twice" % member.name)
            return
        self.deliveries += 1
        member.heard[number] = None
        latest = member.latest.get(sender, -1)
        if number < latest:
            later = quoted(self._messages[latest].body)
            self._note("reordered", message, "%s heard it after %s" % (member.name, later))
        member.latest[sender] = max(number, latest)

    def _note(self, kind, message, text):
        self._findings.append(_finding(kind, message, text))

    def _losses(self):
        for member in self._members.values():
            for number in sorted(member.owed):
                message = self._messages[number]
                # Whoever left may miss the tail, but not what was sent before something they did hear.
                if member.present or number < member.latest.get(message.sender, -1):
                    yield _finding("lost", message, "%s never heard it" % member.name)

    def _contradictions(self):
        pair = find_contradiction(
            {
                member.name: [number for number in member.heard if self._messages[number].target is LOBBY]
                for member in self._members.values()
            }
        )
        if pair is not None:
            number, text = pair
            yield _finding("contradicted", self._messages[number], text)


def by_kind(findings):
    """{kind: its findings}, in the order in which the kinds were found."""
    found = OrderedDict()
    for finding in findings:
        found.setdefault(finding.kind, []).append(finding)
    return found


def brief(text):
    """A text as a report shows it: printable, and with both of its ends if it is long."""
    return shortened(visible(text), SHOWN)


def quoted(text):
    return '"%s"' % brief(text)


def find_contradiction(heard):
    """A (number, text) that shows why no single order fits all of `heard`, or None where one does.

    `heard` maps a receiver's name to the numbers it heard, each once, in the order of hearing.
    """
    stuck = _unorderable(heard.values())
    if not stuck:
        return None
    chains = {name: [number for number in chain if number in stuck] for name, chain in heard.items()}
    return _contradicting_pair(chains) or (min(stuck), "no single order explains what everybody heard")


def _unorderable(chains):
    """The numbers that cannot be put in order: those in a cycle of "before", and those after one."""
    followers = defaultdict(set)
    for chain in chains:
        for earlier, later in zip(chain, chain[1:]):
            followers[earlier].add(later)
    blockers = Counter(later for laters in followers.values() for later in laters)
    free = [number for number in followers if not blockers[number]]
    while free:
        for later in followers.get(free.pop(), ()):
            blockers[later] -= 1
            if not blockers[later]:
                free.append(later)
    return {number for number, count in blockers.items() if count}


def _contradicting_pair(chains):
    """(number, text) of two receivers that heard the same two messages in opposite orders; None if there are none."""
    places = {name: {number: place for place, number in enumerate(chain)} for name, chain in chains.items()}
    for name, chain in chains.items():
        for other, place in places.items():
            shared = [number for number in chain if number in place]
            for earlier, later in zip(shared, shared[1:]):
                if place[later] < place[earlier]:
                    text = "%s heard message %d before %d, %s heard them the other way round"
                    return earlier, text % (name, earlier, later, other)
    return None


def _is_for(message, name):
    return name != message.sender if message.target is LOBBY else name == message.target


def _same_characters(one, other):
    """The length of the common beginning of both texts, in characters."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))


def _kind(message):
    return "MSG" if message.target is LOBBY else "DM"


def _finding(kind, message, text):
    return Finding(kind, message, "%s of %s: %s: %s" % (_kind(message), message.sender, quoted(message.body), text))
