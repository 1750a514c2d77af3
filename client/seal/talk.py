"""Seals the messages of a chat over `web`, and opens those that are received.

It asks for the lists of devices that it needs. An own message waits until the lists of its receivers are there. A
received one that cannot be opened without a list waits for it, and so does everything received after it.
"""
import base64
import collections
import os
import time
from urllib.parse import quote

from parley.client import events
from parley.client.protocol import LOBBY_ROOM, Impossible
from parley.client.seal.devices import BadList
from parley.client.seal.envelope import Unopened
from parley.client.seal.ring import Ring, Stranger, Unsealable
from parley.client.sealed import NOTE, Envelope, is_to_open, meant, opened
from parley.server.protocols.sealed import MOST_MEMBERS

KEYS = "keys"  # the kind of these requests; their refusals are answers like others
_CHANGES_A_ROOM = (events.Joined, events.Left, events.Renamed, events.RoomNotice)


Look = collections.namedtuple("Look", "place then")
Look.__doc__ = "The question whether something could be sealed for a place: then(None), or then(why not) is called."


class Seals:
    """The sealing of one chat.

    folder: the path of the rings for one server; None: nothing is stored. ring: that of the account to which the user
    is logged in, or None.
    """

    def __init__(self, folder):
        self._folder = folder
        self.ring = self._protocol = None
        self._held = collections.deque()  # received events; the first one waits for a list of devices
        self._outgoing = collections.deque()  # own requests that wait to be sealed, and `Look`s
        self._news = []  # events to be reported next
        self._begin()

    def _begin(self):
        """Forget what held for the last connection: lists may have changed since."""
        self._asked, self._fresh, self._members = set(), set(), {}
        self._is_ready = False  # does the server's list of this account contain this device?
        self._trouble = None  # a sentence: why this device cannot seal

    # ---- for the protocol

    def welcomed(self, protocol, is_account):
        """The user is logged in: find out whether this is a device of the account."""
        self._protocol = protocol
        self._begin()
        if not is_account:
            self.ring = None
        elif self.ring is None or self.ring.name != protocol.me:
            # No dots in file names: `Ring.save` uses one for temporary files, and "." and ".." are folders.
            path = self._folder and os.path.join(self._folder, quote(protocol.me, safe="").replace(".", "%2E"))
            try:
                self.ring = Ring(path, protocol.me)
            except ValueError as error:
                self.ring = None
                self._tell(str(error))
        if self._is_device:
            self._ask_own()

    def lost(self):
        """The connection is lost."""
        self._protocol = None

    @property
    def _is_device(self):
        return (self.ring is not None and self.ring.keys is not None and self._protocol is not None
                and self.ring.name == self._protocol.me)

    @property
    def is_busy(self):
        """Does anything wait to be sealed or opened?"""
        return bool(self._outgoing or self._held)

    def wants(self, place):
        """Are own messages sealed there? place: a room, or the receiver."""
        return self.ring is not None and self.ring.keys is not None and self.ring.is_sealed(place)

    def check(self):
        """Raise `Impossible` if nothing can be sealed in this chat at the moment."""
        if not self._is_device:
            raise Impossible("What is said here is sealed by the account %s only; /seal off talks openly."
                             % self.ring.name)

    def say(self, request):
        """Seal the text of a request, and post it, perhaps later. Raises `Impossible` if that cannot succeed."""
        self.check()
        self._outgoing.append(request)
        for refused in self._seal_next():
            if refused.request is request:
                raise Impossible(refused.why)
            self._news.append(refused)
        self._save()

    def look(self, place, then):
        """Find out whether something could be sealed for a place: see `Look`. Raises `Impossible` as `check`."""
        self.check()
        self._outgoing.append(Look(place, then))
        self._news += self._seal_next()
        self._save()

    def changed(self, name, number):
        """Somebody's list of devices has changed."""
        if not self._is_device:
            return
        if name != self.ring.name:
            self._fresh.discard(name)
            if self.ring.knows(name):
                self._ask_for(name)
        elif self.ring.mine is None or number > self.ring.mine.number:
            self._ask_own()

    def only_sealed(self, room):
        """The server takes only sealed messages in this room: seal them, until the user turns that off."""
        if self._is_device and not self.ring.is_sealed(room):
            self.ring.set_sealed(room, True)
            self._tell("What is said in %s is sealed from now on." % room)
            self._save()

    def room_renamed(self, room, name, number):
        """A room has got another name: see `Ring.room_renamed`."""
        if self.ring is not None:
            self.ring.room_renamed(room, name, number)
            self._save()

    def received(self, found):
        """Events have been received: those that can be reported now, opened."""
        for event in found:
            if isinstance(event, _CHANGES_A_ROOM):
                self._members.pop(event.room or LOBBY_ROOM, None)
        self._held.extend(found)
        told = []
        while self._held:
            now = self._opened(self._held[0])
            if now is None:
                break
            self._held.popleft()
            told += now
        told += self._seal_next()
        self._save()
        news, self._news = self._news, []
        return told + news

    # ---- for the user. All raise `Impossible`

    def turn_on(self, place):
        """Seal own messages there from now on; makes this a device of the account if it is none."""
        self._make_device()
        self.ring.set_sealed(place, True)
        self._save()

    def turn_off(self, place):
        """Do not seal own messages there any more."""
        if self.ring is not None:
            self.ring.set_sealed(place, False)
            self._save()

    def _make_device(self):
        if self.ring is None or self.ring.name != self._protocol.me:
            raise Impossible("Sealing takes an account: /create NAME.")
        if self.ring.keys is None:
            self.ring.make_keys(time.time())
            self._ask_own()

    def own_devices(self):
        """Sentences about the devices of the account."""
        self._make_device()
        return ["%s%s%s" % (short, ", this one" if is_this else "", "" if vouched else ", for which none vouches")
                for short, is_this, vouched in self.ring.own_devices()]

    def change_own(self, short, is_accepted):
        """Vouch for a device of the account, or remove it."""
        self._make_device()
        if self.ring.mine is None:
            raise Impossible("The list of your devices has not come yet: try again.")
        try:
            self._publish(self.ring.change_own(short, is_accepted))
        except Unsealable as error:
            raise Impossible(str(error)) from None

    def digits(self, name):
        """The digits to compare with somebody."""
        self._make_device()
        self._check_known(name)
        return self.ring.digits(name)

    def confirm(self, name):
        """The digits have been compared, and are the same."""
        self._make_device()
        self._check_known(name)
        self.ring.confirm(name)
        self._save()

    def _check_known(self, name):
        if self.ring.mine is None or not self.ring.knows(name) or name == self.ring.name:
            self._ask_for(name)
            raise Impossible("No device of %s is known yet; it is asked for now, so try again." % name)

    # ---- lists

    def _ask(self, answer, **fields):
        self._protocol.ask_keys(events.Request(KEYS, None, None), answer, **fields)

    def _ask_own(self):
        self._is_ready, self._trouble, name = False, None, self.ring.name

        def answer(request, fields):
            if not self._is_device or name != self.ring.name:
                return []
            if fields["on"] == "no":
                self._trouble = "The server does not tell which devices you have: %s." % fields["text"]
                return []
            try:
                data, told = self.ring.learn_own(_bytes(fields["devices"]), time.time())
            except (Unsealable, BadList) as error:
                self._trouble = str(error)
                self._tell(self._trouble)
                return []
            self._tell(*told)
            self._save()  # no key is published that could be lost
            if data:
                self._publish(data)
            else:
                self._is_ready = self.ring.is_ready
            return []

        self._ask(answer, of=name)

    def _publish(self, data):
        self._is_ready = False

        def answer(request, fields):
            if fields["on"] == "no":
                if fields["why"] == "older-list":
                    self._ask_own()
                else:
                    self._trouble = "The server does not take the list of your devices: %s." % fields["text"]
                    self._tell(self._trouble)
                return []
            self.ring.published(data)
            self._is_ready = self.ring.is_ready
            return []

        self._ask(answer, publish=base64.urlsafe_b64encode(data).rstrip(b"=").decode())

    def _ask_for(self, name):
        if name in self._asked:
            return
        self._asked.add(name)

        def answer(request, fields):
            self._asked.discard(name)
            self._fresh.add(name)
            if fields["on"] != "no" and self.ring is not None:
                self._tell(*self.ring.learn(name, _bytes(fields["devices"])))
            return []

        self._ask(answer, of=name)

    def _ask_members(self, room):

        def answer(request, fields):
            self._members[room] = fields.get("names") or [self.ring.name]  # then the server will refuse it
            return []

        self._protocol.ask_keys(events.Request(KEYS, None, None), answer, do="who", room=room)

    def _tell(self, *sentences):
        self._news += map(events.Notice, sentences)

    def _save(self):
        try:
            if self.ring is not None:
                self.ring.save()
        except OSError as error:
            self._tell("The keys of this device cannot be kept: %s." % error.strerror)

    # ---- in

    def _opened(self, event):
        """A list with the event as it is reported, or an empty one; None if it has to wait for a list of devices."""
        if isinstance(event, (events.Done, events.Refused, events.Unsure)) and isinstance(
                event.request.text, Envelope):
            request = meant(event.request)
            return [] if request is None else [event._replace(request=request)]
        if not is_to_open(event):
            return [event]
        if not self._is_device or self._trouble:
            return [event._replace(text=NOTE)]
        if not self._is_ready:
            return None
        envelope = event.text
        try:
            text = self.ring.open(envelope.by, envelope.place, envelope.number, envelope, time.time())
        except Unopened as why:
            return [event._replace(text="%s: %s" % (NOTE, why))]
        except Stranger:
            if envelope.by in self._fresh or envelope.by == self.ring.name:
                return [event._replace(text="%s: it is from a device that %s is not known to have." % (
                    NOTE, envelope.by))]
            self._ask_for(envelope.by)
            return None
        if text is None:
            return []
        if isinstance(event, events.Whispered):
            self.ring.set_sealed(envelope.by, True)  # so that the answer is sealed, too
        return [event._replace(text=opened(text))]

    # ---- out

    def _seal_next(self):
        """Seal and post what can be sealed now. Returns a `Refused` for each request that cannot be sealed."""
        refused = []
        while self._outgoing and self._is_device:
            first, why_not = self._outgoing[0], None
            place = first.place if isinstance(first, Look) else first.about or LOBBY_ROOM
            try:
                names = self._names_at(place)
                if names is None:
                    break
                if isinstance(first, Look):
                    self.ring.receivers(place, names)
                else:
                    self._post(first, place, names)
            except (Unsealable, Impossible) as why:
                why_not = str(why)
            self._outgoing.popleft()
            if isinstance(first, Look):
                first.then(why_not)
            elif why_not is not None:
                refused.append(events.Refused(first, why_not))
        if self._protocol is not None:
            self._protocol.send_posts()
        return refused

    def _names_at(self, place):
        """The names of the receivers, once all their lists are known; None until then. Raises `Unsealable`."""
        if self._trouble:
            raise Unsealable(self._trouble)
        if not self._is_ready:
            return None
        if not place.startswith("#"):
            names = [place]
        else:
            names = self._members.get(place)
            if names is None:
                self._members[place] = ()
                self._ask_members(place)
                return None
            if not names:
                return None  # the members have been asked for
        missing = [name for name in names if name != self.ring.name and name not in self._fresh]
        if missing and len(names) <= MOST_MEMBERS:
            for name in missing:
                self._ask_for(name)
            return None
        return names

    def _post(self, request, place, names):
        """Seal the text of a request for these receivers, and post it. Raises `Unsealable`, or `Impossible`."""
        if place.startswith("#"):
            found = self.ring.seal_in_room(place, names, request.text, time.time())
        else:
            found = [self.ring.seal_whisper(place, request.text, time.time())]
        for one in found:
            envelope = Envelope(one)
            envelope.plain = request.text if one is found[-1] else None
            self._protocol.post(request._replace(text=envelope))


def _bytes(text):
    """The bytes of a list of devices, from the server's base64url; None if there is none."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if text else None
