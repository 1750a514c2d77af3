"""The configuration's file: YAML, whose nodes know their lines."""
import os
import re
import sys

from parley.server.config.reader import Reader
from parley.server.config.values import ConfigError, read_file

try:
    import yaml
except ImportError:
    yaml = None  # see `require_yaml`

DEFAULT_FILE = "config.yaml"
LARGEST = 128 << 10  # bytes; the hub reads it again while it runs, and YAML takes a second for each 200 KiB
NO_LIMIT_IF_0 = ("messages_per_second", "first_command_seconds", "connections", "connections_per_address")

_BARE_ROOM = re.compile(r"[0-9]: +#[^ ]")


def require_yaml():
    """ConfigError if PyYAML is missing."""
    if yaml is None:
        raise ConfigError("PyYAML is not installed for this Python: run `%s -m pip install PyYAML`, or use ./dev"
                          " serve" % (sys.executable or "python3"))


def find_file(path):
    """The file to read: `path`, or, if that is None, the default file if it exists, or None."""
    return path or (DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None)


def read(path, settings, again=False):
    """`settings` with the changes in the YAML file at `path`; ConfigError if anything in it is wrong.

    again: see `server.config.values.read_file`.
    """
    document = _compose(path, again)
    if document is None:
        return settings
    reader = Reader(path, again)
    limits = {name: reader.count if name in NO_LIMIT_IF_0 else reader.positive for name in settings.limits}
    limits["text_bytes"] = lambda node: reader.per_protocol(node, reader.positive, settings.limits["text_bytes"])
    accounts = {
        "users_file": reader.path, "register": reader.switch, "guests": reader.switch,
        "failed_logins_per_minute": reader.count, "accounts_per_address": reader.count, "keep_box_days": reader.count}
    values = reader.section(document, {
        "workers": reader.workers,
        "host": reader.host,
        "listen": lambda node: reader.listen(node, settings.listen),
        "tls": reader.tls,
        "web": lambda node: settings.web._replace(**reader.section(
            node, {"trusted_proxies": reader.networks, "origins": reader.origins, "path": reader.prefix})),
        "irc": lambda node: settings.irc._replace(**reader.section(
            node, {"name": reader.word, "network": reader.word, "scram": reader.switch})),
        "proxy": reader.switch,
        "idle_timeout": lambda node: reader.per_protocol(node, reader.seconds, settings.idle_timeout),
        "echo": lambda node: reader.per_protocol(node, reader.switch, settings.echo),
        "goodbye": lambda node: reader.per_protocol(node, reader.switch, settings.goodbye),
        "motd": reader.motd,
        "files": lambda node: settings.files._replace(**reader.section(node, {
            **dict.fromkeys(("file_bytes", "account_bytes", "guest_bytes", "all_bytes", "offers_per_minute",
                             "keep_days"), reader.count),
            "disk_reserve_percent": reader.percent, "scan": reader.command, "url": reader.url})),
        "limits": lambda node: dict(settings.limits, **reader.section(node, limits)),
        "rooms": lambda node: dict(
            settings.rooms, **reader.section(node, dict.fromkeys(settings.rooms, reader.count))),
        "operators": reader.operators,
        "pacing_ms": reader.pacing,
        "accounts": lambda node: reader.section(node, accounts),
        "storage": reader.storage,
        "metrics": lambda node: reader.section(node, {"listen": reader.address}).get("listen", settings.metrics),
    })
    values.update(values.pop("accounts", {}))
    if "listen" in values:
        values["listen"], values["room_ports"] = values["listen"]
    if "storage" in values:
        values["storage"], values["cluster"] = values["storage"]
    return settings._replace(**values)


def _compose(path, again):
    """The YAML file at `path` as a node, with line numbers; None if it is empty. ConfigError if it is not YAML."""
    require_yaml()
    try:
        text = read_file(path, LARGEST, again).decode()
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError("%s: %s" % (path, error.strerror)) from None
    except UnicodeDecodeError:
        raise ConfigError("%s: not UTF-8 text" % path) from None
    except RecursionError:
        raise ConfigError("%s: nested too deeply" % path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        told = [getattr(error, "context", None), getattr(error, "problem", None) or str(error).splitlines()[0]]
        problem = ", ".join(filter(None, told))
        if "\\t" in problem:
            problem += "; indent with spaces"
        elif _has_bare_room(text, getattr(error, "context_mark", None) or mark, line):
            problem += '; the name of a room needs quotes, as in "#dev": a bare # begins a comment'
        raise ConfigError("%s:%d: %s" % (path, line, problem)) from None
    return None if document is None or document.tag == "tag:yaml.org,2002:null" else document


def _has_bare_room(text, start, last):
    """Does something that looks like the name of a room stand without quotes in these lines of a text?"""
    lines = text.rstrip().splitlines()
    first = min(start.line, len(lines) - 1) if start else 0  # an error at the end of the text is about what ends there
    return any(_BARE_ROOM.search(line) for line in lines[first:last])
