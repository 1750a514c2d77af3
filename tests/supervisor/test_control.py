"""The control socket: what is asked, what is not a request, and that no caller ends, delays or fills anything."""
import errno
import json
import logging
import os
import selectors
import socket
import threading

import pytest

from parley.server.storage.directory import CannotUse
from parley.server.supervisor import control as control_module
from parley.server.supervisor.control import FORMS, LONGEST_CALL, LONGEST_REQUEST, MOST_CALLERS, Control, NoServer, ask
from parley.server.supervisor.hub import Torn

SECRET = "pbkdf2$1$YWJj$YWJj"
STATUS = b'{"request": "status"}\n'
PASSWD = {"request": "passwd", "name": "ann", "secret": SECRET}
MANY = {"text": "x" * (4 << 20)}  # more than a kernel takes at once


def passwd(**changes):
    asked = dict(PASSWD, **changes)
    return json.dumps({key: value for key, value in asked.items() if value is not ...}).encode() + b"\n"


# What is no request, and words of the answer.
NO_REQUESTS = [
    (b"[" * 4090 + b"\n", "not a line of JSON"),
    (b'{"a":' * 800 + b"\n", "not a line of JSON"),
    (b"\n", "not a line of JSON"),
    (b"GET / HTTP/1.1\r\n\r\n", "not a line of JSON"),
    (b"\x80\x02}q\x00.\n", "not a line of JSON"),
    (b'"\\ud800"\n', "not a request"),
    (b"\0" * 4000 + b"\n", "not a line of JSON"),
    (b"null\n", "not a request"),
    (b"[]\n", "not a request"),
    (b"3\n", "not a request"),
    (b"{}\n", "it knows: accounts, backup"),
    (b'{"request": null}\n', "not a request"),
    (b'{"request": ["status"]}\n', "not a request"),
    (b'{"request": {}}\n', "not a request"),
    (b'{"request": "stop"}\n', "not a request"),
    (b'{"request": "__init__"}\n', "not a request"),
    (b'{"request": "status", "reply": 1}\n', "arguments of status are: none"),
    (passwd(secret=...), "arguments of passwd are: name, secret"),
    (passwd(name=...), "arguments of passwd are: name, secret"),
    (passwd(reply=1), "arguments of passwd are: name, secret"),
    (passwd(self=1), "arguments of passwd are: name, secret"),
    (passwd(secret=1), "the secret is not valid"),
    (passwd(secret=None), "the secret is not valid"),
    (passwd(secret=True), "the secret is not valid"),
    (passwd(secret=[SECRET]), "the secret is not valid"),
    (passwd(secret={"a": 1}), "the secret is not valid"),
    (passwd(secret=""), "the secret is not valid"),
    (passwd(secret="pw"), "the secret is not valid"),
    (passwd(secret="\ud800"), "the secret is not valid"),
    (passwd(secret=SECRET + "\0"), "the secret is not valid"),
    (passwd(secret="pbkdf2$1$a$a"), "the secret is not valid"),
    (passwd(secret=1e999), "the secret is not valid"),
    (passwd(name=1), "the name is not valid"),
    (passwd(name=None), "the name is not valid"),
    (passwd(name=["ann"]), "the name is not valid"),
    (passwd(name=""), "the name is not valid"),
    (passwd(name="a b"), "the name is not valid"),
    (passwd(name="server"), "the name is not valid"),
    (passwd(name="a\u0308nn"), "the name is not valid"),  # not as it is kept
    (passwd(name="\ud800"), "the name is not valid"),
    (passwd(name="x" * 33), "the name is not valid"),
]


MANAGE = {"request": "manage", "room": "#dev", "act": "kick", "about": "bob", "text": "why"}
# What is wrong in it, and words of the answer.
NO_ACTS = [
    ({"room": "dev"}, "the room is not valid"), ({"room": "#a b"}, "the room is not valid"),
    ({"room": 5}, "the room is not valid"), ({"room": "\ud800"}, "the room is not valid"),
    ({"act": "op"}, "the act is not valid"), ({"act": ["kick"]}, "the act is not valid"),
    ({"about": None}, "the about is not valid"), ({"text": "\ud800"}, "the text is not valid"),
    ({"more": 1}, "the arguments of manage are: about, act, room, text"),
]


