"""`web` in the client: the WebSocket, sessions that are gone on with, and real servers that are cut off and killed."""
import itertools
import json
import os
import signal

import pytest
from cases import for_each
from doorway import Doorway
from surroundings import SECONDS, USERS, accepting, hear, opened

from parley.client import (
    Chat,
    Disconnected,
    Done,
    Failed,
    Invited,
    Kept,
    Notice,
    Presence,
    Progress,
    Recalled,
    Refused,
    Request,
    Said,
    Typing,
    Unsure,
    Welcomed,
    Whispered,
    connect,
)
from parley.client.protocol import Impossible, ProtocolError
from parley.client.resumption import Post, Resumption
from parley.client.websocket import WebSocket
from parley.conformance.targets import launch
from parley.server.protocols.websocket import Decoder, close_frame, text_frame
from stress.proofs.processes import worker_of

CERTIFICATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "certificates")


class Wire:
    """The server's end of ann's connections, which says what a test says. `position` is the client's."""

    def __init__(self):
        self.position = Resumption()
        self.connect()

    def connect(self):
        self.client, self._decoder = opened("web", self.position), Decoder(1 << 20)

    def asked(self):
        """What the client has sent since it was asked last, without the close frame."""
        return [json.loads(message) for message in self._decoder.receive(self.client.to_send())
                if isinstance(message, str)]

    def tell(self, on, **fields):
        """The client's events for this message."""
        return self.client.feed(text_frame(json.dumps(dict(fields, on=on)).encode()))

    def enter(self, session="s1", me=0, run="r", missed=(), known=True):
        """ann logs in, or comes back; missed: the messages that are told then. Her events, and what she sent."""
        self.client.login("ann", "pw")
        (hello,) = self.asked()
        found = self.tell("hello", id=hello["id"], run=run, limits={"text": 1000})
        label = {}
        if "session" in hello and not known:
            found += self.tell("no", why="no-session", text="this session is over")
        if "session" not in hello or not known:
            (login,) = self.asked()
            assert (login["do"], login["password"]) == ("login", "pw")
            label = {"id": login["id"]}
        found += self.tell("welcome", name="ann", account=True, session=session, me=me, **label)
        for one in missed:
            found += self.tell("missed", **one)
        return found, hello

    def lose(self):
        """The connection is lost, and there is another."""
        found = self.client.connection_lost()
        self.connect()
        return found


@pytest.fixture
def wire():
    wire = Wire()
    wire.enter(me=3)
    return wire


def message(number, by, text, **more):
    return dict(more, n=number, by=by, at=5, text=text)


def ends(found):
    return [(type(event), event.request.text) for event in found
            if isinstance(event, (Done, Refused, Unsure)) and event.request.kind in ("say", "whisper")]


def of(kind, **fields):
    """Is an event of this kind, with these fields?"""
    return lambda event: type(event) is kind and all(getattr(event, name) == value for name, value in fields.items())


def recalled(found):
    return [event[:3] for event in found if type(event) is Recalled]


# ---- a session


def test_what_has_no_answer_is_sent_again_by_its_tag_and_not_shown_twice(wire):
    for text in ("one", "two"):
        wire.client.say(text)
    wire.client.whisper("bob", "psst")
    first, second, third = wire.asked()
    assert ends(wire.tell("done", id=first["id"], n=5, at=5)) == [(Done, "one")]
    assert wire.tell("said", room="#lobby", **message(4, "bob", "hi")) == [Said("bob", "hi", 5, None)]
    assert wire.lose() == []
    assert wire.position.unanswered == 2
    found, hello = wire.enter(me=9, missed=[
        {"room": "#lobby", "gap": False, "messages": [
            message(5, "ann", "one"), message(6, "ann", "two"), message(8, "bob", "bye")]},
        {"me": True, "gap": False, "messages": [
            message(7, "ann", "psst", to="bob"), message(9, "cid", "hey", to="ann"),
            message(10, "ann", "from elsewhere", to="cid")]}])
    assert (hello["session"], hello["resume"]) == ("s1", {"run": "r", "#lobby": 4, "me": 3})
    assert found[:2] == [Welcomed("ann"), Done(Request("login", "ann", None))]
    assert recalled(found) == [(None, "bob", "bye"), ("cid", "cid", "hey"), ("cid", "ann", "from elsewhere")]
    assert [event.request.about for event in found if type(event) is Done and event.request.kind == "missed"] == [
        None, "cid"]
    again = wire.asked()
    assert again == [second, third]
    assert ends(wire.tell("done", id=second["id"], n=6, at=5)) == [(Done, "two")]
    assert ends(wire.tell("no", id=third["id"], why="nobody", text="nobody")) == [(Refused, "psst")]
    assert wire.position.unanswered == 0 and not wire.client.has_pending


