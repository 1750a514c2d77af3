"""The loads of the lobby, with all members listening and some of them talking, and what that costs a server."""
import collections

from bench.crowd import newcomers
from stress.usage import memory, spent

WARMING = 0.2  # seconds of talk before anything is counted

Load = collections.namedtuple("Load", "name members speakers talks")
Talk = collections.namedtuple("Talk", "row how measure meaning")
Talk.__doc__ = """One row. `measure` is the window of `Crowd.saturate` or the rate of `Crowd.pace`, as `how` says."""

LOADS = [
    Load("a", 10, 10, [Talk("a, paced", "pace", 4000, "10 members, all talk, 4000 messages/s")]),
    Load("b", 100, 10, [
        Talk("b, paced", "pace", 400, "100 members, 10 talk, 400 messages/s"),
        Talk("b", "saturate", 100, "100 members, 10 talk, 100 messages in flight"),
        Talk("w1", "saturate", 10, "100 members, 10 talk, one message of each in flight"),
    ]),
    Load("c", 1000, 10, [
        Talk("c, paced", "pace", 40, "1000 members, 10 talk, 40 messages/s"),
        Talk("c", "saturate", 100, "1000 members, 10 talk, 100 messages in flight"),
    ]),
    Load("d", 1000, 1000, [Talk("d", "saturate", 1000, "1000 members, all talk, 1000 messages in flight")]),
    Load("e", 5000, 5, [Talk("e", "saturate", 100, "5000 members, 5 talk, 100 messages in flight")]),
]
IDLE_MEMBERS = 15000

Idle = collections.namedtuple("Idle", "base each logins login_cpu")
Idle.__doc__ = """Bytes of memory without clients and for each of them, log-ins a second, CPU seconds of each."""


def measure(server, crowd, load, seconds):
    """An Outcome for each of the load's talks, on a server started for that."""
    with server.running() as running:
        try:
            members = newcomers(load.members, load.speakers, running.address, server.wires)
            if server.heard_in:
                members = [one._replace(wire=server.heard_in, address=running.address(server.heard_in))
                           if one.speaker is None else one for one in members]
            return hold(load, members, server, running, crowd, seconds)
        finally:
            crowd.clear()  # or the server would wait for them when it stops


def hold(load, members, server, running, crowd, seconds):
    """An Outcome for each of the load's talks among these members."""
    crowd.enter(members, server.at_once)
    crowd.settle()
    crowd.pace(running.pids, load.speakers, WARMING, 50)
    return [getattr(crowd, talk.how)(running.pids, load.speakers, seconds, talk.measure) for talk in load.talks]


def measure_idle(server, crowd, members):
    """An Idle, of clients that have logged in and are not in a room, where there are several."""
    with server.running() as running:
        try:
            base = memory(running.pids)
            with spent(running.pids) as cpu:
                took = crowd.enter(newcomers(members, 0, running.address, server.wires, joins=False), server.at_once)
            crowd.settle()
            return Idle(base, (memory(running.pids) - base) / members, members / took, cpu[0] / members)
        finally:
            crowd.clear()
