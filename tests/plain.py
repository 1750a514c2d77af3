"""Messages between processes in the short form in which the tests have them."""
from parley.server.ipc.messages import ToWorker, name_of

# What most tests do not look at, at the end of these.
NOT_LOOKED_AT = {ToWorker.Joined: "proven", ToWorker.Renamed: "proven", ToWorker.Entered: "role"}


def plain(message):
    """(name, field, ...) of a message, without those at its end that have their default, or that it is not about."""
    defaults = getattr(type(message), "_field_defaults", {})
    if type(message) in NOT_LOOKED_AT:
        field = NOT_LOOKED_AT[type(message)]
        message = message._replace(**{field: defaults[field]})
    fields = list(message)
    for field in reversed(type(message)._fields):
        if field not in defaults or fields[-1] != defaults[field]:
            break
        fields.pop()
    return (name_of(message), *fields)
