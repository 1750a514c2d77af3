"""The process that talks to the engine (Redis or Valkey), which has the log; see `parley.server.order.scripts`.

One thread writes the hub's packets to the log, another reads the entries of all nodes, each with a connection of its
own. The client library repeats nothing: the hub sends again whatever may have been lost, as it alone knows what has
come out of the log. A blocking read waits for less time than that after which the connection counts as dead.

A snapshot is a list: first "ID CHECKSUM", then the pieces of a node's state after the entry ID. It is written piece by
piece under another key, which is then renamed. Whoever reads it reads it whole, or again if it has been replaced.
"""
import contextlib
import functools
import hashlib
import logging
import os
import select
import threading
import time
import zlib
from typing import Any, List, Optional, Tuple

import redis

from parley.server.ipc.messages import FromEngine, Message, ToEngine, handlers, packed
from parley.server.ipc.queues import Queue, called
from parley.server.order import scripts
from parley.server.order.place import Place
from parley.server.order.scripts import GONE
from parley.server.order.ways import WAIT, Lost, ask, mute, send, way

BEHIND_FOR = 40.0  # seconds for a replica to get what has been read from another server before
AT_ONCE = 200  # entries in one read
BACK_OFF, LONG, LONG_BACK_OFF = 0.05, 10.0, 0.5  # seconds after an error; and once there have been errors for so long
MOST_TRIES = 20  # to read a snapshot, each of which may be replaced meanwhile
WANT_EVERY = 5.0  # seconds between two requests for a snapshot
log = logging.getLogger(__name__)

_INFO = (("INFO", "persistence"), ("INFO", "memory"), ("INFO", "replication"))
_RIVALS = ("there are %d replicas that Sentinels may promote, and what is on the others may then be lost; set"
           " `replica-priority 0` in the configurations of all but one")

# Errors of a Redis Cluster; old libraries have no types for them in answers to single commands, but leave these words.
_OF_A_CLUSTER = (
    redis.exceptions.AskError, redis.exceptions.ClusterDownError, redis.exceptions.ClusterCrossSlotError)
_WORDS_OF_A_CLUSTER = ("MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT")
_WORDS_OF_NO_RIGHTS = ("The user executing the script", "ACL failure in script")  # neither names the command
_LACKED = "entries %d to %d of its log are gone"
_NOT_WORTH_RETRYING = (redis.AuthenticationError, redis.exceptions.NoPermissionError)


class Unusable(Exception):
    """The engine cannot be used, and that will not change by itself; the text says why, and what to do."""


class Foreign(Exception):
    """The log is not the one that the node has applied; the text says why."""


def process(place: Place, down: Queue, up: Queue) -> None:
    """What the process does: serve the hub until it is gone."""
    os.set_blocking(up.fileno(), True)
    Process(place, down, up).run()


