"""What the fault battery feeds all decoders by the hundred thousand, a few hundred times."""
from stress.proofs import fuzz


def test_of_mutated_inputs_come_commands_the_same_however_they_are_cut():
    fuzz.prove(lambda text: None, inputs=300)
