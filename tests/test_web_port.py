"""The web port of a real server: its start, talk over several workers, TLS, its end, and a proxy in front of it."""
import os
import signal
import socket
import ssl
import subprocess
import sys

import pytest
from web_client import PATIENCE, WebClient, ask, fetch, request, upgrade

from parley.conformance.targets import launch

HERE = os.path.dirname(os.path.abspath(__file__))
CERTIFICATES = os.path.join(HERE, "certificates")
OFF = [word for name in ("line", "binary", "padded", "delimited", "dollar") for word in ("--listen", name + "=off")]


@pytest.fixture(scope="module")
def server():
    with launch(workers=2, protocols=("line", "web")) as running:
        yield running


@pytest.fixture
def enter(server):
    """Makes clients that are logged in, and closes them."""
    clients = []

    def make(name, worker=None, **options):
        address = server.address("web") if worker is None else server.worker_address(worker, "web")
        client = WebClient(address, **options)
        clients.append(client)
        assert client.answer("login", name=name)["name"] == name
        return client

    yield make
    for client in clients:
        client.close()


def test_two_of_different_workers_talk_and_their_answers_have_numbers(enter):
    ann, bob = enter("w-ann", 0), enter("w-bob", 1)
    ann.until("joined", name="w-bob")
    assert ann.answer("say", text="hi *\u00fc* \"\n")["on"] == "done"
    said = bob.until("said", by="w-ann")
    assert (said["text"], said["room"]) == ("hi *\u00fc* \"\n", "#lobby")
    assert bob.answer("whisper", to="w-ann", text="psst")["on"] == "done"
    whispered = ann.until("whispered")
    assert (whispered["by"], whispered["to"], whispered["text"]) == ("w-bob", "w-ann", "psst")
    assert whispered["n"] > said["n"]
    bob.close()
    ann.until("left", name="w-bob")


def test_rooms_are_those_of_all(enter, server):
    ann = enter("r-ann", 0)
    assert ann.answer("join", room="#r")["room"] == "#r"
    with socket.create_connection(server.worker_address(1), PATIENCE) as nc:
        nc.sendall(b"LOGIN r-nc\nJOIN #r\n#r MSG hello\n")
        assert ann.until("said", room="#r")["text"] == "hello"
        ann.do("kick", room="#r", name="r-nc", text="bye")
        managed = ann.until("managed", act="kick")
        assert (managed["by"], managed["name"], managed["text"]) == ("r-ann", "r-nc", "bye")


def test_a_name_is_one_persons_whatever_the_protocol(enter, server):
    enter("n-ann", 0)
    other = WebClient(server.worker_address(1, "web"))
    refused = other.answer("login", name="N-ANN")
    assert (refused["on"], refused["why"]) == ("no", "name-taken")
    other.close()


def test_every_worker_is_well_and_answers_for_all(server):
    for worker in (0, 1):
        for path in ("/livez", "/readyz"):
            status, _, body = ask(server.worker_address(worker, "web"), path)
            assert (status, body) == (200, b"ok\n")


def test_a_connection_answers_many_requests(server):
    with socket.create_connection(server.address("web"), PATIENCE) as sock:
        for _ in range(3):
            assert fetch(sock, request("/nothing"))[0] == 404
        assert fetch(sock, upgrade())[0] == 101


def test_a_page_of_somebody_else_may_not_connect(server):
    with socket.create_connection(server.address("web"), PATIENCE) as sock:
        assert fetch(sock, upgrade(headers=["Origin: http://evil.example"]))[0] == 403
        assert fetch(sock, upgrade(headers=["Origin: http://test"]))[0] == 101


def test_at_the_end_of_the_server_everybody_is_told_when_to_come_back():
    with launch(workers=2, protocols=("web",)) as server:
        clients = [WebClient(server.worker_address(worker, "web")) for worker in (0, 1)]
        for number, client in enumerate(clients):
            client.answer("login", name="u%d" % number)
        server.terminate()
        for client in clients:
            bye = client.rest()[-1]
            assert (bye["on"], bye["why"], bye["retry"] > 0) == ("bye", "shutdown", True)
            assert client.closed == 1001
            client.close()
        assert server.stop() == 0


@pytest.mark.parametrize("version", ["plain", "tls"])
def test_a_web_port_may_be_one_of_tls(version):
    tls = {"certificate": os.path.join(CERTIFICATES, "first.pem"), "key": os.path.join(CERTIFICATES, "first.key"),
           "listen": {"web": 0}}
    listen = {name: False for name in ("line", "binary", "padded", "delimited", "dollar")}
    config = {"tls": tls, "listen": dict(listen, web=0 if version == "plain" else False)}
    with launch(workers=1, config=config) as server:
        line = next(line for line in server.stdout if "Serving web with TLS on" in line)
        address = ("127.0.0.1", int(line.rpartition(":")[2]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(socket.create_connection(address, PATIENCE)) as sock:
            status, headers, _ = fetch(sock, request("/nothing"))
        assert (status, "strict-transport-security" in headers) == (404, version == "tls")
        ann = WebClient(address, wrap=context.wrap_socket)
        assert ann.answer("login", name="ann")["on"] == "welcome"
        assert ann.answer("say", text="x" * 16384)["on"] == "done"
        ann.close()


# ---- its start

def run_server(tmp_path, *arguments):
    """(exit code, what it has said) of a server that ends by itself, or, where it serves, is ended."""
    server = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "cheap_server.py"), "--host", "127.0.0.1", "--workers", "1", *OFF,
         *arguments], cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path)))
    said = ""
    for line in server.stdout:
        said += line
        if "Waiting for connections" in line:
            server.send_signal(signal.SIGTERM)
    return server.wait(PATIENCE), said


@pytest.fixture
def taken():
    """The default port, taken by this test, or by whoever has it already."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", 8000))
            sock.listen(1)
        except OSError:
            pass
        yield


def test_without_its_default_port_the_server_starts_without_the_web(tmp_path, taken):
    code, said = run_server(tmp_path, "--listen", "line=0")
    assert code == 0
    assert "web is not served: port 8000 is in use" in said and "Serving web" not in said


def test_a_port_that_was_named_has_to_be_free(tmp_path, taken):
    code, said = run_server(tmp_path, "--listen", "line=0", "--listen", "web=8000")
    assert code == 69
    assert said.startswith("parley: port 8000 is in use") and "--listen web=PORT" in said


def test_a_room_has_no_web_port_of_its_own(tmp_path):
    code, said = run_server(tmp_path, "--listen", "web=0:#dev")
    assert code == 2 and "it has none for a room" in said
