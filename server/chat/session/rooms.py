"""Rooms: entering, leaving, moderation."""
from parley.server.chat.names import InvalidName, room_and_claims, spelled
from parley.server.chat.session.base import LOOKED_THROUGH, Base, in_brief
from parley.server.chat.session.states import handles
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import Reason
from parley.server.protocols.text import canonical, is_blank, one_line

# Acts about masks, with which each member of the room is compared.
_ABOUT_MASKS = frozenset(["ban", "unban", "bar", "mute", "unmute", "except", "unexcept", "invex", "uninvex"])
PATTERN_OF_ROOMS = 8  # the cost of a pattern in messages: the hub compares it with all rooms, of which it may have 1000
BYTES_OF_MASK_A_MESSAGE = 16  # bytes of a mask for the cost of a message: long ones take the hub longer
_ABOUT_SOMEBODY = ("invite", "kick", "voice", "devoice", "op", "deop")  # acts that are about one name


class Rooms(Base):
    """What a client asks about rooms, and the rooms that it is in."""

    __slots__ = ()

    @handles(events.Enter)
    def _enter(self, command):
        request = self._to_enter(command)
        if request is None:
            self._refuse(Reason.INVALID_ROOM, command)
        else:
            self._ask(command, request)

    def _to_enter(self, command):
        """The request to enter the room of an Enter or a Say; None if no room can have this name."""
        try:
            name, occupied = room_and_claims(command.room)
        except InvalidName:
            return None
        key = getattr(command, "key", None)
        return ToHub.Enter(self.client.number, name, occupied, None if key is None else one_line(canonical(key)),
                           self._traits.converses, self._traits.sealed)

    def _enter_along(self, command):
        """Ask for one more room while such questions are open: after a reconnect a client enters all its rooms."""
        if type(self._question) is events.Enter:
            self._question = [self._question]
        if type(self._question) is not list:
            return False
        request = self._to_enter(command)
        if request is None:
            return False
        self._question.append(command)
        self.client.hub.ask(request)
        return True

    @handles(events.Exit)
    def _exit(self, command):
        self._ask(command, ToHub.Exit(self.client.number, self._named(command.room), in_brief(command.why)))

    @handles(events.Manage)
    def _manage(self, command):
        about = self._whom(command.about) if command.act in _ABOUT_SOMEBODY else spelled(command.about)
        if command.act in _ABOUT_MASKS:
            self.client.charge(len(about) // BYTES_OF_MASK_A_MESSAGE)
            self._charge_for_all()
        elif command.act == "redact":
            self.client.charge(LOOKED_THROUGH)
        self._ask(command, ToHub.Manage(
            self.client.number, self._named(command.room), command.act,
            one_line(canonical(about)), one_line(command.text)))

    @handles(events.Masks)
    def _masks(self, command):
        self._ask(command, ToHub.Masks(self.client.number, self._named(command.room), command.kind))

    @handles(events.Topic)
    def _topic(self, command):
        self._ask(command, ToHub.Topic(self.client.number, self._named(command.room)))

    @handles(events.Look)
    def _look(self, command):
        self._look_up(command, ToHub.Look((), self._named(command.room)))

    @handles(events.Roles)
    def _roles(self, command):
        self._ask(command, ToHub.Roles(self.client.number, self._named(command.room)))

    @handles(events.Rooms)
    def _rooms(self, command):
        if command.pattern is not None:
            self.client.charge(PATTERN_OF_ROOMS)
            if self._traits.converses:
                self._charge_for_all()  # members of the lobby are counted for it
        self._look_up(command, ToHub.ListRooms((), command.pattern, self._traits.converses, command.invited))

    @handles(events.Wallops)
    def _wallops(self, command):
        if is_blank(command.text):
            self._refuse(Reason.BAD_FORM, command)
        else:
            self._ask(command, ToHub.Wallops(self.client.number, command.text))

    # ---- what the hub answers

    def inside(self, room, topic, around=(), sealed=False):
        """The client is in the room, and hears it from here on. around: a `Looked`, if it gets one."""
        if self.client.name is None:  # it has asked for that, and is welcomed next
            if self._coming:
                self.client.audience.hold_back(self.client)
            self.client.audience.enter(self.client, room.number)
            return
        self.client.audience.enter(self.client, room.number)
        question = self._answered()
        if type(question) is events.Say:
            self._go_on(then=question)
        else:
            self._go_on(events.Inside(room.name, topic, question, sealed), *around)

    def listen(self, room, hears):
        """Begin or stop hearing, without a name, the room to whose port the client has connected."""
        if hears:
            self.client.audience.enter(self.client, room.number)
        else:
            self.client.audience.leave(self.client, room.number)

    def outside(self, room, reason=None):
        """The client has left the room. If that was the room to whose port it has connected, it has no place left.

        reason: why it had to leave, or None.
        """
        if room.name and room.name == self.client.audience.home:
            if self.client.name is not None:  # else it is a stranger again (see `forget`), and may log in once more
                self.leave(reason)
        else:
            self.client.audience.leave(self.client, room.number)
