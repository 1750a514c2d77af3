"""The beat: in a busy server all processes turn at the same moments to what has come meanwhile.

Who listens at moments finds more at a time, and pays once for waking up, asking the kernel, and telling the next. If
everybody chose its own moments, a message would wait for each of them: so there is one beat, and one clock for all. On
it the workers read their clients; a part of a beat later the hub reads the workers. In a quiet server nobody waits.
"""

HUB_LATER = 0.25  # of a beat: by then the workers have written what they have read


def next_beat(now, pacing, later=0.0):
    """When the next beat is, or the same part of it `later`: monotonic seconds, which are the same in all processes.

    pacing: seconds between two beats; 0 if nobody is to wait.
    """
    return (now // pacing + 1 + later) * pacing if pacing else now
