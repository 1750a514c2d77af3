"""What processes say to each other is declared once: whoever hears a message has a method that fits it."""
import inspect

import pytest
from cases import for_each

from parley.server.chat.census import Census
from parley.server.chat.claims import Claims
from parley.server.chat.devices import DeviceLists
from parley.server.chat.direct import DirectMessages
from parley.server.chat.enrollment import Enrollment
from parley.server.chat.entering import Entering
from parley.server.chat.metadata import Metadata
from parley.server.chat.moderation import Moderation
from parley.server.chat.past import Past
from parley.server.chat.people import People
from parley.server.chat.presence import Presence
from parley.server.chat.prover import Prover
from parley.server.chat.questions import Questions
from parley.server.chat.register import Register
from parley.server.chat.replica import Replica
from parley.server.chat.room_questions import RoomQuestions
from parley.server.chat.sessions import Sessions
from parley.server.files.keeper import Keeper
from parley.server.ipc import messages as module
from parley.server.ipc.messages import (
    FromHasher,
    FromJournal,
    FromKeeper,
    Noticed,
    Operated,
    Proven,
    ReadStore,
    Settled,
    ToHub,
    ToStore,
    ToWorker,
    handlers,
    messages,
    name_of,
    packed,
)
from parley.server.ipc.queues import called
from parley.server.storage.database import Database
from parley.server.storage.journal import Journal
from parley.server.storage.memory import Store
from parley.server.supervisor.hashing import Verifier
from parley.server.supervisor.hub import Hub
from parley.server.worker.loop import Worker

DIRECTIONS = [value for value in vars(module).values() if isinstance(value, type) and
              value.__module__.startswith(module.__name__ + ".")]
DECIDING = (Claims, Enrollment, DirectMessages, Entering, Moderation, Sessions, Presence, People, Metadata, DeviceLists,
            Register)
HEARD = [(ToHub, 1, (Prover, Questions, RoomQuestions, Past, Census, Hub, *DECIDING)),
         *((kind, 1, DECIDING) for kind in (Proven, Operated, Noticed, Settled)),
         (ToWorker, 0, (Replica, Worker)), (FromJournal, 0, (Journal,)), (FromHasher, 0, (Verifier,)),
         (FromKeeper, 0, (Keeper,)),
         (ToStore, 0, (Store,)), (ReadStore, 0, (Store,)), (ToStore, 0, (Database,)), (ReadStore, 0, (Database,))]
CASES = [(kind, name, before, owners) for direction, before, owners in HEARD
         for name, kind in messages(direction).items()]


@for_each("kind, name, before, owners", CASES)
def test_a_message_has_one_handler_that_takes_its_fields(kind, name, before, owners):
    (owner,) = [owner for owner in owners if hasattr(owner, name)]
    _, *parameters = [one for one in inspect.signature(getattr(owner, name)).parameters.values() if one.name != "alive"]
    least = [one for one in parameters if one.default is one.empty]
    assert len(least) <= before + len(kind._fields) <= len(parameters)


@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda direction: direction.__name__)
def test_every_message_says_what_it_is(direction):
    assert direction.__doc__
    for kind in messages(direction).values():
        assert kind.__doc__ and not kind.__doc__.startswith(kind.__name__ + "("), kind


def test_a_message_comes_back_from_its_frame_by_the_name_of_its_handler():
    message = ToHub.ClaimGuest(7)
    assert name_of(message) == "claim_guest"
    assert called(packed(message)) == ("claim_guest", (7, ""))


def test_what_nobody_hears_or_two_do_is_an_error_at_the_start():
    class Hearer:
        def through(self, through):
            pass

        def results(self, results, broken):
            pass

        def backed_up(self, result):
            pass

    one = Hearer()
    assert handlers(FromJournal, one, object()) == {
        "through": one.through, "results": one.results, "backed_up": one.backed_up}
    for owners in ([one, Hearer()], [object()], []):
        with pytest.raises(TypeError, match="FromJournal.* handlers"):
            handlers(FromJournal, *owners)
