"""Renders events as lines, lists of (style, text), that are safe to print on any terminal."""
import re
import time
import zlib

from parley.client import events
from parley.client.sealed import Opened
from parley.server.protocols.padded import written_clock
from parley.server.protocols.text import canonical

# Readable on a light and on a dark background.
COLOURS = (
    "#c0392b", "#27865c", "#2f7fc1", "#9b59b6", "#c77f00", "#138d90",
    "#d35400", "#7f8c2d", "#c2477f", "#5d6dc9", "#8d6e63", "#607d8b",
)  # fmt: skip

SHORT = 200  # characters that are shown of a text that was not sent
_LATEST = 0xFFFFFFFF  # seconds; later times are shown as this one
# Marks count only at the edges of words, so that 2*3*4 and snake_case stay.
_MARKED = re.compile(r"(?<![\w*_`])(?:(?P<stars>\*\*?)(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)(?P=stars)"
                     r"|_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_|`(?P<code>[^`\n]+)`)(?![\w*_`])")

# Only hosts of ASCII, as others may look like these, and without a user in front, who may look like a host.
_LINK = re.compile(r"(?<!\w)[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9.-]*[A-Za-z0-9](?::[0-9]{1,5})?(?![.-]*[\w@])"
                   r"(?:[/?#][^\s<>\"`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*)?")


def visible(text, line_end="\u2424"):
    """The text made safe for a terminal: control characters become pictures, tabs become blanks."""
    text = canonical(text.encode("utf-8", "replace")).decode()
    return text.replace("\t", "    ").replace("\n", line_end)


def colour(name):
    """The colour of a name, as #rrggbb; always the same."""
    return COLOURS[zlib.crc32(name.encode("utf-8", "replace")) % len(COLOURS)]


def marked_up(text):
    """(style, text) of each piece of a text with *bold* or **bold**, _italic_ and `code`."""
    end = 0
    for mark in _MARKED.finditer(text):
        yield "", text[end:mark.start()]
        yield "class:" + mark.lastgroup, mark.group(mark.lastgroup)
        end = mark.end()
    yield "", text[end:]


def links(text):
    """(is it a link?, text) of each piece of a text. Marks at the end of a link belong to the sentence."""
    end = 0
    for found in _LINK.finditer(text):
        link = found.group()
        while link[-1] in ".,;:!?'*_" or link[-1] == ")" and link.count("(") < link.count(")"):
            link = link[:-1]
        yield False, text[end:found.start()]
        yield True, link
        end = found.start() + len(link)
    yield False, text[end:]


def mentions(text, name):
    """Does a text contain this name, as a word?"""
    return bool(name and _mention(name).search(text))


def _mention(name):
    return re.compile(r"(?<!\w)%s(?!\w)" % re.escape(name), re.IGNORECASE)


def with_mentions(pieces, name):
    """(style, text) of each piece, with the places marked where `name` is mentioned."""
    for style, text in pieces:
        end = 0
        for found in _mention(name).finditer(text) if name else ():
            yield style, text[end:found.start()]
            yield (style + " class:mention").strip(), found.group()
            end = found.end()
        yield style, text[end:]


def clock(seconds):
    """The local time as in document 001, such as [05:55 AM], with the date unless it is today."""
    seconds = min(max(int(seconds), 0), _LATEST)
    written, then, now = written_clock(seconds).decode(), time.localtime(seconds), time.localtime()
    return written if then[:3] == now[:3] else "[%04d-%02d-%02d %s" % (then[:3] + (written[1:],))


def message(sender, text, seconds, note="", me=None):
    """The line for a message; `note` marks direct ones, or tells the room. me: the name that is marked in the text.

    A text that begins with an asterisk and the sender's name tells what they do.
    """
    when = clock(seconds)
    name = ("bold fg:" + colour(sender), visible(sender))
    does = "* %s " % sender
    if text.startswith(does):
        front, text = [("", "* "), name, ("class:note", note), ("", " ")], text[len(does):]
    else:
        front = [name, ("class:note", note), ("", ": ")]
    shown = visible(text, "\n" + " " * len(when))
    return [("class:time", when), *front, *with_mentions(marked_up(shown), me)]


def sent(me, to, text, note=""):
    """The line for an own text that was sent now, to a room or to one user."""
    return message(me, text, time.time(), (_to(to) if to and not to.startswith("#") else "") + note)


def seal(text):
    """What tells a text that was sealed from all others: behind the name, where no text can stand."""
    return " (sealed)" if isinstance(text, Opened) else ""


def _to(name):
    return " (to %s)" % visible(name)


def plain_text(line):
    """The text of a line, for output without styles."""
    return "".join(text for _, text in line)


def error(sentence):
    return [("class:error", "[ERROR] "), ("", visible(sentence))]


def notice(sentence):
    return [("class:note", "[NOTICE] "), ("", visible(sentence))]


def aside(text):
    """A line that is not a message."""
    return [("class:aside", visible(text))]


