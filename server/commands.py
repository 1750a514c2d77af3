"""The operator's commands: show a server's state and log, manage accounts, keep order, export and import, and others.

Each command is a function of the parsed arguments; what it cannot do raises `Failure`.
"""
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
from parley.server import certificates, config
from parley.server.chat.names import InvalidName, canonical_name, canonical_room, claims, spelled
from parley.server.protocols.text import canonical, folded
from parley.server.storage.database import Database
from parley.server.storage.directory import CONTROL, DATABASE, CannotUse, Directory
from parley.server.storage.pages import MOST_MESSAGES
from parley.server.storage.tables.schema import StoreError
from parley.server.supervisor import places
from parley.server.supervisor.control import LONGEST_REQUEST, NoServer, ask
from parley.server.supervisor.hashing import parse_secret, secret_for
from parley.server.supervisor.offline import Offline

_PACKAGE = os.path.dirname(os.path.abspath(parley.__file__))

POLL_INTERVAL = 0.2  # seconds, while a log is followed
LONGEST_SAID = LONGEST_REQUEST - 100  # bytes of JSON
LATEST_TIME = 253402300799  # seconds since the epoch: the end of the year 9999


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line, as all errors here; argparse alone would print the whole usage too."""

    def error(self, message):
        self.exit(2, "parley: %s (see --help)\n" % message)


class Failure(Exception):
    """A command cannot do what is asked; the text says why, and what to do."""


def run(argv):
    """Run a command, and return the exit code: 0, or 1 after a failure. Wrong usage exits with 2.

    argv: the arguments without the program's name; the first one is a key of COMMANDS.
    """
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
    parser = Parser(prog=called("parley"), description="Parley, a chat server: commands for operators.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--storage", metavar="DIRECTORY",
                        help="the server's storage directory, if it is not in the configuration")
    common.add_argument("--config", metavar="FILE", help="configuration to read instead of ./%s" % config.DEFAULT_FILE)

    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("--socket", metavar="PATH", help="the server's socket, if it was started with --socket")

    def add(name, says, *more):
        return commands.add_parser(name, parents=[common, *more], help=says, description=says)

    add("status", "show workers, connections, rates and queues of a running server", asking).add_argument(
        "--json", action="store_true", help="print everything, as JSON")
    log = add("log", "print what was said in the room", asking)
    log.add_argument("--since", type=int, default=0, metavar="NUMBER", help="only messages after this one")
    log.add_argument("--follow", action="store_true", help="go on printing new messages")
    passwd = add("passwd", "give a name a password, read from the terminal or the standard input", asking)
    passwd.add_argument("name")
    add("accounts", "list all accounts, and how many messages are kept for each", asking)
    delete = add("delete", "delete an account, and all direct messages to it or from it", asking)
    delete.add_argument("name", metavar="ACCOUNT")
    box = add("box", "list the messages that are kept for an account: from whom and when, without their texts", asking)
    box.add_argument("name", metavar="NAME")
    box.add_argument("--empty", action="store_true", help="delete them")
    add("who", "list who is here: on which worker, from where, and in which rooms", asking)
    room = argparse.ArgumentParser(add_help=False)
    room.add_argument("--room", metavar="ROOM", type=_room, default="#lobby", help="the room; without it, the lobby")
    whom = {"kick": "send somebody out of a room; out of the lobby: end the connection",
            "ban": "keep somebody out of a room; out of the lobby: refuse every login",
            "unban": "take a ban back, as it was given", "mute": "let somebody say nothing in a room",
            "unmute": "take that back"}
    for name, says in whom.items():
        command = add(name, says, asking, room)
        command.add_argument("name", metavar="NAME" if "ban" not in name else "NAME|PATTERN|ADDRESS")
        if name in ("kick", "ban"):
            command.add_argument("why", nargs="*", metavar="WHY", help="what everybody there is told")
    add("say", "say something in the lobby, as `server`", asking).add_argument("text", nargs="+", metavar="TEXT")
    add("rooms", "list all rooms, with owners, settings and topics", asking)
    add("drop", "end a room, with all that was said there", asking).add_argument("room", metavar="ROOM", type=_room)
    add("backup", "copy all that is stored into a new file, while the server runs", asking).add_argument(
        "file", metavar="FILE")
    for name, says in (
            ("export", "write users or conversations as JSON, in document 004's form"),
            ("import", "read users or conversations from JSON in document 004's form, while no server runs; import"
                       " users first: an account can only read messages that are newer than itself")):
        command = add(name, says)
        command.add_argument("kind", choices=("users", "history"))
        command.add_argument("file", help='"-" is the standard %s' % ("output" if name == "export" else "input"))
    says = "make a certificate for this machine, and a CA's that others can trust"
    cert = commands.add_parser("cert", help=says, description=says + "; run again, it renews the server's.")
    cert.add_argument("names", nargs="*", metavar="NAME",
                      help="host names and addresses that others use; by default, what this machine seems to have")
    cert.add_argument("--directory", metavar="DIRECTORY", default=".", help="where to write the files; by default here")
    says = "print a configuration to start from: the defaults, with comments"
    commands.add_parser("config", help=says, description=says)
    says = "print an example, such as parley.service; without a name, list all examples"
    commands.add_parser("example", help=says, description=says).add_argument("name", nargs="?", metavar="NAME")
    return parser


def _room(text):
    """The name of a room, with or without its #, which a shell takes for the beginning of a comment."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return canonical_room(raw if raw[:1] == b"#" else b"#" + raw).decode()
    except InvalidName:
        raise argparse.ArgumentTypeError("%r is not the name of a room" % text) from None


