"""The client irssi, in a terminal of its own; what it shows is read from its log."""
import fcntl
import os
import pty
import struct
import termios
import threading
import time

from driven import arguments, commands
from logged import PATIENCE, follow, follow_all, typed

CONFIG = """
servers = ( { address = "%(host)s"; chatnet = "here"; port = "%(port)d"; autoconnect = "yes"; } );
chatnets = { here = { type = "IRC"; nick = "%(nick)s"; } };
channels = ( { name = "%(room)s"; chatnet = "here"; autojoin = "Yes"; } );
settings = {
  "irc/core" = { cmds_max_at_once = "100"; };
  core = { real_name = "%(nick)s"; user_name = "%(nick)s"; nick = "%(nick)s"; };
  "fe-common/core" = {
    autolog = "yes"; autolog_path = "./log/$tag.$0"; autolog_level = "all"; autolog_colors = "no";
    show_names_on_join = "yes";
  };
};
"""
SAID = r"^\d\d:\d\d <[@+ ]?(\S+)> (.*)$"
HEARD = [
    (r"^\d\d:\d\d -!- (\S+) \[[^\]]*\] has joined ", "entered"),
    (r"^\d\d:\d\d -!- (\S+) \[[^\]]*\] has (?:left|quit) ", "left"),
    (r"^\d\d:\d\d -!- (\S+) was kicked from \S+ by (\S+) ", "kicked"),
    (r"^\d\d:\d\d -!- (\S+) is now known as (\S+)", "renamed"),
    (r"^\d\d:\d\d -!- You're now known as (\S+)", "renamed me"),
    (r"^\d\d:\d\d -!- \S+ changed the topic of \S+ to: (.*)", "topic"),
    (r"^\d\d:\d\d -!- Irssi: Join to \S+ was synced", "inside"),
    (r"^\d\d:\d\d -!- Irssi: \S+: Total of ", "inside"),
    (SAID, "said"),
]

LEFT = b"--- Log closed "

host, port, nick, room = arguments()
log = os.path.join("log", "here." + room)
with open("config", "w") as config:
    config.write(CONFIG % {"host": host, "port": port, "nick": nick, "room": room})
os.mkdir("log")
pid, terminal = pty.fork()
if not pid:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    os.environ["TERM"] = "xterm"
    os.execvp("irssi", ["irssi", "--home=.", "--config=config"])


def drain():
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


def wait_until_outside():
    """It enters no room that it has not seen itself leave, which others may have seen before."""
    while True:
        with open(log, "rb") as lines:
            if lines.read().splitlines()[-1].startswith(LEFT):
                return
        time.sleep(PATIENCE)


threading.Thread(target=drain, daemon=True).start()
follow(log, HEARD)
follow_all(os.path.join("log", "here.[!#]*"), [(SAID, "whispered")])
for verb, rest in commands():
    if verb == "enter":
        wait_until_outside()
    line = typed(verb, rest, room)
    if not line.startswith("/"):
        line = "/msg {} {}".format(room, line)
    os.write(terminal, line.encode() + b"\r")
    if verb == "quit":
        break
os.waitpid(pid, 0)