class House:
    """A control socket, its selector, and those who answer: `asked` has what reached them."""

    def __init__(self, path):
        self.path = path
        self.now = 1000.0
        self.asked = []
        self.waiting = []  # replies to passwd, which wait for a store
        self.selector = selectors.DefaultSelector()
        self.control = Control(
            path, {"status": self.status, "passwd": self.passwd}, self.selector, lambda: self.now)
        self._callers = []

    def status(self, reply):
        self.asked.append("status")
        reply({"names": 7})

    def passwd(self, reply, name, secret):
        self.asked.append((name, secret))
        self.waiting.append(reply)

    def turn(self):
        """What the hub does with those who are ready, and the supervisor with the clock, until nobody is."""
        for _ in range(1000):
            self.control.close_expired()
            ready = self.selector.select(0)
            if not ready:
                return
            for key, _ in ready:
                key.data.on_ready()
        raise AssertionError("somebody is always ready")

    def call(self, data=b""):
        """Somebody who connects, and says that."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._callers.append(sock)
        sock.connect(self.path)
        sock.setblocking(False)
        sock.sendall(data)
        self.turn()
        return sock

    def close(self):
        self.control.close()
        self.selector.close()
        for sock in self._callers:
            sock.close()


def heard(sock):
    """Everything that has come, and whether the connection has ended."""
    pieces = []
    while True:
        try:
            pieces.append(sock.recv(1 << 20))
        except BlockingIOError:
            return b"".join(pieces), False
        except ConnectionResetError:  # with something unread
            pieces.append(b"")
        if not pieces[-1]:
            return b"".join(pieces), True


def answer(sock):
    """The answer, behind which the connection has ended."""
    said, ended = heard(sock)
    assert ended and said.endswith(b"\n") and said.count(b"\n") == 1
    return json.loads(said.decode())


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A short one: the kernel takes 107 bytes."""
    monkeypatch.chdir(str(tmp_path))
    return "s"


@pytest.fixture
def house(path):
    one = House(path)
    yield one
    one.close()


# ---- requests


def test_every_request_of_the_hub_has_a_form(make_hub):
    assert {*make_hub().requests_of_operators, "status"} == set(FORMS)  # which is the supervisor's


def test_a_request_is_answered_and_the_call_is_over(house):
    assert answer(house.call(STATUS)) == {"names": 7}
    assert answer(house.call(STATUS)) == {"names": 7}
    assert house.asked == ["status", "status"]


def test_an_answer_may_come_later(house):
    caller = house.call(passwd())
    assert heard(caller) == (b"", False)
    assert house.asked == [("ann", SECRET)]
    house.waiting.pop()({"done": True})
    assert answer(caller) == {"done": True}


@pytest.mark.parametrize("size", [1, 7])
def test_a_request_may_come_in_pieces(house, size):
    caller = house.call()
    for start in range(0, len(STATUS), size):
        caller.sendall(STATUS[start:start + size])
        house.turn()
    assert answer(caller) == {"names": 7}


@pytest.mark.parametrize("more", [STATUS, b"\n", b"x", b"x" * 100000])
def test_what_comes_behind_a_request_is_nothing(house, more):
    caller = house.call()
    try:
        caller.sendall(STATUS + more)
    except BlockingIOError:
        pass  # the server has not taken it yet, and never will
    house.turn()
    assert answer(caller) == {"names": 7}
    assert house.asked == ["status"]


@pytest.mark.parametrize("said, words", NO_REQUESTS, ids=lambda value: repr(value)[:40])
def test_what_is_no_request_is_said_to_be_none_and_nothing_is_done(house, said, words):
    told = answer(house.call(said))
    assert list(told) == ["error"] and words in told["error"]
    assert house.asked == []
    assert answer(house.call(STATUS)) == {"names": 7}


