"""Files in the client: sent and saved over connections that are cut, and what is not taken or not what was sent."""
import contextlib
import http.client
import os
import queue
import signal
import socket
import threading

import pytest
from doorway import Doorway
from surroundings import hear

from parley.client import Chat, Done, Impossible, Moved, Recalled, Refused, Request, Said, Saved, Welcomed, connect
from parley.client.address import Address
from parley.client.files import Files, told_in
from parley.client.sealed import SealedFile
from parley.client.session import Session
from parley.conformance.targets import WEB, launch
from stress.proofs.processes import keeper_of

try:
    from parley.client.seal import talk
except ImportError:
    talk = None
CERTIFICATE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "certificates", "first.pem")
FILES = {"offers_per_minute": 0, "file_bytes": 8 << 20, "guest_bytes": 1 << 30, "scan": "grep -qv VIRUS"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = {"storage": {"directory": str(tmp_path_factory.mktemp("kept") / "storage")}, "files": FILES,
              "limits": {"messages_per_second": 0}, "web": {"path": "/parley"},
              "tls": {"certificate": CERTIFICATE, "key": CERTIFICATE.replace(".pem", ".key"), "listen": {"web": 0}}}
    with launch(1, config, protocols=("line", WEB)) as running:
        yield running


@pytest.fixture
def door(server):
    made = Doorway()
    made.lead_to(server.address(WEB))
    yield made
    made.close()


@pytest.fixture
def join(door):
    """Somebody who is in the room, by a door that can be shut; closed after the test."""
    chats = []

    def make(name):
        chats.append(connect("web://%s:%d/parley" % door.address, name))
        return chats[-1]

    yield make
    for chat in chats:
        chat.close(0)


def over(event):
    return type(event) in (Done, Refused) and event.request.kind in ("send_file", "save_file")


def moved_or_over(event):
    return type(event) is Moved or over(event)


class Screen:
    completes = has_places = False

    def __init__(self):
        self.lines = []

    def show(self, line):
        self.lines.append("".join(text for _, text in line))

    sent = error = not_sent = show

    def echo(self, typed):
        pass

    def ring(self):
        pass


def test_a_file_is_sent_and_saved_whole_whatever_is_cut(server, door, join, tmp_path):
    data = os.urandom(6 << 20)
    (tmp_path / "my plan.bin").write_bytes(data)
    ann, bob = join("f-ann"), join("f-bob")
    ann.send_file(str(tmp_path / "my plan.bin"))
    request = Request("send_file", None, "my plan.bin")
    moved, cuts = hear(ann, moved_or_over)[-1], 0
    while type(moved) is Moved and cuts < 3:  # a fast machine has sent all before the last
        assert moved.request == request
        cuts += 1
        if cuts == 2:
            os.kill(keeper_of(server), signal.SIGKILL)
        else:
            door.shut()
            door.lead_to(server.address(WEB))
        moved = hear(ann, moved_or_over)[-1]
    assert cuts
    assert (moved if type(moved) is Done else hear(ann, over)[-1]) == Done(request)
    said = hear(bob, lambda event: type(event) in (Said, Recalled))[-1]
    assert (said.sender, told_in(said.text)[:2]) == ("f-ann", ("my plan.bin", "6.3 MB"))
    bob.save_file(said.text, str(tmp_path))
    heard = hear(bob, moved_or_over)
    door.shut()
    door.lead_to(server.address(WEB))
    heard += [] if over(heard[-1]) else hear(bob, over)
    saved = next(event for event in heard if type(event) is Saved)
    assert saved.path == str(tmp_path / "my plan (1).bin")
    assert (tmp_path / "my plan (1).bin").read_bytes() == data
    assert sorted(os.listdir(str(tmp_path))) == ["my plan (1).bin", "my plan.bin"]


def test_what_cannot_be_sent_or_saved_is_told_in_a_sentence(server, join, tmp_path):
    ann = join("g-ann")
    for path, words in ((tmp_path / "none", "no such file"), (tmp_path, "is a directory"), (os.devnull, "is empty")):
        with pytest.raises(Impossible) as error:
            ann.send_file(str(path))
        assert words in str(error.value)
    (tmp_path / "v").write_bytes(b"a VIRUS")
    (tmp_path / "big").write_bytes(bytes((8 << 20) + 1))
    for name, to, why in (("v", None, "The file is refused by the scanner of this server; it is deleted."),
                          ("big", None, "The file is too big."), ("v", "nobody-here", None)):
        ann.send_file(str(tmp_path / name), to)
        refused = hear(ann, over)[-1]
        assert refused.request == Request("send_file", to, name)
        assert why is None or refused.why == why
    for text in ("hi", "[file] a, 1 B: http://h/files/x/a"):
        with pytest.raises(Impossible):
            ann.save_file(text)
    ann.save_file("[file] a, 1 B: http://h/files/%s/a" % ("0" * 32), str(tmp_path))
    assert hear(ann, over)[-1].why == "There is no such file."
    assert sorted(os.listdir(str(tmp_path))) == ["big", "v"]
    with connect("line://%s:%d" % server.address(), "g-line") as lina:
        for action in (lina.send_file, lina.save_file):
            with pytest.raises(Impossible) as error:
                action("x")
            assert "`line` carries no files" in str(error.value)


def test_whatever_a_line_or_a_server_says_saving_a_file_comes_to_an_end(tmp_path):
    line = "[file] \u00e4 b.txt, 1 B: https://h/files/%s/" % ("0" * 32)
    for end in ("\u00e4", "..\\..\\x", "%2e%2e", "a\x1b[2J", "a?b#c"):
        assert told_in(line + end).path == "/files/%s/%%C3%%A4%%20b.txt" % ("0" * 32)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)

        def answer_each(*answers):
            for one in answers:
                with listening.accept()[0] as visitor:
                    visitor.recv(4096)
                    visitor.sendall(head + one)

        answers = b"Content-Length: x\r\n\r\n", b"Content-Length: 1\r\nRepr-Digest: sha-256=:A:\r\n\r\na"
        server = threading.Thread(target=answer_each, args=answers, daemon=True)
        server.start()
        posted = queue.Queue()
        files = Files(Address("web", "127.0.0.1", listening.getsockname()[1], False, ""), None, posted.put, None)
        for _ in answers:
            files.save(line + "a", str(tmp_path), None)
            told = []
            while not told or type(told[-1]) is Moved:
                told += posted.get(timeout=30)()
            assert (type(told[-1]), files.is_busy) == (Refused, False)
        server.join(30)
    assert os.listdir(str(tmp_path)) == []


