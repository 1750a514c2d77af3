"""Sending messages, and their acknowledgements."""
from parley.server.chat.names import spelled
from parley.server.chat.room import LOBBY
from parley.server.chat.session.base import HELD_AGAINST_BANS, LOOKED_THROUGH, unlabelled
from parley.server.chat.session.rooms import Rooms
from parley.server.chat.session.states import MEMBER, WAITING, handles
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import Reason
from parley.server.protocols.text import LF, is_blank, one_line

LONGEST_EXTRA = 8192  # bytes of a message's extra: see `parley.server.protocols.events.Say`
_MOST_WORDS = 0xFFFFFFFF  # messages of a session, after which their serials begin again with 1
TYPING_EVERY = 3.0  # seconds; a notification that comes sooner is dropped


class Talk(Rooms):
    """Messages to rooms, which some protocols enter by that, and to one person.

    With the trait `numbered`, several messages may be pending.
    """

    __slots__ = ()

    @handles(events.Say)
    def _say(self, say):
        if not self._is_fit(say):
            return
        room = self._room_of(say)
        if room is not None:
            self._put(say, say, room)
        elif self._traits.enters_by_talking:
            self._enter(say)
        elif self._traits.converses and say.text:
            self.client.charge(HELD_AGAINST_BANS)
            self._ask(say, ToHub.SayOutside(self.client.number, self._named(say.room), say.text))
        else:
            self._refuse(Reason.NOT_INSIDE, say)

    def _say_along(self, command):
        """Say one more message while others are pending, unless it would be answered at once, before those."""
        say = unlabelled(command)
        if (type(say) is not events.Say or say.claimed is not None or is_blank(say.text)
                or len(say.extra) > LONGEST_EXTRA):
            return False
        room = self._room_of(say)
        if room is not None:
            self._put(command, say, room)
        return room is not None

    def _say_together(self, commands, start):
        """Say plain talk in one room, from this command on, as a block. Returns how many messages; 0 if it is only one.

        So what comes in one read costs the hub and the listeners little more than a single message.
        """
        client, traits, first = self.client, self._traits, unlabelled(commands[start])
        if (type(first) is not events.Say or traits.acknowledges and not traits.numbered
                or client.state is not MEMBER and (client.state is not WAITING or type(self._question) is not dict)):
            return 0
        texts, others = [], (None, None, first.room, b"", b"")
        for position in range(start, len(commands)):  # a copy of all the rest, for each command, would cost its square
            command = commands[position]
            say = command.command if type(command) is events.Labelled else command
            if type(say) is not events.Say or say[1:] != others or is_blank(say.text):
                break
            texts.append(say.text)
        count = len(texts)
        room = self._room_of(first) if count > 1 else None
        if room is None or self._last_word + count > _MOST_WORDS:
            return 0
        client.audience.said += count
        self.said_at = client.heard_at
        serial = self._remember(commands[start:start + count]) if traits.numbered else 0
        text = b"\0".join(texts)
        if LF in text:
            self._charge_for_lines(text)
        client.hub.say(room, client.number, client.name, text, None, traits.acknowledges, serial, count)
        if traits.acknowledges:
            client.state = WAITING  # until they are stored
        return count

    def _put(self, command, say, room):
        """Say a message in the room of this number. command: the same, perhaps with a label for its answer."""
        client, traits = self.client, self._traits
        client.audience.said += 1
        if LF in say.text:
            self._charge_for_lines(say.text)
        self.said_at = client.heard_at
        serial = self._remember((command,)) if traits.numbered else 0
        if say.tag:
            client.hub.ask(ToHub.SayOnce(client.number, room, say.text, say.tag, serial))
        elif say.extra:
            client.hub.say_with_extra(
                room, client.number, client.name, say.text, say.extra, say.time, traits.acknowledges, serial)
        else:
            client.hub.say(room, client.number, client.name, say.text, say.time, traits.acknowledges, serial)
        if traits.acknowledges:
            client.state = WAITING  # until it is stored
            if not serial:
                self._question = say

    def _remember(self, commands):
        """Remember that these messages are pending, with consecutive serials. Returns that of the first."""
        if self._question is None:
            self._question = {}
        first = self._last_word % _MOST_WORDS + 1
        self._question.update(zip(range(first, first + len(commands)), [[command, None] for command in commands]))
        self._last_word = first + len(commands) - 1
        return first

    def _is_fit(self, said):
        """May this be said: is it neither empty nor too long, and is the claimed sender the client?"""
        if said.claimed is not None and spelled(said.claimed) != self.client.name:
            self._refuse(Reason.NOT_YOU, said)
        elif is_blank(said.text) and (said.text or not said.extra):
            self._refuse(Reason.BAD_FORM, said)
        elif said.extra and len(said.extra) > LONGEST_EXTRA:
            self._refuse(Reason.TEXT_TOO_LONG, said)
        else:
            return True
        return False

    @handles(events.Whisper)
    def _whisper(self, whisper):
        if self._is_fit(whisper):
            client = self.client
            client.audience.whispered += 1
            if LF in whisper.text:
                self._charge_for_lines(whisper.text)
            self.said_at = client.heard_at
            self._ask(whisper, ToHub.Whisper(
                client.number, client.name, self._whom(whisper.to), whisper.text, whisper.time, client.address()[0],
                whisper.tag, whisper.extra))

    @handles(events.Redact)
    def _redact(self, command):
        self.client.charge(LOOKED_THROUGH)
        self._ask(command, ToHub.Redact(
            self.client.number, self._whom(command.to), command.number, one_line(command.text)))

    @handles(events.Typing)
    def _typing(self, typing):
        to = typing.to and spelled(typing.to)
        room = LOBBY if to else None if typing.to else self._room(typing.room)
        if room is not None and self.client.heard_at - self._typed_at >= TYPING_EVERY:
            self._typed_at = self.client.heard_at
            self.client.hub.ask(ToHub.Typing(self.client.number, room, to))
