"""Limits the log lines that clients without a name can cause, or anybody by a bug."""
import logging

from parley.server.chat.origins import origin

MOST_LINES = 60  # about one kind of event in a minute
MOST_ADDRESSES = 1000  # that are told apart when the rest is summed up
MINUTE = 60.0

log = logging.getLogger(__name__)


class _Minute:
    """The events of one kind in a minute. until: its end, when they are summed up, monotonic seconds."""

    def __init__(self, until):
        self.until = until
        self.lines = 0
        self.more = 0
        self.origins = set()


class Strangers:
    """Gives each event of a kind its level: its own for MOST_LINES of them a minute, `debug` for the rest.

    At the end of that minute one line says how many more there were, and from how many addresses; MOST_ADDRESSES means
    that many or more.
    """

    def __init__(self):
        self._minutes = {}  # kind -> _Minute; each caller has a kind of its own

    def level(self, kind, host, now, usual=logging.INFO):
        """The level of an event that somebody at `host` causes."""
        self.look_at_clock(now)
        minute = self._minutes.setdefault(kind, _Minute(now + MINUTE))
        if minute.lines < MOST_LINES:
            minute.lines += 1
            return usual
        minute.more += 1
        if len(minute.origins) < MOST_ADDRESSES:
            minute.origins.add(origin(host))
        return logging.DEBUG

    def log_bug(self, now, text, *arguments, host=""):
        """Called in an exception handler: log a bug of ours with its traceback. A client may provoke it many times.

        text, arguments: as of `logging`. host: the address of the client that met it.
        """
        log.log(self.level("a bug", host, now, logging.ERROR), text, *arguments, exc_info=True)

    def look_at_clock(self, now):
        """Sum up the minutes that are over."""
        for kind in [kind for kind, minute in self._minutes.items() if minute.until <= now]:
            self._sum_up(kind, self._minutes.pop(kind))

    def close(self):
        """Nothing more comes."""
        self.look_at_clock(float("inf"))

    @staticmethod
    def _sum_up(kind, minute):
        if minute.more:
            log.info("%(kind)s: %(more)d more like it", {
                "kind": kind, "more": minute.more, "addresses": len(minute.origins)})