def test_a_refusal_without_an_end_is_read_to_its_first_words_only(tmp_path):
    sent = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)

        def talk_on():
            with listening.accept()[0] as visitor, contextlib.suppress(ConnectionError):
                visitor.recv(4096)
                visitor.sendall(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno more\n")
                for _ in range(256):
                    visitor.sendall(b"x" * (1 << 18))
                    sent.append(1)

        threading.Thread(target=talk_on, daemon=True).start()
        posted = queue.Queue()
        files = Files(Address("web", "127.0.0.1", listening.getsockname()[1], False, ""), None, posted.put, None)
        files.save("[file] a, 1 B: https://h/files/%s/a" % ("0" * 32), str(tmp_path), None)
        assert [event.why for event in posted.get(timeout=30)()] == ["No more."]
    assert len(sent) < 128


def test_in_the_terminal_files_are_sent_and_saved_by_hand(server, door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.txt").write_bytes(b"hello")
    (tmp_path / "into").mkdir()
    screens = [Screen(), Screen()]
    ann, bob = map(Session, screens)
    for session, name in ((ann, "h-ann"), (bob, "h-bob")):
        session.connect("web://%s@%s:%d/parley" % ((name,) + door.address))

    def until(screen, words):
        for _ in range(600):
            if any(words in line for line in screen.lines):
                return
            for session in (ann, bob):
                for event in session.chat.poll(0.05):
                    session._handle(event)
        raise AssertionError("no %r in %s" % (words, screen.lines))

    until(screens[0], "Nickname set to h-ann")
    until(screens[1], "Nickname set to h-bob")
    ann.enter("/send a b.txt")
    until(screens[0], "a b.txt was sent to the lobby.")
    until(screens[1], "[file] a b.txt, 5 B: ")
    ann.enter("/send a b.txt h-bob")
    until(screens[0], "a b.txt was sent to h-bob.")
    monkeypatch.chdir(tmp_path / "into")
    bob.enter("/save")
    until(screens[1], "a b.txt was saved as ./a b.txt.")
    bob.enter("/save a b.txt")
    until(screens[1], "a b.txt was saved as ./a b (1).txt.")
    bob.enter("/save 7")
    until(screens[1], "There is no such file here")
    ann.enter("/send nothing")
    until(screens[0], "no such file")
    assert {name: open(name, "rb").read() for name in os.listdir(".")} == {"a b.txt": b"hello", "a b (1).txt": b"hello"}
    assert ann.moving == bob.moving == []
    for session in (ann, bob):
        session.leave()


def test_with_tls_files_are_encrypted_too(server, tmp_path):
    port = next(line for line in server.stdout if "Serving web with TLS on" in line).rpartition(":")[2]
    data = os.urandom(3 << 20)
    (tmp_path / "a.bin").write_bytes(data)
    with connect("web+tls://localhost:%s/parley" % port, "i-ann", trust=CERTIFICATE) as ann:
        ann.send_file(str(tmp_path / "a.bin"), "#i")
        assert hear(ann, over)[-1].why == "You are not in this room."
        ann.join_room("#i")
        ann.send_file(str(tmp_path / "a.bin"), "#i")
        assert type(hear(ann, over)[-1]) is Done
        ann.history("#i")
        text = hear(ann, lambda event: type(event) is Recalled)[-1].text
        assert "https://" in text and "/parley/files/" in text
        ann.save_file(text, str(tmp_path))
        assert type(hear(ann, over)[-1]) is Done
    assert (tmp_path / "a (1).bin").read_bytes() == data


class Sealer:
    """An account that seals what it says to one place, on a device that keeps nothing."""

    def __init__(self, door, name, place):
        self.chat = Chat("web://%s:%d/parley" % door.address)
        self.chat.seals = talk.Seals(None)
        self.chat.create(name, "secret")
        assert self.chat.finish(30)
        self.chat.seals.turn_on(place)
        self.chat.flush()
        assert self.chat.finish(30)


def kept_in(server, text):
    """The bytes that the server has of a file, and what it says that they are."""
    line = http.client.HTTPConnection(*server.address(WEB))
    line.request("GET", "/parley" + told_in(text).path)
    answer = line.getresponse()
    data = answer.read()
    line.close()
    return data, answer.getheader("Content-Type"), answer.getheader("Content-Disposition")


def test_a_file_is_sealed_where_talk_is_and_opened_by_those_it_is_for_whatever_is_cut(server, door, tmp_path):
    if talk is None:
        pytest.skip("cryptography is not installed")
    data = b"GIF89a" + os.urandom(3 << 20)
    (tmp_path / "my plan.gif").write_bytes(data)
    ann, bob = Sealer(door, "s-ann", "s-bob").chat, Sealer(door, "s-bob", "#s").chat
    cuts = 0

    def cut():
        door.shut()
        door.lead_to(server.address(WEB))

    def sent(place, most_cuts):
        """The `SealedFile` that is told of at a place, of a line that is cut so often."""
        nonlocal cuts
        ann.send_file(str(tmp_path / "my plan.gif"), place)
        event = hear(ann, moved_or_over)[-1]
        while type(event) is Moved and most_cuts:
            cuts, most_cuts = cuts + 1, most_cuts - 1
            cut()
            event = hear(ann, moved_or_over)[-1]
        done = event if type(event) is Done else hear(ann, over)[-1]
        assert done == Done(Request("send_file", place, "my plan.gif"))
        said = hear(bob, lambda event: isinstance(getattr(event, "text", None), SealedFile))[-1]
        assert (said.sender, said.text, told_in(said.text)[:2]) == (
            "s-ann", "[file] my plan.gif, 3.1 MB", ("my plan.gif", "3.1 MB"))
        return said.text

    def save(file, is_cut):
        bob.save_file(file, str(tmp_path))
        heard = hear(bob, moved_or_over)
        if is_cut:
            cut()
        heard += [] if over(heard[-1]) else hear(bob, over)
        with open(next(event.path for event in heard if type(event) is Saved), "rb") as saved:
            assert saved.read() == data
        os.unlink(saved.name)

    with connect("line://%s:%d" % server.address(), "s-lina") as lina:
        for chat in (ann, bob):
            chat.join_room("#s")
            assert chat.finish(30)
        ann.seals.turn_on("#s")
        file = sent("#s", 0)
        save(file, False)
        save(sent("s-bob", 2), True)
        assert cuts
        kept, kind, name = kept_in(server, file)
        assert len(kept) == len(data) + 16 * -(-len(data) // 65536) and data[1000:1016] not in kept
        assert (kind, "plan" in name) == ("application/octet-stream", False)
        wrong = SealedFile.of(file.file, b"k" * 32, file.hash, len(data), "a")
        short = SealedFile.of(file.file, file.key, file.hash, len(data) - 1, "a")
        missing = SealedFile.of("0" * 32, file.key, file.hash, len(data), "a")
        for text, why in ((wrong, "not the one that was sealed"), (short, "changed"), (missing, "no such file")):
            bob.save_file(text, str(tmp_path))
            assert why in hear(bob, over)[-1].why
        hear(ann, lambda event: type(event) is Welcomed)  # the last cut is mended
        ann.seals.turn_on("s-lina")
        ann.send_file(str(tmp_path / "my plan.gif"), "s-lina")
        heard = hear(ann, over)
        assert "s-lina has no device" in heard[-1].why
        assert not any(type(event) is Moved for event in heard)  # it is not even sent
        ann.send_file(str(tmp_path / "my plan.gif"), "s-lina")  # as is known at once now
        assert "s-lina has no device" in hear(ann, over)[-1].why
        assert os.listdir(str(tmp_path)) == ["my plan.gif"]
        lina.finish()
        assert not any("[file]" in getattr(event, "text", "") for event in lina.poll())
    for chat in (ann, bob):
        assert chat.finish(30)
        chat.close(0)


def test_a_sealed_room_takes_a_sealed_file_and_no_open_one(server, door, tmp_path):
    if talk is None:
        pytest.skip("cryptography is not installed")
    (tmp_path / "plan").write_bytes(b"a plan")
    ann, bob = Sealer(door, "t-ann", "#t").chat, Sealer(door, "t-bob", "#t").chat
    for chat in (ann, bob):
        chat.join_room("#t")
        assert chat.finish(30)
    ann.set("#t", "sealed", "on")
    assert ann.finish(30)
    ann.send_file(str(tmp_path / "plan"), "#t")
    assert hear(ann, over)[-1] == Done(Request("send_file", "#t", "plan"))
    told = hear(bob, lambda event: isinstance(getattr(event, "text", None), SealedFile))[-1].text
    bob.save_file(told, str(tmp_path))
    assert hear(bob, lambda event: type(event) is Saved)[-1].path == str(tmp_path / "plan (1)")
    ann.seals.turn_off("#t")
    ann.send_file(str(tmp_path / "plan"), "#t")
    assert "nly sealed messages" in hear(ann, over)[-1].why
    assert ann.finish(30)
    assert not any("[file]" in getattr(event, "text", "") for event in bob.poll())
    for chat in (ann, bob):
        chat.close(0)
