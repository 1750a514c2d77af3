"""What others are told of a client, and what it wants to be told of them."""
from parley.server.chat.names import spelled
from parley.server.chat.room import LOBBY
from parley.server.chat.session.base import LONGEST_PERSONAL, Base
from parley.server.chat.session.states import MEMBER, STRANGER, handles
from parley.server.chat.sizes import BYTES, DICT, ITEM, SLOT
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import Reason
from parley.server.protocols.text import canonical_within, one_line

LONGEST_USER = 32  # bytes
WATCHED_SIZE = DICT + 2 * SLOT + BYTES + ITEM  # bytes of the hub's memory for a watched name, beside the name
WATCHED_A_MESSAGE = 16  # names that may be watched for the cost of a message, as each is answered


class Personal(Base):
    """Away, real name, flags, metadata, devices, whom it watches, up to where it has read."""

    __slots__ = ()

    @handles(events.Away)
    def _away(self, away):
        text = canonical_within(away.text, LONGEST_PERSONAL) if away.text else b""
        if text is None:
            self._refuse(Reason.TEXT_TOO_LONG, away)
        else:
            self.client.hub.ask(ToHub.Away(self.client.number, away.away, one_line(text)))

    @handles(events.Introduce, of=(STRANGER, MEMBER))
    def _introduce(self, introduce):
        user = canonical_within(introduce.user, LONGEST_USER)
        if user is None:
            self._refuse(Reason.TEXT_TOO_LONG, introduce)
            return
        self._with_real_name(introduce, lambda name: self.client.hub.ask(
            ToHub.RealName(self.client.number, name, one_line(user))))

    @handles(events.SetName)
    def _set_name(self, command):
        self._with_real_name(command, lambda name: self._ask(command, ToHub.SetName(self.client.number, name)))

    def _with_real_name(self, command, then):
        name = canonical_within(command.real_name, LONGEST_PERSONAL)
        if name is None:
            self._refuse(Reason.TEXT_TOO_LONG, command)
        else:
            self._is_known = True
            then(one_line(name))

    @handles(events.SetFlag)
    def _set_flag(self, command):
        self._ask(command, ToHub.SetFlag(self.client.number, command.flag, command.on))

    @handles(events.SetMetadata)
    def _set_metadata(self, command):
        value = command.value
        if value is not None:
            value = canonical_within(value, events.LONGEST_VALUE)
            if value is None:
                self._refuse(Reason.TEXT_TOO_LONG, command)
                return
            value = one_line(value)
        self._charge_for_all()
        self._ask(command, ToHub.SetMetadata(self.client.number, *self._target(command), command.key, value))

    @handles(events.ReadMetadata)
    def _read_metadata(self, command):
        if command.everybody:
            self._charge_for_all()
        self._ask(command, ToHub.ReadMetadata(
            self.client.number, *self._target(command), command.keys, command.everybody))

    def _target(self, command):
        """(name of a room, name of a user) that a command is about; one of them is empty."""
        return (b"", self._whom(command.name)) if command.name else (self._named(command.room), b"")

    @handles(events.Follow)
    def _follow(self, follow):
        self.client.hub.ask(ToHub.Follow(self.client.number, follow.keys))

    @handles(events.Watch)
    def _watch(self, watch):
        self.client.charge(len(watch.names) // WATCHED_A_MESSAGE)
        names = tuple(filter(None, map(spelled, watch.names)))
        size = len(names) * WATCHED_SIZE + sum(map(len, names))
        if self._watches(size):
            self.client.hub.ask(ToHub.Watch(self.client.number, names, self._traits.converses))
        else:
            self._refuse(Reason.LIST_FULL, watch)

    @handles(events.MarkRead)
    def _mark_read(self, mark):
        room, partner = LOBBY if mark.partner else self._room(mark.room), spelled(mark.partner)
        if room is None:
            self._refuse(Reason.NOT_INSIDE, mark)
        elif mark.partner and not partner:
            self._refuse(Reason.INVALID_NAME, mark)
        else:
            self.client.hub.ask(ToHub.MarkRead(self.client.number, room, partner, mark.number))

    @handles(events.PublishDevices)
    def _publish_devices(self, publish):
        if spelled(publish.name) != self.client.name:
            self._refuse(Reason.NOT_YOU, publish)
        else:
            self._ask(publish, ToHub.PublishDevices(self.client.number, publish.number, publish.data))

    @handles(events.DevicesOf)
    def _devices_of(self, asked):
        self._ask(asked, ToHub.DevicesOf(self.client.number, spelled(asked.name)))
