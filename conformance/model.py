"""A scenario file as values: the loader makes them, the runner executes them."""
from typing import Any, NamedTuple, Optional, Tuple

SEGMENTATIONS = ("whole", "bytes", "joined")
PLACEMENTS = ("split", "same")
MIXED = "mixed"  # the protocol of a scenario whose actors speak several
BARE = "bare"  # a connection that the scenario opens itself, where the protocol has an opening


class Location(NamedTuple):
    """A location in a file; line and column count from 1."""

    path: str
    line: int
    column: int = 1

    def __str__(self):
        return "%s:%d" % (self.path, self.line)


class Send(NamedTuple):
    """Something to send.

    `kind` is message (`content` is what the codec encodes), bytes (a text or bytes), or chunks (a tuple of these, each
    written by itself).
    """

    kind: str
    content: Any


class Step(NamedTuple):
    """One actor's step. Its order is always: connect, send, expect, expect_nothing, expect_close, disconnect.

    `connect` is False, True or BARE.
    """

    location: Location
    actor: str
    connect: Any = False
    sends: Tuple[Send, ...] = ()
    expects: Tuple[Any, ...] = ()
    expect_nothing: bool = False
    expect_close: Optional[str] = None
    disconnect: Optional[str] = None
    req: Tuple[str, ...] = ()
    within: Optional[float] = None
    cut: Any = None  # split what is sent in two after this many bytes; "${round}" is the number of the round


class Unordered(NamedTuple):
    """Steps with expectations only, which each actor may meet in any order."""

    location: Location
    steps: Tuple[Step, ...]
    req: Tuple[str, ...] = ()


class Concurrent(NamedTuple):
    """Steps of several actors whose bytes are sent together.

    `tally` has (matcher, count) for the messages that they receive next, one each.
    """

    location: Location
    steps: Tuple[Step, ...]
    tally: Tuple[Tuple[Any, int], ...]
    req: Tuple[str, ...] = ()


class Repeat(NamedTuple):
    """Steps to repeat; `${round}` is 1, 2, ... in them, and `${letters}` a, b, ..., z, aa, ..."""

    location: Location
    times: int
    steps: Tuple[Any, ...]
    req: Tuple[str, ...] = ()


class Wait(NamedTuple):
    """A pause, the only one in the language; `seconds` is scaled to the limits of a foreign server."""

    location: Location
    what: str
    seconds: float
    why: str
    req: Tuple[str, ...] = ()


class ServerStep(NamedTuple):
    """Expectations on the server's process: what it prints, and with `stop` that it ends on SIGTERM."""

    location: Location
    stop: bool
    printed: Tuple[Any, ...]
    req: Tuple[str, ...] = ()


class Needs(NamedTuple):
    """What a scenario requires of the server.

    `config` and `users` are canonical JSON: the configuration, and {account: password}. `idle_limit` is in seconds.
    """

    config: str = "{}"
    users: str = "{}"
    workers: int = 1
    idle_limit: Optional[float] = None
    fresh: bool = False
    exact_names: bool = False


class Scenario(NamedTuple):
    """One file. `protocol` is that of all actors, or MIXED; `actor_protocols` has one for each of `actors`."""

    name: str
    location: Location
    title: str
    protocol: str
    actors: Tuple[str, ...]
    names: Tuple[str, ...]
    steps: Tuple[Any, ...]
    needs: Needs
    actor_protocols: Tuple[str, ...]
    tags: Tuple[str, ...] = ()
    notes: str = ""
    reading: Tuple[Tuple[str, str], ...] = ()
    lenient: bool = False
    segmentations: Tuple[str, ...] = SEGMENTATIONS
    placements: Tuple[str, ...] = PLACEMENTS

    @property
    def protocols(self):
        """The protocols of the actors, without duplicates, in the order of the actors."""
        return tuple(dict.fromkeys(self.actor_protocols))


def every_step(steps):
    """All steps, including those in groups, in the file's order."""
    for step in steps:
        yield step
        for inner in every_step(getattr(step, "steps", ())):
            yield inner


def requirement_ids(scenario):
    """The ids of the requirements that the scenario is evidence for, in the order of their first step."""
    found = []
    for step in every_step(scenario.steps):
        found.extend(ident for ident in step.req if ident not in found)
    return found
