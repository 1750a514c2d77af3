"""What is said instead of a text: an envelope, `parley:sealed:1:` and these bytes in base64url without "=".

    size  field
    1     suite: 1, as in `client.seal.devices`
    1     kind: 1 is a letter, 2 is said with a sender key
    16    device of the sender: see `device_id`
    8     at: milliseconds since the epoch by the sender's clock; each message of a device has more than the one before

    of a letter
    1     count of keys that it is sealed to, 1 to 100. For each:
    8       key id: see `key_id`
    80      the body's key, 32 bytes, sealed to this key by HPKE; `info`: the context and the 26 bytes above
    n     body: encrypted by AES-256-GCM with a nonce of zeros, as no key has two bodies; `aad`: all bytes before it

    of what is said with a sender key
    8     chain: a random name of the sender key
    1     index in it, 0 to 99
    n     body, encrypted likewise; `aad`: the context, and all bytes before it

    64    the sender's signature, Ed25519, over the context and all bytes before it

The context is "parley seal 1", then the name of the sender and the place, each behind two bytes with its length. The
place is the receiver's name, or that of the room with its "#". So an envelope cannot be passed off as said by somebody
else, or elsewhere.

A body is two bytes with a length, as many bytes, and zeros up to one of SIZES. The first of those bytes says what
follows: 0 is a text, 1 a sender key (chain, index, 32 bytes), 2 a file (see `client.seal.files`). Letters to a room
contain sender keys only, and nothing else contains any. A sender key is a chain of keys, one for each index. The next
one is HKDF-Expand(key, "parley chain 1"); the key of a body is HKDF-Expand(key, "parley message 1").
"""
import base64
import binascii
import collections
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from parley.client.seal import hpke
from parley.client.seal.devices import DEVICE_ID, KEY_ID, SUITE, key_id

PREFIX = "parley:sealed:1:"
LETTER, SPEECH = 1, 2
TEXT, CHAIN, FILE = 0, 1, 2
SIZES = (64, 256, 1024, 4096, 8192)  # bytes of a body
LONGEST = SIZES[-1] - 3  # bytes of a text
MOST_KEYS = 100  # that one letter is sealed to
MOST_OF_CHAIN = 100  # messages
_HEAD = 2 + DEVICE_ID + 8
_BLOCK = KEY_ID + hpke.OVERHEAD + 32
_SIGNATURE, _TAG, _CHAIN = 64, 16, 8
_NONCE = bytes(12)  # as no key is used twice


class Unopened(Exception):
    """It cannot be opened, or was not sealed by this sender for this place. The text is a sentence that says why."""


class NotForMe(Unopened):
    """It is valid, but sealed for other devices."""


Parts = collections.namedtuple("Parts", "kind device at data")
Parts.__doc__ = "What anybody can see of an envelope. device: its id; at: milliseconds; data: all its bytes."
Chain = collections.namedtuple("Chain", "id index key")
Chain.__doc__ = "A sender key: its name, and the key of the message of this index."


def context(sender, place):
    """What an envelope is bound to. sender, place: str."""
    return b"parley seal 1" + b"".join(
        len(one).to_bytes(2, "big") + one for one in (sender.encode(), place.encode()))


def is_envelope(text):
    """Does a text look like an envelope?"""
    return text.startswith(PREFIX)


def _written(data):
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(text):
    """The `Parts` of an envelope; raises `Unopened`."""
    try:
        raw = text[len(PREFIX):].encode("ascii")
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise Unopened("This is no sealed message.") from None
    if (len(data) < _HEAD + 1 + SIZES[0] + _TAG + _SIGNATURE or data[0] != SUITE or data[1] not in (LETTER, SPEECH)
            or _written(data) != text):
        raise Unopened("This is no sealed message, or of a newer kind.")
    return Parts(data[1], data[2:2 + DEVICE_ID], int.from_bytes(data[2 + DEVICE_ID:_HEAD], "big"), data)


def _padded(what, content):
    inner = bytes([what]) + content
    size = next(size for size in SIZES if size >= len(inner) + 2)
    return (len(inner).to_bytes(2, "big") + inner).ljust(size, b"\0")


def _unpadded(body):
    length = int.from_bytes(body[:2], "big")
    inner = body[2:2 + length]
    if len(body) not in SIZES or not inner or len(inner) != length or body[2 + length:].strip(b"\0"):
        raise Unopened("A sealed message is malformed.")
    if inner[0] > FILE:
        raise Unopened("This is a sealed message of a newer kind.")
    return inner[0], inner[1:]


