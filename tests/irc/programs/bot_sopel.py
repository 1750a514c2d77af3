"""A bot by the framework Sopel: this module is the plugin as well, and what runs Sopel with it."""
import os
import sys

from driven import arguments, obey_from_thread, tell
from sopel import plugin


def setup(bot):
    def obey(verb, rest):
        if verb == "say":
            bot.say(rest, room)
        elif verb == "whisper":
            to, text = rest.split(" ", 1)
            bot.say(text, to)
        elif verb == "rename":
            bot.change_current_nick(rest)
        elif verb == "leave":
            bot.part(room)
        elif verb == "enter":
            bot.join(room)
        elif verb == "quit":
            bot.quit("bye")

    room = bot.settings.core.channels[0]
    obey_from_thread(obey)


@plugin.event("366")
@plugin.unblockable
@plugin.allow_bots
def names(bot, trigger):
    tell("inside")


@plugin.rule(".*")
@plugin.unblockable
@plugin.allow_bots
@plugin.thread(False)
def said(bot, trigger):
    tell("said" if trigger.sender.startswith("#") else "whispered", trigger.nick, trigger.group(0))


@plugin.event("JOIN")
@plugin.unblockable
@plugin.allow_bots
@plugin.thread(False)
def entered(bot, trigger):
    tell("entered", trigger.nick)


@plugin.event("PART", "QUIT")
@plugin.unblockable
@plugin.allow_bots
@plugin.thread(False)
def left(bot, trigger):
    tell("left", trigger.nick)


@plugin.event("NICK")
@plugin.unblockable
@plugin.allow_bots
@plugin.thread(False)
def renamed(bot, trigger):
    tell("renamed", trigger.nick, trigger.args[0])


@plugin.event("KICK")
@plugin.unblockable
@plugin.allow_bots
@plugin.thread(False)
def kicked(bot, trigger):
    tell("kicked", trigger.args[1], trigger.nick)


@plugin.event("TOPIC")
@plugin.unblockable
@plugin.allow_bots
@plugin.thread(False)
def topic(bot, trigger):
    tell("topic", trigger.args[1])


CONFIG = """
[core]
nick = {nick}
host = {host}
port = {port}
use_ssl = false
channels =
    "{room}"
owner = nobody
homedir = {home}
enable = bot_sopel
extra = {plugins}
flood_empty_wait = 0
flood_burst_lines = 100
"""


def main():
    host, port, nick, room = arguments()
    home = os.getcwd()
    path = os.path.join(home, "bot.cfg")
    with open(path, "w") as config:
        config.write(CONFIG.format(host=host, port=port, nick=nick, room=room, home=home,
                                   plugins=os.path.dirname(os.path.abspath(__file__))))
    os.getuid = os.geteuid = lambda: 65534  # it refuses to run as root, as which tests may well run
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.argv[:] = ["sopel", "start", "-c", path]
    from sopel.cli.run import main as run
    sys.exit(run())


if __name__ == "__main__":
    main()
