"""The server's command line without a process of its own: a start of Python takes longer than most of what it does."""
import io
import logging
import os
import sys
from typing import NamedTuple

from parley.server import entry


class Done(NamedTuple):
    """What `subprocess.run` tells, too; the outputs are bytes."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run_main(monkeypatch, directory, arguments, given=b"", encoding="utf-8"):
    """`python -m server ARGUMENTS` in a directory, with this on its standard input, a pipe."""
    outputs = io.BytesIO(), io.BytesIO()
    with monkeypatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8", "surrogateescape"))
        for name, output, errors in zip(("stdout", "stderr"), outputs, ("strict", "backslashreplace")):
            patch.setattr(sys, name, io.TextIOWrapper(output, encoding, errors, newline="\n", write_through=True))
        log = logging.getLogger("parley.server")
        level, handlers = log.level, list(log.handlers)
        try:
            code = entry.main(list(map(os.fsdecode, arguments)))
        except SystemExit as stop:
            code = stop.code
        finally:
            log.setLevel(level)
            log.handlers[:] = handlers
        sys.stdout.flush()
        return Done(code or 0, *(output.getvalue() for output in outputs))
