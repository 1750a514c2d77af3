"""IRC's commands about people, and about the server. See `irc_rooms`."""
import functools
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from parley import __version__
from parley.server.protocols import events, irc_metadata
from parley.server.protocols.acts import is_room
from parley.server.protocols.events import Labelled, Reason
from parley.server.protocols.irc_caps import FIELDS, change_of, prefix_of
from parley.server.protocols.irc_rooms import prefixes_of, then
from parley.server.protocols.irc_talk import listed
from parley.server.protocols.irc_words import (
    HOST,
    LIST_BYTES,
    LOBBY,
    LONGEST_REAL_NAME,
    account_of,
    clock,
    date,
    lines_of_words,
    mask_matcher,
    middle,
    nick,
    nicks,
    plain_of,
    real_name_of,
    sentence,
    shown,
    user_of,
)
from parley.server.protocols.text import canonical, folded

Commands = Optional[Sequence[Any]]
_USERS_AT_ONCE = 500  # of a WHO, which take some milliseconds
_USERS_A_LINE = 5  # of 302: RFC 1459, 5.7
_NOBODY = events.Person()
_TOKENS_A_LINE = 13  # of 005
MOST_WATCHED = 100  # nicks of a MONITOR list
_MOST_OF_MONITOR = 2 * MOST_WATCHED  # in one line, each of which has to be compared with those on the list
_WHOX = b"tcuihsnfdlaor"  # the fields of 354, in their order


# ---- WHO

def who(client: Any, params: List[bytes]) -> Commands:
    """WHO and WHOX."""
    target = params[0] if params else b"*"
    fields, token = b"", b"0"
    if len(params) > 1 and b"%" in params[1]:
        fields, comma, given = params[1].partition(b"%")[2].partition(b",")
        token = given[:3] if comma and given.isdigit() else b"0"
        fields = bytes(field for field in _WHOX if field in fields)
    reply = _WhoReply(target, fields, token)
    return (_WhoInRoom if is_room(target) else _WhoByMask)(reply).commands()


class _WhoReply(NamedTuple):
    """How a WHO is answered. target: as it was sent. fields: of WHOX, in the order of _WHOX; empty for a plain WHO."""

    target: bytes
    fields: bytes
    token: bytes

    def tell(self, client: Any, name: bytes, room: bytes = b"*", prefix: bytes = b"") -> None:
        """352, or 354, for one user. prefix: that of a member of the room."""
        known, shown_as = client.known, nick(name)
        person = known.people.get(name, _NOBODY)
        flags = b"%b%b%b%b" % (
            b"H" if person.away is None else b"G", b"*" if b"o" in person.flags else b"", prefix,
            b"B" if b"B" in person.flags else b"")
        real_name = real_name_of(known, name)
        if not self.fields:
            client.numeric(b"352", room, user_of(known, name), HOST, client.server, shown_as, flags,
                           text=b"0 " + real_name)
            return
        account = account_of(known, name)
        values = {b"t": self.token, b"c": room, b"u": user_of(known, name), b"i": b"255.255.255.255", b"h": HOST,
                  b"s": client.server, b"n": shown_as, b"f": flags, b"d": b"0", b"l": b"0",
                  b"a": nick(account) if account else b"0", b"o": b"n/a"}
        wanted = [self.fields[at:at + 1] for at in range(len(self.fields))]
        client.numeric(b"354", *[values[field] for field in wanted if field != b"r"],
                       text=real_name if b"r" in wanted else None)

    def end(self, client: Any, answer: Any = None) -> None:
        """315."""
        client.numeric(b"315", middle(self.target), text=b"End of WHO list")


class _Who:
    """A WHO under way. users: (name, room, prefix) of each who is to be told."""

    def __init__(self, reply: _WhoReply) -> None:
        self._reply = reply
        self._users: List[Tuple[bytes, bytes, bytes]] = []

    def _tell(self, client: Any, answer: Any = None) -> None:
        """Tell of some, so that nobody else on the worker waits for all of thousands; then the end, if that is all."""
        for user in self._users[:_USERS_AT_ONCE]:
            self._reply.tell(client, *user)
        del self._users[:_USERS_AT_ONCE]
        if not self._users:
            self._told_all(client)

    def _told_all(self, client: Any) -> None:
        self._reply.end(client)

    def _go_on(self) -> Sequence[Any]:
        """What is asked next. The answer to Count, which comes in another tick, means nothing."""
        return [Labelled(self._tell, events.Count()), then(self._go_on)] if self._users else ()