def test_of_a_session_that_is_over_the_past_tells_what_has_arrived(wire):
    for text in ("arrived", "lost"):
        wire.client.say(text)
    wire.asked()
    wire.lose()
    wire.position.post(Post("t", Request("say", None, "new")))  # there was no room for it among those on their way
    found, _ = wire.enter("s2", 9, known=False, missed=[
        {"room": "#lobby", "gap": True, "messages": [message(8, "ann", "arrived")]}])
    assert recalled(found) == [] and found[-2] == Notice("More was said than is shown here.")
    ping, new = wire.asked()
    assert (ping["do"], new["text"]) == ("ping", "new")
    assert ends(wire.tell("pong", id=ping["id"])) == [(Done, "arrived"), (Unsure, "lost")]
    assert wire.position.give_up() == [Request("say", None, "new")]


def test_of_two_equal_texts_each_has_arrived_if_the_past_has_both_and_one_if_it_has_one(wire):
    for missed, ended in ((1, [(Done, "same"), (Unsure, "same")]), (2, [(Done, "same"), (Done, "same")])):
        for _ in range(2):
            wire.client.say("same")
        wire.asked()
        wire.lose()
        wire.enter("s%d" % (missed + 1), 10 * missed, known=False, missed=[{
            "room": "#lobby", "gap": False,
            "messages": [message(10 * missed - number, "ann", "same") for number in reversed(range(missed))]}])
        (ping,) = wire.asked()
        assert ends(wire.tell("pong", id=ping["id"])) == ended


def test_numbers_of_another_run_are_forgotten(wire):
    wire.tell("said", room="#lobby", **message(900, "bob", "hi"))
    wire.lose()
    found, hello = wire.enter("s2", 2, "another", known=False, missed=[
        {"room": "#lobby", "gap": False, "messages": [message(1, "bob", "new")]}])
    assert hello["resume"] == {"run": "r", "#lobby": 900, "me": 3}
    assert recalled(found) == [(None, "bob", "new")]
    assert wire.position.resume() == {"run": "another", "#lobby": 1, "me": 0}


def test_a_session_is_for_its_name_and_password_only(wire):
    for login in (lambda client: client.login("bob", "pw"), lambda client: client.login("ann", "another"),
                  lambda client: client.create("ann", "pw")):
        wire.lose()
        login(wire.client)
        assert "session" not in wire.asked()[0]
        wire.lose()
        wire.position.__init__()
        wire.enter()
    wire.lose()
    wire.client.join("ann")
    assert wire.asked()[0]["session"] == "s1"
    assert wire.tell("hello", id="1", run="r", limits={"text": 1000}) == []
    assert wire.tell("no", why="try-again-later", text="try again later") == [
        Refused(Request("join", "ann", None), "Try again later.")]
    assert wire.asked() == []


def test_not_more_is_on_its_way_than_the_server_remembers(wire):
    for number in range(40):
        wire.client.say(str(number))
    sent = wire.asked()
    wire.client.quit()
    assert [one["text"] for one in sent] == [str(number) for number in range(32)]
    for number in itertools.count(10):
        wire.tell("done", id=sent.pop(0)["id"], n=number, at=5)
        sent += wire.asked()
        if sent[0]["do"] == "logout":
            break
    assert number == 49 and wire.tell("done", id=sent[0]["id"]) == [Done(Request("quit", None, None))]
    assert not wire.client.has_pending


