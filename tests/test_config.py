"""The configuration and the command line: what is read, which wins, and what is said about a mistake."""
import errno
import hashlib
import importlib.util
import json
import marshal
import os
import socket
import sqlite3
import subprocess
import sys

import pytest
import yaml
from cases import for_each
from numbered import Numbered

from parley import __version__
from parley.server import cli, config, logs, ports, protocols
from parley.server.chat.accounts import Accounts
from parley.server.chat.gate import LIMITS
from parley.server.chat.names import claims
from parley.server.cli import loading, options, serving
from parley.server.config import ConfigError, Storage
from parley.server.storage import directory as directory_module
from parley.server.storage.database import Database
from parley.server.storage.directory import Directory
from parley.server.storage.journal import InProcess
from parley.server.storage.memory import Store
from parley.server.supervisor import passwords

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHIPPED = os.path.join(ROOT, "config.yaml")
EXAMPLE_USERS = os.path.join(ROOT, "examples", "users.json")

PROTOCOLS = ["line", "binary", "padded", "delimited", "dollar", "web", "irc"]
DEFAULTS = config.defaults()


def default(setting, **changes):
    """A setting's default, of which something is another."""
    return dict(getattr(DEFAULTS, setting), **changes)


def listening(**changes):
    return {name: port for name, port in default("listen", **changes).items() if port is not None}


def everywhere(value):
    return dict.fromkeys(PROTOCOLS, value)


# text: setting, value
FORMS = [
    ("workers: 3", "workers", 3),
    ("workers: auto", "workers", os.cpu_count() or 1),
    ("host: 127.0.0.1", "host", "127.0.0.1"),
    ('host: "::"', "host", "::"),
    ("host: ::1", "host", "::1"),
    ('host: "[::1]"', "host", "::1"),
    ("host: fe80::1%eth0", "host", "fe80::1%eth0"),
    ("host: auto", "host", "auto"),
    ("host: localhost", "host", "localhost"),
    ("host: chat-1.b\u00fccher.example", "host", "chat-1.b\u00fccher.example"),
    ("listen: {line: 5000}", "listen", listening(line=5000)),
    ("listen: {line: 0, dollar: 1}", "listen", listening(line=0, dollar=1)),
    ("listen: {line: false}", "listen", listening(line=None)),
    ("listen: {line: off}", "listen", listening(line=None)),
    ("listen: {binary: false}", "listen", listening(binary=None)),
    ("listen: {%s}" % ", ".join(name + ": false" for name in PROTOCOLS), "listen", {}),
    ("idle_timeout: 5", "idle_timeout", everywhere(5)),
    ("idle_timeout: 0.5", "idle_timeout", everywhere(0.5)),
    ("idle_timeout: {line: 7}", "idle_timeout", default("idle_timeout", line=7)),
    ("idle_timeout: {dollar: 7}", "idle_timeout", default("idle_timeout", dollar=7)),
    ("echo: true", "echo", everywhere(True)),
    ("echo: {line: true}", "echo", default("echo", line=True)),
    ("echo: {binary: true, padded: true}", "echo", default("echo", binary=True, padded=True)),
    ("goodbye: {padded: false}", "goodbye", {"padded": False}),
    ("goodbye: false", "goodbye", {"padded": False}),
    ("pacing_ms: 0", "pacing_ms", 0),
    ("pacing_ms: 2.5", "pacing_ms", 2.5),
    ("limits: {line_bytes: 100}", "limits", default("limits", line_bytes=100)),
    ("limits: {text_bytes: 100}", "limits", default("limits", text_bytes=dict.fromkeys(PROTOCOLS[1:-1], 100))),
    ("limits: {text_bytes: {padded: 9, dollar: 7}}", "limits",
     default("limits", text_bytes={"binary": 16384, "padded": 9, "delimited": 16384, "dollar": 7, "web": 16384})),
    ("limits: {connections: 7, connections_per_address: 3}", "limits",
     default("limits", connections=7, connections_per_address=3)),
    ("accounts: {users_file: users.json}", "users_file", "users.json"),
    ("accounts: {users_file: null}", "users_file", None),
    ("accounts:\n  users_file:", "users_file", None),
    ("accounts: {}", "users_file", None),
    ("accounts: {register: false}", "register", False),
    ("accounts: {guests: off}", "guests", False),
    ("accounts: {register: true, guests: true}", "guests", True),
    ("accounts: {}", "failed_logins_per_minute", 3),
    ("accounts: {failed_logins_per_minute: 0}", "failed_logins_per_minute", 0),
    ("accounts: {failed_logins_per_minute: 60}", "failed_logins_per_minute", 60),
    ("accounts: {}", "accounts_per_address", 1000),
    ("accounts: {accounts_per_address: 7}", "accounts_per_address", 7),
    ("motd: Hello", "motd", b"Hello"),
    ("motd: |\n  Hello,\n  you.\n", "motd", b"Hello,\nyou."),
    ('motd: "a\\eb"', "motd", "a\u241bb".encode()),
    ("motd: null", "motd", b""),
    ('motd: " "', "motd", b""),
    ("rooms: {}", "rooms", DEFAULTS.rooms),
    ("rooms: {most: 0, joins_per_second: 7}", "rooms", default("rooms", most=0, joins_per_second=7)),
    ("operators: []", "operators", ()),
    ("operators:\n  - ann\n  - b\u00f6b\n", "operators",
     ((b"ann", "config.yaml:2"), ("b\u00f6b".encode(), "config.yaml:3"))),
    ("storage: memory", "storage", None),
    ("storage: {directory: a b/c}", "storage", Storage("a b/c", "each-commit", 10000000, 0)),
    ("storage: {directory: memory}", "storage", Storage("memory", "each-commit", 10000000, 0)),
    ("storage: {directory: /a, sync: system, keep_messages: 0, keep_days: 30}", "storage",
     Storage("/a", "system", 0, 30)),
]

CERTIFICATES = os.path.join(ROOT, "tests", "certificates")

# text: what is said about it
UNFIT_TLS = [
    ("tls: {listen: {line: 0}}", ":1: tls: TLS needs a `certificate`"),
    ('tls: {listen: {line: {4002: "#dev"}}}', ":1: tls: TLS needs a `certificate`"),
    ("\ntls: {key: first.key}", ":2: tls: TLS needs a `certificate`"),
    ("tls:\n  certificate: missing.pem", "missing.pem: No such file"),
    ("tls:\n  certificate: first.pem\n  key: .", ":3: tls.key: ./.: Is a directory"),
    ("tls: {certificate: first.pem}", "first.pem: no private key"),
    ("tls: {certificate: first.pem, key: second.key}", "first.pem, ./second.key: the key does not belong to"),
    ("tls: {certificate: first.pem, key: encrypted.key}", "encrypted.key: the key is encrypted"),
    ("tls: {certificate: expired.pem, key: expired.key}", "expired.pem: the certificate has expired on 2020-01-01"),
    ("tls: {certificate: first.key, key: first.key}", "first.key: no certificate"),
]

# Two on one port, in a file beside the certificates: who they are.
SAME_PORT = [
    ("listen: {line: 7000, binary: 7000}", ["port 7000", "line", "binary"]),
    ("listen: {line: 9000}", ["port 9000", "line", "delimited"]),
    ("tls: {certificate: first.pem, key: first.key, listen: {line: 4000}}", ["port 4000", "line", "line with TLS"]),
    ("tls: {certificate: first.pem, key: first.key, listen: {line: 1, dollar: 1}}", ["port 1", "dollar with TLS"]),
]

NOTHING = ["", "\n", "# only a comment\n", "---\n", "null", "~", "{}"]

