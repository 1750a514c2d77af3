"""How protocols differ, beyond their bytes."""
from typing import Any, NamedTuple, Optional, Tuple


class Traits(NamedTuple):
    """The traits of a protocol. The defaults are those of `line`.

    coalesces: all frames that a client gets in one tick may leave in one send. Otherwise each frame is a send of its
        own, and the client gets time to read it before the next, except in a flood.
    personal: frames name their receiver, so they are encoded for each receiver separately.
    answers_first: nothing may come between a request and its answer; other events are sent after the answer.
    hears_at_once: a client hears the room before it has a name.
    acknowledges: a client is told when its message is stored, and its later commands wait for that.
    numbered: that acknowledgement has the message's number, and the client's further messages do not wait for it.
    resumes: sessions are resumable; a client that comes back gets what it has missed first: see `events.Hello`.
    wants_users: the list of users is pushed whenever it changes.
    open_to_strangers: the types of the commands that are answered before a login, besides those that log in. None among
        them: an unknown command is refused as such, and not by the demand to log in first.
    shared_answers: the types of the answers that are the same, byte for byte, for all clients that ask the same.
    typed: commands may be typed by hand, into a program that sends every character as it is typed.
    longest_name: the most bytes of a name that fit into a frame; longer names are shown as aliases. None: all fit.
    enters_by_talking: a client that says something in a room that it is not in enters the room first.
    extras: messages may have extras, which clients of protocols with this trait get (see `events.Say`).
    people: members are told changes of others (`events.Changed`), once, however many rooms they share with them.
    labels: commands may have labels, which are repeated in their answers (`with_label` of the protocol).
    http: clients come in by an HTTP request that asks for WebSocket.
    sealed: clients can open sealed messages; others get a note that there is one (`server.protocols.sealed`).
    heartbeat: the bytes that a client is sent after a silence, to show that it is there; or empty.
    if_missed: the command to run for a member that logs in, if messages were kept for it while it was away. None: it
        is only told that there are some.
    in_lobby: is a member in the lobby from its login on? Otherwise it is in no room before it enters one.
    converses: events for one client alone are encoded by its decoder, which knows what the client has asked:
        tell(happening, me) -> frames. It has a method `label`, which gets the labels of commands. Its forms are made
        when a client first uses them, and may have traits of their own (`traits_of` of the protocol).
    optional: the server starts without the protocol if its default port is taken.
    """

    coalesces: bool = True
    personal: bool = False
    answers_first: bool = False
    hears_at_once: bool = False
    acknowledges: bool = False
    numbered: bool = False
    resumes: bool = False
    wants_users: bool = False
    open_to_strangers: Tuple[Optional[type], ...] = ()
    shared_answers: Tuple[type, ...] = ()
    typed: bool = False
    longest_name: Optional[int] = None
    enters_by_talking: bool = False
    extras: bool = False
    people: bool = False
    labels: bool = False
    http: bool = False
    sealed: bool = False
    heartbeat: bytes = b""
    if_missed: Any = None
    in_lobby: bool = True
    converses: bool = False
    optional: bool = False
