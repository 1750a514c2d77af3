"""A bot that keeps the tally of a coffee kitchen: python examples/web_bot.py [URL [NAME [ROOM [PASSWORD]]]].

`!coffee` puts one on the tally of who says it, `!tally` tells how many everybody has had. If the connection is lost the
bot comes back to its session and is told first what was said meanwhile, so no coffee is missed and none counts twice.
examples/web_bot.mjs is the same bot in JavaScript, without Parley.
"""
import collections
import sys

from parley import Recalled, Said, connect

url, name, room, password = sys.argv[1:5] + ["web://localhost:8000", "barista", "#coffee", None][len(sys.argv) - 1:]
tally = collections.Counter()
with connect(url, name, password) as chat:
    chat.join_room(room)
    for event in chat:
        if isinstance(event, Said):  # it is said now
            place = event.room
        elif isinstance(event, Recalled):  # it was said while there was no connection
            place = event.partner
        else:
            continue
        if place == room and event.sender != name and event.text == "!coffee":
            tally[event.sender] += 1
        elif place == room and event.text == "!tally":
            chat.say(", ".join("%s: %d" % one for one in tally.most_common()) or "No coffee yet.", room)
