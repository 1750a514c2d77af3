"""What judges one room over several nodes: clients who write down what they are told, failures, and the judgement."""
