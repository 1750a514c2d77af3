"""What a client hears, as the public interface has it. Names and texts are str, times seconds since the epoch.

Nothing in them has been made harmless for a terminal; `client.showing` does that where something is shown.
"""
import functools

from server.protocols.events import event

_event = functools.partial(event, module=__name__)

# ---- the connection

Connected = _event("Connected", "address", "The server has answered. `address` is a `client.address.Address`.")
Disconnected = _event("Disconnected", "why again", "The connection is gone, and why; `again` is the seconds until the "
                      "next try, None if there is none.")
Notice = _event("Notice", "text", "A sentence of the server's, or about what it cannot do.")

# ---- answers. `request` is what was asked.

Request = _event("Request", "kind about text", "Something asked: the name of the method of `Chat`, whom or what it is "
                 "about, and the text that was to be said. Either may be None.")
Welcomed = _event("Welcomed", "name", "You are a member called `name`: after a login, and after a rename.")
Done = _event("Done", "request", "It was done, and all that it gave has come.")
Refused = _event("Refused", "request why", "It was not done; `why` is a sentence.")
Unsure = _event("Unsure", "request", "The connection ended before it was known whether this has been said.")
Users = _event("Users", "users", "(name, here) of everybody who was asked for.")
Described = _event("Described", "name host port", "Where somebody is connected from.")
Pong = _event("Pong", "seconds", "The server has answered after so many seconds.")
Recalled = _event("Recalled", "partner sender text time", "Said earlier: in the room (`partner` is None) or between "
                  "you and `partner`. The answer to `history`, and what was said while the connection was gone.")
Kept = _event("Kept", "count partners", "`count` messages were said to you alone while you were away, and wait for "
              "`deliver`; `partners` is {name: count}, as far as the server tells whose they are.")
Progress = _event("Progress", "request count", "So many messages of a long history have come.")

# ---- what happens

Said = _event("Said", "sender text time", "`sender` said `text` in the room.")
Whispered = _event("Whispered", "sender text time", "`sender` said `text` to you alone.")
Joined = _event("Joined", "name", "`name` is here now.")
Left = _event("Left", "name", "`name` is not here any more.")
Listed = _event("Listed", "users has_room", "(name, here) of everybody, as some servers tell it unasked; is there a "
                "room to talk in, too?")
Renamed = _event("Renamed", "old new", "`old` is called `new` now.")
