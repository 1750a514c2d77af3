"""Messages between processes in the short form in which the tests have them."""
from parley.server.ipc.messages import ToWorker, name_of
from parley.server.protocols.events import BY_NAME

# What most tests do not look at, at the end of these.
NOT_LOOKED_AT = {ToWorker.Joined: "proven", ToWorker.Renamed: "proven", ToWorker.Entered: "role"}


def plain(message):
    """(name, field, ...) of a message, without those at its end that have their default, or that it is not about.

    Of an event, for a session or several: (its name, whom, field, ...).
    """
    if type(message) in (ToWorker.Answer, ToWorker.Tell):
        whom, event, fields = message
        return (event, whom, *_given(BY_NAME[event](*fields)))
    if type(message) is ToWorker.Managed:
        message = message._replace(number=0, at=0)
    if type(message) in NOT_LOOKED_AT:
        field = NOT_LOOKED_AT[type(message)]
        message = message._replace(**{field: type(message)._field_defaults[field]})
    return (name_of(message), *_given(message))


def _given(message):
    """The fields, without those at the end that have their default."""
    defaults = getattr(type(message), "_field_defaults", {})
    fields = list(message)
    for field in reversed(type(message)._fields):
        if field not in defaults or fields[-1] != defaults[field]:
            break
        fields.pop()
    return fields
