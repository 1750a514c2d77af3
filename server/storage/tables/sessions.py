"""The tables of resumable sessions with their tags, and of read markers."""
import binascii
from typing import Dict, List, Tuple

from parley.server.chat.sessions import MOST_TAGS, Stored
from parley.server.ipc.messages import Marker
from parley.server.storage.pages import MOST_MARKERS
from parley.server.storage.tables.file import DatabaseFile


class Sessions(DatabaseFile):
    """Sessions with the tags of messages that were said in them, and the read markers of sessions and accounts."""

    def keep_session(self, key: bytes, name: bytes, account: bool, since: int, source: str = "") -> bool:
        self._connection.execute(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)", (key, name.decode(), account, since, source))
        return True

    def drop_sessions(self, keys: List[bytes]) -> bool:
        self._connection.executemany("DELETE FROM sessions WHERE key = ?", [(key,) for key in keys])
        self._connection.executemany(
            "DELETE FROM markers WHERE owner = ?", [(binascii.hexlify(key).decode(),) for key in keys])
        return True

    def sessions(self) -> List[Stored]:
        tags: Dict[bytes, List[Tuple[bytes, int, int]]] = {}
        for key, tag, number, when in self._rows("SELECT session, tag, number, time FROM tags ORDER BY number"):
            tags.setdefault(key, []).append((tag, number, when))
        return [(key, name, bool(account), since, source.decode(), tags.get(key, [])[-MOST_TAGS:])
                for key, name, account, since, source in self._rows(
                    "SELECT key, name, account, since, source FROM sessions")]

    def _note_tag(self, key: bytes, tag: bytes, number: int, time: int) -> None:
        self._connection.execute("INSERT INTO tags VALUES (?, ?, ?, ?)", (number, key, tag, time))

    def mark_read(self, owner: bytes, room: int, partner: bytes, number: int) -> bool:
        place = owner.decode(), room, partner.decode()
        moved = self._connection.execute(
            "UPDATE markers SET number = max(number, ?) WHERE owner = ? AND room = ? AND partner = ?", (number, *place))
        if moved.rowcount:
            return True
        self._connection.execute("INSERT INTO markers VALUES (?, ?, ?, ?)", (*place, number))
        for room, partner in self._rows(
                "SELECT room, partner FROM markers WHERE owner = ? ORDER BY number DESC, room DESC, partner DESC"
                " LIMIT -1 OFFSET ?", place[0], MOST_MARKERS):
            self._connection.execute("DELETE FROM markers WHERE owner = ? AND room = ? AND partner = ?",
                                     (place[0], room, partner.decode()))
        return True

    def markers(self, owner: bytes) -> List[Marker]:
        return self._rows("SELECT room, partner, number FROM markers WHERE owner = ?", owner.decode())