# text: the line of the mistake, and words that the error has to contain
MISTAKES = [
    ("worker: 3", 1, ["'worker'", "'workers'"]),
    ("host: a\nlisen: {line: 1}", 2, ["'lisen'", "'listen'"]),
    ("zzz: 1", 1, ["'zzz'", "workers", "pacing_ms"]),
    ("listen:\n  lime: 4000", 2, ["'lime'", "'line'"]),
    ("echo:\n  Line: true", 2, ["'Line'", "'line'"]),
    ("limits:\n\n  line_byte: 1", 3, ["'line_byte'", "'line_bytes'"]),
    ("workers: 1\nworkers: 2", 2, ["'workers'", "twice"]),
    ("listen:\n  line: 1\n  line: 2", 3, ["'line'", "twice"]),
    ("workers: many", 1, ["'many'", "1 to 256"]),
    ("workers: 0", 1, ["0", "1 to 256"]),
    ("workers: -1", 1, ["-1", "1 to 256"]),
    ("workers: 257", 1, ["257", "1 to 256"]),
    ("workers: 1.5", 1, ["1.5"]),
    ("workers: true", 1, ["true"]),
    ("workers: [1]", 1, ["list"]),
    ("workers:", 1, ["1 to 256"]),
    ("host: 1", 1, ["text", "1"]),
    ("host: [a]", 1, ["text"]),
    ("host: [fe80::1]", 1, ["text", "quotes"]),
    ("host: [::1]", 1, ["flow node"]),
    ("\nhost: 127.0.0.1:4000", 2, ["'127.0.0.1:4000'", "the port stands under `listen`"]),
    ("host: localhost:4000", 1, ["'localhost:4000'", "the port stands under `listen`"]),
    ('host: "[::1]:4000"', 1, ["'[::1]:4000'", "the port stands under `listen`"]),
    ("host: http://localhost", 1, ["'http://localhost'", "auto"]),
    ("host: 127.0.0.1/8", 1, ["'127.0.0.1/8'"]),
    ("host: 256.0.0.1", 1, ["'256.0.0.1'"]),
    ("host: ::g", 1, ["'::g'"]),
    ('host: "[localhost]"', 1, ["'[localhost]'"]),
    ("host: a b", 1, ["'a b'"]),
    ('host: "*"', 1, ["'*'"]),
    ('host: ""', 1, ["auto", "''"]),
    ("listen:\n  line: 65536", 2, ["65536", "65535"]),
    ("listen:\n  line: -1", 2, ["-1"]),
    ("listen:\n  line: true", 2, ["true"]),
    ("listen:\n  line: http", 2, ["'http'"]),
    ("listen:\n  line: 4000.0", 2, ["4000.0"]),
    ("listen:\n  line: 4000\n  binari: 12000", 3, ["'binari'", "'binary'"]),
    ("listen:\n  zzz: 23", 2, ["'zzz'", *PROTOCOLS]),
    ("listen:\n  line: null", 2, ["port"]),
    ("listen:\n  line: {lobby: 4000}", 2, ["'lobby'", "a port from 0 to 65535"]),
    ("listen:\n  line: {false: lobby}", 2, ["'false'", "a port from 0 to 65535"]),
    ("listen:\n  line: {4000: dev}", 2, ["'dev' is not the name of a room", "#"]),
    ('listen:\n  line: {4000: "#a b"}', 2, ["'#a b' is not the name of a room"]),
    ("listen:\n  line: {4000: 7}", 2, ["lobby, or the name of a room in quotes", "'7'"]),
    ("listen:\n  line:\n    4000: #dev\n", 3, ["lobby, or the name of a room in quotes"]),
    ("listen:\n  line: {4000: #dev}\n  binary: 1\n", 3, ["needs quotes", '"#dev"']),
    ("listen: {line: {4000: lobby, 4001: #dev}}\n", 2, ["needs quotes", '"#dev"']),
    ("workers:4", 1, ["workers, host", "a space has to follow the colon"]),
    ("limits:\n  line_bytes:5\n", 2, ["limits: expected a mapping", "a space has to follow the colon"]),
    ("limits: {text_bytes: {binary: x}}", 1, ["limits.text_bytes.binary: expected a whole number"]),
    ("limits: {text_bytes: {binary: 1}, line_bytes: x}", 1, ["FILE:1: limits.line_bytes: expected a whole number"]),
    ("storage: /var/lib/parley", 1, ["storage: expected memory, or a directory", "{directory: ", "'/var/lib/parley'"]),
    ("files: {scan: [clamdscan]}", 1, ["expected a command, or null, not a list or mapping"]),
    ("listen:\n  line: {4000: lobby, 4001: lobby}", 2, ["the lobby has port 4000 already"]),
    ("rooms:\n  owner: 3", 2, ["'owner'", "'owned'"]),
    ("rooms:\n  owned: -1", 2, ["-1", "0 or more"]),
    ("rooms: 5", 1, ["mapping"]),
    ("operators: ann", 1, ["list of names"]),
    ("operators:\n  - ann\n  - 5", 3, ["a name", "'5'"]),
    ("operators:\n  - a b", 2, ["'a b' is not a valid name"]),
    ("operators:\n  - server", 2, ["'server' is not a valid name"]),
    ("operators: [[ann]]", 1, ["a name"]),
    ("motd: [a]", 1, ["a text"]),
    ("motd: 5", 1, ["a text", "5"]),
    ("\nmotd: " + 4097 * "x", 2, ["4097 bytes", "4096"]),
    ("limits:\n  text_byte: 1", 2, ["'text_byte'", "'text_bytes'"]),
    ("limits:\n  text_bytes: null", 2, ["whole number"]),
    ("limits:\n  text_bytes:\n    line: 5", 3, ["'line'", "padded"]),
    ("limits:\n  text_bytes:\n    padded: many", 3, ["'many'", "whole number"]),
    ("limits:\n  text_bytes: [5]", 2, ["mapping"]),
    ("limits:\n  connection: 5", 2, ["'connection'", "'connections'"]),
    ("limits:\n  connections_per_address: -1", 2, ["-1", "whole number"]),
    ("accounts: users.json", 1, ["mapping", "users_file"]),
    ("accounts:\n  user_file: a", 2, ["'user_file'", "'users_file'"]),
    ("accounts:\n  users_file: 3", 2, ["path", "null", "3"]),
    ("accounts:\n  users_file: [a]", 2, ["path"]),
    ("accounts:", 1, ["mapping"]),
    ("accounts:\n  register: maybe", 2, ["true or false", "'maybe'"]),
    ("accounts:\n  guests: 0", 2, ["true or false", "0"]),
    ("accounts:\n  failed_logins: 3", 2, ["'failed_logins'", "'failed_logins_per_minute'"]),
    ("accounts:\n  failed_logins_per_minute: -1", 2, ["whole number", "-1"]),
    ("accounts:\n  failed_logins_per_minute: 0.5", 2, ["whole number", "0.5"]),
    ("accounts:\n  accounts_per_address: many", 2, ["whole number", "'many'"]),
    ("users_file: users.json", 1, ["'users_file'"]),
    ("tls:", 1, ["mapping", "certificate"]),
    ("tls:\n  cert: a", 2, ["'cert'", "'certificate'"]),
    ("tls:\n  certificate: 3", 2, ["path", "3"]),
    ("tls:\n  listen: {line: http}", 2, ["'http'"]),
    ("tls:\n  listen:\n    lime: 4001", 3, ["'lime'", "'line'"]),
    ("storage:", 1, ["memory", "directory"]),
    ("storage: disk", 1, ["memory", "directory", "'disk'"]),
    ("storage: [a]", 1, ["mapping", "directory"]),
    ("storage: {}", 1, ["directory", "missing"]),
    ("storage:\n  redis: {}", 2, ["`url`", "`sentinels`"]),
    ("storage:\n  redis: {url: redis://h, sentinels: [h:1]}", 2, ["one of `url`"]),
    ("storage:\n  redis: {url: redis://h, replica: required}", 2, ["`sentinels` only"]),
    ("storage:\n  redis: {url: redis://h, replica: maybe}", 2, ["preferred or required or none", "'maybe'"]),
    ("storage:\n  redis: {sentinels: [h:1], replica: none}", 2, ["preferred or required"]),
    ("storage:\n  redis: {url: redis://h, user: u}", 2, ["for `sentinels`"]),
    ("storage:\n  redis: {url: redis://h, ca_file: config.yaml}", 2, ["rediss://"]),
    ("storage:\n  redis: {sentinels: [h]}", 2, ["26379", "'h'"]),
    ("storage:\n  redis: {sentinels: []}", 2, ["list of addresses"]),
    ("storage:\n  redis: {url: http://h/}", 2, ["redis://", "'http://h/'"]),
    ("storage:\n  redis: {url: redis://h:no/0}", 2, ["redis://", "'redis://h:no/0'"]),
    ("storage:\n  redis: {url: redis://h/zero}", 2, ["redis://h/zero"]),
    ("storage:\n  redis: {url: 'unix:'}", 2, ["unix:///"]),
    ("storage:\n  redis: {url: redis://h, node: a b}", 2, ["letters", "'a b'"]),
    ("storage:\n  redis: {url: redis://h, silence_seconds: 1}", 2, ["2 to 600", "1"]),
    ("storage:\n  redis: {url: redis://h, log_bytes: 5}", 2, ["1048576", "5"]),
    ("storage:\n  redis: {url: redis://h, password_file: /no/such}", 2, ["/no/such"]),
    ("storage:\n  directory: ''", 2, ["directory", "missing"]),
    ("storage:\n  directory: 3", 2, ["text", "3"]),
    ("storage:\n  director: a", 2, ["'director'", "'directory'"]),
    ("storage:\n  directory: a\n  sync: never", 3, ["each-commit or system", "'never'"]),
    ("storage:\n  directory: a\n  sync: [system]", 3, ["each-commit or system", "list"]),
    ("storage:\n  directory: a\n  sync: off", 3, ["each-commit or system", "'off'"]),
    ("storage:\n  directory: a\n  keep_messages: -1", 3, ["whole number", "-1"]),
    ("storage:\n  directory: a\n  keep_days: 0.5", 3, ["whole number", "0.5"]),
    ("storage:\n  directory: a\n  keep_day: 1", 3, ["'keep_day'", "'keep_days'"]),
    ("listen: 4000", 1, ["mapping"]),
    ("listen:", 1, ["mapping"]),
    ("echo: 1", 1, ["true or false"]),
    ("echo:\n  line: maybe", 2, ["'maybe'", "true or false"]),
    ("echo: []", 1, ["mapping"]),
    ("goodbye: {line: true}", 1, ["'line'", "padded"]),
    ("idle_timeout: -1", 1, ["-1"]),
    ("idle_timeout: .inf", 1, ["inf"]),
    ("idle_timeout: .nan", 1, ["nan"]),
    ("idle_timeout:\n  line: soon", 2, ["'soon'"]),
    ("limits:\n  line_bytes: 1.5", 2, ["1.5", "whole number"]),
    ("limits:\n  line_bytes: -1", 2, ["-1"]),
    ("limits:\n  line_bytes: 0", 2, ["1 or more", "0"]),
    ("limits:\n  text_bytes: {padded: 0}", 2, ["1 or more", "0"]),
    ("limits:\n  frame_seconds: 0", 2, ["1 or more", "0"]),
    ("limits:\n  stall_seconds: 0", 2, ["1 or more", "0"]),
    ("limits:\n  outbox_bytes: 0", 2, ["1 or more", "0"]),
    ("limits: 3", 1, ["mapping"]),
    ("pacing_ms: fast", 1, ["'fast'"]),
    ("pacing_ms: 101", 1, ["from 0 to 100", "101"]),
    ("- workers", 1, ["mapping"]),
    ("just text", 1, ["mapping"]),
    ("workers: 1\nhost: [", 2, []),
    ("host: 'a", 1, []),
    ("host: a\n\tworkers: 1", 2, []),
    ("limits:\n\tline_bytes: 1", 2, ["'\\t'", "spaces"]),
    ("host: *unknown", 1, []),
    ("host: a\n---\nhost: b", 2, ["expected a single document"]),
    ("host: a\x00b", 1, []),
    ('host: "a\\0b"', 1, ["'a\\x00b'"]),
    ('accounts: {users_file: "a\\0b"}', 1, ["'a\\x00b'"]),
    ('storage: {directory: "a\\0b"}', 1, ["'a\\x00b'"]),
    ('tls: {certificate: "a\\0b"}', 1, ["'a\\x00b'"]),
    ('tls: {certificate: "a\\ud800b"}', 1, ["'a\\ud800b'"]),
    ('motd: "\\udfff"', 1, ["'\\udfff'"]),
    ("[workers]: 1", 1, ["unknown key"]),
    ("? {a: b}\n: 1", 1, ["unknown key"]),
    ("host: 2020-13-45", 1, ["text"]),
    ("workers: !!int many", 1, ["many"]),
    ("workers: !new 3", 1, ["3"]),
    ("host: !!python/name:os.system x", 1, ["text"]),
    ("echo: !!bool maybe", 1, ["true or false", "'maybe'"]),
    ("workers: !!bool maybe", 1, ["1 to 256", "'maybe'"]),
    ("host: !!timestamp x", 1, ["text", "'x'"]),
    ("pacing_ms: !!int ''", 1, ["from 0 to 100", "''"]),
    ("idle_timeout: !!float ''", 1, ["a number", "''"]),
]

