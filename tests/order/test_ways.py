"""From where a node reads, by what Sentinels and the servers say of themselves."""
import pytest

from parley.server.order.place import Place

SENTINELS = (("s1", 1), ("s2", 2), ("s3", 3))
PLACE = Place("", SENTINELS, "parley", "preferred", "secret", "log", "a", 6, 1 << 20)


@pytest.fixture(autouse=True, scope="module")
def redis():
    """Imported where these tests run, not wherever they are collected: that takes a tenth of a second."""
    global ways
    pytest.importorskip("redis", reason="the package redis is not installed (pip install redis)")
    from parley.server.order import ways


FOLLOWING = [b"slave", b"m", 6379, b"connected", 7]


def state(host, flags="slave", heard="250", priority="100"):
    """heard: milliseconds since the Sentinel has heard of it last; "0" if it never has."""
    told = {"ip": host, "port": "6379", "flags": flags, "info-refresh": heard, "slave-priority": priority}
    return [text.encode() for pair in told.items() for text in pair]


class Server:
    """A server or a Sentinel, which says what a test wants."""

    def __init__(self):
        self.role = FOLLOWING
        self.reads = 0
        self.master, self.replicas = state("m", "master"), [state("r")]
        self._asked = []

    def execute_command(self, command, what, name):
        assert (command, name) == ("SENTINEL", "parley")
        if self.master is None:
            raise ways.redis.ConnectionError("refused")
        return self.master if what == "MASTER" else self.replicas

    def pack_commands(self, commands):
        return commands

    def send_packed_command(self, commands):
        self.reads += 1
        self._asked += commands

    def read_response(self):
        words = self._asked.pop(0)
        return self.role if words == ("ROLE",) else words

    def disconnect(self):
        pass


@pytest.fixture
def servers(monkeypatch):
    """{host: Server}, of Sentinels s1 to s3, a master m and a replica r."""
    made = {host: Server() for host in ("s1", "s2", "s3", "m", "r", "q")}
    made["m"].role = [b"master", 7, []]
    for name in ("client", "connection"):
        monkeypatch.setattr(ways, name, lambda place, host, **more: made[host])
    return made


@pytest.fixture
def way(servers):
    return ways.way(PLACE)


def told_by_all(servers, **changes):
    for host, _ in SENTINELS:
        vars(servers[host]).update(changes)


def test_one_reads_from_the_replica_and_writes_to_the_master(servers, way):
    assert way.read(("XREAD",), ("LLEN",)) == ([("XREAD",), ("LLEN",)], "the replica at r:6379")
    assert way.master() is servers["m"]
    servers["s1"].master = None
    assert way.master() is servers["m"]


def test_what_a_server_says_that_is_no_such_replica_any_more_does_not_count(servers, way):
    for role, why in (([b"master", 9, []], "changes its role"), (FOLLOWING, None),
                      ([b"slave", b"m", 6379, b"sync", 0], "has lost its master"),
                      ([b"slave", b"m", 6379, b"connect", 0], "has lost its master"), (FOLLOWING, None)):
        servers["r"].role = role
        if why is None:
            way.read(("XREAD",))
            continue
        with pytest.raises(ways.Lost, match=why):
            way.read(("XREAD",))
    assert not servers["m"].reads


def test_a_replica_that_is_being_promoted_is_not_taken_for_one_that_is_down(servers, way):
    """It ends the connections of all Sentinels, and for a moment these name the old master still."""
    servers["r"].role = [b"master", 9, []]
    told_by_all(servers, replicas=[state("r", "slave,disconnected")])
    with pytest.raises(ways.Lost, match="changes its role"):
        way.read(("XREAD",))
    told_by_all(servers, replicas=[])
    servers["s3"].master = state("m", "master,failover_in_progress")
    with pytest.raises(ways.Lost, match="about to let another server"):
        way.read(("XREAD",))
    assert not servers["m"].reads


def lose_master(servers, way, saying=3):
    """The master is down by the word of so many Sentinels; then its replica has taken its place."""
    for number, (host, _) in enumerate(SENTINELS):
        servers[host].master = state("m", "master,s_down" if number < saying else "master")
    servers["r"].role = [b"slave", b"m", 6379, b"connect", -1]
    with pytest.raises(ways.Lost, match="has lost its master"):
        way.read(("XREAD",))
    servers["r"].role, servers["m"].role = [b"master", 9, []], [b"master", 7, []]
    told_by_all(servers, master=state("r", "master"), replicas=[state("m", "slave,disconnected", heard="0")])
    for host in "rm":
        servers[host].reads = 0


