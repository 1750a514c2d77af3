"""The arguments of the operator's commands."""
import argparse
import textwrap

from parley.called import called
from parley.server import config
from parley.server.chat.names import InvalidName, canonical_room


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line, like all errors here; argparse alone would print the whole usage, too."""

    def error(self, message):
        self.exit(2, "parley: %s (see --help)\n" % message)


def parser():
    parser = Parser(prog=called("parley"), description="Parley, a chat server: commands for operators.")
    _add_commands(parser)
    return parser


def listing():
    """The commands with their descriptions, for --help of the server itself."""
    commands = _add_commands(Parser()).choices
    return "commands, each with --help:\n" + "\n".join(
        textwrap.fill(command.description, 79, initial_indent="  %-11s " % name, subsequent_indent=" " * 14)
        for name, command in commands.items())


def _add_commands(parser):
    """Add a parser for each command. Returns argparse's object for them; its `choices` are {name: parser}."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--storage", metavar="DIRECTORY",
                        help="the server's storage directory, if it is not in the configuration")
    common.add_argument("--config", metavar="FILE", help="configuration to read instead of ./%s" % config.DEFAULT_FILE)

    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("--socket", metavar="PATH", help="the server's socket, if it was started with --socket")

    def add(name, says, *more):
        return commands.add_parser(name, parents=[common, *more], help=says, description=says)

    add("status", "show workers, connections, rates and queues of a running server", asking).add_argument(
        "--json", action="store_true", help="print everything, as JSON")
    log = add("log", "print what was said in the lobby", asking)
    log.add_argument("--since", type=int, default=0, metavar="NUMBER", help="only messages after this one")
    log.add_argument("--follow", action="store_true", help="go on printing new messages")
    passwd = add("passwd", "give a name a password, read from the terminal or the standard input", asking)
    passwd.add_argument("name")
    add("accounts", "list all accounts, and how many messages are kept for each", asking)
    delete = add("delete", "delete an account, and all direct messages to it or from it", asking)
    delete.add_argument("name", metavar="ACCOUNT")
    box = add("box", "list the messages that are kept for an account: from whom and when, without their texts", asking)
    box.add_argument("name", metavar="NAME")
    box.add_argument("--empty", action="store_true", help="delete them")
    add("who", "list who is here: on which worker, from where, and in which rooms", asking)
    room = argparse.ArgumentParser(add_help=False)
    room.add_argument("--room", metavar="ROOM", type=_room, default="#lobby", help="the room; without it, the lobby")
    whom = {"kick": "send somebody out of a room; out of the lobby: end the connection",
            "ban": "keep somebody out of a room; out of the lobby: refuse every login",
            "unban": "remove a ban, written as it was made", "mute": "forbid somebody to speak in a room",
            "unmute": "allow somebody to speak again"}
    for name, says in whom.items():
        command = add(name, says, asking, room)
        command.add_argument("name", metavar="NAME" if "ban" not in name else "NAME|PATTERN|ADDRESS")
        if name in ("kick", "ban"):
            command.add_argument("why", nargs="*", metavar="WHY", help="what everybody there is told")
    add("say", "say something in the lobby, as `server`", asking).add_argument("text", nargs="+", metavar="TEXT")
    add("rooms", "list all rooms, with owners, settings and topics", asking)
    add("drop", "end a room, with all that was said there", asking).add_argument("room", metavar="ROOM", type=_room)
    add("backup", "copy everything that is stored into a new file, while the server runs", asking).add_argument(
        "file", metavar="FILE")
    add("refill", "give the state of this node to a Redis that has lost the cluster's log", asking)
    for name, says in (
            ("export", "write users or conversations as JSON, in document 004's form"),
            ("import", "read users or conversations from JSON in document 004's form, while no server runs; import"
                       " users first: an account can only read messages that are newer than itself")):
        command = add(name, says)
        command.add_argument("kind", choices=("users", "history"))
        command.add_argument("file", help='"-" is the standard %s' % ("output" if name == "export" else "input"))
    says = "make a certificate for this machine, signed by a CA of its own that others can trust"
    cert = commands.add_parser("cert", help=says, description=says + "; run again, it renews the certificate")
    cert.add_argument("names", nargs="*", metavar="NAME",
                      help="host names and addresses that others use; by default, what this machine seems to have")
    cert.add_argument("--directory", metavar="DIRECTORY", default=".", help="where to write the files; by default here")
    says = "print a configuration to start from: the defaults, with comments"
    commands.add_parser("config", help=says, description=says)
    says = "print an example, such as parley.service; without a name, list all examples"
    commands.add_parser("example", help=says, description=says).add_argument("name", nargs="?", metavar="NAME")
    return commands


def _room(text):
    """The name of a room, with or without its #, which a shell takes for the beginning of a comment."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return canonical_room(raw if raw[:1] == b"#" else b"#" + raw).decode()
    except InvalidName:
        raise argparse.ArgumentTypeError("%r is not the name of a room" % text) from None