BAD_USAGE = [
    ["http"], ["65536"], ["-1"], ["\u00b2"], ["4000", "5000"], ["--workers", "0"], ["--workers", "many"],
    ["--workers", "257"],
    ["--listen", "line"], ["--listen", "lime=4000"], ["--listen", "line=http"], ["--listen", "line="],
    ["--listen", "line=4000:"], ["--listen", "line=4000:dev"], ["--listen", "line=off:#dev"],
    ["--listen", "line=4000:#a b"], ["--listen", "line=:#dev"],
    ["--idle-timeout", "-1"],
    ["--idle-timeout", "nan"], ["--idle-timeout", "inf"], ["--idle-timeout", "soon"], ["--log-level", "loud"],
    ["--log-format", "xml"],
    ["--unknown"], ["--config"], ["--config", ""], ["--users", ""], ["--host", ""], ["--host", "127.0.0.1:4000"],
    ["--host", "[::1]:4000"], ["--host", "[127.0.0.1]"], ["--host", "localhost:"], ["--host", "http://localhost/"],
]  # fmt: skip

BAD_CONFIGURATION = [
    ([word for name in PROTOCOLS for word in ("--listen", name + "=off")], {}, ["every protocol is off"]),
    ([], {"CHAT_PORT": "http"}, ["CHAT_PORT", "'http'"]),
    ([], {"CHAT_PORT": "65536"}, ["CHAT_PORT", "'65536'"]),
    ([], {"CHAT_PORT": "-1"}, ["CHAT_PORT", "'-1'"]),
    ([], {"CHAT_PORT": "\u00b2"}, ["CHAT_PORT"]),
    (["12000"], {}, ["port 12000", "line", "binary", "--listen"]),
    ([], {"CHAT_PORT": "9000"}, ["port 9000", "line", "delimited"]),
    (["--listen", "dollar=5050"], {}, ["port 5050", "dollar", "padded"]),
    (["--listen", "padded=5050:#dev"], {}, ["port 5050", "padded and padded for #dev"]),
    (["--listen", "padded=1:#dev", "--listen", "line=1:#ops"], {}, ["port 1", "padded for #dev", "line for #ops"]),
    (["--listen", "padded=1:#dev", "--listen", "line=2:#DEV"], {}, ["#dev and #DEV look alike"]),
    (["--listen", "padded=1:#L0bby"], {}, ["#lobby and #L0bby look alike"]),
    (["--config", "missing.yaml"], {}, ["missing.yaml", "No such file"]),
    (["--config", "."], {}, [".: "]),
]

FILE = (
    "listen: {line: 1001}\nworkers: 2\nhost: 127.0.0.2\necho: false\nidle_timeout: 11\n"
    "accounts: {users_file: file.json}\nstorage: {directory: of-the-file, sync: system}\n")

# arguments, environment: a setting, and what wins
PRECEDENCE = [
    ([], {}, "listen", listening(line=1001)),
    ([], {"CHAT_PORT": "1002"}, "listen", listening(line=1002)),
    (["1003"], {"CHAT_PORT": "1002"}, "listen", listening(line=1003)),
    (["--listen", "line=1004"], {"CHAT_PORT": "1002"}, "listen", listening(line=1004)),
    (["--listen", "line=1004", "--listen", "binary=off"], {}, "listen", listening(line=1004, binary=None)),
    (["--listen", "dollar=0"], {}, "listen", listening(line=1001, dollar=0)),
    (["1003", "--listen", "line=1004"], {}, "listen", listening(line=1004)),
    (["0"], {}, "listen", everywhere(0)),
    (["0"], {"CHAT_PORT": "1002"}, "listen", everywhere(0)),
    (["0", "--listen", "padded=1005"], {}, "listen", dict(everywhere(0), padded=1005)),
    ([], {"CHAT_PORT": "0"}, "listen", listening(line=0)),
    (["--listen", "line=1004:lobby"], {}, "listen", listening(line=1004)),
    (["--listen", "line=1004:#dev"], {}, "listen", listening(line=1001)),
    (["--listen", "line=1004:#dev", "--listen", "dollar=7:#dev"], {}, "room_ports",
     (("line", 1004, b"#dev"), ("dollar", 7, b"#dev"))),
    (["0", "--listen", "line=0:#dev"], {}, "room_ports", (("line", 0, b"#dev"),)),
    ([], {}, "workers", 2),
    (["--workers", "5"], {}, "workers", 5),
    (["--host", "::"], {}, "host", "::"),
    (["--host", "[::1]"], {}, "host", "::1"),
    (["--echo"], {}, "echo", everywhere(True)),
    (["--idle-timeout", "0"], {}, "idle_timeout", everywhere(0)),
    (["--idle-timeout", "2.5"], {}, "idle_timeout", everywhere(2.5)),
    ([], {}, "idle_timeout", everywhere(11)),
    ([], {}, "limits", config.defaults().limits),
    ([], {}, "users_file", "file.json"),
    (["--users", "flag.json"], {}, "users_file", "flag.json"),
    ([], {}, "storage", Storage("of-the-file", "system", 10000000, 0)),
    (["--storage", "of-the-flag"], {}, "storage", Storage("of-the-flag", "each-commit", 10000000, 0)),
    (["--storage", "memory"], {}, "storage", None),
]