def test_kept_messages_that_were_not_asked_for_are_told_of_again(wire):
    assert wire.tell("waiting", count=2) == [Kept(2, {})]
    assert "me" not in wire.position.resume()
    wire.client.deliver()
    (asked,) = wire.asked()
    found = wire.tell("missed", id=asked["id"], messages=[{"by": "bob", "at": 4, "text": "hi"}])
    assert found == [Whispered("bob", "hi", 4), Done(Request("deliver", None, None))]
    assert wire.position.resume()["me"] == 3


def test_what_comes_twice_is_heard_once(wire):
    for expected in ([Said("bob", "hi", 5, "#dev")], []):
        assert wire.tell("said", room="#dev", **message(4, "bob", "hi")) == expected
    for expected in ([Whispered("bob", "psst", 5)], []):
        assert wire.tell("whispered", **message(5, "bob", "psst", to="ann")) == expected
    assert wire.tell("missed", room="#dev", gap=False, messages=[message(4, "bob", "hi")]) == [
        Done(Request("missed", "#dev", None))]


def test_an_answer_to_a_ping_tells_how_far_everything_was_heard(wire):
    wire.client.say("mine")
    (said,) = wire.asked()
    wire.tell("done", id=said["id"], n=7, at=5)
    wire.client.fence()
    (ping,) = wire.asked()
    wire.tell("whispered", **message(8, "bob", "psst", to="ann"))
    assert wire.position.resume() == {"run": "r", "#lobby": 3, "me": 8}
    wire.tell("pong", id=ping["id"])
    assert wire.position.resume() == {"run": "r", "#lobby": 7, "me": 8}


def test_a_room_is_heard_from_when_one_entered_it_and_asked_for_where_the_session_did_not_tell(wire):
    wire.client.catch_up_in("#dev")
    (asked,) = wire.asked()
    assert (asked["do"], asked["room"], asked["most"]) == ("history", "#dev", 1)
    assert wire.position.marks["#dev"] == 3
    wire.tell("history", id=asked["id"], room="#dev", more=True, messages=[message(6, "bob", "old")])
    wire.lose()
    wire.enter(me=9)
    wire.client.catch_up_in("#dev")
    (asked,) = wire.asked()
    assert (asked["after"], asked["room"]) == (6, "#dev")
    found = wire.tell("history", id=asked["id"], room="#dev", more=True, messages=[message(7, "bob", "missed")])
    assert found == [Recalled("#dev", "bob", "missed", 5), Progress(Request("missed", "#dev", None), 1)]
    (asked,) = wire.asked()
    assert asked["after"] == 7
    assert wire.tell("history", id=asked["id"], room="#dev", more=False, messages=[]) == [
        Done(Request("missed", "#dev", None))]
    wire.client.catch_up_in("#dev")
    wire.position.forget("#dev")
    assert wire.asked() == [] and "#dev" not in wire.position.marks


def test_a_room_that_one_enters_later_is_heard_from_the_latest_answer_to_a_ping_on(wire):
    wire.client.say("mine")
    (said,) = wire.asked()
    wire.tell("done", id=said["id"], n=7, at=5)
    wire.client.fence()
    (ping,) = wire.asked()
    wire.tell("pong", id=ping["id"])
    wire.client.catch_up_in("#dev")
    assert wire.position.resume()["#dev"] == 7


def test_a_renamed_room_goes_on_where_it_was_and_what_one_said_in_it_is_not_missed(wire):
    wire.tell("said", room="#old", **message(4, "bob", "hi"))
    wire.client.say("mine", "#old")
    (said,) = wire.asked()
    wire.tell("done", id=said["id"], n=5, at=5)
    wire.position.rename("#old", "#new")
    wire.lose()
    _, hello = wire.enter(me=9)
    assert hello["resume"] == {"run": "r", "#lobby": 3, "me": 3, "#new": 4}
    assert recalled(wire.tell("missed", room="#new", gap=False, messages=[
        message(5, "ann", "mine"), message(6, "bob", "yes")])) == [("#new", "bob", "yes")]


