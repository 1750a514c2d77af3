"""The client irssi, in a terminal of its own; what it shows is read from its log."""
import fcntl
import os
import pty
import struct
import termios
import threading

from driven import arguments, commands
from logged import follow, follow_all, typed

CONFIG = """
servers = ( { address = "%(host)s"; chatnet = "here"; port = "%(port)d"; autoconnect = "yes"; } );
chatnets = { here = { type = "IRC"; nick = "%(nick)s"; } };
channels = ( { name = "%(room)s"; chatnet = "here"; autojoin = "Yes"; } );
settings = {
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

host, port, nick, room = arguments()
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


threading.Thread(target=drain, daemon=True).start()
follow(os.path.join("log", "here." + room), HEARD)
follow_all(os.path.join("log", "here.[!#]*"), [(SAID, "whispered")])
for verb, rest in commands():
    line = typed(verb, rest, room)
    if not line.startswith("/"):
        line = "/msg {} {}".format(room, line)
    os.write(terminal, line.encode() + b"\r")
    if verb == "quit":
        break
os.waitpid(pid, 0)
