"""A small server of IRC in one thread, as many have been written: without CAP and 005, with few commands and modes.

It says that it looks up hosts, wants a PONG before the welcome, and has a NOTICE behind it.

    python ircette.py [PORT]
"""
import re
import selectors
import socket
import sys
import time

HOST = "irc.example.net"
NICK = re.compile(r"[A-Za-z\[\]\\`_^{}|][A-Za-z0-9\[\]\\`_^{}|-]{0,29}")
selector = selectors.DefaultSelector()
clients, nicks, channels = {}, {}, {}


class Channel:
    def __init__(self, name):
        self.name, self.topic, self.key, self.members, self.ops, self.modes = name, "", "", [], set(), {"t", "n"}


class Client:
    def __init__(self, sock):
        self.sock, self.nick, self.user, self.real, self.welcomed = sock, None, None, "", False
        self.data, self.out, self.cookie, self.channels = b"", b"", None, []

    @property
    def mask(self):
        return "%s!%s@localhost" % (self.nick, self.user)

    def say(self, line):
        try:
            self.sock.sendall(line.encode("utf-8", "surrogateescape") + b"\r\n")
        except OSError:
            pass

    def reply(self, number, text):
        self.say(":%s %s %s %s" % (HOST, number, self.nick or "*", text))

    def neighbours(self):
        found = []
        for channel in self.channels:
            found += [one for one in channel.members if one not in found and one is not self]
        return found

    # registration

    def on_nick(self, args):
        if not args:
            return self.reply("431", ":No nickname given")
        nick = args[0]
        if not NICK.fullmatch(nick):
            return self.reply("432", "%s :Erroneous nickname" % nick)
        holder = nicks.get(nick.lower())
        if holder and holder is not self:
            return self.reply("433", "%s :Nickname is already in use" % nick)
        if self.nick:
            nicks.pop(self.nick.lower(), None)
        nicks[nick.lower()] = self
        if self.welcomed:
            for one in [self] + self.neighbours():
                one.say(":%s NICK %s" % (self.mask, nick))
        self.nick = nick
        self.register()

    def on_user(self, args):
        if self.welcomed:
            return self.reply("462", ":You may not reregister")
        if len(args) < 4:
            return self.reply("461", "USER :Not enough parameters")
        self.user, self.real = args[0], args[3]
        self.register()

    def register(self):
        if self.welcomed or not self.nick or not self.user:
            return
        if self.cookie is None:
            self.cookie = "c%d" % (id(self) % 100000)
            return self.say("PING :" + self.cookie)

    def on_pong(self, args):
        if not self.welcomed and self.cookie and args[-1:] == [self.cookie]:
            self.welcomed = True
            self.reply("001", ":Welcome to the tiny network, %s" % self.mask)
            self.reply("002", ":Your host is %s, running ircette-0.1" % HOST)
            self.reply("003", ":This server was created some time ago")
            self.reply("004", "%s ircette-0.1 o ntko" % HOST)
            self.on_lusers([])
            self.reply("422", ":There is no MOTD")
            self.say(":%s NOTICE %s :*** Be nice to each other." % (HOST, self.nick))

    # channels

    def on_join(self, args):
        if not args:
            return self.reply("461", "JOIN :Not enough parameters")
        keys = args[1].split(",") if len(args) > 1 else []
        for number, name in enumerate(args[0].split(",")):
            if not re.fullmatch(r"[#&][^ ,\x07:]{1,49}", name):
                self.reply("403", "%s :No such channel" % name)
                continue
            channel = channels.get(name.lower())
            if channel and self in channel.members:
                continue
            if channel and channel.key and (keys[number:number + 1] or [""])[0] != channel.key:
                self.reply("475", "%s :Cannot join channel (+k)" % name)
                continue
            if not channel:
                channel = channels[name.lower()] = Channel(name)
                channel.ops.add(self)
            channel.members.append(self)
            self.channels.append(channel)
            for one in channel.members:
                one.say(":%s JOIN :%s" % (self.mask, channel.name))
            if channel.topic:
                self.reply("332", "%s :%s" % (channel.name, channel.topic))
            self.names(channel)

    def names(self, channel):
        self.reply("353", "= %s :%s" % (channel.name, " ".join(
            ("@" if one in channel.ops else "") + one.nick for one in channel.members)))
        self.reply("366", "%s :End of /NAMES list" % channel.name)

    def on_names(self, args):
        for name in args[0].split(",") if args else list(channels):
            if name.lower() in channels:
                self.names(channels[name.lower()])
            else:
                self.reply("366", "%s :End of /NAMES list" % name)

    def inside(self, name):
        channel = channels.get(name.lower())
        if not channel:
            self.reply("403", "%s :No such channel" % name)
        elif self not in channel.members:
            self.reply("442", "%s :You're not on that channel" % name)
        else:
            return channel
        return None

    def leave(self, channel):
        channel.members.remove(self)
        channel.ops.discard(self)
        self.channels.remove(channel)
        if not channel.members:
            channels.pop(channel.name.lower(), None)

    def on_part(self, args):
        if not args:
            return self.reply("461", "PART :Not enough parameters")
        for name in args[0].split(","):
            channel = self.inside(name)
            if channel:
                for one in channel.members:
                    one.say(":%s PART %s" % (self.mask, channel.name))   # the reason is lost
                self.leave(channel)

    def on_topic(self, args):
        if not args:
            return self.reply("461", "TOPIC :Not enough parameters")
        channel = self.inside(args[0])
        if not channel:
            return None
        if len(args) == 1:
            if channel.topic:
                return self.reply("332", "%s :%s" % (channel.name, channel.topic))
            return self.reply("331", "%s :No topic is set" % channel.name)
        if "t" in channel.modes and self not in channel.ops:
            return self.reply("482", "%s :You're not channel operator" % channel.name)
        channel.topic = args[1]
        for one in channel.members:
            one.say(":%s TOPIC %s :%s" % (self.mask, channel.name, channel.topic))

    def on_kick(self, args):
        if len(args) < 2:
            return self.reply("461", "KICK :Not enough parameters")
        channel = self.inside(args[0])
        if not channel:
            return None
        if self not in channel.ops:
            return self.reply("482", "%s :You're not channel operator" % channel.name)
        other = nicks.get(args[1].lower())
        if not other or other not in channel.members:
            return self.reply("441", "%s %s :They aren't on that channel" % (args[1], channel.name))
        for one in channel.members:
            one.say(":%s KICK %s %s :%s" % (
                self.mask, channel.name, other.nick, args[2] if len(args) > 2 else self.nick))
        other.leave(channel)

    def on_mode(self, args):
        if not args:
            return self.reply("461", "MODE :Not enough parameters")
        if args[0].lower() in nicks:
            if nicks[args[0].lower()] is not self:
                return self.reply("502", ":Cannot change mode for other users")
            return self.reply("221", "+i")
        channel = channels.get(args[0].lower())
        if not channel:
            return self.reply("403", "%s :No such channel" % args[0])
        if len(args) == 1:
            modes = "+" + "".join(sorted(channel.modes)) + ("k" if channel.key else "")
            return self.reply("324", "%s %s" % (channel.name, modes))
        if self not in channel.ops:
            return self.reply("482", "%s :You're not channel operator" % channel.name)
        sign, rest = "+", args[2:]
        for letter in args[1]:
            if letter in "+-":
                sign = letter
                continue
            if letter in "tn":
                (channel.modes.add if sign == "+" else channel.modes.discard)(letter)
                about = ""
            elif letter == "k":
                about = rest.pop(0) if rest else ""
                channel.key = about if sign == "+" else ""
            elif letter == "o":
                about = rest.pop(0) if rest else ""
                other = nicks.get(about.lower())
                if not other or other not in channel.members:
                    self.reply("441", "%s %s :They aren't on that channel" % (about, channel.name))
                    continue
                (channel.ops.add if sign == "+" else channel.ops.discard)(other)
            else:
                self.reply("472", "%s :is unknown mode char to me" % letter)
                continue
            for one in channel.members:
                one.say(":%s MODE %s %s%s%s" % (self.mask, channel.name, sign, letter, " " + about if about else ""))

    # talk

    def on_privmsg(self, args, word="PRIVMSG"):
        if not args:
            return self.reply("411", ":No recipient given (%s)" % word)
        if len(args) < 2 or not args[1]:
            return self.reply("412", ":No text to send")
        for name in args[0].split(","):
            if name.lower() in nicks:
                nicks[name.lower()].say(":%s %s %s :%s" % (self.mask, word, name, args[1]))
            elif name.lower() in channels:
                channel = channels[name.lower()]
                if self not in channel.members:
                    self.reply("404", "%s :Cannot send to channel" % name)
                    continue
                for one in channel.members:
                    if one is not self:
                        one.say(":%s %s %s :%s" % (self.mask, word, channel.name, args[1]))
            else:
                self.reply("401", "%s :No such nick/channel" % name)   # to a NOTICE as well

    def on_notice(self, args):
        self.on_privmsg(args, "NOTICE")

    # questions

    def on_ping(self, args):
        if not args:
            return self.reply("409", ":No origin specified")
        self.say(":%s PONG %s :%s" % (HOST, HOST, args[0]))

    def on_lusers(self, args):
        self.reply("251", ":There are %d users on 1 server" % len(nicks))
        self.reply("254", "%d :channels formed" % len(channels))

    def on_motd(self, args):
        self.reply("422", ":There is no MOTD")

    def on_list(self, args):
        wanted = args[0].lower().split(",") if args else list(channels)
        for name in wanted:
            if name in channels:
                one = channels[name]
                self.reply("322", "%s %d :%s" % (one.name, len(one.members), one.topic))
        self.reply("323", ":End of /LIST")

    def on_who(self, args):
        name = args[0] if args else "*"
        found = []
        if name.lower() in channels:
            channel = channels[name.lower()]
            found = [(channel.name, one, "@" if one in channel.ops else "") for one in channel.members]
        elif name.lower() in nicks:
            found = [("*", nicks[name.lower()], "")]
        for where, one, flag in found:
            self.reply("352", "%s %s localhost %s %s H%s :0 %s" % (where, one.user, HOST, one.nick, flag, one.real))
        self.reply("315", "%s :End of /WHO list" % name)

    def on_whois(self, args):
        if not args:
            return self.reply("431", ":No nickname given")
        one = nicks.get(args[-1].lower())
        if one:
            self.reply("311", "%s %s localhost * :%s" % (one.nick, one.user, one.real))
            self.reply("312", "%s %s :a tiny server" % (one.nick, HOST))
        else:
            self.reply("401", "%s :No such nick" % args[-1])
        self.reply("318", "%s :End of /WHOIS list" % args[-1])

    def on_ison(self, args):
        if not args:
            return self.reply("461", "ISON :Not enough parameters")
        there = [nicks[one.lower()].nick for arg in args for one in arg.split() if one.lower() in nicks]
        self.reply("303", ":" + " ".join(there))

    def on_version(self, args):
        self.reply("351", "ircette-0.1 %s :" % HOST)

    def on_time(self, args):
        self.reply("391", "%s :%s" % (HOST, time.ctime()))

    def on_quit(self, args):
        self.say("ERROR :Closing link")
        self.drop("Client quit")   # not the reason that was given

    # lines

    def drop(self, why):
        if self.sock not in clients:
            return
        selector.unregister(self.sock)
        del clients[self.sock]
        for one in self.neighbours():
            one.say(":%s QUIT :%s" % (self.mask, why))
        for channel in list(self.channels):
            self.leave(channel)
        if self.nick:
            nicks.pop(self.nick.lower(), None)
        self.sock.close()

    def read(self):
        try:
            data = self.sock.recv(4096)
        except OSError:
            data = b""
        if not data:
            return self.drop("Connection closed")
        self.data += data
        while b"\n" in self.data and self.sock in clients:
            line, self.data = self.data.split(b"\n", 1)
            self.line(line.rstrip(b"\r").decode("utf-8", "replace"))

    def line(self, line):
        if line.startswith(":"):
            line = line.partition(" ")[2]
        head, colon, last = line.partition(" :")
        words = head.split()
        if not words:
            return
        word, args = words[0].lower(), words[1:] + [last] * bool(colon)
        handler = getattr(self, "on_" + word, None)
        if not self.welcomed and word not in ("nick", "user", "pong", "ping", "quit", "pass", "cap"):
            return self.reply("451", ":You have not registered")
        if word == "pass":
            return None
        if not handler:
            return self.reply("421", "%s :Unknown command" % words[0])
        handler(args)


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 6667))
    listener.listen(100)
    selector.register(listener, selectors.EVENT_READ)
    print("ircette on port %d" % listener.getsockname()[1], flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                clients[sock] = Client(sock)
                selector.register(sock, selectors.EVENT_READ)
                clients[sock].say(":%s NOTICE AUTH :*** Looking up your hostname..." % HOST)
                clients[sock].say(":%s NOTICE AUTH :*** Couldn't look up your hostname" % HOST)
            elif key.fileobj in clients:
                clients[key.fileobj].read()


main()
