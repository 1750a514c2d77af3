"""The client HexChat, on a screen of its own, where the keys are pressed; what it shows is read from its logs."""
import os
import subprocess
import time

from driven import arguments, commands
from logged import PATIENCE, follow_all, typed

CONFIG = """
version = 2.16.1
gui_slist_skip = 1
gui_join_dialog = 0
irc_nick1 = {nick}
irc_nick2 = {nick}_
irc_nick3 = {nick}__
irc_user_name = {nick}
irc_real_name = {nick}
irc_logging = 1
irc_logmask = log-%c
stamp_log = 0
text_font = Monospace 9
"""
SAID = r"^<[@+]?([^>\t]+)>\t(.*)$"
HEARD = [
    (r"^\*\tNow talking on ", "inside"),
    (r"^\*\t(\S+) \(\S+\) has joined", "entered"),
    (r"^\*\t(\S+) \(\S+\) has left", "left"),
    (r"^\*\t(\S+) has quit", "left"),
    (r"^\*\t(\S+) has kicked (\S+) ", "kicked-by"),
    (r"^\*\tYou are now known as (\S+)", "renamed me"),
    (r"^\*\t(\S+) is now known as (\S+)", "renamed"),
    (r"^\*\t\S+ has changed the topic to: (.*)", "topic"),
    (SAID, "said"),
]
WHERE_ONE_WRITES = ["mousemove", "360", "383", "click", "1"]

host, port, nick, room = arguments()
with open("hexchat.conf", "w") as config:
    config.write(CONFIG.format(nick=nick).lstrip())
reading, writing = os.pipe()
screen = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x400x24", "-nolisten", "tcp"],
                          pass_fds=[writing], stderr=subprocess.DEVNULL)
display = ":" + os.read(reading, 20).decode().strip()
environment = dict(os.environ, DISPLAY=display, HOME=os.getcwd(), DBUS_SESSION_BUS_ADDRESS="disabled:")
hexchat = subprocess.Popen(["hexchat", "-d", os.getcwd(), "irc://{}:{}/{}".format(host, port, room)], env=environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
follow_all("logs/log-" + room, HEARD)
follow_all("logs/log-[!#]*", [(SAID, "whispered")])
while not os.path.exists("logs/log-" + room):  # it warns those who are root
    subprocess.call(["xdotool", "key", "Return"], env=environment)
    time.sleep(4 * PATIENCE)
for verb, rest in commands():
    line = typed(verb, rest, room)
    if not line.startswith("/"):
        line = "/msg {} {}".format(room, line)
    subprocess.check_call(["xdotool"] + WHERE_ONE_WRITES + ["type", "--delay", "5", line], env=environment)
    subprocess.check_call(["xdotool", "key", "Return"], env=environment)
    if verb == "quit":
        break
time.sleep(1)
hexchat.terminate()
hexchat.wait()
screen.terminate()
screen.wait()
