"""The client WeeChat, without a terminal, told by its FIFO; what it shows is read from its log."""
import os
import subprocess
import time

from driven import arguments, commands
from logged import PATIENCE, follow, follow_all, typed

host, port, nick, room = arguments()
SETTINGS = [
    "/server add here {}/{} -notls -nossl".format(host, port), "/set irc.server.here.nicks " + nick,
    "/set irc.server.here.username " + nick, "/set irc.server.here.autojoin " + room,
    "/set irc.server.here.anti_flood_prio_high 0", "/set irc.server.here.anti_flood_prio_low 0",
    "/set logger.file.flush_delay 0", "/set logger.file.mask $plugin.$name.log", "/set logger.file.time_format t",
    "/set fifo.file.path {}".format(os.path.join(os.getcwd(), "fifo")), "/fifo enable", "/connect here",
]
SAID = r"^t\t(?!-|<-)[@+%&~]?([^\t]+)\t(.*)$"
HEARD = [
    (r"^t\t-->\t(\S+) \([^)]*\) has joined ", "entered"),
    (r"^t\t<--\t(\S+) \([^)]*\) has (?:left|quit)", "left"),
    (r"^t\t<--\t(\S+) has kicked (\S+)", "kicked-by"),
    (r"^t\t--\tYou are now known as (\S+)", "renamed me"),
    (r"^t\t--\t(\S+) is now known as (\S+)", "renamed"),
    (r"^t\t--\tChannel \S+: \d+ nick", "inside"),
    (r"^t\t--\t\S+ has changed topic for \S+ from \".*\" to \"(.*)\"", "topic"),
    (r"^t\t--\t\S+ has changed topic for \S+ to \"(.*)\"", "topic"),
    (SAID, "said"),
]

weechat = subprocess.Popen(["weechat-headless", "-d", "."] + [word for line in SETTINGS for word in ("-r", line)])
follow(os.path.join("logs", "irc.here.{}.log".format(room)), HEARD)
follow_all(os.path.join("logs", "irc.here.[!#]*.log"), [(SAID, "whispered")])
for verb, rest in commands():
    while not os.path.exists("fifo"):
        time.sleep(PATIENCE)
    with open("fifo", "w") as fifo:
        fifo.write("irc.here.{} *{}\n".format(room, typed(verb, rest, room)))
    if verb == "quit":
        break
weechat.terminate()
weechat.wait()
