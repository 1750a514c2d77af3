"""What a chat can ask about rooms."""
import unicodedata
from typing import Any, Optional

from parley.client.protocol import LOBBY_ROOM, Impossible


def room_name(room: str) -> str:
    """The name of a room as the server writes it; raises `Impossible` if no room can be called so."""
    room = unicodedata.normalize("NFC", room.encode("utf-8", "replace").decode())
    if not room.startswith("#") or len(room) < 2 or any(character.isspace() for character in room):
        raise Impossible("The name of a room is one word that begins with #, such as #dev.")
    return room


def place(room: Optional[str]) -> Optional[str]:
    """`room_name`, but None for the lobby, by whichever name."""
    return None if room in (None, LOBBY_ROOM) else room_name(room or "")


class RoomRequests:
    """The requests of a `Chat` that are about rooms; they raise `Impossible` as all of its requests do.

    `room` is a name such as "#dev". #lobby is the lobby, in which only operators may do what `manage` does.
    """

    def _request(self, method: str, *arguments: Any) -> None:
        raise NotImplementedError

    def join_room(self, room: str, key: Optional[str] = None) -> None:
        """Enter `room`, which is made if there is none of this name; `key`: the word that its owner may demand."""
        self._request("join_room", room_name(room), key)

    def leave_room(self, room: str) -> None:
        """Leave `room`."""
        self._request("leave_room", room_name(room))

    def rooms(self, pattern: Optional[str] = None) -> None:
        """The rooms whose names match a shell pattern such as "#*", or those that you are in: `Rooms`."""
        self._request("rooms", pattern)

    def who(self, room: str) -> None:
        """Who is in `room`: `Users`."""
        self._request("who", room_name(room))

    def topic(self, room: str, text: Optional[str] = None) -> None:
        """What the topic of `room` is: `Topic`. With a text: make it the topic; an empty one takes it away."""
        if text is None:
            self._request("topic", room_name(room))
        else:
            self.manage(room, "topic", None, text)

    def manage(self, room: str, act: str, about: Optional[str] = None, text: Optional[str] = None) -> None:
        """Do something to `room`, or to somebody in it.

        act: topic, invite, kick, ban, unban, mute, unmute, voice, devoice, op, deop, set or drop. about: the user, or
        the setting. text: why, the new topic, or the value of the setting.
        """
        self._request("manage", room_name(room), act, about, text)

    def invite(self, room: str, name: str) -> None:
        """Let `name` in once, within an hour."""
        self.manage(room, "invite", name)

    def kick(self, room: str, name: str, why: Optional[str] = None) -> None:
        """Put `name` out of `room`."""
        self.manage(room, "kick", name, why)

    def ban(self, room: str, pattern: str, why: Optional[str] = None) -> None:
        """Put out, and keep out, a name or all that match a shell pattern."""
        self.manage(room, "ban", pattern, why)

    def unban(self, room: str, pattern: str) -> None:
        """Take a ban back; `pattern` as it was banned."""
        self.manage(room, "unban", pattern)

    def mute(self, room: str, name: str, why: Optional[str] = None) -> None:
        """Do not let `name` speak in `room`."""
        self.manage(room, "mute", name, why)

    def unmute(self, room: str, name: str) -> None:
        """Let `name` speak again."""
        self.manage(room, "unmute", name)

    def voice(self, room: str, name: str) -> None:
        """Let `name` speak where the room is moderated, slow, or mutes them."""
        self.manage(room, "voice", name)

    def devoice(self, room: str, name: str) -> None:
        """Take the voice of `name` back."""
        self.manage(room, "devoice", name)

    def op(self, room: str, name: str) -> None:
        """Let `name` keep order in `room`."""
        self.manage(room, "op", name)

    def deop(self, room: str, name: str) -> None:
        """Let `name` keep order no more."""
        self.manage(room, "deop", name)

    def set(self, room: str, setting: str, value: str) -> None:  # noqa: A003
        """Set `setting` of `room`: private, invite, moderated, sealed: on or off; key, limit, slow: a value or off."""
        self.manage(room, "set", setting, value)

    def drop(self, room: str) -> None:
        """Close `room` for good."""
        self.manage(room, "drop")
