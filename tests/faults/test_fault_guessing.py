"""Who guesses at passwords has to wait and is sent away; nobody else notices, and the owner gets in."""
import json
import os
import selectors
import signal
import struct
import time

import pytest

from stress.proofs import logins
from stress.proofs.clients import Client
from stress.proofs.processes import children, wait_until, worker_of

PATIENCE = 30  # seconds for what takes a few passwords' time on a busy machine
GUESSER, OTHER = logins.GUESSER, logins.OWNER
WRONG, LATER = b"ERR wrong-password", b"ERR try-again-later"


@pytest.fixture
def protected(start, tmp_path):
    """start(...) of a server that has an account: Alice, 123."""
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"users": [{"username": "Alice", "password": "123"}]}))
    return lambda accounts=None, **options: start(
        config={"accounts": dict(accounts or {}, users_file=str(users)), "idle_timeout": 0}, **options)


def hashing_process(server, workers):
    """The pid of the one child that is no worker."""
    (pid,) = set(children(server.pid)) - {worker_of(server, slot) for slot in range(workers)}
    return pid


def test_others_talk_and_the_owner_gets_in_while_somebody_guesses_a_hundred_times_a_second(protected, join):
    server = protected(workers=2)
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
    with logins.storm(server.address(), 100) as answers:
        latencies = logins.talk(ann, bob, 4)
        logged_in = join(server.address(), source=OTHER)
        logged_in.expect("OK", after="LOGIN Alice 123", seconds=PATIENCE)
        latencies += logins.talk(bob, ann, 1)
    assert len(latencies) > 100
    assert max(latencies) < 5
    assert answers[WRONG.decode()] <= 3
    assert answers[LATER.decode()] > 50
    assert set(answers) <= {WRONG.decode(), LATER.decode(), "ERR username-taken", "(nothing yet)"}
    logged_in.say("MSG here")
    ann.expect("MSG Alice here")


def test_after_three_wrong_passwords_three_more_may_wait_and_the_others_are_sent_away(protected, join):
    server = protected(workers=2)
    guessers = [join(server.worker_address(number % 2), source=GUESSER) for number in range(20)]
    for client in guessers[:3]:
        client.expect(WRONG.decode(), after="LOGIN Alice wrong", seconds=PATIENCE)
    for client in guessers[3:]:
        client.say("LOGIN Alice wrong")
    with selectors.DefaultSelector() as selector:
        for client in guessers[3:]:
            selector.register(client, selectors.EVENT_READ)
        for _ in range(14):
            client = selector.select(PATIENCE)[0][0].fileobj
            client.expect(LATER.decode())
            selector.unregister(client)
        for number, client in enumerate(guessers[:3]):
            client.expect(LATER.decode(), after="LOGIN Alice 123")
            client.expect("OK", after="LOGIN somebody-%d" % number)
        assert selector.select(0) == []
    log = server.stderr_text()
    assert "refused 127.0.0.2, account Alice: try-again-later" in log
    assert "b'wrong'" not in log and "123" not in log


def test_a_wait_is_over_when_it_is_time(protected, join):
    server = protected(workers=1, accounts={"failed_logins_per_minute": 30})
    client = join(server.address())
    for _ in range(31):
        began = time.monotonic()
        client.expect(WRONG.decode(), after="LOGIN Alice wrong", seconds=PATIENCE)
        waited = time.monotonic() - began
    client.expect("OK", after="LOGIN Alice 123", seconds=PATIENCE)
    assert waited < 2 + 20


def test_a_stop_waits_for_nobody_who_waits_with_a_password(protected, join):
    server = protected(workers=2)
    waiting = [join(server.worker_address(number % 2), source="127.0.1.%d" % (number // 4)) for number in range(100)]
    for client in waiting:
        client.expect("ERR must-login-first", after="PING")  # it has been accepted
    for client in waiting:
        client.say("LOGIN Alice wrong")
    wait_until(lambda: "wrong-password" in server.stderr_text(), PATIENCE)
    began = time.monotonic()
    server.terminate()
    for client in waiting:
        assert client.rest()[-1] in (LATER, WRONG, b"INFO server-shutdown")
        client.close()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
    assert "passwords and accounts refused: {" in server.stderr_text()


def test_who_registers_while_the_hashing_process_dies_notices_nothing(start, join):
    server = start(workers=1, trouble=True)
    process = hashing_process(server, 1)
    os.kill(process, signal.SIGSTOP)
    client = join(server.address())
    client.say("REGISTER ann secret")
    witness = join(server.address(), "witness")
    witness.heard()  # the hub is here, and has been asked
    os.kill(process, signal.SIGKILL)
    client.expect("OK", seconds=PATIENCE)
    assert hashing_process(server, 1) != process


def test_a_registered_name_is_protected_in_every_protocol_and_all_but_delimited_can_use_it(start, join):
    ports = dict.fromkeys(("line", "binary", "padded", "delimited", "dollar"), 0)
    server = start(workers=2, config={"listen": ports, "idle_timeout": 0}, args=["--log-level", "debug"])
    with Client(server.address(), source=OTHER) as ann:
        ann.expect("OK", after="REGISTER ann s\u00e9cret", seconds=PATIENCE)
    observer = join(server.address(), "observer")
    wait_until(lambda: ask(observer) == [b"USER observer"])
    text = b"[05:55 AM] ann: it is me"
    for protocol, sent, refused in (
            ("padded", b"%-64d%b" % (len(text), text), b"[ERROR] The nickname needs its password behind it."),
            ("delimited", b"\x00\x05" + (3).to_bytes(40, "big") + b"ann", b"username needs a password"),
            ("binary", struct.pack(">BIII10sI", 1, 200, 0, 3, b"", 0) + b"ann", struct.pack(">BI", 1, 209))):
        client = join(server.address(protocol))
        client.send(sent)
        client.sock.settimeout(10)
        assert refused in client.sock.recv(4096), protocol
    name, text = "ann s\u00e9cret".encode(), "[05:55 AM] ann s\u00e9cret: it is me".encode()
    for protocol, sent, granted in (
            ("padded", b"%-64d%b" % (len(text), text), b"Msg received"),
            ("binary", struct.pack(">BIII10sI", 1, 200, 0, len(name), b"", 0) + name, struct.pack(">BI", 1, 207))):
        with Client(server.address(protocol)) as client:
            client.send(sent)
            client.sock.settimeout(PATIENCE)
            assert granted in client.sock.recv(4096), protocol
        wait_until(lambda: ask(observer)[-1:] == [b"USER observer"], PATIENCE)
    data = "{'purpose': 'login', 'username': 'ann', 'password': 's\u00e9cret'}".encode()
    join(server.address("dollar")).send(b"$%-10d%b$" % (len(data), data))
    wait_until(lambda: ask(observer) == [b"USER observer", b"USER ann"], PATIENCE)
    assert "password-required" in server.stderr_text() and "cret" not in server.stderr_text()


def ask(client):
    client.say("WHO")
    return client.heard()

