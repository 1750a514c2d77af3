"""Keeping order: who is here, and in which rooms (who, rooms, kick, ban, mute, drop, say)."""
import json
import re

from parley.server.chat.origins import network_of
from parley.server.commands.accounts import account_name
from parley.server.commands.printing import print_line, print_table
from parley.server.commands.reaching import Failure, asker, pages
from parley.server.supervisor.control import LONGEST_REQUEST

# Dotted digits, or hexadecimal ones with colons, and perhaps how many bits of it count.
_LIKE_AN_ADDRESS = re.compile(r"([0-9]+(\.[0-9]+){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(/.*)?")
LONGEST_SAID = LONGEST_REQUEST - 100  # bytes of JSON
DONE = {"kick": "%s is kicked out of %s", "ban": "%s is banned from %s", "unban": "%s is no longer banned from %s",
        "mute": "%s is muted in %s", "unmute": "%s is no longer muted in %s"}


def who(arguments):
    with asker(arguments, needs_server=True) as ask_server:
        rows = pages(ask_server, "who", "who", "")
    print_table([["name", "worker", "address", "rooms"]] + [
            [name, "-" if worker is None else worker, host or "-", " ".join(rooms)]
            for name, worker, host, rooms in rows])


def show(arguments):
    with asker(arguments) as ask_server:
        rows = pages(ask_server, "rooms", "rooms", "")
    print_table([["room", "members", "owner", "bans", "mutes", "settings", "topic"]] + [
            [name, members, ",".join(owners) or "-", bans, mutes, ",".join(settings) or "-", topic]
            for name, members, owners, bans, mutes, settings, topic in rows])


def manage(arguments):
    about = account_name(arguments.name)
    if not about:
        raise Failure("%r is nobody's name" % arguments.name)
    if arguments.command == "ban" and arguments.room == "#lobby":
        _check_address(about)
    why = _text(getattr(arguments, "why", []))
    with asker(arguments, needs_server=arguments.command == "kick") as ask_server:
        ask_server("manage", room=arguments.room, act=arguments.command, about=about, text=why)
    print_line(DONE[arguments.command] % (about, "the lobby" if arguments.room == "#lobby" else arguments.room))


def _check_address(about):
    """Failure if this is meant to be an address, but would only ban a user of this name."""
    if network_of(about) is None and _LIKE_AN_ADDRESS.fullmatch(about):
        raise Failure("%s is no address and no network; to ban a user of this name, write a pattern" % about)


def drop(arguments):
    with asker(arguments) as ask_server:
        ask_server("manage", room=arguments.room, act="drop", about="", text="")
    print_line("%s is dropped" % arguments.room)


def say(arguments):
    text = _text(arguments.text)
    with asker(arguments, needs_server=True) as ask_server:
        ask_server("say", text=text)


def _text(words):
    """These arguments as one text."""
    text = " ".join(words).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if len(json.dumps(text)) > LONGEST_SAID:
        raise Failure("the text is too long for a request; make it shorter, or several")
    return text