@pytest.mark.parametrize("said", [b"x" * LONGEST_REQUEST, b"\xff" * 200000, b" " * LONGEST_REQUEST + STATUS])
def test_a_line_without_an_end_is_said_to_be_too_long(house, said):
    caller = house.call()
    try:
        caller.sendall(said)
    except BlockingIOError:
        pass
    house.turn()
    assert "less than %d bytes" % LONGEST_REQUEST in answer(caller)["error"]
    assert house.asked == []


def test_the_length_of_a_line_is_what_counts_however_it_comes(house):
    caller = house.call(b" " * (LONGEST_REQUEST - 1))
    caller.sendall(b" " + STATUS)
    house.turn()
    assert "less than" in answer(caller)["error"] and house.asked == []
    assert answer(house.call(STATUS[:-1].ljust(LONGEST_REQUEST - 1) + b"\n")) == {"names": 7}


@pytest.mark.parametrize("said", [b"", STATUS[:-1]])
def test_who_hangs_up_without_a_request_is_forgotten(house, said):
    caller = house.call(said)
    caller.close()
    house.turn()
    assert house.control._callers == [] and house.asked == []


def test_who_hangs_up_before_the_answer_does_no_harm(house):
    house.call(passwd()).close()
    house.turn()
    house.waiting.pop()({"done": True})
    assert answer(house.call(STATUS)) == {"names": 7}


# ---- bugs


@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_handler_that_raises_costs_its_caller_alone(house, caplog, monkeypatch, when):
    def status(reply):
        if when == "behind":
            reply({"names": 8})
        raise RuntimeError("injected")

    monkeypatch.setitem(house.control._requests, "status", status)
    told = answer(house.call(STATUS))
    assert told == {"names": 8} if when == "behind" else "a bug in the server" in told["error"]
    record, = caplog.records
    assert record.exc_info[0] is RuntimeError and record.args == {"request": "status"}
    answered = house.call(passwd())
    house.waiting.pop()({"done": True})
    assert answer(answered) == {"done": True}


