"""How events are declared, and lists of them."""
from typing import Any, Callable, Dict, List, Tuple, Type, TypeVar

_T = TypeVar("_T")


def _equal(self: Tuple[Any, ...], other: object) -> Any:
    return type(self) is type(other) and tuple.__eq__(self, other)


def _unequal(self: Tuple[Any, ...], other: object) -> bool:
    return not self == other


def _hash(self: Tuple[Any, ...]) -> int:
    return hash((type(self), tuple(self)))


def event(kind: Type[_T]) -> Type[_T]:
    """Make instances of a named tuple equal only to those of the same type: `Who()` is not `Quit()`."""
    kind.__eq__ = _equal  # type: ignore[method-assign, assignment]
    kind.__ne__ = _unequal  # type: ignore[method-assign, assignment]
    kind.__hash__ = _hash  # type: ignore[method-assign, assignment]
    return kind


Command = Tuple[Any, ...]  # of one of COMMANDS
Happening = Tuple[Any, ...]  # of one of HAPPENINGS
_commands: List[Type[Any]] = []
_answers: List[Type[Any]] = []
_pushes: List[Type[Any]] = []

# The answers that may be long, by the type of the request.
LONG_ANSWERS: Dict[Type[Any], Type[Any]] = {}


def command(kind: Type[_T]) -> Type[_T]:
    """What a client asks."""
    _commands.append(kind)
    return event(kind)


def answer(kind: Type[_T]) -> Type[_T]:
    """What a client is told because it has asked something."""
    _answers.append(kind)
    return event(kind)


def long_answer(asked: Type[Any]) -> Callable[[Type[_T]], Type[_T]]:
    """An answer to commands of the type `asked`, and one that may be long."""

    def note(kind: Type[_T]) -> Type[_T]:
        LONG_ANSWERS[asked] = kind
        return answer(kind)

    return note


def push(kind: Type[_T]) -> Type[_T]:
    """What a client is told without having asked."""
    _pushes.append(kind)
    return event(kind)


HOME = b""  # the room that a client means if it names none, and that events without a room's name are of: the lobby
