"""Judges one chat over several nodes: clients that record what they are told, failures, and the judgement."""
