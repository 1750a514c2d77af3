"""The log in a real Redis: what the scripts promise, and the process that uses them."""
import contextlib
import itertools
import multiprocessing
import os
import re
import signal
import time
import types

import pytest
from redis_servers import RedisServer, free_port

from parley.server.ipc.messages import FromEngine, ToEngine, messages, packed
from parley.server.ipc.queues import Queue, called
from parley.server.order import scripts
from parley.server.order.place import Place

KINDS = messages(FromEngine)
NAMES = itertools.count()
SECONDS = 60.0  # a bound against hanging


@pytest.fixture
def place(engine):
    """A log that nobody has used."""
    return Place(engine.url, (), "", "none", None, "log%d" % next(NAMES), "a", 6, 1 << 20)


@pytest.fixture
def ask(engine, place):
    """Runs a script with arguments."""
    import redis
    client = redis.Redis.from_url(engine.url)

    def run(script, *arguments):
        return client.register_script(script)(keys=[place.key("log"), place.key("st")], args=arguments)

    run.client = client
    yield run
    client.connection_pool.disconnect()


def entries(ask, place):
    """[(n, node, count, fields without the time)] of the log."""
    found = []
    for id_, fields in ask.client.xrange(place.key("log")):
        n, who = map(int, id_.split(b"-"))
        assert int(fields.pop(b"t")) > 1600000000000
        found.append((n, who >> scripts.COUNT_BITS, who & (1 << scripts.COUNT_BITS) - 1, fields))
    return found


def test_entries_are_counted_without_a_gap_whoever_they_are_of(ask, place):
    numbers = [ask(scripts.JOIN, node, 1, scripts.VERSION, "run")[1] for node in ("a", "b")]
    assert numbers == [1, 2]
    for count in (1, 2):
        for number, node in zip(numbers, ("a", "b")):
            packet = b"%d of %s" % (count, node.encode())
            assert ask(scripts.SUBMIT, *scripts.submitted(number, node, "run", count, packet)) == b"ACCEPTED"
    version = b"%d" % scripts.VERSION
    assert entries(ask, place) == [
        (1, 1, 0, {b"u": b"a", b"m": b"1", b"v": version}), (2, 2, 0, {b"u": b"b", b"m": b"2", b"v": version}),
        (3, 1, 1, {b"f": b"1 of a"}), (4, 2, 1, {b"f": b"1 of b"}), (5, 1, 2, {b"f": b"2 of a"}),
        (6, 2, 2, {b"f": b"2 of b"})]


def test_what_is_sent_again_is_there_once_and_what_is_left_out_is_told(ask, place):
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "run")
    for _ in range(3):
        assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "run", 1, b"one")) == b"ACCEPTED"
    assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "run", 3, b"three")) == b"GAP"
    assert [fields for _, _, count, fields in entries(ask, place) if count] == [{b"f": b"one"}]


def test_who_is_buried_is_so_once_and_says_nothing_more(ask, place):
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "run")
    assert [ask(scripts.BURY, 1, "") for _ in range(3)] == [1, 0, 0]
    assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "run", 1, b"late")) == b"FENCED"
    assert ask(scripts.JOIN, "a", 1, scripts.VERSION, "other")[1:] == [2, b"run"]
    assert [fields for _, _, _, fields in entries(ask, place)] == [
        {b"u": b"a", b"m": b"1", b"v": b"%d" % scripts.VERSION}, {b"d": b"1"},
        {b"u": b"a", b"m": b"2", b"v": b"%d" % scripts.VERSION}]


def test_of_two_with_one_name_the_later_one_has_it(ask, place):
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "run")
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "run")
    assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "run", 1, b"late")) == b"REPLACED"
    assert [fields for _, _, _, fields in entries(ask, place)] == [
        {b"u": b"a", b"m": b"1", b"v": b"%d" % scripts.VERSION}, {b"d": b"1"},
        {b"u": b"a", b"m": b"2", b"v": b"%d" % scripts.VERSION}]