@pytest.mark.parametrize("told", [b"bytes", {1, 2}, {"a": object()}])
def test_an_answer_that_cannot_be_told_is_a_bug_and_no_end(house, caplog, told):
    caller = house.call(passwd())
    house.waiting.pop()(told)
    assert "a bug in the server" in answer(caller)["error"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_only_the_first_answer_is_told(house):
    caller = house.call(passwd())
    reply = house.waiting.pop()
    reply({"done": True})
    reply({"done": False})
    assert answer(caller) == {"done": True}


# ---- callers who take their time


def test_who_takes_a_large_answer_gets_all_of_it(house, monkeypatch):
    monkeypatch.setitem(house.control._requests, "status", lambda reply: reply(MANY))
    caller = house.call(STATUS)
    pieces = []
    for _ in range(10000):
        said, ended = heard(caller)
        pieces.append(said)
        if ended:
            break
        house.turn()
    assert json.loads(b"".join(pieces).decode()) == MANY


def test_who_does_not_take_the_answer_is_hung_up_on_in_the_end(house, monkeypatch):
    monkeypatch.setitem(house.control._requests, "status", lambda reply: reply(MANY))
    caller = house.call(STATUS)
    house.now += LONGEST_CALL - 0.001
    house.turn()
    assert len(house.control._callers) == 1
    house.now += 0.001
    house.turn()
    assert house.control._callers == []
    said, ended = heard(caller)
    assert ended and len(said) < len(MANY["text"])


@pytest.mark.parametrize("said", [b"", b'{"request": ', passwd()])
def test_who_says_nothing_or_is_not_answered_is_told_so_in_the_end(house, said):
    caller = house.call(said)
    house.now += LONGEST_CALL - 0.001
    house.turn()
    assert heard(caller) == (b"", False)
    house.now += 0.001
    house.turn()
    assert "longer than" in answer(caller)["error"]
    for reply in house.waiting:
        reply({"done": True})  # nobody is there any more
    assert house.control._callers == []


def test_one_more_than_may_call_costs_the_oldest_who_has_not_asked(house):
    asking = [house.call(passwd()) for _ in range(3)]
    silent = [house.call() for _ in range(MOST_CALLERS - 3)]
    assert answer(house.call(STATUS)) == {"names": 7}
    assert "too many" in answer(silent[0])["error"]
    assert [heard(caller) for caller in silent[1:] + asking] == [(b"", False)] * (MOST_CALLERS - 1)
    for reply in house.waiting:
        reply({"done": True})
    assert [answer(caller) for caller in asking] == [{"done": True}] * 3


def test_who_has_asked_is_never_sent_away_for_others(house):
    asking = [house.call(passwd()) for _ in range(MOST_CALLERS)]
    assert "too many" in answer(house.call(STATUS))["error"]
    for reply in house.waiting:
        reply({"done": True})
    assert [answer(caller) for caller in asking] == [{"done": True}] * MOST_CALLERS
    assert answer(house.call(STATUS)) == {"names": 7}


def test_a_crowd_that_says_nothing_stays_within_bounds(house):
    for _ in range(20 * MOST_CALLERS):
        house.call()
    assert len(house.control._callers) == MOST_CALLERS
    assert answer(house.call(STATUS)) == {"names": 7}


# ---- the path


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_nobody_else_can_call(path, mask):
    before = os.umask(mask)
    try:
        house = House(path)
        assert os.stat(path).st_mode & 0o777 == 0o600
        house.close()
    finally:
        assert os.umask(before) == mask


def test_the_socket_is_gone_with_its_server(house, path):
    house.control.close()
    assert not os.path.lexists(path)
    with pytest.raises(NoServer, match="No such file"):
        ask(path, "status")


def test_a_process_that_lets_go_leaves_the_socket_to_the_one_that_answers(house, path):
    child = os.fork()
    if not child:
        house.control.let_go()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert answer(house.call(STATUS)) == {"names": 7}


def test_the_socket_of_a_server_that_was_killed_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
        dead.listen(1)
    with pytest.raises(NoServer, match="refused"):
        ask(path, "status")
    house = House(path)
    assert answer(house.call(STATUS)) == {"names": 7}
    house.close()


@pytest.mark.parametrize("full", [False, True])
def test_a_server_that_lives_keeps_its_socket(path, full):
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(path)
        living.listen(1)
        callers = []
        for _ in range(100 if full else 0):
            callers.append(socket.socket(socket.AF_UNIX))
            callers[-1].setblocking(False)
            if callers[-1].connect_ex(path) == errno.EAGAIN:
                break
        with pytest.raises(CannotUse, match="another server uses this socket") as raised:
            House(path)
        assert raised.value.errno == errno.EAGAIN
        assert os.path.lexists(path)
        for caller in callers:
            caller.close()


def test_a_socket_that_took_ours_place_stays(house, path):
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        house.control.close()
        assert os.path.lexists(path)


@pytest.mark.parametrize("make, word", [
    (lambda path: open(path, "w").close(), "File exists"), (os.mkdir, "Is a directory"),
    (lambda path: os.symlink("elsewhere", path), "File exists")], ids=["file", "directory", "link"])
def test_what_is_no_socket_stays(path, make, word):
    make(path)
    with pytest.raises(CannotUse, match="cannot create the socket: " + word):
        House(path)
    assert os.path.lexists(path)


@pytest.mark.parametrize("path, word", [("x" * 200, "too long"), ("nowhere/s", "No such file")])
def test_a_path_that_cannot_be_one_is_said_to_be_so(tmp_path, monkeypatch, path, word):
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(CannotUse, match=word):
        House(path)


# ---- the caller's side


class Server:
    """Answers one caller with some bytes; what that has said is `heard`."""

    def __init__(self, path, said):
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(path)
        self._sock.listen(1)
        self._sock.settimeout(60)
        self._said = said
        self.heard = None
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self):
        sock, _ = self._sock.accept()
        with sock:
            self.heard = sock.recv(4096)
            if self.heard:
                sock.sendall(self._said)

    def close(self):
        self._thread.join(60)
        self._sock.close()