class _WhoInRoom(_Who):
    """A WHO for a room."""

    def commands(self) -> Sequence[Any]:
        return [Labelled(self._looked, events.Look(self._reply.target)), then(self._go_on)]

    def _looked(self, client: Any, answer: Any) -> None:
        if isinstance(answer, events.Looked):
            prefix, room = prefixes_of(client, answer), shown(answer.room)
            self._users = [(name, room, prefix(name, role)) for name, role in answer.members]
        self._tell(client)


class _WhoByMask(_Who):
    """A WHO for a mask. It finds a user with the mode `i` only in the client's own rooms; these are asked for last."""

    def __init__(self, reply: _WhoReply) -> None:
        super().__init__(reply)
        wanted = b"*" if reply.target in (b"", b"0") else reply.target
        self._wanted, self._fits = wanted, mask_matcher(wanted)
        self._is_exact = b"*" not in wanted and b"?" not in wanted
        self._hidden: Set[bytes] = set()  # users with the mode `i` who have not been found in a room yet
        self._rooms = [LOBBY]

    def commands(self) -> Sequence[Any]:
        return [Labelled(self._present, events.Who()), then(self._go_on)]

    def _present(self, client: Any, answer: Any) -> None:
        wanted = client.name_of(self._wanted)
        for name in answer.names if isinstance(answer, events.Present) else ():
            if name == wanted or self._fits(nick(name)):
                flags = client.known.people.get(name, _NOBODY).flags
                if b"i" in flags and name != client.name and not self._is_exact:
                    self._hidden.add(name)
                else:
                    self._users.append((name, b"*", b""))
        self._tell(client)

    def _told_all(self, client: Any) -> None:
        if not self._hidden:
            self._reply.end(client)

    def _go_on(self) -> Sequence[Any]:
        if self._users or not self._hidden:
            return super()._go_on()
        return [Labelled(self._listed, events.Rooms(None)), then(self._look), Labelled(
            self._reply.end, events.TimingMark())]

    def _listed(self, client: Any, answer: Any) -> None:
        self._rooms.extend([room for room, _, _, _ in getattr(answer, "rooms", ())])

    def _look(self) -> Sequence[Any]:
        return [Labelled(self._looked, events.Look(room)) for room in self._rooms]

    def _looked(self, client: Any, answer: Any) -> None:
        for name, _ in answer.members if isinstance(answer, events.Looked) and answer.inside else ():
            if name in self._hidden:
                self._hidden.remove(name)
                self._reply.tell(client, name)


# ---- WHOIS and the like

def whois(client: Any, params: List[bytes]) -> Commands:
    """WHOIS."""
    wanted, *others = (params[1] if len(params) > 1 else params[0]).split(b",")

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.WhoisTold):
            _tell_all_of(client, answer)
        else:
            client.numeric(b"401", middle(wanted), text=b"No such nick")

    def end(me: Optional[bytes]) -> Any:
        return client.alone(b"318", middle(wanted), text=b"End of /WHOIS list"), ()

    if not wanted:
        client.numeric(b"431", text=b"No nickname given")
        return None
    if others:
        client.too_many_targets(others[0])
        return None
    name = client.name_of(wanted)
    return [Labelled(told, events.Whois(name)), *irc_metadata.whois(client, name), events.Turn(end)]


def _tell_all_of(client: Any, told: events.WhoisTold) -> None:
    known, one = client.known, nick(told.name)
    person = known.people.get(told.name, _NOBODY)
    client.numeric(b"311", one, user_of(known, told.name), HOST, b"*", text=real_name_of(known, told.name))
    for line in lines_of_words([prefix_of(role) + shown(room) for room, role in told.rooms], b" "):
        client.numeric(b"319", one, text=line)
    client.numeric(b"312", one, client.server, text=b"Parley")
    if person.away is not None:
        client.numeric(b"301", one, text=person.away)
    if told.operator:
        client.numeric(b"313", one, text=b"is an operator")
    account = account_of(known, told.name)
    if account:
        client.numeric(b"330", one, nick(account), text=b"is logged in as")
    if b"B" in person.flags:
        client.numeric(b"335", one, text=b"is a bot")
    if told.host:
        client.numeric(b"338", one, told.host.encode(), text=b"is actually using host")
    client.numeric(b"317", one, b"%d" % max(told.idle, 0), b"%d" % told.signed_on, text=b"seconds idle, signon time")