class Process:
    """What the two threads have in common. The methods handle messages of `ToEngine`."""

    def __init__(self, place: Place, down: Queue, up: Queue) -> None:
        self._place = place
        self._down = down
        self._up = up
        self._lock = threading.Lock()  # of `up`
        self._way = way(place)
        self._writing: Any = None
        self._mute: Any = None  # a connection for packets, on which nothing is answered
        self._submitted = 0  # serial of the packet that was submitted last
        self._number, self._token = 0, ""
        self.is_gone = False  # is the log perhaps lost?
        self._pieces, self._checksum = 0, 0  # of the snapshot that is being written; pieces is -1 if one failed
        self._handlers = handlers(ToEngine, self)

    def run(self) -> None:
        """Hear the hub until it is gone."""
        poll = select.poll()
        poll.register(self._down, select.POLLIN)
        while True:
            poll.poll()
            try:
                frames = self._down.get()
            except EOFError:
                os._exit(0)  # the other thread may be waiting for the engine
            for frame in frames:
                name, arguments = called(frame)
                self._handlers[name](*arguments)

    def tell(self, message: Message) -> None:
        """Say something to the hub."""
        with self._lock:
            try:
                self._up.put(packed(message))
            except BrokenPipeError:
                os._exit(0)

    def is_own(self, token: Optional[bytes]) -> bool:
        """Is that the token of this node?"""
        return token is not None and token == self._token.encode()

    # ---- writing

    def begin(self, number: int, token: str, applied: str) -> None:
        """See `ToEngine.Begin`: start the thread that reads."""
        self.joined(number, token)
        threading.Thread(target=Reader(self, self._place, number, applied).run, daemon=True).start()

    def joined(self, number: int, token: str) -> None:
        """The node has a number, and a token for it."""
        self._number, self._token = number, token

    def submit(self, serial: int, packet: bytes) -> None:
        """Append a packet to the log, unless it is there already.

        Usually the engine does not answer: the packet comes out of the log, or is submitted again. Then connect anew,
        as there may be another master, and have it say what is wrong.
        """
        arguments = scripts.submitted(self._number, self._place.node, self._token, serial, packet)
        is_again, self._submitted = serial == self._submitted, serial
        try:
            if self._mute is not None and not is_again:
                send(self._mute, _evalsha(scripts.SUBMIT, keys(self._place), arguments))
                return
            self._writing = self._mute = None
            answer = self.execute(scripts.SUBMIT, *arguments)
            if answer == b"ACCEPTED":
                mute(self._writing)
                self._mute, self._writing = self._writing, None
        except redis.RedisError as error:
            self._writing = self._mute = None
            self.tell(FromEngine.Doubt(told(error)))
            return
        if answer == b"ACCEPTED":
            if is_again:
                self.tell(FromEngine.Accepted(serial))
        elif answer == b"GONE":
            self.is_gone = True  # then the thread that reads checks the log
            self.tell(FromEngine.Doubt(GONE))
        elif answer == b"GAP":
            self.tell(FromEngine.Foreign("the log lacks packets of this node"))
        else:
            self.tell(FromEngine.Fenced(answer == b"REPLACED"))

    def execute(self, script: str, *arguments: Any, more_keys: Tuple[str, ...] = ()) -> Any:
        """The answer of a script that the master runs; for the thread that writes."""
        try:
            return run(self._master(), script, self._place, *arguments, more_keys=more_keys)
        except redis.RedisError:
            self._writing = None
            raise

    def bury(self, number: int, token: str) -> None:
        """See `ToEngine.Bury`. If it fails, the hub will ask again, as long as the node is not dead in the log."""
        with contextlib.suppress(redis.RedisError):
            self.execute(scripts.BURY, number, token)

    @property
    def _new(self) -> str:
        """The key of the snapshot that is being written."""
        return self._place.key("snap:%d" % self._number)

    def piece(self, piece: bytes, is_first: bool) -> None:
        """See `ToEngine.Piece`. Each is written at once, so that no packet has to wait for all of them."""
        if self._pieces < 0 and not is_first:
            return
        try:
            if is_first:
                self._pieces = self._checksum = 0
                ask(self._master(), ("DEL", self._new), ("RPUSH", self._new, ""))
            ask(self._master(), ("RPUSHX", self._new, piece))  # it is gone if this node has been buried
        except redis.RedisError:
            self._writing, self._pieces = None, -1
        else:
            self._pieces += 1
            self._checksum = zlib.crc32(piece, self._checksum)

    def _master(self) -> Any:
        if self._writing is None:
            self._writing = self._way.master()
        return self._writing

    def keep(self, applied: str, floor: int) -> None:
        """See `ToEngine.Keep`: let the pieces be the snapshot, and trim the log up to the entry `floor`."""
        log, state = keys(self._place)
        try:
            self._complete(applied)
            ask(self._master(), ("RENAME", self._new, self._place.key("snap")))
            latest = int(ask(self._master(), ("HGET", state, "n"))[0] or 0)
            if latest > floor:
                ask(self._master(), ("XTRIM", log, "MAXLEN", "~", latest - floor))
        except redis.RedisError:
            self._writing = None
            applied = ""
        self.tell(FromEngine.Stored(applied))

    def _complete(self, applied: str) -> None:
        """Write the head of the snapshot. `Lost` if pieces are missing, as the master may have changed."""
        pieces, self._pieces = self._pieces, 0
        if pieces < 0 or ask(self._master(), ("LLEN", self._new))[0] != pieces + 1:
            raise Lost("pieces are missing")
        ask(self._master(), ("LSET", self._new, 0, "%s %d" % (applied, self._checksum)))

    def refill(self, applied: str, run: bytes, version: int, nodes: List[Tuple[int, str, str, int]]) -> None:
        """See `ToEngine.Refill`."""
        try:
            self._complete(applied)
            is_done = self.execute(
                scripts.REFILL, run, version, _number(applied.encode()), applied, max(node[0] for node in nodes),
                *[field for node in nodes for field in node], more_keys=(self._new, self._place.key("snap")))
        except redis.RedisError as error:
            self._writing = None
            self.tell(FromEngine.Refilled("", told(error)))
        else:
            self.tell(FromEngine.Refilled(applied, "") if is_done else FromEngine.Refilled("", "there is a log again"))


