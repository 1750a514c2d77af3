"""SCRAM-SHA-256: what is kept for it, and only if it is wanted, and what proves that somebody knows a password."""
import base64
import hashlib
import hmac

import pytest

from parley.server.chat.accounts import Account
from parley.server.chat.login_throttle import LoginThrottle
from parley.server.protocols.events import Reason
from parley.server.supervisor import hashing, passwords
from parley.server.supervisor.door import Door
from parley.server.supervisor.passwords import checked_proof, hashed, is_outdated, matches, scram_of

# The example of RFC 7677, section 3.
SALT, ROUNDS = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096
MESSAGE = (b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
           b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
PROOF = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SIGNATURE = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(passwords.COSTS, "scrypt", (2, 1, 1))
    monkeypatch.setitem(passwords.COSTS, "pbkdf2", (1,))


@pytest.fixture
def secret(monkeypatch):
    """That of "pencil", with the salt of the example."""
    monkeypatch.setattr(passwords.os, "urandom", lambda count: SALT)
    return hashed(b"pencil", True)


def test_the_example_of_the_standard_is_proven(secret):
    assert scram_of(secret)[:2] == (ROUNDS, SALT)
    assert checked_proof(secret, MESSAGE, PROOF) == (None, SIGNATURE)
    assert matches(b"pencil", secret) and not matches(b"pen", secret)


def test_what_is_not_right_to_the_last_bit_proves_nothing(secret):
    for message, proof in ((MESSAGE, PROOF[:-1] + b"\0"), (MESSAGE + b"x", PROOF), (MESSAGE, PROOF[:-1]),
                           (MESSAGE, PROOF + b"x"), (MESSAGE, b"")):
        assert checked_proof(secret, message, proof) == (Reason.WRONG_PASSWORD, None)
    for other in (hashed(b"pencil"), secret.replace("$scram", "$scrum"), ""):
        assert checked_proof(other, MESSAGE, PROOF) == (Reason.UNVERIFIABLE, None)


@pytest.mark.parametrize("typed, prepared", [
    ("\u2168", "IX"), ("5\u00b5F", "5\u03bcF"),  # RFC 4013, 2.2
    ("I\u00adX", "IX"), ("\u2764\ufe0f", "\u2764"), ("a\u200cb", "ab"), ("a\u200bb", "ab"),  # mapped to nothing
    ("a\u1680b", "a b"), ("a\u00a0b", "a b"),  # spaces
], ids=ascii)
def test_a_password_is_prepared_as_clients_do(typed, prepared):
    keys = scram_of(hashed(typed.encode(), True))
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), keys.salt, keys.rounds)
    assert keys.server_key == hmac.new(salted, b"Server Key", hashlib.sha256).digest()


def test_a_password_that_is_no_text_has_nothing_for_scram():
    assert scram_of(hashed(b"\xff", True)) is None


def test_it_is_made_at_the_next_login_if_it_is_wanted_and_taken_away_if_not(monkeypatch):
    plain, scram = hashed(b"pencil"), hashed(b"pencil", True)
    assert [is_outdated(secret, wanted) for wanted in (False, True) for secret in (plain, scram)] == [
        False, True, True, False]
    for secret, wanted in ((plain, True), (scram, False)):
        trouble, renewed = hashing._result("verify", (b"pencil", secret), wanted)
        assert (trouble, scram_of(renewed) is not None) == (None, wanted)
        assert hashing._result("verify", (b"pencil", renewed), wanted) == (None, None)
    monkeypatch.setitem(passwords.COSTS, "pbkdf2", (5000,))
    assert is_outdated(scram, True)
    assert scram_of(hashing._result("hash", (b"pencil",), True)[1]).rounds == 5000


def test_wrong_proofs_are_counted_as_wrong_passwords(secret):
    door, account, told = Door(None, LoginThrottle(3, 0, lambda: 0.0), lambda: 0.0), Account((), secret), []

    def prove(proof):
        door.verify_proof(1, "192.0.2.1", b"ann", account, MESSAGE, proof, lambda *result: told.append(result))

    assert door.scram(account) == (SALT, ROUNDS)
    assert door.scram(Account((), hashed(b"pencil"))) is None
    for _ in range(3):
        prove(b"wrong")
    prove(PROOF)
    assert told == [(Reason.WRONG_PASSWORD, None)] * 3  # the fourth has to wait
    assert door.next_due > 0
