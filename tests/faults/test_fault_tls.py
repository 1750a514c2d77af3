"""TLS ports: clients that never finish their handshake, and certificates that change, well or badly, while it runs."""
import os
import shutil
import signal
import socket
import ssl
import struct
import time

import pytest

from stress.proofs.clients import SECONDS, Client, Silence
from stress.proofs.processes import descriptors, wait_until, worker_of
from stress.usage import cpu_seconds

CERTIFICATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "certificates")
LATE = 12  # seconds after a deadline at which a client is surely gone: they are looked at once a second
RECORD_HEAD = bytes.fromhex("160301")

# The file that is copied over the certificate, and the one over the key; None takes it away.
UNFIT = {
    "not its key": ("first.pem", "second.key"),
    "no key": ("second.pem", None),
    "no certificate": (None, "second.key"),
    "expired": ("expired.pem", "expired.key"),
    "encrypted": ("first.pem", "encrypted.key"),
    "not PEM": ("README.md", "second.key"),
}


def client_hello(version):
    """One that offers no newer version than this: (3, 1) is TLS 1.0."""
    body = bytes(version) + os.urandom(32) + b"\0" + struct.pack(">HHH", 4, 0x002F, 0xC009) + b"\1\0"
    message = b"\1" + struct.pack(">I", len(body))[1:] + body
    return RECORD_HEAD + struct.pack(">H", len(message)) + message


def newest_hello():
    """One that any server will answer."""
    outgoing = ssl.MemoryBIO()
    tls = trusting().wrap_bio(ssl.MemoryBIO(), outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for name in ("first.pem", "second.pem"):
        context.load_verify_locations(os.path.join(CERTIFICATES, name))
    return context


class TLSClient(Client):
    """A client of the `line` protocol on a TLS port."""

    def __init__(self, address, name=None):
        super().__init__(address)
        self.sock = trusting().wrap_socket(self.sock)
        if name is not None:
            self.name = name
            self.expect("OK", after="LOGIN " + name)

    def certificate(self):
        """Whose it is: first or second."""
        subject = dict(pair[0] for pair in self.sock.getpeercert()["subject"])
        return subject["commonName"]


def tls_address(server, protocol="line"):
    """Where a server says that it serves a protocol with TLS."""
    (line,) = [line for line in server.stdout if line.startswith("[SERVER] Serving %s with TLS on " % protocol)]
    host, port = line.split()[-1].split(":")
    return host, int(port)


class Site:
    """A configuration with its certificate, in a directory of its own."""

    def __init__(self, path, settings):
        self._path = path
        self._settings = settings
        self.args = settings.args
        self.place("first.pem", "first.key")

    def place(self, certificate, key):
        for source, target in ((certificate, "server.pem"), (key, "server.key")):
            path = str(self._path / target)
            if os.path.exists(path):
                os.unlink(path)
            if source is not None:
                shutil.copy(os.path.join(CERTIFICATES, source), path)

    def write(self, listen=("line",), plain=True, **values):
        ports = dict.fromkeys(("line", "binary", "padded", "delimited", "dollar"), False)
        if plain:
            ports["line"] = 0
        self._settings.write(listen=ports, tls={
            "certificate": "server.pem", "key": "server.key", "listen": dict.fromkeys(listen, 0)}, **values)


@pytest.fixture
def site(tmp_path, settings):
    return Site(tmp_path, settings)


@pytest.fixture
def serve(start, site):
    """serve(workers, listen, ...): a server with a line port, and TLS ports for the protocols in `listen`."""

    def serve_one(workers=1, listen=("line",), plain=True, **values):
        site.write(listen, plain, **values)
        return start(workers, args=site.args)

    return serve_one


@pytest.fixture
def join_tls(join):
    """join_tls(server, name): a client over TLS that is closed after the test."""
    clients = []

    def join_one(server, name=None):
        clients.append(TLSClient(tls_address(server), name))
        return clients[-1]

    yield join_one
    for client in clients:
        client.close()


def reread(server):
    """Ask to read the configuration again, and wait until it has."""
    before = server.stderr_text().count("reread")
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: server.stderr_text().count("reread") > before or server.exit_code is not None)
    assert server.exit_code is None, "the server died: " + server.stderr_text()[-1000:]


def alive(client):
    """Is it answered at once? On a busy machine that may take some seconds."""
    began = time.monotonic()
    client.expect("PONG", after="PING")
    assert time.monotonic() - began < 5


