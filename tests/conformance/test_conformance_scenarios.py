"""What holds for the scenarios themselves: none depends on which of two things a server does first."""
from shipped import scenarios_of

from parley.conformance import model
from parley.conformance.probes import PROBES

LIST = "reload_user_list"


def one_after_the_other(steps):
    """The steps of single actors, with those of a `repeat` twice."""
    for step in steps:
        if isinstance(step, model.Step):
            yield step
        elif isinstance(step, model.Repeat):
            yield from one_after_the_other(step.steps * 2)


class Members:
    """Who is logged in, and how many lists of users are on their way to each."""

    def __init__(self):
        self.due = {}

    def come(self, actor):
        self.due[actor] = 0
        self._tell()

    def gone(self, actor):
        del self.due[actor]
        self._tell()

    def _tell(self):
        for one in self.due:
            self.due[one] += 1

    def expects(self, actor, kind):
        """Returns whether a list may come in front of it."""
        if kind == LIST:
            self.due[actor] = max(0, self.due[actor] - 1)  # there are other reasons for one, such as a room
            return False
        if kind == "login True":
            self.come(actor)
            return False
        return bool(self.due.get(actor))


def lists_in_between(scenario):
    """Places where a list may come or not: it is on its way, or due to somebody whose end nobody has been told of."""
    members, unseen, found = Members(), None, []
    for step in one_after_the_other(scenario.steps):
        kinds = [PROBES["dollar"].kind(matcher.describe({})) for matcher in step.expects]
        if unseen and "login True" in kinds:
            found.append("%s: does the server know by now that %s has left?" % (step.location, unseen))
        for kind in kinds:
            if members.expects(step.actor, kind) and len(step.sends) == 1:
                found.append("%s: a list may come in front of %s" % (step.location, kind))
        if step.actor in members.due and (step.expect_close or step.disconnect in ("fin", "rst")):
            members.gone(step.actor)
            unseen = step.actor if not members.due else None
    return found


def test_no_list_may_come_in_between():
    alone = [one for one in scenarios_of("dollar").values() if one.protocols == ("dollar",)]  # others have other signs
    assert sum(map(lists_in_between, alone), []) == []
