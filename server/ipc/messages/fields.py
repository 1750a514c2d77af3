"""Types of what is in messages."""
from typing import Any, Tuple

Listed = Tuple[int, bytes, bytes, int]  # number or id, sender, text, time
Missed = Tuple[int, bytes, bytes, bytes, int]  # number, sender, receiver (empty in a room), text, time
Marks = Tuple[Tuple[bytes, int], ...]  # name of a room, or empty for direct messages; number
Marker = Tuple[int, bytes, int]  # room, partner (or empty), number: up to where somebody has read
Message = Tuple[Any, ...]
