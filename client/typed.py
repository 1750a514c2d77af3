"""Typed commands, as far as the terminal and the desktop client share them: arguments, and the acts of ops."""
import difflib
from typing import Callable, Collection, Iterable, Sequence

from parley.client.protocol import Impossible

# What ops do in a room: act, usage behind [#ROOM], least and most arguments beside the room, description.
ACTS = (
    ("invite", "NAME", 1, 1, "let NAME in"),
    ("kick", "NAME [WHY]", 1, 2, "put NAME out"),
    ("ban", "PATTERN [WHY]", 1, 2, "put NAME, or all of a pattern such as bot*, out for good"),
    ("unban", "PATTERN", 1, 1, "take a ban back"),
    ("mute", "NAME [WHY]", 1, 2, "do not let NAME speak"),
    ("unmute", "NAME", 1, 1, "let NAME speak again"),
    ("voice", "NAME", 1, 1, "let NAME speak where not everybody may"),
    ("devoice", "NAME", 1, 1, "take the voice of NAME back"),
    ("op", "NAME", 1, 1, "let NAME keep order, too"),
    ("deop", "NAME", 1, 1, "let NAME keep order no more"),
    ("set", "SETTING VALUE", 2, 2, "private, invite, moderated, sealed: on, off; key, limit, slow: a value, off"),
    ("drop", "", 0, 0, "close the room for good"),
)


def unknown(word: str, words: Iterable[str]) -> str:
    """The sentence for a command that is none of these words; each has its slash."""
    close = difflib.get_close_matches(word.lower(), list(words), 1, 0.7)
    return "Unknown command %s%s /help shows them all" % (word, ": did you mean %s?" % close[0] if close else ";")


def command_called(name: str, words: Collection[str]) -> str:
    """The one of these words, each with its slash, that a name typed behind /help means; raises `Impossible`."""
    word = "/" + name.lower().lstrip("/")
    if word not in words:
        raise Impossible(unknown(name, words) + ".")
    return word


def arguments(usage: str, least: int, most: int, typed: str, open_room: Callable[[], str]) -> Sequence[str]:
    """The arguments of a typed command; raises `Impossible` if their number is wrong.

    usage: how the command is typed. If it has [#ROOM], a room is the first argument; open_room() if none was typed.
    least, most: number of arguments beside the room; the last one takes the rest of the line. typed: what was typed
    behind the command.
    """
    room: Sequence[str] = ()
    if "[#ROOM]" in usage:
        first, _, others = typed.partition(" ")
        room, typed = ((first,), others) if first.startswith("#") else ((open_room(),), typed)
    words = typed.split(None, most - 1) if most else typed.split()
    if not least <= len(words) <= most:
        raise Impossible("This is written %s." % usage)
    return (*room, *words)