def test_of_many_rooms_a_client_asks_for_no_more_than_the_server_allows(wire):
    for number in range(150):
        wire.tell("said", room="#%d" % number, **message(4 + number, "bob", "hi"))
    wire.lose()
    _, hello = wire.enter(me=200)
    assert len(hello["resume"]) == 100


def test_of_what_one_said_little_is_remembered(wire):
    position = wire.position
    for number in range(4, 4000, 2):
        wire.client.say("mine")
        (said,) = wire.asked()
        wire.tell("done", id=said["id"], n=number, at=5)
        wire.tell("said", room="#lobby", **message(number + 1, "bob", "hi"))
    assert len(repr(vars(position))) < 1000


def test_a_long_history_comes_in_pages(wire):
    wire.client.history("bob", 250)
    (first,) = wire.asked()
    assert (first["most"], first["with"]) == (200, "bob")
    assert wire.tell("history", id=first["id"], more=True, messages=[
        message(number, "bob", str(number)) for number in range(51, 251)]) == []
    (second,) = wire.asked()
    assert (second["most"], second["before"]) == (50, 51)
    found = wire.tell("history", id=second["id"], more=True, messages=[
        message(number, "bob", str(number)) for number in range(1, 51)])
    assert recalled(found) == [("bob", "bob", str(number)) for number in range(1, 251)]
    assert found[-1] == Done(Request("history", "bob", None))


def test_a_farewell_says_when_to_come_back_or_that_one_should_not(wire):
    assert wire.tell("bye", why="shutdown", text="the server is shutting down", retry=2) == [
        Notice("The server is shutting down.")]
    assert wire.client.retry_seconds == 2
    assert wire.client.feed(close_frame(1001)) == []
    assert wire.tell("bye", why="kicked", text="") == []  # nothing comes behind a close frame
    wire.lose()
    wire.enter()
    assert wire.tell("bye", why="kicked", text="you were kicked") == [Disconnected("You were kicked.", None)]
    assert wire.position.session is None


# ---- the WebSocket


def test_what_is_sent_before_the_server_has_accepted_waits():
    socket = WebSocket("web://chat.example/talk", "chat.example:8000", "/talk/chat", "parley.1")
    socket.send("hi")
    request = socket.to_send()
    assert request.startswith(b"GET /talk/chat HTTP/1.1\r\n") and b"\r\nHost: chat.example:8000\r\n" in request
    answer = accepting(request) + text_frame("höre".encode()) + b"\x89\x02hi\x01\x02ge\x80\x04teil"
    assert [text for at in range(len(answer)) for text in socket.receive(answer[at:at + 1])] == ["höre", "geteil"]
    server = Decoder(100)
    assert [getattr(one, "text", one) for one in server.receive(socket.to_send())][0] == "hi"
    assert socket.receive(close_frame(1000)) == []
    assert [one.code for one in server.receive(socket.to_send())] == [1000]
    socket.send("too late")
    assert socket.to_send() == b"" and socket.receive(b"x") == []


@for_each("answer, sentence", [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", r"^There is no chat at web://h: 404 Not Found\.$"),
    (b"HTTP/1.1 301 Moved Permanently\r\nLocation: x\r\n\r\n", "301 Moved Permanently"),
    (b"HTTP/1.1 799 Odd\r\n\r\n", "799"),
    (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "^$"),
    (b"SSH-2.0-OpenSSH\r\n", "^$"), (b"HTTP/1.1 x", "^$|none"), (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 99999, "^$")])
