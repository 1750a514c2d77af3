"""What rooms are, for the servers that are wrong on purpose: docs/rooms.md, in the words of no protocol.

A client has `name`, None for a stranger. Whoever uses the rules tells people what happens: `told(client, room, who,
text)`, where `who` is None if the text is something that happened, and `invited(client, room, by)`.
"""
import fnmatch
import time
import unicodedata

LOBBY = "#lobby"
MEMBER, VOICE, OP, OWNER, OPERATOR = range(5)
SETTINGS = ("private", "invite", "moderated", "key", "limit", "slow")
CLOSED = ("private", "invite", "key")
GIVES = {"voice": (MEMBER, VOICE), "devoice": (VOICE, MEMBER), "op": (VOICE, OP), "deop": (OP, MEMBER)}
WORDS = {"kick": "kicked", "ban": "banned", "mute": "muted", "unban": "unbanned", "unmute": "unmuted",
         "voice": "gave a voice to", "devoice": "took the voice from", "op": "made an op of", "deop": "took op from"}
ALIKE = str.maketrans("\u0430\u0435\u043e\u0440\u0441", "aeopc")


class Refused(Exception):
    """The argument is the word for why."""


def skeleton(name):
    return unicodedata.normalize("NFKC", name).casefold().translate(ALIKE)


def good_name(name):
    """May a room have this name?"""
    rest = name[1:]
    return (name.startswith("#") and 1 <= len(rest) <= 32 and not set(rest) & set(",:| ")
            and unicodedata.category(rest[0])[0] != "M"
            and not any(unicodedata.category(char)[0] in "CZ" for char in rest))


class Room:
    def __init__(self, name, owner):
        self.name = name
        self.owner = owner  # an account, or None
        self.members = []  # clients, as they came
        self.roles = {}  # name -> role
        self.topic = ""
        self.settings = {}
        self.bans, self.mutes = set(), set()
        self.invited = set()
        self.said = []  # (time, who, text)
        self.first = {}  # name -> how much had been said when it came first
        self.spoke = {}  # name -> when

    def is_on(self, setting):
        return self.settings.get(setting, "off") != "off"


