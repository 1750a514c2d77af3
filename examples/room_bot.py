"""A bot that keeps order in a room: python examples/room_bot.py [URL [NAME [ROOM [PASSWORD]]]].

It welcomes who comes, lets everybody change the topic with `!topic TEXT`, puts out who uses a bad word, and speaks up
once an hour. It keeps the room if it was the first in it, or if somebody has made it an op.
"""
import sys

from parley import Joined, Refused, RoomNotice, Said, connect

BAD_WORDS = {"badword", "worseword"}
REMINDER = "This room is kept by a bot: !topic TEXT changes the topic."

url, name, room, password = sys.argv[1:5] + ["line://localhost:4000", "keeper", "#dev", None][len(sys.argv) - 1:]
with connect(url, name, password) as chat:
    chat.join_room(room)
    chat.on_command("!topic", lambda said, text: said.room == room and chat.topic(room, text) or None)
    chat.every(3600, lambda: chat.say(REMINDER, room))
    for event in chat:
        if isinstance(event, Joined) and event.room == room and event.name != chat.me:
            chat.say("Welcome to %s, %s!" % (room, event.name), room)
        elif isinstance(event, Said) and event.room == room and BAD_WORDS & set(event.text.lower().split()):
            chat.kick(room, event.sender, "Not in this room.")
        elif isinstance(event, Refused):
            print("%s: %s" % (event.request.kind, event.why), file=sys.stderr)
        elif isinstance(event, RoomNotice):
            print(event.room, event.text)
