"""A bot that repeats what others say: python examples/echo_bot.py [URL [NAME [PASSWORD]]].

It reconnects if the server restarts. In `dollar` it needs an account, such as Alice 123.
"""
import sys

from parley import Said, connect

with connect(*sys.argv[1:] + ["line://localhost:4000", "echo", None][len(sys.argv) - 1:]) as chat:
    for event in chat:
        if isinstance(event, Said):
            chat.say("%s said: %s" % (event.sender, event.text))
