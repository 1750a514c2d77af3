"""A bot by the library `irc3`."""
import asyncio

import irc3
from driven import arguments, obey_from_loop, tell

host, port, nick, room = arguments()


@irc3.plugin
class Hearing:
    """Tells what it hears."""

    def __init__(self, bot):
        self.bot = bot

    @irc3.event(r"^:\S+ 366 \S+ (?P<channel>\S+) :.*")
    def names(self, channel):
        tell("inside")

    @irc3.event(irc3.rfc.PRIVMSG)
    def said(self, mask, event, target, data, **others):
        tell("said" if target.startswith("#") else "whispered", mask.nick, data)

    @irc3.event(irc3.rfc.JOIN)
    def entered(self, mask, channel, **others):
        tell("entered", mask.nick)

    @irc3.event(irc3.rfc.PART)
    @irc3.event(irc3.rfc.QUIT)
    def left(self, mask, **others):
        tell("left", mask.nick)

    @irc3.event(irc3.rfc.NEW_NICK)
    def renamed(self, nick, new_nick, **others):
        tell("renamed", nick.nick, new_nick)

    @irc3.event(irc3.rfc.KICK)
    def kicked(self, mask, channel, target, **others):
        tell("kicked", target, mask.nick)

    @irc3.event(irc3.rfc.TOPIC)
    def topic(self, mask, channel, data, **others):
        tell("topic", data)


def obey(verb, rest):
    if verb == "say":
        bot.privmsg(room, rest)
    elif verb == "whisper":
        bot.privmsg(*rest.split(" ", 1))
    elif verb == "rename":
        bot.send_line("NICK " + rest)
    elif verb == "leave":
        bot.part(room)
    elif verb == "enter":
        bot.join(room)
    elif verb == "quit":
        bot.send_line("QUIT :bye")
        loop.call_later(1, loop.stop)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
bot = irc3.IrcBot(nick=nick, username=nick, host=host, port=port, ssl=False, autojoins=[room], loop=loop, verbose=False,
                  includes=["irc3.plugins.core", "irc3.plugins.autojoins", __name__])
bot.run(forever=False)
obey_from_loop(loop, obey)
loop.run_forever()