# A configuration elsewhere: a setting, and its path as seen from here.
ELSEWHERE = [
    ("accounts: {users_file: users.json}", lambda settings: settings.users_file, "etc/users.json"),
    ("accounts: {users_file: /users.json}", lambda settings: settings.users_file, "/users.json"),
    ("storage: {directory: kept}", lambda settings: settings.storage.directory, "etc/kept"),
    ("storage: {directory: /kept}", lambda settings: settings.storage.directory, "/kept"),
    ("storage: {directory: ../kept}", lambda settings: settings.storage.directory, "etc/../kept"),
    ("tls: {certificate: a.pem}", lambda settings: settings.tls.certificate.path, "etc/a.pem"),
]

USERS = '{"users": [{"username": "%s", "password": "123"}]}'

# What stands in the file, and a word of what is said about it.
BAD_USERS = [
    (b"", "expected"),
    (b"not JSON", "expected"),
    (b"[]", "expected"),
    (b"{}", "expected"),
    (b"null", "expected"),
    (b"3", "expected"),
    (b'{"users": 3}', "expected"),
    (b'{"users": null}', "expected"),
    (b'{"users": {"username": "a", "password": "b"}}', "expected"),
    (b'{"users": ["a"]}', "expected"),
    (b'{"users": [{"username": "a"}]}', "expected"),
    (b'{"users": [{"username": "a", "password": 123}]}', "expected"),
    (b'{"users": [{"username": "a", "secret": 123}]}', "expected"),
    (b'{"users": [{"username": "a", "secret": null}]}', "expected"),
    (b'{"users": [{"username": "a", "password": "b", "secret": "c"}]}', "needs either"),
    (b'{"users": [{"username": null, "password": "b"}]}', "expected"),
    (b'{"users": [{"username": "\\ud800", "password": "b"}]}', ":1: users[0].username: half of a character"),
    (b'{"users": [{"username": "a", "password": "\\ud800"}]}', ":1: users[0].password: half of a character"),
    (b'{"users": [{"username": "\xff", "password": "b"}]}', ":1: not UTF-8 text; save the file in this encoding"),
    (b'{\n"users": [\n{},\n5]}', ":3: users[0]: 'username' is missing; expected"),
    (b'{"users": [],\n"users": [{"username": "a", "password": "b"},\n[\n{}]]}',
     ":3: users[1]: [ {}] instead of a mapping"),
    (b'{\n"users": [{"username": 1' + b"0" * 5000 + b', "password": "b"}]}', ":2: users[0].username: 1000"),
    (b"{}\n\n{", ":3: not JSON: extra data"),
    (b"[" * 200000, "nested too deeply"),
]

# What can be read, but cannot be anybody, or not two at once.
UNFIT_USERS = [
    (USERS % "a b", "'a b' is not a valid name"),
    (USERS % "", "'' is not a valid name"),
    (USERS % "lobby", "'lobby' is not a valid name"),
    ('{"users": [{"username": "a", "password": ""}, {"username": "a", "password": ""}]}', "'a' appears twice"),
    ('{"users": [{"username": "ann", "password": ""}, {"username": "ANN", "password": ""}]}', "'ANN' appears twice"),
    ('{"users": [{"username": "ann", "password": ""}, {"username": "\\uff41nn", "password": ""}]}', "appears twice"),
    ('{"users": [{"username": "ann", "password": "%s"}]}' % ("x" * 1025),
     "the password of 'ann' cannot be used: a password has at most 1024 bytes"),
    ('{"users": [{"username": "ann", "secret": "123"}]}', "the secret of 'ann' cannot be used: this is not a secret"),
]


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Reads a configuration file of this text, which lies here; errors name it as FILE."""
    monkeypatch.chdir(tmp_path)

    def read_text(text):
        (tmp_path / "config.yaml").write_bytes(text.encode())
        try:
            return config.read("config.yaml", config.defaults())
        except ConfigError as error:
            raise ConfigError(str(error).replace("config.yaml", "FILE")) from None

    return read_text


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Runs the command line in an empty directory; (exit code, settings it would serve with)."""
    served = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "serve", lambda settings, arguments: served.append(settings))
    monkeypatch.setattr(logs, "set_up", lambda level, form: None)

    def run(arguments, variables=()):
        monkeypatch.delenv("CHAT_PORT", raising=False)
        for name, value in dict(variables).items():
            monkeypatch.setenv(name, value)
        try:
            code = cli.main(arguments)
        except SystemExit as stop:
            code = stop.code
        return code, served.pop() if served else None

    return run


# ---- the file


def test_the_shipped_file_says_what_holds_without_it():
    assert config.read(SHIPPED, config.defaults()) == config.defaults()


def test_the_shipped_file_is_complete():
    with open(SHIPPED, encoding="utf-8") as file:
        shipped = yaml.safe_load(file)
    accounts = shipped.pop("accounts")
    in_others = {"room_ports", "cluster"}  # which `listen` and `storage` have
    assert set(shipped) | set(accounts) == set(config.Settings._fields) - in_others
    assert set(shipped["limits"]) == set(config.defaults().limits)
    assert set(shipped["rooms"]) == set(DEFAULTS.rooms)
    for name in ("listen", "idle_timeout", "echo"):
        assert list(shipped[name]) == PROTOCOLS


