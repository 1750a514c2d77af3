"""The suite's own codecs, one module a protocol.

A codec module offers what the rest of the suite needs to know about a protocol, and nothing of it is known elsewhere:

    NAME            the protocol's name, as in `protocol:` and `--target NAME=HOST:PORT`
    encode          a message to bytes, end of message included
    Decoder         bytes to messages; `unfinished` holds the bytes of a message that is not complete
    Conversation    what one connection has reached: logged in or not, as whom, which answers are owed
    login, list_everyone, still_there, whisper, say     messages that the suite itself sends
    marker_in, about                                    how the suite recognises its own traffic
"""
from conformance.wire import line

CODECS = {codec.NAME: codec for codec in (line,)}
