"""What a server starts with: the storage directory with what is stored, and the users file."""
import contextlib
import sqlite3

from parley.server import config
from parley.server.chat.accounts import Account
from parley.server.chat.names import InvalidName, canonical_name, claims
from parley.server.order.numbers import BLOCK
from parley.server.protocols.text import folded
from parley.server.storage.database import Database
from parley.server.storage.directory import Directory
from parley.server.storage.journal import InProcess, Journal
from parley.server.storage.memory import Store
from parley.server.supervisor.passwords import parse_secret, secret_for


def open_storage(storage, keep_room_messages):
    """(store, `Directory`, accounts, boxes, lists of devices, kept) for a `config.Storage`: as `Database` has them.

    kept: (rooms, sessions, metadata). The directory is None if nothing is stored. CannotUse or StoreError if it cannot
    be used.
    """
    if storage is None:
        return InProcess(Store(keep_room_messages=keep_room_messages)), None, [], {}, {}, (([], 0), [], [])
    directory = Directory(storage.directory)
    database = Database(directory.database)  # not only in the journal, so that what is wrong with it shows at once
    database.check()
    rows, boxes, lists, last = database.accounts(), database.boxes(), database.device_lists(), database.last_given()
    kept, reserved, identity = (database.rooms(), database.sessions(), database.metadata()), last, database.identity()
    with contextlib.suppress(sqlite3.Error), database.transaction():  # the journal tries again, and reports the error
        database.reserve(last + BLOCK)
        reserved = last + BLOCK
    database.close()

    def open_again():
        return Database(
            directory.database, storage.sync, storage.keep_messages, storage.keep_days, mode="rw",
            keep_room_messages=keep_room_messages)

    return Journal(open_again, last, reserved, identity), directory, rows, boxes, lists, kept


def load_accounts(path, rows, boxes, accounts):
    """Put the accounts of the store, and new ones from the users file at `path`, into `accounts`, and return it.

    Passwords in the file are hashed here. A new account must not look like one in the store. Accounts of the file may
    look like each other, because with the next Unicode version they might anyway. ConfigError if one cannot be used.
    """
    for name, secret, _, _ in rows:
        accounts.know(name, Account(claims(name), secret))
        if name in boxes:
            accounts.know_box(name, *boxes[name])
    stored, names = set(accounts.accounts), set()
    for user in config.users(path) if path else ():
        try:
            name = canonical_name(user.name)
        except InvalidName:
            raise user.error("%r is not a valid name" % user.name.decode()) from None
        if folded(name) in names:
            raise user.error("%r appears twice" % user.name.decode())
        names.add(folded(name))
        if name in stored:
            continue  # its owner may have changed the password
        occupied = claims(name)
        if accounts.owners(occupied) & stored:
            raise user.error("%r looks too much like an account in the storage" % user.name.decode())
        accounts.begin_with(name, occupied, _secret_of(user))
    return accounts


def _secret_of(user):
    """The secret of a user in the users file, who has either a secret or a password; ConfigError if it is unusable."""
    try:
        if user.secret is None:
            return secret_for(user.password)
        parse_secret(user.secret)
    except ValueError as error:  # Unverifiable among them
        kind = "password" if user.secret is None else "secret"
        raise user.error("the %s of %r cannot be used: %s" % (kind, user.name.decode(), error)) from None
    return user.secret
