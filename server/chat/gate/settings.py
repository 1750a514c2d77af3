"""The values that the settings of a room can have, and how they are written."""
from typing import Any, List, Tuple

from parley.server.chat.rooms import COUNTS, SWITCHES

INVALID = object()
_SWITCHED = {b"on": True, b"off": False}
_MOST_COUNT = 10 ** 6  # members of a room, or seconds between two messages
_LONGEST_KEY = 64  # bytes

def settings_of(about: bytes, text: bytes) -> List[Tuple[bytes, bytes]]:
    """(setting, value) of each. Several may be set at once, with commas between them, if all are on or off."""
    names, values = about.split(b","), text.split(b",")
    are_switches = len(names) == len(values) and all(name.decode(errors="replace") in SWITCHES for name in names)
    return [*zip(names, values)] if len(names) > 1 and are_switches else [(about, text)]


def setting(about: bytes, text: bytes) -> Any:
    """The value that `text` stands for, of the setting `about`; INVALID if it stands for none."""
    name = about.decode(errors="replace")
    if name in SWITCHES:
        return _SWITCHED.get(text, INVALID)
    if text == b"off":
        return 0 if name in COUNTS else None
    if name in COUNTS:
        return int(text) if text.isdigit() and len(text) < 8 and 0 < int(text) <= _MOST_COUNT else INVALID
    return text if 0 < len(text) <= _LONGEST_KEY and b" " not in text else INVALID
