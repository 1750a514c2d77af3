"""Checksums of messages: one that was damaged on the disk is left out when it is read."""
import logging
import zlib
from typing import Iterable, Iterator, Optional, Tuple

from parley.server.ipc.messages import Listed

log = logging.getLogger(__name__)


def checksum_of(now: int, sender: bytes, text: bytes) -> int:
    return zlib.crc32(b"%d %b %b" % (now, sender, text))


def sound(rows: Iterable[Tuple[int, bytes, bytes, int, int]], key: str = "number") -> Iterator[Listed]:
    """(key, sender, text, seconds) of each row (key, sender, text, milliseconds, checksum).

    key: "place" if the first item is that of the message; a number or an id otherwise. A message that does not fit its
    checksum is left out, and logged.
    """
    for number, sender, text, when, checksum in rows:
        if checksum_of(when, sender, text) == checksum:
            yield number, sender, text, when // 1000
        else:
            log.error("message %s%s is damaged on the disk: left out", "at the place " * (key == "place"), number)


def sound_exactly(rows: Iterable[Tuple[int, bytes, bytes, int, int, Optional[bytes]]]) -> Iterator[Listed]:
    """(number, sender, text with NUL and the extra, milliseconds) of each row (..., checksum, extra) that is sound."""
    for number, sender, text, when, checksum, extra in rows:
        if not text and extra is not None:
            if checksum_of(when, sender, extra) == checksum:
                yield number, sender, b"\0" + extra, when
        elif checksum_of(when, sender, text) == checksum:
            yield number, sender, text if extra is None else b"%b\0%b" % (text, extra), when
