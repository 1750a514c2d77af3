"""Proofs by exhaustion: the promises of the server, kept thousands of times. `python -m stress.proofs` lists them.

Each is a module with a function `prove(say, ...)`, whose defaults are the long run; it reports its figures through
`say` and raises `Violation` if a promise is broken. The tests in `tests/faults` run the same functions, but briefly.
"""


class Violation(AssertionError):
    """The server did what it promises never to do."""


def demand(kept, promise, *details):
    """Raise `Violation` with `promise % details` unless it is kept."""
    if not kept:
        raise Violation(promise % details)
