"""The slash commands of the terminal client. Each is a function of the `Session` and the typed arguments.

A command that is not possible raises `Impossible`, with a sentence.
"""
from collections import namedtuple

from parley.client import sealing, showing, typed
from parley.client.files import chosen, meant_by
from parley.client.protocol import Impossible


class Quit(Exception):
    """The user wants to leave."""


def run(session, line):
    """Do what a typed line says that begins with a slash; raises `Impossible`, or `Quit`."""
    line = line.rstrip()
    word, _, rest = line.partition(" ")
    command = BY_NAME.get(word.lower())
    if not command or command.run not in UNECHOED:
        session.screen.echo(line)
    if not command:
        raise Impossible(typed.unknown(word, BY_NAME) + ".")
    command.run(session, *typed.arguments(
        command.usage, command.least, command.most, rest, lambda: session.places.open.room))


def _say(session, text):
    session.send(session.places.open.name, text)


def _me(session, text):
    _say(session, "* %s %s" % (session.connected().me, text))


def _dm(session, to, text):
    if to in session.places:
        session.read(session.places[to])
    session.send(to, text)


def _send_file(session, what):
    path, to = meant_by(what, session.places.open.name)
    session.connected().send_file(path, to)


def _save_file(session, which="1"):
    session.connected().save_file(chosen(session.places.open.files, which))


def _history(session, what=None):
    if what is None or what.isdecimal() and len(what) < 10:
        session.history(session.places.open.name, int(what or 0) or None)
    else:
        session.history(what)


# ---- places

def _go(session, name=None):
    if name:
        session.go(name)
        return
    session.screen.show(showing.aside("; ".join(
        place.shown_name + (", which is open" if place is session.places.open else
                            ": %d unread" % place.unread if place.unread else "")
        for place in session.places.listing())))


def _part(session, name=None):
    name = name or session.places.open.name
    if name is None:
        raise Impossible("Everybody is in the lobby; /quit leaves the server.")
    if name in session.inside:
        session.connected().leave_room(name)
    elif name in session.places:
        session.forget(name)
    else:
        raise Impossible("You are not in %s." % name)


def _rooms(session, pattern="#*"):
    session.connected().rooms(pattern if pattern.startswith("#") else "#" + pattern)


def _who(session, room):
    if room == "#lobby":
        session.connected().users()
    else:
        session.connected().who(room)


def _topic(session, room, text=None):
    session.connected().topic(room, "" if text == "-" else text)


# ---- people

def _away(session, word="on"):
    if word not in ("on", "off"):
        raise Impossible("This is written /away, or /away off.")
    session.connected().away(word == "on")
    session.screen.show(showing.aside(
        "You are away; /away off says that you are here again." if word == "on" else "You are here again."))


def _ignore(session, name=None):
    if name:
        is_now = session.settings.ignore(name)
        session.screen.show(showing.aside("%s is %s." % (name, "ignored now" if is_now else "no longer ignored")))
    else:
        ignored = ", ".join(sorted(session.settings.ignored))
        session.screen.show(showing.aside("Ignored: %s." % ignored if ignored else "Nobody is ignored."))


def _seal(session, *words):
    session.screen.show(showing.aside(sealing.seal(session.connected(), session.places.open.name, *words)))


def _verify(session, *words):
    session.screen.show(showing.aside(sealing.verify(session.connected(), *words)))


# ---- the client

def _search(session, text):
    session.screen.search(text)


def _help(session, word=None):
    shown = [BY_NAME[typed.command_called(word, BY_NAME)]] if word else COMMANDS
    width = max(len(command.usage) for command in shown) + 2
    for command in shown:
        can = not command.request or not session.chat or session.chat.can(command.request)
        session.screen.show([
            ("class:code", command.usage.ljust(width)),
            ("", command.says + ("" if can else " (not in `%s`)" % session.chat.address.protocol))])
    if not word:
        session.screen.show(showing.aside(
            "Anything else is said in the place that is open; // is a slash. [#ROOM] is the one that is open, if it is "
            "left out. \u2191 brings back what was typed, Tab completes, PageUp looks back, Alt+\u2191 and Alt+\u2193 "
            "open the place above and below, Alt+N the next one with unread messages."))


def _quit(session):
    raise Quit()


