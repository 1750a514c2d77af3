"""Logging in to IRC by SCRAM-SHA-256, with a client of this test's own, after RFC 5802 and 7677."""
import base64
import hashlib
import hmac
import socket

import pytest

from parley.conformance.targets import launch

PASSWORD = "Tr\u00fcb, aber wahr".encode()
NONCE = b"rOprNGfwEbeRWgbNEkqO"


def keyed(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


class Client:
    """A client of IRC that has asked for SASL, and is about to come in."""

    def __init__(self, address):
        self._socket = socket.create_connection(address, 60)
        self._lines = self._socket.makefile("rb")
        self.say(b"CAP REQ :sasl", b"NICK ann", b"USER ann 0 * :Ann", b"AUTHENTICATE SCRAM-SHA-256")
        self.wait_for(b"AUTHENTICATE")

    def say(self, *lines):
        self._socket.sendall(b"".join([line + b"\r\n" for line in lines]))

    def wait_for(self, *commands):
        """The next line with one of these commands, in words."""
        for line in self._lines:
            words = line.rstrip(b"\r\n").lstrip(b":").split(b" ")
            for place in (0, 1):
                if words[place] in commands:
                    return words[place:]
        raise AssertionError("the server has ended the connection")

    def authenticate(self, message):
        """Say this in base64; what is answered, decoded, or the numeric."""
        self.say(b"AUTHENTICATE " + (base64.b64encode(message) or b"+"))
        words = self.wait_for(b"AUTHENTICATE", b"903", b"904")
        return base64.b64decode(words[1]) if words[0] == b"AUTHENTICATE" else words[0]

    def close(self):
        self._lines.close()
        self._socket.close()


@pytest.fixture(scope="module")
def address():
    listen = dict.fromkeys(("binary", "padded", "delimited", "dollar", "web"), False)
    with launch(config={"listen": dict(listen, line=0, irc=0), "irc": {"scram": True}}) as server:
        with socket.create_connection(server.address("line"), 60) as line:
            line.sendall(b"REGISTER ann " + PASSWORD.replace(b" ", b"_") + b"\n")
            assert line.recv(100) == b"OK\n"
        yield server.address("irc")


@pytest.fixture
def client(address):
    client = Client(address)
    yield client
    client.close()


def last_message(first, answer, password, header=b"n,,"):
    """(the client's last message, the signature that the server has to answer)."""
    nonce, salt, rounds = [part.split(b"=", 1)[1] for part in answer.split(b",")]
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(salt), int(rounds))
    start = b"c=" + base64.b64encode(header) + b",r=" + nonce
    message = b",".join([first, answer, start])
    client_key = keyed(salted, b"Client Key")
    signature = keyed(hashlib.sha256(client_key).digest(), message)
    proof = bytes(one ^ other for one, other in zip(client_key, signature))
    return start + b",p=" + base64.b64encode(proof), keyed(keyed(salted, b"Server Key"), message)


def test_who_knows_the_password_comes_in_and_so_does_the_server(client):
    first = b"n=ann,r=" + NONCE
    answer = client.authenticate(b"n,," + first)
    assert answer.startswith(b"r=" + NONCE) and len(answer.split(b",")[0]) > len(NONCE) + 20
    last, signature = last_message(first, answer, PASSWORD.replace(b" ", b"_"))
    assert client.authenticate(last) == b"v=" + base64.b64encode(signature)
    client.say(b"AUTHENTICATE +", b"CAP END")
    assert client.wait_for(b"900")[:4] == [b"900", b"ann", b"ann!ann@parley", b"ann"]
    assert client.wait_for(b"001")[1] == b"ann"


@pytest.mark.parametrize("header, first, password", [
    (b"n,,", b"n=ann,r=" + NONCE, b"wrong"), (b"y,,", b"n=ann,r=" + NONCE, b"wrong")])
def test_who_does_not_know_it_stays_outside(client, header, first, password):
    last, _ = last_message(first, client.authenticate(header + first), password, header)
    assert client.authenticate(last) == b"904"


@pytest.mark.parametrize("message", [
    b"", b"n,,", b"n,,n=ann", b"p=tls-unique,,n=ann,r=x", b"n,a=bob,n=ann,r=x", b"n,,n=nobody,r=x", b"\xff" * 9])
def test_a_first_message_that_cannot_be_is_refused(client, message):
    assert client.authenticate(message) == b"904"


@pytest.mark.parametrize("change", [
    lambda last: last.replace(b"r=" + NONCE, b"r=other"), lambda last: last.replace(b"c=", b"c=AA"),
    lambda last: last[:-8], lambda last: b"r=x"])
def test_a_last_message_that_does_not_belong_to_the_first_is_refused(client, change):
    first = b"n=ann,r=" + NONCE
    last, _ = last_message(first, client.authenticate(b"n,," + first), PASSWORD.replace(b" ", b"_"))
    assert client.authenticate(change(last)) == b"904"
