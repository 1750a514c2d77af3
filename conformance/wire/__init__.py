"""The suite's own codecs, one module for each protocol. Modules in this folder are found; there is no list of them.

A codec has everything that the suite knows about a protocol. A *message* is a str where STRUCTURED is False (line,
padded). Where it is True, a message to send is {field: value}, and a message received is a
`conformance.message.Message(fields, raw)`: its fields and its bytes. `me` is the name under which the sender is logged
in, or None. Names and texts are str.

    NAME                    the name of the protocol, as in `protocol:` and `--target NAME=HOST:PORT`
    STRUCTURED              do messages have fields: `send: {field: value}`, `expect: {fields: {field: value}}`?
    SENDS_TEXT              optional, where STRUCTURED: is a message to send a str all the same?
    FIELDS                  the names of the fields that scenarios may use; None for any. Only where STRUCTURED
    FRAMED                  do messages begin with their length? Then bytes in a scenario (`raw`, `hex`, `chunks`) are
                            sent as they are, without suffixes for names
    CAN_WHISPER             can a client say something to one other user?
    PATH                    optional: the path at which a server usually is, where addresses have one
    HEARS_BEFORE_LOGIN      does a connection hear the room before it has a name?
    STORES_MESSAGES         does the server keep messages that nobody can delete? Then each run has its own server
    AS_TEXT                 optional, where STRUCTURED: do the bytes of a message tell no more than its fields? Then
                            failures do not show them

    encode(message, me)     the bytes of a message. Structured: missing fields get their default, a value of type bytes
                            is sent as it is, and a wrong length, version, ... is possible by giving that field
    Decoder()               .feed(data) returns a list of messages; .unfinished has the bytes of an incomplete one;
                            optional: .opening(address), the bytes with which a client begins, and which are answered
    heartbeat(message)      optional: what every client answers to this message by itself, and no scenario sees; or None
    ClientState()           the state of one connection, as far as the messages in both directions show it:
        .name                   the name under which it is logged in, or None
        .at_message_boundary    may a message be sent now, or would it become part of an incomplete one?
        .sent(data, own=False)  note bytes that were sent; `own` for the suite's own
        .received(message)      note a message that was received; True if it is the reply to one of the suite's own
        .is_echo(message)       is it the client's own message, sent back?

    Messages that the suite itself sends:
    login(name)             log in as a witness; None if that takes an account
    delete_account(name)    optional, where clients can delete accounts: [message], to send without being logged in
    probe()                 a request that changes nothing and has a reply in every state
    is_probe_reply(message)     may this be the reply to `probe()`, before a login?
    list_users()            request the list of users; None if the protocol has none
    say(me, text)           to the room
    whisper(me, to, text)   to one user; only where CAN_WHISPER

    Rooms, an extension that docs/rooms.md describes; `room` is a name such as `#dev`. Only where HAS_ROOMS, which a
    codec need not have:
    enter_room(room, key=None)      be in it
    leave_room(room)
    say_in_room(me, room, text)
    list_rooms(pattern=None)        those that match; None: those one is in
    manage_room(room, act, about="", text="")   what one may do to a room or to somebody in it; `who` and `topic` ask
    heard_in_room(message)      (room, who said it, text) of what was said in a room; `who` is None where the text is
                                something that happened in it, such as `bob joined`. None for all other messages

    What the suite recognises:
    marker_in(message)      (sender, nonce) if the text is a marker, such as `~sync7`, from a client of any protocol;
                            else None
    names_in(message)       the names in a reply to `list_users()`; empty for other messages
    subject_of(message)     the user whom an unrequested message is about (is listed, joined, left or spoke), or None
    summary(message)        optional, where STRUCTURED: a text, or {field: value}, for a transcript's column
    without_names(message, is_ignored)      optional: the message without the names in its list for which
                            is_ignored(name) is True; None if nothing is left
"""
import importlib
import pkgutil

_FOUND = [importlib.import_module("%s.%s" % (__name__, found.name)) for found in pkgutil.iter_modules(__path__)]

CODECS = {codec.NAME: codec for codec in _FOUND}
