"""The states of a client, and the table of the commands that it may use in each."""
STRANGER, MEMBER, WAITING, GONE = "stranger", "member", "waiting", "gone"
HANGUP, QUIT, RESET = "hangup", "quit", "reset"  # how a client leaves by itself; for all other ends there is a Reason

# state -> command -> what happens. While a session waits nothing is handled, so that state has no row.
HANDLERS = {STRANGER: {}, MEMBER: {}, GONE: {}}


def handles(*commands, of=(MEMBER,)):
    """Decorator: the method handles these commands of a client that is in one of these states."""

    def note(method):
        for state in of:
            HANDLERS[state].update(dict.fromkeys(commands, method))
        return method

    return note
