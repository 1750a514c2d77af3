"""Our server under stress: promises kept thousands of times (`stress.proofs`), faults injected (`stress.faults`).

Built on the suite of `conformance`, which knows nothing of it. `bench` and the tests use its clients.
"""
