"""The suite's own codecs, one module a protocol. Whatever lies in this folder is found; there is no list to add to.

A codec module offers what the rest of the suite needs to know about a protocol, and nothing of it is known elsewhere.
`me` is the name under which the sender is known, or None; names and texts are str. A *message* is a str where
STRUCTURED is false (line, padded). Where it is true, a message to be sent is a dict of fields, and a message that came
is a `conformance.message.Message(fields, raw)`: its fields, and the bytes it came as.

    NAME            the protocol's name, as in `protocol:` and `--target NAME=HOST:PORT`
    STRUCTURED      whether messages have fields: `send: {field: value}`, `expect: {fields: {field: value}}`
    FIELDS          names of the fields that scenarios may use; None if any word is one. Absent where not STRUCTURED
    FRAMED          whether messages have their length in front: then bytes written out in a scenario (`raw`, `hex`,
                    `chunks`) are sent as they are, without suffixes for names
    CAN_WHISPER     whether a client can say something to one other user
    HEARS_AT_ONCE   whether a connection hears the room before it has a name
    REMEMBERS       whether the server keeps messages of those who left, and nobody can have it forget them: each item
                    gets a server of its own

    encode(message, me)     a message to bytes, its end or length included. Structured: fields left out get their usual
                            value, `me` among them; a value given as bytes is sent as it is; a wrong length, version,
                            ... can be had by giving that field
    Decoder()               .feed(data) -> list of messages; .unfinished: the bytes of a message that is not complete
    Conversation()          what one connection has reached, as far as both directions show it:
        .name                   under which name, or None
        .can_ask                whether a whole message may be sent now without becoming part of another one
        .sent(data, own=False)  note bytes that left; `own` are the suite's, whose answers belong to nobody's scenario
        .received(message)      note a message that came; true if it answers the suite's own `still_there`
        .is_echo(message)       whether it is the speaker's own come back

    What the suite itself says, as messages:
    login(name)             come in, as a witness; None if that is not possible without knowing an account
    deletion(name)          optional, where the server keeps accounts: what to say, without a name, to delete that one
    still_there()           a question that is answered whatever the state, and that changes nothing: the barrier
    answers_still_there(message)    whether this may be the answer, before a login
    list_everyone()         ask who is there; None if the protocol has no such question
    say(me, text)           to the room
    whisper(me, to, text)   to one user; only where CAN_WHISPER

    How the suite recognises its own traffic:
    marker_in(message)      (sender, nonce) if somebody's whole text is a nonce `~sync7`, be it said to one or to all in
                            the room, by a client of any protocol; else None
    listed_in(message)      the names in an answer to `list_everyone`; empty for every other message
    about(message)          whom an unasked message is about (who is listed, came, left, spoke), or None: if that is one
                            of the suite's witnesses, the message stays out of the inbox
    brief(message)          optional, where STRUCTURED: the fields that are worth room in a transcript's column
    without(message, is_crowd)      optional: the message without the names for which is_crowd(name) is true, where it
                            lists several; None if nothing remains that is worth telling
"""
import importlib
import pkgutil

_FOUND = [importlib.import_module("%s.%s" % (__name__, found.name)) for found in pkgutil.iter_modules(__path__)]

CODECS = {codec.NAME: codec for codec in _FOUND}