class Reader:
    """The thread that reads the log.

    number, applied: see `ToEngine.Begin`.
    """

    def __init__(self, process: Process, place: Place, number: int, applied: str) -> None:
        self._process = process
        self._place = place
        self._number = number
        self._applied = applied
        self._way = way(place)
        self._log, self._state = keys(place)
        self._checked = ""  # where it was last found that the log is the one that was read
        self._fails_since: Optional[float] = None  # monotonic seconds
        self._behind_since: Optional[float] = None  # monotonic seconds
        self._is_warned = False  # of several replicas that may be promoted?
        self._wants_at = 0.0  # when it asks for a snapshot again, monotonic seconds

    def run(self) -> None:
        """Read until the process ends, or the log cannot be used any more; a bug ends the process."""
        try:
            self._run()
        except Exception:
            log.critical("a bug ended this process", exc_info=True)
            os._exit(1)

    def _run(self) -> None:
        while True:
            try:
                if not self._checked or self._process.is_gone:
                    self._process.is_gone = False
                    self._checked = self._check()
                self._go_on()
                self._fails_since = None
            except Foreign as error:
                self._process.tell(FromEngine.Foreign(str(error)))
                return
            except (Unusable, redis.RedisError) as error:
                has_joined = bool(self._number)  # then it may be mended while the clients stay
                is_final = (isinstance(error, (Unusable, *_NOT_WORTH_RETRYING)) or _is_of_a_cluster(error)
                            or _is_for_lack_of_rights(error))
                if is_final and not has_joined:
                    self._process.tell(FromEngine.Unusable(told(error)))
                    return
                self._checked = ""
                self._way.forget()
                self._process.tell(FromEngine.Working(told(error), ""))
                now = time.monotonic()
                self._fails_since = self._fails_since or now
                time.sleep(BACK_OFF if now - self._fails_since < LONG else LONG_BACK_OFF)

    def _check(self) -> str:
        """After connecting: is the engine usable, and its log the one that was read? Returns where it was read from.

        Restores the snapshot if nothing was read before. Unusable, Foreign or Lost otherwise.
        """
        where: str
        answers, where = self._way.read(*_INFO)
        _examine(answers, may_be_replica=not self._way.is_surely_whole)
        self._look_for_rivals()
        if self._applied:
            return self._check_log()
        self._restore()
        return where

    def _look_for_rivals(self) -> None:
        """Unusable if there are several replicas that Sentinels may promote; a node that serves only warns of that."""
        if self._way.candidates < 2:
            self._is_warned = False
        elif not self._number:
            raise Unusable(_RIVALS % self._way.candidates)
        elif not self._is_warned:
            self._is_warned = True
            log.error("messages may be lost: %(why)s", {"why": _RIVALS % self._way.candidates})

    def _check_log(self) -> str:
        where: str
        (before, found, latest, token, first, after), where = self._way.read(
            ("HGET", self._state, "run"), ("XRANGE", self._log, self._applied, self._applied),
            ("HGET", self._state, "n"), ("HGET", self._state, "token:%d" % self._number),
            ("XRANGE", self._log, "-", "+", "COUNT", 1), ("HGET", self._state, "run"))
        if found or self._applied == "0-0":
            self._behind_since = None
            return where
        if self._number and (before is None or after is None):  # as these are read one after the other
            raise Lost(GONE)  # an operator has to decide
        at = _number(self._applied.encode())
        is_behind = int(latest or 0) < at
        if not is_behind and self._process.is_own(token) and (not first or _number(first[0][0]) == at + 1):
            self._behind_since = None
            return where  # somebody has trimmed the log up to here, and it goes on from here
        if is_behind and not self._way.is_surely_whole:
            now = time.monotonic()
            self._behind_since = self._behind_since or now
            if now - self._behind_since < BEHIND_FOR:
                raise Lost("the replica has not come to what was read before")
        raise Foreign("its entry %s is not in the log any more" % self._applied)

    def _check_version(self) -> None:
        """Unusable if the version of the log cannot be read."""
        (version,), _ = self._way.read(("HGET", self._state, "v"))
        if version is not None and not scripts.OLDEST <= int(version) <= scripts.VERSION:
            raise _unreadable(version)

    def _restore(self) -> None:
        """Read the snapshot, if there is one, and pass it to the hub."""
        self._check_version()
        key = self._place.key("snap")
        for _ in range(MOST_TRIES):
            (header, length, latest, first), _ = self._way.read(
                ("LINDEX", key, 0), ("LLEN", key), ("HGET", self._state, "n"),
                ("XRANGE", self._log, "-", "+", "COUNT", 1))
            applied, checksum = header.decode().split() if header is not None else ("0-0", "")
            at = _number(applied.encode())
            gone = (_number(first[0][0]) - 1) if first else int(latest or 0)  # the last entry that is not there
            if gone > at:
                self._want(at + 1, gone)
            if header is None:
                self._applied = applied
                return
            pieces = [self._way.read(("LINDEX", key, place))[0][0] for place in range(1, length)]
            if None not in pieces and zlib.crc32(b"".join(pieces)) == int(checksum):
                break
        else:
            raise Unusable("its snapshot is damaged")
        for piece in pieces:
            self._process.tell(FromEngine.Piece(piece))
        self._process.tell(FromEngine.Restore(applied))
        self._applied = applied

    def _want(self, first: int, last: int) -> None:
        """Ask for a snapshot, as the log has lost these entries. Raises Lost."""
        if time.monotonic() >= self._wants_at:
            self._wants_at = time.monotonic() + WANT_EVERY
            run(self._way.master(), scripts.WANT, self._place)
        raise Lost(_LACKED % (first, last) + ", and no snapshot has them; waiting for a node that serves to take one"
                                             " (if there is none, restore a copy of Redis's data)")

    def _go_on(self) -> None:
        """Read the next entries, and wait for them if the node has joined. If there are none before that, join."""
        block = ("BLOCK", int(WAIT * 1000)) if self._number else ()
        (found,), where = self._way.read(("XREAD", "COUNT", AT_ONCE, *block, "STREAMS", self._log, self._applied))
        if where != self._checked:
            self._checked = ""  # another server answers, which may not have the log that was read
        elif found:
            self._pass_on(found[0][1])
        elif not self._number:
            self._join()
        else:
            self._process.tell(FromEngine.Working("", where))  # also a sign of life

    def _pass_on(self, found: List[Tuple[bytes, List[bytes]]]) -> None:
        """Tell the hub the entries, up to the first one that is missing; if there is such a one, Foreign or Lost."""
        at, missing = _number(self._applied.encode()), 0
        if _number(found[-1][0]) != at + len(found):
            whole = [entry for place, entry in enumerate(found, at + 1) if _number(entry[0]) == place]
            at += len(whole)
            missing, found = _number(found[len(whole)][0]) - 1, whole
        if found:
            entries = [(id_.decode(), dict(zip(fields[::2], fields[1::2]))) for id_, fields in found]
            self._applied = entries[-1][0]
            self._process.tell(FromEngine.Entries(entries))
        if missing:
            self._do_without(at + 1, missing)

    def _do_without(self, first: int, last: int) -> None:
        """Somebody has deleted these entries: begin anew with a snapshot that has them, once there is one."""
        (header,), _ = self._way.read(("LINDEX", self._place.key("snap"), 0))
        if self._number or header is not None and _number(header) >= last:
            raise Foreign(_LACKED % (first, last))
        self._want(first, last)

    def _join(self) -> None:
        token, master = os.urandom(8).hex(), self._way.master()
        _examine(ask(master, *_INFO), may_be_replica=False)
        answer = run(master, scripts.JOIN, self._place, self._place.node, scripts.OLDEST, scripts.VERSION,
                     token)
        if answer[0] == b"VERSION":
            raise _unreadable(answer[1])
        if answer[0] == b"FULL":
            raise Unusable("65535 nodes are alive there")
        self._number = int(answer[1])
        self._process.joined(self._number, token)
        self._process.tell(FromEngine.Joined(self._number, token, answer[2]))


