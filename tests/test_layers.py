"""Who may know whom: imports inside the server point to the left only."""
import ast
import functools
import os

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

LAYERS = ["protocols", "ipc", "order", "chat", "http", "files", "worker", "storage", "supervisor", "commands", "ports",
          "cli", "entry"]
MAY_IMPORT_CONFIG = ("server.cli.", "server.commands.")
OPEN_TO_THE_CLIENT = ("server.protocols.", "server.stdout.", "server.files.shown.")
OUTSIDE = {"conformance", "loadtest", "tests", "scenarios", "stress", "bench"}

STARTS_THE_SERVER = "conformance.cheap_server"  # and judges nothing
# What the tests are made with, and what each package of it must not know: the suite knows not even the server.
EQUIPMENT = {
    "conformance": {"server", "client", "loadtest", "stress", "bench", "tests"},
    "loadtest": {"server", "client", "stress", "bench", "tests"},
    "stress": {"client", "loadtest", "bench", "tests"},
    "bench": {"client", "loadtest", "tests"},
}

NEVER_IMPORTED = {"pickle", "cPickle", "shelve", "dill", "codeop", "code"}
NEVER_CALLED = {"eval", "exec", "compile", "literal_eval", "__import__"}
MARSHAL_BELONGS_TO = "server.ipc.queues"

# Three protocols carry the time of day in their frames. They know no other clock.
WALL_CLOCKS = {"server.protocols.binary", "server.protocols.padded", "server.protocols.irc_words"}
OF_THE_WALL_CLOCK = {"time", "localtime", "gmtime", "mktime"}

# Cryptography has a place, and so have the short form of a name, which is drawn from its digest, and what is kept of a
# session: the digest of its token. So have files, and sealed messages that tell of them. Redis names a script by one,
# and its library passes on an error of TLS.
BELONGS_TO = {
    "hashlib": {"server.supervisor.passwords", "server.protocols.aliases", "server.chat.sessions", "server.http.site",
                "server.files.shelf", "server.protocols.sealed", "server.order.redis_log"},
    "hmac": {"server.supervisor.passwords"},
    "ssl": {"server.worker.transports.tls", "server.order.ways"},
    "yaml": {"server.config.file", "server.config.reader"},
    "h11": {"server.http.head"},
    "prometheus_client": {"server.http.metrics"},
    "redis": {"server.order.redis_log", "server.order.ways"},
    "wsproto": {"server.protocols.rare_frames"},
}

# What a layer does not touch, whoever imports it.
NOT_IN = {
    "protocols": {"socket", "selectors", "time", "os", "multiprocessing", "marshal", "threading", "logging"},
    "chat": {"socket", "selectors", "time", "os", "multiprocessing", "marshal", "threading", "struct", "logging"},
    "http": {"socket", "selectors", "time", "multiprocessing", "marshal", "threading", "struct", "logging"},
}


def modules(package):
    """{dotted name: path} of everything in a package."""
    found = {}
    for folder, _, files in os.walk(os.path.join(ROOT, package)):
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(folder, file)
                found[os.path.relpath(path, ROOT)[:-len(".py")].replace(os.sep, ".")] = path
    return found


MODULES = modules("server")
NAMES = sorted(MODULES)


def nodes_of(path):
    """All nodes of a file's syntax tree."""
    with open(path, encoding="utf-8") as source:
        return ast.walk(ast.parse(source.read(), path))


@functools.lru_cache(maxsize=None)
def imported(name, path=None):
    """The dotted names that a module imports, whether at its top or later; ours without `parley.` in front."""
    return [whole[len("parley."):] if whole.startswith("parley.") else whole
            for whole in _imported(name, nodes_of(path or MODULES[name]))]


