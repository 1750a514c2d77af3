"""The log: lines on stderr, as text or as JSON. No process ever waits for stderr.

    text   2026-01-31T10:20:30.123Z info worker 0 (4711): connection ended protocol=line name=ann reason=hangup
    json   {"time": "2026-01-31T10:20:30.123Z", "level": "info", "pid": 4711, "process": "worker 0",
            "event": "connection ended", "protocol": "line", "name": "ann", "reason": "hangup"}

The fields of an event are passed as a dictionary: `log.info("connection ended", {"name": "ann"})`. If the event's text
contains a field, as in "%(name)s left", the text form does not repeat it. Everything in a line that could act on a
terminal is escaped.

A line that stderr does not take at once, because nobody reads it or its disk is full, is dropped; the next line that
gets through has their number in the field `dropped`. Each process writes for itself, one write for each line, of a size
that pipes take whole.
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
LONGEST = select.PIPE_BUF - 1  # bytes of a line: with one byte before it, a pipe still takes it whole or not at all

_UNQUOTED = re.compile(r"(?!-\Z)[\w.:/@+-]+")  # values that need no quotes in the text form
_QUOTED = re.compile(r"%\((\w+)\)")


def _plain(value):
    """The text of a value that JSON has no type for; for bytes without Python's b'...' around it."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_quoted = json.JSONEncoder(ensure_ascii=False, default=_plain).encode


def set_up(level, form):
    """Log to stderr from now on, in forked processes too. level: one of LEVELS. form: a key of FORMS."""
    _reserve_standard_descriptors()
    multiprocessing.current_process().name = "parent"
    log = logging.getLogger("parley.server")
    log.setLevel(level.upper())
    log.handlers[:] = [Handler(_reopen(STDERR), FORMS[form])]


class Handler(logging.Handler):
    """Writes lines to `descriptor`. form: a function that makes the text of an event, which is a dictionary."""

    def __init__(self, descriptor, form):
        super().__init__()
        self._descriptor = descriptor
        self._form = form
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._reset()
        multiprocessing.util.register_after_fork(self, Handler._reset)

    def _reset(self):
        """Start without dropped lines, also in a forked process: those of the parent are reported by the parent."""
        self._dropped = 0  # lines since the last one that got through
        self._torn = b""  # the line end that is missing after a line that was written in part

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
        """The line as bytes; if it is too long, its longest values lose their beginnings."""
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
        """Write the line if stderr takes it at once; returns whether all of it was written."""
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
    """The fields of a line, {name: value}. quoted: the names of those that the event's text contains."""

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
    return text if _UNQUOTED.fullmatch(text) else _quoted(value)


def _visible(text):
    """`text` with everything escaped that is not printable, and so could act on a terminal."""
    if text.isprintable():
        return text
    return "".join(
        [character if character.isprintable() else character.encode("unicode_escape").decode() for character in text])


FORMS = {"text": _as_text, "json": json.JSONEncoder(default=_plain).encode}


def _reserve_standard_descriptors():
    """Open /dev/null in place of standard descriptors that are closed, or a socket would get stderr's number."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= STDERR:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def _reopen(descriptor):
    """A new non-blocking descriptor for the same pipe or terminal, if possible; `descriptor` itself otherwise.

    Other processes share the old one, so it must stay blocking. Polling for room is not enough: another process may
    fill the pipe before we write.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or os.isatty(descriptor):
        try:
            return os.open("/dev/fd/%d" % descriptor, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            pass  # it is another user's, or nobody reads it any more
    return descriptor
