"""Commands and timers of bots."""
import time
from typing import Any, Callable, Dict, List, Optional, Union

from parley.client import events

Command = Callable[[Union[events.Said, events.Whispered], str], Optional[str]]


class _Timer:
    def __init__(self, seconds: float, function: Callable[[], Any]) -> None:
        self.seconds, self.function = seconds, function
        self.due = time.monotonic() + seconds


class Reactions:
    """The commands and the timers of a chat."""

    def __init__(self) -> None:
        self.commands: Dict[str, Command] = {}
        self._timers: List[_Timer] = []

    def add_timer(self, seconds: float, function: Callable[[], Any]) -> None:
        """Call `function` every so many seconds."""
        if seconds <= 0:
            raise ValueError("%r is not a number of seconds." % seconds)
        self._timers.append(_Timer(seconds, function))

    @property
    def next_at(self) -> Optional[float]:
        """When the next timer is due, by the monotonic clock; None: never."""
        return min((timer.due for timer in self._timers), default=None)

    def due(self) -> List[Callable[[], Any]]:
        """The functions of the timers that are due. A timer that is late skips what it has missed."""
        now = time.monotonic()
        due = [timer for timer in self._timers if timer.due <= now]
        for timer in due:
            timer.due = now + timer.seconds
        return [timer.function for timer in due]

    def answer_to(self, said: Union[events.Said, events.Whispered]) -> Optional[str]:
        """The command's answer to a message that begins with it; None if it is no command, or has no answer."""
        word, _, rest = said.text.partition(" ")
        command = self.commands.get(word)
        return command(said, rest.strip()) if command else None
