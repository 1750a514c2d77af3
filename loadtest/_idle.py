"""When and how a server has to disconnect a silent client."""

# Seconds: a server checks for idle clients every 10 s at least, so it may be late by that much; and the transmission.
LATENESS = 10
ON_THE_WAY = 0.5


def latest_end(limit):
    """The seconds of silence after which the connection has to be closed."""
    return limit + LATENESS + ON_THE_WAY


def fault_of_end(limit, silence, told, closed):
    """What was wrong with the end of this silence, or None.

    `silence` is in seconds; `told` and `closed` say whether INFO idle-timeout and the close came.
    """
    if not closed or silence > latest_end(limit):
        return "told of the idle timeout, but not closed in time" if told else "not closed in time"
    if not told:
        return "closed without INFO idle-timeout"
    if silence < limit:
        return "closed before the limit"
    return None
