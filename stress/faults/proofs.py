"""The proofs of `stress.proofs`, as long as a battery can wait for them; on their own they run longer."""
from stress.proofs import durable, fuzz, kills, logins, names, returns, rooms, soak
from stress.proofs import start as beginning


def quietly(text):
    """Figures are for those who run a proof alone."""


def test_the_same_name_at_once_on_two_workers_10000_times():
    names.prove(quietly)


def test_a_name_from_hand_to_hand_3000_times(start):
    names.relay(start(workers=2), 3000)


def test_who_closes_and_comes_back_at_once_is_never_refused():
    returns.prove(quietly, returns=2000, framed=200)


def test_workers_killed_under_load():
    kills.prove(quietly, kills=6, workers=3)


def test_workers_journal_and_hub_killed_under_load():
    durable.prove(quietly, kills=30, workers=2)


def test_a_million_stored_messages():
    beginning.prove(quietly, starts=1)


def test_memory_after_20000_cycles():
    soak.prove(quietly)


def test_100000_mutated_inputs_for_each_decoder():
    fuzz.prove(quietly, inputs=100000)


def test_a_storm_of_wrong_passwords():
    logins.prove(quietly)


def test_people_of_each_protocol_hear_exactly_their_rooms():
    rooms.prove(quietly, rounds=20)