def test_what_is_no_chat_is_told(answer, sentence):
    socket = WebSocket("web://h", "h", "/chat", "parley.1")
    if answer == b"HTTP/1.1 x":  # not to its end yet
        assert socket.receive(answer) == []
        return
    with pytest.raises(ProtocolError, match=sentence):
        socket.receive(answer)


def test_a_websocket_of_something_else_is_told():
    socket = WebSocket("web://h", "h", "/chat", "parley.1")
    answer = accepting(socket.to_send()).replace(b"Sec-WebSocket-Protocol: parley.1\r\n", b"")
    with pytest.raises(ProtocolError, match=r"^What is at web://h speaks WebSocket, but not parley\.1\.$"):
        socket.receive(answer)


# ---- real servers


@pytest.fixture(scope="module")
def web():
    """A server that is cut off and whose worker 0 is killed, with nobody else in it."""
    with launch(workers=2, protocols=("line", "web"), users=USERS) as server:
        yield server


@pytest.fixture
def doorway():
    doorway = Doorway()
    yield doorway
    doorway.close()


class Cut:
    """Somebody behind a doorway to worker 0, and bob at the other one, who is never cut off: what each should hear.

    said: {place: texts} by bob, own: by the other one. heard, heard_own: what was heard of these by whom they were for.
    """

    PLACES = (None, "#cut", "whispers")

    def __init__(self, server, doorway, name, password, chance):
        self.server, self.doorway, self.name, self.chance = server, doorway, name, chance
        doorway.lead_to(server.worker_address(0, "web"))
        self.me = connect("web://%s:%d" % doorway.address, name, password, timeout=SECONDS)
        self.bob = connect("line://%s:%d" % server.worker_address(1), "bob-" + name, timeout=SECONDS)
        for chat in (self.me, self.bob):
            chat.join_room("#cut")
            assert chat.finish(SECONDS)
        self.said, self.own, self.heard, self.heard_own = ({place: [] for place in self.PLACES} for _ in range(4))
        self.done, self.others = [], []

    def speak(self, number):
        for mine in (False, True):
            place = self.chance.choice(self.PLACES)
            chat, texts, to = (self.me, self.own, self.bob.me) if mine else (self.bob, self.said, self.name)
            if chat.me is not None:
                text = "%s %d" % (chat.me, number)
                texts[place].append(text)
                chat.whisper(to, text) if place == "whispers" else chat.say(text, place)

    def cut_off(self):
        """The connection ends; the server may not notice."""
        self.doorway.shut(keep_inside=self.chance.random() < 0.3)
        self.doorway.lead_to(self.server.worker_address(0, "web"))

    def kill(self):
        """The worker ends. It is replaced, the later the more often it was killed."""
        os.kill(worker_of(self.server, 0), signal.SIGKILL)

    def hear(self, seconds=0.0):
        for event in self.bob.poll():
            if type(event) in (Said, Whispered) and event.sender == self.name:
                self.heard_own["whispers" if type(event) is Whispered else event.room].append(event.text)
        for event in self.me.poll(seconds):
            if type(event) in (Said, Whispered, Recalled) and event.sender == self.bob.me:
                place = event.room if type(event) is Said else getattr(event, "partner", self.bob.me)
                self.heard["whispers" if place == self.bob.me else place].append(event.text)
            elif type(event) is Done and event.request.kind in ("say", "whisper"):
                self.done.append(event.request.text)
            elif type(event) in (Refused, Unsure, Recalled) or type(event) is Disconnected and event.again is None:
                self.others.append(event)

    def is_over(self):
        return (self.me.state == "connected" and self.me.finish(0) and self.bob.finish(0)
                and self.heard == self.said and self.heard_own == self.own)


