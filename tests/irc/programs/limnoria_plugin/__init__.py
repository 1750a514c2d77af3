"""Tells what Limnoria hears: see `driven`."""
import os

import supybot
from driven import obey_from_thread, tell
from supybot import callbacks, conf, ircmsgs

__version__ = "1"
__author__ = supybot.authors.unknown
__contributors__ = {}
__url__ = ""

room = os.environ["DRIVEN_ROOM"]
conf.registerPlugin("limnoria_plugin")


class limnoria_plugin(callbacks.Plugin):  # noqa: N801 - Limnoria wants the class to bear the name of the plugin
    """Tells what it hears."""

    def __init__(self, irc):
        super().__init__(irc)
        obey_from_thread(lambda verb, rest: self._obey(irc, verb, rest))

    @staticmethod
    def _obey(irc, verb, rest):
        to, _, text = rest.partition(" ")
        irc.queueMsg({"say": lambda: ircmsgs.privmsg(room, rest), "whisper": lambda: ircmsgs.privmsg(to, text),
                      "rename": lambda: ircmsgs.nick(rest), "leave": lambda: ircmsgs.part(room),
                      "enter": lambda: ircmsgs.join(room), "quit": lambda: ircmsgs.quit("bye")}[verb]())

    def do366(self, irc, msg):
        tell("inside")

    def doPrivmsg(self, irc, msg):
        tell("said" if msg.args[0].startswith("#") else "whispered", msg.nick, msg.args[1])

    def doJoin(self, irc, msg):
        tell("entered", msg.nick)

    def doPart(self, irc, msg):
        tell("left", msg.nick)

    doQuit = doPart

    def doNick(self, irc, msg):
        tell("renamed", msg.nick, msg.args[0])

    def doKick(self, irc, msg):
        tell("kicked", msg.args[1], msg.nick)

    def doTopic(self, irc, msg):
        tell("topic", msg.args[1])


Class = limnoria_plugin
