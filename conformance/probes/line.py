"""How scenarios of `line` are read with a foreign server, and which requirement a message breaks."""
import re

from parley.conformance.probes.line_experiments import EXPERIMENTS  # noqa: F401
from parley.conformance.probes.line_experiments.framing import LONG
from parley.conformance.probes.line_experiments.guests import AFTER_END, AFTER_RESET, AS_TALK, BUT_ME
from parley.conformance.probes.line_experiments.logins import BEHIND_A_PROMPT, WORDS_OF_SUCCESS, accepting

CUT = {"bytes": "LINE-FRAME-1", "joined": "LINE-FRAME-2"}
CUT_OFF = "LINE-NET-3"
SILENT_BESIDE = "LINE-NET-2"
ENDS = "LINE-LEAVE-1"
ENDED = "INFO disconnected"
NAMES = ("LINE-LOGIN-9", "ERR invalid-username", r"LOGIN \w+(?:\$\{letters\})?", "ERR must-login-first")
ONCE = ("LINE-LEAVE-2",)
RELATIVES = {"LINE-LEAVE-2": ("LINE-LEAVE-3",)}
CLOSED = ("LINE-ERR-2", "LINE-LOGIN-7")
REPLAYED = ("MSG", "DM")

_KINDS = ((r"INFO .+ disconnected", "INFO disconnected"), (r"MSG \S+ .*", "MSG"), (r"DM \S+ .*", "DM"),
          (r"USER .*", "USER"), (r"OK.*", "OK"), (r"INFO.*", "INFO"))
_COMMANDS = {"MSG": "LINE-MSG-1", "DM": "LINE-DM-1", "WHO": "LINE-WHO-1", "PING": "LINE-PING-1"}
_GROUNDS = {
    "OK": "LINE-LOGIN-1", "MSG": "LINE-MSG-1", "DM": "LINE-DM-1", "USER": "LINE-WHO-1", "PONG": "LINE-PING-1",
    "INFO disconnected": "LINE-LEAVE-1", "ERR must-login-first": "LINE-LOGIN-4", "ERR username-taken": "LINE-LOGIN-2",
    "ERR invalid-username": "LINE-LOGIN-3", "ERR unknown-command": "LINE-ERR-1", "ERR user-not-found": "LINE-DM-3",
    "ERR invalid-dm-format": "LINE-DM-4"}


def kind(text):
    """The kind of a message: its words without names and texts."""
    text = text.lstrip("/")  # a pattern, as it is described
    return next((name for shape, name in _KINDS if re.fullmatch(shape, text, re.DOTALL)), text)


def ground(wanted):
    """The requirement that says that such a message comes; None if it is none of the document's."""
    return _GROUNDS.get(kind(wanted))


def is_untold(wanted, cut_off, unanswered):
    if kind(wanted) != "INFO disconnected":
        return False
    was_reset = any(wanted == "INFO %s disconnected" % name for name in cut_off)
    return (AFTER_RESET if was_reset else AFTER_END) in unanswered


def is_left_out(wanted, me, manners):
    """Whether this line of a list is about the user who has asked, and the server leaves that user out."""
    return BUT_ME in manners and wanted == "USER %s" % me


def other_readings(message, manners):
    """What a message may also be: a server may tell what is for one user as it tells talk."""
    return ["DM" + message[len("MSG"):]] if AS_TALK in manners and message.startswith("MSG ") else []


def blame(got, actor):
    """The requirement that such a message breaks where nobody expects it; None if that depends."""
    if got == "(closed by the server)":
        if actor is not None and actor.state.name:
            return "LINE-ERR-2"
        return None if actor is not None and actor.latest is None else "LINE-LOGIN-7"  # nothing was refused before
    what = kind(got)
    if what == "MSG" and actor is not None and actor.connected:
        if actor.name is None:
            return "LINE-MSG-5"
        return "LINE-MSG-2" if got.startswith("MSG %s " % actor.name) else None
    return {"DM": "LINE-DM-5", "INFO": "LINE-LOGIN-5", "INFO disconnected": "LINE-LEAVE-2", "USER": "LINE-WHO-3"}.get(
        what)


def asks(step):
    """The requirements of the commands that a step sends."""
    texts = [send.content for send in getattr(step, "sends", ()) if isinstance(send.content, str)]
    words = [line.split(" ")[0] for text in texts for line in text.split("\n")]
    return {_COMMANDS[word] for word in words if word in _COMMANDS}


def _is_text(content):
    """Whether what is sent (a text, bytes, or a tuple of these) is UTF-8, and more than ASCII."""
    parts = content if isinstance(content, tuple) else (content,)
    data = b"".join(one if isinstance(one, bytes) else str(one).encode("utf-8") for one in parts)
    try:
        return max(data.decode("utf-8"), default="") > "\x7f"
    except UnicodeDecodeError:
        return False


def relies_on(step, variant, renaming):
    """The requirements that a step relies on without naming them."""
    found = set()
    for send in getattr(step, "sends", ()):
        content = send.content
        if send.kind == "chunks" or getattr(step, "cut", None) or variant.segmentation == "bytes":
            found.add("LINE-FRAME-1")
        if variant.segmentation == "joined" or send.kind == "bytes" and content[:-1].count(
                b"\n" if isinstance(content, bytes) else "\n"):
            found.add("LINE-FRAME-2")
        if send.kind == "message" and content.startswith("LOGIN "):
            found.add("LINE-LOGIN-1")
        if len(content) > LONG / 2:
            found.add("LINE-FRAME-5")
        if _is_text(content):
            found.add("LINE-TEXT-1")
    if "LINE-HISTORY-8" in getattr(step, "req", ()):
        found.add("LINE-LOGIN-13")  # as for most servers HISTORY is an unknown word
    if len(getattr(step, "sends", ())) > 1:
        found.add("LINE-FRAME-2")  # they may come together
    for matcher in getattr(step, "expects", ()):
        found.update(filter(None, [ground(getattr(matcher, "text", "") or "")]))
    return found


def is_in(lines):
    """Whether these lines are the reply to a login that has succeeded, in whatever words, and behind a prompt."""
    return accepting([line.rstrip("\r") for line in lines], WORDS_OF_SUCCESS + (BEHIND_A_PROMPT,)) is not None


def is_farewell(message):
    """Whether it may come in front of a close that is expected, as no requirement minds."""
    return kind(message) == "INFO" or ground(message) is None and not message.startswith(("ERR", "MSG", "DM"))


def is_last_word(message, state):
    """Whether somebody who sends no more is told of his own end, or that an end is no command."""
    return message == "INFO %s disconnected" % state.name or message.startswith("ERR ") and not state.half_sent


def is_answer(message):
    """Whether the message answers a command, and is not what somebody else has done."""
    return kind(message) not in ("MSG", "DM", "INFO", "INFO disconnected")


def is_reply(message):
    return is_answer(message)
