"""What happens in a room, in English: the sentences that all protocols share.

    bob joined          ann gave bob a voice                ann set the topic: text
    bob left            ann took bob's voice                ann took the topic away
    bob is now rob      ann made bob an op                  ann set limit: 20
    ann kicked bob      ann made bob an ordinary member     ann changed the key
    ann banned bob      ann invited bob                     ann closed the room
    ann unbanned bob    ann muted bob                       ann invites you to #dev
    ann made bob an ordinary member with a voice            ann let bob in without an invitation
    ann excepted bob from bans
    ann renamed the room to #new                            ann removed message 7
    ann unmuted bob     (a notice)                          (its own words)

Behind a kick, a ban and a mute may stand a colon, a blank and why. A sentence is one line, whatever is in its texts,
and begins with the name of who did it. As no name has a blank in it, "* " and a sentence is never what somebody says,
where that is written as "<name>: <text>" (`spoken`). A key is never told.
"""
from typing import Any, Callable, Dict

from parley.server.protocols import events
from parley.server.protocols.text import one_line

EVENT = b"* "  # in front of a sentence, where it stands among what is said


def _whole(name: bytes) -> bytes:
    return name


def sentence(happening: events.Happening, shown: Callable[[bytes], bytes] = _whole) -> bytes:
    """The sentence for something that has happened in a room, without the room. `shown`: how a name is written."""
    return one_line(_SENTENCES[type(happening)](happening, shown))


def spoken(sender: bytes, text: bytes) -> bytes:
    """A message as one text with its sender, for protocols that have no field for the sender."""
    return b"%b: %b" % (sender, indented(text))


def indented(text: bytes) -> bytes:
    """A text in which no line but the first looks like the beginning of another message."""
    return text.replace(b"\n", b"\n\t")


def _managed(managed: Any, shown: Callable[[bytes], bytes]) -> bytes:
    by, about, text = shown(managed.by), managed.about, managed.text
    if managed.act == "topic":
        return b"%b set the topic: %b" % (by, text) if text else by + b" took the topic away"
    if managed.act == "set":
        return by + b" changed the key" if about == b"key" else b"%b set %b: %b" % (by, about, text)
    if managed.act not in _ABOUT_MASKS:  # a mask, which may be a pattern, is shown whole, so that it can be removed
        about = shown(about)
    what = _DONE[managed.act]
    if managed.act in ("except", "unexcept") and about.startswith(b"mute:"):
        what, about = what.replace(b"bans", b"mutes"), about[len(b"mute:"):]
    done = b"%b %b" % (by, what.replace(b"<name>", about))
    if managed.act == "deop" and text == b"voice":
        return done + b" with a voice"
    return b"%b: %b" % (done, text) if text and managed.act in _WITH_REASON else done


_DONE = {
    "invite": b"invited <name>",
    "kick": b"kicked <name>",
    "ban": b"banned <name>",
    "unban": b"unbanned <name>",
    "mute": b"muted <name>",
    "unmute": b"unmuted <name>",
    "voice": b"gave <name> a voice",
    "devoice": b"took <name>'s voice",
    "op": b"made <name> an op",
    "deop": b"made <name> an ordinary member",
    "drop": b"closed the room",
}
_DONE.update({
    "bar": b"banned <name>",
    "except": b"excepted <name> from bans",
    "unexcept": b"excepted <name> from bans no more",
    "invex": b"let <name> in without an invitation",
    "uninvex": b"let <name> in no more without an invitation",
    "rename": b"renamed the room to <name>",
    "redact": b"removed message <name>",
})
_ABOUT_MASKS = ("ban", "unban", *events.MORE_ACTS)
_WITH_REASON = ("kick", "ban", "bar", "mute", "rename", "redact")

_SENTENCES: Dict[type, Callable[[Any, Callable[[bytes], bytes]], bytes]] = {
    events.Entered: lambda entered, shown: shown(entered.name) + b" joined",
    events.Exited: lambda exited, shown: shown(exited.name) + b" left",
    events.Renamed: lambda renamed, shown: b"%b is now %b" % (shown(renamed.old), shown(renamed.new)),
    events.Managed: _managed,
    events.Invited: lambda invited, shown: b"%b invites you to %b" % (shown(invited.by), invited.room),
    events.Notice: lambda notice, shown: notice.text,
}
