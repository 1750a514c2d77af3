"""The process that talks to Redis or Valkey, which has the log of the order; see `parley.server.order.scripts`.

One thread of it writes what the hub says, and one reads what all nodes have written, each with a connection of its own.
The client library is told to repeat nothing: whatever may have been lost is the hub's to say again, as it alone knows
what it has heard. Every read that waits waits for less than the time after which the connection counts as dead.

A snapshot is a list: first "ID CHECKSUM", then pieces; with the entry ID a node had come to what the pieces say. It is
put in place in one step, and the list is read whole or again.
"""
import contextlib
import logging
import multiprocessing.connection
import os
import threading
import time
import zlib
from typing import Any, Dict, List, Optional

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from parley.server.ipc.messages import FromEngine, Message, ToEngine, handlers, packed
from parley.server.ipc.queues import Queue, called
from parley.server.order import scripts
from parley.server.order.place import Place

WITHIN = 1.0  # seconds for an answer
WAIT = 0.5  # seconds that a read waits for more
AT_ONCE = 200  # entries in one read
BACK_OFF, LONGEST_BACK_OFF = 0.05, 0.5  # seconds after an error
MOST_TRIES = 20  # to read a snapshot while others are put in its place
log = logging.getLogger(__name__)

_NOT_WORTH_RETRYING = (redis.AuthenticationError, redis.exceptions.NoPermissionError)


class Unusable(Exception):
    """The engine cannot be used as it is; the text says why, and what to do."""


class Foreign(Exception):
    """The log is not the one that the node has applied; the text says why."""


def process(place: Place, down: Queue, up: Queue) -> None:
    """In the process: serve the hub until it is gone."""
    os.set_blocking(up.fileno(), True)
    Process(place, down, up).run()


class Process:
    """What the two threads have in common. The methods handle messages of `ToEngine`."""

    def __init__(self, place: Place, down: Queue, up: Queue) -> None:
        self._place = place
        self._down = down
        self._up = up
        self._lock = threading.Lock()  # of `up`
        self._writing = _connect(place)
        self._submit, self._bury = [self._writing.register_script(text) for text in (scripts.SUBMIT, scripts.BURY)]
        self._number = 0
        self._pieces: List[bytes] = []
        self._handlers = handlers(ToEngine, self)

    def run(self) -> None:
        """Hear the hub until it is gone."""
        while True:
            multiprocessing.connection.wait([self._down])  # type: ignore[list-item]  # has a fileno
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

    # ---- writing

    def begin(self, number: int, applied: str) -> None:
        """Read from here on."""
        self._number = number
        threading.Thread(target=Reader(self, self._place, number, applied).run, daemon=True).start()

    def joined(self, number: int) -> None:
        """The node has a number."""
        self._number = number

    def submit(self, serial: int, packet: bytes) -> None:
        """Put a packet into the log, unless it is there already."""
        try:
            answer = self._submit(keys=_keys(self._place), args=[self._number, self._place.node, serial, packet])[0]
        except redis.RedisError:
            self.tell(FromEngine.Doubt())
            return
        if answer == b"ACCEPTED":
            self.tell(FromEngine.Accepted(serial))
        elif answer == b"GAP":
            self.tell(FromEngine.Foreign("the log lacks packets of this node"))
        else:
            self.tell(FromEngine.Fenced(answer == b"REPLACED"))

    def bury(self, number: int) -> None:
        """The node of this number is dead. Whoever says so will say it again as long as the log does not."""
        with contextlib.suppress(redis.RedisError):
            self._bury(keys=_keys(self._place), args=[number])

    def piece(self, piece: bytes) -> None:
        """A piece of a snapshot."""
        self._pieces.append(piece)

    def keep(self, applied: str, floor: int) -> None:
        """Put the pieces in the place of the snapshot, and let the log lose what is before the entry `floor`."""
        pieces, self._pieces = self._pieces, []
        log, state = _keys(self._place)
        snapshot, new = self._place.key("snap"), self._place.key("snap:%d" % self._number)
        try:
            self._writing.delete(new)
            self._writing.rpush(new, "%s %d" % (applied, zlib.crc32(b"".join(pieces))))
            for piece in pieces:
                self._writing.rpush(new, piece)
            self._writing.rename(new, snapshot)
            latest = int(self._writing.hget(state, "n") or 0)
            if latest > floor:
                self._writing.execute_command("XTRIM", log, "MAXLEN", "~", latest - floor)
        except redis.RedisError:
            applied = ""
        self.tell(FromEngine.Stored(applied))