# usage, least, most: see `typed.arguments`. request: the method of `Chat` that it needs, or None if all protocols have
# it. run: run(session, *arguments). says: its description in /help.
Command = namedtuple("Command", "usage least most request run says")


def _managing(act, usage, least, most, says):
    """The command for one of `typed.ACTS`."""
    return Command(("/%s [#ROOM] %s" % (act, usage)).rstrip(), least, most, "manage",
                   lambda session, room, *words: session.connected().manage(room, act, *words), says)


COMMANDS = (
    Command("/connect URL", 1, 1, None, lambda session, url: session.connect(url),
            "go to a server: line://host:4000, binary://host, host:port"),
    Command("/nick NAME", 1, 1, None, lambda session, name: session.take_nick(name),
            "be called NAME, now or once you are connected"),
    Command("/username NAME", 1, 1, None, lambda session, name: session.take_nick(name), "the same"),
    Command("/login NAME [PASSWORD]", 1, 2, None, lambda session, *words: session.login(*words),
            "be the account NAME; a password is asked for"),
    Command("/create NAME [PASSWORD]", 1, 2, "create", lambda session, *words: session.create(*words),
            "make the account NAME"),
    Command("/passwd [OLD NEW]", 0, 2, "change_password", lambda session, *words: session.change_password(*words),
            "change your password; you are asked for both"),
    Command("/msg TEXT", 1, 1, None, _say, "say TEXT in the open place, like TEXT alone"),
    Command("/me TEXT", 1, 1, None, _me, "say what you do: * NAME TEXT"),
    Command("/dm NAME TEXT", 2, 2, "whisper", _dm, "say TEXT to NAME alone"),
    Command("/go [PLACE]", 0, 1, None, _go, "open a room, lobby, or the conversation with a user; list them"),
    Command("/join #ROOM [KEY]", 1, 2, "join_room", lambda session, *words: session.join(*words),
            "enter a room, which is made if there is none"),
    Command("/part [PLACE]", 0, 1, None, _part, "leave a room, close a conversation"),
    Command("/rooms [PATTERN]", 0, 1, "rooms", _rooms, "which rooms there are, with their members and topics"),
    Command("/who [#ROOM]", 0, 0, "who", _who, "who is in the room"),
    Command("/away [off]", 0, 1, "away", _away, "let others know that you are away; off: here again"),
    Command("/topic [#ROOM] [TEXT]", 0, 1, "topic", _topic, "the topic; change it; - takes it away"),
    *[_managing(*act) for act in typed.ACTS],
    Command("/seal [WHAT]", 0, 2, None, _seal,
            "seal what you say in the open place; WHAT: off, devices, accept ID, remove ID"),
    Command("/verify NAME [yes]", 1, 2, None, _verify, "the digits to compare with NAME; they are the same"),
    Command("/send FILE [TO]", 1, 1, "send_file", _send_file, "send a file to the open place, or to TO"),
    Command("/save [NUMBER or NAME]", 0, 1, "save_file", _save_file,
            "save the latest file of the open place here, or an earlier one"),
    Command("/ignore [NAME]", 0, 1, None, _ignore, "hide what NAME says, or show it again; who is ignored"),
    Command("/search TEXT", 1, 1, None, _search, "where TEXT was said in the open place"),
    Command("/users [PATTERN]", 0, 1, "users", lambda session, pattern=None: session.connected().users(pattern),
            "who is there; PATTERN may have * and ?"),
    Command("/user NAME", 1, 1, "describe", lambda session, name: session.connected().describe(name),
            "where NAME is connected from"),
    Command("/ping", 0, 0, None, lambda session: session.connected().ping(), "how long an answer of the server takes"),
    Command("/history [NUMBER or PLACE]", 0, 1, "history", _history, "what was said here, or there"),
    Command("/deliver", 0, 0, "deliver", lambda session: session.connected().deliver(),
            "what was kept for you while you were away"),
    Command("/delete", 0, 0, "delete", lambda session: session.connected().delete(), "delete your account"),
    Command("/help [COMMAND]", 0, 1, None, _help, "show this, or what COMMAND does"),
    Command("/quit", 0, 0, None, _quit, "leave"),
)
UNECHOED = (_say, _me, _dm, _search)  # their outcome is visible, or the line is not to be repeated
BY_NAME = {command.usage.split(" ")[0]: command for command in COMMANDS}