@pytest.mark.parametrize("cuts", [12, pytest.param(500, marks=pytest.mark.long)])
def test_what_is_said_while_one_is_cut_off_or_a_worker_is_killed_comes_once_and_in_order(
        web, doorway, chance, monkeypatch, cuts):
    monkeypatch.setattr(Chat, "DELAYS", (0.01, 0.1))
    cut = Cut(web, doorway, "Alice", USERS["Alice"], chance)  # an account, to which one can whisper while it is away
    with cut.me, cut.bob:
        for number in range(cuts):
            for further in range(chance.randrange(1, 4)):
                cut.speak(10 * number + further)
            cut.kill() if number % (cuts // 3) == 2 else cut.cut_off()
            for _ in range(chance.randrange(6)):
                cut.hear(0.05)
        for _ in range(10 * SECONDS):
            cut.hear(0.1)
            if cut.is_over():
                break
        assert (cut.heard, cut.heard_own, cut.others) == (cut.said, cut.own, [])
        assert sorted(cut.done) == sorted(text for texts in cut.own.values() for text in texts)


def test_the_session_gives_the_name_back_without_its_password_or_else_the_latest_one_does(restarted, join):
    chat = join(restarted.urls["web"], "Bob", USERS["Bob"])
    chat.say("before")
    other = join(restarted.urls["line"])
    other.create("lena", "secret")
    hear(other, of(Welcomed, name="lena"))
    other.change_password("secret", "another")
    assert chat.finish(SECONDS) and other.finish(SECONDS)
    restarted.kill()
    hear(chat, of(Disconnected))
    chat._login = chat._login[0], ("Bob", None)  # the password is not needed
    restarted.start()
    hear(chat, of(Welcomed, name="Bob"))
    hear(other, of(Welcomed, name="lena"))
    chat.say("after")
    hear(chat, of(Done, request=Request("say", None, "after")))
    chat.history(None, 2)
    assert [event.text for event in hear(chat, of(Done, request=Request("history", None, None)))
            if type(event) is Recalled] == ["before", "after"]


@pytest.fixture(scope="module")
def below_a_path():
    """{with TLS?: URL} of a server whose page is at /parley."""
    certificate, key = (os.path.join(CERTIFICATES, name) for name in ("first.pem", "first.key"))
    tls = {"certificate": certificate, "key": key, "listen": {"web": 0}}
    with launch(workers=1, protocols=("web",), config={"web": {"path": "/parley"}, "tls": tls}) as server:
        (port,) = [line.rpartition(":")[2] for line in server.stdout if "TLS" in line]
        yield {True: "web+tls://localhost:%s/parley" % port, False: "web://%s:%d/parley/" % server.address("web")}


def test_a_path_and_tls(below_a_path, join):
    one = join(below_a_path[True], "one", trust=os.path.join(CERTIFICATES, "first.pem"))
    other = join(below_a_path[False], "other")
    one.say("x" * 16000)
    hear(other, of(Said, text="x" * 16000))
    with pytest.raises(Failed, match=r"^There is no chat at web://[0-9.:]+: 404 Not Found\.$"):
        join(below_a_path[False][:-len("/parley/")], "nobody")


def test_an_account_who_is_typing_and_who_is_away(below_a_path, join):
    ann, bob = join(below_a_path[False]), join(below_a_path[False], "bob")
    with pytest.raises(Impossible, match="with a password only"):
        ann.create("ann")
    ann.create("ann", "secret")
    assert hear(ann, of(Done, request=Request("create", "ann", None)))[-2] == Welcomed("ann")
    bob.watch(["ann"])
    hear(bob, of(Presence, name="ann", state="here"))
    ann.away()
    hear(bob, of(Presence, name="ann", state="away"))
    ann.typing()
    hear(bob, of(Typing, place=None, name="ann"))
    bob.typing("ann")
    hear(ann, of(Typing, place="bob", name="bob"))
    ann.join_room("#ours")
    hear(ann, of(Done, request=Request("join_room", "#ours", None)))
    ann.invite("#ours", "bob")
    hear(bob, of(Invited, room="#ours", by="ann"))
    ann.delete()
    hear(ann, of(Done, request=Request("delete", None, None)))
    hear(bob, of(Presence, name="ann", state="gone"))
    assert ann.me is None
    bob.rename("rob")
    hear(bob, of(Welcomed, name="rob"))
