"""The gate (authorization): may this user do this now? A refusal is a Reason, and changes nothing.

It is asked before each command that affects others, in the order of the entries. Its answers depend only on the state
that these have led to, and on the settings. A method `why_not_...` or `why_no_...` returns the `Reason` for a refusal,
or None if the user may.

    roles       who has which role, by what name or account; what the other parts have in common
    names       who may be here under which name
    entry       who may make a room, and who may enter one
    masks       whom bans and mutes mean
    speech      who may say what
    acts        what may be done to a room and its members
    settings    the values that settings of rooms can have
"""
from parley.server.chat.gate.acts import Acts
from parley.server.chat.gate.names import Names
from parley.server.chat.gate.roles import LIMITS as LIMITS
from parley.server.chat.gate.speech import Speech


class Gate(Names, Speech, Acts):
    """Decides who may do what.

    operators: names; whoever has the account of such a name, if it has a password, may do everything in every room.
    limits: {name: number}, see LIMITS.
    now: gives the time of the entry, milliseconds since the epoch.
    keys: the `LoginThrottle` for wrong keys of rooms; it has the same clock.
    opered: {holder: account} of those who act as an operator, by the password of that account (OPER in IRC).
    user_of: a function that returns the user name that the holder's client has sent, or nothing.
    """