def _config(arguments):
    """Print config.yaml as it is shipped."""
    _print_file(os.path.join(_PACKAGE, "config.yaml"))


def _cert(arguments):
    """Make a certificate, and say what to do with it."""
    names = arguments.names or certificates.own_names()
    try:
        is_new = certificates.make(arguments.directory, names)
    except certificates.CannotMake as error:
        raise Failure(str(error)) from None
    ca, key, server, server_key = [
        os.path.normpath(os.path.join(arguments.directory, name)) for name in
        (certificates.CA, certificates.CA_KEY, certificates.SERVER, certificates.SERVER_KEY)]
    if is_new:
        _print("%s: for everybody who connects; valid for ten years" % ca)
        _print("%s: to renew the server's certificate. Keep it secret: whoever has it can be any host to those who"
               " trust %s" % (key, ca))
    _print("%s, %s: for the server; valid for %d days, for %s"
           % (server, server_key, certificates.SERVER_DAYS, ", ".join(names)))
    _print("In config.yaml: tls: {certificate: %s, key: %s, listen: {line: 4001, web: 8443}}" % (server, server_key))
    _print("To connect: parley-client --trust %s line+tls://%s:4001" % (ca, names[0]))


def _example(arguments):
    """Print one of the examples, or the list of their names."""
    folder = next(filter(os.path.isdir, (os.path.join(place, "examples") for place in parley.__path__)))
    if arguments.name is None:
        print(*sorted(name for name in os.listdir(folder) if not name.startswith("_")), sep="\n")
    elif arguments.name in os.listdir(folder):
        _print_file(os.path.join(folder, arguments.name))
    else:
        raise Failure("there is no example %r; without a name, all are listed" % arguments.name)


def _print_file(path):
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(file.read())


def _settings(arguments):
    """The `config.Settings` of the server, from its file and environment; without its flags."""
    settings = config.defaults()
    file = config.find_file(arguments.config)
    if file:
        settings = config.read(file, settings)
    return config.environment(os.environ, settings)


def _storage(arguments):
    """The server's `config.Storage`; None if it stores nothing."""
    return _settings(arguments).storage if arguments.storage is None else config.storage(arguments.storage)


def _directory(arguments):
    """The path of the storage directory."""
    storage = _storage(arguments)
    if storage is None:
        raise Failure("the configuration says `storage: memory`, so nothing is stored; name a directory with --storage")
    return storage.directory


def _socket(arguments):
    """The path of the server's control socket."""
    if arguments.socket:
        return arguments.socket
    storage = _storage(arguments)
    if storage is None:
        return places.find(_settings(arguments).first_port, os.environ)
    return os.path.join(storage.directory, CONTROL)


def _no_server(arguments, error):
    """The Failure of a command that needs a running server; error: why it got no answer."""
    remedy = "is the server running?"
    others = [] if arguments.socket or _storage(arguments) else places.others(os.environ)
    if others:
        remedy = "name the right one with --socket: " + ", ".join(others)
    return Failure("%s: no server answers (%s); %s" % (_socket(arguments), error, remedy))


def _reading(arguments):
    """The database, opened for reading; a server may be writing to it at the same time."""
    path = os.path.join(_directory(arguments), DATABASE)
    if not os.path.exists(path):
        raise Failure("%s: there is no database; did a server ever run with this storage?" % path)
    return Database(path, mode="ro")


