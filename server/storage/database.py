"""The store of a server with a storage directory: an SQLite database."""
import time
from typing import Callable, List, Optional, Tuple

from parley.server.chat.sessions import BY_TIME
from parley.server.ipc.queues import place
from parley.server.storage.pages import Told, with_kept
from parley.server.storage.tables.accounts import TOLD_BY, Accounts
from parley.server.storage.tables.boxes import Boxes
from parley.server.storage.tables.checksums import checksum_of
from parley.server.storage.tables.conversations import pair_of
from parley.server.storage.tables.past import Past
from parley.server.storage.tables.pruning import Pruning
from parley.server.storage.tables.sessions import Sessions


class Database(Pruning, Boxes, Accounts, Sessions, Past):
    """The store that `parley.server.storage.memory.Store` describes, in a file.

    Each of its base classes has the tables of one subject (`parley.server.storage.tables`); here is what concerns
    several of them. Writes belong into a `transaction()`. Any method may raise sqlite3.Error; then nothing of the
    transaction is stored.

    path: of the database; StoreError if it cannot be used. sync, clock, mode: see `DatabaseFile`.
    keep_messages, keep_days: how many messages are kept, and for how long; 0 is no limit.
    keep_room_messages: how many of each room but the lobby; 0 is no limit.
    """

    def __init__(self, path: str, sync: str = "each-commit", keep_messages: int = 0, keep_days: int = 0,
                 clock: Callable[[], float] = time.time, mode: str = "rwc", keep_room_messages: int = 0) -> None:
        self._keep_messages = keep_messages
        self._keep_days = keep_days
        self._keep_room_messages = keep_room_messages
        super().__init__(path, sync, clock, mode)

    def say_once(self, key: bytes, tag: bytes, frame: bytes) -> bool:
        self.talk(frame)
        self._note_tag(key, tag, *place(frame))
        return True

    def whisper(self, number: int, time: int, sender: bytes, to: bytes, text: bytes, keep: bool, source: str = "",
                key: bytes = b"", tag: bytes = b"", extra: bytes = b"") -> bool:
        conversation = self._insert_alone(sender, to, number, [(sender, text, time)] if text else [])
        if extra:
            self._note_extra(number, conversation, time, sender, extra)
        if key:
            self._note_tag(key, tag, number, time)
        if keep:
            self.keep(time, sender, to, text, source)
        return True

    def past(self, name: bytes, partner: bytes) -> Tuple[List[Told], int]:
        return with_kept(self.conversation(name, partner), partner, self.kept(name))

    def redact_alone(self, number: int, sender: bytes, to: bytes, since: int, text: bytes) -> bool:
        talk = self._known(pair_of(sender, to))
        kept = self._row("SELECT time, text FROM messages WHERE number = ? AND conversation = ?", number, talk)
        if talk is None or self._redact(talk, number, [sender], since, text) is not True:
            return False
        if kept is not None:
            when, old = kept
            self._connection.execute(
                "UPDATE kept SET text = ?, checksum = ? WHERE receiver = ? AND sender = ? AND time = ? AND text = ?", (
                    text.decode(), checksum_of(when, sender, text), to.decode(), sender.decode(), when, old.decode()))
        return True

    def open_account(self, name: bytes, secret: Optional[str], since: Optional[int] = None) -> bool:
        self._connection.execute(
            "INSERT OR REPLACE INTO accounts (name, secret, since, made) VALUES (?, ?, ?, ?)",
            (name.decode(), secret, self._number if since is None else since, self._now()))
        self._connection.execute("DELETE FROM kept WHERE receiver = ?", (name.decode(),))  # a former owner's
        return True

    def close_account(self, name: bytes) -> bool:
        owner = name.decode()
        execute = self._connection.execute
        execute("DELETE FROM accounts WHERE name = ?", (owner,))
        execute("DELETE FROM kept WHERE receiver = ?", (owner,))
        execute("DELETE FROM markers WHERE owner IN (?, ?)", (owner, owner + BY_TIME.decode()))
        execute("DELETE FROM facts WHERE key = ?", (TOLD_BY + owner,))
        self._forget("one = ? OR other = ? AND one > ''", owner, owner)
        return True
