"""How to reach the engine: one Redis at an address, or a master and its replica, found through Sentinels.

With Sentinels a node writes to the master and reads from the replica, so every delivered message is on two machines
and survives the loss of the master. An answer of a server counts only if the server confirms after it, in the same
request, that it is such a replica: one that is being promoted or demoted may have entries that will be lost. A node
reads from the master only while most of the Sentinels say that there is no replica: if the Sentinels cannot be
reached, the replica may already be the master of others.

There must be at most one replica that Sentinels may promote; others have the priority 0.

After a failover, Sentinels list the old master as a replica of the new one, and it takes them as long as before to
declare it down. So a node remembers that most of them have declared it down as a master (it is *fallen*), and reads
from the new master until the old one is a replica again. While the old one copies the data of the new one, nothing is
read: Sentinels might promote it before its copy is complete, and what had been read would be lost. Once the copy is
complete, only the replica is read, whatever Sentinels still say of it. A node asks the replica itself whether it is
connected to its master, as Sentinels ask it only every ten seconds.
"""
import collections
import ssl
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from parley.server.order.place import Place

WITHIN = 1.0  # seconds for an answer
WAIT = 0.5  # seconds for which a read waits for new entries
SENTINEL_WITHIN = 0.5  # seconds for a Sentinel's answer
SILENT_WITHIN, SILENT_FOR = 0.1, 10.0  # after no answer, it has only 0.1 s for each of the next 10 s
ASK_AGAIN = 0.5  # seconds between two questions to the Sentinels while there is no replica

State = Dict[str, str]  # of a server, as a Sentinel tells it
Address = Tuple[str, str]  # of a server: host and port
Told = Tuple[List[Any], str]  # answers, and the name of the server for people


class _View(NamedTuple):
    """What a Sentinel says. further: the number of replicas that must not be promoted, which are not in `replicas`."""

    master: State
    replicas: List[State]
    further: int


class Lost(redis.RedisError):  # type: ignore[misc]  # of no known type where the library has none
    """The engine cannot be reached or read at the moment."""


def ask(connection: Any, *commands: Tuple[Any, ...]) -> List[Any]:
    """The answers to commands that are sent together, as they are on the wire: bytes, numbers, None and lists of these.

    Used for each packet, as the library's usual way takes more than twice the time.
    """
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        return [connection.read_response() for _ in commands]
    except ssl.CertificateError as error:  # of a wrong name; in Python 3.6 no OSError, so the library passes it on
        connection.disconnect()
        raise Lost(error) from error
    except BaseException:
        connection.disconnect()  # or the next ones would get the answers to these
        raise


def mute(connection: Any) -> None:
    """Let the server answer nothing more on this connection; from then on `send` is used in the place of `ask`."""
    send(connection, ("CLIENT", "REPLY", "OFF"))


def send(connection: Any, *commands: Tuple[Any, ...]) -> None:
    """Send commands whose answers nobody needs. An error if the connection was lost before."""
    try:
        if connection.can_read(0):
            raise Lost("the server has ended the connection")
        connection.send_packed_command(connection.pack_commands(commands))
    except BaseException:
        connection.disconnect()
        raise


def connection(place: Place, **more: Any) -> Any:
    """A connection for `ask`. It connects with the first command, and again with the first one after it was lost."""
    pool = client(place, **more).connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def client(place: Place, **more: Any) -> Any:
    """A client that connects when it is used. It does not repeat commands, and returns texts as bytes."""
    options: Dict[str, Any] = {
        "socket_timeout": WITHIN + WAIT, "socket_connect_timeout": WITHIN, "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0), "retry_on_timeout": False, "client_name": "parley-" + place.node,
        "max_connections": 1}
    if int(redis.__version__.partition(".")[0]) >= 5:
        options["protocol"] = 2  # RESP2, in which answers have the same form with all versions
    options.update(more)
    if place.ca_file is not None:
        options.update(ssl_ca_certs=place.ca_file, ssl_cert_reqs="required", ssl_check_hostname=True)
    if "host" in more:
        return redis.Redis(ssl=place.ca_file is not None, **options)
    if place.password is not None:
        options["password"] = place.password
    return redis.Redis.from_url(place.url, **options)


