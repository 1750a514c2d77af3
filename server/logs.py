"""The log: lines on stderr, as text or as JSON, for which no process ever waits.

    text   2026-01-31T10:20:30.123Z info worker 0 (4711): connection ended protocol=line name=ann reason=hangup
    json   {"time": "2026-01-31T10:20:30.123Z", "level": "info", "pid": 4711, "process": "worker 0",
            "event": "connection ended", "protocol": "line", "name": "ann", "reason": "hangup"}

What belongs to an event is given as a dictionary: `log.info("connection ended", {"name": "ann"})`. The event's text may
quote some of it, as "%(name)s left", which the text form then does not repeat. Nothing in a line acts on a terminal,
wherever it came from.

A line that stderr does not take at once, because nobody reads it or its disk is full, is dropped; the next one that
gets through says how many were, as `dropped`. Each process writes for itself: a line is one write, of a size that pipes
do not tear.
"""
import json
import logging
import multiprocessing.util
import os
import re
import select
import stat
import time
import traceback

LEVELS = ("debug", "info", "warning", "error")
STDERR = 2
LONGEST = select.PIPE_BUF - 1  # bytes of a line, which with one more a pipe takes whole or not at all

_BARE = re.compile(r"(?!-\Z)[\w.:/@+-]+")  # texts that need no quotes
_QUOTED = re.compile(r"%\((\w+)\)")


def _plain(value):
    """What JSON has no words for, as text: bytes without Python's quotes."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_quoted = json.JSONEncoder(ensure_ascii=False, default=_plain).encode


def set_up(level, form):
    """Log what is of `level` or above on stderr, in one of FORMS; forked processes go on with it."""
    _hold_standard_descriptors()
    multiprocessing.current_process().name = "parent"
    log = logging.getLogger("parley.server")
    log.setLevel(level.upper())
    log.handlers[:] = [Handler(_unshared(STDERR), FORMS[form])]


class Handler(logging.Handler):
    """Writes to `descriptor`; `form` makes the text of an event, a dictionary."""

    def __init__(self, descriptor, form):
        super().__init__()
        self._descriptor = descriptor
        self._form = form
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._begin()
        multiprocessing.util.register_after_fork(self, Handler._begin)

    def _begin(self):
        """What others have dropped is theirs to say."""
        self._dropped = 0  # lines since one got through
        self._torn = b""  # the end that a line lacks which got through in part

    def emit(self, record):
        """Write one line, or count it as dropped."""
        try:
            event = _event(record)
            if self._dropped:
                event["dropped"] = self._dropped
            self._dropped = 0 if self._write(self._line(event)) else self._dropped + 1
        except Exception:
            self.handleError(record)

    def _line(self, event):
        """The line in bytes; where it is too long, its longest value keeps only its end."""
        line = self._bytes(event)
        while len(line) > LONGEST:
            longest = max(event, key=lambda key: len(str(event[key])))
            value = str(event[longest])
            event[longest] = value[len(value) // 2 + 1:]
            line = self._bytes(event)
        return line

    def _bytes(self, event):
        return self._form(event).encode("utf-8", "backslashreplace") + b"\n"

    def _write(self, line):
        """Has it got through?"""
        if not self._room.poll(0):
            return False
        data = self._torn + line
        try:
            written = os.write(self._descriptor, data)
        except OSError:
            return False
        self._torn = b"" if written == len(data) else b"\n"
        return not self._torn


class _Event(dict):
    """What a line says: a value for each name. quoted: the names whose values the text has already."""

    quoted = frozenset()


def _event(record):
    event = _Event({
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + ".%03dZ" % record.msecs,
        "level": record.levelname.lower(),
        "pid": record.process,
        "process": record.processName,
        "event": record.getMessage(),
    })
    if isinstance(record.args, dict):
        event.update(record.args)
        event.quoted = frozenset(_QUOTED.findall(str(record.msg)))
    if record.exc_info:
        event["traceback"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    return event


def _as_text(event):
    fields = ["%s=%s" % (key, _shown(value)) for key, value in event.items()
              if key not in _NOT_FIELDS and key not in event.quoted]
    head = "%(time)s %(level)s %(process)s (%(pid)s): %(event)s" % event
    lines = [" ".join([head] + fields)]
    if "traceback" in event:
        lines += event["traceback"].split("\n")
    return "\n".join(map(_visible, lines))


_NOT_FIELDS = ("time", "level", "pid", "process", "event", "traceback")


def _shown(value):
    if value is None:
        return "-"
    text = _plain(value)
    return text if _BARE.fullmatch(text) else _quoted(value)


def _visible(text):
    """`text` with everything escaped that could act on a terminal."""
    if text.isprintable():
        return text
    return "".join(
        [character if character.isprintable() else character.encode("unicode_escape").decode() for character in text])


FORMS = {"text": _as_text, "json": json.JSONEncoder(default=_plain).encode}


def _hold_standard_descriptors():
    """Whoever started us may have closed stderr: no socket may get its number, or what we log would go there."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= STDERR:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def _unshared(descriptor):
    """A pipe or a terminal opened anew where that can be, so that it is non-blocking for us alone.

    That there was room a moment ago does not mean that a write returns: another process may have filled it meanwhile.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or os.isatty(descriptor):
        try:
            return os.open("/dev/fd/%d" % descriptor, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            pass  # of another user, or nobody reads it any more
    return descriptor
