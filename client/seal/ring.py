"""What a device stores: its keys, the devices of others, sender keys, and which messages it has seen.

There is one ring for each account on each server: a file that only this user may read. Names and texts are str, times
seconds since the epoch.
"""
import base64
import json
import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from parley.client.seal import devices, envelope, files
from parley.client.seal.envelope import NotForMe, Unopened
from parley.client.sealed import SealedFile
from parley.server.protocols.sealed import MOST_MEMBERS

CHAIN_AFTER = 86400  # seconds after which a device makes another sender key
KEEP_CHAINS = 30 * 86400  # seconds for which sender keys of others are kept
MOST_CHAINS = 1000  # sender keys that are kept of one device in one room
MOST_SEEN = 256  # messages of one device in one place that are remembered one by one
MOST_EARLIER = 16  # former names of a room that are remembered

_NOT_VOUCHED = ("%s has a device that none of the others vouches for. Until you have compared digits, nothing is "
                "sealed for %s, and nothing from that device is opened: /verify %s.")
_ANOTHER = ("The server shows other devices for %s than before. Either %s has begun anew, or somebody else wants to "
            "read along: compare digits, by voice or otherwise: /verify %s.")


class Unsealable(Exception):
    """A text cannot be sealed now; the text of the exception is a sentence that says why."""


class Stranger(Exception):
    """The list of devices of this name is needed first, or a newer one."""


def _hex_private(key):
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex()


