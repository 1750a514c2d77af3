"""The judge of several nodes: histories without a fault, and one for each fault that it has to find."""
import collections

from stress.cluster.record import KINDS, Record, Told

NODES = "ab"


class Story:
    """Two nodes and their people, who do what a node does that makes no mistake; each test then makes one."""

    def __init__(self):
        self.time = 0.0
        self.record = Record(self.tick)
        self.log = []  # (place, sender, text)
        self.people = {}
        self.numbers = 0
        self.counts = collections.Counter()
        for name in (b"ann", b"bob", b"cy", b"dora"):
            self.come(name)

    def tick(self):
        self.time += 1.0
        return self.time

    def come(self, name):
        self.people[name] = self.record.grant(name), self.record.live(name)

    def say(self, name, place=b"", acknowledged=True):
        """Everybody hears it; its mark."""
        tenure, _ = self.people[name]
        self.counts[name] += 1
        text = b"%b-%d hello" % (name, self.counts[name])
        since = self.record.now()
        mark = self.record.say(tenure, place, text)
        self.numbers += 1
        self.log.append((place, Told(self.numbers, name, text)))
        for other, (_, life) in self.people.items():
            if other != name and any(stay[0] == place and stay[2] is None for stay in life.stays):
                life.heard.append((place, text))
        if acknowledged:
            self.record.acknowledge(mark, since, self.numbers)
        return mark

    def judge(self):
        """The kinds of what is found, once each."""
        for node in NODES:
            for place, told in self.log:
                self.record.tell(node, place, [told])
        return sorted({found.kind for found in self.record.judge()})


def told_story():
    """Talk in the lobby and in a room, of which one member leaves and comes again."""
    story = Story()
    for number in range(6):
        story.say(b"ann")
        story.say(b"bob", acknowledged=number % 2)
    for name in (b"ann", b"cy", b"dora"):
        story.people[name][1].enter(b"#room")
    story.say(b"ann", b"#room")
    story.people[b"cy"][1].leave(b"#room")
    story.say(b"ann", b"#room")
    story.say(b"bob")
    story.people[b"cy"][1].enter(b"#room")
    story.say(b"ann", b"#room")
    story.say(b"cy", b"#room")
    story.say(b"ann", b"#room")
    return story


def test_what_is_right_passes():
    assert told_story().judge() == []


def test_who_comes_again_has_missed_nothing_meanwhile():
    story = told_story()
    story.people.pop(b"ann")
    story.say(b"bob")
    story.come(b"ann")
    story.say(b"bob")
    story.say(b"ann")
    story.say(b"bob")
    assert story.judge() == []


def lost(story):
    mark = story.say(b"cy")
    story.log.pop()
    for _, life in story.people.values():
        life.heard = [one for one in life.heard if not one[1].startswith(mark)]


def lost_by_one_node(story):
    mark = story.say(b"cy")
    _, told = story.log.pop()
    for _, life in story.people.values():
        life.heard = [one for one in life.heard if not one[1].startswith(mark)]
    story.record.tell("a", b"", [told])


def gone(story):
    story.say(b"cy", acknowledged=False)
    story.log.pop()


def told_no_more(story):
    entries = [told for place, told in story.log if not place]
    story.record.tell("a", b"", entries[:5])
    story.record.retell("a", b"", entries[1:3] + entries[4:5])
    story.log.clear()
    for node in NODES:
        story.record.tell(node, b"", entries[5:])


def doubled_in_history(story):
    place, told = story.log[3]
    story.log.append((place, told._replace(number=99)))


def doubled_to_a_listener(story):
    heard = story.people[b"cy"][1].heard
    heard.append(heard[-1])


def reordered_for_a_listener(story):
    heard = story.people[b"cy"][1].heard
    heard[2], heard[3] = heard[3], heard[2]


def reordered_between_listeners(story):
    """Of what is in no history."""
    marks = [story.say(name, acknowledged=False) for name in (b"ann", b"bob")]
    del story.log[-2:]
    heard = story.people[b"cy"][1].heard
    eve = story.record.live(b"eve")
    eve.heard = [one for mark in marks[::-1] for one in heard if one[1].startswith(mark)]