class OneServer:
    """The way to an engine at an address."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._reading = connection(place)

    def master(self) -> Any:
        """A new connection to the server to which packets are written."""
        return connection(self._place)

    def read(self, *commands: Tuple[Any, ...]) -> Told:
        """The answers to commands from the server that is read from; Lost if they do not count."""
        return ask(self._reading, *commands), self._place.shown

    def forget(self) -> None:
        """After an error: find out again which server to read from."""

    is_surely_whole = True  # an entry that is not there now will not come later
    candidates = 0  # how many replicas Sentinels may promote


class Watched:
    """The way to a master and its replica, which Sentinels know."""

    is_surely_whole = False  # a replica may lag behind

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sentinels = [[client(
            place, host=host, port=port, password=place.sentinel_password, socket_timeout=within,
            socket_connect_timeout=within) for within in (SENTINEL_WITHIN, SILENT_WITHIN)]
            for host, port in place.sentinels]
        self._silent: Dict[int, float] = {}  # index of a Sentinel that did not answer -> until when it has less time
        self._reading: Any = None
        self._is_replica = True
        self._where = ""
        self._asked_at = 0.0
        self._fallen: Optional[Address] = None  # the master that most Sentinels declared down
        self._further = 0  # replicas that must not be promoted
        self.candidates = 0  # see `OneServer`

    def _server(self, state: State) -> Any:
        return connection(self._place, host=state["ip"], port=int(state["port"]), username=self._place.user,
                          password=self._place.password)

    def _views(self) -> List[_View]:
        """The view of each Sentinel that answers. One that did not answer before has little time for it."""
        views: List[_View] = []
        why = ""
        for number, clients in enumerate(self._sentinels):
            sentinel = clients[self._silent.get(number, 0.0) > time.monotonic()]
            try:
                master = _state(sentinel.execute_command("SENTINEL", "MASTER", self._place.master))
                known = [_state(one) for one in sentinel.execute_command("SENTINEL", "SLAVES", self._place.master)]
                replicas = [one for one in known if one["slave-priority"] != "0"]
                views.append(_View(master, replicas, len(known) - len(replicas)))
            except (redis.RedisError, ssl.CertificateError) as error:
                why = str(error) or type(error).__name__
                if sentinel is clients[0]:
                    self._silent[number] = time.monotonic() + SILENT_FOR
        if not views:
            raise Lost("no Sentinel answers that knows of %s (%s)" % (self._place.master, why))
        return views

    def master(self) -> Any:
        """See `OneServer`."""
        views = self._views()
        up = [view.master for view in views if not _is_down(view.master)]
        if 2 * len(up) < len(views):  # the others only have not noticed yet
            raise Lost("most Sentinels say that the master is down")
        return self._server(up[0])

    def read(self, *commands: Tuple[Any, ...]) -> Told:
        """See `OneServer`."""
        if self._reading is None or not self._is_replica and time.monotonic() - self._asked_at > ASK_AGAIN:
            self._find()
        *answers, role = ask(self._reading, *commands, ("ROLE",))
        if self._is_replica and role[0] == b"slave" and not _is_following(role):
            self.forget()
            raise Lost("%s has lost its master" % self._where)
        if role[0] != (b"slave" if self._is_replica else b"master"):
            self.forget()
            raise Lost("%s changes its role" % self._where)
        if not self._is_replica and len(role[2]) > self._further:
            self._fallen = None  # from now on it is a replica like any other
            self.forget()
            raise Lost("%s is not alone any more" % self._where)
        return answers, self._where

    def _find(self) -> None:
        """Choose the server to read from; Lost if there is none."""
        views = self._views()
        self._note_fallen(views)
        replicas = {_address(one): one for view in views for one in view.replicas if not _is_down(one)}
        self._further = max(view.further for view in views)
        self.candidates = max(sum(not _is_down(one) for one in view.replicas) for view in views)
        self._is_replica = bool(replicas) and (min(replicas) != self._fallen or self._is_back(views))
        state = replicas[min(replicas)] if self._is_replica else self._lonely_master(views)
        self.forget()
        self._reading = self._server(state)
        self._where = "the %s at %s:%s" % ("replica" if self._is_replica else "master", state["ip"], state["port"])
        self._asked_at = time.monotonic()

    def _note_fallen(self, views: List[_View]) -> None:
        """Note which master most Sentinels have declared down, until any of them says that it is up again."""
        up = {_address(view.master) for view in views if not _is_down(view.master)}
        if self._fallen in up:
            self._fallen = None
        down = collections.Counter(_address(view.master) for view in views if _is_down(view.master))
        for address, count in down.items():
            if count > len(self._sentinels) // 2:
                self._fallen = address

    def _is_back(self, views: List[_View]) -> bool:
        """Is the fallen master a replica of the new one? It is asked once any Sentinel has reached it as a replica.

        Lost while its copy is not complete.
        """
        heard_of = [one for view in views for one in view.replicas
                    if _address(one) == self._fallen and one["info-refresh"] != "0"]
        if not heard_of:
            return False
        server = self._server(heard_of[0])
        try:
            role, = ask(server, ("ROLE",))
        except redis.RedisError:
            return False
        server.disconnect()
        if role[0] != b"slave":
            return False
        if not _is_following(role):
            raise Lost("the master that was lost is back, and does not have yet what its successor has")
        self._fallen = None
        return True

    def _lonely_master(self, views: List[_View]) -> State:
        """The master, if most Sentinels say that it has no replica; Lost otherwise, or if it must not be read."""
        if self._place.replica == "required":
            raise Lost("no replica is there")
        if all(_is_down(view.master) for view in views):
            raise Lost("the Sentinels say that the master is down, and no replica is there")
        agreeing: Dict[Address, int] = collections.Counter()
        if any("failover_in_progress" in view.master["flags"] for view in views):
            raise Lost("a Sentinel is about to let another server take the master's place")
        for view in views:
            agreeing[_address(view.master)] += not _is_down(view.master)
        if len(agreeing) == 1 and max(agreeing.values()) > len(self._sentinels) // 2:
            return views[0].master
        raise Lost("no replica is there, and most Sentinels do not say so")

    def forget(self) -> None:
        """See `OneServer`."""
        if self._reading is not None:
            self._reading.disconnect()
        self._reading = None


def way(place: Place) -> Any:
    """The way to the engine at a place."""
    return Watched(place) if place.sentinels else OneServer(place)


def _state(told: List[bytes]) -> State:
    texts = [text.decode() for text in told]
    return dict(zip(texts[::2], texts[1::2]))


def _address(state: State) -> Address:
    return state["ip"], state["port"]


def _is_following(role: List[Any]) -> bool:
    """Is it a replica with a complete copy, which is connected to its master? role: the answer to ROLE."""
    return bool(role[0] == b"slave" and role[3] == b"connected")


def _is_down(state: State) -> bool:
    """Has the server been silent for `down-after-milliseconds`?

    A lost connection alone does not count: a replica that is being promoted closes all of its connections.
    """
    return not {"s_down", "o_down"}.isdisjoint(state["flags"].split(","))
