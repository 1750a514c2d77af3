"""What an operator does beside serving: look at a server and its log, set passwords, take messages in and out."""
import argparse
import collections
import contextlib
import getpass
import json
import os
import sqlite3
import stat
import sys
import time

import parley
from parley.called import called
from parley.server import config
from parley.server.chat.memory import LAST_ID
from parley.server.chat.names import InvalidName, canonical_name, claims, folded, spelled
from parley.server.chat.operators import Operators
from parley.server.ipc.messages import ToStore
from parley.server.protocols.text import canonical
from parley.server.storage.database import Database, StoreError
from parley.server.storage.directory import CONTROL, DATABASE, CannotUse, Directory
from parley.server.storage.journal import AtHand
from parley.server.storage.memory import MOST_MESSAGES
from parley.server.supervisor import places
from parley.server.supervisor.control import NoServer, ask
from parley.server.supervisor.hashing import chosen, parts

_PACKAGE = os.path.dirname(os.path.abspath(parley.__file__))

LOOK_EVERY = 0.2  # seconds, while a log is followed
LATEST = 253402300799  # seconds since the epoch: the end of the year 9999


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, like everything else here; argparse would print its usage too."""

    def error(self, message):
        self.exit(2, "parley: %s (--help shows what there is)\n" % message)


class Failure(Exception):
    """It cannot be done; the text says why, and what to do."""


def run(argv):
    """Do what `argv` says, whose first word is one of COMMANDS; the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        COMMANDS[arguments.command](arguments)
    except (Failure, CannotUse, StoreError, config.ConfigError, sqlite3.Error) as error:
        print("parley: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _parser():
    parser = Parser(prog=called("parley"), description="Parley, a chat server: beside serving.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--storage", metavar="DIRECTORY", help="of the server; otherwise what the configuration says")
    common.add_argument("--config", metavar="FILE", help="configuration to read instead of ./%s" % config.DEFAULT_FILE)

    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("--socket", metavar="PATH", help="where the server was told to listen for this")

    def add(name, says, *more):
        return commands.add_parser(name, parents=[common, *more], help=says, description=says)

    add("status", "show what a running server does", asking).add_argument(
        "--json", action="store_true", help="all of it, for programs")
    log = add("log", "print what was said in the room")
    log.add_argument("--since", type=int, default=0, metavar="NUMBER", help="only what follows this message")
    log.add_argument("--follow", action="store_true", help="go on with what is said from now on")
    passwd = add("passwd", "give a name a password, read from the terminal or the standard input", asking)
    passwd.add_argument("name")
    add("accounts", "list the accounts, and how much is kept for each until its owner comes", asking)
    delete = add("delete", "delete an account, with all that was said to it or by it", asking)
    delete.add_argument("name", metavar="ACCOUNT")
    box = add("box", "show what is kept for an account: from whom and when, not what it says", asking)
    box.add_argument("name", metavar="NAME")
    box.add_argument("--empty", action="store_true", help="throw it away")
    for name, says in (
            ("export", "write users or conversations as JSON, in document 004's form"),
            ("import", "read users or conversations from JSON in document 004's form, while no server runs; users"
                       " first: an account reads what is said or imported from then on")):
        command = add(name, says)
        command.add_argument("kind", choices=("users", "history"))
        command.add_argument("file", help='"-" is the standard %s' % ("output" if name == "export" else "input"))
    says = "print a configuration to begin with: the defaults, with comments"
    commands.add_parser("config", help=says, description=says)
    says = "print an example, such as parley.service; without a name, the names of all"
    commands.add_parser("example", help=says, description=says).add_argument("name", nargs="?", metavar="NAME")
    return parser


def _config(arguments):
    """A configuration to begin with."""
    _print_file(os.path.join(_PACKAGE, "config.yaml"))


def _example(arguments):
    """One of the examples, or their names."""
    folder = next(filter(os.path.isdir, (os.path.join(place, "examples") for place in parley.__path__)))
    if arguments.name is None:
        print(*sorted(name for name in os.listdir(folder) if not name.startswith("_")), sep="\n")
    elif arguments.name in os.listdir(folder):
        _print_file(os.path.join(folder, arguments.name))
    else:
        raise Failure("there is no example %r; without a name their names are shown" % arguments.name)


def _print_file(path):
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(file.read())


def _settings(arguments):
    """As the server's."""
    settings = config.defaults()
    file = config.chosen(arguments.config)
    if file:
        settings = config.read(file, settings)
    return config.environment(os.environ, settings)


def _storage(arguments):
    """Of the server; None if nothing is stored."""
    return _settings(arguments).storage if arguments.storage is None else config.storage(arguments.storage)


def _directory(arguments):
    """The path of the storage directory."""
    storage = _storage(arguments)
    if storage is None:
        raise Failure("nothing is stored: the configuration says storage: memory; name a directory with --storage")
    return storage.directory


def _socket(arguments):
    """The path at which the server listens for operators."""
    if arguments.socket:
        return arguments.socket
    storage = _storage(arguments)
    if storage is None:
        return places.find(_settings(arguments).first_port, os.environ)
    return os.path.join(storage.directory, CONTROL)


def _no_server(arguments, error):
    """The failure to raise where one is needed."""
    remedy = "is one running here?"
    others = [] if arguments.socket or _storage(arguments) else places.others(os.environ)
    if others:
        remedy = "name the right one with --socket: " + ", ".join(others)
    return Failure("%s: no server answers (%s); %s" % (_socket(arguments), error, remedy))


def _reading(arguments):
    """The database, which a server may be writing at the same time."""
    path = os.path.join(_directory(arguments), DATABASE)
    if not os.path.exists(path):
        raise Failure("%s: there is no database; has a server run with this storage?" % path)
    return Database(path, mode="ro")


def _status(arguments):
    try:
        status = ask(_socket(arguments), "status")
    except NoServer as error:
        raise _no_server(arguments, error) from None
    print(json.dumps(status, indent=2) if arguments.json else "\n".join(_told(status)))


def _told(status):
    """A status as lines for people."""
    workers = status["workers"]
    protocols = sorted({name for worker in workers.values() for name in worker["report"].get("connections", ())})
    yield "%d names in use, %d accounts, %d workers" % (status["names"], status["accounts"], len(workers))
    yield "journal: %(waiting)d requests wait, %(bytes)d bytes, last answer %(seconds).1f s ago" % status["journal"]
    rows = [["worker", "pid", *protocols, "messages", "a second", "deliveries", "queued", "behind", "held"]]
    for number, worker in sorted(workers.items(), key=lambda pair: int(pair[0])):
        report = worker["report"]
        connections = report.get("connections", {})
        rows.append([number, report.get("pid", "-"), *(connections.get(name, 0) for name in protocols),
                     report.get("messages", 0), "%.1f" % report.get("messages_per_second", 0),
                     report.get("deliveries", 0), worker["queued_bytes"], report.get("behind", 0),
                     report.get("held", 0)])
    yield from _table(rows)
    for key, title in (("ended", "connections ended"), ("refused", "commands refused")):
        total = collections.Counter()
        for worker in workers.values():
            total.update(worker["report"].get(key, {}))
        if total:
            yield "%s: %s" % (title, ", ".join("%s %d" % pair for pair in total.most_common()))


def _table(rows):
    """Rows of values as lines with columns; texts stand to the left, numbers to the right."""
    widths = [max(len(str(row[place])) for row in rows) for place in range(len(rows[0]))]
    numeric = [all(_is_number(row[place]) for row in rows[1:]) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(str(value).rjust(width) if right else str(value).ljust(width)
                        for value, width, right in zip(row, widths, numeric)).rstrip()


def _is_number(value):
    return str(value).replace(".", "", 1).isdigit()


def _log(arguments):
    database, last = _reading(arguments), arguments.since
    while True:
        messages, _, more = database.lobby(last, MOST_MESSAGES)
        for number, sender, text, when in messages:
            last = number
            _print("%d %s %s: %s" % (number, _shown_time(when), sender.decode(), text.decode().replace("\n", "\n    ")))
        sys.stdout.flush()
        if not more:
            if not arguments.follow:
                return
            time.sleep(LOOK_EVERY)


def _shown_time(seconds):
    """Local time; of a time that this machine cannot show the seconds."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "%d s" % seconds


def _passwd(arguments):
    name = _name(arguments.name)
    if sys.stdin.isatty():
        password = getpass.getpass("Password for %s: " % arguments.name).encode("utf-8", "surrogateescape")
    else:
        password = sys.stdin.buffer.readline().rstrip(b"\n")
    if not password:
        raise Failure("a password has at least one character")
    if not password.decode("utf-8", "ignore").encode() == password:
        raise Failure("a password is text in UTF-8")
    try:
        secret = chosen(password)
    except ValueError as error:
        raise Failure(str(error)) from None
    try:
        answer = ask(_socket(arguments), "passwd", name=name.decode(), secret=secret)
    except NoServer as error:  # none runs: if there is a directory, it is ours
        if _storage(arguments) is None:
            raise _no_server(arguments, error) from None
        with _writing(_directory(arguments)) as database:
            protect(database, name, secret)
    else:
        if "error" in answer:
            raise Failure(answer["error"])
    _print("%s has a password" % arguments.name)


def protect(database, name, secret, before=None):
    """Give an account in the database a password; make it, if there is none, with nothing that was said before.

    before: the accounts that a new one must not look like, as those may that come with it; all there are, if not given.
    """
    others = {other for other, _, _, _ in database.accounts()}
    occupied, same = claims(name), folded(name)
    if name in others:
        database.protect(name, secret)
    elif (any(folded(other) == same for other in others)
          or any(claims(other) & occupied for other in (others if before is None else before))):
        raise Failure("%s: too much like the name of another account" % name.decode())
    else:
        database.open_account(name, secret)


@contextlib.contextmanager
def _asking(arguments):
    """A function ask(request, argument=..., ...) for requests of `server.chat.operators`; gives the answer, or Failure.

    It asks the server, or, if none runs, looks into the database itself.
    """

    def answered(answer):
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    path = _socket(arguments)
    try:
        ask(path, "status")
    except NoServer as error:
        if arguments.socket or _storage(arguments) is None:
            raise _no_server(arguments, error) from None
        _reading(arguments).close()  # or there is nothing to look into
        with _writing(_directory(arguments)) as database:
            requests = _operators_of(database).requests()

            def look(request, **values):
                answers = []
                requests[request](answers.append, **values)
                return answered(*answers)

            yield look
    else:
        yield lambda request, **values: answered(ask(path, request, **values))


def _operators_of(database):
    store = AtHand(database)
    return Operators(
        {name for name, *_ in database.accounts()}, store,
        lambda name, then: store.ask(then, ToStore.CloseAccount(name)),
        lambda name, then: store.ask(then, ToStore.Taken(name, LAST_ID)))


def _pages(ask_, request, key, after, **values):
    """All rows of an answer that comes in pages; the next one is asked for with what stands first in the last row."""
    rows, more = [], True
    while more:
        answer = ask_(request, after=rows[-1][0] if rows else after, **values)
        rows += answer[key]
        more = answer["more"]
    return rows


def _accounts(arguments):
    with _asking(arguments) as ask_:
        rows = _pages(ask_, "accounts", "accounts", "")
    for line in _table([["account", "password", "kept", "bytes", "made", "last used"]] + [
            [name, "yes" if has_password else "no", kept, size, _shown_day(made), _shown_day(used)]
            for name, has_password, kept, size, made, used in rows]):
        _print(line)


def _delete(arguments):
    with _asking(arguments) as ask_:
        ask_("delete", name=_as_written(arguments.name))
    _print("%s is deleted" % arguments.name)


def _box(arguments):
    name = _as_written(arguments.name)
    with _asking(arguments) as ask_:
        rows = _pages(ask_, "box", "messages", 0, name=name)
        if arguments.empty:
            ask_("empty", name=name)
    if arguments.empty:
        _print("%d messages for %s thrown away" % (len(rows), arguments.name))
        return
    _print("%d messages for %s, %d bytes" % (len(rows), arguments.name, sum(row[4] for row in rows)))
    for line in _table([["from", "address", "time", "bytes"]] + [
            [sender, source or "-", _shown_time(when), size] for _, sender, source, when, size in rows]):
        _print(line)


def _as_written(text):
    """A name as accounts have it, whether or not one could be made with it today."""
    return spelled(text.encode("utf-8", "surrogateescape")).decode()


def _shown_day(seconds):
    return "-" if seconds is None else _shown_time(seconds)[:len("2026-01-31")]


@contextlib.contextmanager
def _writing(path):
    """The database of a directory that no server works with; what is written is stored at the end."""
    directory = Directory(path)
    database = Database(directory.database)
    try:
        with database.transaction():
            yield database
    finally:
        database.close()
        directory.let_go()


def _print(text):
    """A line, in which what this terminal cannot show is escaped."""
    sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "backslashreplace") + b"\n")
    sys.stdout.flush()


def _name(text):
    try:
        return canonical_name(text.encode("utf-8", "surrogateescape"))
    except InvalidName:
        raise Failure("%r is not a valid name" % text) from None


def _export(arguments):
    database = _reading(arguments)
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
    """A descriptor of an empty file for this user alone, who may have had a more open one there before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # and not a pipe, or /dev/null
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _import(arguments):
    try:
        with sys.stdin.buffer if arguments.file == "-" else open(arguments.file, "rb") as file:
            document = json.loads(file.read().decode())
    except OSError as error:
        raise Failure("%s: %s" % (arguments.file, error.strerror)) from None
    except (ValueError, RecursionError) as error:
        raise Failure("%s: not JSON: %s" % (arguments.file, error)) from None
    with _writing(_directory(arguments)) as database:
        count = _IMPORTS[arguments.kind](arguments.file, document, database)
    print("%d %s imported" % (count, arguments.kind))


@contextlib.contextmanager
def _reading_entry(place):
    """Whatever is wrong inside is said of this place in a file."""
    try:
        yield
    except KeyError as error:
        raise Failure("%s: not of document 004's form: there is no %s" % (place, error)) from None
    except (TypeError, AttributeError, ValueError, Failure) as error:
        raise Failure("%s: not of document 004's form: %s" % (place, error)) from None


def _entries(file, document, key):
    """(place in the file, entry) of each."""
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
                parts(secret)  # or nobody could ever log in with it
            elif "password" in entry:
                secret = chosen(entry["password"].encode())
            protect(database, _name(entry["username"]), secret, before)
    return len(entries)


def _import_history(file, document, database):
    count = 0
    for place, conversation in _entries(file, document, "conversations"):
        with _reading_entry(place):
            one, other = map(_name, conversation["users"])
        messages = []
        for inner, message in _entries(place, conversation, "messages"):
            with _reading_entry(inner):
                messages.append(_message(message, one, other))
        if messages:
            database.add_conversation(one, other, messages)
        count += len(messages)
    return count


def _message(entry, one, other):
    """(sender, text, time)"""
    sender, text, when = _name(entry["user"]), canonical(entry["text"].encode()), entry["timestamp"]
    if sender not in (one, other) or not text:
        raise ValueError("it is empty, or somebody else's")
    if type(when) not in (int, float) or not 0 <= when <= LATEST:
        raise ValueError("the timestamp %s is not a number of seconds from 0 to %d" % (json.dumps(when)[:40], LATEST))
    return sender, text, int(when)


_IMPORTS = {"users": _import_users, "history": _import_history}
COMMANDS = {"status": _status, "log": _log, "passwd": _passwd, "accounts": _accounts, "delete": _delete, "box": _box,
            "export": _export, "import": _import, "config": _config, "example": _example}
