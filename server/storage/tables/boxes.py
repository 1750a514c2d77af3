"""The boxes of accounts: direct messages that wait until they are delivered."""
from typing import Dict, List, Optional, Tuple

from parley.server.chat.accounts import KEPT_SIZE, Box
from parley.server.ipc.messages import Listed
from parley.server.storage.tables.checksums import checksum_of, sound
from parley.server.storage.tables.file import DatabaseFile

# Receiver, source, messages, bytes of memory as in `kept_size`, the earliest time in seconds; see `Store.box`.
_BOXES = (
    "SELECT receiver, source, count(*), sum(%d + length(CAST(sender AS BLOB)) + length(CAST(text AS BLOB))),"
    " min(time) / 1000 FROM kept %%s GROUP BY receiver, source ORDER BY min(id)" % KEPT_SIZE)


class Boxes(DatabaseFile):
    """The messages in boxes. They have ids of their own; times in the table are milliseconds."""

    def keep(self, time: int, sender: bytes, to: bytes, text: bytes, source: str = "") -> bool:
        self._connection.execute(
            "INSERT INTO kept (receiver, time, sender, text, checksum, source) VALUES (?, ?, ?, ?, ?, ?)",
            (to.decode(), time, sender.decode(), text.decode(), checksum_of(time, sender, text), source))
        return True

    def taken(self, name: bytes, last: int, sender: Optional[bytes] = None) -> bool:
        self._connection.execute(
            "DELETE FROM kept WHERE receiver = ? AND id <= ? AND sender = coalesce(?, sender)",
            (name.decode(), last, sender and sender.decode()))
        return True

    def expire(self, name: bytes, before: int) -> bool:
        receiver = name.decode()
        self._connection.execute(
            "DELETE FROM kept WHERE receiver = ? AND (time < ? OR time > ? AND id < ("
            "SELECT max(id) FROM kept WHERE receiver = ? AND time < ?))",
            (receiver, before * 1000, self._now() * 1000 + 999, receiver, before * 1000))
        return True

    def kept(self, name: bytes) -> List[Listed]:
        return list(sound(self._rows(
            "SELECT id, sender, text, time, checksum FROM kept WHERE receiver = ? ORDER BY id", name.decode())))

    def unread(self, name: bytes) -> List[Tuple[bytes, int]]:
        return self._rows(
            "SELECT sender, count(*) FROM kept WHERE receiver = ? GROUP BY sender ORDER BY min(id)", name.decode())

    def outside(self, name: bytes, after: int, most: int) -> List[Tuple[int, bytes, str, int, int]]:
        rows = self._rows(
            "SELECT id, sender, source, time / 1000, length(CAST(text AS BLOB)) FROM kept WHERE receiver = ? AND id > ?"
            " ORDER BY id LIMIT ?", name.decode(), after, most)
        return [(number, sender, source.decode(), when, size) for number, sender, source, when, size in rows]

    def box(self, name: bytes) -> Box:
        shares = self._rows(_BOXES % "WHERE receiver = ?", name.decode())
        return ([(source.decode(), messages, size) for _, source, messages, size, _ in shares],
                min([oldest for *_, oldest in shares], default=None))

    def boxes(self) -> Dict[bytes, Tuple[List[Tuple[str, int, int]], int]]:
        """{name: what `box` returns} of all boxes that are not empty."""
        boxes: Dict[bytes, Tuple[List[Tuple[str, int, int]], int]] = {}
        for name, source, messages, size, oldest in self._rows(_BOXES % ""):
            shares, before = boxes.get(name, ([], oldest))
            boxes[name] = [*shares, (source.decode(), messages, size)], min(before, oldest)
        return boxes
