"""What goes out of the database, and into it (backup, export, import), or of Redis (refill)."""
import contextlib
import json
import os
import stat
import sys

from parley.server.commands.accounts import name_of, protect
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
from parley.server.protocols.text import canonical
from parley.server.supervisor.control import NoServer, ask
from parley.server.supervisor.hashing import parse_secret, secret_for

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
    print_line("%s is a copy of all that is stored" % arguments.file)


def refill(arguments):
    with asker(arguments, needs_server=True) as ask_server:
        answer = ask_server("refill")
    print_line("Redis goes on with what this node knows, entry %d; the other nodes join anew" % answer["entry"])


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
    try:
        with sys.stdin.buffer if arguments.file == "-" else open(arguments.file, "rb") as file:
            document = json.loads(file.read().decode())
    except OSError as error:
        raise Failure("%s: %s" % (arguments.file, error.strerror)) from None
    except (ValueError, RecursionError) as error:
        raise Failure("%s: not JSON: %s" % (arguments.file, error)) from None
    with writing(directory_of(arguments)) as database:
        count = _IMPORTS[arguments.kind](arguments.file, document, database)
    print("%d %s imported" % (count, arguments.kind))


@contextlib.contextmanager
def _reading_entry(place):
    """Turn errors inside into Failures that name this place in a file."""
    try:
        yield
    except KeyError as error:
        raise Failure("%s: not of document 004's form: %s is missing" % (place, error)) from None
    except (TypeError, AttributeError, ValueError, Failure) as error:
        raise Failure("%s: not of document 004's form: %s" % (place, error)) from None


def _entries(file, document, key):
    """The (place in the file, entry) pairs of the list that a document has under `key`."""
    with _reading_entry(file):
        entries = document[key]
        if not isinstance(entries, list):
            raise ValueError("%r is not a list" % key)
    return [("%s: %s[%d]" % (file, key, number), entry) for number, entry in enumerate(entries)]


def _import_users(file, document, database):
    entries, before = _entries(file, document, "users"), [name for name, *_ in database.accounts()]
    for place, entry in entries:
        with _reading_entry(place):
            secret = entry.get("secret")
            if secret is not None:
                parse_secret(secret)  # Unverifiable, a ValueError, if nobody could ever log in with it
            elif "password" in entry:
                secret = secret_for(entry["password"].encode())
            protect(database, name_of(entry["username"]), secret, before)
    return len(entries)


def _import_history(file, document, database):
    count = 0
    for place, conversation in _entries(file, document, "conversations"):
        with _reading_entry(place):
            one, other = map(name_of, conversation["users"])
        messages = []
        for inner, message in _entries(place, conversation, "messages"):
            with _reading_entry(inner):
                messages.append(_message(message, one, other))
        if messages:
            database.add_conversation(one, other, messages)
        count += len(messages)
    return count


def _message(entry, one, other):
    """The (sender, text, time) of an entry: bytes, bytes, seconds since the epoch."""
    sender, text, when = name_of(entry["user"]), canonical(entry["text"].encode()), entry["timestamp"]
    if sender not in (one, other) or not text:
        raise ValueError("the message is empty, or its user is not one of the two")
    if type(when) not in (int, float) or not 0 <= when <= LATEST_TIME:
        raise ValueError("the timestamp %s is not a number of seconds from 0 to %d"
                         % (json.dumps(when)[:40], LATEST_TIME))
    return sender, text, int(when)


_IMPORTS = {"users": _import_users, "history": _import_history}