class Rooms:
    """bugs: the set of the server's. has_account(name), operators: names. told, invited: see above."""

    def __init__(self, bugs, has_account, operators, told, invited, everybody):
        self.bugs = bugs
        self.has_account = has_account
        self.operators = operators
        self.told = told
        self.invited = invited
        self.everybody = everybody  # gives all clients
        self.lobby = Room(LOBBY, None)
        self.rooms = {}
        self.former = {}  # client -> the names that it had before
        self.held = []  # what a bug holds back

    # ---- who may what

    def rank(self, room, name):
        if name in self.operators and "rooms-no-operators" not in self.bugs:
            return OPERATOR
        return OWNER if room.owner == name else room.roles.get(name, MEMBER)

    def _known(self, client, name):
        """The room, if the client may know of it."""
        room = self.rooms.get(name)
        if name == LOBBY:
            return self.lobby
        if room is None or self._is_hidden(client, room) and "rooms-private-answers" not in self.bugs:
            raise Refused("no-such-room" if "rooms-one-word" not in self.bugs else "not-allowed")
        return room

    def _is_hidden(self, client, room):
        return room.is_on("private") and client not in room.members and self.rank(room, client.name) < OPERATOR

    def _inside(self, client, name):
        room = self._known(client, name)
        if client not in room.members and room is not self.lobby and self.rank(room, client.name) < OPERATOR:
            if "rooms-outsiders-may" not in self.bugs:
                raise Refused("not-in-room")
        return room

    def _someone(self, room, name):
        members = self.everybody() if room is self.lobby else room.members
        for one in members:
            if one.name == name:
                return one
        raise Refused("user-not-in-room")

    # ---- coming and going

    def enter(self, client, name, key=None):
        """The room."""
        if name == LOBBY:
            return self.lobby
        if not good_name(name) and "rooms-any-name" not in self.bugs:
            raise Refused("invalid-room")
        alike = [one for one in self.rooms if skeleton(one) == skeleton(name) and one != name]
        if alike and "rooms-look-alikes" not in self.bugs:
            raise Refused("invalid-room")
        room = self.rooms.get(name)
        if room is None:
            lasting = self.has_account(client.name) and "rooms-never-owned" not in self.bugs
            room = self.rooms[name] = Room(name, client.name if lasting else None)
            if not lasting and "rooms-no-maker" not in self.bugs:
                room.roles[client.name] = OP
        if client in room.members:
            return room
        try:
            self._keep_out(client, room, key)
        except Refused:
            if room.is_on("private") and "rooms-private-answers" not in self.bugs:
                raise Refused("invite-only") from None
            raise
        room.invited.discard(client.name) if "rooms-invited-for-good" not in self.bugs else None
        room.first.setdefault(client.name, len(room.said))
        room.members.append(client)
        self._happens(room, "%s joined" % client.name, but=client, bug="rooms-silent-join")
        if "rooms-joins-in-lobby" in self.bugs:
            for other in self.everybody():
                if other is not client and other not in room.members:
                    self.told(other, room.name, None, "%s joined" % client.name)
        return room

    def _keep_out(self, client, room, key):
        if self.rank(room, client.name) >= OP and "rooms-ops-kept-out" not in self.bugs:
            return
        is_banned = self.is_listed(room.bans, self.names_of(client), "rooms-bans-exact")
        if is_banned and "rooms-ban-nothing" not in self.bugs:
            raise Refused("banned")
        if room.is_on("invite") and client.name not in room.invited and "rooms-invite-open" not in self.bugs:
            raise Refused("invite-only")
        if room.is_on("key") and key != room.settings["key"] and "rooms-any-key" not in self.bugs:
            if client.name not in room.invited:
                raise Refused("wrong-key")
        if room.is_on("limit") and len(room.members) >= int(room.settings["limit"]):
            if "rooms-no-limit" not in self.bugs:
                raise Refused("room-full")

    def names_of(self, client):
        """Its name, and those that it had before."""
        return [client.name, *self.former.get(client, ())]

    def is_listed(self, patterns, names, exact):
        if exact in self.bugs:
            return names[0] in patterns
        return any(skeleton(one) == skeleton(name) or fnmatch.fnmatchcase(name, one)
                   for one in patterns for name in names)

    def leave(self, client, name):
        if name == LOBBY:
            raise Refused("is-lobby")
        room = self.rooms.get(name)
        if room is None or client not in room.members:
            raise Refused("not-in-room")
        self._remove(room, client)
        self._happens(room, "%s left" % client.name, bug="rooms-silent-leave")

    def _remove(self, room, client):
        if "rooms-leavers-hear" in self.bugs and client.name:
            return
        room.members.remove(client)
        if not self.has_account(client.name) or "rooms-roles-end" in self.bugs:
            room.roles.pop(client.name, None)
        if not room.members and not room.owner and "rooms-never-end" not in self.bugs:
            del self.rooms[room.name]
        if not room.members and "rooms-forget" in self.bugs:
            self.rooms.pop(room.name, None)

    def gone(self, client):
        """Its connection has ended."""
        self.former.pop(client, None)
        for room in [room for room in self.rooms.values() if client in room.members]:
            room.members.remove(client)
            if "rooms-ends-are-silent" not in self.bugs:
                self._happens(room, "%s left" % client.name)
            room.members.append(client)
            bugs, self.bugs = self.bugs, set(self.bugs) - {"rooms-leavers-hear"}
            self._remove(room, client)
            self.bugs = bugs

    def renamed(self, client, old):
        self.former.setdefault(client, []).append(old)
        for room in self.rooms.values():
            if client in room.members:
                room.roles[client.name] = room.roles.pop(old, MEMBER)
                self._happens(room, "%s is now %s" % (old, client.name), but=client, bug="rooms-silent-rename")

    # ---- talk

    def say(self, client, name, text, enters=False):
        if name == LOBBY:
            raise Refused("is-lobby")
        if enters and "rooms-send-enters-not" not in self.bugs:
            if not (name in self.rooms and client in self.rooms[name].members):
                self.enter(client, name)
        room = self.rooms.get(name)
        if room is None or client not in room.members and "rooms-outsiders-may" not in self.bugs:
            raise Refused("not-in-room")
        self.may_speak(client, room)
        room.said.append((int(time.time()), client.name, text))
        for member in list(room.members):
            if member is not client or "rooms-echo" in self.bugs:
                self._hand_over(member, name, client.name, text)
        if self.bugs & {"rooms-leak", "padded-rooms-hears"}:
            for other in self.everybody():
                if other not in room.members and ("rooms-leak" in self.bugs or other.protocol == "padded"):
                    self.told(other, name, client.name, text)

    def _hand_over(self, member, name, who, text):
        later = "rooms-swaps-speakers" in self.bugs or "rooms-mixes-order" in self.bugs and name.startswith("#dev")
        if member.protocol == "dollar" and later and not self.held:
            self.held.append((member, name, who, text))  # until the next one has been told
            return
        self.told(member, name, who, text)
        if "rooms-twice-" + member.protocol in self.bugs:
            self.told(member, name, who, text)
        if member.protocol == "dollar":
            for one in self.held:
                self.told(*one)
            self.held.clear()

    def may_speak(self, client, room):
        rank = self.rank(room, client.name)
        is_muted = self.is_listed(room.mutes, self.names_of(client), "")
        if rank < VOICE and is_muted and "rooms-mute-nothing" not in self.bugs:
            raise Refused("muted")
        if rank < VOICE and room.is_on("moderated") and "rooms-moderate-nothing" not in self.bugs:
            raise Refused("moderated")
        if rank < OP and "rooms-voice-is-nothing" in self.bugs and room.is_on("moderated"):
            raise Refused("moderated")
        if rank < VOICE and room.is_on("slow") and "rooms-never-slow" not in self.bugs:
            if time.monotonic() - room.spoke.get(client.name, -1e9) < float(room.settings["slow"]):
                raise Refused("slow-mode")
        room.spoke[client.name] = time.monotonic()

    def _happens(self, room, words, but=None, bug="", also=()):
        if bug in self.bugs:
            return
        members = self.everybody() if room is self.lobby else list(room.members)
        for member in members + list(also):
            if member is not but:
                self.told(member, room.name, None, words)

    # ---- looking

    def list(self, client, pattern=None):
        """(name, members, topic, is in it) of each."""
        found = []
        for room in self.rooms.values():
            inside = client in room.members
            if inside if pattern is None else fnmatch.fnmatchcase(room.name, pattern):
                if not self._is_hidden(client, room) or "rooms-private-listed" in self.bugs:
                    found.append((room.name, len(room.members), room.topic, inside))
        if "rooms-list-all" in self.bugs and pattern is None:
            return self.list(client, "*")
        return found

    def who(self, client, name):
        room = self._inside(client, name)
        members = self.everybody() if room is self.lobby or "rooms-who-lists-all" in self.bugs else room.members
        return [one.name for one in members if one.name]

    def topic(self, client, name):
        return self._known(client, name).topic

    def history(self, client, name):
        """(place, time, who, text) of all that the client is told."""
        room = self._inside(client, name)
        closed = any(map(room.is_on, CLOSED)) and "rooms-closed-tell-all" not in self.bugs
        since = room.first.get(client.name, 0) if closed and self.rank(room, client.name) < OPERATOR else 0
        if "rooms-tell-newcomers-nothing" in self.bugs:
            since = room.first.get(client.name, 0)
        start = 0 if "rooms-places-from-0" in self.bugs else 1
        return [(place, *said) for place, said in enumerate(room.said, start) if place - start >= since]

    # ---- order

    def manage(self, client, name, act, about="", text=""):
        if act == "invite":
            return self._invite(client, name, about)
        room = self._inside(client, name)
        rank = self.rank(room, client.name)
        if act == "drop":
            return self._drop(client, room, rank)
        if rank < (OPERATOR if room is self.lobby else OP) and "rooms-all-may" not in self.bugs:
            raise Refused("not-allowed")
        if room is self.lobby and act in ("topic", "voice", "devoice", "op", "deop"):
            raise Refused("is-lobby")
        if act == "topic":
            room.topic = "" if text == "-" and "rooms-topic-is-text" not in self.bugs else text
            words = "set the topic: " + text if room.topic else "took the topic away"
            self._happens(room, "%s %s" % (client.name, words), bug="rooms-silent-topic")
        elif act == "set":
            self._set(client, room, about, text)
        else:
            self._act_on(client, room, rank, act, about, text)
        return None

    def _set(self, client, room, setting, value):
        good = {"limit": value == "off" or value.isdigit(), "slow": value == "off" or value.isdigit(),
                "key": bool(value) and " " not in value}.get(setting, value in ("on", "off"))
        if setting not in SETTINGS or not good and "rooms-any-setting" not in self.bugs:
            raise Refused("invalid-setting")
        if room is self.lobby and setting not in ("moderated", "slow"):
            raise Refused("is-lobby")
        room.settings[setting] = value
        shown = value if setting != "key" or "rooms-tell-key" in self.bugs or value == "off" else "on"
        self._happens(room, "%s set %s: %s" % (client.name, setting, shown), bug="rooms-silent-set")

    def _act_on(self, client, room, rank, act, about, text):
        target = None
        if act in ("kick",):
            target = self._someone(room, about)
        if act in ("voice", "devoice", "op", "deop") and not self.has_account(about):
            target = self._someone(room, about)
        its = self.rank(room, about)
        is_better = its > rank or its == rank >= OWNER
        if is_better and "rooms-no-ranks" not in self.bugs and act not in ("unban", "unmute"):
            raise Refused("outranked" if rank < OPERATOR or about in self.operators else "not-allowed")
        words = "%s %s %s" % (client.name, WORDS[act], about)
        if text and "rooms-forget-why" not in self.bugs:
            words += ": " + text
        also = []
        if act == "kick":
            if room is self.lobby:
                return self._kick_out(target, client, words)
            if "rooms-kick-nothing" not in self.bugs:
                self._remove(room, target)
            also = [target] if "rooms-kicked-unawares" not in self.bugs else []
        elif act in ("ban", "mute"):
            (room.bans if act == "ban" else room.mutes).add(about)
            if act == "ban" and room is self.lobby:
                return self._kick_out(self._someone(room, about), client, words)
        elif act in ("unban", "unmute"):
            if "rooms-for-ever" not in self.bugs:
                (room.bans if act == "unban" else room.mutes).discard(about)
        elif "rooms-give-nothing" not in self.bugs:
            room.roles[about] = GIVES[act][1] if act in ("op", "voice") else MEMBER
            if act == "deop" and "rooms-op-stays" in self.bugs:
                room.roles[about] = OP
            if act == "devoice" and "rooms-voice-stays" in self.bugs:
                room.roles[about] = VOICE
        self._happens(room, words, bug="rooms-silent-" + act, also=[one for one in also if one])
        return None

    def _kick_out(self, target, client, words):
        for one in self.everybody():
            self.told(one, LOBBY, None, words)
        if "rooms-lobby-kick-nothing" not in self.bugs:
            self.end(target)

    def end(self, client):
        """End a connection, which was kicked."""

    def _invite(self, client, name, about):
        room = self._inside(client, name)
        if room is self.lobby:
            raise Refused("is-lobby")
        if self.rank(room, client.name) < OP and any(map(room.is_on, CLOSED)):
            raise Refused("not-allowed")
        target = next((one for one in self.everybody() if one.name == about), None)
        if target is None:
            raise Refused("user-not-found")
        room.invited.add(about)
        self._happens(room, "%s invited %s" % (client.name, about))
        if "rooms-invite-unawares" not in self.bugs:
            self.invited(target, name, client.name)

    def _drop(self, client, room, rank):
        if room is self.lobby:
            raise Refused("is-lobby")
        if rank < (OWNER if room.owner else OP) and "rooms-all-drop" not in self.bugs:
            raise Refused("not-allowed")
        if "rooms-drop-nothing" in self.bugs:
            return
        self._happens(room, "%s dropped the room" % client.name, bug="rooms-silent-drop")
        del self.rooms[room.name]
