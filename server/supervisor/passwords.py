"""Passwords: how they are hashed, and how a password or a proof of SCRAM is checked. `hashing.py` does it in a process.

A secret is the text that is stored for a password. It contains its method and cost, so that it can always be verified:

    scrypt$16384:8:5$<salt>$<digest>      n, r and p of scrypt
    pbkdf2$600000$<salt>$<digest>         rounds of PBKDF2-SHA256, where Python has no scrypt

Salt and digest are base64. Behind it may stand what SCRAM-SHA-256 needs (RFC 5802 and 7677), so that a client can prove
that it knows the password without sending it:

    $scram$600000$<salt>$<StoredKey>$<ServerKey>

PBKDF2 costs a guesser less than scrypt does. So this part is made only if the configuration wants it, at a login with
the password; if the configuration wants it no more, the next login takes it away.

The costs are minimums of OWASP's Password Storage Cheat Sheet. For scrypt it lists several equivalent ones, from
n = 2^17 with p = 1 (128 MiB for each password) to n = 2^13 with p = 10. This is n = 2^14 with p = 5: 16 MiB, and about
0.3 s of CPU.
"""
import base64
import binascii
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata
from typing import NamedTuple

from parley.server.chat.session.logins import LONGEST_GIVEN
from parley.server.protocols.events import Reason

COSTS = {"scrypt": (1 << 14, 8, 5), "pbkdf2": (600000,)}  # of new secrets
_SECRET = re.compile(
    r"(scrypt|pbkdf2)\$([0-9]{1,7}(?::[0-9]{1,2}:[0-9]{1,2})?)\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)"
    r"(?:\$scram\$([0-9]{4,8})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44})\$([A-Za-z0-9+/=]{44}))?")
LEAST_SCRAM_ROUNDS = 4096  # with fewer, clients refuse (RFC 7677)
_SCRYPT_MEMORY = 256 << 20  # bytes that verifying a secret may take


class Unverifiable(ValueError):
    """No password can be checked against this secret here; the text says why."""


class Scram(NamedTuple):
    """What SCRAM needs of a password."""

    rounds: int
    salt: bytes
    stored_key: bytes
    server_key: bytes


def hashed(password, scram=False):
    """The secret (str) to store for a password (bytes). scram: with what SCRAM needs, if the password is text?"""
    method, salt = _method(), os.urandom(16)
    digest = _digest(method, COSTS[method], password, salt)
    secret = "$".join((method, ":".join(map(str, COSTS[method])), _text(salt), _text(digest)))
    keys = _scram(password) if scram else None
    return secret if keys is None else "$".join((secret, "scram", str(keys.rounds), *map(_text, keys[1:])))


def _scram(password):
    """None if it is not text."""
    try:
        prepared = _prepared(password.decode()).encode()
    except UnicodeDecodeError:
        return None
    salt, rounds = os.urandom(16), _scram_rounds()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, rounds)
    stored_key = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    return Scram(rounds, salt, stored_key, _keyed(salted, b"Server Key"))


def _prepared(password):
    """A password (str) as clients of SCRAM prepare it, mapped and normalised as SASLprep says (RFC 4013, 2.1 and 2.2).

    What SASLprep forbids is left to the clients, which refuse it or send it as it is.
    """
    mapped = (" " if stringprep.in_table_c12(letter) else letter
              for letter in password if not stringprep.in_table_b1(letter))
    return unicodedata.normalize("NFKC", "".join(mapped))


def _scram_rounds():
    return max(LEAST_SCRAM_ROUNDS, COSTS["pbkdf2"][0])


def _keyed(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def scram_of(secret):
    """What SCRAM needs, a Scram, or None if that is not in the secret (str)."""
    found = _SECRET.fullmatch(secret)
    if not found or found.group(5) is None:
        return None
    try:
        return Scram(int(found.group(5)), *map(base64.b64decode, found.groups()[5:]))
    except binascii.Error:
        return None


def checked_proof(secret, message, proof):
    """(trouble, signature): does the proof show that its sender knows the password of the secret? See RFC 5802."""
    keys = scram_of(secret)
    if keys is None:
        return Reason.UNVERIFIABLE, None
    signature = _keyed(keys.stored_key, message)
    client_key = bytes(one ^ other for one, other in zip(proof, signature))
    if len(proof) != len(signature) or not hmac.compare_digest(hashlib.sha256(client_key).digest(), keys.stored_key):
        return Reason.WRONG_PASSWORD, None
    return None, _keyed(keys.server_key, message)


def secret_for(password):
    """The secret (str) for a password (bytes) that an operator chose; ValueError if it is too long to log in with."""
    if len(password) > LONGEST_GIVEN:
        raise ValueError("a password has at most %d bytes" % LONGEST_GIVEN)
    return hashed(password)


def matches(password, secret):
    """Is this the password (bytes) of the secret (str)? Takes the same time for either answer. Or Unverifiable."""
    method, cost, salt, digest = parse_secret(secret)
    return hmac.compare_digest(_digest(method, cost, password, salt), digest)


def is_outdated(secret, scram=False):
    """Does the secret differ from new ones by its method, a lower cost, or its part for SCRAM? Or Unverifiable.
    """
    method, cost, _, _ = parse_secret(secret)
    keys = scram_of(secret)
    return (keys is not None) != scram or scram and keys.rounds < _scram_rounds() or method != _method() or any(
        have < wanted for have, wanted in zip(_effort(*cost), _effort(*COSTS[method])))


def _effort(rounds, size=1, times=1):
    """(memory, work) of one guess, in units that can be compared within a method; PBKDF2's rounds stand for both."""
    return rounds * size, rounds * size * times


def parse_secret(secret):
    """(method, cost as a tuple of int, salt, digest) of a secret; Unverifiable if it cannot be used here."""
    found = _SECRET.fullmatch(secret)
    if not found:
        raise Unverifiable("this is not a secret in the format of this server")
    method, cost = found.group(1), tuple(map(int, found.group(2).split(":")))
    if len(cost) != len(COSTS[method]):
        raise Unverifiable("its cost is not in the format of %s" % method)
    if method == "scrypt" and not hasattr(hashlib, "scrypt"):
        raise Unverifiable("it was made with scrypt, which this Python lacks")
    try:
        return method, cost, base64.b64decode(found.group(3)), base64.b64decode(found.group(4))
    except binascii.Error:
        raise Unverifiable("its salt or digest is damaged") from None


def _method():
    return "scrypt" if hasattr(hashlib, "scrypt") else "pbkdf2"


def _digest(method, cost, password, salt):
    try:
        if method == "scrypt":
            return hashlib.scrypt(password, salt=salt, n=cost[0], r=cost[1], p=cost[2], maxmem=_SCRYPT_MEMORY)
        return hashlib.pbkdf2_hmac("sha256", password, salt, *cost)
    except (ValueError, OverflowError, TypeError):  # the last is what PyPy raises for an `n` that is no power of 2
        raise Unverifiable("its cost is invalid, or too high") from None


def _text(data):
    return base64.b64encode(data).decode("ascii")