def test_who_has_got_a_number_again_is_told_from_who_had_it(ask):
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "first")
    assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "other", 1, b"of another one")) == b"FENCED"
    assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "first", 1, b"its own")) == b"ACCEPTED"
    assert [ask(scripts.BURY, 1, token) for token in ("other", "first", "")] == [0, 1, 0]
    assert ask(scripts.SUBMIT, *scripts.submitted(1, "a", "first", 2, b"late")) == b"FENCED"


def test_the_version_in_force_is_the_lowest_of_those_alive_and_never_falls(ask, place):
    assert ask(scripts.JOIN, "a", 1, 1, "run")[0] == b"JOINED"
    assert ask(scripts.JOIN, "b", 1, 2, "other")[0] == b"JOINED"
    assert ask(scripts.JOIN, "c", 2, 2, "third") == [b"VERSION", b"1"]
    assert ask(scripts.BURY, 1, "") == 1
    assert ask(scripts.JOIN, "a", 1, 1, "run") == [b"VERSION", b"2"]
    assert ask(scripts.JOIN, "a", 2, 3, "run")[0] == b"JOINED"
    assert entries(ask, place) == [
        (1, 1, 0, {b"u": b"a", b"m": b"1", b"v": b"1"}), (2, 2, 0, {b"u": b"b", b"m": b"2", b"v": b"1"}),
        (3, 1, 0, {b"d": b"1"}), (4, 0, 0, {b"v": b"2"}), (5, 3, 0, {b"u": b"a", b"m": b"3", b"v": b"2"})]


def test_numbers_begin_anew_behind_the_last_and_those_in_use_are_left_out(ask, place):
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "run")
    ask.client.hset(place.key("st"), "joins", 65535)
    assert ask(scripts.JOIN, "b", 1, scripts.VERSION, "run")[1] == 2


class Hub:
    """The hub's end of a process."""

    def __init__(self, place):
        self._down, self._up, self._heard = Queue(), Queue(), []
        self._process = multiprocessing.get_context("fork").Process(target=self._serve, args=(place,))
        self._process.start()
        self._down.write_here()
        self._up.read_here()

    def _serve(self, place):
        from parley.server.order.redis_log import process
        process(place, self._down.read_here(), self._up.write_here())

    def say(self, *said):
        self._down.put(b"".join(map(packed, said)))

    def hear(self, *kinds):
        """The next message of one of these kinds; the others wait."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for place, message in enumerate(self._heard):
                if type(message) in kinds:
                    return self._heard.pop(place)
            for frame in self._up.get():
                name, fields = called(frame)
                self._heard.append(KINDS[name](*fields))
            time.sleep(0.005)
        raise AssertionError("none of %s came, but %s" % (kinds, self._heard))

    def hear_that(self, words):
        """Wait until it says that the engine does not answer, with these words; or without words, that it does."""
        deadline = time.monotonic() + SECONDS
        why = None
        while why is None or not (words in why if words else why == words):
            assert time.monotonic() < deadline, why
            why = self.hear(FromEngine.Working).why

    def submit(self, serial, packet):
        """Until it is accepted or refused: on a busy machine an answer may come too late. Gives the answer."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self.say(*[ToEngine.Submit(serial, packet)] * 2)  # only what is submitted again is told to be accepted
            answer = self.hear(FromEngine.Accepted, FromEngine.Fenced, FromEngine.Doubt)
            if answer == (serial,) or type(answer) is FromEngine.Fenced:
                return answer
        raise AssertionError("it is neither accepted nor refused: %r" % (answer,))

    def packets(self, count):
        """[(id, fields)] of the next entries."""
        found = []
        while len(found) < count:
            found += self.hear(FromEngine.Entries).entries
        return found

    def close(self):
        os.kill(self._process.pid, signal.SIGKILL)  # it has this process's handlers of signals
        self._process.join()
        self._down.close()
        self._up.close()