def _imported(name, nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "%s imports relatively" % name
            for alias in node.names:
                yield node.module + "." + alias.name


def rank(name):
    """The layer's place from the left; None for what stands beside the layers."""
    part = name.split(".")[1] if "." in name else ""
    return LAYERS.index(part) if part in LAYERS else None


def test_all_modules_are_looked_at():
    assert {"server.protocols.line", "server.protocols.aliases", "server.protocols.traits", "server.protocols.literal",
            "server.chat.session.talk", "server.chat.register", "server.worker.loop", "server.supervisor.hub",
            "server.supervisor.hashing", "server.cli.serving", "server.config.file"} <= set(NAMES)


def test_imports_point_to_the_left_only():
    for name in NAMES:
        for other in imported(name):
            if other.startswith("server.") and None not in (rank(name), rank(other)):
                assert rank(other) <= rank(name), "%s imports %s" % (name, other)


def test_only_the_command_line_knows_the_configuration():
    for name in NAMES:
        if not (name + ".").startswith(MAY_IMPORT_CONFIG) and not is_of_the_configuration(name):
            assert not any(map(is_of_the_configuration, imported(name))), name


def test_the_configuration_knows_only_the_protocols_and_what_a_name_is():
    known = ("server.config.", "server.protocols.", "server.protocols", "server.chat.names.")
    for name in filter(is_of_the_configuration, NAMES):
        assert all(other.startswith(known) for other in imported(name) if other.startswith("server.")), name


def is_of_the_configuration(name):
    return name.split(".")[:2] == ["server", "config"]


def test_the_server_knows_nothing_of_its_tests():
    for name in NAMES:
        assert not OUTSIDE & {other.split(".")[0] for other in imported(name)}, name


def test_what_a_worker_imports_late_is_there_before_it_is_forked():
    assert "server.protocols.rare_frames" in imported("server.cli.serving")


@pytest.mark.parametrize("layer", sorted(NOT_IN))
def test_protocols_and_chat_touch_neither_sockets_nor_clocks(layer):
    for name in NAMES:
        if name.split(".")[1:2] == [layer]:
            forbidden = NOT_IN[layer] - ({"time"} if name in WALL_CLOCKS else set())
            assert not forbidden & {other.split(".")[0] for other in imported(name)}, name


@pytest.mark.parametrize("name", sorted(WALL_CLOCKS))
def test_who_may_read_the_wall_clock_reads_no_other(name):
    used = {node.attr for node in nodes_of(MODULES[name])
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"}
    assert used <= OF_THE_WALL_CLOCK
    assert not [other for other in imported(name) if other.startswith("time.")]


@pytest.mark.parametrize("module", sorted(BELONGS_TO))
def test_what_has_a_place_is_imported_nowhere_else(module):
    assert {name for name in NAMES if module in {other.split(".")[0] for other in imported(name)}} == BELONGS_TO[module]


def test_no_text_is_ever_run():
    for name in NAMES:
        assert not NEVER_IMPORTED & {other.split(".")[0] for other in imported(name)}, name
        assert not NEVER_CALLED & {other.split(".")[-1] for other in imported(name)}, name
        runs_no_text(name)


def runs_no_text(name):
    for node in nodes_of(MODULES[name]):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)
            is_a_pattern = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", None) == "re"
            assert called not in NEVER_CALLED or is_a_pattern, "line %d of %s" % (node.lineno, name)


def test_marshal_is_for_the_queues_only():
    for name in NAMES:
        assert name == MARSHAL_BELONGS_TO or "marshal" not in {other.split(".")[0] for other in imported(name)}, name


def test_the_client_knows_the_protocols_of_the_server_and_nothing_of_its_state():
    client = modules("client")
    assert "client.chat" in client
    for name, path in client.items():
        for other in imported(name, path):
            if other.split(".")[0] == "server":
                assert other.startswith(OPEN_TO_THE_CLIENT), "%s imports %s" % (name, other)
            assert other.split(".")[0] not in OUTSIDE


@pytest.mark.parametrize("package", sorted(EQUIPMENT))
def test_test_equipment_knows_nothing_of_what_is_built_on_it(package):
    found = modules(package)
    assert found
    found.pop(STARTS_THE_SERVER, None)
    for name, path in found.items():
        assert not EQUIPMENT[package] & {other.split(".")[0] for other in imported(name, path)}, name
