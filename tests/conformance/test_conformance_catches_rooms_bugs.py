"""The suite is tried on a server that can be wrong about rooms, and every requirement of rooms on a bug."""
import json

from cases import for_each
from shipped import scenarios_of
from wrong_fixture import fixture_around
from wrong_rooms_server import BUGS, WrongRoomsServer

from parley.conformance import requirements
from parley.conformance.barrier import BarrierFailed
from parley.conformance.fixture import NotUsable
from parley.conformance.runner import Run, StepFailed
from parley.conformance.variants import Variant, variants_of
from parley.conformance.wire import line

PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar", "mixed")
BY_NAME = {name: scenario for name, scenario in scenarios_of(*PROTOCOLS).items()
           if "rooms" in scenario.tags and set(scenario.protocols) <= set(PROTOCOLS)}
VARIANTS = (Variant("split", "whole"), Variant("same", "bytes"))
REQUIREMENTS = {ident: one for protocol in PROTOCOLS for ident, one in requirements.load(protocol).items()
                if "-ROOM-" in ident and not one.untestable}

# (bug, the scenario that was written with it in mind, the requirement that it breaks).
CAUGHT = [
    ("rooms-silent-join", "line/rooms-join", "LINE-ROOM-1"),
    ("rooms-echo", "line/rooms-join", "LINE-ROOM-2"),
    ("rooms-twice-line", "line/rooms-join", "LINE-ROOM-2"),
    ("line-rooms-mumble", "line/rooms-join", "LINE-ROOM-1"),
    ("rooms-leak", "line/rooms-join", "LINE-ROOM-3"),
    ("rooms-joins-in-lobby", "line/rooms-join", "LINE-ROOM-3"),
    ("rooms-outsiders-may", "line/rooms-join", "LINE-ROOM-3"),
    ("rooms-silent-leave", "line/rooms-join", "LINE-ROOM-4"),
    ("rooms-ends-are-silent", "line/rooms-join", "LINE-ROOM-4"),
    ("rooms-leavers-hear", "line/rooms-join", "LINE-ROOM-4"),
    ("rooms-one-lobby", "line/rooms-join", "LINE-ROOM-5"),
    ("rooms-list-all", "line/rooms-lists", "LINE-ROOM-6"),
    ("rooms-who-lists-all", "line/rooms-lists", "LINE-ROOM-7"),
    ("rooms-tell-newcomers-nothing", "line/rooms-history", "LINE-ROOM-8"),
    ("rooms-tells-again", "line/rooms-history", "LINE-ROOM-8"),
    ("rooms-places-from-0", "line/rooms-history", "LINE-ROOM-9"),
    ("rooms-silent-topic", "line/rooms-topic", "LINE-ROOM-10"),
    ("rooms-topic-is-text", "line/rooms-topic", "LINE-ROOM-10"),
    ("rooms-any-name", "line/rooms-names", "LINE-ROOM-11"),
    ("rooms-look-alikes", "line/rooms-names", "LINE-ROOM-11"),
    ("rooms-any-user", "line/rooms-names", "LINE-ROOM-12"),
    ("rooms-no-maker", "line/rooms-ops", "LINE-ROOM-13"),
    ("rooms-never-end", "line/rooms-ops", "LINE-ROOM-13"),
    ("rooms-kick-nothing", "line/rooms-ops", "LINE-ROOM-14"),
    ("rooms-kicked-unawares", "line/rooms-ops", "LINE-ROOM-14"),
    ("rooms-silent-kick", "line/rooms-ops", "LINE-ROOM-14"),
    ("rooms-forget-why", "line/rooms-ops", "LINE-ROOM-14"),
    ("rooms-ban-nothing", "line/rooms-ban", "LINE-ROOM-15"),
    ("rooms-bans-exact", "line/rooms-ban", "LINE-ROOM-15"),
    ("rooms-for-ever", "line/rooms-ban", "LINE-ROOM-15"),
    ("rooms-mute-nothing", "line/rooms-speech", "LINE-ROOM-16"),
    ("rooms-voice-stays", "line/rooms-speech", "LINE-ROOM-17"),
    ("rooms-moderate-nothing", "line/rooms-speech", "LINE-ROOM-18"),
    ("rooms-voice-is-nothing", "line/rooms-speech", "LINE-ROOM-18"),
    ("rooms-give-nothing", "line/rooms-ops", "LINE-ROOM-19"),
    ("rooms-op-stays", "line/rooms-owner", "LINE-ROOM-19"),
    ("rooms-never-slow", "line/rooms-slow", "LINE-ROOM-20"),
    ("rooms-private-listed", "line/rooms-lists", "LINE-ROOM-21"),
    ("rooms-private-answers", "line/rooms-lists", "LINE-ROOM-21"),
    ("rooms-invite-open", "line/rooms-doors", "LINE-ROOM-22"),
    ("rooms-invited-for-good", "line/rooms-doors", "LINE-ROOM-22"),
    ("rooms-invite-unawares", "line/rooms-doors", "LINE-ROOM-22"),
    ("rooms-any-key", "line/rooms-doors", "LINE-ROOM-23"),
    ("rooms-tell-key", "line/rooms-doors", "LINE-ROOM-23"),
    ("rooms-no-limit", "line/rooms-doors", "LINE-ROOM-24"),
    ("rooms-all-may", "line/rooms-ops", "LINE-ROOM-25"),
    ("rooms-no-ranks", "line/rooms-owner", "LINE-ROOM-26"),
    ("rooms-all-drop", "line/rooms-ops", "LINE-ROOM-27"),
    ("rooms-drop-nothing", "line/rooms-ops", "LINE-ROOM-27"),
    ("rooms-silent-drop", "line/rooms-ops", "LINE-ROOM-27"),
    ("rooms-closed-tell-all", "line/rooms-history", "LINE-ROOM-28"),
    ("rooms-ops-kept-out", "line/rooms-owner", "LINE-ROOM-29"),
    ("rooms-never-owned", "line/rooms-owner", "LINE-ROOM-26"),
    ("rooms-forget", "line/rooms-owner", "LINE-ROOM-30"),
    ("rooms-roles-end", "line/rooms-owner", "LINE-ROOM-29"),
    ("rooms-no-operators", "line/rooms-operator", "LINE-ROOM-31"),
    ("rooms-lobby-kick-nothing", "line/rooms-operator", "LINE-ROOM-32"),
    ("rooms-lobby-ban-nothing", "line/rooms-operator", "LINE-ROOM-32"),
    ("rooms-lobby-mute-nothing", "line/rooms-operator", "LINE-ROOM-32"),
    ("rooms-lobby-is-a-room", "line/rooms-operator", "LINE-ROOM-33"),
    ("rooms-one-word", "line/rooms-refused", "LINE-ROOM-34"),
    ("rooms-any-setting", "line/rooms-doors", "LINE-ROOM-34"),
    ("rooms-strangers-enter", "line/rooms-stranger", "LINE-ROOM-35"),
    ("rooms-raw-lines", "line/faults-forged-rooms", "LINE-ROOM-36"),

    ("rooms-silent-join", "binary/rooms-join", "BIN-ROOM-1"),
    ("binary-rooms-in-100", "binary/rooms-join", "BIN-ROOM-2"),
    ("rooms-twice-binary", "binary/rooms-join", "BIN-ROOM-2"),
    ("rooms-leak", "binary/rooms-join", "BIN-ROOM-3"),
    ("binary-rooms-no-401", "binary/rooms-join", "BIN-ROOM-1"),
    ("rooms-silent-leave", "binary/rooms-join", "BIN-ROOM-4"),
    ("binary-rooms-json", "binary/rooms-manage", "BIN-ROOM-5"),
    ("rooms-no-maker", "binary/rooms-manage", "BIN-ROOM-6"),
    ("rooms-forget-why", "binary/rooms-manage", "BIN-ROOM-6"),
    ("rooms-who-lists-all", "binary/rooms-manage", "BIN-ROOM-7"),
    ("binary-rooms-102", "binary/rooms-join", "BIN-ROOM-8"),
    ("binary-rooms-first-only", "binary/rooms-long-texts", "BIN-ROOM-9"),
    ("rooms-invite-unawares", "binary/rooms-manage", "BIN-ROOM-10"),
    ("rooms-silent-rename", "binary/rooms-join", "BIN-ROOM-11"),
    ("rooms-strangers-enter", "binary/rooms-stranger", "BIN-ROOM-12"),
    ("rooms-one-lobby", "binary/rooms-join", "BIN-ROOM-13"),
    ("rooms-raw-lines", "binary/rooms-long-texts", "BIN-ROOM-14"),
    ("binary-rooms-nobody", "binary/rooms-join", "BIN-ROOM-1"),

    ("rooms-leavers-hear", "delimited/rooms", "DELIMITED-ROOM-1"),
    ("delimited-rooms-send-enters-not", "delimited/rooms", "DELIMITED-ROOM-2"),
    ("delimited-rooms-no-echo", "delimited/rooms", "DELIMITED-ROOM-2"),
    ("rooms-echo", "delimited/rooms", "DELIMITED-ROOM-2"),
    ("delimited-rooms-from-sender", "delimited/rooms", "DELIMITED-ROOM-3"),
    ("rooms-twice-delimited", "delimited/rooms", "DELIMITED-ROOM-3"),
    ("delimited-rooms-events-as-talk", "delimited/rooms", "DELIMITED-ROOM-4"),
    ("delimited-rooms-not-listed", "delimited/rooms", "DELIMITED-ROOM-5"),
    ("delimited-rooms-all-listed", "delimited/rooms", "DELIMITED-ROOM-5"),
    ("delimited-rooms-in-7", "delimited/rooms", "DELIMITED-ROOM-6"),
    ("delimited-rooms-manage-not", "delimited/rooms-manage", "DELIMITED-ROOM-7"),
    ("rooms-who-lists-all", "delimited/rooms-manage", "DELIMITED-ROOM-8"),
    ("delimited-rooms-silent", "delimited/rooms-manage", "DELIMITED-ROOM-9"),
    ("rooms-leak", "delimited/rooms", "DELIMITED-ROOM-10"),
    ("rooms-strangers-enter", "delimited/rooms-manage", "DELIMITED-ROOM-11"),
    ("delimited-rooms-anybody", "delimited/rooms-manage", "DELIMITED-ROOM-12"),
    ("rooms-any-user", "delimited/rooms-manage", "DELIMITED-ROOM-12"),
    ("rooms-invite-unawares", "delimited/rooms-manage", "DELIMITED-ROOM-13"),

    ("rooms-leavers-hear", "dollar/rooms", "DOLLAR-ROOM-1"),
    ("dollar-rooms-send-enters-not", "dollar/rooms", "DOLLAR-ROOM-2"),
    ("dollar-rooms-from-sender", "dollar/rooms", "DOLLAR-ROOM-3"),
    ("rooms-twice-dollar", "dollar/rooms", "DOLLAR-ROOM-3"),
    ("rooms-silent-join", "dollar/rooms", "DOLLAR-ROOM-4"),
    ("dollar-rooms-not-listed", "dollar/rooms", "DOLLAR-ROOM-5"),
    ("dollar-rooms-offline", "dollar/rooms", "DOLLAR-ROOM-5"),
    ("dollar-rooms-no-joined", "dollar/rooms", "DOLLAR-ROOM-6"),
    ("dollar-rooms-manage-not", "dollar/rooms-manage", "DOLLAR-ROOM-7"),
    ("rooms-who-lists-all", "dollar/rooms-manage", "DOLLAR-ROOM-8"),
    ("dollar-rooms-no-reason", "dollar/rooms-manage", "DOLLAR-ROOM-9"),
    ("dollar-rooms-no-history", "dollar/rooms", "DOLLAR-ROOM-10"),
    ("rooms-leak", "dollar/rooms", "DOLLAR-ROOM-11"),
    ("rooms-strangers-enter", "dollar/rooms-manage", "DOLLAR-ROOM-12"),
    ("dollar-rooms-anybody", "dollar/rooms-manage", "DOLLAR-ROOM-13"),
    ("rooms-invite-unawares", "dollar/rooms-manage", "DOLLAR-ROOM-14"),

    ("padded-rooms-hears", "mixed/rooms-five-talk", "PAD-ROOM-1"),
    ("rooms-leak", "mixed/rooms-five-talk", "MIX-ROOM-1"),
    ("rooms-twice-dollar", "mixed/rooms-five-talk", "MIX-ROOM-1"),
    ("rooms-mixes-order", "mixed/rooms-in-order", "MIX-ROOM-2"),
    ("rooms-swaps-speakers", "mixed/rooms-at-once", "MIX-ROOM-3"),
    ("rooms-silent-rename", "mixed/rooms-managed", "MIX-ROOM-4"),
    ("rooms-silent-kick", "mixed/rooms-managed", "MIX-ROOM-4"),
    ("rooms-who-lists-all", "mixed/rooms-managed", "MIX-ROOM-5"),
    ("rooms-one-lobby", "mixed/rooms-five-talk", "MIX-ROOM-6"),
    ("rooms-raw-lines", "mixed/faults-forged-rooms", "MIX-ROOM-7"),
]


