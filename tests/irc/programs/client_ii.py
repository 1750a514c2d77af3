"""The client `ii`, whose rooms are folders with a FIFO and a file."""
import os
import re
import subprocess
import threading
import time

from driven import arguments, commands, tell
from logged import PATIENCE

host, port, nick, room = arguments()
ii = subprocess.Popen(["ii", "-s", host, "-p", str(port), "-n", nick, "-i", "."], stdout=subprocess.PIPE)
inside = os.path.join(host, room.lower())


def hear():
    """It prints every line of the server as it comes, behind the time."""
    for line in ii.stdout:
        found = re.match(r"\d+ :([^ !]+)\S* (\S+) (\S+) ?(.*)", line.decode().rstrip("\r\n"))
        if not found:
            continue
        by, command, to, rest = found.groups()
        text = rest[1:] if rest.startswith(":") else rest.partition(" :")[2]
        if command == "366":
            tell("inside")
        elif command == "PRIVMSG":
            tell("said" if to.startswith("#") else "whispered", by, text)
        elif command == "JOIN":
            tell("entered", by)
        elif command in ("PART", "QUIT"):
            tell("left", by)
        elif command == "NICK":
            tell("renamed", by, to.lstrip(":"))
        elif command == "KICK":
            tell("kicked", rest.split(" ")[0], by)
        elif command == "TOPIC":
            tell("topic", text)


def write(folder, line):
    path = os.path.join(folder, "in")
    while not os.path.exists(path):
        time.sleep(PATIENCE)
    with open(path, "wb") as fifo:
        fifo.write(line.encode() + b"\n")


threading.Thread(target=hear, daemon=True).start()
write(host, "/j " + room)
for verb, rest in commands():
    to, _, text = rest.partition(" ")
    if verb == "say":
        write(inside, rest)
    elif verb == "whisper":
        write(host, "/j {} {}".format(to, text))
    elif verb == "rename":
        write(host, "/n " + rest)
    elif verb == "leave":
        write(inside, "/l")
    elif verb == "enter":
        write(host, "/j " + room)
    elif verb == "quit":
        write(host, "/q bye")
        break
ii.wait()
