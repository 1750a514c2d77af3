"""The tables of accounts and their metadata."""
from typing import Dict, List, Optional, Tuple

from parley.server.storage.pages import Row
from parley.server.storage.tables.file import DatabaseFile

TOLD_BY = "metadata "  # with the account's name behind it: the key of its metadata in `facts`


class Accounts(DatabaseFile):
    """Accounts. Opening and closing concerns other tables too: see `parley.server.storage.database`."""

    def protect(self, name: bytes, secret: str) -> bool:
        self._connection.execute("UPDATE accounts SET secret = ? WHERE name = ?", (secret, name.decode()))
        return True

    def keep_devices(self, name: bytes, data: bytes) -> bool:
        self._connection.execute("UPDATE accounts SET devices = ? WHERE name = ?", (data, name.decode()))
        return True

    def use(self, name: bytes) -> bool:
        self._connection.execute("UPDATE accounts SET used = ? WHERE name = ?", (self._now(), name.decode()))
        return True

    def keep_metadata(self, name: bytes, state: str) -> bool:
        self._connection.execute(
            "INSERT OR REPLACE INTO facts SELECT ?, ? WHERE EXISTS (SELECT 1 FROM accounts WHERE name = ?)",
            (TOLD_BY + name.decode(), state, name.decode()))
        return True

    def metadata(self) -> List[Tuple[bytes, str]]:
        return [(key[len(TOLD_BY):], state.decode()) for key, state in self._rows(
            "SELECT key, value FROM facts WHERE key > ? AND key < ?", TOLD_BY, TOLD_BY[:-1] + "!")]

    def accounts(self) -> List[Tuple[bytes, Optional[str], int, int]]:
        rows = self._rows(
            "SELECT accounts.name, accounts.secret, count(kept.id), coalesce(sum(length(CAST(kept.text AS BLOB))), 0)"
            " FROM accounts LEFT JOIN kept ON kept.receiver = accounts.name GROUP BY accounts.id ORDER BY accounts.id")
        return [(name, secret and secret.decode(), kept, size) for name, secret, kept, size in rows]

    def device_lists(self) -> Dict[bytes, bytes]:
        return dict(self._rows("SELECT name, devices FROM accounts WHERE devices IS NOT NULL"))

    def listed(self, after: bytes, most: int) -> List[Row]:
        rows = self._rows(
            "SELECT name, secret IS NOT NULL, count(kept.id), coalesce(sum(length(CAST(kept.text AS BLOB))), 0), made,"
            " used FROM (SELECT * FROM accounts WHERE name > ? ORDER BY name LIMIT ?) LEFT JOIN kept ON receiver = name"
            " GROUP BY name ORDER BY name", after.decode(), most)
        return [(name, bool(has_password), kept, size, made, used)
                for name, has_password, kept, size, made, used in rows]
