"""What a scenario file says, as values. The loader makes them, the runner plays them."""
from typing import Any, NamedTuple, Optional, Tuple

SEGMENTATIONS = ("whole", "bytes", "joined")
PLACEMENTS = ("split", "same")
MIXED = "mixed"  # the protocol of a scenario whose actors speak several


class Place(NamedTuple):
    """Where in a file; line and column count from 1."""

    path: str
    line: int
    column: int = 1

    def __str__(self):
        return "%s:%d" % (self.path, self.line)


class Sending(NamedTuple):
    """Something to send: `kind` is message (for the codec to encode), bytes, or chunks (exact writes)."""

    kind: str
    content: Any


class Step(NamedTuple):
    """One actor's step. Its order is always: connect, send, expect, expect_nothing, expect_close, disconnect."""

    place: Place
    actor: str
    connect: bool = False
    sendings: Tuple[Sending, ...] = ()
    expects: Tuple[Any, ...] = ()
    nothing: bool = False
    close: Optional[str] = None
    disconnect: Optional[str] = None
    req: Tuple[str, ...] = ()
    within: Optional[float] = None
    cut: Any = None  # where what is sent is cut in two: a number of bytes, or "${round}"


class Unordered(NamedTuple):
    """Expectations that may be met in any order."""

    place: Place
    steps: Tuple[Step, ...]
    req: Tuple[str, ...] = ()


class Concurrent(NamedTuple):
    """Steps of several actors whose bytes leave together; `tally` has (matcher, times) for the next message of each."""

    place: Place
    steps: Tuple[Step, ...]
    tally: Tuple[Tuple[Any, int], ...]
    req: Tuple[str, ...] = ()


class Repeat(NamedTuple):
    """Steps to play several times; `${round}` is 1, 2, ... in them."""

    place: Place
    times: int
    steps: Tuple[Any, ...]
    req: Tuple[str, ...] = ()


class Wait(NamedTuple):
    """The only clock of the language."""

    place: Place
    what: str
    seconds: float
    why: str
    req: Tuple[str, ...] = ()


class ServerStep(NamedTuple):
    """Something about the server's process: what it prints, and that it ends when it is told to."""

    place: Place
    stop: bool
    printed: Tuple[Any, ...]
    req: Tuple[str, ...] = ()


class Needs(NamedTuple):
    """What a scenario needs of the server. `config` and `users` are canonical JSON: its configuration, its accounts."""

    config: str = "{}"
    users: str = "{}"
    workers: int = 1
    idle_limit: Optional[float] = None
    fresh: bool = False
    exact_names: bool = False


class Scenario(NamedTuple):
    """One file. `protocol` is what its actors speak, or MIXED; `speaks` has the protocol of each actor."""

    name: str
    place: Place
    title: str
    protocol: str
    actors: Tuple[str, ...]
    names: Tuple[str, ...]
    steps: Tuple[Any, ...]
    needs: Needs
    speaks: Tuple[str, ...]
    tags: Tuple[str, ...] = ()
    notes: str = ""
    reading: Tuple[Tuple[str, str], ...] = ()
    lenient: bool = False
    segmentations: Tuple[str, ...] = SEGMENTATIONS
    placements: Tuple[str, ...] = PLACEMENTS

    @property
    def protocols(self):
        """The protocols in it, each once, in the order of the actors."""
        return tuple(dict.fromkeys(self.speaks))


def every_step(steps):
    """All steps, those inside groups too, in the file's order."""
    for step in steps:
        yield step
        for inner in every_step(getattr(step, "steps", ())):
            yield inner


def requirements_of(scenario):
    """The ids that the scenario gives evidence for, in the order of their first step."""
    found = []
    for step in every_step(scenario.steps):
        found.extend(ident for ident in step.req if ident not in found)
    return found