@pytest.fixture
def join(place):
    """Makes hubs with processes; they read until the test has ended."""
    hubs = []

    def make(node="a", number=0, applied="", token="run", **more):
        hubs.append(Hub(place._replace(node=node, **more)))
        hubs[-1].say(ToEngine.Begin(number, token, applied))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.close()


def test_a_node_hears_what_all_have_said_and_itself(join):
    one, two = join("a"), join("b")
    number = one.hear(FromEngine.Joined).number
    other = two.hear(FromEngine.Joined).number
    assert {number, other} == {1, 2}
    one.submit(1, b"from a")
    two.submit(1, b"from b")
    heard = [[fields[b"f"] for _, fields in hub.packets(4) if b"f" in fields] for hub in (one, two)]
    assert heard == [[b"from a", b"from b"]] * 2


class Writing:
    """A connection to a master that accepts everything."""

    def __init__(self):
        self.sent, self.is_lost, self.is_mute = [], False, False

    def pack_commands(self, commands):
        return commands

    def can_read(self, timeout):
        return self.is_lost

    def send_packed_command(self, commands):
        self.sent += [command[0] for command in commands]
        self.is_mute = self.is_mute or commands[-1] == ("CLIENT", "REPLY", "OFF")

    def read_response(self):
        assert not self.is_mute
        return b"ACCEPTED"

    def disconnect(self):
        self.is_lost = True


def test_the_engine_answers_only_the_first_packet_of_a_connection(place):
    """Whoever has submitted a packet hears it, or submits it again: see `ToEngine.Submit`."""
    from parley.server.order import redis_log
    made, told, serials = [], [], itertools.count(1)
    process = redis_log.Process(place, None, None)
    process._way = types.SimpleNamespace(master=lambda: made.append(Writing()) or made[-1])
    process.tell = told.append
    for _ in range(3):
        process.submit(next(serials), b"packet")
    assert [one.sent for one in made] == [["EVALSHA", "CLIENT", "EVALSHA", "EVALSHA"]] and not told
    process.bury(7, "")
    process.submit(next(serials), b"packet")
    assert [one.sent for one in made[1:]] == [["EVALSHA"]] and len(made[0].sent) == 5, "who wants an answer has another"
    made[0].is_lost = True
    process.submit(5, b"packet")
    assert told == [FromEngine.Doubt("the server has ended the connection")] and len(made[0].sent) == 5
    process.submit(5, b"packet")
    process.submit(6, b"packet")
    assert made[2].sent == ["EVALSHA", "CLIENT", "EVALSHA"] and told[1:] == [FromEngine.Accepted(5)]
    process.submit(6, b"packet")
    assert made[3].sent == ["EVALSHA", "CLIENT"] and told[2:] == [FromEngine.Accepted(6)]


def test_a_snapshot_comes_before_what_follows_it_and_lets_the_log_be_cut(join, ask, place):
    one = join("a")
    one.hear(FromEngine.Joined)
    for count in range(1, 301):
        one.say(ToEngine.Submit(count, b"%d" % count))
    one.packets(301)
    one.say(ToEngine.Piece(b"of one that could not be taken", True))
    one.say(ToEngine.Piece(b"what it ", True), ToEngine.Piece(b"came to", False), ToEngine.Keep(
        ask.client.xrange(place.key("log"), "300", "300")[0][0].decode(), 250))
    assert one.hear(FromEngine.Stored).applied.startswith("300-")
    assert 51 <= ask.client.xlen(place.key("log")) < 301
    two = join("b")
    pieces = [two.hear(FromEngine.Piece).piece for _ in range(2)]
    assert b"".join(pieces) == b"what it came to"
    assert two.hear(FromEngine.Restore).applied.startswith("300-")
    assert [fields.get(b"f") for _, fields in two.packets(2)] == [b"300", None]


