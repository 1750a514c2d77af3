"""Where the program begins. What a server needs is imported only for a server, and not for an operator's command."""
import sys

from parley.server import commands
from parley.server.stdout import quiet_when_closed

EX_CONFIG = 78  # as where PyYAML is missing


@quiet_when_closed()
def main(argv=None):
    """Run the operator's command that `argv` begins with, or else serve until told to stop. Returns the exit code.

    argv: the arguments without the program's name; those of this process if None.
    """
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in commands.COMMANDS:
        return commands.run(argv)
    try:
        from parley.server import cli
    except ImportError as error:
        if error.name not in ("h11", "wsproto"):
            raise
        print("parley: %s is not installed for this Python: run `%s -m pip install h11 wsproto`, or use ./dev serve"
              % (error.name, sys.executable or "python3"), file=sys.stderr)
        return EX_CONFIG
    return cli.main(argv)