@pytest.fixture
def server(path):
    servers = []

    def make(said=b"{}\n"):
        servers.append(Server(path, said))
        return servers[-1]

    yield make
    for one in servers:
        one.close()


def test_what_is_asked_is_a_line_and_so_is_the_answer(path, server):
    one = server(b'{"done": true}\n')
    assert ask(path, "passwd", name="ann", secret=SECRET) == {"done": True}
    assert json.loads(one.heard.decode()) == PASSWD and one.heard.endswith(b"\n")


@pytest.mark.parametrize("said", [b"", b"{", b"\xff", b"not JSON\n"])
def test_no_answer_is_no_server(path, server, said):
    server(said)
    with pytest.raises(NoServer, match="without an answer"):
        ask(path, "status")


@pytest.mark.parametrize("where", ["file", "process"])
def test_another_users_server_is_told_nothing(path, server, monkeypatch, where):
    """Whose file it is is seen before the call, and whose process took its place at once when it is answered."""
    if where == "process" and not hasattr(socket, "SO_PEERCRED"):
        pytest.skip("this system does not say whose process answers")
    one = server()
    uid = os.geteuid()
    if where == "file":
        monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    else:
        monkeypatch.setattr(control_module, "_PEER", Foreign(uid + 1))
    with pytest.raises(CannotUse, match=r"belongs to another user \(uid %d\)" % (uid + (where == "process"))):
        ask(path, "passwd", name="ann", secret=SECRET)
    if where == "file":
        with socket.socket(socket.AF_UNIX) as first:  # nobody has called before
            first.connect(path)
    one.close()
    assert one.heard == b""


class Foreign:
    """In the place of the form in which the kernel says whose a process is."""

    size = control_module._PEER.size

    def __init__(self, uid):
        self._uid = uid

    def unpack(self, data):
        pid, uid, gid = control_module.struct.unpack("3i", data)
        assert (pid, uid, gid) == (os.getpid(), os.geteuid(), os.getegid())
        return pid, self._uid, gid


def test_what_is_no_socket_is_no_server(path):
    open(path, "w").close()
    with pytest.raises(NoServer, match="socket"):
        ask(path, "status")



def test_a_bug_in_the_middle_of_a_change_ends_the_server_instead_of_being_answered(make_hub, monkeypatch):
    hub = make_hub()
    monkeypatch.setattr(hub.register.enrollment._accounts, "open", lambda *arguments, **named: 1 // 0)
    with pytest.raises(Torn):
        hub.requests_of_operators["passwd"](lambda answer: None, name="ann", secret="secret")


@pytest.mark.parametrize("changes, words", NO_ACTS)
def test_what_is_no_act_is_said_to_be_none(house, changes, words):
    assert words in answer(house.call(json.dumps(dict(MANAGE, **changes)).encode() + b"\n"))["error"]


@pytest.mark.parametrize("file", ["copy", "", "/a\0b", 5, None])
def test_a_copy_has_an_absolute_path(house, file):
    asked = json.dumps({"request": "backup", "file": file}).encode() + b"\n"
    assert "the file is not valid" in answer(house.call(asked))["error"]


def test_who_waits_for_a_copy_waits_longer_than_others(house):
    house.control._requests["backup"] = lambda reply, file: house.waiting.append(reply)
    waiting, other = house.call(json.dumps({"request": "backup", "file": "/copy"}).encode() + b"\n"), house.call()
    house.now += LONGEST_CALL
    house.turn()
    assert heard(waiting) == (b"", False)
    assert "longer than 30 s" in answer(other)["error"]
    house.waiting.pop()({"done": True})
    assert answer(waiting) == {"done": True}
