"""A bot by the library `irc` of jaraco."""
from driven import arguments, queued, tell
from irc.client import Reactor

host, port, nick, room = arguments()
reactor = Reactor()
connection = reactor.server().connect(host, port, nick)


def on(event):
    def note(handle):
        connection.add_global_handler(event, lambda _, happened: handle(happened.source, happened))
        return handle
    return note


@on("welcome")
def welcome(source, event):
    connection.join(room)


@on("endofnames")
def names(source, event):
    tell("inside")


@on("pubmsg")
def said(source, event):
    tell("said", source.nick, event.arguments[0])


@on("privmsg")
def whispered(source, event):
    tell("whispered", source.nick, event.arguments[0])


@on("join")
def entered(source, event):
    tell("entered", source.nick)


@on("part")
@on("quit")
def left(source, event):
    tell("left", source.nick)


@on("nick")
def renamed(source, event):
    tell("renamed", source.nick, event.target)


@on("kick")
def kicked(source, event):
    tell("kicked", event.arguments[0], source.nick)


@on("topic")
def topic(source, event):
    tell("topic", event.arguments[0])


@on("disconnect")
def ended(source, event):
    raise SystemExit


take = queued()
while True:
    reactor.process_once(0.05)
    command = take()
    if command:
        verb, rest = command
        if verb == "say":
            connection.privmsg(room, rest)
        elif verb == "whisper":
            connection.privmsg(*rest.split(" ", 1))
        elif verb == "rename":
            connection.nick(rest)
        elif verb == "leave":
            connection.part(room)
        elif verb == "enter":
            connection.join(room)
        elif verb == "quit":
            connection.quit("bye")