def test_who_is_dead_leaves_no_pieces_of_a_snapshot_behind(join, ask, place):
    one = join("a")
    one.hear(FromEngine.Joined)
    one.say(ToEngine.Piece(b"of one that is never complete", True), ToEngine.Piece(b"more", False))
    one.submit(1, b"later than the pieces")
    assert ask.client.llen(place.key("snap:1")) == 3
    assert ask(scripts.BURY, 1, "") == 1
    assert not ask.client.exists(place.key("snap:1"))
    one.say(ToEngine.Piece(b"of one that does not know", False), ToEngine.Keep("1-0", 0))
    assert one.hear(FromEngine.Stored).applied == ""
    assert not ask.client.exists(place.key("snap:1"))


def test_a_damaged_snapshot_is_told_and_not_used(join, ask, place):
    ask.client.rpush(place.key("snap"), "5-0 1", b"something else")
    assert "damaged" in join().hear(FromEngine.Unusable).why


@pytest.mark.parametrize("version", [scripts.OLDEST - 1, scripts.VERSION + 1])
def test_what_another_version_has_written_is_not_read(version, join, ask, place):
    """Neither its snapshot nor its entries, of which this one might understand something else."""
    ask.client.hset(place.key("st"), "v", version)
    ask.client.rpush(place.key("snap"), "5-0 1", b"of another layout")
    assert "version %d of Parley's log is in force there, and this server can read and write %d to %d" % (
        version, scripts.OLDEST, scripts.VERSION) in join().hear(FromEngine.Unusable).why


def test_who_lacks_entries_of_a_log_that_somebody_has_trimmed_asks_for_a_snapshot_and_who_has_read_them_goes_on(
        join, ask, place):
    one = join("a")
    token = one.hear(FromEngine.Joined).token
    one.submit(1, b"gone")
    applied = one.packets(2)[-1][0]
    ask.client.xtrim(place.key("log"), 0, approximate=False)
    two = join("b")
    assert "entries 1 to 2 of its log are gone" in two.hear(FromEngine.Working).why
    ((_, fields),) = one.packets(1)
    assert b"s" in fields
    again = join("a", 1, applied, token)
    again.packets(1)
    one.say(ToEngine.Piece(b"all of it", True), ToEngine.Keep(applied, 0))
    assert two.hear(FromEngine.Piece).piece == b"all of it"
    two.hear(FromEngine.Joined)


def test_who_lacks_entries_in_the_middle_of_the_log_asks_for_a_snapshot_and_begins_with_it(join, ask, place):
    """Somebody has deleted them. Whoever has read them goes on."""
    one = join("a")
    one.hear(FromEngine.Joined)
    one.submit(1, b"kept")
    one.submit(2, b"gone")
    one.submit(3, b"kept, too")
    ids = [id_ for id_, _ in one.packets(4)]
    assert ask.client.xdel(place.key("log"), ids[2]) == 1
    two = join("b")
    assert [id_ for id_, _ in two.packets(2)] == ids[:2], "up to there it can be read"
    assert "entries 3 to 3 of its log are gone" in two.hear(FromEngine.Working).why
    ((_, fields),) = one.packets(1)
    assert b"s" in fields
    one.say(ToEngine.Piece(b"all of it", True), ToEngine.Keep(ids[3], 0))
    assert "entries 3 to 3 of its log are gone" in two.hear(FromEngine.Foreign).why
    again = join("b")
    assert again.hear(FromEngine.Piece).piece == b"all of it"
    again.hear(FromEngine.Joined)
    late = join("a", 1, ids[1], "run")
    assert "entries 3 to 3 of its log are gone" in late.hear(FromEngine.Foreign).why


def test_who_finds_another_log_than_the_one_it_has_read_says_so(join, ask):
    ask(scripts.JOIN, "a", 1, scripts.VERSION, "run")
    assert "5-7" in join("a", 1, "5-7").hear(FromEngine.Foreign).why


