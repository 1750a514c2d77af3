"""Records what clients said, heard and were promised, and checks that the store agrees."""
import collections
import time

# The kinds of violations.
KINDS = {
    "lost": "acknowledged, but not stored",
    "twice": "said once, stored more than once",
    "altered": "stored otherwise than it was said",
    "unsaid": "stored, though nobody said it",
    "number": "one number for two messages, or a number that was shown with another one before",
    "order": "one sender's messages stored in another order than they were said in",
    "contradicted": "heard in another order than stored, or twice",
    "account": "acknowledged, but not there",
    "undelivered": "acknowledged and kept for a user who was away, but never delivered",
    "served": "the server tells the past otherwise than it is stored",
    "silent": "no answer on a connection that stayed open",
}

# A message: `to` is None for the lobby. Names and texts are bytes; the first word of a text is its mark, unique.
Said = collections.namedtuple("Said", "sender to text")
Stored = collections.namedtuple("Stored", "number sender to text")
Violated = collections.namedtuple("Violated", "kind details")


class Ledger:
    """Written by many threads, each for its own clients; read when they have ended.

    clock: seconds, for the moments in what is violated.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._began = clock()
        self.said = {}  # mark -> Said, each sender's in its order
        self.acknowledged = {}  # mark -> moment
        self.refused = {}  # mark -> why
        self.heard = []  # for each life of an observer the texts of the lobby
        self.shown = {}  # number -> (sender, text), as clients have read it in the history
        self.accounts = {}  # name -> moment of the acknowledgement
        self.kept = {}  # mark -> receiver, acknowledged while that one was away
        self.delivered = set()  # marks
        self.deaths = []  # (moment, what)
        self.violated = []  # violations that were seen at once

    def now(self):
        """Seconds since the beginning."""
        return self._clock() - self._began

    def say(self, mark, sender, to, text):
        """A message is about to be sent."""
        self.said[mark] = Said(sender, to, text)

    def acknowledge(self, mark):
        """The server has acknowledged the message."""
        self.acknowledged[mark] = self.now()

    def died(self, what):
        """A process was killed."""
        self.deaths.append((self.now(), what))

    def show(self, number, sender, text):
        """A client has read this in the history."""
        before = self.shown.setdefault(number, (sender, text))
        if before != (sender, text):
            self.note("number", "%d was %r, and then %r" % (number, before, (sender, text)))

    def note(self, kind, details):
        """Record a violation that was seen at once."""
        self.violated.append(Violated(kind, "%s, noticed %s" % (details, self._when(self.now()))))

    # ---- the judgement

    def judge(self, stored, accounts):
        """All violations: a list of Violated.

        stored: a Stored for each message, in any order. accounts: the names of all accounts.
        """
        stored = sorted(stored, key=lambda message: message.number)
        found = list(self.violated)
        for judge in (self._judge_copies, self._judge_numbers, self._judge_order, self._judge_hearing):
            found += judge(stored)
        there = {mark_of(message.text) for message in stored}
        found += [Violated("lost", "%r to %r, acknowledged %s" % (self.said[mark].text, self.said[mark].to,
                                                                  self._when(moment)))
                  for mark, moment in self.acknowledged.items() if mark not in there]
        found += [Violated("account", "%r, acknowledged %s" % (name, self._when(moment)))
                  for name, moment in self.accounts.items() if name not in accounts]
        found += [Violated("undelivered", "%r to %r, acknowledged %s" % (mark, to, self._when(self.acknowledged[mark])))
                  for mark, to in self.kept.items() if mark not in self.delivered]
        return found

    def _judge_copies(self, stored):
        seen = set()
        for message in stored:
            mark = mark_of(message.text)
            if mark not in self.said:
                yield Violated("unsaid", "%r" % (message,))
            elif mark in seen:
                yield Violated("twice", "%r" % (message,))
            elif self.said[mark] != message[1:]:
                yield Violated("altered", "%r became %r" % (self.said[mark], message))
            seen.add(mark)

    def _judge_numbers(self, stored):
        for one, other in zip(stored, stored[1:]):
            if one.number == other.number:
                yield Violated("number", "%r and %r" % (one, other))
        lobby = {message.number: (message.sender, message.text) for message in stored if message.to is None}
        for number, shown in self.shown.items():
            if lobby.get(number) != shown:
                yield Violated("number", "%d was shown as %r, and is %r" % (number, shown, lobby.get(number)))

    def _judge_order(self, stored):
        place = {mark: position for position, mark in enumerate(self.said)}
        latest = {}
        for message in stored:
            mark = mark_of(message.text)
            if mark in place:
                before = latest.get(message.sender, mark)
                if place[mark] < place[before]:
                    yield Violated("order", "%r is stored after %r" % (mark, before))
                latest[message.sender] = mark

    def _judge_hearing(self, stored):
        number = {message.text: message.number for message in stored}
        for life in self.heard:
            known = [text for text in life if text in number]
            for one, other in zip(known, known[1:]):
                if number[one] >= number[other]:
                    yield Violated("contradicted", "%r (%d) was heard before %r (%d)" % (
                        one, number[one], other, number[other]))

    def _when(self, moment):
        """The moment, and the deaths just before and after it."""
        before = [death for death in self.deaths if death[0] <= moment][-1:]
        after = [death for death in self.deaths if death[0] > moment][:1]
        deaths = ["%s at %.3f s" % (what, at) for at, what in before + after]
        return "at %.3f s (deaths: %s)" % (moment, ", ".join(deaths) or "none")


def mark_of(text):
    """The first word of a text, which is its mark."""
    return text.partition(b" ")[0]
