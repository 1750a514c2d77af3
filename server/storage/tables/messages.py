"""The tables of messages and their extras: writing, and replacing what was removed."""
from typing import Iterable, List, Optional

from parley.server.chat.room import LOBBY
from parley.server.ipc.queues import CONTROL, HEAD, place, said, without_extra
from parley.server.protocols.events import REDACTED, Reason
from parley.server.storage.backup import Result
from parley.server.storage.pages import Told
from parley.server.storage.tables.checksums import checksum_of
from parley.server.storage.tables.conversations import Conversations, room_pair


class Messages(Conversations):
    """The messages of all conversations, by number.

    For `Pruning`, the table `gaps` has the numbers that no message has, and `days` the first number of each day.
    """

    def _load(self) -> None:
        super()._load()
        self._day: Optional[int] = None  # the last one in the table `days`

    def last_given(self) -> int:
        """The latest number that may have been given to a message, stored or not."""
        reserved: int = self._fact("reserved")
        return max(self._number, reserved)

    def reserve(self, through: int) -> bool:
        self._connection.execute("UPDATE facts SET value = max(value, ?) WHERE key = 'reserved'", (through,))
        return True

    def release(self, last: int) -> bool:
        self._connection.execute("UPDATE facts SET value = ? WHERE key = 'reserved'", (last,))
        return True

    def talk(self, frame: bytes) -> bool:
        kind, room = HEAD.unpack_from(frame)[:2]
        first, now = place(frame)
        talk = self._talk_of(room)
        if kind > CONTROL:
            ((_, sender, _, _),) = said(frame)
            frame, extra = without_extra(frame)
            self._note_extra(first, talk, now, sender, extra)
        self._insert(talk, first, ((sender, text, now) for _, sender, text, _ in said(frame)))
        return True

    def add_conversation(self, one: bytes, other: bytes, messages: Iterable[Told]) -> None:
        """Import a conversation: (sender, text, seconds since the epoch) of each message, in order."""
        self._insert_alone(one, other, self.last_given() + 1,
                           [(sender, text, when * 1000) for sender, text, when in messages])
        self.reserve(self._number)

    def _insert_alone(self, one: bytes, other: bytes, first: int, messages: List[Told]) -> int:
        """Insert what two users have said to each other: see `_insert`. Returns the id of their conversation."""
        conversation = self._conversation(one, other)
        if messages:
            self._insert(conversation, first, messages)
            self._connection.execute("UPDATE conversations SET latest = ? WHERE id = ?", (self._number, conversation))
        return conversation

    def _insert(self, conversation: int, first: int, messages: Iterable[Told]) -> None:
        """Insert messages: (sender, text, milliseconds) of each, in order. first: the number of the first one."""
        shift = self._place(conversation) + 1 - first
        rows = [(conversation, number + shift, number, when, sender.decode(), text.decode(),
                 checksum_of(when, sender, text)) for number, (sender, text, when) in enumerate(messages, first)]
        if not rows:
            return
        self._note_numbers(first, first + len(rows) - 1)
        self._connection.executemany(
            "INSERT INTO messages (conversation, place, number, time, sender, text, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._places[conversation] = self._number + shift

    def _note_numbers(self, first: int, last: int) -> None:
        """These numbers are those of the latest messages; what the store has not seen before them is a gap."""
        if first > self._number + 1:
            self._connection.execute("INSERT INTO gaps VALUES (?, ?)", (self._number, first))
        if self._today() != self._day:
            self._note_day(first)
        self._number = last

    def _note_extra(self, number: int, conversation: int, time: int, sender: bytes, extra: bytes) -> None:
        if number > self._number:  # it may be all of its message
            self._note_numbers(number, number)
        self._connection.execute("INSERT INTO extras VALUES (?, ?, ?, ?, ?, ?)", (
            number, conversation, time, sender.decode(), extra, checksum_of(time, sender, extra)))

    def _note_day(self, first: int) -> None:
        """Messages from this number on are of today."""
        self._day = self._today()
        self._connection.execute("INSERT OR IGNORE INTO days VALUES (?, ?)", (self._day, first))

    def redact(self, room: int, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        talk = LOBBY if room == LOBBY else self._known(room_pair(room))
        return False if talk is None else self._redact(talk, number, names, since, text)

    def _redact(self, talk: int, number: int, names: List[bytes], since: int, text: bytes) -> Result:
        found = self._row("SELECT sender, time, 1 FROM messages WHERE number = ?1 AND conversation = ?2 UNION ALL"
                          " SELECT sender, time, 0 FROM extras WHERE number = ?1 AND conversation = ?2", number, talk)
        if found is None:
            return False
        if number <= since or names and found[0] not in names:
            return Reason.NOT_ALLOWED
        sender, when, has_text = found
        self._connection.execute("DELETE FROM extras WHERE number = ?", (number,))
        if has_text:
            self._connection.execute("UPDATE messages SET text = ?, checksum = ? WHERE number = ?", (
                text.decode(), checksum_of(when, sender, text), number))
            self._note_extra(number, talk, when, sender, REDACTED)
        return True
