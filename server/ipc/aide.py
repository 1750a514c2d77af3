"""The hub's end of a helper process."""
from typing import Any, Callable, Dict, List

from parley.server.ipc.queues import Queue, called

POLITENESS = 5  # niceness of processes whose work may take long, so that talk goes first


class Aide:
    """Sends messages to a helper process, and handles its messages. If the process dies, another one is attached.

    down, up: the queues to the process and from it, while there is one.
    waiting: is `down` full, so that the hub watches it for room?
    """

    down: Queue
    up: Queue
    _handlers: Dict[str, Callable[..., Any]]  # name of what the process says -> what is done: `handlers`

    def __init__(self) -> None:
        self.down = self.up = None  # type: ignore[assignment]
        self.waiting = False
        self._unanswered = 0  # looks of the hub since the last sign of life

    def attach(self, down: Queue, up: Queue) -> None:
        """A process has been forked, which reads from `down` and writes to `up`."""
        self.down, self.up = down, up
        self._unanswered = 0

    def detach(self) -> List[Queue]:
        """Let go of the process, which is dead, dismissed, or another one's child. Returns the queues to close."""
        queues = [queue for queue in (self.down, self.up) if queue is not None]
        self.down = self.up = None  # type: ignore[assignment]
        self.waiting = False
        return queues

    def flush(self) -> None:
        """Send pending messages, and what the queue had no room for before."""
        if self.down is not None and self.down.backlog_size:
            self._put(b"")

    def hear(self) -> None:
        """Handle the messages that have come. EOFError if the process is gone."""
        frames = self.up.get()
        self._unanswered = 0
        for frame in frames:
            name, arguments = called(frame)
            self._handlers[name](*arguments)

    def is_stuck(self) -> bool:
        """Called at each periodic check of the hub: was there no answer for too many of these checks?

        Checks are counted, not seconds, so that the process has time to answer after the machine was suspended.
        """
        raise NotImplementedError

    def process(self, down: Queue, up: Queue) -> None:
        """In the process: serve the hub until it is gone."""
        raise NotImplementedError

    def _put(self, frames: bytes) -> None:
        """Queue frames, if there is a process."""
        if self.down is not None:
            try:
                self.down.put(frames)
            except BrokenPipeError:
                pass  # `hear` notices that the process is dead
