"""The experiments with which the suite gets acquainted with a foreign server, one module for each protocol.

Each module has

    EXPERIMENTS             functions of an `acquaintance.Visit`, in their order. They put how the server talks into the
                            visit's profile, and what that breaks into its findings
    CUT                     {segmentation: the requirement that is broken if a scenario fails with this one only}
    is_reply(message)       whether it answers a request of an experiment

and may have what else is needed to read messages and to charge failures. By default each of these means nothing:

    Manner(state, kept)     reads messages in the server's own forms: read(message, manners) gives the document's
                            messages for which one stands; `kept` is the result of `kept_before`
    kept_before(fixture, scenario)      what the server keeps from before the scenario, which does not count

    Requirements:

    CUT_OFF                 broken by a server that ends when a connection is reset
    SILENT_BESIDE           broken by a server that lets nobody log in while another connection is silent
    ENDS                    broken by a server that does not notice the end of a connection
    STAYS                   broken by a server that keeps a user logged in whose connection was closed without the
                            codec's `goodbyes`; the scenarios about that are played late
    CLOSED                  several: broken by closing the connection after an answer
    ONCE                    several: that something is told once
    RELATIVES               {one that `blame` gives: others that the same message may break}
    NAMES                   (the one that is broken by refusing a valid name, the kind of such a refusal, the pattern of
                            a login with a name that no server should refuse, the kind of another refusal that may be
                            in the same words)

    Kinds of messages:

    ENDED                   the one that announces the end of a connection
    NEWS                    those that may come to a member at any time, as something has changed
    REPLAYED                those of the past that a server may send to a newcomer

    Properties of the protocol:

    SILENT_ENDS             whether the end of a connection is not announced
    GOES_ON                 whether each command has an answer of its own, so that a scenario can go on after a failure
    GROUNDS_FIRST           if a message is missing and its step names several requirements: whether the one that
                            `ground` gives is broken

    Functions:

    is_in(lines)            whether they are the reply to a successful login, in whatever words
    is_farewell(message)    whether it may precede an expected close without breaking a requirement
    is_last_word(message, state)    the same to a client that has closed its sending side; state: its `ClientState`
    is_answer(message)      whether it answers a command, and is not about what another user does
    alike(wanted, message, manners)     whether the message stands for the one that is wanted
    other_readings(message, manners)    the other messages for which it may stand, if two kinds look alike
    is_left_out(wanted, me, manners)    whether it is the line about the user who asks in a list without that user
    kind(text)              the kind of a message: its words without names and texts
    ground(text)            the requirement that says that such a message comes, or None
    absent(message, step)   the requirement that is broken as the server lacks what the step asks for, if the message
                            says so; else None
    blame(text, actor)      the requirement that a message breaks if no step expects it, or None
    is_untold(wanted, cut_off, unanswered)      whether it announces the end of one of the connections that were reset
                            (cut_off: their names), and never comes; unanswered: that of the profile
    asks(step)              the requirements for the commands that a step sends, any of which may be refused
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
