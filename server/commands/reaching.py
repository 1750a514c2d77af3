"""How a command reaches a running server, or its database."""
import contextlib
import os

from parley.server import config
from parley.server.storage.database import Database
from parley.server.storage.directory import CONTROL, DATABASE, Directory
from parley.server.supervisor import places
from parley.server.supervisor.control import NoServer, ask
from parley.server.supervisor.offline import Offline


class Failure(Exception):
    """A command cannot do what is asked; the text says why, and what to do."""


def settings_of(arguments):
    """The `config.Settings` of the server, from its file and environment; without its flags."""
    settings = config.defaults()
    file = config.find_file(arguments.config)
    if file:
        settings = config.read(file, settings)
    return config.environment(os.environ, settings)


def storage_of(arguments):
    """The server's `config.Storage`; None if it stores nothing."""
    return settings_of(arguments).storage if arguments.storage is None else config.storage(arguments.storage)


def directory_of(arguments):
    """The path of the storage directory."""
    storage = storage_of(arguments)
    if storage is None:
        raise Failure("the configuration says `storage: memory`, so nothing is stored; name a directory with --storage")
    return storage.directory


def socket_of(arguments):
    """The path of the server's control socket."""
    if arguments.socket:
        return arguments.socket
    storage = storage_of(arguments)
    if storage is None:
        return places.find(settings_of(arguments).first_port, os.environ)
    return os.path.join(storage.directory, CONTROL)


def no_server(arguments, error):
    """The Failure of a command that needs a running server; error: why it got no answer."""
    remedy = "is the server running?"
    others = [] if arguments.socket or storage_of(arguments) else places.others(os.environ)
    if others:
        remedy = "name the right one with --socket: " + ", ".join(others)
    return Failure("%s: no server answers (%s); %s" % (socket_of(arguments), error, remedy))


def reading(arguments):
    """The database, opened for reading; a server may be writing to it at the same time."""
    path = os.path.join(directory_of(arguments), DATABASE)
    if not os.path.exists(path):
        raise Failure("%s: there is no database; did a server ever run with this storage?" % path)
    return Database(path, mode="ro")


@contextlib.contextmanager
def writing(path):
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


@contextlib.contextmanager
def asker(arguments, needs_server=False):
    """A function ask(request, argument=..., ...) for the requests of `parley.server.chat.operators`.

    It returns the answer, a dictionary, or raises Failure. It asks the server, or the database if no server runs and
    none is needed.
    """

    def answered(answer):
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    path = socket_of(arguments)
    try:
        ask(path, "status")
    except NoServer as error:
        if needs_server or arguments.socket or storage_of(arguments) is None:
            raise no_server(arguments, error) from None
        reading(arguments).close()  # Failure if there is no database, which the next line would create
        with _asker_of_database(directory_of(arguments), settings_of(arguments)) as ask_database:
            yield lambda request, **values: answered(ask_database(request, **values))
    else:
        yield lambda request, **values: answered(asked(arguments, path, request, values))


def asked(arguments, path, request, values):
    try:
        return ask(path, request, **values)
    except NoServer as error:  # it has ended meanwhile
        raise no_server(arguments, error) from None


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


def pages(ask_server, request, key, after, **values):
    """All rows of an answer that comes in pages; each next page begins after the first value of the last row."""
    rows, more = [], True
    while more:
        answer = ask_server(request, after=rows[-1][0] if rows else after, **values)
        rows += answer[key]
        more = answer["more"]
    return rows
