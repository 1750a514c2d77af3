"""Keys of devices, and the signed, numbered lists in which an account says which devices it has.

A list is these bytes. Signatures are Ed25519, integers big-endian; a name is UTF-8.

    size  field
    1     suite: 1, for X25519, HKDF-SHA256, AES-256-GCM and Ed25519
    4     number of the list, greater than that of the list before it
    1, n  the account's name: its length, and the name
    1     author: which of the devices has signed the list
    1     count of devices, 1 to 32. For each, in the order in which they came:
    32      identity: a public key of Ed25519, which never changes
    32      sealing: a public key of X25519, which the device replaces every week
    1       voucher: which device has vouched for it; itself, if none has
    1       gone: 1 if the device was removed, else 0
    64      the voucher's signature over "parley device 1", 0, the name, 0, the identity
    64    the author's signature over "parley devices 1", 0, all bytes before it

The first device is the account's root. A device is vouched for if a chain of vouchers leads to the first one.
"""
import collections
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from parley.client.seal.hpke import public_bytes

SUITE = 1
MOST = 32  # devices of an account, those that are gone included
MOST_IN_USE = 16  # of them; a message has 88 bytes for each
RENEW_AFTER = 7 * 86400  # seconds, after which a device makes another sealing key
KEEP_FOR = 30 * 86400  # seconds for which it can still open what was sealed to an older one
DEVICE_ID, KEY_ID = 16, 8  # bytes
_KEY, _SIGNATURE = 32, 64
_ENTRY = 2 * _KEY + 2 + _SIGNATURE
_LAST_NUMBER = 0xFFFFFFFF
_PROBE = X25519PrivateKey.generate()  # to find keys with which no secret can be agreed on


class BadList(ValueError):
    """What the server has given is no list of this account's devices."""


class Entry(collections.namedtuple("Entry", "identity sealing voucher gone vouched")):
    """A device in a list: two public keys, the voucher's place in the list, is it gone?, the voucher's signature."""

    __slots__ = ()

    @property
    def id(self):  # noqa: A003
        """The id by which messages name the device."""
        return device_id(self.identity)


def device_id(identity):
    """The id of the device with this identity: the first bytes of its SHA-256."""
    return hashlib.sha256(identity).digest()[:DEVICE_ID]


def key_id(sealing):
    """The id of a public sealing key, by which a letter says which copy of its body's key is for whom."""
    return hashlib.sha256(sealing).digest()[:KEY_ID]


class Keys:
    """The private keys of a device.

    identity: an Ed25519PrivateKey. sealing: [(X25519PrivateKey, seconds since the epoch at which it was made)], the
    newest last.
    """

    def __init__(self, identity, sealing):
        self.identity, self.sealing = identity, sealing
        self.public = public_bytes(identity.public_key())
        self.id = device_id(self.public)

    @classmethod
    def new(cls, now):
        """The keys of a new device, made `now`: seconds since the epoch."""
        return cls(Ed25519PrivateKey.generate(), [(X25519PrivateKey.generate(), now)])

    @property
    def sealing_public(self):
        """The newest public sealing key, to which others seal: 32 bytes."""
        return public_bytes(self.sealing[-1][0].public_key())

    def with_id(self, wanted):
        """The private sealing key of this `key_id`, or None."""
        return next((key for key, _ in self.sealing if key_id(public_bytes(key.public_key())) == wanted), None)

    def renew(self, now):
        """Make a new sealing key if the newest is old enough, and delete those that are too old. Was one made?"""
        is_due = now - self.sealing[-1][1] >= RENEW_AFTER
        if is_due:
            self.sealing.append((X25519PrivateKey.generate(), now))
        # A key is in use for a week and may be sealed to a little longer.
        self.sealing = [one for one in self.sealing[:-1] if now - one[1] < RENEW_AFTER + KEEP_FOR] + self.sealing[-1:]
        return is_due


class Devices:
    """A list. number, author: as above. name: str. entries: a tuple of `Entry`. data: its bytes."""

    def __init__(self, number, name, author, entries, data):
        self.number, self.name, self.author, self.entries, self.data = number, name, author, entries, data

    @property
    def root(self):
        """The identity of the first device."""
        return self.entries[0].identity

    @property
    def vouched(self):
        """The identities of all devices from which a chain of vouchers leads to the first one."""
        found = set()
        for index, entry in enumerate(self.entries):
            if index == 0 or entry.voucher < index and self.entries[entry.voucher].identity in found:
                found.add(entry.identity)
        return found

    def of(self, wanted):
        """The entry of the device of this id; None if there is none or it is gone."""
        return next((one for one in self.entries if one.id == wanted and not one.gone), None)

    @property
    def in_use(self):
        """The entries of those that are not gone."""
        return [one for one in self.entries if not one.gone]


def _statement(name, identity):
    return b"parley device 1\0" + name.encode() + b"\0" + identity


