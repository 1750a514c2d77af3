"""The beat: in a busy server all processes handle at the same moments what has come since the last one.

A process that reads only then finds more at a time, and pays once for waking up, asking the kernel, and telling the
next. If each chose its own moments, a message would wait for each of them: so all have one beat, by one clock. On it
the workers read their clients; a part of a beat later the hub reads the workers. In a quiet server nobody waits.
"""

HUB_LATER = 0.25  # of a beat: by then the workers have written what they have read


def next_beat(now, pacing, later=0.0):
    """When the next beat is, or the moment that part of a beat `later`: monotonic seconds, the same in all processes.

    pacing: seconds between two beats; 0 if nobody is to wait.
    """
    return (now // pacing + 1 + later) * pacing if pacing else now
