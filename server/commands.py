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

from server import config
from server.chat.names import InvalidName, canonical_name, claims, folded
from server.protocols.text import canonical
from server.storage.database import Database, StoreError
from server.storage.directory import CONTROL, DATABASE, CannotUse, Directory
from server.storage.memory import MOST_MESSAGES
from server.supervisor import places
from server.supervisor.control import NoServer, ask
from server.supervisor.hashing import hashed, parts

LOOK_EVERY = 0.2  # seconds, while a log is followed


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
    parser = Parser(prog="python -m server", description="Parley, a chat server: beside serving.")
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
    for name, says in (
            ("export", "write users or conversations as JSON, in document 004's form"),
            ("import", "read users or conversations from JSON in document 004's form, while no server runs; users"
                       " first: an account reads what is said or imported from then on")):
        command = add(name, says)
        command.add_argument("kind", choices=("users", "history"))
        command.add_argument("file", help='"-" is the standard %s' % ("output" if name == "export" else "input"))
    return parser


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
    titles = ["worker", "pid", *protocols, "messages", "a second", "deliveries", "queued", "behind", "held"]
    rows = [titles]
    for number, worker in sorted(workers.items(), key=lambda pair: int(pair[0])):
        report = worker["report"]
        connections = report.get("connections", {})
        rows.append([number, report.get("pid", "-"), *(connections.get(name, 0) for name in protocols),
                     report.get("messages", 0), "%.1f" % report.get("messages_per_second", 0),
                     report.get("deliveries", 0), worker["queued_bytes"], report.get("behind", 0),
                     report.get("held", 0)])
    widths = [max(len(str(row[place])) for row in rows) for place in range(len(titles))]
    for row in rows:
        yield "  ".join(str(value).rjust(width) for value, width in zip(row, widths))
    for key, title in (("ended", "connections ended"), ("refused", "commands refused")):
        total = collections.Counter()
        for worker in workers.values():
            total.update(worker["report"].get(key, {}))
        if total:
            yield "%s: %s" % (title, ", ".join("%s %d" % pair for pair in total.most_common()))


def _log(arguments):
    database, last = _reading(arguments), arguments.since
    while True:
        messages, _, more = database.lobby(last, MOST_MESSAGES)
        for number, sender, text, when in messages:
            last = number
            _print("%d %s %s: %s" % (number, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when)),
                                     sender.decode(), text.decode().replace("\n", "\n    ")))
        sys.stdout.flush()
        if not more:
            if not arguments.follow:
                return
            time.sleep(LOOK_EVERY)


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
    secret = hashed(password)
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
        try:
            count = _IMPORTS[arguments.kind](document, database)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Failure("%s: not of document 004's form: %s" % (arguments.file, error)) from None
    print("%d %s imported" % (count, arguments.kind))


def _import_users(document, database):
    before = [name for name, _, _, _ in database.accounts()]
    for entry in document["users"]:
        secret = entry.get("secret")
        if secret is not None:
            parts(secret)  # or nobody could ever log in with it
        elif "password" in entry:
            secret = hashed(entry["password"].encode())
        protect(database, _name(entry["username"]), secret, before)
    return len(document["users"])


def _import_history(document, database):
    count = 0
    for conversation in document["conversations"]:
        one, other = map(_name, conversation["users"])
        messages = [(_name(message["user"]), canonical(message["text"].encode()), int(message["timestamp"]))
                    for message in conversation["messages"]]
        if any(sender not in (one, other) or not text for sender, text, _ in messages):
            raise ValueError("a message of %s is empty, or somebody else's" % " and ".join(conversation["users"]))
        if messages:
            database.add_conversation(one, other, messages)
        count += len(messages)
    return count


_IMPORTS = {"users": _import_users, "history": _import_history}
COMMANDS = {"status": _status, "log": _log, "passwd": _passwd, "export": _export, "import": _import}
