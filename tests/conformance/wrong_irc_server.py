"""A small server for `irc` and, for the suite's witnesses, `line` that can be wrong on purpose.

It knows enough to pass the scenarios that the tests play on it, and no more: nothing that is written out of caution in
a real server.
"""
import re
import time

from one_thread import OneThreadServer

BUGS = {
    "no-motd": "the welcome ends without 376 or 422",
    "no-005": "nothing tells what is supported",
    "strange-casemapping": "005 has a CASEMAPPING that libraries do not know",
    "no-prefix": "005 has no PREFIX",
    "user-first-is-lost": "USER before NICK is forgotten",
    "two-anns": "a nick may be taken twice",
    "refused-nick-ends": "a nick that is taken ends the connection",
    "empty-nick-is-silent": "NICK without a nick is not answered",
    "strangers-talk": "who has not registered may talk",
    "user-again": "USER is taken again",
    "lf-alone-waits": "a line has to end with CR LF",
    "one-recv-is-one-line": "what comes at once is taken for one line",
    "case-matters": "commands are known in capitals only",
    "blanks-are-parameters": "a second blank makes an empty parameter",
    "colon-stays": "the colon of a last parameter stays in it",
    "unfinished-counts": "half a line at the end is taken for a line",
    "pong-without-text": "PONG has not what PING came with",
    "unknown-is-silent": "an unknown command is not answered",
    "no-join-echo": "who joins is not told JOIN",
    "join-late": "JOIN comes behind the names",
    "join-twice": "others are told of a joining twice",
    "no-366": "the names do not end",
    "no-op": "who makes a channel is no operator",
    "rejoin-is-told": "to join again is told again",
    "first-channel-only": "of several channels one is joined",
    "part-is-quiet": "who leaves a channel is not told so",
    "part-is-local": "the others are not told who leaves a channel",
    "stays-in": "who has left a channel hears it still",
    "echo": "who talks gets a copy",
    "channels-are-open": "everybody hears a channel",
    "strips": "texts lose their outer blanks",
    "notice-is-talk": "a NOTICE comes as PRIVMSG",
    "notice-is-answered": "a NOTICE to nobody is answered 401",
    "whispers-aloud": "what is for one alone is heard by all",
    "first-target-only": "of several receivers one gets it",
    "nobody-is-silent": "what is said to nobody is not answered",
    "topic-is-forgotten": "the topic is told, and not kept",
    "topic-by-all": "the topic lock is none",
    "kick-by-all": "everybody may kick",
    "kicked-stay": "who is kicked stays in",
    "keys-do-not-matter": "every key opens",
    "limits-do-not-matter": "a channel may be overfull",
    "moderation-does-not-matter": "who has no voice may talk all the same",
    "bans-do-not-matter": "who is banned gets in",
    "invitations-do-not-matter": "nobody needs an invitation",
    "modes-are-quiet": "a change of modes is told to its maker only",
    "roles-are-not-shown": "the names have no prefixes",
    "nick-for-oneself": "others are not told of a new nick",
    "nick-twice": "who shares two channels is told of a nick twice",
    "quit-is-quiet": "nobody is told who is gone",
    "quit-twice": "who shares two channels is told of an end twice",
    "quit-to-all": "all are told who is gone",
    "away-is-forgotten": "nobody is told who is away",
    "tags-for-all": "everybody gets tags",
    "req-is-always-granted": "whatever is asked for is said to be on",
    "cap-holds-nobody": "the welcome does not wait for CAP END",
}

_NICK = re.compile("[a-zA-Z\\[\\]\\\\^_{}`|][-a-zA-Z0-9\\[\\]\\\\^_{}`|]{0,31}")
_NEEDS = {"JOIN": 1, "PART": 1, "KICK": 2, "INVITE": 2, "MODE": 1, "TOPIC": 1}
_OFFERED = {"multi-prefix", "message-tags", "server-time"}
_FREE = {"CAP", "NICK", "USER", "PING", "PONG", "QUIT"}


class Channel:
    def __init__(self):
        self.members = {}  # {client: its modes}
        self.topic = ""
        self.modes = set()
        self.key = self.limit = None
        self.bans = []
        self.invited = set()