def _status(arguments):
    try:
        status = ask(_socket(arguments), "status")
    except NoServer as error:
        raise _no_server(arguments, error) from None
    print(json.dumps(status, indent=2) if arguments.json else "\n".join(_status_lines(status)))


def _status_lines(status):
    """The lines that show a status, the answer to the request of that name, to people."""
    workers = status["workers"]
    protocols = sorted({name for worker in workers.values() for name in worker["report"].get("connections", ())})
    yield "%d names in use, %d accounts, %d rooms, %d workers" % (
        status["names"], status["accounts"], status["rooms"], len(workers))
    yield "journal: %(waiting)d requests wait, %(bytes)d bytes, last answer %(seconds).1f s ago" % status["journal"] + (
        "; nothing can be stored" if status["journal"]["failing"] else "")
    if "cluster" in status:
        yield from _cluster_lines(status["cluster"])
    rows = [["worker", "pid", *protocols, "messages", "a second", "deliveries", "queued", "behind", "held"]]
    for number, worker in sorted(workers.items(), key=lambda pair: int(pair[0])):
        report = worker["report"]
        connections = report.get("connections", {})
        rows.append([number, report.get("pid", "-"), *(connections.get(name, 0) for name in protocols),
                     report.get("messages", 0), "%.1f" % report.get("messages_per_second", 0),
                     report.get("deliveries", 0), worker["queued_bytes"], report.get("behind", 0),
                     report.get("held", 0)])
    yield from _table(rows)
    totals = status["totals"]
    if "web" in [protocol for protocol, _ in status["serving"]]:
        yield "HTTP: %d connections open, %d requests answered" % (
            sum(worker["report"].get("visitors", 0) for worker in workers.values()),
            sum(sum(answers.values()) for answers in totals.get("requests", {}).values()))
    files = status.get("files", {})
    counters = files.get("counters", {})
    if "files" in files:  # and their index can be read
        yield "files: %d, %d bytes with what is promised, %d coming, %d bytes have come" % (
            sum(files["files"].values()), files["bytes"], files["uploads"], counters["received"])
    ended = collections.Counter()
    for reasons in totals.get("ended", {}).values():
        ended.update(reasons)
    for title, counts in (("connections ended", ended), ("commands refused", totals.get("refused", {})),
                          ("files refused", counters.get("refused", {})),
                          ("files removed", counters.get("removed", {})),
                          ("workers replaced", status["restarts"])):
        told = ["%s %d" % pair for pair in collections.Counter(counts).most_common() if pair[1]]
        if told:
            yield "%s: %s" % (title, ", ".join(told))


def _cluster_lines(cluster):
    """The lines for the part of a status that is about several machines."""
    yield "node %(node)s of %(name)s, at entry %(entry)d, last heard %(seconds).1f s ago; engine %(engine)s" % cluster
    joined = ", ".join("%s %d" % pair for pair in sorted(cluster["rejoins"].items()) if pair[1])
    yield "it reads from %s, has waited %.1f s for the log, has sent %d packets again, and has joined anew: %s" % (
        cluster["read_from"] or "nothing yet", cluster["lag_seconds"], cluster["sent_again"], joined or "never")
    if cluster["trouble"]:
        yield "the engine does not answer: %(trouble)s; %(waiting)d wait" % cluster
    yield from _table([["node", "number", "silent"]] + [
        [name, node["number"], "%.1f" % node["silent_seconds"]] for name, node in cluster["nodes"].items()])


