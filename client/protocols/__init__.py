"""The client's side of the wire protocols: requests to bytes, bytes to events. No socket."""
from parley.client.protocols.binary import Binary
from parley.client.protocols.delimited import Delimited
from parley.client.protocols.dollar import Dollar
from parley.client.protocols.line import Line
from parley.client.protocols.padded import Padded
from parley.client.protocols.web import Web

CLIENT_PROTOCOLS = {protocol.NAME: protocol for protocol in (Line, Binary, Padded, Delimited, Dollar, Web)}
