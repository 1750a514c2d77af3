"""The client's side of the five wire protocols: requests to bytes, bytes to events. No socket."""
from client.protocols.binary import Binary
from client.protocols.delimited import Delimited
from client.protocols.dollar import Dollar
from client.protocols.line import Line
from client.protocols.padded import Padded

CONVERSATIONS = {conversation.NAME: conversation for conversation in (Line, Binary, Padded, Delimited, Dollar)}
