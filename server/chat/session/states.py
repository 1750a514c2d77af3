"""The states of a client, and the table of the commands that it may use in each."""
STRANGER, MEMBER, WAITING, GONE = "stranger", "member", "waiting", "gone"
HANGUP, QUIT, RESET = "hangup", "quit", "reset"  # why a client has left by itself; all other ends have a Reason

# state -> command -> what happens. While a session waits nothing is handled, so that state has no row.
HANDLERS = {STRANGER: {}, MEMBER: {}, GONE: {}}


def handles(*commands, of=(MEMBER,)):
    """Decorator: the method handles these commands of a client that is in one of these states."""

    def note(method):
        for state in of:
            HANDLERS[state].update(dict.fromkeys(commands, method))
        return method

    return note