def whowas(client: Any, params: List[bytes]) -> Commands:
    """WHOWAS."""
    wanted = params[0]
    most = int(params[1][:6]) if len(params) > 1 and params[1].isdigit() else 0

    def told(client: Any, answer: Any) -> None:
        people = answer.people if isinstance(answer, events.WhoWasTold) else ()
        for name, _, real_name, left_at, user_name in people:
            client.numeric(b"314", nick(name), user_name or nick(name), HOST, b"*", text=real_name or nick(name))
            client.numeric(b"312", nick(name), client.server, text=date(left_at))
        if not people:
            client.numeric(b"406", middle(wanted), text=b"There was no such nickname")
        client.numeric(b"369", middle(wanted), text=b"End of WHOWAS")

    if not wanted:
        client.numeric(b"431", text=b"No nickname given")
        return None
    return [Labelled(told, events.WhoWas(client.name_of(wanted), most))]


def userhost(client: Any, params: List[bytes]) -> Commands:
    """USERHOST."""
    wanted = list(dict.fromkeys(map(bytes.lower, params)))

    def told(client: Any, answer: Any) -> None:
        present = _by_nick(answer)
        found = [_userhost(client, present[one]) for one in wanted if one in present]
        for start in range(0, len(found) or 1, _USERS_A_LINE):
            client.numeric(b"302", text=b" ".join(found[start:start + _USERS_A_LINE]))

    return [Labelled(told, events.Who())]


def _by_nick(answer: Any) -> Dict[bytes, bytes]:
    """{the nick in small letters: the name} of who is here."""
    names = answer.names if isinstance(answer, events.Present) else ()
    return dict(zip([one.lower() for one in nicks(names)], names))


def _userhost(client: Any, name: bytes) -> bytes:
    person = client.known.people.get(name, _NOBODY)
    return b"%b%b=%b%b@%b" % (
        nick(name), b"*" if b"o" in person.flags else b"", b"+" if person.away is None else b"-",
        user_of(client.known, name), HOST)


def ison(client: Any, params: List[bytes]) -> Commands:
    """ISON."""
    wanted = list(dict.fromkeys([one.lower() for param in params for one in param.split(b" ") if one]))

    def told(client: Any, answer: Any) -> None:
        present = _by_nick(answer)
        for line in lines_of_words([nick(present[one]) for one in wanted if one in present], b" ") or [b""]:
            client.numeric(b"303", text=line)

    return [Labelled(told, events.Who())]


def away(client: Any, params: List[bytes]) -> Commands:
    """AWAY."""
    why = params[0] if params else b""
    refusals: List[str] = []

    def refused(client: Any, answer: Any) -> None:
        refusals.append(answer.reason)

    def told(client: Any, answer: Any) -> None:
        if refusals:
            client.refuse(refusals[0])
        else:
            client.numeric(b"306" if why else b"305", text=b"You are marked as away" if why else b"You are here again")

    # If it is done Away has no answer. Count has one, which comes once all workers have been told of Away.
    return [Labelled(refused, events.Away(bool(why), plain_of(params, 0))), Labelled(told, events.Count())]


def setname(client: Any, params: List[bytes]) -> Commands:
    """SETNAME."""
    wanted = plain_of(params, 0)

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Done):
            client.line(client.own_source(), b"SETNAME", text=wanted)
        else:
            client.fail(b"SETNAME", b"INVALID_REALNAME", text=sentence(answer.reason))

    if not wanted.strip():
        client.fail(b"SETNAME", b"INVALID_REALNAME", text=b"It has no characters")
        return None
    if len(wanted) > LONGEST_REAL_NAME:
        client.fail(b"SETNAME", b"INVALID_REALNAME", text=b"It has more than %d bytes" % LONGEST_REAL_NAME)
        return None
    return [Labelled(told, events.SetName(wanted))]


