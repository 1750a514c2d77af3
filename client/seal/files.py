"""Sealed files: what the server keeps of one, and what the sealed message says that tells of it.

A file is cut into chunks of 65536 bytes, the last of which may be shorter. What the server keeps are these, one behind
the other, each sealed by AES-256-GCM with a random key that no other file has, and thereby 16 bytes longer. The nonce
of a chunk is its place, 11 bytes big-endian from 0 on, and one byte that is 1 for the last chunk and 0 for all others.
So none can be changed, left out, repeated or put elsewhere, and none can be missing at the end.

In the body of the message stand, behind the byte that says that it tells of a file (`client.seal.envelope`):

    size  field
    16    file: its id at the server
    32    key
    32    hash: SHA-256 of the SHA-256s of all chunks, one behind the other, as the server keeps them
    8     size: bytes of the file
    n     name: UTF-8, at most 120 bytes

The message is signed, and the hash binds the file to it: whoever hears of a file has its key, and could otherwise put
another one in its place, together with the server.
"""
import hashlib
from typing import Any, BinaryIO, Tuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from parley.client.seal.envelope import Unopened
from parley.client.sealed import SealedFile
from parley.server.files.shown import MOST_BYTES, clean

CHUNK = 65536  # bytes
_TAG = 16
_FIXED = 16 + 32 + 32 + 8
_CHANGED = "The file is not the one that was sealed: somebody has changed it, or it was cut."


def sealed_size(size):
    """How many bytes a file of `size` bytes, at least one, has when it is sealed."""
    return size + -(-size // CHUNK) * _TAG


def _nonce(place, is_last):
    return place.to_bytes(11, "big") + bytes([is_last])


def seal(source: BinaryIO, target: Any, key: bytes) -> Tuple[int, bytes]:
    """Read one binary file, and write it sealed into another. Gives its size in bytes, unsealed, and the hash."""
    cipher, digest = AESGCM(key), hashlib.sha256()
    size = place = 0
    chunk = source.read(CHUNK)
    while chunk:
        following = source.read(CHUNK)
        sealed = cipher.encrypt(_nonce(place, not following), chunk, None)
        digest.update(hashlib.sha256(sealed).digest())
        target.write(sealed)
        size, place, chunk = size + len(chunk), place + 1, following
    return size, digest.digest()


class Opening:
    """Opens a `SealedFile` as it comes, and holds at most one chunk; raises `Unopened` at the first that is not right.

    total: how many sealed bytes there are.
    """

    def __init__(self, file: SealedFile) -> None:
        self.total = sealed_size(file.size)
        self._cipher, self._digest, self._hash = AESGCM(file.key), hashlib.sha256(), file.hash
        self._come, self._place, self._left = b"", 0, self.total

    def open(self, data):  # noqa: A003
        """The bytes of the file in all chunks that these, the next ones from the server, complete."""
        self._come += data
        opened = []
        while self._left and len(self._come) >= min(CHUNK + _TAG, self._left):
            sealed, self._come = self._come[:CHUNK + _TAG], self._come[CHUNK + _TAG:]
            self._left -= len(sealed)
            self._digest.update(hashlib.sha256(sealed).digest())
            try:
                opened.append(self._cipher.decrypt(_nonce(self._place, self._left == 0), sealed, None))
            except InvalidTag:
                raise Unopened(_CHANGED) from None
            self._place += 1
        if self._come and not self._left:
            raise Unopened(_CHANGED)
        return b"".join(opened)

    def end(self):
        """All has come: raises `Unopened` if it is not the whole file."""
        if self._left or self._digest.digest() != self._hash:
            raise Unopened(_CHANGED)


def content_of(file):
    """What a sealed message says of a `SealedFile`: the bytes of an envelope's content."""
    return bytes.fromhex(file.file) + file.key + file.hash + file.size.to_bytes(8, "big") + file.name.encode()


def read(content):
    """The `SealedFile` of which a sealed message has this content; raises `Unopened`."""
    file, key, digest, size = content[:16], content[16:48], content[48:80], int.from_bytes(content[80:_FIXED], "big")
    try:
        name = content[_FIXED:].decode()
    except UnicodeDecodeError:
        name = ""
    if not name or not size or len(name.encode()) > MOST_BYTES:
        raise Unopened("A sealed message is malformed.")
    return SealedFile.of(file.hex(), key, digest, size, clean(name))