def closed(sock, seconds=SECONDS):
    """What a connection gets until the server ends it, a reset included."""
    sock.settimeout(seconds)
    heard = b""
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                return heard
            heard += data
    except ConnectionError:
        return heard


# ---- serving


def test_a_server_with_tls_ports_alone_serves(serve, join_tls):
    server = serve(workers=2, plain=False)
    ann, bob = join_tls(server, "ann"), join_tls(server, "bob")
    ann.say("MSG over TLS")
    bob.expect("MSG ann over TLS")
    bob.close()
    ann.expect("INFO bob disconnected")


def test_everybody_hears_everything_in_one_order_whichever_port_it_came_through(serve, join, join_tls):
    server = serve(workers=2)
    members = [join(server.worker_address(slot), "plain-%d" % slot) for slot in (0, 1)]
    members += [join_tls(server, "tls-%d" % number) for number in range(4)]
    observers = join(server.address(), "observer"), join_tls(server, "observing")
    for number in range(30):
        for member in members:
            member.say("MSG %d" % number)
    for member in members:
        member.heard()
    heard = [observer.heard() for observer in observers]
    assert heard[0] == heard[1]
    assert len(heard[0]) == 30 * len(members)


def test_a_lot_of_text_at_once_in_both_directions(serve, join, join_tls):
    server = serve()
    ann, bob = join_tls(server, "ann"), join(server.address(), "bob")
    texts = ["%d %s" % (number, "x" * 7000) for number in range(40)]
    ann.say(*["MSG " + text for text in texts])
    bob.expect(*["MSG ann " + text for text in texts])
    bob.say(*["MSG " + text for text in texts])
    ann.expect(*["MSG bob " + text for text in texts])


@pytest.mark.parametrize("check", [[], ["--check-config"]], ids=["start", "check"])
def test_a_certificate_that_is_unfit_is_one_line_and_code_78(run, site, check):
    site.write()
    site.place("first.pem", "second.key")
    server = run("0", *site.args, *check)
    wait_until(lambda: server.exit_code is not None)
    assert server.exit_code == 78
    assert server.stderr_text().startswith("parley: ")
    assert server.stderr_text().count("\n") == 1


# ---- handshakes that come to nothing


def test_who_does_not_speak_tls_1_2_is_closed_and_never_a_user(serve, join):
    server = serve()
    observer = join(server.address(), "observer")
    for number, said in enumerate([
            b"LOGIN mallory\n", b"GET / HTTP/1.0\r\n\r\n", client_hello((3, 1)), client_hello((3, 2)),
            client_hello((3, 0))], 1):
        with socket.create_connection(tls_address(server)) as sock:
            sock.sendall(said)
            closed(sock)
        assert server.stderr_text().count("TLS handshake with 127.0.0.1 for line failed: ") == number, said
        observer.say("WHO")
        assert observer.heard() == [b"USER observer"], said


@pytest.mark.parametrize("protocol", ["line", "padded"])
def test_slow_handshakes_end_in_time_and_leave_nothing(serve, join, protocol):
    server = serve(listen=(protocol,), limits={"frame_seconds": 3})  # a busy machine may stand still for one
    worker = worker_of(server, 0)
    base, spent, began = descriptors(worker), cpu_seconds([worker]), time.monotonic()
    good = join(server.address(), "good")
    hello = newest_hello()
    slow = [socket.create_connection(tls_address(server, protocol)) for _ in range(50)]
    for position in range(8):  # the last ones send nothing
        for sock in slow[:40]:
            sock.sendall(hello[position:position + 1])
        alive(good)
    for sock in slow:
        assert closed(sock, 3 + LATE) == b""
        sock.close()
    assert time.monotonic() - began >= 2.9
    assert cpu_seconds([worker]) - spent < 1
    assert server.stderr_text().count("it took too long") == 50
    good.close()
    wait_until(lambda: descriptors(worker) == base)


