"""One server with all protocols, clients of it, and one that can be restarted."""
import contextlib
import json

import pytest
from doorway import Doorway
from surroundings import PROTOCOLS, SECONDS, USERS, Restarted, urls

from parley.client import Chat, connect
from parley.conformance.targets import launch


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """{protocol: URL} of a server that all tests of a module share; each takes names of its own.

    Wrong passwords are not slowed down: the tests of a module give more of them than one person may.
    """
    users = tmp_path_factory.mktemp("server") / "users.json"
    users.write_text(json.dumps({"users": [{"username": name, "password": word} for name, word in USERS.items()]}))
    config = {"accounts": {"users_file": str(users), "failed_logins_per_minute": 0}}
    with launch(workers=2, config=config, protocols=PROTOCOLS) as server:
        yield urls(server)


@pytest.fixture
def join():
    """join(url, name, ...) connects; all are closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(connect(*arguments, **dict({"timeout": SECONDS}, **more)))


@pytest.fixture
def open_chat():
    """open_chat(url) connects in the background; all are closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Chat(*arguments))


@pytest.fixture
def doorways():
    """{protocol: Doorway}, leading nowhere yet."""
    doorways = {protocol: Doorway() for protocol in PROTOCOLS}
    yield doorways
    for doorway in doorways.values():
        doorway.close()


@pytest.fixture
def restarted(doorways, tmp_path):
    """A server that can be killed and started again at the same addresses, with storage."""
    server = Restarted(doorways, str(tmp_path / "storage"))
    server.start()
    yield server
    server.kill()
