"""The types that all protocols share: what a decoder is made with, and what an encoder takes and gives."""
from typing import Any, Callable, Dict, Mapping, Tuple

Limits = Mapping[str, Any]  # the protocol's settings, such as "text_bytes"
Aliases = Mapping[bytes, bytes]  # {name: alias} of the members whose names are too long for the protocol
Frames = Tuple[bytes, ...]  # what one event is to one client; empty if the protocol has no message for it

# {type of happening: encoder}, for protocols whose frames depend on the event only, and for those that need more.
Encoders = Dict[type, Callable[[Any], Frames]]
EncodersFor = Dict[type, Callable[[Any, Any], Frames]]
