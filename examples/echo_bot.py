"""A bot that says again what it hears: python examples/echo_bot.py [URL]. It comes back if the server restarts."""
import sys

from client import Said, connect

with connect(sys.argv[1] if len(sys.argv) > 1 else "line://localhost:4000", "echo") as chat:
    for event in chat:
        if isinstance(event, Said):
            chat.say("%s said: %s" % (event.sender, event.text))
