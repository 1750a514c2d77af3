"""A bot by the library `miniirc`."""
import miniirc
from driven import arguments, commands, tell

host, port, nick, room = arguments()
irc = miniirc.IRC(host, port, nick, channels=[room], ssl=False, auto_connect=False, ns_identity=None)


@irc.Handler("366", colon=False)
def names(irc, who, words):
    tell("inside")


@irc.Handler("PRIVMSG", colon=False)
def said(irc, who, words):
    tell("said" if words[0].startswith("#") else "whispered", who[0], words[1])


@irc.Handler("JOIN", colon=False)
def entered(irc, who, words):
    tell("entered", who[0])


@irc.Handler("PART", "QUIT", colon=False)
def left(irc, who, words):
    tell("left", who[0])


@irc.Handler("NICK", colon=False)
def renamed(irc, who, words):
    tell("renamed", who[0], words[0])


@irc.Handler("KICK", colon=False)
def kicked(irc, who, words):
    tell("kicked", words[1], who[0])


@irc.Handler("TOPIC", colon=False)
def topic(irc, who, words):
    tell("topic", words[1])


irc.connect()
for verb, rest in commands():
    if verb == "say":
        irc.msg(room, rest)
    elif verb == "whisper":
        irc.msg(*rest.split(" ", 1))
    elif verb == "rename":
        irc.quote("NICK", rest)
    elif verb == "leave":
        irc.quote("PART", room)
    elif verb == "enter":
        irc.quote("JOIN", room)
    elif verb == "quit":
        irc.disconnect("bye")
        break