def _signed(keys, number, name, entries):
    """The list, signed by the device with these keys. ValueError, with a sentence, if there can be no further one."""
    if number > _LAST_NUMBER:
        raise ValueError("There can be no further list of the devices of this account.")
    author = [one.identity for one in entries].index(keys.public)
    raw = name.encode()
    data = b"".join([
        bytes([SUITE]), number.to_bytes(4, "big"), bytes([len(raw)]), raw, bytes([author, len(entries)]),
        *(b"%b%b%b%b" % (one.identity, one.sealing, bytes([one.voucher, one.gone]), one.vouched) for one in entries)])
    return Devices(number, name, author, tuple(entries), data + keys.identity.sign(b"parley devices 1\0" + data))


def with_device(old, name, keys):
    """The list with this device, for which nobody has vouched yet unless it is the first. old: the last list, or None.

    Raises ValueError, with a sentence, if there are too many.
    """
    entries = list(old.entries) if old else []
    if len(entries) >= MOST or old and len(old.in_use) >= MOST_IN_USE:
        raise ValueError("This account has too many devices: one of them has to take some out.")
    own = keys.identity.sign(_statement(name, keys.public))
    entries.append(Entry(keys.public, keys.sealing_public, len(entries), 0, own))
    return _signed(keys, old.number + 1 if old else 1, name, entries)


def changed(old, keys, vouch=(), remove=()):
    """The list that follows on `old`, signed by a device that is in it, with that device's newest sealing key.

    vouch: ids of the devices for which it vouches from now on. remove: ids of those that it removes. Raises ValueError,
    with a sentence, if there can be no further list.
    """
    me = [one.identity for one in old.entries].index(keys.public)
    entries = []
    for index, one in enumerate(old.entries):
        if index == me:
            one = one._replace(sealing=keys.sealing_public)
        elif one.id in remove:
            one = one._replace(gone=1)
        elif one.id in vouch and me < index:
            one = one._replace(voucher=me, vouched=keys.identity.sign(_statement(old.name, one.identity)))
        entries.append(one)
    return _signed(keys, old.number + 1, old.name, entries)


def read(data, name):
    """The list of this account's devices in these bytes; raises `BadList` unless all signatures are right."""
    try:
        return _read(data, name)
    except (IndexError, UnicodeDecodeError, InvalidSignature, ValueError):
        raise BadList("This is not a valid list of the devices of %s." % name) from None


def _read(data, name):
    length = data[5]
    start = 8 + length
    number, author, count = int.from_bytes(data[1:5], "big"), data[6 + length], data[7 + length]
    end = start + count * _ENTRY
    if (data[0] != SUITE or data[6:6 + length].decode() != name or not 1 <= count <= MOST
            or len(data) != end + _SIGNATURE):
        raise BadList
    entries = tuple([_entry(data[at:at + _ENTRY]) for at in range(start, end, _ENTRY)])
    if len({one.identity for one in entries}) < count or entries[author].gone or entries[0].voucher:
        raise BadList
    for index, one in enumerate(entries):
        if one.voucher > index:
            raise BadList
        _check(entries[one.voucher].identity, one.vouched, _statement(name, one.identity))
        _PROBE.exchange(X25519PublicKey.from_public_bytes(one.sealing))  # ValueError where nothing would be secret
    _check(entries[author].identity, data[end:], b"parley devices 1\0" + data[:end])
    return Devices(number, name, author, entries, data)


def _entry(data):
    if data[65] > 1:
        raise BadList
    return Entry(data[:32], data[32:64], data[64], data[65], data[66:])


def _check(identity, signature, signed):
    Ed25519PublicKey.from_public_bytes(identity).verify(signature, signed)


SAME, FOLLOWS, OLDER, ANOTHER = "same", "follows", "older", "another"


def judge(old, new):
    """How a list relates to the one that was known before, of the same account.

    SAME: it is the same. FOLLOWS: it is newer, has all the old devices, and has only changes by devices that may make
    them. OLDER: the server has shown a newer one before. ANOTHER: it does not follow, so it may have devices of
    somebody else.
    """
    if new.data == old.data:
        return SAME
    if new.root != old.root or len(new.entries) < len(old.entries):
        return OLDER if new.root == old.root and new.number <= old.number else ANOTHER
    if new.number <= old.number:
        return OLDER
    known = {one.identity: one for one in old.entries}
    author = new.entries[new.author]
    may_change = author.identity in old.vouched and not known[author.identity].gone
    for before, now in zip(old.entries, new.entries):
        if now.identity != before.identity or before.gone and not now.gone:
            return ANOTHER
        if now != before and not may_change and not (now.identity == author.identity and now[2:] == before[2:]):
            return ANOTHER
    for one in new.entries[len(old.entries):]:
        voucher = known.get(new.entries[one.voucher].identity)
        if voucher is not None and voucher.gone:
            return ANOTHER
    return FOLLOWS


def digits(name, root, other_name, other_root):
    """60 digits that two people compare: the same on both sides, if both know each other's first device."""
    pairs = sorted([(name.encode(), root), (other_name.encode(), other_root)])
    told = b"parley verify 1" + b"".join(bytes([len(one)]) + one + identity for one, identity in pairs)
    number = "%060d" % (int.from_bytes(hashlib.sha512(told).digest(), "big") % 10 ** 60)
    return " ".join(number[at:at + 5] for at in range(0, 60, 5))
