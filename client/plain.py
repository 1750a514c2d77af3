"""The client without a terminal, or without prompt_toolkit: lines in, lines out, errors to stderr.

Each line is finished before the next is read, so that a script can be piped in.
"""
import getpass
import os
import select
import sys

from parley.client import showing
from parley.client.session import Left, Session

PATIENCE = 30  # seconds to wait for the answer to a line


class Plain:
    """A screen of lines on stdout."""

    completes = False

    def __init__(self, trust=None):
        self.session = Session(self, trust)
        self.failed = False  # could anything not be done?

    # ---- what a session shows

    def show(self, line):
        _write(sys.stdout, showing.plainly(line))

    def sent(self, line):
        self.show([("", "[SENT] ")] + line)

    def error(self, line):
        self.failed = True
        _write(sys.stderr, showing.plainly(line))

    not_sent = error

    def asked(self, typed):
        """Nothing to show: the line is visible above, or in the script."""

    def ask_password(self, prompt, then):
        if not sys.stdin.isatty():
            self.error(showing.error("Without a terminal a password stands behind the name."))
            return
        then(getpass.getpass(prompt))

    # ---- the loop

    def run(self, url):
        """Run until the input ends, the user leaves, or the server does not answer a script; the exit code."""
        try:
            if url:
                self.session.connect(url)
                self._finish()
            self._read()
        except Left:
            pass
        except KeyboardInterrupt:
            self.failed = True
        except BrokenPipeError:  # the reader of our output is gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.failed = True
        self.session.leave()
        return int(self.failed and not sys.stdin.isatty())

    def _read(self):
        held, stdin = b"", sys.stdin.fileno()
        while sys.stdin.isatty() or not self._is_given_up():
            chat = self.session.chat
            waiting = [stdin] + ([chat] if chat and chat.state != "closed" else [])
            ready, _, _ = select.select(waiting, [], [], chat and chat.until_next())
            self.session.hear()
            if stdin in ready:
                data = os.read(stdin, 65536)
                *lines, held = (held + data).split(b"\n")
                for line in lines if data else [held]:
                    self._enter(line.decode(errors="replace"))
                if not data:
                    return

    def _enter(self, line):
        if not sys.stdin.isatty():
            self._finish()
            if self._is_given_up():
                return
        self.session.enter(line)
        self._finish()

    def _finish(self):
        chat = self.session.chat
        if chat and not chat.finish(PATIENCE) and chat.state != "closed":
            self.error(showing.error("There was no answer."))
        self.session.hear()

    def _is_given_up(self):
        return self.session.chat is not None and self.session.chat.state == "closed"


def _write(stream, line):
    """Characters that the stream's encoding lacks are written as escapes."""
    encoding = stream.encoding or "ascii"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
