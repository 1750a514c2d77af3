"""Messages between processes in the short form in which the tests have them."""
from parley.server.ipc.messages import name_of


def plain(message):
    """(name, field, ...) of a message, without those at its end that have their default."""
    fields, defaults = list(message), getattr(type(message), "_field_defaults", {})
    for field in reversed(type(message)._fields):
        if field not in defaults or fields[-1] != defaults[field]:
            break
        fields.pop()
    return (name_of(message), *fields)