def oper(client: Any, params: List[bytes]) -> Commands:
    """OPER."""

    def told(client: Any, answer: Any) -> None:
        if isinstance(answer, events.Done):
            client.numeric(b"381", text=b"You are an operator now")
            client.line(client.server, b"MODE", client.me, b"+o")
        elif answer.reason == Reason.NOT_ALLOWED:
            client.numeric(b"491", text=b"No operator has this name")
        else:
            client.numeric(b"464", text=b"The password is wrong")

    return [Labelled(told, events.Oper(client.name_of(params[0]), params[1]))]


def wallops(client: Any, params: List[bytes]) -> Commands:
    """WALLOPS."""
    return [Labelled(functools.partial(_operator_told, b""), events.Wallops(plain_of(params, 0)))]


def kill(client: Any, params: List[bytes]) -> Commands:
    """KILL."""
    whom, why = params[0], plain_of(params, 1)
    return [Labelled(functools.partial(_operator_told, whom), events.Manage(LOBBY, "kick", client.name_of(whom), why))]


def _operator_told(whom: bytes, client: Any, answer: Any) -> None:
    if isinstance(answer, events.Refused):
        if answer.reason in (Reason.NOBODY, Reason.NOT_THERE):
            client.refuse(answer.reason, middle(whom), code=b"401")
        else:
            client.numeric(b"481", text=b"Only operators may do this")


def changed(client: Any, told: events.Changed) -> None:
    """Tell that somebody whom the client watches, or shares a room with, has changed."""
    if FIELDS.get(told.field) in client.caps:
        line = change_of(client.known, told)
        client.line(line[1:])


# ---- MONITOR

def monitor(client: Any, params: List[bytes]) -> Commands:
    """MONITOR."""
    what = params[0].upper()
    given = listed(params[1]) if len(params) > 1 else []
    looked_at, rest = given[:_MOST_OF_MONITOR], given[_MOST_OF_MONITOR:]
    watched = dict(client.watched or {})
    if what in (b"+", b"-") and not given:
        client.numeric(b"461", b"MONITOR", text=b"Not enough parameters")
    elif what == b"C":
        client.watched = None
        return [events.Watch(())]
    elif what == b"L":
        for line in lines_of_words([middle(nick(name)) for name, _ in watched.values()]):
            client.numeric(b"732", text=line)
        client.numeric(b"733", text=b"End of MONITOR list")
    elif what == b"S":
        for name, state in watched.values():
            _tell_presence(client, name, state)
    elif what == b"+":
        left_out = []
        for raw in looked_at:
            name = client.name_of(raw)
            if len(watched) < MOST_WATCHED or folded(name) in watched:
                watched[folded(name)] = name, ""
            else:
                left_out.append(raw)
        _tell_full(client, left_out + rest, b"The list is full")
        before, client.watched = client.watched, watched
        return [Labelled(functools.partial(_not_watched, before, given), _watch(client)),
                Labelled(_told_so_far, events.Count())]
    elif what == b"-":
        for raw in looked_at:
            watched.pop(folded(client.name_of(raw)), None)
        if rest:
            client.too_many(b"nicks", rest[0])
        client.watched = watched or None
        return [_watch(client)]
    else:
        client.fail(b"MONITOR", b"INVALID_PARAMS", middle(params[0]), text=b"There is no such subcommand")
    return None


def _watch(client: Any) -> events.Watch:
    return events.Watch(tuple([name for name, _ in (client.watched or {}).values()]))


def _not_watched(before: Any, given: Sequence[bytes], client: Any, answer: Any) -> None:
    """The list would take too much memory, with those of others at the same address: it stays as it was before."""
    client.watched = before
    _tell_full(client, given, b"The lists of your address are full")


def _tell_full(client: Any, left_out: Sequence[bytes], text: bytes) -> None:
    """734 for the nicks that are left out."""
    words = canonical(b",".join(left_out)).replace(b" ", b"").split(b",") if left_out else []
    for line in lines_of_words([word if len(word) < LIST_BYTES else middle(word) for word in words]):
        client.numeric(b"734", b"%d" % MOST_WATCHED, line, text=text)


def _told_so_far(client: Any, answer: Any) -> None:
    """Nothing to tell: Watch is answered by `Presence` events, which come before the answer to the Count behind it."""


def _tell_presence(client: Any, name: bytes, state: str) -> None:
    if state == "gone":
        client.numeric(b"731", text=middle(nick(name)))
    else:
        client.numeric(b"730", text=client.source(name))


