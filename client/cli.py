"""The terminal client's command line."""
import argparse
import os
import sys

from parley import __version__
from parley.called import called
from parley.client.protocol import Impossible
from parley.client.settings import Settings, usual_path
from parley.server.stdout import quiet_when_closed

_USAGE = """URL is PROTOCOL://HOST[:PORT], such as line://localhost:4000; PROTOCOL is line, binary, padded, delimited,
dollar or web, with +tls after it for TLS; in web a path may follow. Without a protocol it is line, without a port the
protocol's usual one; NAME@HOST takes the name there. /help shows what can be typed. Lines that are piped in are done
one after the other."""


@quiet_when_closed()
def main(arguments=None):
    """Run the client; returns the exit code: 0, 1 if there was an error in a script, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog=called("parley-client"), description="Talk to a chat server.", epilog=_USAGE)
    parser.add_argument("url", metavar="URL", nargs="?", help="where to connect to; later: /connect URL")
    parser.add_argument("--trust", metavar="FILE",
                        help="for TLS, certificates (PEM) to trust besides the system's: of CAs, or the server's own")
    parser.add_argument("--version", action="version", version="parley-client " + __version__)
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings(usual_path())
        return _screen(chosen.trust, settings).run(chosen.url or settings.address)
    except (Impossible, ValueError) as error:
        parser.error(str(error))


def _screen(trust, settings):
    from parley.client.plain import Plain
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return Plain(trust, settings)
    try:
        from parley.client.terminal import Terminal
    except ImportError:
        print("Names and commands complete, and messages stay above the input line, with prompt_toolkit: "
              "pip install 'parley-chat[client]'.", file=sys.stderr)
        return Plain(trust, settings)
    return Terminal(trust, settings)