class WrongIrcServer(OneThreadServer):
    """A server with the given bugs, in a thread of this process; made to be the target of a ServerFixture."""

    workers = 1
    exit_code = None

    def __init__(self, bugs=()):
        unknown = set(bugs) - set(BUGS)
        assert not unknown, unknown
        self.bugs = set(bugs)
        self.channels = {}
        super().__init__(("line", "irc"))

    def worker_address(self, index, protocol="line"):
        return self.address(protocol)

    def _named(self, name):
        return next((one for one in self.clients if one.name and one.name.lower() == name.lower()), None)

    # line, as far as witnesses need it

    def _feed_line(self, client):
        *lines, client.held = client.held.split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "LOGIN":
                client.name = rest
                client.send(b"OK\n")
            elif word == "PING":
                client.send(b"PONG\n")
            elif word == "WHO":
                client.send("".join("USER %s\n" % one.name for one in self.clients if one.name).encode())
            elif word == "DM":
                to, _, text = rest.partition(" ")
                if self._named(to):
                    self._hand(self._named(to), client, "PRIVMSG", to, text)

    def _hand(self, to, by, command, target, text):
        if to.protocol == "line":
            to.send(("DM %s %s\n" % (by.name, text)).encode(errors="surrogateescape"))
        else:
            self._from(by, to, "%s %s :%s" % (command, target, text))

    # irc

    def _feed_irc(self, client):
        if not hasattr(client, "caps"):
            client.caps, client.user, client.nick, client.negotiates, client.away = set(), None, None, False, None
        if "one-recv-is-one-line" in self.bugs:
            lines, client.held = [client.held.replace(b"\r\n", b" ").replace(b"\n", b" ")], b""
        else:
            *lines, client.held = client.held.split(b"\r\n" if "lf-alone-waits" in self.bugs else b"\n")
        for line in lines:
            if not client.gone:
                self._hear(client, line.rstrip(b"\r").decode(errors="surrogateescape"))

    def _hear(self, client, line):
        if line.startswith("@"):
            line = line.partition(" ")[2].lstrip(" ")
        if line.startswith(":"):
            line = line.partition(" ")[2]
        head, colon, last = line.partition(" :")
        words = head.split(" ") if "blanks-are-parameters" in self.bugs else head.split()
        words += [(":" if "colon-stays" in self.bugs else "") + last] * bool(colon)
        if not words:
            return
        command = words[0] if "case-matters" in self.bugs else words[0].upper()
        self._do(client, command, words[1:])

    def _do(self, client, command, args):
        if not client.name and command not in _FREE and not (
                command == "PRIVMSG" and "strangers-talk" in self.bugs):
            return self._tell(client, 451, ":You have not registered")
        method = getattr(self, "_on_" + command.lower(), None) if command.isupper() else None
        if method is None:
            if "unknown-is-silent" not in self.bugs:
                self._tell(client, 421, command + " :Unknown command")
        elif len(args) < _NEEDS.get(command, 0):
            self._tell(client, 461, command + " :Not enough parameters")
        else:
            method(client, args)
        return None

    def _tell(self, client, numeric, rest):
        self._write(client, ":wrong.test %03d %s %s" % (numeric, client.name or "*", rest))

    def _from(self, by, to, rest):
        self._write(to, ":%s!user@host %s" % (by.name or by.nick or "*", rest))

    def _write(self, client, line):
        tags = "@msgid=1 " if "tags-for-all" in self.bugs or client.caps & {"message-tags"} else ""
        client.send((tags + line + "\r\n").encode(errors="surrogateescape"))

    # Registration

    def _on_cap(self, client, args):
        word, rest = args[0].upper(), " ".join(args[1:])
        if word == "END":
            client.negotiates = False
            return self._welcome(client)
        client.negotiates = not client.name
        if word == "LS":
            text = "LS :" + " ".join(sorted(_OFFERED))
        elif word == "LIST":
            text = "LIST :" + " ".join(sorted(client.caps))
        elif word != "REQ":
            return self._tell(client, 410, word + " :Invalid CAP command")
        else:
            wanted = rest.split()
            fits = {one.lstrip("-") for one in wanted} <= _OFFERED or "req-is-always-granted" in self.bugs
            for one in wanted if fits else ():
                (client.caps.discard if one.startswith("-") else client.caps.add)(one.lstrip("-"))
            text = ("ACK :" if fits else "NAK :") + rest
        return self._write(client, ":wrong.test CAP %s %s" % (client.name or "*", text))

    def _on_user(self, client, args):
        if client.name and "user-again" not in self.bugs:
            self._tell(client, 462, ":You have registered")
        elif len(args) < 4:
            self._tell(client, 461, "USER :Not enough parameters")
        elif client.nick or "user-first-is-lost" not in self.bugs:
            client.user = args[3]
            self._welcome(client)

    def _on_nick(self, client, args):
        nick = args[0] if args else ""
        holder = self._named(nick)
        if not nick:
            if "empty-nick-is-silent" not in self.bugs:
                self._tell(client, 431, ":No nickname given")
        elif not _NICK.fullmatch(nick):
            self._tell(client, 432, nick + " :Erroneous nickname")
        elif holder and holder is not client and "two-anns" not in self.bugs:
            self._tell(client, 433, nick + " :Nickname is already in use")
            if "refused-nick-ends" in self.bugs:
                self._leave(client)
        elif client.name:
            others = [] if "nick-for-oneself" in self.bugs else self._neighbours(client, "nick-twice")
            for one in [client] + others:
                self._from(client, one, "NICK " + nick)
            client.name = nick
        else:
            client.nick = nick
            self._welcome(client)

    def _welcome(self, client):
        waits = client.negotiates and "cap-holds-nobody" not in self.bugs
        if client.name or waits or not client.nick or client.user is None:
            return
        client.name = client.nick
        supported = "PREFIX=(ov)@+ CHANTYPES=# CHANMODES=beI,k,l,imnst CASEMAPPING=ascii"
        if "strange-casemapping" in self.bugs:
            supported = supported.replace("ascii", "rfc8265")
        if "no-prefix" in self.bugs:
            supported = supported.replace("PREFIX=(ov)@+ ", "")
        for numeric, rest in ((1, ":Welcome " + client.name), (2, ":Your host is wrong"), (3, ":Created today"),
                              (4, "wrong.test 1 iw imnst"), (5, supported + " :are supported"),
                              (251, ":There are 1 users"), (255, ":I have 1 clients"), (422, ":No MOTD")):
            if not (numeric == 5 and "no-005" in self.bugs or numeric == 422 and "no-motd" in self.bugs):
                self._tell(client, numeric, rest)

    def _on_ping(self, client, args):
        if args:
            self._write(client, ":wrong.test PONG wrong.test :" + ("" if "pong-without-text" in self.bugs else args[0]))
        else:
            self._tell(client, 409, ":No origin specified")

    def _on_pong(self, client, args):
        pass

    def _on_quit(self, client, args):
        client.why = args[0] if args else "gone"
        self._write(client, "ERROR :Closing link")
        self._leave(client)

    def _part(self, client):
        if client.protocol == "irc" and "unfinished-counts" in self.bugs and client.name and client.held:
            line, client.held = client.held, b""
            self._hear(client, line.decode(errors="surrogateescape"))
        others = self._neighbours(client, "quit-twice")
        if "quit-to-all" in self.bugs:
            others = [one for one in self.clients if one.protocol == "irc" and one.name and one is not client]
        for channel in self.channels.values():
            channel.members.pop(client, None)
        if client.protocol == "irc" and client.name and "quit-is-quiet" not in self.bugs:
            for one in others:
                self._from(client, one, "QUIT :" + getattr(client, "why", "gone"))
        client.name = None

    def _neighbours(self, client, bug):
        """Those who share a channel with the client, once each, but for the bug."""
        found = [one for channel in self.channels.values() if client in channel.members
                 for one in channel.members if one is not client]
        return found if bug in self.bugs else list(dict.fromkeys(found))

    # Channels

    def _channel(self, client, name):
        """The channel that the client is in; None, which has been told, if there is none."""
        channel = self.channels.get(name.lower())
        if channel is None or not channel.members:
            return self._tell(client, 403, name + " :No such channel")
        if client not in channel.members:
            return self._tell(client, 442, name + " :You are not on that channel")
        return channel

    def _on_join(self, client, args):
        if args[0] == "0":
            for name in [name for name, one in self.channels.items() if client in one.members]:
                self._on_part(client, [name])
            return
        names = args[0].split(",")
        for name in names[:1] if "first-channel-only" in self.bugs else names:
            self._join(client, name, args[1] if len(args) > 1 else None)

    def _join(self, client, name, key):
        if not name.startswith("#") or " " in name:
            return self._tell(client, 403, name + " :No such channel")
        channel = self.channels.setdefault(name.lower(), Channel())
        if client in channel.members and "rejoin-is-told" not in self.bugs:
            return None
        barred = self._barred(channel, client, key)
        if barred:
            return self._tell(client, barred, name + " :Cannot join channel")
        first = not channel.members and "no-op" not in self.bugs
        channel.invited.discard(client)
        channel.members.setdefault(client, {"o"} if first else set())
        for one in list(channel.members) * (2 if "join-twice" in self.bugs else 1):
            if one is not client:
                self._from(client, one, "JOIN " + name)
        told = "no-join-echo" not in self.bugs
        if told and "join-late" not in self.bugs:
            self._from(client, client, "JOIN " + name)
        if channel.topic:
            self._tell(client, 332, "%s :%s" % (name, channel.topic))
            self._tell(client, 333, "%s %s %d" % (name, "ann", time.time()))
        self._on_names(client, [name])
        if told and "join-late" in self.bugs:
            self._from(client, client, "JOIN " + name)
        return None

    def _barred(self, channel, client, key):
        """The numeric that says why the client does not get in, or None."""
        bans = channel.bans if "bans-do-not-matter" not in self.bugs else ()
        if "i" in channel.modes and client not in channel.invited and "invitations-do-not-matter" not in self.bugs:
            return 473
        if channel.key and key != channel.key and "keys-do-not-matter" not in self.bugs:
            return 475
        if channel.limit and len(channel.members) >= channel.limit and "limits-do-not-matter" not in self.bugs:
            return 471
        return 474 if any(mask.partition("!")[0] == client.name for mask in bans) else None

    def _on_names(self, client, args):
        channel = self.channels.get(args[0].lower())
        if channel and channel.members:
            self._tell(client, 353, "= %s :%s" % (args[0], " ".join(
                self._prefix(modes) + one.name for one, modes in channel.members.items())))
        if "no-366" not in self.bugs:
            self._tell(client, 366, args[0] + " :End")

    def _prefix(self, modes):
        return "" if "roles-are-not-shown" in self.bugs else "@" if "o" in modes else "+" if "v" in modes else ""

    def _on_part(self, client, args):
        channel = self._channel(client, args[0])
        if channel:
            rest = " :" + args[1] if len(args) > 1 else ""
            for one in list(channel.members):
                if not (one is client and "part-is-quiet" in self.bugs or one is not client
                        and "part-is-local" in self.bugs):
                    self._from(client, one, "PART " + args[0] + rest)
            if "stays-in" not in self.bugs:
                del channel.members[client]

    def _on_topic(self, client, args):
        channel = self._channel(client, args[0])
        if channel is None:
            return None
        if len(args) == 1:
            told = (332, " :" + channel.topic) if channel.topic else (331, " :No topic")
            self._tell(client, told[0], args[0] + told[1])
            if channel.topic:
                self._tell(client, 333, "%s ann %d" % (args[0], time.time()))
            return None
        if "t" in channel.modes and "topic-by-all" not in self.bugs and not self._is_op(client, channel, args[0]):
            return None
        channel.topic = args[1] if "topic-is-forgotten" not in self.bugs else ""
        return self._to_all(client, channel, "TOPIC %s :%s" % (args[0], args[1]))

    def _to_all(self, client, channel, rest):
        for one in list(channel.members):
            self._from(client, one, rest)

    def _is_op(self, client, channel, name):
        if "o" in channel.members[client]:
            return True
        self._tell(client, 482, name + " :You are not an operator of it")
        return False

    def _on_kick(self, client, args):
        channel = self._channel(client, args[0])
        if channel is None or "kick-by-all" not in self.bugs and not self._is_op(client, channel, args[0]):
            return
        who = self._named(args[1])
        if who not in channel.members:
            self._tell(client, 441, "%s %s :They are not on that channel" % (args[1], args[0]))
            return
        self._to_all(client, channel, "KICK %s %s :%s" % (args[0], args[1], args[2] if len(args) > 2 else client.name))
        if "kicked-stay" not in self.bugs:
            del channel.members[who]

    def _on_invite(self, client, args):
        channel = self._channel(client, args[1])
        who = self._named(args[0])
        if channel is None:
            return
        if who is None:
            self._tell(client, 401, args[0] + " :No such nick")
        elif who in channel.members:
            self._tell(client, 443, "%s %s :is on the channel" % tuple(args))
        else:
            channel.invited.add(who)
            self._tell(client, 341, "%s %s" % tuple(args))
            self._from(client, who, "INVITE %s %s" % tuple(args))

    def _on_mode(self, client, args):
        if not args[0].startswith("#"):
            if args[0] == client.name:
                return self._tell(client, 221, "+")
            return self._tell(client, 502, ":Cannot change mode for other users")
        channel = self.channels.get(args[0].lower())
        if channel is None:
            return self._tell(client, 403, args[0] + " :No such channel")
        if len(args) == 1:
            self._tell(client, 324, "%s +%s" % (args[0], "".join(sorted(channel.modes))))
            return self._tell(client, 329, "%s 1" % args[0])
        if args[1] == "b" and len(args) == 2:
            for mask in channel.bans:
                self._tell(client, 367, "%s %s" % (args[0], mask))
            return self._tell(client, 368, args[0] + " :End")
        if client not in channel.members or not self._is_op(client, channel, args[0]):
            return None
        return self._change(client, channel, args)

    def _change(self, client, channel, args):
        rest, on = list(args[2:]), True
        for letter in args[1]:
            if letter in "+-":
                on = letter == "+"
            elif letter in "ov":
                who = self._named(rest.pop(0))
                if who not in channel.members:
                    return self._tell(client, 401, args[2] + " :No such nick")
                (channel.members[who].add if on else channel.members[who].discard)(letter)
            elif letter == "k":
                channel.key = rest.pop(0) if on else None
            elif letter == "l":
                channel.limit = int(rest.pop(0)) if on else None
            elif letter == "b":
                (channel.bans.append if on else channel.bans.remove)(rest.pop(0))
            elif letter in "imnst":
                (channel.modes.add if on else channel.modes.discard)(letter)
            else:
                return self._tell(client, 472, letter + " :is unknown mode char to me")
        if "modes-are-quiet" in self.bugs:
            return self._from(client, client, "MODE " + " ".join(args))
        return self._to_all(client, channel, "MODE " + " ".join(args))

    # Talk

    def _on_privmsg(self, client, args):
        self._say(client, "PRIVMSG", args)

    def _on_notice(self, client, args):
        self._say(client, "PRIVMSG" if "notice-is-talk" in self.bugs else "NOTICE", args,
                  "notice-is-answered" in self.bugs)

    def _say(self, client, command, args, answered=None):
        answered = command == "PRIVMSG" if answered is None else answered
        if len(args) < 2 or not args[1]:
            if answered:
                self._tell(client, *((412, ":No text to send") if args else (411, ":No recipient given")))
            return
        text = args[1].strip() if "strips" in self.bugs else args[1]
        targets = args[0].split(",")
        for target in targets[:1] if "first-target-only" in self.bugs else targets:
            self._say_to(client, command, target, text, answered)

    def _say_to(self, client, command, target, text, answered):
        channel, who = self.channels.get(target.lower()), self._named(target)
        if channel and channel.members:
            modes = channel.members.get(client)
            if modes is None or "m" in channel.modes and not modes and "moderation-does-not-matter" not in self.bugs:
                if answered:
                    self._tell(client, 404, target + " :Cannot send to channel")
                return
            hearers = self.clients if "channels-are-open" in self.bugs else channel.members
            for one in list(hearers):
                if one.protocol == "irc" and one.name and (one is not client or "echo" in self.bugs):
                    self._from(client, one, "%s %s :%s" % (command, target, text))
        elif who:
            self._hand(who, client, command, target, text)
            for one in self.clients if "whispers-aloud" in self.bugs else ():
                if one.protocol == "irc" and one.name and one not in (who, client):
                    self._hand(one, client, command, target, text)
            if who.protocol == "irc" and who.away and answered and "away-is-forgotten" not in self.bugs:
                self._tell(client, 301, "%s :%s" % (who.name, who.away))
        elif answered and "nobody-is-silent" not in self.bugs:
            self._tell(client, 401, target + " :No such nick")

    # People

    def _on_away(self, client, args):
        client.away = args[0] if args else None
        self._tell(client, *((306, ":You are away") if args else (305, ":You are here")))

    def _on_userhost(self, client, args):
        found = [self._named(name) for name in args]
        self._tell(client, 302, ":" + " ".join("%s=%suser@host" % (one.name, "-" if one.away else "+")
                                               for one in found if one))

    def _on_ison(self, client, args):
        self._tell(client, 303, ":" + " ".join(name for name in args if self._named(name)))