def test_a_log_that_is_lost_is_made_anew_of_what_a_node_has_come_to(join, ask, place):
    one = join("a")
    token = one.hear(FromEngine.Joined).token
    two = join("b")
    two.hear(FromEngine.Joined)
    for count in (1, 2):
        one.submit(count, b"%d" % count)
    applied = ([*one.packets(4), *two.packets(4)])[-1][0]
    refill = [ToEngine.Piece(b"all of it", True), ToEngine.Refill(applied, b"run", scripts.VERSION, [
        (1, "a", token, 2), (2, "b", "", 0)])]
    one.say(*refill)
    assert one.hear(FromEngine.Refilled) == ("", "there is a log again")
    ask.client.delete(*[place.key(part) for part in ("log", "st")])
    for hub in (one, two):
        hub.say(*[ToEngine.Submit(3 if hub is one else 1, b"waits")] * 2)
        assert hub.hear(FromEngine.Doubt).why == scripts.GONE
        hub.hear_that(scripts.GONE)
    assert not ask.client.exists(place.key("st"))
    one.say(*refill)
    assert one.hear(FromEngine.Refilled) == (applied, "")
    assert one.submit(3, b"goes on") == FromEngine.Accepted(3)
    (id_, fields), = one.packets(1)
    assert id_.split("-")[0] == "5" and fields[b"f"] == b"goes on"
    assert two.submit(1, b"waits") == FromEngine.Fenced(False)
    three = join("b")
    assert three.hear(FromEngine.Piece).piece == b"all of it" and three.hear(FromEngine.Restore).applied == applied
    assert three.hear(FromEngine.Joined)[::2] == (3, b"run")
    assert [sorted(fields)[0] for _, fields in three.packets(3)] == [b"f", b"d", b"m"]


@pytest.mark.parametrize("before, after", [(None, None), (None, b"run"), (b"run", None)])
def test_a_log_that_is_lost_or_made_anew_while_a_node_looks_is_not_taken_for_another_one(place, before, after):
    from parley.server.order import redis_log
    from parley.server.order.ways import Lost
    reader = redis_log.Reader(None, place, 1, "5-7")
    reader._way = types.SimpleNamespace(
        is_surely_whole=True, read=lambda *_: ([before, [], None, None, [], after], "there"))
    with pytest.raises(Lost, match=scripts.GONE):
        reader._check_log()


@contextlib.contextmanager
def configured(ask, **settings):
    """The engine has these settings, and afterwards those that it had before."""
    before = {name: ask.client.config_get(name)[name] for name in settings}
    for name, value in settings.items():
        ask.client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            ask.client.config_set(name, value)


WOULD_FORGET = [({"appendonly": "no"}, "appendonly yes"),
                ({"maxmemory-policy": "allkeys-lru", "maxmemory": "1gb"}, "maxmemory-policy noeviction")]


def test_an_engine_that_would_forget_is_not_used(join, ask):
    for settings, words in WOULD_FORGET:
        with configured(ask, **settings):
            assert words in join().hear(FromEngine.Unusable).why


def test_an_engine_that_does_not_say_whether_it_would_forget_is_not_used(place):
    """Some programs that speak Redis's protocol leave the field out."""
    from parley.server.order import redis_log
    reader = redis_log.Reader(None, place, 0, "")
    reader._way = types.SimpleNamespace(
        read=lambda *_: ([b"# Persistence\r\nloading:0\r\n", b""], "there"), is_surely_whole=True)
    with pytest.raises(redis_log.Unusable, match="appendonly yes"):
        reader._check()


