"""The experiments with which the suite gets acquainted with a foreign server, one module for each protocol.

A module has

    EXPERIMENTS             functions of an `acquaintance.Visit`, in their order. What they find out about the server's
                            manner goes into the visit's profile; what about a requirement, into its findings
    CUT                     {segmentation: the requirement that is broken if a scenario fails with this one only}
    is_reply(message)       does it answer a request of an experiment?

and what else the reading of messages and the charging of failures have to know; the default is nothing:

    Manner(state, kept)     how messages in forms of the server's own are read: has read(message, manners), which gives
                            the messages for which one stands; `kept` is what `kept_before` gave
    kept_before(fixture, scenario)      what the server has kept from before the scenario, which is not counted

    CUT_OFF                 the requirement that is broken by a server that ends when a connection is reset
    SILENT_BESIDE           the requirement that is broken by a server that lets nobody in while somebody else is silent
    ENDS                    the requirement that is broken by a server that does not notice that a client has ended
    ENDED                   the kind of the message that tells of such an end
    NAMES                   (the requirement that is broken by refusing a valid name, the kind of such a refusal, the
                            pattern of a login with a name that nobody should refuse, the kind of what else
                            may be said in the same words)
    ONCE                    the requirements that something is told once
    RELATIVES               {a requirement that `blame` gives: others that the same message may break}
    SILENT_ENDS             is nobody told that a connection has ended?
    STAYS                   the requirement that is broken by a server on which who closes the connection without the
                            codec's `goodbyes` stays logged in; the scenarios about that are played last
    GOES_ON                 has each command an answer of its own, so that a scenario can go on behind a wrong one?
    GROUNDS_FIRST           of several requirements, is what `ground` says of a missing message the one that is broken?
    CLOSED                  the requirements that are broken by closing behind an answer
    NEWS                    the kinds of messages that may come to a member at any time, as something has changed
    REPLAYED                the kinds of messages that a newcomer is told again, where a server does that
    is_in(lines)            are they the reply to a login that has succeeded, in whatever words?
    is_farewell(message)    may it come in front of a close that is expected, as no requirement minds?
    is_last_word(message, state)    the same, to a client who has closed its side; `state` is its `ClientState`
    is_answer(message)      does it answer a command, and is not what somebody else has done?
    alike(wanted, message, manners)     does the message stand for the one that is wanted?
    other_readings(message, manners)    the messages for which it may stand too, where a server tells two kinds alike
    is_left_out(wanted, me, manners)    is it a line about the user who has asked, which the server leaves out?
    kind(text)              the kind of a message: its words without names and texts
    ground(text)            the requirement that says that such a message comes, or None
    absent(message, step)   the requirement that is broken as there is not what the step asks for, as the message says
    blame(text, actor)      the requirement that it breaks if nobody expects it, or None
    is_untold(wanted, cut_off, unanswered)      is it a message about one of those whose connections were reset, by
                            their names, that never comes? `unanswered` is that of the profile
    asks(step)              the requirements of the commands that a step sends, any of which may be refused
    relies_on(step, variant, renaming)      the requirements that a step relies on without naming them
"""
import importlib

from parley.conformance.wire import CODECS

_DEFAULTS = {
    "Manner": None,
    "kept_before": lambda fixture, scenario: None,
    "CUT_OFF": None,
    "SILENT_BESIDE": None,
    "ENDS": None,
    "ENDED": None,
    "NAMES": (None, None, None, None),
    "ONCE": (),
    "RELATIVES": {},
    "SILENT_ENDS": False,
    "STAYS": None,
    "GOES_ON": False,
    "GROUNDS_FIRST": False,
    "CLOSED": (),
    "NEWS": (),
    "REPLAYED": (),
    "is_in": lambda lines: False,
    "is_farewell": lambda message: False,
    "is_last_word": lambda message, state: False,
    "is_answer": lambda message: False,
    "alike": lambda wanted, message, manners: False,
    "other_readings": lambda message, manners: (),
    "is_left_out": lambda wanted, me, manners: False,
    "kind": lambda text: text,
    "ground": lambda text: None,
    "absent": lambda message, step: None,
    "blame": lambda text, actor: None,
    "is_untold": lambda wanted, cut_off, unanswered: False,
    "asks": lambda step: set(),
    "relies_on": lambda step, variant, renaming: set(),
}


class _Probes:
    """A module of this folder, with the defaults for what it lacks."""

    def __init__(self, name):
        module = importlib.import_module("%s.%s" % (__name__, name))
        self.__dict__.update(_DEFAULTS, **vars(module))


PROBES = {name: _Probes(name) for name in CODECS}
