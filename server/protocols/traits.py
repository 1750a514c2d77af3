"""In what ways protocols differ, beyond their bytes."""
from collections import namedtuple

Traits = namedtuple("Traits", (
    "coalesces", "personal", "answers_first", "hears_at_once", "acknowledges", "wants_users", "open_to_strangers",
    "shared_answers", "typed", "longest_name", "if_missed"))


def traits(**differences):
    """The traits of a protocol, of which only those are named that differ from `line`'s.

    coalesces: everything a tick has for a client may go out in one send; else each frame is a send of its own, with
        time to read it before the next, but in a flood.
    personal: frames name their receiver, so they are rendered once for each.
    answers_first: nothing may come between a request and its answer; what happens meanwhile is sent after it.
    hears_at_once: a client hears the room before it has a name.
    acknowledges: whoever says something is told when it has its place in the order; its later commands wait for that.
    wants_users: the list of users is pushed whenever it has changed.
    open_to_strangers: the types of the commands that are answered before a login, besides those that log in.
    shared_answers: the types of answers that are the same, to the byte, for everybody who asks the same.
    typed: commands may be typed by hand, into a program that sends each character.
    if_missed: the command that is given for a member as it comes in, if something was kept for it while it was away.
        None: it is only told so.
    longest_name: the bytes of a name that fit into a frame; longer ones are shown by an alias. None: all names fit.
    """
    usual = Traits(
        coalesces=True, personal=False, answers_first=False, hears_at_once=False, acknowledges=False, wants_users=False,
        open_to_strangers=(), shared_answers=(), typed=False, longest_name=None, if_missed=None)
    return usual._replace(**differences)