def reordered_between_places(story):
    """Each place by itself is right."""
    story.say(b"bob")
    story.say(b"ann", b"#room")
    heard = story.people[b"cy"][1].heard
    heard[-2], heard[-1] = heard[-1], heard[-2]


def reordered_words_of_one(story):
    (place, one), (_, other) = story.log[1], story.log[3]
    story.log[1], story.log[3] = (place, other._replace(number=2)), (place, one._replace(number=4))
    for _, life in story.people.values():
        life.heard = []
    story.record.numbers.clear()


def missed(story):
    story.people[b"cy"][1].heard.pop(4)


def number_of_two(story):
    story.say(b"ann")
    place, told = story.log.pop()
    story.record.numbers.clear()
    story.log.append((place, told._replace(number=1)))
    for _, life in story.people.values():
        life.heard = []
    story.record.said = dict(list(story.record.said.items())[-1:] + list(story.record.said.items())[:-1])


def two_numbers(story):
    story.record.numbers[b"ann-1"].add(77)


def altered(story):
    place, told = story.log[0]
    story.log[0] = place, told._replace(text=told.text + b"!")


def altered_sender(story):
    place, told = story.log[0]
    story.log[0] = place, told._replace(sender=b"bob")


def altered_for_a_listener(story):
    heard = story.people[b"cy"][1].heard
    heard[0] = heard[0][0], heard[0][1] + b"!"


def in_another_place(story):
    heard = story.people[b"cy"][1].heard
    heard[0] = b"#room", heard[0][1]


def held_twice(story):
    """Both were let in, and both say something that is acknowledged, one after the other."""
    one = story.people[b"ann"]
    story.come(b"ann")
    story.say(b"ann")
    story.people[b"ann"] = one
    story.say(b"ann")


def held_twice_as_the_log_tells(story):
    """One was not told that it has been heard."""
    one = story.people[b"ann"]
    story.come(b"ann")
    story.say(b"ann", acknowledged=False)
    story.people[b"ann"] = one
    story.say(b"ann", acknowledged=False)


def held_by_nobody(story):
    story.record.list_names("a", [b"ann", b"ghost"], [b"ann"])


def unlisted(story):
    story.record.list_names("b", [], [b"ann"])


def undelivered(story):
    mark = story.say(b"ann")
    story.record.kept[mark] = b"eve"


FAULTS = {
    "lost": [lost, lost_by_one_node], "gone": [gone, told_no_more],
    "doubled": [doubled_in_history, doubled_to_a_listener],
    "reordered": [reordered_for_a_listener, reordered_between_listeners, reordered_between_places,
                  reordered_words_of_one],
    "missed": [missed], "number": [number_of_two, two_numbers],
    "altered": [altered, altered_sender, altered_for_a_listener, in_another_place],
    "held twice": [held_twice, held_twice_as_the_log_tells], "held by nobody": [held_by_nobody],
    "unlisted": [unlisted], "undelivered": [undelivered], "silent": [lambda story: story.record.note("silent", "ann")],
}


def test_each_fault_is_found_and_every_kind_has_one():
    assert set(FAULTS) == set(KINDS)
    for kind, faults in FAULTS.items():
        for fault in faults:
            story = told_story()
            fault(story)
            found = story.judge()
            assert kind in found, "%s gives %s" % (fault.__name__, found)


def test_a_fault_is_not_taken_for_others():
    for fault, kinds in ((lost, ["lost"]), (gone, ["gone"]), (doubled_to_a_listener, ["doubled"]),
                         (reordered_between_places, ["reordered"]), (missed, ["missed"]), (two_numbers, ["number"]),
                         (altered_for_a_listener, ["altered"]), (held_twice_as_the_log_tells, ["held twice"])):
        story = told_story()
        fault(story)
        assert story.judge() == kinds, fault.__name__


def test_a_violation_says_which_failures_were_next_to_it():
    story = told_story()
    story.record.fail("kill master")
    lost(story)
    story.record.fail("cut link")
    story.judge()
    details = next(found.details for found in story.record.judge() if found.kind == "lost")
    assert "kill master at " in details and "cut link at " in details
