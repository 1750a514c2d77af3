"""The slash commands of the desktop client: those of the terminal client that there is no other way for."""
from collections import namedtuple

from parley.client import sealing, typed
from parley.client.commands import BY_NAME as IN_A_TERMINAL
from parley.client.protocol import LOBBY_ROOM, Impossible


def run(model, chat, line):
    """Do what a typed line with a slash in front says; raises `Impossible`, with a sentence, if it is not possible."""
    word, _, rest = line.partition(" ")
    command = COMMANDS.get(word.lower())
    if command is None:
        raise Impossible(typed.unknown(word, COMMANDS) + ", // is a slash.")
    command.run(model, chat, *typed.arguments(
        _whole(word.lower(), command.usage), command.least, command.most, rest, lambda: _room_of(model.open)))


def _whole(word, usage):
    return ("%s %s" % (word, usage)).rstrip()


def _room_of(conversation):
    if conversation.partner is None:
        return LOBBY_ROOM
    if not conversation.is_room:
        raise Impossible("%s is no room: open one, or write its name behind the command." % conversation.partner)
    return conversation.partner


def _part(model, chat, room):
    if room == LOBBY_ROOM:
        raise Impossible("Everybody is in the lobby.")
    model.forget(room)


def _topic(model, chat, room, text=None):
    if text is None:
        model.ask_topic(room)
    else:
        chat.topic(room, "" if text == "-" else text)


def _ignore(model, chat, name=None):
    if name:
        is_now = model.settings.ignore(name)
        model.tell("%s is %s." % (name, "ignored now" if is_now else "no longer ignored"))
    else:
        ignored = ", ".join(sorted(model.settings.ignored))
        model.tell("Ignored: %s." % ignored if ignored else "Nobody is ignored.")


def _who(model, chat, room):
    if room == LOBBY_ROOM:
        model.ask_users()
    else:
        chat.who(room)


def _seal(model, chat, *words):
    model.tell(sealing.seal(chat, model.open.partner, *words))


def _rooms(model, chat, pattern="#*"):
    chat.rooms(pattern if pattern.startswith("#") else "#" + pattern)


def _help(model, chat, about=None):
    words = [word for word in COMMANDS if model.has_files or word not in ONLY_IN_WEB]
    if about:
        words = [typed.command_called(about, words)]
    lines = ["%s \u2013 %s" % (_whole(word, COMMANDS[word].usage), IN_A_TERMINAL[word].says) for word in words]
    model.tell("\n".join(lines if about else [*lines, "[#ROOM] is the open one, if it is left out. // is a slash."]))


def _managing(act, usage, least, most, says):
    """The command for one of `typed.ACTS`."""
    return Command(("[#ROOM] " + usage).rstrip(), least, most,
                   lambda model, chat, room, *words: chat.manage(room, act, *words))


# usage: what is typed behind the word. least, most: see `typed.arguments`. run: run(model, chat, *arguments).
Command = namedtuple("Command", "usage least most run")

COMMANDS = {
    "/join": Command("#ROOM [KEY]", 1, 2, lambda model, chat, room, key=None: model.join(room, key)),
    "/part": Command("[#ROOM]", 0, 0, _part),
    "/rooms": Command("[PATTERN]", 0, 1, _rooms),
    "/who": Command("[#ROOM]", 0, 0, _who),
    "/topic": Command("[#ROOM] [TEXT]", 0, 1, _topic),
    "/me": Command("TEXT", 1, 1, lambda model, chat, text: model.say_to(model.open, "* %s %s" % (model.me, text))),
    "/dm": Command("NAME TEXT", 2, 2, lambda model, chat, to, text: model.say_to(model.conversation(to), text)),
    **{"/" + act[0]: _managing(*act) for act in typed.ACTS},
    "/send": Command("FILE [TO]", 1, 1, lambda model, chat, what: model.send_typed(what)),
    "/save": Command("[NUMBER or NAME]", 0, 1, lambda model, chat, which="1": model.save_chosen(which)),
    "/seal": Command("[WHAT]", 0, 2, _seal),
    "/verify": Command("NAME [yes]", 1, 2, lambda model, chat, *words: model.tell(sealing.verify(chat, *words))),
    "/ignore": Command("[NAME]", 0, 1, _ignore),
    "/help": Command("[COMMAND]", 0, 1, _help),
}
ONLY_IN_WEB = ("/send", "/save", "/seal", "/verify")