def presence(client: Any, told: events.Presence) -> None:
    """Tell that somebody on the MONITOR list is here or gone; away and back is not told here (see `changed`)."""
    watched = client.watched or {}
    before = watched.get(folded(told.name))
    if before is None:
        return
    watched[folded(told.name)] = told.name, told.state
    if not before[1] or (before[1] == "gone") != (told.state == "gone"):
        _tell_presence(client, told.name, told.state)


# ---- the server

def lusers(client: Any, params: List[bytes]) -> Commands:
    """LUSERS."""
    return [Labelled(counted, events.Count())]


def counted(client: Any, answer: Any) -> None:
    """251, 252, 254, 255, 265 and 266. The maximum in 265 and 266 is that of the counts told by this worker so far."""
    if not isinstance(answer, events.Counted):
        return
    members = b"%d" % answer.members
    client.numeric(b"251", text=b"There are %b users and 0 invisible on 1 servers" % members)
    client.numeric(b"252", b"%d" % answer.operators, text=b"operator(s) online")
    client.numeric(b"254", b"%d" % answer.rooms, text=b"channels formed")
    client.numeric(b"255", text=b"I have %b clients and 0 servers" % members)
    known = client.known
    known.most_members = max(known.most_members, answer.members)
    most = b"%d" % known.most_members
    client.numeric(b"265", members, most, text=b"Current local users %b, max %b" % (members, most))
    client.numeric(b"266", members, most, text=b"Current global users %b, max %b" % (members, most))


def motd(client: Any, params: List[bytes]) -> Commands:
    """MOTD."""
    return [Labelled(motd_told, events.ReadMotd())]


def motd_told(client: Any, answer: Any) -> None:
    """375, 372 and 376, or 422."""
    if not isinstance(answer, events.Notice):
        return
    if not answer.text:
        client.numeric(b"422", text=b"There is no message of the day")
        return
    client.numeric(b"375", text=b"- %b message of the day -" % client.server)
    for line in answer.text.split(b"\n"):
        client.numeric(b"372", text=b"- " + line)
    client.numeric(b"376", text=b"End of /MOTD command")


def version(client: Any, params: List[bytes]) -> Commands:
    """VERSION."""
    client.numeric(b"351", b"parley-" + __version__.encode(), client.server, text=b"Parley")
    tell_supported(client)
    return None


def tell_supported(client: Any) -> None:
    """005."""
    tokens = client.supported
    for start in range(0, len(tokens), _TOKENS_A_LINE):
        client.numeric(b"005", *tokens[start:start + _TOKENS_A_LINE], text=b"are supported by this server")


def time(client: Any, params: List[bytes]) -> Commands:
    """TIME."""
    now = clock()
    client.numeric(b"391", client.server, b"%d" % now, b"0", text=date(now))
    return None


def info(client: Any, params: List[bytes]) -> Commands:
    """INFO."""
    client.numeric(b"371", text=b"Parley " + __version__.encode())
    client.numeric(b"371", text=b"One chat for seven protocols; %b is where all are" % LOBBY)
    client.numeric(b"374", text=b"End of INFO")
    return None


def admin(client: Any, params: List[bytes]) -> Commands:
    """ADMIN."""
    client.numeric(b"256", client.server, text=b"Administrative info")
    client.numeric(b"257", text=b"Ask the operators of this server")
    return None


_HELP = (
    b"JOIN <room> [<key>], PART <room> [<why>], PRIVMSG <room or nick> <text>",
    b"TOPIC <room> [<text>], NAMES <room>, LIST [<mask>], WHO <room or mask>, WHOIS <nick>",
    b"INVITE <nick> <room>, KICK <room> <nick> [<why>], MODE <room> [<modes> [<parameters>]]",
)


def help_(client: Any, params: List[bytes]) -> Commands:
    """HELP."""
    subject = middle(params[0]) if params else b"*"
    client.numeric(b"704", subject, text=b"What you can ask here:")
    for line in _HELP:
        client.numeric(b"705", subject, text=line)
    client.numeric(b"706", subject, text=b"End of /HELP")
    return None


def links(client: Any, params: List[bytes]) -> Commands:
    """LINKS: there is one server for IRC, however many nodes there are."""
    client.numeric(b"365", b"*", text=b"End of /LINKS list")
    return None