def test_the_successor_of_a_lost_master_is_read_from_until_that_is_a_replica(servers, way, monkeypatch):
    """The Sentinels need as long again to find it dead as a replica, and ten seconds to hear that it follows."""
    clock = [100.0]
    monkeypatch.setattr(ways.time, "monotonic", lambda: clock[0])
    lose_master(servers, way)
    assert way.read(("XREAD",))[1] == "the master at r:6379"
    assert not servers["m"].reads, "it may be frozen, and is not asked while nobody has heard of it"
    told_by_all(servers, replicas=[state("m")])
    clock[0] += ways.ASK_AGAIN + 0.1
    assert way.read(("XREAD",))[1] == "the master at r:6379", "it takes itself for the master still"
    servers["m"].role = [b"slave", b"r", 6379, b"sync", 0]
    clock[0] += ways.ASK_AGAIN + 0.1
    for _ in range(2):  # or it would take nothing but what it has into the place of its successor
        with pytest.raises(ways.Lost, match="does not have yet"):
            way.read(("XREAD",))
    servers["m"].role = FOLLOWING
    clock[0] += ways.ASK_AGAIN + 0.1
    assert way.read(("XREAD",))[1] == "the replica at m:6379"
    servers["m"].role = [b"slave", b"r", 6379, b"connect", -1]
    for _ in range(2):  # it is a replica like any other from now on
        with pytest.raises(ways.Lost, match="has lost its master"):
            way.read(("XREAD",))


@pytest.mark.parametrize("replicas", [[], [state("q", priority="0")]])
def test_what_only_the_successor_has_does_not_count_once_it_has_a_replica(servers, way, monkeypatch, replicas):
    """That one may be put into its place at once, though it has not been seen as a replica by anybody."""
    clock = [100.0]
    monkeypatch.setattr(ways.time, "monotonic", lambda: clock[0])
    lose_master(servers, way)
    told_by_all(servers, replicas=[state("m", "slave,disconnected", heard="0"), *replicas])
    followers = [[b"q", b"6379", b"9"]] * len(replicas)
    servers["r"].role = [b"master", 9, followers]
    assert way.read(("XREAD",))[1] == "the master at r:6379"
    servers["r"].role = [b"master", 9, [*followers, [b"m", b"6379", b"9"]]]
    with pytest.raises(ways.Lost, match="not alone any more"):
        way.read(("XREAD",))
    servers["r"].role = [b"master", 9, followers]
    for _ in range(2):  # it has taken itself for the master since, or has been made it
        with pytest.raises(ways.Lost, match="the replica at m:6379 changes its role"):
            way.read(("XREAD",))


@pytest.mark.parametrize("what", ["too few say that it is lost", "it was up again", "a replica is required"])
def test_a_master_that_was_not_lost_is_waited_for_as_a_replica(servers, way, what):
    """It may have been changed on purpose, and take what nobody hears."""
    if what == "a replica is required":
        way = ways.way(PLACE._replace(replica="required"))
    lose_master(servers, way, saying=1 if what.startswith("too few") else 3)
    if what == "it was up again":
        told_by_all(servers, master=state("m", "master"), replicas=[state("r")])
        with pytest.raises(ways.Lost):
            way.read(("XREAD",))
        told_by_all(servers, master=state("r", "master"), replicas=[state("m", heard="0")])
    with pytest.raises(ways.Lost, match="no replica" if what == "a replica is required" else "changes its role"):
        way.read(("XREAD",))


def test_only_a_replica_that_may_be_promoted_is_read_from(servers, way):
    told_by_all(servers, replicas=[state("q", priority="0"), state("r")])
    assert way.read(("XREAD",))[1] == "the replica at r:6379"


def test_replicas_that_may_be_promoted_are_counted_by_each_sentinel_for_itself(servers, way):
    """One may not know of a failover yet."""
    way.read(("XREAD",))
    servers["s1"].replicas = [state("m", "slave,s_down"), state("r")]
    way._find()
    assert way.candidates == 1
    servers["s1"].replicas = [state("m")]
    way._find()
    assert way.candidates == 1
    servers["s2"].replicas = [state("q"), state("r"), state("t", priority="0")]
    way._find()
    assert way.candidates == 2


