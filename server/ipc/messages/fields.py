"""Types of what is in messages."""
from typing import Any, Tuple

Listed = Tuple[int, bytes, bytes, int]  # number or id, sender, text, time
Missed = Tuple[int, bytes, bytes, bytes, int]  # number, sender, to whom (empty in a room), text, time
Marks = Tuple[Tuple[bytes, int], ...]  # room, or empty of what was said to one alone; number
Marker = Tuple[int, bytes, int]  # room, partner (or empty), number: up to where somebody has read
Message = Tuple[Any, ...]
