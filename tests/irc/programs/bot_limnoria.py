"""A bot by the framework Limnoria: what runs it with the plugin in `limnoria_plugin`."""
import os
import sys

from driven import arguments

CONFIG = """
supybot.nick: {nick}
supybot.ident: {nick}
supybot.networks: here
supybot.networks.here.servers: {host}:{port}
supybot.networks.here.channels: {room}
supybot.networks.here.ssl: False
supybot.directories.plugins: {plugins}
supybot.plugins: limnoria_plugin
supybot.plugins.limnoria_plugin: True
supybot.directories.conf: {home}/conf
supybot.directories.data: {home}/data
supybot.directories.log: {home}/logs
supybot.directories.backup: {home}/backup
supybot.log.stdout: False
supybot.protocols.irc.throttleTime: 0.0
supybot.flush: False
supybot.reply.whenNotCommand: False
supybot.abuse.flood.command: False
"""


def main():
    host, port, nick, room = arguments()
    here = os.path.dirname(os.path.abspath(__file__))
    home = os.getcwd()
    path = os.path.join(home, "bot.conf")
    with open(path, "w") as config:
        config.write(CONFIG.format(host=host, port=port, nick=nick, room=room, home=home, plugins=here).lstrip())
    for folder in ("conf", "data", "logs", "backup"):
        os.mkdir(os.path.join(home, folder))
    os.environ["DRIVEN_ROOM"] = room
    sys.argv[:] = ["limnoria", "--allow-root", path]
    from supybot.scripts.limnoria import main as run
    run()


if __name__ == "__main__":
    main()
