"""The codecs, by the names of their protocols."""
from loadtest._wire_binary import Binary
from loadtest._wire_delimited import Delimited
from loadtest._wire_dollar import Dollar
from loadtest._wire_line import Line
from loadtest._wire_padded import Padded

CODECS = {codec.name: codec for codec in (Line, Binary, Padded, Delimited, Dollar)}