def _examine(answers: List[bytes], may_be_replica: bool) -> None:
    """Unusable if a server must not have the log. answers: to _INFO."""
    fields = dict(line.split(b":", 1) for answer in answers for line in answer.split() if b":" in line)
    if fields.get(b"aof_enabled") != b"1":
        raise Unusable("it would forget messages that were acknowledged; set `appendonly yes` in its configuration")
    if fields.get(b"maxmemory") != b"0" and fields.get(b"maxmemory_policy", b"").startswith(b"allkeys"):
        raise Unusable("it would delete parts of the chat when it has no more memory; set `maxmemory-policy"
                       " noeviction` in its configuration")
    if not may_be_replica and fields.get(b"role") == b"slave":
        raise Unusable("it is a replica, and would lose what is written to it; give the address of its master, or"
                       " those of its Sentinels")


def run(connection: Any, script: str, place: Place, *arguments: Any, more_keys: Tuple[str, ...] = ()) -> Any:
    """The answer of a script. more_keys: its keys behind those of the log and its state."""
    command = _evalsha(script, [*keys(place), *more_keys], arguments)
    try:
        return ask(connection, command)[0]
    except redis.exceptions.NoScriptError:
        return ask(connection, ("EVAL", script, *command[2:]))[0]


def _evalsha(script: str, names: List[str], arguments: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """The command that runs a script with these keys."""
    return ("EVALSHA", _sha(script), len(names), *names, *arguments)


def _is_of_a_cluster(error: Exception) -> bool:
    return isinstance(error, _OF_A_CLUSTER) or str(error).partition(" ")[0] in _WORDS_OF_A_CLUSTER


def _is_for_lack_of_rights(error: Exception) -> bool:
    """In a script; for a command by itself, the library has a type."""
    return any(words in str(error) for words in _WORDS_OF_NO_RIGHTS)


def told(error: Exception) -> str:
    """An error for people."""
    if _is_for_lack_of_rights(error):
        return "its user may not run all commands that Parley's scripts need, see docs/cluster.md (%s)" % error
    if _is_of_a_cluster(error):
        return "it is a Redis Cluster (%s); Parley needs a single Redis, or one with Sentinels" % error
    return str(error) or type(error).__name__


@functools.lru_cache()
def _sha(script: str) -> str:
    return hashlib.sha1(script.encode()).hexdigest()  # noqa: S324 - as Redis names it


def keys(place: Place) -> List[str]:
    """The keys that all scripts need."""
    return [place.key("log"), place.key("st")]


def _unreadable(version: bytes) -> Unusable:
    return Unusable("version %s of Parley's log is in force there, and this server can read and write %d to %d; install"
                    " another version of it, or begin another log (storage.redis.name)" % (
                        version.decode(), scripts.OLDEST, scripts.VERSION))


def _number(id_: bytes) -> int:
    return int(id_.partition(b"-")[0])
