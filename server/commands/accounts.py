"""Accounts: their names, passwords and boxes (passwd, accounts, delete, box)."""
import getpass
import sys

from parley.server.chat.names import InvalidName, canonical_name, claims, spelled
from parley.server.commands.printing import format_day, format_time, print_line, print_table
from parley.server.commands.reaching import (
    Failure,
    asker,
    directory_of,
    no_server,
    pages,
    socket_of,
    storage_of,
    writing,
)
from parley.server.protocols.text import folded
from parley.server.supervisor.control import NoServer, ask
from parley.server.supervisor.passwords import secret_for


def passwd(arguments):
    name = name_of(arguments.name)
    if sys.stdin.isatty():
        password = getpass.getpass("Password for %s: " % arguments.name).encode("utf-8", "surrogateescape")
    else:
        password = sys.stdin.buffer.readline().rstrip(b"\n")
    if not password:
        raise Failure("a password must have at least one character")
    if not password.decode("utf-8", "ignore").encode() == password:
        raise Failure("a password must be text in UTF-8")
    try:
        secret = secret_for(password)
    except ValueError as error:
        raise Failure(str(error)) from None
    try:
        answer = ask(socket_of(arguments), "passwd", name=name.decode(), secret=secret)
    except NoServer as error:  # none is running, so the database can be changed directly
        if storage_of(arguments) is None:
            raise no_server(arguments, error) from None
        with writing(directory_of(arguments)) as database:
            protect(database, name, secret)
    else:
        if "error" in answer:
            raise Failure(answer["error"])
    print_line("%s has a password now" % arguments.name)


def protect(database, name, secret, before=None):
    """Give an account a new secret, or make the account, which then reads no earlier messages.

    database: a `Database`, in a transaction. name: bytes. secret: text, or None for an account without a password.
    before: the names that a new one must not look like; by default those of all accounts. Names that are imported
        together may look like each other.
    Failure if it looks like one of them.
    """
    others = {other for other, _, _, _ in database.accounts()}
    occupied, same = claims(name), folded(name)
    if name in others:
        database.protect(name, secret)
    elif (any(folded(other) == same for other in others)
          or any(claims(other) & occupied for other in (others if before is None else before))):
        raise Failure("%s: looks too much like the name of another account" % name.decode())
    else:
        database.open_account(name, secret)


def name_of(text):
    try:
        return canonical_name(text.encode("utf-8", "surrogateescape"))
    except InvalidName:
        raise Failure("%r is not a valid name" % text) from None


def account_name(text):
    """The name of an account in canonical form (str); it may be one that new accounts cannot have any more."""
    return spelled(text.encode("utf-8", "surrogateescape")).decode()


def show(arguments):
    with asker(arguments) as ask_server:
        rows = pages(ask_server, "accounts", "accounts", "")
    print_table([["account", "password", "kept", "bytes", "made", "last used"]] + [
            [name, "yes" if has_password else "no", kept, size, format_day(made), format_day(used)]
            for name, has_password, kept, size, made, used in rows])


def delete(arguments):
    with asker(arguments) as ask_server:
        ask_server("delete", name=account_name(arguments.name))
    print_line("%s is deleted" % arguments.name)


def box(arguments):
    name = account_name(arguments.name)
    with asker(arguments) as ask_server:
        rows = pages(ask_server, "box", "messages", 0, name=name)
        if arguments.empty:
            ask_server("empty", name=name)
    if arguments.empty:
        print_line("%d messages for %s deleted" % (len(rows), arguments.name))
        return
    print_line("%d messages for %s, %d bytes" % (len(rows), arguments.name, sum(row[4] for row in rows)))
    print_table([["from", "address", "time", "bytes"]] + [
            [sender, source or "-", format_time(when), size] for _, sender, source, when, size in rows])