def fixture_for(scenario, bugs=(), patient=False):
    """A fixture around a wrong server in this process, configured as the scenario needs it."""
    server = WrongRoomsServer(bugs, json.loads(scenario.needs.config), json.loads(scenario.needs.users))
    return fixture_around(server, server, line, () if patient else bugs)


def play(scenario, bugs=(), variants=VARIANTS, patient=False):
    """Play the scenario in these of its variants, each on a server of its own."""
    for variant in variants:
        if variant in variants_of(scenario, False):
            with fixture_for(scenario, bugs, patient) as fixture:
                Run(scenario, variant, fixture).play()


@for_each("name", sorted(BY_NAME), at_once=8)
def test_the_correct_server_passes(name):
    play(BY_NAME[name])


def what_it_breaks(bug, name, patient):
    """The requirements of the step that a bug fails in the scenario; none if no step fails."""
    try:
        play(BY_NAME[name], [bug], VARIANTS[:1], patient)
    except StepFailed as failed:
        return failed.step.req
    except (BarrierFailed, NotUsable):
        pass
    return ()


@for_each("bug, name, requirement", CAUGHT, at_once=8)
def test_the_bug_is_caught(bug, name, requirement):
    # What is late on a busy machine is charged to something else; then the suite has to be patient.
    charged = what_it_breaks(bug, name, patient=False)
    if requirement not in charged:
        charged = what_it_breaks(bug, name, patient=True)
    assert requirement in charged


def test_every_bug_is_tried_and_every_requirement_has_one():
    assert sorted({bug for bug, _, _ in CAUGHT}) == sorted(BUGS)
    assert sorted({requirement for _, _, requirement in CAUGHT}) == sorted(REQUIREMENTS)
