"""What protocols and chat say to each other: frozen values, each type a named tuple.

A decoder turns bytes into commands; an encoder turns happenings (answers and pushes) into bytes.

Names and texts are canonical UTF-8 bytes everywhere inside the server (`server.chat.names`, `server.protocols.text`),
because they are passed between processes far more often than their characters are looked at. In commands, names and
passwords are as received; texts are canonical already. Times are whole seconds since the epoch.

Each module of this package has the events of one subject: commands, their answers, and pushes. All of them are here by
their names, too: `events.Say`.

In an answer `asked` is the command that is answered; in a refusal of malformed bytes it is a type of commands, or None.
"""
# ruff: noqa: F403
from typing import Any, Dict, Type

from parley.server.protocols.events.files import *
from parley.server.protocols.events.general import *
from parley.server.protocols.events.login import *
from parley.server.protocols.events.past import *
from parley.server.protocols.events.people import *
from parley.server.protocols.events.reason import *
from parley.server.protocols.events.registry import *
from parley.server.protocols.events.registry import _answers, _commands, _pushes
from parley.server.protocols.events.rooms import *
from parley.server.protocols.events.talk import *

COMMANDS = tuple(_commands)
ANSWERS = tuple(_answers)
PUSHES = tuple(_pushes)
HAPPENINGS = ANSWERS + PUSHES
BY_NAME: Dict[str, Type[Any]] = {kind.__name__: kind for kind in HAPPENINGS}
