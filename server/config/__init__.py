"""The configuration: defaults, a YAML file, the environment, flags; each overrides those before it.

Every mistake is a ConfigError that names the place, what is wrong, and what was probably meant.

    settings    what there is, the defaults, and what must fit together
    file        the YAML file
    reader      the values in it
    overrides   the environment, and flags
    values      values that are read in the same way wherever they stand
    users_file  the file with users and their passwords

What others use of them is here by its name, too.
"""
# ruff: noqa: F401
from parley.server.config.file import DEFAULT_FILE, find_file, read, require_yaml
from parley.server.config.overrides import environment, storage, with_port
from parley.server.config.settings import File, Redis, Settings, Storage, Tls, Web, check_ports, defaults
from parley.server.config.users_file import users
from parley.server.config.values import MOST_WORKERS, ConfigError, address, host, is_port