class Reader:
    """The thread that reads the log.

    number, applied: see `ToEngine.Begin`.
    """

    def __init__(self, process: Process, place: Place, number: int, applied: str) -> None:
        self._process = process
        self._place = place
        self._number = number
        self._applied = applied
        self._engine = _connect(place)
        self._log, self._state = _keys(place)
        self._trouble: Optional[str] = None  # as the hub knows it
        self._back_off = BACK_OFF

    def run(self) -> None:
        """Read until the process ends, or until it makes no sense any more; a bug ends the process."""
        try:
            self._run()
        except Exception:
            log.critical("a bug ended this process", exc_info=True)
            os._exit(1)

    def _run(self) -> None:
        is_checked = False
        while True:
            try:
                if not is_checked:
                    self._check()
                    is_checked = True
                    self._tell_trouble("")
                self._go_on()
                self._back_off = BACK_OFF
            except (Unusable, *_NOT_WORTH_RETRYING) as error:
                self._process.tell(FromEngine.Unusable(str(error)))
                return
            except Foreign as error:
                self._process.tell(FromEngine.Foreign(str(error)))
                return
            except redis.RedisError as error:
                is_checked = False
                self._tell_trouble(str(error) or type(error).__name__)
                time.sleep(self._back_off)
                self._back_off = min(self._back_off * 2, LONGEST_BACK_OFF)

    def _tell_trouble(self, why: str) -> None:
        self._trouble = why
        self._process.tell(FromEngine.Working(why))

    def _check(self) -> None:
        """After connecting: can it be used, and is its log the one that was read?"""
        self._check_safety()
        if self._applied:
            if not self._engine.xrange(self._log, self._applied, self._applied, count=1):
                raise Foreign("its entry %s is not in the log any more" % self._applied)
        else:
            self._restore()

    def _check_safety(self) -> None:
        found = self._engine.info("persistence")
        if str(found.get("aof_enabled")) != "1":
            raise Unusable("it would forget messages that were acknowledged; set `appendonly yes` in its configuration")

    def _restore(self) -> None:
        """Begin with the snapshot, if there is one."""
        key = self._place.key("snap")
        for _ in range(MOST_TRIES):
            header = self._engine.lindex(key, 0)
            if header is None:
                first = self._engine.xrange(self._log, count=1)
                if first and not first[0][0].startswith(b"1-"):
                    raise Unusable("its log has lost its beginning, and there is no snapshot")
                self._applied = "0-0"
                return
            applied, checksum = header.decode().split()
            pieces = [self._engine.lindex(key, place) for place in range(1, self._engine.llen(key))]
            if None not in pieces and zlib.crc32(b"".join(pieces)) == int(checksum):
                break
        else:
            raise Unusable("its snapshot is damaged")
        for piece in pieces:
            self._process.tell(FromEngine.Piece(piece))
        self._process.tell(FromEngine.Restore(applied))
        self._applied = applied

    def _go_on(self) -> None:
        """Read what there is, or wait for it. Once there is no more, the node can join."""
        block = int(WAIT * 1000) if self._number else None
        found = self._engine.xread({self._log: self._applied}, count=AT_ONCE, block=block)
        if found:
            entries = [(id_.decode(), fields) for id_, fields in found[0][1]]
            self._applied = entries[-1][0]
            self._process.tell(FromEngine.Entries(entries))
        elif not self._number:
            self._join()
        else:
            self._tell_trouble("")  # which is a sign of life as well

    def _join(self) -> None:
        answer = self._engine.register_script(scripts.JOIN)(
            keys=[self._log, self._state], args=[self._place.node, scripts.VERSION, os.urandom(8).hex()])
        if answer[0] == b"VERSION":
            raise Unusable("version %s of Parley's log is in use there, and this server writes version %d" % (
                answer[1].decode(), scripts.VERSION))
        if answer[0] == b"FULL":
            raise Unusable("65535 nodes are alive there")
        self._number = int(answer[1])
        self._process.joined(self._number)
        self._process.tell(FromEngine.Joined(self._number, answer[2]))


def _keys(place: Place) -> List[str]:
    return [place.key("log"), place.key("st")]


def _connect(place: Place) -> Any:
    """A client, which connects when it is used. It repeats nothing by itself, and gives bytes."""
    options: Dict[str, Any] = {
        "socket_timeout": WITHIN + WAIT, "socket_connect_timeout": WITHIN, "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0), "retry_on_timeout": False, "client_name": "parley-" + place.node,
        "max_connections": 1}
    if place.password is not None:
        options["password"] = place.password
    if int(redis.__version__.partition(".")[0]) >= 5:
        options["protocol"] = 2  # in which the answers have the same form with all versions
    return redis.Redis.from_url(place.url, **options)