def _table(rows):
    """Lines for rows of values, the first of which has the headings; texts are aligned left, numbers right."""
    widths = [max(len(str(row[place])) for row in rows) for place in range(len(rows[0]))]
    numeric = [all(_is_number(row[place]) for row in rows[1:]) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(str(value).rjust(width) if right else str(value).ljust(width)
                        for value, width, right in zip(row, widths, numeric)).rstrip()


def _is_number(value):
    return str(value).replace(".", "", 1).isdigit()


def _log(arguments):
    read, last = _log_reader(arguments), arguments.since
    while True:
        messages, more = read(last)
        for number, sender, text, when in messages:
            last = number
            _print("%d %s %s: %s" % (number, _format_time(when), sender, text.replace("\n", "\n    ")))
        sys.stdout.flush()
        if not more:
            if not arguments.follow:
                return
            time.sleep(POLL_INTERVAL)


def _log_reader(arguments):
    """A function of a number: what was said behind it, (number, sender, text, seconds) of each, and is there more?

    It asks the database. If that is in the memory of the nodes of a cluster, or with --socket, it asks the server.
    """
    if not arguments.socket and (arguments.storage is not None or not _settings(arguments).cluster):
        database = _reading(arguments)

        def read(last):
            messages, _, more = database.lobby(last, MOST_MESSAGES)
            return [(number, sender.decode(), text.decode(), when) for number, sender, text, when in messages], more

        return read

    def ask_server(last):
        answer = _asked(arguments, _socket(arguments), "log", {"after": max(0, last)})
        if "error" in answer:
            raise Failure(answer["error"])
        return answer["log"], answer["more"]

    return ask_server


def _format_time(seconds):
    """Local time, for seconds since the epoch; the bare seconds if this machine cannot convert them."""
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
        raise Failure("a password must have at least one character")
    if not password.decode("utf-8", "ignore").encode() == password:
        raise Failure("a password must be text in UTF-8")
    try:
        secret = secret_for(password)
    except ValueError as error:
        raise Failure(str(error)) from None
    try:
        answer = ask(_socket(arguments), "passwd", name=name.decode(), secret=secret)
    except NoServer as error:  # none is running, so the database can be changed directly
        if _storage(arguments) is None:
            raise _no_server(arguments, error) from None
        with _writing(_directory(arguments)) as database:
            protect(database, name, secret)
    else:
        if "error" in answer:
            raise Failure(answer["error"])
    _print("%s has a password now" % arguments.name)


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


@contextlib.contextmanager
def _asker(arguments, needs_server=False):
    """A function ask(request, argument=..., ...) for the requests of `parley.server.chat.operators`.

    It returns the answer, a dictionary, or raises Failure. It asks the server, or the database if no server runs and
    none is needed.
    """

    def answered(answer):
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    path = _socket(arguments)
    try:
        ask(path, "status")
    except NoServer as error:
        if needs_server or arguments.socket or _storage(arguments) is None:
            raise _no_server(arguments, error) from None
        _reading(arguments).close()  # Failure if there is no database, which the next line would create
        with _asker_of_database(_directory(arguments), _settings(arguments)) as ask_database:
            yield lambda request, **values: answered(ask_database(request, **values))
    else:
        yield lambda request, **values: answered(_asked(arguments, path, request, values))


def _asked(arguments, path, request, values):
    try:
        return ask(path, request, **values)
    except NoServer as error:  # it has ended meanwhile
        raise _no_server(arguments, error) from None


@contextlib.contextmanager
def _asker_of_database(directory, settings):
    """A function ask(request, argument=..., ...) that returns what a server would answer that works with a database."""
    with _open(directory) as database:
        rooms = database.rooms()
        with database.transaction():
            operators = frozenset(name for name, _ in settings.operators)
            requests = Offline(database, rooms, settings.rooms, operators).requests

            def ask_database(request, **values):
                answers = []
                requests[request](answers.append, **values)
                return answers[0]

            yield ask_database


def _pages(ask_server, request, key, after, **values):
    """All rows of an answer that comes in pages; each next page begins after the first value of the last row."""
    rows, more = [], True
    while more:
        answer = ask_server(request, after=rows[-1][0] if rows else after, **values)
        rows += answer[key]
        more = answer["more"]
    return rows


def _accounts(arguments):
    with _asker(arguments) as ask_server:
        rows = _pages(ask_server, "accounts", "accounts", "")
    for line in _table([["account", "password", "kept", "bytes", "made", "last used"]] + [
            [name, "yes" if has_password else "no", kept, size, _format_day(made), _format_day(used)]
            for name, has_password, kept, size, made, used in rows]):
        _print(line)


def _delete(arguments):
    with _asker(arguments) as ask_server:
        ask_server("delete", name=_account_name(arguments.name))
    _print("%s is deleted" % arguments.name)


def _box(arguments):
    name = _account_name(arguments.name)
    with _asker(arguments) as ask_server:
        rows = _pages(ask_server, "box", "messages", 0, name=name)
        if arguments.empty:
            ask_server("empty", name=name)
    if arguments.empty:
        _print("%d messages for %s deleted" % (len(rows), arguments.name))
        return
    _print("%d messages for %s, %d bytes" % (len(rows), arguments.name, sum(row[4] for row in rows)))
    for line in _table([["from", "address", "time", "bytes"]] + [
            [sender, source or "-", _format_time(when), size] for _, sender, source, when, size in rows]):
        _print(line)


def _who(arguments):
    with _asker(arguments, needs_server=True) as ask_server:
        rows = _pages(ask_server, "who", "who", "")
    for line in _table([["name", "worker", "address", "rooms"]] + [
            [name, "-" if worker is None else worker, host or "-", " ".join(rooms)]
            for name, worker, host, rooms in rows]):
        _print(line)


def _rooms(arguments):
    with _asker(arguments) as ask_server:
        rows = _pages(ask_server, "rooms", "rooms", "")
    for line in _table([["room", "members", "owner", "bans", "mutes", "settings", "topic"]] + [
            [name, members, ",".join(owners) or "-", bans, mutes, ",".join(settings) or "-", topic]
            for name, members, owners, bans, mutes, settings, topic in rows]):
        _print(line)


_DONE = {"kick": "%s is kicked out of %s", "ban": "%s is banned from %s", "unban": "%s is banned from %s no more",
         "mute": "%s is muted in %s", "unmute": "%s is muted in %s no more"}


def _manage(arguments):
    about = _account_name(arguments.name)
    if not about:
        raise Failure("%r is nobody's name" % arguments.name)
    why = _text(getattr(arguments, "why", []))
    with _asker(arguments, needs_server=arguments.command == "kick") as ask_server:
        ask_server("manage", room=arguments.room, act=arguments.command, about=about, text=why)
    _print(_DONE[arguments.command] % (about, "the lobby" if arguments.room == "#lobby" else arguments.room))


def _drop(arguments):
    with _asker(arguments) as ask_server:
        ask_server("manage", room=arguments.room, act="drop", about="", text="")
    _print("%s is dropped" % arguments.room)


def _say(arguments):
    text = _text(arguments.text)
    with _asker(arguments, needs_server=True) as ask_server:
        ask_server("say", text=text)


def _text(words):
    """The text that these arguments are."""
    text = " ".join(words).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if len(json.dumps(text)) > LONGEST_SAID:
        raise Failure("the text is too long for a request; make it shorter, or several")
    return text


def _backup(arguments):
    file = os.path.abspath(arguments.file)
    path = _socket(arguments)
    try:
        answer = ask(path, "backup", file=os.fsencode(file).decode("utf-8", "replace"))
    except NoServer as error:
        if arguments.socket or _storage(arguments) is None:
            raise _no_server(arguments, error) from None
        with contextlib.closing(_reading(arguments)) as database:
            result = database.backup(file)
    else:
        result = answer.get("error", True)
    if result is not True:
        raise Failure("no copy was made: %s" % result)
    _print("%s is a copy of all that is stored" % arguments.file)


def _account_name(text):
    """The name of an account in canonical form (str); it may be one that new accounts cannot have any more."""
    return spelled(text.encode("utf-8", "surrogateescape")).decode()


def _format_day(seconds):
    return "-" if seconds is None else _format_time(seconds)[:len("2026-01-31")]


@contextlib.contextmanager
def _writing(path):
    """The database of a directory that no server uses, in a transaction; CannotUse if one does."""
    with _open(path) as database, database.transaction():
        yield database


@contextlib.contextmanager
def _open(path):
    """The same without a transaction."""
    directory = Directory(path)
    database = Database(directory.database)
    try:
        yield database
    finally:
        database.close()
        directory.let_go()


def _print(text):
    """Print a line, with characters escaped that this terminal cannot show."""
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
    """The (sender, text, time) of an entry: bytes, bytes, seconds since the epoch."""
    sender, text, when = _name(entry["user"]), canonical(entry["text"].encode()), entry["timestamp"]
    if sender not in (one, other) or not text:
        raise ValueError("the message is empty, or its user is not one of the two")
    if type(when) not in (int, float) or not 0 <= when <= LATEST_TIME:
        raise ValueError("the timestamp %s is not a number of seconds from 0 to %d"
                         % (json.dumps(when)[:40], LATEST_TIME))
    return sender, text, int(when)


_IMPORTS = {"users": _import_users, "history": _import_history}
COMMANDS = {"status": _status, "log": _log, "passwd": _passwd, "accounts": _accounts, "delete": _delete, "box": _box,
            "who": _who, **dict.fromkeys(_DONE, _manage), "say": _say, "rooms": _rooms, "drop": _drop,
            "backup": _backup, "export": _export, "import": _import, "cert": _cert,
            "config": _config, "example": _example}