def _made(make, *arguments):
    """The bytes of the list that make(...) returns; raises `Unsealable` if that is not possible."""
    try:
        return make(*arguments).data
    except ValueError as error:
        raise Unsealable(str(error)) from None


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _data(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Ring:
    """The ring of an account. Raises ValueError, with a sentence, if its file exists and cannot be read.

    path: of the file; None: nothing is stored. name: of the account. keys: the private `devices.Keys` of this device;
    None until it has any. mine: the latest list of devices of this account, or None.
    """

    def __init__(self, path, name):
        self._path, self.name = path, name
        self.keys = self.mine = None
        self._kept = {"pins": {}, "sealed": [], "seen": {}, "chains": {}, "last": 0, "earlier": {}}
        self._lists = {}  # name -> pinned list of devices
        self._sending = {}  # room -> (sender key for the next message, when it was made, keys that it was sealed for)
        self._is_changed = False
        if path and os.path.exists(path):
            try:
                with open(path, encoding="utf-8") as file:
                    self._read(json.load(file))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ValueError("%s cannot be read: %s" % (path, error)) from None

    def _read(self, kept):
        self.keys = devices.Keys(
            Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept["identity"])),
            [(X25519PrivateKey.from_private_bytes(bytes.fromhex(key)), made) for key, made in kept["sealing"]])
        self.mine = devices.read(_data(kept["mine"]), self.name) if kept["mine"] else None
        self._kept = {key: kept[key] if key != "earlier" else kept.get(key, {}) for key in self._kept}
        for name, pin in self._kept["pins"].items():
            self._lists[name] = devices.read(_data(pin["list"]), name)

    def save(self):
        """Write the file, if anything has changed. Raises OSError."""
        if not self._is_changed or self._path is None or self.keys is None:
            return
        whole = dict(self._kept, identity=_hex_private(self.keys.identity),
                     sealing=[[_hex_private(key), made] for key, made in self.keys.sealing],
                     mine=_text(self.mine.data) if self.mine else "")
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        temporary = self._path + ".new"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(whole, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)
        self._is_changed = False

    # ---- this device

    def make_keys(self, now):
        """Make the keys of this device, if there are none yet."""
        if self.keys is None:
            self.keys = devices.Keys.new(int(now))
            self._is_changed = True

    def learn_own(self, data, now):
        """The server has told this account's list, or None. Returns (bytes to publish or None, sentences for the user).

        Once they have been published, `published` has to be called. Raises `Unsealable` if the device must not be used.
        """
        shown, told, old = devices.read(data, self.name) if data else None, [], self.mine
        relation = devices.judge(old, shown) if old and shown else None
        if relation == devices.ANOTHER:
            raise Unsealable(_ANOTHER % ("you", "you", self.name))
        if relation == devices.FOLLOWS:
            told = [self._own_news(shown, one) for one in shown.entries[len(old.entries):]
                    if not one.gone and one.identity != self.keys.public]
        if shown and relation != devices.OLDER:
            self.mine = shown
        is_renewed = self.keys.renew(int(now))
        self._is_changed = True
        own = next((one for one in self.mine.entries if one.identity == self.keys.public), None) if self.mine else None
        if own is None:
            return _made(devices.with_device, self.mine, self.name, self.keys), told
        if own.gone:
            raise Unsealable("This device was taken out of the list of your devices.")
        if shown is None or relation == devices.OLDER or is_renewed or own.sealing != self.keys.sealing_public:
            return _made(devices.changed, self.mine, self.keys), told
        return None, told

    def published(self, data):
        """The server has taken the list that `learn_own` or `change_own` returned."""
        self.mine = devices.read(data, self.name)
        self._is_changed = True

    @property
    def is_ready(self):
        """Does the account's list contain this device?"""
        return bool(self.keys and self.mine and self.mine.of(self.keys.id))

    def _own_news(self, shown, entry):
        short = self._short(entry)
        if entry.identity in shown.vouched:
            return "You have a new device, %s, for which another of yours vouches." % short
        return "You have a new device, %s. If it is yours: /seal accept %s; if not: /seal remove %s." % (
            short, short, short)

    @staticmethod
    def _short(entry):
        return entry.id.hex()[:8]

    def own_devices(self):
        """(short id, is it this one?, does another one vouch for it?) of each device of this account in use."""
        vouched = self.mine.vouched if self.mine else ()
        return [(self._short(one), one.identity == self.keys.public, one.identity in vouched)
                for one in (self.mine.in_use if self.mine else ())]

    def change_own(self, short, is_accepted):
        """The account's list, to be published, in which the device of this short id is vouched for, or removed.

        Raises `Unsealable`.
        """
        found = [one.id for one in self.mine.in_use if self._short(one) == short]
        if not found or found == [self.keys.id]:
            raise Unsealable("None of your other devices is %s." % short)
        if self.keys.public not in self.mine.vouched:
            raise Unsealable("None of your other devices vouches for this one yet, so it cannot say that.")
        return _made(devices.changed, self.mine, self.keys, *((found, ()) if is_accepted else ((), found)))

    # ---- others

    def learn(self, name, data):
        """The server has told somebody's list, or None. Returns sentences for the user, each of them once."""
        if data is None:
            return []  # what is pinned remains, so that a server cannot make anybody talk openly
        try:
            shown = devices.read(data, name)
        except devices.BadList as error:
            return [str(error)]
        pin, old = self._kept["pins"].get(name), self._lists.get(name)
        if pin is None:
            self._pin(name, shown, False)
            return []
        relation = devices.judge(old, shown)
        if relation == devices.FOLLOWS:
            return self._follow(name, pin, old, shown)
        if relation == devices.ANOTHER and not pin["verified"]:
            self._pin(name, shown, False)
            return [_ANOTHER % (name, name, name)]
        if relation == devices.ANOTHER and pin.get("other") != _text(data):
            pin["other"] = _text(data)
            self._is_changed = True
            return [_ANOTHER % (name, name, name) + " Until then nothing is sealed for %s." % name]
        return []

    def _follow(self, name, pin, old, shown):
        self._lists[name], pin["list"] = shown, _text(shown.data)
        self._is_changed = True
        told = []
        for one in shown.entries[len(old.entries):]:
            if one.gone:
                continue
            if one.identity in shown.vouched:
                told.append("%s has a new device, for which another one vouches." % name)
            elif pin["verified"]:
                told.append(_NOT_VOUCHED % (name, name, name))
            else:
                pin["accepted"].append(one.identity.hex())
                told.append("%s has a new device." % name)
        return told

    def _pin(self, name, shown, is_verified):
        self._kept["pins"][name] = {"list": _text(shown.data), "verified": is_verified,
                                    "accepted": [one.identity.hex() for one in shown.in_use]}
        self._lists[name] = shown
        self._is_changed = True

    def knows(self, name):
        """Is there a list of this name, or is it this account?"""
        return name == self.name or name in self._lists

    def is_verified(self, name):
        """Has the user compared the digits with this one?"""
        return self._kept["pins"].get(name, {}).get("verified", False)

    def digits(self, name):
        """The 60 digits to compare with somebody; raises `Unsealable`."""
        if name == self.name or name not in self._lists:
            raise Unsealable("%s has no device that is known here." % name)
        return devices.digits(self.name, self.mine.root, name, self._shown(name).root)

    def _shown(self, name):
        other = self._kept["pins"][name].get("other")
        return devices.read(_data(other), name) if other else self._lists[name]

    def confirm(self, name):
        """The user has compared the digits: trust all devices in the present list."""
        self._pin(name, self._shown(name), True)

    def why_blocked(self, name):
        """A sentence that says why nothing is sealed for somebody; or None."""
        pin = self._kept["pins"].get(name)
        if pin and pin.get("other"):
            return _ANOTHER % (name, name, name)
        if pin and pin["verified"] and len(self._trusted(name)) < len(self._lists[name].in_use):
            return _NOT_VOUCHED % (name, name, name)
        return None

    def _trusted(self, name):
        """The entries of somebody's devices that are trusted."""
        if name == self.name:
            return [one for one in self.mine.in_use
                    if one.identity in self.mine.vouched or one.identity == self.keys.public]
        accepted, vouched = set(self._kept["pins"][name]["accepted"]), self._lists[name].vouched
        return [one for one in self._lists[name].in_use
                if one.identity in vouched or one.identity.hex() in accepted]

    # ---- where it is sealed

    def is_sealed(self, place):
        """Are own messages sealed there?"""
        return place in self._kept["sealed"]

    def set_sealed(self, place, is_sealed):
        """Seal own messages there from now on, or do not."""
        if is_sealed != self.is_sealed(place):
            (self._kept["sealed"].append if is_sealed else self._kept["sealed"].remove)(place)
            self._is_changed = True

    def room_renamed(self, room, name, number):
        """A room has got another name. number: of the last message received there before.

        Messages up to that one are bound to the former name, and are opened under the new one, too.
        """
        if self.is_sealed(room):
            self.set_sealed(room, False)
            self.set_sealed(name, True)
        earlier = self._kept["earlier"]
        earlier[name] = [*earlier.pop(room, []), [room, number]][-MOST_EARLIER:]
        self._is_changed = True

    # ---- out

    def _next_at(self, now):
        """The time of the next own message: milliseconds, greater than that of any before."""
        self._kept["last"] = max(self._kept["last"] + 1, int(now * 1000))
        self._is_changed = True
        return self._kept["last"]

    def receivers(self, place, names):
        """The public keys for which a message to a place is sealed now; raises `Unsealable`.

        names: of the receivers; their lists are known.
        """
        if len(names) > MOST_MEMBERS:
            raise Unsealable("There are more than %d in %s: nothing can be sealed there. /seal off talks openly."
                             % (MOST_MEMBERS, place))
        found = []
        for name in dict.fromkeys([*sorted(names), self.name]):
            if not self.knows(name):
                raise Unsealable("%s has no device that could open sealed messages. /seal off talks openly here."
                                 % name)
            why = self.why_blocked(name)
            if why:
                raise Unsealable(why)
            found += [one.sealing for one in self._trusted(name)]
        return found

    def seal_whisper(self, to, text, now):
        """The envelope for somebody, whose list is known. text: or a `SealedFile`. Raises `Unsealable`."""
        receivers = self.receivers(to, [to])
        return envelope.letter(self.keys, self.name, to, self._next_at(now), receivers, *_content(text))

    def seal_in_room(self, room, members, text, now):
        """The envelopes for a room, the last of which has the text. members: names; their lists are known.

        Whenever anybody comes or leaves, or has another device or key, it is another sender key.
        """
        what, raw = _content(text)
        receivers = self.receivers(room, members)
        chain, made, known = self._sending.get(room, (None, 0, None))
        found = []
        if (chain is None or known != set(receivers) or chain.index >= envelope.MOST_OF_CHAIN
                or not 0 <= now - made < CHAIN_AFTER):
            chain, made = envelope.new_chain(), now
            self._keep_chain(self.keys.id, room, chain, now)
            content = envelope.chain_content(chain)
            for at in range(0, len(receivers), envelope.MOST_KEYS):
                found.append(envelope.letter(
                    self.keys, self.name, room, self._next_at(now), receivers[at:at + envelope.MOST_KEYS],
                    envelope.CHAIN, content))
        found.append(envelope.speech(self.keys, self.name, room, self._next_at(now), chain, what, raw))
        self._sending[room] = envelope.next_of(chain), made, set(receivers)
        return found

    # ---- in

    def open(self, by, place, number, text, now):  # noqa: A003
        """The text or `SealedFile` in an envelope from `by`; None if it contains a sender key, which is then stored.

        place: for which it was sealed: the receiver, or the room with its "#". number: of the message, or None if the
        server tells none. Raises `Unopened`, or `Stranger` if a list of `by` is needed first.
        """
        parts = envelope.read(text)
        known = self.mine if by == self.name else self._lists.get(by)
        entry = known.of(parts.device) if known else None
        if entry is None:
            raise Stranger(by)
        if entry not in self._trusted(by):
            raise Unopened(_NOT_VOUCHED % (by, by, by))
        place = self._check(entry.identity, by, place, number, parts)
        seen = self._seen(parts, place, number)
        if parts.kind == envelope.SPEECH:
            what, content = self._open_speech(by, place, parts)
        else:
            try:
                what, content = envelope.open_letter(self.keys, by, place, parts)
            except NotForMe:
                if place.startswith("#"):
                    return None  # another envelope may be for this device; else the message itself cannot be opened
                raise
            if (what == envelope.CHAIN) != place.startswith("#"):
                raise Unopened("A sealed message is malformed.")
            if what == envelope.CHAIN:
                self._keep_chain(parts.device, place, envelope.read_chain(content), now)
                content = None
        self._note_seen(seen, parts.at, number)
        try:
            if content is None:
                return None
            return files.read(content) if what == envelope.FILE else content.decode()
        except UnicodeDecodeError:
            raise Unopened("A sealed message is malformed.") from None

    def _check(self, identity, by, place, number, parts):
        """The place for which it was sealed: this one, or a former name of the room; raises `Unopened`."""
        for earlier, last in self._kept["earlier"].get(place, ()):
            if number is not None and number <= last:
                try:
                    envelope.check(identity, by, earlier, parts)
                    return earlier
                except Unopened:
                    pass  # try the next name
        envelope.check(identity, by, place, parts)
        return place

    def _seen(self, parts, place, number):
        """What has been seen of a device in a place. Raises `Unopened` if this message repeats an earlier one."""
        seen = self._kept["seen"].get("%s %s" % (parts.device.hex(), place))
        if seen is None:
            seen = {"floor": 0, "first": 0, "known": {}}
            self._kept["seen"]["%s %s" % (parts.device.hex(), place)] = seen
        known = seen["known"].get(str(parts.at))
        if known is not None and known != 0 and known != number or known == 0 and number is None:
            raise Unopened("The server has shown a sealed message a second time, as a new one.")
        if known is None and parts.at <= seen["floor"] and (number is None or number >= seen["first"]):
            raise Unopened("The server has shown an old sealed message as a new one.")
        return seen

    def _note_seen(self, seen, at, number):
        known = seen["known"]
        if at <= seen["floor"]:
            return  # it is older than everything that is remembered, and comes before it
        known[str(at)] = number or 0
        while len(known) > MOST_SEEN:
            oldest = min(known, key=int)
            number = known.pop(oldest)
            seen["floor"], seen["first"] = int(oldest), max(seen["first"], number)
        self._is_changed = True

    @staticmethod
    def _chain_key(device, room, name):
        return "%s %s %s" % (device.hex(), name.hex(), room)

    def _keep_chain(self, device, room, chain, now):
        chains, key = self._kept["chains"], self._chain_key(device, room, chain.id)
        for old in [one for one, (_, _, since) in chains.items() if now - since > KEEP_CHAINS]:
            del chains[old]
        if key not in chains:
            same = [one for one in chains if one.startswith(device.hex()) and one.split(" ", 2)[2] == room]
            for old in same[:max(0, len(same) - MOST_CHAINS + 1)]:
                del chains[old]
        if key not in chains or chains[key][0] > chain.index:
            chains[key] = [chain.index, chain.key.hex(), int(now)]
        self._is_changed = True

    def _open_speech(self, by, room, parts):
        name, _ = envelope.chain_of(parts)
        kept = self._kept["chains"].get(self._chain_key(parts.device, room, name))
        if kept is None:
            raise Unopened("This device was not given the key for a sealed message of %s." % by)
        return envelope.open_speech(envelope.Chain(name, kept[0], bytes.fromhex(kept[1])), by, room, parts)


def _content(text):
    """(what, bytes) for an envelope, of a text or a `SealedFile`."""
    if isinstance(text, SealedFile):
        return envelope.FILE, files.content_of(text)
    raw = text.encode()
    if len(raw) > envelope.LONGEST:
        raise Unsealable("This is too long to be sealed: it has %d bytes of at most %d." % (len(raw), envelope.LONGEST))
    return envelope.TEXT, raw
