# ruff: noqa: F403, F405
"""Parley: one chat, every wire protocol. This is the one import name, installed and in a checkout.

    from parley import Said, connect

What `parley.client` has is here as well, once it is asked for: the server does without. `parley.server` and
`parley.conformance` are programs. In a checkout the three folders lie beside this one, which finds them there;
`python -m server` starts the same modules, under their names in here.
"""
import importlib
import os
import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parley.client import *

__version__ = "0.2.0"

__all__ = [
    "Address", "Chat", "Connected", "Described", "Disconnected", "Done", "Failed", "Impossible", "Invited", "Joined",
    "Kept", "Left", "Listed", "Moved", "Notice", "Pong", "Presence", "Progress", "Recalled", "Refused", "Renamed",
    "Request", "RoomNotice", "RoomRenamed", "Rooms", "Said", "Saved", "Topic", "Typing", "Unsure", "Users", "Welcomed",
    "Whispered", "connect", "parse",
]

_HERE = os.path.dirname(os.path.abspath(__file__))
if not os.path.isdir(os.path.join(_HERE, "server")):
    __path__.append(os.path.dirname(_HERE))


class _Package(types.ModuleType):
    """Python 3.6 knows no `__getattr__` of modules, but that of their class."""

    def __getattr__(self, name):
        if name in __all__:
            return getattr(importlib.import_module("parley.client"), name)
        raise AttributeError("module 'parley' has no attribute %r" % name)


sys.modules[__name__].__class__ = _Package
