"""Measurements and proofs that take longer than a test may: `python -m bench`, `python -m bench.proofs`."""
