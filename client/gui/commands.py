"""The slash commands of the desktop client: those of the terminal client that there is no other way for."""
from collections import namedtuple

from parley.client import sealing
from parley.client.protocol import LOBBY_ROOM, Impossible


def run(model, chat, typed):
    """Do what a typed command says; raises `Impossible`, with a sentence, if that cannot be done."""
    word, _, rest = typed.partition(" ")
    command = COMMANDS.get(word)
    if command is None:
        raise Impossible("Unknown command %s; /help shows them all, // is a slash." % word)
    room = ()
    if "[#ROOM]" in command.usage:
        first, _, others = rest.partition(" ")
        room, rest = ((first,), others) if first.startswith("#") else ((_room_of(model.open),), rest)
    words = rest.split(None, command.most - 1) if command.most else rest.split()
    if not command.least <= len(words) <= command.most:
        raise Impossible(("This is written %s %s" % (word, command.usage)).rstrip() + ".")
    command.run(model, chat, *room, *words)


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


def _help(model, chat):
    usages = " \u00b7 ".join(("%s %s" % (word, command.usage)).rstrip() for word, command in COMMANDS.items()
                            if model.has_files or word not in ONLY_IN_WEB)
    model.tell(usages + "\n[#ROOM] is the open one, if it is left out. // is a slash.")


def _managing(act, usage, least, most):
    return Command(("[#ROOM] " + usage).rstrip(), least, most,
                   lambda model, chat, room, *words: chat.manage(room, act, *words))


# usage: what is typed behind it; where [#ROOM] comes first, `run` gets a room, which may be the open one. least, most:
# the number of arguments beside it; the last one takes the rest. run: is called with the model, the chat, and these.
Command = namedtuple("Command", "usage least most run")

COMMANDS = {
    "/join": Command("#ROOM [KEY]", 1, 2, lambda model, chat, room, key=None: model.join(room, key)),
    "/part": Command("[#ROOM]", 0, 0, _part),
    "/rooms": Command("[PATTERN]", 0, 1, _rooms),
    "/who": Command("[#ROOM]", 0, 0, _who),
    "/topic": Command("[#ROOM] [TEXT]", 0, 1, _topic),
    "/me": Command("TEXT", 1, 1, lambda model, chat, text: model.say_to(model.open, "* %s %s" % (model.me, text))),
    "/dm": Command("NAME TEXT", 2, 2, lambda model, chat, to, text: model.say_to(model.conversation(to), text)),
    "/invite": _managing("invite", "NAME", 1, 1),
    "/kick": _managing("kick", "NAME [WHY]", 1, 2),
    "/ban": _managing("ban", "PATTERN [WHY]", 1, 2),
    "/unban": _managing("unban", "PATTERN", 1, 1),
    "/mute": _managing("mute", "NAME [WHY]", 1, 2),
    "/unmute": _managing("unmute", "NAME", 1, 1),
    "/voice": _managing("voice", "NAME", 1, 1),
    "/devoice": _managing("devoice", "NAME", 1, 1),
    "/op": _managing("op", "NAME", 1, 1),
    "/deop": _managing("deop", "NAME", 1, 1),
    "/set": _managing("set", "SETTING VALUE", 2, 2),
    "/drop": _managing("drop", "", 0, 0),
    "/send": Command("FILE [TO]", 1, 1, lambda model, chat, typed: model.send_typed(typed)),
    "/save": Command("[NUMBER or NAME]", 0, 1, lambda model, chat, which="1": model.save_chosen(which)),
    "/seal": Command("[off, devices, accept ID or remove ID]", 0, 2, _seal),
    "/verify": Command("NAME [yes]", 1, 2, lambda model, chat, *words: model.tell(sealing.verify(chat, *words))),
    "/ignore": Command("[NAME]", 0, 1, _ignore),
    "/help": Command("", 0, 0, _help),
}
ONLY_IN_WEB = ("/send", "/save", "/seal", "/verify")