def _recalled(recalled):
    note = ""
    if recalled.partner and not recalled.partner.startswith("#"):
        note = " (direct)" if recalled.sender == recalled.partner else _to(recalled.partner)
    return message(recalled.sender, recalled.text, recalled.time, note + seal(recalled.text))


def dimmed(line):
    """The line in the colour of old messages."""
    return [("class:aside", text) for _, text in line]


def _disconnected(event):
    if event.again is None:
        return error(event.why)
    return [("class:error", "[DISCONNECTED] "), ("", visible(event.why) + " Trying to come back.")]


def _users(event):
    if event.room:
        names = ", ".join(visible(name) for name, _ in sorted(event.users))
        return aside("%d in %s: %s" % (len(event.users), event.room, names))
    if not event.users:
        return aside("Nobody of that name.")
    shown = [visible(name) if here is not False else visible(name) + " (away)" for name, here in sorted(event.users)]
    noun = "account" if any(here is None for _, here in event.users) else "user"  # who may be there, or not
    return aside("%d %s: %s" % (len(shown), noun if len(shown) == 1 else noun + "s", ", ".join(shown)))


def _rooms(event):
    """A line for each room."""
    if not event.rooms:
        return aside("There are no such rooms.")
    return [("class:aside", "\n".join(visible("%s  %d  %s" % room) for room in event.rooms))]


def _topic(event):
    return aside("The topic of %s: %s" % event if event.text else "%s has no topic." % event.room)


def in_room(event, front=""):
    """The line for what has happened in a room: a `Joined`, `Left`, `Renamed`, `RoomNotice` or `RoomRenamed`.

    front: what comes first.
    """
    if isinstance(event, events.Renamed):
        words = "%s is called %s now" % event[:2]
    elif isinstance(event, (events.Joined, events.Left)):  # as the server words it where it tells all in sentences
        words = "%s %s" % (event.name, "joined" if isinstance(event, events.Joined) else "left")
    else:
        words = event.text.rstrip(".")
    return aside("%s%s." % (front, words))


def not_sent(why, to, text):
    """The line for a text that could not be sent, to the room or to one user; `why` is a sentence."""
    return error("%s Not sent: %s" % (why, _shortened(to, text)))


def _unsure(event):
    return error("Not confirmed, so it may not have arrived: " + _shortened(*event.request[1:]))


def _shortened(to, text):
    """The text as it was typed, at most its first SHORT characters."""
    typed = "/dm %s %s" % (to, text) if to and not to.startswith("#") else text
    return typed if len(typed) <= SHORT else typed[:SHORT] + "..."


_DONE = {
    "join_room": "You are in %s.",
    "leave_room": "You have left %s.",
    "create": "The account was made.",
    "protect": "The account was made.",
    "change_password": "Your password was changed.",
    "delete": "Your account was deleted.",
    "deliver": "That is all that was kept for you.",
}


def _done(event):
    if event.request.kind == "send_file":
        return aside("%s was sent to %s." % (event.request.text, event.request.about or "the lobby"))
    says = _DONE.get(event.request.kind)
    return aside(says.replace("%s", event.request.about or "")) if says else None


_LINES = {
    events.Connected: lambda event: [
        ("class:good", "[CONNECTED] "), ("", "Connected to " + visible(event.address.host_port))],
    events.Disconnected: _disconnected,
    events.Notice: lambda event: notice(event.text),
    events.Welcomed: lambda event: [("class:good", "[NICKNAME] "), ("", "Nickname set to " + visible(event.name))],
    events.Said: lambda event: message(event.sender, event.text, event.time),
    events.Whispered: lambda event: message(event.sender, event.text, event.time, " (direct)"),
    events.Recalled: _recalled,
    events.Kept: lambda event: aside("%d message%s while you were away:" % (event.count, "s" * (event.count != 1))),
    events.Joined: lambda event: aside("%s is here now." % event.name),
    events.Left: lambda event: aside("%s has left." % event.name),
    events.Renamed: lambda event: aside("%s is called %s now." % event[:2]),
    events.Users: _users,
    events.Rooms: _rooms,
    events.Topic: _topic,
    events.RoomNotice: lambda event: in_room(event, event.room + ": "),
    events.RoomRenamed: lambda event: in_room(event, event.room + ": "),
    events.Invited: lambda event: notice("%s invites you to %s: /join %s" % (event.by, event.room, event.room)),
    events.Described: lambda event: aside("%s is at %s, port %s." % event),
    events.Pong: lambda event: aside("Round-trip time: %.2f ms" % (1000 * event.seconds)),
    events.Refused: lambda event: error(event.why),
    events.Saved: lambda event: aside("%s was saved as %s." % (event.name, event.path)),
    events.Unsure: _unsure,
    events.Done: _done,
}


def line(event):
    """The line for an event; None if nothing is shown for it."""
    show = _LINES.get(type(event))
    return show(event) if show else None
