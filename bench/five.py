"""Five protocols at once: what a delivery costs then, and what in a room of `line` alone. Ours only."""
import contextlib
import socket
import time

from bench.crowd import newcomers
from bench.rooms import Talk
from bench.wires import WIRES
from conformance.targets import PROTOCOLS

MEMBERS, SPEAKERS = 500, 10
TALKS = [
    Talk("paced", "pace", 80, "80 messages/s"),
    Talk("saturated", "saturate", 100, "100 messages in flight"),
]
