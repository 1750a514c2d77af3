"""The web port of a real server: its start, talk over several workers, TLS, its end, and a proxy in front of it."""
import errno
import os
import socket
import ssl

import pytest
from web_client import PATIENCE, WebClient, ask, fetch, request, upgrade

from parley.conformance.targets import launch
from parley.server import config, ports
from parley.server.protocols import web
from parley.server.supervisor import listening

HERE = os.path.dirname(os.path.abspath(__file__))
CERTIFICATES = os.path.join(HERE, "certificates")


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
        assert "[SERVER] Open the page at https://127.0.0.1:%d/" % address[1] in server.stdout
        assert (version == "tls") != any("page at http://" in line for line in server.stdout)
        ann = WebClient(address, wrap=context.wrap_socket)
        assert ann.answer("login", name="ann")["on"] == "welcome"
        assert ann.answer("say", text="x" * 16384)["on"] == "done"
        ann.close()


# ---- its start

@pytest.fixture
def settings(monkeypatch):
    """Those of a server with web at its default port, which somebody has."""

    def open_shares(host, port, workers):
        if port == web.PORT:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return listening.open_shares(host, port, workers)

    monkeypatch.setattr(ports, "open_shares", open_shares)
    return config.defaults()._replace(workers=2, host="127.0.0.1", listen={"line": 0, "web": web.PORT})


def test_without_its_default_port_the_server_starts_without_the_web(settings, caplog):
    sockets, lines = ports.open_sockets(settings, False, {"line"})
    ports.close_sockets(sockets)
    assert [[protocol for protocol, _, _, _ in own] for own in sockets] == [["line"], ["line"]]
    assert not any("web" in line for line in lines)
    (record,) = caplog.records
    assert "web is not served: port 8000 is in use; --listen web=PORT chooses another" == record.getMessage()


def test_a_port_that_was_named_has_to_be_free(settings):
    with pytest.raises(ports.CannotListen, match="port 8000 is in use.*--listen web=PORT"):
        ports.open_sockets(settings, False, {"web"})


def test_another_port_has_to_be_free_whoever_names_it(settings, monkeypatch):
    monkeypatch.setattr(web, "PORT", 7999)  # so that the one that somebody has is not the default
    monkeypatch.setattr(ports, "open_shares", refuse)
    with pytest.raises(ports.CannotListen):
        ports.open_sockets(settings, False, ())


def refuse(host, port, workers):
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def test_the_start_says_what_to_type_into_a_browser(monkeypatch):
    def page_line(host, path="", names=None):
        """names: of the certificate."""
        sock = socket.socket()
        sock.bind(("127.0.0.1" if host in ("localhost", "127.0.0.1") else "0.0.0.0", 0))  # noqa: S104
        monkeypatch.setattr(ports.tls, "names", lambda certificate: names)
        settings = config.defaults()
        settings = settings._replace(
            host=host, web=settings.web._replace(path=path.encode()),
            tls=settings.tls._replace(certificate=config.File("server.pem", b"")))
        with sock:
            line = ports._page_line(settings, names is not None, sock)
            return line.replace(":%d" % sock.getsockname()[1], ":1").split(" Open the page at ")[1]

    monkeypatch.setattr(ports, "reachable_addresses", lambda sock: [] if "127." in str(sock) else ["192.0.2.17:8000"])
    everywhere = "http://localhost:1/, and on other devices at http://192.0.2.17:1/"
    assert page_line("auto") == everywhere
    assert page_line("auto", "/parley") == everywhere.replace(":1/", ":1/parley/")
    assert page_line("127.0.0.1") == "http://127.0.0.1:1/"
    assert page_line("localhost") == "http://localhost:1/"
    ours = ["box", "box.local", "localhost", "192.0.2.17", "127.0.0.1", "::1"]
    assert page_line("auto", names=ours) == everywhere.replace("http:", "https:")
    assert page_line("auto", names=["*.chat.example", "chat.example"]) == "https://chat.example:1/"
    assert page_line("auto", names=["localhost", "127.0.0.1"]) == "https://localhost:1/"
    assert page_line("auto", names=[]) == everywhere.replace("http:", "https:")
    monkeypatch.setattr(ports, "reachable_addresses", lambda sock: [])
    assert page_line("auto") == "http://localhost:1/"


def test_a_room_has_no_web_port_of_its_own():
    with pytest.raises(config.ConfigError, match="it has none for a room"):
        config.with_port(config.defaults(), "web", "0:#dev", "--listen")