def test_the_master_is_read_from_only_while_most_sentinels_say_that_it_is_alone(servers, way, monkeypatch):
    told_by_all(servers, replicas=[state("r", "slave,s_down")])
    clock = [100.0]
    monkeypatch.setattr(ways.time, "monotonic", lambda: clock[0])
    assert way.read(("XREAD",))[1] == "the master at m:6379"
    clock[0] += ways.ASK_AGAIN + 0.1
    servers["s1"].master = None
    assert way.read(("XREAD",))[1] == "the master at m:6379"
    clock[0] += ways.ASK_AGAIN + 0.1
    servers["s1"].master = state("r", "master")  # of another opinion
    with pytest.raises(ways.Lost, match="most Sentinels"):
        way.read(("XREAD",))
    servers["s1"].master = servers["s2"].master = None
    with pytest.raises(ways.Lost, match="most Sentinels"):
        way.read(("XREAD",))


def test_a_replica_that_is_back_is_read_from_again(servers, way, monkeypatch):
    told_by_all(servers, replicas=[])
    clock = [100.0]
    monkeypatch.setattr(ways.time, "monotonic", lambda: clock[0])
    way.read(("XREAD",))
    told_by_all(servers, replicas=[state("r")])
    clock[0] += ways.ASK_AGAIN + 0.1
    assert way.read(("XREAD",))[1] == "the replica at r:6379"


def test_where_all_are_down_that_is_what_is_said(servers, way):
    told_by_all(servers, master=state("m", "master,s_down"), replicas=[state("r", "slave,s_down")])
    with pytest.raises(ways.Lost, match="the master is down, and no replica is there"):
        way.read(("XREAD",))


def test_where_a_replica_is_required_nobody_reads_from_the_master(servers):
    told_by_all(servers, replicas=[])
    with pytest.raises(ways.Lost, match="no replica"):
        ways.way(PLACE._replace(replica="required")).read(("XREAD",))


def test_a_sentinel_that_does_not_answer_is_not_waited_for_each_time(monkeypatch):
    """It may be on the machine that is lost, and nothing is read while one waits for it."""
    clock, waited = [100.0], []

    class Sentinel:
        def __init__(self, place, host, socket_timeout, **more):
            self.is_silent, self.within = host == "s2", socket_timeout

        def execute_command(self, command, what, name):
            if self.is_silent:
                waited.append(self.within)
                raise ways.redis.TimeoutError
            return state("m", "master") if what == "MASTER" else []

    monkeypatch.setattr(ways.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(ways, "client", Sentinel)
    monkeypatch.setattr(ways, "connection", lambda place, host, **more: host)
    way = ways.way(PLACE)
    for passed in (0, 1, ways.SILENT_FOR, 1):
        clock[0] += passed
        assert way.master() == "m"
    assert waited == [ways.SENTINEL_WITHIN, ways.SILENT_WITHIN] * 2


def test_without_any_sentinel_nothing_is_known(servers, way):
    told_by_all(servers, master=None)
    for ask in (way.master, lambda: way.read(("XREAD",))):
        with pytest.raises(ways.Lost, match="no Sentinel"):
            ask()


def test_a_master_that_most_sentinels_take_for_dead_is_not_written_to(servers, way):
    """One who says so late would have the node wait for a server that is frozen."""
    for down in range(4):
        for number, (host, _) in enumerate(SENTINELS):
            servers[host].master = state("m", "master,s_down" if number < down else "master")
        if down < 2:
            assert way.master() is servers["m"]
        else:
            with pytest.raises(ways.Lost, match="most Sentinels say that the master is down"):
                way.master()
    servers["s1"].master = None
    servers["s3"].master = state("m", "master")
    assert way.master() is servers["m"], "of two that answer one says so"


def test_if_no_sentinel_answers_one_of_their_errors_is_told(servers, way):
    told_by_all(servers, master=None)
    with pytest.raises(ways.Lost, match=r"no Sentinel answers that knows of parley \(refused\)"):
        way.read(("XREAD",))
