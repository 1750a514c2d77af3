"""Moving data out of the database and into it (backup, export, import), and back into Redis (refill)."""
import contextlib
import json
import os
import stat
import sys

from parley.server.chat.names import InvalidName, canonical_name
from parley.server.commands.accounts import protect
from parley.server.commands.printing import print_line
from parley.server.commands.reaching import (
    Failure,
    asker,
    directory_of,
    no_server,
    reading,
    socket_of,
    storage_of,
    writing,
)
from parley.server.config.json_file import JsonFile
from parley.server.config.users_file import EXPECTED
from parley.server.protocols.text import canonical
from parley.server.supervisor.control import NoServer, ask
from parley.server.supervisor.passwords import parse_secret, secret_for

LATEST_TIME = 253402300799  # seconds since the epoch: the end of the year 9999


def backup(arguments):
    file = os.path.abspath(arguments.file)
    path = socket_of(arguments)
    try:
        written = os.fsencode(file).decode()
    except UnicodeDecodeError:
        raise Failure("%r is not UTF-8; choose another name for the copy" % arguments.file) from None
    try:
        answer = ask(path, "backup", file=written)
    except NoServer as error:
        if arguments.socket or storage_of(arguments) is None:
            raise no_server(arguments, error) from None
        with contextlib.closing(reading(arguments)) as database:
            result = database.backup(file)
    else:
        result = answer.get("error", True)
    if result is not True:
        raise Failure("no copy was made: %s" % result)
    print_line("%s is a copy of everything that is stored" % arguments.file)


def refill(arguments):
    with asker(arguments, needs_server=True) as ask_server:
        answer = ask_server("refill")
    print_line("Redis goes on with what this node knows, entry %d; the other nodes join again" % answer["entry"])


def export(arguments):
    database = reading(arguments)
    if arguments.kind == "users":
        document = {"users": [{"username": name.decode(), "secret": secret} if secret else {"username": name.decode()}
                              for name, secret, _, _ in database.accounts()]}
    else:
        document = {"conversations": [
            {"users": [one.decode(), other.decode()],
             "messages": [{"user": sender.decode(), "text": text.decode(), "timestamp": when}
                          for sender, text, when in messages]}
            for (one, other), messages in database.conversations()]}
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    if arguments.file == "-":
        sys.stdout.buffer.write(text.encode())
        return
    try:
        with open(_private(arguments.file), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure("%s: %s" % (arguments.file, error.strerror)) from None


def _private(path):
    """A descriptor of an emptied or new file that only this user can read, even if the file existed before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # not a pipe, and not /dev/null
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def import_(arguments):
    read, expected = _IMPORTS[arguments.kind]
    try:
        with sys.stdin.buffer if arguments.file == "-" else open(arguments.file, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise Failure("%s: %s" % (arguments.file, error.strerror)) from None
    content = JsonFile(arguments.file, raw, expected)
    with writing(directory_of(arguments)) as database:
        count = read(content, database)
    print("%d %s imported" % (count, arguments.kind))


def _import_users(content, database):
    entries, before = content.entries("users"), [name for name, *_ in database.accounts()]
    for entry in entries:
        name = _name(content, *entry, "username")
        try:
            protect(database, name, _secret(content, *entry), before)
        except Failure as error:
            raise content.error(entry, error) from None
    return len(entries)


def _secret(content, *entry):
    """The secret of a user, who may have a password instead, or none of both."""
    key = "secret" if content.has(*entry, "secret") else "password"
    if not content.has(*entry, key):
        return None
    given = content.text(*entry, key)
    try:
        if key == "password":
            return secret_for(given)
        parse_secret(given.decode())
    except ValueError as error:  # among them Unverifiable: nobody could ever log in with it
        raise content.error((*entry, key), error) from None
    return given.decode()


def _import_history(content, database):
    count = 0
    for conversation in content.entries("conversations"):
        users = [_name(content, *user) for user in content.entries(*conversation, "users")]
        if len(users) != 2:
            raise content.error((*conversation, "users"), "there are %d users in the conversation, which is between two"
                                % len(users))
        messages = [_message(content, users, *message) for message in content.entries(*conversation, "messages")]
        if messages:
            database.add_conversation(*users, messages)
        count += len(messages)
    return count


def _message(content, users, *entry):
    """The (sender, text, time) of a message: bytes, bytes, seconds since the epoch."""
    sender, text = _name(content, *entry, "user"), canonical(content.text(*entry, "text"))
    if sender not in users:
        raise content.error((*entry, "user"), "%s is not one of the two" % content.told((*entry, "user")))
    if not text:
        raise content.error((*entry, "text"), "the message is empty; leave it out")
    when = content.number(*entry, "timestamp")
    if when is None or not 0 <= when <= LATEST_TIME:
        raise content.error((*entry, "timestamp"), "%s is not a number of seconds from 0 to %d" % (
            content.told((*entry, "timestamp")), LATEST_TIME))
    return sender, text, int(when)


def _name(content, *path):
    try:
        return canonical_name(content.text(*path))
    except InvalidName:
        raise content.error(path, "%s is not a valid name" % content.told(path)) from None


_IMPORTS = {
    "users": (_import_users, EXPECTED),
    "history": (_import_history, '{"conversations": [{"users": ["...", "..."], "messages": [{"user": "...",'
                                 ' "text": "...", "timestamp": 0}, ...]}, ...]}')}