def test_a_master_that_would_forget_is_not_used_either_if_its_replica_would_not(place, monkeypatch):
    from parley.server.order import redis_log
    reader = redis_log.Reader(None, place, 0, "0-0")
    reader._checked = "the replica"
    reader._way = types.SimpleNamespace(
        read=lambda *commands: ([None], "the replica"), master=lambda: "the master")
    monkeypatch.setattr(redis_log, "ask", lambda server, *_: [b"aof_enabled:0", b"maxmemory:0", b"role:master"])
    with pytest.raises(redis_log.Unusable, match="appendonly yes"):
        reader._go_on()


def test_a_node_does_not_start_where_sentinels_may_promote_one_of_several_replicas(place, caplog):
    """One that serves goes on, as somebody may be about to replace the replica."""
    from parley.server.order import redis_log
    reader = redis_log.Reader(None, place, 0, "")
    reader._way = types.SimpleNamespace(
        read=lambda *_: ([b"aof_enabled:1", b"maxmemory:0", b"role:slave"], "there"), is_surely_whole=False,
        candidates=2)
    with pytest.raises(redis_log.Unusable, match="there are 2 replicas .* `replica-priority 0`"):
        reader._check()
    reader._number = 1
    for count, logged in ((2, 1), (2, 0), (1, 0), (2, 1)):
        reader._way.candidates = count
        caplog.clear()
        reader._look_for_rivals()
        assert len(caplog.records) == logged


def test_a_replica_is_not_used_as_if_it_were_the_master_even_if_it_can_be_written_to(join, place, tmp_path):
    """Its master would overwrite it."""
    server = RedisServer(tmp_path)
    try:
        address = place.url.partition("//")[2].partition("/")[0]
        server.start("--replica-read-only", "no", "--replicaof", *address.split(":"))
        assert "it is a replica" in join(url=server.url).hear(FromEngine.Unusable).why
    finally:
        server.kill()


def test_a_user_who_may_not_do_what_is_needed_is_told_so(join, ask, place):
    reached = {"url": place.url.replace("//", "//parley@"), "password": "secret"}
    for lacking, words in (("-xadd", "may not run all commands that Parley's scripts need"), ("-info", "'info'"),
                           ("-evalsha", "'evalsha'"), ("resetkeys", "key")):
        ask.client.execute_command("ACL", "SETUSER", "parley", *USER, lacking)
        said = join(**reached).hear(FromEngine.Unusable, FromEngine.Working)
        assert type(said) is FromEngine.Unusable and words in said.why and "\n" not in said.why
    ask.client.execute_command("ACL", "SETUSER", "parley", "reset", *USER)
    hub = join(**reached)
    assert type(hub.hear(FromEngine.Joined, FromEngine.Unusable)) is FromEngine.Joined
    assert hub.submit(1, b"packet") == FromEngine.Accepted(1)


def test_a_redis_cluster_is_not_used(join, tmp_path):
    server = RedisServer(tmp_path)
    try:
        server.start("--cluster-enabled", "yes")
        why = join(url=server.url).hear(FromEngine.Unusable).why
        assert re.match("it is a Redis Cluster .*; Parley needs a single Redis, or one with Sentinels", why)
    finally:
        server.kill()


def test_who_has_joined_waits_until_what_is_wrong_with_the_engine_is_mended(join, ask, place):
    """So its clients stay connected."""
    one = join()
    one.hear(FromEngine.Joined)
    one.packets(1)
    for count, (settings, words) in enumerate([*WOULD_FORGET, ({"requirepass": "other"}, "uthentication required")], 1):
        with configured(ask, **settings):
            ask.client.client_kill_filter(_type="normal", skipme=True)
            one.hear_that(words)
        one.hear_that("")
        assert one.submit(count, b"again") == FromEngine.Accepted(count)
        assert [fields for _, fields in one.packets(1) if b"f" in fields]


def test_why_a_packet_does_not_get_into_the_log_is_told(join, ask, place):
    one = join()
    one.hear(FromEngine.Joined)
    with configured(ask, maxmemory=1):
        one.say(ToEngine.Submit(1, b"too much"))
        assert "'maxmemory'" in one.hear(FromEngine.Doubt).why
        assert "'maxmemory'" in join("b").hear(FromEngine.Working).why
        assert ask.client.hlen(place.key("st")) == 8
    assert one.submit(1, b"too much") == FromEngine.Accepted(1)