def _head(kind, keys, at):
    return bytes([SUITE, kind]) + keys.id + at.to_bytes(8, "big")


def _signed(keys, bound, data):
    return _written(data + keys.identity.sign(bound + data))


def letter(keys, sender, place, at, receivers, what, content, key=None, ephemerals=None):
    """An envelope for the devices whose public sealing keys are `receivers`.

    at: milliseconds since the epoch. what: TEXT, CHAIN or FILE. content: bytes. key, ephemerals: for test vectors only.
    """
    bound, head = context(sender, place), _head(LETTER, keys, at)
    key = key or os.urandom(32)
    data = head + bytes([len(receivers)]) + b"".join(
        key_id(one) + hpke.seal(one, bound + head, key, ephemeral=ephemerals[index] if ephemerals else None)
        for index, one in enumerate(receivers))
    return _signed(keys, bound, data + AESGCM(key).encrypt(_NONCE, _padded(what, content), data))


def open_letter(keys, sender, place, parts):
    """(what, content) of a letter whose signature was checked. Raises `Unopened`, or `NotForMe`."""
    data, bound = parts.data, context(sender, place)
    end = _HEAD + 1 + data[_HEAD] * _BLOCK
    for at in range(_HEAD + 1, end, _BLOCK):
        private = keys.with_id(data[at:at + KEY_ID])
        if private is not None:
            try:
                key = hpke.open_(private, bound + data[:_HEAD], data[at + KEY_ID:at + _BLOCK])
                return _unpadded(AESGCM(key).decrypt(_NONCE, data[end:-_SIGNATURE], data[:end]))
            except (InvalidTag, ValueError):
                raise Unopened("A sealed message cannot be opened: it was changed, or is from elsewhere.") from None
    raise NotForMe("This was not sealed for this device, which may be newer, or the key is too old.")


def next_of(chain):
    """The sender key for the next message."""
    return chain._replace(index=chain.index + 1, key=hpke.expand(chain.key, b"parley chain 1", 32))


def speech(keys, sender, place, at, chain, what, content):
    """An envelope for all who have this sender key. at, what, content: as of `letter`."""
    bound = context(sender, place)
    data = _head(SPEECH, keys, at) + chain.id + bytes([chain.index])
    key = hpke.expand(chain.key, b"parley message 1", 32)
    return _signed(keys, bound, data + AESGCM(key).encrypt(_NONCE, _padded(what, content), bound + data))


def chain_of(parts):
    """(name, index) of the sender key that was used."""
    return parts.data[_HEAD:_HEAD + _CHAIN], parts.data[_HEAD + _CHAIN]


def open_speech(chain, sender, place, parts):
    """(what, content) of what was said with a sender key; its signature was checked. chain: of its index, or before.

    Raises `Unopened`.
    """
    _, index = chain_of(parts)
    if not chain.index <= index < MOST_OF_CHAIN:
        raise Unopened("A sealed message is older than the key that this device was given.")
    while chain.index < index:
        chain = next_of(chain)
    start = _HEAD + _CHAIN + 1
    try:
        what, content = _unpadded(AESGCM(hpke.expand(chain.key, b"parley message 1", 32)).decrypt(
            _NONCE, parts.data[start:-_SIGNATURE], context(sender, place) + parts.data[:start]))
    except InvalidTag:
        raise Unopened("A sealed message cannot be opened: it was changed, or is from elsewhere.") from None
    if what == CHAIN:
        raise Unopened("A sealed message is malformed.")
    return what, content


def check(identity, sender, place, parts):
    """Raise `Unopened` unless the device of this identity has sealed it, as this sender, for this place."""
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(
            parts.data[-_SIGNATURE:], context(sender, place) + parts.data[:-_SIGNATURE])
    except InvalidSignature:
        raise Unopened("A sealed message has a wrong signature: somebody has changed or moved it.") from None


def chain_content(chain):
    """A sender key as the content of a letter."""
    return chain.id + bytes([chain.index]) + chain.key


def read_chain(content):
    """The sender key that is the content of a letter. Raises `Unopened`."""
    if len(content) != _CHAIN + 1 + 32:
        raise Unopened("A sealed message is malformed.")
    return Chain(content[:_CHAIN], content[_CHAIN], content[_CHAIN + 1:])


def new_chain():
    """A sender key that nobody has yet."""
    return Chain(os.urandom(_CHAIN), 0, os.urandom(32))
