"""The options of a server, and what their values may be."""
import argparse

from parley import __version__
from parley.called import called
from parley.server import config, logs
from parley.server.commands.arguments import Parser, listing
from parley.server.protocols import PROTOCOLS


class _ServersParser(Parser):
    """Its help ends with the commands, which take longer to list than all else takes to parse."""

    def format_help(self):
        return "%s\n%s\n" % (super().format_help(), listing())


def parser():
    """The parser of a server's arguments."""
    parser = _ServersParser(
        prog=called("parley"), description="Parley, a chat server. Without a command, it serves until it is stopped.")
    parser.add_argument("port", nargs="?", metavar="PORT", type=_port,
                        help="port of the line protocol; with 0 every protocol takes a free port")
    parser.add_argument("--workers", type=_workers, metavar="N", help="processes that serve the clients")
    parser.add_argument("--host", metavar="H", type=_host,
                        help="address or name to listen on; auto means all addresses, 0.0.0.0 all IPv4 addresses")
    parser.add_argument("--config", metavar="FILE", type=_not_empty,
                        help="configuration to read instead of ./%s" % config.DEFAULT_FILE)
    parser.add_argument("--listen", action="append", default=[], metavar="PROTOCOL=PORT", type=_listen,
                        help='port of a protocol, or "off"; with :#ROOM behind it, one at which this room stands in the'
                             " lobby's place; may be given several times")
    parser.add_argument("--idle-timeout", type=_seconds, metavar="S",
                        help="close connections that are silent for S seconds; 0 means never")
    parser.add_argument("--echo", action="store_true", default=None,
                        help="send clients a copy of what they say in a room")
    parser.add_argument("--users", metavar="FILE", type=_not_empty,
                        help="file of accounts with passwords; `parley example users.json` shows the format")
    parser.add_argument("--storage", metavar="DIRECTORY",
                        help='where accounts and messages are kept; "memory" keeps them only while the server runs')
    parser.add_argument("--socket", metavar="PATH", type=_not_empty,
                        help="Unix socket for `status`, `passwd` and the other commands; by default in the storage"
                             " directory, or else in the user's runtime directory")
    parser.add_argument("--metrics", metavar="HOST:PORT", type=_metrics,
                        help='address at which Prometheus can read metrics, such as 127.0.0.1:9105, or "off"')
    parser.add_argument("--worker-ports", action="store_true",
                        help="open one more port for each worker, for tests that choose their worker")
    parser.add_argument("--check-config", action="store_true", help="check the configuration, and exit")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="info", help="the lowest level that is logged")
    parser.add_argument("--log-format", choices=sorted(logs.FORMS), default="text",
                        help="log lines as text, or each as a JSON object")
    parser.add_argument("--version", action="version", version="parley " + __version__)
    return parser


def _not_empty(text):
    if not text:
        raise argparse.ArgumentTypeError("it must not be empty")
    return text


def _host(text):
    try:
        return config.host(text)
    except config.ConfigError as error:
        raise argparse.ArgumentTypeError(error) from None


def _workers(text):
    if not (text.isdecimal() and 1 <= int(text) <= config.MOST_WORKERS):
        raise argparse.ArgumentTypeError("%r is not a number from 1 to %d" % (text, config.MOST_WORKERS))
    return int(text)


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("%r is not a number of seconds" % text)
    return seconds


def _port(text):
    if not config.is_port(text):
        raise argparse.ArgumentTypeError("%r is neither a command nor a port, a number from 0 to 65535" % text)
    return text


def _metrics(text):
    try:
        return False if text == "off" else config.address(text)
    except config.ConfigError as error:
        raise argparse.ArgumentTypeError(error) from None


def _listen(text):
    protocol, _, port = text.partition("=")
    if not port or protocol not in PROTOCOLS:
        raise argparse.ArgumentTypeError(
            "%r is not of the form PROTOCOL=PORT or PROTOCOL=PORT:#ROOM with one of %s" % (
                text, ", ".join(PROTOCOLS)))
    try:
        config.with_port(config.defaults(), protocol, port, text)
    except config.ConfigError as error:
        raise argparse.ArgumentTypeError(error) from None
    return protocol, port
