"""The client without a terminal, or without prompt_toolkit: lines in, lines out, errors to stderr.

Each line is executed completely before the next, so that a script can be piped in.
"""
import getpass
import os
import select
import sys

from parley.client import showing
from parley.client.commands import Quit
from parley.client.session import Session

REPLY_SECONDS = 30  # the timeout for the replies to a line


class Plain:
    """A screen of lines on stdout."""

    completes = has_places = False

    def __init__(self, trust=None, settings=None):
        self.session = Session(self, trust, settings)
        self.failed = False  # has there been an error?

    # ---- what a session shows

    def show(self, line):
        _write(sys.stdout, showing.plain_text(line))

    def sent(self, line):
        self.show([("", "[SENT] ")] + line)

    def error(self, line):
        self.failed = True
        _write(sys.stderr, showing.plain_text(line))

    not_sent = error

    def echo(self, typed):
        """Nothing to show: the line is visible above, or in the script."""

    def look(self, lines):
        self.show(lines[0])  # all else was shown when it came

    def search(self, text):
        self.error(showing.error("Only on a terminal, and with prompt_toolkit, there is something to search."))

    def ring(self):
        """No bell in a script."""

    def ask_password(self, prompt, callback):
        if not sys.stdin.isatty():
            self.error(showing.error("Without a terminal passwords must be written into the command."))
            return
        callback(getpass.getpass(prompt))

    # ---- the loop

    def run(self, url):
        """Run until EOF, /quit, or in a script until there is no connection; returns the exit code, 0 or 1."""
        try:
            if url:
                self.session.connect(url)
                self._finish()
            self._read()
        except Quit:
            pass
        except KeyboardInterrupt:
            self.failed = True
        except BrokenPipeError:  # the reader of our output is gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.failed = True
        self.session.leave()
        return int(self.failed and not sys.stdin.isatty())

    def _read(self):
        partial, stdin = b"", sys.stdin.fileno()
        while sys.stdin.isatty() or not self._has_no_connection():
            chat = self.session.chat
            waiting = [stdin] + ([chat] if chat and chat.state != "closed" else [])
            ready, _, _ = select.select(waiting, [], [], chat and chat.until_next())
            self.session.update()
            if stdin in ready:
                data = os.read(stdin, 65536)
                *lines, partial = (partial + data).split(b"\n")
                for line in lines if data else [partial]:
                    self._enter(line.decode(errors="replace"))
                if not data:
                    return

    def _enter(self, line):
        if not sys.stdin.isatty():
            self._finish()
            if self._has_no_connection():
                return
        self.session.enter(line)
        self._finish()

    def _finish(self):
        chat = self.session.chat
        if chat and not chat.finish(REPLY_SECONDS) and chat.state != "closed":
            self.error(showing.error("There was no answer."))
        self.session.update()

    def _has_no_connection(self):
        return self.session.chat is not None and self.session.chat.state == "closed"


def _write(stream, line):
    """Print a line; characters that the stream's encoding lacks are written as escapes."""
    encoding = stream.encoding or "ascii"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