@pytest.mark.parametrize("clients", [500, pytest.param(5000, marks=pytest.mark.long)])
def test_clients_that_go_after_their_hello_leave_nothing(serve, join, join_tls, clients):
    server = serve(limits={"frame_seconds": 60})  # on a busy machine it takes long until the last one's turn
    worker = worker_of(server, 0)
    good = join(server.address(), "good")
    base = descriptors(worker)
    hello, address = newest_hello(), tls_address(server)
    for number in range(clients):
        with socket.create_connection(address) as sock:
            sock.sendall(hello)
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if number % 100 == 0:
            alive(good)
    wait_until(lambda: descriptors(worker) == base, 60)
    join_tls(server, "later")
    server.stop()
    assert '"tls-aborted": %d' % clients in server.stderr_text()
    assert len(server.stderr_text().splitlines()) < 10


def test_a_client_that_vanishes_without_a_word_is_gone(serve, join, join_tls):
    server = serve()
    observer, ann = join(server.address(), "observer"), join_tls(server, "ann")
    ann.reset()
    observer.expect("INFO ann disconnected")
    bob = join_tls(server, "bob")
    bob.send(b"MSG never wh")
    bob.close()
    observer.expect("INFO bob disconnected")


def test_a_reader_that_takes_nothing_hurts_nobody_else(serve, join, join_tls):
    server = serve(limits={"stall_seconds": 3, "messages_per_second": 0})
    join_tls(server, "slow")
    ann, bob = join(server.address(), "ann"), join_tls(server, "bob")
    text, told = "MSG " + "x" * 4000, False
    for _ in range(100):
        ann.say(*[text] * 40)
        for _ in range(40):
            heard = bob.line()
            if heard == b"INFO slow disconnected":
                heard, told = bob.line(), True
            assert heard == b"MSG ann " + b"x" * 4000
        try:
            if ann.line(0.01) == b"INFO slow disconnected":
                break
        except Silence:
            continue
    else:
        ann.expect("INFO slow disconnected")
    if not told:
        bob.expect("INFO slow disconnected")
    alive(bob)


# ---- other certificates


def test_a_new_certificate_is_shown_to_who_comes_and_drops_nobody(serve, site, join_tls):
    server = serve(workers=2)
    before = [join_tls(server, "before-%d" % number) for number in range(6)]
    assert {client.certificate() for client in before} == {"first"}
    site.place("second.pem", "second.key")
    reread(server)
    for client in before:
        client.heard()  # what its worker heard of the change comes before this
    after = [join_tls(server, "after-%d" % number) for number in range(6)]
    assert {client.certificate() for client in after} == {"second"}
    for client in before:
        alive(client)


def test_an_unfit_certificate_leaves_the_old_one_and_the_log_says_so(serve, site, join_tls):
    server = serve()
    ann = join_tls(server, "ann")
    for number, (what, files) in enumerate(UNFIT.items(), 1):
        site.place("first.pem", "first.key")
        site.place(*files)
        site.write(echo=True)
        reread(server)
        assert server.stderr_text().count("the old one stays in force: ") == number, what
        ann.expect("PONG", after="MSG not echoed\nPING")
        assert join_tls(server, "bob-%d" % number).certificate() == "first", what


def test_the_successor_of_a_worker_has_the_certificate_in_force_whatever_is_on_the_disk(start, site, join_tls):
    site.write()
    server = start(1, args=site.args, trouble=True)
    site.place("second.pem", "second.key")
    reread(server)
    site.place("expired.pem", None)
    reread(server)
    worker = worker_of(server, 0)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker_of(server, 0) != worker)
    assert join_tls(server, "ann").certificate() == "second"


def test_a_configuration_without_tls_leaves_its_ports_their_certificate(serve, site, settings, join_tls):
    server = serve()
    settings.write(echo=True)
    reread(server)
    assert "cannot be removed" in server.stderr_text()
    assert join_tls(server, "ann").certificate() == "first"


def test_a_storm_of_signals_and_certificates_does_no_harm(serve, site, join_tls):
    server = serve(workers=2)
    ann, bob = join_tls(server, "ann"), join_tls(server, "bob")
    for number, (name, files) in enumerate(sorted(UNFIT.items()) * 10):
        site.place(*(files if number % 3 else ("second.pem", "second.key")))
        os.kill(server.pid, signal.SIGHUP)
        ann.say("MSG %s" % name)
        assert TLSClient(tls_address(server)).certificate() in ("first", "second")
    site.place("second.pem", "second.key")
    reread(server)
    bob.expect(*["MSG ann %s" % name for name, _ in sorted(UNFIT.items()) * 10])
    reread(server)
    alive(ann)
    wait_until(lambda: join_tls(server).certificate() == "second")
