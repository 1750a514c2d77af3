"""HPKE in base mode (RFC 9180, section 5.1.1): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-GCM.

Each key seals one message. Arguments and results are bytes. What was not sealed so raises ValueError or
`cryptography.exceptions.InvalidTag`.
"""
import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ENC = 32  # bytes of an encapsulated key
OVERHEAD = ENC + 16  # bytes by which what is sealed is longer
_NONCE = 12
_KEM = b"KEM\x00\x20"
_KEY_BYTES = {1: 16, 2: 32}  # by the number of the AEAD: AES-128-GCM, AES-256-GCM


def extract(salt, secret):
    """HKDF-Extract of RFC 5869, with SHA-256."""
    return hmac.new(salt, secret, hashlib.sha256).digest()


def expand(key, info, length):
    """HKDF-Expand of RFC 5869, with SHA-256."""
    found, block = b"", b""
    for count in range(1, -(-length // 32) + 1):
        block = hmac.new(key, block + info + bytes([count]), hashlib.sha256).digest()
        found += block
    return found[:length]


def _extract(suite, label, secret, salt=b""):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def _expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def public_bytes(key):
    """A public key of X25519 or Ed25519: 32 bytes."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _shared_secret(exchanged, enc, receiver):
    """What both ends know; raises ValueError where that is nothing secret."""
    key = _extract(_KEM, b"eae_prk", exchanged)
    return _expand(_KEM, key, b"shared_secret", enc + receiver, 32)


def _context(secret, info, aead):
    """(key, nonce) of the first message."""
    suite = b"HPKE\x00\x20\x00\x01" + aead.to_bytes(2, "big")
    context = b"\0" + _extract(suite, b"psk_id_hash", b"") + _extract(suite, b"info_hash", info)
    key = _extract(suite, b"secret", b"", secret)
    return (_expand(suite, key, b"key", context, _KEY_BYTES[aead]),
            _expand(suite, key, b"base_nonce", context, _NONCE))


def seal(receiver, info, text, aad=b"", ephemeral=None, aead=2):
    """`text`, sealed for the owner of the public key `receiver`: the encapsulated key, then the ciphertext.

    ephemeral: an X25519PrivateKey that is used for nothing else; only for test vectors.
    """
    ephemeral = ephemeral or X25519PrivateKey.generate()
    enc = public_bytes(ephemeral.public_key())
    exchanged = ephemeral.exchange(X25519PublicKey.from_public_bytes(receiver))
    key, nonce = _context(_shared_secret(exchanged, enc, receiver), info, aead)
    return enc + AESGCM(key).encrypt(nonce, text, aad)


def open_(private, info, sealed, aad=b"", aead=2):
    """The text that was given to `seal`. private: the receiver's X25519PrivateKey."""
    enc = sealed[:ENC]
    exchanged = private.exchange(X25519PublicKey.from_public_bytes(enc))
    key, nonce = _context(_shared_secret(exchanged, enc, public_bytes(private.public_key())), info, aead)
    return AESGCM(key).decrypt(nonce, sealed[ENC:], aad)
