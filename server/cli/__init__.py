"""The command line of a server: reads the settings, starts it, and turns failures into one line and an exit code.

    options     which options there are
    loading     the settings, from options, environment and file
    stored      the storage directory, and the accounts
    serving     a server from its start to its stop
    node        the same for a node of a cluster
"""
import errno
import logging
import sys

from parley.server import config, logs
from parley.server.chat.accounts import Accounts
from parley.server.cli.loading import check_operators, load_settings
from parley.server.cli.node import serve_as_node
from parley.server.cli.options import parser
from parley.server.cli.serving import print_lines, raise_descriptor_limit, serve
from parley.server.cli.stored import load_accounts
from parley.server.ports import CannotListen
from parley.server.storage.directory import CannotUse
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store
from parley.server.storage.tables.schema import StoreError, TooNew
from parley.server.supervisor.cluster import Unusable
from parley.server.supervisor.supervisor import StopAtOnce, WorkersDie

# sysexits.h
EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 65, 69, 70, 73, 75, 77, 78

log = logging.getLogger("parley.server")


def main(argv):
    """Serve until told to stop. argv: the arguments without the program's name. Returns the exit code."""
    arguments = parser().parse_args(argv)
    logs.set_up(arguments.log_level, arguments.log_format)
    try:
        settings = load_settings(arguments)
        if arguments.check_config:
            _check(settings, arguments)
        else:
            raise_descriptor_limit()
            (serve_as_node if settings.cluster else serve)(settings, arguments)
        return 0
    except (config.ConfigError, TooNew) as error:
        return _fail(EX_CONFIG, error)
    except (CannotListen, Unusable) as error:
        return _fail(EX_UNAVAILABLE, error)
    except CannotUse as error:
        return _fail({errno.EAGAIN: EX_TEMPFAIL, errno.EPERM: EX_NOPERM, errno.EACCES: EX_NOPERM}.get(
            error.errno, EX_CANTCREAT), error)
    except StoreError as error:
        return _fail(EX_DATAERR, error)
    except WorkersDie as error:
        return _fail(EX_SOFTWARE, error)
    except StopAtOnce as stop:
        return 128 + stop.args[0]
    except Exception:
        log.critical("a bug ended the server", exc_info=True)
        return EX_SOFTWARE


def _check(settings, arguments):
    """Say that the configuration is right, or raise ConfigError."""
    accounts = load_accounts(settings.users_file, [], {}, Accounts(InProcess(Store())))
    unknown = ""
    try:
        check_operators(settings.operators, accounts)
    except config.ConfigError:
        if settings.storage is None and settings.cluster is None:
            raise
        unknown = "; whether all `operators` have accounts is only seen at the start, as what is stored is not read"
    print_lines("%s: configuration OK%s" % (config.find_file(arguments.config) or "the defaults", unknown))


def _fail(code, error):
    print("parley: %s" % error, file=sys.stderr)
    return code