def test_another_server_is_read_only_once_it_is_known_to_have_the_same_log(place):
    from parley.server.order import redis_log
    told = []

    class Process:
        tell = told.append
        is_gone = False

        @staticmethod
        def is_own(token):
            return True

    class Way:
        """Reads from one server, and from then on from another one, which has another log."""

        is_surely_whole = True
        candidates = 0
        where = "the first"

        def read(self, *commands):
            name = commands[0][0]
            if name == "INFO":
                return [b"# Persistence\r\naof_enabled:1\r\n", b"maxmemory:0\r\n"], self.where
            if name == "HGET":
                has_it = self.where == "the first"
                first = [(b"5-7" if has_it else b"3-1", {})]
                return [b"run", first if has_it else [], b"8", b"token", first, b"run"], self.where
            assert len(told) < 5
            entry = (b"6-7", []) if self.where == "the first" else (b"7-8", [])
            answer = [[[b"log", [entry]]]], self.where
            self.where = "another"
            return answer

    reader = redis_log.Reader(Process(), place, 1, "5-7")
    reader._way = Way()
    reader._run()
    assert [message.entries for message in told if type(message) is FromEngine.Entries] == [[("6-7", {})]]
    assert type(told[-1]) is FromEngine.Foreign


CERTIFICATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "certificates")
# As docs/cluster.md has it.
USER = ("on", ">secret", "~{parley:*}:*", "+@all", "-@dangerous", "+info", "+role", "+client|setname",
        "+client|reply")


def start_with_tls(server):
    """A server with the certificate `first`, and its port for TLS; skips the test if this Redis has no TLS."""
    for _ in range(5):  # the port may be taken meanwhile
        port = free_port()
        files = [word for what, file in (("cert", "first.pem"), ("key", "first.key"), ("ca-cert", "first.pem"))
                 for word in ("--tls-%s-file" % what, os.path.join(CERTIFICATES, file))]
        try:
            server.start("--tls-port", str(port), "--tls-auth-clients", "no", *files)
            return port
        except AssertionError:
            pass
    pytest.skip("this Redis has no TLS")


def test_a_user_who_may_do_little_works_over_tls_with_a_certificate_that_is_known(join, tmp_path):
    import redis
    server = RedisServer(tmp_path)
    try:
        port = start_with_tls(server)
        client = redis.Redis.from_url(server.url)
        client.execute_command("ACL", "SETUSER", "parley", *USER)
        client.connection_pool.disconnect()
        reached = {"url": "rediss://parley@127.0.0.1:%d/0" % port, "password": "secret"}
        hub = join(ca_file=os.path.join(CERTIFICATES, "first.pem"), **reached)
        assert hub.hear(FromEngine.Joined, FromEngine.Unusable).number == 1
        hub.say(ToEngine.Submit(1, b"packet"))
        (id_, _), = [entry for entry in hub.packets(2) if b"f" in entry[1]]
        hub.say(ToEngine.Piece(b"state", True), ToEngine.Keep(id_, 0), ToEngine.Bury(1))
        assert hub.hear(FromEngine.Stored).applied == id_
        assert b"d" in hub.packets(1)[0][1]
        other = join(ca_file=os.path.join(CERTIFICATES, "second.pem"), **reached)
        assert "certificate" in other.hear(FromEngine.Working, FromEngine.Joined).why.lower()
        other = join(ca_file=os.path.join(CERTIFICATES, "first.pem"), password="secret",
                     url="rediss://parley@127.1:%d/0" % port)  # the same address, by a name that the certificate lacks
        assert "'127.1'" in other.hear(FromEngine.Working, FromEngine.Joined).why
    finally:
        server.kill()
