"""The operator's commands: show a server's state and log, manage accounts, keep order, export and import, and others.

Each command is a function of the parsed arguments (`arguments.py`), in the module of its subject; what it cannot do
raises `Failure`. `reaching.py` has how one comes to the server, or to the database if none runs.
"""
import signal
import sqlite3
import sys

from parley.server.commands import accounts, exchange, rooms, shipped, status
from parley.server.commands.arguments import parser
from parley.server.commands.reaching import Failure
from parley.server.config import ConfigError
from parley.server.storage.directory import CannotUse
from parley.server.storage.tables.schema import StoreError

COMMANDS = {
    "status": status.show, "log": status.show_log,
    "passwd": accounts.passwd, "accounts": accounts.show, "delete": accounts.delete, "box": accounts.box,
    "who": rooms.who, **dict.fromkeys(rooms.DONE, rooms.manage), "say": rooms.say, "rooms": rooms.show,
    "drop": rooms.drop,
    "backup": exchange.backup, "export": exchange.export, "import": exchange.import_,
    "refill": exchange.refill,
    "cert": shipped.cert, "config": shipped.config, "example": shipped.example}

INTERRUPTED = 128 + signal.SIGINT  # the exit code that a shell reports for a program that SIGINT ended


def run(argv):
    """Run a command, and return the exit code: 0, 1 after a failure, or INTERRUPTED. Wrong usage exits with 2.

    argv: the arguments without the program's name; the first one is a key of COMMANDS.
    """
    arguments = parser().parse_args(argv)
    try:
        COMMANDS[arguments.command](arguments)
    except (Failure, CannotUse, StoreError, ConfigError, sqlite3.Error) as error:
        print("parley: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        is_expected = arguments.command == "log" and arguments.follow
        return 0 if is_expected else INTERRUPTED
    return 0