def test_where_the_order_of_several_machines_is(monkeypatch, tmp_path):
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    (tmp_path / "file.yaml").write_text(
        "storage: {redis: {url: rediss://h:1/2, password_file: password, ca_file: ca.pem, node: a,"
        " silence_seconds: 9}}")
    (tmp_path / "watched.yaml").write_text(
        "storage: {redis: {sentinels: ['10.0.0.5:26379', '[::1]:2'], master: m, node: a, user: u,"
        " sentinel_password_file: password}}")
    (tmp_path / "both.yaml").write_text("storage: {directory: kept, redis: {url: redis://h}}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    settings = config.read(str(tmp_path / "file.yaml"), DEFAULTS)
    assert settings.storage is None
    assert settings.cluster == config.Redis(
        "rediss://h:1/2", (), "parley", "none", "secret", "parley", "a", 9, 256 << 20, None, None,
        str(tmp_path / "ca.pem"))
    watched = config.read(str(tmp_path / "watched.yaml"), DEFAULTS).cluster
    assert watched == config.Redis(
        "", (("10.0.0.5", 26379), ("::1", 2)), "m", "preferred", None, "parley", "a", 6, 256 << 20, "u", "secret", None)
    with pytest.raises(config.ConfigError, match="in the memory of the nodes, and directory cannot be used"):
        config.read(str(tmp_path / "both.yaml"), DEFAULTS)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(config.ConfigError, match="pip install 'parley-chat.cluster.'"):
        config.read(str(tmp_path / "file.yaml"), DEFAULTS)


@pytest.mark.parametrize("text, path_in, path", ELSEWHERE)
def test_a_path_in_the_file_is_relative_to_the_file(monkeypatch, tmp_path, text, path_in, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a.pem").write_bytes(b"")
    (tmp_path / "etc" / "config.yaml").write_text(text)
    assert path_in(config.read("etc/config.yaml", config.defaults())) == path


@for_each("text, name, value", FORMS)
def test_a_setting_is_read_and_the_others_keep_their_defaults(read, text, name, value):
    assert read(text) == config.defaults()._replace(**{name: value})


@pytest.mark.parametrize("text, listen, room_ports", [
    ('listen: {line: {1: lobby}}', listening(line=1), ()),
    ('listen: {padded: {5051: "#dev"}}', listening(padded=None), (("padded", 5051, b"#dev"),)),
    ('listen: {padded: {0: "#a", 5050: "#lobby"}, line: {1: "#a", 0: "#b"}}', listening(line=None),
     (("padded", 0, b"#a"), ("line", 1, b"#a"), ("line", 0, b"#b"))),
])  # fmt: skip
def test_a_port_may_be_that_of_a_room(read, text, listen, room_ports):
    assert read(text) == DEFAULTS._replace(listen=listen, room_ports=room_ports)


@pytest.mark.parametrize("text", NOTHING)
def test_a_file_in_which_nothing_stands_changes_nothing(read, text):
    assert read(text) == config.defaults()


@for_each("text, line, words", MISTAKES)
def test_a_mistake_is_shown_with_its_place_in_one_line(read, text, line, words):
    with pytest.raises(ConfigError) as raised:
        read(text)
    said = str(raised.value)
    assert said.startswith("FILE:%d: " % line)
    assert "\n" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("connections, workers, share", [(0, 4, 0), (50000, 1, 50000), (50000, 3, 16667), (1, 4, 1)])
def test_each_worker_has_its_share_of_the_connections(connections, workers, share):
    settings = DEFAULTS._replace(workers=workers, limits=default("limits", connections=connections))
    assert settings.of_workers()["limits"]["connections"] == share


def test_a_port_of_thousands_of_digits_is_none(read):
    with pytest.raises(ConfigError, match="CHAT_PORT: .* is not a port"):
        config.environment({"CHAT_PORT": "9" * 5000}, DEFAULTS)
    with pytest.raises(ConfigError, match="FILE:1: metrics.listen: expected an address"):
        read("metrics: {listen: h:%s}" % ("9" * 5000))


@pytest.mark.parametrize("content", [
    b"host: \xff\n",
    b"workers: [\nhost: x: y\n" + b"\n" * 100000 + b"\xff\n"], ids=["the only mistake", "far behind another"])
def test_a_file_that_is_not_utf8_is_said_to_be_so(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.read(str(path), config.defaults())


def test_reading_changes_no_settings_that_others_have(read):
    before = config.defaults()
    read("limits: {line_bytes: 1}\necho: true\nlisten: {line: false}")
    assert config.defaults() == before


def test_metrics_are_told_where_the_file_or_the_flag_says(read, monkeypatch, tmp_path):
    assert DEFAULTS.metrics is None
    assert read("metrics: {listen: 127.0.0.1:9105}").metrics == ("127.0.0.1", 9105)
    assert read('metrics: {listen: "[::1]:0"}').metrics == ("::1", 0)
    assert read("metrics: {listen: localhost:1}").metrics == ("localhost", 1)
    assert read("metrics: {listen: null}").metrics is None
    for text in ("9105", "127.0.0.1", "127.0.0.1:70000", '"::1:9105"', '":1"', "127.0.0.1:x", "[1, 2]"):
        with pytest.raises(ConfigError, match="FILE:1: metrics.listen: expected an address"):
            read("metrics: {listen: %s}" % text)
    with pytest.raises(ConfigError, match="line and metrics both have port 4000"):
        config.check_ports(read("metrics: {listen: 127.0.0.1:4000}"))
    read("metrics: {listen: 127.0.0.1:9105}")  # which is the file that lies there now
    pytest.importorskip("prometheus_client")
    for given, metrics in [([], ("127.0.0.1", 9105)), (["0"], ("127.0.0.1", 0)),
                           (["--metrics", "[::1]:7"], ("::1", 7)), (["--metrics", "off"], None)]:
        assert loading.load_settings(options.parser().parse_args(given)).metrics == metrics


def test_without_a_file_all_protocols_are_on_their_documents_ports():
    assert DEFAULTS.listen == {"line": 4000, "binary": 12000, "padded": 5050, "delimited": 9000, "dollar": 8080,
                               "web": 8000, "irc": 6667}
    assert DEFAULTS.idle_timeout == dict(everywhere(0), line=60)
    assert DEFAULTS.users_file is None


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_limits_have_what_every_decoder_needs(name):
    assert protocols.PROTOCOLS[name].Decoder(
        dict(DEFAULTS.limits, text_bytes=9, irc=DEFAULTS.of_workers()["irc"], known=None)).feed(b"") == []


def test_workers_are_told_only_plain_data():
    of_workers = config.defaults().of_workers()
    assert marshal.loads(marshal.dumps(of_workers)) == of_workers


# ---- the users file


def write_users(tmp_path, content):
    path = tmp_path / "users.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_users_are_read_in_order_as_bytes(tmp_path):
    path = write_users(tmp_path, """{"more": 1, "users": [
        {"username": "B\u00f6b", "password": "p w", "more": 2}, {"username": "Alice", "password": ""}]}""")
    assert [user[:3] for user in config.users(path)] == [("B\u00f6b".encode(), b"p w", None), (b"Alice", b"", None)]


def test_a_secret_may_stand_in_the_place_of_its_password(tmp_path):
    path = write_users(
        tmp_path, '{"users": [{"username": "ann", "secret": "a$b"}, {"username": "b", "password": "c"}]}')
    assert [user[:3] for user in config.users(path)] == [(b"ann", None, "a$b"), (b"b", b"c", None)]


def test_a_file_may_have_no_users(tmp_path):
    assert config.users(write_users(tmp_path, '{"users": []}')) == []


def test_the_example_is_the_documents():
    assert [user[:3] for user in config.users(EXAMPLE_USERS)] == [
        (b"Alice", b"123", None), (b"Bob", b"456", None), (b"Charlie", b"789", None)]


@for_each("content, word", BAD_USERS)
def test_a_bad_users_file_is_said_to_be_so_in_one_line(tmp_path, content, word):
    path = write_users(tmp_path, content)
    with pytest.raises(ConfigError) as raised:
        config.users(path)
    told = str(raised.value)
    assert told.startswith(path + ":")
    assert word in told
    assert "\n" not in told and "object" not in told


@pytest.mark.parametrize("text, says", [
    ("tls: {certificate: /dev/zero}", ":1: tls.certificate: /dev/zero: more than 1024 KiB; is this the right file?"),
    ("a:\n" * 100000, ": more than 128 KiB; is this the right file?")])
def test_no_more_is_read_than_such_a_file_may_have(tmp_path, text, says):
    """A running server reads them again, and everybody waits meanwhile."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        config.read(str(path), config.defaults())
    assert str(raised.value) == str(path) + says


def test_a_users_file_that_cannot_be_read_is_said_to_be_so(tmp_path):
    for path, problem in [(str(tmp_path / "missing"), "No such file"), (str(tmp_path), "directory")]:
        with pytest.raises(ConfigError, match=problem):
            config.users(path)


# ---- the command line


@for_each("arguments, variables, name, value", PRECEDENCE)
def test_flags_win_over_the_environment_and_that_over_the_file(start, tmp_path, arguments, variables, name, value):
    (tmp_path / "config.yaml").write_text(FILE)
    code, settings = start(arguments, variables)
    assert code == 0
    assert getattr(settings, name) == value


def test_the_protocols_keep_their_order_whatever_says_their_ports(start, tmp_path):
    (tmp_path / "config.yaml").write_text("listen: {dollar: 1, line: 2}")
    _, settings = start(["--listen", "padded=3", "--listen", "line=4", "--listen", "binary=off"])
    assert list(settings.listen.items()) == [("line", 4), ("padded", 3), ("delimited", 9000), ("dollar", 1),
                                             ("web", 8000), ("irc", 6667)]


def test_without_anything_the_defaults_hold(start):
    assert start([]) == (0, config.defaults())


def test_another_file_can_be_named(start, tmp_path):
    (tmp_path / "config.yaml").write_text("workers: 2")
    (tmp_path / "other.yaml").write_text("workers: 3")
    assert start(["--config", "other.yaml"])[1].workers == 3


@for_each("arguments", BAD_USAGE)
def test_a_wrong_use_is_one_line_and_code_2(start, capsys, arguments):
    assert start(arguments) == (2, None)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("parley: ")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("arguments, variables, words", BAD_CONFIGURATION, ids=ascii)
def test_a_bad_configuration_is_one_line_and_code_78(start, capsys, arguments, variables, words):
    assert start(arguments, variables) == (78, None)
    told = capsys.readouterr().err
    assert told.startswith("parley: ")
    assert told.count("\n") == 1
    for word in words:
        assert word in told


def test_a_mistake_in_the_file_is_code_78(start, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("worker: 3")
    assert start([]) == (78, None)
    assert capsys.readouterr().err == "parley: config.yaml:1: unknown key 'worker'; did you mean 'workers'?\n"


@pytest.fixture
def start_up(monkeypatch, tmp_path):
    """Starts in an empty directory, up to where sockets would be opened; (exit code, the memory)."""
    started = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAT_PORT", raising=False)
    monkeypatch.setattr(serving, "open_sockets", lambda settings, private, named: ([], []))
    monkeypatch.setattr(passwords, "hashed", lambda password: "hashed " + password.decode())
    monkeypatch.setattr(cli, "raise_descriptor_limit", lambda: None)
    monkeypatch.setattr(logs, "set_up", lambda level, form: None)

    class Supervisor:
        def __init__(self, listening, settings, reread, memory, store, kept, directory, open_control,
                     keeper=None):
            started.append(memory)

            self._directory = directory

        def run(self, on_start, on_stop, on_turn):
            if self._directory:
                self._directory.let_go()

    monkeypatch.setattr(serving, "Supervisor", Supervisor)
    return lambda *arguments: (cli.main(list(arguments)), started.pop() if started else None)


class Share:
    """A listening socket, or what a test sees of one."""

    def __init__(self):
        self.is_open = True

    def getsockname(self):
        return "127.0.0.1", 4000

    def close(self):
        self.is_open = False


@pytest.mark.parametrize("raised", [None, cli.WorkersDie("x"), cli.StopAtOnce(15), ZeroDivisionError()], ids=repr)
def test_the_listening_sockets_are_closed_however_it_ends(start_up, monkeypatch, raised):
    shares = [Share(), Share()]
    real_run = serving.Supervisor.run

    def run(self, **called):
        assert all(share.is_open for share in shares)
        real_run(self, **called)
        if raised:
            raise raised

    monkeypatch.setattr(serving.Supervisor, "run", run)
    listening = [[("line", share, False, b"")] for share in shares]
    monkeypatch.setattr(serving, "open_sockets", lambda settings, private, named: (listening, []))
    start_up()
    assert not any(share.is_open for share in shares)


def test_the_sockets_before_one_that_cannot_be_had_are_closed(monkeypatch):
    opened = []

    def open_shares(host, port, workers):
        if port == DEFAULTS.listen["delimited"]:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        opened.extend(Share() for _ in range(workers))
        return [[share] for share in opened[-workers:]]

    monkeypatch.setattr(ports, "open_shares", open_shares)
    with pytest.raises(ports.CannotListen, match="port 9000 is in use"):
        ports.open_sockets(DEFAULTS._replace(workers=2), False, ())
    assert len(opened) == 6 and not any(share.is_open for share in opened)


def test_too_few_open_files_are_not_said_to_be_a_wrong_address(monkeypatch):
    def open_shares(host, port, workers):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(ports, "open_shares", open_shares)
    with pytest.raises(ports.CannotListen) as raised:
        ports.open_sockets(DEFAULTS, False, ())
    assert str(raised.value) == (
        "cannot listen for line: too many open files; raise their limit (`ulimit -n`, in a systemd unit LimitNOFILE)")


def test_the_accounts_of_a_users_file_are_there_from_the_beginning(start_up):
    code, memory = start_up("--users", EXAMPLE_USERS)
    assert code == 0
    assert {name: account.secret for name, account in memory.accounts.items()} == {
        b"Alice": "hashed 123", b"Bob": "hashed 456", b"Charlie": "hashed 789"}
    assert memory.owners(claims(b"ALICE")) == {b"Alice"}


def test_the_switches_of_accounts_reach_who_decides(start_up, tmp_path):
    assert [getattr(start_up()[1], name) for name in ("register", "guests")] == [True, True]
    (tmp_path / "config.yaml").write_text("accounts: {register: false, guests: false}")
    assert [getattr(start_up()[1], name) for name in ("register", "guests")] == [False, False]

def test_accounts_of_a_users_file_may_look_alike(start_up, tmp_path):
    names = ["tom", "torn", "Bill", "BiII", "student-0105", "student-1501"]
    code, memory = start_up("--users", write_users(
        tmp_path, json.dumps({"users": [{"username": name, "password": "123"} for name in names]})))
    assert (code, list(memory.accounts)) == (0, [name.encode() for name in names])
    assert memory.owners(claims(b"TOM")) == {b"tom", b"torn"}


def test_a_new_account_of_a_users_file_must_not_look_like_one_that_is_stored(start_up, tmp_path, capsys):
    Directory(str(tmp_path / "kept")).let_go()
    database = Database(str(tmp_path / "kept" / "parley.db"))
    with database.transaction():
        database.open_account(b"tom", None)
    database.close()
    path = write_users(tmp_path, USERS % "torn")
    assert start_up("--storage", "kept", "--users", path) == (78, None)
    assert capsys.readouterr().err == (
        "parley: %s:1: users[0]: 'torn' looks too much like an account in the storage\n" % path)


def test_an_account_gets_the_secret_of_a_users_file_as_it_is(start_up, tmp_path):
    secret = "pbkdf2$600000$YWJj$YWJj"
    code, memory = start_up("--users", write_users(
        tmp_path, '{"users": [{"username": "ann", "secret": "%s"}]}' % secret))
    assert code == 0
    assert memory.accounts[b"ann"].secret == secret


def test_a_secret_that_this_python_cannot_verify_is_one_line_and_code_78(start_up, tmp_path, capsys, monkeypatch):
    monkeypatch.delattr(hashlib, "scrypt", raising=False)
    path = write_users(tmp_path, '{"users": [{"username": "ann", "secret": "scrypt$16384:8:1$YWJj$YWJj"}]}')
    assert start_up("--users", path) == (78, None)
    assert capsys.readouterr().err == (
        "parley: %s:1: users[0]: the secret of 'ann' cannot be used: it was made with scrypt, which this Python lacks\n"
        % path)


def test_an_accounts_name_is_kept_in_its_canonical_form(start_up, tmp_path):
    _, memory = start_up("--users", write_users(tmp_path, USERS % "a\u0308nn"))
    assert list(memory.accounts) == ["\u00e4nn".encode()]


OPERATORS = "operators:\n  - Alice\n  - zoe\naccounts: {users_file: users.json}\n"


@pytest.mark.parametrize("options", [[], ["--check-config"]])
def test_operators_need_accounts_with_passwords(start_up, tmp_path, capsys, options):
    (tmp_path / "config.yaml").write_text(OPERATORS)
    write_users(tmp_path, json.dumps({"users": [{"username": "Alice", "password": "123"}]}))
    code, _ = start_up(*options)
    told = capsys.readouterr().err
    assert (code, told.count("\n")) == (78, 1)
    for word in ("parley: config.yaml:3: the operator zoe has no account with a password", "passwd zoe", "`operators`"):
        assert word in told
    write_users(tmp_path, json.dumps({"users": [{"username": name, "password": "123"} for name in ("Alice", "zoe")]}))
    assert start_up(*options)[0] == 0


def test_a_check_says_so_where_operators_may_be_in_what_it_does_not_read(start_up, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text(OPERATORS)
    write_users(tmp_path, json.dumps({"users": [{"username": "Alice", "password": "123"}]}))
    assert start_up("--check-config", "--storage", "kept")[0] == 0
    assert "configuration OK; whether all `operators` have accounts" in capsys.readouterr().out
    (tmp_path / "config.yaml").write_text(OPERATORS.replace("  - zoe\n", ""))
    assert start_up("--check-config", "--storage", "kept")[0] == 0
    assert capsys.readouterr().out == "config.yaml: configuration OK\n"


@pytest.mark.parametrize("secret, code", [(None, 78), ("secret", 0)])
def test_an_operators_account_is_one_with_a_password(start_up, tmp_path, capsys, secret, code):
    Directory(str(tmp_path / "kept")).let_go()
    database = Database(str(tmp_path / "kept" / "parley.db"))
    with database.transaction():
        database.open_account(b"ann", secret)
    database.close()
    (tmp_path / "config.yaml").write_text("operators: [ann]\nstorage: {directory: kept}\n")
    assert start_up("--check-config")[0] == 0  # which does not look into the directory
    assert start_up()[0] == code
    assert ("the operator ann has no account with a password" in capsys.readouterr().err) is (code != 0)


@pytest.fixture
def reread(tmp_path, monkeypatch):
    """reread(text, store) gives what the file has changed to, while zoe has an account with a password."""
    monkeypatch.chdir(tmp_path)
    accounts = Accounts(InProcess(Store()))
    accounts.begin_with(b"zoe", claims(b"zoe"), "secret")
    arguments = options.parser().parse_args([])

    def put(text):
        (tmp_path / "config.yaml").write_text(text)
        return loading.reread(DEFAULTS, arguments, accounts)

    return put


def test_operators_are_reread_if_all_of_them_can_be(reread, caplog):
    caplog.set_level("INFO")
    assert [name for name, _ in reread("operators: [zoe]").operators] == [b"zoe"]
    assert reread("operators: [zoe, ann]") is None
    assert "the old one stays in force: config.yaml:1: the operator ann has no account" in caplog.messages[-1]


def test_limits_of_rooms_and_the_message_of_the_day_are_reread(reread, caplog):
    caplog.set_level("INFO", "parley.server")  # whatever another test has left it at
    settings = reread("rooms: {owned: 3}\nmotd: Hello")
    assert (settings.rooms["owned"], settings.of_workers()["motd"]) == (3, b"Hello")
    assert caplog.messages == ["configuration reread"]
    caplog.clear()
    reread("rooms: {keep_messages: 3}")
    assert caplog.messages == [
        "rooms.keep_messages has changed: this takes effect at the next start", "configuration reread"]


def test_what_limits_rooms_is_what_the_gate_knows():
    assert DEFAULTS.rooms == LIMITS


def test_ports_of_rooms_alone_are_something_to_serve(start):
    arguments = [word for name in PROTOCOLS for word in ("--listen", name + "=off")]
    code, settings = start([*arguments, "--listen", "line=7:#dev"])
    assert (code, settings.listen, settings.first_port) == (0, {}, 7)


def test_tls_ports_of_rooms_need_a_certificate_and_are_free_ones_if_all_are(start, tls_file):
    path = tls_file('tls: {certificate: first.pem, key: first.key, listen: {line: {4001: lobby, 4002: "#dev"}}}')
    code, settings = start(["--config", path])
    assert (code, settings.tls.listen, settings.tls.room_ports) == (0, {"line": 4001}, (("line", 4002, b"#dev"),))
    code, settings = start(["0", "--config", path])
    assert (code, settings.tls.listen, settings.tls.room_ports) == (0, {"line": 0}, (("line", 0, b"#dev"),))


def test_without_a_users_file_there_are_no_accounts(start_up):
    code, memory = start_up()
    assert (code, memory.accounts) == (0, {})


@for_each("content, words", [*BAD_USERS, *UNFIT_USERS])
def test_a_bad_users_file_is_one_line_and_code_78(start_up, tmp_path, capsys, content, words):
    path = write_users(tmp_path, content)
    assert start_up("--users", path) == (78, None)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("parley: %s:" % path)
    assert words in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("content", [None, USERS % "a b", "[]"])
def test_a_check_looks_at_the_users_file_too(start_up, tmp_path, capsys, content):
    path = str(tmp_path / "missing.json") if content is None else write_users(tmp_path, content)
    assert start_up("--check-config", "--users", path) == (78, None)
    assert path in capsys.readouterr().err


def test_a_bug_is_logged_and_code_70(start_up, monkeypatch, caplog):
    monkeypatch.setattr(serving, "open_sockets", lambda settings, private, named: 1 / 0)
    assert start_up() == (70, None)
    record, = caplog.records
    assert record.levelname == "CRITICAL" and record.exc_info[0] is ZeroDivisionError


# ---- TLS


@pytest.fixture
def tls_file(tmp_path):
    """Writes a configuration file beside the certificates of the tests; its path."""
    for name in os.listdir(CERTIFICATES):
        os.symlink(os.path.join(CERTIFICATES, name), str(tmp_path / name))

    def write(text):
        path = tmp_path / "tls.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_the_paths_of_the_certificate_are_relative_to_the_file(start, tls_file, monkeypatch):
    path = tls_file("tls: {certificate: first.pem, key: first.key, listen: {line: 4001, binary: false}}")
    monkeypatch.chdir("/")
    code, settings = start(["--config", path])
    assert code == 0
    assert settings.tls.listen == {"line": 4001}
    assert settings.tls.certificate.content.startswith(b"-----BEGIN CERTIFICATE")
    assert settings.of_workers()["certificate"] == (settings.tls.certificate.content, settings.tls.key.content)


def test_the_key_may_stand_in_the_file_of_the_certificate(start, tls_file, tmp_path):
    (tmp_path / "both.pem").write_text((tmp_path / "first.pem").read_text() + (tmp_path / "first.key").read_text())
    code, settings = start(["--config", tls_file("tls: {certificate: both.pem}")])
    assert code == 0
    assert settings.tls.key == settings.tls.certificate


def test_any_free_port_means_the_tls_ports_too(start, tls_file):
    path = tls_file("tls: {certificate: first.pem, key: first.key, listen: {line: 4001, dollar: 8081}}")
    assert start(["0", "--config", path])[1].tls.listen == {"line": 0, "dollar": 0}
    assert start(["4002", "--config", path])[1].tls.listen == {"line": 4001, "dollar": 8081}


@pytest.mark.parametrize("text, words", SAME_PORT)
@pytest.mark.parametrize("option", [[], ["--check-config"]], ids=["start", "check"])
def test_two_on_one_port_are_one_line_and_code_78(start, tls_file, capsys, text, words, option):
    assert start(["--config", tls_file(text)] + option) == (78, None)
    told = capsys.readouterr().err
    assert told.startswith("parley: ") and told.count("\n") == 1
    assert all(word in told for word in words)


def test_any_free_port_and_none_may_be_those_of_several(start, tls_file):
    code, settings = start(["--config", tls_file("listen: {line: 0, binary: 0, padded: off, dollar: off}")])
    assert (code, settings.listen) == (0, {"line": 0, "binary": 0, "delimited": 9000, "web": 8000, "irc": 6667})


def test_tls_ports_alone_are_something_to_serve(start, tls_file):
    path = tls_file("tls: {certificate: first.pem, key: first.key, listen: {line: 4001}}")
    code, settings = start(["--config", path] + [word for name in PROTOCOLS for word in ("--listen", name + "=off")])
    assert (code, settings.listen) == (0, {})


@pytest.mark.parametrize("text, words", UNFIT_TLS)
@pytest.mark.parametrize("option", [[], ["--check-config"]], ids=["start", "check"])
def test_unfit_tls_is_one_line_and_code_78(start, tls_file, monkeypatch, capsys, text, words, option):
    path = tls_file(text)
    monkeypatch.chdir(os.path.dirname(path))
    assert start(["--config", "./tls.yaml"] + option) == (78, None)
    told = capsys.readouterr().err
    assert told.startswith("parley: ./")
    assert told.count("\n") == 1
    assert words in told


# ---- where everything is kept


def test_the_directory_is_made_and_what_is_in_it_is_there_at_the_next_start(start_up, tmp_path):
    code, memory = start_up("--storage", "kept")
    assert (code, memory.accounts) == (0, {})
    assert os.stat(str(tmp_path / "kept")).st_mode & 0o777 == 0o700
    database = Database(str(tmp_path / "kept" / "parley.db"))
    with database.transaction():
        for name, secret in ((b"zoe", "hashed"), (b"ann", None)):
            database.open_account(name, secret)
        Numbered(database).whisper(b"zoe", b"ann", b"123", True, "192.0.2.1")
        Numbered(database).whisper(b"zoe", b"ann", b"4", True, "192.0.2.2")
    database.close()
    code, memory = start_up("--storage", "kept")
    assert code == 0
    assert [(name, account.secret, account.kept) for name, account in memory.accounts.items()] == [
        (b"zoe", "hashed", 0), (b"ann", None, 2)]
    assert set(memory.accounts[b"ann"].shares) == {"192.0.2.1", "192.0.2.2"}
    assert memory.owners(claims(b"ANN")) == {b"ann"}


def test_without_a_directory_nothing_is_written(start_up, tmp_path):
    start_up()
    start_up("--storage", "memory")
    assert os.listdir(str(tmp_path)) == []


def test_an_account_that_is_stored_keeps_its_password_whatever_the_users_file_says(start_up, tmp_path):
    Directory(str(tmp_path / "kept")).let_go()
    database = Database(str(tmp_path / "kept" / "parley.db"))
    with database.transaction():
        database.open_account(b"Alice", "a later one")
    database.close()
    _, memory = start_up("--storage", "kept", "--users", EXAMPLE_USERS)
    assert {name: account.secret for name, account in memory.accounts.items()} == {
        b"Alice": "a later one", b"Bob": "hashed 456", b"Charlie": "hashed 789"}


def test_a_users_file_and_a_store_that_do_not_go_together_are_code_78(start_up, tmp_path, capsys):
    Directory(str(tmp_path / "kept")).let_go()
    database = Database(str(tmp_path / "kept" / "parley.db"))
    with database.transaction():
        database.open_account(b"ALICE", None)
    database.close()
    assert start_up("--storage", "kept", "--users", EXAMPLE_USERS)[0] == 78
    assert "'Alice'" in capsys.readouterr().err


def make_wide(path):
    path.mkdir()
    path.chmod(0o755)


def make_newer(path):
    fill(path)
    connection = sqlite3.connect(str(path / "parley.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def fill(path):
    path.mkdir(mode=0o700)
    Database(str(path / "parley.db")).close()


def truncate(path):
    fill(path)
    os.truncate(str(path / "parley.db"), 8192)


def make_foreign(path):
    path.mkdir(mode=0o700)
    (path / "parley.db").write_bytes(b"something else" * 1000)


def garble(path):
    path.mkdir(mode=0o700)
    database = Database(str(path / "parley.db"))
    with database.transaction():
        for number in range(1000):
            database.open_account(b"%d" % number, "x" * 100)
    database.close()
    with open(str(path / "parley.db"), "r+b") as file:
        file.seek(os.path.getsize(file.name) // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096)


# What is there in the directory's place, the exit code, and words of what is said about it.
NOT_FIT_TO_KEEP = [
    (make_wide, 77, ["mode 755", "chmod 700"]),
    (lambda path: path.symlink_to(path.parent), 73, ["link"]),
    (lambda path: path.write_text("a file"), 73, ["File exists", "choose another"]),
    (make_newer, 78, ["parley.db", "newer", "99"]),
    (truncate, 65, ["parley.db", "malformed"]),
    (make_foreign, 65, ["parley.db", "not a database", "restore"]),
    (garble, 65, ["parley.db", "damaged", "restore"]),
    (lambda path: (path / "parley.db").mkdir(parents=True, mode=0o700) or path.chmod(0o700), 65, ["parley.db"]),
]


@pytest.mark.parametrize("make, expected, words", NOT_FIT_TO_KEEP, ids=lambda value: getattr(value, "__name__", None))
def test_a_directory_that_is_not_fit_to_keep_anything_is_one_line_and_a_code(
        start_up, tmp_path, capsys, make, expected, words):
    make(tmp_path / "kept")
    assert start_up("--storage", "kept") == (expected, None)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("parley: ") and told.err.count("\n") == 1
    for word in ["kept", *words]:
        assert word in told.err


def test_a_directory_that_cannot_be_made_is_code_73(start_up, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert start_up("--storage", "file/kept") == (73, None)
    assert "Not a directory" in capsys.readouterr().err


def test_a_directory_that_is_not_for_this_user_is_code_77(start_up, capsys, monkeypatch):
    def forbid(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "makedirs", forbid)
    assert start_up("--storage", "kept") == (77, None)
    assert "Permission denied" in capsys.readouterr().err


def test_a_directory_that_another_server_has_is_code_75(start_up, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(directory_module, "WAIT", 0)
    other = Directory(str(tmp_path / "kept"))
    assert start_up("--storage", "kept") == (75, None)
    assert "in use by another server (pid %d)" % os.getpid() in capsys.readouterr().err
    other.let_go()
    assert start_up("--storage", "kept")[0] == 0


def test_a_check_of_the_configuration_touches_no_directory(start_up, tmp_path):
    assert start_up("--check-config", "--storage", "kept")[0] == 0
    assert os.listdir(str(tmp_path)) == []


# ---- as a process


def run_server(directory, *arguments, paths=(), options=()):
    environment = {name: value for name, value in os.environ.items() if name != "CHAT_PORT"}
    environment["PYTHONPATH"] = os.pathsep.join([*paths, ROOT])
    process = subprocess.Popen(
        [sys.executable, *options, "-m", "server"] + list(arguments), cwd=str(directory), env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)  # fmt: skip
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_the_version_can_be_asked(tmp_path):
    assert run_server(tmp_path, "--version") == (0, "parley %s\n" % __version__, "")


def test_the_shipped_configuration_is_fit_for_use(start_up, capsys):
    assert start_up("--config", SHIPPED, "--check-config") == (0, None)
    assert capsys.readouterr() == ("%s: configuration OK\n" % SHIPPED, "")


def test_a_users_file_that_is_missing_ends_with_code_78(start_up, capsys):
    assert start_up("0", "--users", "missing.json") == (78, None)
    assert capsys.readouterr() == ("", "parley: missing.json: No such file or directory\n")


def test_without_a_file_the_defaults_are_fit_for_use(start_up, capsys):
    assert start_up("--check-config") == (0, None)
    assert capsys.readouterr() == ("the defaults: configuration OK\n", "")


def test_a_port_that_is_taken_leaves_no_warning_behind(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        code, out, err = run_server(
            tmp_path, "0", "--host", "127.0.0.1", "--listen", "dollar=%d" % taken.getsockname()[1], options=["-Werror"])
    assert (code, out) == (69, "")
    assert err.startswith("parley: port ") and err.count("\n") == 1


def test_a_configuration_that_is_not_fit_ends_with_code_78(tmp_path):
    (tmp_path / "config.yaml").write_text("workers: none")
    code, out, err = run_server(tmp_path, "--check-config")
    assert (code, out) == (78, "")
    assert err.startswith("parley: config.yaml:1: ")
    assert err.count("\n") == 1


def test_a_wrong_use_ends_with_code_2(tmp_path):
    code, out, err = run_server(tmp_path, "--workers", "0")
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("arguments, expected", [
    (["0"], 78), (["--check-config"], 78), (["log"], 1), (["status"], 1), (["--version"], 0), (["status", "--help"], 0),
])
def test_without_pyyaml_it_is_one_line_that_says_so(tmp_path, arguments, expected):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "yaml.py").write_text("raise ImportError('No module named yaml')")
    (tmp_path / "config.yaml").write_text("workers: 1")
    code, out, err = run_server(tmp_path, *arguments, paths=[str(tmp_path / "without")])
    assert code == expected
    if expected:
        assert out == "" and err.startswith("parley: PyYAML is not installed") and err.count("\n") == 1
        assert "%s -m pip install PyYAML" % sys.executable in err
    else:
        assert err == ""


def test_without_wsproto_it_is_one_line_that_says_so(tmp_path):
    (tmp_path / "wsproto.py").write_text("raise ImportError('No module named wsproto', name='wsproto')")
    code, out, err = run_server(tmp_path, "0", paths=[str(tmp_path)])
    assert (code, out, err.count("\n")) == (78, "", 1)
    assert err.startswith("parley: wsproto is not installed")
    assert "%s -m pip install h11 wsproto" % sys.executable in err


def test_a_second_server_with_the_same_directory_ends_with_code_75(tmp_path):
    other = Directory(str(tmp_path / "kept"))
    code, out, err = run_server(tmp_path, "0", "--host", "127.0.0.1", "--storage", "kept")
    other.let_go()
    assert (code, out) == (75, "")
    assert err == "parley: %s: in use by another server (pid %d); stop that one, or choose another directory\n" % (
        tmp_path / "kept", os.getpid())


NO_SOCKET = [("k" * 100, "too long"), ("kept", "Is a directory")]


@pytest.mark.parametrize("name, word", NO_SOCKET, ids=[word for _, word in NO_SOCKET])
def test_a_directory_in_which_no_socket_can_be_made_ends_with_code_73(tmp_path, name, word):
    (tmp_path / name / ("" if "too long" in word else "control.sock")).mkdir(0o700, parents=True)
    (tmp_path / name).chmod(0o700)
    code, out, err = run_server(tmp_path, "0", "--host", "127.0.0.1", "--storage", name)
    assert (code, out) == (73, "")
    assert err.startswith("parley: ") and err.count("\n") == 1 and "cannot create the socket" in err and word in err


def test_a_directory_that_others_can_read_ends_with_code_77(tmp_path):
    make_wide(tmp_path / "kept")
    code, out, err = run_server(tmp_path, "0", "--host", "127.0.0.1", "--storage", "kept")
    assert (code, out) == (77, "")
    assert err == "parley: %s: open to other users (mode 755); `chmod 700` it\n" % (tmp_path / "kept")


def test_a_bug_in_reading_the_configuration_again_leaves_the_old_one_in_force(monkeypatch, caplog):
    def fail(arguments):
        raise KeyError("a bug")

    monkeypatch.setattr(loading, "load_settings", fail)
    assert loading.reread(None, None, None) is None
    assert "the old one stays in force" in caplog.text
